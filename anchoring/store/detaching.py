"""A partition of entries is detached: what nothing refers to leaves, the rest stays in a small partition of the same bounds.

What stays is copied while everybody goes on. Then, with the tables for itself, the copy gets what was referred to meanwhile and
takes the place of the partition. All of it is one transaction, beside which nothing is recalled. What left is a table of its own;
no entry is in both.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine, bindparam, func, select, text
from sqlalchemy.exc import OperationalError

from anchoring.core.issuer import CANARY
from anchoring.core.merkle import NODE_BYTES
from anchoring.core.tiles import TILE_WIDTH
from anchoring.errors import Conflict, NotFound, StoreUnavailable
from anchoring.ports.partitions import DetachedPartition, PartitionToDetach
from anchoring.store.columns import UtcDateTime
from anchoring.store.engine import DETACH_LOCK, sqlstate_of, transaction, translated
from anchoring.store.partitions import (
    NAME_BY_BOUND,
    OWNER,
    PARTITION_NAMES,
    REFERENCES,
    hold_writers,
    require_owner,
    require_postgresql,
    validate_references,
)
from anchoring.store.postgresql import LEAF
from anchoring.store.schema import LOCK_NOT_AVAILABLE, LOCK_WAIT, ask_for_tables, change_alone
from anchoring.store.tables import entry, metadata

COPY: Final = "entry_kept"
"""The small partition, before it takes its place."""


class _Place(NamedTuple):
    """Of a leaf that was revoked or suspended by list and index, which names no entry."""

    batch_id: int
    issuer_id: int
    list_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What was so before anything was copied. `marked`: batches of which entries were detached."""

    marked: frozenset[int]
    places: frozenset[_Place]


def find_detachable(engine: Engine, name: str | None) -> PartitionToDetach:
    """The partition of this name, or the oldest that has something to detach. The ledger and manifests are not looked at.

    Raises: Misconfigured on SQLite, or for another role than the owner; NotFound; Conflict when there is nothing to detach, or
    why it must not be; StoreUnavailable.
    """
    require_postgresql(engine)
    with transaction(engine, writes=False) as connection:
        require_owner(connection)
        names = connection.execute(PARTITION_NAMES).scalars().all()
        if not names:
            raise Conflict("entries are in one table; begin another one first, with: credanchor partitions add")
        if name is not None and name not in names:
            raise NotFound(f"there is no partition {name}; there are {', '.join(names)}")
        if name == names[-1]:
            raise Conflict(f"{name} is the newest partition, to which entries go")
        for one in [name] if name else names[:-1]:
            _require_own_name(connection, one)
            if found := _with_something_to_detach(connection, one):
                _require_at_rest(connection, found)
                return found
    raise Conflict(f"nothing is to be detached: of {name or 'every partition but the newest'} all that is left is referred to")


def finish_detaching(engine: Engine, *, patience_s: float) -> bool:
    """See to references that a command which was killed left behind. Returns whether there were any.

    Raises: Misconfigured for another role than the owner; StoreUnavailable.
    """
    with translated(), engine.connect() as connection:
        try:
            require_owner(connection)
            change_alone(connection)
            return validate_references(connection, patience_s)
        finally:
            connection.invalidate()


def detach_partition(engine: Engine, found: PartitionToDetach, *, now: datetime, patience_s: float) -> DetachedPartition:
    """Detach it while service and rounds go on: all or nothing wherever it is killed. Its batches' manifests must be whole.

    `patience_s`: how long to ask for tables that others hold.

    Raises: Conflict when something came in between; StoreUnavailable.
    """
    with translated(), engine.connect() as connection:
        try:
            change_alone(connection)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {max(1, int(patience_s * 1000))}")
            hold_what_is_detached(connection)
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            if _with_something_to_detach(connection, found.name) != found:
                raise _changed(found)
            _require_at_rest(connection, found)
            before = _Before(marked=_marked(connection, found), places=_places(connection, found))
            _copy_what_stays(connection, found, before, now)
            tables: list[str] = []
            ask_for_tables(connection, lambda: tables.append(_exchange(connection, found, before)), patience_s, within=True)
            connection.commit()
            validate_references(connection, patience_s)
            return _described(connection, found, tables[-1])
        finally:
            connection.invalidate()  # its lock and its settings end with it


