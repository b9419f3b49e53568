"""Fetching what proves an anchor without a node, from a node that has it (`offline.py` checks it)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import rlp
from trie.hexary import HexaryTrie

from anchoring.core.batch import Anchor, BatchState
from anchoring.core.bundle import Bundle, StateProof
from anchoring.core.proof import AnchorClaim, Registry
from anchoring.errors import LedgerUnavailable, VerificationError
from anchoring.ledger.answers import excerpt, read_number, unhex
from anchoring.ledger.headers import hash_of_header
from anchoring.ledger.offline import anchor_from_bundle, receipt_key, storage_key
from anchoring.ledger.rpc import JsonRpc, RpcRefusal
from anchoring.types import Root, to_hex

_BYTES, _NUMBER = False, True
_HEADER: Final = {
    "parentHash": _BYTES,
    "sha3Uncles": _BYTES,
    "miner": _BYTES,
    "stateRoot": _BYTES,
    "transactionsRoot": _BYTES,
    "receiptsRoot": _BYTES,
    "logsBloom": _BYTES,
    "difficulty": _NUMBER,
    "number": _NUMBER,
    "gasLimit": _NUMBER,
    "gasUsed": _NUMBER,
    "timestamp": _NUMBER,
    "extraData": _BYTES,
    "mixHash": _BYTES,
    "nonce": _BYTES,
}
_LATER: Final = {
    "baseFeePerGas": _NUMBER,
    "withdrawalsRoot": _BYTES,
    "blobGasUsed": _NUMBER,
    "excessBlobGas": _NUMBER,
    "parentBeaconBlockRoot": _BYTES,
    "requestsHash": _BYTES,
}
"""Fields that upgrades of Ethereum added, in the order of their coming."""


def checked_bundle(nodes: Sequence[JsonRpc], registry: Registry, anchor: Anchor) -> Bundle:
    """Implements ports.Ledger.bundle. `nodes`: one or more, asked in turn until one proves the storage as well."""
    by_receipt: Bundle | None = None
    failed: list[LedgerUnavailable] = []
    for rpc in nodes:
        try:
            bundle = _checked(rpc, registry, anchor)
        except LedgerUnavailable as unavailable:
            failed.append(unavailable)
            continue
        if bundle.state is not None:
            return bundle
        by_receipt = by_receipt or bundle
    if by_receipt is None:
        raise failed[0]
    return by_receipt


def _checked(rpc: JsonRpc, registry: Registry, anchor: Anchor) -> Bundle:
    """Without its proof of storage where that does not hold: some nodes make it of another block."""
    whole = fetch_bundle(rpc, anchor.root, AnchorClaim.of(anchor, BatchState.CONFIRMED, registry))
    why = VerificationError("it proves another anchor")
    for bundle in (whole, replace(whole, state=None)):
        try:
            if anchor_from_bundle(bundle, anchor.root, anchor.transaction, registry, anchor.block.hash) == anchor:
                return bundle
        except VerificationError as wrong:
            why = wrong
    raise LedgerUnavailable(f"node {rpc.host} gave a bundle that does not hold: {why.message}")


def fetch_bundle(rpc: JsonRpc, root: Root, claim: AnchorClaim) -> Bundle:
    """What proves that the root is anchored as it is claimed. `state`: None where the node gives no `eth_getProof` of that block.

    Raises: LedgerUnavailable when the node does not have the block, or hashes headers as none of the ledgers known here.
    """
    block = _read(rpc, "eth_getBlockByHash", to_hex(claim.block_hash), False)
    if not isinstance(block, dict):
        raise LedgerUnavailable(f"node {rpc.host} does not have block {to_hex(claim.block_hash)}")
    try:
        header = rlp.encode([_field(block[name], kind) for name, kind in _HEADER.items()] + _later_fields(block))
        if hash_of_header(header) != claim.block_hash:
            raise LedgerUnavailable(
                f"the headers of {claim.registry.ledger} are hashed in a way that is not known here: no bundle can be made"
            )
        hashes = [str(one) for one in block["transactions"]]
        index = hashes.index(to_hex(claim.transaction))
        receipts = _receipts(rpc, to_hex(claim.block_hash), hashes)
        receipt, state = _receipt_proof(rpc, block, receipts, index), _state(rpc, root, claim)
        return Bundle(header=header, index=index, receipt=receipt, state=state)
    except (KeyError, TypeError, AttributeError, ValueError) as malformed:
        raise LedgerUnavailable(f"node {rpc.host} answered with a malformed block, receipt or proof") from malformed


def _later_fields(block: dict[str, Any]) -> list[bytes | int]:
    return [_field(block[name], kind) for name, kind in _LATER.items() if block.get(name) is not None]


def _field(value: Any, is_number: bool) -> bytes | int:
    return read_number(value) if is_number else unhex(value)


def _receipts(rpc: JsonRpc, block_hash: str, transactions: list[str]) -> list[Any]:
    """All of the block; one by one where the node does not give them together."""
    try:
        receipts = rpc.read("eth_getBlockReceipts", block_hash)
    except RpcRefusal:
        receipts = None
    return list(receipts or (_read(rpc, "eth_getTransactionReceipt", one) for one in transactions))


def _receipt_proof(rpc: JsonRpc, block: dict[str, Any], receipts: list[Any], index: int) -> tuple[bytes, ...]:
    trie = HexaryTrie({})
    for place, receipt in enumerate(receipts):
        trie[receipt_key(place)] = _encode_receipt(receipt)
    if trie.root_hash != unhex(block["receiptsRoot"]):
        raise LedgerUnavailable(f"node {rpc.host} gave receipts that do not belong to the block")
    return tuple(rlp.encode(node) for node in trie.get_proof(receipt_key(index)))


def _encode_receipt(receipt: dict[str, Any]) -> bytes:
    logs = [[unhex(log["address"]), [unhex(topic) for topic in log["topics"]], unhex(log["data"])] for log in receipt["logs"]]
    content = [read_number(receipt["status"]), read_number(receipt["cumulativeGasUsed"]), unhex(receipt["logsBloom"]), logs]
    kind = read_number(receipt.get("type", "0x0"))
    return (bytes([kind]) if kind else b"") + bytes(rlp.encode(content))


def _state(rpc: JsonRpc, root: Root, claim: AnchorClaim) -> StateProof | None:
    """Old state is not kept by every node: then the receipt has to do."""
    try:
        answer = rpc.read("eth_getProof", claim.registry.contract, [to_hex(storage_key(root))], hex(claim.block_number))
    except RpcRefusal as refused:
        if refused.is_about_rate:
            raise LedgerUnavailable(f"node {rpc.host} refused eth_getProof: {excerpt(refused.message)}") from refused
        return None
    [word] = answer["storageProof"]
    return StateProof(
        account=tuple(unhex(node) for node in answer["accountProof"]), storage=tuple(unhex(node) for node in word["proof"])
    )


def _read(rpc: JsonRpc, method: str, *params: Any) -> Any:
    try:
        return rpc.read(method, *params)
    except RpcRefusal as refused:
        raise LedgerUnavailable(f"node {rpc.host} refused {method}: {excerpt(refused.message)}") from refused
