"""A node that does not answer, or answers rubbish: every such answer has one type, and no answer carries a secret."""

import logging
import re
import threading
import traceback
from collections.abc import Iterator

import pytest
import stamina

from anchoring.core.batch import Attempt, BlockPlace, RootToAnchor
from anchoring.core.finality import BlockTag, FinalityRule
from anchoring.core.proof import Registry
from anchoring.errors import LedgerRejected, LedgerUnavailable, Misconfigured
from anchoring.ledger.evm import EvmLedger
from anchoring.ledger.registry_reader import ANCHORED_TOPIC
from anchoring.ledger.rpc import READ_ATTEMPTS, JsonRpc, RpcRefusal
from anchoring.ports.ledger import Head
from anchoring.types import Address, BlockHash, Root, TxHash
from tests.factories import NOON, make_digest
from tests.networks import FREE_OF_CHARGE, GAS, fresh_key
from tests.rpc_proxy import SECRETS, Answer, Call, RpcProxy, rpc_proxy

HASH = "0x" + "ab" * 32
CONTRACT = Address("0x" + "c3" * 20)
ROOT = Root(make_digest(1))
HEAD = Head(block=BlockPlace(number=5, hash=BlockHash(bytes(32))), time=NOON, base_fee_wei=0)
BLOCK = {"number": "0x5", "hash": HASH, "timestamp": "0x1", "baseFeePerGas": "0x0"}
ANCHORED = "0x" + "".join(f"{value:064x}" for value in (1, 1, 5, 9))


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """Reads are tried again without a pause."""
    with stamina.set_testing(True, attempts=READ_ATTEMPTS):
        yield


@pytest.fixture
def proxy() -> Iterator[RpcProxy]:
    with rpc_proxy() as made:
        yield made


@pytest.fixture
def rpc(proxy: RpcProxy) -> JsonRpc:
    return JsonRpc(proxy.url, timeout_s=5)


@pytest.fixture
def ledger(rpc: JsonRpc) -> EvmLedger:
    return EvmLedger(rpc, Registry(chain_id=1, contract=CONTRACT), fresh_key(), GAS)


def nothing(call: Call) -> Answer:
    return None


RUBBISH = {
    "silence": nothing,
    "server error": lambda call: 500,
    "gateway timeout": lambda call: 504,
    "too many requests": lambda call: 429,
    "forbidden": lambda call: 403,
    "HTML": lambda call: b"<html>please log in</html>",
    "empty": lambda call: b"",
    "cut short": lambda call: call.result("0x1")[:-3],
    "not UTF-8": lambda call: b"\xff\xfe{}",
    "null": lambda call: b"null",
    "a list": lambda call: b"[]",
    "a number": lambda call: b"7",
    "deep": lambda call: b"[" * 100_000,
    "another call's answer": lambda call: b'{"jsonrpc": "2.0", "id": 987654, "result": "0x1"}',
    "no id": lambda call: b'{"jsonrpc": "2.0", "result": "0x1"}',
    "neither result nor error": lambda call: call.result("0x1").replace(b"result", b"reslut"),
    "error that is no object": lambda call: call.result("0x1").replace(b'"result": "0x1"', b'"result": null, "error": "down"'),
}


@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_is_no_answer(proxy, rpc, answer, caplog):
    caplog.set_level(logging.DEBUG)
    proxy.rule = answer
    with pytest.raises(LedgerUnavailable, match=rf"^node 127\.0\.0\.1:{proxy.port} ") as caught:
        rpc.send("eth_chainId")
    said = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert not [secret for secret in SECRETS if secret in said]


def test_node_that_is_not_there_is_no_answer(proxy, rpc):
    with rpc_proxy() as gone:
        url = gone.url
    with pytest.raises(LedgerUnavailable, match="did not answer eth_chainId: ConnectError"):
        JsonRpc(url, timeout_s=5).send("eth_chainId")


def test_node_that_says_nothing_is_given_up(proxy):
    end = threading.Event()
    proxy.rule = lambda call: (end.wait(10), None)[1]
    try:
        with pytest.raises(LedgerUnavailable, match="Timeout"):
            JsonRpc(proxy.url, timeout_s=0.1).send("eth_chainId")
    finally:
        end.set()


def test_reads_are_tried_again(proxy, rpc):
    failures = iter([500, None])
    proxy.rule = lambda call: next(failures, call.result("0x1"))
    assert rpc.read("eth_chainId") == "0x1"
    assert len(proxy.calls) == 3


