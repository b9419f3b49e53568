"""Batches and their tiles."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, starmap
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.batch import ANCHORED, Anchor, Batch, BatchState, BlockPlace
from anchoring.core.tiles import TILE_WIDTH, SealedTree, Tile, TileCoordinate, path_above_tile, tiles_of_path
from anchoring.errors import StateCorrupt
from anchoring.ports.entries import EntryRange
from anchoring.store import packed
from anchoring.store.detaching import hold_what_is_detached
from anchoring.store.engine import number_above
from anchoring.store.erasures import UNWRITTEN
from anchoring.store.kept import KeptParts
from anchoring.store.packed import Packed, pack
from anchoring.store.tables import anchor_history, batch, entry, erasure, submission_item, tile
from anchoring.types import HASH_BYTES, Address, BlockHash, LeafHash, Root, TxHash

TILES_A_FETCH: Final = 256
"""Tiles read at once: 4 MiB."""

_NO_ANCHOR = {
    "sequence": None,
    "anchored_leaf_count": None,
    "anchored_by": None,
    "tx_hash": None,
    "block_number": None,
    "block_hash": None,
    "anchored_at": None,
    "final_at": None,
}


class SqlBatches:
    """Implements ports.Batches."""

    def __init__(self, connection: Connection, kept: KeptParts | None = None) -> None:
        self._connection = connection
        self._dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        self._statements = _POSTGRESQL if self._dialect is postgresql else _SQLITE
        self._kept = kept or KeptParts()

    def unfinished(self) -> Batch | None:
        return self._first(select(batch).where(batch.c.state == BatchState.WAITING).order_by(batch.c.id).limit(1))

    def last_entry_id(self) -> int:
        return self._connection.execute(select(func.max(batch.c.last_id))).scalar() or 0

    def last_sealed_entry_id(self) -> int:
        statement = select(func.max(batch.c.last_id)).where(batch.c.state != BatchState.WAITING)
        return self._connection.execute(statement).scalar() or 0

    def fix_range(self, entries: EntryRange) -> bool:
        # No index is named: PostgreSQL may find the other end of the same range first, and would raise for that.
        statement = self._dialect.insert(batch).on_conflict_do_nothing().returning(batch.c.id)
        values = {
            "first_id": entries.first_id,
            "last_id": entries.last_id,
            "leaf_count": entries.count,
            "state": BatchState.WAITING,
        }
        return self._connection.execute(statement, values).first() is not None

    def begin(self, batch_id: int, entries: EntryRange) -> None:
        values = {"id": batch_id, "first_id": entries.first_id, "last_id": entries.last_id, "leaf_count": entries.count}
        self._connection.execute(insert(batch), values | {"state": BatchState.WAITING})

    def overlapping(self, first_id: int, last_id: int) -> Batch | None:
        return self._first(select(batch).where(batch.c.first_id <= last_id, batch.c.last_id >= first_id).limit(1))

    def last_entry_id_below(self, entry_id: int) -> int:
        return self._connection.execute(select(func.max(batch.c.last_id)).where(batch.c.last_id < entry_id)).scalar() or 0

    def continue_above(self, batch_id: int) -> None:
        number_above(self._connection, "batch", batch_id)

    def keep_tiles(self, batch_id: int, tiles: Sequence[Tile]) -> None:
        if tiles:
            keep = self._keep_packed if self._dialect is postgresql else self._keep_rows
            keep(batch_id, tiles)

    def _keep_rows(self, batch_id: int, tiles: Sequence[Tile]) -> None:
        rows = [
            {
                "batch_id": batch_id,
                "level": kept.at.level,
                "n": kept.at.n,
                "width": kept.width,
                "first_leaf": kept.node(0, 0) if kept.at.level == 0 else None,
                "subtree": kept.subtree,
            }
            for kept in tiles
        ]
        statement = sqlite.insert(tile).on_conflict_do_nothing(index_elements=["batch_id", "level", "n"])
        self._connection.execute(statement, rows)

    def _keep_packed(self, batch_id: int, tiles: Sequence[Tile]) -> None:
        """In one value, which the server cuts: of rows, driver and server would copy each several times."""
        sizes = [len(kept.subtree) for kept in tiles]
        given = {
            "batch_id": batch_id,
            "levels": [kept.at.level for kept in tiles],
            "ns": [kept.at.n for kept in tiles],
            "widths": [kept.width for kept in tiles],
            "starts": list(accumulate(sizes[:-1], initial=1)),
            "sizes": sizes,
            "subtrees": b"".join([kept.subtree for kept in tiles]),
        }
        self._connection.exec_driver_sql(_KEEP_PACKED, given)

    def seal(self, batch_id: int, tree: SealedTree, at: datetime) -> bool:
        sealed = {"state": BatchState.SEALED, "root": tree.root, "right_edge": tree.right_edge, "sealed_at": at}
        return self._change([batch_id], (BatchState.WAITING,), sealed)

    def submit(self, batch_ids: Collection[int]) -> bool:
        return self._change(batch_ids, (BatchState.SEALED,), {"state": BatchState.SUBMITTED})

    def confirm(self, batch_id: int, anchor: Anchor, at: datetime) -> bool:
        place = {
            "sequence": anchor.sequence,
            "tx_hash": anchor.transaction,
            "block_number": anchor.block.number,
            "block_hash": anchor.block.hash,
        }
        confirmed = place | {
            "state": BatchState.CONFIRMED,
            "anchored_leaf_count": anchor.leaf_count,
            "anchored_by": anchor.anchored_by,
            "anchored_at": anchor.anchored_at,
        }
        if not self._change([batch_id], (BatchState.SEALED, BatchState.SUBMITTED), confirmed):
            return False
        self._connection.execute(insert(anchor_history), place | {"batch_id": batch_id, "seen_at": at})
        return True

    def finalize(self, batch_id: int, block: BlockPlace, at: datetime) -> bool:
        return self._change([batch_id], (BatchState.CONFIRMED,), {"state": BatchState.FINAL, "final_at": at}, block)

    def withdraw(self, batch_id: int, block: BlockPlace, why: str, at: datetime) -> bool:
        live = select(submission_item).where(submission_item.c.batch_id == batch_id, submission_item.c.live == 1)
        carried = self._connection.execute(live).first() is not None
        back_to = BatchState.SUBMITTED if carried else BatchState.SEALED
        was = self._connection.execute(select(batch.c.state).where(batch.c.id == batch_id)).scalar()
        if not self._change([batch_id], ANCHORED, _NO_ANCHOR | {"state": back_to}, block):
            return False
        open_record = (anchor_history.c.batch_id == batch_id) & anchor_history.c.withdrawn_at.is_(None)
        self._connection.execute(update(anchor_history).where(open_record).values(withdrawn_at=at, why=why, was=was))
        return True

    def release(self, batch_id: int) -> bool:
        return self._change([batch_id], (BatchState.SUBMITTED,), {"state": BatchState.SEALED})

    def with_id(self, batch_id: int) -> Batch | None:
        return self._first(select(batch).where(batch.c.id == batch_id))

    def anchored(self, batch_id: int, state: str, block_hash: bytes) -> Batch | None:
        key = (batch_id, state, block_hash)
        kept = self._kept.batches.get(key)
        if kept is None:
            kept = self.with_id(batch_id)
            if kept is None or kept.anchor is None or (kept.state, kept.anchor.block.hash) != (state, block_hash):
                return None
            self._kept.batches.keep(key, kept)
        return kept

    def of_entry(self, entry_id: int) -> Batch | None:
        [found] = self.of_entries([entry_id])
        return found

    def of_entries(self, entry_ids: Sequence[int]) -> list[Batch | None]:
        rows = self._connection.execute(self._statements.of_entries, pack(self._connection, entry_ids)).all()
        wanted = pack(self._connection, list({row.id for row in rows}))
        batches = {row.id: read_batch(row) for row in self._connection.execute(self._statements.with_ids, wanted)} if rows else {}
        found = {row.place: batches[row.id] for row in rows}
        return [found.get(place) for place in range(len(entry_ids))]

    def of_root(self, root: Root) -> Batch | None:
        return self._first(select(batch).where(batch.c.root == root))

    def in_state(self, *states: str, limit: int) -> Sequence[Batch]:
        statement = select(batch).where(batch.c.state.in_(states)).order_by(batch.c.id).limit(limit)
        return self._all(statement)

    def roots(self) -> Sequence[tuple[int, Root]]:
        statement = select(batch.c.id, batch.c.root).where(batch.c.root.is_not(None)).order_by(batch.c.id)
        return [(batch_id, Root(root)) for batch_id, root in self._connection.execute(statement)]

    def with_unwritten_erasures(self) -> Sequence[int]:
        holds = erasure.c.entry_id.between(batch.c.first_id, batch.c.last_id) & batch.c.root.is_not(None)
        statement = select(batch.c.id).join(erasure, holds).where(UNWRITTEN).distinct().order_by(batch.c.id)
        return list(self._connection.execute(statement).scalars())

    def anchored_in(self, block: BlockPlace) -> Sequence[Batch]:
        return self._all(select(batch).where(recorded_in(block)).order_by(batch.c.id))

    def newest_final(self) -> Batch | None:
        final = batch.c.state == BatchState.FINAL
        return self._first(select(batch).where(final).order_by(batch.c.block_number.desc()).limit(1))

    def after(self, batch_id: int, limit: int) -> Sequence[Batch]:
        return self._all(select(batch).where(batch.c.id > batch_id).order_by(batch.c.id).limit(limit))

    def page(self, before_id: int | None, limit: int) -> Sequence[Batch]:
        statement = select(batch).where(batch.c.state != BatchState.WAITING).order_by(batch.c.id.desc()).limit(limit)
        if before_id is not None:
            statement = statement.where(batch.c.id < before_id)
        return self._all(statement)

    def count_anchored(self) -> int:
        anchored = select(func.count()).select_from(batch).where(batch.c.state.in_(ANCHORED))
        return self._connection.execute(anchored).scalar_one()

    def newest_anchored(self, limit: int) -> Sequence[Batch]:
        return self._all(select(batch).where(batch.c.state.in_(ANCHORED)).order_by(batch.c.id.desc()).limit(limit))

    def detached_at(self, batch_id: int) -> datetime | None:
        return self._connection.execute(select(batch.c.detached_at).where(batch.c.id == batch_id)).scalar()

    def detached_ids(self) -> frozenset[int]:
        return frozenset(self._connection.execute(select(batch.c.id).where(batch.c.detached_at.is_not(None))).scalars())

    def overlapping_after(self, batch_id: int, first_id: int, last_id: int, limit: int) -> Sequence[Batch]:
        overlaps = (batch.c.id > batch_id) & (batch.c.first_id <= last_id) & (batch.c.last_id >= first_id)
        return self._all(select(batch).where(overlaps).order_by(batch.c.id).limit(limit))

    def clear_detached(self, batch_id: int) -> bool:
        hold_what_is_detached(self._connection)
        here = select(func.count()).select_from(entry).where(entry.c.id.between(batch.c.first_id, batch.c.last_id))
        is_whole = (batch.c.id == batch_id) & (batch.c.leaf_count == here.scalar_subquery())
        return self._connection.execute(update(batch).where(is_whole).values(detached_at=None)).rowcount == 1

    def tile(self, batch_id: int, at: TileCoordinate) -> Tile | None:
        row = self._connection.execute(_TILE_AT, {"batch_id": batch_id, "level": at.level, "n": at.n}).first()
        return None if row is None else _tile(*row)

    def tiles(self, batch_id: int) -> Iterator[Tile]:
        statement = select(*_TILE).where(tile.c.batch_id == batch_id).order_by(tile.c.level, tile.c.n)
        with self._connection.execute(statement.execution_options(yield_per=TILES_A_FETCH)) as found:
            yield from starmap(_tile, found)

    def path_above_tile(self, batch: Batch, n: int) -> Sequence[bytes]:
        path = self._kept.paths.get((batch.id, n))
        if path is None:
            path = self._read_path_above(batch, n)
            self._kept.paths.keep((batch.id, n), path)
        return path

    def _read_path_above(self, batch: Batch, n: int) -> Sequence[bytes]:
        if batch.tree is None:
            raise StateCorrupt(f"batch {batch.id} is not sealed")
        tiles = {}
        for at in tiles_of_path(n * TILE_WIDTH, batch.tree.tree_size)[1:]:
            tile = self._kept.tiles.get((batch.id, at)) or self.tile(batch.id, at)
            if tile is not None:
                tiles[at] = tile
                self._kept.tiles.keep((batch.id, at), tile)
        return path_above_tile(n, batch.tree, tiles)

    def tile_of_leaf(self, batch_id: int, leaf: LeafHash) -> Tile | None:
        [found] = self.tiles_of_leaves([(batch_id, leaf)])
        return found

    def tiles_of_leaves(self, leaves: Sequence[tuple[int, LeafHash]]) -> list[Tile | None]:
        given = pack(self._connection, [batch_id for batch_id, _ in leaves], leaves=b"".join([leaf for _, leaf in leaves]))
        found = {place: _tile(*row) for place, *row in self._connection.execute(self._statements.of_leaves, given)}
        return [found.get(place) for place in range(len(leaves))]

    def _change(
        self,
        batch_ids: Collection[int],
        was: Collection[BatchState],
        values: Mapping[str, Any],
        block: BlockPlace | None = None,
    ) -> bool:
        """Compare-and-set: all of them, or nothing is to be committed. `block`: where they must be recorded."""
        changed = update(batch).where(batch.c.id.in_(batch_ids), batch.c.state.in_(was)).values(**values)
        if block is not None:
            changed = changed.where(recorded_in(block))
        return self._connection.execute(changed).rowcount == len(batch_ids)

    def _first(self, statement: Any) -> Batch | None:
        row = self._connection.execute(statement).first()
        return None if row is None else read_batch(row)

    def _all(self, statement: Any) -> list[Batch]:
        return [read_batch(row) for row in self._connection.execute(statement)]


# Statements of hot routes are made once: to make one costs more than to run it.
_TILE: Final = (tile.c.level, tile.c.n, tile.c.width, tile.c.subtree)
_TILE_AT: Final = select(*_TILE).where(
    tile.c.batch_id == bindparam("batch_id"), tile.c.level == bindparam("level"), tile.c.n == bindparam("n")
)

_KEEP_PACKED: Final = f"""
    INSERT INTO tile (batch_id, level, n, width, first_leaf, subtree)
    SELECT %(batch_id)s, level, n, width, CASE level WHEN 0 THEN substr(%(subtrees)b, start, {HASH_BYTES}) END,
        substr(%(subtrees)b, start, size)
    FROM unnest(
        CAST(%(levels)s AS integer[]), CAST(%(ns)s AS integer[]), CAST(%(widths)s AS integer[]),
        CAST(%(starts)s AS integer[]), CAST(%(sizes)s AS integer[])
    ) AS given(level, n, width, start, size)
    ON CONFLICT (batch_id, level, n) DO NOTHING
