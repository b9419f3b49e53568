"""Other Python processes that compute for this one: what is hashed in pure Python keeps one core busy and no more.

Not `multiprocessing`: to fork a program that has threads and connections is not safe, and its other ways import the main module
again, which takes longer than most of what is computed here. These import `anchoring.core` alone, and end when their pipe does.
"""

import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any, Self, TypeVar

A = TypeVar("A")
T = TypeVar("T")


class WorkerProcesses:
    """Implements ports.Workers. `count` of them, started when they are first needed."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads: ThreadPoolExecutor | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            with suppress(BrokenPipeError), process:  # closes its pipes and waits for it; what it never read is told already
                pass
        self._threads, self._processes, self._idle = None, [], SimpleQueue()

    def map(self, function: Callable[[A], T], given: Iterable[A], /) -> Iterator[T]:
        """Raises: RuntimeError when a process ended before its work did; what it said stands on stderr."""
        threads = self._threads = self._threads or self._start()
        under_way: deque[Future[T]] = deque()
        for one in given:
            if len(under_way) == 2 * self._count:  # so much is held in memory, and so much always waits for whoever is ready
                yield under_way.popleft().result()
            under_way.append(threads.submit(self._ask, function, one))
        while under_way:
            yield under_way.popleft().result()

    def _start(self) -> ThreadPoolExecutor:
        for _ in range(self._count):
            # No site packages; and a group of its own, or Ctrl-C would reach it before this process could end it in order.
            command = [sys.executable, "-I", "-S", __file__]
            process = subprocess.Popen(  # noqa: S603 - of our own
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
            )
            self._processes.append(process)
            self._idle.put(process)
        return ThreadPoolExecutor(self._count, thread_name_prefix="worker-process")

    def _ask(self, function: Callable[[A], T], given: A) -> T:
        process = self._idle.get()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            pickle.dump((function, given), process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            answer: T = pickle.load(process.stdout)  # noqa: S301 - of a program of ours, over a pipe that nobody else has
            return answer
        except (EOFError, OSError, pickle.UnpicklingError) as ended:
            raise RuntimeError(f"worker process {process.pid} ended with {process.wait()} before its work did") from ended
        finally:
            self._idle.put(process)  # one that ended too: whoever takes it next is told so


def _work(asked: IO[bytes], told: IO[bytes]) -> None:
    while True:
        try:
            function, given = pickle.load(asked)  # noqa: S301 - as above
        except EOFError:
            return
        answer: Any = function(given)
        pickle.dump(answer, told, pickle.HIGHEST_PROTOCOL)
        told.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    _work(sys.stdin.buffer, sys.stdout.buffer)
