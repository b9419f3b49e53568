"""Writes tests/vectors/canonical.json: what is hashed, for every rule and every refusal of docs/digests.md.

The file is the same at every run. `--check` writes nothing and exits 1 if the file is not what would be written.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any, Final

from anchoring.core.canonical import canonicalize
from anchoring.core.strict_json import DEFAULT_LIMITS
from anchoring.errors import InvalidInput
from anchoring.types import to_hex
from scripts.canonical_cases import Case, all_cases
from scripts.generated import write_or_check

VECTORS: Final = Path(__file__).parent.parent / "tests" / "vectors" / "canonical.json"

_ABOUT: Final = (
    "What CredAnchor hashes. Each vector is a body (base64; `text` repeats it where it is short UTF-8), the media type it "
    "was posted with (null: none), the rule asked for (null: none) and the limits it is read under. Either it has a "
    "canonicalization, the canonical bytes (base64), their SHA-256 and notes, or an error: slug and place. A place is a "
    "JSON path with line and column from 1, a byte from 0, or a name. Notes are for people, and their wording may change. "
    "Signatures are not real."
)
_TEXT_SHOWN: Final = 400


def main() -> int:
    """Writes, or with `--check` compares. The answer is the exit status."""
    return write_or_check(VECTORS, render(), about=__doc__, again="python -m scripts.make_canonical_vectors")


def render() -> str:
    """The whole file."""
    document = {
        "about": _ABOUT,
        "version": 1,
        "limits": _limits(Case(name="", media_type=None, body=b"")),
        "vectors": [vector_of(case) for case in all_cases()],
    }
    return json.dumps(document, indent=1) + "\n"


def vector_of(case: Case) -> dict[str, Any]:
    """A case and what becomes of it."""
    vector: dict[str, Any] = {"name": case.name, "mediaType": case.media_type, "requested": case.requested}
    if case.limits != DEFAULT_LIMITS:
        vector["limits"] = _limits(case)
    vector["body"] = base64.b64encode(case.body).decode()
    if text := _shown(case.body):
        vector["text"] = text
    try:
        form = canonicalize(case.body, case.media_type, requested=case.requested, limits=case.limits)
    except InvalidInput as refusal:
        return vector | {"error": {"slug": refusal.slug, "at": refusal.at}}
    return vector | {
        "canonicalization": form.canonicalization,
        "canonical": base64.b64encode(form.data).decode(),
        "digest": to_hex(form.digest),
        "notes": form.notes,
    }


def _limits(case: Case) -> dict[str, int]:
    limits = case.limits
    return {"maxBytes": limits.max_bytes, "maxDepth": limits.max_depth, "maxValues": limits.max_values}


def _shown(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= _TEXT_SHOWN else ""


if __name__ == "__main__":
    sys.exit(main())
