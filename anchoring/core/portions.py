"""Many things, some at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
K = TypeVar("K")


def portions(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`, none of them empty; `itertools.batched` is there from Python 3.12 on."""
    coming = iter(items)
    while some := list(islice(coming, size)):
        yield some


def pages(read: Callable[[K], Sequence[T]], key: Callable[[T], K], start: K) -> Iterator[T]:
    """All that `read` gives beyond a key, page by page. `key`: of an item; the next page begins beyond that of the last."""
    while some := read(start):
        yield from some
        start = key(some[-1])
