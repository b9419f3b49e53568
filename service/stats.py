"""What `GET /v1/stats` answers: read once in a while, however often it is asked for."""

import threading
import time
from datetime import datetime

from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store
from anchoring.usecases.report_stats import Stats, report_stats


class StatsReader:
    """Keeps an answer for `fresh_s` seconds; one thread reads and the others wait for it."""

    def __init__(self, store: Store, clock: Clock, *, fresh_s: int) -> None:
        self._store = store
        self._clock = clock
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._kept: tuple[float, datetime, Stats] | None = None

    @property
    def fresh_s(self) -> int:
        return self._fresh_s

    def read(self) -> tuple[datetime, Stats]:
        """As of when, and what. Raises: StoreUnavailable."""
        with self._lock:
            if self._kept is None or time.monotonic() - self._kept[0] >= self._fresh_s:
                with self._store.reading() as uow:
                    found = report_stats(uow)
                self._kept = time.monotonic(), self._clock.now(), found
            return self._kept[1:]
