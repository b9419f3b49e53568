"""SQLite connections: in WAL mode, durable at each commit, and all to one and the same file."""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from anchoring.errors import Misconfigured, StoreUnavailable

WAL_PAUSE_S: Final = 0.01

WRITES: Final = "credanchor_writes"
"""Execution option of a transaction that writes."""

IS_DURABLE: Final = "credanchor_is_durable"
"""Execution option of such a transaction: whether its commit waits for the disk."""

CHECKPOINT_PAGES: Final = 4096
"""16 MiB of the log are brought into the file at once: each time waits for the disk twice."""

DURABLE: Final = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
"""What is in force on every connection; synchronous 2 is FULL: an acknowledged commit survives a power cut."""


def prepare_sqlite(engine: Engine, busy_timeout_s: float) -> None:
    """Set up every connection of an engine, and refuse one that would promise less."""
    path = Path(str(engine.url.database))
    file = _OneFile(path)

    @event.listens_for(engine, "do_connect")
    def create(*_: object) -> None:
        if file.was_seen:  # to open another would write into it what the log of this one holds
            file.require_same()
        with suppress(OSError):  # SQLite will say so itself
            _create(path)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; `begin` below does
        _switch_to_wal(connection, busy_timeout_s)
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -16384",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        for pragma, value in DURABLE.items():
            [found] = connection.execute(f"PRAGMA {pragma}").fetchone()
            if found != value:
                raise Misconfigured(f"SQLite has {pragma} = {found}, and {value} is needed: is the file on a local disk?")
        file.require_same()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        file.require_same()
        driver: Any = connection.connection.dbapi_connection
        options = connection.get_execution_options()
        # A transaction that reads first and writes later fails at once when another wrote in between: take the lock first.
        if options.get(WRITES, False):
            _wait_for_disk(connection, is_wanted=options.get(IS_DURABLE, True))
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:  # it touches nothing yet, so it cannot fail, and past SQLAlchemy it takes a tenth of the time
            driver.execute("BEGIN")


def _wait_for_disk(connection: Connection, *, is_wanted: bool) -> None:
    """At the commits from here on. It is said only where it changes: each statement lets other threads go first."""
    if connection.info.get(IS_DURABLE, True) is not is_wanted:
        connection.info[IS_DURABLE] = None  # neither, should this fail
        driver: Any = connection.connection.dbapi_connection
        driver.execute(f"PRAGMA synchronous = {'FULL' if is_wanted else 'NORMAL'}")
        connection.info[IS_DURABLE] = is_wanted


def _create(path: Path) -> None:
    """A new file that others cannot read, as by the user's mask they might. What SQLite puts beside it has its mode.

    It is closed before it has its name, and one that is there is never opened: when a process closes a file, the system lets go
    of all locks that it has on it, those of its connections too. Another process would take itself for the last and remove the
    log.
    """
    if path.exists():
        return
    descriptor, unnamed = mkstemp(dir=path.parent, prefix=f"{path.name}.")
    os.close(descriptor)
    try:
        os.link(unnamed, path)
    finally:
        Path(unnamed).unlink()


class _OneFile:
    """The database file as it was when it was first opened.

    A connection keeps the file it opened, even when another takes its name: what is written then is acknowledged and lost. A
    file that was copied over stays the same file, but what only ever grows has shrunk then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None
        self._size = 0

    @property
    def was_seen(self) -> bool:
        return self._identity is not None

    def require_same(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            raise StoreUnavailable("the database file was taken away under the running program: restart it") from None
        identity = (found.st_dev, found.st_ino)
        self._identity = self._identity or identity
        if identity != self._identity:
            raise StoreUnavailable("the database file was replaced under the running program: restart it")
        if found.st_size < self._size:
            raise StoreUnavailable("the database file was overwritten under the running program: restart it")
        self._size = found.st_size


def _switch_to_wal(connection: sqlite3.Connection, busy_timeout_s: float) -> None:
    """The first connection to a new file does so for good; SQLite does not wait by itself for another that is at it."""
    deadline = time.monotonic() + busy_timeout_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as failed:
            if failed.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(WAL_PAUSE_S)
