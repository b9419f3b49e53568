"""Reading request bodies: bounded in bytes, in time, and in what all take together, whatever the client declares."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Collection
from typing import Final, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.errors import InvalidInput, MalformedBody, ServiceUnavailable, TooLarge, UnsupportedMediaType
from service.authentication import check_again
from service.body_memory import HURRY, LARGE_BYTES, PAUSE_S, BodyMemory
from service.request_fields import field_of

T = TypeVar("T")

SMALL_BYTES: Final = 4096
"""Of a body that says a few words."""

_SMALL: Final = JsonLimits(max_bytes=SMALL_BYTES, max_depth=2)
_LENGTH_DIGITS: Final = 18


async def read_body(request: Request, *, limit: int, timeout_s: float) -> bytes:
    """The whole body.

    Raises: TooLarge as soon as it is; MalformedBody when it is cut short or does not come; UnsupportedMediaType when it is
    compressed, because the digest is that of the bytes that arrive; NoRoom for a large one while others take all that there is;
    NotAllowed when the key that the request came with opens nothing by now; ServiceUnavailable when the service stops meanwhile.
    """
    if field_of(request.scope, b"content-encoding").strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType("send the body as it is, not compressed", at="Content-Encoding")
    if _declared_size(request, limit) > limit:
        raise TooLarge(f"the body has more than {limit} bytes", limit=limit)
    deadline = asyncio.get_running_loop().time() + timeout_s
    patience = asyncio.timeout_at(deadline)
    try:
        async with patience:
            body = await _collect(request, limit, patience)
    except TimeoutError as slow:
        how = f"did not arrive within {timeout_s:g} seconds" if patience.when() == deadline else "came too slowly"
        raise MalformedBody(f"the body {how}") from slow
    except ClientDisconnect as gone:
        raise MalformedBody("the body was cut short") from gone
    except asyncio.CancelledError as stopping:
        raise ServiceUnavailable("the service is stopping") from stopping
    await check_again(request.app.state.service, request.scope)
    return body


async def read_members(request: Request, known: Collection[str], *, timeout_s: float) -> dict[str, JsonValue]:
    """The members of a small JSON object. Raises: as `read_body`; UnsupportedMediaType; InvalidInput."""
    if media_type_of(request) != "application/json":
        raise UnsupportedMediaType("send application/json", at="Content-Type")
    value = parse(await read_body(request, limit=SMALL_BYTES, timeout_s=timeout_s), _SMALL)
    if not isinstance(value, dict):
        raise InvalidInput("must be an object", at="$")
    refuse_unknown_members(value, known, "$")
    return value


async def understand(request: Request, body: bytes, work: Callable[[], T]) -> T:
    """What `work` makes of the body, computed in a thread when that is large. Raises: what `work` raises; NoRoom; NotAllowed."""
    if len(body) <= LARGE_BYTES:
        return work()
    async with memory_of(request).understanding(len(body)):
        done = await run_in_threadpool(work)
    await check_again(request.app.state.service, request.scope)  # it may have waited for room
    return done


async def compute(work: Callable[[], T], *, is_large: bool) -> T:
    """Run `work` at once when it is little, else in a thread, so that it keeps no other request waiting."""
    return await run_in_threadpool(work) if is_large else work()


def _declared_size(request: Request, limit: int) -> int:
    """What the client says, where it can be read; what comes is counted in any case."""
    digits = field_of(request.scope, b"content-length")
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return limit + 1 if len(digits) > _LENGTH_DIGITS else int(digits)


async def _collect(request: Request, limit: int, patience: asyncio.Timeout) -> bytes:
    chunks, size, large = [], 0, None
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body has more than {limit} bytes", limit=limit)
        if size > LARGE_BYTES:
            large = large or _Large(memory_of(request), request.scope, patience)
            await large.grow_to(size)
        chunks.append(chunk)
    return b"".join(chunks)


class _Large:
    """A large body on its way. `patience`: with its sender, who has to send at some rate besides, and ends by a deadline."""

    def __init__(self, memory: BodyMemory, scope: Scope, patience: asyncio.Timeout) -> None:
        self._held = memory.hold(scope)
        self._bytes_per_s = memory.bytes_per_s
        self._patience = patience
        self._deadline = patience.when() or math.inf
        self._size = 0
        self._left_s = PAUSE_S
        self._since = asyncio.get_running_loop().time()

    async def grow_to(self, size: int) -> None:
        """So much has come. Raises: NoRoom."""
        now = asyncio.get_running_loop().time
        rate = self._bytes_per_s * (HURRY if self._held.room.wanted else 1)
        self._left_s = min(PAUSE_S, self._left_s - (now() - self._since) + (size - self._size) / rate)
        self._patience.reschedule(self._deadline)  # who waits for room need not send
        await self._held.grow_to(size)
        self._size, self._since = size, now()
        self._patience.reschedule(min(self._deadline, self._since + self._left_s))


def memory_of(request: Request) -> BodyMemory:
    """Of the process that answers."""
    memory: BodyMemory = request.app.state.service.bodies
    return memory


def media_type_of(request: Request) -> str:
    """The essence of the `Content-Type` field, lower-case; empty when there is none."""
    return field_of(request.scope, b"content-type").partition(";")[0].strip().lower()


def refuse_unknown_members(names: Collection[str], known: Collection[str], at: str) -> None:
    """A member that is misspelt must not go unnoticed. Raises: InvalidInput naming the first by name."""
    if unknown := set(names) - set(known):
        raise InvalidInput(f"unknown member {min(unknown)[:64]!a}", at=at)


def refuse_unknown_query(request: Request, *known: str) -> None:
    """A parameter that is misspelt or given twice must not go unnoticed. Raises: InvalidInput."""
    if not request.scope["query_string"]:
        return
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            raise InvalidInput(f"unknown query parameter; known here: {', '.join(known) or 'none'}", at=f"query.{name[:64]}")
        if count > 1:
            raise InvalidInput("may be given once", at=f"query.{name}")
