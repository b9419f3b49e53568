"""What a program gets from the machine it runs on: time, randomness, and somebody to show progress to."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import Final, Protocol, TypeVar

A = TypeVar("A")
T = TypeVar("T")

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is."""

RandomBytes = Callable[[int], bytes]
"""Random bytes of the operating system, as many as asked for."""


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Workers(AbstractContextManager["Workers"], Protocol):
    """Who computes, between `with` and its end."""

    def map(self, function: Callable[[A], T], given: Iterable[A], /) -> Iterator[T]:
        """What the function makes of each, in their order. It is one of `anchoring.core`, and takes and gives plain values."""


class _ThisProcess(nullcontext[Workers]):
    def map(self, function: Callable[[A], T], given: Iterable[A], /) -> Iterator[T]:
        return map(function, given)


THIS_PROCESS: Final[Workers] = _ThisProcess()
"""One after the other, and here."""
