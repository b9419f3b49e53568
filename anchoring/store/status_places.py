"""Where entries stand in the lists that follow from their batches: the index is the leaf's place in the tree."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from anchoring.core.batch import Batch
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.portions import portions
from anchoring.core.tiles import Tile
from anchoring.errors import StateCorrupt
from anchoring.ports.status_lists import LeafPlace
from anchoring.store.batches import SqlBatches
from anchoring.store.packed import ROWS_A_STATEMENT
from anchoring.store.tables import entry, issuer
from anchoring.types import Did, LeafHash

FEW_LEAVES: Final = 64
"""Whose tiles are read with one statement, 16 kB for each; of more, many stand in one tile."""


def leaf_places(connection: Connection, entry_ids: Collection[int]) -> Mapping[int, LeafPlace]:
    """By entry id, of those in sealed batches that are not erased.

    However many are asked for, a batch is read once and so is a tile. Raises: StateCorrupt when a leaf is not in its tree.
    """
    batches = SqlBatches(connection)
    found: dict[int, LeafPlace] = {}
    batch: Batch | None = None
    leaves: dict[LeafHash, int] = {}
    for entry_id, leaf in _leaves(connection, entry_ids):
        if batch is None or entry_id > batch.last_id:
            found |= _places(batches, batch, leaves)
            batch, leaves = batches.of_entry(entry_id), {}
        if batch is None:
            break  # what follows is younger, and waits as well
        leaves[leaf] = entry_id
    return found | _places(batches, batch, leaves)


def _leaves(connection: Connection, entry_ids: Collection[int]) -> Iterator[tuple[int, LeafHash]]:
    """Ascending by entry id."""
    for some in portions(sorted(set(entry_ids)), ROWS_A_STATEMENT):
        rows: list[Row[Any]] = list(connection.execute(_SALTED, {"entry_ids": some}))
        for row in rows:
            yield row.id, leaf_hash(issuer_id_of(Did(row.did)), row.salt, row.digest)


def _places(batches: SqlBatches, batch: Batch | None, leaves: Mapping[LeafHash, int]) -> dict[int, LeafPlace]:
    if batch is None or batch.tree is None:
        return {}
    found: dict[int, LeafPlace] = {}
    ordered = sorted(leaves)
    few = len(ordered) <= FEW_LEAVES
    tiles = iter(batches.tiles_of_leaves([(batch.id, leaf) for leaf in ordered]) if few else ())
    tile: Tile | None = None
    for leaf in ordered:
        if few:
            tile = next(tiles)
        elif tile is None or leaf > tile.node(0, tile.width - 1):
            tile = batches.tile_of_leaf(batch.id, leaf)
        index = tile.index_of(leaf) if tile else None
        if index is None:
            raise StateCorrupt(f"entry {leaves[leaf]} has no leaf in batch {batch.id}")
        found[leaves[leaf]] = LeafPlace(batch=batch, leaf_index=index)
    return found


_SALTED: Final = (
    select(entry.c.id, entry.c.salt, entry.c.digest, issuer.c.did)
    .join(issuer, issuer.c.id == entry.c.issuer_id)
    .where(entry.c.id.in_(bindparam("entry_ids", expanding=True)), entry.c.digest.is_not(None))
    .order_by(entry.c.id)
)
