"""How far entries have come, and the two records that carry them to the ledger.

A batch is a range of entry ids under one root. A submission is one nonce and one calldata for the roots and the heads of status
lists of one round; its attempts are the signed transactions made for it, which differ in fees only. Every step is written down
before it is acted on.

    waiting → sealed → submitted → confirmed → final
                 ↑         ↑____________|________|     a reorg took the block away
                 └─────────┘                           the transaction can no longer anchor the root
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from anchoring.core.tiles import SealedTree
from anchoring.types import Address, BlockHash, Digest, ListId, Root, TxHash


class BatchState(StrEnum):
    """State of a batch; each of its entries is where its batch is.

    `waiting` is an entry in no sealed batch yet; a batch has this state while its range is fixed and its tree unfinished.
    """

    WAITING = "waiting"
    SEALED = "sealed"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FINAL = "final"

    @property
    def is_anchored(self) -> bool:
        """Whether the ledger was seen to hold the root."""
        return self in ANCHORED


ANCHORED: Final = frozenset({BatchState.CONFIRMED, BatchState.FINAL})


class SubmissionState(StrEnum):
    """State of a submission. `reverted` and `displaced` are dead ends, reached only at final depth."""

    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FINAL = "final"
    REVERTED = "reverted"
    DISPLACED = "displaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPlace:
    """One block. The hash stands beside the number, so that a reorg shows."""

    number: int
    hash: BlockHash


def leaf_count_matches(stated: int, leaf_count: int) -> bool:
    """Whether a count on the ledger can be that of a tree with so many leaves: 0 means not stated."""
    return stated in {0, leaf_count}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The record of a root on the ledger as its event shows it.

    `leaf_count`: 0 where the ledger does not state it. `anchored_at`: time of the block, whole seconds, UTC.
    """

    root: Root
    sequence: int
    leaf_count: int
    anchored_by: Address
    transaction: TxHash
    block: BlockPlace
    anchored_at: datetime

    def is_of(self, leaf_count: int) -> bool:
        """Whether it can be the anchor of a tree with so many leaves. Where the ledger does not state the count, any tree."""
        return leaf_count_matches(self.leaf_count, leaf_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedHead:
    """One version of a status list on the ledger as its event shows it. `published_at`: time of the block, UTC."""

    list_id: ListId
    version: int
    digest: Digest
    transaction: TxHash
    block: BlockPlace
    published_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A range of entry ids, both ends included, and what became of it. `tree` is None until the batch is sealed."""

    id: int
    first_id: int
    last_id: int
    leaf_count: int
    state: BatchState
    sealed_at: datetime | None
    tree: SealedTree | None
    anchor: Anchor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RootToAnchor:
    """What a submission asks the ledger to record for one batch."""

    batch_id: int
    root: Root
    leaf_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadToPublish:
    """What a submission asks the ledger to record for one version of a status list."""

    version_id: int
    list_id: ListId
    version: int
    digest: Digest

    def is_shown_by(self, head: PublishedHead) -> bool:
        """Whether this is the event of it."""
        return (head.list_id, head.version, head.digest) == (self.list_id, self.version, self.digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One nonce and one calldata; `signer` signs, `roots` are anchored and `heads` published together or not at all."""

    id: int
    chain_id: int
    contract: Address
    signer: Address
    nonce: int
    calldata: bytes
    gas_limit: int
    state: SubmissionState
    block: BlockPlace | None
    roots: tuple[RootToAnchor, ...]
    heads: tuple[HeadToPublish, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One signed transaction of a submission.

    `raw`: the signed bytes, kept for ever and sent again until mined. `tip_wei`: None for type 0, whose price is `max_fee_wei`.
    `head_number`: the ledger's newest block when it was signed.
    """

    tx_hash: TxHash
    raw: bytes
    max_fee_wei: int
    tip_wei: int | None
    signed_at: datetime
    head_number: int
    last_sent_at: datetime | None = None
