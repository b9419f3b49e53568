"""What only an EVM node can do to us: other chains, other code, other fees, and answers lost on the way."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_utils.crypto import keccak
from pydantic import SecretStr

from anchoring.bootstrap.ledger import first_block, nodes_to_agree, open_nodes
from anchoring.core.batch import RootToAnchor
from anchoring.core.fees import Fee, FeePolicy, FeeRules, choose_fee
from anchoring.errors import LedgerRejected, LedgerUnavailable, Misconfigured
from anchoring.ledger.deployment import Deployed, RegistryAdmin, read_deployment
from anchoring.ledger.evm import EvmLedger
from anchoring.ledger.rpc import JsonRpc
from anchoring.settings import LedgerSettings
from anchoring.types import Address, Digest, ListId, Root, to_hex
from tests.conftest import run_anvil
from tests.factories import FrozenClock, make_digest
from tests.networks import FREE, GAS, AnvilNetwork, anvil_network, fresh_key, sign_anchors, sign_round
from tests.rpc_proxy import RpcProxy, rpc_proxy

ROOT = Root(make_digest(1))
ETHER = 10**18
GWEI = 10**9
STOPS = "0x00"  # code that succeeds and does nothing

# What EBSI's Ledger API lets through, of what we use.
ALLOWED = {
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_getLogs",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
    "eth_sendRawTransaction",
}


@pytest.fixture(scope="module")
def anvil_all_tests() -> Iterator[AnvilNetwork]:
    with anvil_network() as network:
        yield network


@pytest.fixture
def network(anvil_all_tests: AnvilNetwork) -> Iterator[AnvilNetwork]:
    with anvil_all_tests.rewound():
        yield anvil_all_tests


@pytest.fixture
def proxy(network: AnvilNetwork) -> Iterator[RpcProxy]:
    with rpc_proxy(network.anvil.url) as made:
        yield made


def through(proxy: RpcProxy, network: AnvilNetwork, *, timeout_s: float = 5) -> EvmLedger:
    return EvmLedger(JsonRpc(proxy.url, timeout_s=timeout_s), network.registry, network.signer, GAS)


def is_mined(network: AnvilNetwork, number: int = 0) -> bool:
    network.mine()
    return network.transaction_count(network.signer.address) == number + 1


# Which ledger, which contract.


def test_identity_knows_the_registry_by_its_code(network):
    identity = network.ledger.identity()
    code = bytes.fromhex(network.anvil.rpc.send("eth_getCode", network.registry.contract, "latest")[2:])
    assert identity.code_hash == keccak(code)


def test_node_on_another_chain_is_refused(network):
    network.anvil.rpc.send("anvil_setChainId", 5)
    try:
        with pytest.raises(Misconfigured, match="is on chain 5, the registry is set to be on 31337"):
            network.ledger.identity()
    finally:
        network.anvil.rpc.send("anvil_setChainId", 31337)


def test_address_without_code_is_refused(network):
    nobody = replace(network.registry, contract=Address("0x" + "12" * 20))
    ledger = EvmLedger(network.anvil.rpc, nobody, network.signer, GAS)
    with pytest.raises(Misconfigured, match=f"no contract at eip155:31337:{nobody.contract}"):
        ledger.identity()


def test_foreign_code_is_refused(network):
    network.anvil.rpc.send("anvil_setCode", network.registry.contract, STOPS)
    with pytest.raises(Misconfigured, match="is not the anchor registry of this version"):
        network.ledger.identity()


def test_two_chains_of_one_id_differ_in_their_identity(network):
    with anvil_network(*FREE, "--timestamp", "1700000000") as twin:  # started in the same second it would be the same chain
        assert twin.registry.chain_id == network.registry.chain_id
        assert twin.ledger.identity().genesis_hash != network.ledger.identity().genesis_hash


# Success is our event.


def test_success_of_a_contract_that_is_gone_is_no_anchor(network):
    attempt = sign_anchors(network.ledger, [(ROOT, 1)], 0)
    network.anvil.rpc.send("anvil_setCode", network.registry.contract, STOPS)
    network.ledger.broadcast(attempt)
    network.mine()
    receipt = network.ledger.receipt(attempt.tx_hash)
    assert receipt is not None
    assert (receipt.succeeded, receipt.anchors) == (True, ())


def test_event_of_another_registry_is_not_ours(network):
    network.anvil.rpc.send("evm_setAutomine", True)
    admin = network.admin
    other = admin.deploy(admin=network.other, anchorer=network.signer.address, admin_delay_s=0, predecessor=None)
    network.anvil.rpc.send("evm_setAutomine", False)
    theirs = EvmLedger(network.anvil.rpc, other.registry, network.signer, GAS)
    attempt = sign_anchors(theirs, [(ROOT, 1)], 0)
    theirs.broadcast(attempt)
    network.mine()
    ours, their_receipt = network.ledger.receipt(attempt.tx_hash), theirs.receipt(attempt.tx_hash)
    assert ours is not None
    assert their_receipt is not None
    assert (len(ours.anchors), len(their_receipt.anchors)) == (0, 1)


def test_key_without_the_role_is_refused_by_name(network):
    stranger = EvmLedger(network.anvil.rpc, network.registry, fresh_key(), GAS)
    roots = [RootToAnchor(batch_id=1, root=ROOT, leaf_count=1)]
    with pytest.raises(LedgerRejected, match=rf"AccessControlUnauthorizedAccount\({stranger.signer}, 0x[0-9a-f]{{64}}\)"):
        stranger.check_call(stranger.calldata(roots), GAS.base, stranger.head())
    assert not stranger.is_anchorer(stranger.signer, stranger.head())
    assert network.ledger.is_anchorer(network.signer.address, network.ledger.head())


def test_role_can_be_taken_away(network):
    network.anvil.rpc.send("evm_setAutomine", True)
    network.admin.revoke_anchorer(network.registry, network.other)
    network.anvil.rpc.send("evm_setAutomine", False)
    assert not network.ledger.is_anchorer(network.other, network.ledger.head())


@pytest.mark.parametrize(
    ("root", "leaf_count", "error"),
    [(Root(bytes(32)), 1, r"ZeroRoot\(\)"), (ROOT, 0, rf"EmptyTree\({to_hex(ROOT)}\)")],
)
def test_contract_refuses_roots_that_are_none(network, root, leaf_count, error):
    roots = [RootToAnchor(batch_id=1, root=root, leaf_count=leaf_count)]
    ledger = network.ledger
    with pytest.raises(LedgerRejected, match=error):
        ledger.check_call(ledger.calldata(roots), GAS.base, ledger.head())


def test_gas_limit_is_enough_for_many_roots(network):
    roots = [(Root(hashlib.sha256(bytes([i])).digest()), 1_000_000) for i in range(100)]
    attempt = sign_anchors(network.ledger, roots, 0)
    network.ledger.broadcast(attempt)
    network.mine()
    receipt = network.ledger.receipt(attempt.tx_hash)
    assert receipt is not None
    assert len(receipt.anchors) == 100


def test_gas_limit_is_enough_for_many_first_versions(network):
    heads = [(ListId(hashlib.sha256(bytes([i])).digest()), 1, Digest(hashlib.sha256(bytes([i, 1])).digest())) for i in range(180)]
    attempt = sign_round(network.ledger, [(ROOT, 1)], heads, 0)
    network.ledger.broadcast(attempt)
    network.mine()
    receipt = network.ledger.receipt(attempt.tx_hash)
    assert receipt is not None
    assert [(head.list_id, head.version, head.digest) for head in receipt.heads] == heads


def test_event_of_a_head_is_found_in_few_calls_however_long_ago(network, proxy):
    list_id, digest = ListId(hashlib.sha256(b"list").digest()), Digest(hashlib.sha256(b"bits").digest())
    network.other_publishes(list_id, 1, digest)
    network.mine(1_000)
    reader = through(proxy, network)
    found = reader.find_head(list_id, reader.head())
    assert found is not None
    assert (found.version, found.digest) == (1, digest)
    assert proxy.calls.count("eth_getLogs") == 1
    assert len(proxy.calls) < 40


# Many blocks of events.


def anchor_in_turn(network: AnvilNetwork, count: int) -> list[Root]:
    """Roots of one transaction and block each, two empty blocks apart."""
    roots = [Root(make_digest(i)) for i in range(count)]
    for nonce, root in enumerate(roots):
        network.ledger.broadcast(sign_anchors(network.ledger, [(root, 1)], nonce))
        network.mine(3)
    return roots


def limits_ranges(blocks: int, message: str = "query exceeds max block range"):
    def rule(call):
        if call.method == "eth_getLogs":
            query = call.params[0]
            if int(query["toBlock"], 16) - int(query["fromBlock"], 16) >= blocks:
                return call.error(-32005, message)
        return call.forward()

    return rule


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_events_are_all_found_on_a_node_that_limits_ranges(network, proxy, blocks):
    roots = anchor_in_turn(network, 8)
    end = network.ledger.head().block.number
    proxy.rule = limits_ranges(blocks)
    found = list(through(proxy, network).anchors(0, end))
    assert [one.root for one in found] == roots
    assert found == list(network.ledger.anchors(0, end)) == list(network.events())
    assert proxy.calls.count("eth_getLogs") <= 2 * (end + 1) / blocks + 13


def test_events_are_paged_by_the_setting(network, proxy):
    roots = anchor_in_turn(network, 4)
    ledger = EvmLedger(JsonRpc(proxy.url, timeout_s=5), network.registry, network.signer, GAS, logs_block_range=4)
    end = ledger.head().block.number
    assert [one.root for one in ledger.anchors(0, end)] == roots
    assert proxy.calls.count("eth_getLogs") == -(-(end + 1) // 4)


def test_node_that_refuses_a_single_block_is_given_up(network, proxy):
    proxy.rule = limits_ranges(0, "logs are pruned")
    with pytest.raises(LedgerUnavailable, match="refused eth_getLogs: logs are pruned"):
        list(through(proxy, network).anchors(0, 1000))
    assert proxy.calls.count("eth_getLogs") == 10


def test_block_times_of_events_are_asked_once_a_block_of_a_node_that_leaves_them_out(network, proxy):
    attempt = sign_anchors(network.ledger, [(Root(make_digest(i)), 1) for i in range(5)], 0)
    network.ledger.broadcast(attempt)
    network.mine()
    end = network.ledger.head().block.number
    assert len(list(through(proxy, network).anchors(0, end))) == 5
    assert "eth_getBlockByNumber" not in proxy.calls  # Anvil's logs say when
    proxy.rule = lambda call: call.forward().replace(b"blockTimestamp", b"somethingElse")
    assert list(through(proxy, network).anchors(0, end)) == list(network.events())
    assert proxy.calls.count("eth_getBlockByNumber") == 1


def test_event_that_a_node_keeps_back_shows(network, proxy):
    roots = anchor_in_turn(network, 3)
    end = network.ledger.head().block.number

    def keeps_the_second_back(call):
        answer = json.loads(call.forward())
        answer["result"] = [log for log in answer["result"] if log["topics"][1] != to_hex(roots[1])]
        return json.dumps(answer).encode()

    proxy.rule = keeps_the_second_back
    with pytest.raises(LedgerUnavailable, match="shows anchor 3 after anchor 1"):
        list(through(proxy, network).anchors(0, end))


# The broadcast is made once, and may have arrived.


@pytest.mark.parametrize("answer", [504, 500, None, b"<html>"], ids=["504", "500", "closed", "HTML"])
def test_broadcast_whose_answer_is_lost_has_arrived(network, proxy, answer):
    def loses_the_answer(call):
        call.forward()
        return answer

    proxy.rule = loses_the_answer
    words = through(proxy, network).broadcast(sign_anchors(network.ledger, [(ROOT, 1)], 0)).words
    assert words.startswith("node 127.0.0.1:")
    assert proxy.calls == ["eth_sendRawTransaction"]
    assert is_mined(network)


def test_broadcast_that_is_answered_too_late_is_not_repeated(network, proxy):
    arrived, end = threading.Event(), threading.Event()

    def is_slow(call):
        call.forward()
        arrived.set()
        end.wait(10)

    proxy.rule = is_slow
    try:
        words = through(proxy, network, timeout_s=0.3).broadcast(sign_anchors(network.ledger, [(ROOT, 1)], 0)).words
        assert arrived.wait(10)
    finally:
        end.set()
    assert "Timeout" in words
    assert proxy.calls == ["eth_sendRawTransaction"]
    assert is_mined(network)


def test_broadcast_that_did_not_arrive_says_the_same(network, proxy):
    proxy.rule = lambda call: 504
    words = through(proxy, network).broadcast(sign_anchors(network.ledger, [(ROOT, 1)], 0)).words
    assert words.startswith("node 127.0.0.1:")
    assert not is_mined(network)


# Fees.


def test_penniless_key_anchors_on_a_ledger_without_fees_and_asks_no_price(network, proxy):
    assert int(network.anvil.rpc.send("eth_getBalance", network.signer.address, "latest"), 16) == 0
    ledger = through(proxy, network)
    fee = choose_fee(
        FeeRules(policy=FeePolicy.ZERO, tip_wei=0, cap_wei=0),
        base_fee_wei=ledger.head().base_fee_wei,
        gas_price_wei=ledger.gas_price(FeePolicy.ZERO),
    )
    roots = [RootToAnchor(batch_id=1, root=ROOT, leaf_count=1)]
    ledger.identity()
    ledger.check_call(ledger.calldata(roots), ledger.gas_limit(roots), ledger.head())
    attempt = sign_anchors(ledger, [(ROOT, 1)], 0, fee=fee)
    assert ledger.broadcast(attempt).words == "accepted"
    network.mine()
    receipt = ledger.receipt(attempt.tx_hash)
    assert receipt is not None
    assert len(receipt.anchors) == 1
    ledger.find_anchor(ROOT, ledger.head())
    sent = network.anvil.rpc.send("eth_getTransactionByHash", to_hex(attempt.tx_hash))
    assert (sent["type"], sent["gasPrice"], sent["chainId"]) == ("0x0", "0x0", hex(31337))
    assert set(proxy.calls) <= ALLOWED


def test_market_policy_on_a_chain_with_a_base_fee():
    fees = FeeRules(policy=FeePolicy.MARKET, tip_wei=GWEI, cap_wei=100 * GWEI)
    with run_anvil() as anvil:
        network = AnvilNetwork(anvil, fees=fees, funds_wei=ETHER)
        base_fee = network.ledger.head().base_fee_wei
        assert base_fee
        fee = choose_fee(fees, base_fee_wei=base_fee, gas_price_wei=network.ledger.gas_price(FeePolicy.MARKET))
        attempt = sign_anchors(network.ledger, [(ROOT, 1)], 0, fee=fee)
        assert network.ledger.broadcast(attempt).words == "accepted"
        network.mine()
        receipt = network.ledger.receipt(attempt.tx_hash)
        assert receipt is not None
        assert len(receipt.anchors) == 1
        sent = anvil.rpc.send("eth_getTransactionByHash", to_hex(attempt.tx_hash))
        assert (sent["type"], int(sent["maxFeePerGas"], 16)) == ("0x2", 2 * base_fee + GWEI)
        assert int(sent["maxPriorityFeePerGas"], 16) == GWEI
        assert receipt.gas_used > 50_000
        assert network.ledger.balance(network.ledger.head()) == ETHER - (receipt.fee_wei or 0) < ETHER


@pytest.mark.parametrize("hardfork", ["istanbul", "berlin"])
def test_legacy_policy_on_a_chain_without_a_base_fee(hardfork):
    fees = FeeRules(policy=FeePolicy.LEGACY, tip_wei=0, cap_wei=100 * GWEI)
    with run_anvil("--hardfork", hardfork) as anvil:
        network = AnvilNetwork(anvil, fees=fees, funds_wei=ETHER)
        head = network.ledger.head()
        assert head.base_fee_wei is None
        with pytest.raises(Misconfigured, match=r"set CREDANCHOR_LEDGER__FEE_POLICY to legacy"):
            choose_fee(replace(fees, policy=FeePolicy.MARKET), base_fee_wei=None, gas_price_wei=None)
        fee = choose_fee(fees, base_fee_wei=None, gas_price_wei=network.ledger.gas_price(FeePolicy.LEGACY))
        attempt = sign_anchors(network.ledger, [(ROOT, 1)], 0, fee=fee)
        assert network.ledger.broadcast(attempt).words == "accepted"
        network.mine()
        receipt = network.ledger.receipt(attempt.tx_hash)
        assert receipt is not None
        assert len(receipt.anchors) == 1
        sent = anvil.rpc.send("eth_getTransactionByHash", to_hex(attempt.tx_hash))
        assert (sent.get("type", "0x0"), int(sent["gasPrice"], 16)) == ("0x0", fee.max_fee_wei)


def test_key_without_money_is_told_so_in_words():
    with run_anvil() as anvil:
        network = AnvilNetwork(anvil, fees=FeeRules(policy=FeePolicy.MARKET, tip_wei=GWEI, cap_wei=100 * GWEI), funds_wei=ETHER)
        anvil.rpc.send("anvil_setBalance", network.signer.address, "0x0")
        attempt = sign_anchors(network.ledger, [(ROOT, 1)], 0, fee=Fee(max_fee_wei=3 * GWEI, tip_wei=GWEI))
        assert "nsufficient funds" in network.ledger.broadcast(attempt).words
        anvil.rpc.send("anvil_setBalance", network.signer.address, hex(ETHER))
        assert network.ledger.broadcast(attempt).words == "accepted"  # the same bytes go later


# Deployments.


def test_deployment_file_is_read_back_and_never_overwritten(network, tmp_path):
    network.anvil.rpc.send("evm_setAutomine", True)
    deployed = network.admin.deploy(admin=network.other, anchorer=None, admin_delay_s=60, predecessor=network.registry.contract)
    network.anvil.rpc.send("evm_setAutomine", False)
    path = tmp_path / "folder" / "31337.json"
    deployed.save(path)
    assert read_deployment(path) == Deployed(registry=deployed.registry, block_number=deployed.block_number)
    with pytest.raises(Misconfigured, match="cannot be written"):
        deployed.save(path)


def test_events_begin_where_the_setting_or_the_deployment_file_says(tmp_path):
    path = tmp_path / "deployment.json"
    path.write_text(json.dumps({"chainId": 1, "contract": "0x" + "12" * 20, "blockNumber": 77}))
    assert first_block(LedgerSettings()) == 0
    assert first_block(LedgerSettings(deployment=path)) == 77
    assert first_block(LedgerSettings(deployment=path, first_block=5)) == 5
    assert first_block(LedgerSettings(deployment=path, registry="eip155:1:0x" + "34" * 20)) == 0  # the file speaks of another


def test_two_nodes_must_agree_where_there_are_more_than_one():
    urls = [f"http://127.0.0.1:{port}" for port in (8545, 8546, 8547)]
    assert [nodes_to_agree(LedgerSettings(rpc_urls=SecretStr(",".join(urls[:count])))) for count in (1, 2, 3)] == [1, 2, 2]


@pytest.mark.parametrize("urls", ["", "http://a:1,", "http://a:1,nonsense", "http://a:1;http://b:1 "])
def test_addresses_that_are_none_are_refused_without_being_shown(urls):
    with pytest.raises(
        Misconfigured, match=r"^CREDANCHOR_LEDGER__RPC_URLS: the node's address is not a URL such as http://127\.0\.0\.1:8545$"
    ):
        open_nodes(LedgerSettings(rpc_urls=SecretStr(urls)))


def test_node_that_is_named_twice_is_refused():
    twice = SecretStr("http://key@a:1/x, http://b:1,https://a:1/y")
    with pytest.raises(Misconfigured, match=r"^CREDANCHOR_LEDGER__RPC_URLS names a:1 twice"):
        open_nodes(LedgerSettings(rpc_urls=twice))


@pytest.mark.parametrize("method", ["eth_getTransactionCount", "eth_getBlockByNumber", "eth_getTransactionReceipt"])
def test_refusal_in_a_deployment_is_typed(network, proxy, method):
    def refuses(call):
        if call.method == method:
            return call.error(-32601, "method not allowed")
        return call.result("0x" + "12" * 32) if call.method == "eth_sendRawTransaction" else call.forward()

    proxy.rule = refuses
    fees = FeeRules(policy=FeePolicy.MARKET, tip_wei=0, cap_wei=GWEI)
    admin = RegistryAdmin(JsonRpc(proxy.url, timeout_s=5), fresh_key(), fees, FrozenClock(), confirm_s=1)
    with pytest.raises(LedgerUnavailable, match=f"refused {method}: method not allowed"):
        admin.deploy(admin=network.other, anchorer=None, admin_delay_s=0, predecessor=None)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"chainId": "x", "contract": "0x12"}', '{"chainId": 1, "contract": "0x12"}', "\x00"]
)
def test_file_that_is_no_deployment_is_refused(tmp_path, content):
    path = tmp_path / "deployment.json"
    path.write_text(content)
    with pytest.raises(Misconfigured, match="is no deployment file"):
        read_deployment(path)


def test_administrator_without_the_right_is_refused(network):
    network.anvil.rpc.send("evm_setAutomine", True)
    deployed = network.admin.deploy(admin=network.other, anchorer=None, admin_delay_s=0, predecessor=None)
    try:
        with pytest.raises(LedgerRejected, match="was mined and reverted: does the key have the role it needs"):
            network.admin.grant_anchorer(deployed.registry, network.other)
    finally:
        network.anvil.rpc.send("evm_setAutomine", False)
