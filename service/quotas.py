"""What an issuer may write in a day: counted in the database for all hosts together, and taken from it in portions.

A portion is taken with one statement and then spent in memory, so that most requests cost a look into a dictionary. What a
process had taken and not spent when it ended is lost to the issuer for that day; more than the quota is never written.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from anchoring.core.issuer import Issuer
from anchoring.errors import TooLarge, TooManyRequests
from anchoring.ports.runtime import Clock
from anchoring.ports.store import UnitOfWork
from service.group_commit import GroupCommit

MOST_AT_ONCE: Final = 10_000
PORTIONS: Final = 1_000
"""At least so many make up a quota, that little is lost with a process."""


class Quotas:
    """Of one process. `limit`: items an issuer may write in a day; 0 for any number."""

    def __init__(self, writes: GroupCommit, clock: Clock, *, limit: int) -> None:
        self._writes = writes
        self._clock = clock
        self._limit = limit
        self._portion = max(1, min(MOST_AT_ONCE, limit // PORTIONS))
        self._day = 0
        self._left: dict[int, int] = {}

    async def take(self, issuer: Issuer, items: int) -> None:
        """Count so many more in, known ones too. Raises: TooLarge for more than a day's; TooManyRequests; StoreUnavailable."""
        if not self._limit:
            return
        if items > self._limit:
            raise TooLarge(f"{items} items were sent, and an issuer may write {self._limit} in a day", limit=self._limit)
        now = self._clock.now()
        day = int(now.timestamp()) // 86_400
        if day != self._day:
            self._day, self._left = day, {}
        left = self._left.get(issuer.id, 0)
        self._left[issuer.id] = max(0, left - items)  # before anything is waited for: others ask meanwhile
        if items <= left:
            return
        missing, taken = items - left, 0
        try:
            taken = await self._writes.write(lambda uow: self._take(uow, issuer, day, missing))
        finally:
            if day == self._day:
                self._left[issuer.id] += taken - missing if taken else left
        if not taken:
            raise TooManyRequests(
                f"the issuer has used up what it may write today, {self._limit} items", retry_after_s=_until_midnight_s(now)
            )

    def _take(self, uow: UnitOfWork, issuer: Issuer, day: int, missing: int) -> int:
        """How many were taken: a portion beside what is missing where there is one, else that alone; 0 for neither."""
        for count in (missing + self._portion, missing):
            if uow.issuers.take_quota(issuer, day, count, limit=self._limit):
                return count
        return 0


def _until_midnight_s(now: datetime) -> int:
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
    return max(1, round((tomorrow - now).total_seconds()))
