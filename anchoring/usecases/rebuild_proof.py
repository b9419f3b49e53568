"""A proof from static files alone, for a holder who has digest and salt: nobody who knows either is asked.

The files are not trusted. What they lead to is a path from the holder's own leaf to a root, or nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final, TypeVar

from anchoring.core.bundle import Bundle, bundle_from_json
from anchoring.core.canonical import Canonicalization
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.merkle import NODE_BYTES, root_from_path
from anchoring.core.proof import InclusionProof
from anchoring.core.published import (
    BUNDLE_BYTES,
    PAGE_BYTES,
    PAGES_PATH,
    SHORT_BYTES,
    PublishedBatch,
    batch_from_json,
    batch_path,
    bundle_path,
    page_from_json,
    page_path,
    pages_from_json,
    tile_path,
)
from anchoring.core.strict_json import parse
from anchoring.core.tiles import (
    TILE_BYTES,
    TILE_WIDTH,
    Tile,
    TileCoordinate,
    edge_tiles,
    path_from_tiles,
    served_width,
    tile_counts,
    tiles_of_path,
    tree_with_edge,
)
from anchoring.errors import InvalidInput, MalformedProof, NotFound, VerificationError
from anchoring.ports.runtime import Progress
from anchoring.ports.static_files import StaticFiles
from anchoring.types import Did, Digest, LeafHash, Root, Salt, to_hex

T = TypeVar("T")

SUCH_A_LEAF: Final = "a leaf of this digest, issuer and salt"

GUESSES = 4
"""Leaves are hashes, so where one stands can be guessed. Against tiles made to deceive guesses it goes on by halves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEntry:
    """What the holder, or the issuer, has of an entry: all that its leaf is made of. `canonicalization` is a hint."""

    issuer: Did
    digest: Digest
    salt: Salt
    canonicalization: Canonicalization | None = None

    @property
    def leaf(self) -> LeafHash:
        return leaf_hash(issuer_id_of(self.issuer), self.salt, self.digest)


def rebuild_proof(
    files: StaticFiles, entry: OwnEntry, progress: Progress, *, root: Root | None = None, since: datetime | None = None
) -> InclusionProof:
    """The proof of an entry in the published batch with this root, or in whichever has it, of those anchored `since`.

    Its path is verified; that the root is anchored is for the ledger to show. Damaged files of one batch leave the others.

    Raises: NotFound when no batch has the leaf, as their own tiles show; FilesUnavailable; VerificationError when it was not
    found and files are missing or are not those of a tree.
    """
    damage: list[VerificationError] = []
    without: list[PublishedBatch] = []
    for batch in _candidates(files, progress, root, since, damage):
        try:
            *_, tile = _search(files, batch, entry.leaf)
            leaf_index = tile.index_of(entry.leaf)
            if leaf_index is not None:
                return _prove(files, batch, entry, tile, leaf_index)
            without.append(batch)
        except VerificationError as damaged:
            damage.append(damaged)
    first = next(chain(damage, _found_damaged(files, without, entry.leaf, progress)), None)
    if first is None:
        raise NotFound(f"no published batch has {SUCH_A_LEAF}: one of them is another, or the batch is not published yet")
    if root:
        raise first
    raise VerificationError(
        f"{first.message}; no batch whose files are whole has {SUCH_A_LEAF} (--root looks at one batch alone)"
    )


def published_bundle(files: StaticFiles, root: Root) -> Bundle | None:
    """What is said to show the anchor without a node; None where none is published.

    Raises: FilesUnavailable; VerificationError when the file is none.
    """
    return _read_json(files, bundle_path(root), BUNDLE_BYTES, bundle_from_json)


def _candidates(
    files: StaticFiles, progress: Progress, root: Root | None, since: datetime | None, damage: list[VerificationError]
) -> Iterator[PublishedBatch]:
    """What may have the leaf; pages that cannot be read are added to `damage`."""
    if root is not None:
        yield _read_batch(files, root)
        return
    pages = _read_json(files, PAGES_PATH, SHORT_BYTES, pages_from_json)
    if pages is None:
        raise NotFound(f"nothing is published there: no file {PAGES_PATH}")
    for number in range(pages):
        try:
            page = _read_json(files, page_path(number), PAGE_BYTES, page_from_json)
        except VerificationError as damaged:
            damage.append(damaged)
            continue
        if page is None:
            damage.append(VerificationError(f"{page_path(number)}: is missing"))
            continue
        wanted = [batch for batch in page if since is None or batch.anchor.anchored_at >= since]
        for done, batch in enumerate(wanted):
            progress(f"looking through page {number}", done, len(wanted))
            yield batch


