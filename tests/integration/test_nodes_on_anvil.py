"""Rounds that reach a real ledger through several endpoints: one lies, one is dead, one lags, one is on another ledger."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from itertools import cycle
from random import Random
from typing import Any

import pytest
import stamina
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from anchoring.core.batch import BatchState
from anchoring.errors import LedgerRejected, LedgerUnavailable, Misconfigured
from anchoring.jobs import Round
from anchoring.ledger.evm import EvmLedger
from anchoring.ledger.remote_signer import RemoteSigner
from anchoring.ledger.rpc import JsonRpc
from anchoring.ledger.signer import Signer
from anchoring.ports.entries import Entry
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import to_hex
from tests.conftest import run_anvil
from tests.factories import FrozenClock, add_issuer, post
from tests.installation import RULES, no_progress, with_finality
from tests.networks import FREE, GAS, AnvilNetwork, anvil_network, fresh_key
from tests.rpc_proxy import Answer, Call, RpcProxy, rpc_proxy
from tests.signing_server import signing_server, signs_with
from tests.world import check_world, rows

FINAL, CONFIRMED, SUBMITTED, SEALED = BatchState.FINAL, BatchState.CONFIRMED, BatchState.SUBMITTED, BatchState.SEALED


class Scene:
    """Short rounds through two endpoints of one ledger, a block after each, and what was acknowledged."""

    def __init__(self, store: SqlStore, network: AnvilNetwork, first: RpcProxy, second: RpcProxy) -> None:
        self.store, self.network, self.first, self.second = store, network, first, second
        self.clock = FrozenClock()
        self.rules = replace(RULES, follow_s=0)
        self.acknowledged: list[Entry] = []
        self._issuer = add_issuer(store)

    def ledger(self, *urls: str, signer: Signer | None = None) -> EvmLedger:
        first, *further = [JsonRpc(url, timeout_s=5) for url in urls or (self.first.url, self.second.url)]
        return EvmLedger(first, self.network.registry, signer or self.network.signer, GAS, further=further)

    def post(self, *numbers: int) -> None:
        self.acknowledged += post(self.store, self._issuer, *numbers)

    def rounds(self, times: int = 1, *, ledger: EvmLedger | None = None) -> None:
        for _ in range(times):
            self.clock.advance(20)
            one = ledger or self.ledger()
            Round(self.store, one, self.clock, self.rules, holder="here", progress=no_progress).run()
            self.network.mine()

    def states(self) -> list[str]:
        return [row.state for row in rows(self.store, tables.batch)]

    def details(self) -> list[str]:
        return [row.detail for row in rows(self.store, tables.round_record) if row.detail]

    def answers(self) -> list[str]:
        return [row.last_answer for row in rows(self.store, tables.attempt)]

    def check(self) -> None:
        check_world(self.store, self.network, self.acknowledged)


@pytest.fixture(scope="module")
def anvil_all_tests() -> Iterator[AnvilNetwork]:
    with anvil_network() as network:
        yield network


@pytest.fixture
def network(anvil_all_tests: AnvilNetwork) -> Iterator[AnvilNetwork]:
    with anvil_all_tests.rewound():
        yield anvil_all_tests


@pytest.fixture
def scene(store: SqlStore, network: AnvilNetwork) -> Iterator[Scene]:
    url = network.anvil.url
    with rpc_proxy(url) as first, rpc_proxy(url) as second, stamina.set_testing(True, attempts=3):
        yield Scene(store, network, first, second)


def name(proxy: RpcProxy) -> str:
    return f"127.0.0.1:{proxy.port}"


def test_two_nodes_that_agree_make_it_final_and_both_get_the_transaction(scene):
    scene.post(1, 2, 3, 4)
    scene.rounds(5)
    assert scene.states() == [FINAL, FINAL]
    assert scene.first.calls.count("eth_sendRawTransaction") == scene.second.calls.count("eth_sendRawTransaction") == 1
    assert scene.answers()[0].startswith(f"{name(scene.first)}: accepted; {name(scene.second)}: ")
    assert scene.details() == []
    scene.check()


# Whatever the node says to the broadcast, and whether or not it took it.


@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "words",
    [
        "transaction already imported",
        "nonce too low",
        "replacement transaction underpriced",
        "Insufficient funds for gas * price + value",
        "Sender account not authorized to send transactions",
        "Internal error",
    ],
)
def test_answer_to_the_broadcast_decides_nothing(scene, words, arrives):
    def says(call: Call) -> Answer:
        if call.method != "eth_sendRawTransaction":
            return call.forward()
        if arrives:
            call.forward()
        return call.error(-32003, words)

    scene.post(1)
    scene.first.rule = scene.second.rule = says
    with pytest.raises(LedgerRejected) if "not authorized" in words else nullcontext():
        scene.rounds()
    assert scene.states() == [SUBMITTED]
    scene.first.rule = scene.second.rule = Call.forward
    scene.rounds(6)
    assert scene.states() == [FINAL]
    assert len(rows(scene.store, tables.attempt)) == 1
    scene.check()


# L22: a node that lies.


class Forger:
    """A rule for a proxy: says that what was sent is mined in the newest block, with our event, and keeps it to itself."""

    def __init__(self, network: AnvilNetwork) -> None:
        self._network = network
        self._forged: dict[str, dict[str, Any]] = {}

    def __call__(self, call: Call) -> Answer:
        match call.method:
            case "eth_sendRawTransaction":
                return call.result(self._mine(bytes.fromhex(call.params[0][2:])))
            case "eth_getTransactionReceipt":
                return call.result(self._forged.get(call.params[0]))
            case "eth_call" if self._forged and call.params[0]["data"].startswith(to_hex(keccak(text="anchorOf(bytes32)")[:4])):
                return call.result(self._anchor_of(call.params[0]["data"][10:]))
            case _:
                return call.forward()

    def _mine(self, raw: bytes) -> str:
        block = self._network.anvil.rpc.send("eth_getBlockByNumber", "latest", False)
        tx_hash, signer = to_hex(keccak(raw)), self._network.signer.address
        calldata = raw[raw.index(keccak(text="anchor(bytes32,uint64)")[:4]) + 4 :][:64]
        topics = [
            to_hex(keccak(text="RootAnchored(bytes32,uint64,uint64,address)")),
            to_hex(calldata[:32]),
            "0x" + f"{1:064x}",
            "0x" + signer[2:].rjust(64, "0"),
        ]
        place = {"blockNumber": block["number"], "blockHash": block["hash"], "transactionHash": tx_hash}
        log = place | {"address": self._network.registry.contract, "topics": topics, "data": to_hex(calldata[32:])}
        self._time, self._number, self._count = (
            int(block["timestamp"], 16),
            int(block["number"], 16),
            int.from_bytes(calldata[32:]),
        )
        self._root = calldata[:32].hex()
        self._forged[tx_hash] = place | {"status": "0x1", "gasUsed": "0x1", "effectiveGasPrice": "0x0", "logs": [log]}
        return tx_hash

    def _anchor_of(self, root: str) -> str:
        found = (1, self._time, self._number, self._count) if root == self._root else (0, 0, 0, 0)
        return to_hex(encode(["uint64"] * 4, found))


def test_forged_receipt_alone_makes_a_single_node_believed(scene):
    scene.first.rule = Forger(scene.network)
    scene.post(1)
    scene.rounds(4, ledger=scene.ledger(scene.first.url))
    assert scene.states() == [FINAL]  # this is why there are two
    assert scene.network.events() == []


@pytest.mark.parametrize("second_gets_it", [True, False], ids=["second has it elsewhere", "second has nothing"])
def test_forged_receipt_is_never_final_where_a_second_node_is_asked(scene, second_gets_it):
    scene.first.rule = Forger(scene.network)
    if not second_gets_it:
        scene.second.rule = lambda call: 503 if call.method == "eth_sendRawTransaction" else call.forward()
    scene.post(1)
    scene.rounds(8)
    assert scene.states() == [CONFIRMED]
    assert len(scene.details()) >= 5
    assert f"node {name(scene.second)} does not show transaction 0x" in scene.details()[-1]
    assert f"against node {name(scene.first)}" in scene.details()[-1]
    assert not [secret for detail in scene.details() for secret in ("marker", "http") if secret in detail]


def test_forged_block_hash_is_never_final_where_a_second_node_is_asked(scene):
    def forges_the_block(call: Call) -> Answer:
        """Calls the block of our transaction otherwise, whoever asks about it by whatever name."""
        return replace(call, body=call.body.replace(forged, true)).forward().replace(true, forged)

    scene.post(1)
    scene.rounds(1)
    true = scene.network.anvil.rpc.send("eth_getBlockByNumber", "latest", False)["hash"][2:].encode()
    forged = b"ee" * 32
    scene.first.rule = forges_the_block
    scene.rounds(5)
    assert scene.states() == [CONFIRMED]
    assert f"node {name(scene.second)} shows block 0x{true.decode()}" in scene.details()[-1]


def test_false_reorg_takes_nothing_back(scene):
    scene.post(1)
    scene.rounds(5)
    assert scene.states() == [FINAL]
    (batch,) = rows(scene.store, tables.batch)
    scene.first.rule = lambda call: call.forward().replace(batch.block_hash.hex().encode(), b"ee" * 32)
    scene.rounds(3)
    assert scene.states() == [FINAL]
    assert f"node {name(scene.second)} still shows block {to_hex(batch.block_hash)}" in scene.details()[-1]
    scene.first.rule = Call.forward
    scene.rounds()
    scene.check()


# Nodes that are not there, or are not of this ledger.


def test_dead_first_node_does_not_stop_rounds(scene):
    scene.post(1)
    with rpc_proxy() as gone:
        dead = gone.url
    scene.rounds(4, ledger=scene.ledger(dead, scene.first.url, scene.second.url))
    assert scene.states() == [FINAL]
    assert f"{name(scene.first)}: accepted" in scene.answers()[0]
    scene.check()


def test_first_node_that_dies_in_a_round_is_replaced_in_the_next(scene):
    scene.post(1)
    ledger = scene.ledger()
    scene.first.rule = lambda call: 503 if call.method == "eth_getTransactionCount" else call.forward()
    with pytest.raises(LedgerUnavailable):
        scene.rounds(ledger=ledger)
    scene.first.rule = lambda call: 503
    scene.rounds(4, ledger=ledger)
    assert scene.states() == [CONFIRMED]  # the one that lives is alone
    scene.first.rule = Call.forward
    scene.rounds(1, ledger=ledger)
    assert scene.states() == [FINAL]
    scene.check()


def test_no_node_that_answers_is_said_of_the_first(scene):
    scene.first.rule = scene.second.rule = lambda call: 503
    with pytest.raises(LedgerUnavailable, match=f"node {name(scene.first)} did not answer eth_chainId: HTTP status 503"):
        scene.rounds()


def foreign_chain(call: Call) -> Answer:
    return call.result("0x5") if call.method == "eth_chainId" else call.forward()


def foreign_genesis(call: Call) -> Answer:
    answer = json.loads(call.forward())
    if call.method == "eth_getBlockByNumber" and call.params[0] == "0x0":
        answer["result"]["hash"] = "0x" + "ee" * 32
    return json.dumps(answer).encode()


def foreign_code(call: Call) -> Answer:
    return call.result("0x00") if call.method == "eth_getCode" else call.forward()


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (foreign_chain, "node {} is on chain 5, the registry is set to be on 31337"),
        (foreign_genesis, "node {} is on another ledger than node {}: the genesis blocks differ"),
        (foreign_code, "node {}: the code at eip155"),
    ],
)
def test_further_node_of_another_ledger_stops_the_round_and_is_named(scene, rule, said):
    scene.second.rule = rule
    scene.post(1)
    with pytest.raises(Misconfigured) as caught:
        scene.rounds()
    assert caught.value.message.startswith(said.format(name(scene.second), name(scene.first)))
    assert rows(scene.store, tables.attempt) == []


def test_further_node_without_the_contract_yet_counts_as_behind(scene):
    scene.second.rule = lambda call: call.result("0x") if call.method == "eth_getCode" else call.forward()
    scene.post(1)
    scene.rounds(5)
    assert scene.states() == [CONFIRMED]
    scene.second.rule = Call.forward
    scene.rounds()
    assert scene.states() == [FINAL]
    scene.check()


# L17, L28: heights that differ.


@pytest.fixture
def lagging(scene: Scene) -> Iterator[Callable[[], str]]:
    """Another Anvil with the same blocks, as they are when it is asked for; it stands still from then on."""
    with run_anvil(*FREE) as other:

        def load() -> str:
            other.rpc.send("evm_setAutomine", False)
            other.rpc.send("anvil_loadState", scene.network.anvil.rpc.send("anvil_dumpState"))
            return other.url

        yield load


@pytest.mark.parametrize("turns", ["in turn", "by chance"])
def test_balancer_between_nodes_of_different_heights_moves_nothing_backwards(scene, lagging, turns):
    behind = lagging()
    scene.post(1, 2)
    seen = []
    both = [behind, scene.network.anvil.url]
    chance = Random(1)
    nodes = cycle(both) if turns == "in turn" else iter(lambda: chance.choice(both), None)
    scene.first.rule = lambda call: replace(call, node=next(nodes)).forward()
    ledger = scene.ledger(scene.first.url)
    for _ in range(24):
        try:
            scene.rounds(ledger=ledger)
        except LedgerUnavailable:
            scene.network.mine()
        seen.append(scene.states()[0])
    assert turns == "in turn" or FINAL in seen  # in turn, one question may meet the node that is behind each time
    scene.rounds(5, ledger=scene.ledger(scene.network.anvil.url))
    seen.append(scene.states()[0])
    assert seen[-1] == FINAL
    order = [SEALED, SUBMITTED, CONFIRMED, FINAL]
    assert [order.index(state) for state in seen] == sorted(order.index(state) for state in seen)
    assert len(rows(scene.store, tables.attempt)) == 1
    scene.check()


def test_further_node_that_stands_still_says_nothing(scene, lagging):
    ledger = scene.ledger(scene.first.url, lagging())
    scene.post(1)
    scene.rounds(6, ledger=ledger)
    assert (scene.states(), scene.details()) == ([CONFIRMED], [])
    lagging()
    scene.rounds(1, ledger=ledger)
    assert scene.states() == [FINAL]
    scene.check()


def test_first_node_that_stands_still_is_waited_for_and_nothing_false_is_said(scene, lagging):
    scene.rules = with_finality(scene.rules, 0)
    ledger = scene.ledger(lagging(), scene.first.url)
    scene.post(1)
    scene.rounds(5, ledger=ledger)
    assert (scene.states(), scene.details()) == ([SUBMITTED], [])
    assert len(scene.network.events()) == 1  # the other node took the broadcast
    lagging()
    scene.rounds(2, ledger=ledger)
    assert scene.states() == [FINAL]
    assert len(rows(scene.store, tables.attempt)) == 1
    scene.check()


# L26, L27: a QBFT ledger.


def qbft(call: Call) -> Answer:
    """Headers with the validators' seals in them, and no tags."""
    if call.method == "eth_getBlockByNumber" and call.params[0] in {"finalized", "safe"}:
        return call.error(-39001, "Unknown block")
    answer = json.loads(call.forward())
    if call.method == "eth_getBlockByNumber" and answer["result"]:
        answer["result"]["extraData"] = "0x" + "f8" * 500
    return json.dumps(answer).encode()


