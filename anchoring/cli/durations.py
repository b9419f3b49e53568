"""Durations on the command line: `60s`, `5m`, `1h`, `90d`, or a bare number of seconds."""

import re
from typing import Final

from anchoring.errors import InvalidInput

DAY_S: Final = 86_400.0
LONGEST_LIFE_S: Final = 3650 * DAY_S

_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd])?")
_UNITS: Final = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}


def parse_period(text: str, *, at: str) -> float:
    """How often, in seconds. Raises: InvalidInput."""
    seconds = _seconds(text)
    if seconds is None or not 0 < seconds <= DAY_S:
        raise InvalidInput("must be a period such as 60s, 5m or 1h, at most a day", at=at)
    return seconds


def parse_life(text: str, *, at: str, longest_s: float = LONGEST_LIFE_S) -> float:
    """How long something lives on, in seconds; 0 for no longer. Raises: InvalidInput."""
    seconds = _seconds(text)
    if seconds is None or seconds > longest_s:
        raise InvalidInput(f"must be a duration such as 12h or 90d, at most {longest_s / DAY_S:g} days", at=at)
    return seconds


def _seconds(text: str) -> float | None:
    match = _DURATION.fullmatch(text)
    return float(match[1]) * _UNITS[match[2]] if match else None
