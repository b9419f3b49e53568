"""What comes before a request: heads without end, heads that do not come, and what is no HTTP."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from anchoring.settings import LimitSettings
from service.allowances import open_allowances
from service.http_protocol import IN_LIFESPAN, HttpProtocol
from service.limits import Limits

LIMIT = 4096
PATIENCE_S = 0.2
HEAD = b"GET /healthz HTTP/1.1\r\nHost: service\r\n"


class Wire(asyncio.Transport):
    """What the client sees of one connection to an application that answers 204."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = b""
        self.counted: list[tuple[str | None, str, int]] = []
        self._is_closing = False
        limits = Limits(LimitSettings(header_bytes=LIMIT, header_timeout_s=PATIENCE_S), open_allowances())
        metrics = SimpleNamespace(answered=lambda route, method, status, _seconds: self.counted.append((route, method, status)))
        config = Config(app=answer_204, timeout_keep_alive=3600)
        config.load()
        state = {IN_LIFESPAN: SimpleNamespace(limits=limits, metrics=metrics)}
        self.protocol = HttpProtocol(config, ServerState(), state, asyncio.get_running_loop())
        self.protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.seen += data

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


async def answer_204(_scope: Any, _receive: Any, send: Callable[..., Any]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def sent(*pieces: bytes, pause_s: float = 0.0, wait_s: float = 0.0) -> Wire:
    """A connection over which these came, each after the next pause, and `wait_s` later."""

    async def main() -> Wire:
        wire = Wire()
        for piece in pieces:
            if not wire.is_closing():
                wire.protocol.data_received(piece)
                await asyncio.sleep(pause_s)
        await asyncio.sleep(wait_s)
        wire.protocol.connection_lost(ConnectionError())  # without one the protocol would close it itself
        return wire

    return asyncio.run(main())


@pytest.mark.parametrize("endless", [b"X-One: " + b"a" * 3000, b"a" * 3000, b"X-One: 1\r\n" * 300])
def test_head_without_end_is_refused_when_it_is_too_large(endless: bytes) -> None:
    wire = sent(HEAD, endless, *[endless] * 1000)
    assert wire.seen.startswith(b"HTTP/1.1 431 ")
    assert wire.seen.endswith(b'"detail":"at most 4096 bytes are taken before the body"}')
    assert wire.is_closing()
    assert wire.protocol._head_bytes < 2 * LIMIT, "it was read on"
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
