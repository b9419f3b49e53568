"""Changes of entries that were not sealed yet take effect, once they are, in the lists that follow from their batches."""

from collections.abc import Sequence

import structlog

from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusPurpose
from anchoring.errors import StateCorrupt
from anchoring.ports.runtime import Clock
from anchoring.ports.status_lists import Place, StatusChange, StatusList
from anchoring.ports.store import Store, UnitOfWork

CHANGES_A_TRANSACTION = 10_000

log = structlog.get_logger()


def settle_changes(store: Store, clock: Clock) -> int:
    """Settle what waits, oldest first, a few thousand at once. Returns how many took effect.

    An entry whose erasure was asked for meanwhile is erased after its changes, since its place is found by its digest.

    Raises: StoreUnavailable; what was settled until then stays settled.
    """
    with store.reading() as uow:
        sealed_up_to = uow.batches.last_sealed_entry_id()
        keys = uow.status_changes.issuers_waiting(sealed_up_to)
        issuers = [issuer for issuer in uow.issuers.all() if issuer.id in keys]
    settled = 0
    for issuer in issuers:
        while some := _settle_some(store, clock, issuer, sealed_up_to):
            settled += some
    if settled:
        log.info("status.settled", count=settled)
        _erase(store, clock, sealed_up_to)
    return settled


def _settle_some(store: Store, clock: Clock, issuer: Issuer, sealed_up_to: int) -> int:
    with store.writing() as uow:
        uow.status_lists.lock_issuer(issuer.id)
        waiting = uow.status_changes.waiting(issuer, sealed_up_to, CHANGES_A_TRANSACTION)
        if waiting:
            _settle(uow, clock, issuer, waiting)
            uow.commit()
    return len(waiting)


def _settle(uow: UnitOfWork, clock: Clock, issuer: Issuer, waiting: Sequence[StatusChange]) -> None:
    now = clock.now()
    leaves = uow.status_lists.leaf_places([change.entry_id for change in waiting if change.entry_id is not None])
    lists: dict[tuple[int, StatusPurpose], StatusList] = {}
    placed = []
    for change in waiting:
        leaf = leaves.get(change.entry_id or 0)
        if leaf is None:
            raise StateCorrupt(f"status change {change.id} waits for entry {change.entry_id}, which has no leaf")
        key = (leaf.batch.id, change.purpose)
        if key not in lists:
            lists[key] = uow.status_lists.of_batch(issuer, change.purpose, leaf.batch, now)
        placed.append((change, Place(lists[key].id, leaf.leaf_index)))
    uow.status_changes.settle(placed, now)


def _erase(store: Store, clock: Clock, sealed_up_to: int) -> None:
    with store.writing() as uow:
        erased = uow.entries.erase_requested(sealed_up_to, clock.now())
        uow.commit()
    if erased:
        log.info("entry.erased", count=erased)
