"""Whatever ranges a node takes, every block is read once, with few calls."""

import math

import pytest

from anchoring.ledger.log_pages import log_pages
from anchoring.ledger.rpc import RpcRefusal


class Node:
    """Answers ranges of at most `limit` blocks with the blocks in them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.calls: list[tuple[int, int]] = []

    def __call__(self, first: int, last: int) -> list[int]:
        assert first <= last
        self.calls.append((first, last))
        if last - first + 1 > self.limit:
            raise RpcRefusal(-32005, f"range limited to {self.limit} blocks", None)
        return list(range(first, last + 1))


def read(node: Node, first: int, last: int, *, size: int) -> list[int]:
    return [block for page in log_pages(node, first, last, size=size) for block in page]


@pytest.mark.parametrize(("first", "last"), [(0, 0), (7, 7), (0, 999), (3, 10_002), (5, 4)])
@pytest.mark.parametrize("limit", [1, 2, 3, 999, 1000, 1001, 10**9])
@pytest.mark.parametrize("size", [1, 1000, 10_000])
def test_every_block_is_read_once_and_in_order(first, last, limit, size):
    node = Node(limit)
    assert read(node, first, last, size=size) == list(range(first, last + 1))


def test_nothing_is_refused_when_the_node_takes_the_page_size():
    node = Node(1000)
    read(node, 0, 99_999, size=1000)
    assert len(node.calls) == 100


@pytest.mark.parametrize("limit", [1, 2, 7, 100, 1000])
def test_calls_are_bounded_when_the_node_takes_less(limit):
    node, blocks = Node(limit), 50_000
    read(node, 0, blocks - 1, size=10_000)
    fewest = math.ceil(blocks / limit)
    assert len(node.calls) <= 2.5 * fewest + math.log2(10_000)


def test_pages_grow_again_after_a_dense_stretch():
    class Dense(Node):
        def __call__(self, first: int, last: int) -> list[int]:
            self.limit = 10 if first < 100 else 10**9
            return super().__call__(first, last)

    node = Dense(10)
    assert read(node, 0, 99_999, size=5_000) == list(range(100_000))
    assert len(node.calls) < 80


def test_single_block_that_is_refused_ends_the_reading():
    node = Node(0)
    with pytest.raises(RpcRefusal):
        read(node, 0, 99, size=100)
    assert node.calls[-1] == (0, 0)
    assert len(node.calls) == 7
