"""What the use cases need of a ledger: it holds roots and heads of status lists, and need not be an EVM contract.

Each docstring is a contract; one suite tests it on every implementation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from anchoring.core.batch import (
    Anchor,
    Attempt,
    BlockPlace,
    HeadToPublish,
    PublishedHead,
    RootToAnchor,
    leaf_count_matches,
)
from anchoring.core.bundle import Bundle
from anchoring.core.fees import Fee, FeePolicy
from anchoring.core.finality import FinalityRule
from anchoring.core.proof import Registry
from anchoring.errors import Misconfigured
from anchoring.types import Address, BlockHash, CodeHash, Digest, ListId, Root, TxHash


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerIdentity:
    """Which ledger and contract this store belongs to; recorded by the first round, compared by every other."""

    registry: Registry
    genesis_hash: BlockHash
    code_hash: CodeHash

    def require(self, at_hand: "LedgerIdentity") -> None:
        """Raises: Misconfigured when the ledger at hand is another one, saying in what."""
        pairs = (
            ("registry", self.registry, at_hand.registry),
            ("genesis block", self.genesis_hash, at_hand.genesis_hash),
            ("contract code", self.code_hash, at_hand.code_hash),
        )
        if different := [what for what, known, found in pairs if known != found]:
            what = " and ".join(different)
            raise Misconfigured(f"this database belongs to {self.registry}; at hand is {at_hand.registry} with another {what}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest block, read once a round; everything else is asked as of this block. `time`: UTC."""

    block: BlockPlace
    time: datetime
    base_fee_wei: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a transaction.

    `anchors`, `heads`: what *our* contract recorded in it; nothing else is success. `fee_wei`: what was paid in all; None where
    the node does not say the price, which then is the one that was offered.
    """

    succeeded: bool
    block: BlockPlace
    gas_used: int
    fee_wei: int | None
    anchors: tuple[Anchor, ...]
    heads: tuple[PublishedHead, ...]

    def anchor_of(self, item: RootToAnchor) -> Anchor | None:
        """The anchor of this tree, whether or not the ledger states its leaf count."""
        return next((one for one in self.anchors if one.root == item.root and one.is_of(item.leaf_count)), None)

    def head_of(self, item: HeadToPublish) -> PublishedHead | None:
        """The event of this very version."""
        return next((one for one in self.heads if item.is_shown_by(one)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAnchor:
    """What `anchorOf` answers. `leaf_count`: 0 means not stated. `anchored_at`: block time, UTC."""

    sequence: int
    anchored_at: datetime
    block_number: int
    leaf_count: int

    def is_of(self, leaf_count: int) -> bool:
        """As `Anchor.is_of`."""
        return leaf_count_matches(self.leaf_count, leaf_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusHead:
    """What `statusListOf` answers: the newest version of a status list. `published_at`: block time, UTC."""

    version: int
    published_at: datetime
    digest: Digest


class Reception(StrEnum):
    """How a node took a broadcast, the best first. Nothing is decided by it but what is said to people: only receipts decide.

    `known`: it has the same bytes. `nonce used`: a transaction of this nonce is mined, maybe this very one. `price`: it wants a
    higher fee. `funds`: the key cannot pay. `hopeless`: these bytes can never be mined there. `silence`: anything else.
    """

    ACCEPTED = "accepted"
    KNOWN = "known"
    NONCE_USED = "nonce used"
    PRICE = "price"
    FUNDS = "funds"
    HOPELESS = "hopeless"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broadcast:
    """What was answered to signed bytes. Whatever it is, they may have been sent.

    `words`: the node's; of each node where there are several, and `reception` is then the best of theirs.
    """

    reception: Reception
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the further nodes say of something the first one shows.

    `agrees`: at least one shows the same and none something else, or there is no further node. `contradictions`: a sentence for
    each that shows something else, naming it. With one, nobody can tell; with neither, nobody has said anything yet.
    """

    agrees: bool
    contradictions: tuple[str, ...] = ()


