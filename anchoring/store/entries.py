"""Entries: appended, read, never changed but by erasure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.issuer import Issuer
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.manifest import ManifestEntry
from anchoring.errors import StateCorrupt
from anchoring.ports.store import Entry, EntryRange, NewEntry
from anchoring.store.engine import SEAL_LOCK
from anchoring.store.tables import entry, erasure, issuer
from anchoring.types import Did, Digest, LeafHash, Salt

T = TypeVar("T")

ROWS_A_STATEMENT: Final = 10_000
"""Rows written or read at once: a compromise between round trips and memory."""


class SqlEntries:
    """Implements ports.Entries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_postgresql = connection.dialect.name == "postgresql"

    def add_missing(self, issuer: Issuer, entries: Sequence[NewEntry], received_at: datetime) -> None:
        # Ids are not commit order on PostgreSQL: the seal mark waits until nobody holds this lock. On SQLite BEGIN IMMEDIATE
        # makes them so.
        if self._is_postgresql:
            self._connection.execute(select(func.pg_advisory_xact_lock_shared(SEAL_LOCK)))
        dialect = postgresql if self._is_postgresql else sqlite
        statement = dialect.insert(entry).on_conflict_do_nothing(index_elements=["digest", "issuer_id"])
        # Sorted: two requests that post the same digests in another order would deadlock, and the index grows in its own order.
        ordered = sorted(entries, key=lambda new: new.digest)
        for some in _portions(ordered):
            rows = [
                {
                    "issuer_id": issuer.id,
                    "digest": new.digest,
                    "salt": new.salt,
                    "canonicalization": new.canonicalization,
                    "received_at": received_at,
                }
                for new in some
            ]
            self._connection.execute(statement, rows)

    def of_issuer(self, issuer: Issuer, digests: Collection[Digest]) -> Mapping[Digest, Entry]:
        found: dict[Digest, Entry] = {}
        for some in _portions(list(digests)):
            for row in self._connection.execute(_OF_ISSUER, {"issuer_id": issuer.id, "digests": some}):
                found[Digest(row.digest)] = _entry(row)
        return found

    def of_digest(self, digest: Digest, did: Did | None = None) -> Sequence[Entry]:
        rows = self._connection.execute(_OF_DIGEST, {"digest": digest})
        return [_entry(row) for row in rows if did is None or row.did == did]

    def seal_mark(self) -> int:
        if self._is_postgresql:
            self._connection.execute(select(func.pg_advisory_xact_lock(SEAL_LOCK)))
        return self._connection.execute(select(func.max(entry.c.id))).scalar() or 0

    def next_range(self, after_id: int, up_to_id: int, limit: int) -> EntryRange | None:
        waiting = select(entry.c.id).where(entry.c.id > after_id, entry.c.id <= up_to_id).order_by(entry.c.id).limit(limit)
        ids = waiting.subquery()
        row = self._connection.execute(select(func.min(ids.c.id), func.max(ids.c.id), func.count())).one()
        first_id, last_id, count = row
        return EntryRange(first_id=first_id, last_id=last_id, count=count) if count else None

    def leaf_hashes(self, first_id: int, last_id: int) -> Iterator[LeafHash]:
        issuers = self._connection.execute(select(issuer.c.id, issuer.c.did))
        issuer_ids = {row.id: issuer_id_of(Did(row.did)) for row in issuers}
        statement = (
            select(entry.c.issuer_id, entry.c.salt, entry.c.digest)
            .where(entry.c.id.between(first_id, last_id), entry.c.digest.is_not(None))
            .execution_options(yield_per=ROWS_A_STATEMENT)
        )
        with self._connection.execute(statement) as found:
            for issuer_key, salt, digest in found:
                if issuer_key not in issuer_ids:
                    raise StateCorrupt(f"an entry from {first_id} to {last_id} is of issuer {issuer_key}, who is not there")
                yield leaf_hash(issuer_ids[issuer_key], salt, digest)

    def count_after(self, entry_id: int) -> int:
        return self._connection.execute(select(func.count()).select_from(entry).where(entry.c.id > entry_id)).scalar_one()

    def oldest_after(self, entry_id: int) -> datetime | None:
        statement = select(entry.c.received_at).where(entry.c.id > entry_id).order_by(entry.c.id).limit(1)
        return self._connection.execute(statement).scalar()

    def request_erasure(self, entry_id: int, at: datetime) -> None:
        dialect = postgresql if self._is_postgresql else sqlite
        statement = dialect.insert(erasure).on_conflict_do_nothing(index_elements=["entry_id"])
        self._connection.execute(statement, {"entry_id": entry_id, "requested_at": at})

    def erase_requested(self, up_to_id: int, at: datetime) -> int:
        pending = (erasure.c.done_at.is_(None)) & (erasure.c.entry_id <= up_to_id)
        claimed = update(erasure).where(pending).values(done_at=at).returning(erasure.c.entry_id)
        ids = list(self._connection.execute(claimed).scalars())
        for some in _portions(ids):
            erased = update(entry).where(entry.c.id.in_(some)).values(digest=None, salt=None, canonicalization=None)
            self._connection.execute(erased)
        return len(ids)

    def cancel_erasure(self, entry_ids: Collection[int]) -> None:
        for some in _portions(list(entry_ids)):
            waiting = erasure.c.entry_id.in_(some) & erasure.c.done_at.is_(None)
            self._connection.execute(delete(erasure).where(waiting))

    def page(self, after_id: int, last_id: int, limit: int) -> Sequence[ManifestEntry]:
        rows = self._connection.execute(_PAGE, {"after_id": after_id, "last_id": last_id, "limit": limit})
        return [
            ManifestEntry(
                id=row.id,
                issuer=Did(row.did),
                received_at=row.received_at,
                digest=row.digest,
                salt=row.salt,
                canonicalization=row.canonicalization,
            )
            for row in rows
        ]

    def issuers_between(self, first_id: int, last_id: int) -> Sequence[Did]:
        posted = select(entry.c.issuer_id).where(entry.c.id.between(first_id, last_id)).distinct()
        statement = select(issuer.c.did).where(issuer.c.id.in_(posted)).order_by(issuer.c.id)
        return [Did(did) for did in self._connection.execute(statement).scalars()]

    def unwritten_erasures(self, first_id: int, last_id: int) -> Sequence[int]:
        statement = select(erasure.c.entry_id).where(UNWRITTEN, erasure.c.entry_id.between(first_id, last_id))
        return list(self._connection.execute(statement).scalars())

    def mark_rewritten(self, entry_ids: Collection[int], at: datetime) -> None:
        for some in _portions(list(entry_ids)):
            self._connection.execute(update(erasure).where(erasure.c.entry_id.in_(some)).values(manifest_rewritten_at=at))


def _portions(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), ROWS_A_STATEMENT):
        yield rows[start : start + ROWS_A_STATEMENT]


# Statements of hot routes are made once: to make one costs more than to run it.
_ENTRIES: Final = select(entry, issuer.c.did).join(issuer, issuer.c.id == entry.c.issuer_id)
_OF_DIGEST: Final = _ENTRIES.where(entry.c.digest == bindparam("digest")).order_by(entry.c.id)
_OF_ISSUER: Final = _ENTRIES.where(
    entry.c.issuer_id == bindparam("issuer_id"), entry.c.digest.in_(bindparam("digests", expanding=True))
)

_PAGE: Final = (
    _ENTRIES.where(entry.c.id > bindparam("after_id"), entry.c.id <= bindparam("last_id"))
    .order_by(entry.c.id)
    .limit(bindparam("limit"))
)

UNWRITTEN: Final = erasure.c.done_at.is_not(None) & erasure.c.manifest_rewritten_at.is_(None)


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        id=row.id,
        issuer=Did(row.did),
        digest=Digest(row.digest),
        salt=Salt(row.salt),
        canonicalization=row.canonicalization,
        received_at=row.received_at,
    )
