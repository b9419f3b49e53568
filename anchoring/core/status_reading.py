"""Signed forms of a list, read back strictly; whose signature they carry is checked elsewhere.

All functions raise StatusListError: MALFORMED_VALUE_ERROR for a member that breaks a MUST, else as the codec does.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from anchoring.core.moments import parse_moment
from anchoring.core.status_codec import (
    StatusErrorCode,
    StatusListError,
    TokenList,
    decode_bitstring,
    decode_statuslist2021,
    decode_token_list,
)
from anchoring.core.status_documents import VCDM_1, VCDM_2, ListForm, ReadList
from anchoring.core.strict_json import JsonLimits, JsonValue
from anchoring.errors import InvalidInput
from anchoring.types import Did, parse_did

LIMITS: Final = JsonLimits(max_bytes=1024 * 1024, max_depth=32, max_values=10_000)
"""Of a signed list; the longest there can be is half of it."""

_LAST_SECOND: Final = 253_402_300_799  # of the year 9999


def read_bitstring(document: Mapping[str, JsonValue], form: ListForm) -> ReadList:
    """A Bitstring Status List credential. What the signature says of the time is added by `with_proof_times`."""
    _require_types(document, VCDM_2, "BitstringStatusListCredential")
    if "vc" in document or "vp" in document:
        raise _malformed("vc and vp have no place in this form")
    subject = _object(document.get("credentialSubject"), "credentialSubject")
    if subject.get("type") not in ("BitstringStatusList", ["BitstringStatusList"]):
        raise _malformed("the type of credentialSubject is not BitstringStatusList")
    if subject.get("statusSize", 1) != 1:
        raise _malformed("a list with a statusSize other than 1 is not read here")
    valid_from = _time(document.get("validFrom"), "validFrom")
    ttl_ms = subject.get("ttl")
    return ReadList(
        form=form,
        url=_optional_text(document.get("id"), "id"),
        signer=_issuer(document.get("issuer")),
        purposes=_purposes(subject.get("statusPurpose")),
        bits=decode_bitstring(_text(subject.get("encodedList"), "encodedList")),
        signed_at=valid_from,
        valid_from=valid_from,
        valid_until=_time(document.get("validUntil"), "validUntil"),
        ttl_s=None if ttl_ms is None else _number(ttl_ms, "ttl") / 1000,
    )


def with_proof_times(found: ReadList, proof: Mapping[str, JsonValue]) -> ReadList:
    """When it was signed, by its proof, and that a proof may expire before the list does."""
    created, expires = _time(proof.get("created"), "created"), _time(proof.get("expires"), "expires")
    ends = [end for end in (found.valid_until, expires) if end is not None]
    return replace(found, signed_at=created or found.signed_at, valid_until=min(ends, default=None))


def read_statuslist2021(claims: Mapping[str, JsonValue]) -> ReadList:
    """EBSI's form. Each claim must say the same as the member it stands for."""
    document = _object(claims.get("vc"), "vc")
    _require_types(document, VCDM_1, "StatusList2021Credential")
    subject = _object(document.get("credentialSubject"), "credentialSubject")
    if subject.get("type") not in ("StatusList2021", ["StatusList2021"]):
        raise _malformed("the type of credentialSubject is not StatusList2021")
    signer = _issuer(document.get("issuer"))
    issued = _time(document.get("issued") or document.get("issuanceDate"), "issued")
    valid_from = _time(document.get("validFrom") or document.get("issuanceDate"), "validFrom")
    valid_until = _time(document.get("expirationDate"), "expirationDate")
    url = _optional_text(document.get("id"), "id")
    for claim, member in {"iss": signer, "jti": url}.items():
        if claim in claims and claims[claim] != member:
            raise _malformed(f"{claim} is not what the credential says")
    for claim, moment in {"iat": issued, "nbf": valid_from, "exp": valid_until}.items():
        if claim in claims and (moment is None or _unix_time(claims[claim], claim) != moment.replace(microsecond=0)):
            raise _malformed(f"{claim} is not what the credential says")
    return ReadList(
        form=ListForm.STATUSLIST2021_JWT,
        url=url,
        signer=signer,
        purposes=_purposes(subject.get("statusPurpose")),
        bits=decode_statuslist2021(_text(subject.get("encodedList"), "encodedList")),
        signed_at=issued,
        valid_from=valid_from,
        valid_until=valid_until,
        ttl_s=None,
    )


def read_token(claims: Mapping[str, JsonValue], *, signer: str) -> ReadList:
    """A Token Status List. `signer`: the DID whose key signed it; `iss` may be left out, and must be the same."""
    members = _object(claims.get("status_list"), "status_list")
    size = members.get("bits")
    if isinstance(size, bool) or not isinstance(size, int):
        raise _malformed("bits is not a whole number")
    bits, purpose = decode_token_list(TokenList(bits=size, lst=_text(members.get("lst"), "lst")))
    signed_at = _unix_time(claims.get("iat"), "iat")
    ttl = claims.get("ttl")
    return ReadList(
        form=ListForm.TOKEN_JWT,
        url=_text(claims.get("sub"), "sub"),
        signer=_issuer(claims.get("iss", signer)),
        purposes=frozenset({purpose.value}),
        bits=bits,
        signed_at=signed_at,
        valid_from=_unix_time(claims["nbf"], "nbf") if "nbf" in claims else signed_at,
        valid_until=_unix_time(claims["exp"], "exp") if "exp" in claims else None,
        ttl_s=None if ttl is None else _number(ttl, "ttl"),
    )


def _malformed(message: str) -> StatusListError:
    return StatusListError(StatusErrorCode.MALFORMED, message)


def _require_types(document: Mapping[str, JsonValue], context: str, kind: str) -> None:
    contexts, types = document.get("@context"), document.get("type")
    if not isinstance(contexts, list) or contexts[:1] != [context]:
        raise _malformed(f"@context does not begin with {context}")
    if not isinstance(types, list) or not {"VerifiableCredential", kind} <= {each for each in types if isinstance(each, str)}:
        raise _malformed(f"type does not hold VerifiableCredential and {kind}")


def _object(value: JsonValue, name: str) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise _malformed(f"{name} is not an object")
    return value


def _text(value: JsonValue, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise _malformed(f"{name} is not a string, or empty")
    return value


def _optional_text(value: JsonValue, name: str) -> str | None:
    return None if value is None else _text(value, name)


def _number(value: JsonValue, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _malformed(f"{name} is not a number of 0 or more")
    return value


def _issuer(value: JsonValue) -> Did:
    name = _text(value.get("id") if isinstance(value, dict) else value, "issuer")
    try:
        return parse_did(name)
    except InvalidInput:
        raise _malformed("the issuer is not a DID") from None


def _purposes(value: JsonValue) -> frozenset[str]:
    purposes = value if isinstance(value, list) else [value]
    if not purposes:
        raise _malformed("statusPurpose is empty")
    return frozenset(_text(purpose, "statusPurpose") for purpose in purposes)


def _time(value: JsonValue, name: str) -> datetime | None:
    """XSD dateTimeStamp: it has a zone."""
    if value is None:
        return None
    try:
        return parse_moment(_text(value, name), at=name)
    except InvalidInput:
        raise _malformed(f"{name} is not a time with a zone, such as 2026-11-23T12:00:00Z") from None


def _unix_time(value: JsonValue, name: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_SECOND:
        raise _malformed(f"{name} is not a number of seconds since 1970")
    return datetime.fromtimestamp(int(value), UTC)
