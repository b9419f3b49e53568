"""Drawing free indexes."""

import random

import pytest

from anchoring.core.status import MIN_ENTRIES, StatusBits
from anchoring.core.status_reservation import draw_indexes

ALL = b"\xff" * (MIN_ENTRIES // 8)


def seeded(seed: int = 1) -> random.Random:
    return random.Random(seed)


@pytest.mark.parametrize("count", [1, 1000, MIN_ENTRIES // 2 + 1, MIN_ENTRIES])
def test_indexes_are_distinct_free_and_reserved_afterwards(count: int) -> None:
    reserved = StatusBits.clear(MIN_ENTRIES)
    reserved.change(77, is_set=True)

    drawn = draw_indexes(reserved, count, seeded().randbytes)

    assert len(drawn) == len(set(drawn)) == min(count, MIN_ENTRIES - 1)
    assert 77 not in drawn
    assert set(reserved.indexes()) == {*drawn, 77}


def test_a_nearly_full_list_gives_what_is_left() -> None:
    reserved = StatusBits(ALL)
    for index in (0, 99, 131_071):
        reserved.change(index, is_set=False)

    assert sorted(draw_indexes(reserved, 5, seeded().randbytes)) == [0, 99, 131_071]
    assert draw_indexes(reserved, 5, seeded().randbytes) == []


@pytest.mark.parametrize(
    "content", [bytes(MIN_ENTRIES // 8), bytes(MIN_ENTRIES // 8 - 100) + b"\xff" * 100, ALL[:-200] + bytes(200)]
)
def test_every_free_index_is_as_likely(content: bytes) -> None:
    """Halves of what is free are met about equally often, sparse and nearly full alike."""
    draw = seeded(7)
    free = sorted(set(range(MIN_ENTRIES)) - set(StatusBits(content).indexes()))
    lower = set(free[: len(free) // 2])

    drawn = [draw_indexes(StatusBits(content), 1, draw.randbytes)[0] for _ in range(30 if content[0] else 400)]

    share = sum(index in lower for index in drawn) / len(drawn)
    assert 0.3 < share < 0.7
    assert drawn != sorted(drawn)


def test_numbers_that_a_remainder_would_favour_are_drawn_again() -> None:
    length = MIN_ENTRIES + 8
    asked = iter([b"\xff\xff\xff\xff", (5).to_bytes(4)])

    assert draw_indexes(StatusBits.clear(length), 1, lambda _size: next(asked)) == [5]
