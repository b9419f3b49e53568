"""Many values in one statement: they go to the database packed, and it takes them apart itself.

An issuer posts up to 100,000 digests at once, and as many requests as come at one moment are answered together. None of those
values becomes a row object, and a statement reads the same for one of them and for many, so that it is prepared once.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    cast,
    column,
    func,
)

ROWS_A_STATEMENT: Final = 10_000
"""Rows written or read at once: a compromise between round trips and memory."""


class Packed:
    """Rows made of a list. `rows`: what a statement selects from; `number`: one of the list; `place`: its place, from 0.

    Databases differ in how they make rows of a list, and in nothing else here.
    """

    def __init__(self, rows: FromClause, number: ColumnElement[int], place: ColumnElement[int]) -> None:
        self.rows = rows
        self.number = number
        self.place = place

    def slice(self, name: str, size: int) -> ColumnElement[bytes]:
        """The row's own `size` bytes of the blob that is bound under this name."""
        start = cast(self.place, Integer) * size + 1
        return func.substr(bindparam(name, type_=LargeBinary), start, size, type_=LargeBinary)


def pack(connection: Connection, numbers: Sequence[int], **blobs: bytes) -> dict[str, Any]:
    """What a statement over `Packed` is executed with. `blobs`: of as many parts each as there are numbers."""
    listed = str(list(numbers))  # as text: the driver would look at each of them
    return {"numbers": f"{{{listed[1:-1]}}}" if connection.dialect.name == "postgresql" else listed} | blobs


_JSON: Final = func.json_each(bindparam("numbers", type_=Text)).table_valued(column("key", Integer), column("value", BigInteger))
_ARRAY: Final = (
    func.unnest(cast(bindparam("numbers", type_=Text), ARRAY(BigInteger)))
    .table_valued(column("value", BigInteger), with_ordinality="ordinal", name="given")
    .render_derived()
)
SQLITE: Final = Packed(_JSON, _JSON.c.value, _JSON.c.key)
POSTGRESQL: Final = Packed(_ARRAY, _ARRAY.c.value, _ARRAY.c.ordinal - 1)
