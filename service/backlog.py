"""How much waits to be sealed, and whether more is taken: what was accepted comes before accepting more.

Asked on every post, so the figure is one that was read lately, and what this process accepted since is added. Digests that are
known already count as well, until it is read again: to look for them costs what the limit is to save.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from anchoring.errors import BacklogFull
from anchoring.ports.runtime import Clock
from anchoring.ports.store import UnitOfWork

FRESH: Final = timedelta(seconds=1)
FRESH_WHEN_FULL: Final = timedelta(seconds=5)
"""Then the entries are counted one by one, and whoever is refused is told to come back later than that."""

Read = Callable[[Callable[[UnitOfWork], int]], Awaitable[int]]


class Backlog:
    """`limit`: entries that may wait. A request that comes below it is taken whole, and several processes together may pass it by
    what they take in a second.
    """

    def __init__(self, read: Read, clock: Clock, *, limit: int) -> None:
        self._read = read
        self._clock = clock
        self._limit = limit
        self._waiting = 0
        self._stale_at: datetime | None = None

    @property
    def is_full(self) -> bool:
        """As far as this process has seen."""
        return self._waiting >= self._limit

    @property
    def is_known(self) -> bool:
        """Whether it was read lately, so that nothing is to be waited for."""
        return self._stale_at is not None and self._clock.now() < self._stale_at

    async def take(self, entries: int) -> None:
        """Count so many more in. Raises: BacklogFull when there is no room; StoreUnavailable."""
        if not self.is_known:
            now = self._clock.now()
            self._stale_at = now + FRESH  # first, so that the requests of this moment do not all read
            self._waiting = await self._read(self._count)
            if self.is_full:
                self._stale_at = now + FRESH_WHEN_FULL
        self.add(entries)

    def add(self, entries: int) -> None:
        """As `take`, by what is known. Raises: BacklogFull."""
        if self.is_full:
            raise BacklogFull(f"{self._waiting} entries wait to be anchored, and {self._limit} may")
        self._waiting += entries

    def _count(self, uow: UnitOfWork) -> int:
        return uow.entries.backlog(uow.batches.last_sealed_entry_id(), self._limit)
