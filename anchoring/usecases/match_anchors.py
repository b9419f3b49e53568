"""The ledger compared with this database: which anchors it knows, and which it does not.

A database that was restored from a backup, or a standby that took over, may be older than the ledger. What it signed then could
anchor digests a second time, so nothing is sealed or signed while anchors of our key are unaccounted for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from anchoring.core.batch import Anchor, BatchState, PublishedHead
from anchoring.core.portions import portions
from anchoring.errors import StateCorrupt
from anchoring.ports.ledger import Head, Ledger
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import Address, to_hex

ANCHORS_A_TRANSACTION: Final = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What a comparison of everything found.

    `anchors`: on the ledger. `adopted`: sealed batches that turned out to be anchored. `orphans`: anchors of our key whose
    batches are lost, in the order of the ledger. `unknown_heads`: of status lists, where the newest version on the ledger is not
    known here. `spent_nonces`: used by transactions that this database does not know. `may_sign`: whether rounds go on.
    """

    anchors: int
    adopted: int
    orphans: Sequence[Anchor]
    unknown_heads: Sequence[PublishedHead]
    spent_nonces: range
    may_sign: bool


def require_reconciled(store: Store) -> None:
    """Raises: StateCorrupt while a restored database was not compared with the ledger, or anchors of our key have no batch."""
    with store.reading() as uow:
        restored_at, orphans = uow.rounds.restored_at(), uow.orphans.unaccepted()
    if restored_at is not None:
        raise StateCorrupt("this database was restored from a backup; compare it with the ledger: credanchor ledger reconcile")
    if orphans:
        raise StateCorrupt(
            f"the ledger holds {len(orphans)} anchors of our key whose batches this database lacks, the first with root "
            f"{to_hex(orphans[0].root)}: the database is older than the ledger, or another program uses the key; "
            "see: credanchor ledger reconcile"
        )


def match_new_anchors(store: Store, ledger: Ledger, clock: Clock, *, first_block: int) -> None:
    """Look at what is on the ledger and not in this database: one question to the node where there is nothing.

    `first_block`: where the contract's events begin. Raises: LedgerUnavailable.
    """
    head = ledger.head()
    with store.reading() as uow:
        known = uow.batches.count_anchored() + uow.orphans.count()
        newest = uow.batches.newest_anchored(1)
    if ledger.anchor_count(head) > known:
        # The contract numbers anchors without a gap, so those that are missing here stand in no older block than our newest.
        since = newest[0].anchor.block.number if newest and newest[0].anchor else first_block
        _match(store, ledger, clock, since, head)


def reconcile(store: Store, ledger: Ledger, clock: Clock, *, first_block: int, accept_loss: bool) -> Reconciliation:
    """Compare everything, and let signing go on unless batches are lost; with `accept_loss` it goes on all the same.

    Digests of lost batches are unknown from here on, and may be posted again. A list whose newest version is unknown is not
    published over, with `accept_loss` neither: that would take revocations back.

    Raises: LedgerUnavailable; what was recorded until then stays, and signing stays off.
    """
    with store.writing() as uow:
        uow.orphans.forget_unaccepted()
        uow.commit()
    head = ledger.head()
    anchors, adopted = _match(store, ledger, clock, first_block, head)
    unknown_heads = _match_heads(store, ledger.heads(first_block, head.block.number))
    mined = ledger.transaction_count(head)
    with store.writing() as uow:
        highest = uow.submissions.highest_nonce(ledger.registry.chain_id, ledger.signer)
        spent = range(mined if highest is None else highest + 1, mined)
        orphans = uow.orphans.unaccepted()
        may_sign = accept_loss or not orphans
        if may_sign:
            uow.orphans.accept(clock.now())
            uow.submissions.spend_nonces(ledger.registry, ledger.signer, spent, clock.now())
            uow.rounds.clear_restored()
        uow.commit()
    log.warning(
        "ledger.reconciled",
        anchors=anchors,
        adopted=adopted,
        orphans=len(orphans),
        unknown_heads=len(unknown_heads),
        may_sign=may_sign,
    )
    return Reconciliation(
        anchors=anchors,
        adopted=adopted,
        orphans=orphans,
        unknown_heads=unknown_heads,
        spent_nonces=spent,
        may_sign=may_sign,
    )


def _match_heads(store: Store, heads: Iterable[PublishedHead]) -> list[PublishedHead]:
    """The newest version of each list that is not known here, nor given up; lists of this database are marked."""
    newest = {head.list_id: head for head in heads}
    unknown = []
    with store.writing() as uow:
        for head in newest.values():
            listed, known = uow.status_versions.current(head.list_id), uow.status_versions.with_digest(head.digest)
            is_unknown = known is None and (listed is None or head.version > listed.accepted_version)
            uow.status_versions.mark_overtaken(head.list_id, head.version if is_unknown else None)
            unknown += [head] if is_unknown else []
        uow.commit()
    for head in unknown:
        log.error("head.unknown", list=to_hex(head.list_id), version=head.version)
    return unknown


def _match(store: Store, ledger: Ledger, clock: Clock, first_block: int, head: Head) -> tuple[int, int]:
    """Read every anchor from this block on; how many there are, and how many were adopted."""
    with store.reading() as uow:
        ours = {ledger.signer, *uow.submissions.signers()}
    seen = adopted = 0
    for some in portions(ledger.anchors(first_block, head.block.number), ANCHORS_A_TRANSACTION):
        with store.writing() as uow:
            adopted += sum(_adopt(uow, anchor, clock) for anchor in some)
            for anchor in some:
                _record_orphan(uow, anchor, clock, ours)
            uow.commit()
        seen += len(some)
    return seen, adopted


def _adopt(uow: UnitOfWork, anchor: Anchor, clock: Clock) -> bool:
    batch = uow.batches.of_root(anchor.root)
    if batch is None or batch.state is not BatchState.SEALED or not anchor.is_of(batch.leaf_count):
        return False
    if not uow.batches.confirm(batch.id, anchor, clock.now()):
        return False
    log.warning("anchor.adopted", batch=batch.id, root=to_hex(anchor.root), anchored_by=anchor.anchored_by)
    return True


def _record_orphan(uow: UnitOfWork, anchor: Anchor, clock: Clock, ours: set[Address]) -> None:
    """Another key's anchors are its own affair; ours without a batch are batches that are lost."""
    is_ours = anchor.anchored_by in ours
    if uow.batches.of_root(anchor.root) or not uow.orphans.record(anchor, clock.now(), accepted=not is_ours):
        return
    if is_ours:
        log.error("anchor.orphaned", root=to_hex(anchor.root), sequence=anchor.sequence, anchored_by=anchor.anchored_by)
    else:
        log.warning("anchor.foreign", root=to_hex(anchor.root), sequence=anchor.sequence, anchored_by=anchor.anchored_by)
