"""Migrations on both databases: up, down and up again, to exactly the schema the program speaks of."""

import os
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from anchoring.core.batch import BatchState
from anchoring.core.scopes import Scope
from anchoring.errors import Conflict, Misconfigured, StateCorrupt, StoreUnavailable
from anchoring.store.engine import make_engine
from anchoring.store.integrity import check_database
from anchoring.store.schema import migrate, require_current_schema
from anchoring.store.tables import metadata
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.check_store import check_store as check_records
from anchoring.usecases.manage_issuers import create_key, create_operator_key
from scripts.devnet import ROOT
from tests.api import make_key
from tests.factories import NOON, add_issuer, make_digest, post, submit
from tests.fakes import anchor_from_fake
from tests.filled import fill, hash_of
from tests.installation import no_progress
from tests.records import batch_in
from tests.sessions import Session
from tests.world import check_store, rows

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


def forget_detached(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE batch SET detached_at = NULL"))
        connection.execute(text("DELETE FROM issuer_detached"))


def test_batches_of_which_entries_are_detached_do_not_go_down(empty):
    migrate(empty)
    store = SqlStore(empty)
    post(store, add_issuer(store), 1, 2, 3)
    batch_in(store, BatchState.FINAL)
    with empty.begin() as connection:
        connection.execute(text("UPDATE batch SET detached_at = sealed_at"))
        connection.execute(text("INSERT INTO issuer_detached SELECT 1, sealed_at, sealed_at FROM batch"))
    before = rows(store, metadata.tables["batch"])
    for words in ("entries of batch 1 are detached, which migration 0013 does not know", "entries of an issuer were detached"):
        with pytest.raises(Conflict, match=words):
            migrate(empty, "-1")
        assert rows(store, metadata.tables["batch"]) == before
        assert len(rows(store, metadata.tables["issuer_detached"])) == 1
        with empty.begin() as connection:
            connection.execute(text("UPDATE batch SET detached_at = NULL"))
        before = rows(store, metadata.tables["batch"])
    assert migrate(empty, "base") == "base"


def test_bundles_that_were_kept_before_are_not_taken_once_more(empty):
    def lacking() -> list[int]:
        with store.reading() as uow:
            return [one.id for one in uow.bundles.lacking(1000)]

    migrate(empty)
    store = SqlStore(empty)
    fill(store)
    forget_detached(empty)
    before = lacking()
    while migrate(empty, "-1") != "0011":
        pass
    migrate(empty)
    assert lacking() == before
    assert len(rows(store, metadata.tables["anchor_bundle"])) > 0


def columns_at(engine: Engine, revision: str) -> dict[str, list[str]]:
    """The columns of every table at a revision, of which an empty database is taken there."""
    migrate(engine)
    while (reached := migrate(engine, "-1")) != revision:
        assert reached != "base"
    found = inspect(engine)
    columns = {table: [column["name"] for column in found.get_columns(table)] for table in table_names(engine)}
    migrate(engine)
    return columns


def content(engine: Engine, columns: dict[str, list[str]]) -> dict[str, list[Any]]:
    """What these columns hold, row by row."""
    with engine.connect() as connection:
        return {
            table: sorted(
                repr(tuple(row)) for row in connection.execute(select(*[metadata.tables[table].c[name] for name in names]))
            )
            for table, names in columns.items()
        }


def test_each_step_down_and_up_keeps_what_it_did_not_bring(empty):
    """On a store with every state in it."""
    steps = {revision: columns_at(empty, revision) for revision in REVISIONS[:-1]}
    fill(SqlStore(empty))
    forget_detached(empty)
    first = content(empty, steps[REVISIONS[0]])
    for revision in reversed(REVISIONS[:-1]):
        before = content(empty, steps[revision])
        assert migrate(empty, "-1") == revision
        assert content(empty, steps[revision]) == before
    assert migrate(empty) == HEAD
    assert content(empty, steps[REVISIONS[0]]) == first
    found = check_database(empty) + check_records(SqlStore(empty), hash_of=hash_of, prove=anchor_from_fake, progress=no_progress)
    assert [finding for finding in found if not finding.is_right] == []
    store = SqlStore(empty)
    highest = max(row.id for row in rows(store, metadata.tables["entry"]))
    assert post(store, add_issuer(store), 900)[0].id > highest


def test_key_that_the_program_before_would_let_do_more_does_not_go_down_with_it(empty):
    migrate(empty)
    store = SqlStore(empty)
    university, ends = add_issuer(store), NOON + timedelta(days=1)
    kept = make_key(store, university)
    with store.writing() as uow:
        create_key(uow, university.did, scopes=frozenset({Scope.STATUS_WRITE}), now=NOON, random_bytes=os.urandom)
        create_key(uow, university.did, expires_at=ends, now=NOON, random_bytes=os.urandom)
        create_operator_key(uow, now=NOON, random_bytes=os.urandom)
        uow.commit()
    while migrate(empty, "-1") != "0005":
        pass
    assert migrate(empty) == HEAD
    [key] = rows(store, metadata.tables["api_key"])
    assert (key.prefix, key.scopes, key.expires_at) == (kept[3:11], "digests:write status:write", None)


def test_statements_of_the_revision_before_work_on_the_new_schema(empty):
    """The program before is still at work when a migration runs: it names its own columns only, in each kind of statement."""
    columns = columns_at(empty, REVISIONS[-2])
    here = fill(SqlStore(empty))
    assert here.acknowledged
    saved = {table.name: rows(SqlStore(empty), table) for table in metadata.sorted_tables}
    with empty.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        for table in metadata.sorted_tables:
            for row in saved[table.name] if table.name in columns else []:
                values = {name: row._mapping[name] for name in columns[table.name]}
                connection.execute(table.insert().values(**values))
                connection.execute(table.update().where(*[key == values[key.name] for key in table.primary_key]).values(**values))
    expected = {
        table: sorted(repr(tuple(row._mapping[name] for name in columns[table])) for row in saved[table]) for table in columns
    }
    assert content(empty, columns) == expected


def test_migration_on_sqlite_may_make_a_table_anew(tmp_path, monkeypatch):
    """With rows that refer to it, which SQLite would delete or refuse."""
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=2, busy_timeout_s=5)
    migrate(engine)
    fill(SqlStore(engine))
    before = {table: rows(SqlStore(engine), metadata.tables[table]) for table in ("issuer", "entry", "batch")}
    add_migration(
        tmp_path,
        monkeypatch,
        "    with op.batch_alter_table('issuer', recreate='always') as table:\n        table.create_check_constraint('named', 'name <> 0')",
    )
    assert migrate(engine) == "7777"
    assert {table: rows(SqlStore(engine), metadata.tables[table]) for table in before} == before
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    engine.dispose()


