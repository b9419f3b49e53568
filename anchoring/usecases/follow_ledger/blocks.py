"""What became of a block in which something is recorded: it counts for good now, or a reorg took it."""

from collections.abc import Sequence

import structlog

from anchoring.core.batch import Batch, BlockPlace
from anchoring.core.finality import Verdict
from anchoring.core.status_version import StatusVersion
from anchoring.failpoints import failpoint
from anchoring.ports.ledger import Ledger
from anchoring.types import to_hex
from anchoring.usecases.follow_ledger.look import Look

log = structlog.get_logger()


def block_of(recorded: Batch | StatusVersion) -> BlockPlace:
    """Of what is confirmed or final."""
    place = recorded.anchor if isinstance(recorded, Batch) else recorded.head
    if place is None:
        raise AssertionError("the store holds nothing anchored or published without a block")
    return place.block


def follow_block(look: Look, block: BlockPlace) -> tuple[str, ...]:
    """What contradicts; then nothing was changed."""
    match look.judge(block):
        case Verdict.FINAL:
            return _finalize(look, block)
        case Verdict.REORGED:
            return _withdraw(look, block)
        case Verdict.CONFIRMED | Verdict.UNKNOWN:
            return ()


def follow_final_blocks(look: Look) -> tuple[str, ...]:
    """While the newest final block stands, so do all before it; where it is gone, the next one is looked at."""
    while True:
        with look.store.reading() as uow:
            final = [one for one in (uow.batches.newest_final(), uow.status_versions.newest_final()) if one]
        block = max(map(block_of, final), key=lambda place: place.number, default=None)
        if block is None or look.judge(block) is not Verdict.REORGED:
            return ()
        if contradictions := _withdraw(look, block):
            return contradictions


def _finalize(look: Look, block: BlockPlace) -> tuple[str, ...]:
    with look.store.reading() as uow:
        batches, versions = uow.batches.anchored_in(block), uow.status_versions.published_in(block)
    agreed = [
        batch
        for batch in batches
        if batch.tree
        and (recorded := look.ledger.recorded_anchor(batch.tree.root, look.head))
        and recorded.block_number == block.number
    ]
    not_shown = tuple(
        f"batch {batch.id} is recorded in block {block.number}, and the contract does not show its root there"
        for batch in batches
        if batch not in agreed
    )
    published = _shown_heads(look.ledger, versions)
    not_shown += tuple(
        f"version {version.version} of list {to_hex(version.list_id)} is recorded in block {block.number}, and its transaction "
        "does not show it"
        for version in versions
        if version not in published
    )
    if not agreed and not published:
        return not_shown
    anchors, heads = [one.anchor for one in agreed if one.anchor], [one.head for one in published if one.head]
    opinion = look.ledger.second_opinion(anchors, heads)
    if not opinion.agrees:
        return not_shown + opinion.contradictions
    with look.store.writing() as uow:
        changed = [batch for batch in agreed if uow.batches.finalize(batch.id, block, look.clock.now())]
        changed_heads = [one for one in published if uow.status_versions.finalize(one.id, block, look.clock.now())]
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


def _withdraw(look: Look, block: BlockPlace) -> tuple[str, ...]:
    """The block is gone, and no further node shows it: everything recorded in it is open again, in one transaction."""
    if contradictions := look.ledger.still_shown(block):
        return contradictions
    with look.store.writing() as uow:
        uow.submissions.reopen(block)
        changed = [
            one for one in uow.batches.anchored_in(block) if uow.batches.withdraw(one.id, block, "reorg", look.clock.now())
        ]
        versions = uow.status_versions
        changed_heads = [one for one in versions.published_in(block) if versions.withdraw(one.id, block)]
        uow.commit()
    for batch in changed:
        log.warning("anchor.reorged", batch=batch.id, block=block.number, was=batch.state)
    for version in changed_heads:
        log.warning("head.reorged", list=to_hex(version.list_id), version=version.version, block=block.number, was=version.state)
    return ()
