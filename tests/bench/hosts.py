"""`make bench-hosts`: API workers and rounds on several hosts, one PostgreSQL. Table on stderr, JSON on stdout.

The hosts are network namespaces of this machine, joined by a bridge: the database, the ledger, the client and each worker have an
address of their own, and share nothing but it. Needs root, and iproute2. All share the machine's cores, so what is seen is whether
workers get into each other's way, not how far more machines would carry.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_account import Account

from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import HASH_BYTES, to_hex
from scripts.devnet import COMMAND, ROOT, anvil_binary
from tests.api import make_key
from tests.bench.load import request_bytes, run_loads
from tests.bench.service import machine, numbered, postgres, require, say, wait_until_up
from tests.factories import add_issuer
from tests.networks import FREE
from tests.postgres_cluster import SYSTEM_USER, PostgresCluster

NETWORK: Final = "10.77.0."
WORKERS: Final = ("worker-1", "worker-2", "worker-3")
HOSTS: Final = {name: f"{NETWORK}{number}" for number, name in enumerate(("database", "ledger", "client", *WORKERS), start=1)}
API_PORT: Final = 8000
RPC_PORT: Final = 8545
BULK_REQUESTS: Final = 24
BULK_DIGESTS: Final = 10_000
SINGLE_REQUESTS: Final = 6_000
BULK_CLIENTS: Final = 4
CONNECTIONS: Final = 60
START_S: Final = 60
ADMIN_KEY: Final = "0x" + "11" * 32
ANCHOR_KEY: Final = "0x" + "22" * 32


@dataclass
class Hosts:
    """Namespaces, and what runs in them."""

    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """A bridge, and a cable to each host. They end with this process: its network is its own."""
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "link", "set", "bridge", "up")
        for number, (host, address) in enumerate(HOSTS.items()):
            run("ip", "netns", "add", host)
            run("ip", "link", "add", f"cable{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            run("ip", "link", "set", f"cable{number}", "master", "bridge", "up")
            run(*self.on(host), "ip", "address", "add", f"{address}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                run(*self.on(host), "ip", "link", "set", device, "up")
        try:
            yield
        finally:
            for process in self.processes:
                process.kill()
                process.wait()

    def on(self, host: str) -> list[str]:
        return ["ip", "netns", "exec", host]

    def begin(self, host: str, *words: object, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        command = [*self.on(host), *map(str, words)]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        return process


class DatabaseHost(PostgresCluster):
    """PostgreSQL that is reached over the network."""

    def __init__(self, folder: Path, hosts: Hosts) -> None:
        super().__init__(folder)
        self._hosts = hosts

    @property
    def url(self) -> str:
        return f"postgresql://postgres@{HOSTS['database']}/postgres"

    def start(self) -> None:
        with (self.data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK}0/24 trust\n")
        options = f"-h {HOSTS['database']} -k {self.folder}"
        self._run("pg_ctl", "-w", "-D", self.data, "-l", self.folder / "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-D", self.data, "-m", "immediate", "stop")

    def _run(self, *words: object) -> None:
        """Root enters the namespace, and the system's user for servers does the work there."""
        as_user = ["setpriv", f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--clear-groups"]
        command = [*self._hosts.on("database"), *as_user, *self._command(*words)]
        subprocess.run(command, check=True, timeout=START_S, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    """Enter a network of our own, then measure."""
    if sys.argv[1:] == ["load"]:
        load()
        return
    if os.geteuid() != 0:
        raise SystemExit("network namespaces need root")
    if sys.argv[1:] != ["inside"]:
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, "-m", "tests.bench.hosts", "inside"])
    hosts, found = Hosts(), []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cpg-", ignore_cleanup_errors=True)))
        folder.chmod(0o777)
        with postgres(folder):
            pass  # this makes the system's user that runs servers
        stack.enter_context(hosts.joined())
        database = DatabaseHost(folder, hosts)
        database.initialize("max_connections = 200")
        database.start()
        stack.callback(database.stop)
        key = arrange(hosts, database.url, folder)
        environment = os.environ | settings(database.url, folder) | {"KEY": key}
        for workers in range(1, len(WORKERS) + 1):
            begin_worker(hosts, WORKERS[workers - 1], environment)
            found.append(measure(hosts, WORKERS[:workers], key, environment))
        rounds = both_at_once(hosts, environment)
    print(json.dumps({"machine": machine(), "workers": found, "rounds": rounds}, indent=2))


def run(*words: object) -> str:
    done = subprocess.run([*map(str, words)], check=False, capture_output=True, text=True, timeout=START_S)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
    return done.stdout


def settings(url: str, folder: Path) -> dict[str, str]:
    named = {
        "STORE__URL": url,
        "LEDGER__RPC_URLS": f"http://{HOSTS['ledger']}:{RPC_PORT}",
        "LEDGER__DEPLOYMENT": str(folder / "deployment.json"),
        "LEDGER__FINALITY": "depth:0",
        "LEDGER__PRIVATE_KEY": ANCHOR_KEY,
        "ROUNDS__POLL_S": "0.2",
        "ROUNDS__CANARY_EVERY_S": "0",
        "LIMITS__PER_ADDRESS": "100000000",
        "LIMITS__PER_KEY": "100000000",
    }
    return {f"CREDANCHOR_{name}": value for name, value in named.items()}