def test_migration_on_sqlite_that_leaves_rows_without_what_they_refer_to_is_taken_back(tmp_path, monkeypatch):
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=2, busy_timeout_s=5)
    migrate(engine)
    post(SqlStore(engine), add_issuer(SqlStore(engine)), 1)
    add_migration(tmp_path, monkeypatch, "    op.execute('DELETE FROM issuer')")
    with pytest.raises(StateCorrupt, match="would leave rows that refer to nothing"):
        migrate(engine)
    assert len(rows(SqlStore(engine), metadata.tables["issuer"])) == 1
    assert refused(engine).startswith(f"the database is at migration {HEAD}")
    engine.dispose()


def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, upgrade: str) -> None:
    """A program with one more migration, which does this."""
    newer = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", newer)
    head = f'from alembic import op\n\nrevision = "7777"\ndown_revision = "{HEAD}"\n\n'
    (newer / "versions" / "7777_another.py").write_text(f"{head}def upgrade():\n{upgrade}\n\ndef downgrade(): ...\n")
    monkeypatch.setattr("anchoring.store.schema._PLACES", (newer,))


# While programs go on.

postgresql_only = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@postgresql_only
def test_migration_behind_a_long_transaction_lets_posts_through_and_says_who_it_is(empty, tmp_path, monkeypatch):
    """The migration wants the table of entries, a reader has it for long, and posts want it too."""
    migrate(empty)
    store = SqlStore(empty)
    university = add_issuer(store)
    post(store, university, 0)
    add_migration(tmp_path, monkeypatch, "    op.execute('ALTER TABLE entry ADD COLUMN note text')")
    monkeypatch.setattr("anchoring.store.schema.LOCK_WAIT", "100ms")
    monkeypatch.setattr("anchoring.store.schema.PAUSE_S", 0.05)
    with empty.connect() as long:
        long.execute(text("SELECT count(*) FROM entry"))
        migration = Session(migrate, empty, patience_s=1.0)
        posted = 1
        while migration.is_alive():
            post(store, university, posted)
            posted += 1
        with pytest.raises(StoreUnavailable, match=r"stays locked by session \d+ \(credanchor\), at work since [\d:]+ UTC"):
            migration.result()
    assert posted > 2, "posts went on while the migration asked"
    assert table_columns(empty, "entry").isdisjoint({"note"})
    assert migrate(empty) == "7777"
    assert "note" in table_columns(empty, "entry")
    assert len(rows(store, metadata.tables["entry"])) == posted


@postgresql_only
def test_migration_gets_its_table_when_the_long_transaction_ends(empty, tmp_path, monkeypatch):
    migrate(empty)
    add_migration(tmp_path, monkeypatch, "    op.execute('ALTER TABLE entry ADD COLUMN note text')")
    monkeypatch.setattr("anchoring.store.schema.LOCK_WAIT", "50ms")
    monkeypatch.setattr("anchoring.store.schema.PAUSE_S", 0.01)
    with empty.connect() as long:
        long.execute(text("SELECT count(*) FROM entry"))
        migration = Session(migrate, empty)
        assert migration.is_held_up()
    assert migration.result() == "7777"


@postgresql_only
def test_index_is_made_while_a_writer_is_at_work(empty, tmp_path, monkeypatch):
    """As CONTRIBUTING.md says it is to be made. A plain one would keep the second writer out until the first ends."""
    migrate(empty)
    store = SqlStore(empty)
    university = add_issuer(store)
    index = "op.create_index('ix_note', 'entry', ['received_at'], postgresql_concurrently=True, if_not_exists=True)"
    add_migration(tmp_path, monkeypatch, f"    with op.get_context().autocommit_block():\n        {index}")
    monkeypatch.setattr("anchoring.store.schema.LOCK_WAIT", "10s")
    with store.writing() as uow:
        submit(uow, university, [make_digest(1)])
        migration = Session(migrate, empty)
        assert migration.is_held_up()
        post(store, university, 2)
        uow.commit()
    assert migration.result() == "7777"
    with empty.connect() as connection:
        valid = connection.execute(text("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_note'::regclass")).scalar()
    assert valid is True
    assert len(rows(store, metadata.tables["entry"])) == 2


def table_columns(engine: Engine, table: str) -> set[str]:
    return {column["name"] for column in inspect(engine).get_columns(table)}


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
