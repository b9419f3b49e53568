"""What proves anchors without a node, beside the batches."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.batch import Batch, BlockPlace
from anchoring.core.bundle import Bundle, bundle_from_json, bundle_to_json
from anchoring.errors import MalformedProof, StateCorrupt
from anchoring.store.batches import read_batch, recorded_in
from anchoring.store.tables import LACKING_BUNDLE, anchor_bundle, batch
from anchoring.types import BlockHash, Root

_IS_GOOD: Final = (anchor_bundle.c.batch_id == batch.c.id) & (anchor_bundle.c.block_hash == batch.c.block_hash)


class SqlBundles:
    """Implements ports.Bundles."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lacking(self, limit: int) -> Sequence[Batch]:
        without = select(batch).where(LACKING_BUNDLE).order_by(batch.c.id.desc()).limit(limit)
        return [read_batch(row) for row in self._connection.execute(without)]

    def keep(self, batch_id: int, block: BlockPlace, bundle: Bundle) -> bool:
        marked = update(batch).where(batch.c.id == batch_id, recorded_in(block)).values(bundle_block_hash=block.hash)
        if not self._connection.execute(marked).rowcount:
            return False
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        kept = {"block_hash": block.hash, "content": json.dumps(bundle_to_json(bundle), separators=(",", ":"))}
        new = dialect.insert(anchor_bundle).values(batch_id=batch_id, **kept)
        self._connection.execute(new.on_conflict_do_update(index_elements=["batch_id"], set_=kept))
        return True

    def of(self, root: Root, block_hash: BlockHash) -> Bundle | None:
        wanted = select(batch.c.id, anchor_bundle.c.content).join(batch, _IS_GOOD)
        row = self._connection.execute(wanted.where(batch.c.root == root, batch.c.block_hash == block_hash)).first()
        return None if row is None else _bundle(row.id, row.content)


def _bundle(batch_id: int, content: str) -> Bundle:
    try:
        return bundle_from_json(json.loads(content))
    except (ValueError, MalformedProof) as wrong:
        raise StateCorrupt(f"what is kept as the bundle of batch {batch_id} is none") from wrong
