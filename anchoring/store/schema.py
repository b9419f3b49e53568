"""The schema's version: brought up or down by command only, and asked for before anything else uses the database."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from anchoring.errors import Misconfigured
from anchoring.store.engine import transaction

# In a checkout the migrations stand beside the package, in an installed wheel inside it.
_PLACES: Final = (Path(__file__).parents[2] / "migrations", Path(__file__).parents[1] / "migrations")

_MIGRATION_LOCK: Final = 0x4D494752


def migrate(engine: Engine, revision: str = "head") -> str:
    """Bring the schema to a revision; a second command that migrates meanwhile waits. Returns the revision reached.

    `revision`: `head`, `base`, an identifier, or relative such as `-1`.

    Raises: StoreUnavailable.
    """
    with transaction(engine, writes=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config = _config()
        config.attributes["connection"] = connection
        down = revision == "base" or revision.startswith("-")
        (command.downgrade if down else command.upgrade)(config, revision)
        reached = _current(connection)
        connection.commit()
    return reached or "base"


def require_current_schema(engine: Engine) -> None:
    """Raises: Misconfigured when migrations are missing, or are newer than this program; StoreUnavailable."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with transaction(engine, writes=False) as connection:
        try:
            current = _current(connection)
        except DBAPIError as failed:
            raise Misconfigured("the database cannot be read; run: credanchor store migrate") from failed
    if current != head:
        found = f"at migration {current}" if current else "empty"
        raise Misconfigured(f"the database is {found}, this program needs {head}; run: credanchor store migrate")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    place = next((place for place in _PLACES if (place / "env.py").exists()), None)
    if place is None:
        raise Misconfigured("the migrations are missing from this installation")
    config.set_main_option("script_location", str(place).replace("%", "%%"))
    return config
