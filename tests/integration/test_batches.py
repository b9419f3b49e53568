"""Batches on both databases: every change of state is compare-and-set, and tiles are found by their place."""

from dataclasses import replace

import pytest

from anchoring.core.batch import Anchor, Batch, BatchState, BlockPlace, RootToAnchor
from anchoring.core.tiles import SealedTree, Tile, TileCoordinate, build_tree
from anchoring.ports.entries import EntryRange
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import LeafHash
from tests.factories import NOON, make_digest
from tests.records import BLOCK, OTHER_BLOCK, anchor_of, batch_in, make_attempt, make_submission
from tests.world import rows

WAITING, SEALED, SUBMITTED, CONFIRMED, FINAL = BatchState


def state_of(store: SqlStore, batch_id: int) -> Batch:
    with store.reading() as uow:
        batch = uow.batches.with_id(batch_id)
    assert batch is not None
    return batch


# Ranges.


def test_range_becomes_an_unfinished_batch(store):
    with store.writing() as uow:
        assert uow.batches.unfinished() is None
        assert uow.batches.last_entry_id() == 0
        assert uow.batches.fix_range(EntryRange(first_id=3, last_id=9, count=5)) is True
        uow.commit()
    with store.reading() as uow:
        batch = uow.batches.unfinished()
        assert batch is not None
        assert (batch.first_id, batch.last_id, batch.leaf_count, batch.state) == (3, 9, 5, WAITING)
        assert (batch.tree, batch.anchor, batch.sealed_at) == (None, None, None)
        assert (uow.batches.last_entry_id(), uow.batches.last_sealed_entry_id()) == (9, 0)


def test_range_that_another_round_began_is_left_alone(store):
    with store.writing() as uow:
        uow.batches.fix_range(EntryRange(first_id=3, last_id=9, count=5))
        assert uow.batches.fix_range(EntryRange(first_id=3, last_id=12, count=8)) is False
        uow.commit()
    assert len(rows(store, tables.batch)) == 1


def test_oldest_unfinished_batch_comes_first(store):
    with store.writing() as uow:
        uow.batches.fix_range(EntryRange(first_id=1, last_id=2, count=2))
        uow.batches.fix_range(EntryRange(first_id=3, last_id=4, count=2))
        unfinished = uow.batches.unfinished()
    assert unfinished is not None
    assert unfinished.first_id == 1


def test_batch_of_an_entry_is_found_by_its_range(store):
    first, second = batch_in(store, SEALED, entries=range(3, 10)), batch_in(store, SEALED, entries=range(20, 25))
    with store.reading() as uow:
        found = {i: uow.batches.of_entry(i) for i in (1, 3, 9, 10, 19, 20, 24, 25)}
    assert {i: batch.id for i, batch in found.items() if batch} == {3: first, 9: first, 20: second, 24: second}


# States.

MOVES = {
    "seal": lambda uow, batch: uow.batches.seal(batch.id, tree_of(9), NOON),
    "submit": lambda uow, batch: uow.batches.submit([batch.id]),
    "confirm": lambda uow, batch: uow.batches.confirm(batch.id, anchor_of(batch), NOON),
    "finalize": lambda uow, batch: uow.batches.finalize(batch.id, BLOCK, NOON),
    "withdraw": lambda uow, batch: uow.batches.withdraw(batch.id, BLOCK, "reorg", NOON),
    "release": lambda uow, batch: uow.batches.release(batch.id),
}
ALLOWED = {
    (WAITING, "seal"): SEALED,
    (SEALED, "submit"): SUBMITTED,
    (SEALED, "confirm"): CONFIRMED,
    (SUBMITTED, "confirm"): CONFIRMED,
    (CONFIRMED, "finalize"): FINAL,
    (CONFIRMED, "withdraw"): SEALED,
    (FINAL, "withdraw"): SEALED,
    (SUBMITTED, "release"): SEALED,
}


def tree_of(size: int) -> SealedTree:
    return build_tree(b"".join(sorted(make_digest(i) for i in range(size))), lambda tile: None)


@pytest.mark.parametrize("state", BatchState)
def test_state_changes_from_the_right_state_only(store, state):
    batch = state_of(store, batch_in(store, state))
    for move, make in MOVES.items():
        becomes = ALLOWED.get((state, move))
        with store.writing() as uow:  # rolled back
            assert make(uow, batch) is (becomes is not None), move
            after = uow.batches.with_id(batch.id)
        assert after.state == (becomes or state), move
        assert becomes or after == batch, move


