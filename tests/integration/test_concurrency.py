"""Several sessions at once: no entry is lost behind a seal, nobody is answered twice, nothing deadlocks."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from anchoring.core.issuer import Issuer
from anchoring.core.status import MIN_ENTRIES, StatusPurpose
from anchoring.errors import Conflict, NotFound, StoreUnavailable
from anchoring.ports.entries import Entry, EntryRange
from anchoring.ports.status_lists import SignedBy
from anchoring.ports.store import UnitOfWork
from anchoring.store import tables
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.manage_issuers import MOST_KEYS, create_key, revoke_key, rotate_key
from anchoring.usecases.seal_batches import seal_batches
from tests.api import make_key
from tests.factories import NOON, FrozenClock, add_issuer, make_digest, post, submit
from tests.sessions import Session
from tests.world import check_store, rows

postgresql_only = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
sqlite_only = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def university(store: SqlStore) -> Issuer:
    return add_issuer(store)


def post_salted(store: SqlStore, issuer: Issuer, *numbers: int, salt: int = 0) -> list[Entry]:
    """Post digests with salts of our own."""
    with store.writing() as uow:
        posted = [make_digest(i) for i in numbers]
        entries = submit(uow, issuer, posted, now=NOON, random_bytes=lambda size: bytes([salt]) * size)
        uow.commit()
    return entries


def seal(store: SqlStore, max_leaves: int = 1000) -> list[int]:
    return seal_batches(store, FrozenClock(), max_leaves=max_leaves, progress=lambda *_: None)


# An id is drawn before its row commits.


def test_entry_that_commits_late_is_not_left_behind_the_seal(store, university):
    with store.writing() as uow:
        (early,) = submit(uow, university, [make_digest(1)])
        others = Session(post_salted, store, university, 2)
        if store._engine.dialect.name == "postgresql":
            others.result()  # a higher id is committed before the lower one
        sealer = Session(seal, store)
        assert sealer.is_held_up()
        uow.commit()
    others.result()
    sealer.result()
    seal(store)
    check_store(store, [early, *post_salted(store, university, 2)])
    assert sum(row.leaf_count for row in rows(store, tables.batch)) == 2


def test_entry_that_is_rolled_back_holds_up_nobody_for_long(store, university):
    with store.writing() as uow:
        submit(uow, university, [make_digest(1)])
    entries = post_salted(store, university, 2)
    seal(store)
    check_store(store, entries)


@pytest.mark.parametrize("seed", [1])
def test_writers_with_slow_commits_lose_nothing_to_a_busy_sealer(store, university, seed):
    """Six writers that dawdle before they commit, and a sealer every few milliseconds."""
    acknowledged: list[Entry] = []
    end = time.monotonic() + 1.5
    dawdle_s = 0.02 if store._engine.dialect.name == "postgresql" else 0.002  # on SQLite writers wait for each other

    def writer(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        digest = number * 1_000_000
        while time.monotonic() < end:
            some = range(digest, digest + chance.randint(1, 4))
            digest = some.stop
            with store.writing() as uow:
                posted = [make_digest(i) for i in some]
                entries = submit(uow, university, posted, now=NOON, random_bytes=chance.randbytes)
                time.sleep(chance.random() * dawdle_s)
                uow.commit()
            acknowledged.extend(entries)

    def sealer() -> None:
        while time.monotonic() < end:
            seal(store, max_leaves=50)
            time.sleep(0.003)

    for session in [Session(writer, i) for i in range(6)] + [Session(sealer)]:
        session.result()
    seal(store, max_leaves=50)
    check_store(store, acknowledged)
    assert sum(row.leaf_count for row in rows(store, tables.batch)) == len(acknowledged) > 50


def started_together(count: int, program: str, store: SqlStore, *arguments: str) -> list[subprocess.Popen[str]]:
    """Processes that say `ready` on stdout and go on once all of them have."""
    url = store._engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", program, url, *arguments]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    for process in processes:
        assert process.stdout is not None
        while process.stdout.readline() != "ready\n":
            assert process.poll() is None
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


SEALER = """
import sys
from anchoring.bootstrap.system import SystemClock
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.manage_issuers import MOST_KEYS, create_key, revoke_key, rotate_key
from anchoring.usecases.seal_batches import seal_batches
store = SqlStore(make_engine(sys.argv[1], pool_size=1, busy_timeout_s=20))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(40):
    seal_batches(store, SystemClock(), max_leaves=20, progress=lambda *_: None)
