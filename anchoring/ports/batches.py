"""What the use cases need of batches and their tiles."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Protocol

from anchoring.core.batch import Anchor, Batch, BlockPlace
from anchoring.core.tiles import SealedTree, Tile, TileCoordinate
from anchoring.ports.entries import EntryRange
from anchoring.types import LeafHash, Root


class Batches(Protocol):
    """Batches and their tiles. Changes of state are compare-and-set: False means that the state was another."""

    def unfinished(self) -> Batch | None:
        """The batch whose range is fixed and whose tree is not built yet."""

    def last_entry_id(self) -> int:
        """Where the newest range ends; 0 when there is none."""

    def last_sealed_entry_id(self) -> int:
        """Where the newest sealed range ends; 0 when there is none."""

    def fix_range(self, entries: EntryRange) -> bool:
        """Begin a batch with these entries; False when another round began one from the same id."""

    def begin(self, batch_id: int, entries: EntryRange) -> None:
        """Begin a batch that a manifest tells of, under its own id."""

    def overlapping(self, first_id: int, last_id: int) -> Batch | None:
        """A batch, finished or not, whose range has an id in common with this one."""

    def last_entry_id_below(self, entry_id: int) -> int:
        """Where the newest range ends that ends below this id; 0 when there is none."""

    def continue_above(self, batch_id: int) -> None:
        """The next batch has a higher id than this."""

    def keep_tiles(self, batch_id: int, tiles: Sequence[Tile]) -> None:
        """Keep tiles of an unfinished batch; those already there stay, since they can only be the same."""

    def seal(self, batch_id: int, tree: SealedTree, at: datetime) -> bool:
        """Waiting → sealed."""

    def submit(self, batch_ids: Collection[int]) -> bool:
        """Sealed → submitted, all of them or none."""

    def confirm(self, batch_id: int, anchor: Anchor, at: datetime) -> bool:
        """Sealed or submitted → confirmed; the anchor goes into the history as well."""

    def finalize(self, batch_id: int, block: BlockPlace, at: datetime) -> bool:
        """Confirmed in this block → final."""

    def withdraw(self, batch_id: int, block: BlockPlace, why: str, at: datetime) -> bool:
        """Confirmed or final in this block → submitted where a live submission carries the root, else sealed.

        The history says why.
        """

    def release(self, batch_id: int) -> bool:
        """Submitted → sealed: its submission can no longer anchor it."""

    def with_id(self, batch_id: int) -> Batch | None: ...

    def anchored(self, batch_id: int, state: str, block_hash: bytes) -> Batch | None:
        """The batch as it is in this state and recorded in this block; None when it no longer is. It may be kept in memory."""

    def of_entry(self, entry_id: int) -> Batch | None:
        """The batch whose range holds the entry; None while it is in none."""

    def of_entries(self, entry_ids: Sequence[int]) -> Sequence[Batch | None]:
        """As `of_entry` of each, in the order of the input."""

    def of_root(self, root: Root) -> Batch | None: ...

    def in_state(self, *states: str, limit: int) -> Sequence[Batch]:
        """The oldest batches in these states."""

    def roots(self) -> Sequence[tuple[int, Root]]:
        """Id and root of every sealed batch, oldest first."""

    def with_unwritten_erasures(self) -> Sequence[int]:
        """Ids of the sealed batches of which an entry is erased here and may still stand in a manifest."""

    def anchored_in(self, block: BlockPlace) -> Sequence[Batch]:
        """The batches recorded as anchored in this block."""

    def newest_final(self) -> Batch | None:
        """A final batch of the highest block."""

    def after(self, batch_id: int, limit: int) -> Sequence[Batch]:
        """Batches with a higher id, oldest first."""

    def page(self, before_id: int | None, limit: int) -> Sequence[Batch]:
        """Sealed batches, newest first, with ids below `before_id`."""

    def count_anchored(self) -> int: ...

    def newest_anchored(self, limit: int) -> Sequence[Batch]:
        """The batches anchored last, newest first."""

    def detached_at(self, batch_id: int) -> datetime | None:
        """When entries of the batch were detached; None while all of them are here."""

    def detached_ids(self) -> frozenset[int]:
        """The batches of which entries were detached."""

    def overlapping_after(self, batch_id: int, first_id: int, last_id: int, limit: int) -> Sequence[Batch]:
        """Batches with a higher id whose range has an id in common with this one, oldest first."""

    def clear_detached(self, batch_id: int) -> bool:
        """All of its entries are here again; False, and nothing changed, where some are not.

        Raises: StoreUnavailable while entries are detached.
        """

    def tile(self, batch_id: int, at: TileCoordinate) -> Tile | None: ...

    def path_above_tile(self, batch: Batch, n: int) -> Sequence[bytes]:
        """What the paths of all leaves of tile `n` of level 0 share, leaf side first. Raises: StateCorrupt without a tile."""

    def tiles(self, batch_id: int) -> Iterator[Tile]:
        """Every tile of a batch, lowest level first, each level from the left."""

    def tile_of_leaf(self, batch_id: int, leaf: LeafHash) -> Tile | None:
        """The tile of level 0 with the greatest first leaf not above this one."""

    def tiles_of_leaves(self, leaves: Sequence[tuple[int, LeafHash]]) -> Sequence[Tile | None]:
        """As `tile_of_leaf` of each batch id and leaf, in the order of the input."""
