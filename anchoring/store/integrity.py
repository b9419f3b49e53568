"""Whether the database itself is whole: its pages and indexes, its references, its counters, and how durable it is set to be."""

from typing import Final

from sqlalchemy import Connection, Engine, LargeBinary, func, select, text

from anchoring.core.findings import Finding
from anchoring.store import postgresql, sqlite, tables
from anchoring.store.engine import transaction
from anchoring.store.schema import current_revision

MOST_FINDINGS: Final = 20

RESTORE: Final = "stop service and rounds, set the database aside, and restore the newest backup: credanchor store restore"


def check_database(engine: Engine) -> list[Finding]:
    """Raises: StoreUnavailable; StateCorrupt when not even that can be found out."""
    with transaction(engine, writes=False) as connection:
        damage = damage_of(connection)
        return [
            Finding.of(
                "database", damage, advice=RESTORE, good=f"{connection.dialect.name}, migration {current_revision(connection)}"
            ),
            Finding.of("types", _wrong_types(connection), advice=RESTORE),
            Finding.of("references", _dangling(connection), advice=RESTORE),
            Finding.of("counters", _low_counters(connection), advice=RESTORE),
            Finding.of("durability", _less_durable(connection), advice="correct the settings of the database server"),
        ]


def damage_of(connection: Connection) -> list[str]:
    """What the database says against its own pages, indexes and constraints."""
    if connection.dialect.name == "postgresql":
        return [f"index {name} is not valid" for name in connection.execute(_INVALID_INDEXES).scalars()]
    said = connection.execute(text(f"PRAGMA integrity_check({MOST_FINDINGS})")).scalars().all()
    return [] if said == ["ok"] else list(map(str, said))


_INVALID_INDEXES: Final = text(
    "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid "
    "WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace"
)


def _dangling(connection: Connection) -> list[str]:
    """Rows that refer to a row that is not there."""
    found = []
    for table in tables.metadata.sorted_tables:
        for reference in table.foreign_keys:
            target = reference.column.table.alias()
            missing = ~select(target).where(target.c[reference.column.name] == reference.parent).exists()
            count = connection.execute(
                select(func.count()).select_from(table).where(reference.parent.is_not(None), missing)
            ).scalar_one()
            if count:
                found.append(f"{count} rows of {table.name} refer to rows of {reference.column.table.name} that are not there")
    if count := connection.execute(_MISFILED).scalar_one():
        found.append(f"{count} tiles are filed under another leaf than their first")
    return found


_MISFILED: Final = text("SELECT count(*) FROM tile WHERE level = 0 AND first_leaf <> substr(subtree, 1, 32)")


def _wrong_types(connection: Connection) -> list[str]:
    """SQLite takes text into a column of bytes, where it equals no bytes and cannot be read."""
    if connection.dialect.name == "postgresql":
        return []
    found = []
    for table in tables.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, LargeBinary):
                wrong = select(func.count()).select_from(table).where(func.typeof(column).not_in(("blob", "null")))
                if count := connection.execute(wrong).scalar_one():
                    found.append(f"{count} rows of {table.name} have something else than bytes as {column.name}")
    return found


def _low_counters(connection: Connection) -> list[str]:
    """An id must never be given twice, so each counter stands at or above the highest id there is."""
    found = []
    for table in tables.metadata.sorted_tables:
        if "id" not in table.c or table.c.id.autoincrement is False:
            continue
        highest = connection.execute(select(func.max(table.c.id))).scalar() or 0
        if table is tables.entry:
            highest = max(highest, connection.execute(select(func.max(tables.batch.c.last_id))).scalar() or 0)
        counter = _counter(connection, table.name)
        if counter < highest:
            found.append(f"the next id of {table.name} follows {counter}, and {highest} was given already")
    return found


def _counter(connection: Connection, table: str) -> int:
    if connection.dialect.name == "postgresql":
        last_value = text("SELECT pg_sequence_last_value(pg_get_serial_sequence(:table, 'id')::regclass)")
        counter = connection.execute(last_value, {"table": table})
    else:
        counter = connection.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table})
    return counter.scalar() or 0


def _less_durable(connection: Connection) -> list[str]:
    """Connections are refused where this is not so; asked once more, past the code that refuses."""
    if connection.dialect.name == "postgresql":
        found = {name: connection.execute(text(f"SHOW {name}")).scalar() for name in postgresql.DURABLE}
        return [f"{name} is {found[name]}" for name, allowed in postgresql.DURABLE.items() if found[name] not in allowed]
    values = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in sqlite.DURABLE}
    return [f"{name} is {values[name]}" for name, needed in sqlite.DURABLE.items() if values[name] != needed]
