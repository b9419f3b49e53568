"""Issuers and the hashes of their keys."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.detached import DetachedEntries
from anchoring.core.issuer import CANARY, CANARY_NAME, ApiKey, Issuer, StoredKey
from anchoring.core.scopes import Scope, scopes_text
from anchoring.errors import StateCorrupt
from anchoring.store.columns import UtcDateTime
from anchoring.store.tables import api_key, issuer, issuer_detached, issuer_usage
from anchoring.types import Did


class SqlIssuers:
    """Implements ports.Issuers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = postgresql if connection.dialect.name == "postgresql" else sqlite

    def add(self, did: Did, name: str, at: datetime) -> bool:
        # Asked for the id, because with it the row count of an insert is not told on PostgreSQL.
        statement = self._dialect.insert(issuer).on_conflict_do_nothing(index_elements=["did"]).returning(issuer.c.id)
        return self._connection.execute(statement, {"did": did, "name": name, "added_at": at}).first() is not None

    def with_did(self, did: Did) -> Issuer | None:
        row = self._connection.execute(select(issuer).where(issuer.c.did == did)).first()
        return None if row is None else _issuer(row)

    def of_service(self, at: datetime) -> Issuer:
        self.add(CANARY, CANARY_NAME, at)
        found = self.with_did(CANARY)
        if found is None:
            raise StateCorrupt("an issuer that was just added is not there")
        return found

    def all(self) -> Sequence[Issuer]:
        return [_issuer(row) for row in self._connection.execute(select(issuer).order_by(issuer.c.id))]

    def add_key(
        self, issuer: Issuer, key: ApiKey, at: datetime, *, scopes: frozenset[Scope], expires_at: datetime | None
    ) -> None:
        values = {"prefix": key.prefix, "issuer_id": issuer.id, "key_hash": key.hash, "created_at": at}
        limits = {"scopes": scopes_text(scopes), "expires_at": expires_at}
        self._connection.execute(insert(api_key), values | limits)

    def revoke_key(self, prefix: str, at: datetime) -> bool:
        living = (api_key.c.prefix == prefix) & api_key.c.revoked_at.is_(None)
        return self._connection.execute(update(api_key).where(living).values(revoked_at=at)).rowcount == 1

    def expire_key(self, prefix: str, at: datetime) -> None:
        later = or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > at)
        self._connection.execute(update(api_key).where(api_key.c.prefix == prefix, later).values(expires_at=at))

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        # In one order, so that two processes which note the same keys wait for each other and do not deadlock.
        self._connection.execute(_NOTE_USE, [{"used": prefix, "moment": uses[prefix]} for prefix in sorted(uses)])

    def take_quota(self, issuer: Issuer, day: int, count: int, *, limit: int) -> bool:
        first = self._dialect.insert(issuer_usage).values(issuer_id=issuer.id, day=day, taken=count)
        total = issuer_usage.c.taken + first.excluded.taken
        statement = first.on_conflict_do_update(
            index_elements=["issuer_id", "day"], set_={"taken": total}, where=total <= limit
        ).returning(issuer_usage.c.taken)
        return count <= limit and self._connection.execute(statement).first() is not None

    def taken_of_quota(self, issuer: Issuer, day: int) -> int:
        of_day = (issuer_usage.c.issuer_id == issuer.id) & (issuer_usage.c.day == day)
        return self._connection.execute(select(issuer_usage.c.taken).where(of_day)).scalar() or 0

    def set_quota(self, issuer: Issuer, items_per_day: int | None, *, day: int) -> None:
        self._connection.execute(_SET_QUOTA, {"of": issuer.id, "quota": items_per_day})
        self._connection.execute(_BEGIN_ANEW, {"of": issuer.id, "of_day": day})

    def detached(self, did: Did | None) -> DetachedEntries | None:
        found = select(func.min(issuer_detached.c.since), func.max(issuer_detached.c.until))
        if did is not None:
            found = found.join(issuer, issuer.c.id == issuer_detached.c.issuer_id).where(issuer.c.did == did)
        since, until = self._connection.execute(found).one()
        return None if since is None else DetachedEntries(since=since, until=until)

    def forget_detached(self) -> None:
        self._connection.execute(delete(issuer_detached))

    def keys(self, prefixes: Collection[str]) -> Mapping[str, StoredKey]:
        rows = self._connection.execute(_KEYS_WITH_PREFIX, {"prefixes": list(prefixes)})
        return {row.prefix: _stored_key(row) for row in rows}

    def keys_of(self, issuer: Issuer | None) -> Sequence[StoredKey]:
        statement = _KEYS.order_by(api_key.c.created_at, api_key.c.prefix)
        if issuer is not None:
            statement = statement.where(api_key.c.issuer_id == issuer.id)
        return [_stored_key(row) for row in self._connection.execute(statement)]


_KEYS: Final = select(issuer, *[column for column in api_key.c if column.name != "issuer_id"]).join(
    api_key, api_key.c.issuer_id == issuer.c.id
)
_KEYS_WITH_PREFIX: Final = _KEYS.where(api_key.c.prefix.in_(bindparam("prefixes", expanding=True)))
_SET_QUOTA: Final = update(issuer).where(issuer.c.id == bindparam("of")).values(items_per_day=bindparam("quota"))
_BEGIN_ANEW: Final = (
    update(issuer_usage)
    .where(issuer_usage.c.issuer_id == bindparam("of"), issuer_usage.c.day == bindparam("of_day"))
    .values(taken=0)
)
_NOTE_USE: Final = (
    update(api_key)
    .where(
        api_key.c.prefix == bindparam("used"),
        or_(api_key.c.last_used_at.is_(None), api_key.c.last_used_at < bindparam("moment", type_=UtcDateTime())),
    )
    .values(last_used_at=bindparam("moment", type_=UtcDateTime()))
)


def _stored_key(row: Row[Any]) -> StoredKey:
    return StoredKey(
        issuer=_issuer(row),
        prefix=row.prefix,
        key_hash=row.key_hash,
        scopes=frozenset(map(Scope, row.scopes.split())),
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _issuer(row: Row[Any]) -> Issuer:
    return Issuer(id=row.id, did=Did(row.did), name=row.name, added_at=row.added_at, items_per_day=row.items_per_day)
