"""A server that says, byte for byte, what a test tells it to."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

OK = b"HTTP/1.1 200 OK\r\n"


class RawServer:
    """Answers each connection with what `answer` sends to its socket. `sent`: bytes that the client took, in all."""

    def __init__(self, answer: Callable[["RawServer", socket.socket], None]) -> None:
        self.answer = answer
        self.sent = 0
        self.connections = 0
        self.ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://user:marker-password@127.0.0.1:{self.port}/marker-path"

    def send(self, client: socket.socket, content: bytes) -> None:
        client.sendall(content)
        self.sent += len(content)

    def close(self) -> None:
        self.ended.set()
        with socket.create_connection(("127.0.0.1", self.port)):
            pass  # wakes the thread that accepts
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self.ended.is_set():
                client.close()
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):  # the client goes away, as it should
            self.answer(self, client)


def read_request(client: socket.socket) -> bytes:
    """All of it: to close with something unread would be a reset, and the answer be lost on its way."""
    request = b""
    while not _is_whole(request):
        part = client.recv(65_536)
        if not part:
            raise OSError
        request += part
    return request


def _is_whole(request: bytes) -> bool:
    head, blank_line, body = request.partition(b"\r\n\r\n")
    has_body = not head.startswith(b"GET ")
    return bool(blank_line) and (not has_body or f"Content-Length: {len(body)}\r\n" in f"{head.decode()}\r\n")


def drips(content: bytes, endless: bytes) -> Callable[[RawServer, socket.socket], None]:
    """Says this, and then a byte every 10 ms until the client goes away."""

    def answer(server: RawServer, client: socket.socket) -> None:
        read_request(client)
        server.send(client, content)
        while not server.ended.wait(0.01):
            server.send(client, endless)

    return answer


def says(content: bytes) -> Callable[[RawServer, socket.socket], None]:
    def answer(server: RawServer, client: socket.socket) -> None:
        read_request(client)
        server.send(client, content)

    return answer
