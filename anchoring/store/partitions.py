"""Partitions of entries on PostgreSQL: ranges of ids so wide that none is ever used up. New entries go to the newest one.

A digest is unique for its issuer over all of them, and a unique index upholds that within one only. So whoever adds entries looks
into the older ones first. Nobody adds to those any more: the newest changes under the lock alone that writers share until they
commit, so all that older ones will ever hold is committed when a writer gets past.

Until the first is added, entries are one plain table. It becomes the oldest partition as it is; no row is written anew.
"""

from functools import partial
from typing import Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Engine,
    Label,
    column,
    func,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.sql.selectable import LateralFromClause

from anchoring.errors import Misconfigured
from anchoring.ports.partitions import Partition
from anchoring.store.columns import UtcDateTime
from anchoring.store.engine import SEAL_LOCK, transaction, translated
from anchoring.store.schema import ask_for_tables, change_alone
from anchoring.store.tables import entry

WIDTH: Final = 2**40
"""Ids of a partition. Each begins at a multiple, to which ids leap; so none must be detached to be given its end."""

WRITERS_WAIT: Final = "10s"
"""For posts under way to commit; posts wait behind it."""

TABLE_WAIT: Final = "200ms"
"""For each table: shorter than PostgreSQL takes to look for a deadlock, which might end another's transaction."""


IS_PARTITIONED: Final[Label[bool]] = literal_column(
    "(SELECT relkind = 'p' FROM pg_class WHERE oid = 'entry'::regclass)", Boolean
).label("is_partitioned")
"""Asked as the lock of writers is taken, it may say no once too often: the statement for a plain table is then refused."""


def older_entry(digest: ColumnElement[bytes], issuer_id: ColumnElement[int]) -> LateralFromClause:
    """The id of the entry that an older partition than the newest holds of these, to join with rows that are to be added.

    It is one look into each index, also where the planner knows nothing of the tables yet. The statement must begin when the lock
    of writers is held: until the commit the newest stays the newest.
    """
    older, newest = entry.alias("older"), _NEWEST_BEGINS.columns(column("begins", entry.c.id.type)).scalar_subquery()
    is_it = (older.c.digest == digest) & (older.c.issuer_id == issuer_id)
    return select(older.c.id).where(is_it, older.c.id < newest).limit(literal_column("1")).lateral("known")


def list_partitions(engine: Engine) -> list[Partition]:
    """Oldest first; the plain table alone where there are none. Raises: Misconfigured on SQLite; StoreUnavailable."""
    require_postgresql(engine)
    with transaction(engine, writes=False) as connection:
        return [_described(connection, name) for name in connection.execute(PARTITION_NAMES).scalars().all() or [entry.name]]


def add_partition(engine: Engine, *, patience_s: float) -> tuple[str, bool]:
    """Begin a new partition while service and rounds go on. Returns the newest one's name, and False where it was empty before.

    All or nothing wherever it is killed, and may be repeated. `patience_s`: how long to ask for tables that others hold.

    Raises: Misconfigured on SQLite; StoreUnavailable.
    """
    require_postgresql(engine)
    with translated(), engine.connect() as connection:
        try:
            change_alone(connection)
            ask = partial(ask_for_tables, connection, patience_s=patience_s)
            before = connection.execute(PARTITION_NAMES).scalars().all()
            if not before:
                ask(partial(_run, connection, _BOUND.format(begins=_next_begins(connection))))
                ask(partial(_run, connection, _KEEP_BOUND))
            ask(partial(_begin_newest, connection))
            validate_references(connection, patience_s)
            after = connection.execute(PARTITION_NAMES).scalars().all()
            return after[-1], after != before
        finally:
            connection.invalidate()  # its lock and its settings end with it


def make_room(connection: Connection, entry_id: int) -> None:
    """See that an entry which is restored under this id finds its partition, where entries are partitioned."""
    if connection.dialect.name == "postgresql" and (newest := newest_begins(connection)) is not None:
        for begins in range(newest + WIDTH, entry_id + 1, WIDTH):
            _create(connection, begins)


def newest_begins(connection: Connection) -> int | None:
    """The lowest id of the newest partition; None where entries are one plain table."""
    begins: int | None = connection.execute(_NEWEST_BEGINS).scalar()
    return begins


