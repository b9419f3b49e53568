"""A chain in memory that mines, forks and forgets on demand, with one registry contract on it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from anchoring.core.batch import Anchor, BlockPlace, PublishedHead
from anchoring.core.proof import Registry
from anchoring.errors import LedgerRejected
from anchoring.ports.ledger import Receipt
from anchoring.types import Address, BlockHash, CodeHash, Digest, ListId, Root, TxHash, to_hex
from tests.factories import NOON
from tests.injections import injected

OURS = Address("0x" + "a1" * 20)
ANOTHER = Address("0x" + "b2" * 20)
CONTRACT = Address("0x" + "c3" * 20)
GAS_USED = 55_000

Call = tuple[Root, int] | tuple[ListId, int, Digest]
"""A root with its leaf count, or a list with its version and head."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A signed transaction; its bytes are JSON, and anyone may sign for anyone."""

    sender: Address
    nonce: int
    max_fee_wei: int
    calls: tuple[Call, ...]
    tx_hash: TxHash
    raw: bytes

    @classmethod
    def from_raw(cls, raw: bytes) -> "Signed":
        content = json.loads(raw)
        return cls(
            sender=Address(content["from"]),
            nonce=content["nonce"],
            max_fee_wei=content["fee"],
            calls=_decode_calls(bytes.fromhex(content["data"])),
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
    heads: Mapping[ListId, PublishedHead]
    counts: Mapping[Address, int]


class FakeChain:
    """A node, its pool and one registry contract. Nothing is mined until `mine`.

    `reverts`: words with which every call reverts from now on. `is_silent`: the contract is gone, calls succeed and log nothing.
    `refuses`: words with which every broadcast is refused.
    `is_full`: blocks have no room for anything of the pool. `selectors`: roots that begin so would call a function.
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
        self.selectors: frozenset[bytes] = frozenset()
        self.broadcasts = 0
        self._branch = 0
        self._pool: dict[tuple[Address, int], Signed] = {}
        genesis = self._place(BlockPlace(number=-1, hash=BlockHash(bytes(32))), [])
        self.blocks = [Block(place=genesis, time=NOON, transactions=(), receipts={}, anchors={}, heads={}, counts={})]

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

    def send_as(self, sender: Address, calls: Sequence[Call] = (), *, nonce: int | None = None) -> None:
        """Another program's transaction, at the next nonce of that key unless told otherwise."""
        nonce = self.transaction_count(sender) if nonce is None else nonce
        self.accept(sign(sender, nonce, encode_calls(calls), fee=1))

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

    def head_events(self) -> Sequence[PublishedHead]:
        return [head for block in self.blocks for receipt in block.receipts.values() for head in receipt.heads]

    def block_hash(self, number: int) -> BlockHash | None:
        return self.blocks[number].place.hash if 0 <= number < len(self.blocks) else None

    def transaction_count(self, account: Address) -> int:
        return self.blocks[-1].counts.get(account, 0)

    def read_raw(self, raw: bytes) -> tuple[TxHash, Address]:
        signed = Signed.from_raw(raw)
        return signed.tx_hash, signed.sender

    # How it works.

    def run(self, signed: Signed, at: Block, place: BlockPlace, time: datetime) -> Receipt:
        """Execute a transaction on top of the anchors and heads of a block. Raises: LedgerRejected when it reverts."""
        if self.reverts is not None and signed.calls:
            raise LedgerRejected(self.reverts)
        made: dict[Root, Anchor] = {}
        published: dict[ListId, PublishedHead] = {}
        for call in signed.calls:
            if len(call) == 3:
                head = self._publish(call, signed, {**at.heads, **published}, place, time)
                published[head.list_id] = head
                continue
            root, leaf_count = call
            known = at.anchors.get(root) or made.get(root)
            if known:
                raise LedgerRejected(f"RootAlreadyAnchored({to_hex(root)}, {known.sequence})")
            made[root] = Anchor(
                root=root,
                sequence=len(at.anchors) + len(made) + 1,
                leaf_count=leaf_count,
                anchored_by=signed.sender,
                transaction=signed.tx_hash,
                block=place,
                anchored_at=time,
            )
        if self.is_silent:
            return _receipt(signed, place)
        return replace(_receipt(signed, place), anchors=tuple(made.values()), heads=tuple(published.values()))

    def _publish(
        self,
        call: tuple[ListId, int, Digest],
        signed: Signed,
        heads: Mapping[ListId, PublishedHead],
        place: BlockPlace,
        time: datetime,
    ) -> PublishedHead:
        list_id, version, digest = call
        newest = heads[list_id].version if list_id in heads else 0
        if version != newest + 1:
            raise LedgerRejected(f"StaleStatusVersion({to_hex(list_id)}, {newest}, {version})")
        return PublishedHead(
            list_id=list_id, version=version, digest=digest, transaction=signed.tx_hash, block=place, published_at=time
        )

    def _next_block(self) -> Block:
        parent = self.blocks[-1]
        counts, ready = dict(parent.counts), []
        for (sender, nonce), signed in sorted(self._pool.items()):
            if not self.is_full and nonce == counts.get(sender, 0) and signed.max_fee_wei >= (self.base_fee_wei or 0):
                counts[sender] = nonce + 1
                ready.append(signed)
        self._pool = {key: signed for key, signed in self._pool.items() if key[1] >= counts.get(key[0], 0)}
        place = self._place(parent.place, ready)
        time = NOON + timedelta(seconds=place.number)
        block = replace(parent, place=place, time=time, transactions=tuple(ready), receipts={}, counts=counts)
        for signed in ready:
            try:
                receipt = self.run(signed, block, place, time)
            except LedgerRejected:
                receipt = replace(_receipt(signed, place), succeeded=False)
            block = replace(
                block,
                receipts={**block.receipts, signed.tx_hash: receipt},
                anchors={**block.anchors, **{anchor.root: anchor for anchor in receipt.anchors}},
                heads={**block.heads, **{head.list_id: head for head in receipt.heads}},
            )
        return block

    def _place(self, parent: BlockPlace, transactions: Sequence[Signed]) -> BlockPlace:
        number = parent.number + 1
        content = [parent.hash, str((number, self._branch)).encode(), *(signed.tx_hash for signed in transactions)]
        return BlockPlace(number=number, hash=BlockHash(hashlib.sha256(b"|".join(content)).digest()))


def _receipt(signed: Signed, place: BlockPlace) -> Receipt:
    fee_wei = GAS_USED * signed.max_fee_wei
    return Receipt(succeeded=True, block=place, gas_used=GAS_USED, fee_wei=fee_wei, anchors=(), heads=())


def encode_calls(calls: Sequence[Call]) -> bytes:
    return json.dumps([[one.hex() if isinstance(one, bytes) else one for one in call] for call in calls]).encode()


def _decode_calls(calldata: bytes) -> tuple[Call, ...]:
    calls = json.loads(calldata or b"[]")
    return tuple(tuple(bytes.fromhex(one) if isinstance(one, str) else one for one in call) for call in calls)  # type: ignore[misc]


def sign(sender: Address, nonce: int, calldata: bytes, *, fee: int) -> bytes:
    return json.dumps({"from": sender, "nonce": nonce, "data": calldata.hex(), "fee": fee}).encode()
