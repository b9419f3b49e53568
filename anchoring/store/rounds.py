"""The lease, the record of rounds, and the ledger this store belongs to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.proof import Registry
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.rounds import RoundRecord, RoundResult
from anchoring.store.kept import KeptParts
from anchoring.store.tables import ledger_identity, rebuilt_mark, restored_mark, round_lease, round_record
from anchoring.types import Address, BlockHash, CodeHash


class SqlRounds:
    """Implements ports.Rounds."""

    def __init__(self, connection: Connection, kept: KeptParts | None = None) -> None:
        self._connection = connection
        self._kept = kept or KeptParts()
        self._dialect = postgresql if connection.dialect.name == "postgresql" else sqlite

    def take_lease(self, holder: str, now: datetime, until: datetime) -> bool:
        first = self._dialect.insert(round_lease).on_conflict_do_nothing(index_elements=["id"])
        if self._connection.execute(first, {"id": 1, "holder": holder, "until": until}).rowcount == 1:
            return True
        never = until + (until - now)  # nobody takes one for so long: a clock was set back, and the holder may be dead
        free = or_(round_lease.c.holder == holder, round_lease.c.until <= now, round_lease.c.until > never)
        taken = update(round_lease).where(free).values(holder=holder, until=until)
        return self._connection.execute(taken).rowcount == 1

    def lease_holder(self) -> str | None:
        return self._connection.execute(select(round_lease.c.holder)).scalar()

    def release_lease(self, holder: str) -> None:
        self._connection.execute(delete(round_lease).where(round_lease.c.holder == holder))

    def begin(self, holder: str, at: datetime) -> int:
        statement = insert(round_record).returning(round_record.c.id)
        round_id: int = self._connection.execute(statement, {"holder": holder, "started_at": at}).scalar_one()
        return round_id

    def finish(self, round_id: int, record: RoundRecord) -> None:
        values = {
            "finished_at": record.finished_at,
            "result": record.result,
            "head_number": record.head_number,
            "head_time": record.head_time,
            "balance_wei": None if record.balance_wei is None else str(record.balance_wei),
            "detail": record.detail,
        }
        self._connection.execute(update(round_record).where(round_record.c.id == round_id).values(**values))

    def newest(self, limit: int) -> Sequence[RoundRecord]:
        statement = select(round_record).order_by(round_record.c.id.desc()).limit(limit)
        return [_record(row) for row in self._connection.execute(statement)]

    def identity(self) -> LedgerIdentity | None:
        if self._kept.identity is None:
            row = self._connection.execute(_IDENTITY).first()
            self._kept.identity = None if row is None else _identity(row)
        return self._kept.identity

    def record_identity(self, identity: LedgerIdentity) -> LedgerIdentity:
        values = {
            "id": 1,
            "chain_id": identity.registry.chain_id,
            "contract": identity.registry.contract,
            "genesis_hash": identity.genesis_hash,
            "code_hash": identity.code_hash,
        }
        self._connection.execute(self._dialect.insert(ledger_identity).on_conflict_do_nothing(index_elements=["id"]), values)
        return _identity(self._connection.execute(select(ledger_identity)).one())

    def restored_at(self) -> datetime | None:
        return self._connection.execute(select(restored_mark.c.restored_at)).scalar()

    def mark_restored(self, at: datetime) -> None:
        self.clear_restored()
        self._connection.execute(insert(restored_mark), {"id": 1, "restored_at": at})

    def clear_restored(self) -> None:
        self._connection.execute(delete(restored_mark))

    def rebuilt_at(self) -> datetime | None:
        return self._connection.execute(select(rebuilt_mark.c.rebuilt_at)).scalar()

    def mark_rebuilt(self, at: datetime) -> None:
        self._connection.execute(delete(rebuilt_mark))
        self._connection.execute(insert(rebuilt_mark), {"id": 1, "rebuilt_at": at})


_IDENTITY: Final = select(ledger_identity)


def _identity(row: Row[Any]) -> LedgerIdentity:
    return LedgerIdentity(
        registry=Registry(chain_id=row.chain_id, contract=Address(row.contract)),
        genesis_hash=BlockHash(row.genesis_hash),
        code_hash=CodeHash(row.code_hash),
    )


def _record(row: Row[Any]) -> RoundRecord:
    return RoundRecord(
        started_at=row.started_at,
        finished_at=row.finished_at,
        holder=row.holder,
        result=None if row.result is None else RoundResult(row.result),
        head_number=row.head_number,
        head_time=row.head_time,
        balance_wei=None if row.balance_wei is None else int(row.balance_wei),
        detail=row.detail,
    )
