"""Sealing on both databases: what waits becomes batches, whoever interrupts, repeats or doubles it."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

import anchoring.usecases.seal_batches
from anchoring.core.batch import BatchState
from anchoring.core.issuer import Issuer
from anchoring.errors import StateCorrupt
from anchoring.ports.entries import Entry, EntryRange
from anchoring.ports.store import Store
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Digest
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.seal_batches import seal_batches
from anchoring.usecases.trace_digest import trace_digest
from tests.factories import NOON, UNIVERSITY, FrozenClock, add_issuer, make_digest, post
from tests.faults import Fault, Faults, FaultyStore, Killed
from tests.sessions import Session
from tests.world import check_store, rows


def nobody_looks(what: str, done: int, total: int) -> None:
    """No progress is shown."""


def seal(store: Store, max_leaves: int = 1000, progress: Callable[[str, int, int], None] = nobody_looks) -> list[int]:
    return seal_batches(store, FrozenClock(), max_leaves=max_leaves, progress=progress)


@pytest.fixture
def university(store: SqlStore) -> Issuer:
    return add_issuer(store)


@pytest.fixture
def tile_by_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every tile in a transaction of its own."""
    monkeypatch.setattr(anchoring.usecases.seal_batches, "TILES_A_TRANSACTION", 1)


def erase(store: SqlStore, issuer: Issuer, digest: Digest) -> bool:
    with store.writing() as uow:
        done = erase_entry(uow, issuer, digest, now=NOON)
        uow.commit()
    return done


def states(store: SqlStore) -> list[str]:
    return [row.state for row in rows(store, tables.batch)]


def test_nothing_waits_nothing_is_made(store, university):
    assert seal(store) == []
    assert rows(store, tables.batch) == []


def test_what_waits_is_sealed_once(store, university):
    entries = post(store, university, *range(5))
    assert len(seal(store)) == 1
    assert seal(store) == []
    (batch,) = rows(store, tables.batch)
    assert (batch.state, batch.leaf_count, batch.sealed_at) == ("sealed", 5, NOON)
    check_store(store, entries)


def test_one_entry_is_a_batch(store, university):
    entries = post(store, university, 1)
    seal(store)
    check_store(store, entries)


def test_more_than_a_batch_holds_becomes_several(store, university):
    entries = post(store, university, *range(23))
    assert len(seal(store, max_leaves=10)) == 3
    assert [row.leaf_count for row in rows(store, tables.batch)] == [10, 10, 3]
    check_store(store, entries)


def test_trees_of_several_tiles_are_right(store, university):
    entries = post(store, university, *range(700))
    seal(store, max_leaves=600)
    widths = [(row.batch_id, row.level, row.n, row.width) for row in rows(store, tables.tile)]
    assert widths == [(1, 0, 0, 256), (1, 0, 1, 256), (1, 0, 2, 88), (1, 1, 0, 2), (2, 0, 0, 100)]
    check_store(store, entries)


def test_progress_is_told(store, university, tile_by_tile):
    post(store, university, *range(300))
    seen: list[tuple[str, int, int]] = []
    seal(store, progress=lambda *step: seen.append(step))
    assert seen[0] == ("sealing batch 1", 256, 300)
    assert seen[-1] == ("sealing batch 1", 300, 300)


def test_entries_of_several_issuers_share_a_batch(store, university):
    other = add_issuer(store, type(UNIVERSITY)("did:web:other"), "Other")
    entries = post(store, university, 1, 2) + post(store, other, 1, 2)
    seal(store)
    check_store(store, entries)
    assert rows(store, tables.batch)[0].leaf_count == 4


def test_entry_is_traced_to_its_batch(store, university):
    post(store, university, 1)
    with store.reading() as uow:
        assert trace_digest(uow, make_digest(1), None)[0].state is BatchState.WAITING
    seal(store)
    with store.reading() as uow:
        assert trace_digest(uow, make_digest(1), UNIVERSITY)[0].state is BatchState.SEALED


def test_entries_posted_meanwhile_are_in_the_next_batch(store, university, tile_by_tile):
    entries = post(store, university, *range(300))
    late = iter(range(1000, 2000))

    def somebody_posts(what: str, done: int, total: int) -> None:
        entries.extend(post(store, university, next(late), now=NOON + timedelta(seconds=1)))

    seal(store, progress=somebody_posts)
    assert [row.leaf_count for row in rows(store, tables.batch)] == [300]
    seal(store)
    assert [row.leaf_count for row in rows(store, tables.batch)] == [300, len(entries) - 300]
    check_store(store, entries)


