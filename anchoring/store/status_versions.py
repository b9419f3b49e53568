"""Versions of status lists. What a version shows is written once; only its state and its place on the ledger change."""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select, bindparam, delete, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.batch import BlockPlace, PublishedHead
from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusBits
from anchoring.core.status_version import PUBLISHED, StatusVersion, VersionState
from anchoring.ports.status_versions import ChangeOfList, OvertakenList, VersionedList
from anchoring.store import packed
from anchoring.store.packed import Packed, pack
from anchoring.store.tables import issuer, status_change, status_list, status_version, submission_head
from anchoring.types import HASH_BYTES, BlockHash, Did, Digest, ListId, TxHash

_PREPARED: Final = status_version.c.state == VersionState.PREPARED
_SUBMITTED: Final = status_version.c.state == VersionState.SUBMITTED
NOT_SUPERSEDED: Final = status_version.c.state != VersionState.SUPERSEDED


class SqlStatusVersions:
    """Implements ports.StatusVersions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = postgresql if connection.dialect.name == "postgresql" else sqlite

    def due(self, limit: int) -> Sequence[ListId]:
        # Found through two small indexes: a scan would read the bits of every list there is.
        changed = select(status_list.c.id).where(status_list.c.versioned_count < status_list.c.change_count)
        due = changed.union(select(status_version.c.status_list_id).where(_PREPARED)).subquery()
        on_its_way = select(status_version.c.status_list_id).where(_SUBMITTED)
        next_change = (
            select(status_change.c.applied_at)
            .where(
                status_change.c.status_list_id == status_list.c.id,
                status_change.c.position == status_list.c.versioned_count + 1,
            )
            .scalar_subquery()
        )
        statement = (
            select(status_list.c.list_id)
            .join(due, due.c.id == status_list.c.id)
            .where(status_list.c.id.not_in(on_its_way))
            .order_by(status_list.c.overtaken_by.is_not(None), next_change.nulls_first(), status_list.c.id)
            .limit(limit)
        )
        return [ListId(list_id) for list_id in self._connection.execute(statement).scalars()]

    def current(self, list_id: ListId) -> VersionedList | None:
        statement = _WITH_ISSUER.where(status_list.c.list_id == list_id)
        row = self._connection.execute(statement).first()
        if row is None:
            return None
        return VersionedList(
            id=row.id,
            list_id=list_id,
            issuer=_issuer(row),
            bits=StatusBits(row.bits),
            change_count=row.change_count,
            accepted_version=row.accepted_version or 0,
        )

    def newest_published(self, list_id: ListId) -> StatusVersion | None:
        row = self._connection.execute(_NEWEST_PUBLISHED, {"list_id": list_id}).first()
        return None if row is None else _version(row)

    def newest_published_of(self, list_ids: Collection[ListId]) -> Mapping[ListId, StatusVersion]:
        asked = sorted(set(list_ids))
        if len(asked) <= 1:  # most often: whoever reads lists at one moment reads the same
            return {one: found for one in asked if (found := self.newest_published(one))}
        given = pack(self._connection, [0] * len(asked), list_ids=b"".join(asked))
        rows = self._connection.execute(_NEWEST_PUBLISHED_OF[self._connection.dialect.name], given)
        return {one.list_id: one for one in map(_version, rows)}

    def numbered(self, list_id: ListId, version: int) -> tuple[StatusVersion, StatusBits] | None:
        wanted = (status_list.c.list_id == list_id) & (status_version.c.version == version) & NOT_SUPERSEDED
        row = self._connection.execute(_WITH_BITS.where(wanted).order_by(status_version.c.id.desc()).limit(1)).first()
        return None if row is None else (_version(row), _bits(row))

    def first_showing(self, changes: Collection[ChangeOfList]) -> Mapping[ChangeOfList, StatusVersion]:
        asked = sorted(set(changes))
        given = pack(self._connection, [one.position for one in asked], list_ids=b"".join([one.list_id for one in asked]))
        rows = self._connection.execute(_FIRST_SHOWING[self._connection.dialect.name], given) if asked else ()
        return {asked[row.place]: _version(row) for row in rows}

    def of_list(self, key: int) -> Iterator[tuple[StatusVersion, StatusBits]]:
        of_list = _WITH_BITS.where(status_version.c.status_list_id == key)
        return self._with_bits(of_list.order_by(status_version.c.change_count, status_version.c.id))

    def has_submitted(self, list_id: ListId) -> bool:
        return self._first(_VERSIONS.where(_SUBMITTED, status_list.c.list_id == list_id)) is not None

    def with_digest(self, digest: Digest) -> StatusVersion | None:
        return self._first(_VERSIONS.where(status_version.c.digest == digest))

    def prepare(self, of: VersionedList, version: int, digest: Digest, at: datetime) -> bool:
        self._supersede(of, digest)
        values = {
            "status_list_id": of.id,
            "version": version,
            "digest": digest,
            "compressed_bits": zlib.compress(bytes(of.bits), 9),
            "change_count": of.change_count,
            "made_at": at,
            "state": VersionState.PREPARED,
        }
        again = status_version.c.state == VersionState.SUPERSEDED
        made = self._dialect.insert(status_version).on_conflict_do_update(
            index_elements=["digest"], set_={"state": VersionState.PREPARED, "change_count": of.change_count}, where=again
        )
        return self._connection.execute(made.returning(status_version.c.id), values).first() is not None

    def settle(self, of: VersionedList) -> None:
        self._supersede(of, None)

    def _supersede(self, of: VersionedList, but: Digest | None) -> None:
        """The list's prepared versions but one, and what the list holds counts as versioned."""
        others = (status_version.c.status_list_id == of.id) & _PREPARED
        if but is not None:
            others &= status_version.c.digest != but
        never_sent = ~exists().where(submission_head.c.status_version_id == status_version.c.id) & status_version.c.tx_hash.is_(
            None
        )
        self._connection.execute(delete(status_version).where(others, never_sent))
        self._connection.execute(update(status_version).where(others).values(state=VersionState.SUPERSEDED))
        counted = update(status_list).where(status_list.c.id == of.id).values(versioned_count=of.change_count)
        self._connection.execute(counted)

    def mark_overtaken(self, list_id: ListId, version: int | None) -> None:
        self._connection.execute(update(status_list).where(status_list.c.list_id == list_id).values(overtaken_by=version))

    def overtaken(self) -> Sequence[OvertakenList]:
        rows = self._connection.execute(_WITH_ISSUER.where(status_list.c.overtaken_by.is_not(None)).order_by(status_list.c.id))
        return [OvertakenList(list_id=ListId(row.list_id), issuer=_issuer(row), version=row.overtaken_by) for row in rows]

    def accept(self, list_id: ListId, version: int) -> None:
        given_up = {
            "overtaken_by": None,
            "accepted_version": version,
            "versioned_count": status_list.c.change_count - 1,  # which makes it due, whether or not anything changed
        }
        self._connection.execute(update(status_list).where(status_list.c.list_id == list_id).values(**given_up))

    def prepared(self, limit: int) -> Sequence[StatusVersion]:
        on_its_way = select(status_version.c.status_list_id).where(_SUBMITTED)
        newest = select(func.max(status_version.c.id)).where(_PREPARED, status_version.c.status_list_id.not_in(on_its_way))
        of_each_list = newest.group_by(status_version.c.status_list_id)
        return self._all(_VERSIONS.where(status_version.c.id.in_(of_each_list)).order_by(status_version.c.id).limit(limit))

    def submit(self, version_ids: Collection[int]) -> bool:
        return self._change(version_ids, (VersionState.PREPARED,), {"state": VersionState.SUBMITTED})

    def confirm(self, version_id: int, head: PublishedHead) -> bool:
        place = {
            "state": VersionState.CONFIRMED,
            "tx_hash": head.transaction,
            "block_number": head.block.number,
            "block_hash": head.block.hash,
            "published_at": head.published_at,
        }
        unpublished = (VersionState.PREPARED, VersionState.SUBMITTED, VersionState.SUPERSEDED)
        return self._change([version_id], unpublished, place)

    def finalize(self, version_id: int, block: BlockPlace, at: datetime) -> bool:
        final = {"state": VersionState.FINAL, "final_at": at}
        return self._change([version_id], (VersionState.CONFIRMED,), final, block)

    def withdraw(self, version_id: int, block: BlockPlace) -> bool:
        live = select(submission_head).where(submission_head.c.status_version_id == version_id, submission_head.c.live == 1)
        carried = self._connection.execute(live).first() is not None
        # The transaction stays: one that was mined once may come back, so such a version is never deleted.
        gone = {
            "state": VersionState.SUBMITTED if carried else VersionState.PREPARED,
            "block_number": None,
            "block_hash": None,
            "published_at": None,
            "final_at": None,
        }
        return self._change([version_id], PUBLISHED, gone, block)

    def release(self, version_id: int) -> bool:
        return self._change([version_id], (VersionState.SUBMITTED,), {"state": VersionState.PREPARED})

    def with_id(self, version_id: int) -> StatusVersion | None:
        return self._first(_VERSIONS.where(status_version.c.id == version_id))

    def in_state(self, state: VersionState, limit: int) -> Sequence[StatusVersion]:
        return self._all(_VERSIONS.where(status_version.c.state == state).order_by(status_version.c.id).limit(limit))

    def published_in(self, block: BlockPlace) -> Sequence[StatusVersion]:
        return self._all(_VERSIONS.where(_recorded_in(block)).order_by(status_version.c.id))

    def newest_final(self) -> StatusVersion | None:
        final = status_version.c.state == VersionState.FINAL
        return self._first(_VERSIONS.where(final).order_by(status_version.c.block_number.desc()))

    def all(self) -> Iterator[tuple[StatusVersion, StatusBits]]:
        return self._with_bits(_WITH_BITS.order_by(status_version.c.id))

    def _with_bits(self, statement: Select[Any]) -> Iterator[tuple[StatusVersion, StatusBits]]:
        with self._connection.execute(statement.execution_options(yield_per=100)) as found:
            for row in found:
                yield _version(row), _bits(row)

    def _change(
        self,
        version_ids: Collection[int],
        was: Collection[VersionState],
        values: Mapping[str, Any],
        block: BlockPlace | None = None,
    ) -> bool:
        """Compare-and-set: all of them, or nothing is to be committed. `block`: where they must be recorded."""
        which = status_version.c.id.in_(version_ids), status_version.c.state.in_(was)
        changed = update(status_version).where(*which).values(**values)
        if block is not None:
            changed = changed.where(_recorded_in(block))
        return self._connection.execute(changed).rowcount == len(version_ids)

    def _first(self, statement: Select[Any]) -> StatusVersion | None:
        row = self._connection.execute(statement.limit(1)).first()
        return None if row is None else _version(row)

    def _all(self, statement: Select[Any]) -> Sequence[StatusVersion]:
        return [_version(row) for row in self._connection.execute(statement)]


