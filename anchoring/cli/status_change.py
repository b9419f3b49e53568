"""`credanchor status revoke`, `suspend` and `reinstate`: an issuer changes the status of its credentials."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from anchoring.cli.change_requests import ChangeRequest, named, of_credentials, of_lines
from anchoring.cli.output import print_json, say
from anchoring.core.canonical import Canonicalization
from anchoring.core.moments import parse_moment
from anchoring.core.status_change import StatusAction
from anchoring.core.status_reason import StatusReason
from anchoring.errors import AnchoringError, InvalidInput
from anchoring.types import parse_list_id, to_hex

DONE: Final = {StatusAction.REVOKE: "revoked", StatusAction.SUSPEND: "suspended", StatusAction.REINSTATE: "reinstated"}

HELP: Final = {
    StatusAction.REVOKE: "Revoke credentials, for good.",
    StatusAction.SUSPEND: "Suspend credentials, until they are reinstated.",
    StatusAction.REINSTATE: "Lift the suspension of credentials. Nothing lifts a revocation.",
}
_COMMON: Final = (
    "The key of the issuer is in CREDANCHOR_CLIENT__API_KEY. All the changes of one call are made, or none. Lists show them at "
    "once, the ledger after the next round. Repeating a call changes nothing."
)


def command(action: StatusAction) -> Callable[..., None]:
    """The command for one action; the three differ in nothing else."""

    def change(  # noqa: PLR0913, PLR0917 - one for each option
        credentials: Annotated[
            list[str] | None, typer.Argument(metavar="DIGEST|FILE", help="Digests, or credentials as they were posted.")
        ] = None,
        of_list: Annotated[str | None, typer.Option("--list", help="Id of a status list, in place of credentials.")] = None,
        indexes: Annotated[list[int] | None, typer.Option("--index", min=0, help="Index in that list; may be repeated.")] = None,
        lines: Annotated[
            Path | None,
            typer.Option("--from", help="A file with one change a line, as JSON with digest, or list and index; - for stdin."),
        ] = None,
        reason: Annotated[StatusReason | None, typer.Option(help="For your own record, never published.")] = None,
        text: Annotated[str | None, typer.Option(help="An explanation for your own record, never published.")] = None,
        effective_at: Annotated[
            str | None, typer.Option(help="Since when, if a decision was made earlier, such as 2026-11-23T12:00:00Z.")
        ] = None,
        expected: Annotated[
            int | None,
            typer.Option(min=0, help="How many changes there were, as you know; needed to reinstate and to suspend again."),
        ] = None,
        unbound: Annotated[
            bool, typer.Option("--unbound", help="The credentials name no index, though some were reserved and never bound.")
        ] = False,
        media_type: Annotated[str | None, typer.Option(help="Media type of the files; found from content by default.")] = None,
        canonicalization: Annotated[Canonicalization | None, typer.Option(help="The rule that the files were hashed by.")] = None,
        url: Annotated[str | None, typer.Option(help="The service; CREDANCHOR_CLIENT__URL by default.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    ) -> None:
        if sum((bool(credentials), of_list is not None, lines is not None)) != 1:
            raise InvalidInput("name credentials, or --list and --index, or --from")
        if (of_list is None) == bool(indexes):
            raise InvalidInput("--list and --index go together")
        if effective_at is not None:
            parse_moment(effective_at, at="--effective-at")
        options = {"reason": reason, "explanation": text, "effectiveAt": effective_at, "expected": expected}
        common: dict[str, Any] = {"action": action} | {name: value for name, value in options.items() if value is not None}
        if unbound:
            common["unbound"] = True
        if lines is not None:
            requests = of_lines(lines, action, common)
        elif of_list is not None:
            list_id = to_hex(parse_list_id(of_list, at="--list"))
            requests = [
                ChangeRequest(members={"list": list_id, "index": index, **common}, name=f"index {index}")
                for index in indexes or []
            ]
        else:
            requests = of_credentials(credentials or [], common, media_type=media_type, canonicalization=canonicalization)
        _show(requests, _post(requests, url), as_json=as_json)

    change.__doc__ = f"{HELP[action]} {_COMMON}"
    return change


def _post(requests: Sequence[ChangeRequest], url: str | None) -> list[dict[str, Any]]:
    from anchoring.bootstrap.system import open_client

    with open_client(url) as client:
        try:
            return client.change_status([request.members for request in requests])
        except AnchoringError as refused:
            refused.message = named(refused, requests)
            raise


def _show(requests: Sequence[ChangeRequest], answers: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    pairs = list(zip(requests, answers, strict=True))
    for note, count in Counter(note for made in answers for note in made.get("notes", ())).items():
        say(f"{note} ({count} of {len(answers)})")
    if as_json:
        print_json([made | ({"file": str(request.file)} if request.file else {}) for request, made in pairs])
        return
    for request, made in pairs:
        place = "when it is sealed" if made["list"] is None else f"index {made['index']} of {made['list']}"
        words = [f"{DONE[made['action']]:<10}", made["digest"], place, f"change {made['change']}"]
        words += ["recorded before" if not made["new"] else None, request.file]
        typer.echo("  ".join(str(word) for word in words if word is not None))
