"""Anchors on the ledger whose batch this database lacks."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.batch import Anchor, BlockPlace
from anchoring.store.tables import batch, orphan_anchor
from anchoring.types import Address, BlockHash, Root, TxHash

WITHOUT_BATCH: Final = orphan_anchor.c.root.not_in(select(batch.c.root).where(batch.c.root.is_not(None)))
"""A batch that was lost may have come back."""

_UNACCEPTED: Final = orphan_anchor.c.accepted_at.is_(None)


class SqlOrphans:
    """Implements ports.Orphans."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = postgresql if connection.dialect.name == "postgresql" else sqlite

    def record(self, anchor: Anchor, at: datetime, *, accepted: bool) -> bool:
        values = {
            "root": anchor.root,
            "sequence": anchor.sequence,
            "leaf_count": anchor.leaf_count,
            "anchored_by": anchor.anchored_by,
            "tx_hash": anchor.transaction,
            "block_number": anchor.block.number,
            "block_hash": anchor.block.hash,
            "anchored_at": anchor.anchored_at,
            "found_at": at,
            "accepted_at": at if accepted else None,
        }
        first = self._dialect.insert(orphan_anchor).on_conflict_do_nothing(index_elements=["root"])
        return self._connection.execute(first.returning(orphan_anchor.c.root), values).first() is not None

    def is_accepted(self, root: Root) -> bool:
        statement = select(orphan_anchor.c.root).where(orphan_anchor.c.root == root, orphan_anchor.c.accepted_at.is_not(None))
        return self._connection.execute(statement).first() is not None

    def unaccepted(self) -> Sequence[Anchor]:
        statement = select(orphan_anchor).where(_UNACCEPTED, WITHOUT_BATCH).order_by(orphan_anchor.c.sequence)
        return [_anchor(row) for row in self._connection.execute(statement)]

    def count(self) -> int:
        return self._connection.execute(select(func.count()).select_from(orphan_anchor).where(WITHOUT_BATCH)).scalar_one()

    def accept(self, at: datetime) -> None:
        self._connection.execute(update(orphan_anchor).where(_UNACCEPTED).values(accepted_at=at))

    def forget_unaccepted(self) -> None:
        self._connection.execute(delete(orphan_anchor).where(_UNACCEPTED))


def _anchor(row: Row[Any]) -> Anchor:
    return Anchor(
        root=Root(row.root),
        sequence=row.sequence,
        leaf_count=row.leaf_count,
        anchored_by=Address(row.anchored_by),
        transaction=TxHash(row.tx_hash),
        block=BlockPlace(number=row.block_number, hash=BlockHash(row.block_hash)),
        anchored_at=row.anchored_at,
    )