def test_reads_are_given_up_in_the_end(proxy, rpc):
    proxy.rule = nothing
    with pytest.raises(LedgerUnavailable):
        rpc.read("eth_chainId")
    assert len(proxy.calls) == READ_ATTEMPTS


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32005, "daily request count exceeded, request rate limited"),
        (-32005, "Too Many Requests"),
        (429, "Your app has exceeded its compute units per second capacity."),
        (429, ""),
        (-32000, "rate-limit reached"),
    ],
)
def test_node_that_is_asked_too_often_is_asked_again(proxy, rpc, ledger, code, message):
    proxy.rule = lambda call: call.error(code, message) if len(proxy.calls) < READ_ATTEMPTS else call.result("0x1")
    assert rpc.read("eth_chainId") == "0x1"
    assert len(proxy.calls) == READ_ATTEMPTS
    proxy.rule = lambda call: call.error(code, message)
    with pytest.raises(LedgerUnavailable, match=f"^node 127.0.0.1:{proxy.port} refused eth_chainId: {re.escape(message)}"):
        ledger.identity()
    assert len(proxy.calls) == 2 * READ_ATTEMPTS


def test_refusals_are_answers(proxy, rpc):
    proxy.rule = lambda call: call.error(-32000, "no", "0x08")
    with pytest.raises(RpcRefusal) as caught:
        rpc.read("eth_call")
    assert (caught.value.code, caught.value.message, caught.value.data) == (-32000, "no", "0x08")
    assert len(proxy.calls) == 1


@pytest.mark.parametrize(("code", "data"), [("x", 7), (None, {"a": 1}), (1.5, None)])
def test_refusals_in_another_shape_are_refusals_all_the_same(proxy, rpc, code, data):
    proxy.rule = lambda call: call.error(code, None, data)
    with pytest.raises(RpcRefusal) as caught:
        rpc.send("eth_call")
    assert caught.value.data is None


# What the ledger makes of results that are none.


@pytest.mark.parametrize(
    "block",
    [
        None,
        "0x5",
        [],
        {},
        BLOCK | {"number": None},
        BLOCK | {"number": 5},
        BLOCK | {"number": "0x"},
        BLOCK | {"number": "0xg"},
        BLOCK | {"hash": None},
        BLOCK | {"hash": "0x12"},
        BLOCK | {"timestamp": "0x" + "f" * 30},
        BLOCK | {"baseFeePerGas": {}},
    ],
)
def test_malformed_head_is_no_answer(proxy, ledger, block):
    proxy.answers(eth_getBlockByNumber=block)
    with pytest.raises(LedgerUnavailable):
        ledger.head()


@pytest.mark.parametrize("code", [None, 7, "zz", "0xz", [], "0x1"])
def test_malformed_code_is_no_answer(proxy, ledger, code):
    proxy.answers(eth_chainId="0x1", eth_getCode=code)
    with pytest.raises(LedgerUnavailable):
        ledger.identity()


@pytest.mark.parametrize("answer", [None, "0x", "0x12", "zz", 5, ANCHORED[:-2], "0x" + "ff" * 128])
def test_malformed_anchor_is_no_answer(proxy, ledger, answer):
    proxy.answers(eth_call=answer)
    with pytest.raises(LedgerUnavailable):
        ledger.recorded_anchor(ROOT, HEAD)


LOG = {
    "address": CONTRACT,
    "topics": ["", "0x" + ROOT.hex(), "0x" + "00" * 31 + "01", "0x" + "00" * 12 + "ab" * 20],
    "data": "0x" + "00" * 31 + "09",
    "blockNumber": "0x5",
    "blockHash": HASH,
    "transactionHash": HASH,
}


def as_logged(ledger: EvmLedger, **changes: object) -> dict[str, object]:
    log = dict(LOG) | changes
    if log["topics"] == LOG["topics"]:
        log["topics"] = [ANCHORED_TOPIC, *LOG["topics"][1:]]
    return log


@pytest.mark.parametrize(
    "changes",
    [
        {"topics": []},
        {"topics": None},
        {"topics": ["short"]},
        {"data": None},
        {"data": "0x"},
        {"data": "0x00"},
        {"data": 9},
        {"address": None},
        {"address": "0x12"},
        {"blockNumber": None},
        {"blockHash": "0x"},
        {"transactionHash": None},
    ],
)
def test_malformed_log_is_no_answer(proxy, ledger, changes):
    if changes.get("topics") == ["short"]:
        changes = {"topics": [ANCHORED_TOPIC]}
    proxy.answers(eth_call=ANCHORED, eth_getLogs=[as_logged(ledger, **changes)])
    with pytest.raises(LedgerUnavailable):
        ledger.find_anchor(ROOT, HEAD)


@pytest.mark.parametrize("logs", [None, {}, "0x", ["log"], [None]])
def test_logs_that_are_none_are_no_answer(proxy, ledger, logs):
    proxy.answers(eth_call=ANCHORED, eth_getLogs=logs)
    with pytest.raises(LedgerUnavailable):
        ledger.find_anchor(ROOT, HEAD)


def test_node_that_ignores_the_filter_shows_the_right_event_all_the_same(proxy, ledger):
    other = [ANCHORED_TOPIC, "0x" + "77" * 32, *LOG["topics"][2:]]
    proxy.answers(eth_call=ANCHORED, eth_getLogs=[as_logged(ledger, topics=other), as_logged(ledger)])
    found = ledger.find_anchor(ROOT, HEAD)
    assert found is not None
    assert found.root == ROOT
    proxy.answers(eth_call=ANCHORED, eth_getLogs=[as_logged(ledger, topics=other)])
    with pytest.raises(LedgerUnavailable, match="does not show its event"):
        ledger.find_anchor(ROOT, HEAD)


