"""What proofs and status follow from, in a statement or two: the hottest read there is, so it goes to the driver directly."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.tiles import Tile, TileCoordinate
from anchoring.ports.entries import Evidence
from anchoring.store.columns import canonicalization_of, moment_of
from anchoring.store.engine import driver_errors
from anchoring.store.postgresql import LEAF
from anchoring.types import Digest

_COLUMNS: Final = "e.id, i.did, e.digest, e.salt, e.canonicalization, e.received_at, b.id, b.state, b.block_hash"

# SQLite cannot hash: the leaf is computed between two statements, which takes less than to have it call a function of ours.
_ENTRY_ON_SQLITE: Final = f"""
    SELECT {_COLUMNS} FROM entry AS e
    JOIN issuer AS i ON i.id = e.issuer_id
    LEFT JOIN batch AS b
        ON b.first_id = (SELECT max(first_id) FROM batch WHERE first_id <= e.id)
        AND b.last_id >= e.id AND b.root IS NOT NULL
    WHERE e.digest = ? ORDER BY e.id
"""  # noqa: S608 - of constants
_TILE_ON_SQLITE: Final = """
    SELECT n, width, subtree FROM tile WHERE batch_id = ?1 AND level = 0 AND n = (
        SELECT n FROM tile WHERE batch_id = ?1 AND level = 0 AND first_leaf <= ?2 ORDER BY first_leaf DESC LIMIT 1
    )
"""

# Each look is lateral and limited, so that it goes by an index also where the planner knows nothing of the tables yet.
_POSTGRESQL: Final = f"""
    SELECT given.place, tile.n, tile.width, tile.subtree, {_COLUMNS}
    FROM unnest(%b::bytea[]) WITH ORDINALITY AS given(digest, place)
    CROSS JOIN LATERAL (SELECT * FROM entry WHERE entry.digest = given.digest ORDER BY entry.digest LIMIT 1000) AS e
    JOIN issuer AS i ON i.id = e.issuer_id
    LEFT JOIN LATERAL (SELECT * FROM batch WHERE first_id <= e.id ORDER BY first_id DESC LIMIT 1) AS b
        ON b.last_id >= e.id AND b.root IS NOT NULL
    LEFT JOIN LATERAL (
        SELECT n, width, subtree FROM tile WHERE batch_id = b.id AND level = 0
            AND first_leaf <= {LEAF.format(issuer="i", entry="e")}
        ORDER BY first_leaf DESC LIMIT 1
    ) AS tile ON true
    ORDER BY given.place, e.id
"""  # noqa: S608 - of constants


def evidence_of(connection: Connection, digests: Sequence[Digest]) -> list[list[Evidence]]:
    """Of every issuer's entry for each digest, oldest first, in the order of the input."""
    with driver_errors(connection) as driver:
        if connection.dialect.name == "sqlite":
            return [
                [_on_sqlite(driver, row) for row in driver.execute(_ENTRY_ON_SQLITE, (digest,)).fetchall()] for digest in digests
            ]
        found: list[list[Evidence]] = [[] for _ in digests]
        with driver.cursor(binary=True) as cursor:
            for place, n, width, subtree, *row in cursor.execute(_POSTGRESQL, [list(digests)]):
                found[place - 1].append(_evidence(row, None if n is None else (n, width, subtree)))
        return found


def _on_sqlite(driver: Any, row: Sequence[Any]) -> Evidence:
    _, did, digest, salt, _, _, batch_id, _, _ = row
    if batch_id is None:
        return _evidence(row, None)
    leaf = leaf_hash(issuer_id_of(did), salt, digest)
    return _evidence(row, driver.execute(_TILE_ON_SQLITE, (batch_id, leaf)).fetchone())


def _evidence(row: Sequence[Any], tile_row: tuple[int, int, bytes] | None) -> Evidence:
    entry_id, did, digest, salt, code, received_at, batch_id, state, block_hash = row
    tile = None
    if tile_row is not None:
        n, width, subtree = tile_row
        tile = Tile(at=TileCoordinate(0, n), width=width, subtree=subtree)
    return Evidence(
        entry_id, did, digest, salt, canonicalization_of(code), moment_of(received_at), batch_id, state, block_hash, tile
    )