def hold_what_is_detached(connection: Connection) -> None:
    """Until this transaction ends nobody else detaches entries or recalls any.

    Raises: Misconfigured for another role than the owner; StoreUnavailable, naming who does.
    """
    if connection.dialect.name != "postgresql":
        return
    require_owner(connection)
    attempt = connection.begin_nested()
    try:
        connection.execute(select(func.pg_advisory_xact_lock(DETACH_LOCK)))
    except OperationalError as failed:
        if sqlstate_of(failed) != LOCK_NOT_AVAILABLE:
            raise
        attempt.rollback()
        who = connection.execute(_HOLDER, {"key": DETACH_LOCK}).scalar() or "another session"
        raise StoreUnavailable(f"entries are detached or recalled by {who}: repeat when it is done", may_repeat=True) from failed
    attempt.commit()


def detached_tables(connection: Connection) -> list[str]:
    """What left partitions and was not dropped yet, oldest first; none on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    return list(connection.execute(_DETACHED_TABLES).scalars())


def take_from_detached(connection: Connection, entry_ids: list[int]) -> None:
    """These are in the database again, and in no table beside it. Raises: DBAPIError unless the owner of the tables asks."""
    for table in detached_tables(connection):
        connection.execute(text(f"DELETE FROM {table} WHERE id = ANY(:ids)"), {"ids": entry_ids})  # noqa: S608 - ours


def _with_something_to_detach(connection: Connection, name: str) -> PartitionToDetach | None:
    first_id, last_id = _ends(connection, name)
    if first_id is None:
        return None
    found = PartitionToDetach(name=name, first_id=first_id, last_id=last_id)
    referred = _referred(connection, found, _places(connection, found))
    is_any = connection.exec_driver_sql(_ANY_LEAVES.format(name=name, referred=referred, own=_OWN))
    return found if is_any.scalar_one() else None


def _ends(connection: Connection, name: str) -> tuple[Any, Any]:
    first_id, last_id = connection.exec_driver_sql(f"SELECT min(id), max(id) FROM {name}").one()  # noqa: S608 - a partition's
    return first_id, last_id


def _require_own_name(connection: Connection, name: str) -> None:
    """What leaves is named after it, and found again by that. Raises: Conflict."""
    own = connection.execute(NAME_BY_BOUND, {"name": name}).scalar_one()
    if name != own:
        raise Conflict(f"partition {name} was renamed; give it its name back, {own}, and repeat")


def _referred(connection: Connection, found: PartitionToDetach, places: Collection[_Place]) -> str:
    """Ids of this range that other tables refer to, and those of the entries at these places."""
    at_places = ", ".join(map(str, _entries_at(connection, found, places)))
    return " UNION ALL ".join(
        [f"SELECT unnest(CAST('{{{at_places}}}' AS bigint[]))"]
        + [
            f"SELECT {key} FROM {table} WHERE {key} BETWEEN {found.first_id} AND {found.last_id}"  # noqa: S608 - ours
            for table, key in _REFERRING
        ]
    )


def _places(connection: Connection, found: PartitionToDetach) -> frozenset[_Place]:
    given = {"first_id": found.first_id, "last_id": found.last_id}
    return frozenset(_Place(*row) for row in connection.execute(_PLACES, given))


def _entries_at(connection: Connection, found: PartitionToDetach, places: Collection[_Place]) -> list[int]:
    """Their ids. All entries of the issuer in such a batch are hashed, some million a second."""
    if not places:
        return []
    batches, issuers, indexes = map(list, zip(*places, strict=True))
    given = {"batches": batches, "issuers": issuers, "indexes": indexes}
    return list(connection.execute(text(_ENTRIES_AT.format(name=found.name)), given).scalars())


def _references() -> Iterator[tuple[str, str]]:
    for table in metadata.sorted_tables:
        for key in table.foreign_keys:
            if key.column.table is entry:
                yield table.name, key.parent.name


def _require_at_rest(connection: Connection, found: PartitionToDetach) -> None:
    """Raises: Conflict saying what is not done yet about its entries."""
    given = {"first_id": found.first_id, "last_id": found.last_id}
    for why, asked in _NOT_AT_REST.items():
        one = connection.execute(asked, given).scalar()
        if one is not None:
            raise Conflict(f"{found.name} cannot be detached yet: " + why.format(one))


def _copy_what_stays(connection: Connection, found: PartitionToDetach, before: _Before, now: datetime) -> None:
    """Nobody waits for this but who changes the batches' rows, which rounds have no more reason to."""
    names = {"name": found.name, "copy": COPY}
    bound = connection.execute(_CONSTRAINT, {"name": found.name}).scalar_one()
    referred = _referred(connection, found, before.places)
    connection.exec_driver_sql(_COPY.format(**names, bound=bound, referred=referred, own=_OWN))
    mark = text(_MARK.format(**names)).bindparams(bindparam("now", type_=UtcDateTime()))
    connection.execute(mark, {"first_id": found.first_id, "last_id": found.last_id, "now": now})
    connection.exec_driver_sql(_NOTE_ISSUERS.format(**names))


