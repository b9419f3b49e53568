"""Status lists: one bit per credential, for one issuer and one purpose (docs/status.md).

The head of a list on the ledger speaks of its bits, not of one signed form of them. A list is either *numbered*, and a credential
was bound to an index in it, or it *follows from a batch*: then every leaf has the index of its place in the tree.
"""

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from anchoring.core.leaf import issuer_id_of
from anchoring.errors import InvalidInput
from anchoring.types import Did, Digest, ListId, Root

MIN_ENTRIES: Final = 131_072
"""Bitstring Status List 1.0 asks for at least so many, so that a reader of a list says little about a credential."""

MAX_ENTRIES: Final = 1 << 20
"""A batch has at most so many leaves, and no list is longer."""

_LIST_TAG: Final = b"credanchor-list-v1"
_BATCH_LIST_TAG: Final = b"credanchor-batch-list-v1"
_BITS_TAG: Final = b"credanchor-bits-v1"


class StatusPurpose(StrEnum):
    """What a set bit means. A revocation is for good, a suspension can be lifted."""

    REVOCATION = "revocation"
    SUSPENSION = "suspension"

    @property
    def byte(self) -> bytes:
        """Its one byte in the id of a list."""
        return b"\x00" if self is StatusPurpose.REVOCATION else b"\x01"


def numbered_list_id(issuer: Did, purpose: StatusPurpose, number: int) -> ListId:
    """Id of an issuer's list. `number`: from 0, below 2^64."""
    content = _LIST_TAG + issuer_id_of(issuer) + purpose.byte + number.to_bytes(8)
    return ListId(hashlib.sha256(content).digest())


def batch_list_id(root: Root, issuer: Did, purpose: StatusPurpose) -> ListId:
    """Id of the list that follows from a batch: whoever has a proof can compute it."""
    return ListId(hashlib.sha256(_BATCH_LIST_TAG + root + issuer_id_of(issuer) + purpose.byte).digest())


def entries_for(leaf_count: int) -> int:
    """Length of the list that follows from a batch of so many leaves: whole bytes, and no fewer entries than a standard list."""
    return max(MIN_ENTRIES, -(-leaf_count // 8) * 8)


class StatusBits:
    """The bits of a list. Index 0 is the most significant bit of the first byte. Mutable.

    Raises, when built: InvalidInput unless there are between `MIN_ENTRIES` and `MAX_ENTRIES` of them.
    """

    def __init__(self, content: bytes) -> None:
        if not MIN_ENTRIES <= 8 * len(content) <= MAX_ENTRIES:
            raise InvalidInput(f"a status list has {MIN_ENTRIES} to {MAX_ENTRIES} entries, not {8 * len(content)}")
        self._content = bytearray(content)

    @classmethod
    def clear(cls, entries: int) -> "StatusBits":
        """None set. `entries`: a multiple of 8."""
        return cls(bytes(entries // 8))

    def __len__(self) -> int:
        return 8 * len(self._content)

    def __bytes__(self) -> bytes:
        return bytes(self._content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StatusBits) and self._content == other._content

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __getitem__(self, index: int) -> bool:
        """Raises: IndexError for an index that is not in the list; negative ones are not."""
        return bool(self._content[self._byte(index)] & 0x80 >> index % 8)

    def change(self, index: int, *, is_set: bool) -> None:
        """Raises: IndexError."""
        mask = 0x80 >> index % 8
        byte = self._byte(index)
        self._content[byte] = self._content[byte] | mask if is_set else self._content[byte] & ~mask

    def count(self) -> int:
        """How many are set."""
        return int.from_bytes(self._content).bit_count()

    def indexes(self) -> Iterator[int]:
        """Those that are set, ascending."""
        for byte, content in enumerate(self._content):
            if content:
                yield from (8 * byte + bit for bit in range(8) if content & 0x80 >> bit)

    def _byte(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is not in a list of {len(self)} entries")
        return index // 8


def head_digest(list_id: ListId, version: int, bits: StatusBits) -> Digest:
    """What the ledger holds of one version of a list, and what goes into the tree as a leaf of its issuer."""
    content = _BITS_TAG + list_id + version.to_bytes(8) + len(bits).to_bytes(8) + bytes(bits)
    return Digest(hashlib.sha256(content).digest())
