"""What operators want to know of a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from anchoring.ports.rounds import RoundResult

COUNTED: Final = 1_000_000
"""Up to so many entries are counted one by one; of more an upper bound will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a submission cost so far. `is_settled`: it will not change but by a reorg of a final block."""

    submission_id: int
    is_settled: bool
    gas_used: int
    fee_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a round ended. `result`, `finished_at`: None while it goes on, and for ever if it was killed."""

    round_id: int
    started_at: datetime
    finished_at: datetime | None
    result: RoundResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSeen:
    """The ledger's newest block as rounds saw it. `first_seen_at`: by the first round in a row that saw this one.

    `ahead_s`: our clock ahead of the block's time, in the round of the last few where that was least.
    """

    number: int
    time: datetime
    first_seen_at: datetime
    ahead_s: float
    balance_wei: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSubmission:
    """The submission that is on its way."""

    opened_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredBatch:
    """When a batch went which way. `final_at`: None until it is final."""

    sequence: int
    leaf_count: int
    sealed_at: datetime
    anchored_at: datetime
    final_at: datetime | None


class Figures(Protocol):
    """What operators watch. Each is read through an index, or grows with rounds and never with entries."""

    def batches(self) -> Mapping[str, int]:
        """How many are in each state."""

    def submissions(self) -> Mapping[str, int]:
        """How many are in each state."""

    def status_versions(self) -> Mapping[str, int]:
        """How many are in each state."""

    def oldest_open_change(self) -> datetime | None:
        """When the oldest status change took effect that no final version shows; None when all are shown."""

    def overtaken_lists(self) -> int:
        """How many status lists have a version on the ledger that is not known here."""

    def first_open_entry_id(self) -> int | None:
        """Where the oldest batch begins that is not final; None when all are."""

    def costs_after(self, submission_id: int) -> Sequence[Cost]:
        """Of the submissions with higher ids, in order of id."""

    def outcomes_after(self, round_id: int) -> Sequence[Outcome]:
        """Of the rounds with higher ids, in order of id."""

    def open_submission(self) -> OpenSubmission | None: ...

    def merge_delays_s(self, limit: int) -> Sequence[float]:
        """From the first entry's answer to finality, of so many final batches, the newest first."""

    def newest_anchored(self, limit: int) -> Sequence[AnchoredBatch]:
        """So many of the anchored batches, the newest first."""

    def head_seen(self) -> HeadSeen | None: ...

    def withdrawn_anchors(self) -> Mapping[str, int]:
        """How many anchors a reorg took away, by the state they had."""

    def orphan_anchors(self) -> Mapping[str, int]:
        """How many anchors of our key have no batch here: `open`, and `accepted` by a person."""

    def canaries(self) -> Mapping[str, int]:
        """How many `passed` and `failed`."""

    def size_bytes(self) -> int:
        """Of the whole database."""
