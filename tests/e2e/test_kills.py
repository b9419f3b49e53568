"""Real processes that are killed and frozen: rounds, workers of the service, the database server."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Final
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import text

from anchoring.core.batch import BatchState
from anchoring.ledger.signer import LocalSigner
from anchoring.store import tables
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import as_digest, to_hex
from scripts.devnet import COMMAND, ROOT, free_port
from tests.anvil_installation import ETHER, GWEI, MARKET, AnvilInstallation
from tests.api import make_key
from tests.conftest import run_anvil
from tests.factories import NOON, UNIVERSITY
from tests.injections import injected
from tests.installation import RULES, with_fees
from tests.networks import AnvilNetwork
from tests.postgres_cluster import PostgresCluster, postgres_clusters
from tests.world import check_logs, rows, signed_bytes

ENOUGH_S: Final = 60
BUSY_S: Final = 2
"""Longest wait for a lock; on PostgreSQL also how long a frozen process may keep its transaction."""
FEES: Final = with_fees(RULES, MARKET)
HERE: Final = replace(FEES, follow=replace(FEES.follow, patience_s=30))
ONE_LOOK: Final = replace(HERE, follow_s=0)


@pytest.fixture(scope="module")
def network() -> Iterator[AnvilNetwork]:
    with run_anvil() as anvil:
        yield AnvilNetwork(anvil, fees=MARKET, funds_wei=1000 * ETHER)


@dataclass
class Place:
    """An installation whose rounds run in this process and as processes; both with the same database, ledger and key."""

    here: AnvilInstallation
    environment: Mapping[str, str]
    output: str = ""
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    def starts(self, failpoint: str, number: signal.Signals) -> "subprocess.Popen[str]":
        """A round as a process, to which the signal comes at the failpoint."""
        words = [sys.executable, "-m", "tests.stopped_command", failpoint, number.name, "anchor", "run"]
        process = subprocess.Popen(
            words, env=self.environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.processes.append(process)
        injected()
        return process

    def ends(self, process: "subprocess.Popen[str]") -> int:
        printed, _ = process.communicate(timeout=ENOUGH_S)
        self.output += printed
        return process.returncode

    def comes_to_rest(self, *, nonces: int = 1) -> None:
        before = self.here.chain.transaction_count(self.here.ledger.signer)
        self.here.rest()
        self.here.check()
        assert set(self.here.states()) == {BatchState.FINAL}
        assert self.here.chain.transaction_count(self.here.ledger.signer) <= before + nonces
        check_logs(self.output, [key_of(self.here.chain.signer), *signed_bytes(self.here.store)])


def key_of(signer: LocalSigner) -> str:
    return to_hex(bytes(signer._account.key))


@pytest.fixture
def place(database_url: str, network: AnvilNetwork) -> Iterator[Place]:
    with network.rewound(), placed(database_url, network) as place:
        yield place


@contextmanager
def placed(database_url: str, network: AnvilNetwork) -> Iterator[Place]:
    engine = make_engine(database_url, pool_size=5, busy_timeout_s=BUSY_S)
    migrate(engine)
    here = AnvilInstallation(SqlStore(engine), network, HERE)
    here.clock.advance((datetime.now(UTC) - NOON).total_seconds() - 1000)  # what happens here was a while ago
    place = Place(here, environment_of(database_url, network))
    try:
        yield place
    finally:
        for process in place.processes:
            process.kill()
            process.communicate()
        engine.dispose()


def environment_of(database_url: str, network: AnvilNetwork) -> dict[str, str]:
    settings = {
        "STORE__URL": database_url,
        "STORE__BUSY_TIMEOUT_S": str(BUSY_S),
        "LEDGER__RPC_URLS": network.anvil.url,
        "LEDGER__REGISTRY": str(network.registry),
        "LEDGER__PRIVATE_KEY": key_of(network.signer),
        "LEDGER__FEE_POLICY": "market",
        "LEDGER__MAX_FEE_GWEI": str(MARKET.cap_wei // GWEI),
        "LEDGER__PATIENCE_S": "30",
        "ROUNDS__LEASE_S": "10",
        "ROUNDS__FOLLOW_S": "20",
        "ROUNDS__POLL_S": "0.2",
        "LIMITS__PER_ADDRESS": "100000000",
        "LIMITS__PER_KEY": "100000000",
    }
    return os.environ | {f"CREDANCHOR_{name}": value for name, value in settings.items()}


# --- rounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("database_url", "failpoint"),
    [
        ("postgresql", "seal.written"),
        ("sqlite", "attempt.persisted"),
        ("postgresql", "broadcast.answered"),
        ("sqlite", "anchor.confirmed"),
    ],
    indirect=["database_url"],
)
def test_round_that_is_killed_is_made_good_by_the_next(place, failpoint):
    place.here.post(3)
    with blocks_come(place.here.chain):
        code = place.ends(place.starts(failpoint, signal.SIGKILL))
    assert code == -signal.SIGKILL, place.output
    place.here.clock.advance(1100)
    place.comes_to_rest()
    assert len(rows(place.here.store, tables.attempt)) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_round_that_is_killed_in_the_middle_of_a_replacement_leaves_one_nonce(place):
    here, rpc = place.here, place.here.chain.anvil.rpc
    here.post(3)
    here.make_round(rules=ONE_LOOK).run()
    rpc.send("evm_setBlockGasLimit", hex(60_000))
    here.chain.mine(3)
    assert place.ends(place.starts("replacement.persisted", signal.SIGKILL)) == -signal.SIGKILL, place.output
    assert [row.last_answer is None for row in rows(here.store, tables.attempt)].count(True) == 1
    rpc.send("evm_setBlockGasLimit", hex(30_000_000))
    here.clock.advance(1100)
    place.comes_to_rest()
    assert len(rows(here.store, tables.attempt)) == 2


@pytest.mark.parametrize(
    ("database_url", "failpoint"),
    [("sqlite", "attempt.persisted"), ("postgresql", "seal.written")],
    indirect=["database_url"],
)
def test_round_that_is_frozen_wakes_up_when_another_has_finished(place, failpoint):
    place.here.post(3)
    process = place.starts(failpoint, signal.SIGSTOP)
    ended = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    assert ended is not None
    assert ended.si_status == signal.SIGSTOP, place.ends(process)
    wait_until(lambda: not holds_a_transaction(place.here.store))  # PostgreSQL takes it away
    place.here.clock.advance(1100)
    place.comes_to_rest()
    process.send_signal(signal.SIGCONT)
    assert place.ends(process) in {0, 4}, place.output
    place.comes_to_rest(nonces=0)
    assert len(rows(place.here.store, tables.attempt)) == 1


@contextmanager
def blocks_come(network: AnvilNetwork) -> Iterator[None]:
    """One a second, by themselves."""
    network.anvil.rpc.send("evm_setIntervalMining", 1)
    try:
        yield
    finally:
        network.anvil.rpc.send("evm_setIntervalMining", 0)


def holds_a_transaction(store: SqlStore) -> bool:
    if store._engine.dialect.name != "postgresql":
        return False
    with store._engine.connect() as connection:
        idle = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'")
        return bool(connection.execute(idle).scalar())


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ENOUGH_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- the service and the database server ------------------------------------------------------------------------------


@dataclass
class Posters:
    """Clients that post one digest after another and write down what was acknowledged: digest and salt."""

    url: str
    key: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    CLIENTS = 4

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._post, args=(i,)) for i in range(self.CLIENTS)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, acknowledged: int) -> None:
        """Until so many more have been acknowledged."""
        aim = len(self.acknowledged) + acknowledged
        wait_until(lambda: len(self.acknowledged) >= aim)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _post(self, client: int) -> None:
        number = 0
        while not self._stopped.is_set():
            number += 1
            digest = f"{client:08x}{number:056x}"
            body = json.dumps({"digests": [digest]}).encode()
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            with suppress(OSError, HTTPException):  # what was not answered, or not to its end, is not acknowledged
                with urlopen(Request(f"{self.url}/v1/digests", body, headers), timeout=30) as answer:
                    [salt] = json.load(answer)["salts"]
                assert answer.status == 202
                self.acknowledged[digest] = salt


@contextmanager
def posting(place: Place) -> Iterator[tuple["subprocess.Popen[bytes]", Posters]]:
    """A worker of the service, and clients that post to it."""
    with place.here.store.reading() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
    assert issuer is not None
    port = free_port()
    posters = Posters(f"http://127.0.0.1:{port}", make_key(place.here.store, issuer))
    words = [str(COMMAND), "service", "run", "--port", str(port)]
    process = subprocess.Popen(words, env=place.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        posters.start()
        yield process, posters
    finally:
        posters.stop()
        process.kill()
        process.wait()


def takes_them_all_to_final(place: Place, posters: Posters) -> None:
    """Every digest that was acknowledged is there with the salt of its answer, and gets a final proof."""
    with place.here.store.reading() as uow:
        for digest, salt in posters.acknowledged.items():
            [entry] = uow.entries.of_digest(as_digest(bytes.fromhex(digest)))
            assert to_hex(entry.salt) == salt
            place.here.acknowledged.append(entry)
    place.here.rules = replace(HERE, max_leaves=1000)
    place.comes_to_rest()


def test_worker_that_is_killed_under_posts_loses_none_that_was_acknowledged(place):
    with posting(place) as (process, posters):
        posters.wait_for(100)
        process.kill()
        process.wait()
    takes_them_all_to_final(place, posters)


def test_server_that_is_killed_under_posts_loses_none_that_was_acknowledged(network):
    """SIGKILL to PostgreSQL's first process; the worker of the service lives through it."""
    with network.rewound(), postgres_clusters() as [cluster, _]:
        cluster.initialize()
        cluster.start()
        with placed(cluster.url, network) as place:
            with posting(place) as (_, posters):
                posters.wait_for(100)
                first = int((cluster.data / "postmaster.pid").read_text().split()[0])
                os.kill(first, signal.SIGKILL)
                injected()
                wait_until(lambda: started(cluster))
                posters.wait_for(100)
            takes_them_all_to_final(place, posters)


def started(cluster: PostgresCluster) -> bool:
    """It does not while a process of the killed one is left."""
    try:
        cluster.start()
    except subprocess.CalledProcessError:
        return False
    return True
