"""The batches of this database and the anchors on the ledger, compared in both directions.

Best asked of a node that rounds do not use: it then shows also what that node keeps back.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from anchoring.core.batch import Anchor, Batch
from anchoring.core.findings import Finding
from anchoring.core.portions import pages
from anchoring.ports.ledger import RegistryReader
from anchoring.ports.runtime import Progress
from anchoring.ports.store import Store
from anchoring.types import Root, to_hex

BATCHES_A_READ: Final = 1_000

_RECONCILE: Final = "credanchor ledger reconcile"
_ROUND: Final = "run a round and audit again; if it stays, compare with another node before anything else"
_EVENTS: Final = (
    "set CREDANCHOR_LEDGER__FIRST_BLOCK to the contract's first block; if it is, the node keeps events back: use another"
)
_LEAVES: Final = "find out who anchored it, and revoke that key; its proofs cannot be checked against the contract"


def audit_ledger(store: Store, reader: RegistryReader, *, first_block: int, progress: Progress) -> list[Finding]:
    """As of the node's head. `first_block`: where the contract's events begin.

    Raises: LedgerUnavailable, also when the node is behind what is recorded; Misconfigured on another ledger.
    """
    _require_same_ledger(store, reader)
    head = reader.head()
    seen: set[Root] = set()
    strays: list[str] = []
    places: list[str] = []
    leaf_counts: list[str] = []
    for anchor in reader.anchors(first_block, head.block.number):
        seen.add(anchor.root)
        with store.reading() as uow:
            batch = uow.batches.of_root(anchor.root)
            is_accepted = batch is None and uow.orphans.is_accepted(anchor.root)
        name = f"anchor {anchor.sequence} in block {anchor.block.number}"
        if batch is None:
            strays += [] if is_accepted else [f"{name}, root {to_hex(anchor.root)}, belongs to no batch here"]
        else:
            places += _place_faults(name, anchor, batch)
            leaf_counts += _leaf_count_faults(name, anchor, batch)
        progress("reading anchors", anchor.block.number - first_block, head.block.number - first_block)
    missing = [f"batch {batch.id} is {batch.state} here and not on the ledger" for batch in _anchored(store, seen)]
    count = reader.anchor_count(head)
    counted = [] if count == len(seen) else [f"the contract counts {count} anchors, its events show {len(seen)}"]
    return [
        Finding.of("events", counted, advice=_EVENTS, good=f"{count} anchors up to block {head.block.number}"),
        Finding.of("anchors", strays, advice=_RECONCILE),
        Finding.of("batches", missing, advice=_ROUND),
        Finding.of("places", places, advice=_ROUND),
        Finding.of("leaf counts", leaf_counts, advice=_LEAVES),
    ]


def _require_same_ledger(store: Store, reader: RegistryReader) -> None:
    identity = reader.identity()
    with store.reading() as uow:
        known = uow.rounds.identity()
    if known is not None:
        known.require(identity)


def _place_faults(name: str, anchor: Anchor, batch: Batch) -> list[str]:
    if batch.anchor is None:
        return [f"{name} is that of batch {batch.id}, which is {batch.state} here"]
    if batch.anchor != anchor:
        recorded = f"anchor {batch.anchor.sequence} in block {batch.anchor.block.number}, transaction"
        return [f"{name}, transaction {to_hex(anchor.transaction)}, is recorded as {recorded} {to_hex(batch.anchor.transaction)}"]
    return []


def _leaf_count_faults(name: str, anchor: Anchor, batch: Batch) -> list[str]:
    if anchor.is_of(batch.leaf_count):
        return []
    return [f"{name} states {anchor.leaf_count} leaves, batch {batch.id} has {batch.leaf_count}"]


def _anchored(store: Store, seen: set[Root]) -> Iterator[Batch]:
    """Confirmed and final batches with other roots than these."""

    def later(after_id: int) -> Sequence[Batch]:
        with store.reading() as uow:
            return uow.batches.after(after_id, BATCHES_A_READ)

    batches = pages(later, lambda batch: batch.id, 0)
    return (batch for batch in batches if batch.state.is_anchored and batch.tree and batch.tree.root not in seen)
