"""Settings become the second place for manifests, and a rebuilt store."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anchoring.bootstrap.ledger import first_block, nodes_to_agree, open_nodes, open_reader, required_registry
from anchoring.bootstrap.store import open_store
from anchoring.bootstrap.system import SystemClock
from anchoring.core.finality import parse_finality
from anchoring.core.rebuilding import RebuildReport, Sources
from anchoring.errors import Misconfigured
from anchoring.ports.partitions import DetachedPartition
from anchoring.ports.runtime import Progress
from anchoring.settings import ManifestSettings, Settings
from anchoring.store.detaching import detach_partition, find_detachable, finish_detaching
from anchoring.store.engine import opened
from anchoring.store.partitions import require_postgresql
from anchoring.store.presence import be_present, by_itself
from anchoring.store.schema import require_current_schema
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Digest, Root
from anchoring.usecases.check_manifests import check_manifests
from anchoring.usecases.rebuild_store import RebuildRules, rebuild_store
from anchoring.usecases.recall_entries import RecallReport, recall_entries

if TYPE_CHECKING:
    from anchoring.manifests.folder import ManifestFolder
    from anchoring.manifests.sealed_box import ManifestKey


def open_manifests(settings: ManifestSettings) -> "ManifestFolder | None":
    """The second place for manifests; None when none is named. Raises: Misconfigured when the key is missing or not safe."""
    from anchoring.manifests.folder import ManifestFolder

    if settings.folder is None:
        return None
    return ManifestFolder(settings.folder, manifest_key(settings))


def manifest_key(settings: ManifestSettings) -> "ManifestKey":
    """Raises: Misconfigured when no key is named, or its file is not safe."""
    from anchoring.manifests.sealed_box import read_manifest_key

    if settings.key_file is None:
        raise Misconfigured("manifests are encrypted: set CREDANCHOR_MANIFESTS__KEY_FILE")
    return read_manifest_key(settings.key_file, "CREDANCHOR_MANIFESTS__KEY_FILE")


def find_sources(settings: ManifestSettings, paths: Sequence[Path]) -> Sources:
    """Manifests and proofs in these files and folders, or in the configured folder; what is neither is refused by name.

    Raises: Misconfigured when nothing is named, a path is not there, or there is a manifest and no key.
    """
    from anchoring.manifests.sources import find_sources

    if not paths and settings.folder is None:
        raise Misconfigured("name files or folders with manifests and proofs, or set CREDANCHOR_MANIFESTS__FOLDER")
    return find_sources(paths or [settings.folder or Path()], lambda: manifest_key(settings))


def required_manifests(settings: ManifestSettings) -> "ManifestFolder":
    """As `open_manifests`. Raises: Misconfigured also when none is named."""
    place = open_manifests(settings)
    if place is None:
        raise Misconfigured("entries are detached for their manifests, and come back from them: set CREDANCHOR_MANIFESTS__FOLDER")
    return place


def detach_store_partition(settings: Settings, name: str | None, progress: Progress) -> DetachedPartition | None:
    """Detach the partition of this name, or the oldest that has something to detach.

    None where an earlier command was killed shortly before its end, and no name says whether more than to finish that is meant.

    Raises: Misconfigured, on SQLite as well; NotFound, Conflict, ManifestsUnavailable, StoreUnavailable.
    """
    patience_s = settings.store.busy_timeout_s
    with opened(settings.store.url, busy_timeout_s=patience_s) as engine:
        require_current_schema(engine)
        with be_present(engine):
            require_postgresql(engine)
            place = required_manifests(settings.manifests)
            if finish_detaching(engine, patience_s=patience_s) and name is None:
                return None
            found = find_detachable(engine, name)
            check_manifests(SqlStore(engine), place, found.first_id, found.last_id, progress)
            return detach_partition(engine, found, now=SystemClock().now(), patience_s=patience_s)


def recall(settings: Settings, root: Root, digests: Sequence[Digest], progress: Progress) -> RecallReport:
    """Bring entries back from the manifest of their batch. Raises: Misconfigured, and what `recall_entries` raises."""
    place = required_manifests(settings.manifests)
    return recall_entries(open_store(settings.store), place, root, digests, SystemClock(), progress)


def rebuild(settings: Settings, sources: Sources, progress: Progress, *, take_unanchored: bool) -> RebuildReport:
    """Rebuild the configured database from the configured ledger and these, while no other program uses the database.

    Raises: Conflict when one does, and what `rebuild_store` raises.
    """
    ledger = settings.ledger
    rules = RebuildRules(
        finality=parse_finality(ledger.finality) if nodes_to_agree(ledger) == 1 else None,
        first_block=first_block(ledger),
        take_unanchored=take_unanchored,
    )
    reader = open_reader(open_nodes(ledger)[0], required_registry(ledger), ledger)
    with opened(settings.store.url, busy_timeout_s=settings.store.busy_timeout_s) as engine:
        require_current_schema(engine)
        with by_itself(engine):
            return rebuild_store(SqlStore(engine), reader, SystemClock(), rules, sources=sources, progress=progress)


def create_manifest_key(path: Path) -> None:
    """A new key for manifests in a new file. Raises: Misconfigured."""
    from anchoring.manifests import sealed_box

    sealed_box.create_manifest_key(path)
