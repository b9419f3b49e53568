"""Entries of the service's own issuer, canaries and audit heads: digest and salt alone tell which of the two one is.

Both go into the leaf, so nobody who changes the database later makes a head look like a canary under an anchored root. Programs
before this one took them at random; what they posted is told by the database alone. That matters only until a newer head is
anchored, which holds all records that an older one holds.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from anchoring.types import SALT_BYTES, Digest, Salt, to_hex

_CANARY: Final = b"credanchor-canary-v1"
_HEAD: Final = b"credanchor-audit-head-v1"


class OwnKind(StrEnum):
    """What digest and salt tell."""

    CANARY = "canary"
    HEAD = "head"
    UNTOLD = "untold"
    """It was posted by a program before this one, or was changed."""


def canary_digest(salt: Salt) -> Digest:
    """What is posted as a canary under this salt, which is random: SHA-256("credanchor-canary-v1" ‖ salt)."""
    return Digest(hashlib.sha256(_CANARY + salt).digest())


def head_salt(digest: Digest) -> Salt:
    """Under which the hash of a record is posted: the first 16 bytes of SHA-256("credanchor-audit-head-v1" ‖ digest)."""
    return Salt(hashlib.sha256(_HEAD + digest).digest()[:SALT_BYTES])


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEntry:
    """One of them. `digest`, `salt`: None once erased.

    What the database says besides: `number` of the record whose hash it is, the `record_hash` of that record, None where it is
    missing, and whether it `is_canary`.
    """

    id: int
    digest: Digest | None
    salt: Salt | None
    number: int | None
    record_hash: bytes | None
    is_canary: bool

    @property
    def kind(self) -> OwnKind:
        if self.digest is None or self.salt is None:
            return OwnKind.UNTOLD
        if self.digest == canary_digest(self.salt):
            return OwnKind.CANARY
        return OwnKind.HEAD if self.salt == head_salt(self.digest) else OwnKind.UNTOLD


def lost_hash(digests: Sequence[Digest]) -> bytes:
    """Stands for a set of entries: SHA-256 of their digests, ascending."""
    return hashlib.sha256(b"".join(sorted(digests))).digest()


class OwnCheck:
    """Holds the service's own entries against the log as they come, oldest first.

    `held_up_to`: entry id of the newest head that is final. What was posted before it could hold no more than it does.

    `posted`, `newest`: how many heads are of records that are here, and the number of the newest of these. `untold`: how many
    entries may be canaries and may be heads. `lost`: digests of those that are neither a canary nor the head of a record here.
    """

    def __init__(self, held_up_to: int) -> None:
        self.faults: list[str] = []
        self.posted = 0
        self.newest = 0
        self.untold = 0
        self.lost: list[Digest] = []
        self._held_up_to = held_up_to
        self._lost_ids: list[int] = []

    def add(self, one: OwnEntry) -> None:
        """The next entry there is."""
        if one.number is not None:
            self._add_head(one, one.number)
        elif one.kind is OwnKind.CANARY or (one.kind is OwnKind.UNTOLD and one.is_canary and one.id <= self._held_up_to):
            return
        elif one.digest is None:
            self.faults.append(f"entry {one.id} of the service's own was erased")
        elif one.kind is OwnKind.UNTOLD and one.is_canary:
            self.untold += 1
        else:
            self.lost.append(one.digest)
            self._lost_ids.append(one.id)

    def lost_faults(self) -> list[str]:
        """That some were lost, in a sentence."""
        if not self.lost:
            return []
        first, last = self._lost_ids[0], self._lost_ids[-1]
        which = f"entry {first} is" if first == last else f"{len(self.lost)} entries, {first} to {last}, are"
        why = "the log was cut off or made anew, or was lost with a database that was rebuilt"
        return [f"of the service's own, {which} neither canary nor head of a record that is here: {why}"]

    def _add_head(self, one: OwnEntry, number: int) -> None:
        if one.digest is None:
            self.faults.append(f"the head posted of record {number}, entry {one.id}, was erased")
        elif one.record_hash is None:
            self.lost.append(one.digest)
            self._lost_ids.append(one.id)
        elif one.digest != one.record_hash:
            posted = f"{to_hex(one.digest)} was posted of it as entry {one.id}"
            why = "the log was made anew from there or before"
            self.faults.append(f"record {number} has hash {to_hex(one.record_hash)}, and {posted}: {why}")
        else:
            self.posted, self.newest = self.posted + 1, max(self.newest, number)
