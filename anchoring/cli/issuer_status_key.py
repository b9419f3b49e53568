"""`credanchor issuer status-key`: public keys with which issuers sign status lists themselves."""

from pathlib import Path
from typing import Annotated

import typer

from anchoring.cli.output import print_json, read_file, say
from anchoring.core.proof_json import format_time
from anchoring.types import parse_did

app = typer.Typer(name="status-key", no_args_is_help=True, help="Public keys that issuers sign status lists with.")

KidArgument = Annotated[str, typer.Argument(metavar="KID", help="Absolute DID URL of the key: the issuer's DID, # and its name.")]


@app.command()
def add(
    kid: KidArgument,
    public_key: Annotated[Path, typer.Argument(help="A file with the public key, Multikey or JWK; - for stdin.")],
) -> None:
    """Let an issuer sign its lists with this key. The issuer is the one whose DID the name begins with."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.bootstrap.verifying import read_key
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import get_issuer
    from anchoring.usecases.manage_status_keys import add_status_key

    did, multikey = parse_did(kid.partition("#")[0], at="KID"), read_key(read_file(public_key), at="public key")
    with open_store(read_settings().store).writing() as uow:
        add_status_key(uow, get_issuer(uow, did), kid, multikey, now=SystemClock().now())
        uow.audit_log.note(command_act("status_key.added", {"kid": kid, "publicKey": multikey}, issuer=did))
        uow.commit()
    say(f"added {kid}: {multikey}")


@app.command()
def retire(kid: KidArgument) -> None:
    """Take no more lists that this key signed. What it signed before stays."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_status_keys import retire_status_key

    with open_store(read_settings().store).writing() as uow:
        retire_status_key(uow, kid, now=SystemClock().now())
        did = parse_did(kid.partition("#")[0], at="KID")
        uow.audit_log.note(command_act("status_key.retired", {"kid": kid}, issuer=did))
        uow.commit()
    say(f"retired {kid}")


@app.command("list")
def list_keys(
    did: Annotated[str, typer.Argument(metavar="DID", help="Decentralized identifier of the issuer.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print an issuer's registered keys, oldest first."""
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import get_issuer

    parsed = parse_did(did, at="DID")
    with open_store(read_settings().store).reading() as uow:
        keys = uow.status_keys.of_issuer(get_issuer(uow, parsed))
    if as_json:
        print_json(
            [
                {
                    "kid": key.verification_method,
                    "publicKey": key.public_key,
                    "addedAt": format_time(key.added_at),
                    "retiredAt": format_time(key.retired_at) if key.retired_at else None,
                }
                for key in keys
            ]
        )
        return
    for key in keys:
        typer.echo(f"{key.verification_method}  {key.public_key}  {'retired' if key.retired_at else 'in use'}")
