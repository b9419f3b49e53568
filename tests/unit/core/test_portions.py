"""Portions: everything once, in order, and nothing read ahead of what is asked for."""

from itertools import count

import pytest

from anchoring.core.portions import portions


@pytest.mark.parametrize(
    ("length", "expected"),
    [(0, []), (1, [[0]]), (2, [[0, 1]]), (3, [[0, 1], [2]]), (4, [[0, 1], [2, 3]])],
)
def test_portions_hold_everything_in_order_and_none_is_empty(length, expected):
    assert list(portions(range(length), 2)) == expected


def test_portions_read_no_further_than_asked_for():
    numbers = count()
    assert next(portions(numbers, 3)) == [0, 1, 2]
    assert next(numbers) == 3