def _marked(connection: Connection, found: PartitionToDetach) -> frozenset[int]:
    """Its batches of which entries were detached."""
    return frozenset(connection.execute(_MARKED, {"first_id": found.first_id, "last_id": found.last_id}).scalars())


def _require_unchanged(connection: Connection, found: PartitionToDetach, before: _Before) -> None:
    """Whatever came back in spite of the lock, what it is referred to by is looked for, and its batch is still marked.

    Its entries are not counted: everybody would wait for that. Raises: Conflict.
    """
    if _ends(connection, found.name) != (found.first_id, found.last_id) or not before.marked <= _marked(connection, found):
        raise _changed(found)


def _changed(found: PartitionToDetach) -> Conflict:
    return Conflict(f"{found.name} was changed meanwhile; repeat")


def _exchange(connection: Connection, found: PartitionToDetach, before: _Before) -> str:
    """Some milliseconds in which nobody reads or writes entries. Returns the name of the table with what left."""
    hold_writers(connection)
    references = connection.execute(REFERENCES).all()
    connection.exec_driver_sql(f"LOCK TABLE entry, {', '.join(one.table for one in references)}")
    _require_unchanged(connection, found, before)
    _require_at_rest(connection, found)
    referred = _referred(connection, found, _places(connection, found) - before.places)
    connection.exec_driver_sql(_CATCH_UP.format(name=found.name, copy=COPY, referred=referred))
    given = {"name": found.name}
    bound, owner = connection.execute(_BOUND, given).scalar_one(), connection.execute(OWNER).scalar_one()
    names = connection.execute(_CONSTRAINT_NAMES, given).all()
    table = _free_name(connection, found.name)
    for one in references:
        connection.exec_driver_sql(one.drop)
    connection.exec_driver_sql(_TAKE_OUT.format(name=found.name, table=table))
    for one in names:
        connection.exec_driver_sql(_rename(table, one.name, f"{one.name}_{table.removeprefix(found.name + '_')}"))
    for refers in connection.execute(_CONSTRAINT_NAMES, {"name": table}).all():
        if refers.kind == "f":
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {refers.name}")
    connection.exec_driver_sql(_PUT_IN.format(name=found.name, copy=COPY, bound=bound, owner=owner))
    for one in names:
        if one.kind != "f":
            connection.exec_driver_sql(_rename(found.name, _NAMES_IN_COPY[one.kind], one.name))
    connection.exec_driver_sql(_TAKE_AWAY.format(table=table, name=found.name))
    for one in references:
        connection.exec_driver_sql(one.add)
    return table


def _free_name(connection: Connection, partition: str) -> str:
    first = f"{partition}_detached"
    taken = set(connection.execute(_TABLES, {"like": first + "%"}).scalars())
    return next(name for i in range(1, len(taken) + 2) if (name := first if i == 1 else f"{first}_{i}") not in taken)


def _rename(table: str, name: str, new_name: str) -> str:
    return f"ALTER TABLE {table} RENAME CONSTRAINT {name} TO {new_name}"