class RegistryReader(Protocol):
    """Reads an anchor registry; needs no key.

    Raises, everywhere: LedgerUnavailable when the node does not answer, answers rubbish, or no longer has the block asked for.
    """

    @property
    def registry(self) -> Registry:
        """The contract this reader was pinned to."""

    def identity(self) -> LedgerIdentity:
        """Asks chain id, genesis block and contract code.

        Raises: Misconfigured when the chain id is another, or there is no code or foreign code at the address.
        """

    def head(self) -> Head: ...

    def final_height(self, head: Head, rule: FinalityRule) -> int:
        """Highest final block number; below 0 when none is. Raises: Misconfigured when the node does not know the tag."""

    def block_hash(self, number: int) -> BlockHash | None:
        """Hash of the canonical block at this height; None above the node's head."""

    def recorded_anchor(self, root: Root, at: Head) -> RecordedAnchor | None:
        """`anchorOf(root)` as of this head; None when the root is not anchored."""

    def find_anchor(self, root: Root, at: Head) -> Anchor | None:
        """The event behind `recorded_anchor`, with transaction and anchorer; None when the root is not anchored.

        Raises: LedgerUnavailable when it is anchored and the node does not show the event.
        """

    def anchor_count(self, at: Head) -> int: ...

    def status_head(self, list_id: ListId, at: Head) -> StatusHead | None:
        """`statusListOf(list_id)` as of this head; None when the list was never published."""

    def find_head(self, list_id: ListId, at: Head) -> PublishedHead | None:
        """The event behind `status_head`, with transaction and block; None when the list was never published.

        Raises: LedgerUnavailable when it was and the node does not show the event.
        """

    def transactions_of(self, signer: Address, number: int) -> int:
        """Transactions of any key, such as one used before, mined up to a canonical block number.

        Raises: LedgerUnavailable above the node's head.
        """

    def anchors(self, first_block: int, last_block: int) -> Iterator[Anchor]:
        """Every anchor recorded in these blocks, both included, in ledger order: of any key, of any root.

        `last_block`: not above the head. Asks page by page while it is read, so a reorg meanwhile may show.

        Raises, also in the middle: LedgerUnavailable when an anchor is missing between two, which their sequence shows.
        """

    def heads(self, first_block: int, last_block: int) -> Iterator[PublishedHead]:
        """Every version of any status list published in these blocks, likewise."""


class Ledger(RegistryReader, Protocol):
    """Anchors roots and publishes heads of status lists with one key, through one node or several.

    `identity` chooses the first node that answers, and all questions go to it until `identity` is asked again; the others are
    asked by `identity`, the opinions and `still_shown` alone. A node that did not answer is not asked again until then.

    `identity` raises: Misconfigured, naming the node, when one that answers shows another ledger or contract;
    LedgerUnavailable when none answers.
    """

    @property
    def signer(self) -> Address: ...

    def second_opinion(self, anchors: Sequence[Anchor], heads: Sequence[PublishedHead] = ()) -> Opinion:
        """Whether the further nodes show the same in the same block. One or more altogether, all of one block."""

    def opinion_on_nonce(self, signer: Address, nonce: int, number: int, attempts: Sequence[TxHash]) -> Opinion:
        """Whether the further nodes, too, show this nonce as used up to this block, and by none of these with success."""

    def still_shown(self, block: BlockPlace) -> tuple[str, ...]:
        """A sentence for each further node that shows this block, which the first one shows no more."""

    def bundle(self, anchor: Anchor) -> Bundle:
        """What proves this anchor without a node, and was found to. Where no node proves its storage, by the receipt alone.

        Raises: LedgerUnavailable when no node gives what proves it.
        """

    def transaction_count(self, at: Head) -> int:
        """Transactions of our key mined up to this head; never the pending ones."""

    def balance(self, at: Head) -> int:
        """What our key has as of this head, in wei."""

    def gas_price(self, policy: FeePolicy) -> int | None:
        """The node's suggestion in wei; None without a question to the node unless the policy is legacy."""

    def calldata(self, roots: Sequence[RootToAnchor], heads: Sequence[HeadToPublish] = ()) -> bytes:
        """One call for all: `anchor`, `publishStatusList`, or `multicall` of several."""

    def raw_calldata(self, root: Root) -> bytes | None:
        """The root and nothing else, which the contract anchors without a leaf count.

        None for a root that would call one of the contract's functions.
        """

    def gas_limit(self, roots: Sequence[RootToAnchor], heads: Sequence[HeadToPublish] = ()) -> int: ...

    def check_call(self, calldata: bytes, gas_limit: int, at: Head) -> None:
        """Run the call without sending it. Raises: LedgerRejected with the contract's reason."""

    def sign(self, calldata: bytes, *, nonce: int, gas_limit: int, fee: Fee, at: Head, now: datetime) -> Attempt:
        """Sign; the bytes are read again. Raises: LedgerRejected when they are not what was asked for; LedgerUnavailable."""

    def broadcast(self, attempt: Attempt) -> Broadcast:
        """Send the signed bytes, once to every node. Silence and refusals are answers too."""

    def receipt(self, tx_hash: TxHash) -> Receipt | None:
        """None while the transaction is in no block the node knows."""
