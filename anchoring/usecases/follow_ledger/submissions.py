"""What became of a transaction that was sent: sent again until it is mined, offered more for, confirmed, or given up.

Success is an event of our contract with our root or head of a list, never the status of a receipt.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog

from anchoring.core.audit_log import Detail, round_act
from anchoring.core.batch import Attempt, BlockPlace, HeadToPublish, RootToAnchor, Submission, SubmissionState
from anchoring.core.fees import Fee, replace_fee
from anchoring.errors import LedgerRejected
from anchoring.failpoints import failpoint
from anchoring.ports.ledger import Receipt, Reception
from anchoring.ports.runtime import Clock
from anchoring.ports.store import UnitOfWork
from anchoring.ports.submissions import Mined
from anchoring.types import to_hex
from anchoring.usecases.follow_ledger.look import Look

RESEND_AFTER: Final = timedelta(seconds=15)
"""How long a node is given before the same bytes are sent again."""

BLOCKS_PASSED_BY: Final = 3
"""A transaction is stuck only if so many blocks went by without it: a ledger that stands still takes nobody's fee."""

log = structlog.get_logger()


def follow_submission(look: Look, submission: Submission) -> tuple[str, ...]:
    """What contradicts; then nothing was given up."""
    with look.store.reading() as uow:
        attempts = uow.submissions.attempts(submission.id)
    for attempt in attempts:
        receipt = look.ledger.receipt(attempt.tx_hash)
        if receipt and look.ledger.block_hash(receipt.block.number) == receipt.block.hash:
            failpoint("receipt.seen")
            mined = _mined(attempt, receipt)
            if receipt.succeeded:
                _confirm(look, submission, mined, receipt)
            elif receipt.block.number <= look.final_height:
                return _give_up(look, submission, attempts, mined)
            return ()
    if look.final_height >= 0 and look.ledger.transactions_of(submission.signer, look.final_height) > submission.nonce:
        return _give_up(look, submission, attempts, None)
    if _is_stuck(look, attempts[0]):
        attempts = _offer_more(look, submission, attempts)
    _broadcast(look, attempts[0])
    return ()


def _mined(attempt: Attempt, receipt: Receipt) -> Mined:
    fee_wei = receipt.gas_used * attempt.max_fee_wei if receipt.fee_wei is None else receipt.fee_wei
    return Mined(tx_hash=attempt.tx_hash, block=receipt.block, gas_used=receipt.gas_used, fee_wei=fee_wei)


def _is_stuck(look: Look, highest: Attempt) -> bool:
    """Neither time nor blocks alone say so: the ledger may have stood still, or this program."""
    waited_s = (look.clock.now() - highest.signed_at).total_seconds()
    has_waited = not 0 <= waited_s < look.rules.patience_s  # signed in the future: the clock was set back
    return has_waited and look.head.block.number - highest.head_number >= BLOCKS_PASSED_BY


