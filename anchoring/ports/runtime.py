"""What a program gets from the machine it runs on: time, randomness, and somebody to show progress to."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

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
