"""An installation with everything in reach that can befall it, on a ledger in memory and on Anvil: for the state machine of rounds."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeAlias

from anchoring.core.batch import BlockPlace
from anchoring.core.fees import FeePolicy, FeeRules
from anchoring.ports.entries import Entry
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address, BlockHash, Digest, ListId, Root, TxHash
from tests.anvil_installation import AnvilInstallation, open_quickly
from tests.fake_chain import ANOTHER, FakeChain, Signed, encode_calls, sign
from tests.fakes import FakeLedger
from tests.faults import Faults
from tests.installation import RULES, InstallationOn, with_fees
from tests.networks import AnvilNetwork
from tests.world import Witness

GWEI: Final = 10**9
MARKET: Final = FeeRules(policy=FeePolicy.MARKET, tip_wei=GWEI, cap_wei=100 * GWEI)
A_LOT_WEI: Final = 10_000 * GWEI


class History:
    """What the ledger ever showed: where each root and each head of a list stood, and how deep at most."""

    def __init__(self) -> None:
        self.depths: dict[tuple[Root | Digest, BlockHash], int] = defaultdict(int)

    def look(self, chain: Witness, head: int) -> None:
        shown: list[tuple[Root | Digest, BlockPlace]] = [(event.root, event.block) for event in chain.events()]
        shown += [(event.digest, event.block) for event in chain.head_events()]
        for what, block in shown:
            place = what, block.hash
            self.depths[place] = max(self.depths[place], head - block.number)


class RememberedChain(FakeChain):
    """In memory."""

    def __init__(self) -> None:
        self.history = History()
        super().__init__()

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            super().mine()
            self.history.look(self, self.blocks[-1].place.number)


class FakeBench:
    """On a ledger in memory. `strangers`: what others sent with our key."""

    def __init__(self, store: SqlStore) -> None:
        self.chain, faults = RememberedChain(), Faults()
        self.ledger = FakeLedger(self.chain, faults)
        self.here = InstallationOn(store, self.chain, self.ledger, faults, with_fees(RULES, MARKET))
        self.history = self.chain.history
        self.strangers: set[TxHash] = set()

    def mine(self, blocks: int) -> None:
        self.chain.mine(blocks)

    def reorg(self, depth: int, *, to_pool: bool) -> None:
        depth = min(depth, len(self.chain.blocks) - 1)
        orphaned = [sent for block in self.chain.blocks[-depth:] for sent in block.transactions] if depth else []
        if depth:
            self.chain.reorg(depth)
        for sent in orphaned:
            if to_pool:
                self.chain.accept(sent.raw)

    def forget_pool(self) -> None:
        self.chain.forget_pool()

    def stranger_takes(self, nonce: int) -> None:
        self._send(self.ledger.signer, nonce, b"[]")

    def other_anchors(self, root: Root, leaf_count: int) -> None:
        self._send(ANOTHER, self.chain.transaction_count(ANOTHER), encode_calls([(root, leaf_count)]))

    def other_publishes(self, list_id: ListId, version: int, digest: Digest) -> None:
        self._send(ANOTHER, self.chain.transaction_count(ANOTHER), encode_calls([(list_id, version, digest)]))

    def _send(self, sender: Address, nonce: int, calldata: bytes) -> None:
        raw = sign(sender, nonce, calldata, fee=A_LOT_WEI)
        self.strangers.add(Signed.from_raw(raw).tx_hash)
        self.chain.accept(raw)

    def set_base_fee(self, gwei: int) -> None:
        self.chain.base_fee_wei = gwei * GWEI

    def set_room(self, has_room: bool) -> None:
        self.chain.is_full = not has_room

    def set_lag(self, blocks: int) -> None:
        self.ledger.lag = min(blocks, len(self.chain.blocks) - 1)

    def sent_with_our_key(self) -> Iterable[TxHash]:
        mined = [sent for block in self.chain.blocks for sent in block.transactions]
        return {sent.tx_hash for sent in [*mined, *self.chain._pool.values()] if sent.sender == self.ledger.signer}


class RememberedNetwork(AnvilNetwork):
    """On Anvil; what it shows is written down at each block."""

    history: History

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            super().mine()
            if hasattr(self, "history"):
                self.history.look(self, self.head_number())


class AnvilBench:
    """The same on Anvil, whose node never lags."""

    def __init__(self, store: SqlStore, network: RememberedNetwork) -> None:
        self.network = network
        self.here = AnvilInstallation(store, network, with_fees(RULES, MARKET))
        self.history = network.history = History()
        self.strangers: set[TxHash] = set()

    def mine(self, blocks: int) -> None:
        self.network.mine(blocks)

    def reorg(self, depth: int, *, to_pool: bool) -> None:
        self.network.reorg(depth, to_pool=to_pool)
        self.history.look(self.network, self.network.head_number())

    def forget_pool(self) -> None:
        self.network.forget_pool()

    def stranger_takes(self, nonce: int) -> None:
        self.network.forget_pool()
        self.network.take_nonce(nonce)

    def other_anchors(self, root: Root, leaf_count: int) -> None:
        self.network.other_sends([(root, leaf_count)])

    def other_publishes(self, list_id: ListId, version: int, digest: Digest) -> None:
        self.network.other_sends([], [(list_id, version, digest)])

    def set_base_fee(self, gwei: int) -> None:
        self.network.anvil.rpc.send("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI))

    def set_room(self, has_room: bool) -> None:
        self.network.anvil.rpc.send("evm_setBlockGasLimit", hex(30_000_000 if has_room else 60_000))

    def set_lag(self, blocks: int) -> None:
        """Not here."""

    def sent_with_our_key(self) -> Iterable[TxHash]:
        return ()


Bench: TypeAlias = FakeBench | AnvilBench


class Backup:
    """A copy of an SQLite database, with what was acknowledged by then."""

    def __init__(self, path: Path, acknowledged: list[Entry]) -> None:
        self._path = path
        self._copy = path.with_suffix(".backup")
        self.acknowledged = list(acknowledged)
        self._copy.unlink(missing_ok=True)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(self._copy)) as copy:
            source.backup(copy)

    def restore(self, store: SqlStore) -> SqlStore:
        """Back in time; the store that a program which starts afterwards opens."""
        store.close()
        for left in self._path.parent.glob(self._path.name + "*"):
            left.unlink()
        self._path.write_bytes(self._copy.read_bytes())
        return open_quickly(self._path)
