"""`credanchor entry`: erasure by the operator."""

from typing import Annotated

import typer

from anchoring.cli.output import say
from anchoring.core.audit_log import trace_of
from anchoring.types import parse_did, parse_digest

app = typer.Typer(name="entry", no_args_is_help=True, help="Erase entries.")


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
        uow.commit()
    typer.echo("erased" if erased else "will be erased when its batch is sealed, in the next round")
