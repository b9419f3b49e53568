"""What comes around a body: heads and trailers without end, heads that do not come, and what is no HTTP or not for us.

And which requests go to the hot lane: those that are there as a whole.
"""

import asyncio
import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeAlias

import pytest
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from anchoring.settings import LimitSettings
from service.allowances import open_allowances
from service.hot_lane import Exchange, HotRoute
from service.http_protocol import IN_LIFESPAN, HttpProtocol
from service.limits import Limits

LIMIT = 4096
PATIENCE_S = 0.2
HEAD = b"GET /healthz HTTP/1.1\r\nHost: service\r\n"


Take: TypeAlias = Callable[[Exchange, HotRoute, Callable[[], None]], None]
"""What a hot lane does with a request."""


def leave(_exchange: Exchange, _route: HotRoute, leave: Callable[[], None]) -> None:
    leave()


class Wire(asyncio.Transport):
    """What the client sees of one connection to an application, and to a hot lane before it."""

    def __init__(
        self,
        app: Callable[..., Any],
        kind: type[HttpToolsProtocol] = HttpProtocol,
        take: Take = leave,
        *,
        peer: str | None = None,
        trusted: str | None = None,
    ) -> None:
        super().__init__()
        self._peer = peer
        self.seen = b""
        self.counted: list[tuple[str | None, str, int]] = []
        self._is_closing = False
        self.is_paused = False
        limits = Limits(LimitSettings(header_bytes=LIMIT, header_timeout_s=PATIENCE_S), open_allowances())
        metrics = SimpleNamespace(answered=lambda route, method, status, _seconds: self.counted.append((route, method, status)))
        config = Config(app=app, timeout_keep_alive=3600, forwarded_allow_ips=trusted)
        config.load()
        state = {IN_LIFESPAN: SimpleNamespace(service=SimpleNamespace(limits=limits, metrics=metrics), take=take)}
        self.protocol = kind(config, ServerState(), state, asyncio.get_running_loop())
        self.protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.seen += data

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self._peer, 40_000) if name == "peername" and self._peer else default

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


