"""What became of earlier submissions: sent again until mined, confirmed, final, or taken back by a reorg.

Every decision compares recorded block hashes with the ledger's. Success is an event of our contract with our root or head of a
list, never the status of a receipt. A node that lags says nothing, so absence alone changes nothing. Where several nodes are
asked, a second one must agree before anything is final, and none may still show a block that is taken for gone: while two
contradict each other nobody can tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from anchoring.core.audit_log import Detail, round_act
from anchoring.core.batch import (
    Attempt,
    Batch,
    BatchState,
    BlockPlace,
    HeadToPublish,
    RootToAnchor,
    Submission,
    SubmissionState,
)
from anchoring.core.fees import Fee, FeeRules, replace_fee
from anchoring.core.finality import FinalityRule, Verdict, judge
from anchoring.core.status_version import StatusVersion, VersionState
from anchoring.errors import LedgerRejected
from anchoring.failpoints import failpoint
from anchoring.ports.ledger import Head, Ledger, Receipt, Reception
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store, UnitOfWork
from anchoring.ports.submissions import Mined
from anchoring.types import to_hex

BATCHES_A_ROUND = 1_000
"""Confirmed batches, and as many versions of status lists, looked at in one round; the next round goes on."""

RESEND_AFTER = timedelta(seconds=15)
"""How long a node is given before the same bytes are sent again."""

BLOCKS_PASSED_BY: Final = 3
"""A transaction is stuck only if so many blocks went by without it: a ledger that stands still takes nobody's fee."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowRules:
    """The operator's settings. `patience_s`: seconds until more is offered for a transaction that is not mined.

    `host`: on which rounds run, for the audit log.
    """

    finality: FinalityRule
    fees: FeeRules
    patience_s: float
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What is still open after a look at the ledger. `confirmed`: batches, `confirmed_heads`: versions of status lists.

    `contradictions`: what a node says against another, or against what was recorded, a sentence each.
    """

    head: Head
    submitted: int
    confirmed: int
    confirmed_heads: int
    contradictions: tuple[str, ...]

    @property
    def is_settled(self) -> bool:
        """Nothing is on its way and nothing waits for finality."""
        return self.submitted == self.confirmed == self.confirmed_heads == 0


def follow_ledger(store: Store, ledger: Ledger, clock: Clock, rules: FollowRules) -> Followed:
    """Look once. Raises: LedgerUnavailable, and what was recorded until then stays; LedgerRejected, Misconfigured."""
    head = ledger.head()
    final_height = ledger.final_height(head, rules.finality)
    with store.reading() as uow:
        batches, versions = _confirmed(uow)
        submitted = uow.submissions.in_state(SubmissionState.SUBMITTED)
    contradictions: list[str] = []
    for block in dict.fromkeys([*map(_block_of, batches), *map(_block_of, versions)]):
        contradictions += _watch_block(store, ledger, clock, block, head, final_height)
    contradictions += _watch_final_blocks(store, ledger, clock, head, final_height)
    for submission in submitted:
        contradictions += _watch_submission(store, ledger, clock, submission, head, final_height, rules)
    with store.reading() as uow:
        batches, versions = _confirmed(uow)
        return Followed(
            head=head,
            submitted=len(uow.submissions.in_state(SubmissionState.SUBMITTED)),
            confirmed=len(batches),
            confirmed_heads=len(versions),
            contradictions=tuple(contradictions),
        )


def _confirmed(uow: UnitOfWork) -> tuple[Sequence[Batch], Sequence[StatusVersion]]:
    return (
        uow.batches.in_state(BatchState.CONFIRMED, limit=BATCHES_A_ROUND),
        uow.status_versions.in_state(VersionState.CONFIRMED, limit=BATCHES_A_ROUND),
    )


def _block_of(recorded: Batch | StatusVersion) -> BlockPlace:
    place = recorded.anchor if isinstance(recorded, Batch) else recorded.head
    if place is None:
        raise AssertionError("the store holds nothing anchored or published without a block")
    return place.block


def _watch_block(store: Store, ledger: Ledger, clock: Clock, block: BlockPlace, head: Head, final_height: int) -> tuple[str, ...]:
    """What contradicts; then nothing was changed."""
    match _judge(ledger, block, head, final_height):
        case Verdict.FINAL:
            return _finalize(store, ledger, clock, block, head)
        case Verdict.REORGED:
            return _withdraw(store, ledger, clock, block)
        case Verdict.CONFIRMED | Verdict.UNKNOWN:
            return ()


def _watch_final_blocks(store: Store, ledger: Ledger, clock: Clock, head: Head, final_height: int) -> tuple[str, ...]:
    """While the newest final block stands, so do all before it; where it is gone, the next one is looked at."""
    while True:
        with store.reading() as uow:
            final = [one for one in (uow.batches.newest_final(), uow.status_versions.newest_final()) if one]
        block = max(map(_block_of, final), key=lambda place: place.number, default=None)
        if block is None or _judge(ledger, block, head, final_height) is not Verdict.REORGED:
            return ()
        if contradictions := _withdraw(store, ledger, clock, block):
            return contradictions


def _judge(ledger: Ledger, block: BlockPlace, head: Head, final_height: int) -> Verdict:
    hash_there = ledger.block_hash(block.number) if block.number <= head.block.number else None
    return judge(block, hash_there=hash_there, final_height=final_height)


def _finalize(store: Store, ledger: Ledger, clock: Clock, block: BlockPlace, head: Head) -> tuple[str, ...]:
    with store.reading() as uow:
        batches, versions = uow.batches.anchored_in(block), uow.status_versions.published_in(block)
    agreed = [
        batch
        for batch in batches
        if batch.tree and (recorded := ledger.recorded_anchor(batch.tree.root, head)) and recorded.block_number == block.number
    ]
    not_shown = tuple(
        f"batch {batch.id} is recorded in block {block.number}, and the contract does not show its root there"
        for batch in batches
        if batch not in agreed
    )
    published = _shown_heads(ledger, versions)
    not_shown += tuple(
        f"version {version.version} of list {to_hex(version.list_id)} is recorded in block {block.number}, and its transaction "
        "does not show it"
        for version in versions
        if version not in published
    )
    if not agreed and not published:
        return not_shown
    anchors, heads = [one.anchor for one in agreed if one.anchor], [one.head for one in published if one.head]
    opinion = ledger.second_opinion(anchors, heads)
    if not opinion.agrees:
        return not_shown + opinion.contradictions
    with store.writing() as uow:
        changed = [batch for batch in agreed if uow.batches.finalize(batch.id, block, clock.now())]
        changed_heads = [one for one in published if uow.status_versions.finalize(one.id, block, clock.now())]
        uow.submissions.finalize(block)
        failpoint("final.written")
        uow.commit()
        failpoint("anchor.final")
    for batch in changed:
        log.info("anchor.final", batch=batch.id, block=block.number)
    for version in changed_heads:
        log.info("head.final", list=to_hex(version.list_id), version=version.version, block=block.number)
    return not_shown


def _shown_heads(ledger: Ledger, versions: Sequence[StatusVersion]) -> list[StatusVersion]:
    """Those whose event stands where it is recorded. The contract itself keeps a list's newest version only."""
    transactions = dict.fromkeys(version.head.transaction for version in versions if version.head)
    receipts = {transaction: ledger.receipt(transaction) for transaction in transactions}
    shown = {head for receipt in receipts.values() if receipt for head in receipt.heads}
    return [version for version in versions if version.head in shown]


