"""`credanchor status`: whether credentials are revoked or suspended."""

import typer

from anchoring.cli import status_key
from anchoring.cli.status_check import check

app = typer.Typer(name="status", no_args_is_help=True, help="Whether credentials are revoked or suspended.")
app.add_typer(status_key.app)
app.command()(check)
