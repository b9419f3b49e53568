"""Proofs of whole credentials, by the keys of the ring."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.core.credential_form import issuer_of
from anchoring.core.status_codec import untold, unverified
from anchoring.core.strict_json import JsonValue
from anchoring.errors import Misconfigured
from anchoring.ports.signing import KeyKind
from anchoring.signing.data_integrity import add_proof, check_proof, require_in_time
from anchoring.signing.did_documents import key_of_did_key
from anchoring.signing.key_ring import KeyRing
from anchoring.types import Did


class RingCredentials:
    """Implements ports.CredentialProofs, and ports.KeySource for the keys that it may rely on."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def add(self, credential: Mapping[str, Any], issuer: Did, at: datetime) -> dict[str, Any]:
        key = self._ring.signing_key(KeyKind.ED25519, issuer)
        if key is None or self._ring.signer_of(key) != issuer:
            raise Misconfigured(f"there is no Ed25519 key of {issuer} to sign its credentials with")
        assert isinstance(key.private, Ed25519PrivateKey)
        return add_proof(dict(credential), key.private, self._ring.proof_method(key), "eddsa-jcs-2022", at)

    def check(self, credential: Mapping[str, JsonValue], now: datetime) -> Did:
        proof = check_proof(dict(credential), self)
        require_in_time(proof, now)
        method = str(proof["verificationMethod"])
        signer = Did(method.partition("#")[0])
        if signer != issuer_of(credential):
            raise unverified(f"the credential is said to be of {issuer_of(credential)}, and signed with {method}")
        return signer

    def public_key(self, verification_method: str) -> str:
        for key in self._ring.all():
            if verification_method in {self._ring.proof_method(key), self._ring.token_method(key)}:
                return key.multikey
        if verification_method.startswith("did:key:"):
            return key_of_did_key(verification_method)
        raise untold(f"the key {verification_method} is none of this service, which asks no other host for it")