_WITH_ISSUER: Final = select(status_list, issuer.c.did, issuer.c.name, issuer.c.added_at).join(
    issuer, issuer.c.id == status_list.c.issuer_id
)
_VERSIONS: Final = select(
    status_list.c.list_id,
    *(column for column in status_version.c if column.name not in {"status_list_id", "compressed_bits"}),
).join(status_list, status_list.c.id == status_version.c.status_list_id)


def _newest(versions: Select[Any], of: FromClause) -> Select[Any]:
    """The highest of these that is published. `of`: the table or alias in which they are."""
    return versions.where(of.c.state.in_(PUBLISHED)).order_by(of.c.version.desc(), of.c.id.desc()).limit(1)


def _newest_published(asked: Packed) -> Select[Any]:
    """Of each list that is asked for."""
    one = status_version.alias()
    newest = _newest(select(one.c.id).where(one.c.status_list_id == _LIST.c.id), one).correlate(_LIST).scalar_subquery()
    ids = select(newest).select_from(asked.rows.join(_LIST, _LIST.c.list_id == asked.slice("list_ids", HASH_BYTES)))
    return _VERSIONS.where(status_version.c.id.in_(ids))


def _first_showing(asked: Packed) -> Select[Any]:
    """Of each list that is asked for, with the position that is the number in its place."""
    one = status_version.alias()
    first = (
        select(one.c.id)
        .where(one.c.status_list_id == _LIST.c.id, one.c.change_count >= asked.number, one.c.state != VersionState.SUPERSEDED)
        .order_by(one.c.version, one.c.id)
        .limit(1)
        .correlate(_LIST, asked.rows)
        .scalar_subquery()
    )
    found = (
        select(asked.place.label("place"), first.label("id"))
        .select_from(asked.rows.join(_LIST, _LIST.c.list_id == asked.slice("list_ids", HASH_BYTES)))
        .subquery()
    )
    return _VERSIONS.add_columns(found.c.place).join(found, found.c.id == status_version.c.id)


