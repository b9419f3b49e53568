"""How hot routes read: never through the thread pool that slow routes share."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from anchoring.errors import StoreUnavailable
from anchoring.ports.store import Store, UnitOfWork
from service.together import A, Question, T, Together, Told, answer_alike, hand_out, repeated

READ_THREADS: Final = 2
"""More would only wait for each other: what comes while all are at work is read together by the next that is free."""


class ReadLane:
    """Reads that come at the same moment share a transaction.

    An embedded database answers from memory in less time than a change of thread takes, so it is read on the event loop; a
    database server is read by a few threads of this lane.
    """

    def __init__(self, store: Store, *, is_embedded: bool) -> None:
        self._readers = [store.reader() for _ in range(1 if is_embedded else READ_THREADS)]
        self._executor = None if is_embedded else ThreadPoolExecutor(READ_THREADS, thread_name_prefix="read-lane")
        self._waiting: list[Question] = []
        self._idle = READ_THREADS

    async def read(self, read: Callable[[UnitOfWork], T]) -> T:
        """Run `read` in a reading unit of work. Raises: what `read` raises; StoreUnavailable."""
        return await self.read_together(lambda uow, _asked: [read(uow)], None)

    async def read_together(self, together: Together[A, T], asked: A) -> T:
        """As `read`, and those who come with the same function at the same moment are answered by one call of it."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._answer, loop)  # once all requests that have arrived are in
        question = Question(together, asked, loop.create_future())
        self._waiting.append(question)
        answer: T = await question.answer
        return answer

    def stop(self) -> None:
        """Let reads under way finish."""
        if self._executor:
            self._executor.shutdown()
        for reader in self._readers:
            reader.close()

    def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._idle:
            return
        questions, self._waiting = self._waiting, []
        if self._executor is None:
            hand_out(self._read(questions))
        else:
            self._idle -= 1
            self._executor.submit(lambda: loop.call_soon_threadsafe(self._finish, loop, self._read(questions)))

    def _finish(self, loop: asyncio.AbstractEventLoop, told: list[Told]) -> None:
        self._idle += 1
        hand_out(told)
        if self._waiting:
            self._answer(loop)

    def _read(self, questions: list[Question]) -> list[Told]:
        try:
            return repeated(lambda: self._read_once(questions))
        except Exception as failed:  # noqa: BLE001 - it is handed to whoever waits
            if len(questions) > 1 and not isinstance(failed, StoreUnavailable):
                return [told for one in questions for told in self._read([one])]  # one of them spoilt it for all
            return [(one.answer, failed) for one in questions]  # a database that does not answer is not asked once for each

    def _read_once(self, questions: list[Question]) -> list[Told]:
        reader = self._readers.pop()
        try:
            with reader.reading() as uow:
                return answer_alike(uow, questions)
        finally:
            self._readers.append(reader)
