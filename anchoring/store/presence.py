"""Who uses the database: programs at work, any number of them, or a restore, which must be alone.

On SQLite a lock on a file beside the database, which the system lets go of when a process ends, however it ends. On PostgreSQL
the names of the sessions: a lock of a session would be lost unnoticed with its connection.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, text

from anchoring.errors import Conflict, StoreUnavailable
from anchoring.store.engine import transaction
from anchoring.store.postgresql import APPLICATION

RESTORING: Final = f"{APPLICATION} restore"

LOOKS: Final = 10
PAUSE_S: Final = 0.1
"""A session that has just ended is listed a moment longer."""

_SESSIONS: Final = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = :name"
)


def lock_path(engine: Engine) -> str:
    """The file whose lock says who uses an SQLite database. It stays when nobody does."""
    return f"{engine.url.database}.lock"


def be_present(engine: Engine) -> ExitStack:
    """Say that this program uses the database, until the stack is closed or the process ends.

    Raises: StoreUnavailable while the database is being restored.
    """
    held = ExitStack()
    if engine.dialect.name == "sqlite":
        held.callback(os.close, _locked(engine, fcntl.LOCK_SH))
    else:
        with transaction(engine, writes=False) as connection:
            if _sessions(connection, RESTORING):
                raise StoreUnavailable("the database is being restored")
    return held


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Keep every other program out of an SQLite database. Raises: Conflict when one is at work."""
    if engine.dialect.name != "sqlite":
        yield
        return
    try:
        lock = _locked(engine, fcntl.LOCK_EX)
    except StoreUnavailable as in_use:
        raise _in_use() from in_use
    try:
        yield
    finally:
        os.close(lock)


def require_alone(connection: Connection) -> None:
    """The same on PostgreSQL: from the first call on, programs that start see that a restore is at work.

    Raises: Conflict.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT set_config('application_name', :name, false)"), {"name": RESTORING})
        for _ in range(LOOKS):
            if not _sessions(connection, APPLICATION) and not _sessions(connection, RESTORING):
                return
            time.sleep(PAUSE_S)
        raise _in_use()


@contextmanager
def by_itself(engine: Engine) -> Iterator[None]:
    """No other program uses the database, of either kind, until this ends. Raises: Conflict when one does; StoreUnavailable."""
    with alone(engine), transaction(engine, writes=False) as watchman:
        require_alone(watchman)
        watchman.commit()  # its name stays: others ask for it, and no transaction is left open
        try:
            yield
        finally:
            watchman.invalidate()  # no connection of the pool has that name


def _in_use() -> Conflict:
    return Conflict("the database is in use: stop the service and rounds of every machine first")


def _sessions(connection: Connection, name: str) -> int:
    connection.execute(text("SELECT pg_stat_clear_snapshot()"))  # a transaction would go on seeing what it saw first
    count: int = connection.execute(_SESSIONS, {"name": name}).scalar_one()
    return count


def _locked(engine: Engine, how: int) -> int:
    file = os.open(lock_path(engine), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise StoreUnavailable("the database is being restored") from None
    return file
