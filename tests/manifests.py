"""The second place for manifests in tests: a folder whose every effect can fail, and what must hold of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import select

from anchoring.core.batch import BatchState
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.manifest import ManifestEntry, ManifestHead, ManifestReader
from anchoring.errors import ManifestsUnavailable
from anchoring.manifests.folder import ManifestFolder
from anchoring.manifests.sealed_box import ManifestKey
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import LeafHash, Root
from tests.faults import Faults


class FaultyFolder(ManifestFolder):
    """A real folder: to list, claim, write, sync, replace and remove are effects."""

    def __init__(self, folder: Path, key: ManifestKey, faults: Faults) -> None:
        super().__init__(folder, key)
        self.folder = folder
        self._faults = faults

    def _create(self, path: Path) -> BinaryIO:
        files = []
        try:
            with self._faults.effect("manifest_claim", ManifestsUnavailable):
                files.append(super()._create(path))
        except BaseException:  # it failed after it took hold: nobody has the file
            for file in files:
                file.close()
            raise
        return files[0]

    def _write(self, file: BinaryIO, piece: bytes) -> None:
        with self._faults.effect("manifest_write", ManifestsUnavailable):
            super()._write(file, piece)

    def _sync_file(self, file: BinaryIO) -> None:
        with self._faults.effect("manifest_sync", ManifestsUnavailable):
            super()._sync_file(file)

    def _replace(self, partial: Path, name: Path) -> None:
        with self._faults.effect("manifest_replace", ManifestsUnavailable):
            super()._replace(partial, name)

    def _remove(self, path: Path) -> None:
        with self._faults.effect("manifest_remove", ManifestsUnavailable):
            super()._remove(path)

    def _sync_folder(self) -> None:
        with self._faults.effect("manifest_folder_sync", ManifestsUnavailable):
            super()._sync_folder()


@dataclass(frozen=True, kw_only=True)
class ReadManifest:
    """All of a manifest."""

    head: ManifestHead
    entries: list[ManifestEntry]
    erased_leaves: list[LeafHash]

    @property
    def leaves(self) -> list[bytes]:
        """Recomputed from the entries, and the erased ones."""
        known = [leaf_hash(issuer_id_of(one.issuer), one.salt, one.digest) for one in self.entries if one.digest and one.salt]
        return sorted([*known, *self.erased_leaves])

    @property
    def digests(self) -> set[bytes]:
        return {one.digest for one in self.entries if one.digest}


def read(folder: ManifestFolder, root: Root) -> ReadManifest:
    reader = ManifestReader(folder.read(root))
    return ReadManifest(head=reader.head, entries=list(reader.entries()), erased_leaves=reader.erased_leaves())


def digests_in(folder: ManifestFolder) -> set[bytes]:
    """Every digest that any manifest holds."""
    return {digest for root in folder.roots() for digest in read(folder, root).digests}


def check_manifests(store: SqlStore, folder: ManifestFolder) -> None:
    """Every batch that was ever submitted can be rebuilt from its manifest, which holds nothing that is erased."""
    from tests.world import merkle_root

    with store.reading() as uow:
        batches = uow.batches.in_state(*(set(BatchState) - {BatchState.WAITING, BatchState.SEALED}), limit=1_000_000)
    there = folder.roots()
    for batch in batches:
        assert batch.tree is not None
        assert batch.tree.root in there, f"batch {batch.id} is {batch.state} and has no manifest"
        manifest = read(folder, batch.tree.root)
        assert merkle_root(manifest.leaves) == batch.tree.root
        head = manifest.head
        assert (head.batch_id, head.first_id, head.last_id) == (batch.id, batch.first_id, batch.last_id)
        assert (head.leaf_count, head.root, head.sealed_at) == (batch.leaf_count, batch.tree.root, batch.sealed_at)
        assert head.seal_mark >= batch.last_id
        with store.reading() as uow:
            here = uow.entries.page(batch.first_id - 1, batch.last_id, 1 << 20)
            is_whole = uow.batches.detached_at(batch.id) is None
        assert manifest.entries == here if is_whole else all(one in manifest.entries for one in here)
    with store._engine.connect() as connection:
        done = tables.erasure.c.done_at.is_not(None) & tables.erasure.c.manifest_rewritten_at.is_(None)
        assert connection.execute(select(tables.erasure).where(done)).all() == []
