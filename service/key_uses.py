"""When API keys were used last: noted in memory, written once a minute for all. A note may be lost, and no request waits."""

import asyncio
from datetime import datetime
from typing import Final

import structlog

from anchoring.errors import AnchoringError
from service.group_commit import GroupCommit

EVERY_S: Final = 60.0

log = structlog.get_logger()


class KeyUses:
    """Of one process. `every_s`: how long a use may stay unwritten."""

    def __init__(self, writes: GroupCommit, *, every_s: float = EVERY_S) -> None:
        self._writes = writes
        self._every_s = every_s
        self._noted: dict[str, datetime] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None

    def note(self, prefix: str, at: datetime) -> None:
        """The key with this prefix was used. To be called in the loop."""
        self._noted[prefix] = at
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

    async def _write(self) -> None:
        uses, self._noted = self._noted, {}
        if not uses:
            return
        try:
            await self._writes.write(lambda uow: uow.issuers.note_uses(uses), rows=len(uses))
        except AnchoringError as failed:
            log.warning("key_uses.lost", count=len(uses), detail=failed.message)
