"""Backup and restore: from either kind of database into either kind, all of it or nothing, never under a running program."""

import gzip
import json
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

import anchoring.store.backup
from anchoring.errors import Conflict, InvalidInput, Misconfigured, StateCorrupt, StoreUnavailable
from anchoring.store.backup import restore_backup, save_backup
from anchoring.store.backup_file import read_header
from anchoring.store.engine import make_engine
from anchoring.store.integrity import check_database
from anchoring.store.presence import alone, be_present
from anchoring.store.schema import migrate, require_current_schema
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.check_store import check_store
from tests.api import stored
from tests.factories import ACADEMY, NOON, add_issuer, make_digest, post
from tests.fakes import anchor_from_fake
from tests.filled import fill, hash_of
from tests.installation import Installation, no_progress
from tests.sessions import Session
from tests.world import check_store as check_world_of

NOT_KEPT = {"round_lease", "restored_mark"}
ENTRIES = 23

sqlite_only = pytest.mark.parametrize("target", ["sqlite"], indirect=True)
from_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind, to restore into."""
    url = f"sqlite:///{tmp_path / 'target.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    made = make_engine(url, pool_size=5, busy_timeout_s=10)
    yield made
    made.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def save(engine: Engine, file: Path) -> None:
    save_backup(engine, file, now=NOON, progress=no_progress)


def restore(engine: Engine, file: Path, *, replace: bool = False, progress: Any = no_progress) -> None:
    restore_backup(engine, file, now=NOON, replace=replace, progress=progress)


def kept(engine: Engine) -> dict[str, Any]:
    return {name: rows for name, rows in stored(SqlStore(engine)).items() if name not in NOT_KEPT}


def faults(engine: Engine) -> list[str]:
    """What `store check` finds."""
    found = check_database(engine) + check_store(SqlStore(engine), hash_of=hash_of, prove=anchor_from_fake, progress=no_progress)
    return [fault for finding in found for fault in finding.faults]


# There and back.


def test_restored_database_is_the_one_that_was_saved(store, target, file):
    here = fill(store)
    save(store._engine, file)
    restore(target, file)
    assert kept(target) == kept(store._engine)
    assert faults(target) == []
    check_world_of(SqlStore(target), here.acknowledged)


def test_restored_database_is_marked_until_it_was_compared_with_the_ledger(store, target, file):
    save(store._engine, file)
    restore(target, file)
    with SqlStore(target).reading() as uow:
        assert uow.rounds.restored_at() == NOON


def test_restored_database_goes_on_with_new_ids(store, target, file):
    fill(store)
    save(store._engine, file)
    restore(target, file)
    before = kept(target)
    restored = SqlStore(target)
    (new,) = post(restored, add_issuer(restored, ACADEMY), 900)
    with restored.writing() as uow:
        assert uow.rounds.begin("another", NOON) > max(row[0] for row in before["round_record"])
        uow.commit()
    assert new.id > max(row[0] for row in before["entry"])
    assert faults(target) == []


def test_empty_database_can_be_saved_and_restored(store, target, file):
    save(store._engine, file)
    restore(target, file)
    assert not any(kept(target).values())
    assert post(SqlStore(target), add_issuer(SqlStore(target)), 1)[0].id == 1


def test_rows_are_saved_and_restored_in_portions(store, target, file, monkeypatch):
    monkeypatch.setattr(anchoring.store.backup, "ROWS_AT_ONCE", 4)
    fill(store)
    save(store._engine, file)
    restore(target, file)
    assert kept(target) == kept(store._engine)


def test_progress_comes_to_its_end(store, target, file):
    fill(store)
    seen: dict[str, tuple[int, int]] = {}
    save_backup(store._engine, file, now=NOON, progress=lambda what, done, total: seen.update({what: (done, total)}))
    restore(target, file, progress=lambda what, done, total: seen.update({what: (done, total)}))
    assert {"saving entry", "restoring entry", "verifying the backup"} <= set(seen)
    assert seen["saving entry"] == (ENTRIES, ENTRIES)
    assert all(done == total for done, total in seen.values())


# While programs go on.


def test_backup_is_of_one_moment_while_posts_and_rounds_go_on(store, target, file, tmp_path):
    """What was acknowledged before it began is in it, and all that is in it hangs together."""
    here = Installation(store)
    here.post(3)
    ended = threading.Event()

    def posts() -> None:
        while not ended.is_set():
            here.post(2)

    def rounds() -> None:
        while not ended.is_set():
            here.round()
            here.chain.mine()

    sessions = [Session(posts), Session(rounds)]
    saved = []
    try:
        for i in range(5):
            acknowledged = list(here.acknowledged)
            path = tmp_path / f"backup-{i}"
            save(store._engine, path)
            saved.append((path, acknowledged))
    finally:
        ended.set()
    for session in sessions:
        session.result()
    for path, acknowledged in saved:
        restore(target, path, replace=True)
        assert faults(target) == []
        check_world_of(SqlStore(target), acknowledged)
    assert len(saved[-1][1]) > len(saved[0][1]) >= 3


# The file.


def test_backup_is_for_its_owner_only_and_nothing_else_is_left(store, file, tmp_path):
    before = set(tmp_path.iterdir())
    save(store._engine, file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {path for path in tmp_path.iterdir() if not path.name.startswith("store.db")} - before == {file}


@from_sqlite
def test_backup_overwrites_nothing(store, file):
    file.write_text("precious")
    with pytest.raises(Conflict, match="exists already"):
        save(store._engine, file)
    assert file.read_text() == "precious"


@from_sqlite
def test_file_that_appears_meanwhile_is_not_overwritten(store, file, tmp_path):
    add_issuer(store)

    def appears(*_: Any) -> None:
        file.write_text("precious")

    with pytest.raises(Conflict, match="exists already"):
        save_backup(store._engine, file, now=NOON, progress=appears)
    assert file.read_text() == "precious"
    assert not list(tmp_path.glob(".*"))


def test_backup_that_breaks_off_leaves_nothing(store, file, tmp_path):
    fill(store)

    def breaks(what: str, *_: Any) -> None:
        if what == "saving tile":
            raise StoreUnavailable("broken off")

    with pytest.raises(StoreUnavailable):
        save_backup(store._engine, file, now=NOON, progress=breaks)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("store.db")]
    save(store._engine, file)


@from_sqlite
@pytest.mark.parametrize("folder", ["nowhere", "a-file"])
def test_place_that_cannot_be_written_is_named(store, tmp_path, folder):
    (tmp_path / "a-file").write_text("")
    path = tmp_path / folder / "backup"
    with pytest.raises(InvalidInput, match="cannot be written") as caught:
        save(store._engine, path)
    assert caught.value.at == str(path)


def lines_of(file: Path) -> list[bytes]:
    return gzip.decompress(file.read_bytes()).splitlines(keepends=True)


def without_last_line(content: bytes) -> bytes:
    return gzip.compress(b"".join(gzip.decompress(content).splitlines(keepends=True)[:-1]))


def with_a_row_less(content: bytes) -> bytes:
    lines = gzip.decompress(content).splitlines(keepends=True)
    return gzip.compress(b"".join(lines[:-2] + lines[-1:]))


def with_another_row(content: bytes) -> bytes:
    return gzip.compress(gzip.decompress(content).replace(b"University", b"Universitx"))


def of_another_version(content: bytes) -> bytes:
    header, *rest = gzip.decompress(content).splitlines(keepends=True)
    return gzip.compress(json.dumps(json.loads(header) | {"version": 2}).encode() + b"\n" + b"".join(rest))


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: content[:0],
    "half": lambda content: content[: len(content) // 2],
    "last byte": lambda content: content[:-1],
    "byte flipped": lambda content: content[:900] + bytes([content[900] ^ 1]) + content[901:],
    "no backup": lambda _: b"SQLite format 3\x00" * 100,
    "no line": lambda _: gzip.compress(b"nothing"),
    "another object": lambda _: gzip.compress(b"[1]\n"),
    "end missing": without_last_line,
    "row missing": with_a_row_less,
    "row changed": with_another_row,
    "more behind": lambda content: content + gzip.compress(b"more\n"),
    "another version": of_another_version,
}


@from_sqlite
@sqlite_only
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_backup_is_refused_before_anything_is_touched(store, target, file, damage):
    fill(store)
    save(store._engine, file)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(InvalidInput) as caught:
        restore(target, file)
    assert caught.value.at == str(file)
    assert "\n" not in caught.value.message
    assert not Path(str(target.url.database)).exists()


@sqlite_only
def test_backup_that_is_not_there_is_named(target, file):
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        restore(target, file)


@from_sqlite
def test_backup_of_a_newer_program_is_refused(store, target, file):
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    save(store._engine, file)
    assert read_header(file, no_progress).revision == "9999"
    with pytest.raises(Misconfigured, match="the backup is at migration 9999, newer than this program"):
        restore(target, file)


# What is there already.


def test_database_that_holds_something_is_refused_unless_it_may_go(store, target, file):
    fill(store)
    save(store._engine, file)
    migrate(target)
    add_issuer(SqlStore(target), ACADEMY)
    post(SqlStore(target), add_issuer(SqlStore(target), ACADEMY), *range(500, 540))
    before = kept(target)
    with pytest.raises(Conflict, match="the database holds something"):
        restore(target, file)
    assert kept(target) == before
    restore(target, file, replace=True)
    assert kept(target) == kept(store._engine)


@pytest.mark.parametrize("table", ["restoring issuer", "restoring entry", "restoring round_record"])
def test_restore_that_breaks_off_changes_nothing(store, target, file, table):
    fill(store)
    save(store._engine, file)
    migrate(target)
    post(SqlStore(target), add_issuer(SqlStore(target), ACADEMY), 500)
    before = stored(SqlStore(target))

    def breaks(what: str, *_: Any) -> None:
        if what == table:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(target, file, replace=True, progress=breaks)
    assert stored(SqlStore(target)) == before
    restore(target, file, replace=True)


def test_empty_database_at_another_migration_is_brought_to_that_of_the_backup(store, target, file):
    fill(store)
    save(store._engine, file)
    migrate(target)
    migrate(target, "-2")
    restore(target, file)
    assert kept(target) == kept(store._engine)
    require_current_schema(target)


def test_full_database_at_another_migration_is_refused(store, target, file):
    save(store._engine, file)
    migrate(target)
    add_issuer(SqlStore(target))
    migrate(target, "-2")
    with pytest.raises(Conflict, match="store migrate --revision base --yes"):
        restore(target, file, replace=True)
    with pytest.raises(Conflict, match="holds something"):
        restore(target, file)


# Who else is there.


def test_restore_is_refused_while_a_program_is_at_work(store, target, file):
    save(store._engine, file)
    migrate(target)
    others = [make_engine(target.url.render_as_string(hide_password=False), pool_size=1, busy_timeout_s=1) for _ in range(2)]
    present = [SqlStore(other, be_present(other)) for other in others]  # any number of them
    for one in present:
        with pytest.raises(Conflict, match="in use: stop the service and rounds"):
            restore(target, file)
        one.close()
    restore(target, file)


def test_program_that_starts_during_a_restore_is_refused(store, target, file):
    save(store._engine, file)
    other = make_engine(target.url.render_as_string(hide_password=False), pool_size=1, busy_timeout_s=1)
    refused = []

    def starts(what: str, *_: Any) -> None:
        if what == "restoring issuer":
            with pytest.raises(StoreUnavailable, match="is being restored") as caught:
                be_present(other)
            refused.append(caught.value)
            other.dispose()

    add_issuer(store)
    file.unlink()
    save(store._engine, file)
    restore(target, file, progress=starts)
    assert refused
    be_present(other).close()
    other.dispose()


@pytest.mark.parametrize("target", ["postgresql"], indirect=True)
def test_restore_on_postgresql_gives_way_to_a_program_that_came_meanwhile(store, target, file):
    """Had it looked before the restore said what it is."""
    add_issuer(store)
    save(store._engine, file)
    migrate(target)
    other = make_engine(target.url.render_as_string(hide_password=False), pool_size=1, busy_timeout_s=1)

    def comes(what: str, *_: Any) -> None:
        if what == "restoring issuer":
            with other.connect():
                pass

    with pytest.raises(Conflict, match="in use"):
        restore(target, file, progress=comes)
    other.dispose()
    assert not any(kept(target).values())


@sqlite_only
def test_two_restores_at_once_are_not(target):
    with alone(target), pytest.raises(Conflict, match="in use"), alone(target):
        pass


# What is damaged already.


@from_sqlite
def test_damaged_database_is_not_saved(store, file):
    fill(store)
    store.close()
    path = Path(str(store._engine.url.database))
    with store._engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        pages = text("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_entry_1'")
        page = connection.execute(pages).scalar_one()
        size = connection.execute(text("PRAGMA page_size")).scalar_one()
    store.close()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size + 200 : page * size] = bytes(size - 200)
    path.write_bytes(content)
    with pytest.raises(StateCorrupt, match=r"the database (is damaged, and no backup was made|cannot be read)"):
        save(store._engine, file)
    assert not file.exists()


def test_digests_posted_after_the_backup_are_gone_and_can_be_posted_again(store, target, file):
    here = Installation(store)
    here.post(2)
    save(store._engine, file)
    (lost,) = here.post(1)
    restore(target, file)
    restored = SqlStore(target)
    with restored.reading() as uow:
        assert list(uow.entries.of_digest(lost.digest)) == []
    (again,) = post(restored, here._issuer, 2)
    assert (again.digest, lost.digest) == (make_digest(2), make_digest(2))
