"""HTTP/1.1 as uvicorn speaks it, with bounds on what comes around the body, and strict about what proxies may read otherwise.

The parser keeps a request line and fields until they are complete, however long they are and take, and trailer fields as well.
Here they are given up, and what is not HTTP is answered and counted like everything else.
"""

import asyncio
import re
from collections import deque
from contextlib import suppress
from copy import copy
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import httptools
from starlette.responses import Response
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from anchoring.errors import HeadTooLarge
from service import problems
from service.hot_lane import HotLane, HotRoute, route_of
from service.security_fields import fields

IN_LIFESPAN: Final = "lane"
"""Under which the application puts the lane of the running service for each connection."""

_ROUNDING: Final = 1024
"""What the whole head may have more than what `Limits.check_head` counts of it."""

_PIECE: Final = 4 * 1024
"""So much is read at once of what may be many requests."""

_CLOSE: Final = (b"connection", b"close")

_FORWARDED: Final = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})

_HOST: Final = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=\[\]:-]*")
"""Characters of RFC 3986, section 3.2.2."""

_NOWHERE: Final = deque[tuple[bytes, bytes]](maxlen=0)
"""Where trailer fields go: they were never part of the head. RFC 9110 section 6.5.1."""


class _NotTaken(Exception):
    """What the parser takes and we do not."""


class _Cycle(RequestResponseCycle):
    """One request and its answer: an `Exchange` of the hot lane. What is there as a whole goes out as a whole.

    To send the head for itself, and to look at each of its fields twice, takes a twentieth of all the work for a proof. They are
    our own, and are looked at together.
    """

    _held: tuple[Any, int] | None = None
    """A head, held back until the body is there, and how long that is to be."""

    async def send(self, message: Any) -> None:
        held, self._held = self._held, None
        if message["type"] == "http.response.start":
            held = None  # one whose body never came
            length = _length(message)
            if length is not None:
                self._held = message, length
                return
        if held is not None:
            head, length = held
            body = message.get("body", b"")
            if len(body) == length and not message.get("more_body") and self._is_at_ease():
                self.send_whole(head["status"], head["headers"], body)
                return
            await super().send(head)
        await super().send(message)

    def send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        if self.disconnected:
            return
        told = [*self.default_headers, *headers] if self.keep_alive else [*self.default_headers, *headers, _CLOSE]
        answer = _head(status, told) + body
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(answer)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def give_up(self) -> None:
        self.transport.close()

    def _is_at_ease(self) -> bool:
        """Whether nothing else is to be thought of: a reader who is slow or gone, HEAD."""
        return not (self.response_started or self.disconnected or self.flow.write_paused or self.scope["method"] == "HEAD")


def _length(head: Any) -> int | None:
    """Its `Content-Length`; None also where it ends the connection."""
    length = None
    for name, value in head.get("headers", ()):
        if name == b"content-length":
            length = int(value)
        elif name == b"connection":
            return None
    return length


def _head(status: int, told: list[tuple[bytes, bytes]]) -> bytes:
    """As it goes over the wire. Raises: RuntimeError where a field would be two."""
    lines = b"".join([b"%b: %b\r\n" % field for field in told])
    if lines.count(b"\n") != len(told) or lines.count(b"\r") != len(told):
        raise RuntimeError("a field of an answer has more lines than one")
    return b"%b%b\r\n" % (STATUS_LINE[status], lines)


async def _nobody(_scope: Any, _receive: Any, _send: Any) -> None:
    """In place of an application."""


def _what_proxies_say(app: Any) -> ProxyHeadersMiddleware | None:
    """What writes into a scope who asks, where that is a proxy which is trusted; None where none is."""
    if not isinstance(app, ProxyHeadersMiddleware):
        return None
    alone = copy(app)
    alone.app = _nobody
    return alone


