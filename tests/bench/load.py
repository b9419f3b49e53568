"""A small HTTP/1.1 load generator: keep-alive connections that send prepared requests and read whole answers.

The same client measures every route, so that its own cost is in each figure alike.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """What came back. `seconds`: from the first request to the last answer; `latencies_ms`: sorted."""

    requests: int
    seconds: float
    latencies_ms: list[float]
    statuses: frozenset[int]

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    def quantile_ms(self, q: float) -> float:
        return self.latencies_ms[min(len(self.latencies_ms) - 1, int(q * len(self.latencies_ms)))]


def request_bytes(method: str, path: str, *, body: bytes = b"", headers: Sequence[str] = ()) -> bytes:
    """One request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", *headers]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def run_load(port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Send all requests over so many connections, each as soon as its connection is free."""
    return asyncio.run(_run(port, requests, connections))


async def _run(port: int, requests: Sequence[bytes], connections: int) -> Load:
    waiting = iter(requests)
    latencies: list[float] = []
    statuses: set[int] = set()
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]

    async def drive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for request in waiting:
            began = time.perf_counter()
            writer.write(request)
            statuses.add(await _read_answer(reader))
            latencies.append((time.perf_counter() - began) * 1000)
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(drive(*stream) for stream in streams))
    seconds = time.perf_counter() - started
    return Load(len(latencies), seconds, sorted(latencies), frozenset(statuses))


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
    return int(head[9:12])
