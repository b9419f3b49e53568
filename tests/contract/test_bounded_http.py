"""A server that sends too much, too slowly or something else: the call ends at its deadline and reads no more than it may."""

import gzip
import socket
import ssl
from typing import Any

import httpcore2
import pytest

from anchoring.bounded_http import AnswerTooLong, HttpGetter, HttpPoster, NoAnswer
from anchoring.errors import LedgerUnavailable
from anchoring.ledger.rpc import JsonRpc, TooLong
from tests.raw_server import OK, RawServer, drips, read_request, says

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BLOCK = b"x" * 65_536
LIMIT = 200_000


@pytest.mark.parametrize(
    "answer",
    [
        drips(OK + b"Content-Length: 1000000\r\n\r\n", b"x"),
        drips(CHUNKED, b"1\r\nx\r\n"),
        drips(OK, b"A: b\r\n"),
        drips(OK + b"A: ", b"x"),
        drips(b"", b"H"),
        drips(b"HTTP/1.1 100 Continue\r\n\r\n", b""),
        drips(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda server, client: server.ended.wait(),
    ],
    ids=["body", "chunks", "header lines", "one header", "status line", "nothing", "continue", "no reading"],
)
def test_answer_that_drips_ends_at_the_deadline(serve, answer):
    server = serve(answer)
    with pytest.raises(NoAnswer) as caught:
        HttpPoster(server.url, timeout_s=0.3, max_bytes=LIMIT).post(b"{}")
    assert str(caught.value) in {"ReadTimeout", "RemoteProtocolError"}
    assert "marker" not in repr(caught.value)


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (OK + b"\r\n", BLOCK),
        (OK + b"Content-Length: 10000000000\r\n\r\n", BLOCK),
        (CHUNKED, b"10000\r\n" + BLOCK + b"\r\n"),
    ],
    ids=["until closed", "declared", "chunks"],
)
def test_answer_without_end_is_read_to_the_bound_and_no_further(serve, head, part):
    def floods(server: RawServer, client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        read_request(client)
        server.send(client, head)
        while not server.ended.is_set():
            server.send(client, part)

    server = serve(floods)
    with pytest.raises(AnswerTooLong, match=f"more than {LIMIT} bytes"):
        HttpPoster(server.url, timeout_s=10, max_bytes=LIMIT).post(b"{}")
    assert server.sent < LIMIT + 20_000_000  # what lay in buffers; the server would have gone on for ever


def test_header_without_end_is_given_up(serve):
    def floods(server: RawServer, client: socket.socket) -> None:
        read_request(client)
        server.send(client, OK + b"A: ")
        while not server.ended.is_set():
            server.send(client, BLOCK)

    server = serve(floods)
    with pytest.raises(NoAnswer, match="RemoteProtocolError"):
        HttpPoster(server.url, timeout_s=10, max_bytes=LIMIT).post(b"{}")


def test_compressed_answer_is_not_unpacked(serve):
    bomb = gzip.compress(bytes(50_000_000))
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with pytest.raises(NoAnswer, match="compressed"):
        HttpPoster(serve(says(head + bomb)).url, timeout_s=10, max_bytes=LIMIT).post(b"{}")


def test_redirect_is_not_followed(serve):
    elsewhere = serve(says(OK + b"Content-Length: 2\r\n\r\n{}"))
    head = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % elsewhere.url.encode()
    with pytest.raises(NoAnswer, match="HTTP status 307"):
        HttpPoster(serve(says(head)).url, timeout_s=10, max_bytes=LIMIT).post(b"{}")
    assert elsewhere.connections == 0


def test_answer_of_exactly_the_bound_is_read(serve):
    content = b"y" * LIMIT
    server = serve(says(OK + b"Content-Length: %d\r\n\r\n" % LIMIT + content))
    assert HttpPoster(server.url, timeout_s=10, max_bytes=LIMIT).post(b"{}") == content


def test_request_carries_the_account_of_the_url_and_asks_for_no_compression(serve):
    requests = []

    def answer(server: RawServer, client: socket.socket) -> None:
        requests.append(read_request(client))
        server.send(client, OK + b"Content-Length: 2\r\n\r\n{}")

    server = serve(answer)
    assert HttpPoster(f"http://us%40er:p%3Aw@127.0.0.1:{server.port}/a?key=b", timeout_s=10, max_bytes=LIMIT).post(b"{}") == b"{}"
    lines = requests[0].split(b"\r\n")
    assert lines[0] == b"POST /a?key=b HTTP/1.1"
    assert b"Authorization: Basic dXNAZXI6cDp3" in lines  # us@er:p:w
    assert b"Accept-Encoding: identity" in lines
    assert b"Host: 127.0.0.1:%d" % server.port in lines


def test_connection_is_used_again_and_a_closed_one_is_replaced(serve):
    def answers_twice(server: RawServer, client: socket.socket) -> None:
        for _ in range(2):
            read_request(client)
            server.send(client, OK + b"Content-Length: 2\r\n\r\n{}")

    server = serve(answers_twice)
    poster = HttpPoster(server.url, timeout_s=10, max_bytes=LIMIT)
    assert [poster.post(b"{}") for _ in range(2)] == [b"{}"] * 2
    assert server.connections == 1
    server._threads[-1].join()  # the server has closed it
    assert poster.post(b"{}") == b"{}"
    assert server.connections == 2


@pytest.mark.parametrize(
    "url", ["", "ftp://a", "http://", "http://a:0", "http://a:99999", "http://[", "http://ä", "localhost:8545"]
)
def test_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match=r".*"):
        HttpPoster(url, timeout_s=1, max_bytes=LIMIT)