def _described(connection: Connection, found: PartitionToDetach, table: str) -> DetachedPartition:
    def count(name: str) -> int:
        counted: int = connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()  # noqa: S608 - ours
        return counted

    size = connection.execute(select(func.pg_total_relation_size(table))).scalar_one()
    return DetachedPartition(name=found.name, table=table, entries=count(table), kept=count(found.name), size=size)


_REFERRING: Final = tuple(_references())
_NAMES_IN_COPY: Final = {"p": f"pk_{COPY}", "u": f"uq_{COPY}_digest_issuer_id"}

_IN_RANGE: Final = "BETWEEN :first_id AND :last_id"
_OVERLAPS: Final = "batch.first_id <= :last_id AND batch.last_id >= :first_id"
_OF_BATCH: Final = f"""
    SELECT batch.id FROM {{}} AS one JOIN batch ON one.entry_id BETWEEN batch.first_id AND batch.last_id
    WHERE one.entry_id {_IN_RANGE} AND ({{}}) LIMIT 1
"""  # noqa: S608 - constants
_NOT_AT_REST: Final[dict[str, Any]] = {
    "batch {0} is not final; let rounds go on": text(
        f"SELECT id FROM batch WHERE {_OVERLAPS} AND state <> 'final' ORDER BY id LIMIT 1"  # noqa: S608 - constants
    ),
    "entry {0} waits to be sealed; run a round": text(
        "SELECT :last_id WHERE NOT EXISTS (SELECT FROM batch WHERE last_id >= :last_id AND root IS NOT NULL)"
    ),
    "an erasure in batch {0} is not carried out and in the manifest yet; run a round": text(
        _OF_BATCH.format("erasure", "done_at IS NULL OR manifest_rewritten_at IS NULL")
    ),
    "a change of status in batch {0} waits for its place; run a round": text(
        _OF_BATCH.format("status_change", "status_list_id IS NULL")
    ),
}
_PLACES: Final = text(
    "SELECT DISTINCT status_list.batch_id, status_list.issuer_id, status_change.list_index FROM batch "  # noqa: S608 - constants
    "JOIN status_list ON status_list.batch_id = batch.id JOIN status_change ON status_change.status_list_id = status_list.id "
    f"WHERE {_OVERLAPS} AND status_change.entry_id IS NULL"
)
_ENTRIES_AT: Final = f"""
    WITH place AS (
        SELECT * FROM unnest(CAST(:batches AS bigint[]), CAST(:issuers AS bigint[]), CAST(:indexes AS integer[]))
            AS place (batch_id, issuer_id, list_index)
    ), leaf AS MATERIALIZED (
        SELECT substring(subtree FROM list_index % {TILE_WIDTH} * {NODE_BYTES} + 1 FOR {NODE_BYTES}) AS leaf
        FROM place JOIN tile ON tile.batch_id = place.batch_id AND level = 0 AND n = list_index / {TILE_WIDTH}
    ), hashed AS MATERIALIZED (
        SELECT one.id, {LEAF.format(issuer="issuer", entry="one")} AS leaf
        FROM (SELECT DISTINCT batch_id, issuer_id FROM place) AS searched
        JOIN batch ON batch.id = searched.batch_id JOIN issuer ON issuer.id = searched.issuer_id
        JOIN {{name}} AS one ON one.id BETWEEN batch.first_id AND batch.last_id AND one.issuer_id = searched.issuer_id
    )
    SELECT hashed.id FROM hashed JOIN leaf USING (leaf) ORDER BY hashed.id
"""  # noqa: S608 - constants
_MARKED: Final = text(f"SELECT id FROM batch WHERE {_OVERLAPS} AND detached_at IS NOT NULL")  # noqa: S608 - constants
_HOLDER: Final = text(
    "SELECT format('session %s (%s), at work since %s', pid, application_name, "
    "to_char(xact_start AT TIME ZONE 'UTC', 'HH24:MI:SS \"UTC\"')) FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = :key AND datname = current_database() "
    "AND database = datid AND pid <> pg_backend_pid()"
)

