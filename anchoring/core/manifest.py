"""The manifest of a batch, version 1: all that is needed to rebuild the batch besides the ledger (docs/manifests.md, section 2).

What is encoded here is plain and personal: `anchoring/manifests` encrypts it. It is written and read as a stream, an entry at a
time, so that the largest batch needs little memory.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import pairwise
from struct import Struct
from typing import Any, Final

from anchoring.core.batch import Batch
from anchoring.core.canonical import Canonicalization
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.merkle import MAX_LEAVES, NODE_BYTES
from anchoring.core.tiles import build_tree
from anchoring.errors import InvalidInput
from anchoring.types import Did, Digest, IssuerId, LeafHash, Root, Salt, parse_did, parse_root, to_hex

# Codes are never reused: manifests outlive programs.
RULES: Final = {
    None: 0,
    Canonicalization.RAW: 1,
    Canonicalization.JCS: 2,
    Canonicalization.JWS_JSON: 3,
    Canonicalization.JWS_COMPACT: 4,
    Canonicalization.SD_JWT_ISSUER: 5,
    Canonicalization.BLOCKCERTS_RDFC: 6,
}
ERASED: Final = 255
PREAMBLE_MAX_BYTES: Final = 1 << 26

_RULE_OF: Final = {code: rule for rule, code in RULES.items()}
_LENGTH: Final = Struct(">I")
_RECORD: Final = Struct(">QIBq16s32s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_ID_MAX: Final = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestHead:
    """What a manifest says of the whole batch.

    `batch_id`, `first_id`, `last_id`: as the database that wrote it numbers batch and entries. `seal_mark`: the highest entry id
    that was sealed when it was written. `issuers`: of all entries, each once.
    """

    root: Root
    batch_id: int
    first_id: int
    last_id: int
    leaf_count: int
    seal_mark: int
    sealed_at: datetime
    issuers: tuple[Did, ...]

    def require_of(self, batch: Batch) -> None:
        """Raises: InvalidInput unless it is of this batch under its own ids."""
        root = batch.tree and batch.tree.root
        if (self.root, self.first_id, self.last_id, self.leaf_count) != (root, batch.first_id, batch.last_id, batch.leaf_count):
            raise InvalidInput(f"it is not of batch {batch.id}")

    def require_root(self, root: Root) -> None:
        """`root`: to which its entries lead. Raises: InvalidInput when it names another."""
        if root != self.root:
            raise InvalidInput(f"its entries lead to root {to_hex(root)}, it says {to_hex(self.root)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """One entry. `digest` and `salt` are None once it is erased."""

    id: int
    issuer: Did
    received_at: datetime
    digest: Digest | None
    salt: Salt | None
    canonicalization: Canonicalization | None


def emptied(entry: ManifestEntry) -> ManifestEntry:
    """What is left of an entry once it is erased."""
    return replace(entry, digest=None, salt=None, canonicalization=None)


def encode(
    head: ManifestHead, entries: Iterable[ManifestEntry], erased_leaves: Callable[[], Iterable[LeafHash]]
) -> Iterator[bytes]:
    """The manifest in pieces. `entries`: ascending by id; `erased_leaves` is called after the last of them."""
    preamble = json.dumps(_head_to_json(head), ensure_ascii=False, separators=(",", ":")).encode()
    yield _LENGTH.pack(len(preamble)) + preamble
    number = {did: i for i, did in enumerate(head.issuers)}
    for entry in entries:
        rule = RULES[entry.canonicalization] if entry.digest is not None else ERASED
        received_us = (entry.received_at - _EPOCH) // _MICROSECOND
        yield _RECORD.pack(entry.id, number[entry.issuer], rule, received_us, entry.salt or b"", entry.digest or b"")
    yield b"".join(erased_leaves())


class ManifestReader:
    """Reads a manifest from its plain bytes: first `head`, then `entries` to their end, then `erased_leaves`.

    Raises, everywhere: InvalidInput when the bytes are no manifest of version 1, and whatever the source of the bytes raises.
    """

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._ahead, self._at = b"", 0
        [length] = _LENGTH.unpack(self._take(_LENGTH.size))
        if length > PREAMBLE_MAX_BYTES:
            raise InvalidInput(f"its preamble is {length} bytes long, more than {PREAMBLE_MAX_BYTES}")
        self.head = _head_from_json(self._take(length))
        self._erased = 0

    def entries(self) -> Iterator[ManifestEntry]:
        """Ascending by id, the first and last as `head` says."""
        head, previous = self.head, 0
        for i in range(head.leaf_count):
            entry = self._entry(self._take(_RECORD.size))
            if entry.id <= previous or (i == 0 and entry.id != head.first_id):
                raise InvalidInput(f"entry {entry.id} is not where it belongs")
            previous = entry.id
            yield entry
        if previous != head.last_id:
            raise InvalidInput(f"its last entry is {previous}, not {head.last_id}")

    def erased_leaves(self) -> list[LeafHash]:
        """The leaves whose entries were erased, in order; which is whose is not told."""
        leaves = [LeafHash(self._take(NODE_BYTES)) for _ in range(self._erased)]
        if self._at < len(self._ahead) or any(self._pieces):
            raise InvalidInput("something follows its end")
        return leaves

    def _take(self, size: int) -> bytes:
        while len(self._ahead) - self._at < size:
            piece = next(self._pieces, None)
            if piece is None:
                raise InvalidInput("it is cut short")
            self._ahead, self._at = self._ahead[self._at :] + piece, 0
        self._at += size
        return self._ahead[self._at - size : self._at]

    def _entry(self, record: bytes) -> ManifestEntry:
        entry_id, issuer, rule, received_us, salt, digest = _RECORD.unpack(record)
        is_erased = rule == ERASED
        self._erased += is_erased
        if entry_id > _ID_MAX or issuer >= len(self.head.issuers) or not (is_erased or rule in _RULE_OF):
            raise InvalidInput(f"entry {entry_id} cannot be read")
        try:
            received_at = _EPOCH + received_us * _MICROSECOND
        except OverflowError as failed:
            raise InvalidInput(f"entry {entry_id} cannot be read") from failed
        return ManifestEntry(
            id=entry_id,
            issuer=self.head.issuers[issuer],
            received_at=received_at,
            digest=None if is_erased else Digest(digest),
            salt=None if is_erased else Salt(salt),
            canonicalization=None if is_erased else _RULE_OF[rule],
        )


class LeafCollector:
    """The leaves of the entries that pass by, of which the erased ones have none to compute."""

    def __init__(self) -> None:
        self.leaves: list[LeafHash] = []
        self.erased = 0
        self._issuer_ids: dict[Did, IssuerId] = {}

    def passing(self, entries: Iterable[ManifestEntry]) -> Iterator[ManifestEntry]:
        """The same entries, their leaves noted."""
        for entry in entries:
            if entry.digest is None or entry.salt is None:
                self.erased += 1
            else:
                issuer_id = self._issuer_ids.get(entry.issuer)
                if issuer_id is None:
                    issuer_id = self._issuer_ids[entry.issuer] = issuer_id_of(entry.issuer)
                self.leaves.append(leaf_hash(issuer_id, entry.salt, entry.digest))
            yield entry


def checked_entries(manifest: ManifestReader) -> Iterator[ManifestEntry]:
    """Its entries. Raises: InvalidInput, after the last of them, when they do not lead to its root."""
    collector = LeafCollector()
    yield from collector.passing(manifest.entries())
    tree = build_tree(joined_leaves(collector.leaves, manifest.erased_leaves()), lambda _: None)
    manifest.head.require_root(tree.root)


def leaves_of_nobody(known: Sequence[LeafHash], tree: Iterable[LeafHash]) -> list[LeafHash] | None:
    """The leaves of a tree that are not among the known ones; None when a known one is not in the tree.

    Both ascending and distinct.
    """
    rest, found = [], 0
    for leaf in tree:
        if found < len(known) and known[found] == leaf:
            found += 1
        else:
            rest.append(leaf)
    return rest if found == len(known) else None


def joined_leaves(known: Iterable[LeafHash], erased: Iterable[LeafHash]) -> bytes:
    """All leaves of a tree, n × 32 bytes. Raises: InvalidInput when one stands twice, or they are out of order."""
    leaves = list(merge(sorted(known), erased))
    if any(left >= right for left, right in pairwise(leaves)):
        raise InvalidInput("a leaf stands in it twice")
    return b"".join(leaves)


def _head_to_json(head: ManifestHead) -> dict[str, Any]:
    return {
        "root": to_hex(head.root),
        "batch": head.batch_id,
        "firstId": head.first_id,
        "lastId": head.last_id,
        "leafCount": head.leaf_count,
        "sealMark": head.seal_mark,
        "sealedAt": (head.sealed_at - _EPOCH) // _MICROSECOND,
        "issuers": list(head.issuers),
    }


def _head_from_json(preamble: bytes) -> ManifestHead:
    try:
        members = json.loads(preamble)
        head = ManifestHead(
            root=parse_root(members["root"]),
            batch_id=_integer(members["batch"]),
            first_id=_integer(members["firstId"]),
            last_id=_integer(members["lastId"]),
            leaf_count=_integer(members["leafCount"]),
            seal_mark=_integer(members["sealMark"]),
            sealed_at=_EPOCH + members["sealedAt"] * _MICROSECOND,
            issuers=tuple(parse_did(did) for did in members["issuers"]),
        )
    except (InvalidInput, KeyError, TypeError, ValueError, OverflowError, RecursionError) as failed:
        raise InvalidInput("its preamble cannot be read") from failed
    if not 1 <= head.leaf_count <= min(MAX_LEAVES, head.last_id - head.first_id + 1) or len(set(head.issuers)) != len(
        head.issuers
    ):
        raise InvalidInput("its preamble contradicts itself")
    return head


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _ID_MAX:
        raise ValueError("not a positive integer of 63 bits")
    return value
