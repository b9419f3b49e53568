"""`store check`: whatever is wrong with the records of a database is found, and nothing is found wrong with one that is right."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from anchoring.core.findings import Finding
from anchoring.store import tables
from anchoring.store.engine import make_engine
from anchoring.store.integrity import check_database
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.check_status_lists import check_status_lists
from anchoring.usecases.check_store import check_store
from tests.fakes import anchor_from_fake
from tests.filled import fill, hash_of
from tests.installation import RULES, Installation, no_progress

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)


def check(store: SqlStore) -> dict[str, Finding]:
    """What is wrong, by what was examined."""
    found = check_database(store._engine) + check_store(store, hash_of=hash_of, prove=anchor_from_fake, progress=no_progress)
    found += check_status_lists(store, progress=no_progress)
    return {finding.what: finding for finding in found if not finding.is_right}


def test_filled_store_is_right(store):
    fill(store)
    assert check(store) == {}


def test_empty_store_is_right(store):
    assert check(store) == {}


FIRST_TILE = "(SELECT subtree FROM tile WHERE batch_id = 2)"

WRONG: dict[str, tuple[str, str, str]] = {
    "entry of a sealed batch": ("DELETE FROM entry WHERE id = 4", "entries", "batch 2 was begun with 3 entries, and 2 are there"),
    "entries of a batch that waits": ("DELETE FROM entry WHERE id = 20", "entries", "batch 8 was begun with 3 entries"),
    "every entry": ("DELETE FROM entry", "entries", "batch 1 was begun with 3 entries, and 0 are there"),
    "entry beyond its batch": ("UPDATE entry SET id = 1004 WHERE id = 4", "entries", "batch 2 was begun with 3"),
    "salt changed": (
        "UPDATE entry SET salt = (SELECT salt FROM entry WHERE id = 6) WHERE id = 4",
        "leaves",
        "batch 2: 1 entries",
    ),
    "issuer changed": ("UPDATE entry SET issuer_id = 2 WHERE id = 4", "leaves", "batch 2: 1 entries have no leaf"),
    "batch lost": ("DELETE FROM batch WHERE id = 2", "ranges", "3 entries between batches 1 and 3 are in none, the first is 4"),
    "first batch lost": ("DELETE FROM batch WHERE id = 1", "ranges", "3 entries before batch 2 are in none, the first is 1"),
    "batches overlap": (
        "UPDATE batch SET last_id = 5 WHERE id = 1",
        "ranges",
        "batch 1 ends at entry 5, and batch 2 begins at 4",
    ),
    "root changed": ("UPDATE batch SET root = (SELECT block_hash FROM batch WHERE id = 1) WHERE id = 2", "trees", "the root"),
    "right edge changed": ("UPDATE batch SET right_edge = root WHERE id = 2", "trees", "the right edge is not"),
    "leaf count changed": ("UPDATE batch SET leaf_count = 2 WHERE id = 2", "trees", "hold 3 leaves, and 2 were sealed"),
    "tile lost": ("DELETE FROM tile WHERE batch_id = 2", "trees", "a tree has 1 to 1048576 leaves, not 0"),
    "tile of another batch": (
        "UPDATE tile SET (subtree, first_leaf) = (SELECT subtree, first_leaf FROM tile WHERE batch_id = 1) WHERE batch_id = 2",
        "trees",
        "batch 2: the leaves give the root",
    ),
    "tile of no tree": (
        "INSERT INTO tile (batch_id, level, n, width, subtree) SELECT batch_id, 1, 0, 1, first_leaf FROM tile WHERE batch_id = 2",
        "trees",
        "tile 0 of level 1 belongs to no tree of this size",
    ),
    "tile under another leaf": (
        "UPDATE tile SET first_leaf = (SELECT first_leaf FROM tile WHERE batch_id = 1) WHERE batch_id = 2",
        "references",
        "1 tiles are filed under another leaf",
    ),
    "bundle of another batch": (
        "UPDATE anchor_bundle SET content = (SELECT content FROM anchor_bundle WHERE batch_id = 1) WHERE batch_id = 2",
        "bundles",
        "batch 2: the bundle is of another anchor",
    ),
    "bundle that is none": ("UPDATE anchor_bundle SET content = '{}' WHERE batch_id = 2", "bundles", "batch 2 is none"),
    "submission lost": (
        "UPDATE submission SET state = 'displaced' WHERE state = 'submitted'",
        "submissions",
        "batch 5 is submitted",
    ),
    "bytes of an attempt": (
        "UPDATE attempt SET raw = tx_hash WHERE submission_id = (SELECT id FROM submission WHERE state = 'submitted')",
        "attempts",
        "have another hash",
    ),
    "list without its change": ("DELETE FROM status_change", "status-changes", "of its 1 changes number 1 is not there"),
    "change at another position": (
        "UPDATE status_change SET position = 2",
        "status-changes",
        "of its 1 changes number 1 is not there",
    ),
    "change at another index": (
        "UPDATE status_change SET list_index = 9",
        "status-changes",
        "version 1 does not show the changes",
    ),
    "list that forgot its change": (
        "UPDATE status_list SET change_count = 0, versioned_count = 0",
        "status-changes",
        "its bits are not those after its 0 changes",
    ),
    "digest of a version": (
        "UPDATE status_version SET digest = (SELECT root FROM batch WHERE id = 1)",
        "status-versions",
        "version 1 has another digest than its bits",
    ),
    "number of a list": ("UPDATE status_list SET number = 7", "status-lists", "is not number 7 of "),
    "list of another issuer": ("UPDATE status_list SET issuer_id = 2", "status-lists", "is not number 0 of "),
    "list of a batch": (
        "UPDATE status_list SET number = NULL, reserved = NULL, batch_id = 1",
        "status-lists",
        "does not follow from batch 1",
    ),
    "index that was not reserved": (
        "UPDATE status_binding SET list_index = 8",
        "status-indexes",
        "1 indexes are bound and were never reserved, the first is 8",
    ),
    "reference to nothing": (
        "DELETE FROM issuer WHERE id = 1",
        "references",
        "23 rows of entry refer to rows of issuer that are not there",
    ),
}


def harm(connection: Connection, statement: str) -> None:
    """Past every constraint between tables, as only damage can."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text(statement))
    connection.commit()


