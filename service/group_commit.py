"""Writes that wait at the same moment share one commit, and each is durable when it is answered.

One thread a process writes what is small; requests hand it their use case and wait without holding a thread of their own.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

from anchoring.errors import ServiceUnavailable, StoreReadOnly, StoreUnavailable
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store, UnitOfWork
from service.metrics import Metrics
from service.together import A, Question, T, Tell, Together, Told, answer_alike, hand_out, repeated, waiter

MOST_ROWS: Final = 10_000
"""No further write joins a commit that has as many rows: it bounds how long the first of them waits."""

LARGE_ROWS: Final = 1_000
"""A write of so many rows does not wait for the little ones, nor they for it, where the database can write several at once."""

LARGE_WRITERS: Final = 4
"""How many of those are written at once."""


Opener: TypeAlias = Callable[[], AbstractContextManager[UnitOfWork]]
"""Of units of work that write."""


class GroupCommit:
    """The writer threads. Started and stopped with the service.

    `failed_at`: when the database did not take the last commit; None when it took it, none was tried, or the process is a reader:
    its database, a replica, took none ever. `is_embedded`: such a database writes for one at a time.
    """

    def __init__(self, store: Store, clock: Clock, metrics: Metrics, *, is_embedded: bool = True) -> None:
        self._writer = store.writer()
        self._clock = clock
        self._metrics = metrics
        self.failed_at: datetime | None = None
        self._has_written = False
        self._queue: SimpleQueue[Question | None] = SimpleQueue()
        self._large = self._queue if is_embedded else SimpleQueue[Question | None]()
        work: list[tuple[SimpleQueue[Question | None], Opener]] = [(self._queue, self._writer.writing)]
        if not is_embedded:
            work += [(self._large, store.writing)] * LARGE_WRITERS
        self._threads = [threading.Thread(target=self._run, args=some, name="group-commit") for some in work]
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop

    def start(self) -> None:
        """Begin to write."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        self._stopped = True
        self._queue.put(None)
        self._large.put(None)
        for thread in self._threads:
            thread.join()
        self._writer.close()

    async def write(self, write: Callable[[UnitOfWork], T], *, rows: int = 1) -> T:
        """Run `write` in a unit of work and commit. It may be run again, so it must be idempotent.

        `rows`: how many it touches.

        Raises: what `write` raises; StoreUnavailable; ServiceUnavailable while the service stops.
        """
        return await self.write_together(lambda uow, _asked: [write(uow)], None, rows=rows)

    async def write_together(self, together: Together[A, T], asked: A, *, rows: int = 1) -> T:
        """As `write`, and those who come with the same function at the same moment are written by one call of it."""
        answer, tell = waiter(asyncio.get_running_loop())
        self.ask(together, asked, tell, rows=rows)
        written: T = await answer
        return written

    def ask(self, together: Together[A, T], asked: A, tell: Tell, *, rows: int = 1) -> None:
        """As `write_together`, for one who does not wait but is told. Raises: ServiceUnavailable while the service stops."""
        if self._stopped:
            raise ServiceUnavailable("the service is stopping")
        self._loop = asyncio.get_running_loop()
        (self._large if rows >= LARGE_ROWS else self._queue).put(Question(together, asked, tell, rows))

    def _run(self, queue: SimpleQueue[Question | None], writing: Opener) -> None:
        while self._commit_next(queue, writing):
            pass  # whoever waits holds nothing of what was written last, which may be much
        queue.put(None)  # for the next thread

    def _commit_next(self, queue: SimpleQueue[Question | None], writing: Opener) -> bool:
        """Wait for a write and commit it with those that wait as well; False at the end."""
        first = queue.get()
        if first is None:
            return False
        questions, rows = [first], first.rows
        while rows < MOST_ROWS and not queue.empty():
            try:
                another = queue.get_nowait()
            except Empty:  # another thread was faster
                break
            if another is None:
                queue.put(None)  # for the next call, once these are written
                break
            questions.append(another)
            rows += another.rows
        self._commit(questions, writing)
        return True

    def _commit(self, questions: list[Question], writing: Opener) -> None:
        started = time.perf_counter()
        try:
            told = repeated(lambda: _write(questions, writing))
        except Exception as failed:  # noqa: BLE001 - it is handed to whoever waits
            self._note(questions, started, failed)
            if len(questions) > 1 and not isinstance(failed, StoreUnavailable):
                for question in questions:  # one of them spoilt it for all: each for itself
                    self._commit([question], writing)
                return
            told = [(one.tell, failed) for one in questions]  # a database that does not answer is not asked once for each
        else:
            self._note(questions, started, None)
        self._loop.call_soon_threadsafe(hand_out, told)

    def _note(self, questions: list[Question], started: float, failed: Exception | None) -> None:
        self._has_written |= failed is None
        is_reader = isinstance(failed, StoreReadOnly) and not self._has_written
        unavailable = isinstance(failed, StoreUnavailable) and not is_reader
        self.failed_at = self._clock.now() if unavailable else None
        elapsed_s = time.perf_counter() - started
        self._metrics.committed(len(questions), elapsed_s, queued=self._queue.qsize(), failed=unavailable)


def _write(questions: list[Question], writing: Opener) -> list[Told]:
    with writing() as uow:
        told = answer_alike(uow, questions)
        uow.commit()
    return told
