"""How much somebody may ask for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.core.allowance import Allowance

TEN_A_MINUTE = Allowance(quota=10, window_s=60.0)


def test_quota_may_be_spent_at_once_and_comes_back_evenly() -> None:
    full_at = 0.0
    for left in reversed(range(10)):
        spent = TEN_A_MINUTE.spend(full_at, 1000.0)
        assert [spent.remaining, spent.full_in_s, spent.wait_s] == pytest.approx([left, 60 - 6 * left, 0])
        full_at = spent.full_at
    refused = TEN_A_MINUTE.spend(full_at, 1000.0)
    assert [refused.remaining, refused.full_in_s, refused.wait_s] == pytest.approx([0, 60, 6])
    assert refused.full_at == full_at, "to be refused costs nothing"
    assert TEN_A_MINUTE.spend(full_at, 1005.9).wait_s == pytest.approx(0.1)
    assert TEN_A_MINUTE.spend(full_at, 1006.0).wait_s == 0.0
    assert TEN_A_MINUTE.spend(full_at, 1030.0).remaining == 4
    assert TEN_A_MINUTE.spend(full_at, 5000.0).remaining == 9


def test_more_than_the_quota_is_never_there() -> None:
    assert TEN_A_MINUTE.spend(0.0, 1000.0, 10).wait_s == 0.0
    refused = TEN_A_MINUTE.spend(0.0, 1000.0, 11)
    assert [refused.full_at, refused.remaining, refused.wait_s] == pytest.approx([1000, 10, 6])


def test_clock_that_was_set_back_locks_nobody_out_for_longer_than_a_window() -> None:
    full_at = TEN_A_MINUTE.spend(0.0, 1_000_000.0, 10).full_at

    assert TEN_A_MINUTE.spend(full_at, 500.0).wait_s == pytest.approx(6)


@given(
    quota=st.integers(1, 1000),
    window_s=st.floats(0.1, 86_400),
    asked=st.lists(st.tuples(st.floats(0, 100), st.integers(1, 50)), max_size=200),
)
def test_no_window_sees_more_than_twice_the_quota(quota: int, window_s: float, asked: list[tuple[float, int]]) -> None:
    """Once the burst, and once what came back meanwhile; and whoever waits as told is let through."""
    allowance, full_at, now, spent = Allowance(quota, window_s), 0.0, 10.0, []
    for pause, cost in asked:
        now += pause
        found = allowance.spend(full_at, now, cost)
        if found.wait_s:
            later = now + found.wait_s
            assert cost > quota or allowance.spend(full_at, later, cost).wait_s == 0.0
        else:
            spent.append((now, cost))
        assert 0 <= found.remaining <= quota
        full_at = found.full_at
    for begin, _ in spent:
        assert sum(cost for at, cost in spent if begin <= at < begin + window_s) <= 2 * quota