def test_seal_that_is_killed_anywhere_is_finished_by_the_next(store, university, tile_by_tile):
    faults = Faults()
    faulty = FaultyStore(store, faults)
    entries = post(store, university, *range(300))
    seal(faulty, max_leaves=290)
    effects = [number for number, name in enumerate(faults.trace) if name == "commit"]
    assert len(effects) > 8
    roots = [row.root for row in rows(store, tables.batch)]
    for fault in (Fault.KILLED_BEFORE, Fault.KILLED_AFTER):
        for number in effects:
            _forget_batches(store)
            faults.arm(number, fault)
            with suppress(Killed):
                seal(faulty, max_leaves=290)
            assert faults.fired
            seal(store, max_leaves=290)
            assert [row.root for row in rows(store, tables.batch)] == roots  # the same entries, the same root
    check_store(store, entries)


def _forget_batches(store: SqlStore) -> None:
    with store._engine.begin() as connection:
        connection.execute(tables.tile.delete())
        connection.execute(tables.batch.delete())


def test_two_sealers_at_once_seal_everything_once(store, university):
    entries = post(store, university, *range(400))
    start = threading.Barrier(2)

    def sealer() -> None:
        start.wait()
        seal(store, max_leaves=20)

    for session in [Session(sealer) for _ in range(2)]:
        session.result()
    seal(store, max_leaves=20)  # each may have left the last batch to the other
    assert [row.leaf_count for row in rows(store, tables.batch)] == [20] * 20
    check_store(store, entries)


def test_frozen_sealer_wakes_up_after_another_sealed_and_erased(store, university, tile_by_tile):
    """Its range is sealed, and entries of it are gone: it changes nothing and raises nothing."""
    faults, entries = Faults(), list[Entry]()
    faulty = FaultyStore(store, faults)
    posted = iter(range(10_000))

    def something_waits() -> None:
        entries.extend(post(store, university, *(next(posted) for _ in range(3))))
        erased = entries.pop()
        erase(store, university, erased.digest)

    def another_seals() -> None:
        seal(store)

    something_waits()
    faults.restart()
    seal(faulty)
    for number, name in enumerate(faults.trace[:]):
        if name == "commit":
            continue
        something_waits()
        faults.freeze(number, another_seals)
        seal(faulty)
        assert faults.fired
    check_store(store, entries)
    assert set(states(store)) == {"sealed"}


def test_erasure_requested_while_waiting_is_carried_out_by_the_seal(store, university):
    first, second = post(store, university, 1, 2)
    assert erase(store, university, first.digest) is False
    seal(store)
    assert [row.digest for row in rows(store, tables.entry) if row.id == first.id] == [None]
    assert rows(store, tables.erasure)[0].done_at == NOON
    check_store(store, [second])
    assert rows(store, tables.batch)[0].leaf_count == 2


def test_erasure_of_a_sealed_entry_is_done_at_once_and_moves_no_root(store, university):
    first, second = post(store, university, 1, 2)
    seal(store)
    before = rows(store, tables.batch)
    assert erase(store, university, first.digest) is True
    assert rows(store, tables.batch) == before
    check_store(store, [second])


def test_erasure_of_what_waits_in_an_unfinished_batch_is_not_done_yet(store, university):
    entries = post(store, university, 1, 2)
    with store.writing() as uow:
        ids = sorted(entry.id for entry in entries)
        uow.batches.fix_range(EntryRange(first_id=ids[0], last_id=ids[-1], count=2))
        uow.commit()
    assert erase(store, university, entries[0].digest) is False
    assert len([row for row in rows(store, tables.entry) if row.digest]) == 2
    seal(store)
    check_store(store, entries[1:])


def test_range_that_lost_entries_is_not_sealed(store, university):
    ids = [entry.id for entry in post(store, university, 1, 2, 3)]
    with store.writing() as uow:
        uow.batches.fix_range(EntryRange(first_id=min(ids), last_id=max(ids), count=2))
        uow.commit()
    with pytest.raises(StateCorrupt, match="was begun with 2 entries, its range holds 3"):
        seal(store)
    assert states(store) == ["waiting"]
