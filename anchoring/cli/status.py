"""`credanchor status`: whether credentials are revoked or suspended, and how their issuers change it."""

import typer

from anchoring.cli import status_key, status_list
from anchoring.cli.status_change import command
from anchoring.cli.status_check import check
from anchoring.cli.status_export import export
from anchoring.core.status_change import StatusAction

app = typer.Typer(name="status", no_args_is_help=True, help="Revoke and suspend credentials, and see whether they are.")
app.add_typer(status_key.app)
app.add_typer(status_list.app)
for action in StatusAction:
    app.command(action)(command(action))
app.command()(check)
app.command()(export)