def _withdraw(store: Store, ledger: Ledger, clock: Clock, block: BlockPlace) -> tuple[str, ...]:
    """The block is gone, and no further node shows it: everything recorded in it is open again, in one transaction."""
    if contradictions := ledger.still_shown(block):
        return contradictions
    with store.writing() as uow:
        uow.submissions.reopen(block)
        changed = [one for one in uow.batches.anchored_in(block) if uow.batches.withdraw(one.id, block, "reorg", clock.now())]
        versions = uow.status_versions
        changed_heads = [one for one in versions.published_in(block) if versions.withdraw(one.id, block)]
        uow.commit()
    for batch in changed:
        log.warning("anchor.reorged", batch=batch.id, block=block.number, was=batch.state)
    for version in changed_heads:
        log.warning("head.reorged", list=to_hex(version.list_id), version=version.version, block=block.number, was=version.state)
    return ()


def _watch_submission(
    store: Store, ledger: Ledger, clock: Clock, submission: Submission, head: Head, final_height: int, rules: FollowRules
) -> tuple[str, ...]:
    """What contradicts; then nothing was given up."""
    with store.reading() as uow:
        attempts = uow.submissions.attempts(submission.id)
    for attempt in attempts:
        receipt = ledger.receipt(attempt.tx_hash)
        if receipt and ledger.block_hash(receipt.block.number) == receipt.block.hash:
            failpoint("receipt.seen")
            mined = _mined(attempt, receipt)
            if receipt.succeeded:
                _confirm(store, clock, submission, mined, receipt)
            elif receipt.block.number <= final_height:
                return _give_up(store, ledger, submission, attempts, final_height, mined)
            return ()
    if final_height >= 0 and ledger.transactions_of(submission.signer, final_height) > submission.nonce:
        return _give_up(store, ledger, submission, attempts, final_height, None)
    if _is_stuck(attempts[0], head, clock, rules):
        attempts = _offer_more(store, ledger, clock, submission, attempts, head, rules)
    _broadcast(store, ledger, clock, attempts[0])
    return ()


