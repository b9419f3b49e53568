"""A deep reorg may free the nonce of a submission at a dead end, and nothing later is mined before it is used again."""

import structlog

from anchoring.core.batch import Attempt, BatchState, Submission, SubmissionState
from anchoring.core.fees import FeeRules, choose_fee
from anchoring.ports.ledger import Head, Ledger
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store
from anchoring.types import to_hex

log = structlog.get_logger()


def refill_nonces(store: Store, ledger: Ledger, clock: Clock, fees: FeeRules) -> None:
    """Send the recorded bytes of reverted and displaced submissions again whose nonces the ledger shows as unused.

    A node that only lags refuses them, and nothing is recorded: what they anchor, if they do, is adopted like anybody's. Where
    another program used the nonce and its transaction does not come back, one that does nothing is signed for it.

    Raises: LedgerUnavailable; Misconfigured.
    """
    registry, signer = ledger.registry, ledger.signer
    with store.reading() as uow:
        dead_ends = uow.submissions.dead_ends(registry.chain_id, signer)
    if not dead_ends:
        return
    head = ledger.head()
    unused_from = ledger.transaction_count(head)
    for submission in dead_ends:
        if submission.nonce < unused_from:
            continue
        with store.reading() as uow:
            attempts = uow.submissions.attempts(submission.id)
            submitted = uow.submissions.in_state(SubmissionState.SUBMITTED)
            waits = uow.batches.in_state(BatchState.SEALED, limit=1) or uow.status_versions.prepared(1)
        if not attempts and (submitted or waits):
            attempts = [_fill(store, ledger, clock, submission, head, fees)]
        for attempt in attempts[:1]:
            answer = ledger.broadcast(attempt)
            log.warning("nonce.refilled", nonce=submission.nonce, transaction=to_hex(attempt.tx_hash), answer=answer.words)


def _fill(store: Store, ledger: Ledger, clock: Clock, submission: Submission, head: Head, fees: FeeRules) -> Attempt:
    """A transaction without calldata, which our contract refuses: it only uses the nonce. Written down before it is sent."""
    fee = choose_fee(fees, base_fee_wei=head.base_fee_wei, gas_price_wei=ledger.gas_price(fees.policy))
    attempt = ledger.sign(b"", nonce=submission.nonce, gas_limit=ledger.gas_limit([]), fee=fee, at=head, now=clock.now())
    with store.writing() as uow:
        uow.submissions.add_filler(submission.id, attempt)
        uow.commit()
    return attempt
