"""What proofs are made of, in one statement each or for all: the hottest read there is, so it goes to the driver directly."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from anchoring.core.tiles import Tile, TileCoordinate
from anchoring.ports.entries import Evidence
from anchoring.store.columns import canonicalization_of
from anchoring.store.engine import driver_errors
from anchoring.store.sqlite import LEAF_FUNCTION
from anchoring.types import Digest

_COLUMNS: Final = (
    "e.id, i.did, e.digest, e.salt, e.canonicalization, b.id, b.state, b.block_hash, tile.n, tile.width, tile.subtree"
)
_SQLITE: Final = f"""
    SELECT {_COLUMNS} FROM entry AS e
    JOIN issuer AS i ON i.id = e.issuer_id
    LEFT JOIN batch AS b
        ON b.first_id = (SELECT max(first_id) FROM batch WHERE first_id <= e.id)
        AND b.last_id >= e.id AND b.block_hash IS NOT NULL
    LEFT JOIN tile ON tile.batch_id = b.id AND tile.level = 0 AND tile.n = (
        SELECT n FROM tile WHERE batch_id = b.id AND level = 0 AND first_leaf <= {LEAF_FUNCTION}(i.did, e.salt, e.digest)
        ORDER BY first_leaf DESC LIMIT 1
    )
    WHERE e.digest = ? ORDER BY e.id
"""  # noqa: S608 - of constants

# Each look is lateral and limited, so that it goes by an index also where the planner knows nothing of the tables yet.
_POSTGRESQL: Final = f"""
    SELECT given.place, {_COLUMNS} FROM unnest(%b::bytea[]) WITH ORDINALITY AS given(digest, place)
    CROSS JOIN LATERAL (SELECT * FROM entry WHERE entry.digest = given.digest ORDER BY entry.digest LIMIT 1000) AS e
    JOIN issuer AS i ON i.id = e.issuer_id
    LEFT JOIN LATERAL (SELECT * FROM batch WHERE first_id <= e.id ORDER BY first_id DESC LIMIT 1) AS b
        ON b.last_id >= e.id AND b.block_hash IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT n, width, subtree FROM tile WHERE batch_id = b.id AND level = 0
            AND first_leaf <= sha256('\\x00'::bytea || sha256(convert_to(i.did, 'UTF8')) || e.salt || e.digest)
        ORDER BY first_leaf DESC LIMIT 1
    ) AS tile ON true
    ORDER BY given.place, e.id
"""  # noqa: S608 - of constants


def evidence_of(connection: Connection, digests: Sequence[Digest]) -> list[list[Evidence]]:
    """Of every issuer's entry for each digest, oldest first, in the order of the input."""
    with driver_errors(connection) as driver:
        if connection.dialect.name == "sqlite":
            return [[_evidence(row) for row in driver.execute(_SQLITE, (digest,))] for digest in digests]
        found: list[list[Evidence]] = [[] for _ in digests]
        with driver.cursor(binary=True) as cursor:
            for place, *row in cursor.execute(_POSTGRESQL, [list(digests)]):
                found[place - 1].append(_evidence(row))
        return found


def _evidence(row: Sequence[Any]) -> Evidence:
    entry_id, did, digest, salt, code, batch_id, state, block_hash, n, width, subtree = row
    tile = None if n is None else Tile(at=TileCoordinate(0, n), width=width, subtree=subtree)
    return Evidence(entry_id, did, digest, salt, canonicalization_of(code), batch_id, state, block_hash, tile)
