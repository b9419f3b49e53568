"""The audit log: records are put behind each other when a unit of work commits, by its last statement.

So the chain is taken hold of for no longer than a commit takes, whatever the unit of work does before, and nothing is waited for
while it is held. Numbers have no gaps, and their order is the order of commits.
"""

import secrets
from collections.abc import Sequence
from datetime import date, datetime
from threading import Lock
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.audit_log import (
    SOURCE_SALT_BYTES,
    START,
    Act,
    AuditHead,
    detail_text,
    record_hash,
    record_text,
    source_hash,
)
from anchoring.core.batch import BatchState
from anchoring.core.issuer import CANARY
from anchoring.core.own_entries import OwnEntry
from anchoring.ports.audit_log import BEFORE_ALL, PostedHead, ShownRecord, Wanted
from anchoring.store.columns import EPOCH, MICROSECOND
from anchoring.store.engine import AUDIT_LOCK, driver_errors
from anchoring.store.entries import read_entry
from anchoring.store.shown_records import as_bytes, conditions, find_records
from anchoring.store.tables import audit_head, audit_record, audit_source, batch, canary, entry, issuer
from anchoring.types import Digest, Salt

MOST_SOURCES: Final = 10_000


class Sources:
    """Under which hash a source stands, in one process on one day. What is known of before, and on another day, gets another."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._day: date | None = None
        self._known: dict[str, tuple[bytes, bytes]] = {}
        self._written: set[str] = set()

    def of(self, act: Act) -> tuple[bytes, bytes, bool]:
        """Hash, salt, and whether the database has them."""
        with self._lock:
            if self._day != act.at.date() or len(self._known) >= MOST_SOURCES:
                self._day, self._known, self._written = act.at.date(), {}, set()
            known = self._known.get(act.source)
            if known is None:
                salt = secrets.token_bytes(SOURCE_SALT_BYTES)
                known = self._known[act.source] = source_hash(salt, act.source), salt
            return *known, act.source in self._written

    def written(self, hashes: dict[str, bytes]) -> None:
        """The database has these now."""
        with self._lock:
            self._written |= {source for source, one in hashes.items() if self._known.get(source, (b"", b""))[0] == one}


class SqlAuditLog:
    """Implements ports.AuditLog."""

    def __init__(self, connection: Connection, sources: Sources) -> None:
        self._connection = connection
        self._is_postgresql = connection.dialect.name == "postgresql"
        self._sources = sources
        self._noted: list[Act] = []
        self._new: dict[str, bytes] = {}

    def note(self, act: Act) -> None:
        self._noted.append(act)

    def append_noted(self) -> None:
        """To be called last before the commit."""
        if not self._noted:
            return
        hashes = self._keep_sources()
        head = self._locked_head()
        number, previous = head.number, head.hash
        texts, rows, packed = [], [], []
        for act in self._noted:
            number, source = number + 1, hashes[act.source]
            detail = act.detail if isinstance(act.detail, str) else detail_text(act.detail)
            text = record_text(act, number, previous, detail, source)
            previous = record_hash(text)
            texts.append(text)
            rows.append(((act.at - EPOCH) // MICROSECOND, act.actor, act.issuer, act.action, act.result, detail))
            packed += [source, previous]
        # In one statement, and as one value of JSON: the driver would look at each of many, and let other threads go first.
        if self._is_postgresql:
            values: Any = (b"".join(packed[1::2]), head.number + 1, f"[{','.join(texts)}]")
            with driver_errors(self._connection) as driver, driver.cursor() as cursor:
                cursor.execute(_INSERT_ON_POSTGRESQL, values)
        else:
            self._connection.exec_driver_sql(_INSERT_ON_SQLITE, (head.number + 1, b"".join(packed), orjson.dumps(rows).decode()))
        self._noted = []

    def committed(self) -> None:
        """To be called after the commit."""
        if self._new:
            self._sources.written(self._new)
            self._new = {}

    def head(self) -> AuditHead:
        row = self._connection.execute(_HEAD).first()
        return _EMPTY if row is None else AuditHead(number=row.number, hash=row.hash)

    def find(self, wanted: Wanted, after: int, limit: int) -> Sequence[ShownRecord]:
        return find_records(self._connection, (audit_record.c.number > after, *conditions(wanted)), limit)

    def number_before_last(self, wanted: Wanted, count: int) -> int:
        numbers = select(audit_record.c.number).where(*conditions(wanted)).order_by(audit_record.c.number.desc())
        found = self._connection.execute(numbers.offset(count).limit(1)).scalar()
        return BEFORE_ALL if found is None else found

    def post_head(self, number: int, entry_id: int) -> None:
        self._connection.execute(insert(audit_head), {"number": number, "entry_id": entry_id})

    def newest_posted(self) -> int:
        return self._connection.execute(select(func.max(audit_head.c.number))).scalar() or 0

    def newest_final_head(self) -> PostedHead | None:
        row = self._connection.execute(_FINAL_HEADS).first()
        return None if row is None else PostedHead(number=row.number, entry=read_entry(row))

    def own_entries(self, after_id: int, limit: int) -> Sequence[OwnEntry]:
        return [_own(row) for row in self._connection.execute(_OWN.where(entry.c.id > after_id).limit(limit))]

    def forget_sources(self, before: datetime) -> int:
        return self._connection.execute(delete(audit_source).where(audit_source.c.first_seen_at < before)).rowcount

    def _keep_sources(self) -> dict[str, bytes]:
        """Hash of each noted source; they are in the database once this is committed."""
        hashes, rows = {}, []
        for act in self._noted:
            if act.source not in hashes:
                hashed, salt, is_written = self._sources.of(act)
                hashes[act.source] = hashed
                if not is_written:
                    self._new[act.source] = hashed
                    rows.append({"hash": hashed, "salt": salt, "source": act.source, "first_seen_at": act.at})
        if rows:
            dialect = postgresql if self._is_postgresql else sqlite
            self._connection.execute(dialect.insert(audit_source).on_conflict_do_nothing(index_elements=["hash"]), rows)
        return hashes

    def _locked_head(self) -> AuditHead:
        """Nobody else appends from here to the end of the transaction. SQLite writes for one at a time anyway."""
        if not self._is_postgresql:
            return self.head()
        with driver_errors(self._connection) as driver, driver.cursor() as cursor:
            cursor.execute(_LOCKED_HEAD)  # two statements, one way to the server; the second sees what the first waited for
            cursor.nextset()
            row = cursor.fetchone()
        return _EMPTY if row is None else AuditHead(number=row[0], hash=bytes(row[1]))


def _own(row: Row[Any]) -> OwnEntry:
    return OwnEntry(
        id=row.id,
        digest=None if row.digest is None else Digest(row.digest),
        salt=None if row.salt is None else Salt(row.salt),
        number=row.number,
        record_hash=row.hash,
        is_canary=row.canary_id is not None,
    )


_EMPTY: Final = AuditHead(number=0, hash=START)
_COLUMNS: Final = "number, at, actor, issuer, action, result, detail, source, hash"
_INSERT_ON_SQLITE: Final = (
    f"INSERT INTO audit_record ({_COLUMNS}) SELECT ?1 + key, "  # noqa: S608 - constants
    + ", ".join(f"json_extract(value, '$[{i}]')" for i in range(6))
    + ", substr(?2, key * 64 + 1, 32), substr(?2, key * 64 + 33, 32) FROM json_each(?3)"
)
_INSERT_ON_POSTGRESQL: Final = (
    f"INSERT INTO audit_record ({_COLUMNS}) "  # noqa: S608 - constants
    "SELECT number, at, actor, issuer, action, result, detail::text, decode(substr(source, 3), 'hex'), "
    "substr(%s::bytea, ((number - %s) * 32 + 1)::integer, 32) FROM json_to_recordset(%s::json) AS given("
    "number bigint, at timestamptz, actor text, issuer text, action text, result text, detail json, source text)"
)
_LOCKED_HEAD: Final = (
    f"SELECT pg_advisory_xact_lock({AUDIT_LOCK}); "  # noqa: S608 - a constant
    "SELECT number, hash FROM audit_record ORDER BY number DESC LIMIT 1"
)
_HEAD: Final = select(audit_record.c.number, as_bytes(audit_record.c.hash)).order_by(audit_record.c.number.desc()).limit(1)

_OWN: Final[Select[Any]] = (
    select(
        entry.c.id,
        as_bytes(entry.c.digest),
        as_bytes(entry.c.salt),
        audit_head.c.number,
        as_bytes(audit_record.c.hash),
        canary.c.entry_id.label("canary_id"),
    )
    .select_from(
        entry.outerjoin(audit_head, audit_head.c.entry_id == entry.c.id)
        .outerjoin(audit_record, audit_record.c.number == audit_head.c.number)
        .outerjoin(canary, canary.c.entry_id == entry.c.id)
    )
    .where(entry.c.issuer_id == select(issuer.c.id).where(issuer.c.did == CANARY).scalar_subquery())
    .order_by(entry.c.id)
)

_FINAL_HEADS: Final[Select[Any]] = (
    select(
        audit_head.c.number,
        entry.c.id,
        as_bytes(entry.c.digest),
        as_bytes(entry.c.salt),
        entry.c.canonicalization,
        entry.c.received_at,
        issuer.c.did,
    )
    .select_from(
        audit_head.join(entry, entry.c.id == audit_head.c.entry_id)
        .join(audit_record, and_(audit_record.c.number == audit_head.c.number, audit_record.c.hash == entry.c.digest))
        .join(issuer, issuer.c.id == entry.c.issuer_id)
        .join(batch, and_(batch.c.first_id <= entry.c.id, batch.c.last_id >= entry.c.id))
    )
    .where(batch.c.state == BatchState.FINAL, issuer.c.did == CANARY)
    .order_by(audit_head.c.number.desc())
    .limit(1)
)
