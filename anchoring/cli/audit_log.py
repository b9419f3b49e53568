"""`credanchor audit-log`: what was done, by whom, from where; and whether the record of it is whole."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from anchoring.cli.output import plain, print_json, progress_bar, say, write_parts
from anchoring.cli.verifying import EXIT_CODES
from anchoring.core.audit_log import ActResult, AuditHead, exact
from anchoring.core.audit_report import AuditCheckName
from anchoring.core.moments import parse_moment
from anchoring.core.outcome import Outcome
from anchoring.errors import InvalidInput
from anchoring.ports.audit_log import BEFORE_ALL, ShownRecord, Wanted
from anchoring.ports.store import Store
from anchoring.types import parse_did, parse_hash, to_hex

app = typer.Typer(name="audit-log", no_args_is_help=True, help="What was done, by whom, from where; whether the record is whole.")

RECORDS_AT_ONCE = 1_000

_HEAD = re.compile("([0-9]{1,18}):(.+)")

Since = Annotated[str | None, typer.Option(help="Records from this time on, such as 2026-11-23T12:00:00Z.")]
Until = Annotated[str | None, typer.Option(help="Records before this time.")]
Actor = Annotated[str | None, typer.Option(help="Of this key (ca_…), `command line` or `round`.")]
Issuer = Annotated[str | None, typer.Option(help="In the name of this issuer: its DID.")]
Action = Annotated[str | None, typer.Option(help="What was done, such as key.created, or key for all about keys.")]
Result = Annotated[ActResult | None, typer.Option(help="What became of it.")]
Last = Annotated[int | None, typer.Option(min=1, max=10**9, help="The newest so many of them.")]


@app.command()
def show(
    since: Since = None,
    until: Until = None,
    actor: Actor = None,
    issuer: Issuer = None,
    action: Action = None,
    result: Result = None,
    last: Last = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each record as a line of JSON, as `export` does.")] = False,
) -> None:
    """Print records, oldest first: number, time, result, action, who, from where, in whose name, what."""
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings

    wanted = _wanted(since, until, actor, issuer, action, result)
    for one in _records(open_store(read_settings().store), wanted, last):
        typer.echo(_line(one).decode().rstrip() if as_json else _text(one))


@app.command()
def export(
    file: Annotated[Path | None, typer.Argument(help="File to write; stdout by default.")] = None,
    since: Since = None,
    until: Until = None,
    actor: Actor = None,
    issuer: Issuer = None,
    action: Action = None,
    result: Result = None,
    last: Last = None,
) -> None:
    """Write records as NDJSON. Without `hash` and `from`, SHA-256 over the RFC 8785 form of a line is its `hash`."""
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings

    wanted = _wanted(since, until, actor, issuer, action, result)
    write_parts(file, (_line(one) for one in _records(open_store(read_settings().store), wanted, last)), mode=0o600)


@app.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="Number and hash of a record as you noted them: NUMBER:0x….", metavar="NUMBER:HASH")
    ] = None,
    lost: Annotated[
        str | None,
        typer.Option(help="As an earlier run printed it: you know that those heads are of a log that was lost.", metavar="HASH"),
    ] = None,
    rpc_url: Annotated[str | None, typer.Option(help="Node to ask; best one that rounds do not use.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check that no record was changed, removed, inserted or moved, against itself, what was posted, and the ledger.

    Exit code 3 when that is not so, 4 when it cannot be told: as yet nothing is anchored, or the node does not answer.
    """
    from anchoring.bootstrap.ledger import open_node, open_nodes, open_reader, required_registry
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings
    from anchoring.usecases.check_audit_log import check_audit_log
    from anchoring.usecases.prove_inclusion import prove_inclusion

    settings, kept = read_settings(), _kept(head)
    known_lost = None if lost is None else parse_hash(lost, what="a hash", at="--lost")
    node = open_node(rpc_url, settings.ledger) if rpc_url else open_nodes(settings.ledger)[0]
    reader = open_reader(node, required_registry(settings.ledger), settings.ledger)
    with progress_bar() as progress:
        report = check_audit_log(
            open_store(settings.store), reader, prove_inclusion, kept=kept, known_lost=known_lost, progress=progress
        )
    if as_json:
        print_json(report.to_json())
    else:
        for check in report.checks:
            for place, reason in enumerate(check.reasons):
                typer.echo(f"{check.name if not place else '':<8} {check.outcome if not place else '':<12} {plain(reason)}")
        if not any(check.name is AuditCheckName.CHAIN and check.outcome is Outcome.FAILED for check in report.checks):
            say(f"to note elsewhere, for --head: {report.head.number}:{to_hex(report.head.hash)}")
        if report.lost:
            say(f"to note elsewhere, once you know why heads are of no record here, for --lost: {to_hex(report.lost)}")
    raise typer.Exit(EXIT_CODES[report.outcome])


def _wanted(
    since: str | None, until: str | None, actor: str | None, issuer: str | None, action: str | None, result: ActResult | None
) -> Wanted:
    def moment(text: str | None, option: str) -> datetime | None:
        return None if text is None else parse_moment(text, at=option)

    return Wanted(
        since=moment(since, "--since"),
        until=moment(until, "--until"),
        actor=actor,
        issuer=None if issuer is None else parse_did(issuer, at="--issuer"),
        action=action,
        result=result,
    )


def _records(store: Store, wanted: Wanted, last: int | None) -> Iterator[ShownRecord]:
    after = BEFORE_ALL
    if last is not None:
        with store.reading() as uow:
            after = uow.audit_log.number_before_last(wanted, last)
    while True:
        with store.reading() as uow:
            page = uow.audit_log.find(wanted, after, RECORDS_AT_ONCE)
        yield from page
        if len(page) < RECORDS_AT_ONCE:
            return
        after = page[-1].record.number


def _line(one: ShownRecord) -> bytes:
    return json.dumps(_json(one), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _json(one: ShownRecord) -> dict[str, Any]:
    """`from`: where it came from, once more in words; no part of what is hashed, for it may be forgotten."""
    told = one.record.to_json(one.previous or b"")
    return told | {"previous": to_hex(one.previous) if one.previous else None, "from": _source(one)}


def _source(one: ShownRecord) -> str | None:
    """None once forgotten."""
    return one.source if one.source is None or one.source_fits else f"{one.source} (changed after it was written)"


def _text(one: ShownRecord) -> str:
    record = one.record
    in_name_of = f" for {record.issuer}" if record.issuer else ""
    source = _source(one) or "(forgotten)"
    words = f"{exact(record.at)}  {record.result:<7}  {record.action}  {record.actor} from {source}{in_name_of}"
    return plain(f"{record.number:>8}  {words}  {record.detail}")


def _kept(text: str | None) -> AuditHead | None:
    if text is None:
        return None
    match = _HEAD.fullmatch(text)
    if match is None:
        raise InvalidInput("must be the number of a record, a colon and its hash", at="--head")
    return AuditHead(number=int(match[1]), hash=parse_hash(match[2], what="a hash", at="--head"))
