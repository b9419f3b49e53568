"""Partitions of entries: a digest stays unique over all of them, whoever writes meanwhile, and nobody else notices."""

import json
import random
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, text

from anchoring.errors import StoreUnavailable
from anchoring.ports.entries import Entry, NewEntries
from anchoring.ports.partitions import Partition
from anchoring.store import tables
from anchoring.store.backup import restore_backup, save_backup
from anchoring.store.engine import SEAL_LOCK, make_engine
from anchoring.store.partitions import WIDTH, add_partition, list_partitions
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Digest
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.seal_batches import seal_batches
from service.together import repeated
from tests.api import stored
from tests.credanchor import Credanchor, Done, run_process
from tests.factories import ACADEMY, NOON, FrozenClock, add_issuer, make_digest, make_salts, post, submit
from tests.installation import RULES, Installation, no_progress, with_finality
from tests.partitions import Killed, add, faults, kill_at, partitions
from tests.sessions import Session
from tests.world import check_store, rows

QUICK = with_finality(RULES, 1)


def in_three_partitions(engine: Engine, manifests: Path | None = None) -> Installation:
    """A batch in the first, one over the first two and one over the last two; an erased entry, a revoked one and one that waits."""
    here = Installation(SqlStore(engine), QUICK, manifests=manifests)
    here.post(4)
    here.rest()
    first, *_ = here.post(1)
    add(engine)
    here.post(2)
    here.rest()
    here.revoke()
    here.post(1)
    add(engine)
    here.post(3)
    here.rest()
    with here.store.writing() as uow:
        assert erase_entry(uow, here._issuer, first.digest, now=NOON)
        uow.commit()
    here.acknowledged.remove(first)
    here.rest()
    here.post(1)
    return here


# One and then another.


def test_plain_table_becomes_the_oldest_partition_and_new_entries_go_to_the_newest(plain):
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    assert partitions(plain) == {"entry": (None, None)}
    first = post(store, university, 1, 2)
    assert [add(plain), add_partition(plain, patience_s=10)] == ["entry_2", ("entry_2", False)]
    second = post(store, university, 3)
    assert add(plain) == "entry_3"
    assert partitions(plain) == {"entry_1": (1, 2), "entry_2": (WIDTH, WIDTH), "entry_3": (None, None)}
    third = post(store, university, 4, 5)
    assert partitions(plain)["entry_3"] == (2 * WIDTH, 2 * WIDTH + 1)
    [oldest, *_] = list_partitions(plain)
    assert oldest == Partition(name="entry_1", first_id=1, last_id=2, since=NOON, until=NOON, size=oldest.size)
    assert faults(plain) == []
    check_store(store, first + second + third)


def test_digest_gets_its_first_answer_from_whichever_partition_holds_it(plain):
    store, university, academy = SqlStore(plain), add_issuer(SqlStore(plain)), add_issuer(SqlStore(plain), ACADEMY)
    known = post(store, university, 1)
    add(plain)
    known += post(store, university, 2)
    add(plain)
    assert post(store, university, 1, 3, 2, 3, 1)[::2] == [known[0], known[1], known[0]]
    assert post(store, university, 3, 2, 1)[1:] == known[::-1]
    [theirs] = post(store, academy, 1)
    with store.reading() as uow:
        assert list(uow.entries.of_digest(make_digest(1))) == [known[0], theirs]
    assert len(rows(store, tables.entry)) == 4


def test_erased_digest_that_is_posted_again_is_a_new_entry(plain):
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    [before] = post(store, university, 1)
    seal_batches(store, FrozenClock(), max_leaves=10, progress=no_progress)
    add(plain)
    with store.writing() as uow:
        assert erase_entry(uow, university, before.digest, now=NOON)
        uow.commit()
    [after] = post(store, university, 1)
    assert after.id == WIDTH
    assert post(store, university, 1) == [after]


def test_what_waits_is_counted_without_the_ids_between_partitions(plain):
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    post(store, university, 1, 2, 3)
    add(plain)
    post(store, university, 4, 5)
    add(plain)
    with store.reading() as uow:
        assert [uow.entries.backlog(after) for after in (0, 2, 3, WIDTH, WIDTH + 1)] == [5, 3, 2, 1, 0]
        assert uow.entries.waiting_after(1) == 4
        assert [len(some.salted) for some in uow.entries.salted(2, WIDTH)] == [2 * 48, 48]


