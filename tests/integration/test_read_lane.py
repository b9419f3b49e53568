"""Requests that read at the same moment are read for together, and each is told its own."""

import asyncio
from typing import Any

import pytest

from anchoring.errors import NotFound
from anchoring.store.unit_of_work import SqlStore
from service.read_lane import MOST_AT_ONCE, ReadLane


@pytest.mark.parametrize("is_embedded", [True, False])
def test_many_who_ask_at_once_are_read_for_together(store: SqlStore, is_embedded: bool) -> None:
    """By a thread some at a time: the next are read while the first are answered."""
    sizes: list[int] = []
    told: list[Any] = []

    def double(_uow: Any, asked: list[int]) -> list[int | NotFound]:
        sizes.append(len(asked))
        return [NotFound("seven") if one == 7 else 2 * one for one in asked]

    async def main() -> None:
        lane = ReadLane(store, is_embedded=is_embedded)

        async def ask(number: int) -> None:
            try:
                told.append(await lane.read_together(double, number))
            except NotFound as unknown:
                told.append(unknown.message)

        await asyncio.gather(*map(ask, range(3 * MOST_AT_ONCE + 1)))
        lane.stop()

    asyncio.run(main())
    assert told == [2 * i if i != 7 else "seven" for i in range(3 * MOST_AT_ONCE + 1)]
    assert sizes == ([3 * MOST_AT_ONCE + 1] if is_embedded else [MOST_AT_ONCE] * 3 + [1])
