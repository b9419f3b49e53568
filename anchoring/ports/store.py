"""What the use cases need of a store. Each docstring is a contract; one suite tests it on every database."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from anchoring.core.batch import Anchor, Attempt, Batch, BlockPlace, RootToAnchor, Submission, SubmissionState
from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import ApiKey, Issuer, StoredKey
from anchoring.core.manifest import ManifestEntry
from anchoring.core.proof import Registry
from anchoring.core.tiles import SealedTree, Tile, TileCoordinate
from anchoring.ports.ledger import LedgerIdentity
from anchoring.types import Address, Did, Digest, LeafHash, Root, Salt, TxHash


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """An entry to be recorded unless its issuer posted the digest before."""

    digest: Digest
    salt: Salt
    canonicalization: Canonicalization | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A recorded digest. `id` grows for ever."""

    id: int
    issuer: Did
    digest: Digest
    salt: Salt
    canonicalization: Canonicalization | None
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryRange:
    """Entry ids `first_id` to `last_id`, both included; `count` of them exist."""

    first_id: int
    last_id: int
    count: int


class Entries(Protocol):
    """The append-only list of digests."""

    def add_missing(self, issuer: Issuer, entries: Sequence[NewEntry], received_at: datetime) -> None:
        """Record those whose digest the issuer has not posted; leave the others as they are.

        From here to the end of the unit of work no seal mark can be set, so that no entry commits behind one.
        """

    def of_issuer(self, issuer: Issuer, digests: Collection[Digest]) -> Mapping[Digest, Entry]:
        """The issuer's entries for these digests."""

    def of_digest(self, digest: Digest, did: Did | None = None) -> Sequence[Entry]:
        """Every issuer's entry for a digest, or one issuer's, oldest first."""

    def seal_mark(self) -> int:
        """The highest entry id such that every lower id is committed or never will be; 0 when there is none.

        Waits for writers under way; must be the only statement of its unit of work.
        """

    def next_range(self, after_id: int, up_to_id: int, limit: int) -> EntryRange | None:
        """The first `limit` entries with after_id < id ≤ up_to_id; None when there are none."""

    def has_issuers_entry(self, after_id: int, up_to_id: int) -> bool:
        """Whether one with after_id < id ≤ up_to_id is of another issuer than the canary."""

    def leaf_hashes(self, first_id: int, last_id: int) -> Iterator[LeafHash]:
        """The leaf of every entry of the range that is not erased, in any order."""

    def count_after(self, entry_id: int) -> int:
        """How many entries have a higher id, those of the canary not counted."""

    def backlog(self, entry_id: int, limit: int | None = None) -> int:
        """How many entries have a higher id: an upper bound that costs nothing, counted only where it reaches `limit`."""

    def oldest_after(self, entry_id: int) -> datetime | None:
        """When the first entry with a higher id was received, those of the canary left out."""

    def request_erasure(self, entry_id: int, at: datetime) -> None:
        """Note that an entry is to be erased once its batch is sealed; a second request changes nothing."""

    def cancel_erasure(self, entry_ids: Collection[int]) -> None:
        """Take back requests that were not carried out yet; waits for one that is just being carried out."""

    def erase_requested(self, up_to_id: int, at: datetime) -> int:
        """Erase digest and salt of every entry asked for with id ≤ up_to_id; the leaf stays. Returns how many."""

    def page(self, after_id: int, last_id: int, limit: int) -> Sequence[ManifestEntry]:
        """The first `limit` entries with after_id < id ≤ last_id, ascending, the erased ones included."""

    def issuers_between(self, first_id: int, last_id: int) -> Sequence[Did]:
        """The issuers of the entries of the range, the erased ones included, each once."""

    def unwritten_erasures(self, first_id: int, last_id: int) -> Sequence[int]:
        """The entries of the range that are erased here and may still stand in a manifest."""

    def restore(self, after_id: int, entries: Sequence[ManifestEntry]) -> int:
        """Record, under their own ids, those of a manifest's next entries that are not here; others stay as they are.

        Where the issuer posted the digest again meanwhile, that later entry is the one that has it, and the one restored is as
        though erased. Returns how often that was so. `entries`: ascending; all others with after_id < id ≤ the last of them are
        not in the manifest.

        Raises: InvalidInput when an id is taken by another entry.
        """

    def erase_again(self, entries: Sequence[ManifestEntry], at: datetime) -> int:
        """Erase here what is erased in the manifest, and have the manifest rewritten where it differs. Returns how many were."""

    def continue_above(self, entry_id: int) -> None:
        """The next entry has a higher id than this."""

    def mark_rewritten(self, entry_ids: Collection[int], at: datetime) -> None:
        """Note that no manifest holds these erased entries any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A digest of our own. `passed`: None until its final proof was checked; `detail`: what was wrong with it."""

    entry: Entry
    posted_at: datetime
    checked_at: datetime | None
    passed: bool | None
    detail: str | None


