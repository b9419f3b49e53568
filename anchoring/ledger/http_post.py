"""One HTTP POST with a bound on its time and on the size of its answer, whatever the other side does.

HTTP libraries count a timeout anew from each byte, so that a server which sends one byte now and then holds its caller for ever.
Here one deadline covers connecting, sending, headers and body. Redirects are not followed, compressed answers are refused.
"""

import base64
import time
import weakref
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

import httpcore2

KEEP_ALIVE_S: Final = 5.0

_deadline: ContextVar[float] = ContextVar("deadline")


class PostFailed(Exception):
    """There is no answer. The message names neither the URL nor anything the other side sent."""


class AnswerTooLong(PostFailed):
    """The answer is longer than allowed; the rest of it was not read."""


class HttpPoster:
    """Posts JSON to one URL, over connections that are kept for a while. Constructing it connects to nothing.

    `timeout_s`: longest wait for one whole answer; the look-up of the name comes on top. `max_bytes`: longest answer.

    Raises: ValueError when the URL is none.
    """

    def __init__(self, url: str, *, timeout_s: float, max_bytes: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or not url.isascii():
            raise ValueError("not a URL of HTTP")
        self.host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit(parts._replace(netloc=self.host, fragment=""))
        self._headers = {"Host": self.host, "Content-Type": "application/json", "Accept-Encoding": "identity"}
        if parts.username is not None:
            account = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(account.encode()).decode()
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._pool = httpcore2.ConnectionPool(keepalive_expiry=KEEP_ALIVE_S, network_backend=_Backend())
        weakref.finalize(self, self._pool.close)

    def post(self, body: bytes) -> bytes:
        """The body of the answer, posted exactly once. Raises: PostFailed, AnswerTooLong."""
        headers = [*self._headers.items(), ("Content-Length", str(len(body)))]
        _deadline.set(time.monotonic() + self._timeout_s)
        try:
            with self._pool.stream(
                "POST", self._url, headers=headers, content=body, extensions={"timeout": {"pool": self._timeout_s}}
            ) as answer:
                return self._read(answer)
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as failed:
            # The library's message may carry the URL and the key in it.
            raise PostFailed(type(failed).__name__) from None

    def _read(self, answer: httpcore2.Response) -> bytes:
        if answer.status != HTTPStatus.OK:
            raise PostFailed(f"HTTP status {answer.status}")
        if any(name.lower() == b"content-encoding" and value.lower() != b"identity" for name, value in answer.headers):
            raise PostFailed("a compressed answer, which was not asked for")
        content = bytearray()
        for chunk in answer.iter_stream():
            content += chunk
            if len(content) > self._max_bytes:
                raise AnswerTooLong(f"an answer of more than {self._max_bytes} bytes")
        return bytes(content)


def _left() -> float:
    """Seconds until the deadline of the call under way."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left


class _Stream(httpcore2.NetworkStream):
    """A connection on which every wait ends at the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline is in its place
        return self._stream.read(max_bytes, _left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - likewise
        self._stream.write(buffer, _left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - likewise
    ) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left()))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):
    """Opens such connections."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - likewise
        *more: Any,
        **options: Any,
    ) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(host, port, _left(), *more, **options))
