"""The two ledgers that one suite runs on, each with somebody who makes things happen to it."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Protocol

from eth_account import Account
from eth_utils.crypto import keccak

from anchoring.core.batch import Anchor, Attempt, BlockPlace, HeadToPublish, PublishedHead, RootToAnchor
from anchoring.core.fees import Fee, FeePolicy, FeeRules
from anchoring.ledger.deployment import RegistryAdmin
from anchoring.ledger.evm import EvmLedger, GasRules
from anchoring.ledger.rpc import RpcRefusal
from anchoring.ledger.signer import LocalSigner, signer_from_key
from anchoring.ports.ledger import Ledger
from anchoring.types import (
    Address,
    BlockHash,
    Digest,
    ListId,
    Root,
    TxHash,
    as_block_hash,
    as_digest,
    as_list_id,
    as_root,
    as_tx_hash,
    parse_address,
    to_hex,
)
from tests.conftest import Anvil, run_anvil
from tests.factories import NOON, FrozenClock
from tests.fake_chain import ANOTHER, FakeChain
from tests.fakes import FakeLedger

FREE = ("--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee", "--balance", "0")
GAS = GasRules(base=80_000, per_root=45_000, per_head=65_000)
FREE_OF_CHARGE = Fee(max_fee_wei=0, tip_wei=None)
FREE_OF_FEES = FeeRules(policy=FeePolicy.ZERO, tip_wei=0, cap_wei=0)


class Network(Protocol):
    """A ledger under test and what can be done to it. Nothing is mined but by `mine`."""

    @property
    def ledger(self) -> Ledger: ...

    @property
    def other(self) -> Address:
        """Another key that may anchor."""

    def mine(self, blocks: int = 1) -> None: ...

    def reorg(self, depth: int) -> None:
        """Other blocks in the place of the newest; their transactions vanish."""

    def other_anchors(self, root: Root, leaf_count: int) -> None:
        """The other key anchors, in a block of its own."""

    def other_publishes(self, list_id: ListId, version: int, digest: Digest) -> None:
        """The other key publishes a head of a status list, likewise."""

    def take_nonce(self, nonce: int) -> None:
        """Another program uses our key."""


class FakeNetwork:
    """The ledger in memory."""

    def __init__(self) -> None:
        self.chain = FakeChain()
        self.ledger: Ledger = FakeLedger(self.chain)
        self.other = ANOTHER

    def mine(self, blocks: int = 1) -> None:
        self.chain.mine(blocks)

    def reorg(self, depth: int) -> None:
        self.chain.reorg(depth)

    def other_anchors(self, root: Root, leaf_count: int) -> None:
        self.chain.send_as(ANOTHER, [(root, leaf_count)])
        self.chain.mine()

    def other_publishes(self, list_id: ListId, version: int, digest: Digest) -> None:
        self.chain.send_as(ANOTHER, [(list_id, version, digest)])
        self.chain.mine()

    def take_nonce(self, nonce: int) -> None:
        self.chain.send_as(self.ledger.signer, nonce=nonce)


class AnvilNetwork:
    """A registry of its own on Anvil, anchored to by two keys; also an honest witness for `check_world`.

    `admin`: the registry's administrator. Deploying needs blocks by themselves; afterwards they come by `mine` alone.
    """

    def __init__(self, anvil: Anvil, *, fees: FeeRules = FREE_OF_FEES, funds_wei: int = 0) -> None:
        self.anvil = anvil
        self.signer, self._other, admin = fresh_key(), fresh_key(), fresh_key()
        for key in (self.signer, self._other, admin):
            anvil.rpc.send("anvil_setBalance", key.address, hex(funds_wei))
        self.admin = RegistryAdmin(anvil.rpc, admin, fees, PollingClock(), confirm_s=60)
        deployed = self.admin.deploy(admin=admin.address, anchorer=self.signer.address, admin_delay_s=0, predecessor=None)
        self.registry = deployed.registry
        self.admin.grant_anchorer(self.registry, self._other.address)
        self.ledger = EvmLedger(anvil.rpc, self.registry, self.signer, GAS)
        self._fees = fees
        anvil.rpc.send("evm_setAutomine", False)
        self.mine(10)  # no test forks the deployment away

    @property
    def other(self) -> Address:
        return self._other.address

    def mine(self, blocks: int = 1) -> None:
        self.anvil.rpc.send("anvil_mine", hex(blocks))

    def reorg(self, depth: int, *, to_pool: bool = False, instead: Sequence[bytes] = ()) -> None:
        """`to_pool`: what vanishes waits again. `instead`: signed transactions in the first of the new blocks."""
        orphaned = self.raw_of_newest(depth) if to_pool else []
        self.anvil.rpc.send("anvil_reorg", depth, [[to_hex(raw), 0] for raw in instead])
        for raw in orphaned:
            with suppress(RpcRefusal):  # it may offer too little by now
                self.anvil.rpc.send("eth_sendRawTransaction", raw)

    def head_number(self) -> int:
        return int(self.anvil.rpc.send("eth_blockNumber"), 16)

    def raw_of_newest(self, depth: int) -> list[str]:
        """The transactions of the newest blocks, as they were sent."""
        head = self.head_number()
        blocks = [self.anvil.rpc.send("eth_getBlockByNumber", hex(i), False) for i in range(head - depth + 1, head + 1)]
        return [self.anvil.rpc.send("eth_getRawTransactionByHash", tx) for block in blocks for tx in block["transactions"]]

    def forget_pool(self) -> None:
        """The node was restarted."""
        self.anvil.rpc.send("anvil_dropAllTransactions")

    def pooled(self) -> int:
        """How many transactions wait in the pool."""
        return int(self.anvil.rpc.send("txpool_status")["pending"], 16)

    def other_anchors(self, root: Root, leaf_count: int) -> None:
        assert self.other_sends([(root, leaf_count)]) == "accepted"
        self.mine()

    def other_publishes(self, list_id: ListId, version: int, digest: Digest) -> None:
        assert self.other_sends([], [(list_id, version, digest)]) == "accepted"
        self.mine()

    def other_sends(self, roots: Sequence[tuple[Root, int]], heads: Sequence[tuple[ListId, int, Digest]] = ()) -> str:
        """The other key's transaction, not mined yet; the node's answer."""
        ledger = EvmLedger(self.anvil.rpc, self.registry, self._other, GAS)
        fee = Fee(max_fee_wei=self._fees.cap_wei, tip_wei=None)
        return ledger.broadcast(sign_round(ledger, roots, heads, ledger.transaction_count(ledger.head()), fee)).words

    def take_nonce(self, nonce: int) -> None:
        self.anvil.rpc.send("eth_sendRawTransaction", to_hex(self.payment(nonce)))

    def payment(self, nonce: int) -> bytes:
        """A transaction that another program signed with our key."""
        payment = {"to": "0x" + "99" * 20, "value": 0, "nonce": nonce, "gas": 21_000, "gasPrice": 10 * self._fees.cap_wei}
        return self.signer.sign(payment | {"chainId": self.registry.chain_id})

    @contextmanager
    def rewound(self) -> Iterator["AnvilNetwork"]:
        """What happens here is undone afterwards."""
        snapshot = self.anvil.rpc.send("evm_snapshot")
        self.mine(10)  # Anvil does not go back to a block that a reorg took away
        yield self
        self.forget_pool()
        assert self.anvil.rpc.send("evm_revert", snapshot) is True

    def events(self) -> Sequence[Anchor]:
        return [self._event(log) for log in self._logs("RootAnchored(bytes32,uint64,uint64,address)")]

    def head_events(self) -> Sequence[PublishedHead]:
        return [self._head_event(log) for log in self._logs("StatusListPublished(bytes32,uint64,bytes32)")]

    def _logs(self, event: str) -> list[dict[str, Any]]:
        topics = [to_hex(keccak(text=event))]
        query = {"address": self.registry.contract, "topics": topics, "fromBlock": "0x0", "toBlock": "latest"}
        logs: list[dict[str, Any]] = self.anvil.rpc.send("eth_getLogs", query)
        return logs

    def _event(self, log: dict[str, Any]) -> Anchor:
        _, root, sequence, anchored_by = log["topics"]
        return Anchor(
            root=as_root(bytes.fromhex(root[2:])),
            sequence=int(sequence, 16),
            leaf_count=int(log["data"], 16),
            anchored_by=Address("0x" + anchored_by[-40:]),
            transaction=as_tx_hash(bytes.fromhex(log["transactionHash"][2:])),
            block=_place(log),
            anchored_at=self._time(log),
        )

    def _head_event(self, log: dict[str, Any]) -> PublishedHead:
        _, list_id, version = log["topics"]
        return PublishedHead(
            list_id=as_list_id(bytes.fromhex(list_id[2:])),
            version=int(version, 16),
            digest=as_digest(bytes.fromhex(log["data"][2:])),
            transaction=as_tx_hash(bytes.fromhex(log["transactionHash"][2:])),
            block=_place(log),
            published_at=self._time(log),
        )

    def _time(self, log: dict[str, Any]) -> datetime:
        block = self.anvil.rpc.send("eth_getBlockByHash", log["blockHash"], False)
        return datetime.fromtimestamp(int(block["timestamp"], 16), UTC)

    def block_hash(self, number: int) -> BlockHash | None:
        block = self.anvil.rpc.send("eth_getBlockByNumber", hex(number), False)
        return as_block_hash(bytes.fromhex(block["hash"][2:])) if block else None

    def transaction_count(self, account: Address) -> int:
        return int(self.anvil.rpc.send("eth_getTransactionCount", account, "latest"), 16)

    def read_raw(self, raw: bytes) -> tuple[TxHash, Address]:
        return as_tx_hash(keccak(raw)), parse_address(Account.recover_transaction(raw))


def _place(log: dict[str, Any]) -> BlockPlace:
    return BlockPlace(number=int(log["blockNumber"], 16), hash=as_block_hash(bytes.fromhex(log["blockHash"][2:])))


class PollingClock(FrozenClock):
    """Anvil answers before its block exists: a moment of real time passes."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.01)


