"""Migrations on both databases: up, down and up again, to exactly the schema the program speaks of."""

import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError

from anchoring.core.batch import BatchState
from anchoring.errors import Misconfigured, StoreUnavailable
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate, require_current_schema
from anchoring.store.tables import metadata
from anchoring.store.unit_of_work import SqlStore
from scripts.devnet import ROOT
from tests.factories import add_issuer, post
from tests.records import batch_in
from tests.sessions import Session
from tests.world import check_store

REVISIONS = sorted(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("0*.py"))
HEAD = REVISIONS[-1]
TABLES = {table.name for table in metadata.sorted_tables}


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """A database without a schema; on SQLite not even a file."""
    engine = make_engine(database_url, pool_size=5, busy_timeout_s=10)
    yield engine
    engine.dispose()


def table_names(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def set_revision(engine: Engine, revision: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})


# Up and down.


def test_up_down_and_up_again(empty):
    assert migrate(empty) == HEAD
    assert table_names(empty) == TABLES
    assert migrate(empty) == HEAD  # nothing left to do
    assert migrate(empty, "base") == "base"
    assert table_names(empty) == set()
    assert migrate(empty, HEAD) == HEAD
    assert table_names(empty) == TABLES
    require_current_schema(empty)


def test_each_step_down_and_up_again(empty):
    for revision in REVISIONS:
        assert migrate(empty, "+1") == revision
    for revision in reversed(["base", *REVISIONS[:-1]]):
        assert migrate(empty, "-1") == revision
    assert migrate(empty) == HEAD


def test_down_and_up_with_data_in_it(empty):
    migrate(empty)
    store = SqlStore(empty)
    post(store, add_issuer(store), 1, 2, 3)
    batch_in(store, BatchState.FINAL)
    assert migrate(empty, "base") == "base"
    assert table_names(empty) == set()
    migrate(empty)
    check_store(store, [])
    check_store(store, post(store, add_issuer(store), 1, 2, 3))


def test_migrating_what_is_migrated_keeps_the_data(empty):
    migrate(empty)
    store = SqlStore(empty)
    entries = post(store, add_issuer(store), 1, 2, 3)
    migrate(empty)
    check_store(store, entries)


# The schema.


def test_schema_is_what_the_tables_say(empty):
    migrate(empty)
    with empty.connect() as connection:
        # SQLite has no identity columns, and Alembic takes that for a difference.
        options = {"compare_type": True, "compare_server_default": empty.dialect.name == "postgresql"}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []


def test_constraints_and_indexes_are_what_the_tables_say(empty):
    """The comparison above overlooks checks, partial indexes and identities."""
    migrate(empty)
    migrated = description(empty)
    migrate(empty, "base")
    metadata.create_all(empty)
    assert migrated == description(empty)


