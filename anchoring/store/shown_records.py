"""Records of the audit log as they are read, whatever somebody made of them who can write to the database."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, LargeBinary, Row, Select, cast, literal, or_, select
from sqlalchemy.exc import DataError, OperationalError

from anchoring.core.audit_log import START, AuditRecord, source_hash
from anchoring.ports.audit_log import ShownRecord, Wanted
from anchoring.store.columns import EPOCH
from anchoring.store.engine import first_line, is_no_text
from anchoring.store.tables import audit_record, audit_source
from anchoring.types import Did


def find_records(connection: Connection, which: Sequence[ColumnElement[bool]], limit: int) -> Sequence[ShownRecord]:
    """The first of them. In place of what no program can have written stands a record whose hash is that of nothing."""
    try:
        return _read(connection, _SHOWN.where(*which).limit(limit))
    except _UNREADABLE:  # the others still are
        numbers = select(audit_record.c.number).where(*which).order_by(audit_record.c.number).limit(limit)
        return [_readable(connection, number) for number in connection.execute(numbers).scalars().all()]


def conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    """For `find_records`."""
    found: list[ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(audit_record.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(audit_record.c.at < wanted.until)
    if wanted.actor is not None:
        found.append(audit_record.c.actor == wanted.actor)
    if wanted.issuer is not None:
        found.append(audit_record.c.issuer == wanted.issuer)
    if wanted.result is not None:
        found.append(audit_record.c.result == wanted.result)
    if wanted.action is not None:
        of_noun = audit_record.c.action.startswith(f"{wanted.action}.", autoescape=True)
        found.append(or_(audit_record.c.action == wanted.action, of_noun))
    return found


def as_bytes(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column under its name, as bytes also where SQLite keeps text in it, of which its driver says that it is no UTF-8."""
    return cast(column, LargeBinary).label(column.name)


def _readable(connection: Connection, number: int) -> ShownRecord:
    for asked in (_SHOWN, _SHOWN_WITHOUT_SOURCE):
        try:
            [record] = _read(connection, asked.where(audit_record.c.number == number))
        except _UNREADABLE:
            continue
        return record
    return _unreadable(number)


def _read(connection: Connection, asked: Select[Any]) -> list[ShownRecord]:
    """Raises: any of `_UNREADABLE`."""
    try:
        return [_shown(row) for row in connection.execute(asked)]
    except OperationalError as failed:
        if is_no_text(failed):
            raise ValueError(first_line(failed)) from failed
        raise


def _record(row: Row[Any]) -> AuditRecord:
    """Raises: TypeError for bytes where text should be, or the other way round, which SQLite keeps."""
    texts, hashes = (row.actor, row.action, row.result, row.detail, row.issuer or ""), (row.source, row.hash)
    if not (all(isinstance(one, str) for one in texts) and all(isinstance(one, bytes) for one in hashes)):
        raise TypeError(f"record {row.number} has values of other kinds")
    return AuditRecord(
        number=row.number,
        at=row.at,
        actor=row.actor,
        issuer=None if row.issuer is None else Did(row.issuer),
        action=row.action,
        result=row.result,
        detail=row.detail,
        source=row.source,
        hash=row.hash,
    )


def _shown(row: Row[Any]) -> ShownRecord:
    record = _record(row)
    if not isinstance(row.source_text or "", str):
        raise TypeError(f"from where record {row.number} came is no text")
    return ShownRecord(
        record,
        previous=START if row.number == 1 else row.previous,
        source=row.source_text,
        source_fits=row.source_text is not None and source_hash(row.source_salt, row.source_text) == record.source,
    )


def _unreadable(number: int) -> ShownRecord:
    """In place of a record of which no program can have written what is there: its hash is that of nothing."""
    words = _NO_WORDS
    record = AuditRecord(
        number=number, at=EPOCH, actor=words, issuer=None, action=words, result=words, detail="{}", source=b"", hash=START
    )
    return ShownRecord(record, previous=None, source=None, source_fits=False)


_NO_WORDS: Final = "(cannot be read)"
_UNREADABLE: Final = (DataError, OverflowError, TypeError, ValueError, AttributeError)

_before: Final = audit_record.alias("before")


def _select(source: ColumnElement[Any], salt: ColumnElement[Any]) -> Select[Any]:
    return (
        select(audit_record, as_bytes(_before.c.hash).label("previous"), source.label("source_text"), salt.label("source_salt"))
        .select_from(
            audit_record.outerjoin(_before, _before.c.number == audit_record.c.number - 1).outerjoin(
                audit_source, audit_source.c.hash == audit_record.c.source
            )
        )
        .order_by(audit_record.c.number)
    )


_SHOWN: Final = _select(audit_source.c.source, as_bytes(audit_source.c.salt))
_SHOWN_WITHOUT_SOURCE: Final = _select(literal(_NO_WORDS), literal(b""))
