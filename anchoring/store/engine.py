"""Connections that behave alike: transactions that begin when we say, and durability that is what we promise."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from anchoring.errors import Misconfigured, StoreUnavailable

SUPPORTED: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg"}

# One name for "posts under way" on PostgreSQL: writers share it, the seal mark takes it alone.
SEAL_LOCK: Final = 0x43524544

WAL_PAUSE_S: Final = 0.01

_WRITES: Final = "credanchor_writes"


def make_engine(url: str, *, pool_size: int, busy_timeout_s: float) -> Engine:
    """An engine for `sqlite:///file` or `postgresql://…`; nothing is connected yet.

    Raises: Misconfigured for another database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as unreadable:
        raise Misconfigured("store.url is not a database URL such as sqlite:///anchors.db") from unreadable
    driver = SUPPORTED.get(parsed.drivername)
    if driver is None:
        raise Misconfigured(f"store.url names {parsed.drivername}; supported are sqlite and postgresql")
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": pool_size, "max_overflow": pool_size}
    try:
        if driver == "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise Misconfigured("store.url must name a file: an SQLite database in memory is lost with its process")
            if not Path(parsed.database).parent.is_dir():
                raise Misconfigured(f"store.url: the folder {Path(parsed.database).parent} does not exist")
            engine = create_engine(parsed.set(drivername=driver), connect_args={"timeout": busy_timeout_s}, **options)
            _prepare_sqlite(engine, busy_timeout_s)
        else:
            engine = create_engine(parsed.set(drivername=driver), pool_pre_ping=True, **options)
            _prepare_postgresql(engine, busy_timeout_s)
    except NoSuchModuleError as missing:
        raise Misconfigured(f"store.url: {missing}") from missing
    return engine


def _prepare_sqlite(engine: Engine, busy_timeout_s: float) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; `begin` below does
        _switch_to_wal(connection, busy_timeout_s)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "cache_size = -65536"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another wrote in between: take the lock first.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


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


def _prepare_postgresql(engine: Engine, busy_timeout_s: float) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # A writer that hangs in its transaction would keep every round from setting its seal mark.
        milliseconds = int(busy_timeout_s * 1000)
        with connection.cursor() as cursor:
            cursor.execute(f"SET idle_in_transaction_session_timeout = {milliseconds}")
            cursor.execute(f"SET lock_timeout = {milliseconds}")
        connection.commit()


@contextmanager
def transaction(engine: Engine, *, writes: bool) -> Iterator[Connection]:
    """A connection in a transaction that is rolled back at the end unless it was committed.

    Raises: StoreUnavailable when the database does not answer, is locked too long or full.
    """
    try:
        with engine.connect().execution_options(**{_WRITES: writes}) as connection:
            connection.begin()
            yield connection
    except OperationalError as failed:
        raise StoreUnavailable(f"the database did not answer: {_first_line(failed)}") from failed
    except DBAPIError as failed:
        if failed.connection_invalidated:
            raise StoreUnavailable(f"the database connection was lost: {_first_line(failed)}") from failed
        raise
    except SQLAlchemyError as failed:
        if "QueuePool limit" in str(failed):
            raise StoreUnavailable("all database connections are in use") from failed
        raise


def _first_line(failed: DBAPIError) -> str:
    lines = str(failed.orig).strip().splitlines()
    return lines[0] if lines else type(failed.orig).__name__
