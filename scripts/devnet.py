"""A whole installation for development: Anvil, contract, database, API, rounds. Used by `make run`, the demo and the tests.

The chain is EBSI-like: no base fee, no gas price, an anchoring key without funds, blocks on an interval. `finalized` is two
blocks behind the head.
"""

import ctypes
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, TextIO
from urllib.error import URLError
from urllib.request import urlopen

from eth_account import Account

ROOT: Final = Path(__file__).resolve().parents[1]
COMMAND: Final = Path(sys.executable).with_name("credanchor")
CHAIN_ID: Final = 31337
START_S: Final = 60.0
STOP_S: Final = 15.0
PR_SET_PDEATHSIG: Final = 1


class DevnetError(Exception):
    """Something did not start; the message says what and where its log is."""


def anvil_binary() -> Path:
    """The native binary that npm installed, else the one on the path: npm brings it for Linux on x86-64. Raises: DevnetError."""
    installed = sorted((ROOT / "contracts/node_modules/@foundry-rs").glob("anvil-*/bin/anvil"))
    on_path = shutil.which("anvil")
    if not installed and on_path is None:
        raise DevnetError("Anvil is not installed; run: make dev (on other systems than Linux on x86-64, install Foundry first)")
    return installed[0] if installed else Path(str(on_path))


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(kw_only=True)
class Devnet:
    """Starts everything in `data`, and stops it in reverse order. What is there already is used again.

    `block_s`: seconds between blocks. `round_every_s`: 0 leaves rounds to the caller. `database_url`: SQLite in `data` else.
    """

    data: Path
    issuer: str
    issuer_name: str
    port: int = 0
    rpc_port: int = 0
    round_every_s: float = 2.0
    block_s: float = 1.0
    database_url: str | None = None
    say: Callable[[str], None] = lambda _words: None
    _processes: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)
    _lock: TextIO | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def rpc_url(self) -> str:
        return f"http://127.0.0.1:{self.rpc_port}"

    @property
    def deployment(self) -> Path:
        return self.data / "deployment.json"

    @property
    def status_keys(self) -> Path:
        return self.data / "status-keys"

    @property
    def environment(self) -> dict[str, str]:
        """Settings of every process, as an operator would set them."""
        secret = self._secrets()
        return os.environ | {
            "CREDANCHOR_STORE__URL": self.database_url or f"sqlite:///{self.data / 'credanchor.db'}",
            "CREDANCHOR_LEDGER__RPC_URLS": self.rpc_url,
            "CREDANCHOR_LEDGER__DEPLOYMENT": str(self.deployment),
            "CREDANCHOR_LEDGER__PRIVATE_KEY": secret["anchoringKey"],
            "CREDANCHOR_ROUNDS__EVERY_S": str(self.round_every_s or 60),
            "CREDANCHOR_ROUNDS__LEASE_S": "10",
            "CREDANCHOR_ROUNDS__POLL_S": "0.2",
            "CREDANCHOR_ROUNDS__FOLLOW_S": str(10 * self.block_s),
            "CREDANCHOR_ROUNDS__CANARY_EVERY_S": "0",  # whoever tries things here counts leaves: the issuers', and an audit head
            "CREDANCHOR_STATUS__KEYS": str(self.status_keys),
            "CREDANCHOR_API__PUBLIC_URL": self.url,
            "CREDANCHOR_API__PUBLIC_RPC_URL": self.rpc_url,
            "CREDANCHOR_CLIENT__URL": self.url,
            "CREDANCHOR_CLIENT__API_KEY": secret.get("apiKey", ""),
        }

    def start(self) -> None:
        """Bring everything up and wait until the API answers. Raises: DevnetError, with nothing left running."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        self.port, self.rpc_port = self.port or free_port(), self.rpc_port or free_port()
        for port in (self.port, self.rpc_port):
            self._require_free(port)
        self._take_folder()
        self.start_anvil()
        self.run("store", "migrate")
        if not self.deployment.exists():
            self.say("deploying the contract")
            self.deploy()
        self._add_issuer()
        if not self.status_keys.exists():
            self.run("status", "key", "create")
        self.start_api()
        if self.round_every_s:
            self.say(f"a round every {self.round_every_s:g} s")
            self._spawn("rounds", [COMMAND, "anchor", "watch", "--every", f"{self.round_every_s:g}s"])

    def start_anvil(self) -> None:
        """The development ledger; its state is kept in the data folder when it is stopped."""
        self.say(f"Anvil at {self.rpc_url}")
        flags = ["--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee", "--balance", "0"]
        timing = ["--block-time", f"{self.block_s:g}", "--slots-in-an-epoch", "1", "--chain-id", str(CHAIN_ID)]
        state = ["--state", str(self.data / "anvil-state.json"), "--host", "127.0.0.1", "--port", str(self.rpc_port)]
        self._spawn("anvil", [anvil_binary(), *flags, *timing, *state])
        self._wait_for("anvil", lambda: self._rpc("eth_chainId") == hex(CHAIN_ID))

    def deploy(self) -> None:
        """Deploy with an administrator of its own; the anchoring key can only anchor."""
        secret = self._secrets()
        anchorer = Account.from_key(secret["anchoringKey"]).address
        environment = self.environment | {"CREDANCHOR_LEDGER__PRIVATE_KEY": secret["adminKey"]}
        self.run("ledger", "deploy", "--anchorer", anchorer, "--output", str(self.deployment), environment=environment)

    def start_api(self) -> None:
        """The HTTP service."""
        self.say(f"API at {self.url}")
        self._spawn("api", [COMMAND, "service", "run", "--port", str(self.port)])
        self._wait_for("api", lambda: urlopen(f"{self.url}/healthz", timeout=2).status == HTTPStatus.OK)  # noqa: S310

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> str:
        """One `credanchor` command to its end; returns what it printed. Raises: DevnetError with its error."""
        command = [str(COMMAND), *arguments]
        done = subprocess.run(
            command, env=environment or self.environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise DevnetError(f"credanchor {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def description(self) -> dict[str, Any]:
        """What `dev.json` says."""
        deployed = json.loads(self.deployment.read_text())
        return {
            "url": self.url,
            "issuer": self.issuer,
            "apiKey": self._secrets()["apiKey"],
            "rpcUrl": self.rpc_url,
            "chainId": deployed["chainId"],
            "registry": f"eip155:{deployed['chainId']}:{deployed['contract']}",
            "roundEverySeconds": self.round_every_s,
        }

    def dead(self) -> str | None:
        """The name of a process that ended by itself."""
        return next((name for name, process in self._processes if process.poll() is not None), None)

    def stop(self) -> None:
        """End what was started, the newest first; Anvil writes its state."""
        for _, process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        if self._lock:
            self._lock.close()

    def stop_one(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End one process by its name, such as `rounds`."""
        for entry in [entry for entry in self._processes if entry[0] == name]:
            entry[1].send_signal(number)
            entry[1].wait(STOP_S)
            self._processes.remove(entry)

    def _spawn(self, name: str, command: list[Any]) -> None:
        with (self.data / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the parent, which stops everything in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, and this process has one thread
            )
        self._processes.append((name, process))

    def _wait_for(self, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.dead() == name:
                break
            try:
                if answers():
                    return
            except (URLError, OSError, ValueError):
                pass  # not up yet
            time.sleep(0.05)
        raise DevnetError(f"{name} did not start; its log is {self.data / f'{name}.log'}")

    def _take_folder(self) -> None:
        """One installation a folder; the lock goes with the process. What a killed one left behind is cleared."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = (self.data / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            raise DevnetError(f"{self.data} is in use by another installation; choose another with DATA=") from taken
        (self.data / "dev.json").unlink(missing_ok=True)

    def _require_free(self, port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as taken:
                raise DevnetError(f"port {port} is in use; choose another with PORT= or RPC_PORT=") from taken

    def _rpc(self, method: str) -> Any:
        from urllib.request import Request

        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []}).encode()
        with urlopen(Request(self.rpc_url, body, {"Content-Type": "application/json"}), timeout=2) as answer:  # noqa: S310
            return json.load(answer)["result"]

    def _add_issuer(self) -> None:
        secret = self._secrets()
        if "apiKey" in secret:
            return
        self.run("issuer", "add", self.issuer, "--name", self.issuer_name)
        self._write_secrets(secret | {"apiKey": self.run("issuer", "key", "create", self.issuer)})

    def _secrets(self) -> dict[str, str]:
        """Keys of this installation, made once: nobody else's development chain accepts them."""
        path = self.data / "secrets.json"
        if not path.exists():
            self._write_secrets({"adminKey": "0x" + secrets.token_hex(32), "anchoringKey": "0x" + secrets.token_hex(32)})
        content: dict[str, str] = json.loads(path.read_text())
        return content

    def _write_secrets(self, content: dict[str, str]) -> None:
        path = self.data / "secrets.json"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)


def _die_with_parent() -> None:
    """On Linux: should the parent be killed, its children are told to end as well."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
