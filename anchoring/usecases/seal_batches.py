"""Waiting entries become sealed batches. Local work: the ledger is not asked.

First the range of a batch is fixed, in a short transaction. All that follows is a pure function of that range, so it can be
killed anywhere and run again, and two rounds that do it at once write the same tiles. Posts go on meanwhile.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from typing import Self

import structlog

from anchoring.core.audit_log import round_act
from anchoring.core.batch import Batch, BatchState
from anchoring.core.canonical import Canonicalization
from anchoring.core.leaf import SaltedDigests, packed_leaves
from anchoring.core.leaf_order import ascending
from anchoring.core.merkle import NODE_BYTES
from anchoring.core.tiles import Tile, build_upon, hash_stretch, stretches
from anchoring.errors import StateCorrupt
from anchoring.failpoints import failpoint
from anchoring.ports.entries import EntryRange
from anchoring.ports.runtime import THIS_PROCESS, Clock, Progress, Workers
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import to_hex

MANY_LEAVES = 1 << 16
"""A batch of fewer is hashed before other processes have started."""

TILES_A_TRANSACTION = 64
"""Tiles written in one transaction: 1 MiB, and other writers wait for no more than that."""

log = structlog.get_logger()


def seal_batches(
    store: Store,
    clock: Clock,
    *,
    max_leaves: int,
    progress: Progress,
    host: str = "",
    workers: Workers = THIS_PROCESS,
    blockcerts_alone: bool = False,
) -> list[int]:
    """Seal everything that waits now, in batches of at most `max_leaves`. Returns the ids of the batches sealed.

    `host`: on which rounds run, for the audit log. `workers`: who hashes batches that are large. `blockcerts_alone`: digests of
    Blockcerts get a batch of their own where they stand together, because its root will be anchored without its leaf count.

    Raises: StoreUnavailable; what was sealed until then stays sealed.
    """
    with store.writing() as uow:
        mark = uow.entries.seal_mark()
        uow.commit()
    sealed = []
    with workers:
        while batch := _next_batch(store, mark, max_leaves, blockcerts_alone=blockcerts_alone):
            _build(store, clock, batch, progress, workers if batch.leaf_count >= MANY_LEAVES else THIS_PROCESS)
            sealed.append(batch.id)
    with store.writing() as uow:
        erased = uow.entries.erase_requested(uow.batches.last_sealed_entry_id(), now := clock.now())
        if erased:
            uow.audit_log.note(round_act("digests.erased", {"count": erased}, at=now, host=host))
        uow.commit()
    if erased:
        log.info("entry.erased", count=erased)
    return sealed


def _next_batch(store: Store, mark: int, max_leaves: int, *, blockcerts_alone: bool) -> Batch | None:
    """The batch whose tree is to be built: one that an earlier round left unfinished, or a new one."""
    with store.reading() as uow:  # up to the mark nothing changes any more, and to count it takes long enough to hinder posts
        unfinished = uow.batches.unfinished()
        if unfinished is not None:
            return unfinished
        after = uow.batches.last_entry_id()
        waiting = uow.entries.next_range(after, mark, max_leaves)
        if waiting is None or not uow.entries.has_issuers_entry(after, mark):
            return None  # a canary that a round left behind waits for company
        if blockcerts_alone:
            waiting = _parted(uow, waiting)
    with store.writing() as uow:
        failpoint("seal.beginning")
        uow.batches.fix_range(waiting)
        uow.commit()
    # Read again: had another round fixed it first, the range is that round's.
    with store.reading() as uow:
        return uow.batches.unfinished()


def _parted(uow: UnitOfWork, waiting: EntryRange) -> EntryRange:
    """The range up to where digests of Blockcerts begin, or end. All of it where others stand among them: a batch is one range,
    and whoever posts both in turns must not make a batch of each.
    """
    theirs = uow.entries.range_of_rule(waiting.first_id, waiting.last_id, Canonicalization.BLOCKCERTS_RDFC)
    if theirs is None or uow.entries.next_range(theirs.first_id - 1, theirs.last_id, waiting.count) != theirs:
        return waiting
    return uow.entries.next_range(waiting.first_id - 1, theirs.first_id - 1, waiting.count) or theirs


def _build(store: Store, clock: Clock, batch: Batch, progress: Progress, workers: Workers) -> None:
    leaves = bytearray()
    with store.reading() as uow:
        for some in workers.map(packed_leaves, _read_ahead(uow.entries.salted(batch.first_id, batch.last_id))):
            leaves += some
        present = uow.batches.with_id(batch.id)
    if present is None or present.state is not BatchState.WAITING:
        return  # another round sealed it meanwhile, and entries of it may have been erased since
    if (count := len(leaves) // NODE_BYTES) != batch.leaf_count:
        raise StateCorrupt(f"batch {batch.id} was begun with {batch.leaf_count} entries, its range holds {count}")
    with _TileKeeper(store, batch, progress) as tiles:
        tree = build_upon(count, chain.from_iterable(workers.map(hash_stretch, stretches(ascending(leaves)))), tiles.keep)
    with store.writing() as uow:
        if uow.batches.seal(batch.id, tree, clock.now()):
            failpoint("seal.written")
            uow.commit()
            failpoint("batch.sealed")
            log.info("batch.sealed", batch=batch.id, root=to_hex(tree.root), leaf_count=batch.leaf_count)


def _read_ahead(entries: Iterator[SaltedDigests]) -> Iterator[SaltedDigests]:
    """The database looks for the next while these are hashed."""
    with ThreadPoolExecutor(1, thread_name_prefix="entries") as reader:
        coming = reader.submit(next, entries, None)
        while (some := coming.result()) is not None:
            coming = reader.submit(next, entries, None)
            yield some


class _TileKeeper:
    """Writes tiles as they come, some a transaction, in a thread: the next are hashed while a database is busy with these."""

    def __init__(self, store: Store, batch: Batch, progress: Progress) -> None:
        self._store = store
        self._batch = batch
        self._progress = progress
        self._tiles: list[Tile] = []
        self._leaves_done = 0
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="tiles")
        self._written: Future[int] | None = None

    def keep(self, tile: Tile) -> None:
        self._tiles.append(tile)
        self._leaves_done += tile.width if tile.at.level == 0 else 0
        if len(self._tiles) == TILES_A_TRANSACTION:
            self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """All that was kept is written, or this raises why not."""
        try:
            if failed is None:
                self._write()
                self._wait()
        finally:
            self._executor.shutdown()

    def _write(self) -> None:
        self._wait()
        self._written = self._executor.submit(self._write_some, self._tiles, self._leaves_done)
        self._tiles = []

    def _wait(self) -> None:
        if self._written is not None:
            self._progress(f"sealing batch {self._batch.id}", self._written.result(), self._batch.leaf_count)

    def _write_some(self, tiles: Sequence[Tile], leaves_done: int) -> int:
        with self._store.writing(is_durable=False) as uow:  # the commit that seals the batch is, and these are with it
            uow.batches.keep_tiles(self._batch.id, tiles)
            uow.commit()
        return leaves_done
