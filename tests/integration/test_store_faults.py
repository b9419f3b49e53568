"""PostgreSQL goes away, comes back, freezes and breaks off; what was acknowledged stays, and nothing is answered 500.

The wire between a program and its server is cut before a word went through, and after, with the answer lost.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, text

from anchoring.errors import AnchoringError, StoreUnavailable
from anchoring.jobs import Round
from anchoring.store import tables
from anchoring.store.engine import make_engine, opened, transaction
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from service.group_commit import GroupCommit
from service.metrics import Metrics
from service.together import repeated
from tests.api import check_problem, make_app, make_key, run_async, running
from tests.factories import FrozenClock, add_issuer, make_digest, post, submit
from tests.faults import Fault
from tests.installation import RULES, Installation, no_progress, with_finality
from tests.postgres_cluster import PostgresCluster, postgres_clusters
from tests.sessions import Session
from tests.tcp_proxy import TcpProxy, tcp_proxy
from tests.world import check_store, rows, served_proofs

HALVES = [Fault.FAILS_BEFORE, Fault.FAILS_AFTER]


@pytest.fixture
def store(migrated_postgres: Engine) -> SqlStore:
    """The honest connection, for arranging and checking."""
    with migrated_postgres.connect() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(table.name for table in tables.metadata.sorted_tables)} RESTART IDENTITY"))
        connection.commit()
    return SqlStore(migrated_postgres)


@pytest.fixture
def wire(store: SqlStore) -> Iterator[TcpProxy]:
    with tcp_proxy(f"{store._engine.url.query['host']}/.s.PGSQL.5432") as proxy:
        yield proxy


@pytest.fixture
def wired(store: SqlStore, wire: TcpProxy) -> Iterator[SqlStore]:
    """The same store, by the wire."""
    database = store._engine.url.database
    url = f"postgresql://postgres@127.0.0.1:{wire.port}/{database}?sslmode=disable&gssencmode=disable"
    engine = make_engine(url, pool_size=5, busy_timeout_s=1)
    yield SqlStore(engine)
    engine.dispose()


# The answer to a commit is lost (D10).


@pytest.mark.parametrize("fault", HALVES, ids=["before", "after"])
def test_post_whose_commit_is_cut_is_answered_503_and_repeating_it_gives_the_first_answer(store, wired, wire, fault):
    with running(store, faulty=wired) as api:
        api.post_numbers(0)  # connections are there
        wire.cut(b"COMMIT", fault)
        answer = api.post_numbers(1)
        problem = check_problem(answer, 503, "store-unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert "not" not in problem["detail"]
        assert wire.cuts == 1
        kept = rows(store, tables.entry)[1:]
        assert len(kept) == int(fault.takes_hold)
        again = api.post_numbers(1)
        assert again.status_code == 202
        _, entry = rows(store, tables.entry)
        assert again.json()["salts"] == ["0x" + entry.salt.hex()]
        assert not kept or kept[0] == entry


@pytest.mark.parametrize("fault", HALVES, ids=["before", "after"])
def test_round_whose_commit_is_cut_ends_well_wherever_it_was(store, wired, wire, fault):
    """Each commit of a round once, until a round has no further one."""
    here = Installation(store, with_finality(RULES, 0))
    number, was_cut = 0, True
    while was_cut:
        here.post(1)
        cuts = wire.cuts
        wire.cut(b"COMMIT", fault, after=number)
        with suppress(AnchoringError):
            make_round(here, wired).run()
        was_cut = wire.cuts > cuts
        number += 1
        wire.cut(b"never", fault)
        here.rest()
    assert number > 8
    here.check()


def make_round(here: Installation, store: SqlStore) -> Any:
    """A round on the same ledger, by the wire."""
    return Round(store, here.ledger, here.clock, here.rules, holder="by the wire", progress=no_progress)


# Deadlock (D06).


def test_deadlock_of_two_workers_costs_neither_of_them_its_answer(store, monkeypatch):
    """Each shares a commit between two posts, and takes them in the other's order."""
    university = add_issuer(store)
    seen: list[str] = []
    both_have_one = threading.Barrier(2)

    execute = psycopg.Cursor.execute

    def noted(*given: Any, **options: Any) -> Any:
        try:
            return execute(*given, **options)
        except psycopg.Error as failed:
            seen.append(str(failed.sqlstate))
            raise

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)

    def of(worker: GroupCommit, numbers: list[int]) -> Any:
        tries = []

        def write(uow: Any) -> Any:
            tries.append(1)
            entries = []
            for place, number in enumerate(numbers):
                if place and len(tries) == 1:
                    both_have_one.wait(20)
                posted = [make_digest(number)]
                entries += submit(uow, university, posted)
            return entries

        return asyncio.run(worker.write(write))

    workers = [GroupCommit(store, FrozenClock(), Metrics()) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        sessions = [Session(of, worker, numbers) for worker, numbers in zip(workers, [[1, 2], [2, 1]], strict=True)]
        one, other = (session.result() for session in sessions)
    finally:
        for worker in workers:
            worker.stop()
    assert set(seen) == {"40P01"}
    assert one == other[::-1]
    check_store(store, one)


# The server ends the session (D11).


@pytest.mark.parametrize(
    "word", ["INSERT INTO entry", "max(batch.last_id)", "pg_advisory_xact_lock_shared", "INSERT INTO audit_record"]
)
def test_session_that_the_server_ends_in_mid_transaction_costs_a_post_nothing(store, monkeypatch, word):
    ended: list[int] = []
    execute = psycopg.Cursor.execute

    def end(cursor: Any, statement: str, *given: Any, **options: Any) -> Any:
        if word in statement and not ended:
            ended.append(cursor.connection.info.backend_pid)
            outside = make_engine(store._engine.url.render_as_string(hide_password=False), pool_size=1, busy_timeout_s=5)
            with transaction(outside, writes=False) as connection:
                connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": ended[0]})
            outside.dispose()
        return execute(cursor, statement, *given, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", end)
    with running(store) as api:
        answer = api.post_numbers(1, 2)
    assert (answer.status_code, len(ended)) == (202, 1)
    assert answer.json()["salts"] == [
        "0x" + row.salt.hex() for row in sorted(rows(store, tables.entry), key=lambda row: row.digest != make_digest(1))
    ]


@pytest.mark.parametrize("step", ["read", "leave"])
def test_session_that_was_idle_too_long_in_a_transaction_is_a_lost_connection(store, step):
    """The server ends it, so that it holds nobody up; nothing of it took hold."""
    university = add_issuer(store)
    with opened(store._engine.url.render_as_string(hide_password=False), busy_timeout_s=0.2) as hasty:

        def idles() -> None:
            with SqlStore(hasty).writing() as uow:
                submit(uow, university, [make_digest(1)])
                mine = "FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()"
                wait_until(lambda: count_of(store, f"SELECT count(*) {mine}") == 0, "the server ends the session")
                if step == "read":
                    uow.entries.count_after(0)

        with pytest.raises(StoreUnavailable) as caught:
            idles()
        assert caught.value.may_repeat
    assert rows(store, tables.entry) == []


def count_of(store: SqlStore, question: str) -> int:
    with store._engine.connect() as connection:
        count: int = connection.execute(text(question)).scalar_one()
        return count


def test_read_on_a_session_that_ended_is_repeated(store):
    ended: list[int] = []
    with running(store) as api:
        api.post_numbers(1)

        @event.listens_for(store._engine, "before_cursor_execute")
        def end(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if "JOIN entry" in statement and not ended:
                ended.append(cursor.connection.info.backend_pid)
                cursor.connection.close()

        answer = api.get(f"/v1/proofs/0x{make_digest(1).hex()}")
        event.remove(store._engine, "before_cursor_execute", end)
    assert (answer.status_code, len(ended)) == (202, 1)


# A server that nobody reaches.


def test_server_that_refuses_is_answered_503_until_it_is_back(store, wired, wire):
    with running(store, faulty=wired) as api:
        assert api.post_numbers(1).status_code == 202
        wire.is_refusing = True
        wire.drop()
        check_problem(api.post_numbers(2), 503, "store-unavailable")
        assert api.get("/readyz").status_code == 503
        wire.is_refusing = False
        assert api.post_numbers(2).status_code == 202
    assert len(rows(store, tables.entry)) == 2


@pytest.mark.parametrize(
    "word", [b"INSERT INTO batch", b"COMMIT", b"INSERT INTO submission"], ids=["range", "commit", "submission"]
)
def test_round_that_is_cut_off_in_silence_is_overtaken_and_does_no_harm_when_it_is_back(store, wired, wire, word):
    """Its server ends its session by itself (D03); what it held is free, and its lease passes on."""
    here = Installation(store)
    here.post(2)
    wire.freeze(word)
    frozen = Session(make_round(here, wired).run)
    assert wire.frozen.wait(20)
    here.rest()
    here.post(1)
    wire.thaw()
    with suppress(AnchoringError):
        frozen.result()
    here.rest()
    here.check()


# A server that crashes (D11), and one that takes over (D12).


@pytest.fixture
def clusters(postgres_server: str) -> Iterator[list[PostgresCluster]]:
    with postgres_clusters() as made:
        yield made


def wait_until(done: Any, what: str) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def ask(url: str, question: str) -> Any:
    engine = make_engine(url, pool_size=1, busy_timeout_s=5)
    try:
        with engine.connect() as connection:
            return connection.execute(text(question)).scalar()
    finally:
        engine.dispose()


# A driver cannot close a cursor at a server that is gone, and says so when the cursor is forgotten.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <function ServerCursorMixin.__del__:pytest.PytestUnraisableExceptionWarning"
)
def test_server_that_crashes_under_posts_and_rounds_loses_nothing(clusters):
    server = clusters[0]
    server.initialize()
    server.start()
    engine = make_engine(server.url, pool_size=10, busy_timeout_s=5)
    migrate(engine)
    store = SqlStore(engine)
    here = Installation(store)
    statuses: list[int] = []
    with running(store) as api:
        ended = threading.Event()
        acknowledged: list[int] = []

        def posts(start: int) -> None:
            for number in range(start, start + 100_000):
                answer = api.post_numbers(number)
                statuses.append(answer.status_code)
                if answer.status_code == 202:
                    acknowledged.append(number)
                if ended.is_set():
                    return

        def rounds() -> None:
            while not ended.is_set():
                here.fails()
                here.clock.advance(61)

        sessions = [Session(posts, 200_000), Session(posts, 400_000), Session(rounds)]
        try:
            for _ in range(3):
                before = len(acknowledged)
                wait_until(lambda: len(acknowledged) > before + 20, "posts go on")  # noqa: B023 - asked at once
                server.crash()
                server.start()
        finally:
            ended.set()
        for session in sessions:
            session.result()
    assert set(statuses) <= {202, 503}
    digests = {row.digest for row in rows(store, tables.entry)}
    assert {make_digest(number) for number in acknowledged} <= digests
    here.rest()
    here.check()
    engine.dispose()


def change(url: str, setting: str) -> None:
    """A setting of a running server."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")


def standby_of(primary: PostgresCluster, standby: PostgresCluster, wire: TcpProxy) -> None:
    standby.copy_of(wire)
    standby.start()
    attached = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
    wait_until(lambda: ask(primary.url, attached) == 1, "the standby follows")


def both(clusters: list[PostgresCluster]) -> str:
    """A URL with both servers, of which the one that takes writes is wanted."""
    hosts = "&".join(f"host={cluster.folder}" for cluster in clusters)
    return f"postgresql://postgres@/postgres?{hosts}&target_session_attrs=read-write"


def test_standby_answers_reads_as_the_primary_does_and_refuses_posts(clusters):
    """Workers for reads alone, on a replica of the database."""
    primary, standby = clusters
    primary.initialize()
    primary.start()
    with tcp_proxy(primary.socket) as wire:
        engine, replica = (make_engine(cluster.url, pool_size=5, busy_timeout_s=5) for cluster in (primary, standby))
        migrate(engine)
        here = Installation(SqlStore(engine), replace(RULES, max_leaves=1000))
        standby_of(primary, standby, wire)
        entries = here.post(300)
        here.rest()
        anchored = "SELECT count(*) FROM batch WHERE state = 'final'"
        wait_until(lambda: ask(standby.url, anchored) == 1, "the standby has replayed it")
        before, after = (served_proofs(SqlStore(one), entries) for one in (engine, replica))
        assert {answer.status_code for answer in after} == {200}
        assert [answer.content for answer in after] == [answer.content for answer in before]
        key = make_key(here.store, here._issuer)
        wait_until(lambda: ask(standby.url, "SELECT count(*) FROM api_key") == 1, "the key has come too")

        async def post(client):
            headers = {"Authorization": f"Bearer {key}"}
            read = await client.get("/v1/batches")
            known, new = ({"digests": [digest.hex()]} for digest in (entries[0].digest, bytes(32)))
            posted = [await client.post("/v1/digests", json=one, headers=headers) for one in (known, new)]
            return read, posted, await client.get("/readyz")

        read, posted, ready = run_async(make_app(SqlStore(replica)), post)
        assert [batch["treeSize"] for batch in read.json()["batches"]] == [300]
        for refused in posted:
            problem = check_problem(refused, 503, "store-read-only")
            assert "address that takes it" in problem["detail"]
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        replica.dispose()
        engine.dispose()


def test_process_that_took_posts_is_not_ready_once_its_database_takes_no_writes(clusters):
    server = clusters[0]
    server.initialize()
    server.start()
    with opened(server.url, busy_timeout_s=5) as engine:
        migrate(engine)
        with running(SqlStore(engine)) as api:
            assert api.post_numbers(1).status_code == 202
            change(server.url, "default_transaction_read_only = on")
            wait_until(lambda: api.post_numbers(2).status_code == 503, "it takes no writes")
            check_problem(api.post_numbers(2), 503, "store-read-only")
            unready = api.get("/readyz")
            change(server.url, "default_transaction_read_only = off")
            wait_until(lambda: api.post_numbers(2).status_code == 202, "it takes writes")
            ready = api.get("/readyz")
    assert [unready.status_code, ready.status_code] == [503, 200]
    assert unready.json()["reasons"] == ["the database did not take the last post, 0 s ago"]


def test_asynchronous_standby_that_takes_over_lacks_digests_and_signs_nothing(clusters):
    """Its database is older than the ledger: nonce and count of anchors tell."""
    primary, standby = clusters
    primary.initialize()
    primary.start()
    with tcp_proxy(primary.socket) as wire:
        engine = make_engine(both(clusters), pool_size=5, busy_timeout_s=5)
        migrate(engine)
        here = Installation(SqlStore(engine))
        here.post(2)
        here.rest()
        standby_of(primary, standby, wire)
        wire.freeze()
        lost = here.post(1)
        here.rest()
        anchored = len(here.chain.events())
        primary.crash()
    standby.promote()
    here.clock.advance(61)
    here.post(1)
    broadcasts = here.chain.broadcasts
    for _ in range(3):
        here.clock.advance(61)
        with pytest.raises(AnchoringError, match=r"lacks|knows"):
            wait_for_server(here)
    assert (here.chain.broadcasts, len(here.chain.events())) == (broadcasts, anchored)
    with here.store.reading() as uow:
        assert list(uow.entries.of_digest(lost[0].digest)) == []
    engine.dispose()


def wait_for_server(here: Installation) -> None:
    """A round, once the connections of the past are gone."""
    while True:
        try:
            here.round()
            return
        except StoreUnavailable:
            here.clock.advance(61)


def test_synchronous_standby_that_takes_over_has_everything_that_was_acknowledged(clusters):
    primary, standby = clusters
    primary.initialize("synchronous_standby_names = '*'")
    primary.start()
    with tcp_proxy(primary.socket) as wire:
        standby_of(primary, standby, wire)
        engine = make_engine(both(clusters), pool_size=5, busy_timeout_s=5)
        migrate(engine)
        store = SqlStore(engine)
        here = Installation(store)
        here.post(3)
        here.rest()
        here.post(1)
        wire.freeze()
        unanswered = Session(post, store, here._issuer, 99)
        assert unanswered.is_held_up(), "a commit that no standby has is not acknowledged"
        primary.crash()
    standby.promote()
    with pytest.raises(StoreUnavailable):
        unanswered.result()
    change(standby.url, "synchronous_standby_names = ''")  # it has no standby of its own yet, and would wait for one
    with suppress(AnchoringError):
        here.round()
    here.rest()
    here.check()
    engine.dispose()


def test_server_that_takes_no_writes_any_more_is_left_for_the_one_that_does(clusters):
    """The first was demoted while a connection to it was open."""
    for cluster in clusters:
        cluster.initialize()
        cluster.start()
        with opened(cluster.url, busy_timeout_s=5) as one:
            migrate(one)
    engine = make_engine(both(clusters), pool_size=2, busy_timeout_s=5)
    store = SqlStore(engine)
    university = add_issuer(store)
    post(store, university, 1)
    with opened(clusters[1].url, busy_timeout_s=5) as second:
        add_issuer(SqlStore(second))
        change(clusters[0].url, "default_transaction_read_only = on")
        wait_until(lambda: ask(clusters[0].url, "SHOW default_transaction_read_only") == "on", "it takes no writes")
        assert len(repeated(lambda: post(store, university, 2))) == 1
        assert [row.digest for row in rows(SqlStore(second), tables.entry)] == [make_digest(2)]
    engine.dispose()


def test_hosts_in_the_form_of_libpq_are_tried_in_turn(store, wire):
    nobody = "127.0.0.1:1"
    database = store._engine.url.database
    options = "sslmode=disable&gssencmode=disable&target_session_attrs=read-write"
    url = f"postgresql://postgres@{nobody},127.0.0.1:{wire.port}/{database}?{options}"
    engine = make_engine(url, pool_size=1, busy_timeout_s=5)
    assert post(SqlStore(engine), add_issuer(SqlStore(engine)), 1)
    engine.dispose()
