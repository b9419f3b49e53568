"""Whether what is recorded hangs together: ranges, leaves, trees, transactions. The ledger is not asked."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TypeAlias

from anchoring.core.batch import Anchor, Batch, BatchState, SubmissionState
from anchoring.core.bundle import Bundle
from anchoring.core.findings import RESTORE, Finding
from anchoring.core.leaf import leaf_hashes
from anchoring.core.portions import pages
from anchoring.core.proof import Registry
from anchoring.core.tree_check import CheckedTree, check_tree
from anchoring.errors import StateCorrupt, VerificationError
from anchoring.ports.runtime import Progress
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import BlockHash, Root, TxHash, to_hex

ProveAnchor: TypeAlias = Callable[[Bundle, Root, TxHash, Registry, BlockHash], Anchor]
BATCHES_AT_ONCE = 100
ALL_ENTRIES = 2**62


def check_store(store: Store, *, hash_of: Callable[[bytes], TxHash], prove: ProveAnchor, progress: Progress) -> list[Finding]:
    """Look at every batch, oldest last, and at every signed transaction; programs may go on meanwhile.

    `hash_of`: the hash of a signed transaction. `prove`: the anchor that a bundle proves.

    Raises: StoreUnavailable.
    """
    ranges: list[str] = []
    entries: list[str] = []
    trees: list[str] = []
    leaves: list[str] = []
    bundles: list[str] = []
    newer: Batch | None = None
    checked = proven = 0
    for batch in _batches(store):
        with store.reading() as uow:
            ranges += _range_faults(uow, batch, newer)
            entries += _entry_faults(uow, batch)
            if batch.tree is not None:
                checked_tree = check_tree(batch.tree, uow.batches.tiles(batch.id))
                trees += [f"batch {batch.id}: {fault}" for fault in checked_tree.faults]
                leaves += _leaf_faults(uow, batch, checked_tree)
            found = _bundle_faults(uow, batch, prove)
        bundles += found or []
        proven += found == []
        newer, checked = batch, checked + 1
        progress("checking batches", batch.last_id - batch.first_id + 1, batch.last_id)
    if newer is not None:
        with store.reading() as uow:
            ranges += _uncovered(uow, 0, newer.first_id - 1, f"before batch {newer.id}")
    return [
        Finding.of("ranges", ranges, advice=RESTORE, good=f"{checked} batches"),
        Finding.of("entries", entries, advice=RESTORE),
        Finding.of("trees", trees, advice=RESTORE),
        Finding.of("leaves", leaves, advice=RESTORE),
        Finding.of("bundles", bundles, advice=RESTORE, good=f"{proven} batches"),
        Finding.of("submissions", _strays(store), advice=RESTORE),
        Finding.of("attempts", _attempt_faults(store, hash_of), advice=RESTORE),
    ]


def _batches(store: Store) -> Iterator[Batch]:
    """Newest first, beginning with the one whose tree is not built yet."""
    with store.reading() as uow:
        unfinished = uow.batches.unfinished()
    if unfinished is not None:
        yield unfinished

    def older(before_id: int | None) -> Sequence[Batch]:
        with store.reading() as uow:
            return uow.batches.page(before_id, BATCHES_AT_ONCE)

    yield from pages(older, lambda batch: batch.id, unfinished.id if unfinished else None)


def _range_faults(uow: UnitOfWork, batch: Batch, newer: Batch | None) -> list[str]:
    if newer is None:
        return []
    if batch.last_id >= newer.first_id:
        return [f"batch {batch.id} ends at entry {batch.last_id}, and batch {newer.id} begins at {newer.first_id}"]
    return _uncovered(uow, batch.last_id, newer.first_id - 1, f"between batches {batch.id} and {newer.id}")


def _uncovered(uow: UnitOfWork, after_id: int, up_to_id: int, where: str) -> list[str]:
    stray = uow.entries.next_range(after_id, up_to_id, ALL_ENTRIES)
    return [f"{stray.count} entries {where} are in none, the first is {stray.first_id}"] if stray else []


def _entry_faults(uow: UnitOfWork, batch: Batch) -> list[str]:
    """A batch remembers how many entries it has: a second witness where a damaged file lost some and calls itself whole.

    Of one whose entries were detached some are missing rightly; also where they leave, or are all back, while it is looked at.
    """
    was_detached = uow.batches.detached_at(batch.id)
    there = uow.entries.next_range(batch.first_id - 1, batch.last_id, ALL_ENTRIES)
    count = there.count if there else 0
    if count == batch.leaf_count or (count < batch.leaf_count and (was_detached or uow.batches.detached_at(batch.id))):
        return []
    return [f"batch {batch.id} was begun with {batch.leaf_count} entries, and {count} are there"]


def _leaf_faults(uow: UnitOfWork, batch: Batch, tree: CheckedTree) -> list[str]:
    """An erased entry has no digest to hold against the tree."""
    try:
        lacking = tree.lacks(chain.from_iterable(map(leaf_hashes, uow.entries.salted(batch.first_id, batch.last_id))))
    except StateCorrupt as corrupt:
        return [f"batch {batch.id}: {corrupt.message}"]
    return [f"batch {batch.id}: {lacking} entries have no leaf in its tree"] if lacking else []


def _bundle_faults(uow: UnitOfWork, batch: Batch, prove: ProveAnchor) -> list[str] | None:
    """None where there is no bundle, which is no fault: not every node gives what it is made of, and a later round asks again."""
    identity, anchor = uow.rounds.identity(), batch.anchor
    if identity is None or anchor is None:
        return None
    try:
        bundle = uow.bundles.of(anchor.root, anchor.block.hash)
        if bundle is None:
            return None
        is_proved = prove(bundle, anchor.root, anchor.transaction, identity.registry, anchor.block.hash) == anchor
    except (StateCorrupt, VerificationError) as wrong:
        return [f"batch {batch.id}: {wrong.message}"]
    return [] if is_proved else [f"batch {batch.id}: its bundle proves another anchor than is recorded"]


def _strays(store: Store) -> list[str]:
    """Submitted batches that no submission carries. Looked at twice, since a round may be moving them just now."""
    strays: set[int] = set()
    for look in range(2):
        with store.reading() as uow:
            carried = {root.batch_id for one in uow.submissions.in_state(SubmissionState.SUBMITTED) for root in one.roots}
            found = {batch.id for batch in uow.batches.in_state(BatchState.SUBMITTED, limit=ALL_ENTRIES)} - carried
        strays = found if look == 0 else strays & found
    return [f"batch {batch_id} is submitted, and no submission carries it" for batch_id in sorted(strays)]


def _attempt_faults(store: Store, hash_of: Callable[[bytes], TxHash]) -> list[str]:
    with store.reading() as uow:
        return [
            f"the bytes of transaction {to_hex(attempt.tx_hash)} have another hash"
            for attempt in uow.submissions.all_attempts()
            if hash_of(attempt.raw) != attempt.tx_hash
        ]
