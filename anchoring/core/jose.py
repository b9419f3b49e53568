"""Signed tokens as bytes to hash: JWS (RFC 7515), its unencoded payload (RFC 7797), SD-JWT (RFC 9901).

Reads the form and checks no signature: what is hashed contains the signature, so it can be checked at any time later.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from anchoring.core.base64url import decode_base64url
from anchoring.core.strict_json import DEFAULT_LIMITS, JsonLimits, JsonValue, json_path, parse
from anchoring.errors import InvalidInput, TooLarge

ASCII_SPACE: Final = b" \t\r\n"

_AFTER_FIRST_TILDE: Final = re.compile(r"[A-Za-z0-9_.~-]*")
_SIGNED_PARTS: Final = 3
_ENCRYPTED_PARTS: Final = 5
_JWS_MARKS: Final = ("signatures", "protected", "signature")
_UNCOVERED: Final = "this is a JWS, and no signature of it covers this member"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedToken:
    """One signature over one payload.

    `signed`: protected header, payload and signature as they were sent, joined by dots. `payload`: what was signed,
    decoded. `notes`: what `signed` does not cover, for people.
    """

    signed: bytes
    payload: bytes
    notes: tuple[str, ...] = ()


def read_compact(data: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> SignedToken:
    """A JWS in compact serialization (RFC 7515 section 7.1), white space around it allowed.

    Raises: InvalidInput naming the part: not three parts, detached payload, no signature, `alg: none`, not base64url.
    """
    return _compact(_text(data, limits), limits)


def read_sd_jwt(data: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> SignedToken:
    """The issuer-signed JWT of an SD-JWT: what stands before the first `~` (RFC 9901 section 4).

    Disclosures and key binding differ per presentation and are not covered. Raises: InvalidInput, as `read_compact`.
    """
    issued, tilde, presented = _text(data, limits).partition("~")
    if not tilde:
        raise InvalidInput("an SD-JWT has a ~ after the issuer-signed JWT; without one it is application/jwt")
    if not _AFTER_FIRST_TILDE.fullmatch(presented):
        raise InvalidInput("not base64url without padding", at="what follows the first ~")
    notes = []
    if disclosures := presented.count("~"):
        notes.append(f"disclosures are not covered: {disclosures}")
    if presented and not presented.endswith("~"):
        notes.append("the key binding is not covered")
    token = _compact(issued, limits)
    return SignedToken(signed=token.signed, payload=token.payload, notes=tuple(notes))


def is_json_jws(members: Mapping[str, JsonValue]) -> bool:
    """Whether an object is meant as a JWS in JSON serialization: `payload` beside a member that only a JWS has.

    An object that is one in part only, or that is one and more, counts: some reader may take the signed payload for the
    credential and another the members around it, so there is no telling what it is.
    """
    return "payload" in members and any(mark in members for mark in _JWS_MARKS)


def read_json_jws(members: Mapping[str, JsonValue], limits: JsonLimits = DEFAULT_LIMITS) -> SignedToken:
    """The first signature of a JWS in general or flattened JSON serialization (RFC 7515 section 7.2).

    Its unprotected header is left out, because long-term renewal rewrites it. Raises: InvalidInput naming the member.
    """
    payload = members["payload"]
    if "signatures" not in members:
        return _signature({name: members[name] for name in members if name != "payload"}, payload, (), limits)
    signatures = members["signatures"]
    for name in members:
        if name not in {"payload", "signatures"}:
            raise InvalidInput(_UNCOVERED, at=json_path((name,)))
    if not isinstance(signatures, list) or not signatures:
        raise InvalidInput("expected an array of one or more signatures", at="$.signatures")
    first, *further = (_signature(each, payload, ("signatures", i), limits) for i, each in enumerate(signatures))
    notes = (f"signatures after the first are not covered: {len(further)}",) if further else ()
    return replace(first, notes=first.notes + notes)


def _text(data: bytes, limits: JsonLimits) -> str:
    if len(data) > limits.max_bytes:
        message = f"the token has {len(data)} bytes; at most {limits.max_bytes} are read"
        raise TooLarge(message, limit=limits.max_bytes, at=f"byte {limits.max_bytes}")
    try:
        return data.decode("ascii").strip(ASCII_SPACE.decode())
    except UnicodeDecodeError as wrong:
        raise InvalidInput("a JWT is ASCII text", at=f"byte {wrong.start}") from None


def _compact(text: str, limits: JsonLimits) -> SignedToken:
    parts = text.count(".") + 1
    if parts != _SIGNED_PARTS:
        encrypted = " and may be encrypted, which can only be hashed as raw" if parts == _ENCRYPTED_PARTS else ""
        raise InvalidInput(f"a signed JWT has {_SIGNED_PARTS} parts joined by dots; this has {parts}{encrypted}")
    protected, payload, signature = text.split(".")
    header = _header(protected, "header", limits)
    if not header.get("b64", True):
        raise InvalidInput("a JWT's payload is always base64url: it has no b64 (RFC 7797 section 7)", at="header")
    claims = _base64url(payload, "payload")
    _base64url(signature, "signature")
    return SignedToken(signed=text.encode("ascii"), payload=claims)


def _signature(value: JsonValue, payload: JsonValue, steps: tuple[str | int, ...], limits: JsonLimits) -> SignedToken:
    if not isinstance(value, dict):
        raise InvalidInput("expected an object", at=json_path(steps))
    for name in value:
        if name not in {"protected", "header", "signature"}:
            raise InvalidInput(_UNCOVERED, at=json_path((*steps, name)))
    if not isinstance(value.get("header", {}), dict):
        raise InvalidInput("expected an object", at=json_path((*steps, "header")))
    protected = _string(value.get("protected"), (*steps, "protected"))
    signature = _string(value.get("signature"), (*steps, "signature"))
    text = _string(payload, ("payload",))
    header = _header(protected, json_path((*steps, "protected")), limits)
    _base64url(signature, json_path((*steps, "signature")))
    return SignedToken(
        signed=f"{protected}.{text}.{signature}".encode(),
        payload=_base64url(text, "$.payload") if header.get("b64", True) else text.encode(),
        notes=("the unprotected header is not covered",) if "header" in value else (),
    )


def _string(value: JsonValue, steps: tuple[str | int, ...]) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidInput("expected a string that is not empty", at=json_path(steps))
    return value


def _header(protected: str, at: str, limits: JsonLimits) -> dict[str, JsonValue]:
    text = _base64url(protected, at)
    try:
        header = parse(text, limits)
    except InvalidInput as wrong:
        raise InvalidInput(f"in the decoded header, {wrong}", at=at) from None
    if not isinstance(header, dict) or not isinstance(algorithm := header.get("alg"), str):
        raise InvalidInput("a JOSE header is a JSON object with a string alg", at=at)
    if algorithm.lower() == "none":
        raise InvalidInput("alg is none: nobody signed this", at=at)
    if not isinstance(header.get("b64", True), bool):
        raise InvalidInput("b64 is true or false", at=at)
    return header


def _base64url(text: str, at: str) -> bytes:
    with suppress(ValueError):
        if text:
            return decode_base64url(text)
    raise InvalidInput("expected base64url without padding or white space, and not empty", at=at)
