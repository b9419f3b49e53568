"""What is recorded of each of up to 100,000 digests at once: past SQLAlchemy, which looks at every value of every row."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection

from anchoring.errors import StoreUnavailable
from anchoring.ports.entries import Receipts
from anchoring.store.columns import canonicalization_of, moment_of
from anchoring.store.engine import driver_errors

_COLUMNS: Final = "entry.id, entry.salt, entry.canonicalization, entry.received_at"
_SQLITE: Final = f"""
    SELECT {_COLUMNS} FROM json_each(:numbers) AS given
    LEFT JOIN entry ON entry.digest = substr(:digests, given.key * 32 + 1, 32) AND entry.issuer_id = given.value / :codes
    ORDER BY given.key
"""  # noqa: S608 - of constants
_POSTGRESQL: Final = f"""
    SELECT {_COLUMNS} FROM unnest(CAST(%(numbers)s AS bigint[])) WITH ORDINALITY AS given(number, place)
    LEFT JOIN entry ON entry.digest = substr(%(digests)b, CAST(given.place AS integer) * 32 - 31, 32)
        AND entry.issuer_id = given.number / %(codes)s
    ORDER BY given.place
"""  # noqa: S608 - of constants


def receipts_of(connection: Connection, packed: Mapping[str, Any], *, codes: int) -> Receipts:
    """In the order of the input. `packed`: `numbers`, each an issuer's id times `codes` and a code, and as many `digests`.

    Raises: StoreUnavailable when one is gone.
    """
    given = {"numbers": packed["numbers"], "digests": packed["digests"], "codes": codes}
    with driver_errors(connection) as driver:
        if connection.dialect.name == "sqlite":
            rows = driver.execute(_SQLITE, given).fetchall()
        else:
            with driver.cursor(binary=True) as cursor:
                rows = cursor.execute(_POSTGRESQL, given).fetchall()
    entry_ids, salts, codes_found, times = zip(*rows, strict=True)
    if None in entry_ids:
        raise StoreUnavailable("a digest is being erased at this moment; repeating records it anew")
    moment = cache(moment_of)  # what was posted together has one time
    return Receipts(entry_ids, salts, [canonicalization_of(code) for code in codes_found], [moment(time) for time in times])