@pytest.mark.parametrize("move", ["finalize", "withdraw"])
@pytest.mark.parametrize("other", [OTHER_BLOCK, replace(OTHER_BLOCK, hash=BLOCK.hash), replace(BLOCK, hash=OTHER_BLOCK.hash)])
def test_state_changes_for_the_recorded_block_only(store, move, other):
    """A round that was frozen speaks of a block in which the batch no longer is."""
    batch_id = batch_in(store, CONFIRMED)
    with store.writing() as uow:
        if move == "finalize":
            assert uow.batches.finalize(batch_id, other, NOON) is False
        else:
            assert uow.batches.withdraw(batch_id, other, "reorg", NOON) is False
        uow.commit()
    assert state_of(store, batch_id).state is CONFIRMED


def test_time_of_finality_stands_while_the_batch_is_final(store):
    batch_id = batch_in(store, CONFIRMED)
    assert rows(store, tables.batch)[0].final_at is None
    with store.writing() as uow:
        assert uow.batches.finalize(batch_id, BLOCK, NOON)
        uow.commit()
    assert rows(store, tables.batch)[0].final_at == NOON
    with store.writing() as uow:
        assert uow.batches.withdraw(batch_id, BLOCK, "reorg", NOON)
        uow.commit()
    assert rows(store, tables.batch)[0].final_at is None


def test_several_are_submitted_all_or_none(store):
    first, second = batch_in(store, SEALED), batch_in(store, CONFIRMED, entries=range(20, 25))
    with store.writing() as uow:
        assert uow.batches.submit([first, second]) is False
    assert state_of(store, first).state is SEALED


def test_confirmed_batch_shows_its_anchor(store):
    batch = state_of(store, batch_in(store, CONFIRMED))
    assert batch.anchor == anchor_of(batch)


def test_leaf_count_the_ledger_does_not_state_stays_unstated(store):
    batch = state_of(store, batch_in(store, SEALED))
    anchor: Anchor = replace(anchor_of(batch), leaf_count=0)
    with store.writing() as uow:
        uow.batches.confirm(batch.id, anchor, NOON)
        uow.commit()
    after = state_of(store, batch.id)
    assert after.anchor is not None
    assert (after.anchor.leaf_count, after.leaf_count) == (0, batch.leaf_count)


def test_withdrawn_batch_goes_back_to_submitted_while_its_submission_lives(store):
    batch = state_of(store, batch_in(store, SEALED))
    assert batch.tree is not None
    item = RootToAnchor(batch_id=batch.id, root=batch.tree.root, leaf_count=batch.leaf_count)
    with store.writing() as uow:
        uow.submissions.open(make_submission(0, item), make_attempt(0))
        uow.batches.submit([batch.id])
        uow.batches.confirm(batch.id, anchor_of(batch), NOON)
        assert uow.batches.withdraw(batch.id, BLOCK, "reorg", NOON) is True
        uow.commit()
    after = state_of(store, batch.id)
    assert (after.state, after.anchor) == (SUBMITTED, None)


def test_history_keeps_every_place_and_says_why_it_was_left(store):
    batch = state_of(store, batch_in(store, CONFIRMED))
    elsewhere = replace(anchor_of(batch), block=OTHER_BLOCK, sequence=8)
    with store.writing() as uow:
        uow.batches.withdraw(batch.id, BLOCK, "reorg", NOON)
        uow.batches.confirm(batch.id, elsewhere, NOON)
        uow.commit()
    left, present = rows(store, tables.anchor_history)
    assert (left.block_hash, left.why, left.withdrawn_at) == (BLOCK.hash, "reorg", NOON)
    assert (present.block_hash, present.sequence, present.why, present.withdrawn_at) == (OTHER_BLOCK.hash, 8, None, None)


# Finding them.


def test_batches_are_listed_by_state_oldest_first(store):
    ids = [
        batch_in(store, state, entries=range(10 * i, 10 * i + 5))
        for i, state in enumerate([SEALED, FINAL, SEALED, WAITING], start=1)
    ]
    with store.reading() as uow:
        assert [batch.id for batch in uow.batches.in_state(SEALED, limit=9)] == [ids[0], ids[2]]
        assert [batch.id for batch in uow.batches.in_state(SEALED, FINAL, limit=2)] == ids[:2]
        assert [batch.id for batch in uow.batches.page(None, 9)] == [ids[2], ids[1], ids[0]]
        assert [batch.id for batch in uow.batches.page(ids[2], 1)] == [ids[1]]
        assert [batch.id for batch in uow.batches.newest_anchored(9)] == [ids[1]]


