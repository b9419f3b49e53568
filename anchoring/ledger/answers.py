"""Reading a node's answers: every number, hash and time is checked as it comes in. No I/O.

Raises, everywhere: LedgerUnavailable, because a node that answers rubbish has not answered.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from eth_abi.abi import decode

from anchoring.core.batch import Anchor, BlockPlace, PublishedHead
from anchoring.errors import InvalidInput, LedgerUnavailable
from anchoring.ports.ledger import Head
from anchoring.types import as_block_hash, as_digest, as_list_id, as_root, as_tx_hash, parse_address, parse_hash, to_hex

_QUANTITY: Final = re.compile("0x[0-9a-fA-F]{1,64}")
_DATA: Final = re.compile("0x(?:[0-9a-fA-F]{2})*")
_BLOCK_NUMBERS: Final = 2**52
ANSWER_CHARACTERS: Final = 200
"""How much of a node's words is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What is used of a block. `time`: UTC."""

    place: BlockPlace
    time: datetime
    base_fee_wei: int | None


def read_block(answer: Any) -> Block:
    """A block of `eth_getBlockByNumber`."""
    try:
        base_fee = answer.get("baseFeePerGas")
        return Block(
            place=read_place(answer["number"], answer["hash"]),
            time=read_time(read_number(answer["timestamp"])),
            base_fee_wei=None if base_fee is None else read_number(base_fee),
        )
    except (AttributeError, KeyError, TypeError) as failed:
        raise LedgerUnavailable("the node answered with a malformed block") from failed


def read_log_time(log: Any) -> datetime | None:
    """The block time in a log: newer nodes give it, older ones do not."""
    timestamp = log.get("blockTimestamp")
    return None if timestamp is None else read_time(read_number(timestamp))


def read_anchor(log: Any, anchored_at: datetime) -> Anchor:
    """A `RootAnchored` log. Malformed ones raise what indexing, parsing or decoding raises; the caller translates."""
    _, root, sequence = log["topics"][:3]
    leaf_count, anchored_by = decode(["uint64"], unhex(log["data"]))[0], log["topics"][3][-40:]
    return Anchor(
        root=as_root(parse_hash(root, what="a root")),
        sequence=read_number(sequence),
        leaf_count=leaf_count,
        anchored_by=parse_address("0x" + anchored_by),
        transaction=as_tx_hash(parse_hash(log["transactionHash"], what="a transaction hash")),
        block=read_place(log["blockNumber"], log["blockHash"]),
        anchored_at=anchored_at,
    )


def read_head(log: Any, published_at: datetime) -> PublishedHead:
    """A `StatusListPublished` log, likewise."""
    _, list_id, version = log["topics"]
    return PublishedHead(
        list_id=as_list_id(parse_hash(list_id, what="a list id")),
        version=read_number(version),
        digest=as_digest(decode(["bytes32"], unhex(log["data"]))[0]),
        transaction=as_tx_hash(parse_hash(log["transactionHash"], what="a transaction hash")),
        block=read_place(log["blockNumber"], log["blockHash"]),
        published_at=published_at,
    )


def read_place(number: Any, block_hash: Any) -> BlockPlace:
    """A block number with its hash."""
    try:
        if (height := read_number(number)) >= _BLOCK_NUMBERS:
            raise LedgerUnavailable("the node answered with a block number that is none")
        return BlockPlace(number=height, hash=as_block_hash(parse_hash(block_hash, what="a block hash")))
    except (InvalidInput, TypeError) as failed:
        raise LedgerUnavailable("the node answered with a malformed block hash") from failed


def read_number(value: Any) -> int:
    """A JSON-RPC quantity."""
    if isinstance(value, str) and _QUANTITY.fullmatch(value):
        return int(value, 16)
    raise LedgerUnavailable("the node answered with something that is no number")


def read_time(unix_seconds: int) -> datetime:
    """A block time."""
    try:
        return datetime.fromtimestamp(unix_seconds, UTC)
    except (OverflowError, ValueError, OSError) as failed:
        raise LedgerUnavailable("the node answered with a time that is none") from failed


def pinned(at: Head) -> dict[str, Any]:
    """The block parameter that names one block by hash (EIP-1898): answers of a round all speak of the same state."""
    return {"blockHash": to_hex(at.block.hash), "requireCanonical": True}


def unhex(text: Any) -> bytes:
    """Bytes of `0x…`. Raises: ValueError for anything else."""
    if not isinstance(text, str) or _DATA.fullmatch(text) is None:
        raise ValueError("no hexadecimal with 0x")
    return bytes.fromhex(text[2:])


def excerpt(words: str) -> str:
    """The beginning of a node's words, on one line."""
    return "".join(character if character.isprintable() else " " for character in words[:ANSWER_CHARACTERS])