def pragma(connection: Connection, setting: str) -> None:
    """Set outside a transaction."""
    driver = connection.connection.dbapi_connection
    assert driver is not None
    driver.cursor().execute(f"PRAGMA {setting}")


def past_references(store: SqlStore, act: Callable[[Connection], None]) -> None:
    with store._engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            pragma(connection, "foreign_keys = OFF")
        act(connection)
        if connection.dialect.name == "sqlite":
            pragma(connection, "foreign_keys = ON")


@pytest.mark.parametrize(("statement", "what", "fault"), WRONG.values(), ids=WRONG.keys())
def test_harm_is_found(store, statement, what, fault):
    fill(store)
    past_references(store, lambda connection: harm(connection, statement))
    found = check(store)
    assert what in found
    assert any(fault in one for one in found[what].faults), found[what].faults
    assert found[what].advice


def test_nodes_that_the_leaves_do_not_give_are_found(store):
    fill(store)
    with store._engine.begin() as connection:
        of_batch = tables.tile.c.batch_id == 2
        subtree = connection.execute(select(tables.tile.c.subtree).where(of_batch)).scalar_one()
        connection.execute(tables.tile.update().where(of_batch).values(subtree=subtree[:96] + subtree[:32]))
    assert check(store)["trees"].faults == ("batch 2: tile 0 of level 0 is not what its leaves give",)


def test_counter_below_what_was_given_is_found(store):
    fill(store)
    lower = (
        "UPDATE sqlite_sequence SET seq = 5 WHERE name = 'entry'"
        if store._engine.dialect.name == "sqlite"
        else "SELECT setval('entry_id_seq', 5)"
    )
    past_references(store, lambda connection: harm(connection, lower))
    (counters,) = check(store).values()
    assert counters.faults == ("the next id of entry follows 5, and 23 was given already",)


