"""`credanchor credential`: hash credentials, and post them to a service."""

from pathlib import Path
from typing import Annotated, Any

import typer

from anchoring.bootstrap.anchored import anchored_form
from anchoring.cli.output import about, print_json, progress_bar, read_file
from anchoring.core.canonical import CanonicalForm, Canonicalization, media_type_of
from anchoring.types import to_hex

app = typer.Typer(name="credential", no_args_is_help=True, help="Hash credentials, and post them to a service.")

Rule = Annotated[Canonicalization | None, typer.Option(help="The rule to hash by; it must fit the file, or be raw.")]
MediaType = Annotated[str | None, typer.Option(help="Media type of the file; found from its content by default.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("hash")
def hash_file(
    file: Annotated[Path, typer.Argument(help="The credential; - for stdin.")],
    canonicalization: Rule = None,
    media_type: MediaType = None,
    as_json: AsJson = False,
) -> None:
    """Print the digest of a credential and the rule it was hashed by. Nothing is sent anywhere.

    A file that carries its proof has the digest it had before.
    """
    body = read_file(file)
    with about(file):
        form = anchored_form(body, media_type or media_type_of(file.name, body), requested=canonicalization)
    if as_json:
        print_json(_form_json(form))
    else:
        typer.echo(f"{to_hex(form.digest)}  {form.canonicalization}")
        for note in form.notes:
            typer.echo(f"note: {note}", err=True)


@app.command()
def submit(
    files: Annotated[list[Path], typer.Argument(help="The credentials.")],
    canonicalization: Rule = None,
    media_type: MediaType = None,
    as_json: AsJson = False,
    url: Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")] = None,
) -> None:
    """Post credentials to a service, with the key in CREDANCHOR_CLIENT__API_KEY, up to the first that is refused.

    Posting one again changes nothing.
    """
    from anchoring.bootstrap.system import open_client

    answers = []
    with open_client(url) as client, progress_bar() as progress:
        for done, file in enumerate(files, start=1):
            body = read_file(file)
            sent_as = media_type or media_type_of(file.name, body)
            with about(file):
                answer = client.post_credential(body, sent_as, canonicalization=canonicalization)
            answers.append(answer | {"file": str(file)})
            progress("posting", done, len(files))
            if not as_json:
                typer.echo(f"{answer['digest']}  {answer['canonicalization']}  {file}")
    if as_json:
        print_json(answers)


def _form_json(form: CanonicalForm) -> dict[str, Any]:
    return {"digest": to_hex(form.digest), "canonicalization": form.canonicalization, "notes": list(form.notes)}
