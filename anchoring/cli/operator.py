"""`credanchor operator`: keys with which the operator looks after issuers over HTTP."""

import os
from datetime import timedelta

import typer

from anchoring.cli import issuer_key
from anchoring.cli.durations import parse_life
from anchoring.core.proof_json import format_time
from anchoring.core.scopes import Scope

app = typer.Typer(name="operator", no_args_is_help=True, help="Keys with which the operator looks after issuers over HTTP.")
key_app = typer.Typer(name="key", no_args_is_help=True, help="API keys of the operator.")
app.add_typer(key_app)


@key_app.command()
def create(expires: issuer_key.Expires = None) -> None:
    """Print a new API key of the operator. It adds issuers and looks after all keys; `issuer key` lists and revokes it."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import create_operator_key

    now = SystemClock().now()
    expires_at = None if expires is None else now + timedelta(seconds=parse_life(expires, at="--expires"))
    with open_store(read_settings().store).writing() as uow:
        key = create_operator_key(uow, expires_at=expires_at, now=now, random_bytes=os.urandom, at="--expires")
        detail = {"key": key.prefix, "scopes": Scope.OPERATOR, "expiresAt": format_time(expires_at) if expires_at else None}
        uow.audit_log.note(command_act("key.created", detail))
        uow.commit()
    typer.echo(key.text)
