"""Final batches as static files, from which whoever has digest and salt rebuilds a proof (docs/static-files.md is normative).

Nothing in them is about a person. A page lists up to a thousand batches; a batch has a file of its own, and its tiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from anchoring.core.merkle import MAX_LEAVES
from anchoring.core.proof import AnchorClaim
from anchoring.core.proof_json import Members, anchor_to_json, read_anchor
from anchoring.core.tiles import TileCoordinate
from anchoring.types import Root, parse_root, to_hex

BATCH_TYPE: Final = "AnchoredBatch"
PAGE_TYPE: Final = "AnchoredBatches"
PAGES_TYPE: Final = "AnchoredBatchPages"
VERSION: Final = 1

PAGE_BATCHES: Final = 1_000
"""Batches a page has at most."""

PAGE_BYTES: Final = 2_000_000
SHORT_BYTES: Final = 10_000
"""Far more than the longest page has, and the longest of the other files in JSON."""
BUNDLE_BYTES: Final = 2_000_000
"""What a receipt with the logs of a whole block may take."""

PAGES_PATH: Final = "batches/pages.json"
"""How many pages there are: many a store does not tell strangers that a file is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedBatch:
    """All that is said of a batch besides its tiles. What `anchor` says is a claim, as it is in a proof."""

    root: Root
    tree_size: int
    anchor: AnchorClaim


def page_path(number: int) -> str:
    """Pages are counted from 0."""
    return f"batches/pages/{number}.json"


def batch_path(root: Root) -> str:
    return f"batches/{to_hex(root)}/batch.json"


def bundle_path(root: Root) -> str:
    return f"batches/{to_hex(root)}/bundle.json"


def tile_path(root: Root, at: TileCoordinate) -> str:
    return f"batches/{to_hex(root)}/tiles/{at.level}/{at.n}"


def batch_to_json(batch: PublishedBatch) -> dict[str, Any]:
    return {
        "type": BATCH_TYPE,
        "version": VERSION,
        "root": to_hex(batch.root),
        "treeSize": batch.tree_size,
        "anchor": anchor_to_json(batch.anchor),
    }


def batch_from_json(value: object) -> PublishedBatch:
    """Raises: InvalidInput naming the member."""
    return _read_batch(Members(value, "$"))


def page_to_json(batches: Sequence[PublishedBatch]) -> dict[str, Any]:
    return {"type": PAGE_TYPE, "version": VERSION, "batches": [batch_to_json(batch) for batch in batches]}


def page_from_json(value: object) -> list[PublishedBatch]:
    """Raises: InvalidInput naming the member."""
    page = Members(value, "$")
    _require(page, PAGE_TYPE)
    return [_read_batch(batch) for batch in page.objects("batches", most=PAGE_BATCHES)]


def pages_to_json(count: int) -> dict[str, Any]:
    return {"type": PAGES_TYPE, "version": VERSION, "pages": count}


def pages_from_json(value: object) -> int:
    """Raises: InvalidInput naming the member."""
    pages = Members(value, "$")
    _require(pages, PAGES_TYPE)
    return pages.integer("pages")


def _read_batch(batch: Members) -> PublishedBatch:
    _require(batch, BATCH_TYPE)
    return PublishedBatch(
        root=parse_root(batch.text("root"), at=batch.at("root")),
        tree_size=batch.integer("treeSize", least=1, most=MAX_LEAVES),
        anchor=read_anchor(batch.object("anchor")),
    )


def _require(file: Members, kind: str) -> None:
    file.one_of("type", kind)
    file.integer("version", least=VERSION, most=VERSION)