@pytest.mark.parametrize(
    "receipt",
    [
        {},
        [],
        "0x",
        {"blockNumber": None, "blockHash": None},
        {"blockNumber": "0x5", "blockHash": HASH, "status": None, "logs": []},
    ],
)
def test_malformed_receipt_is_no_answer(proxy, ledger, receipt):
    proxy.answers(eth_getTransactionReceipt=receipt, eth_getBlockByNumber=BLOCK)
    with pytest.raises(LedgerUnavailable):
        ledger.receipt(TxHash(bytes(32)))


def test_receipt_of_a_block_that_is_not_canonical_is_none(proxy, ledger):
    receipt = {"blockNumber": "0x5", "blockHash": "0x" + "cd" * 32, "status": "0x1", "gasUsed": "0xd6d8", "logs": []}
    proxy.answers(eth_getTransactionReceipt=receipt, eth_getBlockByNumber=BLOCK)
    assert ledger.receipt(TxHash(bytes(32))) is None


@pytest.mark.parametrize("refusal", [True, False])
def test_unknown_tag_is_a_setting_to_correct(proxy, ledger, refusal):
    proxy.rule = lambda call: call.error(-32602, "Invalid block parameter") if refusal else call.result(None)
    with pytest.raises(Misconfigured, match="does not know the block tag safe; on a QBFT or IBFT ledger set"):
        ledger.final_height(HEAD, FinalityRule(BlockTag.SAFE))


@pytest.mark.parametrize(
    ("code", "message", "data", "error"),
    [
        (3, "execution reverted", "0x", LedgerRejected),
        (-32603, "EVM error InvalidFEOpcode", None, LedgerRejected),
        (3, "execution reverted", "0x7a5a1d91", LedgerRejected),
        (-32001, "Resource not found", None, LedgerUnavailable),
        (-32000, "header for hash not found", None, LedgerUnavailable),
        (-32603, "hash 12 is not currently canonical", None, LedgerUnavailable),
        (-32005, "limit exceeded", None, LedgerUnavailable),
        (-32000, "Too many requests", None, LedgerUnavailable),
    ],
)
def test_refused_call_is_told_from_a_node_that_could_not_run_it(proxy, ledger, code, message, data, error):
    proxy.rule = lambda call: call.error(code, message, data)
    with pytest.raises(error, match=message):
        ledger.check_call(b"", 100_000, HEAD)


def test_revert_data_that_is_cut_short_leaves_the_nodes_words(proxy, ledger):
    from eth_utils.crypto import keccak

    selector = "0x" + keccak(text="RootAlreadyAnchored(bytes32,uint64)")[:4].hex()
    for data in (selector, selector + "12", selector + "zz"):
        proxy.rule = lambda call, data=data: call.error(3, "execution reverted", data)
        with pytest.raises(LedgerRejected, match=r"execution reverted$"):
            ledger.check_call(b"", 100_000, HEAD)


def test_words_of_a_node_are_shortened_and_kept_on_one_line(proxy, ledger):
    proxy.rule = lambda call: call.error(3, "no\n\x1b[31m" + "x" * 10_000)
    with pytest.raises(LedgerRejected) as caught:
        ledger.check_call(b"", 100_000, HEAD)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 400


# The broadcast.


def some_attempt(ledger: EvmLedger) -> Attempt:
    roots = [RootToAnchor(batch_id=1, root=ROOT, leaf_count=1)]
    return ledger.sign(ledger.calldata(roots), nonce=0, gas_limit=100_000, fee=FREE_OF_CHARGE, at=HEAD, now=NOON)


@pytest.mark.parametrize("answer", RUBBISH.values(), ids=RUBBISH.keys())
def test_broadcast_is_made_once_whatever_the_answer(proxy, ledger, answer):
    proxy.rule = answer
    words = ledger.broadcast(some_attempt(ledger)).words
    assert proxy.calls == ["eth_sendRawTransaction"]
    assert words.startswith("node 127.0.0.1")
    assert not [secret for secret in SECRETS if secret in words]


def test_broadcast_passes_a_refusal_on(proxy, ledger):
    proxy.rule = lambda call: call.error(-32003, "nonce too low")
    assert ledger.broadcast(some_attempt(ledger)).words == "nonce too low"
    assert len(proxy.calls) == 1


@pytest.mark.parametrize("answer", [None, HASH, 7, {}])
def test_broadcast_answered_with_another_hash_is_not_accepted(proxy, ledger, answer):
    proxy.answers(eth_sendRawTransaction=answer)
    assert ledger.broadcast(some_attempt(ledger)).words.startswith("the node names another hash: ")
