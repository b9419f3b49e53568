"""Final batches become static files, so that proofs can be made without this service.

What is published decides, not a note in the database: a page names the batches that are there whole, and what it lacks is
written. Within a batch its own file comes last. So all of it may be killed anywhere and run again, and a place that was lost or
exchanged is filled again. Nothing that is published is about a person: leaves are anonymous, and proofs are not exported.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from anchoring.core.batch import Batch, BatchState
from anchoring.core.bundle import bundle_to_json
from anchoring.core.proof import AnchorClaim, Registry
from anchoring.core.published import (
    PAGE_BATCHES,
    PAGE_BYTES,
    PAGES_PATH,
    SHORT_BYTES,
    PublishedBatch,
    batch_path,
    batch_to_json,
    bundle_path,
    page_from_json,
    page_path,
    page_to_json,
    pages_to_json,
    tile_path,
)
from anchoring.core.strict_json import parse
from anchoring.core.tiles import Tile, TileCoordinate, tile_counts
from anchoring.errors import InvalidInput, StateCorrupt
from anchoring.ports.runtime import Progress
from anchoring.ports.static_files import StaticFiles
from anchoring.ports.store import Store

TILES_A_READ = 256
"""Tiles read in one unit of work: none is open for as long as a slow upload takes."""


@dataclass(slots=True)
class ExportReport:
    """What one export did. `known`: batches that were published already; `withdrawn`: those that are not final any more."""

    published: int = 0
    tiles: int = 0
    known: int = 0
    withdrawn: int = 0


def export_tiles(store: Store, files: StaticFiles, progress: Progress, *, again: bool = False) -> ExportReport:
    """Publish every final batch that is not published yet. `again`: those that are, too.

    Raises: FilesUnavailable, and what was written until then stays; StoreUnavailable; StateCorrupt.
    """
    with store.reading() as uow:
        identity, newest = uow.rounds.identity(), uow.batches.page(None, 1)
    if identity is None or not newest:
        return ExportReport()
    export, pages = _Export(store, files, identity.registry, progress, again=again), newest[0].id // PAGE_BATCHES + 1
    for number in range(pages):
        progress("exporting pages of batches", number, pages)
        export.page(number)
    export.count_pages(pages)
    return export.report


class _Export:
    def __init__(self, store: Store, files: StaticFiles, registry: Registry, progress: Progress, *, again: bool) -> None:
        self._store = store
        self._files = files
        self._registry = registry
        self._progress = progress
        self._again = again
        self.report = ExportReport()

    def page(self, number: int) -> None:
        """The batches with ids from 1,000 times the number on."""
        with self._store.reading() as uow:
            found = uow.batches.after(PAGE_BATCHES * number - 1, PAGE_BATCHES)
        final = [batch for batch in found if batch.id < PAGE_BATCHES * (number + 1) and batch.state is BatchState.FINAL]
        ours = [_published(batch, self._registry) for batch in final]
        before = _read_page(self._files, number)
        published = frozenset(before or ())
        for batch, facts in zip(final, ours, strict=True):
            if facts in published and not self._again:
                self.report.known += 1
            else:
                self._batch(batch, facts)
        if before != ours or self._again:
            self._files.write([(page_path(number), _encode(page_to_json(ours)))])
        for root in {facts.root for facts in published} - {facts.root for facts in ours}:
            self._files.delete(batch_path(root))
            self._files.delete(bundle_path(root))
            self.report.withdrawn += 1

    def count_pages(self, count: int) -> None:
        """To be called when all are there."""
        content = _encode(pages_to_json(count))
        if self._again or _read(self._files, PAGES_PATH, SHORT_BYTES) != content:
            self._files.write([(PAGES_PATH, content)])

    def _batch(self, batch: Batch, facts: PublishedBatch) -> None:
        self.report.published += 1
        path, content = batch_path(facts.root), _encode(batch_to_json(facts))
        if not self._again and _read(self._files, path, SHORT_BYTES) == content:
            return  # an export before this one came as far as this
        counts = enumerate(tile_counts(batch.leaf_count))
        wanted = [TileCoordinate(level, n) for level, count in counts for n in range(count)]
        for start in range(0, len(wanted), TILES_A_READ):
            self._progress(f"exporting the tiles of batch {batch.id}", start, len(wanted))
            tiles = self._tiles(batch, wanted[start : start + TILES_A_READ])
            self._files.write(((tile_path(facts.root, tile.at), tile.served) for tile in tiles), unchanging=True)
            self.report.tiles += len(tiles)
        with self._store.reading() as uow:
            bundle = uow.bundles.of(facts.root, facts.anchor.block_hash)
        if bundle is not None:
            self._files.write([(bundle_path(facts.root), _encode(bundle_to_json(bundle)))])
        self._files.write([(path, content)])

    def _tiles(self, batch: Batch, wanted: Sequence[TileCoordinate]) -> list[Tile]:
        tiles = []
        with self._store.reading() as uow:
            for at in wanted:
                tile = uow.batches.tile(batch.id, at)
                if tile is None:
                    raise StateCorrupt(f"tile {at.n} of level {at.level} of batch {batch.id} is missing")
                tiles.append(tile)
        return tiles


def _read_page(files: StaticFiles, number: int) -> list[PublishedBatch] | None:
    """None when there is none, or none that can be read: it is written anew."""
    content = _read(files, page_path(number), PAGE_BYTES)
    try:
        return None if content is None else page_from_json(parse(content))
    except InvalidInput:
        return None


def _read(files: StaticFiles, path: str, most: int) -> bytes | None:
    """None also for what is too long to be ours."""
    try:
        return files.read(path, most=most)
    except InvalidInput:
        return None


def _published(batch: Batch, registry: Registry) -> PublishedBatch:
    if batch.tree is None or batch.anchor is None:
        raise StateCorrupt(f"batch {batch.id} is final and has no tree or no anchor")
    claim = AnchorClaim.of(batch.anchor, batch.state, registry)
    return PublishedBatch(root=batch.tree.root, tree_size=batch.leaf_count, anchor=claim)


def _encode(content: object) -> bytes:
    return json.dumps(content, indent=1).encode() + b"\n"
