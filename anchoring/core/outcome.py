"""What a check of anything found."""

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """*Cannot tell* is neither: what would be needed is missing or out of reach."""

    PASSED = "passed"
    FAILED = "failed"
    CANNOT_TELL = "cannot tell"


def worst_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Failed when one failed, else *cannot tell* when one cannot be told, else passed."""
    found = set(outcomes)
    for worst in (Outcome.FAILED, Outcome.CANNOT_TELL):
        if worst in found:
            return worst
    return Outcome.PASSED