def _mined(attempt: Attempt, receipt: Receipt) -> Mined:
    fee_wei = receipt.gas_used * attempt.max_fee_wei if receipt.fee_wei is None else receipt.fee_wei
    return Mined(tx_hash=attempt.tx_hash, block=receipt.block, gas_used=receipt.gas_used, fee_wei=fee_wei)


def _is_stuck(highest: Attempt, head: Head, clock: Clock, rules: FollowRules) -> bool:
    """Neither time nor blocks alone say so: the ledger may have stood still, or this program."""
    waited_s = (clock.now() - highest.signed_at).total_seconds()
    has_waited = not 0 <= waited_s < rules.patience_s  # signed in the future: the clock was set back
    return has_waited and head.block.number - highest.head_number >= BLOCKS_PASSED_BY


def _offer_more(
    store: Store,
    ledger: Ledger,
    clock: Clock,
    submission: Submission,
    attempts: Sequence[Attempt],
    head: Head,
    rules: FollowRules,
) -> Sequence[Attempt]:
    """Another attempt at the same nonce with higher fees, written down before it is sent; the attempts as they are then."""
    before = Fee(max_fee_wei=attempts[0].max_fee_wei, tip_wei=attempts[0].tip_wei)
    price = ledger.gas_price(rules.fees.policy)
    fee = replace_fee(rules.fees, before, base_fee_wei=head.base_fee_wei, gas_price_wei=price)
    if fee is None or ledger.signer != submission.signer:
        log.warning("anchor.stuck", nonce=submission.nonce, offered_wei=before.max_fee_wei, attempts=len(attempts))
        return attempts
    more = ledger.sign(
        submission.calldata, nonce=submission.nonce, gas_limit=submission.gas_limit, fee=fee, at=head, now=clock.now()
    )
    failpoint("replacement.signed")
    with store.writing() as uow:
        if not uow.submissions.add_attempt(submission.id, more):
            return attempts
        detail: Detail = {"transaction": to_hex(more.tx_hash), "nonce": submission.nonce, "maxFeeWei": str(fee.max_fee_wei)}
        uow.audit_log.note(round_act("transaction.replaced", detail, at=more.signed_at, host=rules.host))
        uow.commit()
        failpoint("replacement.persisted")
    log.warning("anchor.replaced", nonce=submission.nonce, transaction=to_hex(more.tx_hash), offered_wei=fee.max_fee_wei)
    return [more, *attempts]


def _confirm(store: Store, clock: Clock, submission: Submission, mined: Mined, receipt: Receipt) -> None:
    _require_all(submission, mined, receipt)
    with store.writing() as uow:
        if not uow.submissions.change_state(submission.id, SubmissionState.SUBMITTED, SubmissionState.CONFIRMED, mined=mined):
            return
        recorded = [_record_anchor(uow, clock, root, receipt) for root in submission.roots]
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


def _give_up(
    store: Store,
    ledger: Ledger,
    submission: Submission,
    attempts: Sequence[Attempt],
    final_height: int,
    reverted: Mined | None,
) -> tuple[str, ...]:
    """The nonce is spent for good without anchoring anything, and a further node says so too: batches and versions wait for
    another submission. Else it would be paid twice.
    """
    hashes = [attempt.tx_hash for attempt in attempts]
    opinion = ledger.opinion_on_nonce(submission.signer, submission.nonce, final_height, hashes)
    if not opinion.agrees:
        return opinion.contradictions
    dead_end = SubmissionState.REVERTED if reverted else SubmissionState.DISPLACED
    with store.writing() as uow:
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


def _broadcast(store: Store, ledger: Ledger, clock: Clock, attempt: Attempt) -> None:
    """Send the recorded bytes, and send them again while no receipt is seen: a pool may forget, and repeating is harmless.

    Raises: LedgerRejected when no node will ever take them; they stay recorded, and the next round sends them again.
    """
    if attempt.last_sent_at and timedelta(0) <= clock.now() - attempt.last_sent_at < RESEND_AFTER:
        return  # sent in the future: the clock was set back, and nobody knows how long ago it was
    failpoint("broadcast.beginning")
    answer = ledger.broadcast(attempt)
    failpoint("broadcast.answered")
    with store.writing() as uow:
        uow.submissions.record_broadcast(attempt.tx_hash, answer.words, clock.now())
        uow.commit()
        failpoint("broadcast.recorded")
    transaction = to_hex(attempt.tx_hash)
    log.info("anchor.broadcast", transaction=transaction, reception=answer.reception, answer=answer.words)
    match answer.reception:
        case Reception.FUNDS:
            log.error("anchor.unfunded", transaction=transaction, signer=ledger.signer, answer=answer.words)
        case Reception.HOPELESS:
            raise LedgerRejected(f"transaction {transaction} will not be taken: {answer.words}")
        case _:
            pass  # only receipts tell