class HttpProtocol(HttpToolsProtocol):
    """One connection. `_around_bytes`: so much of a head, of chunk sizes and of trailer fields came and is not at an end yet.

    `_unread`: what came while requests wait for the answer to an earlier one, `_answering`. `_refusal`: what is said last.
    `_incomplete`: a request that may be for the hot lane, of which not all has been read. `_rests_until`: when it ends if nothing
    is asked; None while something is. `_rest`: looks at it from time to time.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._lane: HotLane = self.app_state[IN_LIFESPAN]
        self._service = self._lane.service
        self._is_in_head = False
        self._around_bytes = 0
        self._unread = b""
        self._answering: RequestResponseCycle | None = None
        self._refusal: Response | None = None
        self._incomplete: tuple[Any, HotRoute] | None = None
        self._proxies = _what_proxies_say(self.app)
        self._patience: asyncio.TimerHandle | None = None
        self._rests_until: float | None = None
        self._rest: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        if self._rest is not None:
            self._rest.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._unread += data
        self._read_on()

    def on_response_complete(self) -> None:
        """As uvicorn's, but for the timer: to make one for each answer and take it back takes as long as to write the answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._begin_rest()
        if self.pipeline:
            self.flow.pause_reading()  # uvicorn goes on: each answer would let in some thousand requests more
        elif self._refusal is not None:
            if self._answering is None or self._answering.response_complete:
                self._end(self._refusal)
        elif self._unread:
            self._read_on()
        self._leave_incomplete()

    def _unset_keepalive_if_required(self) -> None:
        self._rests_until = None

    def _begin_rest(self) -> None:
        self._rests_until = self.loop.time() + self.timeout_keep_alive
        if self._rest is None:
            self._rest = self.loop.call_later(self.timeout_keep_alive, self._end_rest)

    def _end_rest(self) -> None:
        self._rest = None
        if self._rests_until is None:
            return
        left_s = self._rests_until - self.loop.time()
        if left_s > 0:
            self._rest = self.loop.call_later(left_s, self._end_rest)
        else:
            self.timeout_keep_alive_handler()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise _NotTaken("CONNECT is for proxies, and this is none")
        if self.parser.should_upgrade():
            return
        self._check_head()
        self._head_is_there()
        super().on_headers_complete()
        self.cycle.__class__ = _Cycle  # uvicorn makes it in the middle of a longer method, and cannot be told of which class
        self.headers = _NOWHERE  # type: ignore[assignment] # the request has the list of its own fields

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._answering = cycle
        # An application waits for a reader who is slow before it sends, and the lane for nobody.
        route = route_of(cycle.scope) if app is self.app and not self.flow.write_paused else None
        if route is None:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._incomplete = cycle, route
        else:
            self._take(cycle, route)

    def _take(self, cycle: Any, route: HotRoute) -> None:
        """Have a request answered that is there as a whole."""
        if self._proxies is not None and not _FORWARDED.isdisjoint([name for name, _ in cycle.scope["headers"]]):
            with suppress(StopIteration):  # it waits for nothing
                self._proxies(cycle.scope, cycle.receive, cycle.send).send(None)
        self._lane.take(cycle, route, partial(super()._start_asgi_task, cycle, self.app))

    def on_body(self, body: bytes) -> None:
        self._around_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._around_bytes = 0
        super().on_message_complete()
        if self._incomplete is not None:
            whole, self._incomplete = self._incomplete, None
            self._take(*whole)

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP that is taken."""
        self._refuse(problems.problem(HTTPStatus.BAD_REQUEST, "bad-request", "Bad request", msg))

    def _read_on(self) -> None:
        """As far as the requests that are not begun yet allow: one who sends them without end fills no memory with them."""
        unread, at, limit = self._unread, 0, self._service.limits.header_bytes
        while at < len(unread) and not self.pipeline and self._refusal is None and not self.transport.is_closing():
            piece = unread[at : at + _PIECE]
            at += len(piece)
            self._around_bytes += len(piece)
            while piece and self._refusal is None:
                piece = self._fed(piece)
            if self._around_bytes > limit + _ROUNDING:
                self._refuse(problems.refusal(HeadTooLarge(f"at most {limit} bytes are taken before the body, and after it")))
        self._leave_incomplete()
        self._unread = unread[at:] if self._refusal is None else b""
        if self._unread:
            self.flow.pause_reading()  # whoever reads a body has the server go on
        cycle: RequestResponseCycle | None = self.cycle
        if self._is_in_head or cycle is None or cycle.response_complete:
            self._expect_head()

    def _leave_incomplete(self) -> None:
        """All that is here was read: what is still to come of a request is the application's to wait for."""
        if self._incomplete is not None:
            (slow, _), self._incomplete = self._incomplete, None
            if self._refusal is None:
                super()._start_asgi_task(slow, self.app)

    def _fed(self, data: bytes) -> bytes:
        """What is to be fed next."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as wrong:
            self.logger.warning("Invalid HTTP request received.")
            told = wrong.__context__
            self.send_400_response(str(told) if isinstance(told, _NotTaken) else "this is no request of HTTP/1.1")
        except httptools.HttpParserUpgrade as upgrade:
            return self._without_upgrade() + data[upgrade.args[0] :]
        return b""

    def _without_upgrade(self) -> bytes:
        """The head that was read, for another parser. This one takes what follows for another protocol, and it may be a body."""
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets them
        return b"".join([line, *[b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"], b"\r\n"])

    def _check_head(self) -> None:
        """RFC 9112 sections 3.2 and 6.1. Raises: _NotTaken."""
        hosts = 0
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
                if not _HOST.fullmatch(value):
                    raise _NotTaken("Host is no host and port")
            elif name == b"transfer-encoding" and value.lower() != b"chunked":
                raise _NotTaken("the only Transfer-Encoding that is taken is chunked")
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise _NotTaken("send one Host field")

    def _expect_head(self) -> None:
        """Whatever comes meanwhile, the connection ends unless a head is complete by then."""
        if self._patience is None:
            self._patience = self.loop.call_later(self._service.limits.header_timeout_s, self._give_up_head)

    def _give_up_head(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.close()
        else:
            cycle.keep_alive = False  # what was asked before is answered

    def _head_is_there(self) -> None:
        self._is_in_head, self._around_bytes = False, 0
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _refuse(self, response: Response) -> None:
        """Answer what came before, then this, and end the connection. Nothing is said in the middle of an answer."""
        if self._refusal is not None:
            return
        self._refusal = response
        self._head_is_there()
        cycle: RequestResponseCycle | None = self.cycle
        broken = cycle if cycle is not None and cycle.more_body else None
        if self.pipeline and self.pipeline[0][0] is broken:
            self.pipeline.popleft()  # this is its answer
        answering = self._answering
        if answering is None or answering.response_complete:
            self._end(response)
        elif answering is broken:
            self.transport.close() if answering.response_started else self._end(response)

    def _end(self, response: Response) -> None:
        own = [*self.server_state.default_headers, *response.raw_headers]
        self.transport.write(_head(response.status_code, [*own, *fields(own), _CLOSE]) + response.body)
        self._service.metrics.answered(None, "", response.status_code, 0.0)
        self.transport.close()