def fresh_key() -> LocalSigner:
    return signer_from_key("0x" + secrets.token_hex(32))


def sign_anchors(ledger: Ledger, roots: Sequence[tuple[Root, int]], nonce: int, fee: Fee = FREE_OF_CHARGE) -> Attempt:
    """A signed transaction for these roots, free of charge unless told otherwise."""
    return sign_round(ledger, roots, [], nonce, fee)


def sign_round(
    ledger: Ledger,
    roots: Sequence[tuple[Root, int]],
    heads: Sequence[tuple[ListId, int, Digest]],
    nonce: int,
    fee: Fee = FREE_OF_CHARGE,
) -> Attempt:
    """… and for these heads of status lists."""
    to_anchor = [RootToAnchor(batch_id=i, root=root, leaf_count=leaf_count) for i, (root, leaf_count) in enumerate(roots)]
    to_publish = [
        HeadToPublish(version_id=i, list_id=list_id, version=version, digest=digest)
        for i, (list_id, version, digest) in enumerate(heads)
    ]
    calldata, gas_limit = ledger.calldata(to_anchor, to_publish), ledger.gas_limit(to_anchor, to_publish)
    return ledger.sign(calldata, nonce=nonce, gas_limit=gas_limit, fee=fee, at=ledger.head(), now=NOON)


@contextmanager
def anvil_network(*flags: str) -> Iterator[AnvilNetwork]:
    """A registry on an Anvil with these flags, or on one without fees."""
    with run_anvil(*flags or FREE) as anvil:
        yield AnvilNetwork(anvil)
