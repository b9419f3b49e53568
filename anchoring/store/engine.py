"""Connections that behave alike: transactions that begin when we say, and durability that is what we promise."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

from anchoring.errors import AnchoringError, Misconfigured, StateCorrupt, StoreReadOnly, StoreUnavailable
from anchoring.store.postgresql import connect_arguments, parse_url, prepare_postgresql
from anchoring.store.sqlite import IS_DURABLE, WRITES, prepare_sqlite

SUPPORTED: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgresql+psycopg": "postgresql+psycopg"}

# One name for "posts under way" on PostgreSQL: writers share it, the seal mark takes it alone.
SEAL_LOCK: Final = 0x43524544

# One for what is detached: who detaches entries, or recalls some, takes it alone, and before the lock above.
DETACH_LOCK: Final = 0x44455441

# And one for the end of the audit log: whoever appends to it takes it as the last thing before the commit.
AUDIT_LOCK: Final = 0x41554449

# Serialization failure, deadlock: the server chose this transaction to give way. Or the table of entries became a partition.
_BROKEN_OFF: Final = {"40001", "40P01", "42P10"}
_READ_ONLY: Final = "25006"  # the server is a standby, or became one while the connection was open
_READ_ONLY_SESSION: Final = {"sqlite": "PRAGMA query_only = ON", "postgresql": "SET default_transaction_read_only = on"}
_ENDED: Final = {"25P03", "25P04", "57P01", "57P02", "57P05"}  # the server ended the session: too long idle, or it stops
_DAMAGED: Final = {"XX001", "XX002"}
_SQLITE_DAMAGED: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def make_engine(url: str, *, pool_size: int, busy_timeout_s: float) -> Engine:
    """An engine for `sqlite:///file` or `postgresql://…`; nothing is connected yet.

    Raises: Misconfigured for another database.
    """
    try:
        parsed = parse_url(url)
    except (ArgumentError, ValueError) as unreadable:
        raise Misconfigured("CREDANCHOR_STORE__URL is not a database URL such as sqlite:///anchors.db") from unreadable
    driver = SUPPORTED.get(parsed.drivername)
    if driver is None:
        raise Misconfigured(f"CREDANCHOR_STORE__URL names {parsed.drivername}; supported are sqlite and postgresql")
    options: dict[str, Any] = {"hide_parameters": True, "pool_size": pool_size, "max_overflow": pool_size}
    try:
        if driver == "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise Misconfigured(
                    "CREDANCHOR_STORE__URL must name a file: an SQLite database in memory is lost with its process"
                )
            if not Path(parsed.database).parent.is_dir():
                raise Misconfigured(f"CREDANCHOR_STORE__URL: the folder {Path(parsed.database).parent} does not exist")
            engine = create_engine(parsed.set(drivername=driver), connect_args={"timeout": busy_timeout_s}, **options)
            prepare_sqlite(engine, busy_timeout_s)
        else:
            arguments = connect_arguments(parsed)
            engine = create_engine(parsed.set(drivername=driver), pool_pre_ping=True, connect_args=arguments, **options)
            prepare_postgresql(engine, busy_timeout_s)
    except NoSuchModuleError as missing:
        raise Misconfigured(f"CREDANCHOR_STORE__URL: {missing}") from missing
    return engine


@contextmanager
def opened(url: str, *, busy_timeout_s: float) -> Iterator[Engine]:
    """An engine for one command, closed at its end. Raises: Misconfigured."""
    engine = make_engine(url, pool_size=2, busy_timeout_s=busy_timeout_s)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def transaction(engine: Engine, *, writes: bool, is_durable: bool = True) -> Iterator[Connection]:
    """A connection in a transaction that is rolled back at the end unless it was committed.

    `is_durable`: whether a commit waits for the disk. One that does brings along what others committed before it.

    Raises: StoreUnavailable when the database does not answer, is locked too long or full; StateCorrupt when it is damaged.
    """
    options = {WRITES: writes, IS_DURABLE: is_durable}
    with translated(), engine.connect().execution_options(**options) as connection, _leaving_standbys(connection):
        connection.begin()
        if not is_durable and connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        yield connection


class KeptConnection:
    """A connection for many short transactions in turn, by one thread at a time: to take one from the pool costs as much as they.

    One that does not write cannot. On PostgreSQL nothing is begun for it: each statement sees what was committed before it, in a
    transaction or out of it, and that saves the way to the server and back. It is beside the pool, and does not count in it.
    """

    def __init__(self, engine: Engine, *, writes: bool = False) -> None:
        self._engine = engine
        self._writes = writes
        self._connection: Connection | None = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Rolled back at the end unless it was committed. After an error of the database the next one opens another connection.

        Raises: as the function `transaction`.
        """
        with translated():
            connection = self._connection = self._connection or self._open()
            try:
                connection.begin()
                yield connection
            except BaseException as failed:
                if isinstance(failed, AnchoringError) and not isinstance(failed, StoreUnavailable):
                    connection.rollback()
                else:
                    self.close()
                raise
            connection.rollback()

    def close(self) -> None:
        """Close the connection; the next transaction opens one."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _open(self) -> Connection:
        connection = self._engine.connect()
        if self._writes:
            connection.execution_options(**{WRITES: True})
        else:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(_READ_ONLY_SESSION[connection.dialect.name])
            connection.rollback()
        connection.detach()
        return connection


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the database in here are ours. Raises: StoreUnavailable, StateCorrupt."""
    try:
        yield
    except DBAPIError as failed:
        ours = _translation(failed)
        if ours is None:
            raise
        raise ours from failed
    except SQLAlchemyError as failed:
        if "QueuePool limit" in str(failed):
            raise StoreUnavailable("all database connections are in use") from failed
        raise


