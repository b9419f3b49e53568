"""Whether manifests can stand in for entries that are to be detached: they are whole, and tell what the database tells."""

from collections.abc import Sequence

from anchoring.core.batch import Batch
from anchoring.core.manifest import ManifestEntry, ManifestReader, checked_entries
from anchoring.core.portions import pages, portions
from anchoring.errors import Conflict, InvalidInput
from anchoring.ports.manifests import ManifestPlace
from anchoring.ports.runtime import Progress
from anchoring.ports.store import Store, UnitOfWork

ENTRIES_A_READ = 10_000
BATCHES_A_READ = 100


def check_manifests(store: Store, place: ManifestPlace, first_id: int, last_id: int, progress: Progress) -> None:
    """Read the manifest of every batch with an entry from `first_id` to `last_id`.

    Raises: Conflict naming the first batch whose manifest is missing, damaged or another; ManifestsUnavailable.
    """

    def following(batch_id: int) -> Sequence[Batch]:
        with store.reading() as uow:
            return uow.batches.overlapping_after(batch_id, first_id, last_id, BATCHES_A_READ)

    there = place.roots()
    for batch in pages(following, lambda one: one.id, 0):
        if batch.tree is None or batch.tree.root not in there:
            raise Conflict(f"batch {batch.id} has no manifest in the second place")
        try:
            _check(store, batch, ManifestReader(place.read(batch.tree.root)), progress)
        except InvalidInput as wrong:
            raise Conflict(f"the manifest of batch {batch.id} cannot stand in for its entries: {wrong.message}") from wrong


def _check(store: Store, batch: Batch, manifest: ManifestReader, progress: Progress) -> None:
    """Raises: InvalidInput."""
    manifest.head.require_of(batch)
    after_id, done = batch.first_id - 1, 0
    for some in portions(checked_entries(manifest), ENTRIES_A_READ):
        with store.reading() as uow:
            _compare(uow, batch, after_id, some)
        after_id, done = some[-1].id, done + len(some)
        progress(f"reading the manifest of batch {batch.id}", done, batch.leaf_count)


def _compare(uow: UnitOfWork, batch: Batch, after_id: int, told: Sequence[ManifestEntry]) -> None:
    """Entries of the batch that were detached before are not here to be compared. Raises: InvalidInput."""
    here = uow.entries.page(after_id, told[-1].id, len(told) + 1)
    known = {one.id: one for one in told}
    for one in here:
        if known.get(one.id) != one:
            raise InvalidInput(f"it says something else of entry {one.id} than the database")
    if len(here) < len(told) and uow.batches.detached_at(batch.id) is None:
        raise InvalidInput(f"it has {len(told) - len(here)} entries that the database lacks")
