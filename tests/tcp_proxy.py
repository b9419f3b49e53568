"""A wire between a client and PostgreSQL: cuts at a word before or after it went through, freezes, refuses."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.faults import Fault

CHUNK = 65_536
WAIT_S = 30


@dataclass
class _Cut:
    """`after`: so many occurrences of the word are let through before."""

    word: bytes
    fault: Fault
    after: int


class TcpProxy:
    """Stands before a server's Unix socket. `port`: where clients connect; `cuts`: how many connections were cut by `cut`."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.cuts = 0
        self.is_refusing = False
        self.frozen = threading.Event()
        """Set while bytes wait in a frozen wire."""
        self._open = threading.Event()
        self._open.set()
        self._cut: _Cut | None = None
        self._freeze_at: bytes | None = None
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._begin(self._accept)

    def cut(self, word: bytes, fault: Fault, *, after: int = 0) -> None:
        """Close the connection at the next such word of a client: before it is forwarded, or once it was answered."""
        with self._lock:
            self._cut = _Cut(word, fault, after)

    def freeze(self, word: bytes | None = None) -> None:
        """Hold every byte back from now on, or from the next such word on; connections stay open."""
        if word is None:
            self._open.clear()
        else:
            self._freeze_at = word

    def thaw(self) -> None:
        """Let what waits go on."""
        self._freeze_at = None
        self._open.set()

    def drop(self) -> None:
        """End every connection."""
        for one in list(self._sockets):
            _shut(one)

    def close(self) -> None:
        """End every connection and thread. What waits in a frozen wire is lost, and does not slip through at the end."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()
        self.thaw()
        for thread in list(self._threads):
            thread.join(WAIT_S)
        for one in self._sockets:
            one.close()

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type] # each is one of ours
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.add(client)
            server = socket.socket(socket.AF_UNIX)
            self._sockets.add(server)
            try:
                if self.is_refusing:
                    raise ConnectionRefusedError
                server.connect(self.server)
            except OSError:
                _shut(client)
                continue
            answered = threading.Event()
            self._begin(self._forward, client, server, answered, True)
            self._begin(self._forward, server, client, answered, False)

    def _forward(self, source: socket.socket, target: socket.socket, cut_after: threading.Event, is_client: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                if is_client and self._freeze_at and self._freeze_at in chunk:
                    self._open.clear()
                if not self._open.is_set():
                    self.frozen.set()
                    self._open.wait(WAIT_S)
                    self.frozen.clear()
                if is_client and (fault := self._strikes(chunk)):
                    if not fault.takes_hold:
                        break
                    cut_after.set()
                elif not is_client and cut_after.is_set():
                    break  # it took hold, and its answer is lost
                target.sendall(chunk)
        _shut(source)
        _shut(target)

    def _strikes(self, chunk: bytes) -> Fault | None:
        with self._lock:
            cut = self._cut
            if cut is None or cut.word not in chunk:
                return None
            if cut.after:
                cut.after -= 1
                return None
            self._cut = None
            self.cuts += 1
            return cut.fault


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@contextmanager
def tcp_proxy(server: str) -> Iterator[TcpProxy]:
    """A wire to this Unix socket."""
    proxy = TcpProxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
