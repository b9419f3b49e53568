"""Entries that were detached come back from their batch's manifest, under the ids that they had."""

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from anchoring.core.batch import Batch
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.manifest import ManifestEntry, ManifestReader, checked_entries
from anchoring.core.portions import portions
from anchoring.core.status import StatusPurpose
from anchoring.errors import InvalidInput, NotFound, StateCorrupt
from anchoring.ports.manifests import ManifestPlace
from anchoring.ports.runtime import Clock, Progress
from anchoring.ports.status_lists import StatusList
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import Digest, Root, to_hex

ENTRIES_A_TRANSACTION = 1_000
"""Posts wait for as long as it takes to add so many."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class OlderPlace:
    """Where the status of an entry stands that cannot come back, because its digest was posted again."""

    digest: Digest
    lists: tuple[StatusList, ...]
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallReport:
    """`added`: entries that are here again. `reposted`: how many are not, because their digest was posted again.

    `places`: of those of them that were named. `is_whole`: whether all entries of the batch are here now.
    """

    added: int
    reposted: int
    places: tuple[OlderPlace, ...]
    is_whole: bool


def recall_entries(
    store: Store, place: ManifestPlace, root: Root, digests: Collection[Digest], clock: Clock, progress: Progress
) -> RecallReport:
    """Bring back the entries of these digests, or all of the batch where none is named. May be killed anywhere and repeated.

    Raises: NotFound when the batch is not here, or has no such entry that is not erased; InvalidInput when its manifest is
    missing or damaged; Misconfigured for a role that may not; StoreUnavailable, also while entries are detached.
    """
    with store.reading() as uow:
        batch = uow.batches.of_root(root)
        if batch is None:
            raise NotFound(f"no batch here has root {to_hex(root)}")
        is_whole = uow.batches.detached_at(batch.id) is None
    if is_whole:
        return RecallReport(added=0, reposted=0, places=(), is_whole=True)
    named = _named(ManifestReader(place.read(root)), batch, frozenset(digests), progress)
    added, reposted = 0, list[ManifestEntry]()
    for some in portions(named or ManifestReader(place.read(root)).entries(), ENTRIES_A_TRANSACTION):
        with store.writing() as uow:
            recalled = uow.entries.recall(some)
            uow.commit()
        added += recalled.added
        reposted += recalled.reposted
        progress(f"recalling entries of batch {batch.id}", added, len(named) or batch.leaf_count)
    with store.writing() as uow:
        is_whole = uow.batches.clear_detached(batch.id)
        if is_whole and not uow.batches.detached_ids():
            uow.issuers.forget_detached()
        places = tuple(_place(uow, clock, batch, one) for one in reposted) if named else ()
        uow.commit()
    log.info("entry.recalled", batch=batch.id, root=to_hex(root), count=added)
    return RecallReport(added=added, reposted=len(reposted), places=places, is_whole=is_whole)


def _named(manifest: ManifestReader, batch: Batch, digests: frozenset[Digest], progress: Progress) -> list[ManifestEntry]:
    """The entries of these digests in a manifest that is of the batch and whole. Raises: InvalidInput; NotFound."""
    manifest.head.require_of(batch)
    found = []
    for done, one in enumerate(checked_entries(manifest)):
        if one.digest in digests:
            found.append(one)
        if done % ENTRIES_A_TRANSACTION == 0:
            progress(f"reading the manifest of batch {batch.id}", done, batch.leaf_count)
    for digest in digests - {one.digest for one in found}:
        raise NotFound(f"digest {to_hex(digest)} is not in the manifest of batch {batch.id}, or was erased")
    return found


def _place(uow: UnitOfWork, clock: Clock, batch: Batch, one: ManifestEntry) -> OlderPlace:
    """Its lists are begun, so that they can be changed by list and index."""
    issuer = uow.issuers.with_did(one.issuer)
    if issuer is None or one.digest is None or one.salt is None:
        raise StateCorrupt(f"entry {one.id} cannot have been posted again")
    leaf = leaf_hash(issuer_id_of(one.issuer), one.salt, one.digest)
    tile = uow.batches.tile_of_leaf(batch.id, leaf)
    index = tile.index_of(leaf) if tile else None
    if index is None:
        raise InvalidInput(f"entry {one.id} of the manifest has no leaf in batch {batch.id}")
    uow.status_lists.lock_issuer(issuer.id)
    lists = tuple(uow.status_lists.of_batch(issuer, purpose, batch, clock.now()) for purpose in StatusPurpose)
    return OlderPlace(digest=one.digest, lists=lists, index=index)