async def answer_204(_scope: Any, _receive: Any, send: Callable[..., Any]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def answer_what_came(scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Its method, the names of its fields and its body; in two parts, so that a fault between them would be seen."""
    body, message = b"", {"more_body": True}
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    told = b" ".join([scope["method"].encode(), *(name for name, _ in scope["headers"]), b"[" + body + b"]"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(told))]})
    await send({"type": "http.response.body", "body": told[:3], "more_body": True})
    await send({"type": "http.response.body", "body": told[3:]})


def sent(
    *pieces: bytes,
    pause_s: float = 0.0,
    wait_s: float = 0.0,
    app: Callable[..., Any] = answer_204,
    kind: type[HttpToolsProtocol] = HttpProtocol,
    take: Take = leave,
) -> Wire:
    """A connection over which these came, each after the next pause, and `wait_s` later."""

    async def main() -> Wire:
        wire = Wire(app, kind, take)
        for piece in pieces:
            if not wire.is_closing():
                wire.protocol.data_received(piece)
                await asyncio.sleep(pause_s)
        await asyncio.sleep(wait_s)
        wire.protocol.connection_lost(ConnectionError())  # without one the protocol would close it itself
        return wire

    return asyncio.run(main())


def statuses(wire: Wire) -> list[bytes]:
    return re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", wire.seen)


@pytest.mark.parametrize("endless", [b"X-One: " + b"a" * 3000, b"a" * 3000, b"X-One: 1\r\n" * 300])
def test_head_without_end_is_refused_when_it_is_too_large(endless: bytes) -> None:
    wire = sent(HEAD, endless, *[endless] * 1000)
    assert wire.seen.startswith(b"HTTP/1.1 431 ")
    assert wire.seen.endswith(b'"detail":"at most 4096 bytes are taken before the body, and after it"}')
    assert wire.is_closing()
    assert isinstance(wire.protocol, HttpProtocol)
    assert wire.protocol._around_bytes < 2 * LIMIT, "it was read on"
    assert wire.counted == [(None, "", 431)]


def test_head_that_comes_in_pieces_is_read_and_the_next_one_too() -> None:
    wire = sent(*[HEAD[i : i + 1] for i in range(len(HEAD))], b"\r\n", HEAD, b"X-One: " + b"a" * 3000, b"\r\n\r\n")
    assert wire.seen.count(b"HTTP/1.1 204 ") == 2
    assert not wire.is_closing()
    assert wire.counted == [], "the application counts"


def test_body_is_no_head() -> None:
    wire = sent(b"POST / HTTP/1.1\r\nHost: service\r\nContent-Length: 9000\r\n\r\n", *[bytes(1000)] * 9)
    assert wire.seen.count(b"HTTP/1.1 204 ") == 1
    assert not wire.is_closing()


@pytest.mark.parametrize("pieces", [(), (HEAD,), (b"\r\n",), (HEAD + b"\r\n", b"\r\n"), (HEAD + b"\r\n", HEAD)])
def test_connection_on_which_no_head_comes_is_given_up(pieces: tuple[bytes, ...]) -> None:
    assert sent(*pieces, wait_s=2 * PATIENCE_S).is_closing()


def test_head_that_comes_drop_by_drop_is_given_up() -> None:
    assert sent(HEAD, *[b"X-One: 1\r\n"] * 10, pause_s=PATIENCE_S / 4).is_closing()


def test_connection_that_was_answered_is_left_to_the_server() -> None:
    assert not sent(HEAD + b"\r\n", wait_s=2 * PATIENCE_S).is_closing()


@pytest.mark.parametrize("content", [b"\x16\x03\x01\x02\x00\x01 not HTTP\r\n\r\n", HEAD + b"Content-Length: -1\r\n\r\n"])
def test_what_is_no_http_is_answered_like_everything_else_and_counted(content: bytes) -> None:
    wire = sent(content, content)
    head, body = wire.seen.decode().split("\r\n\r\n")
    assert head.startswith("HTTP/1.1 400 ")
    assert "content-type: application/problem+json" in head
    assert "x-content-type-options: nosniff" in head
    assert "content-security-policy: default-src 'none'" in head
    assert json.loads(body)["type"] == "urn:credanchor:problem:bad-request"
    assert wire.is_closing()
    assert wire.counted == [(None, "", 400)]


CHUNKED = b"POST / HTTP/1.1\r\nHost: service\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
TRAILER = b"0\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 192.0.2.1\r\nExpect: 100-continue\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [(CHUNKED + TRAILER,), (CHUNKED, TRAILER), tuple((CHUNKED + TRAILER)[i : i + 1] for i in range(len(CHUNKED + TRAILER)))],
    ids=["at once", "later", "byte by byte"],
)
def test_trailer_fields_are_no_fields_of_the_request(pieces: tuple[bytes, ...]) -> None:
    wire = sent(*pieces, CHUNKED + b"0\r\n\r\n", app=answer_what_came)
    assert wire.seen.count(b"POST host transfer-encoding [{}]") == 2
    assert b"authorization" not in wire.seen
    assert not wire.is_closing()


@pytest.mark.parametrize(
    "endless",
    [
        (b"0\r\nX-One: " + b"a" * 3000, b"a" * 3000),
        (b"0\r\n", b"X-One: 1\r\n" * 300),
        (b"0\r\n", b"a" * 3000),
        (b"2;a", b"a" * 3000),
    ],
    ids=["one field", "many", "a name", "a chunk extension"],
)
def test_trailer_without_end_is_given_up(endless: tuple[bytes, bytes]) -> None:
    wire = sent(CHUNKED, endless[0], *[endless[1]] * 1000, app=answer_what_came)
    assert wire.seen.startswith(b"HTTP/1.1 431 ")
    assert wire.is_closing()
    assert isinstance(wire.protocol, HttpProtocol)
    assert wire.protocol._around_bytes < 2 * LIMIT, "it was read on"
    assert not wire.protocol.headers, "they were kept"
    assert wire.counted == [(None, "", 431)]


def test_trailer_without_end_after_an_answer_ends_the_connection_and_says_no_more() -> None:
    wire = sent(CHUNKED, b"0\r\n", *[b"X-One: 1\r\n" * 300] * 1000)
    assert wire.seen.count(b"HTTP/1.1 ") <= 2
    assert wire.is_closing()


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
ASKING = b"POST / HTTP/1.1\r\nHost: service\r\n" + UPGRADE


@pytest.mark.parametrize(
    "body", [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_request_to_upgrade_is_answered_as_though_it_were_none(body: bytes, size: int) -> None:
    content = 2 * (ASKING + body)
    wire = sent(*[content[i : i + size] for i in range(0, len(content), size)], wait_s=0.01, app=answer_what_came)
    assert wire.seen.count(b"HTTP/1.1 200 ") == 2
    assert wire.seen.count(b" [hello]") == 2
    assert not wire.is_closing()


@pytest.mark.parametrize("target", [b"x://y/healthz", b"service:443", b"/healthz", b"*"])
@pytest.mark.parametrize(
    "rest", [b"HTTP/1.0\r\n", b"HTTP/1.1\r\nHost: service\r\n", b"HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n"]
)
def test_tunnel_is_refused_and_whatever_comes_for_it_is_left(target: bytes, rest: bytes) -> None:
    wire = sent(b"CONNECT " + target + b" " + rest + b"\r\n", HEAD + b"\r\n")
    assert wire.seen.startswith(b"HTTP/1.1 400 ")
    assert wire.seen.count(b"HTTP/1.1 ") == 1
    assert wire.is_closing()
    assert wire.counted == [(None, "", 400)]


def test_many_requests_to_upgrade_at_once_are_answered() -> None:
    assert sent((ASKING + b"\r\n") * 1500, wait_s=2).seen.count(b"HTTP/1.1 204 ") == 1500


@pytest.mark.parametrize(
    ("field", "says"),
    [
        (b"", "send one Host field"),
        (b"Host: service\r\nHost: service\r\n", "send one Host field"),
        (b"Host: ser vice\r\n", "Host is no host and port"),
        (b"Host: a@service\r\n", "Host is no host and port"),
        (b"Host: service/path\r\n", "Host is no host and port"),
        (b"Host: service\r\nTransfer-Encoding: gzip, chunked\r\n", "the only Transfer-Encoding that is taken is chunked"),
        (
            b"Host: service\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
            "the only Transfer-Encoding that is taken is chunked",
        ),
    ],
)
def test_head_that_others_may_read_otherwise_is_refused(field: bytes, says: str) -> None:
    wire = sent(b"POST / HTTP/1.1\r\n" + field + b"\r\n0\r\n\r\n", app=answer_what_came)
    assert wire.seen.count(b"HTTP/1.1 ") == 1
    assert wire.seen.startswith(b"HTTP/1.1 400 ")
    assert json.loads(wire.seen.partition(b"\r\n\r\n")[2])["detail"] == says
    assert wire.is_closing()


def test_head_of_http_1_0_needs_no_host_and_chunked_is_chunked_in_capitals() -> None:
    assert sent(b"GET / HTTP/1.0\r\n\r\n").seen.startswith(b"HTTP/1.1 204 ")
    assert sent(CHUNKED.replace(b"chunked", b"CHUNKED") + b"0\r\n\r\n").seen.startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize("asked", [[HEAD + b"\r\n"], [HEAD + b"\r\n"] * 3, [(HEAD + b"\r\n") * 3]])
def test_what_is_no_http_is_answered_last(asked: list[bytes]) -> None:
    *before, last = asked
    wire = sent(*before, last + b"no HTTP\r\n\r\n", HEAD + b"\r\n")
    assert statuses(wire) == [b"204"] * b"".join(asked).count(b"GET") + [b"400"]
    assert wire.is_closing()


def test_body_that_breaks_off_is_answered_after_what_was_asked_before_it() -> None:
    wire = sent(HEAD + b"\r\n" + CHUNKED + b"zz\r\n", pause_s=0.05, app=answer_what_came)
    assert statuses(wire) == [b"200", b"400"]
    assert wire.is_closing()


@pytest.mark.parametrize("last", [b"", b"no HTTP\r\n\r\n"])
def test_what_comes_without_end_behind_a_request_whose_body_is_awaited_is_not_kept(last: bytes) -> None:
    asked = b"POST / HTTP/1.1\r\nHost: service\r\nContent-Length: 2\r\n\r\n"

    async def app(_scope: Any, receive: Callable[..., Any], _send: Callable[..., Any]) -> None:
        for _ in range(3):
            await receive()
        await asyncio.sleep(60)

    async def main() -> tuple[int, bool]:
        wire = Wire(app)
        assert isinstance(wire.protocol, HttpProtocol)
        wire.protocol.data_received(asked + b"{}" + last)
        for _ in range(100):
            await asyncio.sleep(0)
            if not wire.is_paused:
                wire.protocol.data_received((HEAD + b"\r\n") * 1000)
        kept, waiting = len(wire.protocol._unread), len(wire.protocol.pipeline)
        wire.protocol.connection_lost(ConnectionError())
        return kept, waiting < 4096 // len(HEAD) + 2

    kept, is_bounded = asyncio.run(main())
    assert is_bounded
    assert kept <= 4 * 1000 * (len(HEAD) + 2)


def test_requests_without_end_are_answered_in_turn_and_few_of_them_wait() -> None:
    waiting: list[int] = []
    wires: list[Wire] = []

    async def app(scope: Any, receive: Any, send: Callable[..., Any]) -> None:
        waiting.append(len(wires[0].protocol.pipeline))
        await answer_204(scope, receive, send)

    async def main() -> None:
        wires.append(Wire(app))
        wires[0].protocol.data_received((HEAD + b"\r\n") * 5000)
        for _ in range(100_000):
            if len(waiting) == 5000:
                break
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        wires[0].protocol.connection_lost(ConnectionError())

    asyncio.run(main())
    assert len(waiting) == 5000
    assert max(waiting) <= 4096 // len(HEAD) + 1
    assert wires[0].seen.count(b"HTTP/1.1 204 ") == 5000


START = {"type": "http.response.start", "status": 200}
LENGTH_2 = START | {"headers": [(b"content-length", b"2"), (b"etag", b'"a"')]}
BODY = {"type": "http.response.body", "body": b"{}"}

ANSWERS: dict[str, list[Any]] = {
    "whole": [LENGTH_2, BODY],
    "whole without a length": [START | {"headers": []}, BODY],
    "without fields": [START, BODY],
    "nothing": [START | {"status": 204}, {"type": "http.response.body"}],
    "nothing, and says so": [START | {"headers": [(b"content-length", b"0")]}, {"type": "http.response.body"}],
    "in parts": [LENGTH_2, BODY | {"body": b"{", "more_body": True}, BODY | {"body": b"}"}],
    "first an empty part": [LENGTH_2, BODY | {"body": b"", "more_body": True}, BODY],
    "ends the connection": [LENGTH_2 | {"headers": [(b"content-length", b"2"), (b"connection", b"close")]}, BODY],
    "shorter than it says": [LENGTH_2, BODY | {"body": b"{"}],
    "longer than it says": [LENGTH_2, BODY | {"body": b"{ }"}],
    "twice": [LENGTH_2, BODY, LENGTH_2, BODY],
}

ASKED = {
    "once": [HEAD + b"\r\n"],
    "twice in one piece": [(HEAD + b"\r\n") * 2],
    "one after the other": [HEAD + b"\r\n"] * 2,
    "HEAD": [HEAD.replace(b"GET", b"HEAD") + b"\r\n"],
    "the last time": [HEAD + b"Connection: close\r\n\r\n"],
    "as of old": [HEAD.replace(b"1.1", b"1.0") + b"\r\n"],
    "with a body that may come": [
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        b"123456789",
    ],
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("answer", ANSWERS)
def test_answer_goes_out_as_the_server_would_send_it(answer: str, asked: str) -> None:
    async def app(_scope: Any, _receive: Any, send: Callable[..., Any]) -> None:
        for message in ANSWERS[answer]:
            await send(message)

    ours, theirs = [sent(*ASKED[asked], pause_s=0.001, app=app, kind=kind) for kind in (HttpProtocol, HttpToolsProtocol)]

    assert ours.seen == theirs.seen
    assert ours.is_closing() == theirs.is_closing()


TWO_LINES = [(b"content-length", b"2"), (b"a", b"b\r\nc: d")]
TWO_LINES_FOR_SOME = [(b"content-length", b"2"), (b"a", b"b\rc: d")]


@pytest.mark.parametrize(
    "messages", [[LENGTH_2], [LENGTH_2 | {"headers": TWO_LINES}, BODY], [LENGTH_2 | {"headers": TWO_LINES_FOR_SOME}, BODY]]
)
def test_answer_that_cannot_go_out_is_an_error_and_no_half_of_one(messages: list[Any]) -> None:
    async def app(_scope: Any, _receive: Any, send: Callable[..., Any]) -> None:
        for message in messages:
            await send(message)

    wire = sent(HEAD + b"\r\n", pause_s=0.001, app=app)
    assert wire.seen.startswith(b"HTTP/1.1 500 ")
    assert wire.seen.count(b"HTTP/1.1") == 1
    assert wire.is_closing()


# --- the hot lane -----------------------------------------------------------------------------------------------------

PATH = "/v1/proofs/" + "a" * 64
HOT = f"GET {PATH} HTTP/1.1\r\nHost: service\r\n".encode()
HOT_POST = b"POST /v1/digests HTTP/1.1\r\nHost: service\r\nContent-Length: 9\r\n\r\n"
FIELDS = [(b"content-length", b"2"), (b"etag", b'"a"')]


class Taken:
    """A lane that answers what it takes, in the next turn of the event loop or when it is told to."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []
        self.waiting: list[Exchange] = []
        self._at_once = at_once

    def take(self, exchange: Exchange, _route: HotRoute, _leave: Callable[[], None]) -> None:
        self.scopes.append(exchange.scope)
        self.bodies.append(bytes(exchange.body))
        self.waiting.append(exchange)
        if self._at_once:
            asyncio.get_running_loop().call_soon(self.answer)

    def answer(self) -> None:
        self.waiting.pop(0).send_whole(200, FIELDS, b"{}")


async def answer_as_the_lane(_scope: Any, _receive: Any, send: Callable[..., Any]) -> None:
    for message in [LENGTH_2, BODY]:
        await send(message)


HOT_ASKED = {
    "once": [HOT + b"\r\n"],
    "thrice in one piece": [(HOT + b"\r\n") * 3],
    "before and after another": [HOT + b"\r\n" + HEAD + b"\r\n" + HOT + b"\r\n"],
    "one after the other": [HOT + b"\r\n"] * 2,
    "in pieces": [HOT[:9], HOT[9:], b"\r\n"],
    "the last time": [HOT + b"Connection: close\r\n\r\n", HOT + b"\r\n"],
    "as of old": [HOT.replace(b"1.1", b"1.0") + b"\r\n"],
    "with a body": [HOT_POST + b"123456789"],
    "with a body that comes later": [HOT_POST, b"123456789"],
    "with a body that may come": [HOT_POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), b"123456789"],
}


@pytest.mark.parametrize("asked", HOT_ASKED)
def test_answer_of_the_hot_lane_goes_out_as_that_of_an_application(asked: str) -> None:
    lane = Taken()
    ours = sent(*HOT_ASKED[asked], pause_s=0.001, app=answer_as_the_lane, take=lane.take)
    theirs = sent(*HOT_ASKED[asked], pause_s=0.001, app=answer_as_the_lane, kind=HttpToolsProtocol)

    assert ours.seen.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"") == theirs.seen.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    assert ours.is_closing() == theirs.is_closing()
    assert len(lane.scopes) == (0 if "come" in asked else theirs.seen.count(b"200 OK") - ("another" in asked))