def description(engine: Engine) -> dict[str, Any]:
    """Everything a database says of its tables."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            statements = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%'")).all()
        # A column that was added later stands behind the constraints, and quoted.
        return {
            name: sorted(filter(None, (part.strip(" \t)") for part in re.split(r"[,\n]", sql.replace('"', "")))))
            for name, sql in statements
            if sql
        }
    with engine.connect() as connection:
        columns = (
            "SELECT table_name, column_name, data_type, is_nullable, is_identity, identity_generation, column_default, "
            "col_description((table_name::text)::regclass, ordinal_position) "
            "FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'alembic%'"
        )
        constraints = (
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'alembic%'"
        )
        indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'alembic%'"
        sequences = "SELECT sequencename, cache_size, start_value FROM pg_sequences WHERE schemaname = 'public'"
        asked = {"columns": columns, "constraints": constraints, "indexes": indexes, "sequences": sequences}
        return {what: sorted(map(repr, connection.execute(text(query)))) for what, query in asked.items()}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_ids_on_postgresql_are_drawn_one_by_one_and_tiles_are_stored_plain(empty):
    migrate(empty)
    with empty.connect() as connection:
        sequence = text("SELECT cache_size FROM pg_sequences WHERE sequencename = 'entry_id_seq'")
        storage = text("SELECT attstorage FROM pg_attribute WHERE attrelid = 'tile'::regclass AND attname = 'subtree'")
        assert connection.execute(sequence).scalar() == 1
        assert connection.execute(storage).scalar() in {b"e", "e"}


# Two at once.


def test_two_that_migrate_at_once_both_succeed(database_url):
    engines = [make_engine(database_url, pool_size=1, busy_timeout_s=30) for _ in range(3)]
    start = threading.Barrier(len(engines))

    def run(engine: Engine) -> str:
        start.wait()
        return migrate(engine)

    sessions = [Session(run, engine) for engine in engines]
    assert [session.result() for session in sessions] == [HEAD] * len(engines)
    assert table_names(engines[0]) == TABLES
    for engine in engines:
        engine.dispose()


def test_migration_that_fails_leaves_nothing_behind(empty):
    created = metadata.tables["round_record"]
    with empty.begin() as connection:
        created.create(connection)  # stands in the way of the last table
    with pytest.raises((DBAPIError, StoreUnavailable), match="round_record"):
        migrate(empty)
    assert table_names(empty) == {"round_record"}


# What a program says to a database that is not its own.


def refused(engine: Engine) -> str:
    with pytest.raises(Misconfigured) as caught:
        require_current_schema(engine)
    message = caught.value.message
    assert "\n" not in message
    return message


def test_empty_database_is_refused_and_not_created(empty):
    assert refused(empty) == f"the database is empty, this program needs migration {HEAD}; run: credanchor store migrate"
    if empty.dialect.name == "sqlite":
        assert not Path(str(empty.url.database)).exists()


def test_database_without_migrations_is_refused(empty):
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE entry (id INTEGER)"))
    assert refused(empty).startswith("the database is empty")


def test_newer_database_is_refused(empty):
    migrate(empty)
    set_revision(empty, "9999")
    assert (
        refused(empty) == f"the database is at migration 9999, newer than this program, which knows {HEAD}: upgrade the program"
    )
    with pytest.raises(Misconfigured, match="cannot be brought to migration head"):
        migrate(empty)


def test_older_database_is_refused(empty, tmp_path, monkeypatch):
    """Seen by a program that has one more migration."""
    migrate(empty)
    require_current_schema(empty)
    newer = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", newer)
    another = f'revision = "7777"\ndown_revision = "{HEAD}"\n\ndef upgrade(): ...\n\ndef downgrade(): ...\n'
    (newer / "versions" / "7777_another.py").write_text(another)
    monkeypatch.setattr("anchoring.store.schema._PLACES", (newer,))
    assert refused(empty) == f"the database is at migration {HEAD}, this program needs 7777; run: credanchor store migrate"
    assert migrate(empty) == "7777"
    require_current_schema(empty)
    assert migrate(empty, "-1") == HEAD


def test_unknown_revision_is_refused(empty):
    with pytest.raises(Misconfigured, match="cannot be brought to migration 7777: Can't locate revision"):
        migrate(empty, "7777")
    assert table_names(empty) == set()


def test_installation_without_migrations_says_so(empty, monkeypatch, tmp_path):
    monkeypatch.setattr("anchoring.store.schema._PLACES", (tmp_path,))
    assert refused(empty) == "the migrations are missing from this installation"


def test_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "store.db"
    path.write_text("not a database, though it is long enough to be taken for one by its size alone" * 20)
    engine = make_engine(f"sqlite:///{path}", pool_size=1, busy_timeout_s=1)
    assert refused(engine) == "the database cannot be read: file is not a database"
    engine.dispose()


def test_server_that_is_not_there_is_unavailable():
    engine = make_engine("postgresql://nobody:marker-password@127.0.0.1:1/none", pool_size=1, busy_timeout_s=1)
    with pytest.raises(StoreUnavailable) as caught:
        require_current_schema(engine)
    assert "marker-password" not in repr(caught.value)
    engine.dispose()
