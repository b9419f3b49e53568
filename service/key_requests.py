"""The small JSON bodies about issuers and their keys."""

from datetime import datetime

from starlette.requests import Request

from anchoring.core.issuer import LONGEST_OVERLAP_S
from anchoring.core.moments import parse_moment
from anchoring.core.scopes import Scope, parse_scopes
from anchoring.core.strict_json import JsonValue
from anchoring.errors import InvalidInput
from anchoring.settings import ApiSettings
from anchoring.types import Did, parse_did
from service.bodies import read_members


async def read_new_issuer(request: Request, settings: ApiSettings) -> tuple[Did, str]:
    """Whom to let in, and what people call it. Raises: UnsupportedMediaType, TooLarge, MalformedBody, InvalidInput."""
    members = await read_members(request, {"did", "name"}, timeout_s=settings.small_body_timeout_s)
    did, name = _text(members.get("did"), "$.did"), _text(members.get("name"), "$.name")
    return parse_did(did, at="$.did"), name


async def read_new_key(request: Request, settings: ApiSettings) -> tuple[frozenset[Scope], datetime | None]:
    """What a new key may do, and until when. Raises: UnsupportedMediaType, TooLarge, MalformedBody, InvalidInput."""
    members = await read_members(request, {"scopes", "expiresAt"}, timeout_s=settings.small_body_timeout_s)
    names, expires_at = members.get("scopes"), members.get("expiresAt")
    if not isinstance(names, list):
        raise InvalidInput("must be an array", at="$.scopes")
    scopes = parse_scopes([_text(name, f"$.scopes[{i}]") for i, name in enumerate(names)], at="$.scopes")
    return scopes, None if expires_at is None else parse_moment(_text(expires_at, "$.expiresAt"), at="$.expiresAt")


async def read_overlap(request: Request, settings: ApiSettings) -> int:
    """How long an old key still opens, in seconds. Raises: UnsupportedMediaType, TooLarge, MalformedBody, InvalidInput."""
    overlap_s = (await read_members(request, {"overlapS"}, timeout_s=settings.small_body_timeout_s)).get("overlapS")
    if not isinstance(overlap_s, int) or isinstance(overlap_s, bool) or not 0 <= overlap_s <= LONGEST_OVERLAP_S:
        raise InvalidInput(f"must be a whole number from 0 to {LONGEST_OVERLAP_S}", at="$.overlapS")
    return overlap_s


async def read_quota(request: Request, settings: ApiSettings) -> int | None:
    """What an issuer may write in a day. Raises: UnsupportedMediaType, TooLarge, MalformedBody, InvalidInput."""
    members = await read_members(request, {"itemsPerDay"}, timeout_s=settings.small_body_timeout_s)
    items = members.get("itemsPerDay", "")  # absent is not null
    if items is not None and (not isinstance(items, int) or isinstance(items, bool)):
        raise InvalidInput("must be a whole number, or null for what all may", at="$.itemsPerDay")
    return items


def _text(value: JsonValue, at: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput("must be a string", at=at)
    return value
