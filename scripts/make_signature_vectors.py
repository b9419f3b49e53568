"""Writes tests/vectors/signatures.json: credentials and what the check `credential-signature` must find of their own signatures.

The file is the same at every run. `--check` writes nothing and exits 1 if the file is not what would be written.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from anchoring.bounded_http import Fetched, NoAnswer
from anchoring.core.proof_json import format_time
from anchoring.core.verification import SignatureFinding
from anchoring.ports.signing import KeySource
from anchoring.signing.did_documents import document_url
from anchoring.signing.key_sources import CarriedKeys, ResolvedKeys
from anchoring.signing.multikey import read_public_key
from anchoring.signing.own_signatures import OwnSignatures
from scripts.generated import render_vectors, write_or_check
from scripts.signature_cases import SignatureCase, signature_cases
from scripts.signed_credentials import NOW

VECTORS: Final = Path(__file__).parent.parent / "tests" / "vectors" / "signatures.json"

_ABOUT: Final = (
    f"Credentials, as text in UTF-8, and what the check `credential-signature` finds at {format_time(NOW)}: "
    "its outcome is `result`, and `reason` is that of the verifiers of this project. key: a JWK that is given, or null. "
    "documents: DID documents by their URL, where keys may be looked up; null where nobody is asked."
)


def main() -> int:
    """Writes, or with `--check` compares. The answer is the exit status."""
    return write_or_check(VECTORS, render(), about=__doc__, again="python -m scripts.make_signature_vectors")


def render() -> str:
    """The whole file, one vector a line. Raises: ValueError when our own judgement is not the expected one."""
    return render_vectors(_ABOUT, {"signatures": [vector_of(case) for case in signature_cases()]})


def vector_of(case: SignatureCase) -> dict[str, Any]:
    """A case, and what the library in Python finds."""
    documents = None if case.documents is None else {document_url(did): one for did, one in case.documents.items()}
    found = judge(case, documents)
    if found.outcome != case.result:
        raise ValueError(f"{case.name}: expected {case.result}, and it is {found.outcome}: {found.reason}")
    judged = {"name": case.name, "result": case.result, "reason": found.reason}
    return judged | {"key": case.key, "documents": documents, "credential": case.credential}


def judge(case: SignatureCase, documents: Mapping[str, Any] | None) -> SignatureFinding:
    """What `anchoring.verify` finds, at the time of the vectors."""
    keys: KeySource = CarriedKeys() if documents is None else ResolvedKeys(_Hosts(documents), at=NOW)  # type: ignore[arg-type]
    given = None if case.key is None else read_public_key(json.dumps(case.key).encode(), at="key")
    return OwnSignatures(keys, given=given).check(case.credential.encode(), NOW)


@dataclass(frozen=True, slots=True)
class _Hosts:
    """Answers what a getter would."""

    documents: Mapping[str, Any]

    def get(self, url: str, *, accept: str, fresh: bool = False) -> Fetched:  # noqa: ARG002 - the getter's
        if url not in self.documents:
            raise NoAnswer("nothing is there")
        return Fetched(content=json.dumps(self.documents[url]).encode(), media_type="application/did+json")


if __name__ == "__main__":
    sys.exit(main())
