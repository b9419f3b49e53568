"""Memory for large bodies: so much in a process, whoever sends them and however slowly, that strangers cannot use up a machine's.

A body of up to `LARGE_BYTES` takes none of it and always gets through. A larger one takes what has come of it until it is
answered, and several times its size while it is understood. Who gets none waits a moment and is then told to come again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.types import Scope

from anchoring.errors import NoRoom
from anchoring.settings import ApiSettings
from service.refusals import CALLER

LARGE_BYTES: Final = 64 * 1024
"""A body of more takes milliseconds to understand."""

UNDERSTANDING: Final = 10
"""Times its size that a body takes meanwhile: as text of 4 bytes a character, as values, and as what is hashed.

JSON of small values alone takes up to 45 times its size; there are at most `strict_json.MAX_VALUES`, which take 100 MB.
"""

WAIT_S: Final = 8.0
"""More than `PAUSE_S`, so that who sends nothing loses the room to who waits for it."""

PAUSE_S: Final = 5.0
"""How long nothing may come of a large body; what comes faster than it must makes up for what came slower, up to so much."""

HURRY: Final = 16
"""Times the least rate at which a large body must come while others wait for room."""

MOST_WAITING: Final = 64

HELD: Final = "credanchor.held"
"""In the scope of a request: what its body has taken."""


class Room:
    """So many bytes, for whoever comes first. One who wants more than all of it has all of it. `wanted`: how many wait.

    Of those who hold some and find no more, the one who holds most waits for the others, who are refused at once: so they
    do not stand in each other's way, and some get through.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.wanted = 0
        self._free = size
        self._most = 0  # held by one who waits for more
        self._door = asyncio.Lock()  # lets newcomers in, in their order
        self._changed = asyncio.Event()

    async def take(self, count: int, held: int = 0) -> None:
        """`held`: what the same one has already. Raises: NoRoom."""
        if self.wanted >= MOST_WAITING:
            raise NoRoom("too many wait for room for a large body")
        self.wanted += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await (self._more(count, held) if held else self._first(count))
        except TimeoutError as full:
            raise NoRoom(f"no room for a large body within {WAIT_S:g} seconds") from full
        finally:
            self.wanted -= 1

    def give_back(self, count: int) -> None:
        self._free += count
        self._changed.set()

    async def _first(self, count: int) -> None:
        async with self._door:
            while self._most or count > self._free:
                await self._change()
            self._free -= count

    async def _more(self, count: int, held: int) -> None:
        if count > self._free:
            await self._wait_for(count, held)
        self._free -= count

    async def _wait_for(self, count: int, held: int) -> None:
        if held <= self._most:
            raise NoRoom("larger bodies take all room for large ones")
        self._most = held
        self._changed.set()  # whoever waited with less is refused
        try:
            while count > self._free:
                await self._change()
                if held < self._most:
                    raise NoRoom("larger bodies take all room for large ones")
        finally:
            if held == self._most:
                self._most = 0
                self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class Held:
    """What one body has of a room."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._count = 0

    async def grow_to(self, size: int) -> None:
        """`size`: of the body, in bytes. Raises: NoRoom."""
        more = min(size, self.room.size) - self._count
        if more > 0:
            await self.room.take(more, self._count)
            self._count += more

    def give_back(self) -> None:
        self.room.give_back(self._count)
        self._count = 0


class BodyMemory:
    """Of one process. Half of it is for bodies that come with a key, a quarter for those without: strangers are in nobody's way
    who has one. The rest is for understanding them.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self.bytes_per_s = settings.body_bytes_per_s
        self._with_key = Room(settings.body_memory_bytes // 2)
        self._without = Room(settings.body_memory_bytes // 4)
        self._understood = Room(settings.body_memory_bytes // 4)

    def hold(self, scope: Scope) -> Held:
        """Room for the body of this request, none yet."""
        held = scope[HELD] = Held(self._with_key if CALLER in scope else self._without)
        return held

    @asynccontextmanager
    async def understanding(self, size: int) -> AsyncIterator[None]:
        """What reading a body of so many bytes takes. Raises: NoRoom."""
        held = Held(self._understood)
        try:
            if size > LARGE_BYTES:
                await held.grow_to(UNDERSTANDING * size)
            yield
        finally:
            held.give_back()


def give_back(scope: Scope) -> None:
    """A request was answered."""
    held: Held | None = scope.get(HELD)
    if held is not None:
        held.give_back()
