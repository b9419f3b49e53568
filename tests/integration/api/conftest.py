"""The HTTP service over each kind of database."""

from collections.abc import Iterator

import pytest

from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from tests.api import Api, running


@pytest.fixture
def api(store: SqlStore) -> Iterator[Api]:
    """A fresh service over each kind of database."""
    with running(store) as started:
        yield started


@pytest.fixture(scope="module")
def shared_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One service on SQLite for many tests that must change nothing, with limits that are quickly reached."""
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('shared') / 'store.db'}", pool_size=20, busy_timeout_s=10)
    migrate(engine)
    with running(SqlStore(engine), max_credential_bytes=4096, max_digests=20, max_json_depth=8) as started:
        yield started
    engine.dispose()
