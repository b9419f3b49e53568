"""Whole rounds over JSON-RPC, against the real contract."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import stamina

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.bundle import Bundle
from anchoring.errors import LedgerRejected, LedgerUnavailable
from anchoring.jobs import Round
from anchoring.ledger.evm import EvmLedger
from anchoring.ledger.offline import anchor_from_bundle
from anchoring.ledger.rpc import JsonRpc
from anchoring.ports.entries import Entry
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import to_hex
from tests.factories import FrozenClock, add_issuer, post
from tests.installation import RULES, no_progress
from tests.networks import GAS, AnvilNetwork, anvil_network
from tests.rpc_proxy import Answer, Call, RpcProxy, rpc_proxy
from tests.world import check_world, rows

FINAL, SUBMITTED, SEALED = BatchState.FINAL, BatchState.SUBMITTED, BatchState.SEALED


class AnvilClock(FrozenClock):
    """While somebody sleeps, a block is mined."""

    def __init__(self, network: AnvilNetwork) -> None:
        super().__init__()
        self._network = network

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._network.mine()


class Scene:
    """Rounds that reach Anvil through a proxy, and what was acknowledged."""

    def __init__(self, store: SqlStore, network: AnvilNetwork, proxy: RpcProxy) -> None:
        self.store, self.network, self.proxy = store, network, proxy
        self.clock = AnvilClock(network)
        self.ledger = EvmLedger(JsonRpc(proxy.url, timeout_s=5), network.registry, network.signer, GAS)
        self.acknowledged: list[Entry] = []
        self._issuer = add_issuer(store)

    def post(self, *numbers: int) -> None:
        self.acknowledged += post(self.store, self._issuer, *numbers)

    def round(self, *, follow_s: float = 10) -> None:
        self.clock.advance(20)
        rules = replace(RULES, follow_s=follow_s)
        Round(self.store, self.ledger, self.clock, rules, holder="here", progress=no_progress).run()

    def states(self) -> list[str]:
        return [row.state for row in rows(self.store, tables.batch)]

    def check(self) -> None:
        check_world(self.store, self.network, self.acknowledged)


@pytest.fixture(scope="module")
def anvil_all_tests() -> Iterator[AnvilNetwork]:
    with anvil_network() as network:
        yield network


@pytest.fixture
def scene(store: SqlStore, anvil_all_tests: AnvilNetwork) -> Iterator[Scene]:
    with anvil_all_tests.rewound(), rpc_proxy(anvil_all_tests.anvil.url) as proxy:
        yield Scene(store, anvil_all_tests, proxy)


def test_round_takes_what_waits_to_final_in_one_transaction(scene):
    scene.post(*range(8))
    scene.round()
    assert scene.states() == [FINAL] * 3
    assert scene.proxy.calls.count("eth_sendRawTransaction") == 1
    assert not {"eth_gasPrice", "eth_maxPriorityFeePerGas", "eth_feeHistory", "eth_estimateGas"} & set(scene.proxy.calls)
    scene.check()
    scene.round()
    assert scene.proxy.calls.count("eth_sendRawTransaction") == 1  # nothing waits: nothing is sent


def kept_bundles(scene) -> list[Bundle]:
    """Of every batch, each found to prove the anchor that is recorded."""
    with scene.store.reading() as uow:
        anchors = [batch.anchor for batch in uow.batches.in_state("confirmed", "final", limit=100)]
        bundles = [uow.bundles.of(anchor.root, anchor.block.hash) for anchor in anchors]
    for bundle, anchor in zip(bundles, anchors, strict=True):
        assert anchor == anchor_from_bundle(bundle, anchor.root, anchor.transaction, scene.network.registry, anchor.block.hash)
    return bundles


def test_round_keeps_what_shows_its_anchors_without_a_node(scene):
    scene.post(*range(4))
    scene.round()
    assert [bundle.state is not None for bundle in kept_bundles(scene)] == [True, True]


def test_node_without_proofs_of_storage_or_with_wrong_ones_leaves_the_receipt(scene):
    proof_of_nothing = {"accountProof": ["0xc0"], "storageProof": [{"proof": ["0xc0"]}]}
    refuses = lambda call: call.error(-32601, "no such method") if call.method == "eth_getProof" else call.forward()  # noqa: E731
    deceives = lambda call: call.result(proof_of_nothing) if call.method == "eth_getProof" else call.forward()  # noqa: E731
    for number, rule in enumerate([refuses, deceives]):
        scene.proxy.rule = rule
        scene.post(number)
        scene.round()
    assert [bundle.state for bundle in kept_bundles(scene)] == [None, None]


def test_node_that_gives_no_receipts_leaves_the_bundle_to_a_later_round(scene):
    scene.post(1)
    with stamina.set_testing(True):
        scene.proxy.rule = lambda call: 503 if call.method == "eth_getBlockReceipts" else call.forward()
        scene.round()
    assert scene.states() == [FINAL]
    assert rows(scene.store, tables.anchor_bundle) == []
    scene.proxy.rule = Call.forward
    scene.round()
    assert len(kept_bundles(scene)) == 1


@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
def test_answer_to_the_broadcast_is_lost(scene, arrives):
    def loses_the_broadcast(call: Call) -> Answer:
        if call.method != "eth_sendRawTransaction":
            return call.forward()
        if arrives:
            call.forward()
        return 504

    scene.post(1, 2)
    scene.proxy.rule = loses_the_broadcast
    scene.round(follow_s=0)
    assert scene.states() == [SUBMITTED]
    scene.proxy.rule = Call.forward
    scene.round()
    assert scene.states() == [FINAL]
    assert len(rows(scene.store, tables.attempt)) == 1
    scene.check()


def test_pool_that_was_lost_gets_the_same_bytes_again(scene):
    scene.post(1)
    scene.round(follow_s=0)
    scene.network.anvil.rpc.send("anvil_dropAllTransactions")
    scene.round()
    assert scene.states() == [FINAL]
    assert len(rows(scene.store, tables.attempt)) == 1
    scene.check()


def test_reorg_of_confirmed_and_of_final_batches_is_healed(scene):
    scene.post(1, 2, 3, 4)
    scene.round(follow_s=0)
    scene.network.mine()
    scene.round(follow_s=0)
    scene.network.reorg(1)
    scene.round()
    assert scene.states() == [FINAL, FINAL]
    assert len(kept_bundles(scene)) == 2
    scene.check()
    scene.network.reorg(4)
    scene.round(follow_s=0)
    assert scene.states() == [SUBMITTED, SUBMITTED]
    scene.round()
    assert scene.states() == [FINAL, FINAL]
    scene.check()


def test_same_bytes_in_another_block_are_the_same_anchor_in_another_place(scene):
    scene.post(1)
    scene.round(follow_s=0)
    scene.network.mine(3)
    scene.round(follow_s=0)
    (attempt,) = rows(scene.store, tables.attempt)
    scene.network.anvil.rpc.send("anvil_reorg", 3, [[to_hex(attempt.raw), 1]])
    scene.round()
    assert scene.states() == [FINAL]
    scene.check()


def test_stranger_on_our_nonce_displaces_and_the_batch_goes_again(scene):
    scene.post(1)
    scene.round(follow_s=0)
    scene.network.anvil.rpc.send("anvil_dropAllTransactions")
    scene.network.take_nonce(0)
    scene.network.mine(4)
    scene.round()
    assert scene.states() == [FINAL]
    assert [row.state for row in rows(scene.store, tables.submission)] == [SubmissionState.DISPLACED, SubmissionState.FINAL]
    scene.check()


def test_root_that_stands_already_is_adopted_and_the_others_are_sent(scene):
    scene.post(1, 2, 3, 4)
    scene.proxy.rule = lambda call: 503
    with pytest.raises(LedgerUnavailable, match="did not answer"), stamina.set_testing(True):
        scene.round()
    scene.proxy.rule = Call.forward
    sealed = rows(scene.store, tables.batch)[0]
    scene.network.other_anchors(sealed.root, sealed.leaf_count)
    scene.round()
    assert scene.states() == [FINAL, FINAL]
    scene.check()
    assert [row.anchored_by for row in rows(scene.store, tables.batch)] == [scene.network.other, scene.network.signer.address]


def test_contract_that_reverts_gets_no_transaction(scene):
    scene.network.anvil.rpc.send("evm_setAutomine", True)
    scene.network.admin.revoke_anchorer(scene.network.registry, scene.network.signer.address)
    scene.network.anvil.rpc.send("evm_setAutomine", False)
    scene.post(1)
    with pytest.raises(LedgerRejected, match="AccessControlUnauthorizedAccount"):
        scene.round()
    assert scene.states() == [SEALED]
    assert rows(scene.store, tables.attempt) == []


def test_mined_and_reverted_is_given_up_at_final_depth(scene):
    scene.post(1)
    scene.round(follow_s=0)
    code = scene.network.anvil.rpc.send("eth_getCode", scene.network.registry.contract, "latest")
    scene.network.anvil.rpc.send("anvil_setCode", scene.network.registry.contract, "0x60006000fd")
    scene.network.mine()
    scene.network.anvil.rpc.send("anvil_setCode", scene.network.registry.contract, code)
    scene.round(follow_s=0)
    assert scene.states() == [SUBMITTED]
    scene.network.mine(3)
    scene.round()
    assert scene.states() == [FINAL]
    assert [row.state for row in rows(scene.store, tables.submission)] == [SubmissionState.REVERTED, SubmissionState.FINAL]
    scene.check()
