"""Where a credential says its status stands: the entries of its `credentialStatus`, or of the claim `status` of a token.

Bitstring Status List 1.0 section 2.1, StatusList2021 as EBSI uses it, Token Status List section 6. Entries are read strictly: an
index that two readers read differently could be clear to one and set to the other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from anchoring.core.canonical import Content, content_of
from anchoring.core.claims import shown_claims
from anchoring.core.status_codec import StatusErrorCode
from anchoring.core.strict_json import DEFAULT_LIMITS, JsonLimits, JsonValue, json_path
from anchoring.errors import InvalidInput
from anchoring.types import ListId, parse_list_id

MAX_STATUS_ENTRIES: Final = 16
"""More entries than this are not looked at: each may cost a request to a host that the credential names."""

MALFORMED: Final = StatusErrorCode.MALFORMED

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,14}")
_OUR_PATH: Final = re.compile(r"/v1/status-lists/((?:0x)?[0-9a-fA-F]{64})")


class EntryForm(StrEnum):
    """How a credential names its place in a list; the value is the type, or the claim, that says so."""

    BITSTRING = "BitstringStatusListEntry"
    STATUS_LIST_2021 = "StatusList2021Entry"
    TOKEN = "status_list"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEntry:
    """One place in one list. `at`: where the credential names it. `purpose`: None in tokens, whose list says it by its values."""

    at: str
    form: EntryForm
    purpose: str | None
    index: int
    url: str

    @property
    def list_id(self) -> ListId | None:
        """Of a list that this software serves, whoever serves it; its URL names it."""
        return list_id_in(self.url)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadEntry:
    """An entry that says nothing that could be looked up. `code`: of Bitstring Status List, None for what is merely not known."""

    at: str
    why: str
    code: StatusErrorCode | None


def entry_json(form: EntryForm, purpose: str, url: str, index: int) -> dict[str, Any]:
    """What a credential says to name this place: the value of `credentialStatus`, or of the claim `status` of a token."""
    if form is EntryForm.TOKEN:
        return {form.value: {"idx": index, "uri": url}}
    return {
        "id": f"{url}#{index}",
        "type": form.value,
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": url,
    }


def list_id_in(url: str) -> ListId | None:
    """The id in the URL of one of our lists, `…/v1/status-lists/<64 hexadecimal digits>`; None in any other.

    As the service does, it takes capitals and a `0x` before them.
    """
    try:
        path = urlsplit(url).path
    except ValueError:
        return None
    match = re.search(_OUR_PATH.pattern + "$", path)
    return parse_list_id(match[1]) if match else None


def status_entries(body: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> tuple[StatusEntry | UnreadEntry, ...]:
    """Every entry that a credential names, in its order; none for a PDF.

    A malformed entry, and one of a kind that is not known, stays in the answer: what it would have said is not known.
    """
    try:
        claims = shown_claims(body, limits=limits)
    except InvalidInput as malformed:
        return (UnreadEntry(at="$", why=f"the credential cannot be read: {malformed.message}", code=MALFORMED),)
    if claims is None:
        return ()
    is_token = content_of(body) in {Content.JWT, Content.SD_JWT}
    found = (*_in_credential(claims, ()), *_in_credential(claims.get("vc"), ("vc",)), *_in_token(claims, is_token=is_token))
    if len(found) > MAX_STATUS_ENTRIES:
        return (
            UnreadEntry(at="$", why=f"it names {len(found)} status entries; at most {MAX_STATUS_ENTRIES} are read", code=None),
        )
    return found


def _in_credential(holder: JsonValue, steps: tuple[str, ...]) -> Iterator[StatusEntry | UnreadEntry]:
    if not isinstance(holder, dict) or "credentialStatus" not in holder:
        return
    value = holder["credentialStatus"]
    path: tuple[str | int, ...] = (*steps, "credentialStatus")
    for at, entry in [((*path, i), one) for i, one in enumerate(value)] if isinstance(value, list) else [(path, value)]:
        yield _read(entry, json_path(at))


def _read(value: JsonValue, at: str) -> StatusEntry | UnreadEntry:
    if not isinstance(value, dict):
        return UnreadEntry(at=at, why="an entry is an object", code=MALFORMED)
    types = value.get("type")
    names = types if isinstance(types, list) else [types]
    known = [form for form in (EntryForm.BITSTRING, EntryForm.STATUS_LIST_2021) if form.value in names]
    if not all(isinstance(name, str) for name in names):
        return UnreadEntry(at=f"{at}.type", why="a type is a string", code=MALFORMED)
    if len(known) != 1:
        return UnreadEntry(at=f"{at}.type", why=f"status of type {' and '.join(map(str, names))} is not known here", code=None)
    try:
        return _entry(value, known[0], at)
    except InvalidInput as malformed:
        return UnreadEntry(at=malformed.at or at, why=malformed.reason, code=MALFORMED)
    except _Unsupported as unsupported:
        return UnreadEntry(at=at, why=str(unsupported), code=None)


class _Unsupported(Exception):
    """Well-formed, and not judged here."""


def _entry(value: dict[str, JsonValue], form: EntryForm, at: str) -> StatusEntry:
    purpose = _string(value, "statusPurpose", at)
    index = _string(value, "statusListIndex", at)
    if _INDEX.fullmatch(index) is None:
        raise InvalidInput("an index is a base-10 string of an integer from 0", at=f"{at}.statusListIndex")
    url = _url(value, "statusListCredential", at)
    if "id" in value and _url(value, "id", at) == url:
        raise InvalidInput("the id of an entry is not the URL of its list", at=f"{at}.id")
    size = value.get("statusSize", 1)
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise InvalidInput("a size is an integer above 0", at=f"{at}.statusSize")
    if size > 1:
        raise _Unsupported(f"entries of {size} bits are not judged here, only those of one bit")
    return StatusEntry(at=at, form=form, purpose=purpose, index=int(index), url=url)


def _in_token(claims: dict[str, JsonValue], *, is_token: bool) -> Iterator[StatusEntry | UnreadEntry]:
    status = claims.get("status")
    if isinstance(status, dict) and "status_list" in status:
        yield _token_entry(status["status_list"], "$.status.status_list")
    elif is_token and "status" in claims:
        what = (
            f"status by {', '.join(sorted(status)) or 'nothing'}" if isinstance(status, dict) else "a claim status of this form"
        )
        yield UnreadEntry(at="$.status", why=f"{what} is not known here", code=None)


def _token_entry(value: JsonValue, at: str) -> StatusEntry | UnreadEntry:
    if not isinstance(value, dict):
        return UnreadEntry(at=at, why="expected an object", code=MALFORMED)
    index = value.get("idx")
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        return UnreadEntry(at=f"{at}.idx", why="an index is an integer from 0", code=MALFORMED)
    try:
        return StatusEntry(at=at, form=EntryForm.TOKEN, purpose=None, index=index, url=_url(value, "uri", at))
    except InvalidInput as malformed:
        return UnreadEntry(at=malformed.at or at, why=malformed.reason, code=MALFORMED)


def _string(holder: dict[str, JsonValue], name: str, at: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput("must be a string that is not empty", at=f"{at}.{name}")
    return value


def _url(holder: dict[str, JsonValue], name: str, at: str) -> str:
    text = _string(holder, name, at)
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if not scheme or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidInput("must be a URL", at=f"{at}.{name}")
    return text
