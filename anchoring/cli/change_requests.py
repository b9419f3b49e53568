"""Status changes as a command line names them: by digest or file, by list and index, or one a line of a file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from anchoring.bootstrap.anchored import anchored_form
from anchoring.cli.output import about, read_file
from anchoring.core.canonical import Canonicalization, media_type_of
from anchoring.core.status_change import StatusAction
from anchoring.core.strict_json import parse
from anchoring.errors import AnchoringError, InvalidInput
from anchoring.types import parse_digest, to_hex

_PLACE: Final = re.compile(r"\$(?:\.(\w+))? \(line ([0-9]+)(?:, column [0-9]+)?\)")
"""Where in the body of a request something is wrong, as the service says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """One change as the API takes it. `name`: what the user calls it; `file`: whose digest was found here."""

    members: Mapping[str, Any]
    name: str
    file: Path | None = None


def of_credentials(
    subjects: Sequence[str], common: Mapping[str, Any], *, media_type: str | None, canonicalization: Canonicalization | None
) -> list[ChangeRequest]:
    """Of digests, and of files, whose digests are those that were anchored, before a proof was put in. Raises: InvalidInput."""
    return [_of_credential(subject, common, media_type, canonicalization) for subject in subjects]


def _of_credential(
    subject: str, common: Mapping[str, Any], media_type: str | None, canonicalization: Canonicalization | None
) -> ChangeRequest:
    file = Path(subject)
    if not file.exists():
        try:
            return ChangeRequest(members={"digest": to_hex(parse_digest(subject)), **common}, name=subject)
        except InvalidInput:
            pass  # then it is meant as a file
    body = read_file(file)
    with about(file):
        form = anchored_form(body, media_type or media_type_of(file.name, body), requested=canonicalization)
    return ChangeRequest(members={"digest": to_hex(form.digest), **common}, name=subject, file=file)


def of_lines(file: Path, action: StatusAction, common: Mapping[str, Any]) -> list[ChangeRequest]:
    """Of a file with one change a line, as `POST /v1/status-changes` takes it. What a line says goes before what options say.

    Raises: InvalidInput naming the line.
    """
    lines = read_file(file).split(b"\n")
    if not lines[-1]:
        lines.pop()  # the newline that ends the last line
    if not lines:
        raise InvalidInput("no changes are in it", at=str(file))
    return [_of_line(line, f"{file}, line {number}", action, common) for number, line in enumerate(lines, start=1)]


def _of_line(line: bytes, name: str, action: StatusAction, common: Mapping[str, Any]) -> ChangeRequest:
    try:
        value = parse(line)
    except InvalidInput as wrong:
        raise InvalidInput(wrong.reason, at=name) from wrong
    if not isinstance(value, dict):
        raise InvalidInput('expected {"digest": "0x…"}', at=name)
    if value.get("action", action) != action:
        raise InvalidInput(f"another action than {action}", at=name)
    return ChangeRequest(members={**common, **value}, name=name)


def named(error: AnchoringError, requests: Sequence[ChangeRequest]) -> str:
    """What the service says, with the user's name of a change in place of its line in the request."""

    def name(place: re.Match[str]) -> str:
        member, number = place[1], int(place[2])
        if number > len(requests):
            return place[0]
        return f"{requests[number - 1].name}, {member}" if member else requests[number - 1].name

    return _PLACE.sub(name, error.message, count=1)
