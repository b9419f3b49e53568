"""`make run` and `make demo` as their users start them: as processes, from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from anchoring.client import AnchoringClient
from anchoring.types import parse_did
from scripts.devnet import ROOT, free_port
from tests.factories import make_digest

DEV = [sys.executable, "-m", "scripts.dev"]
START_S = 90


@contextmanager
def running(data: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A developer's installation, stopped by SIGTERM if the test did not stop it."""
    environment = os.environ | {"PORT": str(port), "DATA": str(data), "ROUND_EVERY": "1"}
    process = subprocess.Popen(DEV, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process, wait_for_description(process, data / "dev.json")
    finally:
        process.terminate()
        process.communicate(timeout=60)


def wait_for_description(process: subprocess.Popen[str], path: Path) -> dict[str, Any]:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if path.exists():
            content: dict[str, Any] = json.loads(path.read_text())
            return content
        if process.poll() is not None:
            break
        time.sleep(0.1)
    pytest.fail(f"did not start: {process.communicate()[0]}")


def anchored(description: dict[str, Any], number: int) -> dict[str, Any]:
    """Post a digest and wait for its final proof."""
    url, key = str(description["url"]), str(description["apiKey"])
    with AnchoringClient(url, api_key=key) as client:
        client.post_digests([make_digest(number)])
        issuer = parse_did(str(description["issuer"]))
        return client.wait_for_proof(make_digest(number), issuer, at_most_s=60, final=True, waiting=lambda _state: None)


def processes_in(data: Path) -> list[str]:
    """Command lines and environments of living processes that belong to this data folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(data).encode() in (entry / "environ").read_bytes() and entry.name != str(os.getpid()):
                found.append((entry / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it has ended meanwhile, or is another user's
    return found


def test_run_anchors_says_where_it_is_and_leaves_nothing_behind(tmp_path: Path) -> None:
    data = tmp_path / "installation"
    with running(data, free_port()) as (process, description):
        assert set(description) == {"url", "issuer", "apiKey", "rpcUrl", "chainId", "registry", "roundEverySeconds"}
        assert description["chainId"] == 31337
        assert description["roundEverySeconds"] == 1
        assert str(description["registry"]).startswith("eip155:31337:0x")
        proof = anchored(description, 1)
        assert proof["issuer"] == description["issuer"]
        assert proof["treeSize"] == 2  # with the head of the audit log, as in any installation
        assert processes_in(data)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert processes_in(data) == []
    assert not (data / "dev.json").exists()


def test_run_goes_on_with_its_chain_and_database_after_a_restart(tmp_path: Path) -> None:
    data = tmp_path / "installation"
    with running(data, free_port()) as (process, first):
        before = anchored(first, 1)
        process.terminate()
        assert process.wait(60) == 0
    with running(data, free_port()) as (_, second):
        assert second["registry"] == first["registry"]
        assert second["apiKey"] == first["apiKey"]
        assert anchored(second, 1) == before
        after = anchored(second, 2)
    assert (before["anchor"]["sequence"], after["anchor"]["sequence"]) == (1, 2)


def test_run_ends_with_everything_when_a_part_dies(tmp_path: Path) -> None:
    data = tmp_path / "installation"
    with running(data, free_port()) as (process, description):
        rpc_port = str(description["rpcUrl"]).rpartition(":")[2]
        os.kill(pid_of_anvil(rpc_port), signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "anvil ended by itself" in output
    assert processes_in(data) == []


def test_run_names_a_port_that_is_taken(tmp_path: Path) -> None:
    data = tmp_path / "installation"
    with running(data, free_port()) as (first, description):
        taken = str(description["url"]).rpartition(":")[2]
        environment = os.environ | {"PORT": taken, "DATA": str(tmp_path / "other"), "ROUND_EVERY": "1"}
        second = subprocess.run(DEV, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)
        assert second.returncode == 1
        assert f"port {taken} is in use" in second.stdout
        assert "Traceback" not in second.stdout + second.stderr
        assert json.loads((data / "dev.json").read_text()) == description
        same_folder = environment | {"PORT": str(free_port()), "DATA": str(data)}
        third = subprocess.run(DEV, cwd=ROOT, env=same_folder, capture_output=True, text=True, timeout=90, check=False)
        assert (third.returncode, first.poll()) == (1, None)
        assert "is in use by another installation" in third.stdout
        assert json.loads((data / "dev.json").read_text()) == description
    assert processes_in(tmp_path) == []


def pid_of_anvil(rpc_port: str) -> int:
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = entry.read_text().split("\0")
        except OSError:
            continue
        if arguments[0].endswith("anvil") and rpc_port in arguments:
            return int(entry.parent.name)
    pytest.fail("no Anvil listens there")


def test_demo_tells_the_whole_story_and_ends_by_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.demo"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for expected in (
        "jws-compact",
        "jws-json",
        "raw",
        "one transaction sent",
        "authorship not shown",
        "digest failed",
        "3,005 leaves",  # four credentials, 3,000 digests, and the head of the audit log
    ):
        assert expected in done.stdout
