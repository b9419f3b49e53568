"""The failpoints of a round, and how a test arms them."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from anchoring.failpoints import watchers
from scripts.devnet import ROOT
from tests.injections import injected

UNSIGNED: Final = ("head.written", "head.prepared", "seal.beginning", "seal.written", "batch.sealed", "attempt.signed")
"""The database knows of no signed transaction."""
UNSENT: Final = ("attempt.persisted", "broadcast.beginning")
SENT: Final = ("broadcast.answered", "broadcast.recorded")
MINED: Final = ("receipt.seen", "anchor.confirmed", "final.written", "anchor.final")
REPLACED: Final = ("replacement.signed", "replacement.persisted")
"""An earlier attempt at the nonce is in the pool."""

OF_A_ROUND: Final = UNSIGNED + UNSENT + SENT + MINED
ALL: Final = OF_A_ROUND + REPLACED
HOLDS_THE_DATABASE: Final = ("head.written", "seal.beginning", "seal.written", "final.written")
"""Inside a writing transaction."""


def in_the_code() -> set[str]:
    """The names of all failpoints there are."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "anchoring").rglob("*.py"))
    return {name for source in sources for name in re.findall(r"\bfailpoint\(\"([^\"]+)\"\)", source)}


@contextmanager
def watched(reached: Callable[[str], None]) -> Iterator[None]:
    """`reached` is told of every failpoint meanwhile."""
    watchers.append(reached)
    try:
        yield
    finally:
        watchers.remove(reached)


class Armed:
    """One failpoint at which something happens, once. `fired`: whether it did; `seen`: every failpoint on the way."""

    def __init__(self, at: str, happens: Callable[[], None]) -> None:
        self.fired = False
        self.seen: list[str] = []
        self._at = at
        self._happens = happens

    def __call__(self, name: str) -> None:
        self.seen.append(name)
        if name == self._at and not self.fired:
            self.fired = True
            injected()
            self._happens()
