"""Headers of blocks: their hashes, and the seals of validators that a header of QBFT or IBFT 2.0 has in itself.

Ethereum and Clique hash a header as it is. The other two put RLP into its `extraData`, [vanity, validators, vote, round, seals],
and hash it without what is known only once validators agreed: IBFT 2.0 leaves round and seals out, QBFT puts 0 and an empty list
there. A validator seals the same header without seals, with the round (EEA QBFT specification; Besu's `BftBlockHashing`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import rlp
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from anchoring.errors import VerificationError
from anchoring.types import Address, BlockHash, as_block_hash, parse_address, to_hex

FIELDS_LEAST: Final = 15
EXTRA_DATA: Final = 12
MIX_HASH: Final = 13
BFT_MIX_HASH: Final = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
"""What QBFT and IBFT 2.0 have in the place of a mix hash."""

_EXTRA_ITEMS: Final = 5
_ROUND_BYTES_OF_IBFT: Final = 4
_ADDRESS_BYTES: Final = 20
_SEAL_BYTES: Final = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sealed:
    """A header of QBFT or IBFT 2.0. `extra`: vanity, validators, vote, round."""

    fields: list[Any]
    extra: list[Any]
    seals: list[bytes]

    @property
    def validators(self) -> list[Address]:
        return [parse_address(to_hex(one)) for one in self.extra[1]]

    @property
    def block_hash(self) -> bytes:
        return self._hash(self.extra[:3] if self._is_ibft else [*self.extra[:3], b"", []])

    @property
    def sealed_hash(self) -> bytes:
        """What each validator signed."""
        return self._hash(self.extra if self._is_ibft else [*self.extra, []])

    @property
    def _is_ibft(self) -> bool:
        """IBFT 2.0 writes the round in four bytes, QBFT as a number, which never comes to take four."""
        return len(self.extra[3]) == _ROUND_BYTES_OF_IBFT

    def _hash(self, extra: list[Any]) -> bytes:
        return keccak(rlp.encode([*self.fields[:EXTRA_DATA], rlp.encode(extra), *self.fields[EXTRA_DATA + 1 :]]))


def decode_rlp(content: bytes, what: str) -> Any:
    """Bytes, or lists of such. `what`: names it. Raises: VerificationError, also when it is nested deeper than Python's stack."""
    try:
        return rlp.decode(content)
    except (RLPException, RecursionError) as wrong:
        raise VerificationError(f"{what} is not RLP") from wrong


def read_header(content: bytes) -> list[Any]:
    """The fields of a header in RLP. Raises: VerificationError when it is none."""
    fields = decode_rlp(content, "the header")
    if not isinstance(fields, list) or len(fields) < FIELDS_LEAST or not all(isinstance(field, bytes) for field in fields):
        raise VerificationError("the header is none of a block")
    return fields


def hash_of_header(content: bytes) -> BlockHash:
    """As its own ledger hashes it. Raises: VerificationError when it is no header."""
    sealed = _sealed(read_header(content))
    return as_block_hash(sealed.block_hash if sealed else keccak(content))


def quorum_of(validators: int) -> int:
    """How many of so many must seal a block: two thirds, rounded up."""
    return -(-2 * validators // 3)


def require_seals(content: bytes, validators: Collection[Address]) -> int:
    """How many of these validators, which are all of the ledger's, sealed the block; as many as it takes.

    Raises: VerificationError when they are too few, the header names others, or it is no such header.
    """
    sealed = _sealed(read_header(content))
    if sealed is None:
        raise VerificationError("the header is none of QBFT or IBFT 2.0: no validator seals it")
    pinned = frozenset(validators)
    # In QBFT's mode of a contract the header names nobody.
    if sealed.validators and frozenset(sealed.validators) != pinned:
        raise VerificationError(f"the header names other validators than those pinned: {', '.join(sealed.validators)}")
    signed = {_signer(seal, sealed.sealed_hash) for seal in sealed.seals} & pinned
    if len(signed) < quorum_of(len(pinned)):
        raise VerificationError(
            f"{len(signed)} of {len(pinned)} validators sealed the block, and it takes {quorum_of(len(pinned))}"
        )
    return len(signed)


def _sealed(fields: list[Any]) -> _Sealed | None:
    """None for a header of another kind, which has something else there."""
    if fields[MIX_HASH] != BFT_MIX_HASH:
        return None
    try:
        extra = decode_rlp(fields[EXTRA_DATA], "the extra data")
    except VerificationError:
        return None
    if not isinstance(extra, list) or len(extra) != _EXTRA_ITEMS:
        return None
    _, validators, _, round_, seals = extra
    lists = (validators, seals)
    if not isinstance(round_, bytes) or not all(isinstance(one, list) for one in lists):
        return None
    if not all(isinstance(item, bytes) for one in lists for item in one) or any(len(one) != _ADDRESS_BYTES for one in validators):
        return None
    return _Sealed(fields=fields, extra=extra[:-1], seals=seals)


def _signer(seal: bytes, sealed_hash: bytes) -> Address | None:
    if len(seal) != _SEAL_BYTES:
        return None
    try:
        return parse_address(Signature(seal).recover_public_key_from_msg_hash(sealed_hash).to_address())
    except (BadSignature, ValidationError, ValueError):
        return None
