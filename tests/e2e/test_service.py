"""The service as a process: how it ends."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scripts.devnet import COMMAND, free_port

POST = "POST /v1/digests HTTP/1.1\r\nHost: service\r\nContent-Type: application/octet-stream\r\nContent-Length: 64\r\n"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    settings = os.environ | {"CREDANCHOR_STORE__URL": f"sqlite:///{tmp_path / 'service.db'}"}
    subprocess.run([COMMAND, "store", "migrate"], env=settings, check=True, capture_output=True)
    return settings


def connected(port: int) -> socket.socket:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=60)
        except OSError:
            time.sleep(0.05)
    pytest.fail("the service did not start")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_service_stops_in_order_while_a_body_is_arriving(environment: dict[str, str], number: signal.Signals) -> None:
    def added(*words: str) -> str:
        done = subprocess.run([COMMAND, *words], env=environment, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    added("issuer", "add", "did:example:one", "--name", "One")
    key = added("issuer", "key", "create", "did:example:one")
    port = free_port()
    process = subprocess.Popen(
        [COMMAND, "service", "run", "--port", str(port)], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        with connected(port) as half:
            half.sendall(f"{POST}Authorization: Bearer {key}\r\n\r\n".encode() + bytes(32))
            time.sleep(0.5)  # until the service reads the body
            process.send_signal(number)
            answer = half.recv(65536)
        _, log = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()

    assert answer == b"" or (answer.startswith(b"HTTP/1.1 503") and b"application/problem+json" in answer)
    assert process.returncode == 0
    assert "Traceback" not in log


UPGRADE = (
    b"GET /healthz HTTP/1.1\r\nHost: service\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
SMUGGLED = {
    "both lengths": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX",
    "two lengths": b"Content-Length: 0\r\nContent-Length: 30\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
    "line that is folded": b"X-One: 1\r\n Transfer-Encoding: chunked\r\n\r\n",
    "blank before the colon": b"Content-Length : 30\r\n\r\n",
}


def answers_to(port: int, content: bytes) -> bytes:
    """All that comes back to these bytes."""
    with connected(port) as client:
        client.sendall(content)
        client.settimeout(10)
        found = b""
        while part := client.recv(65_536):
            found += part
        return found


def test_service_refuses_smuggled_requests_and_stops_in_time_with_fifty_half_open_clients(environment: dict[str, str]) -> None:
    port = free_port()
    process = subprocess.Popen(
        [COMMAND, "service", "run", "--port", str(port)], env=environment, stderr=subprocess.PIPE, text=True
    )
    half_open: list[socket.socket] = []
    try:
        half_open += [connected(port) for _ in range(50)]
        for i, client in enumerate(half_open):
            client.sendall([b"", b"GET /heal", b"GET /healthz HTTP/1.1\r\nHost: service\r\nX-One: "][i % 3])
        for name, content in SMUGGLED.items():
            answer = answers_to(port, b"POST /v1/verify HTTP/1.1\r\nHost: service\r\nConnection: close\r\n" + content)
            assert answer.startswith(b"HTTP/1.1 400"), (name, answer[:200])
            assert answer.count(b"HTTP/1.1 ") == 1, (name, "one request got two answers")
            assert b"application/problem+json" in answer, "not by our protocol"
        assert answers_to(port, b"\x16\x03\x01\x02\x00\x01 not HTTP\r\n\r\n").startswith(b"HTTP/1.1 400")
        assert answers_to(port, UPGRADE).startswith(b"HTTP/1.1 200"), "as though it did not ask"
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60) as answer:
            assert answer.status == 200, "the others are served meanwhile"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
        assert time.monotonic() - began < 30
    finally:
        for client in half_open:
            client.close()
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert "Traceback" not in log
    lines = [json.loads(line) for line in log.splitlines()]
    refused = [line for line in lines if line.get("detail") == "Invalid HTTP request received."]
    assert [line["event"] for line in refused] == ["server.warned"] * (len(SMUGGLED) + 1)


def scraped(port: int) -> dict[str, float]:
    """Answers to `/healthz` and posts that the service has counted."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        families = {family.name: family for family in text_string_to_metric_families(answer.read().decode())}
    requests = families["credanchor_request_seconds"].samples
    health = [one.value for one in requests if one.name.endswith("_count") and one.labels["route"] == "/healthz"]
    return {"health": sum(health), "up": families["credanchor_store_up"].samples[0].value}


