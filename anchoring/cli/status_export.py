"""`credanchor status export`: the issuer's own record of status changes."""

from typing import Annotated

import typer


def export(url: Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")] = None) -> None:
    """Print your record of changes as NDJSON, oldest first: who, when, why, and which version of a list shows it."""
    from anchoring.bootstrap.system import open_client

    with open_client(url) as client:
        for part in client.status_record():
            typer.echo(part, nl=False)
