"""What the use cases need of the list of digests, and of the canaries in it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import Issuer
from anchoring.core.leaf import SaltedDigests, issuer_id_of, leaf_hash
from anchoring.core.manifest import ManifestEntry
from anchoring.core.tiles import Tile
from anchoring.errors import StateCorrupt
from anchoring.types import HASH_BYTES, Did, Digest, Salt


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntries:
    """Digests of one issuer, each to be recorded unless it was posted before; packed, because there may be 100,000 of them.

    `digests`: n × 32 bytes. `salts`: n × 16 bytes, one for each that is new. `canonicalizations`: n, or None where none was said.
    """

    issuer: Issuer
    digests: bytes
    salts: bytes
    canonicalizations: Sequence[Canonicalization | None] | None = None

    def __len__(self) -> int:
        return len(self.digests) // HASH_BYTES


class Receipts(NamedTuple):
    """What is recorded of n digests that were posted, now or before: n of each, in their order."""

    entry_ids: Sequence[int]
    salts: Sequence[Salt]
    canonicalizations: Sequence[Canonicalization | None]
    received_at: Sequence[datetime]


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


class Evidence(NamedTuple):
    """What the proof and the status of one entry follow from, as far as it differs from its neighbours'.

    `batch_id`, `state`: of the batch once it is sealed, else None. `block_hash`: of the block in which the ledger was seen to
    hold its root, else None. `tile`: the one of level 0 that the entry's leaf stands in.
    """

    entry_id: int
    issuer: Did
    digest: Digest
    salt: Salt
    canonicalization: Canonicalization | None
    received_at: datetime
    batch_id: int | None
    state: str | None
    block_hash: bytes | None
    tile: Tile | None

    @property
    def leaf_index(self) -> int:
        """Where the leaf stands in the tree of its batch. Raises: StateCorrupt when it does not."""
        leaf = leaf_hash(issuer_id_of(self.issuer), self.salt, self.digest)
        index = self.tile.index_of(leaf) if self.tile else None
        if index is None:
            raise StateCorrupt(f"entry {self.entry_id} has no leaf in batch {self.batch_id}")
        return index


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """`added`: how many are here again. `reposted`: those that are not, because their digest was posted again."""

    added: int
    reposted: tuple[ManifestEntry, ...]


class Entries(Protocol):
    """The append-only list of digests."""

    def add_missing(self, new: Sequence[NewEntries], received_at: datetime) -> int:
        """Record those whose digest the issuer has not posted; leave the others as they are. Returns how many were recorded.

        From here to the end of the unit of work no seal mark can be set, so that no entry commits behind one.
        """

    def add_one(self, issuer: Issuer, digest: Digest, salt: Salt, received_at: datetime) -> int:
        """Record a digest as `add_missing` does; the id of its entry."""

    def receipts(self, posted: Sequence[NewEntries]) -> Receipts:
        """What is recorded of each digest, whatever salt was made for it now.

        Raises: StoreUnavailable when one is being erased at this moment.
        """

    def of_issuer(self, issuer: Issuer, digests: Collection[Digest]) -> Mapping[Digest, Entry]:
        """The issuer's entries for these digests."""

    def of_digest(self, digest: Digest, did: Did | None = None) -> Sequence[Entry]:
        """Every issuer's entry for a digest, or one issuer's, oldest first."""

    def of_digests(self, digests: Sequence[Digest]) -> Sequence[Sequence[Entry]]:
        """Every issuer's entry for each digest, oldest first, in the order of the input."""

    def evidence(self, digests: Sequence[Digest]) -> Sequence[Sequence[Evidence]]:
        """Of every issuer's entry for each digest, oldest first, in the order of the input; all with one look."""

    def seal_mark(self) -> int:
        """The highest entry id such that every lower id is committed or never will be; 0 when there is none.

        Waits for writers under way; must be the only statement of its unit of work.
        """

    def next_range(self, after_id: int, up_to_id: int, limit: int) -> EntryRange | None:
        """The first `limit` entries with after_id < id ≤ up_to_id; None when there are none."""

    def has_issuers_entry(self, after_id: int, up_to_id: int) -> bool:
        """Whether one with after_id < id ≤ up_to_id is of another issuer than the canary."""

    def range_of_rule(self, first_id: int, last_id: int, rule: Canonicalization) -> EntryRange | None:
        """From the first to the last that are said to be hashed by this rule, and how many are; None when none is."""

    def has_rule(self, first_id: int, last_id: int, rule: Canonicalization) -> bool:
        """Whether an entry of the range is said to be hashed by this rule."""

    def salted(self, first_id: int, last_id: int) -> Iterator[SaltedDigests]:
        """Every entry of the range that is not erased, some at a time, in any order. Raises: StateCorrupt."""

    def count_after(self, entry_id: int) -> int:
        """How many entries have a higher id, those of the canary not counted."""

    def backlog(self, entry_id: int, limit: int | None = None) -> int:
        """How many entries have a higher id: an upper bound that costs nothing, counted only where it reaches `limit`."""

    def waiting_after(self, entry_id: int) -> int:
        """As `count_after`; of more than a million the upper bound, which costs nothing."""

    def oldest_after(self, entry_id: int) -> datetime | None:
        """When the first entry with a higher id was received, those of the canary left out."""

    def request_erasure(self, entry_id: int, at: datetime) -> None:
        """Note that an entry is to be erased once its batch is sealed; a second request changes nothing."""

    def cancel_erasures(self, posted: Sequence[NewEntries]) -> None:
        """Take back what was asked of these digests and not carried out yet; waits for one that is just being carried out."""

    def erase_requested(self, up_to_id: int, at: datetime) -> int:
        """Erase digest and salt of every entry asked for with id ≤ up_to_id; the leaf stays. Returns how many.

        The reasons of its status changes go as well. An entry with a status change that waits is left until that is settled.
        """

    def page_of_issuer(self, issuer: Issuer, after_id: int, last_id: int, limit: int) -> Sequence[Entry]:
        """The issuer's first `limit` entries with after_id < id ≤ last_id, ascending, the erased ones left out."""

    def page(self, after_id: int, last_id: int, limit: int) -> Sequence[ManifestEntry]:
        """The first `limit` entries with after_id < id ≤ last_id, ascending, the erased ones included."""

    def issuers_between(self, first_id: int, last_id: int) -> Sequence[Did]:
        """The issuers of the entries of the range, the erased ones included, each once."""

    def unwritten_erasures(self, first_id: int, last_id: int) -> Sequence[int]:
        """The entries of the range that are erased here and may still stand in a manifest."""

    def erasures(self, first_id: int, last_id: int) -> Sequence[int]:
        """The entries of the range that were asked to be erased and are."""

    def recall(self, entries: Sequence[ManifestEntry]) -> Recalled:
        """Record, under their own ids, those of a manifest's entries that are not here; others stay as they are.

        One whose digest its issuer posted again since is left out: that later entry has it. Nobody writes entries from here to
        the end of the unit of work, which MUST begin with this.

        Raises: InvalidInput when an id is taken by another entry; Misconfigured for a role that may not; StoreUnavailable
        while entries are detached.
        """

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
