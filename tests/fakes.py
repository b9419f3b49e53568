"""What stands in for a ledger in tests: a client of a chain in memory, and a clock that keeps it going."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from anchoring.core.batch import Anchor, Attempt, BlockPlace, HeadToPublish, PublishedHead, RootToAnchor
from anchoring.core.bundle import Bundle, StateProof
from anchoring.core.fees import Fee, FeePolicy
from anchoring.core.finality import FinalityRule
from anchoring.core.proof import Registry
from anchoring.errors import LedgerUnavailable, Misconfigured, VerificationError
from anchoring.ledger.broadcast_answers import classify
from anchoring.ledger.second_opinion import FurtherNodes
from anchoring.ports.ledger import Broadcast, Head, LedgerIdentity, Opinion, Receipt, Reception, RecordedAnchor, StatusHead
from anchoring.types import Address, BlockHash, ListId, Root, TxHash
from tests.factories import FrozenClock
from tests.fake_chain import OURS, Block, FakeChain, Signed, encode_calls, sign
from tests.faults import Faults

FINALIZED_BEHIND = 2


class FakeLedger:
    """Implements ports.Ledger on a fake chain.

    `lag`: how many of the newest blocks this client's node has not seen yet. `is_silent`: it answers nothing. `further`: other
    nodes that are asked for a second opinion, each with a chain of its own or the same. `proves_storage`: knows `eth_getProof`.
    """

    def __init__(self, chain: FakeChain, faults: Faults | None = None, signer: Address = OURS) -> None:
        self.chain = chain
        self.faults = faults or Faults()
        self.lag = 0
        self.node = "first:8545"
        self.is_silent = False
        self.proves_storage = True
        self.lacks_bundles = False
        self.further: list[FakeLedger] = []
        self.signer = signer

    @property
    def registry(self) -> Registry:
        return self.chain.registry

    def identity(self) -> LedgerIdentity:
        with self._asked("identity"):
            genesis = self.chain.blocks[0].place.hash
            return LedgerIdentity(registry=self.registry, genesis_hash=genesis, code_hash=self.chain.code_hash)

    def head(self) -> Head:
        with self._asked("head"):
            newest = self._seen()[-1]
            return Head(block=newest.place, time=newest.time, base_fee_wei=self.chain.base_fee_wei)

    def final_height(self, head: Head, rule: FinalityRule) -> int:
        if isinstance(rule.by, int):
            return head.block.number - rule.by
        with self._asked("final_height"):
            if not self.chain.knows_tags:
                raise Misconfigured(f"the node does not know the block tag {rule}")
            return max(0, self._seen()[-1].place.number - FINALIZED_BEHIND)

    def block_hash(self, number: int) -> BlockHash | None:
        with self._asked("block_hash"):
            seen = self._seen()
            return seen[number].place.hash if number < len(seen) else None

    def recorded_anchor(self, root: Root, at: Head) -> RecordedAnchor | None:
        with self._asked("recorded_anchor"):
            anchor = self._at(at).anchors.get(root)
            if anchor is None:
                return None
            return RecordedAnchor(
                sequence=anchor.sequence,
                anchored_at=anchor.anchored_at,
                block_number=anchor.block.number,
                leaf_count=anchor.leaf_count,
            )

    def find_anchor(self, root: Root, at: Head) -> Anchor | None:
        with self._asked("find_anchor"):
            return self._at(at).anchors.get(root)

    def anchor_count(self, at: Head) -> int:
        with self._asked("anchor_count"):
            return len(self._at(at).anchors)

    def anchors(self, first_block: int, last_block: int) -> Iterator[Anchor]:
        with self._asked("anchors"):
            blocks = self._seen()[first_block : last_block + 1]
        yield from (anchor for block in blocks for receipt in block.receipts.values() for anchor in receipt.anchors)

    def status_head(self, list_id: ListId, at: Head) -> StatusHead | None:
        with self._asked("status_head"):
            head = self._at(at).heads.get(list_id)
            if head is None:
                return None
            return StatusHead(version=head.version, published_at=head.published_at, digest=head.digest)

    def find_head(self, list_id: ListId, at: Head) -> PublishedHead | None:
        with self._asked("find_head"):
            return self._at(at).heads.get(list_id)

    def heads(self, first_block: int, last_block: int) -> Iterator[PublishedHead]:
        with self._asked("heads"):
            blocks = self._seen()[first_block : last_block + 1]
        yield from (head for block in blocks for receipt in block.receipts.values() for head in receipt.heads)

    def transaction_count(self, at: Head) -> int:
        with self._asked("transaction_count"):
            return self._at(at).counts.get(self.signer, 0)

    def transactions_of(self, signer: Address, number: int) -> int:
        with self._asked("transactions_of"):
            seen = self._seen()
            if number >= len(seen):
                raise LedgerUnavailable(f"the node has no block {number} yet")
            return seen[number].counts.get(signer, 0)

    def balance(self, at: Head) -> int:
        with self._asked("balance"):
            return self.chain.balance_wei

    def gas_price(self, policy: FeePolicy) -> int | None:
        if policy is not FeePolicy.LEGACY:
            return None
        with self._asked("gas_price"):
            return self.chain.gas_price_wei

    def calldata(self, roots: Sequence[RootToAnchor], heads: Sequence[HeadToPublish] = ()) -> bytes:
        anchored = [(root.root, root.leaf_count) for root in roots]
        return encode_calls([*anchored, *((head.list_id, head.version, head.digest) for head in heads)])

    def raw_calldata(self, root: Root) -> bytes | None:
        return None if root[:4] in self.chain.selectors else encode_calls([(root, 0)])

    def gas_limit(self, roots: Sequence[RootToAnchor], heads: Sequence[HeadToPublish] = ()) -> int:
        return 80_000 + 45_000 * len(roots) + 65_000 * len(heads)

    def check_call(self, calldata: bytes, gas_limit: int, at: Head) -> None:
        with self._asked("check_call"):
            signed = Signed.from_raw(sign(self.signer, 0, calldata, fee=0))
            self.chain.run(signed, self._at(at), at.block, at.time)

    def sign(self, calldata: bytes, *, nonce: int, gas_limit: int, fee: Fee, at: Head, now: datetime) -> Attempt:
        with self._asked("sign"):
            raw = sign(self.signer, nonce, calldata, fee=fee.max_fee_wei)
            return Attempt(
                tx_hash=Signed.from_raw(raw).tx_hash,
                raw=raw,
                max_fee_wei=fee.max_fee_wei,
                tip_wei=fee.tip_wei,
                signed_at=now,
                head_number=at.block.number,
            )

    def broadcast(self, attempt: Attempt) -> Broadcast:
        try:
            with self._asked("broadcast"):
                words = self.chain.accept(attempt.raw)
        except LedgerUnavailable as silent:
            return Broadcast(reception=Reception.SILENCE, words=silent.message)
        return Broadcast(reception=Reception.ACCEPTED if words == "accepted" else classify(words), words=words)

    def bundle(self, anchor: Anchor) -> Bundle:
        """Such as its chain would make: the tests of the real ledger say what is in one."""
        with self._asked("bundle"):
            seen = self._seen()
            if self.lacks_bundles or anchor.block.number >= len(seen) or seen[anchor.block.number].place != anchor.block:
                raise LedgerUnavailable(f"node {self.node} does not have block {anchor.block.number}")
            return fake_bundle(anchor, proves_storage=self.proves_storage)

    def second_opinion(self, anchors: Sequence[Anchor], heads: Sequence[PublishedHead] = ()) -> Opinion:
        assert self.faults.open_units == 0
        return self._further().second_opinion(anchors, heads)

    def opinion_on_nonce(self, signer: Address, nonce: int, number: int, attempts: Sequence[TxHash]) -> Opinion:
        with self._asked("opinion_on_nonce"):
            return self._further().opinion_on_nonce(signer, nonce, number, attempts)

    def still_shown(self, block: BlockPlace) -> tuple[str, ...]:
        assert self.faults.open_units == 0
        return self._further().still_shown(block)

    def _further(self) -> FurtherNodes:
        return FurtherNodes(self.further, configured=len(self.further), first=self.node)

    def receipt(self, tx_hash: TxHash) -> Receipt | None:
        with self._asked("receipt"):
            return next((block.receipts[tx_hash] for block in self._seen() if tx_hash in block.receipts), None)

    @contextmanager
    def _asked(self, name: str) -> Iterator[None]:
        assert self.faults.open_units == 0, f"a unit of work is open during {name}"
        if self.is_silent:
            raise LedgerUnavailable(f"node {self.node} did not answer {name}")
        with self.faults.effect(name, LedgerUnavailable):
            yield

    def _seen(self) -> list[Block]:
        return self.chain.blocks[: len(self.chain.blocks) - self.lag]

    def _at(self, head: Head) -> Block:
        seen = self._seen()
        if head.block.number >= len(seen) or seen[head.block.number].place != head.block:
            raise LedgerUnavailable(f"the node no longer has block {head.block.number}")
        return seen[head.block.number]


def fake_bundle(anchor: Anchor, *, proves_storage: bool = True) -> Bundle:
    """Says what the real one proves."""
    numbers = (anchor.sequence, anchor.leaf_count, anchor.block.number, int(anchor.anchored_at.timestamp()))
    said = (anchor.root, anchor.transaction, bytes.fromhex(anchor.anchored_by[2:]), b"".join(one.to_bytes(8) for one in numbers))
    state = StateProof(account=(anchor.block.hash,), storage=(anchor.root,)) if proves_storage else None
    return Bundle(header=anchor.block.hash, index=0, receipt=said, state=state)


def anchor_from_fake(bundle: Bundle, root: Root, transaction: TxHash, registry: Registry, block_hash: BlockHash) -> Anchor:
    """As `anchor_from_bundle` of the real ledger."""
    said_root, said_transaction, anchored_by, numbers = bundle.receipt
    if (bundle.header, said_root, said_transaction) != (block_hash, root, transaction):
        raise VerificationError("the bundle is of another anchor")
    sequence, leaf_count, number, time = (int.from_bytes(numbers[start : start + 8]) for start in range(0, 32, 8))
    return Anchor(
        root=root,
        sequence=sequence,
        leaf_count=leaf_count,
        anchored_by=Address("0x" + anchored_by.hex()),
        transaction=transaction,
        block=BlockPlace(number=number, hash=block_hash),
        anchored_at=datetime.fromtimestamp(time, UTC),
    )


class Mines(Protocol):
    """Whatever has blocks made when it is told to."""

    def mine(self) -> None: ...


class MiningClock(FrozenClock):
    """While somebody sleeps, the ledger mines a block."""

    def __init__(self, chain: Mines) -> None:
        super().__init__()
        self._chain = chain

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._chain.mine()
