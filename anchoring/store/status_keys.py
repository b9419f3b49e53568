"""Registered public keys of issuers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.issuer import Issuer
from anchoring.ports.status_keys import StatusKey
from anchoring.store.tables import status_key


class SqlStatusKeys:
    """Implements ports.StatusKeys."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = postgresql if connection.dialect.name == "postgresql" else sqlite

    def add(self, issuer: Issuer, verification_method: str, public_key: str, at: datetime) -> bool:
        values = {"issuer_id": issuer.id, "verification_method": verification_method, "public_key": public_key, "added_at": at}
        # Asked for the id, because with it the row count of an insert is not told on PostgreSQL.
        unless_known = self._dialect.insert(status_key).on_conflict_do_nothing(index_elements=["verification_method"])
        return self._connection.execute(unless_known.returning(status_key.c.id), values).first() is not None

    def retire(self, verification_method: str, at: datetime) -> bool:
        living = (status_key.c.verification_method == verification_method) & status_key.c.retired_at.is_(None)
        return self._connection.execute(update(status_key).where(living).values(retired_at=at)).rowcount == 1

    def of_issuer(self, issuer: Issuer) -> Sequence[StatusKey]:
        statement = select(status_key).where(status_key.c.issuer_id == issuer.id).order_by(status_key.c.id)
        return [
            StatusKey(
                verification_method=row.verification_method,
                public_key=row.public_key,
                added_at=row.added_at,
                retired_at=row.retired_at,
            )
            for row in self._connection.execute(statement)
        ]
