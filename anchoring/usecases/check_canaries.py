"""Canaries whose batch is final are checked as a verifier would: the path by itself, the root against the ledger."""

from collections.abc import Callable

import structlog

from anchoring.core.batch import Batch, BatchState
from anchoring.core.proof import InclusionProof
from anchoring.errors import StateCorrupt, VerificationError
from anchoring.ports.entries import Canary, Entry
from anchoring.ports.ledger import Head, RegistryReader
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import to_hex

CANARIES_A_ROUND = 10

Prove = Callable[[UnitOfWork, Entry, Batch], InclusionProof | None]

log = structlog.get_logger()


def check_canaries(store: Store, ledger: RegistryReader, clock: Clock, head: Head, prove: Prove) -> None:
    """Record of each whether its proof holds. Raises: LedgerUnavailable, StoreUnavailable; the next round checks it then."""
    with store.reading() as uow:
        due = [
            (canary, batch)
            for canary in uow.canaries.unchecked(CANARIES_A_ROUND)
            if (batch := uow.batches.of_entry(canary.entry.id)) and batch.state is BatchState.FINAL
        ]
    for canary, batch in due:
        wrong = _fault_of(store, ledger, head, prove, canary, batch)
        with store.writing() as uow:
            settled = uow.canaries.settle(canary.entry.id, clock.now(), wrong)
            uow.commit()
        if settled:
            _tell(canary, wrong, delay_s=(clock.now() - canary.posted_at).total_seconds())


def _fault_of(store: Store, ledger: RegistryReader, head: Head, prove: Prove, canary: Canary, batch: Batch) -> str | None:
    """What is wrong with its proof; None when it holds."""
    try:
        with store.reading() as uow:
            proof = prove(uow, canary.entry, batch)
        if proof is None:
            return "its batch is final and it has no proof"
        proof.verify_path()
    except (StateCorrupt, VerificationError) as failed:
        return failed.message
    recorded = ledger.recorded_anchor(proof.root, head)
    if recorded is None:
        return "the ledger does not hold the root of its proof"
    told = (proof.anchor.sequence, proof.anchor.block_number, proof.anchor.anchored_at)
    if told != (recorded.sequence, recorded.block_number, recorded.anchored_at) or not recorded.is_of(proof.tree_size):
        return "its proof names another anchor than the ledger"
    return None


def _tell(canary: Canary, wrong: str | None, *, delay_s: float) -> None:
    digest = to_hex(canary.entry.digest)
    if wrong is None:
        log.info("canary.verified", digest=digest, delay_s=delay_s)
    else:
        log.error("canary.failed", digest=digest, detail=wrong)
