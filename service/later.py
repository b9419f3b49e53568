"""What is noted in memory and written for many requests at once, a while later. A process that is killed loses it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

EVERY_S: Final = 60.0


class Later:
    """Writes some time after the first note. `every_s`: how long a note may stay unwritten."""

    def __init__(self, write: Callable[[], Coroutine[Any, Any, None]], *, every_s: float = EVERY_S) -> None:
        self._write = write
        self._every_s = every_s
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def noted(self) -> None:
        """To be called in the loop."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._write_soon)

    async def stop(self) -> None:
        """Write what is noted, before the writer threads stop."""
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await self._writing
        await self._write()

    def _write_soon(self) -> None:
        self._timer = None
        self._writing = asyncio.get_running_loop().create_task(self._write())
