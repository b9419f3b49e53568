"""Headers of QBFT and IBFT 2.0 ledgers as their validators make them, written from the format and not by the code under test."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from anchoring.types import Address

MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
KEYS = [PrivateKey(bytes([number]) * 32) for number in range(1, 8)]


def account(key: PrivateKey) -> Address:
    return Address(key.public_key.to_address())


def encode(item: Any) -> bytes:
    """RLP (yellow paper, appendix B)."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8)
    if isinstance(item, list):
        return _with_length(0xC0, b"".join(map(encode, item)))
    return item if len(item) == 1 and item[0] < 0x80 else _with_length(0x80, item)  # noqa: PLR2004 - of RLP


def _with_length(mark: int, content: bytes) -> bytes:
    if len(content) < 56:  # noqa: PLR2004
        return bytes([mark + len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([mark + 55 + len(length)]) + length + content


@dataclass(frozen=True, kw_only=True)
class BftBlock:
    """`fields`: of the header, all but its extra data and mix hash counting. `vote`: account and whether to add it."""

    is_ibft: bool
    fields: list[Any]
    validators: Sequence[Address]
    round: int = 1
    vote: tuple[Address, bool] | None = None
    seals: list[bytes] = field(default_factory=list)

    def sealed_by(self, *keys: PrivateKey) -> "BftBlock":
        return replace(self, seals=[key.sign_msg_hash(self.sealed_hash).to_bytes() for key in keys])

    @property
    def sealed_hash(self) -> bytes:
        return keccak(self._header([self._round] if self.is_ibft else [self._round, []]))

    @property
    def hash(self) -> bytes:
        return keccak(self._header([] if self.is_ibft else [0, []]))

    @property
    def header(self) -> bytes:
        return self._header([self._round, self.seals])

    @property
    def _round(self) -> bytes | int:
        return self.round.to_bytes(4) if self.is_ibft else self.round

    def _header(self, last: list[Any]) -> bytes:
        none: list[Any] | bytes = b"" if self.is_ibft else []
        vote = (
            none if self.vote is None else [_raw(self.vote[0]), b"\xff" if self.vote[1] else (b"\x00" if self.is_ibft else b"")]
        )
        extra = encode([b"vanity".ljust(32, b"\0"), [_raw(one) for one in self.validators], vote, *last])
        return encode([*self.fields[:12], extra, MIX_HASH, *self.fields[14:]])


def _raw(one: Address) -> bytes:
    return bytes.fromhex(one[2:])
