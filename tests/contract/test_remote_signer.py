"""A signer on another machine that is down, slow, wrong or lying: nothing of it is believed that was not read again."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchoring.core.fees import Fee
from anchoring.errors import LedgerRejected, LedgerUnavailable, Misconfigured
from anchoring.ledger.remote_signer import RemoteSigner
from anchoring.ledger.signed_transaction import sign_as_asked
from anchoring.ledger.signer import price_fields
from anchoring.types import parse_address
from tests.conftest import Anvil
from tests.networks import fresh_key
from tests.raw_server import OK, RawServer, read_request
from tests.rpc_proxy import SECRETS, Answer, Call, RpcProxy
from tests.signing_server import CHAIN_ID, signing_server, signs_with

KEY, OTHER = fresh_key(), fresh_key()
CALL = {"to": "0x" + "12" * 20, "value": 0, "data": "0x1234", "nonce": 7, "gas": 100_000, "chainId": CHAIN_ID}
CREATION = {name: value for name, value in CALL.items() if name != "to"}
LEGACY = CALL | price_fields(Fee(max_fee_wei=3, tip_wei=None))
DYNAMIC = CALL | price_fields(Fee(max_fee_wei=5, tip_wei=2))
TOKEN = "marker-token"


@pytest.fixture
def server() -> Iterator[RpcProxy]:
    with signing_server(KEY) as one:
        yield one


def remote(url: str, address: str = KEY.address, **more: Any) -> RemoteSigner:
    return RemoteSigner(url, parse_address(address), **{"timeout_s": 5, "max_bytes": 10_000} | more)


def secret_file(path: Path, content: str) -> Path:
    path.write_text(content)
    path.chmod(0o600)
    return path


TRANSACTIONS = {"type 0": LEGACY, "type 2": DYNAMIC, "creation": CREATION | price_fields(Fee(max_fee_wei=0, tip_wei=None))}


@pytest.mark.parametrize("asked", TRANSACTIONS.values(), ids=TRANSACTIONS.keys())
def test_transaction_is_signed_as_a_key_at_hand_signs_it(server, asked):
    assert sign_as_asked(remote(server.url), asked)[0] == KEY.sign(asked)


def test_question_is_the_one_that_web3signer_answers(server):
    seen = []

    def notes(call: Call) -> Answer:
        seen.append(json.loads(call.body))
        return signs_with(KEY)(call)

    server.rule = notes
    remote(server.url).sign(DYNAMIC)
    assert seen == [
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "eth_signTransaction",
            "params": [
                {
                    "from": KEY.address,
                    "to": "0x" + "12" * 20,
                    "value": "0x0",
                    "data": "0x1234",
                    "nonce": "0x7",
                    "gas": "0x186a0",
                    "chainId": "0x7a69",
                    "maxFeePerGas": "0x5",
                    "maxPriorityFeePerGas": "0x2",
                }
            ],
        }
    ]


@pytest.mark.parametrize("asked", [LEGACY, DYNAMIC], ids=["type 0", "type 2"])
def test_signer_that_we_did_not_write_signs_the_same(anvil: Anvil, asked):
    account = anvil.rpc.send("eth_accounts")[0]
    sign_as_asked(remote(anvil.url, account, max_bytes=100_000), asked)


FAILURES = {
    "silence": (lambda _: None, "did not answer eth_signTransaction: RemoteProtocolError"),
    "status": (lambda _: 503, "did not answer eth_signTransaction: HTTP status 503"),
    "bad parameters": (lambda _: 400, "did not answer eth_signTransaction: HTTP status 400"),
    "redirect": (lambda _: 307, "did not answer eth_signTransaction: HTTP status 307"),
    "no JSON": (lambda _: b"<html>", "answered eth_signTransaction with something that is no JSON"),
    "nothing": (lambda _: b"{}", "answered eth_signTransaction with another call's answer"),
    "another call": (lambda _: b'{"id": 0, "result": "0x"}', "answered eth_signTransaction with another call's answer"),
    "null": (lambda call: call.result(None), "answered with something that is no signed transaction"),
    "object": (lambda call: call.result({"raw": "0x"}), "answered with something that is no signed transaction"),
    "no digits": (lambda call: call.result("0xgg"), "answered with something that is no signed transaction"),
    "too long": (
        lambda call: call.result("0x" + "00" * 5_000),
        "answered eth_signTransaction with an answer of more than 10000 bytes",
    ),
    "error": (
        lambda call: call.error(-32000, "No unlocked\naccount " + "x" * 999),
        r"did not sign: No unlocked account x{1,200}",
    ),
}


@pytest.mark.parametrize(("rule", "words"), FAILURES.values(), ids=FAILURES.keys())
def test_signer_that_fails_has_signed_nothing_and_is_asked_once(server, rule, words):
    server.rule = rule
    with pytest.raises(LedgerUnavailable, match=rf"^signer 127\.0\.0\.1:{server.port} {words}$"):
        sign_as_asked(remote(server.url), DYNAMIC)
    assert server.calls == ["eth_signTransaction"]


def test_signer_that_is_down_or_slow_is_not_waited_for(server):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(LedgerUnavailable, match="ConnectError"):
        remote(f"http://127.0.0.1:{port}").sign(DYNAMIC)

    def dawdles(call: Call) -> Answer:
        time.sleep(0.3)
        return call.result("0x")

    server.rule = dawdles
    with pytest.raises(LedgerUnavailable, match="ReadTimeout"):
        remote(server.url, timeout_s=0.1).sign(DYNAMIC)


CHANGES = {"to": "0x" + "11" * 20, "value": 1, "data": "0x", "nonce": 8, "gas": 1, "chainId": 1, "maxFeePerGas": 6}


@pytest.mark.parametrize("name", CHANGES)
def test_signer_that_signs_something_else_is_named_with_the_field(server, name):
    server.rule = signs_with(KEY, lambda transaction: transaction | {name: CHANGES[name]})
    with pytest.raises(LedgerRejected, match=rf"another transaction than it was asked to: its {name} differs$"):
        sign_as_asked(remote(server.url), DYNAMIC)


def test_call_made_of_a_creation_is_refused(server):
    server.rule = signs_with(KEY, lambda transaction: transaction | {"to": CALL["to"]})
    with pytest.raises(LedgerRejected, match="its to differs"):
        sign_as_asked(remote(server.url), TRANSACTIONS["creation"])


def test_signer_that_signs_with_another_key_is_refused(server):
    server.rule = lambda call: call.result("0x" + OTHER.sign(DYNAMIC).hex())
    with pytest.raises(LedgerRejected, match=f"with the key of {OTHER.address}, not with that of {KEY.address}"):
        sign_as_asked(remote(server.url), DYNAMIC)


def test_account_that_the_signer_lacks_is_told_in_its_words(server):
    with pytest.raises(LedgerUnavailable, match="did not sign: No unlocked account matches the Sender"):
        remote(server.url, OTHER.address).sign(DYNAMIC)


def test_token_is_sent_and_shown_nowhere(server, tmp_path):
    seen = []

    def refuses(call: Call) -> Answer:
        seen.append(call.authorization)
        return 401

    server.rule = refuses
    signer = remote(f"http://127.0.0.1:{server.port}", token_file=secret_file(tmp_path / "token", TOKEN + "\n"))
    with pytest.raises(LedgerUnavailable, match="HTTP status 401") as failed:
        signer.sign(DYNAMIC)
    assert seen == [f"Bearer {TOKEN}"]
    assert TOKEN not in repr(signer) + str(failed.value)


def test_what_is_in_the_url_is_shown_nowhere(server):
    server.rule = lambda _: 401
    with pytest.raises(LedgerUnavailable) as failed:
        remote(server.url).sign(DYNAMIC)
    with pytest.raises(Misconfigured, match=r"^CREDANCHOR_LEDGER__SIGNER_URL: the signer's address is not a URL") as refused:
        remote("ftp://user:marker-password@signer.example/marker-path")
    assert not any(secret in str(failed.value) + str(refused.value) for secret in SECRETS)


@pytest.mark.parametrize("url", ["http://signer.example", "http://10.0.0.1", "http://127.0.0.1.example"])
def test_token_goes_over_no_network_in_the_clear(tmp_path, url):
    with pytest.raises(
        Misconfigured, match=r"SIGNER_TOKEN_FILE needs a CREDANCHOR_LEDGER__SIGNER_URL of https, or of this machine"
    ):
        remote(url, token_file=secret_file(tmp_path / "token", TOKEN))


@pytest.mark.parametrize("name", ["token_file", "certificate"])
def test_secret_that_others_can_read_is_refused(tmp_path, name):
    path = secret_file(tmp_path / "secret", TOKEN)
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match=f"CREDANCHOR_LEDGER__SIGNER_{name.upper()}: {path} must belong to this user"):
        RemoteSigner("https://127.0.0.1", KEY.address, timeout_s=5, max_bytes=10_000, **{name: path})


@pytest.mark.parametrize("content", ["", "two words", "über", "a\r\nX-Other: b"])
def test_file_without_a_token_is_refused(tmp_path, content):
    with pytest.raises(Misconfigured, match="holds no bearer token"):
        remote("https://127.0.0.1", token_file=secret_file(tmp_path / "token", content))


def test_certificate_that_is_none_or_would_not_be_shown_is_refused(tmp_path, certificate):
    path = secret_file(tmp_path / "client.pem", "nothing")
    with pytest.raises(Misconfigured, match=f"{path} holds no certificate with its key"):
        remote("https://127.0.0.1", certificate=path)
    certificate.chmod(0o600)
    with pytest.raises(Misconfigured, match=r"SIGNER_CERTIFICATE needs a CREDANCHOR_LEDGER__SIGNER_URL of https"):
        remote("http://127.0.0.1", certificate=certificate)


def test_signer_knows_us_by_our_certificate(serve, certificate, monkeypatch):
    certificate.chmod(0o600)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate))
    context.load_cert_chain(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    signed = KEY.sign(DYNAMIC)

    def answer(server: RawServer, client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as secured:
            read_request(secured)
            content = json.dumps({"id": 1, "result": "0x" + signed.hex()}).encode()
            server.send(secured, OK + f"Content-Length: {len(content)}\r\n\r\n".encode() + content)

    url = f"https://127.0.0.1:{serve(answer).port}"
    assert remote(url, certificate=certificate).sign(DYNAMIC) == signed
    with pytest.raises(LedgerUnavailable, match=r"did not answer eth_signTransaction: \w+Error$"):
        remote(url).sign(DYNAMIC)
