"""What the use cases need of the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from anchoring.core.audit_log import Act, ActResult, AuditHead, AuditRecord
from anchoring.core.own_entries import OwnEntry
from anchoring.ports.entries import Entry
from anchoring.types import Did

BEFORE_ALL: Final = -(2**63)
"""Lower than any number a record can have, also one that somebody inserted below 1."""


class ShownRecord(NamedTuple):
    """A record, and what stands beside the log. `previous`: the hash before it; None where that record is missing.

    `source`: None once forgotten; `source_fits`: whether it is what the record has the hash of.
    """

    record: AuditRecord
    previous: bytes | None
    source: str | None
    source_fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedHead:
    """A head that a round posted."""

    number: int
    entry: Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records are asked for; None: whatever it is. `since` ≤ at < `until`; `action`: all of it, or the noun alone."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    issuer: Did | None = None
    action: str | None = None
    result: ActResult | None = None


class AuditLog(Protocol):
    """Records of what was done, in the order in which it was committed."""

    def note(self, act: Act) -> None:
        """Have the act recorded with what this unit of work commits; if it does not commit, nothing was done and none is."""

    def head(self) -> AuditHead:
        """The newest record's; number 0 when there is none."""

    def find(self, wanted: Wanted, after: int, limit: int) -> Sequence[ShownRecord]:
        """The first `limit` of those that are wanted and have a higher number, ascending."""

    def number_before_last(self, wanted: Wanted, count: int) -> int:
        """Such that `count` of those that are wanted have a higher number, or all of them."""

    def post_head(self, number: int, entry_id: int) -> None:
        """Remember that the entry's digest is the hash of that record."""

    def newest_posted(self) -> int:
        """The highest number whose hash was posted; 0 when none was."""

    def newest_final_head(self) -> PostedHead | None:
        """The highest of those in final batches whose digest is the hash of the record."""

    def own_entries(self, after_id: int, limit: int) -> Sequence[OwnEntry]:
        """The first `limit` entries of the service's own issuer with a higher id, ascending."""

    def forget_sources(self, before: datetime) -> int:
        """Forget what was seen first before then. Returns how many that were."""
