"""`credanchor issuer`: who may post, and with which keys."""

import os
from typing import Annotated

import typer

from anchoring.cli import issuer_status_key
from anchoring.cli.output import print_json, say
from anchoring.core.proof_json import format_time
from anchoring.types import parse_did

app = typer.Typer(name="issuer", no_args_is_help=True, help="Say who may post, and hand out keys.")
key_app = typer.Typer(name="key", no_args_is_help=True, help="API keys of issuers.")
app.add_typer(key_app)
app.add_typer(issuer_status_key.app)

DidArgument = Annotated[str, typer.Argument(metavar="DID", help="Decentralized identifier of the issuer.")]


@app.command()
def add(did: DidArgument, name: Annotated[str, typer.Option(help="Name shown to people.")]) -> None:
    """Let an issuer post. It needs a key as well: `credanchor issuer key create`."""
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import add_issuer

    parsed = parse_did(did, at="DID")
    with open_store(read_settings().store).writing() as uow:
        add_issuer(uow, parsed, name, now=SystemClock().now())
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


@key_app.command("create")
def create_key(did: DidArgument) -> None:
    """Print a new API key of an issuer. It is shown once; only its hash is stored."""
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases import manage_issuers

    parsed = parse_did(did, at="DID")
    with open_store(read_settings().store).writing() as uow:
        key = manage_issuers.create_key(uow, parsed, now=SystemClock().now(), random_bytes=os.urandom)
        uow.commit()
    typer.echo(key.text)


@key_app.command("revoke")
def revoke_key(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="The 8 characters after ca_ in the key.")],
) -> None:
    """Take a key out of use at once. What was posted with it stays."""
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases import manage_issuers

    with open_store(read_settings().store).writing() as uow:
        manage_issuers.revoke_key(uow, prefix, now=SystemClock().now())
        uow.commit()
    say(f"revoked {prefix}")
