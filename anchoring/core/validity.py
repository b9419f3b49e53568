"""When a credential is valid by its own words (VC Data Model 2.0 section 4.9, RFC 7519 section 4.1). NOTHING IS VERIFIED HERE.

That a credential expired makes no check fail: it was anchored and signed all the same. Every report says it beside the checks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from anchoring.core.claims import shown_claims
from anchoring.core.moments import parse_moment_or_utc
from anchoring.core.proof_json import format_time
from anchoring.core.status_judgement import CLOCK_SKEW
from anchoring.core.strict_json import JsonValue
from anchoring.errors import InvalidInput

_BEGINS: Final = ("validFrom", "issuanceDate", "issued")
_ENDS: Final = ("validUntil", "expirationDate")
_BADGE_BEGINS: Final = ("issuedOn",)
_BADGE_ENDS: Final = ("expires",)
"""Of Open Badges 2, whose `type` is `Assertion`."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LAST_SECOND: Final = 253_402_300_799


class ValidityState(StrEnum):
    """Where it is not as it should be."""

    OVER = "over"
    EARLY = "early"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """`state`: None while the credential is valid, and where it says nothing of that, or there is none that can be read.

    `valid_from`, `valid_until`: UTC, whole seconds; None where it names no such time that can be read.
    """

    state: ValidityState | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def validity_of(credential: bytes | None, now: datetime) -> Validity:
    """Of several times the strictest counts, in credentials as in their tokens, also of those that an SD-JWT discloses.

    A day counts from its beginning or to its end, and what names no zone is in UTC. Open Badges 2 has names of its own.
    """
    try:
        claims = shown_claims(credential) if credential is not None else None
    except InvalidInput:
        claims = None
    if claims is None:
        return Validity()
    begins = [*_moments(claims, _BEGINS, _BADGE_BEGINS, "00:00:00"), *_seconds(claims, ("nbf", "iat"))]
    ends = [*_moments(claims, _ENDS, _BADGE_ENDS, "23:59:59"), *_seconds(claims, ("exp",))]
    valid_from = max((one for one in begins if one is not None), default=None)
    valid_until = min((one for one in ends if one is not None), default=None)
    state = None
    if valid_until is not None and valid_until <= now:
        state = ValidityState.OVER
    elif valid_from is not None and valid_from > now + CLOCK_SKEW:
        state = ValidityState.EARLY
    elif None in [*begins, *ends]:
        state = ValidityState.UNCLEAR
    return Validity(state=state, valid_from=valid_from, valid_until=valid_until)


def said_of_validity(validity: Validity) -> str:
    """What a statement adds of it; nothing while the credential is valid."""
    match validity:
        case Validity(state=ValidityState.OVER, valid_until=datetime() as ended):
            return f"; by its own words it expired at {format_time(ended)}"
        case Validity(state=ValidityState.EARLY, valid_from=datetime() as begins):
            return f"; by its own words it is valid from {format_time(begins)} only"
        case Validity(state=ValidityState.UNCLEAR):
            return "; when it is valid cannot be read"
    return ""


def validity_to_json(validity: Validity) -> dict[str, Any]:
    """As reports have it: `state`, `validFrom`, `validUntil`."""
    times = (None if one is None else format_time(one) for one in (validity.valid_from, validity.valid_until))
    return {"state": validity.state} | dict(zip(("validFrom", "validUntil"), times, strict=True))


def _values(claims: dict[str, JsonValue], names: tuple[str, ...], of_badge: tuple[str, ...] = ()) -> Iterator[JsonValue]:
    for holder in (claims, claims.get("vc")):
        if isinstance(holder, dict):
            types = holder.get("type")
            is_badge = types == "Assertion" or (isinstance(types, list) and "Assertion" in types)
            yield from (holder[name] for name in (*names, *(of_badge if is_badge else ())) if holder.get(name) is not None)


def _moments(
    claims: dict[str, JsonValue], names: tuple[str, ...], of_badge: tuple[str, ...], of_day: str
) -> Iterator[datetime | None]:
    """None for what cannot be read."""
    for value in _values(claims, names, of_badge):
        text = value if isinstance(value, str) else ""
        try:
            moment = parse_moment_or_utc(f"{text}T{of_day}Z" if _DAY.fullmatch(text) else text, at="")
        except InvalidInput:
            yield None
        else:
            yield moment.replace(microsecond=0)


def _seconds(claims: dict[str, JsonValue], names: tuple[str, ...]) -> Iterator[datetime | None]:
    """The same, of times in seconds since 1970."""
    for value in _values(claims, names):
        is_time = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _LAST_SECOND
        yield datetime.fromtimestamp(int(value), UTC) if is_time else None  # type: ignore[arg-type]
