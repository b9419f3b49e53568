"""Room for large bodies: who gets it, who waits, and who is told to come again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import pytest

from anchoring.errors import NoRoom
from anchoring.settings import ApiSettings
from anchoring.store.unit_of_work import SqlStore
from service import bodies, body_memory
from service.body_memory import LARGE_BYTES, MOST_WAITING, UNDERSTANDING, BodyMemory, Held, Room, give_back
from service.refusals import CALLER
from tests.api import JSON, NDJSON, check_documented, check_problem, hex_digest, make_app, make_key, run_async
from tests.factories import add_issuer

SMALLEST = 4 * 1024 * 1024
"""Bytes: half for bodies with a key, a quarter for those without, a quarter for understanding."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_memory, "WAIT_S", 0.1)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(main())


async def holding(room: Room, size: int) -> Held:
    held = Held(room)
    await held.grow_to(size)
    return held


def waiting(room: Room, size: int) -> "asyncio.Task[Held]":
    return asyncio.create_task(holding(room, size))


async def growing(held: Held, size: int) -> "asyncio.Task[None]":
    """Begun, so far as it goes."""
    task = asyncio.create_task(held.grow_to(size))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


def test_who_finds_no_room_waits_and_is_let_in_by_turn() -> None:
    async def scenario() -> None:
        room = Room(10)
        first = await holding(room, 8)
        late = [waiting(room, 9), waiting(room, 1)]
        await asyncio.sleep(0.01)
        assert room.wanted == 2, "one byte would fit, but does not overtake"
        first.give_back()
        whole, rest = await asyncio.gather(*late)
        assert room.wanted == 0
        whole.give_back()
        rest.give_back()
        (await holding(room, 10)).give_back()

    run(scenario)


def test_who_waited_long_enough_is_refused_and_takes_nothing_along() -> None:
    async def scenario() -> None:
        room = Room(10)
        first = await holding(room, 8)
        with pytest.raises(NoRoom, match="no room for a large body within"):
            await holding(room, 3)
        gone = waiting(room, 3)
        await asyncio.sleep(0.01)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        await holding(room, 2)
        first.give_back()
        await holding(room, 8)

    run(scenario)


def test_only_so_many_wait() -> None:
    async def scenario() -> None:
        room = Room(1)
        await holding(room, 1)
        late = [waiting(room, 1) for _ in range(MOST_WAITING)]
        await asyncio.sleep(0.01)
        with pytest.raises(NoRoom, match="too many wait for room for a large body"):
            await holding(room, 1)
        assert {type(one) for one in await asyncio.gather(*late, return_exceptions=True)} == {NoRoom}

    run(scenario)


def test_body_larger_than_the_room_has_all_of_it() -> None:
    async def scenario() -> None:
        room = Room(10)
        held = await holding(room, 7)
        await held.grow_to(25)
        with pytest.raises(NoRoom):
            await holding(room, 1)
        held.give_back()
        await holding(room, 10)

    run(scenario)


def test_of_bodies_that_want_more_the_largest_gets_it() -> None:
    async def scenario() -> None:
        room = Room(12)
        small, middle, large = [await holding(room, size) for size in (2, 4, 6)]
        newcomer = waiting(room, 1)
        wants = await growing(middle, 6)
        with pytest.raises(NoRoom, match="larger bodies take all room for large ones"):
            await small.grow_to(3)
        most = await growing(large, 10)
        with pytest.raises(NoRoom, match="larger bodies take all room for large ones"):
            await wants
        small.give_back()
        await asyncio.sleep(0.01)
        assert not newcomer.done(), "it does not take what the largest waits for"
        middle.give_back()
        await most
        await newcomer
        await (await holding(room, 1)).grow_to(1)

    run(scenario)


