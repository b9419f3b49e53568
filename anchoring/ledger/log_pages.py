"""Paging through the logs of many blocks: nodes refuse a range, or an answer, that is too large, each at a size of its own."""

from collections.abc import Callable, Iterator
from typing import Any

from anchoring.ledger.rpc import RpcRefusal, TooLong


def log_pages(ask: Callable[[int, int], Any], first: int, last: int, *, size: int) -> Iterator[Any]:
    """What `ask` answers to consecutive ranges of at most `size` blocks, which cover `first` to `last`, both included.

    A range that is refused, or whose answer is too long to be read, is halved, and ranges grow by a quarter after each that was
    answered: at a limit below `size` about one call in four is refused, and never are there more than two calls a block.

    Raises: RpcRefusal and TooLong of a single block, RpcRefusal about the rate; whatever else `ask` raises.
    """
    page = size
    while first <= last:
        end = min(first + page - 1, last)
        try:
            answer = ask(first, end)
        except (RpcRefusal, TooLong) as refused:
            if first == end or (isinstance(refused, RpcRefusal) and refused.is_about_rate):
                raise
            page = (end - first + 1) // 2
            continue
        yield answer
        first, page = end + 1, min(size, page + page // 4 + 1)
