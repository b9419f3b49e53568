"""What the use cases need of the record of rounds, their lease, and the ledger they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from anchoring.ports.ledger import LedgerIdentity


class RoundResult(StrEnum):
    """How a round ended: after `interrupted` the next goes on by itself, after `failed` a person must look."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """One run of the cron job.

    `head_number`, `head_time`: the ledger's newest block as seen then. `balance_wei`: what the anchoring key had, where it pays.
    `detail`: why it was interrupted or failed; of one that is done, what further nodes say against the first one.
    """

    started_at: datetime
    finished_at: datetime | None
    holder: str
    result: RoundResult | None
    head_number: int | None = None
    head_time: datetime | None = None
    balance_wei: int | None = None
    detail: str | None = None


class Rounds(Protocol):
    """The lease by which one round runs at a time, the record of rounds, the ledger they belong to, and the marks of a
    restore and of a rebuild.
    """

    def take_lease(self, holder: str, now: datetime, until: datetime) -> bool:
        """Take or renew the lease; False while another holder has it. It saves work and guards nothing.

        One that lasts more than twice as long as the one asked for is taken: a clock was set back.
        """

    def lease_holder(self) -> str | None: ...

    def release_lease(self, holder: str) -> None: ...

    def begin(self, holder: str, at: datetime) -> int:
        """Record that a round began; returns its id."""

    def finish(self, round_id: int, record: RoundRecord) -> None: ...

    def newest(self, limit: int) -> Sequence[RoundRecord]: ...

    def identity(self) -> LedgerIdentity | None: ...

    def record_identity(self, identity: LedgerIdentity) -> LedgerIdentity:
        """Record it unless one is recorded already; returns the one that is."""

    def restored_at(self) -> datetime | None:
        """When this database was restored from a backup and not compared with the ledger since; None when it was.

        The ledger may know more than a restored database: nothing is signed while this is set.
        """

    def mark_restored(self, at: datetime) -> None:
        """From here on the database is taken for older than the ledger."""

    def clear_restored(self) -> None:
        """The database was compared with the ledger, and signing may go on."""

    def rebuilt_at(self) -> datetime | None:
        """When batches were last rebuilt from manifests; None when none ever was.

        Manifests say nothing of status: which entries received before then were revoked, suspended or bound is not known.
        """

    def mark_rebuilt(self, at: datetime) -> None:
        """From here on nothing received before is taken for clear. Nothing clears the mark."""
