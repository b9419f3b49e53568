"""`credanchor store`: what it prints, its exit codes, and one sentence when it fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from tests.credanchor import Credanchor
from tests.factories import ACADEMY, UNIVERSITY, add_issuer, post
from tests.filled import fill


def use(credanchor: Credanchor, path: Path) -> None:
    credanchor.set(STORE__URL=f"sqlite:///{path}")


def test_backup_is_restored_elsewhere_and_found_right(migrated: Credanchor, tmp_path: Path) -> None:
    saved = migrated("store", "backup", "backup")
    assert (saved.code, saved.out) == (0, "")
    assert saved.err == "saved 0 entries and 0 batches, sealed up to entry 0\n"
    use(migrated, tmp_path / "other.db")
    restored = migrated("store", "restore", "backup")
    assert (restored.code, restored.out) == (0, "")
    first, second = restored.err.splitlines()
    assert first.startswith("restored 0 entries and 0 batches, saved at 20")
    assert second == "next: credanchor ledger reconcile; nothing is signed before"
    assert migrated("issuer", "list").out.split() == [UNIVERSITY, "University"]
    checked = migrated("store", "check")
    assert (checked.code, checked.err) == (0, "")
    assert {line.split()[1] for line in checked.out.splitlines()} == {"right"}


def test_backup_is_refused_where_a_file_is(migrated: Credanchor, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("precious")
    done = migrated("store", "backup", "backup")
    assert (done.code, done.error) == (1, "backup exists already: a backup overwrites nothing")


def test_restore_is_refused_where_something_is(migrated: Credanchor) -> None:
    migrated("store", "backup", "backup")
    done = migrated("store", "restore", "backup")
    assert done.code == 1
    assert done.error.startswith("the database holds something")
    assert migrated("issuer", "add", ACADEMY, "--name", "Academy").code == 0
    assert migrated("store", "restore", "backup", "--replace").code == 0
    assert migrated("issuer", "list").out.split() == [UNIVERSITY, "University"]


@pytest.mark.parametrize(("content", "reason"), [(None, "cannot be read: No such file or directory"), (b"", "is cut short")])
def test_restore_names_the_file_that_is_no_backup(
    credanchor: Credanchor, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "backup").write_bytes(content)
    done = credanchor("store", "restore", "backup")
    assert (done.code, done.error) == (2, f"backup: {reason}")
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize("words", [["backup", "backup"], ["check"]])
def test_database_that_is_not_there_is_refused(credanchor: Credanchor, tmp_path: Path, words: list[str]) -> None:
    done = credanchor("store", *words)
    assert done.code == 1
    assert done.error.startswith("the database is empty")
    assert list(tmp_path.iterdir()) == []


def test_check_says_what_is_wrong_and_what_to_do(migrated: Credanchor, tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=2, busy_timeout_s=1)
    fill(SqlStore(engine))
    with engine.begin() as connection:
        connection.execute(text("UPDATE entry SET issuer_id = (SELECT max(id) FROM issuer) WHERE id IN (4, 6)"))
    engine.dispose()
    done = migrated("store", "check")
    assert done.code == 1
    assert "             batch 2: 2 entries have no leaf in its tree" in done.out.splitlines()
    assert "what to do: stop service and rounds, restore the newest backup" in done.err
    as_json = migrated("store", "check", "--json")
    assert as_json.code == 1
    findings = {found["what"]: found for found in json.loads(as_json.out)}
    assert findings["leaves"]["faults"] == ["batch 2: 2 entries have no leaf in its tree"]
    assert (findings["trees"]["right"], findings["trees"]["advice"]) == (True, None)


def test_restore_is_refused_while_the_service_runs(migrated: Credanchor, tmp_path: Path) -> None:
    """As two processes: what the first holds, it holds until it ends, however it ends."""
    migrated("store", "backup", "backup")
    holds = "import sys; from anchoring.bootstrap.store import open_store; from anchoring.settings import read_settings; "
    holds += "store = open_store(read_settings().store); print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    refused = migrated("store", "restore", "backup", "--replace")
    process.kill()
    process.communicate()
    assert (refused.code, refused.error) == (1, "the database is in use: stop the service and rounds of every machine first")
    assert migrated("store", "restore", "backup", "--replace").code == 0


def test_restored_issuers_post_with_the_keys_they_had(migrated: Credanchor, tmp_path: Path) -> None:
    key = migrated("issuer", "key", "create", UNIVERSITY)
    assert key.code == 0
    migrated("store", "backup", "backup")
    use(migrated, tmp_path / "other.db")
    migrated("store", "restore", "backup")
    engine = make_engine(f"sqlite:///{tmp_path / 'other.db'}", pool_size=2, busy_timeout_s=1)
    with SqlStore(engine).reading() as uow:
        assert uow.issuers.keys([key.out.strip()[3:11]])
    assert post(SqlStore(engine), add_issuer(SqlStore(engine)), 1)
    engine.dispose()
