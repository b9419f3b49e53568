"""Log lines of the event loop, written once a turn: each write hands the interpreter to another thread, which takes longer."""

import asyncio
import atexit
from typing import TextIO


class TurnLines:
    """A stream for `configure_logs`. `stream`: where lines go. A process that is killed loses those of its last turn.

    Lines of other threads are written at once.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self.isatty = stream.isatty
        atexit.register(self._write)

    def write(self, text: str) -> None:
        """One line, or some."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._stream.write(text)
            self._stream.flush()
            return
        if not self._lines:
            loop.call_soon(self._write)
        self._lines.append(text)

    def flush(self) -> None:
        """Nothing: a logger calls it after each line."""

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        self._stream.write("".join(lines))
        self._stream.flush()
