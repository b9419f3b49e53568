"""Trees and proofs made without a store, and a second, plain implementation of RFC 9162 to hold them against."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from anchoring.core.batch import Anchor, BatchState, BlockPlace
from anchoring.core.canonical import Canonicalization
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.proof import AnchorClaim, InclusionProof, Registry
from anchoring.core.tiles import SealedTree, Tile, TileCoordinate, build_tree, path_from_tiles, tiles_of_path
from anchoring.types import Address, Did, Digest, LeafHash, Root, Salt, as_block_hash, as_leaf_hash, as_salt, as_tx_hash
from tests.factories import NOON, UNIVERSITY, make_digest

VECTORS = Path(__file__).parent / "vectors"
REGISTRY = Registry(chain_id=31337, contract=Address("0x" + "5f" * 20))


def read_vectors(name: str) -> Any:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@cache
def make_leaves(count: int) -> tuple[LeafHash, ...]:
    return tuple(as_leaf_hash(leaf) for leaf in sorted(sha256(b"leaf %d" % i) for i in range(count)))


@dataclass(frozen=True)
class BuiltTree:
    """A tree with all its tiles, in the order in which they were handed over."""

    sealed: SealedTree
    tiles: dict[TileCoordinate, Tile]

    def path(self, leaf_index: int) -> list[bytes]:
        """As the store serves one: from the tiles that are asked for, and from no other."""
        wanted = tiles_of_path(leaf_index, self.sealed.tree_size)
        return path_from_tiles(leaf_index, self.sealed, {at: self.tiles[at] for at in wanted})


def build(leaves: Sequence[bytes]) -> BuiltTree:
    tiles: list[Tile] = []
    sealed = build_tree(b"".join(leaves), tiles.append)
    return BuiltTree(sealed, {tile.at: tile for tile in tiles})


# RFC 9162 as its text has it, by recursion, with our node hash


def rfc_split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def rfc_root(leaves: Sequence[bytes]) -> bytes:
    """Section 2.1.1."""
    if len(leaves) == 1:
        return leaves[0]
    k = rfc_split(len(leaves))
    return sha256(rfc_root(leaves[:k]) + rfc_root(leaves[k:]))


def rfc_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = rfc_split(len(leaves))
    if index < k:
        return [*rfc_path(index, leaves[:k]), rfc_root(leaves[k:])]
    return [*rfc_path(index - k, leaves[k:]), rfc_root(leaves[:k])]


# Proofs


@dataclass(frozen=True)
class Posted:
    """What stands behind one leaf."""

    issuer: Did
    salt: Salt
    digest: Digest

    @property
    def leaf(self) -> LeafHash:
        return leaf_hash(issuer_id_of(self.issuer), self.salt, self.digest)


def make_posted(i: int, issuer: Did = UNIVERSITY) -> Posted:
    return Posted(issuer, as_salt(sha256(b"salt %d" % i)[:16]), make_digest(i))


def make_claim(registry: Registry = REGISTRY, state: BatchState = BatchState.FINAL) -> AnchorClaim:
    return AnchorClaim(
        registry=registry,
        sequence=7,
        transaction=as_tx_hash(sha256(b"transaction")),
        block_number=12,
        block_hash=as_block_hash(sha256(b"block")),
        anchored_at=NOON + timedelta(seconds=5),
        state=state,
    )


def make_anchor(root: Root, leaf_count: int) -> Anchor:
    """The anchor that `make_claim` speaks of."""
    claim = make_claim()
    return Anchor(
        root=root,
        sequence=claim.sequence,
        leaf_count=leaf_count,
        anchored_by=Address("0x" + "a7" * 20),
        transaction=claim.transaction,
        block=BlockPlace(number=claim.block_number, hash=claim.block_hash),
        anchored_at=claim.anchored_at,
    )


def make_proof(posted: Posted | None = None, *, tree_size: int = 7) -> InclusionProof:
    """The proof of `posted` in a tree with `tree_size - 1` others."""
    subject = posted or make_posted(0)
    others = [make_posted(i) for i in range(1, tree_size)]
    leaves = sorted(one.leaf for one in [subject, *others])
    tree, leaf_index = build(leaves), leaves.index(subject.leaf)
    return InclusionProof(
        issuer=subject.issuer,
        digest=subject.digest,
        salt=subject.salt,
        canonicalization=Canonicalization.JCS,
        leaf_index=leaf_index,
        tree_size=tree_size,
        path=tuple(tree.path(leaf_index)),
        root=tree.sealed.root,
        anchor=make_claim(),
    )
