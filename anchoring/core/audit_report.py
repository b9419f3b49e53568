"""What the checks of the audit log found."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from anchoring.core.audit_log import AuditHead
from anchoring.core.outcome import Outcome, worst_of
from anchoring.types import to_hex

MOST_REASONS = 20
"""Faults of one check that are told: the first say what is wrong."""


class AuditCheckName(StrEnum):
    """The checks, in the order they are reported."""

    CHAIN = "chain"
    """Each record follows the one before."""
    SOURCES = "sources"
    """Where acts came from is what it was when they were recorded, as far as it is not forgotten."""
    HEADS = "heads"
    """The records whose hash was posted still have it, and no posted one is missing."""
    ANCHOR = "anchor"
    """The ledger holds the root over the newest final head."""
    KEPT = "kept"
    """A head that was noted elsewhere is in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """One check's finding. `reasons`: one, or a fault each."""

    name: AuditCheckName
    outcome: Outcome
    reasons: tuple[str, ...]

    @classmethod
    def of(cls, name: AuditCheckName, faults: list[str], good: str) -> "AuditCheck":
        """Failed when there are faults, else passed."""
        if not faults:
            return cls(name=name, outcome=Outcome.PASSED, reasons=(good,))
        more = [f"and {len(faults) - MOST_REASONS} more"] if len(faults) > MOST_REASONS else []
        return cls(name=name, outcome=Outcome.FAILED, reasons=(*faults[:MOST_REASONS], *more))

    @classmethod
    def cannot_tell(cls, name: AuditCheckName, why: str) -> "AuditCheck":
        return cls(name=name, outcome=Outcome.CANNOT_TELL, reasons=(why,))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """All checks. `head`: the newest record's.

    `lost`: stands for the service's own entries that are neither canary nor head of a record here (`own_entries.lost_hash`); None
    where there are none.
    """

    head: AuditHead
    lost: bytes | None
    checks: tuple[AuditCheck, ...]

    @property
    def outcome(self) -> Outcome:
        """Failed when one failed, else *cannot tell* when one cannot be told, else passed."""
        return worst_of(check.outcome for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        return {
            "outcome": self.outcome,
            "records": self.head.number,
            "head": to_hex(self.head.hash),
            "lost": to_hex(self.lost) if self.lost else None,
            "checks": [{"check": one.name, "outcome": one.outcome, "reasons": list(one.reasons)} for one in self.checks],
        }
