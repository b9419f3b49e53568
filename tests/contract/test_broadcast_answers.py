"""Every wording by which nodes answer a broadcast, whether or not the bytes had arrived: only the class that is reported depends on it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from anchoring.ledger.broadcast_answers import classify
from anchoring.ledger.evm import EvmLedger
from anchoring.ledger.rpc import JsonRpc
from anchoring.ports.ledger import Reception
from anchoring.types import Root
from tests.factories import make_digest
from tests.networks import GAS, AnvilNetwork, anvil_network, sign_anchors
from tests.rpc_proxy import RpcProxy, rpc_proxy

ROOT = Root(make_digest(1))

# Anvil 1.7.1 as seen; Besu, geth and Nethermind as documented in their source.
WORDINGS = [
    (Reception.KNOWN, -32003, "transaction already imported"),
    (Reception.KNOWN, -32000, "Known transaction"),
    (Reception.KNOWN, -32000, "already known"),
    (Reception.KNOWN, -32010, "AlreadyKnown"),
    (Reception.NONCE_USED, -32003, "nonce too low"),
    (Reception.NONCE_USED, -32001, "Nonce too low"),
    (Reception.NONCE_USED, -32000, "nonce too low: next nonce 5, tx nonce 4"),
    (Reception.NONCE_USED, -32010, "OldNonce"),
    (Reception.PRICE, -32003, "replacement transaction underpriced"),
    (Reception.PRICE, -32003, "max fee per gas less than block base fee"),
    (Reception.PRICE, -32000, "max fee per gas less than block base fee: address 0x12, maxFeePerGas: 1, baseFee: 7"),
    (Reception.PRICE, -32000, "Replacement transaction underpriced"),
    (Reception.PRICE, -32009, "Gas price below configured minimum gas price"),
    (Reception.PRICE, -32000, "transaction underpriced: gas tip cap 0, minimum needed 1"),
    (Reception.FUNDS, -32003, "Insufficient funds for gas * price + value"),
    (Reception.FUNDS, -32004, "Upfront cost exceeds account balance"),
    (Reception.FUNDS, -32000, "insufficient funds for gas * price + value: balance 0, tx cost 1"),
    (Reception.HOPELESS, -32003, "invalid chain id for signer"),
    (Reception.HOPELESS, -32000, "intrinsic gas too low"),
    (Reception.HOPELESS, -32000, "intrinsic gas too low: gas 1, minimum needed 21000"),
    (Reception.HOPELESS, -32000, "Wrong chainId"),
    (Reception.HOPELESS, -32003, "Intrinsic gas exceeds gas limit"),
    (Reception.HOPELESS, -32007, "Sender account not authorized to send transactions"),
    (Reception.HOPELESS, -32000, "invalid sender"),
    (Reception.HOPELESS, -32005, "Transaction gas limit exceeds block gas limit"),
    (Reception.SILENCE, -32005, "Too many requests"),
    (Reception.SILENCE, -32603, "Internal error"),
    (Reception.SILENCE, -32000, "unknown transaction pool state"),
    (Reception.SILENCE, -32601, "the method is not allowed"),
    (Reception.SILENCE, -32000, ""),
]
SILENCES = {"closed": None, "429": 429, "503": 503, "504": 504, "HTML": b"<html>", "null": b"null"}


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


@pytest.fixture
def ledger(network: AnvilNetwork, proxy: RpcProxy) -> EvmLedger:
    return EvmLedger(JsonRpc(proxy.url, timeout_s=5), network.registry, network.signer, GAS)


def answers(answer, *, arrives: bool):
    def rule(call):
        if arrives:
            call.forward()
        return answer(call)

    return rule


@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("reception", "code", "words"), WORDINGS)
def test_wording_is_classified_and_decides_nothing(network, proxy, ledger, reception, code, words, arrives):
    attempt = sign_anchors(network.ledger, [(ROOT, 1)], 0)
    proxy.rule = answers(lambda call: call.error(code, words), arrives=arrives)
    answer = ledger.broadcast(attempt)
    assert (answer.reception, answer.words) == (reception, words)
    assert proxy.calls == ["eth_sendRawTransaction"]
    network.mine()
    assert (network.ledger.receipt(attempt.tx_hash) is not None) == arrives


@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("answer", SILENCES.values(), ids=SILENCES.keys())
def test_silence_may_have_been_sent(network, proxy, ledger, answer, arrives):
    attempt = sign_anchors(network.ledger, [(ROOT, 1)], 0)
    proxy.rule = answers(lambda call: answer, arrives=arrives)
    assert ledger.broadcast(attempt).reception is Reception.SILENCE
    network.mine()
    assert (network.ledger.receipt(attempt.tx_hash) is not None) == arrives


def test_hash_of_another_transaction_is_not_acceptance(network, proxy, ledger):
    proxy.rule = lambda call: call.result("0x" + "77" * 32)
    answer = ledger.broadcast(sign_anchors(network.ledger, [(ROOT, 1)], 0))
    assert answer.reception is Reception.SILENCE
    assert answer.words.startswith("the node names another hash: 0x77")


def test_what_anvil_says_is_what_the_table_says(network):
    attempt = sign_anchors(network.ledger, [(ROOT, 1)], 0)
    assert network.ledger.broadcast(attempt).reception is Reception.ACCEPTED
    assert network.ledger.broadcast(attempt).reception is Reception.KNOWN
    dearer = sign_anchors(network.ledger, [(Root(make_digest(2)), 1)], 0)
    assert network.ledger.broadcast(dearer).reception is Reception.PRICE
    network.mine()
    assert network.ledger.broadcast(attempt).reception is Reception.NONCE_USED
    payment = {"type": 2, "to": "0x" + "99" * 20, "value": 0, "nonce": 1, "gas": 21_000, "chainId": 31337}
    for hopeless in ({"chainId": 5}, {"gas": 20_999}):
        raw = network.signer.sign(payment | {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0} | hopeless)
        assert network.ledger.broadcast(replace(attempt, raw=raw)).reception is Reception.HOPELESS


@pytest.mark.parametrize(
    ("all_of_them", "best"),
    [
        (["Known transaction", "intrinsic gas too low"], Reception.KNOWN),
        (["intrinsic gas too low", "Internal error"], Reception.HOPELESS),
        (["Internal error", "nonce too low"], Reception.NONCE_USED),
    ],
)
def test_every_node_is_told_and_the_best_answer_counts(network, proxy, all_of_them, best):
    with rpc_proxy(network.anvil.url) as second:
        nodes = [JsonRpc(one.url, timeout_s=5) for one in (proxy, second)]
        ledger = EvmLedger(nodes[0], network.registry, network.signer, GAS, further=nodes[1:])
        ledger.identity()
        for one, words in zip((proxy, second), all_of_them, strict=True):
            one.calls.clear()
            one.rule = lambda call, words=words: call.error(-32000, words)
        answer = ledger.broadcast(sign_anchors(network.ledger, [(ROOT, 1)], 0))
        assert answer.reception is best
        assert answer.words == f"127.0.0.1:{proxy.port}: {all_of_them[0]}; 127.0.0.1:{second.port}: {all_of_them[1]}"
        assert proxy.calls == second.calls == ["eth_sendRawTransaction"]


def test_words_are_compared_in_lower_case():
    assert classify("NONCE TOO LOW") is Reception.NONCE_USED
