"""Credentials with what their digest leaves out: as it was made, and with what somebody added.

What a case expects is written down here, not computed.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from anchoring.core.canonical import canonical_candidates
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.types import Did, as_salt, to_hex
from scripts.proof_cases import Json, base_proof, read_trees
from scripts.sd_jwt_cases import issuers_disclosed
from scripts.signed_credentials import ED, OTHER, did_of, jwt, part

PASSED: Final = "passed"
FAILED: Final = "failed"
CANNOT_TELL: Final = "cannot tell"

_NAME: Final = part(["salt", "name", "Ada"])
_GRADE: Final = part(["salt", "grade", "Pass"])
_FORGED: Final = part(["salt", "grade", "Excellent"])


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutCase:
    """`result`: of the check `digest`, with a proof of this very file's digest."""

    name: str
    credential: str
    result: str


def left_out_cases() -> Iterator[LeftOutCase]:
    """Every case, in the order of the file."""
    yield from _disclosures()
    yield from _recursive_disclosures()
    yield from _tokens_that_disclose_nothing()
    yield from _anchor_proofs()
    yield from _bundled_anchor_proofs()


def proof_of(credential: str) -> Json:
    """A proof, the only one under its root, of what is hashed of this file, whatever was added to the rest."""
    form, proof = canonical_candidates(credential.encode(), None)[0], base_proof(read_trees()[1], 0)
    leaf = leaf_hash(issuer_id_of(Did(proof["issuer"])), as_salt(bytes.fromhex(proof["salt"][2:])), form.digest)
    return proof | {"digest": to_hex(form.digest), "canonicalization": form.canonicalization, "root": to_hex(leaf)}


def _case(name: str, credential: str, result: str) -> LeftOutCase:
    return LeftOutCase(name=name, credential=credential, result=result)


def _digest(disclosure: str) -> str:
    return part(hashlib.sha256(disclosure.encode()).digest())


def _sd_jwt(*presented: str, signed: tuple[str, ...] = (_NAME, _GRADE), tail: str = "", **claims: Any) -> str:
    """A claim of None is left out."""
    made = {"issuer": did_of(ED), "_sd": [_digest(one) for one in signed]} | claims
    token = jwt({name: value for name, value in made.items() if value is not None}, ED, typ="dc+sd-jwt")
    return "~".join([token, *presented, tail])


def _disclosures() -> Iterator[LeftOutCase]:
    binding = jwt({"nonce": "x"}, OTHER, typ="kb+jwt")
    yield _case("all disclosed", _sd_jwt(_NAME, _GRADE), PASSED)
    yield _case("in another order", _sd_jwt(_GRADE, _NAME), PASSED)
    yield _case("one disclosed, the other like a decoy", _sd_jwt(_NAME), PASSED)
    yield _case("nothing disclosed", _sd_jwt(), PASSED)
    yield _case("a key binding", _sd_jwt(_NAME, tail=binding), PASSED)
    yield _case("a disclosure added", _sd_jwt(_NAME, _GRADE, part(["salt", "degree", "PhD"])), FAILED)
    yield _case("a disclosure altered", _sd_jwt(_NAME, _FORGED), FAILED)
    yield _case("a disclosure added, and a key binding", _sd_jwt(_NAME, _FORGED, tail=binding), FAILED)
    yield _case("a disclosure added behind the last ~", _sd_jwt(_NAME, tail=_FORGED), FAILED)
    yield _case("a disclosure without the last ~", _sd_jwt(_NAME, tail=_GRADE), FAILED)
    yield _case("words behind the last ~", _sd_jwt(_NAME, tail="Excellent.with.honours"), FAILED)
    yield _case("a disclosure of four elements", _sd_jwt(four := part(["salt", "grade", "A", "B"]), signed=(four,)), FAILED)
    yield _case("a disclosure over a claim in clear", _sd_jwt(part(["s", "n", 2]), signed=(part(["s", "n", 2]),), n=1), FAILED)
    for title, made, result in issuers_disclosed():
        yield _case(title, made, result)
    for title, member, value in (("iss", "iss", did_of(OTHER)), ("an envelope", "vc", {"issuer": did_of(OTHER)})):
        unnamed = _sd_jwt(one := part(["s", member, value]), signed=(one,), issuer=None)
        yield _case(f"an issuer disclosed behind a token that names none, by {title}", unnamed, FAILED)
    yield _case("a token in the place of a disclosure", _sd_jwt(_NAME, binding), FAILED)
    yield _case("nothing in the place of a disclosure", _sd_jwt(_NAME, ""), FAILED)
    yield _case("a disclosure twice", _sd_jwt(_NAME, _NAME), FAILED)
    yield _case("a disclosure added that is no base64url", _sd_jwt("abcde"), FAILED)
    yield _case("a disclosure added that is no JSON", _sd_jwt(part(b"{")), FAILED)
    yield _case("a disclosure signed for that is no base64url", _sd_jwt("abcde", signed=("abcde",)), FAILED)
    yield _case("a disclosure signed for that is no JSON", _sd_jwt(part(b"{"), signed=(part(b"{"),)), FAILED)
    yield _case("another hash function", _sd_jwt(_NAME, _sd_alg="sha-512"), CANNOT_TELL)
    yield _case("another hash function, nothing disclosed", _sd_jwt(_sd_alg="sha-512"), PASSED)