def workers(process: int) -> set[int]:
    """Process ids of its workers."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return {int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()}


def test_workers_count_together_also_when_one_of_them_dies(environment: dict[str, str], tmp_path: Path) -> None:
    """Any worker answers for all; what a dead one counted stays counted; the folder goes with the service."""
    port, folder = free_port(), tmp_path / "tmp"
    folder.mkdir()
    command = [str(COMMAND), "service", "run", "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, env=environment | {"TMPDIR": str(folder)}, stderr=subprocess.DEVNULL)
    try:
        connected(port).close()
        for _ in range(40):
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60).close()
        assert {scraped(port)["health"] for _ in range(10)} == {40}
        assert len(list(folder.glob("credanchor-workers-*"))) == 1
        dead = min(workers(process.pid))
        os.kill(dead, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while len(living := workers(process.pid) - {dead}) < 2:
            assert time.monotonic() < deadline, living
            time.sleep(0.1)
        for _ in range(10):
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60).close()
        assert {tuple(scraped(port).values()) for _ in range(5)} == {(50, 1)}
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert list(folder.iterdir()) == []


def comes(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def runs(process: int) -> bool:
    """Whether it does more than wait to be asked how it ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_end_with_a_supervisor_that_is_killed(environment: dict[str, str]) -> None:
    port = free_port()
    command = [str(COMMAND), "service", "run", "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        connected(port).close()
        urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60).close()
        left = workers(process.pid)
    finally:
        process.kill()
        process.wait()
    try:
        assert len(left) == 2
        comes(lambda: not any(map(runs, left)))
    finally:
        for one in left:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_worker_that_cannot_start_says_so_in_a_line_and_another_is_started(environment: dict[str, str], tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    command = [str(COMMAND), "service", "run", "--port", str(port), "--workers", "2"]
    with log.open("wb") as written:
        process = subprocess.Popen(command, env=environment | {"PYTHONUNBUFFERED": "1"}, stderr=written)
    try:
        connected(port).close()
        urlopen(f"http://127.0.0.1:{port}/healthz", timeout=60).close()
        (tmp_path / "service.db").rename(tmp_path / "away")
        dead = min(workers(process.pid))
        os.kill(dead, signal.SIGKILL)
        comes(lambda: log.read_text().count("worker.not_started") > 1)
        for file in tmp_path.glob("service.db*"):
            file.unlink()
        (tmp_path / "away").rename(tmp_path / "service.db")
        told = [json.loads(line) for line in log.read_text().splitlines()]
        assert {line["detail"].partition(",")[0] for line in told if line["event"] == "worker.not_started"} == {
            "the database is empty"
        }
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def statuses(port: int, address: str, times: int) -> list[int]:
    """Of so many requests that a proxy passes on for a client at this address, each over a connection of its own."""
    found = []
    for _ in range(times):
        request = Request(f"http://127.0.0.1:{port}/v1/batches", headers={"X-Forwarded-For": address})
        try:
            with urlopen(request, timeout=60) as answer:
                found.append(answer.status)
        except HTTPError as refused:
            found.append(refused.code)
    return found


@pytest.mark.parametrize(("trusted", "others"), [("127.0.0.1", [200]), ("192.0.2.0/24", [429])])
def test_workers_share_limits_and_believe_proxies_that_are_trusted_alone(
    environment: dict[str, str], trusted: str, others: list[int]
) -> None:
    port = free_port()
    limits = {"CREDANCHOR_LIMITS__PER_ADDRESS": "8", "CREDANCHOR_LIMITS__WINDOW_S": "3600"}
    settings = environment | limits | {"CREDANCHOR_API__TRUSTED_PROXIES": trusted}
    command = [str(COMMAND), "service", "run", "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, env=settings, stderr=subprocess.DEVNULL)
    try:
        connected(port).close()
        assert statuses(port, "198.51.100.1", 12) == [200] * 8 + [429] * 4
        assert statuses(port, "198.51.100.2", 1) == others
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
