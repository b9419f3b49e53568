"""What operators watch, in one short unit of work; the ledger is not asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from anchoring.ports.entries import Canary
from anchoring.ports.figures import Cost, HeadSeen, OpenSubmission, Outcome
from anchoring.ports.rounds import RoundRecord
from anchoring.ports.store import UnitOfWork

FINAL_BATCHES = 100
"""So many of the newest final batches tell how long anchoring takes."""

KILLED_AFTER = timedelta(hours=1)
"""A round that has not said how it ended for so long was killed."""

KILLED = "killed"

FEES_LOOKED_AT = 10

CANARIES_LOOKED_AT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Rounds with one result: how many, and how long they took together."""

    count: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sums over all that is settled up to these ids, so that the next look begins there. An empty one begins at the first."""

    submission_id: int = 0
    gas_used: int = 0
    fees_wei: int = 0
    last_fees_wei: tuple[int, ...] = ()
    round_id: int = 0
    rounds: Mapping[str, Rounds] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """As of now. `waiting`: entries of issuers in no sealed batch. `tally`: of everything, settled or not.

    `oldest_open_change`: when the oldest status change took effect that no final version shows.
    `oldest_unchecked_canary`: of those in a batch; one that waits for company is nobody's fault.
    """

    size_bytes: int
    waiting: int
    oldest_not_final: datetime | None
    merge_delays_s: Sequence[float]
    batches: Mapping[str, int]
    submissions: Mapping[str, int]
    status_versions: Mapping[str, int]
    oldest_open_change: datetime | None
    overtaken_lists: int
    status_lists: int
    open_submission: OpenSubmission | None
    tally: Tally
    last_round: RoundRecord | None
    head: HeadSeen | None
    withdrawn_anchors: Mapping[str, int]
    orphan_anchors: Mapping[str, int]
    canaries: Mapping[str, int]
    newest_canary: Canary | None
    oldest_unchecked_canary: Canary | None

    @property
    def rounds_left(self) -> float | None:
        """How many more transactions the key can pay for, at the price of the last ones; None where nothing was paid."""
        if self.head is None or self.head.balance_wei is None or not any(self.tally.last_fees_wei):
            return None
        return self.head.balance_wei / (sum(self.tally.last_fees_wei) / len(self.tally.last_fees_wei))


def report_figures(uow: UnitOfWork, before: Tally, now: datetime) -> tuple[Figures, Tally]:
    """The figures, and the tally to begin with next time: what is settled is added up once in the life of a process."""
    figures = uow.figures
    settled, costs = _take_costs(before, figures.costs_after(before.submission_id))
    settled, outcomes = _take_outcomes(settled, figures.outcomes_after(before.round_id), now)
    sealed_up_to = uow.batches.last_sealed_entry_id()
    first_open = figures.first_open_entry_id()
    newest = uow.rounds.newest(1)
    unchecked = [one for one in uow.canaries.unchecked(CANARIES_LOOKED_AT) if uow.batches.of_entry(one.entry.id)]
    report = Figures(
        size_bytes=figures.size_bytes(),
        waiting=uow.entries.waiting_after(sealed_up_to),
        oldest_not_final=uow.entries.oldest_after(sealed_up_to if first_open is None else first_open - 1),
        merge_delays_s=figures.merge_delays_s(FINAL_BATCHES),
        batches=figures.batches(),
        submissions=figures.submissions(),
        status_versions=figures.status_versions(),
        oldest_open_change=figures.oldest_open_change(),
        overtaken_lists=figures.overtaken_lists(),
        status_lists=uow.status_lists.count(),
        open_submission=figures.open_submission(),
        tally=_add_outcomes(_add_costs(settled, costs), outcomes),
        last_round=newest[0] if newest else None,
        head=figures.head_seen(),
        withdrawn_anchors=figures.withdrawn_anchors(),
        orphan_anchors=figures.orphan_anchors(),
        canaries=figures.canaries(),
        newest_canary=uow.canaries.newest(),
        oldest_unchecked_canary=unchecked[0] if unchecked else None,
    )
    return report, settled


def _take_costs(tally: Tally, costs: Sequence[Cost]) -> tuple[Tally, Sequence[Cost]]:
    """Add up the settled ones before the first that is not; returns the others too."""
    open_at = next((i for i, cost in enumerate(costs) if not cost.is_settled), len(costs))
    return _add_costs(tally, costs[:open_at]), costs[open_at:]


def _add_costs(tally: Tally, costs: Sequence[Cost]) -> Tally:
    if not costs:
        return tally
    paid = [cost.fee_wei for cost in costs if cost.gas_used]
    return replace(
        tally,
        submission_id=costs[-1].submission_id,
        gas_used=tally.gas_used + sum(cost.gas_used for cost in costs),
        fees_wei=tally.fees_wei + sum(cost.fee_wei for cost in costs),
        last_fees_wei=(*tally.last_fees_wei, *paid)[-FEES_LOOKED_AT:],
    )


def _take_outcomes(tally: Tally, outcomes: Sequence[Outcome], now: datetime) -> tuple[Tally, Sequence[Outcome]]:
    def goes_on(outcome: Outcome) -> bool:
        return outcome.result is None and now - outcome.started_at < KILLED_AFTER

    open_at = next((i for i, outcome in enumerate(outcomes) if goes_on(outcome)), len(outcomes))
    return _add_outcomes(tally, outcomes[:open_at]), [one for one in outcomes[open_at:] if not goes_on(one)]


def _add_outcomes(tally: Tally, outcomes: Sequence[Outcome]) -> Tally:
    if not outcomes:
        return tally
    rounds = dict(tally.rounds)
    for outcome in outcomes:
        name = outcome.result or KILLED
        took_s = (outcome.finished_at - outcome.started_at).total_seconds() if outcome.finished_at else 0.0
        known = rounds.get(name, Rounds())
        rounds[name] = Rounds(count=known.count + 1, seconds=known.seconds + took_s)
    return replace(tally, round_id=outcomes[-1].round_id, rounds=rounds)
