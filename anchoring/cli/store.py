"""`credanchor store`: the database."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from anchoring.cli.output import plain, print_findings, print_json, progress_bar, say
from anchoring.core.audit_log import ActResult
from anchoring.core.rebuilding import RebuildReport
from anchoring.errors import InvalidInput
from anchoring.types import to_hex

app = typer.Typer(name="store", no_args_is_help=True, help="Look after the database.")


@app.command()
def migrate(
    revision: Annotated[str, typer.Option(help="head, base, a revision, or relative such as -1.")] = "head",
    yes: Annotated[bool, typer.Option("--yes", help="Go down: tables and what is in them may be dropped.")] = False,
) -> None:
    """Bring the database's schema to a revision. Nothing else ever changes it; a second command meanwhile waits."""
    from anchoring.bootstrap.acts import record, record_if_reachable
    from anchoring.bootstrap.store import migrate_store
    from anchoring.settings import read_settings

    if not re.fullmatch("[+-]?[0-9a-zA-Z_]+", revision):
        raise InvalidInput("must be head, base, a revision, or relative such as -1", at="--revision")
    if (revision == "base" or revision.startswith("-")) and not yes:
        raise InvalidInput("going down may drop tables with digests and salts; add --yes", at="--revision")
    settings = read_settings().store
    if revision != "head":  # before it, because this program writes to no other schema than its own
        record_if_reachable(settings, "store.migrated", {"revision": revision}, say, result=ActResult.BEGUN)
    reached = migrate_store(settings, revision)
    if revision == "head":
        record(settings, "store.migrated", {"revision": reached})
    say(f"the database is at migration {reached}")


@app.command()
def backup(
    file: Annotated[
        Path, typer.Argument(help="File to write; it must not exist yet. It holds salts: keep it as safe as the database.")
    ],
) -> None:
    """Save the whole database to a file, as it is at one moment. Service and rounds may go on."""
    from anchoring.bootstrap.acts import record_if_reachable
    from anchoring.bootstrap.store import back_up_store
    from anchoring.settings import read_settings

    with progress_bar() as progress:
        saved = back_up_store(read_settings().store, file, progress)
    record_if_reachable(read_settings().store, "store.backed_up", _saved(saved), say)
    say(f"saved {saved.rows_of('entry')} entries and {saved.rows_of('batch')} batches, sealed up to entry {saved.seal_mark}")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `store backup` wrote, of either kind of database.")],
    replace: Annotated[bool, typer.Option("--replace", help="What the database holds now goes.")] = False,
) -> None:
    """Put a backup into the configured database, which must be empty. Service and rounds must be stopped everywhere.

    Nothing is signed afterwards until `credanchor ledger reconcile` has compared the database with the ledger.
    """
    from anchoring.bootstrap.acts import record
    from anchoring.bootstrap.store import restore_store
    from anchoring.settings import read_settings

    with progress_bar() as progress:
        saved = restore_store(read_settings().store, file, progress, replace=replace)
    record(read_settings().store, "store.restored", _saved(saved) | {"replace": replace})
    say(f"restored {saved.rows_of('entry')} entries and {saved.rows_of('batch')} batches, saved at {saved.created_at:%F %T} UTC")
    say("next: credanchor ledger reconcile; nothing is signed before")


@app.command()
def check(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Examine the database and compute every tree again. Exit code 1 when something is wrong, and what to do. Changes nothing."""
    from anchoring.bootstrap.store import examine_store
    from anchoring.settings import read_settings

    with progress_bar() as progress:
        findings = examine_store(read_settings().store, progress)
    print_findings(findings, as_json=as_json)


@app.command("create-manifest-key")
def create_manifest_key(
    file: Annotated[Path, typer.Argument(help="File for the key; it must not exist yet.")],
) -> None:
    """Make the key that manifests are encrypted with. Keep a copy elsewhere: without it no manifest can be read."""
    from anchoring.bootstrap.acts import record_if_reachable
    from anchoring.bootstrap.manifests import create_manifest_key
    from anchoring.settings import read_settings

    create_manifest_key(file)
    record_if_reachable(read_settings().store, "manifest_key.created", {"file": file.name}, say)
    say(f"written to {file}; keep a copy away from the database and from the manifests")


@app.command()
def rebuild(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Manifests, proofs, and folders of them; the configured folder by default.")
    ] = None,
    unanchored: Annotated[
        bool, typer.Option("--unanchored", help="Rebuild also batches that the ledger does not hold: rounds anchor them again.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Rebuild what the database has lost from manifests and the ledger, and say what is missing. Exit code 1 while anything is.

    Nothing that is there is changed. Run it as often as more manifests or proofs turn up.
    """
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.manifests import find_sources, rebuild
    from anchoring.core.rebuilding import rebuild_to_json
    from anchoring.settings import read_settings

    settings = read_settings()
    sources = find_sources(settings.manifests, paths or [])
    with recording(settings.store, "store.rebuilt", {"unanchored": unanchored}, say) as found:
        with progress_bar() as progress:
            report = rebuild(settings, sources, progress, take_unanchored=unanchored)
        found |= {"restored": report.restored, "entries": report.entries, "missing": len(report.missing)}
    if as_json:
        print_json(rebuild_to_json(report))
    else:
        _print_rebuilt(report)
    raise typer.Exit(1 if report.missing else 0)


def _saved(backup: Any) -> dict[str, str | int]:
    """For the audit log."""
    made_at = backup.created_at.isoformat()
    return {
        "madeAt": made_at,
        "entries": backup.rows_of("entry"),
        "batches": backup.rows_of("batch"),
        "sealMark": backup.seal_mark,
    }


def _print_rebuilt(report: RebuildReport) -> None:
    figures = {
        "anchors": report.anchors,
        "batches rebuilt": report.restored,
        "batches known": report.known,
        "entries rebuilt": report.entries,
        "posted again": report.reposted,
        "erased again": report.erased_again,
        "issuers added": len(report.issuers),
        "leaves proven": report.proofs,
        "files refused": len(report.refused),
        "batches missing": len(report.missing),
    }
    for name, value in figures.items():
        typer.echo(f"{name:<16} {value}")
    for refused in report.refused:
        typer.echo(f"refused  {plain(refused.name)}: {plain(refused.reason)}")
    for one in report.missing:
        leaves = one.anchor.leaf_count or "an unknown number of"
        typer.echo(
            f"missing  {to_hex(one.anchor.root)}  sequence {one.anchor.sequence}: proofs show {one.proven} of {leaves} leaves"
        )
    for advice in _advice(report):
        say(advice)


def _advice(report: RebuildReport) -> Iterator[str]:
    if report.issuers:
        yield "issuers have their DID for a name and no key: make one with: credanchor issuer key create DID"
    if report.missing:
        yield (
            "batches are missing: look for their manifests and rebuild again; if there are none, accept the loss with "
            "credanchor ledger reconcile --accept-loss, and have issuers post their digests anew; proofs of them go on verifying"
        )
    elif report.anchors:
        yield "everything that the ledger holds is in the database; rounds and the service may be started"