class Canaries(Protocol):
    """The digests that rounds post by themselves, and what became of them."""

    def record(self, entry_id: int, at: datetime) -> None:
        """From now on this entry is a canary."""

    def newest(self) -> Canary | None: ...

    def unchecked(self, limit: int) -> Sequence[Canary]:
        """Those whose proof was not checked yet, oldest first."""

    def settle(self, entry_id: int, at: datetime, detail: str | None) -> bool:
        """Its proof was checked; `detail`: None when it passed. False when another round did so before."""


class Batches(Protocol):
    """Batches and their tiles. Changes of state are compare-and-set: False means that the state was another."""

    def unfinished(self) -> Batch | None:
        """The batch whose range is fixed and whose tree is not built yet."""

    def last_entry_id(self) -> int:
        """Where the newest range ends; 0 when there is none."""

    def last_sealed_entry_id(self) -> int:
        """Where the newest sealed range ends; 0 when there is none."""

    def fix_range(self, entries: EntryRange) -> bool:
        """Begin a batch with these entries; False when another round began one from the same id."""

    def begin(self, batch_id: int, entries: EntryRange) -> None:
        """Begin a batch that a manifest tells of, under its own id."""

    def overlapping(self, first_id: int, last_id: int) -> Batch | None:
        """A batch, finished or not, whose range has an id in common with this one."""

    def last_entry_id_below(self, entry_id: int) -> int:
        """Where the newest range ends that ends below this id; 0 when there is none."""

    def continue_above(self, batch_id: int) -> None:
        """The next batch has a higher id than this."""

    def keep_tiles(self, batch_id: int, tiles: Iterable[Tile]) -> None:
        """Keep tiles of an unfinished batch; those already there stay, since they can only be the same."""

    def seal(self, batch_id: int, tree: SealedTree, at: datetime) -> bool:
        """Waiting → sealed."""

    def submit(self, batch_ids: Collection[int]) -> bool:
        """Sealed → submitted, all of them or none."""

    def confirm(self, batch_id: int, anchor: Anchor, at: datetime) -> bool:
        """Sealed or submitted → confirmed; the anchor goes into the history as well."""

    def finalize(self, batch_id: int, block: BlockPlace, at: datetime) -> bool:
        """Confirmed in this block → final."""

    def withdraw(self, batch_id: int, block: BlockPlace, why: str, at: datetime) -> bool:
        """Confirmed or final in this block → submitted where a live submission carries the root, else sealed.

        The history says why.
        """

    def release(self, batch_id: int) -> bool:
        """Submitted → sealed: its submission can no longer anchor it."""

    def with_id(self, batch_id: int) -> Batch | None: ...

    def of_entry(self, entry_id: int) -> Batch | None:
        """The batch whose range holds the entry; None while it is in none."""

    def of_root(self, root: Root) -> Batch | None: ...

    def in_state(self, *states: str, limit: int) -> Sequence[Batch]:
        """The oldest batches in these states."""

    def roots(self) -> Sequence[tuple[int, Root]]:
        """Id and root of every sealed batch, oldest first."""

    def with_unwritten_erasures(self) -> Sequence[int]:
        """Ids of the sealed batches of which an entry is erased here and may still stand in a manifest."""

    def anchored_in(self, block: BlockPlace) -> Sequence[Batch]:
        """The batches recorded as anchored in this block."""

    def newest_final(self) -> Batch | None:
        """A final batch of the highest block."""

    def after(self, batch_id: int, limit: int) -> Sequence[Batch]:
        """Batches with a higher id, oldest first."""

    def page(self, before_id: int | None, limit: int) -> Sequence[Batch]:
        """Sealed batches, newest first, with ids below `before_id`."""

    def count_anchored(self) -> int: ...

    def newest_anchored(self, limit: int) -> Sequence[Batch]:
        """The batches anchored last, newest first."""

    def tile(self, batch_id: int, at: TileCoordinate) -> Tile | None: ...

    def tiles(self, batch_id: int) -> Iterator[Tile]:
        """Every tile of a batch, lowest level first, each level from the left."""

    def tile_of_leaf(self, batch_id: int, leaf: LeafHash) -> Tile | None:
        """The tile of level 0 with the greatest first leaf not above this one."""


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

    def release_roots(self, submission_id: int) -> Sequence[int]:
        """Let go of the roots of a dead submission; returns the ids of their batches."""


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


class Issuers(Protocol):
    """Who may post, and their keys."""

    def add(self, did: Did, name: str, at: datetime) -> bool:
        """False when the DID is known."""

    def with_did(self, did: Did) -> Issuer | None: ...

    def all(self) -> Sequence[Issuer]: ...

    def add_key(self, issuer: Issuer, key: ApiKey, at: datetime) -> None: ...

    def revoke_key(self, prefix: str, at: datetime) -> bool:
        """False when there is no such key, or it is revoked already."""

    def key(self, prefix: str) -> StoredKey | None: ...