def test_bodies_without_a_key_leave_room_to_those_with_one() -> None:
    async def scenario() -> None:
        memory = BodyMemory(ApiSettings(body_memory_bytes=SMALLEST))
        anybody = memory.hold({})
        await anybody.grow_to(SMALLEST)
        with pytest.raises(NoRoom):
            await memory.hold({}).grow_to(1)
        scope = {CALLER: "somebody"}
        for _ in range(3):
            await memory.hold(scope).grow_to(SMALLEST // 2)
            give_back(scope)

    run(scenario)


def test_large_bodies_are_understood_as_many_at_a_time_as_there_is_memory_for() -> None:
    async def scenario() -> None:
        memory = BodyMemory(ApiSettings(body_memory_bytes=SMALLEST))
        size = SMALLEST // 4 // UNDERSTANDING
        async with memory.understanding(size):
            async with memory.understanding(LARGE_BYTES):
                pass
            with pytest.raises(NoRoom):
                async with memory.understanding(LARGE_BYTES + 1):
                    pass
        async with memory.understanding(SMALLEST):
            pass
        async with memory.understanding(size):
            pass

    run(scenario)


# Over HTTP.

LARGE = b'{"credential": {"a": "' + b"x" * SMALLEST + b'"}}'
SMALL = b'{"credential": {"a": "' + b"x" * (LARGE_BYTES - 25) + b'"}}'


async def begun(content: bytes) -> AsyncIterator[bytes]:
    """All but the last bytes, which do not come."""
    yield content[:-10]
    await asyncio.Event().wait()


async def verify(client: httpx2.AsyncClient, content: bytes | AsyncIterator[bytes]) -> httpx2.Response:
    return await client.post("/v1/verify", content=content, headers={"Content-Type": JSON})


async def until_held(app: Any, kind: str) -> None:
    """Until a body takes all of a room."""
    room = getattr(app.state.service.bodies, kind)
    while room._free:  # noqa: ASYNC110 - a room tells only those who wait for it
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_large_bodies_that_do_not_come_keep_out_neither_small_ones_nor_those_with_a_key(store: SqlStore) -> None:
    app = make_app(store, body_memory_bytes=SMALLEST)
    key = make_key(store, add_issuer(store))
    lines = "".join(f'"{hex_digest(i)}"\n' for i in range(1500)).encode()
    assert len(lines) > LARGE_BYTES

    async def scenario(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        stalled = asyncio.create_task(verify(client, begun(LARGE)))
        await until_held(app, "_without")
        headers = {"Authorization": f"Bearer {key}", "Content-Type": NDJSON}
        answers = [
            await verify(client, LARGE),
            await verify(client, SMALL),
            await client.post("/v1/digests", content=lines, headers=headers),
        ]
        stalled.cancel()
        await asyncio.wait([stalled])
        return [*answers, await verify(client, LARGE), await verify(client, LARGE)]

    refused, *answers = run_async(app, scenario)
    check_problem(refused, 503, "no-room")
    check_documented(app, refused)
    assert [answer.status_code for answer in answers] == [404, 202, 404, 404]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_large_body_that_stops_coming_is_given_up_soon(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PAUSE_S", 0.05)
    app = make_app(store, body_memory_bytes=SMALLEST, body_timeout_s=3600)

    async def scenario(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        return [await verify(client, begun(LARGE)), await verify(client, LARGE)]

    slow, next_one = run_async(app, scenario)
    assert check_problem(slow, 400, "malformed-body")["detail"] == "the body came too slowly"
    check_problem(next_one, 404, "not-found")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("others_wait", "status"), [(False, 404), (True, 400)])
def test_large_body_must_come_faster_while_others_wait(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, others_wait: bool, status: int
) -> None:
    """It comes at twice the least rate, an eighth of what it must be then."""
    monkeypatch.setattr(bodies, "PAUSE_S", 0.1)
    monkeypatch.setattr(body_memory, "WAIT_S", 10.0)
    app = make_app(store, body_memory_bytes=SMALLEST, body_bytes_per_s=SMALLEST)

    async def dripping() -> AsyncIterator[bytes]:
        yield LARGE[: SMALLEST // 2]
        for at in range(SMALLEST // 2, len(LARGE), SMALLEST // 10):
            await asyncio.sleep(0.05)
            yield LARGE[at : at + SMALLEST // 10]

    async def scenario(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        slow = asyncio.create_task(verify(client, dripping()))
        await until_held(app, "_without")
        return await asyncio.gather(slow, *[verify(client, LARGE) for _ in range(others_wait)])

    slow, *late = run_async(app, scenario)
    assert slow.status_code == status, slow.text
    assert [answer.status_code for answer in late] == [404] * others_wait