def test_many_faults_are_counted_and_the_first_are_shown(store):
    fill(store)
    past_references(store, lambda connection: harm(connection, "DELETE FROM entry"))
    assert check(store)["entries"].count == 8


@on_sqlite
def test_text_among_bytes_is_found(store):
    fill(store)
    past_references(store, lambda connection: harm(connection, "UPDATE submission SET calldata = 'text' WHERE id = 2"))
    assert check_database(store._engine)[1].faults == ("1 rows of submission have something else than bytes as calldata",)


@on_sqlite
def test_rows_that_a_constraint_forbids_are_found(store):
    fill(store)
    with store._engine.connect() as connection:
        pragma(connection, "ignore_check_constraints = ON")
        harm(connection, "UPDATE batch SET state = 'sealed' WHERE state = 'final'")
        pragma(connection, "ignore_check_constraints = OFF")
    assert check(store)["database"].faults == ("CHECK constraint failed in batch",) * 3


@on_postgresql
def test_index_that_is_not_valid_is_found(store):
    fill(store)
    with store._engine.connect() as connection:
        harm(connection, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_batch_state'::regclass")
    try:
        assert check(store)["database"].faults == ("index ix_batch_state is not valid",)
    finally:
        with store._engine.connect() as connection:
            harm(connection, "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'ix_batch_state'::regclass")


# Half of a write-ahead log (D16): SQLite calls what is left of it whole.


def entries_in(path: Path) -> tuple[int, list[str], dict[str, Finding]]:
    """How many entries a database file holds, what SQLite says of it, and what we find wrong."""
    engine = make_engine(f"sqlite:///{path}", pool_size=2, busy_timeout_s=1)
    with engine.connect() as connection:
        count = connection.execute(text("SELECT count(*) FROM entry")).scalar_one()
        said = [str(one) for one in connection.execute(text("PRAGMA integrity_check")).scalars()]
    found = check(SqlStore(engine))
    engine.dispose()
    return count, said, found


@pytest.fixture
def file_and_log(tmp_path: Path) -> Iterator[tuple[Path, bytes, bytes]]:
    """A database whose first entries are in its file, and whose sealed batches and later entries are in its log only."""
    path = tmp_path / "torn.db"
    engine = make_engine(f"sqlite:///{tmp_path / 'whole.db'}", pool_size=5, busy_timeout_s=1)
    migrate(engine)
    here = Installation(SqlStore(engine), replace(RULES, max_leaves=1000))
    with engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        pragma(connection, "wal_autocheckpoint = 0")
    for _ in range(100):
        here.post(1)
    here.seal_only()
    whole = tmp_path / "whole.db"
    yield path, whole.read_bytes(), whole.with_name("whole.db-wal").read_bytes()
    engine.dispose()


@pytest.mark.parametrize("part", [0.25, 0.5, 0.75, 0.9])
def test_half_a_write_ahead_log_loses_entries_that_nothing_in_the_file_knows_of(file_and_log, part):
    """Why manifests and the ledger must be asked as well: the newest batches go with the newest entries."""
    path, file, log = file_and_log
    path.write_bytes(file)
    path.with_name("torn.db-wal").write_bytes(log[: int(len(log) * part)])
    count, said, found = entries_in(path)
    assert count < 100
    assert (said, found) == (["ok"], {})


def test_file_with_batches_of_entries_that_are_gone_is_found(file_and_log):
    """A file put together from two moments, as a copy of a file in use is."""
    path, file, log = file_and_log
    path.write_bytes(file)
    path.with_name("torn.db-wal").write_bytes(log)
    engine = make_engine(f"sqlite:///{path}", pool_size=2, busy_timeout_s=1)
    past_references(SqlStore(engine), lambda connection: harm(connection, "DELETE FROM entry WHERE id > 48"))
    engine.dispose()
    count, said, found = entries_in(path)
    assert (count, said) == (48, ["ok"])
    assert found["entries"].faults == ("batch 1 was begun with 100 entries, and 48 are there",)
