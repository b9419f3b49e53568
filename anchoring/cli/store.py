"""`credanchor store`: the database."""

from typing import Annotated

import typer

from anchoring.cli.output import say

app = typer.Typer(name="store", no_args_is_help=True, help="Look after the database.")


@app.command()
def migrate(
    revision: Annotated[str, typer.Option(help="head, base, a revision, or relative such as -1.")] = "head",
) -> None:
    """Bring the database's schema to a revision. Nothing else ever changes it; a second command meanwhile waits."""
    from anchoring.bootstrap import migrate_store
    from anchoring.settings import read_settings

    reached = migrate_store(read_settings().store, revision)
    say(f"the database is at migration {reached}")
