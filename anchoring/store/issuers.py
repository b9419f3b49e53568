"""Issuers and the hashes of their keys."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.issuer import ApiKey, Issuer, StoredKey
from anchoring.store.tables import api_key, issuer
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

    def all(self) -> Sequence[Issuer]:
        return [_issuer(row) for row in self._connection.execute(select(issuer).order_by(issuer.c.id))]

    def add_key(self, issuer: Issuer, key: ApiKey, at: datetime) -> None:
        values = {"prefix": key.prefix, "issuer_id": issuer.id, "key_hash": key.hash, "created_at": at}
        self._connection.execute(insert(api_key), values)

    def revoke_key(self, prefix: str, at: datetime) -> bool:
        living = (api_key.c.prefix == prefix) & api_key.c.revoked_at.is_(None)
        return self._connection.execute(update(api_key).where(living).values(revoked_at=at)).rowcount == 1

    def keys(self, prefixes: Collection[str]) -> Mapping[str, StoredKey]:
        rows = self._connection.execute(_KEYS, {"prefixes": list(prefixes)})
        return {
            row.prefix: StoredKey(issuer=_issuer(row), prefix=row.prefix, key_hash=row.key_hash, revoked_at=row.revoked_at)
            for row in rows
        }


_KEYS: Final = (
    select(issuer, api_key.c.prefix, api_key.c.key_hash, api_key.c.revoked_at)
    .join(api_key, api_key.c.issuer_id == issuer.c.id)
    .where(api_key.c.prefix.in_(bindparam("prefixes", expanding=True)))
)


def _issuer(row: Row[Any]) -> Issuer:
    return Issuer(id=row.id, did=Did(row.did), name=row.name, added_at=row.added_at)
