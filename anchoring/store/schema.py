"""The schema's version: brought up or down by command only, and asked for before anything else uses the database."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
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

    Raises: Misconfigured for a revision this program does not know, asked for or found in the database, and for a file that is no
    database; StoreUnavailable.
    """
    _recorded_revision(engine)  # refuses, in words, what cannot be read
    with transaction(engine, writes=True) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        config = _config()
        config.attributes["connection"] = connection
        down = revision == "base" or revision.startswith("-")
        try:
            (command.downgrade if down else command.upgrade)(config, revision)
        except CommandError as failed:
            raise Misconfigured(f"the database cannot be brought to migration {revision}: {failed}") from failed
        reached = _current(connection)
        connection.commit()
    return reached or "base"


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


def _recorded_revision(engine: Engine) -> str | None:
    if engine.dialect.name == "sqlite" and not Path(str(engine.url.database)).exists():
        return None  # to connect would be to create it
    try:
        with transaction(engine, writes=False) as connection:
            return _current(connection)
    except DBAPIError as failed:
        raise Misconfigured(f"the database cannot be read: {failed.orig}") from failed


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    place = next((place for place in _PLACES if (place / "env.py").exists()), None)
    if place is None:
        raise Misconfigured("the migrations are missing from this installation")
    config.set_main_option("script_location", str(place).replace("%", "%%"))
    return config
