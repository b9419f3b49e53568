"""HTTP/1.1 as uvicorn speaks it, with bounds on what comes before the application sees a request.

The parser keeps a request line and fields until they are complete, however long they are and take. Here they are given up, and
what is not HTTP is answered and counted like everything else.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from anchoring.errors import HeadTooLarge
from service import problems
from service.security_fields import fields
from service.state import Service

IN_LIFESPAN: Final = "service"
"""Under which the application puts the running service for each connection."""

_ROUNDING: Final = 1024
"""What the whole head may have more than what `Limits.check_head` counts of it."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._service: Service = self.app_state[IN_LIFESPAN]
        self._is_in_head = False
        self._head_bytes = 0
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            limit = self._service.limits.header_bytes
            if self._head_bytes > limit + _ROUNDING and not self.transport.is_closing():
                self._refuse(problems.refusal(HeadTooLarge(f"at most {limit} bytes are taken before the body")))
        cycle: RequestResponseCycle | None = self.cycle
        if self._is_in_head or cycle is None or cycle.response_complete:
            self._expect_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, which stand in its log
        """What came is no HTTP."""
        self._refuse(problems.problem(HTTPStatus.BAD_REQUEST, "bad-request", "Bad request", "this is no request of HTTP/1.1"))

    def _expect_head(self) -> None:
        """Whatever comes meanwhile, the connection ends unless a head is complete by then."""
        if self._patience is None:
            self._patience = self.loop.call_later(self._service.limits.header_timeout_s, self.transport.close)

    def _head_is_there(self) -> None:
        self._is_in_head = False
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _refuse(self, response: Response) -> None:
        """Answer, and end the connection."""
        own = [*self.server_state.default_headers, *response.raw_headers]
        told = [b"%b: %b\r\n" % field for field in (*own, *fields(own), (b"connection", b"close"))]
        self.transport.write(b"".join([STATUS_LINE[response.status_code], *told, b"\r\n", response.body]))
        self.transport.close()
        self._service.metrics.answered(None, "", response.status_code, 0.0)