def test_both_are_typed_for_whoever_asks_the_node(serve):
    slow = JsonRpc(serve(drips(CHUNKED, b"1\r\nx\r\n")).url, timeout_s=0.1)
    with pytest.raises(LedgerUnavailable, match=r"^node 127\.0\.0\.1:\d+ did not answer eth_chainId: ReadTimeout$"):
        slow.send("eth_chainId")
    long = JsonRpc(serve(says(OK + b"\r\n" + BLOCK * 4)).url, timeout_s=10, max_bytes=LIMIT)
    with pytest.raises(TooLong, match=r"^node 127\.0\.0\.1:\d+ answered eth_getLogs with an answer of more than 200000 bytes$"):
        long.read("eth_getLogs")


def test_node_behind_tls_is_asked_when_its_certificate_is_trusted_and_only_then(serve, certificate, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def answer(server: RawServer, client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as secured:
            read_request(secured)
            server.send(secured, OK + b"Content-Length: 2\r\n\r\n{}")

    url = serve(answer).url.replace("http", "https")
    with pytest.raises(NoAnswer, match=r"^ConnectError$"):
        HttpPoster(url, timeout_s=10, max_bytes=LIMIT).post(b"{}")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert HttpPoster(url, timeout_s=10, max_bytes=LIMIT).post(b"{}") == b"{}"


def local(**bounds) -> HttpGetter:
    return HttpGetter(**{"timeout_s": 10, "max_bytes": LIMIT} | bounds, allow_private=True)


def test_document_is_fetched_with_its_media_type(serve):
    asked = []

    def answer(server: RawServer, client: socket.socket) -> None:
        asked.append(read_request(client))
        server.send(client, OK + b"Content-Type: application/did+json\r\nContent-Length: 2\r\n\r\n{}")

    server = serve(answer)
    found = local().get(f"http://127.0.0.1:{server.port}/a?b=c#d", accept="application/json", fresh=True)
    assert (found.content, found.media_type) == (b"{}", "application/did+json")
    lines = asked[0].decode().split("\r\n")
    assert lines[0] == "GET /a?b=c HTTP/1.1"
    assert {f"Host: 127.0.0.1:{server.port}", "Accept: application/json", "Cache-Control: no-cache"} <= set(lines)


@pytest.mark.parametrize(
    "endless", [drips(OK + b"Content-Length: 1000000\r\n\r\n", b"x"), drips(b"", b"H")], ids=["body", "status"]
)
def test_fetching_what_drips_ends_at_the_deadline(serve, endless):
    with pytest.raises(NoAnswer):
        local(timeout_s=0.3).get(f"http://127.0.0.1:{serve(endless).port}/", accept="*/*")


def test_fetching_reads_to_the_bound_and_no_redirect(serve):
    server = serve(says(OK + b"Content-Length: 300000\r\n\r\n" + b"x" * 300_000))
    with pytest.raises(AnswerTooLong):
        local().get(f"http://127.0.0.1:{server.port}/", accept="*/*")
    server = serve(says(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n"))
    with pytest.raises(NoAnswer, match="HTTP status 302"):
        local().get(f"http://127.0.0.1:{server.port}/", accept="*/*")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "192.0.0.8",
        "127.1",
        "0177.0.0.1",
        "0x7f.1",
        "2130706433",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ],
)
def test_nothing_inside_the_own_network_is_fetched_unless_allowed(host, serve):
    server = serve(says(OK + b"Content-Length: 2\r\n\r\n{}"))
    with pytest.raises(NoAnswer, match="inside this network"):
        HttpGetter(timeout_s=10, max_bytes=LIMIT).get(f"https://{host}:{server.port}/", accept="*/*")
    assert server.connections == 0


def address(host: str) -> tuple[Any, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, 443))


def test_name_is_looked_up_once_and_what_was_looked_at_is_connected_to(monkeypatch):
    """A name that leads elsewhere the second time (rebinding) leads nowhere."""
    asked, connected = [], []

    def look_up(*_: Any, **__: Any) -> list[Any]:
        asked.append(1)
        return [address("93.184.216.34" if len(asked) == 1 else "127.0.0.1")]

    def connect(_self: Any, host: str, *_: Any, **__: Any) -> Any:
        connected.append(host)
        raise httpcore2.ConnectError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    with pytest.raises(NoAnswer, match="ConnectError"):
        HttpGetter(timeout_s=1, max_bytes=LIMIT).get("https://uni.example/", accept="*/*")
    assert (asked, connected) == ([1], ["93.184.216.34"])


def test_name_with_an_address_inside_among_others_is_not_connected_to(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [address("93.184.216.34"), address("10.0.0.1")])
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", lambda *_, **__: pytest.fail("connected"))
    with pytest.raises(NoAnswer, match="inside this network"):
        HttpGetter(timeout_s=1, max_bytes=LIMIT).get("https://uni.example/", accept="*/*")


@pytest.mark.parametrize(
    "url",
    [
        "http://uni.example/",
        "ftp://uni.example/",
        "https:///x",
        "https://a:b@uni.example/",
        "https://uni.example:0/",
        "https://ünı.example/",
    ],
)
def test_fetching_takes_urls_of_https_only(url):
    with pytest.raises(ValueError, match="not a URL of HTTP"):
        HttpGetter(timeout_s=1, max_bytes=LIMIT).get(url, accept="*/*")
