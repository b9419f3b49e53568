"""`credanchor partitions`: entries in several tables of a PostgreSQL database."""

from typing import Annotated, Any

import typer

from anchoring.cli.output import print_json, say
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
