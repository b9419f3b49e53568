"""What the use cases need of nonces, of the transactions signed for them, and of anchors without a batch."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from anchoring.core.batch import Anchor, Attempt, BlockPlace, HeadToPublish, RootToAnchor, Submission, SubmissionState
from anchoring.core.proof import Registry
from anchoring.types import Address, Root, TxHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Mined:
    """Which attempt was mined, where, and for how much: gas, and wei in all."""

    tx_hash: TxHash
    block: BlockPlace
    gas_used: int
    fee_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubmission:
    """A submission about to be recorded."""

    registry: Registry
    signer: Address
    nonce: int
    calldata: bytes
    gas_limit: int
    roots: tuple[RootToAnchor, ...]
    heads: tuple[HeadToPublish, ...]
    opened_at: datetime


class Submissions(Protocol):
    """Nonces and the signed transactions made for them."""

    def in_state(self, state: SubmissionState) -> Sequence[Submission]:
        """Lowest nonce first. More than one is submitted only after a reorg took back an earlier one."""

    def dead_ends(self, chain_id: int, signer: Address) -> Sequence[Submission]:
        """Reverted and displaced ones, lowest nonce first."""

    def highest_nonce(self, chain_id: int, signer: Address) -> int | None:
        """None when the signer has made no submission here."""

    def signers(self) -> Collection[Address]:
        """Every key that has signed here."""

    def spend_nonces(self, registry: Registry, signer: Address, nonces: range, at: datetime) -> None:
        """Record nonces that transactions unknown here have used, as displaced submissions without attempts."""

    def open(self, submission: NewSubmission, attempt: Attempt) -> bool:
        """Record a submission with its first attempt; False when another is submitted or the nonce is taken."""

    def attempts(self, submission_id: int) -> Sequence[Attempt]:
        """Highest offer first, which is the newest."""

    def add_attempt(self, submission_id: int, attempt: Attempt) -> bool:
        """Another attempt for a nonce that is still open; False when it is not, or the attempt is recorded already."""

    def add_filler(self, submission_id: int, attempt: Attempt) -> None:
        """The attempt of a submission at a dead end that had none: it only uses the nonce."""

    def all_attempts(self) -> Iterator[Attempt]:
        """Every attempt of every submission, in any order."""

    def record_broadcast(self, tx_hash: TxHash, answer: str, at: datetime) -> None: ...

    def change_state(
        self, submission_id: int, was: SubmissionState, becomes: SubmissionState, *, mined: Mined | None = None
    ) -> bool:
        """Compare-and-set. `mined` is recorded with confirmed and reverted."""

    def finalize(self, block: BlockPlace) -> None:
        """Confirmed in this block → final, every submission mined in it."""

    def reopen(self, block: BlockPlace) -> None:
        """Back to submitted, every submission mined in this block: it is gone, and the same bytes are to be sent again."""

    def release_items(self, submission_id: int) -> None:
        """Let go of the roots and heads of a dead submission."""


class Orphans(Protocol):
    """Anchors on the ledger whose batch this database lacks. One that has its batch again no longer counts."""

    def record(self, anchor: Anchor, at: datetime, *, accepted: bool) -> bool:
        """False when the root is recorded already."""

    def is_accepted(self, root: Root) -> bool:
        """Whether the anchor is recorded, and nobody needs to look at it any more."""

    def unaccepted(self) -> Sequence[Anchor]:
        """Those at which a person must look, in the order of the ledger."""

    def count(self) -> int: ...

    def accept(self, at: datetime) -> None:
        """A person has looked, and the digests of these batches are given up."""

    def forget_unaccepted(self) -> None:
        """Before the ledger is read again: a reorg may have taken some of them back."""
