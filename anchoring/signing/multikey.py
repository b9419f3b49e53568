"""Public keys as text: Multikey (Controlled Identifiers 1.0 section 2.2.2), JWK (RFC 7517), and what a key signs.

Ed25519 and P-256 only. Signatures are raw bytes: 64 of them, for P-256 r ‖ s. P-256 signs deterministically (RFC 6979), so that
every process that signs the same makes the same.
"""

import hashlib
from contextlib import suppress
from typing import Any, Final, TypeAlias

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchoring.core.base58 import decode_base58, encode_base58
from anchoring.core.base64url import decode_base64url, encode_base64url
from anchoring.core.strict_json import JsonValue, parse
from anchoring.errors import InvalidInput

PublicKey: TypeAlias = Ed25519PublicKey | ec.EllipticCurvePublicKey
PrivateKey: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey

COORDINATE_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
BASE58_MAX_CHARACTERS: Final = 128

_ED25519: Final = b"\xed\x01"
_P256: Final = b"\x80\x24"


def to_multikey(key: PublicKey) -> str:
    """`z6Mk…` for Ed25519, `zDn…` for P-256."""
    if isinstance(key, Ed25519PublicKey):
        return "z" + encode_base58(_ED25519 + key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return "z" + encode_base58(_P256 + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def from_multikey(text: str) -> PublicKey:
    """Raises: ValueError when it is none, or of a kind that is not used here."""
    with suppress(ValueError):
        content = decode_base58(text[1:], most=BASE58_MAX_CHARACTERS) if text[:1] == "z" else b""
        if content.startswith(_ED25519):
            return Ed25519PublicKey.from_public_bytes(content[2:])
        if content.startswith(_P256) and len(content) == len(_P256) + 1 + COORDINATE_BYTES:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), content[2:])
    raise ValueError("not a Multikey of Ed25519 or P-256 in base58btc")


def read_public_key(content: bytes, *, at: str) -> str:
    """A public key as a Multikey, from a Multikey or a JWK.

    Raises: InvalidInput naming `at` when it is neither, or a private one.
    """
    text = content.strip()
    try:
        jwk = parse(text) if text.startswith(b"{") else None
        if not (isinstance(jwk, dict) and "d" in jwk):
            return to_multikey(from_jwk(jwk) if jwk is not None else from_multikey(text.decode("ascii")))
    except (InvalidInput, ValueError) as wrong:
        raise InvalidInput(f"cannot be used: {wrong}", at=at) from None
    raise InvalidInput("is a private key; nobody but the issuer should have it", at=at)


def to_jwk(key: PublicKey) -> dict[str, Any]:
    """The public JWK, required members only."""
    if isinstance(key, Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}
    numbers = key.public_numbers()
    x, y = (encode_base64url(number.to_bytes(COORDINATE_BYTES)) for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def from_jwk(jwk: JsonValue) -> PublicKey:
    """Raises: ValueError when it is none, or of a kind that is not used here."""
    with suppress(ValueError):
        match jwk:
            case {"kty": "OKP", "crv": "Ed25519", "x": str(x)}:
                return Ed25519PublicKey.from_public_bytes(_bytes(x))
            case {"kty": "EC", "crv": "P-256", "x": str(x), "y": str(y)}:
                numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(_bytes(x)), int.from_bytes(_bytes(y)), ec.SECP256R1())
                return numbers.public_key()
    raise ValueError("not a public JWK of Ed25519 or P-256")


def private_from_jwk(jwk: JsonValue) -> PrivateKey:
    """Raises: ValueError when it is no private key, or its public half is another's; never with the key in its words."""
    public = from_jwk(jwk)
    secret = jwk.get("d") if isinstance(jwk, dict) else None
    if not isinstance(secret, str):
        raise ValueError("not a private JWK: it has no d")  # noqa: TRY004 - of a document, not of a call
    private: PrivateKey
    if isinstance(public, Ed25519PublicKey):
        private = Ed25519PrivateKey.from_private_bytes(_bytes(secret))
    else:
        private = ec.derive_private_key(int.from_bytes(_bytes(secret)), ec.SECP256R1())
    if to_jwk(private.public_key()) != to_jwk(public):
        raise ValueError("not a private JWK: its two halves do not belong together")
    return private


def private_to_jwk(key: PrivateKey) -> dict[str, Any]:
    """The JWK with the private half in it."""
    if isinstance(key, Ed25519PrivateKey):
        secret = key.private_bytes_raw()
    else:
        secret = key.private_numbers().private_value.to_bytes(COORDINATE_BYTES)
    return to_jwk(key.public_key()) | {"d": encode_base64url(secret)}


def thumbprint(key: PublicKey) -> str:
    """Of the public JWK (RFC 7638), SHA-256, base64url."""
    return encode_base64url(hashlib.sha256(rfc8785.dumps(to_jwk(key))).digest())


def sign(key: PrivateKey, content: bytes) -> bytes:
    """64 bytes, the same each time."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(content)
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES)


def is_signed(key: PublicKey, signature: bytes, content: bytes) -> bool:
    """Whether this key made this signature of 64 bytes over this content."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, content)
        else:
            r, s = int.from_bytes(signature[:COORDINATE_BYTES]), int.from_bytes(signature[COORDINATE_BYTES:])
            key.verify(encode_dss_signature(r, s), content, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _bytes(text: str) -> bytes:
    content = decode_base64url(text)
    if len(content) != COORDINATE_BYTES:
        raise ValueError("not 32 bytes in base64url")
    return content
