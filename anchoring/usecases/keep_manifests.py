"""Batches get a manifest in the second place, and lose from it what was erased.

What is in the place decides, not a note in the database: a place that was lost or exchanged is filled again. The ledger is not
asked. All of it may be killed anywhere and run again.

Of a batch whose entries were detached the manifest holds what the database does not: it is rewritten from itself, and cannot be
made again.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from anchoring.core.batch import Batch, BatchState
from anchoring.core.manifest import LeafCollector, ManifestEntry, ManifestHead, ManifestReader, emptied, encode, leaves_of_nobody
from anchoring.core.merkle import NODE_BYTES
from anchoring.core.tiles import TILE_WIDTH, TileCoordinate
from anchoring.errors import InvalidInput, StateCorrupt
from anchoring.ports.manifests import ManifestPlace
from anchoring.ports.runtime import Clock, Progress
from anchoring.ports.store import Store
from anchoring.types import LeafHash, Root, to_hex

ENTRIES_A_READ = 10_000
"""Entries read in one unit of work: none is open for as long as a large manifest takes."""

MANY_BATCHES = 10_000
"""Batches that wait to be submitted, of which one round takes care; no round submits as many."""

OLD_LEAVES_A_ROUND = 1 << 21
"""Leaves of batches from before there was a place, whose manifests one round makes; the next goes on."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptManifests:
    """`roots`: whose manifests are there. `lost`: of which batches, whose entries were detached, it is missing or damaged."""

    roots: frozenset[Root]
    lost: tuple[str, ...]


def keep_manifests(store: Store, place: ManifestPlace, clock: Clock, progress: Progress) -> KeptManifests:
    """Write what is missing: first of batches that wait to be submitted, then where something was erased, then of old batches.

    Raises: ManifestsUnavailable, and what was written until then stays; StoreUnavailable; StateCorrupt.
    """
    there = set(place.roots())
    with store.reading() as uow:
        missing = dict.fromkeys(batch_id for batch_id, root in uow.batches.roots() if root not in there)
        sealed = uow.batches.in_state(BatchState.SEALED, limit=MANY_BATCHES)
        changed = uow.batches.with_unwritten_erasures()
        detached = uow.batches.detached_ids()
    lost = _Lost(missing.keys() & detached)
    missing = dict.fromkeys(batch_id for batch_id in missing if batch_id not in detached)
    at_once = dict.fromkeys([*(batch.id for batch in sealed if batch.id in missing), *changed])
    for batch_id in at_once:
        if batch_id not in detached:
            there.add(_keep(store, place, clock, batch_id, progress))
        elif batch_id not in lost.missing:
            lost.keep(batch_id, partial(_keep, store, place, clock, batch_id, progress, from_itself=True))
    leaves_left = OLD_LEAVES_A_ROUND
    old = [batch_id for batch_id in missing if batch_id not in at_once]
    for done, batch_id in enumerate(old):
        progress("keeping manifests of old batches", done, len(old))
        with store.reading() as uow:
            batch = uow.batches.with_id(batch_id)
        if batch is None or leaves_left < 0:
            break
        there.add(_keep(store, place, clock, batch_id, progress))
        leaves_left -= batch.leaf_count
    return KeptManifests(roots=frozenset(there), lost=lost.told())


class _Lost:
    """Manifests without which entries that were detached are lost: no round makes them again."""

    def __init__(self, missing: Collection[int]) -> None:
        self.missing = frozenset(missing)
        self._damaged: dict[int, str] = {}

    def keep(self, batch_id: int, rewrite: Callable[[], object]) -> None:
        try:
            rewrite()
        except (InvalidInput, StateCorrupt) as damaged:
            self._damaged[batch_id] = damaged.message

    def told(self) -> tuple[str, ...]:
        """In sentences, and in the log."""
        told = [f"the manifest of batch {batch_id} cannot be rewritten: {why}" for batch_id, why in self._damaged.items()]
        if self.missing:
            count, first = len(self.missing), min(self.missing)
            missing = f"{count} manifests of batches whose entries were detached are missing, that of batch {first} first"
            told.insert(0, f"{missing}: keep every folder that may have them, and its key")
        for detail in told:
            log.error("manifest.lost", detail=detail)
        return tuple(told)


