"""An anchor proof inside the credential it is about (docs/digests.md, section 2.1).

Only where the digest stays what it is: in the `proof` array of a JSON credential, or where it has no `proof`. Everything else has
its proof beside it, in a file of its own.
"""

import json
from typing import Any, Final

from anchoring.core.canonical import (
    ANCHOR_PROOF_TYPE,
    Canonicalization,
    Content,
    canonical_candidates,
    content_of,
    is_anchor_proof,
)
from anchoring.core.strict_json import JsonValue, parse
from anchoring.errors import InvalidInput
from anchoring.types import Did, Digest, to_hex

MEMBER: Final = "proof"


class NotInside(InvalidInput):
    """The proof cannot stand inside this credential; the message says why. It can beside it."""


def why_not_inside(credential: bytes) -> str | None:
    """Why a proof cannot stand inside this credential, for people; None where it can."""
    if content_of(credential) is not Content.JSON_OBJECT:
        return "the file is no JSON, and to put anything into it would change its digest"
    forms = [form.canonicalization for form in canonical_candidates(credential, None)]
    if Canonicalization.JWS_JSON in forms:
        return "the credential is sealed as a JWS, which covers no member beside it"
    if Canonicalization.JCS not in forms:
        return "the file is no JSON that can be read in one way only, so it can be hashed as bytes alone"
    found = _members(credential).get(MEMBER, [])
    if not isinstance(found, list | dict):
        return "its proof is neither an array nor an object, and to make an array of it would change its digest"
    if isinstance(found, dict):
        return (
            "its proof is a single object: to make an array of it, so that another can stand beside it, would change its digest"
        )
    return None


def embed_proof(credential: bytes, proof: dict[str, Any], *, digest: Digest, issuer: Did) -> bytes:
    """The credential with the proof as the last element of its `proof` array; an older one of the same issuer gives way.

    `digest`, `issuer`: the proof's. Raises: InvalidInput when the credential has another digest under `jcs`, such as one that was
    anchored as bytes; NotInside when it takes no proof inside.
    """
    if why := why_not_inside(credential):
        raise NotInside(why)
    _require_digest(credential, digest)
    members = _members(credential)
    present = members.get(MEMBER, [])
    others = [one for one in present if not _is_of(one, issuer)] if isinstance(present, list) else []
    written = json.dumps(members | {MEMBER: [*others, proof]}, indent=2, ensure_ascii=False).encode() + b"\n"
    _require_digest(written, digest)  # what is handed out was read again
    return written


def embedded_proofs(credential: bytes) -> list[dict[str, JsonValue]]:
    """The anchor proofs that stand inside a credential, unread; none in files that take none."""
    if why_not_inside(credential) is not None:
        return []
    present = _members(credential).get(MEMBER, [])
    return [one for one in present if isinstance(one, dict) and is_anchor_proof(one)] if isinstance(present, list) else []


def _members(credential: bytes) -> dict[str, JsonValue]:
    value = parse(credential)
    assert isinstance(value, dict)  # a form under jcs has been made of it
    return value


def _is_of(one: JsonValue, issuer: Did) -> bool:
    return isinstance(one, dict) and one.get("type") == ANCHOR_PROOF_TYPE and one.get("issuer") == issuer


def _require_digest(credential: bytes, digest: Digest) -> None:
    [found] = [one for one in canonical_candidates(credential, None) if one.canonicalization is Canonicalization.JCS]
    if found.digest != digest:
        raise InvalidInput(f"the proof is of {to_hex(digest)}; the credential has {to_hex(found.digest)} (jcs)")
