"""Figures about what waits and what was anchored last, for operators and for those who wait."""

from dataclasses import dataclass
from datetime import datetime

from anchoring.core.batch import Batch, BatchState, SubmissionState
from anchoring.core.pace import Pace
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.rounds import RoundRecord
from anchoring.ports.store import UnitOfWork

ROUNDS_LOOKED_AT = 10
MANY_BATCHES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """As of the last round. `waiting`: entries in no sealed batch, the oldest of them received at `oldest_waiting`."""

    identity: LedgerIdentity | None
    waiting: int
    oldest_waiting: datetime | None
    sealed: int
    in_flight: int
    last_anchored: Batch | None
    last_round: RoundRecord | None


def report_progress(uow: UnitOfWork) -> Progress:
    """A few cheap reads; the ledger is not asked."""
    sealed_up_to = uow.batches.last_sealed_entry_id()
    anchored = uow.batches.newest_anchored(1)
    rounds = uow.rounds.newest(1)
    return Progress(
        identity=uow.rounds.identity(),
        waiting=uow.entries.count_after(sealed_up_to),
        oldest_waiting=uow.entries.oldest_after(sealed_up_to),
        sealed=len(uow.batches.in_state(BatchState.SEALED, limit=MANY_BATCHES)),
        in_flight=len(uow.submissions.in_state(SubmissionState.SUBMITTED)),
        last_anchored=anchored[0] if anchored else None,
        last_round=rounds[0] if rounds else None,
    )


def report_pace(uow: UnitOfWork, *, configured_period_s: float) -> Pace:
    """How the last rounds went."""
    anchored = uow.batches.newest_anchored(ROUNDS_LOOKED_AT)
    return Pace(
        rounds_started=[record.started_at for record in uow.rounds.newest(ROUNDS_LOOKED_AT)],
        to_anchor_s=[
            (batch.anchor.anchored_at - batch.sealed_at).total_seconds() for batch in anchored if batch.anchor and batch.sealed_at
        ],
        configured_period_s=configured_period_s,
    )
