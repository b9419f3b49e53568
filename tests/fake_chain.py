"""A chain in memory that mines, forks and forgets on demand, with one registry contract on it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from anchoring.core.batch import Anchor, BlockPlace
from anchoring.core.proof import Registry
from anchoring.errors import LedgerRejected
from anchoring.ports.ledger import Receipt
from anchoring.types import Address, BlockHash, CodeHash, Root, TxHash, as_root, to_hex
from tests.factories import NOON
from tests.injections import injected

OURS = Address("0x" + "a1" * 20)
ANOTHER = Address("0x" + "b2" * 20)
CONTRACT = Address("0x" + "c3" * 20)
GAS_USED = 55_000


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signed transaction; its bytes are JSON, and anyone may sign for anyone."""

    sender: Address
    nonce: int
    max_fee_wei: int
    calls: tuple[tuple[Root, int], ...]
    tx_hash: TxHash
    raw: bytes

    @classmethod
    def from_raw(cls, raw: bytes) -> "Signed":
        content = json.loads(raw)
        return cls(
            sender=Address(content["from"]),
            nonce=content["nonce"],
            max_fee_wei=content["fee"],
            calls=_decode_roots(bytes.fromhex(content["data"])),
            tx_hash=TxHash(hashlib.sha256(raw).digest()),
            raw=raw,
        )


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block with the state after it."""

    place: BlockPlace
    time: datetime
    transactions: tuple[Signed, ...]
    receipts: Mapping[TxHash, Receipt]
    anchors: Mapping[Root, Anchor]
    counts: Mapping[Address, int]


class FakeChain:
    """A node, its pool and one registry contract. Nothing is mined until `mine`.

    `reverts`: words with which every call reverts from now on. `is_silent`: the contract is gone, calls succeed and log nothing.
    `refuses`: words with which every broadcast is refused.
    `is_full`: blocks have no room for anything of the pool.
    """

    def __init__(self) -> None:
        self.registry = Registry(chain_id=31337, contract=CONTRACT)
        self.code_hash = CodeHash(hashlib.sha256(b"code").digest())
        self.base_fee_wei: int | None = 0
        self.gas_price_wei = 0
        self.balance_wei = 10**18
        self.reverts: str | None = None
        self.is_silent = False
        self.refuses: str | None = None
        self.knows_tags = True
        self.is_full = False
        self.broadcasts = 0
        self._branch = 0
        self._pool: dict[tuple[Address, int], Signed] = {}
        genesis = self._place(BlockPlace(number=-1, hash=BlockHash(bytes(32))), [])
        self.blocks = [Block(place=genesis, time=NOON, transactions=(), receipts={}, anchors={}, counts={})]

    # What happens to it.

    def accept(self, raw: bytes) -> str:
        """Take a signed transaction into the pool; the node's answer."""
        self.broadcasts += 1
        if self.refuses is not None:
            return self.refuses
        sent = Signed.from_raw(raw)
        if sent.nonce < self.transaction_count(sent.sender):
            return "nonce too low"
        pooled = self._pool.get((sent.sender, sent.nonce))
        if pooled and pooled.tx_hash == sent.tx_hash:
            return "transaction already imported"
        if pooled and pooled.max_fee_wei >= sent.max_fee_wei:
            return "replacement transaction underpriced"
        self._pool[sent.sender, sent.nonce] = sent
        return "accepted"

    def send_as(self, sender: Address, roots: Sequence[tuple[Root, int]] = (), *, nonce: int | None = None) -> None:
        """Another program's transaction, at the next nonce of that key unless told otherwise."""
        nonce = self.transaction_count(sender) if nonce is None else nonce
        self.accept(sign(sender, nonce, encode_roots(roots), fee=1))

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks; the first takes what the pool can give."""
        for _ in range(blocks):
            self.blocks.append(self._next_block())

    def reorg(self, depth: int, *, to_pool: bool = False) -> None:
        """Replace the newest blocks by empty ones; the height stays. `to_pool`: their transactions wait again."""
        injected()
        self._branch += 1
        orphaned, self.blocks = self.blocks[-depth:], self.blocks[:-depth]
        if to_pool:
            self._pool |= {(one.sender, one.nonce): one for block in orphaned for one in block.transactions}
        pool, self._pool = self._pool, {}
        self.mine(depth)
        self._pool = pool

    def forget_pool(self) -> None:
        """The node was restarted."""
        injected()
        self._pool.clear()

    # What it says to an honest reader (tests/world.py).

    def events(self) -> Sequence[Anchor]:
        """Every anchor of the canonical chain."""
        return [anchor for block in self.blocks for receipt in block.receipts.values() for anchor in receipt.anchors]

    def block_hash(self, number: int) -> BlockHash | None:
        return self.blocks[number].place.hash if 0 <= number < len(self.blocks) else None

    def transaction_count(self, account: Address) -> int:
        return self.blocks[-1].counts.get(account, 0)

    def read_raw(self, raw: bytes) -> tuple[TxHash, Address]:
        signed = Signed.from_raw(raw)
        return signed.tx_hash, signed.sender

    # How it works.

    def run(self, signed: Signed, place: BlockPlace, time: datetime, anchors: Mapping[Root, Anchor]) -> Receipt:
        """Execute a transaction on top of these anchors. Raises: LedgerRejected when it reverts."""
        if self.reverts is not None and signed.calls:
            raise LedgerRejected(self.reverts)
        made: dict[Root, Anchor] = {}
        for root, leaf_count in signed.calls:
            known = anchors.get(root) or made.get(root)
            if known:
                raise LedgerRejected(f"RootAlreadyAnchored({to_hex(root)}, {known.sequence})")
            made[root] = Anchor(
                root=root,
                sequence=len(anchors) + len(made) + 1,
                leaf_count=leaf_count,
                anchored_by=signed.sender,
                transaction=signed.tx_hash,
                block=place,
                anchored_at=time,
            )
        return _receipt(signed, place, () if self.is_silent else tuple(made.values()))

    def _next_block(self) -> Block:
        parent = self.blocks[-1]
        counts, ready = dict(parent.counts), []
        for (sender, nonce), signed in sorted(self._pool.items()):
            if not self.is_full and nonce == counts.get(sender, 0) and signed.max_fee_wei >= (self.base_fee_wei or 0):
                counts[sender] = nonce + 1
                ready.append(signed)
        self._pool = {key: signed for key, signed in self._pool.items() if key[1] >= counts.get(key[0], 0)}
        place = self._place(parent.place, ready)
        time, anchors = NOON + timedelta(seconds=place.number), dict(parent.anchors)
        receipts: dict[TxHash, Receipt] = {}
        for signed in ready:
            try:
                receipts[signed.tx_hash] = self.run(signed, place, time, anchors)
            except LedgerRejected:
                receipts[signed.tx_hash] = replace(_receipt(signed, place, ()), succeeded=False)
            anchors |= {anchor.root: anchor for anchor in receipts[signed.tx_hash].anchors}
        return Block(place=place, time=time, transactions=tuple(ready), receipts=receipts, anchors=anchors, counts=counts)

    def _place(self, parent: BlockPlace, transactions: Sequence[Signed]) -> BlockPlace:
        number = parent.number + 1
        content = [parent.hash, str((number, self._branch)).encode(), *(signed.tx_hash for signed in transactions)]
        return BlockPlace(number=number, hash=BlockHash(hashlib.sha256(b"|".join(content)).digest()))


def _receipt(signed: Signed, place: BlockPlace, anchors: tuple[Anchor, ...]) -> Receipt:
    return Receipt(succeeded=True, block=place, gas_used=GAS_USED, fee_wei=GAS_USED * signed.max_fee_wei, anchors=anchors)


def encode_roots(roots: Sequence[tuple[Root, int]]) -> bytes:
    return json.dumps([[root.hex(), leaf_count] for root, leaf_count in roots]).encode()


def _decode_roots(calldata: bytes) -> tuple[tuple[Root, int], ...]:
    return tuple((as_root(bytes.fromhex(root)), leaf_count) for root, leaf_count in json.loads(calldata or b"[]"))


def sign(sender: Address, nonce: int, calldata: bytes, *, fee: int) -> bytes:
    return json.dumps({"from": sender, "nonce": nonce, "data": calldata.hex(), "fee": fee}).encode()
