"""Whole rounds while the ledger misbehaves, over JSON-RPC against the real contract; faults.md says which row is which test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
import stamina

from anchoring.core.batch import BatchState
from anchoring.core.fees import FeePolicy, FeeRules
from anchoring.errors import AnchoringError, LedgerRejected, LedgerUnavailable, Misconfigured
from anchoring.ledger.evm import EvmLedger
from anchoring.ledger.rpc import JsonRpc
from anchoring.store import tables
from anchoring.types import to_hex
from tests.anvil_installation import ETHER, GWEI, AnvilInstallation, quick_sqlite
from tests.conftest import run_anvil
from tests.installation import LEASE_S, NO_FEES, RULES, with_fees
from tests.networks import FREE, GAS, AnvilNetwork
from tests.rpc_proxy import Answer, Call, RpcProxy, rpc_proxy
from tests.world import rows, served_proofs

FINAL, CONFIRMED, SUBMITTED, SEALED = BatchState.FINAL, BatchState.CONFIRMED, BatchState.SUBMITTED, BatchState.SEALED
MARKET: Final = FeeRules(policy=FeePolicy.MARKET, tip_wei=GWEI, cap_wei=100 * GWEI)
LEGACY: Final = FeeRules(policy=FeePolicy.LEGACY, tip_wei=0, cap_wei=100 * GWEI)
PATIENCE_S: Final = 60
ROOM, NO_ROOM = 30_000_000, 60_000


class Scene:
    """Rounds that reach Anvil through a proxy."""

    def __init__(self, here: AnvilInstallation, proxy: RpcProxy) -> None:
        self.here, self.proxy = here, proxy
        self.chain, self.rpc = here.chain, here.chain.anvil.rpc

    def look(self) -> None:
        """One round that does not wait."""
        self.here.clock.advance(LEASE_S + 1)
        self.here.make_round(rules=replace(self.here.rules, follow_s=0)).run()

    def attempts(self) -> list[tuple[int, int | None]]:
        """Highest fee and tip of each attempt, the lowest first."""
        made = [(int(row.max_fee_wei), row.tip_wei and int(row.tip_wei)) for row in rows(self.here.store, tables.attempt)]
        return sorted(made)

    def stays_out(self) -> None:
        """Time and blocks go by, and the transaction is in none of them."""
        self.here.clock.advance(PATIENCE_S)
        self.chain.mine(3)

    def makes_room(self, room: int = ROOM) -> None:
        self.rpc.send("evm_setBlockGasLimit", hex(room))

    def comes_to_rest(self, *, nonces: int = 1) -> None:
        self.here.rest()
        self.here.check()
        assert self.chain.transaction_count(self.here.ledger.signer) == nonces


@contextmanager
def staged(network: AnvilNetwork, fees: FeeRules, folder: Path) -> Iterator[Scene]:
    rules = with_fees(RULES, fees)
    rules = replace(rules, follow=replace(rules.follow, patience_s=PATIENCE_S))
    with rpc_proxy(network.anvil.url) as proxy, quick_sqlite(folder) as store:
        ledger = EvmLedger(JsonRpc(proxy.url, timeout_s=5), network.registry, network.signer, GAS)
        yield Scene(AnvilInstallation(store, network, rules, ledger), proxy)


@pytest.fixture(scope="module")
def free_network() -> Iterator[AnvilNetwork]:
    with run_anvil(*FREE) as anvil:
        yield AnvilNetwork(anvil)


@pytest.fixture(scope="module")
def market_network() -> Iterator[AnvilNetwork]:
    with run_anvil() as anvil:
        yield AnvilNetwork(anvil, fees=MARKET, funds_wei=1000 * ETHER)


@pytest.fixture
def free(free_network: AnvilNetwork, tmp_path: Path) -> Iterator[Scene]:
    with free_network.rewound(), staged(free_network, NO_FEES, tmp_path) as scene:
        yield scene


@pytest.fixture
def market(market_network: AnvilNetwork, tmp_path: Path) -> Iterator[Scene]:
    with market_network.rewound(), staged(market_network, MARKET, tmp_path) as scene:
        scene.makes_room()
        scene.rpc.send("anvil_setNextBlockBaseFeePerGas", hex(7 * GWEI))
        scene.chain.mine()
        yield scene


# --- fees and stuck transactions --------------------------------------------------------------------------------------


def asks_for_a_tenth_more(call: Call, offered: list[tuple[int, int]]) -> Answer:
    """As geth does: both fees of a replacement must rise by a tenth."""
    from eth_account.typed_transactions.typed_transaction import TypedTransaction
    from hexbytes import HexBytes

    if call.method == "eth_sendRawTransaction":
        sent = TypedTransaction.from_bytes(HexBytes(call.params[0])).as_dict()
        fee, tip = int(sent["maxFeePerGas"]), int(sent["maxPriorityFeePerGas"])
        if offered and (fee, tip) != offered[-1] and (fee * 10 < offered[-1][0] * 11 or tip * 10 < offered[-1][1] * 11):
            return call.error(-32000, "replacement transaction underpriced")
        offered.append((fee, tip))
    return call.forward()


def test_stuck_transaction_is_replaced_as_strict_nodes_ask_for_it(market):
    offered: list[tuple[int, int]] = []
    market.proxy.rule = lambda call: asks_for_a_tenth_more(call, offered)
    market.here.post(2)
    market.look()
    market.makes_room(NO_ROOM)
    for _ in range(3):
        market.stays_out()
        with suppress(LedgerRejected):  # Anvil refuses what would not fit into a block
            market.look()
    assert len(market.attempts()) == 4
    assert offered[1:] == market.attempts()[1:], "every replacement was taken"
    market.makes_room()
    market.comes_to_rest()


def test_older_attempt_that_is_mined_confirms_it(market):
    market.here.post(2)
    market.look()
    (older,) = rows(market.here.store, tables.attempt)
    market.makes_room(NO_ROOM)
    market.stays_out()
    with suppress(LedgerRejected):  # Anvil refuses what would not fit into a block
        market.look()
    assert len(market.attempts()) == 2
    market.chain.forget_pool()
    market.makes_room()
    market.rpc.send("eth_sendRawTransaction", to_hex(older.raw))
    market.chain.mine()
    market.comes_to_rest()
    assert market.chain.events()[-1].transaction == older.tx_hash


@pytest.mark.parametrize("spike_gwei", [80, 300])
def test_base_fee_that_rises_is_followed_below_the_cap_and_waited_out_above_it(market, spike_gwei):
    market.here.post(2)
    market.look()
    for _ in range(3):
        market.rpc.send("anvil_setNextBlockBaseFeePerGas", hex(spike_gwei * GWEI))
        market.chain.mine()
    market.here.clock.advance(PATIENCE_S)
    market.look()
    assert max(fee for fee, _ in market.attempts()) <= MARKET.cap_wei
    assert len(market.attempts()) == (2 if spike_gwei < 100 else 1)
    market.rpc.send("anvil_setNextBlockBaseFeePerGas", hex(7 * GWEI))
    market.chain.mine()
    market.comes_to_rest()


def test_nothing_is_replaced_where_there_are_no_fees_however_long_it_waits(free):
    free.here.post(2)
    free.look()
    free.makes_room(NO_ROOM)
    for _ in range(5):
        free.stays_out()
        with suppress(LedgerRejected):
            free.look()
    assert free.attempts() == [(0, None)]
    free.makes_room()
    free.comes_to_rest()
    assert not {"eth_gasPrice", "eth_maxPriorityFeePerGas", "eth_feeHistory", "eth_estimateGas"} & set(free.proxy.calls)


@pytest.mark.parametrize("hardfork", ["istanbul", "berlin"])
def test_chain_before_london_is_anchored_to(hardfork, tmp_path):
    with run_anvil("--hardfork", hardfork) as anvil:
        network = AnvilNetwork(anvil, fees=LEGACY, funds_wei=ETHER)
        with staged(network, LEGACY, tmp_path) as scene:
            scene.here.post(2)
            scene.comes_to_rest()
            assert [tip for _, tip in scene.attempts()] == [None]


def test_key_that_runs_out_of_money_waits_for_more_and_sends_the_same_bytes(market):
    market.here.post(1)
    market.comes_to_rest()
    market.here.post(2)
    funds = market.rpc.send("eth_getBalance", market.here.ledger.signer, "latest")
    market.rpc.send("anvil_setBalance", market.here.ledger.signer, "0x0")
    for _ in range(3):
        with suppress(AnchoringError):
            market.look()
    assert market.here.states() == [FINAL, SUBMITTED]
    assert "nsufficient funds" in rows(market.here.store, tables.attempt)[-1].last_answer or len(market.attempts()) == 2
    market.rpc.send("anvil_setBalance", market.here.ledger.signer, funds)
    market.comes_to_rest(nonces=2)
    assert len(market.attempts()) == 2


# --- another contract, another chain, lost blocks ---------------------------------------------------------------------

STOP: Final = "0x00"
"""A contract that takes every call and does nothing."""


@pytest.mark.parametrize("code", ["0x", STOP], ids=["none", "another"])
def test_round_refuses_a_contract_that_is_not_ours(free, code):
    free.here.post(2)
    free.rpc.send("anvil_setCode", free.chain.registry.contract, code)
    with pytest.raises(Misconfigured):
        free.look()
    assert free.attempts() == []


@pytest.mark.parametrize("code", ["0x", STOP], ids=["none", "another"])
def test_success_without_our_event_is_no_anchor(free, code):
    """The contract is swapped between signing and the block: the receipt says success, and nothing is anchored."""
    free.here.post(2)
    free.look()
    ours = free.rpc.send("eth_getCode", free.chain.registry.contract, "latest")
    free.rpc.send("anvil_setCode", free.chain.registry.contract, code)
    free.chain.mine()
    free.rpc.send("anvil_setCode", free.chain.registry.contract, ours)
    assert free.chain.events() == []
    with pytest.raises(LedgerRejected, match="shows no anchor"):
        free.look()
    assert free.here.states() == [SUBMITTED]


def test_chain_id_that_changes_under_a_running_program_stops_it(free):
    free.here.post(1)
    free.comes_to_rest()
    free.here.post(1)
    free.rpc.send("anvil_setChainId", 4242)
    try:
        with pytest.raises(Misconfigured, match="chain 4242"):
            free.look()
        assert len(free.attempts()) == 1
    finally:
        free.rpc.send("anvil_setChainId", 31337)


def test_another_chain_of_the_same_id_is_not_ours(free):
    free.here.post(1)
    free.comes_to_rest()
    free.here.post(1)
    with run_anvil(*FREE, "--timestamp", "1700000000") as other:  # started in one second, two would be the same chain
        free.proxy.node = other.url
        network = AnvilNetwork(other)
        with pytest.raises(Misconfigured):
            free.look()
        code = free.rpc.send("eth_getCode", free.chain.registry.contract, "latest")
        other.rpc.send("anvil_setCode", free.chain.registry.contract, code)
        with pytest.raises(Misconfigured, match="another genesis block"):
            free.look()
        assert network.events() == []
    assert len(free.attempts()) == 1


def test_head_that_falls_back_takes_nothing_back_until_it_is_reached_again(free):
    free.here.post(2)
    free.here.rest()
    free.rpc.send("anvil_rollback", 4)
    free.look()
    assert free.here.states() == [FINAL]
    free.chain.mine(6)
    free.look()
    assert free.here.states() == [SUBMITTED]
    free.comes_to_rest()
    assert [row.why for row in rows(free.here.store, tables.anchor_history)] == ["reorg", None]


@pytest.mark.parametrize("when", ["sent", "final"])
def test_node_that_is_killed_and_comes_back_with_an_old_state(tmp_path, when):
    """It lost its pool and all blocks since it last wrote its state."""
    state = tmp_path / "state.json"
    (tmp_path / "store").mkdir()
    with ExitStack() as stack:
        with run_anvil(*FREE, "--state", str(state)) as first:
            network = AnvilNetwork(first)
            first.process.terminate()  # in order: it writes
            first.process.wait()
        second = stack.enter_context(run_anvil(*FREE, "--state", str(state), "--no-mining"))
        network.anvil = second
        network.mine(4)  # Anvil knows the past of a loaded state by its blocks only
        scene = stack.enter_context(staged(network, NO_FEES, tmp_path / "store"))
        scene.here.post(2)
        scene.look()
        if when == "final":
            scene.here.rest()
        second.process.kill()
        second.process.wait()
        with pytest.raises(LedgerUnavailable), stamina.set_testing(True):
            scene.look()
        assert scene.here.states() == [SUBMITTED if when == "sent" else FINAL]
        third = stack.enter_context(run_anvil(*FREE, "--state", str(state), "--no-mining"))
        scene.proxy.node, network.anvil = third.url, third
        assert network.events() == []
        network.mine(12)
        scene.look()
        assert scene.here.states() == [SUBMITTED]
        scene.comes_to_rest()
        assert len(scene.attempts()) == 1


def test_proof_of_a_final_batch_whose_block_is_gone_is_taken_back_by_the_next_round(free):
    free.here.post(2)
    free.here.rest()
    assert {answer.status_code for answer in served_proofs(free.here.store, free.here.acknowledged)} == {200}
    free.chain.reorg(6)
    free.look()
    assert {answer.status_code for answer in served_proofs(free.here.store, free.here.acknowledged)} == {202}
    free.comes_to_rest()


# --- answers that are none --------------------------------------------------------------------------------------------

RUBBISH: Final[dict[str, Callable[[Call], Answer]]] = {
    "null": lambda call: b"null",
    "no result": lambda call: b'{"jsonrpc": "2.0", "id": 1}',
    "cut short": lambda call: call.forward()[:-7],
    "HTML": lambda call: 502,
    "closed": lambda call: None,
    "another call's": lambda call: call.forward().replace(b'"id":', b'"id":7', 1),
    "expired token": lambda call: 401,
    "too often": lambda call: 429,
}


@pytest.mark.parametrize("rubbish", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_at_any_call_of_a_round_moves_nothing_and_the_next_goes_on(free, rubbish):
    free.here.post(1)
    free.look()
    free.comes_to_rest()
    calls = len(free.proxy.calls)
    free.here.post(1)
    free.look()
    of_a_round = len(free.proxy.calls) - calls
    free.comes_to_rest(nonces=2)
    for number in range(0, of_a_round, 3):
        free.here.post(1)
        begins = len(free.proxy.calls)
        free.proxy.rule = lambda call, begins=begins, number=number: (
            rubbish(call) if len(free.proxy.calls) - begins > number else call.forward()
        )
        with suppress(LedgerUnavailable), stamina.set_testing(True):
            free.look()
        free.proxy.rule = Call.forward
        assert set(free.here.states()[:-1]) == {FINAL}
        free.here.rest()
    free.here.check()
    assert len(rows(free.here.store, tables.attempt)) == len(free.here.acknowledged)


@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
def test_token_that_expires_at_the_broadcast_makes_one_anchor(free, arrives):
    def expires(call: Call) -> Answer:
        if call.method != "eth_sendRawTransaction":
            return call.forward()
        if arrives:
            call.forward()
        return 401

    free.here.post(2)
    free.proxy.rule = expires
    free.look()
    assert free.here.states() == [SUBMITTED]
    free.proxy.rule = Call.forward
    free.comes_to_rest()
    assert len(free.attempts()) == 1


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-2, 2])
def test_clock_that_is_hours_off_leads_to_the_same_states(market, hours):
    market.here.clock.advance(hours * 3600)
    market.here.post(2)
    market.look()
    assert market.here.states() == [SUBMITTED]
    market.chain.mine()
    market.look()
    assert market.here.states() == [CONFIRMED]
    market.here.clock.advance(-2 * hours * 3600)
    market.comes_to_rest()
    shown = market.chain.events()[0].anchored_at
    assert [row.anchored_at for row in rows(market.here.store, tables.batch)] == [shown]
