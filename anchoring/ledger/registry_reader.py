"""Reading the anchor registry on an EVM ledger over JSON-RPC, without a key.

Only methods that EBSI's Ledger API lets through are used. Everything is asked as of one block hash.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak

from anchoring.core.batch import Anchor, PublishedHead
from anchoring.core.finality import FinalityRule
from anchoring.core.proof import Registry
from anchoring.errors import InvalidInput, LedgerUnavailable, Misconfigured
from anchoring.ledger.answers import (
    Block,
    excerpt,
    pinned,
    read_anchor,
    read_block,
    read_head,
    read_log_time,
    read_number,
    read_place,
    read_time,
    unhex,
)
from anchoring.ledger.artifact import anchor_registry
from anchoring.ledger.calls import encode_call
from anchoring.ledger.log_pages import log_pages
from anchoring.ledger.rpc import JsonRpc, RpcRefusal
from anchoring.ports.ledger import Head, LedgerIdentity, Receipt, RecordedAnchor, StatusHead
from anchoring.types import Address, BlockHash, ListId, Root, TxHash, as_code_hash, as_digest, parse_address, to_hex

ANCHORER_ROLE = keccak(text="ANCHORER_ROLE")
_UNKNOWN_TAG: Final = re.compile(r"unknown block|unknown tag|not found|invalid|unsupported|not supported|cannot unmarshal")
_UNKNOWN_TAG_CODES: Final = {-32602, -39001}

ANCHORED_TOPIC: Final = to_hex(keccak(text="RootAnchored(bytes32,uint64,uint64,address)"))
PUBLISHED_TOPIC: Final = to_hex(keccak(text="StatusListPublished(bytes32,uint64,bytes32)"))

E = TypeVar("E", Anchor, PublishedHead)

LOGS_BLOCK_RANGE: Final = 5_000
"""Blocks whose logs are asked for at once: the most that Besu allows unless told otherwise."""


class NoContract(Misconfigured):
    """There is no code at the address, or the node has not come so far as the deployment."""


class EvmRegistryReader:
    """Implements ports.RegistryReader. Constructing it asks the node nothing.

    `logs_block_range`: blocks whose logs are asked for at once, at most.
    """

    def __init__(self, rpc: JsonRpc, registry: Registry, *, logs_block_range: int = LOGS_BLOCK_RANGE) -> None:
        self._rpc = rpc
        self._registry = registry
        self._logs_block_range = logs_block_range

    @property
    def node(self) -> str:
        """Host and port of the node."""
        return self._rpc.host

    @property
    def registry(self) -> Registry:
        return self._registry

    def identity(self) -> LedgerIdentity:
        chain_id = read_number(self._read("eth_chainId"))
        if chain_id != self._registry.chain_id:
            raise Misconfigured(
                f"node {self._rpc.host} is on chain {chain_id}, the registry is set to be on {self._registry.chain_id}"
            )
        code = self._bytes("eth_getCode", self._registry.contract, "latest")
        if not code:
            raise NoContract(f"there is no contract at {self._registry}; deploy one with: credanchor ledger deploy")
        code_hash = as_code_hash(keccak(code))
        if code_hash != anchor_registry().code_hash:
            raise Misconfigured(f"the code at {self._registry} is not the anchor registry of this version: {to_hex(code_hash)}")
        genesis = self._block(0)
        if genesis is None:
            raise LedgerUnavailable(f"node {self._rpc.host} does not show the genesis block")
        return LedgerIdentity(registry=self._registry, genesis_hash=genesis.place.hash, code_hash=code_hash)

    def head(self) -> Head:
        block = self._tagged_block("latest")
        return Head(block=block.place, time=block.time, base_fee_wei=block.base_fee_wei)

    def final_height(self, head: Head, rule: FinalityRule) -> int:
        if isinstance(rule.by, int):
            return head.block.number - rule.by
        try:
            answer = self._rpc.read("eth_getBlockByNumber", rule.by.value, False)
        except RpcRefusal as refused:
            if _UNKNOWN_TAG.search(refused.message.lower()) or refused.code in _UNKNOWN_TAG_CODES:
                raise _unknown_tag(self._rpc.host, rule) from refused
            raise LedgerUnavailable(f"node {self._rpc.host} does not say what is {rule}: {excerpt(refused.message)}") from refused
        if answer is None:
            raise _unknown_tag(self._rpc.host, rule)
        return read_block(answer).place.number

    def block_hash(self, number: int) -> BlockHash | None:
        block = self._block(number)
        return block.place.hash if block else None

    def recorded_anchor(self, root: Root, at: Head) -> RecordedAnchor | None:
        sequence, timestamp, block_number, leaf_count = self._ask(
            "anchorOf(bytes32)", [root], "(uint64,uint64,uint64,uint64)", at
        )
        if sequence == 0:
            return None
        return RecordedAnchor(
            sequence=sequence, anchored_at=read_time(timestamp), block_number=block_number, leaf_count=leaf_count
        )

    def find_anchor(self, root: Root, at: Head) -> Anchor | None:
        recorded = self.recorded_anchor(root, at)
        if recorded is None:
            return None
        logs = self._read("eth_getLogs", self._query(recorded.block_number, recorded.block_number, ANCHORED_TOPIC, to_hex(root)))
        for anchor in self._anchors_in(logs, lambda _log: recorded.anchored_at):
            if (anchor.root, anchor.sequence) == (root, recorded.sequence):
                return anchor
        raise LedgerUnavailable(f"node {self._rpc.host} holds root {to_hex(root)} and does not show its event")

    def anchor_count(self, at: Head) -> int:
        count: int = self._ask("anchorCount()", [], "uint64", at)
        return count

    def status_head(self, list_id: ListId, at: Head) -> StatusHead | None:
        version, timestamp, digest = self._ask("statusListOf(bytes32)", [list_id], "(uint64,uint64,bytes32)", at)
        if version == 0:
            return None
        return StatusHead(version=version, published_at=read_time(timestamp), digest=as_digest(digest))

    def find_head(self, list_id: ListId, at: Head) -> PublishedHead | None:
        recorded = self.status_head(list_id, at)
        if recorded is None:
            return None
        # The contract keeps the time of a publication and not its block; times of blocks only grow.
        numbers, time = range(at.block.number + 1), recorded.published_at
        first = bisect_left(numbers, time, key=self._time_at)
        last = bisect_right(numbers, time, lo=first, key=self._time_at) - 1
        topics = PUBLISHED_TOPIC, to_hex(list_id), to_hex(recorded.version.to_bytes(32))
        if first <= last:
            logs = self._read("eth_getLogs", self._query(first, last, *topics))
            for head in self._heads_in(logs, lambda _log: time):
                if (head.list_id, head.version, head.digest) == (list_id, recorded.version, recorded.digest):
                    return head
        raise LedgerUnavailable(f"node {self._rpc.host} holds a head of list {to_hex(list_id)} and does not show its event")

    def transactions_of(self, signer: Address, number: int) -> int:
        return read_number(self._read("eth_getTransactionCount", signer, hex(number)))

    def anchors(self, first_block: int, last_block: int) -> Iterator[Anchor]:
        previous: Anchor | None = None
        for anchor in self._events(ANCHORED_TOPIC, self._anchors_in, first_block, last_block):
            if previous and anchor.sequence != previous.sequence + 1:
                raise LedgerUnavailable(f"node {self._rpc.host} shows anchor {anchor.sequence} after anchor {previous.sequence}")
            yield anchor
            previous = anchor

    def heads(self, first_block: int, last_block: int) -> Iterator[PublishedHead]:
        return self._events(PUBLISHED_TOPIC, self._heads_in, first_block, last_block)

    def receipt(self, tx_hash: TxHash) -> Receipt | None:
        answer = self._read("eth_getTransactionReceipt", to_hex(tx_hash))
        if answer is None:
            return None
        try:
            place = read_place(answer["blockNumber"], answer["blockHash"])
            succeeded, logs = read_number(answer["status"]) == 1, answer["logs"]
            gas_used, price = read_number(answer["gasUsed"]), answer.get("effectiveGasPrice")
            fee_wei = None if price is None else gas_used * read_number(price)
        except (KeyError, TypeError) as failed:
            raise LedgerUnavailable(f"node {self._rpc.host} answered with a malformed receipt") from failed
        block = self._block(place.number)
        if block is None or block.place != place:
            return None  # a reorg between two questions: the next look tells
        return Receipt(
            succeeded=succeeded,
            block=place,
            gas_used=gas_used,
            fee_wei=fee_wei,
            anchors=self._anchors_in(logs, lambda _log: block.time),
            heads=self._heads_in(logs, lambda _log: block.time),
        )

    def is_anchorer(self, account: Address, at: Head) -> bool:
        """Whether the account may anchor."""
        return bool(self._ask("hasRole(bytes32,address)", [ANCHORER_ROLE, account], "bool", at))

    def _read(self, method: str, *params: Any) -> Any:
        try:
            return self._rpc.read(method, *params)
        except RpcRefusal as refused:
            raise LedgerUnavailable(f"node {self._rpc.host} refused {method}: {excerpt(refused.message)}") from refused

    def _bytes(self, method: str, *params: Any) -> bytes:
        answer = self._read(method, *params)
        try:
            return unhex(answer)
        except (AttributeError, TypeError, ValueError) as failed:
            raise LedgerUnavailable(f"node {self._rpc.host} answered {method} with something that is no hexadecimal") from failed

    def _ask(self, function: str, arguments: Sequence[Any], answer_type: str, at: Head) -> Any:
        call = {"to": self._registry.contract, "data": to_hex(encode_call(function, arguments))}
        answer = self._bytes("eth_call", call, pinned(at))
        try:
            decoded = decode([answer_type], answer)
        except DecodingError as failed:
            raise LedgerUnavailable(f"{self._registry} answered {function} with something else") from failed
        if encode([answer_type], decoded) != answer:
            raise LedgerUnavailable(f"{self._registry} answered {function} with more than it has")
        return decoded[0]

    def _block(self, number: int) -> Block | None:
        answer = self._read("eth_getBlockByNumber", hex(number), False)
        return None if answer is None else read_block(answer)

    def _tagged_block(self, tag: str) -> Block:
        answer = self._read("eth_getBlockByNumber", tag, False)
        if answer is None:
            raise LedgerUnavailable(f"node {self._rpc.host} shows no {tag} block")
        return read_block(answer)

    def _time_at(self, number: int) -> datetime:
        block = self._block(number)
        if block is None:
            raise LedgerUnavailable(f"node {self._rpc.host} no longer shows block {number}")
        return block.time

    def _query(self, first_block: int, last_block: int, *topics: str) -> dict[str, Any]:
        return {
            "address": self._registry.contract,
            "topics": list(topics),
            "fromBlock": hex(first_block),
            "toBlock": hex(last_block),
        }

    def _time_of_block(self, number: Any, block_hash: Any) -> datetime:
        place = read_place(number, block_hash)
        block = self._block(place.number)
        if block is None or block.place != place:
            raise LedgerUnavailable(f"node {self._rpc.host} shows an event in block {place.number} and another block there")
        return block.time

    def _events(
        self, topic: str, read: Callable[[Any, Callable[[Any], datetime]], tuple[E, ...]], first_block: int, last_block: int
    ) -> Iterator[E]:
        def ask(first: int, last: int) -> Any:
            return self._rpc.read("eth_getLogs", self._query(first, last, topic))

        time_of_block = lru_cache(maxsize=1)(self._time_of_block)  # in ledger order the logs of a block come together
        try:
            for logs in log_pages(ask, first_block, last_block, size=self._logs_block_range):
                yield from read(logs, lambda log: read_log_time(log) or time_of_block(log["blockNumber"], log["blockHash"]))
        except RpcRefusal as refused:
            raise LedgerUnavailable(f"node {self._rpc.host} refused eth_getLogs: {excerpt(refused.message)}") from refused

    def _anchors_in(self, logs: Any, time_of: Callable[[Any], datetime]) -> tuple[Anchor, ...]:
        return self._ours(logs, ANCHORED_TOPIC, lambda log: read_anchor(log, time_of(log)))

    def _heads_in(self, logs: Any, time_of: Callable[[Any], datetime]) -> tuple[PublishedHead, ...]:
        return self._ours(logs, PUBLISHED_TOPIC, lambda log: read_head(log, time_of(log)))

    def _ours(self, logs: Any, topic: str, read: Callable[[Any], E]) -> tuple[E, ...]:
        """The events of this kind among these logs that our contract recorded; other contracts' logs are left out."""
        if not isinstance(logs, list):
            raise LedgerUnavailable(f"node {self._rpc.host} answered with logs that are none")
        try:
            shown = [log for log in logs if log.get("removed") is not True]  # by a reorg
            ours = [log for log in shown if parse_address(log["address"]) == self._registry.contract]
            return tuple(read(log) for log in ours if log["topics"][0] == topic)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError, InvalidInput, DecodingError) as failed:
            raise LedgerUnavailable(f"node {self._rpc.host} answered with a malformed log") from failed


def _unknown_tag(host: str, rule: FinalityRule) -> Misconfigured:
    return Misconfigured(
        f"node {host} does not know the block tag {rule}; on a QBFT or IBFT ledger set the finality rule to depth:0"
    )