def validate_references(connection: Connection, patience_s: float) -> bool:
    """See that references to entries hold which were added without a look at the rows. Returns whether there were any."""
    added = [one for one in connection.execute(REFERENCES).all() if not one.is_valid]
    for one in added:
        ask_for_tables(connection, partial(_run, connection, one.validate), patience_s)
    connection.commit()
    return bool(added)


def hold_writers(connection: Connection) -> None:
    """Wait until nobody is writing entries, and let nobody begin; from then on wait for a table only a moment."""
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{WRITERS_WAIT}'")
    connection.execute(select(func.pg_advisory_xact_lock(SEAL_LOCK)))
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{TABLE_WAIT}'")


def require_postgresql(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        raise Misconfigured("entries are partitioned on PostgreSQL only, and CREDANCHOR_STORE__URL names an SQLite database")


def require_owner(connection: Connection) -> None:
    """Raises: Misconfigured where another role is to change the tables than their owner."""
    others = connection.execute(_OTHERS_TABLES).first()
    if others is not None:
        raise Misconfigured(
            f"only {others.owner}, who owns the tables, may do this, and CREDANCHOR_STORE__URL names {others.role}"
        )


def _described(connection: Connection, name: str) -> Partition:
    one = table(name, column("id", entry.c.id.type), column("received_at", UtcDateTime))
    ends = [connection.execute(select(one).order_by(order).limit(1)).first() for order in (one.c.id, one.c.id.desc())]
    (first_id, since), (last_id, until) = ((end.id, end.received_at) if end else (None, None) for end in ends)
    size = connection.execute(select(func.pg_total_relation_size(name))).scalar_one()
    return Partition(name=name, first_id=first_id, last_id=last_id, since=since, until=until, size=size)


def _begin_newest(connection: Connection) -> None:
    """Some milliseconds in which nobody reads or writes entries."""
    hold_writers(connection)
    newest = newest_begins(connection)
    if newest is not None and connection.execute(select(entry.c.id).where(entry.c.id >= newest).limit(1)).first() is None:
        connection.rollback()
        return
    begins = _next_begins(connection)
    if newest is None:
        _convert(connection, begins)
    _create(connection, begins)
    connection.exec_driver_sql(f"ALTER TABLE entry ALTER id RESTART WITH {begins - 1}")  # unlike setval a part of the transaction
    connection.execute(_NEXT_ID)
    connection.commit()


def _convert(connection: Connection, begins: int) -> None:
    """The plain table becomes the oldest partition of a new one, to which refers from now on all that referred to it."""
    references = connection.execute(REFERENCES).all()
    connection.exec_driver_sql(f"LOCK TABLE entry, {', '.join(one.table for one in references)}")
    grants = connection.execute(_GRANTS).all()
    owner = connection.execute(OWNER).scalar_one()
    for one in references:
        connection.exec_driver_sql(one.drop)
    connection.exec_driver_sql(_CONVERT.format(oldest=f"entry_{begins // WIDTH}", begins=begins, owner=owner))
    for statement in [one.add for one in references] + [one.grant for one in grants]:
        connection.exec_driver_sql(statement)
    for grantee in {one.grantee for one in grants}:  # what is granted goes by the whole, and not past it
        connection.exec_driver_sql(f"REVOKE ALL ON entry_{begins // WIDTH} FROM {grantee}")


def _create(connection: Connection, begins: int) -> None:
    owner = connection.execute(OWNER).scalar_one()
    name = f"entry_{begins // WIDTH + 1}"
    connection.exec_driver_sql(_CREATE.format(name=name, begins=begins, ends=begins + WIDTH, owner=owner))


def _next_begins(connection: Connection) -> int:
    """The first multiple above all ids that were given, and above the beginning of the newest partition."""
    highest = [connection.execute(asked).scalar() or 0 for asked in (_LAST_GIVEN, select(func.max(entry.c.id)), _NEWEST_BEGINS)]
    return (max(highest) // WIDTH + 1) * WIDTH


def _run(connection: Connection, statements: str) -> None:
    connection.exec_driver_sql(statements)
    connection.commit()


_BEGINS: Final = r"CAST(substring(pg_get_expr(relpartbound, pg_class.oid) FROM 'FROM \(''(\d+)''\)') AS bigint)"
_PARTITIONS: Final = "FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = CAST('entry' AS regclass)"
_NEWEST_BEGINS: Final = text(f"SELECT max({_BEGINS}) {_PARTITIONS}")
PARTITION_NAMES: Final = text(f"SELECT relname {_PARTITIONS} ORDER BY {_BEGINS} NULLS FIRST")
NAME_BY_BOUND: Final = text(
    rf"""SELECT 'entry_' || CAST(substring(pg_get_expr(relpartbound, pg_class.oid) FROM 'TO \(''(\d+)''\)') AS bigint) / {WIDTH}
    {_PARTITIONS} AND relname = :name"""  # noqa: S608 - constants
)
_LAST_GIVEN: Final = text("SELECT pg_sequence_last_value(CAST(pg_get_serial_sequence('entry', 'id') AS regclass))")
_NEXT_ID: Final = text("SELECT nextval(pg_get_serial_sequence('entry', 'id'))")
OWNER: Final = text("SELECT CAST(CAST(relowner AS regrole) AS text) FROM pg_class WHERE oid = CAST('entry' AS regclass)")
_OTHERS_TABLES: Final = text(
    "SELECT CAST(CAST(relowner AS regrole) AS text) AS owner, CAST(current_user AS text) AS role FROM pg_class "
    "WHERE oid = CAST('entry' AS regclass) AND NOT pg_has_role(relowner, 'USAGE')"
)

# What the plain table holds is looked through while service and rounds go on, not while it becomes a partition.
_BOUND: Final = """
    ALTER TABLE entry DROP CONSTRAINT IF EXISTS ck_entry_bound;
    ALTER TABLE entry ADD CONSTRAINT ck_entry_bound CHECK (id < {begins}) NOT VALID
"""
_KEEP_BOUND: Final = "ALTER TABLE entry VALIDATE CONSTRAINT ck_entry_bound"

_CONVERT: Final = """
    ALTER TABLE entry ALTER id DROP IDENTITY;
    ALTER TABLE entry RENAME TO {oldest};
    ALTER TABLE {oldest} RENAME CONSTRAINT pk_entry TO pk_{oldest};
    ALTER TABLE {oldest} RENAME CONSTRAINT uq_entry_digest_issuer_id TO uq_{oldest}_digest_issuer_id;
    CREATE TABLE entry (
        LIKE {oldest} INCLUDING CONSTRAINTS INCLUDING COMMENTS,
        CONSTRAINT pk_entry PRIMARY KEY (id),
        CONSTRAINT fk_entry_issuer_id_issuer FOREIGN KEY (issuer_id) REFERENCES issuer (id)
    ) PARTITION BY RANGE (id);
    ALTER TABLE entry DROP CONSTRAINT ck_entry_bound;
    ALTER TABLE entry ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (CACHE 1);
    ALTER TABLE entry ATTACH PARTITION {oldest} FOR VALUES FROM (MINVALUE) TO ({begins});
    ALTER TABLE {oldest} DROP CONSTRAINT ck_entry_bound;
    ALTER TABLE entry OWNER TO {owner}
"""
_CREATE: Final = """
    CREATE TABLE {name} PARTITION OF entry (CONSTRAINT uq_{name}_digest_issuer_id UNIQUE (digest, issuer_id))
        FOR VALUES FROM ({begins}) TO ({ends});
    ALTER TABLE {name} OWNER TO {owner}
"""

# Foreign keys to entries: they are added again without a look at the rows, which is taken later.
REFERENCES: Final = text("""
    SELECT conrelid::regclass::text AS table, convalidated AS is_valid,
        format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS drop,
        format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS add,
        format('ALTER TABLE %s VALIDATE CONSTRAINT %I', conrelid::regclass, conname) AS validate
    FROM pg_constraint WHERE contype = 'f' AND confrelid = 'entry'::regclass AND conparentid = 0 ORDER BY conname
""")
_GRANTS: Final = text("""
    WITH granted AS (
        SELECT relowner, acl.*, '' AS columns FROM pg_class, aclexplode(relacl) AS acl WHERE pg_class.oid = 'entry'::regclass
        UNION ALL
        SELECT relowner, acl.*, format('(%I)', attname) FROM pg_class, pg_attribute, aclexplode(attacl) AS acl
        WHERE pg_class.oid = 'entry'::regclass AND attrelid = 'entry'::regclass
    ), named AS (SELECT *, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS name FROM granted)
    SELECT name AS grantee, format('GRANT %s %s ON entry TO %s%s', privilege_type, columns, name,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS grant
    FROM named WHERE grantee <> relowner
""")
