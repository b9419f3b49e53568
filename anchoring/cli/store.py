"""`credanchor store`: the database."""

import re
from typing import Annotated

import typer

from anchoring.cli.output import say
from anchoring.errors import InvalidInput

app = typer.Typer(name="store", no_args_is_help=True, help="Look after the database.")


@app.command()
def migrate(
    revision: Annotated[str, typer.Option(help="head, base, a revision, or relative such as -1.")] = "head",
    yes: Annotated[bool, typer.Option("--yes", help="Go down: tables and what is in them may be dropped.")] = False,
) -> None:
    """Bring the database's schema to a revision. Nothing else ever changes it; a second command meanwhile waits."""
    from anchoring.bootstrap import migrate_store
    from anchoring.settings import read_settings

    if not re.fullmatch("[+-]?[0-9a-zA-Z_]+", revision):
        raise InvalidInput("must be head, base, a revision, or relative such as -1", at="--revision")
    if (revision == "base" or revision.startswith("-")) and not yes:
        raise InvalidInput("going down may drop tables with digests and salts; add --yes", at="--revision")
    reached = migrate_store(read_settings().store, revision)
    say(f"the database is at migration {reached}")
