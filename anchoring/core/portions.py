"""Many things, some at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def portions(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`, none of them empty; `itertools.batched` is there from Python 3.12 on."""
    coming = iter(items)
    while some := list(islice(coming, size)):
        yield some
