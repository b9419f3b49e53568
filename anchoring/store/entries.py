"""Entries: appended, read, never changed but by erasure."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import CANARY, Issuer
from anchoring.core.leaf import SaltedDigests, issuer_id_of
from anchoring.core.manifest import ManifestEntry
from anchoring.core.portions import portions
from anchoring.errors import StateCorrupt
from anchoring.ports.entries import Entry, EntryRange, Evidence, NewEntries, Recalled, Receipts
from anchoring.ports.figures import COUNTED
from anchoring.store import packed
from anchoring.store.columns import UtcDateTime, code_of
from anchoring.store.detaching import hold_what_is_detached
from anchoring.store.engine import SEAL_LOCK, driver_errors, number_above
from anchoring.store.erasures import UNWRITTEN, erase_again, erase_requested
from anchoring.store.evidence import evidence_of
from anchoring.store.packed import ROWS_A_STATEMENT, Packed, pack
from anchoring.store.partitions import IS_PARTITIONED, WIDTH, older_entry
from anchoring.store.postgresql import DriverStatement
from anchoring.store.receipts import receipts_of
from anchoring.store.restored_entries import recall_entries, restore_entries
from anchoring.store.tables import entry, erasure, issuer
from anchoring.types import HASH_BYTES, SALT_BYTES, Did, Digest, Salt


class SqlEntries:
    """Implements ports.Entries."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_postgresql = connection.dialect.name == "postgresql"
        self._statements = _POSTGRESQL if self._is_postgresql else _SQLITE

    def add_missing(self, new: Sequence[NewEntries], received_at: datetime) -> int:
        # Ids are not commit order on PostgreSQL: the seal mark waits until nobody holds this lock. On SQLite BEGIN IMMEDIATE
        # makes them so.
        given = self._pack(new) | {"salts": b"".join([one.salts for one in new]), "received_at": received_at}
        if not self._is_postgresql:
            return self._connection.execute(_SQLITE.add_missing, given).rowcount
        with driver_errors(self._connection) as driver, driver.cursor() as cursor:
            _, is_partitioned = _SHARE_SEAL_LOCK.execute(cursor).fetchone()
            given["received_at"] = _MOMENT.process_bind_param(received_at, self._connection.dialect)
            added: int = (_ADD_TO_PARTITIONS if is_partitioned else _ADD_TO_TABLE).execute(cursor, given).rowcount
        return added

    def add_one(self, issuer: Issuer, digest: Digest, salt: Salt, received_at: datetime) -> int:
        self.add_missing([NewEntries(issuer=issuer, digests=digest, salts=salt)], received_at)
        return self.of_issuer(issuer, [digest])[digest].id

    def receipts(self, posted: Sequence[NewEntries]) -> Receipts:
        return receipts_of(self._connection, self._pack(posted), codes=CODES)

    def cancel_erasures(self, posted: Sequence[NewEntries]) -> None:
        if self._connection.execute(_ANY_PENDING).first() is not None:
            self._connection.execute(self._statements.cancel_erasures, self._pack(posted))

    def of_issuer(self, issuer: Issuer, digests: Collection[Digest]) -> Mapping[Digest, Entry]:
        found: dict[Digest, Entry] = {}
        for some in portions(digests, ROWS_A_STATEMENT):
            for row in self._connection.execute(_OF_ISSUER, {"issuer_id": issuer.id, "digests": some}):
                found[Digest(row.digest)] = read_entry(row)
        return found

    def of_digest(self, digest: Digest, did: Did | None = None) -> Sequence[Entry]:
        [found] = self.of_digests([digest])
        return [one for one in found if did in (None, one.issuer)]

    def of_digests(self, digests: Sequence[Digest]) -> list[list[Entry]]:
        found: list[list[Entry]] = [[] for _ in digests]
        given = pack(self._connection, [0] * len(digests), digests=b"".join(digests))
        for row in self._connection.execute(self._statements.of_digests, given):
            found[row.place].append(read_entry(row))
        return found

    def evidence(self, digests: Sequence[Digest]) -> list[list[Evidence]]:
        return evidence_of(self._connection, digests)

    def seal_mark(self) -> int:
        if self._is_postgresql:
            self._connection.execute(select(func.pg_advisory_xact_lock(SEAL_LOCK)))
        return self._connection.execute(select(func.max(entry.c.id))).scalar() or 0

    def next_range(self, after_id: int, up_to_id: int, limit: int) -> EntryRange | None:
        waiting = select(entry.c.id).where(entry.c.id > after_id, entry.c.id <= up_to_id)
        if up_to_id - after_id > limit:  # else it is all of them, and PostgreSQL takes as long to sort as to count them
            waiting = waiting.order_by(entry.c.id).limit(limit)
        return self._range_of(waiting)

    def range_of_rule(self, first_id: int, last_id: int, rule: Canonicalization) -> EntryRange | None:
        return self._range_of(select(entry.c.id).where(entry.c.id.between(first_id, last_id), entry.c.canonicalization == rule))

    def _range_of(self, entries: Select[tuple[int]]) -> EntryRange | None:
        ids = entries.subquery()
        row = self._connection.execute(select(func.min(ids.c.id), func.max(ids.c.id), func.count())).one()
        first_id, last_id, count = row
        return EntryRange(first_id=first_id, last_id=last_id, count=count) if count else None

    def salted(self, first_id: int, last_id: int) -> Iterator[SaltedDigests]:
        issuers = self._connection.execute(select(issuer.c.id, issuer.c.did)).all()
        issuer_ids = {key: issuer_id_of(Did(did)) for key, did in issuers}
        first: int | None = first_id
        with driver_errors(self._connection) as driver:
            while first is not None and first <= last_id:
                last = min(last_id, first + SALTED_A_STATEMENT - 1)
                for key, packed in (found := self._read_salted(driver, first, last)):
                    if key not in issuer_ids:
                        raise StateCorrupt(f"an entry from {first} to {last} is of issuer {key}, who is not there")
                    yield SaltedDigests(issuer_ids[key], packed)
                first = last + 1 if found else self._connection.execute(_FIRST_AFTER, {"id": last}).scalar()

    def _read_salted(self, driver: Any, first_id: int, last_id: int) -> Sequence[tuple[int, bytes]]:
        rows: Sequence[tuple[int, bytes]]
        if self._is_postgresql:
            with driver.cursor(binary=True) as cursor:
                rows = cursor.execute(_SALTED_ON_POSTGRESQL, (first_id, last_id)).fetchall()
        else:
            rows = driver.execute(_SALTED_ON_SQLITE, (first_id, last_id)).fetchall()
        return rows

    def has_issuers_entry(self, after_id: int, up_to_id: int) -> bool:
        statement = select(entry.c.id).where(entry.c.id > after_id, entry.c.id <= up_to_id, _OF_ISSUERS).limit(1)
        return self._connection.execute(statement).first() is not None

    def has_rule(self, first_id: int, last_id: int, rule: Canonicalization) -> bool:
        statement = select(entry.c.id).where(entry.c.id.between(first_id, last_id), entry.c.canonicalization == rule).limit(1)
        return self._connection.execute(statement).first() is not None

    def count_after(self, entry_id: int) -> int:
        counted = select(func.count()).select_from(entry).where(entry.c.id > entry_id, _OF_ISSUERS)
        return self._connection.execute(counted).scalar_one()

    def backlog(self, entry_id: int, limit: int | None = None) -> int:
        at_most = self._ids_after(entry_id)
        if (
            limit is None or at_most < limit or not self._is_postgresql
        ):  # SQLite leaves no gaps; PostgreSQL does where a digest was known
            return at_most
        some = select(entry.c.id).where(entry.c.id > entry_id).limit(limit).subquery()
        return self._connection.execute(select(func.count()).select_from(some)).scalar_one()

    def _ids_after(self, entry_id: int) -> int:
        """How many were given after this one, partition by partition: between two of them ids leap."""
        count, highest = 0, self._connection.execute(select(func.max(entry.c.id))).scalar() or 0
        while (begins := highest // WIDTH * WIDTH) > entry_id:
            count += highest - begins + 1
            highest = self._connection.execute(_LAST_BELOW, {"id": begins}).scalar() or 0
        return count + max(0, highest - entry_id)

    def waiting_after(self, entry_id: int) -> int:
        at_most = self.backlog(entry_id)
        return at_most if at_most > COUNTED else self.count_after(entry_id)

    def oldest_after(self, entry_id: int) -> datetime | None:
        statement = select(entry.c.received_at).where(entry.c.id > entry_id, _OF_ISSUERS).order_by(entry.c.id).limit(1)
        return self._connection.execute(statement).scalar()

    def request_erasure(self, entry_id: int, at: datetime) -> None:
        dialect = postgresql if self._is_postgresql else sqlite
        statement = dialect.insert(erasure).on_conflict_do_nothing(index_elements=["entry_id"])
        self._connection.execute(statement, {"entry_id": entry_id, "requested_at": at})

    def erase_requested(self, up_to_id: int, at: datetime) -> int:
        return erase_requested(self._connection, up_to_id, at)

    def page_of_issuer(self, issuer: Issuer, after_id: int, last_id: int, limit: int) -> Sequence[Entry]:
        given = {"issuer_id": issuer.id, "after_id": after_id, "last_id": last_id, "limit": limit}
        return [read_entry(row) for row in self._connection.execute(_PAGE_OF_ISSUER, given)]

    def page(self, after_id: int, last_id: int, limit: int) -> Sequence[ManifestEntry]:
        rows = self._connection.execute(_PAGE, {"after_id": after_id, "last_id": last_id, "limit": limit})
        return list(map(_manifest_entry, rows))

    def issuers_between(self, first_id: int, last_id: int) -> Sequence[Did]:
        posted = select(entry.c.issuer_id).where(entry.c.id.between(first_id, last_id)).distinct()
        statement = select(issuer.c.did).where(issuer.c.id.in_(posted)).order_by(issuer.c.id)
        return [Did(did) for did in self._connection.execute(statement).scalars()]

    def unwritten_erasures(self, first_id: int, last_id: int) -> Sequence[int]:
        statement = select(erasure.c.entry_id).where(UNWRITTEN, erasure.c.entry_id.between(first_id, last_id))
        return list(self._connection.execute(statement).scalars())

    def mark_rewritten(self, entry_ids: Collection[int], at: datetime) -> None:
        for some in portions(entry_ids, ROWS_A_STATEMENT):
            self._connection.execute(update(erasure).where(erasure.c.entry_id.in_(some)).values(manifest_rewritten_at=at))

    def erasures(self, first_id: int, last_id: int) -> Sequence[int]:
        done = erasure.c.done_at.is_not(None) & erasure.c.entry_id.between(first_id, last_id)
        return list(self._connection.execute(select(erasure.c.entry_id).where(done)).scalars())

    def recall(self, entries: Sequence[ManifestEntry]) -> Recalled:
        hold_what_is_detached(self._connection)
        if self._is_postgresql:
            self._connection.execute(select(func.pg_advisory_xact_lock(SEAL_LOCK)))
        here = self._connection.execute(self._statements.with_ids, pack(self._connection, [one.id for one in entries]))
        return recall_entries(self._connection, list(map(_manifest_entry, here)), entries)

    def restore(self, after_id: int, entries: Sequence[ManifestEntry]) -> int:
        here = self.page(after_id, entries[-1].id, len(entries) + 1)
        return restore_entries(self._connection, here, entries)

    def erase_again(self, entries: Sequence[ManifestEntry], at: datetime) -> int:
        here = self.page(entries[0].id - 1, entries[-1].id, len(entries))
        return erase_again(self._connection, here, entries, at)

    def continue_above(self, entry_id: int) -> None:
        number_above(self._connection, "entry", entry_id)

    def _pack(self, new: Sequence[NewEntries]) -> dict[str, Any]:
        """What the statements below take apart."""
        numbers: list[int] = []
        for some in new:
            number = some.issuer.id * CODES
            if some.canonicalizations is None:
                numbers += [number] * len(some)
            else:
                numbers += [number + code_of(named) for named in some.canonicalizations]
        digests = b"".join([some.digests for some in new])
        return pack(self._connection, numbers, digests=digests)


_CANARY_ID: Final = select(issuer.c.id).where(issuer.c.did == CANARY).scalar_subquery()
_OF_ISSUERS: Final = entry.c.issuer_id != func.coalesce(_CANARY_ID, 0)

# Statements of hot routes are made once: to make one costs more than to run it.
_ENTRIES: Final = select(entry, issuer.c.did).join(issuer, issuer.c.id == entry.c.issuer_id)
_OF_ISSUER: Final = _ENTRIES.where(
    entry.c.issuer_id == bindparam("issuer_id"), entry.c.digest.in_(bindparam("digests", expanding=True))
)

CODES: Final = 16
"""A row's number is its issuer's id times this, and the code of its canonicalization, which is below this."""


class _Statements:
    """Those over many digests at once, as one database says them."""

    def __init__(self, packed: Packed, insert_into: Callable[[Table], Any]) -> None:
        number, place = packed.number, packed.place
        issuer_id, code = number // CODES, func.nullif(number % CODES, 0)
        digest = packed.slice("digests", HASH_BYTES)
        columns = {
            "issuer_id": issuer_id,
            "digest": digest.label("digest"),
            "salt": packed.slice("salts", SALT_BYTES),
            "canonicalization": code,
            "received_at": bindparam("received_at", type_=UtcDateTime()),
        }
        # Sorted: two requests that post the same digests in another order would deadlock, and the index grows in its own order.
        rows = select(*columns.values()).select_from(packed.rows).order_by(columns["digest"], place)
        added = insert_into(entry).from_select(list(columns), rows)
        # An INSERT's row count is forgotten with its cursor where the dialect does not ask to preserve it.
        missing = added.on_conflict_do_nothing(index_elements=["digest", "issuer_id"])
        self.add_missing = missing.execution_options(preserve_rowcount=True)

        known = older_entry(digest, issuer_id)
        unknown = rows.outerjoin(known, true()).where(known.c.id.is_(None))
        self.add_to_partitions = insert_into(entry).from_select(list(columns), unknown).on_conflict_do_nothing()

        is_it = (entry.c.digest == digest) & (entry.c.issuer_id == issuer_id)
        posted = select(entry.c.id).select_from(packed.rows.join(entry, is_it))
        self.cancel_erasures = delete(erasure).where(erasure.c.done_at.is_(None), erasure.c.entry_id.in_(posted))

        named = packed.rows.join(entry, entry.c.id == number).join(issuer, issuer.c.id == entry.c.issuer_id)
        self.with_ids = select(entry, issuer.c.did).select_from(named)

        of_digests = packed.rows.join(entry, entry.c.digest == digest).join(issuer, issuer.c.id == entry.c.issuer_id)
        self.of_digests = select(place.label("place"), entry, issuer.c.did).select_from(of_digests).order_by("place", entry.c.id)


_SQLITE: Final = _Statements(packed.SQLITE, sqlite.insert)
_POSTGRESQL: Final = _Statements(packed.POSTGRESQL, postgresql.insert)
_SHARE_SEAL_LOCK: Final = DriverStatement(select(func.pg_advisory_xact_lock_shared(SEAL_LOCK), IS_PARTITIONED))
_MOMENT: Final = UtcDateTime()
_ADD_TO_TABLE: Final = DriverStatement(_POSTGRESQL.add_missing)
_ADD_TO_PARTITIONS: Final = DriverStatement(_POSTGRESQL.add_to_partitions)
_FIRST_AFTER: Final = select(func.min(entry.c.id)).where(entry.c.id > bindparam("id"))
_LAST_BELOW: Final = select(func.max(entry.c.id)).where(entry.c.id < bindparam("id"))
_ANY_PENDING: Final = select(erasure.c.entry_id).where(erasure.c.done_at.is_(None)).limit(1)

_PAGE: Final = (
    _ENTRIES.where(entry.c.id > bindparam("after_id"), entry.c.id <= bindparam("last_id"))
    .order_by(entry.c.id)
    .limit(bindparam("limit"))
)
_PAGE_OF_ISSUER: Final = _PAGE.where(entry.c.issuer_id == bindparam("issuer_id"), entry.c.digest.is_not(None))


SALTED_A_STATEMENT: Final = 50_000
"""Entries whose leaves are hashed together: 2.4 MB. Of fewer, whoever reads them waits more for those who hash."""

# What is hashed is read past SQLAlchemy, and thousands of rows come as one value: a million of them are worth the way around.
_SALTED: Final = "SELECT issuer_id, {} FROM entry WHERE id BETWEEN {} AND {} AND digest IS NOT NULL GROUP BY issuer_id"
_SALTED_ON_SQLITE: Final = _SALTED.format("CAST(group_concat(salt || digest, '') AS BLOB)", "?", "?")
_SALTED_ON_POSTGRESQL: Final = _SALTED.format("string_agg(salt || digest, ''::bytea)", "%s", "%s")


def read_entry(row: Row[Any]) -> Entry:
    """Of the columns of `entry`, and the DID of its issuer."""
    return Entry(
        id=row.id,
        issuer=Did(row.did),
        digest=Digest(row.digest),
        salt=Salt(row.salt),
        canonicalization=row.canonicalization,
        received_at=row.received_at,
    )


def _manifest_entry(row: Row[Any]) -> ManifestEntry:
    return ManifestEntry(
        id=row.id,
        issuer=Did(row.did),
        received_at=row.received_at,
        digest=row.digest,
        salt=row.salt,
        canonicalization=row.canonicalization,
    )
