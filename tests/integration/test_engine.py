"""What every connection is set to: durability is a promise, so it is asked for here."""

import os
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from anchoring.errors import Misconfigured
from anchoring.ports.entries import NewEntries
from anchoring.store.engine import make_engine, transaction
from anchoring.store.presence import be_present
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from tests.factories import NOON, add_issuer, make_digest

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
FULL, NORMAL = 2, 1


def ask(engine: Engine, question: str) -> object:
    with engine.connect() as connection:
        return connection.execute(text(question)).scalar()


@on_sqlite
def test_sqlite_connections_are_durable_and_keep_constraints(engine):
    settings = {
        "journal_mode": "wal",
        "synchronous": FULL,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }
    held = [engine.connect() for _ in range(3)]  # not the same one again
    for connection in held:
        assert {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in settings} == settings
        connection.close()


def test_sqlite_files_are_of_their_user_alone(tmp_path):
    before = os.umask(0)
    try:
        made = make_engine(f"sqlite:///{tmp_path / 'made.db'}", pool_size=1, busy_timeout_s=1)
        migrate(made)
        with be_present(made), transaction(made, writes=True) as connection:
            connection.execute(text("CREATE TABLE one (id INTEGER)"))
            connection.commit()
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        made.dispose()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["made.db", "made.db-shm", "made.db-wal", "made.db.lock"], 0o600)


@on_postgresql
def test_postgresql_connections_are_durable_and_do_not_hang(engine):
    settings = {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "transaction_isolation": "read committed",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "10s",
    }
    assert {name: ask(engine, f"SHOW {name}") for name in settings} == settings


def test_only_what_can_be_made_again_does_not_wait_for_the_disk(engine):
    """In turn, on one and the same connection."""
    question = text("PRAGMA synchronous" if engine.dialect.name == "sqlite" else "SHOW synchronous_commit")
    found = []
    for is_durable in (True, False, True):
        with transaction(engine, writes=True, is_durable=is_durable) as connection:
            found.append(connection.execute(question).scalar())
    assert found == ([FULL, NORMAL, FULL] if engine.dialect.name == "sqlite" else ["on", "off", "on"])


@on_sqlite
def test_writing_takes_the_lock_at_once_and_reading_takes_none(engine):
    """Seen through what another connection may do meanwhile."""
    hasty = make_engine(str(engine.url), pool_size=2, busy_timeout_s=0.01)
    with transaction(engine, writes=False) as reader:
        reader.execute(text("SELECT count(*) FROM entry"))
        with transaction(hasty, writes=True):
            pass
    with transaction(engine, writes=True), pytest.raises(Exception, match="database is locked"), transaction(hasty, writes=True):
        pass
    hasty.dispose()


def test_broken_constraint_is_an_error_and_nothing_stays(engine):
    store = SqlStore(engine)
    issuer = add_issuer(store)

    def breaks_a_constraint() -> None:
        with store.writing() as uow:
            uow.entries.add_missing([NewEntries(issuer=issuer, digests=make_digest(1), salts=bytes(16))], NOON)
            nobody = replace(issuer, id=99)
            uow.entries.add_missing([NewEntries(issuer=nobody, digests=make_digest(2), salts=bytes(16))], NOON)

    with pytest.raises(IntegrityError):
        breaks_a_constraint()
    assert ask(engine, "SELECT count(*) FROM entry") == 0


def test_folder_that_is_not_there_is_said_at_once():
    with pytest.raises(Misconfigured, match="the folder /nowhere does not exist"):
        make_engine("sqlite:////nowhere/store.db", pool_size=1, busy_timeout_s=600)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not a database URL"),
        ("nonsense", "not a database URL"),
        ("mysql://localhost/a", "names mysql; supported are sqlite and postgresql"),
        ("postgresql+asyncpg://localhost/a", r"names postgresql\+asyncpg"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("postgresql://host:port/a", "not a database URL"),
    ],
)
def test_url_that_names_no_database_of_ours_is_refused(url, reason):
    with pytest.raises(Misconfigured, match=reason):
        make_engine(url, pool_size=1, busy_timeout_s=1)
