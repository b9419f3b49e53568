"""`credanchor issuer`: who may post, and with which keys."""

from typing import Annotated

import typer

from anchoring.cli import issuer_key, issuer_status_key
from anchoring.cli.output import print_json, say
from anchoring.core.proof_json import format_time
from anchoring.types import parse_did

app = typer.Typer(name="issuer", no_args_is_help=True, help="Say who may post, and hand out keys.")
app.add_typer(issuer_key.app)
app.add_typer(issuer_status_key.app)

DidArgument = Annotated[str, typer.Argument(metavar="DID", help="Decentralized identifier of the issuer.")]


@app.command()
def add(did: DidArgument, name: Annotated[str, typer.Option(help="Name shown to people.")]) -> None:
    """Let an issuer post. It needs a key as well: `credanchor issuer key create`."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import add_issuer

    parsed = parse_did(did, at="DID")
    with open_store(read_settings().store).writing() as uow:
        add_issuer(uow, parsed, name, now=SystemClock().now(), at="--name")
        uow.audit_log.note(command_act("issuer.added", {"name": name}, issuer=parsed))
        uow.commit()
    say(f"added {parsed}")


@app.command("list")
def list_issuers(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the issuers."""
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings

    with open_store(read_settings().store).reading() as uow:
        issuers = uow.issuers.all()
    if as_json:
        print_json([{"did": one.did, "name": one.name, "addedAt": format_time(one.added_at)} for one in issuers])
    else:
        for one in issuers:
            typer.echo(f"{one.did}  {one.name}")