def _recursive_disclosures() -> Iterator[LeftOutCase]:
    inner = part(["salt2", "city", "Vigo"])
    outer = part(["salt3", "address", {"_sd": [_digest(inner), _digest("a decoy")]}])
    item = part(["salt4", "B2"])
    levels: dict[str, Any] = {"levels": ["A1", {"...": _digest(item)}, {"...": _digest("a decoy")}]}
    yield _case("one disclosed inside another", _sd_jwt(inner, outer, signed=(outer,)), PASSED)
    yield _case("the inner one alone", _sd_jwt(inner, signed=(outer,)), FAILED)
    yield _case("the inner one altered", _sd_jwt(outer, part(["salt2", "city", "Lugo"]), signed=(outer,)), FAILED)
    yield _case("an item of an array", _sd_jwt(item, **levels), PASSED)
    yield _case("an item added to an array", _sd_jwt(item, part(["salt4", "C2"]), **levels), FAILED)


def _tokens_that_disclose_nothing() -> Iterator[LeftOutCase]:
    token = jwt({"issuer": did_of(ED), "credentialSubject": {"grade": "Pass"}}, ED, typ="vc+jwt")
    yield _case("a JWT", token, PASSED)
    yield _case("a JWT and ~", f"{token}~", PASSED)
    yield _case("a JWT and a disclosure", f"{token}~{_FORGED}~", FAILED)
    yield _case("a JWT and a disclosure without its ~", f"{token}~{_FORGED}", FAILED)
    twice = jwt(b'{"_sd":[],"_sd":[]}', ED)
    yield _case("a token that is read in two ways, and a disclosure", f"{twice}~{_FORGED}~", CANNOT_TELL)


_CREDENTIAL: Final[Json] = {"type": ["VerifiableCredential"], "issuer": did_of(ED), "credentialSubject": {"grade": "Pass"}}
_BUNDLE: Final[Json] = {
    "type": "AnchorBundle",
    "version": 1,
    "header": "0x00",
    "transactionIndex": 0,
    "receipt": ["0x00"],
    "state": {"account": ["0x00"], "storage": ["0x00"]},
}


def _inside(*proofs: Any) -> str:
    return json.dumps(_CREDENTIAL | {"proof": list(proofs)})


def _anchor_proofs() -> Iterator[LeftOutCase]:
    ours = proof_of(json.dumps(_CREDENTIAL))
    anchor = ours["anchor"]
    forged = {"type": "CredentialAnchorProof", "credentialSubject": {"grade": "Excellent"}}
    yield _case("no proof inside", json.dumps(_CREDENTIAL), PASSED)
    yield _case("an anchor proof inside", _inside(ours), PASSED)
    yield _case("an anchor proof inside, of another digest", _inside(ours, ours | {"digest": "0x" + "00" * 32}), PASSED)
    yield _case("an anchor proof without its hint", _inside(ours | {"canonicalization": None}), PASSED)
    yield _case("a proof of another kind", _inside({"type": "DataIntegrityProof", "grade": "Excellent"}, ours), PASSED)
    yield _case("an anchor proof with a member more", _inside(ours | {"grade": "Excellent"}), FAILED)
    yield _case("an anchor proof with a name that is quoted", _inside(ours | {"final grade": "Excellent"}), FAILED)
    yield _case("an anchor proof with a member more in its anchor", _inside(ours | {"anchor": anchor | {"grade": "A"}}), FAILED)
    yield _case("an anchor proof whose type is an array", _inside(ours | {"type": [ours["type"], "Excellent"]}), FAILED)
    yield _case("an anchor proof with words for a hash", _inside(ours | {"root": "Excellent"}), FAILED)
    yield _case("an anchor proof of a later version", _inside(ours | {"version": 2, "grade": "Excellent"}), CANNOT_TELL)
    yield _case("another subject as an anchor proof", _inside(forged, ours), FAILED)
    yield _case("another subject as a second anchor proof", _inside(ours, forged), FAILED)


def _bundled_anchor_proofs() -> Iterator[LeftOutCase]:
    ours = proof_of(json.dumps(_CREDENTIAL))
    for name, bundle, result in (
        ("a bundle", _BUNDLE, PASSED),
        ("a bundle without state", _BUNDLE | {"state": None}, PASSED),
        ("no bundle", None, PASSED),
        ("a bundle with a member more", _BUNDLE | {"grade": "Excellent"}, FAILED),
        ("a bundle with a member more in its state", _BUNDLE | {"state": _BUNDLE["state"] | {"grade": "Excellent"}}, FAILED),
        ("a bundle with words for bytes", _BUNDLE | {"header": "Excellent"}, FAILED),
        ("words for a bundle", "Excellent", FAILED),
    ):
        yield _case(f"an anchor proof with {name}", _inside(ours | {"bundle": bundle}), result)