@pytest.mark.parametrize("body", [b"", b"123456789"])
def test_hot_request_goes_to_the_lane_once_it_is_there_as_a_whole(body: bytes) -> None:
    lane = Taken()
    came = HOT_POST.replace(b"9", b"%d" % len(body)) + body
    sent(came, pause_s=0.001, take=lane.take)
    assert lane.bodies == [body]


def test_what_the_lane_leaves_is_answered_by_the_application() -> None:
    wire = sent(HOT_POST + b"123456789", pause_s=0.001, app=answer_what_came)
    assert wire.seen.endswith(b"POST host content-length [123456789]")


def test_hot_requests_of_one_connection_are_answered_one_after_the_other() -> None:
    lane = Taken(at_once=False)

    async def main() -> Wire:
        wire = Wire(answer_204, take=lane.take)
        wire.protocol.data_received((HOT + b"\r\n") * 2 + HEAD + b"\r\n")
        for _ in range(2):
            await asyncio.sleep(0.01)
            assert len(lane.waiting) == 1
            assert b"204" not in wire.seen
            lane.answer()
        await asyncio.sleep(0.01)
        wire.protocol.connection_lost(ConnectionError())
        return wire

    assert statuses(asyncio.run(main())) == [b"200", b"200", b"204"]


def test_what_is_no_http_is_answered_after_the_hot_request_before_it() -> None:
    lane = Taken(at_once=False)

    async def main() -> Wire:
        wire = Wire(answer_204, take=lane.take)
        wire.protocol.data_received(HOT + b"\r\n" + b"no HTTP\r\n\r\n")
        await asyncio.sleep(0.01)
        assert wire.seen == b""
        lane.answer()
        wire.protocol.connection_lost(ConnectionError())
        return wire

    assert statuses(asyncio.run(main())) == [b"200", b"400"]


