"""Signed tokens: JWS in compact serialization (RFC 7515) with ES256; on reading with ES384, and Ed25519 (RFC 8037, RFC 9864)."""

from dataclasses import dataclass
from typing import Any, Final

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec

from anchoring.core.base64url import decode_base64url, encode_base64url
from anchoring.core.jose import read_compact
from anchoring.core.status_codec import StatusErrorCode, StatusListError, unverified
from anchoring.core.status_reading import LIMITS
from anchoring.core.strict_json import JsonValue, parse
from anchoring.errors import InvalidInput
from anchoring.ports.signing import KeySource
from anchoring.signing.multikey import ED25519, P256, P384, from_multikey, is_signed, kind_of, sign

ALGORITHMS: Final = {"ES256": P256, "ES384": P384, "Ed25519": ED25519, "EdDSA": ED25519}
"""The kind of key that each is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token says. `typ`: empty where the header has none."""

    typ: str
    kid: str
    claims: dict[str, JsonValue]


def sign_token(claims: dict[str, Any], key: ec.EllipticCurvePrivateKey, *, typ: str, kid: str) -> bytes:
    """The same bytes each time."""
    header = rfc8785.dumps({"alg": "ES256", "kid": kid, "typ": typ})
    signed = _base64url(header) + b"." + _base64url(rfc8785.dumps(claims))
    return signed + b"." + _base64url(sign(key, signed))


def read_token(content: bytes) -> Token:
    """What a token says; nobody's signature is checked. Raises: StatusListError, MALFORMED_VALUE_ERROR."""
    return _read(content)[0]


def check_token(content: bytes, keys: KeySource) -> Token:
    """What a token says, once its signature is known to be of the key that its header names.

    Raises: StatusListError: MALFORMED_VALUE_ERROR when it is no token, STATUS_VERIFICATION_ERROR when it does not hold; what
    `keys` raises.
    """
    token, algorithm, compact = _read(content)
    try:
        key = from_multikey(keys.public_key(token.kid))
    except ValueError as wrong:
        raise unverified(f"the token cannot be checked: {wrong}") from None
    if kind_of(key) != ALGORITHMS[algorithm] or not is_signed(key, _part(compact, 2), compact.rpartition(b".")[0]):
        raise unverified(f"the signature does not hold: {token.kid} did not sign this")
    return token


def _read(content: bytes) -> tuple[Token, str, bytes]:
    """The token, its algorithm, and its three parts as they were signed."""
    try:
        compact = read_compact(content, LIMITS)
        header, claims = parse(_part(compact.signed, 0), LIMITS), parse(compact.payload, LIMITS)
    except InvalidInput as wrong:
        raise StatusListError(StatusErrorCode.MALFORMED, f"not a signed token: {wrong.message}") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise StatusListError(StatusErrorCode.MALFORMED, "not a signed token: header and claims are JSON objects")
    kid, algorithm, typ = header.get("kid"), str(header.get("alg")), header.get("typ", "")
    if not isinstance(kid, str) or algorithm not in ALGORITHMS or "crit" in header or "b64" in header:
        raise unverified(f"the token names no key by kid, or asks for more than {', '.join(ALGORITHMS)}")
    return Token(typ=typ if isinstance(typ, str) else "", kid=kid, claims=claims), algorithm, compact.signed


def _part(token: bytes, number: int) -> bytes:
    return decode_base64url(token.split(b".")[number].decode())


def _base64url(content: bytes) -> bytes:
    return encode_base64url(content).encode()
