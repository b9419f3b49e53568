"""A host that publishes status lists and its own DID document, honestly or not."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

Answer: TypeAlias = Callable[[BaseHTTPRequestHandler], None]


def content(body: bytes, media_type: str = "application/vc", **headers: str) -> Answer:
    """An honest answer with this body."""

    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", media_type)
        request.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return send


def status(code: int, **headers: str) -> Answer:
    """An answer without a body."""

    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return send


@dataclass
class ListServer:
    """What it answers by path; 404 elsewhere. `asked`: path and Cache-Control of each request."""

    host: str
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def publish_did(self, document: dict[str, Any]) -> None:
        self.answers["/.well-known/did.json"] = content(json.dumps(document).encode(), "application/did+json")

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """A byte now and then, until the test is over."""
        request.send_response(200)
        request.send_header("Content-Type", "application/vc")
        request.send_header("Content-Length", "100000")
        request.end_headers()
        while not self.ended.wait(0.05):
            try:
                request.wfile.write(b" ")
            except OSError:
                return


@contextmanager
def list_server() -> Iterator[ListServer]:
    """On a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.asked.append((self.path, self.headers.get("Cache-Control")))
            server.answers.get(self.path, status(404))(self)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = ListServer(host=f"127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        http.shutdown()
        http.server_close()
        thread.join()
