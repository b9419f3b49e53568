"""Units of work over a database, and the store that opens them."""

import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from anchoring.errors import StoreUnavailable
from anchoring.store.audit_log import Sources, SqlAuditLog
from anchoring.store.batches import SqlBatches
from anchoring.store.bundles import SqlBundles
from anchoring.store.canaries import SqlCanaries
from anchoring.store.engine import KeptConnection, transaction
from anchoring.store.entries import SqlEntries
from anchoring.store.figures import SqlFigures
from anchoring.store.issuers import SqlIssuers
from anchoring.store.kept import KeptParts
from anchoring.store.orphans import SqlOrphans
from anchoring.store.rounds import SqlRounds
from anchoring.store.status_changes import SqlStatusChanges
from anchoring.store.status_keys import SqlStatusKeys
from anchoring.store.status_lists import SqlStatusLists
from anchoring.store.status_versions import SqlStatusVersions
from anchoring.store.submissions import SqlSubmissions


class SqlUnitOfWork:
    """Implements ports.UnitOfWork on one connection in one transaction."""

    def __init__(self, connection: Connection, kept: KeptParts | None = None, sources: Sources | None = None) -> None:
        self.connection = connection
        self.audit_log = SqlAuditLog(connection, sources or Sources())
        self.entries = SqlEntries(connection)
        self.canaries = SqlCanaries(connection)
        self.batches = SqlBatches(connection, kept)
        self.bundles = SqlBundles(connection)
        self.status_versions = SqlStatusVersions(connection)
        self.submissions = SqlSubmissions(connection)
        self.orphans = SqlOrphans(connection)
        self.issuers = SqlIssuers(connection)
        self.status_keys = SqlStatusKeys(connection)
        self.rounds = SqlRounds(connection, kept)
        self.figures = SqlFigures(connection)
        self.status_lists = SqlStatusLists(connection)
        self.status_changes = SqlStatusChanges(connection)

    def commit(self) -> None:
        self.audit_log.append_noted()
        try:
            self.connection.commit()
        except DBAPIError as failed:
            raise StoreUnavailable("the database did not acknowledge the commit; repeating is safe") from failed
        self.audit_log.committed()


class SqlReader:
    """Implements ports.Reader."""

    def __init__(self, engine: Engine, kept: KeptParts) -> None:
        self._kept_connection = KeptConnection(engine)
        self._kept = kept
        self._uow: SqlUnitOfWork | None = None

    @contextmanager
    def reading(self) -> Iterator[SqlUnitOfWork]:
        with self._kept_connection.transaction() as connection:
            if self._uow is None or self._uow.connection is not connection:
                self._uow = SqlUnitOfWork(connection, self._kept)
            yield self._uow

    def close(self) -> None:
        self._kept_connection.close()


class SqlWriter:
    """Implements ports.Writer."""

    def __init__(self, engine: Engine, sources: Sources) -> None:
        self._kept_connection = KeptConnection(engine, writes=True)
        self._sources = sources

    @contextmanager
    def writing(self) -> Iterator[SqlUnitOfWork]:
        with self._kept_connection.transaction() as connection:
            yield SqlUnitOfWork(connection, sources=self._sources)

    def close(self) -> None:
        self._kept_connection.close()


class SqlStore:
    """Implements ports.Store. `presence`: what says that the database is in use, let go of at the end."""

    def __init__(self, engine: Engine, presence: ExitStack | None = None) -> None:
        self._engine = engine
        self._presence = presence or ExitStack()
        self._kept = KeptParts()
        self._sources = Sources()
        weakref.finalize(self, self._presence.close)  # a command that ends does not close what it opened

    @contextmanager
    def reading(self) -> Iterator[SqlUnitOfWork]:
        with transaction(self._engine, writes=False) as connection:
            yield SqlUnitOfWork(connection, self._kept)

    @contextmanager
    def writing(self, *, is_durable: bool = True) -> Iterator[SqlUnitOfWork]:
        with transaction(self._engine, writes=True, is_durable=is_durable) as connection:
            yield SqlUnitOfWork(connection, sources=self._sources)

    def reader(self) -> SqlReader:
        return SqlReader(self._engine, self._kept)

    def writer(self) -> SqlWriter:
        return SqlWriter(self._engine, self._sources)

    def close(self) -> None:
        """Close every pooled connection."""
        self._engine.dispose()
        self._presence.close()
