"""A sealed tree cut into tiles, as C2SP tlog-tiles cuts one (its layout, not its hashing).

A tile of level L holds up to 256 neighbouring nodes of tree level 8·L, with every complete subtree above them up to seven
levels: 256 + 128 + … + 2 hashes, 16,320 bytes when full. The first `width` hashes are the tile that is served; the rest saves
hashing at each request. Tiles hold complete subtrees only. The incomplete nodes on the right edge of the tree, at most one a
level, are the `right_edge`, kept with the batch. So a path is slices of at most three tiles, and nothing is hashed for it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, chain, islice
from operator import lt
from struct import iter_unpack
from typing import Final, NamedTuple, Self

from anchoring.core.merkle import MAX_LEAVES, NODE_BYTES, height, node_hash
from anchoring.errors import StateCorrupt
from anchoring.types import LeafHash, Root

TILE_LEVELS: Final = 8
TILE_WIDTH: Final = 1 << TILE_LEVELS
TILE_BYTES: Final = TILE_WIDTH * NODE_BYTES
PAIR_BYTES: Final = 2 * NODE_BYTES
STRETCH_TILES: Final = 64
STRETCH_BYTES: Final = STRETCH_TILES * TILE_BYTES
"""Nodes looked at together: 512 KiB."""

_PAIR: Final = f"{PAIR_BYTES}s"


class TileCoordinate(NamedTuple):
    """Which tile: `level` counts tiles upwards from the leaves, `n` from the left."""

    level: int
    n: int


class Tile(NamedTuple):
    """One tile and the complete subtrees above it. A tuple, which other processes are sent in a third of the time.

    `width`: 1 to 256 nodes. `subtree`: hashes of 32 bytes, lowest level first: `width`, then `width // 2`, … down to level 7.
    """

    at: TileCoordinate
    width: int
    subtree: bytes

    @classmethod
    def over(cls, at: TileCoordinate, nodes: bytes) -> Self:
        """The tile over `nodes` (1 to 256 × 32 bytes), its subtrees hashed."""
        sha256 = hashlib.sha256  # a node is the hash of what stands side by side in the level below
        levels = [nodes]
        while len(levels) < TILE_LEVELS:
            below = levels[-1]
            pairs = iter_unpack(_PAIR, below[: len(below) // PAIR_BYTES * PAIR_BYTES])
            levels.append(b"".join([sha256(pair).digest() for (pair,) in pairs]))
        return cls(at=at, width=len(nodes) // NODE_BYTES, subtree=b"".join(levels))

    @property
    def served(self) -> bytes:
        """The tile as tlog-tiles serves it: `width` × 32 bytes."""
        return self.subtree[: self.width * NODE_BYTES]

    @property
    def is_full(self) -> bool:
        return self.width == TILE_WIDTH

    @property
    def top(self) -> bytes:
        """The one node above a full tile, which stands in the tile of the next level."""
        return node_hash(self.node(TILE_LEVELS - 1, 0), self.node(TILE_LEVELS - 1, 1))

    def node(self, levels_up: int, offset: int) -> bytes:
        """The complete subtree `levels_up` (0 to 7) above the tile's own level, `offset` counted from the tile's left."""
        start = (_below(self.width)[levels_up] + offset) * NODE_BYTES
        return self.subtree[start : start + NODE_BYTES]

    def index_of(self, leaf: LeafHash) -> int | None:
        """Index in the tree of a leaf that stands in this tile of level 0, found by its place; None if it does not."""
        start = self.subtree.find(leaf, 0, self.width * NODE_BYTES)
        while start % NODE_BYTES and start >= 0:  # a hash that begins inside another is none
            start = self.subtree.find(leaf, start + 1, self.width * NODE_BYTES)
        return None if start < 0 else self.at.n * TILE_WIDTH + start // NODE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTree:
    """What stays of a tree besides its tiles.

    `right_edge`: n × 32 bytes, the incomplete last node of each tree level that has one, lowest first, without the root.
    """

    tree_size: int
    root: Root
    right_edge: bytes


def build_tree(leaves: bytes | bytearray, keep: Callable[[Tile], None]) -> SealedTree:
    """Hash the tree over `leaves` and hand each tile to `keep` as soon as it is made, level 0 first, from the left.

    `leaves`: n × 32 bytes, ascending and distinct; 1 ≤ n ≤ 2^20.

    Raises: ValueError for no leaves, too many, or leaves out of order.
    """
    tree_size = len(leaves) // NODE_BYTES
    if not 1 <= tree_size <= MAX_LEAVES:
        raise ValueError(f"a tree has 1 to {MAX_LEAVES} leaves, not {tree_size}")
    _require_ascending(leaves)
    return build_upon(tree_size, _tiles_over(leaves, 0), keep)


def build_upon(tree_size: int, tiles: Iterable[Tile], keep: Callable[[Tile], None]) -> SealedTree:
    """As `build_tree`, over the tiles of level 0, which come from the left."""
    peaks: dict[int, bytes] = {}
    level = 0
    while True:
        tops = []
        for tile in tiles:
            keep(tile)
            if tile.is_full:
                tops.append(tile.top)
            else:
                peaks |= _peaks_of(tile)
        if not tops:
            return _close(tree_size, peaks)
        level += 1
        tiles = _tiles_over(b"".join(tops), level)


class Stretch(NamedTuple):
    """Neighbouring nodes of a tile level. `first`: the tile that they begin with; `nodes`: n × 32 bytes."""

    first: TileCoordinate
    nodes: bytes


def stretches(nodes: Iterable[bytes], level: int = 0) -> Iterator[Stretch]:
    """Each can be hashed for itself, and elsewhere. `nodes`: all of a level from the left, `STRETCH_BYTES` at a time."""
    for i, some in enumerate(nodes):
        yield Stretch(TileCoordinate(level, i * STRETCH_TILES), some)


def hash_stretch(stretch: Stretch) -> list[Tile]:
    """Its tiles, from the left."""
    (level, first), nodes = stretch
    starts = range(0, len(nodes), TILE_BYTES)
    return [Tile.over(TileCoordinate(level, first + i), nodes[start : start + TILE_BYTES]) for i, start in enumerate(starts)]


def tiles_of_path(leaf_index: int, tree_size: int) -> list[TileCoordinate]:
    """The tiles that hold the complete siblings of one leaf's path: its own tile first, at most one a tile level."""
    coordinates = []
    level, nodes = 0, tree_size
    while nodes > 0 and TILE_LEVELS * level < height(tree_size):
        n = leaf_index >> (TILE_LEVELS * (level + 1))
        if n * TILE_WIDTH < nodes:
            coordinates.append(TileCoordinate(level, n))
        level += 1
        nodes >>= TILE_LEVELS
    return coordinates


