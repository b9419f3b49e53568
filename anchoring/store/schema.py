"""The schema's version: brought up or down by command only, and asked for before anything else uses the database."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError

from anchoring.errors import Misconfigured, StateCorrupt, StoreUnavailable
from anchoring.store.engine import first_line, sqlstate_of, transaction, translated
from anchoring.store.sqlite import WRITES

# In a checkout the migrations stand beside the package, in an installed wheel inside it.
_PLACES: Final = (Path(__file__).parents[2] / "migrations", Path(__file__).parents[1] / "migrations")

_MIGRATION_LOCK: Final = 0x4D494752

LOCK_WAIT: Final = "1s"
"""Longest that a migration waits for a table on PostgreSQL: whoever needs the table after it waits behind it."""

PAUSE_S: Final = 1.0
"""Before it asks again, and those who waited get on."""

LOCK_NOT_AVAILABLE: Final = "55P03"


def migrate(engine: Engine, revision: str = "head", *, patience_s: float = 30.0) -> str:
    """Bring the schema to a revision; a second command that migrates meanwhile waits. Returns the revision reached.

    `revision`: `head`, `base`, an identifier, or relative such as `-1`. `patience_s`: how long to ask for tables that a long
    transaction holds, on PostgreSQL, where each migration is a transaction of its own and programs go on meanwhile.

    Raises: Misconfigured for a revision this program does not know, asked for or found in the database, and for a file that is no
    database; StoreUnavailable.
    """
    _recorded_revision(engine)  # refuses, in words, what cannot be read
    run = _migrate_postgresql if engine.dialect.name == "postgresql" else _migrate_sqlite
    with translated(), engine.connect() as connection:
        try:
            run(connection, revision, patience_s)
            return current_revision(connection) or "base"
        finally:
            connection.invalidate()  # what is set here for a migration, and its lock, end with this connection


def _migrate_sqlite(connection: Connection, revision: str, _patience_s: float) -> None:
    """All in one transaction. A table that is made anew would take the rows that refer to it along; so they are checked after."""
    connection.connection.dbapi_connection.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr] # it is open
    connection = connection.execution_options(**{WRITES: True})
    with connection.begin():
        _run_migrations(connection, revision)
        if connection.execute(text("PRAGMA foreign_key_check")).first():
            raise StateCorrupt(f"a migration to {revision} would leave rows that refer to nothing; nothing was changed")


def _migrate_postgresql(connection: Connection, revision: str, patience_s: float) -> None:
    change_alone(connection)
    ask_for_tables(connection, lambda: _run_migrations(connection, revision), patience_s)


def change_alone(connection: Connection) -> None:
    """On PostgreSQL: until this session ends others that change the schema wait, and it waits only a moment for a table."""
    connection.execute(select(func.pg_advisory_lock(_MIGRATION_LOCK)))
    connection.execute(text(f"SET lock_timeout = '{LOCK_WAIT}'"))
    connection.commit()


def ask_for_tables(connection: Connection, work: Callable[[], None], patience_s: float, *, within: bool = False) -> None:
    """Do what needs tables for itself, again and again while others have them.

    `within`: a transaction that has done something already, which stays; else `work` is one of its own.

    Raises: StoreUnavailable, naming who has them.
    """
    deadline = time.monotonic() + patience_s
    while True:
        savepoint = connection.begin_nested() if within else None
        try:
            work()
            return
        except OperationalError as failed:
            if sqlstate_of(failed) != LOCK_NOT_AVAILABLE:
                raise
            (savepoint or connection).rollback()
            if time.monotonic() >= deadline:
                raise StoreUnavailable(
                    f"a table stays locked by {_oldest_transaction(connection)}: end it and repeat"
                ) from failed
        time.sleep(PAUSE_S)


def _run_migrations(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    down = revision == "base" or revision.startswith("-")
    try:
        (command.downgrade if down else command.upgrade)(config, revision)
    except CommandError as failed:
        raise Misconfigured(f"the database cannot be brought to migration {revision}: {failed}") from failed


def _oldest_transaction(connection: Connection) -> str:
    found = connection.execute(_OLDEST_TRANSACTION).first()
    return "another transaction" if found is None else f"session {found.pid} ({found.name}), at work since {found.since}"


_OLDEST_TRANSACTION: Final = text(
    "SELECT pid, application_name AS name, to_char(xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS \"UTC\"') AS since "
    "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL "
    "ORDER BY xact_start LIMIT 1"
)


def require_current_schema(engine: Engine) -> None:
    """Raises: Misconfigured when migrations are missing, or are newer than this program; StoreUnavailable."""
    scripts = ScriptDirectory.from_config(_config())
    head, current = scripts.get_current_head(), _recorded_revision(engine)
    if current == head:
        return
    if current is None:
        raise Misconfigured(f"the database is empty, this program needs migration {head}; run: credanchor store migrate")
    if current not in {script.revision for script in scripts.walk_revisions()}:
        raise Misconfigured(
            f"the database is at migration {current}, newer than this program, which knows {head}: upgrade the program"
        )
    raise Misconfigured(f"the database is at migration {current}, this program needs {head}; run: credanchor store migrate")


def require_known(revision: str) -> None:
    """Raises: Misconfigured for a revision of a newer program."""
    if revision not in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}:
        raise Misconfigured(f"the backup is at migration {revision}, newer than this program: upgrade the program")


def _recorded_revision(engine: Engine) -> str | None:
    if engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists():
        return None  # to connect would be to create it
    try:
        with transaction(engine, writes=False) as connection:
            return current_revision(connection)
    except StateCorrupt as damaged:
        raise Misconfigured(damaged.message) from damaged
    except DBAPIError as failed:
        raise Misconfigured(f"the database cannot be read: {first_line(failed)}") from failed


def current_revision(connection: Connection) -> str | None:
    """None where no migration was run."""
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    place = next((place for place in _PLACES if (place / "env.py").exists()), None)
    if place is None:
        raise Misconfigured("the migrations are missing from this installation")
    config.set_main_option("script_location", str(place).replace("%", "%%"))
    return config
