"""The figures of the store as Prometheus families: read at each scrape, the same whichever worker is asked."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.status_version import VersionState
from anchoring.errors import StoreUnavailable
from anchoring.ports.rounds import RoundResult
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store
from anchoring.usecases.report_figures import KILLED, Figures, Rounds, Tally, report_figures
from service.promises import Promises

QUANTILES = (0.5, 0.9, 0.99, 1.0)

log = structlog.get_logger()


class FigureReader:
    """Remembers what it has added up, so that a scrape reads only what is new."""

    def __init__(self, store: Store, clock: Clock, promises: Promises) -> None:
        self._store = store
        self._clock = clock
        self._promises = promises
        self._tally = Tally()

    def read(self) -> Figures:
        """Raises: StoreUnavailable."""
        with self._store.reading() as uow:
            figures, self._tally = report_figures(uow, self._tally, self._clock.now())
        return figures

    def families(self) -> list[Metric]:
        """Settings as figures, and those of the store; of a store that does not answer, only that it is down."""
        families = list(_promised(self._promises))
        try:
            figures = self.read()
        except StoreUnavailable as failed:
            log.warning("store.unavailable", detail=failed.message)
            return [*families, _gauge("store_up", "Whether the database answers", 0)]
        return [
            *families,
            _gauge("store_up", "Whether the database answers", 1),
            *_of_store(figures, self._clock.now(), self._promises),
        ]


def _promised(promises: Promises) -> Iterator[Metric]:
    longest_s = promises.max_merge_delay_s
    yield _gauge("promised_merge_delay_seconds", "Longest from the answer to a post to its final anchor, as promised", longest_s)
    yield _gauge("waiting_limit_entries", "Entries that may wait before posts are refused", promises.max_waiting)
    yield _gauge("round_period_seconds", "How often a round is due", promises.round_every_s)
    yield _gauge("ledger_stalled_after_seconds", "How long without a new block counts as stalled", promises.stalled_s)
    yield _gauge("low_balance_rounds", "Rounds the key should be able to pay for", promises.low_balance_rounds)


def _of_store(figures: Figures, now: datetime, promises: Promises) -> Iterator[Metric]:
    yield _gauge("store_bytes", "Size of the database", figures.size_bytes)
    yield _gauge("waiting_entries", "Entries of issuers in no sealed batch", figures.waiting)
    yield _gauge("oldest_not_final_seconds", "Age of the oldest entry that is not final", _age(figures.oldest_not_final, now))
    yield from _of_batches(figures, now)
    yield from _of_status_lists(figures, now)
    yield from _of_rounds(figures, now)
    yield from _of_key(figures)
    yield from _of_ledger(figures, now)
    if promises.canary_every_s:
        yield from _of_canaries(figures, now)


def _of_batches(figures: Figures, now: datetime) -> Iterator[Metric]:
    delays = sorted(figures.merge_delays_s)
    found = [(str(q), delays[min(len(delays) - 1, int(q * len(delays)))]) for q in QUANTILES if delays]
    yield _gauges("merge_delay_seconds", "From the answer to a post to finality, newest final batches", "quantile", found)
    states = [(state.value, figures.batches.get(state, 0)) for state in BatchState]
    yield _gauges("batches", "Batches by state", "state", states)
    ends = [(state.value, figures.submissions.get(state, 0)) for state in SubmissionState]
    yield _gauges("submissions", "Submissions by state", "state", ends)
    on_its_way = figures.open_submission
    yield _gauge("open_submission_attempts", "Attempts of the submission on its way", on_its_way.attempts if on_its_way else 0)
    yield _gauge(
        "open_submission_age_seconds", "Age of the submission on its way", _age(on_its_way.opened_at if on_its_way else None, now)
    )


def _of_status_lists(figures: Figures, now: datetime) -> Iterator[Metric]:
    states = [(state.value, figures.status_versions.get(state, 0)) for state in VersionState]
    yield _gauges("status_versions", "Versions of status lists by state", "state", states)
    age = _age(figures.oldest_open_change, now)
    yield _gauge("oldest_status_change_not_final_seconds", "Age of the oldest status change that is not on the ledger", age)
    yield _gauge("overtaken_status_lists", "Status lists of which the ledger knows more", figures.overtaken_lists)


def _of_rounds(figures: Figures, now: datetime) -> Iterator[Metric]:
    rounds = SummaryMetricFamily("credanchor_round_seconds", "Rounds by result, and how long they took", labels=["result"])
    for result in (*RoundResult, KILLED):
        of_result = figures.tally.rounds.get(result, Rounds())
        rounds.add_metric([str(result)], of_result.count, of_result.seconds)
    yield rounds
    last = figures.last_round
    if last is None:
        return
    yield _gauge("last_round_age_seconds", "Since the last round began", _age(last.started_at, now))
    yield _gauge("last_round_failed", "Whether a person must look at it", int(last.result is RoundResult.FAILED))
    if last.finished_at:
        yield _gauge("last_round_seconds", "How long it took", (last.finished_at - last.started_at).total_seconds())


def _of_key(figures: Figures) -> Iterator[Metric]:
    yield CounterMetricFamily("credanchor_gas_used", "Gas of mined transactions", figures.tally.gas_used)
    yield CounterMetricFamily("credanchor_fees_wei", "Fees of mined transactions", float(figures.tally.fees_wei))
    if figures.head and figures.head.balance_wei is not None:
        yield _gauge("key_balance_wei", "What the anchoring key has", figures.head.balance_wei)
    if figures.rounds_left is not None:
        yield _gauge("key_rounds_left", "Rounds it can pay for, at the price of the last ones", figures.rounds_left)


def _of_ledger(figures: Figures, now: datetime) -> Iterator[Metric]:
    if figures.head:
        yield _gauge("ledger_head_number", "Newest block that a round saw", figures.head.number)
        yield _gauge("ledger_head_age_seconds", "Since the time of that block", _age(figures.head.time, now))
        yield _gauge("ledger_head_unchanged_seconds", "Since rounds first saw that block", _age(figures.head.first_seen_at, now))
        yield _gauge("clock_ahead_seconds", "Our clock ahead of the time of a new block", figures.head.ahead_s)
    withdrawn = CounterMetricFamily("credanchor_withdrawn_anchors", "Anchors that a reorg took away", labels=["was"])
    for was in (BatchState.CONFIRMED, BatchState.FINAL):
        withdrawn.add_metric([was.value], figures.withdrawn_anchors.get(was, 0))
    yield withdrawn
    found = sorted(figures.orphan_anchors.items())
    yield _gauges("orphan_anchors", "Anchors of our key without a batch here", "state", found)


def _of_canaries(figures: Figures, now: datetime) -> Iterator[Metric]:
    checked = CounterMetricFamily("credanchor_canaries", "Canaries whose proof was checked", labels=["outcome"])
    for outcome, count in sorted(figures.canaries.items()):
        checked.add_metric([outcome], count)
    yield checked
    oldest, newest = figures.oldest_unchecked_canary, figures.newest_canary
    yield _gauge("canary_open_seconds", "Age of the oldest canary not checked", _age(oldest.posted_at if oldest else None, now))
    if newest:
        yield _gauge("canary_age_seconds", "Since the newest canary was posted", _age(newest.posted_at, now))
    if newest and newest.checked_at:
        yield _gauge(
            "canary_delay_seconds", "From posting to the checked proof", (newest.checked_at - newest.posted_at).total_seconds()
        )


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"credanchor_{name}", meaning, float(value))


def _gauges(name: str, meaning: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(f"credanchor_{name}", meaning, labels=[label])
    for value_of, value in values:
        family.add_metric([value_of], float(value))
    return family


def _age(moment: datetime | None, now: datetime) -> float:
    """Seconds since then; 0 when there is no such moment."""
    return (now - moment).total_seconds() if moment else 0.0
