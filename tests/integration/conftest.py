"""The command line, with a database of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from tests.credanchor import Credanchor
from tests.factories import UNIVERSITY


@pytest.fixture
def credanchor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Credanchor:
    """The command line in an empty folder, with a database that is not there yet."""
    monkeypatch.chdir(tmp_path)
    command = Credanchor(monkeypatch, capsys)
    command.set(
        STORE__URL=f"sqlite:///{tmp_path / 'store.db'}", ROUNDS__CANARY_EVERY_S="0", AUDIT_LOG__ANCHOR="false"
    )  # leaves are counted
    return command


@pytest.fixture
def migrated(credanchor: Credanchor, migrated_sqlite: Path, tmp_path: Path) -> Credanchor:
    """… and with one that is, and an issuer in it."""
    shutil.copyfile(migrated_sqlite, tmp_path / "store.db")
    assert credanchor("issuer", "add", UNIVERSITY, "--name", "University").code == 0
    return credanchor


@pytest.fixture
def plain(postgres_url: str) -> Iterator[Engine]:
    """A database of its own: what becomes of it is not undone."""
    made = make_engine(postgres_url, pool_size=20, busy_timeout_s=10)
    migrate(made)
    yield made
    made.dispose()


@pytest.fixture
def judged_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """PDFs are judged in this process: one of its own takes a second to start."""
    from anchoring.pdf import embedding, judge, signatures

    monkeypatch.setattr(judge, "bounded_embedded_proof", embedding.embedded_proof)
    monkeypatch.setattr(judge, "bounded_later_form", embedding.later_form)
    monkeypatch.setattr(judge, "bounded_signatures", signatures.judge_signatures)