@contextmanager
def driver_errors(connection: Connection) -> Iterator[Any]:
    """The driver's own connection, for what goes past SQLAlchemy; its errors become what SQLAlchemy makes of them."""
    driver, errors = connection.connection.dbapi_connection, connection.dialect.loaded_dbapi.Error
    try:
        yield driver
    except errors as failed:
        is_lost = connection.dialect.is_disconnect(failed, driver, None)
        if is_lost:
            connection.invalidate()
        raise DBAPIError.instance(
            None, None, failed, errors, connection_invalidated=is_lost, dialect=connection.dialect
        ) from failed


def sqlstate_of(failed: DBAPIError) -> str | None:
    """PostgreSQL's code of an error; None on SQLite, and where the server did not say."""
    return getattr(failed.orig, "sqlstate", None)


@contextmanager
def _leaving_standbys(connection: Connection) -> Iterator[None]:
    """A server that takes no writes any more is not asked again: the next connection looks for the one that does."""
    try:
        yield
    except DBAPIError as failed:
        if sqlstate_of(failed) == _READ_ONLY:
            connection.invalidate()
        raise


def _translation(failed: DBAPIError) -> AnchoringError | None:
    state, words = sqlstate_of(failed), first_line(failed)
    if state in _DAMAGED or getattr(failed.orig, "sqlite_errorcode", None) in _SQLITE_DAMAGED or is_no_text(failed):
        return StateCorrupt(f"the database cannot be read: {words}")
    if state == _READ_ONLY:
        return StoreReadOnly(f"the database takes no writes: {words}")
    if state in _BROKEN_OFF:
        return StoreUnavailable(f"the database broke the transaction off: {words}", may_repeat=True)
    if failed.connection_invalidated or state in _ENDED:
        return StoreUnavailable(f"the database connection was lost: {words}", may_repeat=True)
    if isinstance(failed, OperationalError):
        return StoreUnavailable(f"the database did not answer: {words}")
    return None


def is_no_text(failed: DBAPIError) -> bool:
    """Whether SQLite keeps text that is no UTF-8; its driver has one error for that and for a database that does not answer."""
    return str(failed.orig).startswith("Could not decode to UTF-8")


def number_above(connection: Connection, table: str, row_id: int) -> None:
    """The next row that the table numbers by itself has a higher id than this."""
    values = {"table": table, "above": row_id}
    if connection.dialect.name == "postgresql":
        sequence = "pg_get_serial_sequence(:table, 'id')"
        connection.execute(text(f"SELECT setval({sequence}, GREATEST(:above, nextval({sequence})))"), values)
    elif not connection.execute(text("UPDATE sqlite_sequence SET seq = max(seq, :above) WHERE name = :table"), values).rowcount:
        connection.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :above)"), values)


def first_line(failed: DBAPIError) -> str:
    """What the driver says, without what follows it."""
    lines = str(failed.orig).strip().splitlines()
    return lines[0] if lines else type(failed.orig).__name__
