"""An SQLite file that is full, replaced, taken away or overwritten under a running service; connections that promise less."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from anchoring.errors import Misconfigured, StateCorrupt, StoreUnavailable
from anchoring.store import sqlite, tables
from anchoring.store.engine import make_engine, opened
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from tests.api import check_problem, running
from tests.factories import add_issuer, post
from tests.installation import Installation
from tests.world import rows

ROOM_PAGES = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    made = make_engine(f"sqlite:///{path}", pool_size=5, busy_timeout_s=5)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    return SqlStore(engine)


# A disk that is full (D13).


class Disk:
    """How many pages a file may have, as every connection sees it."""

    def __init__(self, engine: Engine) -> None:
        self.pages = 1_000_000_000
        event.listen(engine, "begin", self._limit)

    def _limit(self, connection: Any) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {self.pages}")


def test_full_disk_refuses_posts_and_loses_none_that_was_acknowledged(engine, store):
    disk = Disk(engine)
    with running(store) as api:
        with engine.connect() as connection:
            disk.pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + ROOM_PAGES
        statuses = [api.post_numbers(*range(100 * i, 100 * i + 100)).status_code for i in range(30)]
        assert set(statuses) == {202, 503}
        check_problem(api.post_numbers(*range(5000, 5100)), 503, "store-unavailable")
        assert len(rows(store, tables.entry)) == 100 * statuses.count(202)
        disk.pages = 1_000_000
        assert api.post_numbers(*range(5000, 5100)).status_code == 202
    assert len(rows(store, tables.entry)) == 100 * (statuses.count(202) + 1)


def test_round_on_a_full_disk_signs_nothing_and_goes_on_when_there_is_room(engine, store):
    here = Installation(store)
    here.post(300)
    disk = Disk(engine)
    disk.pages = 1
    with pytest.raises(StoreUnavailable, match="full"):
        here.round()
    assert "sign" not in here.faults.trace
    assert here.chain.broadcasts == 0
    disk.pages = 1_000_000
    here.rest()
    here.check()


# Another file in its place (D17).


@pytest.fixture
def another(tmp_path: Path) -> Path:
    """A database as it might come from a backup by `cp`."""
    copy = tmp_path / "another.db"
    with opened(f"sqlite:///{copy}", busy_timeout_s=5) as made:
        migrate(made)
        post(SqlStore(made), add_issuer(SqlStore(made)), 777)
    return copy


def without_log(path: Path) -> None:
    """SQLite would take the log of the file that was there for that of this one."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def stored_in(path: Path) -> list[bytes]:
    with opened(f"sqlite:///{path}", busy_timeout_s=5) as there:
        return [row.digest for row in rows(SqlStore(there), tables.entry)]


def test_file_that_is_replaced_is_noticed_before_anything_is_lost(store, path, another):
    with running(store) as api:
        assert api.post_numbers(1).status_code == 202
        before = stored_in(another)
        another.replace(path)
        check_problem(api.post_numbers(2), 503, "store-unavailable")
        assert api.get("/readyz").status_code == 503
    with pytest.raises(StoreUnavailable, match="was replaced under the running program: restart it"):
        post(store, add_issuer(store), 3)
    store.close()
    without_log(path)
    assert stored_in(path) == before


def test_round_on_a_file_that_was_replaced_makes_no_batch(store, path, another):
    here = Installation(store)
    here.post(2)
    another.replace(path)
    with pytest.raises(StoreUnavailable, match="was replaced"):
        here.round()
    assert here.chain.broadcasts == 0
    with opened(f"sqlite:///{path}", busy_timeout_s=5) as there:
        assert rows(SqlStore(there), tables.batch) == []


def test_file_that_is_taken_away_is_noticed_and_no_other_is_made(store, path, tmp_path):
    with running(store) as api:
        assert api.post_numbers(1).status_code == 202
        path.rename(tmp_path / "elsewhere.db")
        check_problem(api.post_numbers(2), 503, "store-unavailable")
        with pytest.raises(StoreUnavailable, match="was taken away under the running program"):
            post(store, api.issuer, 3)
    assert not path.exists()


def test_file_that_is_overwritten_gives_an_error_and_no_acknowledgement(store, path, another):
    """`cp` over the open file: the same file to the system, another to SQLite."""
    with running(store) as api:
        for first in (0, 100_000):  # more than the log holds
            assert api.post_numbers(*range(first, first + 100_000)).status_code == 202
        assert path.stat().st_size > another.stat().st_size, "some of it is in the file itself"
        assert api.post_numbers(200_001).status_code == 202
        shutil.copyfile(another, path)
        statuses = {api.post_numbers(300_000 + i).status_code for i in range(5)}
    assert statuses == {503}


def test_program_that_starts_afterwards_uses_the_file_that_is_there(store, path, another):
    expected = stored_in(another)
    another.replace(path)
    without_log(path)
    assert stored_in(path) == expected


# Less than was promised (D18).


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "delete"), ("synchronous", 3), ("foreign_keys", 0)])
def test_connection_with_other_settings_is_refused(engine, monkeypatch, pragma, value):
    """The settings cannot be made worse from outside; so more is asked of them than they are."""
    monkeypatch.setitem(sqlite.DURABLE, pragma, value)
    engine.dispose()
    with pytest.raises(Misconfigured, match=f"SQLite has {pragma} = "), engine.connect():
        pass


@pytest.mark.parametrize("setting", ["synchronous_commit=off", "synchronous_commit=local", "synchronous_commit=remote_write"])
def test_postgresql_that_may_lose_a_commit_is_refused(postgres_url, setting):
    refused = pytest.raises(Misconfigured, match=r"PostgreSQL has synchronous_commit = \w+, and on is needed")
    with opened(f"{postgres_url}&options=-c%20{setting}", busy_timeout_s=5) as weak, refused:
        migrate(weak)
    with opened(f"{postgres_url}&options=-c%20synchronous_commit=remote_apply", busy_timeout_s=5) as strong:
        migrate(strong)


def test_damaged_database_is_an_error_for_a_person(engine, store, path):
    here = Installation(store)
    here.post(300)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 40] = b"\xff" * (4096 * 37)
    path.write_bytes(content)
    with pytest.raises(StateCorrupt, match="the database cannot be read"):
        read_all(store)


def read_all(store: SqlStore) -> None:
    with store.reading() as uow:
        list(uow.entries.salted(0, 1000))


# Another process that comes and goes.


def test_process_that_ends_takes_no_log_from_a_running_one(engine, store, path):
    """It removes the log where it is the last; locks of the running one say that it is not, however often that opens the file."""
    university = add_issuer(store)
    held = [engine.connect() for _ in range(3)]
    for connection in held:
        connection.close()
    read = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM entry').fetchone()[0])"
    for number in range(3):
        post(store, university, number)
        found = subprocess.run([sys.executable, "-c", read, str(path)], capture_output=True, text=True, check=True)
        assert int(found.stdout) == number + 1
        assert path.with_name("store.db-wal").exists()


def test_file_is_created_for_its_owner_alone_and_nothing_is_left_beside_it(engine, path):
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir() if not one.name.startswith(path.name + "-")] == [path.name]
