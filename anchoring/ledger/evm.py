"""Anchoring on an EVM ledger with one signing key, through one node or several.

`eth_gasPrice` is asked under the fee policy `legacy` alone: EBSI's Ledger API refuses it, and on a fee-less ledger nodes suggest
a price where none is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.crypto import keccak
from web3 import Web3

from anchoring.core.batch import Anchor, Attempt, BlockPlace, HeadToPublish, PublishedHead, RootToAnchor
from anchoring.core.bundle import Bundle
from anchoring.core.fees import Fee, FeePolicy
from anchoring.core.proof import Registry
from anchoring.errors import LedgerRejected, LedgerUnavailable, Misconfigured
from anchoring.ledger.answers import excerpt, pinned, read_number, unhex
from anchoring.ledger.artifact import anchor_registry
from anchoring.ledger.broadcast_answers import classify
from anchoring.ledger.bundles import checked_bundle
from anchoring.ledger.calls import encode_call
from anchoring.ledger.registry_reader import LOGS_BLOCK_RANGE, EvmRegistryReader, NoContract
from anchoring.ledger.rpc import JsonRpc, RpcRefusal
from anchoring.ledger.second_opinion import FurtherNodes
from anchoring.ledger.signed_transaction import sign_as_asked
from anchoring.ledger.signer import Signer, price_fields
from anchoring.ports.ledger import Broadcast, Head, LedgerIdentity, Opinion, Reception
from anchoring.types import Address, Root, TxHash, to_hex

_LIMIT_EXCEEDED: Final = -32005

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class GasRules:
    """The operator's settings, in gas: what a transaction, each root and each head in it may use at most."""

    base: int
    per_root: int
    per_head: int


