"""How an installation is doing, for everybody: sums, times and heights, and nothing about any one entry or person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anchoring.ports.figures import AnchoredBatch, HeadSeen
from anchoring.ports.rounds import RoundRecord
from anchoring.ports.store import UnitOfWork

ROUNDS_SHOWN = 20
BATCHES_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """As of now. `waiting`: entries in no sealed batch; of more than a million, an upper bound.

    `batches`: how many are in each state. `rounds`, `newest_batches`: the newest first.
    """

    waiting: int
    batches: Mapping[str, int]
    status_lists: int
    head: HeadSeen | None
    rounds: Sequence[RoundRecord]
    newest_batches: Sequence[AnchoredBatch]


def report_stats(uow: UnitOfWork) -> Stats:
    """A few cheap reads; the ledger is not asked."""
    return Stats(
        waiting=uow.entries.waiting_after(uow.batches.last_sealed_entry_id()),
        batches=uow.figures.batches(),
        status_lists=uow.status_lists.count(),
        head=uow.figures.head_seen(),
        rounds=uow.rounds.newest(ROUNDS_SHOWN),
        newest_batches=uow.figures.newest_anchored(BATCHES_SHOWN),
    )
