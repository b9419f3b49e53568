"""Settings become a store, or work on its database as a whole."""

from pathlib import Path

from anchoring.bootstrap.system import SystemClock
from anchoring.core.findings import Finding
from anchoring.ports.partitions import Partition
from anchoring.ports.runtime import Progress
from anchoring.settings import StoreSettings
from anchoring.store.backup import restore_backup, save_backup
from anchoring.store.backup_file import BackupHeader
from anchoring.store.engine import make_engine, opened
from anchoring.store.integrity import check_database
from anchoring.store.partitions import add_partition, list_partitions
from anchoring.store.presence import be_present
from anchoring.store.schema import migrate, require_current_schema
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.check_audit_log import examine_audit_log
from anchoring.usecases.check_status_lists import check_status_lists
from anchoring.usecases.check_store import check_store


def open_store(settings: StoreSettings) -> SqlStore:
    """Raises: Misconfigured when migrations are missing or commits would not be durable; StoreUnavailable."""
    engine = make_engine(settings.url, pool_size=settings.pool_size, busy_timeout_s=settings.busy_timeout_s)
    require_current_schema(engine)
    return SqlStore(engine, be_present(engine))


def migrate_store(settings: StoreSettings, revision: str) -> str:
    """Bring the schema to a revision; returns the one reached. Raises: Misconfigured, StoreUnavailable."""
    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        return migrate(engine, revision, patience_s=settings.busy_timeout_s)


def back_up_store(settings: StoreSettings, path: Path, progress: Progress) -> BackupHeader:
    """Raises: Conflict, InvalidInput, Misconfigured, StateCorrupt, StoreUnavailable."""
    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        require_current_schema(engine)
        with be_present(engine):
            return save_backup(engine, path, now=SystemClock().now(), progress=progress)


def restore_store(settings: StoreSettings, path: Path, progress: Progress, *, replace: bool) -> BackupHeader:
    """Raises: Conflict, InvalidInput, Misconfigured, StoreUnavailable."""
    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        return restore_backup(engine, path, now=SystemClock().now(), replace=replace, progress=progress)


def list_store_partitions(settings: StoreSettings) -> list[Partition]:
    """Raises: Misconfigured, on SQLite as well; StoreUnavailable."""
    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        require_current_schema(engine)
        return list_partitions(engine)


def add_store_partition(settings: StoreSettings) -> tuple[str, bool]:
    """Name of the newest partition, and whether it was begun now. Raises: Misconfigured, on SQLite as well; StoreUnavailable."""
    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        require_current_schema(engine)
        with be_present(engine):
            return add_partition(engine, patience_s=settings.busy_timeout_s)


def examine_store(settings: StoreSettings, progress: Progress) -> list[Finding]:
    """Whether database and records are whole. Raises: Misconfigured, StateCorrupt, StoreUnavailable."""
    from anchoring.ledger.offline import anchor_from_bundle
    from anchoring.ledger.signed_transaction import transaction_hash

    with opened(settings.url, busy_timeout_s=settings.busy_timeout_s) as engine:
        require_current_schema(engine)
        with be_present(engine):
            store = SqlStore(engine)
            findings = check_database(engine)
            findings += check_store(store, hash_of=transaction_hash, prove=anchor_from_bundle, progress=progress)
            findings += check_status_lists(store, progress=progress)
            return [*findings, examine_audit_log(store, progress)]