def arrange(hosts: Hosts, url: str, folder: Path) -> str:
    """Ledger, contract, schema, one issuer. Returns its key."""
    environment = os.environ | settings(url, folder) | {"CREDANCHOR_LEDGER__PRIVATE_KEY": ADMIN_KEY}
    address = HOSTS["ledger"]
    hosts.begin("ledger", anvil_binary(), "--host", address, "--port", RPC_PORT, "--silent", *FREE, environment=environment)
    run("ip", "address", "add", f"{NETWORK}254/24", "dev", "bridge")
    engine = make_engine(url, pool_size=2, busy_timeout_s=30)
    migrate(engine)
    store = SqlStore(engine)
    key = make_key(store, add_issuer(store))
    engine.dispose()
    anchorer, file = Account.from_key(ANCHOR_KEY).address, folder / "deployment.json"
    del environment["CREDANCHOR_LEDGER__DEPLOYMENT"]
    deploy = [COMMAND, "ledger", "deploy", "--anchorer", anchorer, "--output", file]
    subprocess.run([*hosts.on(WORKERS[0]), *map(str, deploy)], env=environment, cwd=folder, check=True, capture_output=True)
    return key


def begin_worker(hosts: Hosts, host: str, environment: Mapping[str, str]) -> None:
    process = hosts.begin(host, COMMAND, "service", "run", "--host", HOSTS[host], "--port", API_PORT, environment=environment)
    wait_until_up(HOSTS[host], API_PORT, process)


def measure(hosts: Hosts, workers: Sequence[str], key: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What one client gets through all workers together, a second, and how many cores each kind of host was busy with meanwhile."""
    found: dict[str, Any] = {"workers": len(workers)}
    for what in ("bulk", "single", "proof"):
        before = {host: cpu_s(hosts, host) for host in ("database", *workers)}
        done = ask(hosts, environment, what=what, addresses=[HOSTS[worker] for worker in workers], key=key)
        used = {host: (cpu_s(hosts, host) - before[host]) / done["seconds"] for host in before}
        cores = {"database": used.pop("database"), "workers": sum(used.values()), "client": done["cpu_s"] / done["seconds"]}
        found[what] = {"per_second": done["per_second"], "cores": cores}
        shown = "  ".join(f"{who} {busy:.2f}" for who, busy in cores.items())
        say(f"{len(workers)} workers  {what:<8} {done['per_second']:>12,.0f}/s   cores: {shown}")
        if what == "single":
            subprocess.run(round_on(hosts, workers[0]), env=environment, check=True, capture_output=True)
    return found


def ask(hosts: Hosts, environment: Mapping[str, str], **asked: object) -> dict[str, float]:
    """Load, from the client's host."""
    command = [*hosts.on("client"), sys.executable, "-m", "tests.bench.hosts", "load"]
    words = json.dumps(asked).encode()
    done = subprocess.run(command, input=words, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def cpu_s(hosts: Hosts, host: str) -> float:
    """Of the processes on a host; those of the database live as long as their connections."""
    ticks = 0
    for process in run("ip", "netns", "pids", host).split():
        with suppress(FileNotFoundError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))  # of its own, and of children it has waited for
    return ticks / os.sysconf("SC_CLK_TCK")


def load() -> None:
    """On the client's host: each worker gets its share of the requests, all at once."""
    asked = json.load(sys.stdin)
    addresses, what = asked["addresses"], asked["what"]
    requests = requests_of(what, asked["key"], len(addresses))
    shares = [requests[i :: len(addresses)] for i in range(len(addresses))]
    connections = BULK_CLIENTS if what == "bulk" else CONNECTIONS // len(addresses)
    started = time.process_time()
    loads, seconds = run_loads([(address, API_PORT) for address in addresses], shares, connections=connections)
    for one in loads:
        require(one, 200 if what == "proof" else 202)
    count = len(requests) * (BULK_DIGESTS if what == "bulk" else 1)
    print(json.dumps({"per_second": count / seconds, "seconds": seconds, "cpu_s": time.process_time() - started}))


def requests_of(what: str, key: str, workers: int) -> list[bytes]:
    """The digests of proofs are those that were posted singly before."""
    auth, digests = f"Authorization: Bearer {key}", [numbered(f"{workers} workers {i}") for i in range(SINGLE_REQUESTS)]
    if what == "proof":
        return [request_bytes("GET", f"/v1/proofs/{to_hex(digest)}") for digest in digests]
    if what == "single":
        headers, bodies = [auth, "Content-Type: application/json"], [{"digests": [to_hex(digest)]} for digest in digests]
        return [request_bytes("POST", "/v1/digests", body=json.dumps(body).encode(), headers=headers) for body in bodies]
    headers = [auth, "Content-Type: application/octet-stream", "Prefer: return=minimal"]
    return [
        request_bytes("POST", "/v1/digests", body=os.urandom(HASH_BYTES * BULK_DIGESTS), headers=headers)
        for _ in range(BULK_REQUESTS)
    ]


def round_on(hosts: Hosts, host: str) -> list[str]:
    return [*hosts.on(host), str(COMMAND), "anchor", "run"]


def both_at_once(hosts: Hosts, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Two hosts begin a round at the same moment, with digests waiting: one does it, the other stands by."""
    ask(hosts, environment, what="bulk", addresses=[HOSTS[WORKERS[0]]], key=environment["KEY"])
    begun = [subprocess.Popen(round_on(hosts, host), env=environment, stderr=subprocess.PIPE, text=True) for host in WORKERS[:2]]
    ended = [(process.communicate(timeout=START_S)[1], process.returncode) for process in begun]
    found = [
        {"host": host, "exit": code, "said": said.strip().rpartition("\n")[2]}
        for host, (said, code) in zip(WORKERS, ended, strict=False)
    ]
    for one in found:
        say(f"round on {one['host']}: exit {one['exit']}  {one['said']}")
    return found


if __name__ == "__main__":
    main()