def test_batch_is_found_by_its_root(store):
    batch = state_of(store, batch_in(store, SEALED))
    assert batch.tree is not None
    with store.reading() as uow:
        assert uow.batches.of_root(batch.tree.root) == batch
        assert uow.batches.of_root(type(batch.tree.root)(bytes(32))) is None


def test_newest_final_is_that_of_the_highest_block(store):
    low, high = replace(BLOCK, number=5), replace(OTHER_BLOCK, number=9)
    upper = batch_in(store, FINAL, entries=range(1, 6), block=high)
    batch_in(store, FINAL, entries=range(10, 15), block=low)
    batch_in(store, CONFIRMED, entries=range(20, 25), block=replace(OTHER_BLOCK, number=12))
    with store.reading() as uow:
        newest = uow.batches.newest_final()
    assert newest is not None
    assert newest.id == upper


def test_batches_of_a_block_are_those_of_its_height_and_hash(store):
    ids = [
        batch_in(store, state, entries=range(10 * i, 10 * i + 5), block=BLOCK) for i, state in enumerate([CONFIRMED, FINAL], 1)
    ]
    batch_in(store, CONFIRMED, entries=range(30, 35), block=replace(BLOCK, hash=OTHER_BLOCK.hash))
    with store.reading() as uow:
        assert [batch.id for batch in uow.batches.anchored_in(BLOCK)] == ids
        assert list(uow.batches.anchored_in(BlockPlace(number=99, hash=BLOCK.hash))) == []


# Tiles.


def keep_tree(store: SqlStore, size: int) -> tuple[int, list[Tile], SealedTree]:
    """A sealed batch of this many leaves, with its tiles."""
    tiles: list[Tile] = []
    tree = build_tree(b"".join(sorted(make_digest(i) for i in range(size))), tiles.append)
    with store.writing() as uow:
        uow.batches.fix_range(EntryRange(first_id=1, last_id=size, count=size))
        batch = uow.batches.unfinished()
        assert batch is not None
        uow.batches.keep_tiles(batch.id, tiles)
        uow.batches.seal(batch.id, tree, NOON)
        uow.commit()
    return batch.id, tiles, tree


def test_tiles_come_back_as_they_were(store):
    batch_id, tiles, tree = keep_tree(store, 600)
    assert [tile.at for tile in tiles] == [TileCoordinate(0, 0), TileCoordinate(0, 1), TileCoordinate(0, 2), TileCoordinate(1, 0)]
    with store.reading() as uow:
        assert [uow.batches.tile(batch_id, tile.at) for tile in tiles] == tiles
        assert uow.batches.tile(batch_id, TileCoordinate(0, 3)) is None
        assert uow.batches.tile(batch_id + 1, TileCoordinate(0, 0)) is None
        batch = uow.batches.with_id(batch_id)
    assert batch is not None
    assert batch.tree == tree


def test_tile_of_a_leaf_is_found_by_its_place(store):
    batch_id, tiles, _ = keep_tree(store, 600)
    leaves = sorted(make_digest(i) for i in range(600))
    with store.reading() as uow:
        for i in (0, 1, 255, 256, 511, 512, 599):
            found = uow.batches.tile_of_leaf(batch_id, LeafHash(leaves[i]))
            assert found == tiles[i // 256]
            assert found is not None
            assert found.index_of(LeafHash(leaves[i])) == i
        assert uow.batches.tile_of_leaf(batch_id, LeafHash(bytes(32))) is None  # below the first leaf
        above = uow.batches.tile_of_leaf(batch_id, LeafHash(b"\xff" * 32))
    assert above is not None
    assert above.index_of(LeafHash(b"\xff" * 32)) is None


def test_tiles_already_there_stay(store):
    batch_id, tiles, _ = keep_tree(store, 300)
    changed = tiles[0]._replace(subtree=bytes(len(tiles[0].subtree)))
    with store.writing() as uow:
        uow.batches.keep_tiles(batch_id, [changed])
        uow.batches.keep_tiles(batch_id, [])
        assert uow.batches.tile(batch_id, tiles[0].at) == tiles[0]
