"""API keys that opened lately: the database is asked about each once in a while, and not for every request."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from anchoring.core.issuer import Issuer
from anchoring.ports.runtime import Clock
from anchoring.usecases.manage_issuers import authenticate
from service.read_lane import ReadLane

MOST_KEYS: Final = 1_024


class KnownKeys:
    """`fresh_s`: how long a key may go on opening after it was revoked, in seconds.

    Only keys that opened are kept, as their hashes, so whoever guesses keys fills no memory and learns nothing from the time.
    """

    def __init__(self, reads: ReadLane, clock: Clock, *, fresh_s: float) -> None:
        self._reads = reads
        self._clock = clock
        self._fresh = timedelta(seconds=fresh_s)
        self._known: dict[bytes, tuple[Issuer, datetime]] = {}

    async def issuer_of(self, key: str) -> Issuer:
        """Whose key this is. Raises: NotAllowed, StoreUnavailable."""
        hashed, now = hashlib.sha256(key.encode()).digest(), self._clock.now()
        issuer, fresh_until = self._known.get(hashed, (None, now))
        if issuer is not None and now < fresh_until:
            return issuer
        found: Issuer = await self._reads.read_together(authenticate, key)
        if len(self._known) >= MOST_KEYS:
            self._known.clear()
        self._known[hashed] = found, now + self._fresh
        return found
