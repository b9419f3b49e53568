"""The leaves of a tree in parts, for which several processes can do all that takes long, each knowing nothing of the others.

Entries are hashed some at a time, in any order. Each such run of leaves is cut by how they begin, so that all that begin alike
come together in one part, and parts follow each other before any is sorted. Then each part is sorted and hashed into tiles by
itself; the few leaves at its ends that share a tile with its neighbours' are left to whoever puts the tree together.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import lt
from typing import Final, NamedTuple

from anchoring.core.leaf import SaltedDigests, leaf_hashes
from anchoring.core.merkle import NODE_BYTES
from anchoring.core.tiles import TILE_BYTES, TILE_WIDTH, Tile, TileCoordinate

BEGINNINGS: Final = 64
"""How finely leaves are told apart by their first byte."""

LEAST_LEAVES: Final = 1 << 14
"""A part has so many, if the tree does: some of its tiles are left to others, and these should be few."""


def hash_run(of: SaltedDigests) -> bytes:
    """The leaves of some entries, ascending: n × 32 bytes."""
    return b"".join(sorted(leaf_hashes(of)))


class Part(NamedTuple):
    """Leaves that begin alike, in any order. `before`: how many leaves of the tree stand left of them; `leaves`: n × 32 bytes."""

    before: int
    leaves: bytes


class HashedPart(NamedTuple):
    """A part sorted. `subtrees`: of the tiles that lie in it whole. `head`, `tail`: its leaves left and right of these."""

    head: bytes
    subtrees: list[bytes]
    tail: bytes


class LeafParts:
    """Takes runs and gives parts. `count`: leaves taken."""

    def __init__(self) -> None:
        self._pieces: list[list[bytes]] = [[] for _ in range(BEGINNINGS)]
        self.count = 0

    def add(self, run: bytes) -> None:
        """`run`: ascending leaves, n × 32 bytes."""
        size = len(run) // NODE_BYTES
        self.count += size
        start = 0
        for beginning, pieces in enumerate(self._pieces):
            first_byte = (beginning + 1) * 256 // BEGINNINGS
            end = bisect_left(range(size), first_byte, lo=start, key=lambda i: run[i * NODE_BYTES])
            pieces.append(run[start * NODE_BYTES : end * NODE_BYTES])
            start = end

    def take(self) -> Iterator[Part]:
        """Every part from the left. None is held here any longer."""
        before, some = 0, bytearray()
        for pieces in self._pieces:
            some += b"".join(pieces)
            pieces.clear()
            if len(some) >= LEAST_LEAVES * NODE_BYTES:
                yield Part(before, bytes(some))
                before += len(some) // NODE_BYTES
                some.clear()
        if some:
            yield Part(before, bytes(some))


def hash_part(part: Part) -> HashedPart:
    """Sort it and hash its tiles. Raises: ValueError for a leaf that is there twice."""
    leaves = [part.leaves[start : start + NODE_BYTES] for start in range(0, len(part.leaves), NODE_BYTES)]
    leaves.sort()
    if not all(map(lt, leaves, islice(leaves, 1, None))):
        raise ValueError("leaf hashes must be distinct")
    packed = b"".join(leaves)
    begin = min(len(packed), -part.before % TILE_WIDTH * NODE_BYTES)
    end = begin + (len(packed) - begin) // TILE_BYTES * TILE_BYTES
    starts = range(begin, end, TILE_BYTES)
    subtrees = [Tile.over(TileCoordinate(0, 0), packed[start : start + TILE_BYTES]).subtree for start in starts]
    return HashedPart(packed[:begin], subtrees, packed[end:])


def tiles_of(parts: Iterable[HashedPart]) -> Iterator[Tile]:
    """The tiles of level 0 from the left, the last one as wide as it is. `parts`: all of them, from the left."""
    n, shared = 0, b""
    for part in parts:
        shared += part.head
        if len(shared) == TILE_BYTES:
            yield Tile.over(TileCoordinate(0, n), shared)
            n, shared = n + 1, b""
        for subtree in part.subtrees:
            yield Tile(at=TileCoordinate(0, n), width=TILE_WIDTH, subtree=subtree)
            n += 1
        shared += part.tail
    if shared:
        yield Tile.over(TileCoordinate(0, n), shared)
