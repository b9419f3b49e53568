"""How hot routes read: never through the thread pool that slow routes share."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from anchoring.errors import StoreUnavailable
from anchoring.ports.store import Store, UnitOfWork
from service.together import A, Question, T, Tell, Together, Told, answer_alike, hand_out, repeated, waiter

MOST_AT_ONCE: Final = 32
"""Requests that a thread reads for together: the next ones are read while these are answered."""


class ReadLane:
    """Reads that come at the same moment share a transaction.

    An embedded database answers from memory in less time than a change of thread takes, so it is read on the event loop. A
    database server is read by one thread: what comes while it waits is read together by the next transaction, which takes less
    than several threads that wait for each other. What is read for one request alone may take longer, and has a thread beside.
    """

    def __init__(self, store: Store, *, is_embedded: bool) -> None:
        self._together = _Line(store, is_embedded=is_embedded)
        self._alone = self._together if is_embedded else _Line(store, is_embedded=False)

    async def read(self, read: Callable[[UnitOfWork], T]) -> T:
        """Run `read` in a reading unit of work. Raises: what `read` raises; StoreUnavailable."""
        return await self._alone.read(lambda uow, _asked: [read(uow)], None)

    async def read_together(self, together: Together[A, T], asked: A) -> T:
        """As `read`, and those who come with the same function at the same moment are answered by one call of it."""
        return await self._together.read(together, asked)

    def ask(self, together: Together[A, T], asked: A, tell: Tell) -> None:
        """As `read_together`, for one who does not wait but is told."""
        self._together.ask(Question(together, asked, tell))

    def stop(self) -> None:
        """Let reads under way finish."""
        self._together.stop()
        self._alone.stop()


class _Line:
    """One connection, and who waits for it. A thread waits for a database server."""

    def __init__(self, store: Store, *, is_embedded: bool) -> None:
        self._reader = store.reader()
        self._thread = None if is_embedded else ThreadPoolExecutor(1, thread_name_prefix="read-lane")
        self._waiting: list[Question] = []
        self._is_reading = False

    async def read(self, together: Together[A, T], asked: A) -> T:
        answer, tell = waiter(asyncio.get_running_loop())
        self.ask(Question(together, asked, tell))
        found: T = await answer
        return found

    def ask(self, question: Question) -> None:
        if not self._waiting:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._answer, loop)  # once all requests that have arrived are in
        self._waiting.append(question)

    def stop(self) -> None:
        if self._thread:
            self._thread.shutdown()
        self._reader.close()

    def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._is_reading:
            return
        most = len(self._waiting) if self._thread is None else MOST_AT_ONCE
        questions, self._waiting = self._waiting[:most], self._waiting[most:]
        if self._thread is None:
            hand_out(self._read(questions))
        else:
            self._is_reading = True
            self._thread.submit(lambda: loop.call_soon_threadsafe(self._finish, loop, self._read(questions)))

    def _finish(self, loop: asyncio.AbstractEventLoop, told: list[Told]) -> None:
        self._is_reading = False
        if self._waiting:
            self._answer(loop)
        hand_out(told)

    def _read(self, questions: list[Question]) -> list[Told]:
        try:
            return repeated(lambda: self._read_once(questions))
        except Exception as failed:  # noqa: BLE001 - it is handed to whoever waits
            if len(questions) > 1 and not isinstance(failed, StoreUnavailable):
                return [told for one in questions for told in self._read([one])]  # one of them spoilt it for all
            return [(one.tell, failed) for one in questions]  # a database that does not answer is not asked once for each

    def _read_once(self, questions: list[Question]) -> list[Told]:
        with self._reader.reading() as uow:
            return answer_alike(uow, questions)
