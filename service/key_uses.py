"""When API keys were used last: noted in memory, written once a minute for all. A note may be lost, and no request waits."""

from datetime import datetime

import structlog

from anchoring.errors import AnchoringError
from service.group_commit import GroupCommit
from service.later import EVERY_S, Later

log = structlog.get_logger()


class KeyUses:
    """Of one process. `every_s`: how long a use may stay unwritten."""

    def __init__(self, writes: GroupCommit, *, every_s: float = EVERY_S) -> None:
        self._writes = writes
        self._noted: dict[str, datetime] = {}
        self._later = Later(self._write, every_s=every_s)
        self.stop = self._later.stop

    def note(self, prefix: str, at: datetime) -> None:
        """The key with this prefix was used. To be called in the loop."""
        self._noted[prefix] = at
        self._later.noted()

    async def _write(self) -> None:
        uses, self._noted = self._noted, {}
        if not uses:
            return
        try:
            await self._writes.write(lambda uow: uow.issuers.note_uses(uses), rows=len(uses))
        except AnchoringError as failed:
            log.warning("key_uses.lost", count=len(uses), detail=failed.message)