class EvmLedger(EvmRegistryReader):
    """Implements ports.Ledger with one signing key.

    `further`: other nodes of the same ledger; `identity` may choose one of them to work with.
    """

    def __init__(
        self,
        rpc: JsonRpc,
        registry: Registry,
        signer: Signer,
        gas: GasRules,
        *,
        further: Sequence[JsonRpc] = (),
        logs_block_range: int = LOGS_BLOCK_RANGE,
    ) -> None:
        super().__init__(rpc, registry, logs_block_range=logs_block_range)
        self._signer = signer
        self._gas = gas
        self._nodes = {one: EvmRegistryReader(one, registry) for one in (rpc, *further)}
        self._answering = [rpc]
        self._further = FurtherNodes([], configured=len(further), first=rpc.host)

    def identity(self) -> LedgerIdentity:
        found: dict[JsonRpc, LedgerIdentity] = {}
        silent: list[LedgerUnavailable] = []
        for rpc in self._nodes:
            try:
                found[rpc] = self._identity_at(rpc, is_first=not found)
            except LedgerUnavailable as unavailable:
                silent.append(unavailable)
        if not found:
            raise silent[0]
        for silence in silent:
            log.warning("node.unavailable", detail=silence.message)
        self._answering = list(found)
        self._rpc = self._answering[0]
        others = [self._nodes[rpc] for rpc in self._answering[1:]]
        self._further = FurtherNodes(others, configured=len(self._nodes) - 1, first=self._rpc.host)
        for rpc, identity in found.items():
            if identity != found[self._rpc]:
                raise Misconfigured(f"node {rpc.host} is on another ledger than node {self._rpc.host}: the genesis blocks differ")
        return found[self._rpc]

    def _identity_at(self, rpc: JsonRpc, *, is_first: bool) -> LedgerIdentity:
        try:
            return self._nodes[rpc].identity()
        except Misconfigured as wrong:
            if isinstance(wrong, NoContract) and not is_first:
                raise LedgerUnavailable(f"node {rpc.host} has not come so far as the contract") from wrong
            if len(self._nodes) == 1 or rpc.host in wrong.message:
                raise
            raise Misconfigured(f"node {rpc.host}: {wrong.message}") from wrong

    def second_opinion(self, anchors: Sequence[Anchor], heads: Sequence[PublishedHead] = ()) -> Opinion:
        return self._further.second_opinion(anchors, heads)

    def opinion_on_nonce(self, signer: Address, nonce: int, number: int, attempts: Sequence[TxHash]) -> Opinion:
        return self._further.opinion_on_nonce(signer, nonce, number, attempts)

    def still_shown(self, block: BlockPlace) -> tuple[str, ...]:
        return self._further.still_shown(block)

    def bundle(self, anchor: Anchor) -> Bundle:
        return checked_bundle(self._answering, self._registry, anchor)

    @property
    def signer(self) -> Address:
        return self._signer.address

    def transaction_count(self, at: Head) -> int:
        return read_number(self._read("eth_getTransactionCount", self.signer, pinned(at)))

    def balance(self, at: Head) -> int:
        return read_number(self._read("eth_getBalance", self.signer, pinned(at)))

    def gas_price(self, policy: FeePolicy) -> int | None:
        return read_number(self._read("eth_gasPrice")) if policy is FeePolicy.LEGACY else None

    def calldata(self, roots: Sequence[RootToAnchor], heads: Sequence[HeadToPublish] = ()) -> bytes:
        calls = [encode_call("anchor(bytes32,uint64)", [root.root, root.leaf_count]) for root in roots]
        calls += [
            encode_call("publishStatusList(bytes32,uint64,bytes32)", [head.list_id, head.version, head.digest]) for head in heads
        ]
        return calls[0] if len(calls) == 1 else encode_call("multicall(bytes[])", [calls])

    def raw_calldata(self, root: Root) -> bytes | None:
        return None if root[:4] in anchor_registry().selectors else bytes(root)

    def gas_limit(self, roots: Sequence[RootToAnchor], heads: Sequence[HeadToPublish] = ()) -> int:
        return self._gas.base + self._gas.per_root * len(roots) + self._gas.per_head * len(heads)

    def check_call(self, calldata: bytes, gas_limit: int, at: Head) -> None:
        call = {"from": self.signer, "to": self._registry.contract, "data": to_hex(calldata), "gas": hex(gas_limit)}
        try:
            self._rpc.read("eth_call", call, pinned(at))
        except RpcRefusal as refused:
            reason = revert_reason(refused)
            if refused.is_about_block or refused.is_about_rate or refused.code == _LIMIT_EXCEEDED:
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
        raw, tx_hash = sign_as_asked(self._signer, transaction)
        return Attempt(
            tx_hash=tx_hash,
            raw=raw,
            max_fee_wei=fee.max_fee_wei,
            tip_wei=fee.tip_wei,
            signed_at=now,
            head_number=at.block.number,
        )

    def broadcast(self, attempt: Attempt) -> Broadcast:
        answers = [(rpc.host, _send(rpc, attempt)) for rpc in self._answering]
        best = min((answer.reception for _, answer in answers), key=list(Reception).index)
        words = [answer.words if len(self._nodes) == 1 else f"{host}: {answer.words}" for host, answer in answers]
        return Broadcast(reception=best, words="; ".join(words))


def _send(rpc: JsonRpc, attempt: Attempt) -> Broadcast:
    try:
        answer = rpc.send("eth_sendRawTransaction", to_hex(attempt.raw))
    except RpcRefusal as refused:
        return Broadcast(reception=classify(refused.message), words=excerpt(refused.message))
    except LedgerUnavailable as silent:
        return Broadcast(reception=Reception.SILENCE, words=excerpt(silent.message))
    if answer != to_hex(attempt.tx_hash):
        return Broadcast(reception=Reception.SILENCE, words=f"the node names another hash: {excerpt(str(answer))}")
    return Broadcast(reception=Reception.ACCEPTED, words="accepted")


def revert_reason(refused: RpcRefusal) -> str:
    """The contract's own error by name with its values, else the node's words."""
    for error in (item for item in anchor_registry().abi if item["type"] == "error"):
        types = [argument["type"] for argument in error["inputs"]]
        selector = to_hex(keccak(text=f"{error['name']}({','.join(types)})")[:4])
        if refused.data and refused.data.startswith(selector):
            try:
                values = decode(types, unhex("0x" + refused.data[len(selector) :]))
            except (DecodingError, ValueError):
                break  # a node that cuts the data short has words all the same
            shown = [to_hex(value) if isinstance(value, bytes) else str(value) for value in values]
            return f"{error['name']}({', '.join(shown)})"
    return excerpt(refused.message)
