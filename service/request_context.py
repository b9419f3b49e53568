"""What surrounds every request: an id, one log line, headers. Plain ASGI, so that bodies and answers stream through."""

import re
import time
from random import getrandbits
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anchoring.core.issuer import without_secrets
from anchoring.errors import NotFound
from service import problems
from service.body_memory import give_back
from service.cross_origin import OPEN, is_open_to_all
from service.metrics import Metrics
from service.refusals import Refusals
from service.security_fields import fields

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.-]{1,64}")

LINE_FEED: Final = "\n"


class Surroundings:
    """What every request has alike, wherever it is answered."""

    def __init__(self, metrics: Metrics, refusals: Refusals) -> None:
        self._metrics = metrics
        self._refusals = refusals
        self._log = structlog.get_logger().bind()  # once: to set a logger up takes as long as to write the line

    def fields(self, scope: Scope, request_id: str, own: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """An answer's `own`, and what is added to them."""
        added = [*own, (b"x-request-id", request_id.encode()), *fields(own)]
        return [*added, *OPEN] if is_open_to_all(scope["method"], scope["path"]) else added

    def finished(self, scope: Scope, path: str | None, status: int | None, started: float, request_id: str) -> None:
        """Count a request, and write its line. `path`: the template of its route; `started`: by `time.perf_counter`."""
        elapsed_s, method, log = time.perf_counter() - started, scope["method"], self._log
        self._metrics.answered(path, method, status or 0, elapsed_s)
        self._refusals.look(scope, path, status or 0)
        log.info(
            "request.finished",
            method=method,
            path=without_secrets(scope["path"]),
            status=status,
            elapsed_ms=round(elapsed_s * 1000, 2),
            request_id=request_id,
        )


class RequestContext:
    """Middleware. A client's own `X-Request-Id` is taken over if it is harmless; HEAD is GET without the body; and an error that
    nobody foresaw is answered here, so that its answer and its log lines carry the id too.
    """

    def __init__(self, app: ASGIApp, surroundings: Surroundings) -> None:
        self._app = app
        self._surroundings = surroundings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._surroundings)
        inner = {**scope, "method": "GET"} if answer.is_head else scope
        started = time.perf_counter()
        structlog.contextvars.bind_contextvars(request_id=answer.request_id)  # a request is a task of its own, and ends with it
        try:
            await self._app(inner, receive, answer.send)
        except Exception as error:
            if answer.status is not None:
                raise  # half of an answer is out: only the server can cut it short
            await problems.crashed(error)(scope, receive, answer.send)
        finally:
            give_back(inner)
            route = inner.get("route")  # the router puts it there
            self._surroundings.finished(scope, route.path if route else None, answer.status, started, answer.request_id)


class NoLineFeeds:
    """Middleware. A path with a line feed at its end is none of ours, and the framework takes it for the one without."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_ours = scope["type"] != "http" or not scope["path"].endswith(LINE_FEED)
        await (self._app if is_ours else problems.refusal(NotFound("nothing is served at this path")))(scope, receive, send)


class _Answer:
    """What goes out. `status`: None until it has begun."""

    def __init__(self, scope: Scope, send: Send, surroundings: Surroundings) -> None:
        self._scope = scope
        self._send = send
        self._surroundings = surroundings
        self.request_id = request_id_of(scope)
        self.is_head = scope["method"] == "HEAD"
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._surroundings.fields(self._scope, self.request_id, message["headers"])
        elif self.is_head:
            message["body"] = b""
        await self._send(message)


def request_id_of(scope: Scope) -> str:
    """The client's own, or a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value) and b"ca_" not in value:  # a key, at worst
            return str(value.decode())
    return f"{getrandbits(128):032x}"  # no secret; to ask the system for it would hand the interpreter to another thread