def test_hot_request_that_breaks_off_is_refused_and_goes_nowhere() -> None:
    lane, asked = Taken(), []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        asked.append(scope)

    wire = sent(
        HOT_POST.replace(b"Content-Length: 9", b"Transfer-Encoding: chunked") + b"zz\r\n", pause_s=0.001, app=app, take=lane.take
    )
    assert statuses(wire) == [b"400"]
    assert wire.is_closing()
    assert lane.scopes == asked == []


def test_client_that_has_gone_is_answered_nothing() -> None:
    lane = Taken(at_once=False)

    async def main() -> Wire:
        wire = Wire(answer_204, take=lane.take)
        wire.protocol.data_received(HOT + b"\r\n")
        await asyncio.sleep(0.01)
        wire.protocol.connection_lost(None)
        lane.answer()
        return wire

    assert asyncio.run(main()).seen == b""


def test_reader_who_is_slow_is_left_to_the_application_which_waits_for_him() -> None:
    lane = Taken()

    async def main() -> Wire:
        wire = Wire(answer_204, take=lane.take)
        wire.protocol.pause_writing()
        wire.protocol.data_received((HOT + b"\r\n") * 3)
        await asyncio.sleep(0.01)
        assert wire.seen == b""
        wire.protocol.resume_writing()
        await asyncio.sleep(0.01)
        wire.protocol.connection_lost(ConnectionError())
        return wire

    assert statuses(asyncio.run(main())) == [b"204", b"200", b"200"]
    assert len(lane.scopes) == 2


