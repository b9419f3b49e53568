"""A stored tree held against what its leaves give: every tile, the right edge, the root."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from anchoring.core.merkle import NODE_BYTES
from anchoring.core.tiles import SealedTree, Tile, TileCoordinate, build_tree
from anchoring.types import to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedTree:
    """`leaves`: n × 32 bytes, as the tiles of level 0 hold them. `faults`: what is wrong, in words; empty when nothing is."""

    leaves: bytes
    faults: tuple[str, ...]

    def lacks(self, wanted: Iterable[bytes]) -> int:
        """How many of these leaves the tree does not have."""
        there = {self.leaves[start : start + NODE_BYTES] for start in range(0, len(self.leaves), NODE_BYTES)}
        return sum(leaf not in there for leaf in wanted)


def check_tree(tree: SealedTree, tiles: Iterable[Tile]) -> CheckedTree:
    """Compute the tree again from the leaves in its tiles, and compare. `tiles`: all of them, each level from the left."""
    leaves, stored = bytearray(), dict[TileCoordinate, bytes]()
    for tile in tiles:
        stored[tile.at] = _fingerprint(tile)
        if tile.at.level == 0:
            leaves += tile.served
    faults: list[str] = []

    def compare(tile: Tile) -> None:
        kept = stored.pop(tile.at, None)
        if kept != _fingerprint(tile):
            faults.append(
                f"tile {tile.at.n} of level {tile.at.level} is {'missing' if kept is None else 'not what its leaves give'}"
            )

    try:
        computed = build_tree(bytes(leaves), compare)
    except ValueError as wrong:
        return CheckedTree(leaves=bytes(leaves), faults=(*faults, str(wrong)))
    faults += [f"tile {at.n} of level {at.level} belongs to no tree of this size" for at in stored]
    if computed.tree_size != tree.tree_size:
        faults.append(f"the tiles hold {computed.tree_size} leaves, and {tree.tree_size} were sealed")
    if computed.root != tree.root:
        faults.append(f"the leaves give the root {to_hex(computed.root)}, and {to_hex(tree.root)} is recorded")
    elif computed.right_edge != tree.right_edge:
        faults.append("the right edge is not what the leaves give")
    return CheckedTree(leaves=bytes(leaves), faults=tuple(faults))


def _fingerprint(tile: Tile) -> bytes:
    """In place of the tile itself: a tree of a million leaves has 67 MB of them."""
    return hashlib.sha256(tile.width.to_bytes(2, "big") + tile.subtree).digest()