def _read_batch(files: StaticFiles, root: Root) -> PublishedBatch:
    path = batch_path(root)
    batch = _read_json(files, path, SHORT_BYTES, batch_from_json)
    if batch is None:
        raise NotFound(f"no batch with root {to_hex(root)} is published there")
    if batch.root != root:
        raise VerificationError(f"{path}: speaks of root {to_hex(batch.root)}")
    return batch


def _read_json(files: StaticFiles, path: str, most: int, read: Callable[[object], T]) -> T | None:
    content = _read(files, path, most)
    try:
        return None if content is None else read(parse(content))
    except (InvalidInput, MalformedProof) as malformed:
        raise VerificationError(f"{path}: {malformed.message}") from malformed


def _search(files: StaticFiles, batch: PublishedBatch, leaf: LeafHash) -> Iterator[Tile]:
    """Tiles of level 0, nearer and nearer to the leaf. If it stands in any, it stands in the last of them."""
    value = int.from_bytes(leaf)
    low, high = 0, tile_counts(batch.tree_size)[0] - 1
    least, above = 0, 1 << (8 * NODE_BYTES)  # bounds of the leaves from tile `low` to tile `high`
    tries = 0
    while low <= high and least <= value < above:
        guess = low + (value - least) * (high - low + 1) // (above - least)
        n = guess if tries < GUESSES else (low + high) // 2
        tile = _read_tile(files, batch, TileCoordinate(0, n))
        yield tile
        first, last = int.from_bytes(tile.served[:NODE_BYTES]), int.from_bytes(tile.served[-NODE_BYTES:])
        if value < first:
            high, above = n - 1, first
        elif value > last:
            low, least = n + 1, last + 1
        else:
            return
        tries += 1


def _found_damaged(
    files: StaticFiles, without: list[PublishedBatch], leaf: LeafHash, progress: Progress
) -> Iterator[VerificationError]:
    """That a leaf is in no batch, their own tiles alone can show: those that the search saw are read again, up to the root."""
    for done, batch in enumerate(without):
        progress("looking whether the files are whole", done, len(without))
        try:
            for tile in _search(files, batch, leaf):
                first, leaf_index = LeafHash(tile.served[:NODE_BYTES]), tile.at.n * TILE_WIDTH
                if root_from_path(first, leaf_index, batch.tree_size, _path(files, batch, tile, leaf_index)) != batch.root:
                    yield VerificationError(
                        f"{tile_path(batch.root, tile.at)}: does not lead to the root, or a tile above it does not"
                    )
        except VerificationError as damaged:
            yield damaged


def _prove(files: StaticFiles, batch: PublishedBatch, entry: OwnEntry, tile: Tile, leaf_index: int) -> InclusionProof:
    proof = InclusionProof(
        issuer=entry.issuer,
        digest=entry.digest,
        salt=entry.salt,
        canonicalization=entry.canonicalization,
        leaf_index=leaf_index,
        tree_size=batch.tree_size,
        path=tuple(_path(files, batch, tile, leaf_index)),
        root=batch.root,
        anchor=batch.anchor,
    )
    proof.verify_path()
    return proof


def _path(files: StaticFiles, batch: PublishedBatch, tile: Tile, leaf_index: int) -> list[bytes]:
    """Of a leaf in `tile`, from that and the tiles above it and on the right edge. All leaves of the tile have part in it."""
    edge, path = edge_tiles(batch.tree_size), tiles_of_path(leaf_index, batch.tree_size)
    tiles = {at: tile if at == tile.at else _read_tile(files, batch, at) for at in {*edge, *path}}
    tree = tree_with_edge(batch.tree_size, [tiles[at] for at in edge])
    return path_from_tiles(leaf_index, tree, tiles)


def _read_tile(files: StaticFiles, batch: PublishedBatch, at: TileCoordinate) -> Tile:
    path = tile_path(batch.root, at)
    nodes = _read(files, path, TILE_BYTES)
    if nodes is None:
        raise VerificationError(f"{path}: is missing")
    expected = NODE_BYTES * served_width(at, batch.tree_size)
    if len(nodes) != expected:
        raise VerificationError(f"{path}: has {len(nodes)} bytes, not {expected}")
    return Tile.over(at, nodes)


def _read(files: StaticFiles, path: str, most: int) -> bytes | None:
    try:
        return files.read(path, most=most)
    except InvalidInput as too_long:
        raise VerificationError(too_long.message) from too_long