def test_long_headers_and_no_tags_are_no_hindrance(scene):
    scene.first.rule = scene.second.rule = qbft
    scene.rules = with_finality(scene.rules, 0)
    scene.post(1)
    scene.rounds(3)
    assert scene.states() == [FINAL]
    scene.check()


def test_tag_that_the_node_does_not_know_stops_the_round_before_anything_is_signed(scene):
    scene.first.rule = qbft
    scene.post(1)
    with pytest.raises(Misconfigured, match=f"node {name(scene.first)} does not know the block tag finalized"):
        scene.rounds()
    assert rows(scene.store, tables.attempt) == []


def test_node_that_is_busy_is_not_one_that_does_not_know_the_tag(scene):
    def busy(call: Call) -> Answer:
        return call.error(-32603, "request timed out") if call.params[:1] == ["finalized"] else call.forward()

    scene.first.rule = busy
    scene.post(1)
    with pytest.raises(LedgerUnavailable, match="does not say what is finalized: request timed out"):
        scene.rounds()


# L33: the signer.


@pytest.mark.parametrize("works", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fault", ["silence", "error", "another nonce", "another key", "nonsense"])
def test_signer_that_fails_leaves_no_attempt_and_the_next_round_makes_one(scene, fault, works):
    honest, other = scene.network.signer, fresh_key()

    def fails(call: Call) -> Answer:
        if works:
            signs_with(honest)(call)  # it signed, and something else came back
        match fault:
            case "silence":
                return None
            case "error":
                return call.error(-32000, "No unlocked account matches the Sender")
            case "another nonce":
                return signs_with(honest, lambda transaction: transaction | {"nonce": transaction["nonce"] + 1})(call)
            case "another key":
                return signs_with(other)(replace(call, params=[call.params[0] | {"from": other.address}]))
            case _:
                return call.result("0x00")

    scene.post(1)
    with signing_server(honest) as server:
        signer = RemoteSigner(server.url, honest.address, timeout_s=5, max_bytes=100_000)
        ledger = scene.ledger(signer=signer)
        server.rule = fails
        with pytest.raises((LedgerRejected, LedgerUnavailable), match="signer "):
            scene.rounds(ledger=ledger)
        assert scene.states() == [SEALED]
        assert rows(scene.store, tables.attempt) == rows(scene.store, tables.submission) == []
        assert "eth_sendRawTransaction" not in scene.first.calls + scene.second.calls
        server.rule = signs_with(honest)
        scene.rounds(5, ledger=ledger)
    assert scene.states() == [FINAL]
    assert len(rows(scene.store, tables.attempt)) == 1
    scene.check()
