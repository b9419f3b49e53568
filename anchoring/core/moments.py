"""Times that others write: RFC 3339, which is also what XML Schema calls a dateTimeStamp."""

import re
from datetime import UTC, datetime
from typing import Final

from anchoring.errors import InvalidInput

_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})")

_LOCAL: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?")


def parse_moment(text: str, *, at: str) -> datetime:
    """With its offset, which says when it was; UTC is answered, cut to microseconds. Raises: InvalidInput naming `at`."""
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # a date that is none, such as February 30; refused below like any other
    raise InvalidInput("must be a time with its offset, such as 2026-11-23T12:00:00Z", at=at)


def parse_moment_or_utc(text: str, *, at: str) -> datetime:
    """As `parse_moment`; a time without its offset is in UTC, as Data Integrity (2.1) and the VC Data Model (4.9) take it."""
    return parse_moment(f"{text}Z" if _LOCAL.fullmatch(text) else text, at=at)