# While programs go on.


@pytest.mark.parametrize("seed", [1])
def test_writers_of_the_same_digests_get_one_entry_each_while_partitions_are_added(plain, seed):
    """Six writers dawdle before they commit, a round seals, and the newest partition changes all the time."""
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    answers: list[Entry] = []
    end = time.monotonic() + 3

    def writer(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        while time.monotonic() < end:
            newest = len(answers) // 10
            some = [make_digest(max(0, newest - chance.randint(0, 30))) for _ in range(chance.randint(1, 5))]
            answers.extend(repeated(partial(write, some, chance)))

    def write(some: list[Digest], chance: random.Random) -> list[Entry]:
        with store.writing() as uow:
            posted = submit(uow, university, some, random_bytes=chance.randbytes)
            time.sleep(chance.random() * 0.01)
            uow.commit()
        return posted

    def adds() -> None:
        while time.monotonic() < end:
            add_partition(plain, patience_s=30)

    def seals() -> None:
        while time.monotonic() < end:
            seal_batches(store, FrozenClock(), max_leaves=20, progress=no_progress)
            time.sleep(0.005)

    for session in [Session(writer, number) for number in range(6)] + [Session(adds), Session(seals)]:
        session.result()
    seal_batches(store, FrozenClock(), max_leaves=20, progress=no_progress)
    held = [row.digest for row in rows(store, tables.entry)]
    assert len(held) == len(set(held)) == len({answer.digest for answer in answers}) > 20
    assert len({(answer.digest, answer.salt, answer.id) for answer in answers}) == len(held)
    assert len(partitions(plain)) > 4
    check_store(store, answers)
    assert faults(plain) == []


def test_writer_that_dawdles_is_waited_for_and_readers_are_not(plain, monkeypatch):
    """The newest partition is the newest until it commits."""
    monkeypatch.setattr("anchoring.store.partitions.TABLE_WAIT", "10s")
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    add(plain)
    with store.writing() as uow:
        [dawdles] = submit(uow, university, [make_digest(1)])
        adding = Session(add, plain)
        assert adding.is_held_up()
        repeated = Session(post, store, university, 1, 2)
        assert not Session(partitions, plain).is_held_up()
        uow.commit()
    assert adding.result() == "entry_3"
    assert repeated.result()[0] == dawdles


def test_post_that_waits_while_the_plain_table_becomes_a_partition_is_refused_and_may_be_repeated(plain):
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    with plain.connect() as writer:
        writer.execute(select(func.pg_advisory_xact_lock_shared(SEAL_LOCK)))
        adding = Session(add, plain)
        assert adding.is_held_up()
        waits = Session(post, store, university, 1)
        assert waits.is_held_up()
    assert adding.result() == "entry_2"
    with pytest.raises(StoreUnavailable) as refused:
        waits.result()
    assert refused.value.may_repeat
    assert [one.id for one in post(store, university, 1)] == [WIDTH]


def test_reader_that_takes_long_is_named_and_posts_go_on(plain, monkeypatch):
    monkeypatch.setattr("anchoring.store.schema.LOCK_WAIT", "50ms")
    monkeypatch.setattr("anchoring.store.schema.PAUSE_S", 0.05)
    monkeypatch.setattr("anchoring.store.partitions.TABLE_WAIT", "50ms")
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    with plain.connect() as long:
        long.execute(text("SELECT count(*) FROM entry"))
        adding, posted = Session(add, plain, 0.5), 0
        while adding.is_alive():
            posted += len(post(store, university, posted))
        with pytest.raises(StoreUnavailable, match=r"stays locked by session \d+ \(credanchor\)"):
            adding.result()
    assert partitions(plain) == {"entry": (1, posted)}
    assert posted > 1
    assert add(plain) == "entry_2"


@pytest.mark.parametrize("begun", [0, 1])
def test_add_that_is_killed_anywhere_is_done_or_was_not_and_is_repeated(plain, begun):
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    posted = post(store, university, 0)
    for _ in range(begun):
        add(plain)
        posted += post(store, university, len(posted))
    before, killed, done = partitions(plain), 0, None
    while done is None:
        listener = kill_at(plain, killed)
        try:
            done = add_partition(plain, patience_s=1)
        except Killed:
            killed += 1
        event.remove(plain, "before_cursor_execute", listener)
        there = partitions(plain)
        assert there == before or len(there) == begun + 2
        assert post(store, university, *range(len(posted))) == posted
    assert killed > 10
    assert done[0] == f"entry_{begun + 2}"
    posted += post(store, university, len(posted))
    check_store(store, posted)
    assert len(partitions(plain)) == begun + 2
    assert posted[-1].id == (begun + 1) * WIDTH
    with plain.connect() as connection:
        unsure = "SELECT conname FROM pg_constraint WHERE NOT convalidated OR conname = 'ck_entry_bound'"
        assert connection.execute(text(unsure)).all() == []


# What others see.


def test_rounds_proofs_and_manifests_go_on_over_three_partitions(plain, tmp_path):
    here = in_three_partitions(plain, tmp_path)
    here.rest()
    here.check()
    assert faults(plain) == []
    batches = rows(here.store, tables.batch)
    assert {(row.first_id // WIDTH, row.last_id // WIDTH) for row in batches} >= {(0, 0), (0, 1), (1, 2), (2, 2)}


def test_references_hold_over_all_partitions(plain):
    here = in_three_partitions(plain)
    with plain.begin() as connection:
        kept = {table: description(connection, table) for table in ("status_binding", "erasure", "canary", "audit_head")}
    assert all("REFERENCES entry(id)" in "".join(one) for one in kept.values())
    [erased] = rows(here.store, tables.erasure)
    with pytest.raises(Exception, match="violates foreign key constraint"), plain.begin() as connection:
        connection.execute(text("DELETE FROM entry WHERE id = :id"), {"id": erased.entry_id})


def description(connection: Any, table: str) -> list[str]:
    asked = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = CAST(:table AS regclass) AND contype = 'f'"
    return list(connection.execute(text(asked), {"table": table}).scalars())


@pytest.fixture(params=["sqlite", "plain", "partitioned"])
def target(request: pytest.FixtureRequest, postgres_server: str, tmp_path: Path) -> Iterator[Engine]:
    """Another database: empty, or with a partition less and something in it."""
    from tests.conftest import _postgres_database

    if request.param == "sqlite":
        made = make_engine(f"sqlite:///{tmp_path / 'target.db'}", pool_size=5, busy_timeout_s=10)
        yield made
        made.dispose()
        return
    with _postgres_database(postgres_server) as url:
        made = make_engine(url, pool_size=5, busy_timeout_s=10)
        migrate(made)
        if request.param == "partitioned":
            store = SqlStore(made)
            university = add_issuer(store)
            post(store, university, 900)
            add(made)
            post(store, university, 901)
        yield made
        made.dispose()


def test_backup_of_partitions_is_restored_into_either_kind_and_back(plain, target, tmp_path):
    here = in_three_partitions(plain)
    save_backup(plain, tmp_path / "there", now=NOON, progress=no_progress)
    restore_backup(target, tmp_path / "there", now=NOON, replace=True, progress=no_progress)
    expected = kept(plain)
    assert kept(target) == expected
    assert faults(target) == []
    check_store(SqlStore(target), here.acknowledged)
    [new] = post(SqlStore(target), here._issuer, 800)
    assert new.id > max(entry.id for entry in here.acknowledged)
    save_backup(target, tmp_path / "back", now=NOON, progress=no_progress)
    restore_backup(plain, tmp_path / "back", now=NOON, replace=True, progress=no_progress)
    assert kept(plain) == kept(target)
    assert [one.id for one in post(here.store, here._issuer, 800, 801)] == [new.id, new.id + 1]


def kept(engine: Engine) -> dict[str, Any]:
    return {name: found for name, found in stored(SqlStore(engine)).items() if name not in {"round_lease", "restored_mark"}}


def test_older_backup_leaves_new_entries_to_the_newest_partition(plain, tmp_path):
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    [entry] = post(store, university, 1)
    save_backup(plain, tmp_path / "backup", now=NOON, progress=no_progress)
    add(plain)
    post(store, university, 2)
    restore_backup(plain, tmp_path / "backup", now=NOON, replace=True, progress=no_progress)
    assert [one.id for one in post(store, university, 1, 2)] == [entry.id, WIDTH]


def test_table_whose_ids_leapt_elsewhere_is_partitioned_above_them(plain, postgres_server, tmp_path):
    from tests.conftest import _postgres_database

    here = in_three_partitions(plain)
    save_backup(plain, tmp_path / "backup", now=NOON, progress=no_progress)
    with _postgres_database(postgres_server) as url:
        other = make_engine(url, pool_size=5, busy_timeout_s=10)
        restore_backup(other, tmp_path / "backup", now=NOON, replace=False, progress=no_progress)
        assert add(other) == "entry_4"
        assert post(SqlStore(other), here._issuer, 700)[0].id == 3 * WIDTH
        assert list(partitions(other)) == ["entry_3", "entry_4"]
        other.dispose()


@pytest.mark.parametrize("count", [1, 3])
def test_no_statement_walks_through_a_partition_before_the_first_analyze(plain, count):
    store, university = SqlStore(plain), add_issuer(SqlStore(plain))
    with plain.begin() as connection:
        connection.execute(text("ALTER TABLE entry SET (autovacuum_enabled = off)"))
    for number in range(count):
        if number:
            add(plain)
        with store.writing() as uow:
            digests = b"".join(make_digest(number * 2_000 + i) for i in range(2_000))
            uow.entries.add_missing([NewEntries(issuer=university, digests=digests, salts=make_salts(32_000))], NOON)
            uow.commit()
    some = [make_digest(i) for i in range(0, 2_000, 200)]
    posted = [NewEntries(issuer=university, digests=b"".join(some), salts=make_salts(160))]
    with store.writing() as uow:
        uow.entries.request_erasure(1, NOON)
        assert uow.entries.add_missing(posted, NOON) == 0
        assert len(uow.entries.receipts(posted).entry_ids) == sum(map(len, posted))
        uow.entries.cancel_erasures(posted)
        assert all(uow.entries.of_digests(some[:1]))
        assert uow.entries.of_issuer(university, some[:1])
        assert all(uow.entries.evidence(some))
        assert len(uow.entries.page(5, 9, 3)) == 3
        assert uow.entries.backlog(0) == 2_000 * count
        assert uow.entries.oldest_after(10) == NOON
        read = "SELECT sum(seq_tup_read), sum(idx_tup_fetch) FROM pg_stat_xact_user_tables WHERE relname ~ '^entry'"
        walked, looked_up = uow.connection.execute(text(read)).one()
    assert (walked, looked_up < 200) == (0, True)


# Migrations, and what operators type.


def test_partitions_go_with_the_schema(plain):
    here = in_three_partitions(plain)
    assert here.acknowledged
    assert migrate(plain, "-1") < migrate(plain)
    assert len(partitions(plain)) == 3
    migrate(plain, "base")
    with plain.connect() as connection:
        left = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic%'"
        assert connection.execute(text(left)).all() == []


def test_owner_adds_and_lists_partitions(plain: Engine, postgres_url: str) -> None:
    def credanchor(*words: str) -> Done:
        return run_process(*words, environment={"CREDANCHOR_STORE__URL": postgres_url})

    listed = credanchor("partitions", "list")
    assert (listed.code, listed.out.split("  ")[:2]) == (0, ["entry", "empty"])
    added = credanchor("partitions", "add")
    assert (added.code, added.out, added.err) == (0, "", "new entries go to entry_2\n")
    again = credanchor("partitions", "add")
    assert (again.code, again.err) == (0, "new entries go to entry_2, which is empty\n")
    post(SqlStore(plain), add_issuer(SqlStore(plain)), 1)
    [oldest, newest] = json.loads(credanchor("partitions", "list", "--json").out)
    assert oldest == {"name": "entry_1", "firstId": None, "lastId": None, "since": None, "until": None, "bytes": oldest["bytes"]}
    noon = "2026-11-23T12:00:00Z"
    assert newest == {
        "name": "entry_2",
        "firstId": WIDTH,
        "lastId": WIDTH,
        "since": noon,
        "until": noon,
        "bytes": newest["bytes"],
    }
    assert [row.action for row in rows(SqlStore(plain), tables.audit_record)] == ["partition.added"]


@pytest.mark.parametrize("verb", ["list", "add", "detach"])
def test_sqlite_has_no_partitions(migrated: Credanchor, verb: str) -> None:
    done = migrated("partitions", verb)
    assert (done.code, done.out) == (1, "")
    assert done.error == "entries are partitioned on PostgreSQL only, and CREDANCHOR_STORE__URL names an SQLite database"