"""


def test_sealers_in_four_processes_and_writers_make_no_bad_batch(store, university):
    """Without a lease, which only saves work: 160 times sealing in all, while posts go on."""
    sealers = started_together(4, SEALER, store)
    acknowledged: list[Entry] = []

    def writer(start: int) -> None:
        for number in range(start, start + 200, 2):
            acknowledged.extend(post_salted(store, university, number, number + 1))

    sessions = [Session(writer, 1_000_000 * i) for i in range(3)]
    for session in sessions:
        session.result()
    for sealer in sealers:
        sealer.communicate()
    assert [sealer.returncode for sealer in sealers] == [0] * 4
    seal(store)
    check_store(store, acknowledged)
    assert sum(row.leaf_count for row in rows(store, tables.batch)) == len(acknowledged)
    assert len(rows(store, tables.batch)) > 4


# The same digest at the same time.


RESERVER = """
import os, sys
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.reserve_indexes import reserve_indexes
from tests.factories import submit, NOON
store = SqlStore(make_engine(sys.argv[1], pool_size=2, busy_timeout_s=30))
print("ready", flush=True)
sys.stdin.readline()
for _ in range(3):
    with store.writing() as uow:
        [issuer] = uow.issuers.all()
        reserved = reserve_indexes(uow, issuer, bytes.fromhex(sys.argv[2]), 20_000, new_list_entries=131_072, now=NOON, random_bytes=os.urandom)
        uow.commit()
    print("reserved", *(f"{of.number}:{index}" for of, index in reserved))
