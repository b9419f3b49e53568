"""What the units of work of one store keep in memory: only what never changes under its key, so that none is ever wrong.

Those that write neither fill nor use it: what they see may yet be rolled back.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Final, Generic, TypeVar

from anchoring.core.batch import Batch
from anchoring.core.tiles import Tile, TileCoordinate
from anchoring.ports.ledger import LedgerIdentity

KEPT_TILES: Final = 1024
"""Upper tiles in memory: 16 MiB at most, those of sixty full batches."""

KEPT_PATHS: Final = 4096
"""Paths above a tile of level 0: 4 MiB at most."""

KEPT_BATCHES: Final = 4096

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """What was asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        return self._values.get(key)

    def keep(self, key: K, value: V) -> None:
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)


class KeptParts:
    """Upper tiles and paths through them, batches as they stood at a state and in a block, the ledger once it is recorded."""

    def __init__(self) -> None:
        self.tiles: Kept[tuple[int, TileCoordinate], Tile] = Kept(KEPT_TILES)
        self.paths: Kept[tuple[int, int], Sequence[bytes]] = Kept(KEPT_PATHS)
        self.batches: Kept[tuple[int, str, bytes], Batch] = Kept(KEPT_BATCHES)
        self.identity: LedgerIdentity | None = None