def test_server_that_stops_closes_the_connection_after_the_answer() -> None:
    lane = Taken(at_once=False)

    async def main() -> Wire:
        wire = Wire(answer_204, take=lane.take)
        wire.protocol.data_received(HOT + b"\r\n")
        await asyncio.sleep(0.01)
        wire.protocol.shutdown()
        assert not wire.is_closing()
        lane.answer()
        assert wire.is_closing()
        wire.protocol.connection_lost(None)
        return wire

    assert asyncio.run(main()).seen.endswith(b"connection: close\r\n\r\n{}")


@pytest.mark.parametrize(
    ("peer", "says", "client"), [("10.0.0.1", "192.0.2.7", "192.0.2.7"), ("10.9.9.9", "192.0.2.7", "10.9.9.9")]
)
def test_lane_is_told_who_asks_by_a_proxy_that_is_trusted(peer: str, says: str, client: str) -> None:
    lane = Taken()

    async def main() -> None:
        wire = Wire(answer_204, take=lane.take, peer=peer, trusted="10.0.0.1")
        wire.protocol.data_received(HOT + f"X-Forwarded-For: {says}\r\n\r\n".encode())
        await asyncio.sleep(0.01)
        wire.protocol.connection_lost(ConnectionError())

    asyncio.run(main())
    assert lane.scopes[0]["client"][0] == client


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
@pytest.mark.parametrize("before", [HOT, HEAD])
def test_hot_request_whose_body_is_awaited_goes_to_the_application_behind_another_too(before: bytes, expect: bytes) -> None:
    lane = Taken()
    wire = sent(
        before + b"\r\n" + HOT_POST.replace(b"\r\n\r\n", b"\r\n" + expect + b"\r\n"),
        b"123456789",
        pause_s=0.01,
        app=answer_what_came,
        take=lane.take,
    )
    assert wire.seen.endswith(b"[123456789]")
    assert (b"100 Continue" in wire.seen) == bool(expect)
    assert len(lane.scopes) == (before is HOT)


