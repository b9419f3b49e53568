"""Credentials signed with fixed keys, for vectors and tests. Signatures have no randomness."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.signing.data_integrity import add_proof
from anchoring.signing.multikey import PrivateKey, kind_of, sign, to_multikey

Json = dict[str, Any]

PASSED: Final = "passed"
FAILED: Final = "failed"
CANNOT_TELL: Final = "cannot tell"

NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
ED: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P256: Final = ec.derive_private_key(7, ec.SECP256R1())
P384: Final = ec.derive_private_key(7, ec.SECP384R1())
OTHER: Final = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
WEB: Final = "did:web:uni.example"


def did_of(key: PrivateKey) -> str:
    """Its did:key."""
    return f"did:key:{to_multikey(key.public_key())}"


def method_of(key: PrivateKey) -> str:
    """The DID URL of the one key of a did:key."""
    return f"{did_of(key)}#{to_multikey(key.public_key())}"


def part(value: Any) -> str:
    """Bytes, or a value as JSON, in base64url."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jwt(claims: Any, key: PrivateKey, **header: Any) -> str:
    """A JWS in compact serialization, by the algorithm of the key unless `header` names another."""
    algorithm = {"P-256": "ES256", "P-384": "ES384", "Ed25519": "EdDSA"}[kind_of(key)]
    signed = f"{part({'alg': algorithm} | header)}.{part(claims)}"
    return f"{signed}.{part(sign(key, signed.encode()))}"


CREDENTIAL: Final[Json] = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "issuer": did_of(ED),
    "credentialSubject": {"n": 1},
}


def proven(key: PrivateKey = ED, method: str | None = None, **members: Any) -> Json:
    """The credential with a Data Integrity proof of yesterday."""
    suite = "eddsa-jcs-2022" if isinstance(key, Ed25519PrivateKey) else "ecdsa-jcs-2019"
    return add_proof(CREDENTIAL | members, key, method or method_of(key), suite, NOW - timedelta(days=1))
