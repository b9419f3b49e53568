"""`credanchor entry`: erasure by the operator, and the return of entries that were detached."""

from typing import Annotated

import typer

from anchoring.cli.output import progress_bar, say
from anchoring.core.audit_log import trace_of
from anchoring.types import parse_did, parse_digest, parse_root, to_hex

app = typer.Typer(name="entry", no_args_is_help=True, help="Erase entries, and bring back detached ones.")


@app.command()
def erase(
    digest: Annotated[str, typer.Argument(help="The digest whose entry is to be erased.")],
    issuer: Annotated[str, typer.Option(help="DID of its issuer.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is done.")] = False,
) -> None:
    """Erase an entry's digest and salt. The anonymous leaf and the holder's own proof stay. It cannot be undone."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.erase_entry import erase_entry
    from anchoring.usecases.manage_issuers import get_issuer

    wanted, did = parse_digest(digest, at="digest"), parse_did(issuer, at="--issuer")
    if not yes:
        say("nothing was done: erasure cannot be undone; add --yes")
        raise typer.Exit(2)
    with open_store(read_settings().store).writing() as uow:
        of = get_issuer(uow, did)
        found = uow.entries.of_issuer(of, [wanted]).get(wanted)
        erased = erase_entry(uow, of, wanted, now=SystemClock().now())
        detail = {"trace": trace_of(found.salt, wanted) if found else None, "state": "erased" if erased else "waiting"}
        uow.audit_log.note(command_act("digest.erasure_requested", detail, issuer=did))
        detached = uow.issuers.detached(did)
        uow.commit()
    typer.echo("erased" if erased else "will be erased when its batch is sealed, in the next round")
    if detached and found and detached.note_of_change(found.received_at):
        say("entries of this issuer were detached: if the digest was posted before that as well, recall and erase that entry too")


@app.command()
def recall(
    root: Annotated[str, typer.Option(help="Root of the batch, as each of its proofs names it.")],
    digests: Annotated[list[str] | None, typer.Argument(help="Digests of the entries; all of the batch by default.")] = None,
) -> None:
    """Bring detached entries back from the manifest of their batch, to be proven, revoked and erased as ever. May be repeated."""
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.manifests import recall as recall_entries
    from anchoring.settings import read_settings

    wanted = [parse_digest(one, at="DIGESTS") for one in digests or []]
    settings, of = read_settings(), parse_root(root, at="--root")
    with recording(settings.store, "entries.recalled", {"root": to_hex(of)}, say) as found, progress_bar() as progress:
        report = recall_entries(settings, of, wanted, progress)
        found |= {"count": report.added, "reposted": report.reposted}
    typer.echo(f"recalled {report.added}")
    say(
        "all entries of the batch are here"
        if report.is_whole
        else "entries of the batch are still detached: its manifest alone has them"
    )
    if report.reposted:
        say(f"{report.reposted} were posted again since, and are served as posted last; named, they are told with their places")
    for one in report.places:
        for of_list in one.lists:
            typer.echo(f"posted again  {to_hex(one.digest)}  {of_list.purpose}  {to_hex(of_list.list_id)}  {one.index}")
