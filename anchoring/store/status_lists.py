"""Status lists: their bits, the indexes given out in them, and which entry has which."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.batch import Batch
from anchoring.core.issuer import Issuer
from anchoring.core.portions import portions
from anchoring.core.status import StatusBits, StatusPurpose, batch_list_id, entries_for, numbered_list_id
from anchoring.errors import StateCorrupt
from anchoring.ports.status_lists import Binding, LeafPlace, Place, SignedBy, SignedForm, StatusList
from anchoring.store import packed
from anchoring.store.packed import ROWS_A_STATEMENT, pack
from anchoring.store.status_places import leaf_places
from anchoring.store.tables import entry, issuer, status_binding, status_list
from anchoring.types import HASH_BYTES, Did, ListId


class SqlStatusLists:
    """Implements ports.StatusLists."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = postgresql if connection.dialect.name == "postgresql" else sqlite

    def lock_issuer(self, issuer_key: int) -> None:
        # Not FOR UPDATE: posts refer to the issuer's row and need not wait. On SQLite one unit of work writes at a time anyway.
        self._connection.execute(select(issuer.c.id).where(issuer.c.id == issuer_key).with_for_update(key_share=True))

    def create(self, issuer: Issuer, purpose: StatusPurpose, entries: int, signed_by: SignedBy, at: datetime) -> StatusList:
        newest = select(func.max(status_list.c.number)).where(
            status_list.c.issuer_id == issuer.id, status_list.c.purpose == purpose
        )
        last = self._connection.execute(newest).scalar()
        number = 0 if last is None else last + 1
        list_id = numbered_list_id(issuer.did, purpose, number)
        numbered = {"number": number, "reserved": bytes(entries // 8), "signed_by": signed_by}
        return self._add(list_id, issuer, purpose, entries, at, numbered)

    def of_batch(self, issuer: Issuer, purpose: StatusPurpose, batch: Batch, at: datetime) -> StatusList:
        if batch.tree is None:
            raise StateCorrupt(f"batch {batch.id} is not sealed and has no list")
        list_id = batch_list_id(batch.tree.root, issuer.did, purpose)
        following = {"batch_id": batch.id, "signed_by": SignedBy.SERVICE}
        known = self.find(list_id)
        return known or self._add(list_id, issuer, purpose, entries_for(batch.tree.tree_size), at, following)

    def find(self, list_id: ListId) -> StatusList | None:
        row = self._connection.execute(_FIND, {"list_id": list_id}).first()
        return _status_list(row) if row else None

    def with_bits(self, list_id: ListId) -> tuple[StatusList, StatusBits] | None:
        row = self._connection.execute(_FIND.add_columns(status_list.c.bits), {"list_id": list_id}).first()
        return (_status_list(row), StatusBits(row.bits)) if row else None

    def with_ids(self, list_ids: Collection[ListId]) -> Mapping[ListId, StatusList]:
        asked = sorted(set(list_ids))
        given = pack(self._connection, [0] * len(asked), list_ids=b"".join(asked))
        rows = self._connection.execute(_WITH_IDS[self._connection.dialect.name], given)
        return {one.list_id: one for one in map(_status_list, rows)}

    def with_keys(self, keys: Collection[int]) -> Mapping[int, StatusList]:
        asked = portions(sorted(set(keys)), ROWS_A_STATEMENT)
        return {one.id: one for some in asked for one in self._all(_LISTS.where(status_list.c.id.in_(some)))}

    def numbered(self, issuer: Issuer, purpose: StatusPurpose, from_number: int = 0) -> Sequence[StatusList]:
        of_issuer = (status_list.c.issuer_id == issuer.id) & (status_list.c.purpose == purpose)
        return self._all(_LISTS.where(of_issuer, status_list.c.number >= from_number).order_by(status_list.c.number))

    def count(self) -> int:
        return self._connection.execute(select(func.count()).select_from(status_list)).scalar_one()

    def after(self, key: int, limit: int) -> Sequence[StatusList]:
        return self._all(_LISTS.where(status_list.c.id > key).order_by(status_list.c.id).limit(limit))

    def bits(self, key: int) -> StatusBits:
        return StatusBits(self._connection.execute(select(status_list.c.bits).where(status_list.c.id == key)).scalar_one())

    def reserved(self, key: int) -> StatusBits:
        return StatusBits(self._connection.execute(select(status_list.c.reserved).where(status_list.c.id == key)).scalar_one())

    def keep_reserved(self, key: int, reserved: StatusBits) -> None:
        self._connection.execute(update(status_list).where(status_list.c.id == key).values(reserved=bytes(reserved)))

    def count_never_bound(self, issuer: Issuer, purpose: StatusPurpose) -> int:
        of_issuer = (status_list.c.issuer_id == issuer.id) & (status_list.c.purpose == purpose)
        bitmaps = self._connection.execute(select(status_list.c.reserved).where(of_issuer, status_list.c.number.is_not(None)))
        reserved = sum(int.from_bytes(bitmap).bit_count() for bitmap in bitmaps.scalars())
        joined = status_binding.join(status_list, status_list.c.id == status_binding.c.status_list_id)
        bound = self._connection.execute(select(func.count()).select_from(joined).where(of_issuer)).scalar_one()
        return reserved - bound

    def bindings_at(self, places: Collection[Place]) -> Mapping[Place, Binding]:
        found: dict[Place, Binding] = {}
        for key, indexes in by_list(places).items():
            for some in portions(indexes, ROWS_A_STATEMENT):
                rows = self._connection.execute(_BINDINGS_AT, {"key": key, "indexes": some})
                found |= {binding.place: binding for binding in map(_binding, rows)}
        return found

    def bindings_of(self, entry_ids: Collection[int]) -> Mapping[tuple[int, StatusPurpose], Binding]:
        found: dict[tuple[int, StatusPurpose], Binding] = {}
        for some in portions(sorted(set(entry_ids)), ROWS_A_STATEMENT):
            rows = self._connection.execute(_BINDINGS_OF, {"entry_ids": some})
            found |= {(binding.entry_id, binding.purpose): binding for binding in map(_binding, rows)}
        return found

    def bound_indexes(self, key: int) -> Sequence[int]:
        statement = select(status_binding.c.list_index).where(status_binding.c.status_list_id == key)
        return self._connection.execute(statement).scalars().all()

    def bind(self, bound: Mapping[Place, int], at: datetime) -> None:
        rows = [
            {"status_list_id": place.list_key, "list_index": place.index, "entry_id": entry_id, "bound_at": at}
            for place, entry_id in bound.items()
        ]
        fresh = self._dialect.insert(status_binding)
        passed_on = {"entry_id": fresh.excluded.entry_id, "bound_at": fresh.excluded.bound_at}
        statement = fresh.on_conflict_do_update(index_elements=["status_list_id", "list_index"], set_=passed_on)
        for some in portions(rows, ROWS_A_STATEMENT):
            self._connection.execute(statement, some)

    def leaf_places(self, entry_ids: Collection[int]) -> Mapping[int, LeafPlace]:
        return leaf_places(self._connection, entry_ids)

    def signed_form(self, key: int) -> SignedForm | None:
        columns = select(status_list.c.signed_form, status_list.c.signed_type).where(status_list.c.id == key)
        content, media_type = self._connection.execute(columns).one()
        return SignedForm(content=content, media_type=media_type) if content is not None else None

    def keep_signed_form(self, key: int, form: SignedForm) -> None:
        values = {"signed_form": form.content, "signed_type": form.media_type}
        self._connection.execute(update(status_list).where(status_list.c.id == key).values(values))

    def _add(
        self, list_id: ListId, issuer: Issuer, purpose: StatusPurpose, entries: int, at: datetime, kind: Mapping[str, Any]
    ) -> StatusList:
        values = {"list_id": list_id, "issuer_id": issuer.id, "purpose": purpose, "entries": entries, "bits": bytes(entries // 8)}
        counts = {"change_count": 0, "versioned_count": 0, "created_at": at, "changed_at": at}
        self._connection.execute(insert(status_list), values | counts | dict(kind))
        made = self.find(list_id)
        if made is None:
            raise StateCorrupt("a status list that was just made is not there")
        return made

    def _all(self, statement: Select[Any]) -> Sequence[StatusList]:
        return [_status_list(row) for row in self._connection.execute(statement)]


def by_list(places: Collection[Place]) -> Mapping[int, Sequence[int]]:
    """The indexes asked for in each list, each once, ascending; lists in order of their keys."""
    found: dict[int, set[int]] = {}
    for place in places:
        found.setdefault(place.list_key, set()).add(place.index)
    return {key: sorted(found[key]) for key in sorted(found)}


_LISTS: Final[Select[Any]] = select(
    *(column for column in status_list.c if column.name not in {"bits", "reserved", "signed_form", "signed_type"}), issuer.c.did
).join(issuer, issuer.c.id == status_list.c.issuer_id)
_WITH_IDS: Final = {
    name: _LISTS.where(status_list.c.list_id.in_(select(asked.slice("list_ids", HASH_BYTES)).select_from(asked.rows)))
    for name, asked in (("sqlite", packed.SQLITE), ("postgresql", packed.POSTGRESQL))
}
_FIND: Final[Select[Any]] = _LISTS.where(status_list.c.list_id == bindparam("list_id"))

_BINDINGS: Final = (
    select(status_binding, status_list.c.purpose, entry.c.digest)
    .join(status_list, status_list.c.id == status_binding.c.status_list_id)
    .join(entry, entry.c.id == status_binding.c.entry_id)
)
_BINDINGS_AT: Final = _BINDINGS.where(
    status_binding.c.status_list_id == bindparam("key"), status_binding.c.list_index.in_(bindparam("indexes", expanding=True))
)
_BINDINGS_OF: Final = _BINDINGS.where(status_binding.c.entry_id.in_(bindparam("entry_ids", expanding=True)))


def _status_list(row: Row[Any]) -> StatusList:
    return StatusList(
        id=row.id,
        list_id=ListId(row.list_id),
        issuer=Did(row.did),
        purpose=StatusPurpose(row.purpose),
        number=row.number,
        batch_id=row.batch_id,
        entries=row.entries,
        change_count=row.change_count,
        versioned_count=row.versioned_count,
        created_at=row.created_at,
        changed_at=row.changed_at,
        signed_by=SignedBy(row.signed_by),
    )


def _binding(row: Row[Any]) -> Binding:
    return Binding(
        place=Place(row.status_list_id, row.list_index),
        purpose=StatusPurpose(row.purpose),
        entry_id=row.entry_id,
        is_erased=row.digest is None,
    )