"""


def test_processes_reserve_no_index_twice_and_go_on_in_the_next_list_together(store, university):
    with store.writing() as uow:
        made = uow.status_lists.create(university, StatusPurpose.REVOCATION, MIN_ENTRIES, SignedBy.SERVICE, NOON)
        uow.commit()
    processes = started_together(3, RESERVER, store, made.list_id.hex())
    said = [line for process in processes for line in process.communicate(timeout=120)[0].splitlines()]
    reserved = [index for line in said if line.startswith("reserved ") for index in line.split()[1:]]

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(reserved) == len(set(reserved)) == 180_000
    assert sum(index.startswith("0:") for index in reserved) == MIN_ENTRIES  # the first is full before the next is made
    assert sum(index.startswith("1:") for index in reserved) == 180_000 - MIN_ENTRIES
    with store.reading() as uow:
        lists = uow.status_lists.numbered(university, StatusPurpose.REVOCATION)
        kept = [uow.status_lists.reserved(one.id).count() for one in lists]
    assert kept == [MIN_ENTRIES, 180_000 - MIN_ENTRIES]


@pytest.mark.parametrize("first_commits", [True, False], ids=["commits", "rolls-back"])
def test_same_digest_from_two_sessions_is_one_entry(store, university, first_commits):
    with store.writing() as uow:
        posted = [make_digest(1)]
        (first,) = submit(uow, university, posted)
        second = Session(post_salted, store, university, 1, salt=7)
        assert second.is_held_up()
        if first_commits:
            uow.commit()
    (answer,) = second.result()
    (row,) = rows(store, tables.entry)
    assert (answer.id, answer.salt) == (row.id, row.salt)
    assert (answer == first) is first_commits
    assert (row.salt == bytes([7]) * 16) is not first_commits


def test_same_digests_in_opposite_order_do_not_deadlock(store, university):
    numbers = range(300)

    def some(round_number: int, step: int) -> list[Entry]:
        return post_salted(store, university, *[1000 * round_number + i for i in numbers][::step], salt=step % 256)

    for round_number in range(5):
        forth, back = (Session(some, round_number, step) for step in (1, -1))
        one, other = forth.result(), back.result()
        assert one == other[::-1]
    assert len(rows(store, tables.entry)) == 5 * len(numbers)


# Transactions.


@sqlite_only
def test_writer_on_sqlite_reads_nothing_that_another_changes_before_it_writes(store, university):
    """Two that count and then write: without the lock at the beginning, both would count the same."""

    def count_and_post() -> int:
        with store.writing() as uow:
            counted: int = uow.entries.count_after(0)
            time.sleep(0.02)
            posted = [make_digest(counted)]
            submit(uow, university, posted)
            uow.commit()
        return counted

    sessions = [Session(count_and_post) for _ in range(4)]
    assert sorted(session.result() for session in sessions) == [0, 1, 2, 3]


@sqlite_only
def test_writer_on_sqlite_waits_for_another(store, university):
    with store.writing() as uow:
        other = Session(post_salted, store, university, 1)
        assert other.is_held_up()
        uow.commit()
    assert len(other.result()) == 1


@sqlite_only
def test_writer_that_waits_too_long_says_that_the_store_is_unavailable(store, university):
    impatient = make_engine(str(store._engine.url), pool_size=1, busy_timeout_s=0.05)
    with store.writing(), pytest.raises(StoreUnavailable, match="database is locked"):
        post_salted(SqlStore(impatient), university, 1)
    impatient.dispose()


def test_reader_is_held_up_by_nobody_and_sees_what_is_committed(store, university):
    post(store, university, 1)
    with store.writing() as writer:
        submit(writer, university, [make_digest(2)])
        with store.reading() as reader:
            assert reader.entries.count_after(0) == 1
        writer.commit()
    with store.reading() as reader:
        assert reader.entries.count_after(0) == 2


@sqlite_only
def test_reading_unit_of_work_on_sqlite_sees_one_state(store, university):
    with store.reading() as uow:
        assert uow.entries.count_after(0) == 0
        post(store, university, 1)
        assert uow.entries.count_after(0) == 0


# A server that goes away.


def _end_other_sessions(store: SqlStore) -> None:
    outside = make_engine(str(store._engine.url.render_as_string(hide_password=False)), pool_size=1, busy_timeout_s=5)
    with outside.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(others))
    outside.dispose()


@postgresql_only
def test_pooled_session_that_the_server_ended_is_replaced(store, university):
    _end_other_sessions(store)
    assert len(post(store, university, 1)) == 1


@postgresql_only
def test_session_that_ends_in_mid_transaction_is_said_so(store, university):
    def broken_off() -> None:
        with store.writing() as uow:
            _end_other_sessions(store)
            uow.entries.count_after(0)

    with pytest.raises(StoreUnavailable):
        broken_off()
    assert len(post(store, university, 1)) == 1


@postgresql_only
def test_commit_that_is_not_acknowledged_is_said_so(store, university):
    def broken_off() -> None:
        with store.writing() as uow:
            submit(uow, university, [make_digest(1)])
            _end_other_sessions(store)
            uow.commit()

    with pytest.raises(StoreUnavailable, match="repeating is safe"):
        broken_off()
    assert len(post(store, university, 1)) == 1


@postgresql_only
def test_writer_that_hangs_is_broken_off_and_sealing_goes_on(store, university):
    hasty = make_engine(store._engine.url.render_as_string(hide_password=False), pool_size=2, busy_timeout_s=0.2)
    hung = SqlStore(hasty)

    def hangs() -> None:
        with hung.writing() as uow:
            submit(uow, university, [make_digest(1)])
            time.sleep(0.5)
            uow.commit()

    writer = Session(hangs)
    time.sleep(0.1)
    entries = post(store, university, 2)
    assert len(seal(store)) == 1
    with pytest.raises(StoreUnavailable):
        writer.result()
    check_store(store, entries)
    hasty.dispose()


def test_two_that_fix_the_same_range_at_once_both_go_on(store):
    together, begun = threading.Barrier(2, timeout=20), []

    def fix() -> None:
        for first_id in range(1, 601, 2):
            together.wait()
            with store.writing() as uow:
                begun.append(uow.batches.fix_range(EntryRange(first_id=first_id, last_id=first_id + 1, count=2)))
                uow.commit()

    for session in [Session(fix) for _ in range(2)]:
        session.result()
    assert (begun.count(True), begun.count(False)) == (300, 300)
    assert len(rows(store, tables.batch)) == 300


# Keys.


def begun(store: SqlStore, act: Callable[[UnitOfWork], object]) -> Session:
    """Not committed; and another who does the same meanwhile, and says whether it was done."""

    def other() -> bool:
        with store.writing() as uow:
            try:
                act(uow)
            except (Conflict, NotFound):
                return False
            uow.commit()
            return True

    with store.writing() as uow:
        act(uow)
        session = Session(other)
        assert session.is_held_up()
        uow.commit()
    return session


def test_key_that_two_revoke_at_once_is_revoked_by_one(store, university):
    key = make_key(store, university)
    other = begun(store, lambda uow: revoke_key(uow, key[3:11], now=NOON))
    assert other.result() is False


def test_key_that_two_rotate_at_once_is_rotated_by_one(store, university):
    key, now = make_key(store, university), NOON + timedelta(seconds=0.5)
    other = begun(store, lambda uow: rotate_key(uow, key[3:11], overlap=timedelta(days=1), now=now, random_bytes=os.urandom))
    assert other.result() is False


def test_last_key_that_an_issuer_may_have_is_made_by_one_of_two(store, university):
    for _ in range(MOST_KEYS - 1):
        make_key(store, university)
    other = begun(store, lambda uow: create_key(uow, university.did, now=NOON, random_bytes=os.urandom))
    assert other.result() is False
