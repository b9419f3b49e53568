"""A deep reorg may free the nonce of a submission at a dead end, and nothing later is mined before it is used again."""

import structlog

from anchoring.ports.ledger import Ledger
from anchoring.ports.store import Store
from anchoring.types import to_hex

log = structlog.get_logger()


def refill_nonces(store: Store, ledger: Ledger) -> None:
    """Send the recorded bytes of reverted and displaced submissions again whose nonces the ledger shows as unused.

    A node that only lags refuses them, and nothing is recorded: what they anchor, if they do, is adopted like anybody's.

    Raises: LedgerUnavailable.
    """
    registry, signer = ledger.registry, ledger.signer
    with store.reading() as uow:
        dead_ends = uow.submissions.dead_ends(registry.chain_id, signer)
    if not dead_ends:
        return
    unused_from = ledger.transaction_count(ledger.head())
    for submission in dead_ends:
        if submission.nonce < unused_from:
            continue
        with store.reading() as uow:
            attempts = uow.submissions.attempts(submission.id)
        for attempt in attempts[:1]:
            answer = ledger.broadcast(attempt)
            log.warning("nonce.refilled", nonce=submission.nonce, transaction=to_hex(attempt.tx_hash), answer=answer.words)
