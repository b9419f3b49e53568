"""Column types that keep a value what it was, on SQLite and on PostgreSQL alike."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger, DateTime, Integer, SmallInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from anchoring.core.canonical import Canonicalization

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

# SQLite numbers rows by itself only in a column declared INTEGER, which is 64 bits wide there.
RowId = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes: `timestamptz` on PostgreSQL, microseconds since 1970 on SQLite, whose own type drops the offset."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[int]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the store")
        if dialect.name == "postgresql":
            return value
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: datetime | int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else moment_of(value)


def moment_of(value: datetime | int) -> datetime:
    """What the database holds of a time, in UTC."""
    return value.astimezone(UTC) if isinstance(value, datetime) else EPOCH + value * MICROSECOND


# Codes are never reused: rows keep them.
_CODES: Final = {
    Canonicalization.RAW: 1,
    Canonicalization.JCS: 2,
    Canonicalization.JWS_JSON: 3,
    Canonicalization.JWS_COMPACT: 4,
    Canonicalization.SD_JWT_ISSUER: 5,
    Canonicalization.BLOCKCERTS_RDFC: 6,
}
_NAMES: Final = {code: name for name, code in _CODES.items()}


def code_of(canonicalization: Canonicalization | None) -> int:
    """Its code, 0 for none; below 16."""
    return 0 if canonicalization is None else _CODES[canonicalization]


def canonicalization_of(code: int | None) -> Canonicalization | None:
    """What a code stands for; None for none."""
    return None if code is None else _NAMES[code]


class CanonicalizationCode(TypeDecorator[Canonicalization]):
    """A canonicalization as a small integer, one byte a row on SQLite."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Canonicalization | None, dialect: Dialect) -> int | None:
        return None if value is None else _CODES[value]

    def process_result_value(self, value: int | None, dialect: Dialect) -> Canonicalization | None:
        return canonicalization_of(value)
