"""A node between us and the node: forwards, and on demand drops, edits or answers by itself."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.request import Request, urlopen

from tests.injections import injected

SECRETS = ("marker-password", "marker-path", "marker-key")

Answer: TypeAlias = bytes | int | None
"""A body; a status with a body in HTML; or None: the connection is closed in silence."""


@dataclass(frozen=True)
class Call:
    """One JSON-RPC call to the proxy, `body` as it came. `authorization`: that field of its head."""

    method: str
    params: list[Any]
    body: bytes
    node: str | None
    authorization: str | None = None

    def forward(self) -> bytes:
        """Have the real node carry it out; its answer."""
        assert self.node is not None, "no node behind this proxy"
        with urlopen(Request(self.node, self.body, {"Content-Type": "application/json"}), timeout=10) as answer:
            content: bytes = answer.read()
        return content

    def result(self, value: Any) -> bytes:
        return self._answer({"result": value})

    def error(self, code: Any, message: Any, data: Any = None) -> bytes:
        return self._answer({"error": {"code": code, "message": message, "data": data}})

    def _answer(self, content: dict[str, Any]) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": json.loads(self.body)["id"]} | content).encode()


@dataclass
class RpcProxy:
    """`rule` decides each call. `calls`: the methods seen, in order. `url` carries secrets, as providers' do."""

    port: int
    node: str | None
    rule: Callable[[Call], Answer] = Call.forward
    calls: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://user:marker-password@127.0.0.1:{self.port}/marker-path?key=marker-key"

    def answers(self, **results: Any) -> None:
        """Own results by method; other calls are forwarded."""
        self.rule = lambda call: call.result(results[call.method]) if call.method in results else call.forward()


def _is_result(answer: Answer) -> bool:
    return isinstance(answer, bytes) and b'"result":' in answer


@contextmanager
def rpc_proxy(node: str | None = None) -> Iterator[RpcProxy]:
    """A proxy before the node at this URL, or before none."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = json.loads(body)
            proxy.calls.append(request["method"])
            answer = proxy.rule(Call(request["method"], request["params"], body, proxy.node, self.headers["Authorization"]))
            if proxy.rule is not Call.forward and not _is_result(answer):
                injected()
            if answer is None:
                self.close_connection = True
                return
            status, content = (200, answer) if isinstance(answer, bytes) else (answer, b"<html>an error page</html>")
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # joined at the end

        def handle_error(self, *_: object) -> None:
            """A client that went away is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    proxy = RpcProxy(server.server_address[1], node)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