# Asked by every reader of a list or a status: built once.
_LIST: Final = status_list.alias()
_LISTED: Final = (("sqlite", packed.SQLITE), ("postgresql", packed.POSTGRESQL))
_NEWEST_PUBLISHED: Final = _newest(_VERSIONS.where(status_list.c.list_id == bindparam("list_id")), status_version)
_NEWEST_PUBLISHED_OF: Final = {name: _newest_published(asked) for name, asked in _LISTED}
_FIRST_SHOWING: Final = {name: _first_showing(asked) for name, asked in _LISTED}
_WITH_BITS: Final = _VERSIONS.add_columns(status_version.c.compressed_bits)


def _recorded_in(block: BlockPlace) -> ColumnElement[bool]:
    return (status_version.c.block_number == block.number) & (status_version.c.block_hash == block.hash)


def _issuer(row: Row[Any]) -> Issuer:
    return Issuer(id=row.issuer_id, did=Did(row.did), name=row.name, added_at=row.added_at)


def _version(row: Row[Any]) -> StatusVersion:
    head = None
    if row.block_hash is not None:
        head = PublishedHead(
            list_id=ListId(row.list_id),
            version=row.version,
            digest=Digest(row.digest),
            transaction=TxHash(row.tx_hash),
            block=BlockPlace(number=row.block_number, hash=BlockHash(row.block_hash)),
            published_at=row.published_at,
        )
    return StatusVersion(
        id=row.id,
        list_id=ListId(row.list_id),
        version=row.version,
        digest=Digest(row.digest),
        change_count=row.change_count,
        state=VersionState(row.state),
        made_at=row.made_at,
        head=head,
    )


def _bits(row: Row[Any]) -> StatusBits:
    return StatusBits(zlib.decompress(row.compressed_bits))
