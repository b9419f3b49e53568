"""`make bench-hosts`: API workers and rounds on several hosts, one PostgreSQL and a replica of it. Table on stderr, JSON on stdout.

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
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from eth_account import Account

from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import HASH_BYTES, to_hex
from scripts.devnet import COMMAND, ROOT, anvil_binary
from tests.api import make_key
from tests.bench.load import request_bytes, run_loads
from tests.bench.namespaces import HOSTS, NETWORK, START_S, WORKERS, DatabaseHost, Hosts, cpu_s, run
from tests.bench.service import machine, numbered, postgres, require, say, wait_until_up
from tests.factories import add_issuer
from tests.networks import FREE

API_PORT: Final = 8000
RPC_PORT: Final = 8545
BULK_REQUESTS: Final = 24
BULK_DIGESTS: Final = 10_000
SINGLE_REQUESTS: Final = 6_000
BULK_CLIENTS: Final = 4
CONNECTIONS: Final = 60
ADMIN_KEY: Final = "0x" + "11" * 32
ANCHOR_KEY: Final = "0x" + "22" * 32


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
        folder, of_replica = (Path(stack.enter_context(_folder_for_anyone())) for _ in range(2))
        with postgres(folder):
            pass  # this makes the system's user that runs servers
        stack.enter_context(hosts.joined())
        database = DatabaseHost(folder, hosts, "database")
        database.initialize("max_connections = 200")
        database.start()
        stack.callback(database.stop)
        key = arrange(hosts, database.url, folder)
        environment = os.environ | settings(database.url, folder) | {"KEY": key}
        for workers in range(1, len(WORKERS) + 1):
            begin_worker(hosts, WORKERS[workers - 1], environment)
            found.append(measure(hosts, WORKERS[:workers], key, environment))
        replica = DatabaseHost(of_replica, hosts, "replica")
        stack.callback(replica.stop)
        replicas = read_from_replica(hosts, database, replica, key, environment)
        rounds = both_at_once(hosts, environment)
    print(json.dumps({"machine": machine(), "workers": found, "replica": replicas, "rounds": rounds}, indent=2))


@contextmanager
def _folder_for_anyone() -> Iterator[str]:
    """The server does not run as root."""
    with tempfile.TemporaryDirectory(prefix="cpg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o777)
        yield folder


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
        asked = {"what": what, "addresses": [HOSTS[worker] for worker in workers], "key": key}
        [done], used = under_load(hosts, environment, [asked], ("database", *workers))
        cores = {"database": used.pop("database"), "workers": sum(used.values()), "client": done["cpu_s"] / done["seconds"]}
        found[what] = {"per_second": done["per_second"], "cores": cores}
        say(f"{len(workers)} workers  {what:<8} {done['per_second']:>12,.0f}/s   cores: {shown(cores)}")
        if what == "single":
            subprocess.run(round_on(hosts, workers[0]), env=environment, check=True, capture_output=True)
    return found


def read_from_replica(
    hosts: Hosts, primary: DatabaseHost, replica: DatabaseHost, key: str, environment: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Proofs by a worker that reads a streaming standby: alone, and while another worker posts to the primary in bulk."""
    replica.follow(primary)
    replica.start()
    begin_worker(hosts, "reader", {**environment, "CREDANCHOR_STORE__URL": replica.url})
    proofs = {"what": "proof", "addresses": [HOSTS["reader"]], "key": key}
    bulk = {"what": "bulk", "addresses": [HOSTS[WORKERS[0]]], "key": key}
    found = []
    for loads in ([proofs], [bulk], [proofs, bulk]):
        done, cores = under_load(hosts, environment, loads, ("database", WORKERS[0], "replica", "reader"))
        behind_s = seconds_behind(primary, replica)
        rates = {str(asked["what"]): one["per_second"] for asked, one in zip(loads, done, strict=True)}
        found.append({"per_second": rates, "cores": cores, "behind_s": behind_s})
        said = "  ".join(f"{what} {rate:,.0f}/s" for what, rate in rates.items())
        say(f"with a replica  {said}   cores: {shown(cores)}   replica behind at the end: {behind_s:.2f} s")
    return found


def seconds_behind(primary: DatabaseHost, replica: DatabaseHost) -> float:
    """Until the replica has replayed all that the primary has written by now."""
    with psycopg.connect(primary.url, autocommit=True) as written, psycopg.connect(replica.url, autocommit=True) as replayed:
        [end] = one_row(written, "SELECT pg_current_wal_flush_lsn()")
        began = time.perf_counter()
        while not one_row(replayed, "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", end)[0]:
            time.sleep(0.01)
        return time.perf_counter() - began


def one_row(connection: "psycopg.Connection[Any]", statement: LiteralString, *values: object) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(statement, values).fetchone()
    assert row is not None
    return row


def under_load(
    hosts: Hosts, environment: Mapping[str, str], loads: Sequence[Mapping[str, object]], watched: Sequence[str]
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """What each load came to, all at once from the client's host, and with how many cores each watched host was busy."""
    before = {host: cpu_s(host) for host in watched}
    command = [*hosts.on("client"), sys.executable, "-m", "tests.bench.hosts", "load"]
    clients = [subprocess.Popen(command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in loads]
    for client, asked in zip(clients, loads, strict=True):
        assert client.stdin is not None
        client.stdin.write(json.dumps(asked).encode())
        client.stdin.close()
    done = [json.loads(client.stdout.read()) for client in clients if client.stdout is not None]
    seconds = max(one["seconds"] for one in done)
    return done, {host: (cpu_s(host) - before[host]) / seconds for host in watched}


def shown(cores: Mapping[str, float]) -> str:
    return "  ".join(f"{who} {busy:.2f}" for who, busy in cores.items())


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
    under_load(hosts, environment, [{"what": "bulk", "addresses": [HOSTS[WORKERS[0]]], "key": environment["KEY"]}], ())
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