def path_from_tiles(leaf_index: int, tree: SealedTree, tiles: Mapping[TileCoordinate, Tile]) -> list[bytes]:
    """The siblings of one leaf's path, leaf side first, from the tiles named by `tiles_of_path`.

    Raises: StateCorrupt when a tile is missing.
    """
    at = TileCoordinate(0, leaf_index // TILE_WIDTH)
    return path_in_tile(leaf_index, tree, tiles.get(at)) + path_above_tile(at.n, tree, tiles)


def path_in_tile(leaf_index: int, tree: SealedTree, tile: Tile | None) -> list[bytes]:
    """The part of the path that stands in the leaf's own tile, up to eight siblings. Raises: StateCorrupt without that."""
    return _path_through(0, leaf_index, tree, tile)


def path_above_tile(n: int, tree: SealedTree, tiles: Mapping[TileCoordinate, Tile]) -> list[bytes]:
    """The rest of the path: the same for all leaves of tile `n` of level 0. Raises: as `path_from_tiles`."""
    path: list[bytes] = []
    for tile_level in range(1, -(-height(tree.tree_size) // TILE_LEVELS)):
        tile = tiles.get(TileCoordinate(tile_level, n >> (TILE_LEVELS * tile_level)))
        path += _path_through(tile_level, n * TILE_WIDTH, tree, tile)
    return path


def _path_through(tile_level: int, leaf_index: int, tree: SealedTree, tile: Tile | None) -> list[bytes]:
    """The part of a path in the levels of one tile, `tile`: None where the tree has none, or it is missing."""
    lowest = TILE_LEVELS * tile_level
    if tile and tile.is_full:
        return [*map(tile.subtree.__getitem__, _siblings((leaf_index >> lowest) % TILE_WIDTH))]
    path: list[bytes] = []
    for level in range(lowest, min(height(tree.tree_size), lowest + TILE_LEVELS)):
        path += _sibling(level, leaf_index, tree, tile)
    return path


def tile_counts(tree_size: int) -> list[int]:
    """How many tiles each tile level of a tree has, lowest first."""
    counts, nodes = [], tree_size
    while nodes:
        counts.append(-(-nodes // TILE_WIDTH))
        nodes //= TILE_WIDTH
    return counts


def edge_tiles(tree_size: int) -> list[TileCoordinate]:
    """The partial tiles in which the levels end, lowest first; a level that ends with a full tile has none."""
    counts = enumerate(tile_counts(tree_size))
    return [TileCoordinate(level, count - 1) for level, count in counts if (tree_size >> (TILE_LEVELS * level)) % TILE_WIDTH]


def tree_with_edge(tree_size: int, edge: Iterable[Tile]) -> SealedTree:
    """What `build_tree` returned, from the tiles named by `edge_tiles`. Raises: StateCorrupt when one is missing."""
    peaks: dict[int, bytes] = {}
    for tile in edge:
        peaks |= _peaks_of(tile)
    if sum(1 << level for level in peaks) != tree_size:
        raise StateCorrupt(f"the right edge of a tree of {tree_size} leaves is not whole")
    return _close(tree_size, peaks)


def served_width(at: TileCoordinate, tree_size: int) -> int:
    """How many nodes the tile at these coordinates has: 0 where the tree has no such tile."""
    nodes = tree_size >> (TILE_LEVELS * at.level)
    return max(0, min(TILE_WIDTH, nodes - at.n * TILE_WIDTH))


@cache
def _below(width: int) -> tuple[int, ...]:
    """How many nodes a tile's subtree has below each of its levels."""
    return tuple(accumulate((width >> level for level in range(TILE_LEVELS - 1)), initial=0))


def _require_ascending(leaves: bytes | bytearray) -> None:
    for begin in range(0, len(leaves), STRETCH_BYTES):
        stretch = leaves[begin : begin + STRETCH_BYTES + NODE_BYTES]  # with the first of the next
        some = [stretch[start : start + NODE_BYTES] for start in range(0, len(stretch), NODE_BYTES)]
        if not all(map(lt, some, islice(some, 1, None))):
            raise ValueError("leaf hashes must be ascending and distinct")


def _tiles_over(nodes: bytes | bytearray, level: int) -> Iterator[Tile]:
    cut = (bytes(nodes[start : start + STRETCH_BYTES]) for start in range(0, len(nodes), STRETCH_BYTES))
    return chain.from_iterable(map(hash_stretch, stretches(cut, level)))


def _peaks_of(last: Tile) -> dict[int, bytes]:
    """The largest complete subtrees that end in the last, partial tile of a level, by tree level."""
    return {
        TILE_LEVELS * last.at.level + up: last.node(up, (last.width >> up) - 1)
        for up in range(TILE_LEVELS)
        if last.width >> up & 1
    }


def _close(tree_size: int, peaks: Mapping[int, bytes]) -> SealedTree:
    """Join the peaks, smallest first; every partial join but the last is the incomplete node of its level."""
    edge: list[bytes] = []
    node: bytes | None = None
    for level in range(tree_size.bit_length()):
        if level in peaks:
            node = peaks[level] if node is None else node_hash(peaks[level], node)
        if node is not None:
            edge.append(node)
    root = edge.pop()
    return SealedTree(tree_size=tree_size, root=Root(root), right_edge=b"".join(edge))


@cache
def _siblings(offset: int) -> tuple[slice, ...]:
    """Where the siblings of one node's path stand in the subtree of a full tile, one a level."""
    starts = [(below + ((offset >> up) ^ 1)) * NODE_BYTES for up, below in enumerate(_below(TILE_WIDTH))]
    return tuple(slice(start, start + NODE_BYTES) for start in starts)


def _sibling(level: int, leaf_index: int, tree: SealedTree, tile: Tile | None) -> list[bytes]:
    """The sibling at one tree level, from the partial tile of that level; none where a node is promoted."""
    sibling = (leaf_index >> level) ^ 1
    complete = tree.tree_size >> level
    if sibling < complete:
        tile_level, up = divmod(level, TILE_LEVELS)
        n = sibling >> (TILE_LEVELS - up)
        if tile is None:
            raise StateCorrupt(f"tile {n} of level {tile_level} is missing")
        return [tile.node(up, sibling - (n << (TILE_LEVELS - up)))]
    return [_edge_node(level, tree)] if sibling == complete and tree.tree_size % (1 << level) else []


def _edge_node(level: int, tree: SealedTree) -> bytes:
    """The incomplete last node of `level`; the lowest level that has one is just above the lowest set bit of the size."""
    lowest = (tree.tree_size & -tree.tree_size).bit_length()
    start = (level - lowest) * NODE_BYTES
    return tree.right_edge[start : start + NODE_BYTES]
