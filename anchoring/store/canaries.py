"""Canaries: entries of our own, and whether their proofs held."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from anchoring.ports.entries import Canary
from anchoring.store.entries import read_entry
from anchoring.store.tables import canary, entry, issuer


class SqlCanaries:
    """Implements ports.Canaries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, entry_id: int, at: datetime) -> None:
        self._connection.execute(insert(canary), {"entry_id": entry_id, "posted_at": at})

    def newest(self) -> Canary | None:
        row = self._connection.execute(_CANARIES.order_by(canary.c.entry_id.desc()).limit(1)).first()
        return None if row is None else _canary(row)

    def unchecked(self, limit: int) -> Sequence[Canary]:
        statement = _CANARIES.where(canary.c.checked_at.is_(None)).order_by(canary.c.entry_id).limit(limit)
        return [_canary(row) for row in self._connection.execute(statement)]

    def settle(self, entry_id: int, at: datetime, detail: str | None) -> bool:
        open_one = (canary.c.entry_id == entry_id) & canary.c.checked_at.is_(None)
        settled = update(canary).where(open_one).values(checked_at=at, passed=int(detail is None), detail=detail)
        return self._connection.execute(settled).rowcount == 1


# One that was erased can no longer be checked.
_CANARIES: Final = (
    select(canary, entry, issuer.c.did)
    .join(entry, entry.c.id == canary.c.entry_id)
    .join(issuer, issuer.c.id == entry.c.issuer_id)
    .where(entry.c.digest.is_not(None))
)


def _canary(row: Row[Any]) -> Canary:
    return Canary(
        entry=read_entry(row),
        posted_at=row.posted_at,
        checked_at=row.checked_at,
        passed=None if row.passed is None else bool(row.passed),
        detail=row.detail,
    )
