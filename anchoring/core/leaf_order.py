"""Leaves put in the order in which a tree has them.

Python would make an object of each of a million leaves to sort them, which takes nearly as long as to hash them. numpy sorts
their first eight bytes, and the leaves stay where they are. Two of 2^20 leaves begin alike once in thirty million trees.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from anchoring.core.merkle import NODE_BYTES
from anchoring.core.tiles import STRETCH_BYTES

BEGINNING: Final = np.dtype(">u8")
STRETCH: Final = STRETCH_BYTES // NODE_BYTES


def ascending(leaves: bytes | bytearray) -> Iterator[bytes]:
    """`leaves`: n × 32 bytes in any order, and to be left as they are. Returns them ascending, `STRETCH_BYTES` at a time.

    Raises: ValueError for a leaf that is there twice, before any is returned.
    """
    order = _order(leaves)
    each = np.frombuffer(leaves, np.uint8).reshape(-1, NODE_BYTES)
    for start in range(0, len(order), STRETCH):
        yield each[order[start : start + STRETCH]].tobytes()


def _order(leaves: bytes | bytearray) -> np.typing.NDArray[np.int64]:
    """Of each place the index of the leaf that belongs there."""
    beginnings = np.frombuffer(leaves, BEGINNING)[:: NODE_BYTES // BEGINNING.itemsize].astype(np.uint64)
    order = beginnings.argsort()
    beginnings.sort()
    if (beginnings[1:] != beginnings[:-1]).all():
        return order
    each = [bytes(leaves[start : start + NODE_BYTES]) for start in range(0, len(leaves), NODE_BYTES)]
    if len(set(each)) != len(each):
        raise ValueError("leaf hashes must be distinct")
    return np.array(sorted(range(len(each)), key=each.__getitem__))
