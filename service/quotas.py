"""What an issuer may write in a day: counted in the database for all hosts together, and taken from it in portions.

Changes of status may go on to as many again, so that whoever uses a quota up by posting, by erasures or by making keys keeps
nobody from revoking.

A portion is taken with one statement and then spent in memory, so that most requests cost a look into a dictionary. What a
process had taken and not spent when it ended is lost to the issuer for that day; more than the quota is never written. A quota
that is changed begins anew, so that no portion of the one before counts against it.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from anchoring.core.issuer import Issuer, day_of
from anchoring.errors import TooLarge, TooManyRequests
from anchoring.ports.runtime import Clock
from anchoring.ports.store import UnitOfWork
from anchoring.usecases.manage_issuers import get_issuer
from service.group_commit import GroupCommit

MOST_AT_ONCE: Final = 10_000
PORTIONS: Final = 1_000
"""At least so many make up a quota, that little is lost with a process."""


class Quotas:
    """Of one process. `default`: items that an issuer without a quota of its own may write in a day; 0 for any number."""

    def __init__(self, writes: GroupCommit, clock: Clock, *, default: int) -> None:
        self._writes = writes
        self._clock = clock
        self._default = default
        self._day = 0
        self._left: dict[tuple[int, int], int] = {}  # by issuer and quota: what was taken of one is not spent under another

    def of(self, issuer: Issuer) -> int:
        """Items that it may write in a day; 0 for any number."""
        return self._default if issuer.items_per_day is None else issuer.items_per_day

    def left(self, uow: UnitOfWork, issuer: Issuer) -> int | None:
        """What it may still write today; None: any number. What others have taken, or for changes, and not spent is not in it."""
        limit = self.of(issuer)
        if not limit:
            return None
        day = day_of(self._clock.now())
        unspent = self._left.get((issuer.id, limit), 0) if day == self._day else 0
        return min(limit, max(0, limit - uow.issuers.taken_of_quota(issuer, day) + unspent))

    async def take(self, issuer: Issuer, items: int, *, are_changes: bool = False) -> None:
        """Count so many more in, known ones too. `are_changes`: of status; else none of the second half is taken.

        Raises: TooLarge for more than a day's; TooManyRequests; StoreUnavailable.
        """
        limit = self._limit_for(issuer, items, are_changes=are_changes)
        if not limit:
            return
        now = self._clock.now()
        day, of = day_of(now), (issuer.id, limit)
        left = self._left_today(of, day)
        self._left[of] = max(0, left - items)  # before anything is waited for: others ask meanwhile
        if items <= left:
            return
        missing, taken = items - left, 0
        try:
            taken = await self._writes.write(lambda uow: self._take(uow, issuer, day, missing, are_changes=are_changes))
        finally:
            if day == self._day:
                self._left[of] += taken - missing if taken else left
        if not taken:
            raise _used_up(limit, now)

    def covers(self, issuer: Issuer, items: int) -> bool:
        """Whether `spend` will do, and nothing is to be waited for."""
        limit = self.of(issuer)
        return not limit or items <= self._left_today((issuer.id, limit), day_of(self._clock.now()))

    def spend(self, issuer: Issuer, items: int) -> None:
        """As `take`, of what this process has already, which covers it."""
        limit = self.of(issuer)
        if limit:
            self._left[issuer.id, limit] -= items

    def count(self, uow: UnitOfWork, issuer: Issuer, items: int, *, are_changes: bool = False) -> None:
        """As `take`, within the write of what turned out to be so many, which is then not committed if they are too many."""
        limit, now = self._limit_for(issuer, items, are_changes=are_changes), self._clock.now()
        if limit and not uow.issuers.take_quota(issuer, day_of(now), items, limit=limit):
            raise _used_up(limit, now)

    def _left_today(self, of: tuple[int, int], day: int) -> int:
        if day != self._day:
            self._day, self._left = day, {}
        return self._left.get(of, 0)

    def _limit_for(self, issuer: Issuer, items: int, *, are_changes: bool) -> int:
        limit = self._most(issuer, are_changes=are_changes)
        if limit and items > limit:
            raise TooLarge(f"{items} items were sent, and this issuer may write {limit} in a day", limit=limit)
        return limit

    def _most(self, issuer: Issuer, *, are_changes: bool) -> int:
        return self.of(issuer) * (2 if are_changes else 1)

    def _take(self, uow: UnitOfWork, issuer: Issuer, day: int, missing: int, *, are_changes: bool) -> int:
        """How many were taken: a portion beside what is missing where there is one, else that alone; 0 for neither.

        Of the quota as it is now: that of a caller who is known for a while may be the one before, and its portions larger.
        """
        limit = self._most(get_issuer(uow, issuer.did), are_changes=are_changes)
        if not limit:
            return missing
        portion = max(1, min(MOST_AT_ONCE, limit // PORTIONS))
        counts = (missing + portion, missing)
        return next((count for count in counts if uow.issuers.take_quota(issuer, day, count, limit=limit)), 0)


def next_day(now: datetime) -> datetime:
    """When all of every quota is back."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)


def _used_up(limit: int, now: datetime) -> TooManyRequests:
    wait_s = max(1, round((next_day(now) - now).total_seconds()))
    return TooManyRequests(f"the issuer has used up what it may write today, {limit} items", retry_after_s=wait_s)