class RoundResult(StrEnum):
    """How a round ended: after `interrupted` the next goes on by itself, after `failed` a person must look."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """One run of the cron job.

    `head_number`, `head_time`: the ledger's newest block as seen then. `balance_wei`: what the anchoring key had, where it pays.
    `detail`: why it was interrupted or failed; of one that is done, what further nodes say against the first one.
    """

    started_at: datetime
    finished_at: datetime | None
    holder: str
    result: RoundResult | None
    head_number: int | None = None
    head_time: datetime | None = None
    balance_wei: int | None = None
    detail: str | None = None


class Rounds(Protocol):
    """The lease by which one round runs at a time, the record of rounds, the ledger they belong to, and the mark of a restore."""

    def take_lease(self, holder: str, now: datetime, until: datetime) -> bool:
        """Take or renew the lease; False while another holder has it. It saves work and guards nothing.

        One that lasts more than twice as long as the one asked for is taken: a clock was set back.
        """

    def lease_holder(self) -> str | None: ...

    def release_lease(self, holder: str) -> None: ...

    def begin(self, holder: str, at: datetime) -> int:
        """Record that a round began; returns its id."""

    def finish(self, round_id: int, record: RoundRecord) -> None: ...

    def newest(self, limit: int) -> Sequence[RoundRecord]: ...

    def identity(self) -> LedgerIdentity | None: ...

    def record_identity(self, identity: LedgerIdentity) -> LedgerIdentity:
        """Record it unless one is recorded already; returns the one that is."""

    def restored_at(self) -> datetime | None:
        """When this database was restored from a backup and not compared with the ledger since; None when it was.

        The ledger may know more than a restored database: nothing is signed while this is set.
        """

    def mark_restored(self, at: datetime) -> None:
        """From here on the database is taken for older than the ledger."""

    def clear_restored(self) -> None:
        """The database was compared with the ledger, and signing may go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a submission cost so far. `is_settled`: it will not change but by a reorg of a final block."""

    submission_id: int
    is_settled: bool
    gas_used: int
    fee_wei: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a round ended. `result`, `finished_at`: None while it goes on, and for ever if it was killed."""

    round_id: int
    started_at: datetime
    finished_at: datetime | None
    result: RoundResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSeen:
    """The ledger's newest block as rounds saw it. `first_seen_at`: by the first round in a row that saw this one.

    `ahead_s`: our clock ahead of the block's time, in the round of the last few where that was least.
    """

    number: int
    time: datetime
    first_seen_at: datetime
    ahead_s: float
    balance_wei: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSubmission:
    """The submission that is on its way."""

    opened_at: datetime
    attempts: int


class Figures(Protocol):
    """What operators watch. Each is read through an index, or grows with rounds and never with entries."""

    def batches(self) -> Mapping[str, int]:
        """How many are in each state."""

    def submissions(self) -> Mapping[str, int]:
        """How many are in each state."""

    def first_open_entry_id(self) -> int | None:
        """Where the oldest batch begins that is not final; None when all are."""

    def costs_after(self, submission_id: int) -> Sequence[Cost]:
        """Of the submissions with higher ids, in order of id."""

    def outcomes_after(self, round_id: int) -> Sequence[Outcome]:
        """Of the rounds with higher ids, in order of id."""

    def open_submission(self) -> OpenSubmission | None: ...

    def merge_delays_s(self, limit: int) -> Sequence[float]:
        """From the first entry's answer to finality, of so many final batches, the newest first."""

    def head_seen(self) -> HeadSeen | None: ...

    def withdrawn_anchors(self) -> Mapping[str, int]:
        """How many anchors a reorg took away, by the state they had."""

    def orphan_anchors(self) -> Mapping[str, int]:
        """How many anchors of our key have no batch here: `open`, and `accepted` by a person."""

    def canaries(self) -> Mapping[str, int]:
        """How many `passed` and `failed`."""

    def size_bytes(self) -> int:
        """Of the whole database."""


class UnitOfWork(Protocol):
    """One transaction. What was not committed when it ends is rolled back."""

    @property
    def entries(self) -> Entries: ...
    @property
    def canaries(self) -> Canaries: ...
    @property
    def batches(self) -> Batches: ...
    @property
    def submissions(self) -> Submissions: ...
    @property
    def orphans(self) -> Orphans: ...
    @property
    def issuers(self) -> Issuers: ...
    @property
    def rounds(self) -> Rounds: ...
    @property
    def figures(self) -> Figures: ...

    def commit(self) -> None:
        """Make it durable. Raises: StoreUnavailable when it is not known whether it is."""


class Store(Protocol):
    """Opens units of work. No unit of work is open during a call to the ledger.

    Raises: StoreUnavailable when the database does not answer.
    """

    def reading(self) -> AbstractContextManager[UnitOfWork]: ...

    def writing(self) -> AbstractContextManager[UnitOfWork]:
        """On SQLite it waits for the write lock at once, so that nothing read in it can change before it ends."""