_CONSTRAINT: Final = text("SELECT pg_get_partition_constraintdef(CAST(:name AS regclass))")
_BOUND: Final = text("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = CAST(:name AS regclass)")
_CONSTRAINT_NAMES: Final = text(
    "SELECT conname AS name, contype::text AS kind FROM pg_constraint "
    "WHERE conrelid = CAST(:name AS regclass) AND contype IN ('p', 'u', 'f')"
)
_TABLES: Final = text("SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname LIKE :like")
_DETACHED_TABLES: Final = text(
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relispartition "
    r"AND relname ~ '^entry_\d+_detached(_\d+)?$' ORDER BY oid"
)

_OWN: Final = f"SELECT id FROM issuer WHERE did = '{CANARY}'"  # noqa: S608 - a constant

_ANY_LEAVES: Final = """
    SELECT EXISTS (
        SELECT FROM {name} AS one WHERE one.issuer_id NOT IN ({own})
            AND NOT EXISTS (SELECT FROM ({referred}) AS known (id) WHERE known.id = one.id)
    )
"""
# The service's own entries are few, and the audit log is held against all of them.
_COPY: Final = """
    CREATE TABLE {copy} (LIKE {name} INCLUDING CONSTRAINTS INCLUDING COMMENTS, CONSTRAINT ck_entry_bound CHECK ({bound}));
    INSERT INTO {copy} SELECT one.* FROM {name} AS one WHERE one.id IN ({referred});
    INSERT INTO {copy} SELECT one.* FROM {name} AS one
        WHERE one.issuer_id IN ({own}) AND NOT EXISTS (SELECT FROM {copy} WHERE {copy}.id = one.id);
    ALTER TABLE {copy} ADD CONSTRAINT pk_{copy} PRIMARY KEY (id);
    ALTER TABLE {copy} ADD CONSTRAINT uq_{copy}_digest_issuer_id UNIQUE (digest, issuer_id);
    ANALYZE {copy}
"""
# Each look goes by an index, whatever the planner thinks of the tables: a partition may have a hundred million rows.
_MARK: Final = f"""
    UPDATE batch SET detached_at = :now
    WHERE {_OVERLAPS} AND (
        SELECT one.id FROM {{name}} AS one
        WHERE one.id BETWEEN batch.first_id AND batch.last_id
            AND (SELECT {{copy}}.id FROM {{copy}} WHERE {{copy}}.id = one.id LIMIT 1) IS NULL
        ORDER BY one.id LIMIT 1
    ) IS NOT NULL
"""  # noqa: S608 - constants
_NOTE_ISSUERS: Final = """
    INSERT INTO issuer_detached (issuer_id, since, until)
    SELECT issuer_id, min(received_at), max(received_at) FROM {name} AS one
    WHERE NOT EXISTS (SELECT FROM {copy} WHERE {copy}.id = one.id) GROUP BY issuer_id
    ON CONFLICT (issuer_id) DO UPDATE
    SET since = least(issuer_detached.since, excluded.since), until = greatest(issuer_detached.until, excluded.until)
"""
_CATCH_UP: Final = """
    INSERT INTO {copy} SELECT one.* FROM {name} AS one WHERE one.id = ANY(ARRAY(
        SELECT DISTINCT known.id FROM ({referred}) AS known (id) WHERE NOT EXISTS (SELECT FROM {copy} WHERE {copy}.id = known.id)
    ));
    UPDATE {copy} SET digest = NULL, salt = NULL, canonicalization = NULL
    WHERE digest IS NOT NULL AND id IN (SELECT entry_id FROM erasure WHERE done_at IS NOT NULL)
"""
_TAKE_AWAY: Final = "DELETE FROM {table} WHERE id = ANY(ARRAY(SELECT id FROM {name} ORDER BY id))"
_TAKE_OUT: Final = """
    ALTER TABLE entry DETACH PARTITION {name};
    ALTER TABLE {name} RENAME TO {table}
"""
_PUT_IN: Final = """
    ALTER TABLE {copy} RENAME TO {name};
    ALTER TABLE {name} OWNER TO {owner};
    ALTER TABLE entry ATTACH PARTITION {name} {bound};
    ALTER TABLE {name} DROP CONSTRAINT ck_entry_bound
"""
