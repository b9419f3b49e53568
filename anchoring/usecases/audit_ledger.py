"""The batches of this database and the anchors on the ledger, compared in both directions.

Best asked of a node that rounds do not use: it then tells also what that node keeps back.
"""

from collections.abc import Iterator
from typing import Final

from anchoring.core.batch import Anchor, Batch, BatchState
from anchoring.core.finding import Finding
from anchoring.errors import Misconfigured
from anchoring.ports.ledger import Head, RegistryReader
from anchoring.ports.runtime import Progress
from anchoring.ports.store import Store
from anchoring.types import Root, to_hex

BATCHES_A_READ: Final = 1_000

_RECONCILE: Final = "run: credanchor ledger reconcile"
_ROUND: Final = "run a round and audit again; if it stays, compare with another node before anything else"


def audit_ledger(store: Store, reader: RegistryReader, *, first_block: int, progress: Progress) -> Iterator[Finding]:
    """Everything that does not agree, as of the node's head.

    `first_block`: where the contract's events begin. Raises: LedgerUnavailable, Misconfigured on another ledger.
    """
    identity = reader.identity()
    with store.reading() as uow:
        known = uow.rounds.identity()
    if known is not None and known != identity:
        raise Misconfigured(f"this database belongs to {known.registry} on another chain than the one at hand")
    head = reader.head()
    seen: set[Root] = set()
    for anchor in reader.anchors(first_block, head.block.number):
        seen.add(anchor.root)
        yield from _compare(store, anchor)
        progress("reading anchors", anchor.block.number - first_block, head.block.number - first_block)
    yield from _check_count(reader, head, len(seen))
    for batch in _anchored(store):
        if batch.anchor and batch.anchor.root not in seen:
            yield from _missing(batch, batch.anchor, head)


def _compare(store: Store, anchor: Anchor) -> Iterator[Finding]:
    """One anchor against the batch with its root. The store is left before anything is said of it."""
    with store.reading() as uow:
        batch = uow.batches.of_root(anchor.root)
        is_accepted = batch is None and uow.orphans.is_accepted(anchor.root)
    subject = f"anchor {anchor.sequence}, root {to_hex(anchor.root)}"
    if batch is None:
        if not is_accepted:
            yield Finding(check="anchor-has-batch", subject=subject, detail="no batch here has this root", advice=_RECONCILE)
        return
    if not anchor.is_of(batch.leaf_count):
        detail = f"the ledger states {anchor.leaf_count} leaves, batch {batch.id} has {batch.leaf_count}"
        yield Finding(check="leaf-count", subject=subject, detail=detail, advice="find out who anchored it; its proofs will fail")
    if batch.anchor is None:
        detail = f"batch {batch.id} is {batch.state} here"
        yield Finding(check="batch-is-anchored", subject=subject, detail=detail, advice=_ROUND)
    elif batch.anchor != anchor:
        detail = f"batch {batch.id} records anchor {batch.anchor.sequence} in block {batch.anchor.block.number}"
        yield Finding(check="anchor-is-recorded", subject=subject, detail=f"{detail}, not this one", advice=_ROUND)


def _check_count(reader: RegistryReader, head: Head, events: int) -> Iterator[Finding]:
    count = reader.anchor_count(head)
    if count != events:
        detail = f"the contract counts {count} anchors, its events show {events}"
        advice = "set ledger.first_block to the contract's first block; if it is, the node keeps events back: use another"
        yield Finding(check="anchor-count", subject=str(reader.registry), detail=detail, advice=advice)


def _missing(batch: Batch, anchor: Anchor, head: Head) -> Iterator[Finding]:
    if anchor.block.number > head.block.number:
        detail = f"recorded in block {anchor.block.number}, the node is at {head.block.number}"
        advice = "the node is behind: wait, or use another"
    else:
        detail = f"recorded as {batch.state} in block {anchor.block.number}, and not on the ledger"
        advice = _ROUND
    yield Finding(check="batch-on-ledger", subject=f"batch {batch.id}", detail=detail, advice=advice)


def _anchored(store: Store) -> Iterator[Batch]:
    after_id = 0
    while True:
        with store.reading() as uow:
            some = uow.batches.after(after_id, BATCHES_A_READ)
        if not some:
            return
        yield from (batch for batch in some if batch.state in {BatchState.CONFIRMED, BatchState.FINAL})
        after_id = some[-1].id
