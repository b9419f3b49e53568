"""The three forms in which digests are posted in bulk. All or nothing: one bad digest, and the error says which."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from anchoring.core.canonical import Canonicalization
from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.errors import InvalidInput, TooLarge, UnsupportedMediaType
from anchoring.settings import ApiSettings
from anchoring.types import HASH_BYTES, Digest, parse_digest, parse_list_id
from anchoring.usecases.submit_digests import PostedDigests, StatusIndex
from service.bodies import media_type_of, read_body, refuse_unknown_members, understand
from service.ndjson import in_line, read_lines

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"
BINARY: Final = "application/octet-stream"

BYTES_A_JSON_DIGEST: Final = 400
"""Enough for `{"digest": "0x…", "canonicalization": "sd-jwt-issuer", "status": [{…}, {…}]},` and white space."""

VALUES_A_JSON_DIGEST: Final = 10
"""Its commas and brackets, and one to spare; `JsonLimits.max_values` counts them."""

ITEM_DEPTH: Final = 5
ITEM_MEMBERS: Final = frozenset({"digest", "canonicalization", "status"})
STATUS_MEMBERS: Final = frozenset({"list", "index"})
MOST_STATUS: Final = 2
"""One index for each purpose."""


_HEX: Final = rb'"(?:0x)?([0-9a-fA-F]{64})"'
_ONE: Final = rb'"(?:0x)?[0-9a-fA-F]{64}"'
_PLAIN: Final = re.compile(rb'\s*\{\s*"digests"\s*:\s*\[\s*' + _ONE + rb"(?:\s*,\s*" + _ONE + rb")*\s*\]\s*\}\s*")
_DIGEST: Final = re.compile(_HEX)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    """One digest of a body, and what was said of it."""

    digest: Digest
    canonicalization: Canonicalization | None = None
    status: tuple[StatusIndex, ...] = ()


async def read_digests(request: Request, settings: ApiSettings) -> PostedDigests:
    """The digests of a request, in order. Raises: UnsupportedMediaType, TooLarge, MalformedBody, InvalidInput."""
    media_type = media_type_of(request)
    if media_type not in {JSON, NDJSON, BINARY}:
        raise UnsupportedMediaType(f"send {JSON}, {NDJSON} or {BINARY}", at="Content-Type")
    size = HASH_BYTES if media_type == BINARY else BYTES_A_JSON_DIGEST
    limit = size * settings.max_digests + BYTES_A_JSON_DIGEST
    body = await read_body(request, limit=limit, timeout_s=settings.body_timeout_s)
    limits = JsonLimits(max_bytes=limit, max_depth=ITEM_DEPTH, max_values=VALUES_A_JSON_DIGEST * settings.max_digests + 8)
    if media_type == BINARY:
        posted = _from_binary(body)
    else:
        read = _from_ndjson if media_type == NDJSON else _from_json
        posted = await understand(request, body, lambda: read(body, limits))
    if not posted:
        raise InvalidInput("no digests were sent")
    if len(posted) > settings.max_digests:
        raise TooLarge(f"{len(posted)} digests were sent, at most {settings.max_digests} are taken", limit=settings.max_digests)
    return posted


def plain_digests(body: bytes) -> PostedDigests | None:
    """Of JSON that says nothing else, as nearly everybody sends it; nothing in it is left to doubt. None of any other."""
    return PostedDigests(digests=bytes.fromhex(b"".join(_DIGEST.findall(body)).decode())) if _PLAIN.fullmatch(body) else None


def _from_binary(body: bytes) -> PostedDigests:
    if len(body) % HASH_BYTES:
        whole = len(body) // HASH_BYTES * HASH_BYTES
        raise InvalidInput(f"digests of {HASH_BYTES} bytes each; {len(body) - whole} bytes are left over", at=f"byte {whole}")
    return PostedDigests(digests=body)


def _from_ndjson(body: bytes, limits: JsonLimits) -> PostedDigests:
    return _pack(read_lines(body, limits, _item))


def _from_json(body: bytes, limits: JsonLimits) -> PostedDigests:
    if (plain := plain_digests(body)) is not None:
        return plain
    value = parse(body, limits)
    items = value.get("digests") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(items, list):
        raise InvalidInput('expected {"digests": ["0x…", …]}', at="$.digests")
    refuse_unknown_members(value, {"digests"}, "$")
    return _pack([_item(item, f"$.digests[{i}]") for i, item in enumerate(items)])


def _pack(items: list[_Item]) -> PostedDigests:
    return PostedDigests(
        digests=b"".join([item.digest for item in items]),
        canonicalizations=[item.canonicalization for item in items],
        status=[(place, index) for place, item in enumerate(items) for index in item.status],
    )


def _item(value: JsonValue, at: str, line: int | None = None) -> _Item:
    if isinstance(value, str):
        return _Item(digest=parse_digest(value, at=at))
    if not isinstance(value, dict):
        raise InvalidInput('expected "0x…" or {"digest": "0x…"}', at=at)
    refuse_unknown_members(value, ITEM_MEMBERS, at)
    digest, named = value.get("digest"), value.get("canonicalization")
    if not isinstance(digest, str):
        raise InvalidInput("must be a string of 64 hexadecimal digits", at=f"{at}.digest")
    if named is not None and named not in tuple(Canonicalization):
        raise InvalidInput(f"must be one of {', '.join(Canonicalization)}", at=f"{at}.canonicalization")
    canonicalization = None if named is None else Canonicalization(str(named))
    status = _status(value["status"], f"{at}.status", line) if "status" in value else ()
    return _Item(digest=parse_digest(digest, at=f"{at}.digest"), canonicalization=canonicalization, status=status)


def _status(value: JsonValue, at: str, line: int | None) -> tuple[StatusIndex, ...]:
    if not isinstance(value, list) or len(value) > MOST_STATUS:
        raise InvalidInput('expected [{"list": "0x…", "index": 5}], one for each purpose', at=at)
    return tuple(_status_index(one, f"{at}[{i}]", line) for i, one in enumerate(value))


def _status_index(value: JsonValue, at: str, line: int | None) -> StatusIndex:
    if not isinstance(value, dict):
        raise InvalidInput('expected {"list": "0x…", "index": 5}', at=at)
    refuse_unknown_members(value, STATUS_MEMBERS, at)
    list_id, index = value.get("list"), value.get("index")
    if not isinstance(list_id, str):
        raise InvalidInput("must be a string of 64 hexadecimal digits", at=f"{at}.list")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise InvalidInput("must be a whole number from 0", at=f"{at}.index")
    return StatusIndex(list_id=parse_list_id(list_id, at=f"{at}.list"), index=index, at=in_line(line, at))