@pytest.mark.parametrize("asked", [HEAD + b"\r\n", HOT + b"\r\n", (HOT + b"\r\n") * 2])
def test_head_that_does_not_come_takes_no_answer_from_what_was_asked_before(asked: bytes) -> None:
    lane = Taken(at_once=False)

    async def app(scope: Any, receive: Any, send: Callable[..., Any]) -> None:
        await asyncio.sleep(2 * PATIENCE_S)
        await answer_as_the_lane(scope, receive, send)

    async def main() -> Wire:
        wire = Wire(app, take=lane.take)
        wire.protocol.data_received(asked + HEAD)
        await asyncio.sleep(1.5 * PATIENCE_S)
        assert not wire.is_closing()
        for _ in range(asked.count(HOT)):
            lane.answer()
            await asyncio.sleep(0.01)
        await asyncio.sleep(PATIENCE_S)
        assert wire.is_closing()
        wire.protocol.connection_lost(None)
        return wire

    wire = asyncio.run(main())
    assert statuses(wire) == [b"200"] * asked.count(b"GET")
    assert wire.seen.count(b"connection: close") == 1


def test_connection_on_which_nothing_more_is_asked_ends() -> None:
    """Each answer gives it so long again; while something is answered it does not end."""
    rest_s = 0.2

    async def main() -> list[bool]:
        may_answer = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Callable[..., Any]) -> None:
            if scope["path"] == "/slow":
                await may_answer.wait()
            await answer_204(scope, receive, send)

        wire = Wire(app)
        wire.protocol.timeout_keep_alive = rest_s  # type: ignore[assignment] # it is compared with times
        seen = []
        for path in (b"/healthz", b"/healthz", b"/healthz", b"/slow"):
            wire.protocol.data_received(HEAD.replace(b"/healthz", path) + b"\r\n")
            await asyncio.sleep(0.75 * rest_s)
            seen.append(wire.is_closing())
        await asyncio.sleep(2 * rest_s)
        seen.append(wire.is_closing())
        may_answer.set()
        await asyncio.sleep(0.75 * rest_s)
        seen.append(wire.is_closing())
        await asyncio.sleep(0.75 * rest_s)
        seen.append(wire.is_closing())
        wire.protocol.connection_lost(None)
        return seen

    assert asyncio.run(main()) == [False] * 6 + [True]
