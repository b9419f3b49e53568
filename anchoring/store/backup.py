"""Backup and restore of the whole database, from either kind into either kind."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from anchoring.core.portions import portions
from anchoring.errors import Conflict, StateCorrupt
from anchoring.ports.runtime import Progress
from anchoring.store import tables
from anchoring.store.backup_file import BackupHeader, SavedTable, new_backup, read_header, read_rows
from anchoring.store.columns import EPOCH, MICROSECOND, UtcDateTime
from anchoring.store.detaching import detached_tables
from anchoring.store.engine import number_above, transaction
from anchoring.store.integrity import damage_of
from anchoring.store.partitions import make_room, newest_begins
from anchoring.store.presence import alone, require_alone
from anchoring.store.rounds import SqlRounds
from anchoring.store.schema import current_revision, migrate, require_known

ROWS_AT_ONCE: Final = 5_000

# A lease of the past would only keep the first round out.
_NOT_SAVED: Final = {"round_lease"}

_TYPES: Final[dict[str, type[TypeEngine[Any]]]] = {
    "bytes": LargeBinary,
    "int": BigInteger,
    "text": Text,
    "time": UtcDateTime,
}


def save_backup(engine: Engine, path: Path, *, now: datetime, progress: Progress) -> BackupHeader:
    """Write the database as it is at one moment, while programs go on using it.

    Raises: Conflict when the file exists; InvalidInput when it cannot be written; StateCorrupt when the database is damaged,
    since a backup of it would only hide that; StoreUnavailable.
    """
    with new_backup(path) as file, transaction(engine, writes=False) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            # Before the moment is fixed, which this does not: entries detached after it would be missed, and their marks.
            connection.execute(text("LOCK TABLE entry IN ACCESS SHARE MODE"))
        if damage := damage_of(connection):
            raise StateCorrupt(f"the database is damaged, and no backup was made: {damage[0]}")
        header = _describe(connection, now)
        file.write(header.to_json())
        for saved in header.tables:
            done = 0
            for rows in portions(_saved_rows(connection, saved), ROWS_AT_ONCE):
                file.write(*rows)
                done += len(rows)
                progress(f"saving {saved.name}", done, saved.rows)
    return header


def restore_backup(engine: Engine, path: Path, *, now: datetime, replace: bool, progress: Progress) -> BackupHeader:
    """Put a backup into a database: all of it or nothing. From then on the database is taken for older than the ledger.

    `replace`: what the database holds goes; else it must hold nothing.

    Raises: InvalidInput when the file is no whole backup, and nothing was touched; Conflict while a program uses the database, or
    when it is not empty; Misconfigured for a backup of a newer program; StoreUnavailable.
    """
    header = read_header(path, progress)
    with alone(engine):
        _prepare_schema(engine, header, replace=replace)
        with transaction(engine, writes=True) as connection:
            require_alone(connection)
            _make_room(connection, replace=replace)
            for saved, rows in read_rows(path, header):
                _load(connection, saved, rows, progress)
            _continue_ids(connection, header)
            SqlRounds(connection).mark_restored(now)
            require_alone(connection)
            connection.commit()
        engine.dispose()  # the session that said it was restoring ends
        migrate(engine)
    return header


def _describe(connection: Connection, now: datetime) -> BackupHeader:
    saved = []
    for table in tables.metadata.sorted_tables:
        if table.name not in _NOT_SAVED:
            rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
            columns = tuple((column.name, _kind(column)) for column in table.columns)
            saved.append(SavedTable(name=table.name, columns=columns, rows=rows))
    sealed = select(func.max(tables.batch.c.last_id)).where(tables.batch.c.root.is_not(None))
    return BackupHeader(
        revision=str(current_revision(connection)),
        database=connection.dialect.name,
        created_at=now,
        seal_mark=connection.execute(sealed).scalar() or 0,
        tables=tuple(saved),
    )


def _kind(column: Column[Any]) -> str:
    match column.type:
        case LargeBinary():
            return "bytes"
        case UtcDateTime():
            return "time"
        case String():
            return "text"
        case _:
            return "int"


def _plain(saved: SavedTable) -> Table:
    """A table by what a backup says of it: the program may know it with more columns by now."""
    return Table(saved.name, MetaData(), *[Column(name, _TYPES[kind]()) for name, kind in saved.columns])


def _saved_rows(connection: Connection, saved: SavedTable) -> Iterator[list[Any]]:
    table = _plain(saved)
    key = tables.metadata.tables[saved.name].primary_key.columns.keys()
    statement = select(table).order_by(*[table.c[name] for name in key]).execution_options(yield_per=ROWS_AT_ONCE)
    times = [place for place, (_, kind) in enumerate(saved.columns) if kind == "time"]
    with connection.execute(statement) as found:
        for row in map(list, found):
            for place in times:
                if row[place] is not None:
                    row[place] = (row[place] - EPOCH) // MICROSECOND
            yield row


def _prepare_schema(engine: Engine, header: BackupHeader, *, replace: bool) -> None:
    """The tables as they were when the backup was made. A database that holds something is left as it is."""
    with transaction(engine, writes=True) as connection:
        require_alone(connection)
        if beside := detached_tables(connection):
            raise Conflict(f"no erasure reaches {', '.join(beside)}, and what is restored may be in it too: drop it first")
        revision = current_revision(connection)
        is_empty = revision is None or not any(_counts(connection).values())
    if revision == header.revision:
        return
    if not is_empty:
        if not replace:
            raise _not_empty()
        raise Conflict(
            f"the database is at migration {revision}, the backup at {header.revision}; what the database holds must go first: "
            "credanchor store migrate --revision base --yes"
        )
    require_known(header.revision)
    migrate(engine, "base")
    migrate(engine, header.revision)


def _make_room(connection: Connection, *, replace: bool) -> None:
    if not any(_counts(connection).values()):
        return
    if not replace:
        raise _not_empty()
    present = _present(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"TRUNCATE {', '.join(table.name for table in present)}"))
        return
    for table in reversed(present):
        connection.execute(table.delete())


def _not_empty() -> Conflict:
    return Conflict("the database holds something: restore into an empty one, or add --replace and what it holds goes")


def _counts(connection: Connection) -> dict[str, int]:
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in _present(connection)
    }


def _present(connection: Connection) -> list[Table]:
    """Our tables that this schema has, in the order in which rows can be put into them."""
    there = set(inspect(connection).get_table_names())
    return [table for table in tables.metadata.sorted_tables if table.name in there]


def _load(connection: Connection, saved: SavedTable, rows: Iterator[list[Any]], progress: Progress) -> None:
    table, done = _plain(saved), 0
    names = [name for name, _ in saved.columns]
    times = [place for place, (_, kind) in enumerate(saved.columns) if kind == "time"]
    for some in portions(rows, ROWS_AT_ONCE):
        for row in some:
            for place in times:
                if row[place] is not None:
                    row[place] = EPOCH + row[place] * MICROSECOND
        if saved.name == tables.entry.name:
            make_room(connection, some[-1][names.index("id")])
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in some])
        done += len(some)
        progress(f"restoring {saved.name}", done, saved.rows)


def _continue_ids(connection: Connection, header: BackupHeader) -> None:
    """New rows get ids above all that were given. SQLite sees to that itself, but for entries that were detached."""
    if connection.dialect.name != "postgresql":
        number_above(connection, tables.entry.name, _last_of_a_batch(connection))
        return
    for saved in header.tables:
        if "id" in dict(saved.columns) and (sequence := _sequence_of(connection, saved.name)):
            highest = connection.execute(select(func.max(_plain(saved).c.id))).scalar()
            if saved.name == tables.entry.name:
                highest = max(highest or 0, _last_of_a_batch(connection), (newest_begins(connection) or 1) - 1) or None
            connection.execute(select(func.setval(sequence, highest or 1, highest is not None)))


def _last_of_a_batch(connection: Connection) -> int:
    return connection.execute(select(func.max(tables.batch.c.last_id))).scalar() or 0


def _sequence_of(connection: Connection, table: str) -> str | None:
    return connection.execute(select(func.pg_get_serial_sequence(table, "id"))).scalar()
