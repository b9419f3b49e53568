"""`credanchor partitions`: entries in several tables of a PostgreSQL database."""

from typing import Annotated, Any

import typer

from anchoring.cli.output import print_json, progress_bar, say
from anchoring.core.proof_json import format_time
from anchoring.ports.partitions import Partition

app = typer.Typer(name="partitions", no_args_is_help=True, help="Keep entries in several tables, on PostgreSQL.")


@app.command("list")
def list_partitions(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the partitions, oldest first: first and last entry, when they were received, and size with indexes."""
    from anchoring.bootstrap.store import list_store_partitions
    from anchoring.settings import read_settings

    found = list_store_partitions(read_settings().store)
    if as_json:
        print_json([_partition_json(one) for one in found])
    else:
        for one in found:
            typer.echo(f"{one.name}  {_entries(one)}  {one.size:,} bytes")


@app.command()
def add() -> None:
    """Begin a new partition, to which entries go from then on. Service and rounds go on. An empty newest one stays the newest."""
    from anchoring.bootstrap.acts import record
    from anchoring.bootstrap.store import add_store_partition
    from anchoring.settings import read_settings

    settings = read_settings().store
    name, is_new = add_store_partition(settings)
    if is_new:
        record(settings, "partition.added", {"name": name})
    say(f"new entries go to {name}" + ("" if is_new else ", which is empty"))


@app.command()
def detach(
    name: Annotated[str | None, typer.Argument(help="The partition; by default the oldest that has something to detach.")] = None,
) -> None:
    """Take entries out of the database that are in their manifests, as a table of its own. Service and rounds go on.

    Only what is final, with whole manifests and nothing waiting, leaves; what status, erasures or the audit log refer to stays.
    """
    from anchoring.bootstrap.acts import recording
    from anchoring.bootstrap.manifests import detach_store_partition
    from anchoring.settings import read_settings

    settings = read_settings()
    with recording(settings.store, "partition.detached", {"name": name or "oldest"}, say) as found, progress_bar() as progress:
        done = detach_store_partition(settings, name, progress)
        if done is not None:
            found |= {"name": done.name, "table": done.table, "entries": done.entries, "kept": done.kept}
    if done is None:
        say("what an earlier command left undone was finished, and nothing else was done; repeat, with a name, to detach one")
        return
    say(f"{done.entries} entries left {done.name} for the table {done.table} ({done.size:,} bytes), and {done.kept} stayed")
    say(f"next: dump it if you want it, with pg_dump --table={done.table}, and drop it: DROP TABLE {done.table}")


def _entries(one: Partition) -> str:
    if one.since is None or one.until is None:
        return "empty"
    return f"{one.first_id} to {one.last_id}  {format_time(one.since)} to {format_time(one.until)}"


def _partition_json(one: Partition) -> dict[str, Any]:
    return {
        "name": one.name,
        "firstId": one.first_id,
        "lastId": one.last_id,
        "since": one.since and format_time(one.since),
        "until": one.until and format_time(one.until),
        "bytes": one.size,
    }
