"""`credanchor issuer`: who may post, and with which keys."""

import re
from typing import Annotated

import typer

from anchoring.cli import issuer_key, issuer_status_key
from anchoring.cli.output import print_json, say
from anchoring.core.issuer import Issuer
from anchoring.core.proof_json import format_time
from anchoring.errors import InvalidInput
from anchoring.types import parse_did

app = typer.Typer(name="issuer", no_args_is_help=True, help="Say who may post, and hand out keys.")
app.add_typer(issuer_key.app)
app.add_typer(issuer_status_key.app)

DidArgument = Annotated[str, typer.Argument(metavar="DID", help="Decentralized identifier of the issuer.")]


@app.command()
def add(did: DidArgument, name: Annotated[str, typer.Option(help="Name shown to people.")]) -> None:
    """Let an issuer post. It needs a key as well: `credanchor issuer key create`."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import add_issuer

    parsed = parse_did(did, at="DID")
    with open_store(read_settings().store).writing() as uow:
        add_issuer(uow, parsed, name, now=SystemClock().now(), at="--name")
        uow.audit_log.note(command_act("issuer.added", {"name": name}, issuer=parsed))
        uow.commit()
    say(f"added {parsed}")


@app.command("set-quota")
def change_quota(
    did: DidArgument,
    items: Annotated[str, typer.Argument(help="How many; 0 for any number, `default` for CREDANCHOR_LIMITS__ITEMS_PER_DAY.")],
) -> None:
    """Say how many digests, indexes, status changes and so on an issuer may write in a day. Today is counted anew."""
    from anchoring.bootstrap.acts import command_act
    from anchoring.bootstrap.store import open_store
    from anchoring.bootstrap.system import SystemClock
    from anchoring.settings import read_settings
    from anchoring.usecases.manage_issuers import set_quota

    parsed = parse_did(did, at="DID")
    items_per_day = _parse_items(items)
    with open_store(read_settings().store).writing() as uow:
        set_quota(uow, parsed, items_per_day, now=SystemClock().now(), at="ITEMS")
        uow.audit_log.note(command_act("quota.changed", {"itemsPerDay": items_per_day}, issuer=parsed))
        uow.commit()
    say(f"{parsed} may write {_items(items_per_day)}")


@app.command("list")
def list_issuers(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Print the issuers."""
    from anchoring.bootstrap.store import open_store
    from anchoring.settings import read_settings

    with open_store(read_settings().store).reading() as uow:
        issuers = uow.issuers.all()
    if as_json:
        print_json([_issuer_json(one) for one in issuers])
    else:
        for one in issuers:
            quota = "" if one.items_per_day is None else f"  ({_items(one.items_per_day)})"
            typer.echo(f"{one.did}  {one.name}{quota}")


def _parse_items(text: str) -> int | None:
    if text != "default" and not re.fullmatch("[0-9]{1,13}", text):
        raise InvalidInput("must be a whole number, or default", at="ITEMS")
    return None if text == "default" else int(text)


def _items(items_per_day: int | None) -> str:
    if items_per_day is None:
        return "as many items a day as the settings say"
    return f"{items_per_day} items a day" if items_per_day else "any number of items a day"


def _issuer_json(one: Issuer) -> dict[str, object]:
    return {"did": one.did, "name": one.name, "addedAt": format_time(one.added_at), "itemsPerDay": one.items_per_day}
