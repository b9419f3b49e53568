"""What surrounds every request: an id, one log line, headers. Plain ASGI, so that bodies and answers stream through."""

import re
import time
from random import getrandbits
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anchoring.core.issuer import without_secrets
from service import problems
from service.body_memory import give_back
from service.cross_origin import OPEN, is_open_to_all
from service.metrics import Metrics
from service.refusals import Refusals
from service.security_fields import fields

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.-]{1,64}")


class RequestContext:
    """Middleware. A client's own `X-Request-Id` is taken over if it is harmless; HEAD is GET without the body; and an error that
    nobody foresaw is answered here, so that its answer and its log lines carry the id too.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, refusals: Refusals) -> None:
        self._app = app
        self._metrics = metrics
        self._refusals = refusals
        self._log = structlog.get_logger().bind()  # once: to set a logger up takes as long as to write the line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, log = scope["method"], self._log
        is_open = is_open_to_all(method, scope["path"])
        answer = _Answer(send, _request_id(scope), is_head=method == "HEAD", is_open=is_open)
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
            elapsed_s = time.perf_counter() - started
            route = inner.get("route")  # the router puts it there
            path = route.path if route else None
            self._metrics.answered(path, method, answer.status or 0, elapsed_s)
            self._refusals.look(inner, path, answer.status or 0)
            log.info(
                "request.finished",
                method=method,
                path=without_secrets(scope["path"]),
                status=answer.status,
                elapsed_ms=round(elapsed_s * 1000, 2),
            )


class _Answer:
    """What goes out. `status`: None until it has begun."""

    def __init__(self, send: Send, request_id: str, *, is_head: bool, is_open: bool) -> None:
        self._send = send
        self.request_id = request_id
        self.is_head = is_head
        self._open = OPEN if is_open else ()
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = message["headers"]
            message["headers"] = [*own, (b"x-request-id", self.request_id.encode()), *fields(own), *self._open]
        elif self.is_head:
            message["body"] = b""
        await self._send(message)


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value) and b"ca_" not in value:  # a key, at worst
            return str(value.decode())
    return f"{getrandbits(128):032x}"  # no secret; to ask the system for it would hand the interpreter to another thread
