"""`credanchor tiles`: final batches as static files."""

from typing import Annotated

import typer

from anchoring.cli.output import progress_bar, say
from anchoring.core.audit_log import Detail

app = typer.Typer(name="tiles", no_args_is_help=True, help="Publish final batches as static files.")


@app.command()
def export(
    place: Annotated[str, typer.Argument(help="A folder, or a store: s3://bucket/path, gs://bucket/path, az://container/path.")],
    again: Annotated[bool, typer.Option("--again", help="Write also what is published already.")] = False,
) -> None:
    """Publish what is final and not published yet: tiles and anchors, nothing about a person. Run it by cron after rounds.

    With these files, digest and salt a proof can be rebuilt without the service: credanchor proof rebuild.
    """
    from anchoring.bootstrap.acts import record_if_reachable
    from anchoring.bootstrap.static_files import open_static_files
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings
    from anchoring.usecases.export_tiles import export_tiles

    settings = read_settings()
    files = open_static_files(place, settings.tiles, writes=True)
    with progress_bar() as progress:
        done = export_tiles(open_store(settings.store), files, progress, again=again)
    if done.published or done.withdrawn:
        detail: Detail = {"place": place, "batches": done.published, "withdrawn": done.withdrawn}
        record_if_reachable(settings.store, "tiles.published", detail, say)
    withdrawn = f", {done.withdrawn} withdrawn" if done.withdrawn else ""
    say(f"published {done.published} batches in {done.tiles} tiles; {done.known} were there{withdrawn}")
