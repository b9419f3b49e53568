"""Which indexes of a list are given out next: drawn at random, so that neither age nor fill of a list shows from an index.

Bitstring Status List 1.0, section 5.1. What was given out stands in a bitmap of its own and is never published.
"""

from collections.abc import Callable
from typing import Final

from anchoring.core.status import StatusBits

_DRAW_BYTES: Final = 4
_ENUMERATE_BELOW: Final = 8
"""With fewer than one in so many free, drawing until a free one comes takes longer than to list them."""


def draw_indexes(reserved: StatusBits, count: int, random_bytes: Callable[[int], bytes]) -> list[int]:
    """Reserve up to `count` free indexes in the bitmap, and say which, in the order drawn; fewer only when none is left.

    `random_bytes`: as many as asked for, from the operating system.
    """
    free = len(reserved) - reserved.count()
    if free < len(reserved) // _ENUMERATE_BELOW or 2 * count > free:
        drawn = _draw_from(_free_indexes(reserved), count, random_bytes)
        for index in drawn:
            reserved.change(index, is_set=True)
        return drawn
    drawn = []
    while len(drawn) < count:
        for index in _below(len(reserved), count - len(drawn), random_bytes):
            if not reserved[index]:
                reserved.change(index, is_set=True)
                drawn.append(index)
    return drawn


def _free_indexes(reserved: StatusBits) -> list[int]:
    taken = set(reserved.indexes())
    return [index for index in range(len(reserved)) if index not in taken]


def _draw_from(free: list[int], count: int, random_bytes: Callable[[int], bytes]) -> list[int]:
    """The first steps of a shuffle (Fisher and Yates)."""
    for place in range(min(count, len(free))):
        [other] = _below(len(free) - place, 1, random_bytes)
        free[place], free[place + other] = free[place + other], free[place]
    return free[:count]


def _below(bound: int, count: int, random_bytes: Callable[[int], bytes]) -> list[int]:
    """`count` numbers from 0 to below `bound`, each as likely as the other: what a remainder would favour is drawn again."""
    fair, numbers = (1 << 8 * _DRAW_BYTES) // bound * bound, list[int]()
    while len(numbers) < count:
        content = random_bytes(_DRAW_BYTES * (count - len(numbers)))
        drawn = (int.from_bytes(content[i : i + _DRAW_BYTES]) for i in range(0, len(content), _DRAW_BYTES))
        numbers += [one % bound for one in drawn if one < fair]
    return numbers
