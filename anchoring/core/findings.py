"""What an examination found, for a table and for JSON alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

MOST_FAULTS: Final = 20
"""Faults kept of one kind: the first say what is wrong, the rest only how much."""

RESTORE: Final = "stop service and rounds, restore the newest backup, then: credanchor ledger reconcile"
"""What to do where records are damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was examined. `good`: what was seen where it is right; `advice`: what to do where it is not."""

    what: str
    faults: tuple[str, ...]
    count: int
    good: str
    advice: str

    @classmethod
    def of(cls, what: str, faults: Sequence[str], *, advice: str, good: str = "") -> Self:
        return cls(what=what, faults=tuple(faults[:MOST_FAULTS]), count=len(faults), good=good, advice=advice)

    @property
    def is_right(self) -> bool:
        return self.count == 0
