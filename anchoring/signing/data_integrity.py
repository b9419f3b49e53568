"""Data Integrity proofs over the JCS form: `eddsa-jcs-2022` and `ecdsa-jcs-2019` (section 3.3 of vc-di-eddsa and of vc-di-ecdsa).

They differ in the key, which for the second is of P-256, or of P-384 with SHA-384 throughout.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import rfc8785

from anchoring.core.base58 import decode_base58, encode_base58
from anchoring.core.moments import parse_moment_or_utc
from anchoring.core.proof_json import format_time
from anchoring.core.status_codec import unverified
from anchoring.core.status_judgement import CLOCK_SKEW
from anchoring.core.strict_json import JsonValue
from anchoring.errors import InvalidInput
from anchoring.ports.signing import KeySource
from anchoring.signing.multikey import (
    BASE58_MAX_CHARACTERS,
    ED25519,
    P256,
    P384,
    PrivateKey,
    PublicKey,
    from_multikey,
    hash_with,
    is_signed,
    kind_of,
    sign,
)

SUITES: Final = {"eddsa-jcs-2022": (ED25519,), "ecdsa-jcs-2019": (P256, P384)}
"""The kinds of keys that each is for."""


def add_proof(
    document: dict[str, Any], key: PrivateKey, verification_method: str, cryptosuite: str, created: datetime
) -> dict[str, Any]:
    """The document with its proof. `key`: of the kind that the suite needs."""
    options: dict[str, Any] = {
        "type": "DataIntegrityProof",
        "cryptosuite": cryptosuite,
        "created": format_time(created),
        "verificationMethod": verification_method,
        "proofPurpose": "assertionMethod",
    }
    if "@context" in document:
        options["@context"] = document["@context"]
    signature = sign(key, _hashed(document, options, key))
    return document | {"proof": options | {"proofValue": "z" + encode_base58(signature)}}


def check_proof(document: dict[str, JsonValue], keys: KeySource, *, signer: str | None = None) -> dict[str, JsonValue]:
    """The proof that was checked, once it is known to be over this document. Of several, the first of a suite known here.

    `signer`: how the key is called, where it is not the one that the proof names.

    Raises: StatusListError: STATUS_VERIFICATION_ERROR when there is none, or it does not hold; what `keys` raises.
    """
    proof = known_proof(document.get("proof"))
    if proof is None:
        raise unverified(f"there is no Data Integrity proof of a suite that is read here: {', '.join(SUITES)}")
    method, value = proof.get("verificationMethod"), proof.get("proofValue")
    if proof.get("proofPurpose") != "assertionMethod" or not isinstance(method, str) or not isinstance(value, str):
        raise unverified("the proof lacks proofPurpose assertionMethod, verificationMethod or proofValue")
    options = {name: member for name, member in proof.items() if name != "proofValue"}
    unsecured = {name: member for name, member in document.items() if name != "proof"}
    if "@context" in proof:
        _require_beginning(_contexts(unsecured), _contexts(proof))
        unsecured["@context"] = proof["@context"]
    try:
        key = from_multikey(keys.public_key(method))
        signature = decode_base58(value[1:], most=BASE58_MAX_CHARACTERS) if value[:1] == "z" else b""
        suits = kind_of(key) in SUITES[str(proof["cryptosuite"])]
        holds = suits and is_signed(key, signature, _hashed(unsecured, options, key))
    except ValueError:  # no base58
        holds = False
    if not holds:
        raise unverified(f"the proof does not hold: {signer or method} did not sign this")
    return proof


def known_proof(proofs: JsonValue) -> dict[str, JsonValue] | None:
    """The first of a suite known here; None when there is none."""
    for proof in proofs if isinstance(proofs, list) else [proofs]:
        if isinstance(proof, dict) and proof.get("type") == "DataIntegrityProof" and proof.get("cryptosuite") in list(SUITES):
            return proof
    return None


def goes_on(document: Mapping[str, JsonValue], proof: Mapping[str, JsonValue]) -> bool:
    """Whether the document has further contexts behind those of its proof, which hold whatever stands there."""
    return "@context" in proof and len(_contexts(document)) > len(_contexts(proof))


def require_in_time(proof: Mapping[str, JsonValue], now: datetime) -> None:
    """Raises: StatusListError, STATUS_VERIFICATION_ERROR, when the proof is from the future or has expired."""
    made, ends = _moment(proof, "created"), _moment(proof, "expires")
    if made is not None and made > now + CLOCK_SKEW:
        raise unverified(f"the proof was made at {format_time(made)}, which is still to come")
    if ends is not None and ends <= now:
        raise unverified(f"the proof expired at {format_time(ends)}")


def _contexts(one: Mapping[str, JsonValue]) -> list[JsonValue]:
    found = one.get("@context")
    return found if isinstance(found, list) else [found]


def _require_beginning(contexts: list[JsonValue], signed: list[JsonValue]) -> None:
    """A document begins with the contexts that its proof is over, and may go on (step 4 of section 3.3.2 of both)."""
    if rfc8785.dumps(contexts[: len(signed)]) != rfc8785.dumps(signed):
        raise unverified("the @context of the document does not begin with that of the proof")


def _hashed(document: dict[str, Any], options: dict[str, Any], key: PublicKey | PrivateKey) -> bytes:
    """What is signed: the hash of the proof's options before that of the document."""
    return hash_with(key, rfc8785.dumps(options)) + hash_with(key, rfc8785.dumps(document))


def _moment(proof: Mapping[str, JsonValue], name: str) -> datetime | None:
    if name not in proof:
        return None
    try:
        return parse_moment_or_utc(str(proof[name]), at=name)
    except InvalidInput as wrong:
        raise unverified(f"the proof cannot be read: {wrong.message}") from None
