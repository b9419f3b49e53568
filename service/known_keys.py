"""API keys that opened lately: the database is asked about each once in a while, and not for every request."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from anchoring.core.issuer import Caller
from anchoring.errors import NotAllowed
from anchoring.ports.runtime import Clock
from anchoring.ports.store import UnitOfWork
from anchoring.usecases.manage_issuers import authenticate
from service.read_lane import ReadLane

MOST_KEYS: Final = 1_024


class KnownKeys:
    """`fresh_s`: how long a key may go on opening after it was revoked, in seconds; it never does after its end.

    Only keys that opened are kept, as their hashes, so whoever guesses keys fills no memory and learns nothing from the time.
    """

    def __init__(self, reads: ReadLane, clock: Clock, *, fresh_s: float) -> None:
        self._reads = reads
        self._clock = clock
        self._fresh = timedelta(seconds=fresh_s)
        self._known: dict[bytes, tuple[Caller, datetime]] = {}

    def known(self, key: str) -> Caller | None:
        """Who holds this key, where that was asked lately."""
        return self._fresh_one(_hash(key), self._clock.now())

    async def holder_of(self, key: str) -> Caller:
        """Who holds this key. Raises: NotAllowed, StoreUnavailable."""
        hashed, now = _hash(key), self._clock.now()
        caller = self._fresh_one(hashed, now)
        if caller is not None:
            return caller
        found: Caller = await self._reads.read_together(self._authenticate, key)
        if len(self._known) >= MOST_KEYS:
            self._known.clear()
        fresh_until = now + self._fresh
        self._known[hashed] = found, min(fresh_until, found.ends_at) if found.ends_at else fresh_until
        return found

    def forget(self) -> None:
        """Something about keys was changed by this process, which therefore goes by it at once."""
        self._known.clear()

    def _fresh_one(self, hashed: bytes, now: datetime) -> Caller | None:
        caller, fresh_until = self._known.get(hashed, (None, now))
        return caller if now < fresh_until else None

    def _authenticate(self, uow: UnitOfWork, keys: list[str]) -> Sequence[Caller | NotAllowed]:
        return authenticate(uow, keys, now=self._clock.now())


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
