"""`credanchor status key`: the keys that sign status lists."""

from pathlib import Path
from typing import Annotated

import typer

from anchoring.cli.output import print_json, read_file, say
from anchoring.core.proof_json import format_time
from anchoring.errors import InvalidInput
from anchoring.ports.signing import KeyKind
from anchoring.types import parse_did

app = typer.Typer(name="key", no_args_is_help=True, help="Keys that sign status lists.")


@app.command()
def create(
    kind: Annotated[KeyKind | None, typer.Option("--type", help="Kind of key; without it one of each is made.")] = None,
    issuer: Annotated[str | None, typer.Option(help="DID of an issuer whose lists it signs; without it all others.")] = None,
    kid: Annotated[str | None, typer.Option(help="Absolute DID URL of an issuer's key, as its DID document has it.")] = None,
    jwk: Annotated[Path | None, typer.Option(help="A private JWK to take over, - for stdin, in place of a new key.")] = None,
) -> None:
    """Put a key into the folder CREDANCHOR_STATUS__KEYS and print its name. It signs from now on, in place of older ones."""
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.signing import open_key_ring
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings

    settings = read_settings()
    ring, now = open_key_ring(settings), SystemClock().now()
    owner = parse_did(issuer, at="--issuer") if issuer else None
    if owner is not None and kind is None and jwk is None:
        raise InvalidInput("an issuer's key is of one kind", at="--type")
    with recording(settings.store, "service_key.created", {"owner": owner, "takenOver": jwk is not None}, say) as found:
        if jwk is not None:
            made = [ring.take_over(read_file(jwk), issuer=owner, kid=kid, now=now)]
        else:
            made = [ring.create(each, issuer=owner, kid=kid, now=now) for each in ([kind] if kind else KeyKind)]
        found["keys"] = " ".join(key.multikey for key in made)
    for key in made:
        typer.echo(key.multikey)


@app.command("list")
def list_keys(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the keys, oldest first: name, kind, state, and who signs with it."""
    from anchoring.bootstrap.signing import open_key_ring
    from anchoring.settings import read_settings

    ring = open_key_ring(read_settings())
    if as_json:
        keys = ring.all()
        print_json(
            [
                {
                    "name": key.multikey,
                    "type": key.kind,
                    "signer": ring.signer_of(key),
                    "proofMethod": ring.proof_method(key),
                    "tokenMethod": ring.token_method(key),
                    "createdAt": format_time(key.created_at),
                    "retiredAt": format_time(key.retired_at) if key.retired_at else None,
                }
                for key in keys
            ]
        )
        return
    for key in ring.all():
        typer.echo(f"{key.multikey}  {key.kind:<7}  {'retired' if key.retired_at else 'in use':<7}  {ring.signer_of(key)}")


@app.command()
def retire(name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name, as `status key list` prints it.")]) -> None:
    """Let a key sign nothing more. Its private half is deleted; what it signed still verifies."""
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.signing import open_key_ring
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings

    settings = read_settings()
    with recording(settings.store, "service_key.retired", {"key": name}, say):
        open_key_ring(settings).retire(name, now=SystemClock().now())
    say(f"retired {name}")