def _offer_more(look: Look, submission: Submission, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """Another attempt at the same nonce with higher fees, written down before it is sent; the attempts as they are then."""
    before = Fee(max_fee_wei=attempts[0].max_fee_wei, tip_wei=attempts[0].tip_wei)
    price = look.ledger.gas_price(look.rules.fees.policy)
    fee = replace_fee(look.rules.fees, before, base_fee_wei=look.head.base_fee_wei, gas_price_wei=price)
    if fee is None or look.ledger.signer != submission.signer:
        log.warning("anchor.stuck", nonce=submission.nonce, offered_wei=before.max_fee_wei, attempts=len(attempts))
        return attempts
    more = look.ledger.sign(
        submission.calldata, nonce=submission.nonce, gas_limit=submission.gas_limit, fee=fee, at=look.head, now=look.clock.now()
    )
    failpoint("replacement.signed")
    with look.store.writing() as uow:
        if not uow.submissions.add_attempt(submission.id, more):
            return attempts
        detail: Detail = {"transaction": to_hex(more.tx_hash), "nonce": submission.nonce, "maxFeeWei": str(fee.max_fee_wei)}
        uow.audit_log.note(round_act("transaction.replaced", detail, at=more.signed_at, host=look.rules.host))
        uow.commit()
        failpoint("replacement.persisted")
    log.warning("anchor.replaced", nonce=submission.nonce, transaction=to_hex(more.tx_hash), offered_wei=fee.max_fee_wei)
    return [more, *attempts]


def _confirm(look: Look, submission: Submission, mined: Mined, receipt: Receipt) -> None:
    _require_all(submission, mined, receipt)
    with look.store.writing() as uow:
        if not uow.submissions.change_state(submission.id, SubmissionState.SUBMITTED, SubmissionState.CONFIRMED, mined=mined):
            return
        recorded = [_record_anchor(uow, look.clock, root, receipt) for root in submission.roots]
        recorded += [_record_head(uow, head, receipt) for head in submission.heads]
        if any(place != mined.block for place in recorded):
            return  # recorded in another block, which can only be gone: the next look takes it back first
        uow.commit()
        failpoint("anchor.confirmed")
    log.info(
        "anchor.confirmed",
        transaction=to_hex(mined.tx_hash),
        block=mined.block.number,
        roots=len(submission.roots),
        heads=len(submission.heads),
    )


def _require_all(submission: Submission, mined: Mined, receipt: Receipt) -> None:
    """Raises: LedgerRejected when anything that the submission carries is not among our contract's events."""
    missing = [f"anchor of root {to_hex(item.root)}" for item in submission.roots if receipt.anchor_of(item) is None]
    missing += [
        f"version {head.version} of list {to_hex(head.list_id)}" for head in submission.heads if receipt.head_of(head) is None
    ]
    if missing:
        raise LedgerRejected(f"transaction {to_hex(mined.tx_hash)} succeeded, but our contract shows no {missing[0]}")


def _record_anchor(uow: UnitOfWork, clock: Clock, item: RootToAnchor, receipt: Receipt) -> BlockPlace | None:
    """Where it is recorded then."""
    if anchor := receipt.anchor_of(item):
        uow.batches.confirm(item.batch_id, anchor, clock.now())
    batch = uow.batches.with_id(item.batch_id)
    return batch.anchor.block if batch and batch.anchor else None


def _record_head(uow: UnitOfWork, item: HeadToPublish, receipt: Receipt) -> BlockPlace | None:
    """Where it is recorded then."""
    if head := receipt.head_of(item):
        uow.status_versions.confirm(item.version_id, head)
    version = uow.status_versions.with_id(item.version_id)
    return version.head.block if version and version.head else None


def _give_up(look: Look, submission: Submission, attempts: Sequence[Attempt], reverted: Mined | None) -> tuple[str, ...]:
    """The nonce is spent for good without anchoring anything, and a further node says so too: batches and versions wait for
    another submission. Else it would be paid twice.
    """
    hashes = [attempt.tx_hash for attempt in attempts]
    opinion = look.ledger.opinion_on_nonce(submission.signer, submission.nonce, look.final_height, hashes)
    if not opinion.agrees:
        return opinion.contradictions
    dead_end = SubmissionState.REVERTED if reverted else SubmissionState.DISPLACED
    with look.store.writing() as uow:
        if not uow.submissions.change_state(submission.id, SubmissionState.SUBMITTED, dead_end, mined=reverted):
            return ()
        uow.submissions.release_items(submission.id)
        for item in submission.roots:
            uow.batches.release(item.batch_id)
        for head in submission.heads:
            uow.status_versions.release(head.version_id)
        uow.commit()
    event = "submission.reverted" if reverted else "submission.displaced"
    log.error(
        event,
        nonce=submission.nonce,
        batches=[item.batch_id for item in submission.roots],
        lists=[to_hex(head.list_id) for head in submission.heads],
    )
    return ()


def _broadcast(look: Look, attempt: Attempt) -> None:
    """Send the recorded bytes, and send them again while no receipt is seen: a pool may forget, and repeating is harmless.

    Raises: LedgerRejected when no node will ever take them; they stay recorded, and the next round sends them again.
    """
    if attempt.last_sent_at and timedelta(0) <= look.clock.now() - attempt.last_sent_at < RESEND_AFTER:
        return  # sent in the future: the clock was set back, and nobody knows how long ago it was
    failpoint("broadcast.beginning")
    answer = look.ledger.broadcast(attempt)
    failpoint("broadcast.answered")
    with look.store.writing() as uow:
        uow.submissions.record_broadcast(attempt.tx_hash, answer.words, look.clock.now())
        uow.commit()
        failpoint("broadcast.recorded")
    transaction = to_hex(attempt.tx_hash)
    log.info("anchor.broadcast", transaction=transaction, reception=answer.reception, answer=answer.words)
    match answer.reception:
        case Reception.FUNDS:
            log.error("anchor.unfunded", transaction=transaction, signer=look.ledger.signer, answer=answer.words)
        case Reception.HOPELESS:
            raise LedgerRejected(f"transaction {transaction} will not be taken: {answer.words}")
        case _:
            pass  # only receipts tell
