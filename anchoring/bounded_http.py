"""HTTP with a bound on the time of one call and on the size of its answer, whatever the other side does.

HTTP libraries count a timeout anew from each byte, so that a server which sends one byte now and then holds its caller for ever.
Here one deadline covers connecting, sending, headers and body. Redirects are not followed, compressed answers are refused.
"""

import base64
import socket
import ssl
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import httpcore2

KEEP_ALIVE_S: Final = 5.0

_deadline: ContextVar[float] = ContextVar("deadline")


class NoAnswer(Exception):
    """There is no answer. The message names neither the URL nor anything the other side sent."""


class AnswerTooLong(NoAnswer):
    """The answer is longer than allowed; the rest of it was not read."""


class NothingThere(NoAnswer):
    """The other side says that it has nothing at this URL: HTTP status 404."""


class HttpPoster:
    """Posts JSON to one URL, over connections that are kept for a while. Constructing it connects to nothing.

    `timeout_s`: longest wait for one whole answer; the look-up of the name comes on top. `max_bytes`: longest answer.
    `headers`: further ones of each request. `certificate`: with its key, a PEM file that tells the other side who asks (TLS).

    Raises: ValueError when the URL is none; OSError when the certificate cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float,
        max_bytes: int,
        headers: Mapping[str, str] = MappingProxyType({}),
        certificate: Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or not url.isascii():
            raise ValueError("not a URL of HTTP")
        self.host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit(parts._replace(netloc=self.host, fragment=""))
        self._headers = {"Host": self.host, "Content-Type": "application/json", "Accept-Encoding": "identity"}
        if parts.username is not None:
            account = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = "Basic " + base64.b64encode(account.encode()).decode()
        self._headers |= headers
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        context = _known_by(certificate) if certificate else None
        self._pool = httpcore2.ConnectionPool(ssl_context=context, keepalive_expiry=KEEP_ALIVE_S, network_backend=_Backend())
        weakref.finalize(self, self._pool.close)

    def post(self, body: bytes) -> bytes:
        """The body of the answer, posted exactly once. Raises: NoAnswer, AnswerTooLong."""
        headers = [*self._headers.items(), ("Content-Length", str(len(body)))]
        with (
            _reported(),
            self._pool.stream("POST", self._url, headers=headers, content=body, extensions=_until(self._timeout_s)) as answer,
        ):
            return _read(answer, self._max_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a GET gave. `media_type`: as sent, with its parameters; empty when none was."""

    content: bytes
    media_type: str


class HttpGetter:
    """Fetches what somebody else's document names. Constructing it connects to nothing.

    `timeout_s`, `max_bytes`: as in HttpPoster. `allow_private`: also without TLS, and from addresses that only this machine or
    its network has; without it no document can make us ask a service inside the own network.
    """

    def __init__(self, *, timeout_s: float, max_bytes: int, allow_private: bool = False) -> None:
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._allow_private = allow_private
        backend = _Backend() if allow_private else _PublicBackend()
        self._pool = httpcore2.ConnectionPool(keepalive_expiry=KEEP_ALIVE_S, network_backend=backend)
        weakref.finalize(self, self._pool.close)

    def check(self, url: str) -> SplitResult:
        """Its parts. Raises: ValueError when it is none to be asked."""
        parts = urlsplit(url)
        schemes = {"http", "https"} if self._allow_private else {"https"}
        if not parts.hostname or parts.port == 0 or not url.isascii() or parts.username is not None:
            raise ValueError("not a URL of HTTP without an account")
        if parts.scheme not in schemes:
            raise ValueError("not a URL of HTTPS")
        return parts

    def get(self, url: str, *, accept: str, fresh: bool = False) -> Fetched:
        """`fresh`: past all caches on the way.

        Raises: NoAnswer, NothingThere, AnswerTooLong; ValueError when the URL is none to be asked.
        """
        parts = self.check(url)
        headers = [("Host", parts.netloc), ("Accept", accept), ("Accept-Encoding", "identity")]
        headers += [("Cache-Control", "no-cache")] if fresh else []
        target = urlunsplit(parts._replace(fragment=""))
        with _reported(), self._pool.stream("GET", target, headers=headers, extensions=_until(self._timeout_s)) as answer:
            types = [value for name, value in answer.headers if name.lower() == b"content-type"]
            return Fetched(content=_read(answer, self._max_bytes), media_type=types[0].decode("latin-1") if types else "")


def _known_by(certificate: Path) -> ssl.SSLContext:
    """The system's trust, and a certificate of our own. An encrypted key is refused: nobody is there to be asked."""
    context = httpcore2.default_ssl_context()
    context.load_cert_chain(certificate, password="")
    return context


def _until(timeout_s: float) -> dict[str, Any]:
    """Sets the deadline of the call that begins."""
    _deadline.set(time.monotonic() + timeout_s)
    return {"timeout": {"pool": timeout_s}}


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as failed:
        # The library's message may carry the URL and the key in it.
        raise NoAnswer(type(failed).__name__) from None


def _read(answer: httpcore2.Response, max_bytes: int) -> bytes:
    if answer.status != HTTPStatus.OK:
        raise (NothingThere if answer.status == HTTPStatus.NOT_FOUND else NoAnswer)(f"HTTP status {answer.status}")
    if any(name.lower() == b"content-encoding" and value.lower() != b"identity" for name, value in answer.headers):
        raise NoAnswer("a compressed answer, which was not asked for")
    content = bytearray()
    for chunk in answer.iter_stream():
        content += chunk
        if len(content) > max_bytes:
            raise AnswerTooLong(f"an answer of more than {max_bytes} bytes")
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


class _PublicBackend(_Backend):
    """Connects to addresses that everybody can reach, and to no other, whatever a name resolves to."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - likewise
        *more: Any,
        **options: Any,
    ) -> httpcore2.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise httpcore2.ConnectError("the name is not known") from None
        addresses = [str(address[0]) for *_, address in found]
        if not all(map(_is_public, addresses)):
            raise NoAnswer("an address inside this network, which no document may make us ask")
        return super().connect_tcp(addresses[0], port, None, *more, **options)  # the one looked at, not another look-up


def is_private_address(host: str) -> bool:
    """Whether it is an address, and one that not everybody can reach; what a name resolves to is seen when it is asked."""
    try:
        return not _is_public(host)
    except ValueError:
        return False


def _is_public(text: str) -> bool:
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (IPv4Address(address.packed[-4:]) if address in _NAT64 else None)
        if inner is not None:  # a gateway on the way leads there
            return _is_public(str(inner))
    return address.is_global and not address.is_multicast and address not in _IETF


_NAT64: Final = ip_network("64:ff9b::/96")
_IETF: Final = ip_network("192.0.0.0/24")
"""Set apart for protocols, which Python takes for public in part."""
