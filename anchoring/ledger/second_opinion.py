"""What a further node says of anchors and heads of lists that the first one shows: the same, nothing, or something else.

Silence, and a head that is lower, say nothing. Only what a node shows counts: another block at the height, another receipt, or
nothing recorded in the very block.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from anchoring.core.batch import Anchor, BlockPlace, PublishedHead
from anchoring.errors import LedgerUnavailable
from anchoring.ports.ledger import Head, Opinion, Receipt, RecordedAnchor, StatusHead
from anchoring.types import Address, BlockHash, ListId, Root, TxHash, to_hex


class Node(Protocol):
    """One further node. Raises, everywhere: LedgerUnavailable."""

    @property
    def node(self) -> str:
        """Host and port."""

    def block_hash(self, number: int) -> BlockHash | None: ...

    def receipt(self, tx_hash: TxHash) -> Receipt | None: ...

    def recorded_anchor(self, root: Root, at: Head) -> RecordedAnchor | None: ...

    def status_head(self, list_id: ListId, at: Head) -> StatusHead | None: ...

    def transactions_of(self, signer: Address, number: int) -> int: ...


class Contradiction(Exception):
    """The node shows something else. The message names the node."""


class FurtherNodes:
    """The further nodes while one ledger is looked at. One that does not answer is not asked again.

    `answering`: those that answered so far, of as many as are `configured`. `first`: the node whose word they are asked about.
    """

    def __init__(self, answering: Sequence[Node], *, configured: int, first: str) -> None:
        self._first = first
        self._answering = list(answering)
        self._configured = configured

    def second_opinion(self, anchors: Sequence[Anchor], heads: Sequence[PublishedHead] = ()) -> Opinion:
        """Implements ports.Ledger.second_opinion."""
        if not self._configured:
            return Opinion(agrees=True)
        agree, contradictions = self._ask(lambda node: _confirms(node, anchors, heads))
        return Opinion(agrees=agree and not contradictions, contradictions=contradictions)

    def opinion_on_nonce(self, signer: Address, nonce: int, number: int, attempts: Sequence[TxHash]) -> Opinion:
        """Implements ports.Ledger.opinion_on_nonce."""
        if not self._configured:
            return Opinion(agrees=True)
        agree, contradictions = self._ask(lambda node: _require_wasted(node, signer, nonce, number, attempts))
        return Opinion(agrees=agree and not contradictions, contradictions=contradictions)

    def still_shown(self, block: BlockPlace) -> tuple[str, ...]:
        """Implements ports.Ledger.still_shown."""
        return self._ask(lambda node: _require_gone(node, block))[1]

    def _ask(self, question: Callable[[Node], bool]) -> tuple[bool, tuple[str, ...]]:
        """Whether one of them said yes, and what those said that contradict."""
        agrees, contradictions = False, []
        for node in list(self._answering):
            try:
                agrees |= question(node)
            except Contradiction as contradiction:
                contradictions.append(f"{contradiction}, against node {self._first}")
            except LedgerUnavailable:
                self._answering.remove(node)
        return agrees, tuple(contradictions)


def _confirms(node: Node, anchors: Sequence[Anchor], heads: Sequence[PublishedHead]) -> bool:
    """Whether the node shows this very thing, all of one block. False where it has not come so far.

    Raises: Contradiction; LedgerUnavailable.
    """
    recorded: list[Anchor | PublishedHead] = [*anchors, *heads]
    block = recorded[0].block
    hash_there = node.block_hash(block.number)
    if hash_there is None:
        return False
    if hash_there != block.hash:
        raise Contradiction(
            f"node {node.node} shows block {to_hex(hash_there)} at height {block.number}, not {to_hex(block.hash)}"
        )
    receipts = {transaction: node.receipt(transaction) for transaction in {one.transaction for one in recorded}}
    return all(_confirms_one(node, one, receipts[one.transaction]) for one in recorded)


def _confirms_one(node: Node, recorded: Anchor | PublishedHead, receipt: Receipt | None) -> bool:
    if receipt and receipt.block == recorded.block and recorded in (*receipt.anchors, *receipt.heads):
        return True
    if receipt is None and _holds(node, recorded):
        return False  # the receipts of a block may be known later than the block
    raise Contradiction(
        f"node {node.node} does not show transaction {to_hex(recorded.transaction)} {_name(recorded)} "
        f"in block {recorded.block.number}"
    )


def _name(recorded: Anchor | PublishedHead) -> str:
    match recorded:
        case Anchor():
            return f"anchoring root {to_hex(recorded.root)}"
        case PublishedHead():
            return f"publishing version {recorded.version} of list {to_hex(recorded.list_id)}"


def _holds(node: Node, recorded: Anchor | PublishedHead) -> bool:
    """Asked as of the very block, so that a node behind a balancer that has not seen it refuses instead of saying no."""
    match recorded:
        case Anchor():
            at = Head(block=recorded.block, time=recorded.anchored_at, base_fee_wei=None)
            anchor = node.recorded_anchor(recorded.root, at)
            return anchor is not None and (anchor.sequence, anchor.leaf_count) == (recorded.sequence, recorded.leaf_count)
        case PublishedHead():
            at = Head(block=recorded.block, time=recorded.published_at, base_fee_wei=None)
            head = node.status_head(recorded.list_id, at)
            return head is not None and (head.version, head.digest) == (recorded.version, recorded.digest)


def _require_wasted(node: Node, signer: Address, nonce: int, number: int, attempts: Sequence[TxHash]) -> bool:
    """Raises: Contradiction when the nonce is free there, or an attempt succeeded; LedgerUnavailable, also of a lower node."""
    if node.transactions_of(signer, number) <= nonce:
        raise Contradiction(f"node {node.node} shows nonce {nonce} of {signer} as unused at height {number}")
    for transaction in attempts:
        receipt = node.receipt(transaction)
        if receipt and receipt.succeeded:
            raise Contradiction(f"node {node.node} shows transaction {to_hex(transaction)} as succeeded")
    return True


def _require_gone(node: Node, block: BlockPlace) -> bool:
    """Raises: Contradiction when the node still shows the block; LedgerUnavailable."""
    if node.block_hash(block.number) == block.hash:
        raise Contradiction(f"node {node.node} still shows block {to_hex(block.hash)} at height {block.number}")
    return True
