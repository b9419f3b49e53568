"""`credanchor status list`: numbered status lists of an issuer, and indexes in them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from anchoring.cli.output import about, print_json, read_file
from anchoring.core.status import StatusPurpose
from anchoring.core.status_entry import EntryForm, entry_json
from anchoring.errors import TooLarge
from anchoring.ports.status_lists import SignedBy
from anchoring.types import parse_list_id

app = typer.Typer(name="list", no_args_is_help=True, help="Status lists of an issuer, and indexes in them.")

Url = Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")]


@app.command()
def create(
    purpose: Annotated[StatusPurpose, typer.Option(help="What a set bit says.")],
    signed_by: Annotated[SignedBy, typer.Option(help="Who signs it: the service, or you.")] = SignedBy.SERVICE,
    url: Url = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a list for one purpose, all clear, and print its id and its URL. Each call makes another."""
    from anchoring.bootstrap.system import open_client

    with open_client(url) as client:
        made = client.create_status_list(purpose, signed_by)
    if as_json:
        print_json(made)
    else:
        typer.echo(f"{made['list']}  {made['url']}")


@app.command()
def reserve(
    of_list: Annotated[str, typer.Argument(metavar="LIST", help="Id of the list.")],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    entry_type: Annotated[EntryForm, typer.Option("--type", help="How the credentials will name them.")] = EntryForm.BITSTRING,
    url: Url = None,
) -> None:
    """Reserve indexes, at random and never twice, and print entries to put into credentials before they are signed, one a line.

    Each is the value of credentialStatus; of type status_list, the value of the claim status. A full list goes on in a new one.
    """
    from anchoring.bootstrap.system import open_client

    list_id = parse_list_id(of_list, at="LIST")
    with open_client(url) as client:
        try:
            reserved = client.reserve_indexes(list_id, count)
        except TooLarge as error:
            error.message = error.message.replace("$.count", "--count", 1)
            raise
    urls = {one["list"]: one["url"] for one in reserved["lists"]}
    for entry in reserved["entries"]:
        typer.echo(json.dumps(entry_json(entry_type, reserved["purpose"], urls[entry["list"]], entry["index"])))


@app.command()
def upload(
    of_list: Annotated[str, typer.Argument(metavar="LIST", help="Id of the list.")],
    file: Annotated[Path, typer.Argument(help="The list as you signed it, in one of the four forms; - for stdin.")],
    url: Url = None,
) -> None:
    """Publish a list that you signed yourself, and print how many indexes differ from before. Repeating it changes nothing."""
    from anchoring.bootstrap.signing import open_checker
    from anchoring.bootstrap.system import open_client

    list_id = parse_list_id(of_list, at="LIST")
    content = read_file(file)
    with about(file):
        form = open_checker().read(content, "").form
    with open_client(url) as client:
        taken = client.upload_status_list(list_id, content, form.media_type)
    typer.echo(f"{taken['list']}  {taken['changed']} changed")
