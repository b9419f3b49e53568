"""Settings become the second place for manifests, and a rebuilt store."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anchoring.bootstrap.ledger import first_block, nodes_to_agree, open_nodes, open_reader, required_registry
from anchoring.bootstrap.system import SystemClock
from anchoring.core.finality import parse_finality
from anchoring.core.rebuilding import RebuildReport, Sources
from anchoring.errors import Misconfigured
from anchoring.ports.runtime import Progress
from anchoring.settings import ManifestSettings, Settings
from anchoring.store.engine import opened
from anchoring.store.presence import by_itself
from anchoring.store.schema import require_current_schema
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.rebuild_store import RebuildRules, rebuild_store

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
