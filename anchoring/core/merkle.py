"""Inclusion in a Merkle tree of the RFC 9162 shape, over leaf hashes.

Two things differ from RFC 9162 section 2.1: leaves arrive hashed (`leaf.py`), and a node is SHA-256(left ‖ right) without a
prefix, so that left/right verifiers can walk our proofs. The shape is the same: a tree of n leaves splits at the largest power
of two below n, which is to say that a lone last node is promoted to the level above and never doubled.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

from anchoring.errors import VerificationError
from anchoring.types import LeafHash, Root, to_hex

MAX_LEAVES: Final = 1 << 20
NODE_BYTES: Final = 32

Side: TypeAlias = Literal["left", "right"]


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(left ‖ right): 64 bytes hashed, 32 returned."""
    return hashlib.sha256(left + right).digest()


def height(tree_size: int) -> int:
    """Levels above the leaves: 0 for one leaf, 10 for 1,000."""
    return (tree_size - 1).bit_length()


def sibling_sides(leaf_index: int, tree_size: int) -> Iterator[Side]:
    """On which side each sibling of the path stands, leaf side first. A promoted node has no sibling and no step.

    `leaf_index`: 0 ≤ leaf_index < tree_size.
    """
    index, last = leaf_index, tree_size - 1
    while last > 0:
        if index % 2 == 1:
            yield "left"
        elif index != last:
            yield "right"
        index >>= 1
        last >>= 1


def root_from_path(leaf: LeafHash, leaf_index: int, tree_size: int, path: Sequence[bytes]) -> Root:
    """The root that this path leads to, RFC 9162 section 2.1.3.2.

    `path`: n × 32 bytes, leaf side first; n follows from `leaf_index` and `tree_size` and is checked.

    Raises: VerificationError when index, size and path cannot belong together.
    """
    if not 1 <= tree_size <= MAX_LEAVES:
        raise VerificationError(f"a tree has 1 to {MAX_LEAVES} leaves, not {tree_size}")
    if not 0 <= leaf_index < tree_size:
        raise VerificationError(f"leaf index {leaf_index} is outside a tree of {tree_size} leaves")
    sides = list(sibling_sides(leaf_index, tree_size))
    if len(path) != len(sides):
        raise VerificationError(f"leaf {leaf_index} of {tree_size} has a path of {len(sides)} hashes, the proof has {len(path)}")
    node: bytes = leaf
    for side, sibling in zip(sides, path, strict=True):
        if len(sibling) != NODE_BYTES:
            raise VerificationError(f"{to_hex(sibling)} in the path is {len(sibling)} bytes long, not {NODE_BYTES}")
        node = node_hash(sibling, node) if side == "left" else node_hash(node, sibling)
    return Root(node)
