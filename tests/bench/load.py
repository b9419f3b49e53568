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
    return asyncio.run(_run("127.0.0.1", port, requests, connections))


def run_loads(
    targets: Sequence[tuple[str, int]], requests: Sequence[Sequence[bytes]], *, connections: int
) -> tuple[list[Load], float]:
    """Likewise to several servers at the same time, to each its own requests; and the seconds until the last has answered."""

    async def all_of_them() -> list[Load]:
        loads = [_run(*target, some, connections) for target, some in zip(targets, requests, strict=True)]
        return list(await asyncio.gather(*loads))

    started = time.perf_counter()
    return asyncio.run(all_of_them()), time.perf_counter() - started


async def _run(host: str, port: int, requests: Sequence[bytes], connections: int) -> Load:
    waiting = iter(requests)
    latencies: list[float] = []
    statuses: set[int] = set()
    streams = [await asyncio.open_connection(host, port) for _ in range(connections)]

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


def run_paced(port: int, requests: Sequence[bytes], *, per_second: float, connections: int) -> Load:
    """Send requests at a steady rate, whether or not earlier ones are answered; a latency counts from when its request was due."""
    return asyncio.run(_run_paced(port, requests, per_second, connections))


async def _run_paced(port: int, requests: Sequence[bytes], per_second: float, connections: int) -> Load:
    due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    latencies: list[float] = []
    statuses: set[int] = set()
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]

    async def drive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (one := await due.get()) is not None:
            began, request = one
            writer.write(request)
            statuses.add(await _read_answer(reader))
            latencies.append((time.perf_counter() - began) * 1000)
        writer.close()

    drivers = [asyncio.create_task(drive(*stream)) for stream in streams]
    started = time.perf_counter()
    for i, request in enumerate(requests):
        at = started + i / per_second
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        due.put_nowait((at, request))
    for _ in drivers:
        due.put_nowait(None)
    await asyncio.gather(*drivers)
    return Load(len(latencies), time.perf_counter() - started, sorted(latencies), frozenset(statuses))


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
    return int(head[9:12])
