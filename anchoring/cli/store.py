"""`credanchor store`: the database."""

import re
from pathlib import Path
from typing import Annotated

import typer

from anchoring.cli.output import print_findings, progress_bar, say
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


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="File to write; it must not exist yet. It holds salts: keep it as safe as the database.")
    ],
) -> None:
    """Save the whole database to a file, as it is at one moment. Service and rounds may go on."""
    from anchoring.bootstrap import back_up_store
    from anchoring.settings import read_settings

    with progress_bar() as progress:
        saved = back_up_store(read_settings().store, file, progress)
    say(f"saved {saved.rows_of('entry')} entries and {saved.rows_of('batch')} batches, sealed up to entry {saved.seal_mark}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `store backup` wrote, of either kind of database.")],
    replace: Annotated[bool, typer.Option("--replace", help="What the database holds now goes.")] = False,
) -> None:
    """Put a backup into the configured database, which must be empty. Service and rounds must be stopped everywhere.

    Nothing is signed afterwards until `credanchor ledger reconcile` has compared the database with the ledger.
    """
    from anchoring.bootstrap import restore_store
    from anchoring.settings import read_settings

    with progress_bar() as progress:
        saved = restore_store(read_settings().store, file, progress, replace=replace)
    say(f"restored {saved.rows_of('entry')} entries and {saved.rows_of('batch')} batches, saved at {saved.created_at:%F %T} UTC")
    say("next: credanchor ledger reconcile; nothing is signed before")


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Examine the database and compute every tree again. Exit code 1 when something is wrong, and what to do. Changes nothing."""
    from anchoring.bootstrap import examine_store
    from anchoring.settings import read_settings

    with progress_bar() as progress:
        findings = examine_store(read_settings().store, progress)
    print_findings(findings, as_json=as_json)


@app.command("create-manifest-key")
def create_manifest_key(
    file: Annotated[Path, typer.Argument(help="File for the key; it must not exist yet.")],
) -> None:
    """Make the key that manifests are encrypted with. Keep a copy elsewhere: without it no manifest can be read."""
    from anchoring.bootstrap import create_manifest_key

    create_manifest_key(file)
    say(f"written to {file}; keep a copy away from the database and from the manifests")
