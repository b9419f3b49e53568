"""What the use cases need of the bundles that prove anchors without a node."""

from collections.abc import Sequence
from typing import Protocol

from anchoring.core.batch import Batch, BlockPlace
from anchoring.core.bundle import Bundle
from anchoring.types import BlockHash, Root


class Bundles(Protocol):
    """At most one of each batch, and good only while the batch is recorded in the block that it is of."""

    def lacking(self, limit: int) -> Sequence[Batch]:
        """Anchored batches without one of the block they are recorded in, newest first."""

    def keep(self, batch_id: int, block: BlockPlace, bundle: Bundle) -> bool:
        """In place of one of another block. False when the batch is not recorded in this block, and nothing is kept."""

    def of(self, root: Root, block_hash: BlockHash) -> Bundle | None:
        """The one that proves this root in this block. Raises: StateCorrupt when what is kept is none."""
