"""How long a digest is told to wait."""

from datetime import datetime, timedelta

import pytest

from anchoring.core.batch import BatchState
from anchoring.core.pace import Pace
from tests.factories import NOON


def seconds_ago(*seconds: float) -> list[datetime]:
    return [NOON - timedelta(seconds=s) for s in seconds]


def pace(rounds_started: list[datetime], to_anchor_s: list[float] | None = None) -> Pace:
    return Pace(rounds_started=rounds_started, to_anchor_s=to_anchor_s or [], configured_period_s=60.0)


@pytest.mark.parametrize(
    ("rounds_started", "period_s"),
    [
        ([], 60.0),
        (seconds_ago(5), 60.0),
        (seconds_ago(5, 35), 30.0),
        (seconds_ago(0, 10, 30, 1000), 20.0),  # one long gap does not count
    ],
)
def test_period_is_the_median_of_what_was_seen(rounds_started: list[datetime], period_s: float) -> None:
    assert pace(rounds_started).period_s == period_s


@pytest.mark.parametrize("state", [BatchState.WAITING, BatchState.SEALED])
def test_digest_that_was_not_sent_waits_for_the_next_round_and_the_ledger(state: BatchState) -> None:
    assert pace(seconds_ago(5, 35), [2.0, 4.0, 100.0]).wait_s(state, NOON) == 25 + 4


@pytest.mark.parametrize("state", [BatchState.SUBMITTED, BatchState.CONFIRMED, BatchState.FINAL])
def test_digest_that_was_sent_waits_for_the_ledger_only(state: BatchState) -> None:
    assert pace(seconds_ago(5, 35), [2.0, 4.0, 100.0]).wait_s(state, NOON) == 4


@pytest.mark.parametrize(
    ("rounds_started", "wait_s"),
    [
        ([], 60),  # nothing is known yet: one period
        (seconds_ago(5), 55),
        (seconds_ago(29, 59), 1),
        (seconds_ago(30, 60), 15),  # due now, or overdue: half a period
        (seconds_ago(500, 530), 15),
        (seconds_ago(-10, 20), 40),  # the clocks of two machines differ
    ],
)
def test_wait_runs_to_the_next_round(rounds_started: list[datetime], wait_s: int) -> None:
    assert pace(rounds_started).wait_s(BatchState.WAITING, NOON) == wait_s


@pytest.mark.parametrize(
    ("to_anchor_s", "wait_s"),
    [([], 1), ([0.2], 1), ([-30.0], 1), ([2.6], 3), ([3_599.0], 3_599), ([3_601.0], 3_600), ([10.0**9], 3_600)],
)
def test_wait_is_one_second_to_one_hour(to_anchor_s: list[float], wait_s: int) -> None:
    assert pace([], to_anchor_s).wait_s(BatchState.SUBMITTED, NOON) == wait_s
