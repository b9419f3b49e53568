"""What each key and address has spent of its allowance, shared by the workers of one host.

A table of fixed size in a file that all workers map into memory, so that a look into it costs microseconds and asks nobody. For
each who asks it holds a tag, and the moment at which all that was spent is back. There is no lock: where two workers write at the
same instant one of two counts may be lost, which lets somebody ask once more. Where the table is full, whoever spent least is
forgotten.
"""

import hashlib
import mmap
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from anchoring.core.allowance import Allowance, Spending

FILE_VARIABLE: Final = "_CREDANCHOR_ALLOWANCES"
"""Names the file. Set by `credanchor service run` before the workers start; no setting."""

SLOTS: Final = 1 << 16
PROBES: Final = 8
"""At how many places one may stand: were it one, two who share it would share an allowance."""

_TABLE_BYTES: Final = 16 * SLOTS
_SECRET_BYTES: Final = 16
_KNOWN: Final = 4096


def open_allowances() -> "Allowances":
    """Those that the workers of one `credanchor service run` share, where there are several."""
    path = os.environ.get(FILE_VARIABLE)
    if path:
        create_file(Path(path))
    return Allowances(Path(path) if path else None)


def create_file(path: Path) -> None:
    """An empty table, unless another worker was faster. It appears whole or not at all."""
    with NamedTemporaryFile(dir=path.parent) as file:
        file.write(bytes(_TABLE_BYTES) + os.urandom(_SECRET_BYTES))
        file.flush()
        with suppress(FileExistsError):
            os.link(file.name, path)


class Allowances:
    """The table. `file`: of all workers; without one this process has its own, with so many `slots`.

    `now`: seconds since any moment that all workers share, as `time.monotonic` is on one host.
    """

    def __init__(self, file: Path | None = None, *, slots: int = SLOTS, now: Callable[[], float] = time.monotonic) -> None:
        self._slots = slots
        self._now = now
        if file is None:
            table = mmap.mmap(-1, 16 * slots)
            secret = os.urandom(_SECRET_BYTES)
        else:
            with file.open("r+b") as opened:
                table = mmap.mmap(opened.fileno(), _TABLE_BYTES)
                opened.seek(_TABLE_BYTES)
                secret = opened.read()
        content = memoryview(table)
        self._tags = content[: 8 * slots].cast("Q")
        self._full_at = content[8 * slots :].cast("d")
        # Keyed, or strangers could choose addresses that stand where somebody else does.
        self._tag_of = lru_cache(_KNOWN)(
            lambda who: int.from_bytes(hashlib.blake2b(who.encode(), digest_size=8, key=secret).digest()) or 1
        )

    def spend(self, allowance: Allowance, who: str, cost: int = 1) -> Spending:
        """`who`: and of what, such as `key 1a2b3c4d`; each has one allowance."""
        now = self._now()
        place = self._place(self._tag_of(who))
        spending = allowance.spend(self._full_at[place], now, cost)
        self._full_at[place] = spending.full_at
        return spending

    def _place(self, tag: int) -> int:
        tags, full_at, first = self._tags, self._full_at, tag % self._slots
        if tags[first] == tag:
            return first
        chosen, least = first, float("inf")
        for probe in range(first, first + PROBES):
            place = probe % self._slots
            if tags[place] == tag:
                return place
            if full_at[place] < least:
                chosen, least = place, full_at[place]
        tags[chosen], full_at[chosen] = tag, 0.0
        return chosen
