"""When a list says it was signed."""

from datetime import timedelta

import pytest

from anchoring.core.status_freshness import Freshness, FreshnessRules, freshness, freshness_then, max_age_s
from tests.factories import NOON

RULES = FreshnessRules(refresh_s=300, valid_s=86_400, ttl_s=300)
S = timedelta(seconds=1)


def now(now_s: float, *, changed_s: float = -9999, head_s: float | None = None, pending: bool = False) -> Freshness:
    head = None if head_s is None else NOON + head_s * S
    return freshness(RULES, now=NOON + now_s * S, changed_at=NOON + changed_s * S, head_time=head, is_pending=pending)


@pytest.mark.parametrize(
    ("now_s", "changed_s", "head_s", "signed_s"),
    [
        (0, -9999, None, 0),
        (299.9, -9999, None, 0),
        (300, -9999, -9000, 300),
        (100, 20.7, None, 20),
        (100, 20, 31, 31),
        (10, -9999, 12, 12),
    ],
)
def test_a_list_that_the_ledger_shows_is_signed_once_a_period(
    now_s: float, changed_s: float, head_s: float | None, signed_s: int
) -> None:
    found = now(now_s, changed_s=changed_s, head_s=head_s)

    assert found == Freshness(signed_at=NOON + signed_s * S, valid_until=NOON + (signed_s + 86_400) * S, ttl_s=300)


@pytest.mark.parametrize(("now_s", "head_s", "signed_s"), [(7.9, None, 7), (7.9, 3, 7), (7.9, 7, 8), (7.9, 40, 41)])
def test_what_goes_beyond_the_ledger_is_signed_after_its_head(now_s: float, head_s: float | None, signed_s: int) -> None:
    found = now(now_s, changed_s=5, head_s=head_s, pending=True)

    assert found == Freshness(signed_at=NOON + signed_s * S, valid_until=NOON + (signed_s + 86_400) * S, ttl_s=15)


def test_a_shorter_time_to_live_holds_for_a_pending_list_too() -> None:
    rules = FreshnessRules(refresh_s=5, valid_s=60, ttl_s=3)

    assert freshness(rules, now=NOON, changed_at=NOON, head_time=None, is_pending=True).ttl_s == 3


def test_a_list_of_the_past_says_so() -> None:
    assert freshness_then(RULES, NOON + 0.5 * S) == Freshness(signed_at=NOON, valid_until=NOON + 86_400 * S, ttl_s=300)


@pytest.mark.parametrize(("after_s", "max_age"), [(0, 300), (86_200, 200), (86_400, 0), (99_999, 0)])
def test_no_cache_keeps_a_list_longer_than_it_is_valid(after_s: int, max_age: int) -> None:
    assert max_age_s(now(0), NOON + after_s * S) == max_age
