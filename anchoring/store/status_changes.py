"""The record of status changes, and the bits that follow from it."""

import zlib
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update

from anchoring.core.issuer import Issuer
from anchoring.core.portions import portions
from anchoring.core.status import StatusBits, StatusPurpose
from anchoring.core.status_change import StatusAction
from anchoring.core.status_reason import StatusReason
from anchoring.ports.status_lists import ChangeRecord, NewChange, Place, StatusChange, StatusMarks
from anchoring.store import packed
from anchoring.store.packed import ROWS_A_STATEMENT, Packed, pack
from anchoring.store.status_lists import by_list
from anchoring.store.status_versions import NOT_SUPERSEDED
from anchoring.store.tables import entry, rebuilt_mark, status_binding, status_change, status_list, status_version
from anchoring.types import Digest, ListId


class SqlStatusChanges:
    """Implements ports.StatusChanges."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, places: Collection[Place]) -> Mapping[Place, StatusChange]:
        found = {}
        for key, indexes in by_list(places).items():
            for some in portions(indexes, ROWS_A_STATEMENT):
                for row in self._connection.execute(_NEWEST, {"key": key, "indexes": some}):
                    found[Place(key, row.list_index)] = _change(row)
        return found

    def marks(self, entry_ids: Sequence[int]) -> StatusMarks:
        statement = _MARKS[self._connection.dialect.name]
        return StatusMarks(*self._connection.execute(statement, pack(self._connection, entry_ids)).one())

    def newest_waiting(self, entry_ids: Collection[int]) -> Mapping[tuple[int, StatusPurpose], StatusChange]:
        found = {}
        for some in portions(sorted(set(entry_ids)), ROWS_A_STATEMENT):
            for row in self._connection.execute(_WAITING_OF, {"entry_ids": some}):  # ascending, so the last one stays
                found[row.entry_id, StatusPurpose(row.purpose)] = _change(row)
        return found

    def changed_entries(self, entry_ids: Collection[int]) -> frozenset[tuple[int, StatusPurpose]]:
        found = set()
        for some in portions(sorted(set(entry_ids)), ROWS_A_STATEMENT):
            rows = self._connection.execute(_CHANGED, {"entry_ids": some})
            found |= {(row.entry_id, StatusPurpose(row.purpose)) for row in rows}
        return frozenset(found)

    def history(self, place: Place) -> Sequence[StatusChange]:
        at_place = (status_change.c.status_list_id == place.list_key) & (status_change.c.list_index == place.index)
        rows = self._connection.execute(select(status_change).where(at_place).order_by(status_change.c.number))
        return [_change(row) for row in rows]

    def record(self, issuer: Issuer, changes: Sequence[NewChange], at: datetime, requested_by: str) -> None:
        placed = [(change.place, change.action) for change in changes if change.place]
        effects = iter(self._apply(placed, at))
        rows = [
            {
                "issuer_id": issuer.id,
                "entry_id": change.entry_id,
                "purpose": change.purpose,
                "action": change.action,
                "number": change.number,
                "reason": change.reason,
                "explanation": change.explanation,
                "effective_at": change.effective_at,
                "recorded_at": at,
                "requested_by": requested_by,
                **(next(effects) if change.place else _NOT_APPLIED),
            }
            for change in changes
        ]
        for some in portions(rows, ROWS_A_STATEMENT):
            self._connection.execute(insert(status_change), some)

    def issuers_waiting(self, up_to_entry_id: int) -> frozenset[int]:
        waiting = status_change.c.status_list_id.is_(None) & (status_change.c.entry_id <= up_to_entry_id)
        return frozenset(self._connection.execute(select(status_change.c.issuer_id).where(waiting).distinct()).scalars())

    def waiting(self, issuer: Issuer, up_to_entry_id: int, limit: int) -> Sequence[StatusChange]:
        waiting = status_change.c.status_list_id.is_(None) & (status_change.c.entry_id <= up_to_entry_id)
        of_issuer = status_change.c.issuer_id == issuer.id
        rows = self._connection.execute(select(status_change).where(waiting, of_issuer).order_by(status_change.c.id).limit(limit))
        return [_change(row) for row in rows]

    def settle(self, placed: Sequence[tuple[StatusChange, Place]], at: datetime) -> None:
        newest = self.newest([place for _, place in placed])
        numbers = {place: change.number for place, change in newest.items()}
        effects = self._apply([(place, change.action) for change, place in placed], at)
        rows = []
        for (change, place), effect in zip(placed, effects, strict=True):
            numbers[place] = numbers.get(place, 0) + 1
            rows.append({"change_id": change.id, "new_number": numbers[place]} | {f"new_{name}": v for name, v in effect.items()})
        for some in portions(rows, ROWS_A_STATEMENT):
            self._connection.execute(_SETTLE, some)

    def count_at(self, key: int, at: datetime) -> int:
        count = self._connection.execute(select(status_list.c.change_count).where(status_list.c.id == key)).scalar_one()
        applied_at = select(status_change.c.applied_at).where(
            status_change.c.status_list_id == key, status_change.c.position == bindparam("position")
        )
        # Times do not go back from one position to the next: a few look-ups find the place among any number of changes.
        positions = range(1, count + 1)
        return bisect_right(
            positions, at, key=lambda position: self._connection.execute(applied_at, {"position": position}).scalar_one()
        )

    def bits_after(self, key: int, change_count: int) -> StatusBits:
        version = (
            select(status_version.c.compressed_bits, status_version.c.change_count)
            .where(status_version.c.status_list_id == key, status_version.c.change_count <= change_count)
            .order_by(status_version.c.change_count.desc())
            .limit(1)
        )
        shown = self._connection.execute(version).first()
        if shown is None:
            entries = self._connection.execute(select(status_list.c.entries).where(status_list.c.id == key)).scalar_one()
            bits, folded = StatusBits.clear(entries), 0
        else:
            bits, folded = StatusBits(zlib.decompress(shown.compressed_bits)), shown.change_count
        for _, index, action in self._connection.execute(_FOLDED, {"key": key, "after": folded, "up_to": change_count}):
            bits.change(index, is_set=StatusAction(action).is_set)
        return bits

    def applied(self, key: int, up_to: int) -> Iterator[tuple[int, Place, StatusAction]]:
        statement = _FOLDED.execution_options(yield_per=ROWS_A_STATEMENT)
        with self._connection.execute(statement, {"key": key, "after": 0, "up_to": up_to}) as found:
            for position, index, action in found:
                yield position, Place(key, index), StatusAction(action)

    def page(self, issuer: Issuer, after_id: int, limit: int) -> Sequence[ChangeRecord]:
        rows = self._connection.execute(_RECORD, {"issuer_id": issuer.id, "after_id": after_id, "limit": limit})
        return [
            ChangeRecord(
                change=_change(row),
                digest=Digest(row.digest) if row.digest is not None else None,
                list_id=ListId(row.list_id) if row.list_id is not None else None,
                reason=StatusReason(row.reason) if row.reason else None,
                explanation=row.explanation,
                requested_by=row.requested_by,
                version=row.shown_by,
            )
            for row in rows
        ]

    def _apply(self, changes: Sequence[tuple[Place, StatusAction]], at: datetime) -> Sequence[Mapping[str, Any]]:
        """Change the bits, one update a list, and say where each change stands among those of its list."""
        effects: list[Mapping[str, Any]] = [{}] * len(changes)
        order = sorted(range(len(changes)), key=lambda i: changes[i][0].list_key)  # lists are locked in one order by everybody
        for key, of_list in groupby(order, key=lambda i: changes[i][0].list_key):
            row = self._connection.execute(_LOCKED, {"key": key}).one()
            bits, count = StatusBits(row.bits), row.change_count
            applied_at = max(at, row.changed_at)  # clocks of several machines differ; the order of changes does not go back
            for i in of_list:
                place, action = changes[i]
                bits.change(place.index, is_set=action.is_set)
                count += 1
                effects[i] = {
                    "status_list_id": key,
                    "list_index": place.index,
                    "position": count,
                    "applied_at": applied_at,
                }
            values = {"bits": bytes(bits), "change_count": count, "changed_at": applied_at}
            self._connection.execute(update(status_list).where(status_list.c.id == key).values(values))
        return effects


_NOT_APPLIED: Final = dict.fromkeys(("status_list_id", "list_index", "position", "applied_at"))

# A round that makes a version of the list waits for us, or we for it.
_LOCKED: Final = (
    select(status_list.c.bits, status_list.c.change_count, status_list.c.changed_at)
    .where(status_list.c.id == bindparam("key"))
    .with_for_update(key_share=True)
)

_LATER: Final = status_change.alias("later")
_NEWEST: Final = select(status_change).where(
    status_change.c.status_list_id == bindparam("key"),
    status_change.c.list_index.in_(bindparam("indexes", expanding=True)),
    status_change.c.number
    == select(func.max(_LATER.c.number))
    .where(_LATER.c.status_list_id == bindparam("key"), _LATER.c.list_index == status_change.c.list_index)
    .scalar_subquery(),
)


def _marks(asked: Packed) -> Select[Any]:
    bound = select(1).select_from(asked.rows.join(status_binding, status_binding.c.entry_id == asked.number))
    waits = (status_change.c.entry_id == asked.number) & status_change.c.status_list_id.is_(None)
    waiting = select(1).select_from(asked.rows.join(status_change, waits))
    return select(select(rebuilt_mark.c.rebuilt_at).scalar_subquery(), bound.exists(), waiting.exists())


_MARKS: Final = {"sqlite": _marks(packed.SQLITE), "postgresql": _marks(packed.POSTGRESQL)}
_WAITING_OF: Final = (
    select(status_change)
    .where(status_change.c.status_list_id.is_(None), status_change.c.entry_id.in_(bindparam("entry_ids", expanding=True)))
    .order_by(status_change.c.number)
)
_CHANGED: Final = (
    select(status_change.c.entry_id, status_change.c.purpose)
    .where(status_change.c.entry_id.in_(bindparam("entry_ids", expanding=True)))
    .distinct()
)
_FOLDED: Final = (
    select(status_change.c.position, status_change.c.list_index, status_change.c.action)
    .where(
        status_change.c.status_list_id == bindparam("key"),
        status_change.c.position > bindparam("after"),
        status_change.c.position <= bindparam("up_to"),
    )
    .order_by(status_change.c.position)
)
_SETTLE: Final = (
    update(status_change)
    .where(status_change.c.id == bindparam("change_id"))
    .values(
        number=bindparam("new_number"),
        status_list_id=bindparam("new_status_list_id"),
        list_index=bindparam("new_list_index"),
        position=bindparam("new_position"),
        applied_at=bindparam("new_applied_at"),
    )
)
_SHOWN_BY: Final = (
    select(func.min(status_version.c.version))
    .where(
        status_version.c.status_list_id == status_change.c.status_list_id,
        status_version.c.change_count >= status_change.c.position,
        NOT_SUPERSEDED,
    )
    .scalar_subquery()
)
_RECORD: Final = (
    select(status_change, entry.c.digest, status_list.c.list_id, _SHOWN_BY.label("shown_by"))
    .join(entry, entry.c.id == status_change.c.entry_id, isouter=True)
    .join(status_list, status_list.c.id == status_change.c.status_list_id, isouter=True)
    .where(status_change.c.issuer_id == bindparam("issuer_id"), status_change.c.id > bindparam("after_id"))
    .order_by(status_change.c.id)
    .limit(bindparam("limit"))
)


def _change(row: Row[Any]) -> StatusChange:
    return StatusChange(
        id=row.id,
        entry_id=row.entry_id,
        place=Place(row.status_list_id, row.list_index) if row.status_list_id is not None else None,
        purpose=StatusPurpose(row.purpose),
        action=StatusAction(row.action),
        number=row.number,
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        position=row.position,
        applied_at=row.applied_at,
    )