def _keep(
    store: Store, place: ManifestPlace, clock: Clock, batch_id: int, progress: Progress, *, from_itself: bool = False
) -> Root:
    """What was erased before the claim is not read any more, and noted as gone; what is erased later waits for the next time."""
    with store.reading() as uow:
        batch = uow.batches.with_id(batch_id)
        if batch is None or batch.tree is None:
            raise StateCorrupt(f"batch {batch_id} is gone, or its tree is")
        erased = uow.entries.unwritten_erasures(batch.first_id, batch.last_id)
    writer = _Writer(store, batch, progress, place if from_itself else None)
    place.keep(batch.tree.root, writer.pieces)
    if erased:
        with store.writing() as uow:
            uow.entries.mark_rewritten(erased, clock.now())
            uow.commit()
    log.info("manifest.kept", batch=batch.id, root=to_hex(batch.tree.root), leaf_count=batch.leaf_count, erased=writer.erased)
    return batch.tree.root


class _Writer:
    """Makes the content of one batch's manifest, and checks on the way that it rebuilds the tree.

    `place`: where the one is that it is made from; None where it is made from the database.
    """

    def __init__(self, store: Store, batch: Batch, progress: Progress, place: ManifestPlace | None) -> None:
        self._store = store
        self._batch = batch
        self._progress = progress
        self._place = place
        self.erased = 0

    def pieces(self) -> Iterator[bytes]:
        batch = self._batch
        if batch.tree is None or batch.sealed_at is None:
            raise AssertionError("only a sealed batch has a manifest")
        before = ManifestReader(self._place.read(batch.tree.root)) if self._place else None
        with self._store.reading() as uow:
            issuers = before.head.issuers if before else uow.entries.issuers_between(batch.first_id, batch.last_id)
            seal_mark = uow.batches.last_sealed_entry_id()
            erased = frozenset(uow.entries.erasures(batch.first_id, batch.last_id)) if before else frozenset()
        head = ManifestHead(
            root=batch.tree.root,
            batch_id=batch.id,
            first_id=batch.first_id,
            last_id=batch.last_id,
            leaf_count=batch.leaf_count,
            seal_mark=seal_mark,
            sealed_at=batch.sealed_at,
            issuers=tuple(issuers),
        )
        collector = LeafCollector()
        entries = self._without(before, erased) if before else self._entries()
        yield from encode(head, collector.passing(entries), lambda: self._erased_leaves(collector))

    def _without(self, before: ManifestReader, erased: frozenset[int]) -> Iterator[ManifestEntry]:
        """The entries of a manifest, those emptied that were erased since. Raises: InvalidInput."""
        before.head.require_of(self._batch)
        for done, one in enumerate(before.entries()):
            if done % ENTRIES_A_READ == 0:
                self._progress(f"keeping the manifest of batch {self._batch.id}", done, self._batch.leaf_count)
            yield emptied(one) if one.id in erased else one
        before.erased_leaves()

    def _entries(self) -> Iterator[ManifestEntry]:
        after_id, done = self._batch.first_id - 1, 0
        while entries := self._read_after(after_id):
            self._progress(f"keeping the manifest of batch {self._batch.id}", done, self._batch.leaf_count)
            yield from entries
            after_id, done = entries[-1].id, done + len(entries)

    def _read_after(self, after_id: int) -> Sequence[ManifestEntry]:
        with self._store.reading() as uow:
            return uow.entries.page(after_id, self._batch.last_id, ENTRIES_A_READ)

    def _erased_leaves(self, collector: LeafCollector) -> list[LeafHash]:
        rest = leaves_of_nobody(sorted(collector.leaves), self._tree_leaves())
        if rest is None or len(rest) != collector.erased:
            raise StateCorrupt(f"the entries of batch {self._batch.id} are not those of its tree")
        self.erased = collector.erased
        return rest

    def _tree_leaves(self) -> Iterator[LeafHash]:
        for n in range(-(-self._batch.leaf_count // TILE_WIDTH)):
            with self._store.reading() as uow:
                tile = uow.batches.tile(self._batch.id, TileCoordinate(0, n))
            if tile is None:
                raise StateCorrupt(f"tile {n} of level 0 of batch {self._batch.id} is missing")
            leaves = tile.served
            for start in range(0, len(leaves), NODE_BYTES):
                yield LeafHash(leaves[start : start + NODE_BYTES])
