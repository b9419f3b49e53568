"""The service as a process: how it ends."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

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
