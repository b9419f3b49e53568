"""The two forms in which status changes are posted: a JSON document, or one change a line."""

from typing import Final

from starlette.requests import Request

from anchoring.core.moments import parse_moment
from anchoring.core.status_change import StatusAction
from anchoring.core.status_reason import StatusReason
from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.errors import InvalidInput, TooLarge, UnsupportedMediaType
from anchoring.settings import ApiSettings
from anchoring.types import parse_digest, parse_list_id
from anchoring.usecases.change_status.targets import StatusRequest
from service.bodies import media_type_of, read_body, refuse_unknown_members, understand
from service.ndjson import in_line, read_lines

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"

BYTES_A_CHANGE: Final = 512
"""Of a change on average, its explanation included."""

VALUES_A_CHANGE: Final = 12
"""Its commas and its bracket, and some to spare; `JsonLimits.max_values` counts them."""

CHANGE_DEPTH: Final = 4
EXPLANATION_CHARACTERS: Final = 2000
MEMBERS: Final = frozenset({"action", "digest", "list", "index", "reason", "explanation", "effectiveAt", "expected", "unbound"})


async def read_changes(request: Request, settings: ApiSettings) -> list[StatusRequest]:
    """The changes of a request, in order. Raises: UnsupportedMediaType, TooLarge, MalformedBody, InvalidInput."""
    media_type = media_type_of(request)
    if media_type not in {JSON, NDJSON}:
        raise UnsupportedMediaType(f"send {JSON} or {NDJSON}", at="Content-Type")
    most = settings.max_digests
    limit = BYTES_A_CHANGE * most + 2 * EXPLANATION_CHARACTERS
    body = await read_body(request, limit=limit, timeout_s=settings.body_timeout_s)
    limits = JsonLimits(max_bytes=limit, max_depth=CHANGE_DEPTH, max_values=VALUES_A_CHANGE * most + 8)
    read = {NDJSON: _from_ndjson, JSON: _from_json}[media_type]
    changes = await understand(request, body, lambda: read(body, limits))
    if not changes:
        raise InvalidInput("no changes were sent")
    if len(changes) > most:
        raise TooLarge(f"{len(changes)} changes were sent, at most {most} are taken", limit=most)
    return changes


def _from_ndjson(body: bytes, limits: JsonLimits) -> list[StatusRequest]:
    return read_lines(body, limits, _change)


def _from_json(body: bytes, limits: JsonLimits) -> list[StatusRequest]:
    value = parse(body, limits)
    items = value.get("changes") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(items, list):
        raise InvalidInput('expected {"changes": [{"action": "revoke", "digest": "0x…"}]}', at="$.changes")
    refuse_unknown_members(value, {"changes"}, "$")
    return [_change(item, f"$.changes[{i}]", None) for i, item in enumerate(items)]


def _change(value: JsonValue, at: str, line: int | None) -> StatusRequest:
    if not isinstance(value, dict):
        raise InvalidInput('expected {"action": "revoke", "digest": "0x…"}', at=at)
    refuse_unknown_members(value, MEMBERS, at)
    members = _Members(value, at)
    action = members.word("action", tuple(StatusAction))
    if action is None:
        raise InvalidInput(f"must be one of {', '.join(StatusAction)}", at=f"{at}.action")
    digest, list_id, index = members.text("digest"), members.text("list"), members.number("index")
    if (digest is None) == (list_id is None) or (list_id is None) != (index is None):
        raise InvalidInput("name either a digest, or a list and an index", at=at)
    reason, effective_at = members.word("reason", tuple(StatusReason)), members.text("effectiveAt")
    return StatusRequest(
        action=StatusAction(action),
        digest=None if digest is None else parse_digest(digest, at=f"{at}.digest"),
        list_id=None if list_id is None else parse_list_id(list_id, at=f"{at}.list"),
        index=index,
        reason=None if reason is None else StatusReason(reason),
        explanation=members.explanation(),
        effective_at=None if effective_at is None else parse_moment(effective_at, at=f"{at}.effectiveAt"),
        expected=members.number("expected"),
        is_unbound=members.truth("unbound"),
        at=in_line(line, at),
    )


class _Members:
    """Typed access to the members of a change; null is as good as left out. Raises, everywhere: InvalidInput."""

    def __init__(self, value: dict[str, JsonValue], at: str) -> None:
        self._value = value
        self._at = at

    def text(self, name: str) -> str | None:
        value = self._value.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidInput("must be a string", at=f"{self._at}.{name}")
        return value

    def word(self, name: str, known: tuple[str, ...]) -> str | None:
        value = self._value.get(name)
        if value is not None and value not in known:
            raise InvalidInput(f"must be one of {', '.join(known)}", at=f"{self._at}.{name}")
        return None if value is None else str(value)

    def number(self, name: str) -> int | None:
        value = self._value.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InvalidInput("must be a whole number from 0", at=f"{self._at}.{name}")
        return value

    def truth(self, name: str) -> bool:
        value = self._value.get(name)
        if value is not None and not isinstance(value, bool):
            raise InvalidInput("must be true or false", at=f"{self._at}.{name}")
        return bool(value)

    def explanation(self) -> str | None:
        text = self.text("explanation")
        if text is None:
            return None
        if len(text) > EXPLANATION_CHARACTERS:
            raise InvalidInput(f"may have at most {EXPLANATION_CHARACTERS} characters", at=f"{self._at}.explanation")
        if "\0" in text:
            raise InvalidInput("has a character that cannot be kept, U+0000", at=f"{self._at}.explanation")
        return text
