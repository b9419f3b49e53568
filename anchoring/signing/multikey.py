"""Public keys as text: Multikey (Controlled Identifiers 1.0 section 2.2.2), JWK (RFC 7517), and what a key signs.

Ed25519, P-256 and P-384 only, and the service's own keys are none of P-384. Signatures are raw bytes, r ‖ s of the curves. These
sign deterministically (RFC 6979), so that every process that signs the same makes the same.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from anchoring.core.base58 import decode_base58, encode_base58
from anchoring.core.base64url import decode_base64url, encode_base64url
from anchoring.core.strict_json import JsonValue, parse
from anchoring.errors import InvalidInput

PublicKey: TypeAlias = Ed25519PublicKey | ec.EllipticCurvePublicKey
PrivateKey: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey

ED25519: Final = "Ed25519"
P256: Final = "P-256"
P384: Final = "P-384"
"""As `crv` in a JWK."""

BASE58_MAX_CHARACTERS: Final = 132
"""A signature by P-384, the longest that is read."""

_NO_MULTIKEY: Final = "not a Multikey of Ed25519, P-256 or P-384 in base58btc"
_NO_JWK: Final = "not a public JWK of Ed25519, P-256 or P-384 for signatures by it"
_ALGORITHMS: Final = {ED25519: ("EdDSA", "Ed25519"), P256: ("ES256",), P384: ("ES384",)}
"""As `alg` in a JWK."""
_ED25519_CODE: Final = b"\xed\x01"
_ED25519_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class _Curve:
    """`code`: its multicodec. `hash`: the one that goes with it (RFC 7518 section 3.4). `size`: of a coordinate, in bytes."""

    name: str
    code: bytes
    curve: ec.EllipticCurve
    hash: SHA256 | SHA384
    size: int


_CURVES: Final = (
    _Curve(P256, b"\x80\x24", ec.SECP256R1(), SHA256(), 32),
    _Curve(P384, b"\x81\x24", ec.SECP384R1(), SHA384(), 48),
)


def kind_of(key: PublicKey | PrivateKey) -> str:
    """`Ed25519`, `P-256` or `P-384`."""
    return ED25519 if isinstance(key, (Ed25519PublicKey, Ed25519PrivateKey)) else _curve_of(key).name


def hash_with(key: PublicKey | PrivateKey, content: bytes) -> bytes:
    """By SHA-384 where the key is of P-384, else by SHA-256: what suites of Data Integrity sign by that key."""
    return (hashlib.sha384 if kind_of(key) == P384 else hashlib.sha256)(content).digest()


def to_multikey(key: PublicKey) -> str:
    """`z6Mk…` for Ed25519, `zDn…` for P-256, `z82…` for P-384."""
    if isinstance(key, Ed25519PublicKey):
        return "z" + encode_base58(_ED25519_CODE + key.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return "z" + encode_base58(_curve_of(key).code + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))


def from_multikey(text: str) -> PublicKey:
    """Raises: ValueError when it is none, or of a kind that is not used here."""
    with suppress(ValueError):
        content = decode_base58(text[1:], most=BASE58_MAX_CHARACTERS) if text[:1] == "z" else b""
        if content.startswith(_ED25519_CODE):
            return Ed25519PublicKey.from_public_bytes(content[2:])
        for one in _CURVES:
            if content.startswith(one.code) and len(content) == len(one.code) + 1 + one.size:
                return ec.EllipticCurvePublicKey.from_encoded_point(one.curve, content[2:])
    raise ValueError(_NO_MULTIKEY)


def read_public_key(content: bytes, *, at: str) -> str:
    """A public key as a Multikey, from a Multikey or a JWK.

    Raises: InvalidInput naming `at` when it is neither, or a private one.
    """
    text = content.strip()
    try:
        jwk = parse(text) if text.startswith(b"{") else None
        if not (isinstance(jwk, dict) and "d" in jwk):
            return to_multikey(from_jwk(jwk) if jwk is not None else from_multikey(text.decode("ascii", "replace")))
    except (InvalidInput, ValueError) as wrong:
        raise InvalidInput(f"cannot be used: {wrong}", at=at) from None
    raise InvalidInput("is a private key; nobody but the issuer should have it", at=at)


def to_jwk(key: PublicKey) -> dict[str, Any]:
    """The public JWK, required members only."""
    if isinstance(key, Ed25519PublicKey):
        return {"crv": ED25519, "kty": "OKP", "x": encode_base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}
    curve, numbers = _curve_of(key), key.public_numbers()
    x, y = (encode_base64url(number.to_bytes(curve.size)) for number in (numbers.x, numbers.y))
    return {"crv": curve.name, "kty": "EC", "x": x, "y": y}


def from_jwk(jwk: JsonValue) -> PublicKey:
    """Raises: ValueError when it is none, private, of a kind that is not used here, or for another use (RFC 7517 section 4)."""
    key = _of_jwk(jwk)
    assert isinstance(jwk, dict)  # a key was read from it
    if not may_verify(jwk) or "d" in jwk:
        raise ValueError(_NO_JWK)
    if "alg" in jwk and jwk["alg"] not in _ALGORITHMS[kind_of(key)]:
        raise ValueError(_NO_JWK)
    return key


def may_verify(jwk: Mapping[str, JsonValue]) -> bool:
    """Whether a JWK, of any kind, says of itself nothing else than that signatures are checked by it (RFC 7517 section 4)."""
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _of_jwk(jwk: JsonValue) -> PublicKey:
    with suppress(ValueError):
        match jwk:
            case {"kty": "OKP", "crv": "Ed25519", "x": str(x)}:
                return Ed25519PublicKey.from_public_bytes(_bytes(x, _ED25519_BYTES))
            case {"kty": "EC", "crv": str(name), "x": str(x), "y": str(y)}:
                for one in _CURVES:
                    if one.name == name:
                        x_number, y_number = (int.from_bytes(_bytes(text, one.size)) for text in (x, y))
                        return ec.EllipticCurvePublicNumbers(x_number, y_number, one.curve).public_key()
    raise ValueError(_NO_JWK)


def private_from_jwk(jwk: JsonValue) -> PrivateKey:
    """Of Ed25519 or P-256. Raises: ValueError when it is none, or its halves do not match; never with the key in its words."""
    public = _of_jwk(jwk)
    secret = jwk.get("d") if isinstance(jwk, dict) else None
    if not isinstance(secret, str):
        raise ValueError("not a private JWK: it has no d")  # noqa: TRY004 - of a document, not of a call
    private: PrivateKey
    if isinstance(public, Ed25519PublicKey):
        private = Ed25519PrivateKey.from_private_bytes(_bytes(secret, _ED25519_BYTES))
    elif kind_of(public) == P256:
        private = ec.derive_private_key(int.from_bytes(_bytes(secret, _curve_of(public).size)), ec.SECP256R1())
    else:
        raise ValueError("not a private JWK of Ed25519 or P-256")
    if to_jwk(private.public_key()) != to_jwk(public):
        raise ValueError("not a private JWK: its two halves do not belong together")
    return private


def private_to_jwk(key: PrivateKey) -> dict[str, Any]:
    """The JWK with the private half in it."""
    if isinstance(key, Ed25519PrivateKey):
        secret = key.private_bytes_raw()
    else:
        secret = key.private_numbers().private_value.to_bytes(_curve_of(key).size)
    return to_jwk(key.public_key()) | {"d": encode_base64url(secret)}


def thumbprint(key: PublicKey) -> str:
    """Of the public JWK (RFC 7638), SHA-256, base64url."""
    return encode_base64url(hashlib.sha256(rfc8785.dumps(to_jwk(key))).digest())


def sign(key: PrivateKey, content: bytes) -> bytes:
    """Raw bytes, the same each time."""
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(content)
    curve = _curve_of(key)
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(curve.hash, deterministic_signing=True)))
    return r.to_bytes(curve.size) + s.to_bytes(curve.size)


def is_signed(key: PublicKey, signature: bytes, content: bytes) -> bool:
    """Whether this key made this signature over this content."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, content)
            return True
        curve = _curve_of(key)
        if len(signature) != 2 * curve.size:
            return False
        r, s = int.from_bytes(signature[: curve.size]), int.from_bytes(signature[curve.size :])
        key.verify(encode_dss_signature(r, s), content, ec.ECDSA(curve.hash))
    except InvalidSignature:
        return False
    return True


def _curve_of(key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> _Curve:
    """Of a key that was read here, or made for one of these curves."""
    return next(one for one in _CURVES if one.curve.name == key.curve.name)


def _bytes(text: str, size: int) -> bytes:
    content = decode_base64url(text)
    if len(content) != size:
        raise ValueError(f"not {size} bytes in base64url")
    return content
