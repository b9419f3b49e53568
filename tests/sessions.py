"""Something that runs beside a test."""

import threading
from collections.abc import Callable
from typing import Any

SOON_S = 0.2
"""Long enough for whoever is not held up to have come through."""


class Session(threading.Thread):
    """A call in a thread of its own, under way at once."""

    def __init__(self, work: Callable[..., Any], *arguments: Any, **named: Any) -> None:
        super().__init__()
        self._call = lambda: work(*arguments, **named)
        self._outcome: Any = None
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._outcome = self._call()
        except Exception as error:  # noqa: BLE001 - raised where the result is asked for
            self._error = error

    def result(self) -> Any:
        """Wait for it; what it returned, or raise what it raised."""
        self.join()
        if self._error:
            raise self._error
        return self._outcome

    def is_held_up(self) -> bool:
        """Whether it has not come through soon."""
        self.join(SOON_S)
        return self.is_alive()
