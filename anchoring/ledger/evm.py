"""Anchoring on an EVM ledger with one signing key.

`eth_gasPrice` is asked under the fee policy `legacy` alone: EBSI's Ledger API refuses it, and on a fee-less ledger nodes suggest
a price where none is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak
from web3 import Web3

from anchoring.core.batch import Attempt, RootToAnchor
from anchoring.core.fees import Fee, FeePolicy
from anchoring.core.proof import Registry
from anchoring.errors import LedgerRejected, LedgerUnavailable
from anchoring.ledger.answers import excerpt, pinned, read_number, read_place, unhex
from anchoring.ledger.artifact import anchor_registry
from anchoring.ledger.registry_reader import LOGS_BLOCK_RANGE, EvmRegistryReader
from anchoring.ledger.rpc import JsonRpc, RpcRefusal
from anchoring.ledger.signer import LocalSigner, price_fields
from anchoring.ports.ledger import Head, Receipt
from anchoring.types import Address, TxHash, to_hex

_NOT_RUN_CODES: Final = {-32001, -32005}
_NOT_RUN_WORDS: Final = ("not found", "unknown block", "not currently canonical", "too many requests", "rate limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class GasRules:
    """The operator's settings, in gas: what a transaction and each root in it may use at most."""

    base: int
    per_root: int


class EvmLedger(EvmRegistryReader):
    """Implements ports.Ledger with one signing key."""

    def __init__(
        self,
        rpc: JsonRpc,
        registry: Registry,
        signer: LocalSigner,
        gas: GasRules,
        *,
        logs_block_range: int = LOGS_BLOCK_RANGE,
    ) -> None:
        super().__init__(rpc, registry, logs_block_range=logs_block_range)
        self._signer = signer
        self._gas = gas

    @property
    def signer(self) -> Address:
        return self._signer.address

    def transaction_count(self, at: Head) -> int:
        return read_number(self._read("eth_getTransactionCount", self.signer, pinned(at)))

    def transactions_of(self, signer: Address, number: int) -> int:
        return read_number(self._read("eth_getTransactionCount", signer, hex(number)))

    def balance(self, at: Head) -> int:
        return read_number(self._read("eth_getBalance", self.signer, pinned(at)))

    def gas_price(self, policy: FeePolicy) -> int | None:
        return read_number(self._read("eth_gasPrice")) if policy is FeePolicy.LEGACY else None

    def calldata(self, roots: Sequence[RootToAnchor]) -> bytes:
        calls = [unhex(self._abi.encode_abi("anchor", [root.root, root.leaf_count])) for root in roots]
        return calls[0] if len(calls) == 1 else unhex(self._abi.encode_abi("multicall", [calls]))

    def gas_limit(self, roots: Sequence[RootToAnchor]) -> int:
        return self._gas.base + self._gas.per_root * len(roots)

    def check_call(self, calldata: bytes, gas_limit: int, at: Head) -> None:
        call = {"from": self.signer, "to": self._registry.contract, "data": to_hex(calldata), "gas": hex(gas_limit)}
        try:
            self._rpc.read("eth_call", call, pinned(at))
        except RpcRefusal as refused:
            reason = revert_reason(refused)
            if _says_nothing(refused):
                raise LedgerUnavailable(f"node {self._rpc.host} did not run the call: {reason}") from refused
            raise LedgerRejected(f"the registry would refuse the transaction of {self.signer}: {reason}") from refused

    def sign(self, calldata: bytes, *, nonce: int, gas_limit: int, fee: Fee, at: Head, now: datetime) -> Attempt:
        transaction = price_fields(fee) | {
            "to": Web3.to_checksum_address(self._registry.contract),
            "value": 0,
            "data": to_hex(calldata),
            "nonce": nonce,
            "gas": gas_limit,
            "chainId": self._registry.chain_id,
        }
        raw, tx_hash = self._signer.sign(transaction)
        return Attempt(
            tx_hash=tx_hash,
            raw=raw,
            max_fee_wei=fee.max_fee_wei,
            tip_wei=fee.tip_wei,
            signed_at=now,
            head_number=at.block.number,
        )

    def broadcast(self, attempt: Attempt) -> str:
        try:
            answer = self._rpc.send("eth_sendRawTransaction", to_hex(attempt.raw))
        except RpcRefusal as refused:
            return excerpt(refused.message)
        except LedgerUnavailable as silent:
            return excerpt(silent.message)
        return "accepted" if answer == to_hex(attempt.tx_hash) else f"the node names another hash: {excerpt(str(answer))}"

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
        anchors = self._anchors_in(logs, lambda _log: block.time)
        return Receipt(succeeded=succeeded, block=place, gas_used=gas_used, fee_wei=fee_wei, anchors=anchors)


def _says_nothing(refused: RpcRefusal) -> bool:
    """Whether the node lacks the block (EIP-1898) or the time, rather than the contract the will."""
    return refused.code in _NOT_RUN_CODES or any(words in refused.message.lower() for words in _NOT_RUN_WORDS)


def revert_reason(refused: RpcRefusal) -> str:
    """The contract's own error by name with its values, else the node's words."""
    for error in (item for item in anchor_registry().abi if item["type"] == "error"):
        types = [argument["type"] for argument in error["inputs"]]
        selector = to_hex(keccak(text=f"{error['name']}({','.join(types)})")[:4])
        if refused.data and refused.data.startswith(selector):
            try:
                values = decode(types, unhex(refused.data[len(selector) :]))
            except (DecodingError, ValueError):
                break  # a node that cuts the data short has words all the same
            shown = [to_hex(value) if isinstance(value, bytes) else str(value) for value in values]
            return f"{error['name']}({', '.join(shown)})"
    return excerpt(refused.message)