"""  # noqa: S608 - of constants


class _Statements:
    """Those over many entries or leaves at once, as one database says them."""

    def __init__(self, packed: Packed) -> None:
        number, place = packed.number, packed.place.label("place")
        other = batch.alias("other")
        begins = select(func.max(other.c.first_id)).where(other.c.first_id <= number).scalar_subquery()
        holds = (batch.c.first_id == begins) & (batch.c.last_id >= number)
        self.of_entries = select(place, batch.c.id).select_from(packed.rows.join(batch, holds))
        self.with_ids = select(batch).select_from(packed.rows.join(batch, batch.c.id == number))

        first_leaf = packed.slice("leaves", HASH_BYTES)
        left = tile.alias("left_tile")
        begins_below = (left.c.batch_id == number) & (left.c.level == 0) & (left.c.first_leaf <= first_leaf)
        n = select(left.c.n).where(begins_below).order_by(left.c.first_leaf.desc()).limit(1).scalar_subquery()
        at_level_0 = (tile.c.batch_id == number) & (tile.c.level == 0) & (tile.c.n == n)
        self.of_leaves = select(place, *_TILE).select_from(packed.rows.join(tile, at_level_0))


_SQLITE: Final = _Statements(packed.SQLITE)
_POSTGRESQL: Final = _Statements(packed.POSTGRESQL)


def recorded_in(block: BlockPlace) -> ColumnElement[bool]:
    return (batch.c.block_number == block.number) & (batch.c.block_hash == block.hash)


def _tile(level: int, n: int, width: int, subtree: bytes) -> Tile:
    return Tile(at=TileCoordinate(level, n), width=width, subtree=subtree)


def read_batch(row: Row[Any]) -> Batch:
    tree = None
    if row.root is not None:
        tree = SealedTree(tree_size=row.leaf_count, root=Root(row.root), right_edge=row.right_edge)
    return Batch(
        id=row.id,
        first_id=row.first_id,
        last_id=row.last_id,
        leaf_count=row.leaf_count,
        state=BatchState(row.state),
        sealed_at=row.sealed_at,
        tree=tree,
        anchor=_anchor(row),
    )


def _anchor(row: Row[Any]) -> Anchor | None:
    if row.block_hash is None:
        return None
    return Anchor(
        root=Root(row.root),
        sequence=row.sequence,
        leaf_count=row.anchored_leaf_count,
        anchored_by=Address(row.anchored_by),
        transaction=TxHash(row.tx_hash),
        block=BlockPlace(number=row.block_number, hash=BlockHash(row.block_hash)),
        anchored_at=row.anchored_at,
    )
