"""Writes that wait at the same moment share one commit, and each is durable when it is answered.

One thread a process writes; requests hand it their use case and wait without holding a thread of their own.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from anchoring.errors import ServiceUnavailable, StoreUnavailable
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store, UnitOfWork
from service.metrics import Metrics

T = TypeVar("T")

MOST_TRIES: Final = 4
"""How often a unit of work is begun when the database breaks it off: a deadlock, or a server that was restarted."""

MOST_ROWS: Final = 10_000
"""No further write joins a commit that has as many rows: it bounds how long the first of them waits."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A use case to run, and who waits for its result."""

    write: Callable[[UnitOfWork], Any]
    rows: int
    result: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop

    def resolve(self, outcome: Any) -> None:
        self.loop.call_soon_threadsafe(_resolve, self.result, outcome)


class GroupCommit:
    """The writer thread. Started and stopped with the service.

    `failed_at`: when the database did not take the last commit; None when it took it, or none was tried.
    """

    def __init__(self, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self.failed_at: datetime | None = None
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="group-commit")
        self._stopped = False

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._stopped = True
        self._queue.put(None)
        self._thread.join()

    async def write(self, write: Callable[[UnitOfWork], T], *, rows: int = 1) -> T:
        """Run `write` in a unit of work and commit. It may be run again, so it must be idempotent.

        `rows`: how many it touches.

        Raises: what `write` raises; StoreUnavailable; ServiceUnavailable while the service stops.
        """
        if self._stopped:
            raise ServiceUnavailable("the service is stopping")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(write, rows, loop.create_future(), loop)
        self._queue.put(waiting)
        result: T = await waiting.result
        return result

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            together, rows = [first], first.rows
            while rows < MOST_ROWS and not self._queue.empty():
                another = self._queue.get()
                if another is None:
                    self._queue.put(None)  # for the outer loop, once these are written
                    break
                together.append(another)
                rows += another.rows
            self._commit(together)

    def _commit(self, together: list[_Waiting]) -> None:
        started = time.perf_counter()
        try:
            outcomes = repeated(lambda: self._write(together))
        except Exception as failed:  # noqa: BLE001 - it is handed to whoever waits
            self._note(together, started, failed)
            if len(together) > 1 and not isinstance(failed, StoreUnavailable):
                for waiting in together:  # one of them spoilt it for all: each for itself
                    self._commit([waiting])
                return
            for waiting in together:  # a database that does not answer is not asked once for each
                waiting.resolve(failed)
            return
        self._note(together, started, None)
        for waiting, outcome in zip(together, outcomes, strict=True):
            waiting.resolve(outcome)

    def _write(self, together: list[_Waiting]) -> list[Any]:
        with self._store.writing() as uow:
            outcomes = [waiting.write(uow) for waiting in together]
            uow.commit()
        return outcomes

    def _note(self, together: list[_Waiting], started: float, failed: Exception | None) -> None:
        unavailable = isinstance(failed, StoreUnavailable)
        self.failed_at = self._clock.now() if unavailable else None
        elapsed_s = time.perf_counter() - started
        self._metrics.committed(len(together), elapsed_s, queued=self._queue.qsize(), failed=unavailable)


def repeated(work: Callable[[], T]) -> T:
    """Do a unit of work again from its start when it is known that nothing of it took hold.

    Raises: what `work` raises.
    """
    for _ in range(MOST_TRIES - 1):
        try:
            return work()
        except StoreUnavailable as broken_off:
            if not broken_off.may_repeat:
                raise
    return work()


def _resolve(result: asyncio.Future[Any], outcome: Any) -> None:
    if result.cancelled():
        return  # the client has gone; what was written stays written
    if isinstance(outcome, Exception):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)
