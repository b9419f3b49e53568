"""`make bench-large`: what stays flat as the store grows, and under long load. Table on stderr, JSON on stdout.

`ENTRIES=` says how many entries there are in the end, `REQUESTS=` how many the worker answers: ten million and one million take
about an hour.
"""

import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from anchoring.logs import configure_logs
from anchoring.ports.entries import NewEntries
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import to_hex
from tests.bench.load import request_bytes, run_load, run_paced
from tests.bench.rounds import gas_of_rounds
from tests.bench.service import (
    LEAVES,
    Installed,
    Ports,
    anonymous_mb,
    installed,
    machine,
    numbered,
    postgres,
    require,
    say,
    seal_and_confirm,
)
from tests.factories import NOON
from tests.networks import anvil_network

ENTRIES: Final = int(os.environ.get("ENTRIES", "10000000"))
REQUESTS: Final = int(os.environ.get("REQUESTS", "1000000"))
FEW_ENTRIES: Final = 10_000
AT_ONCE: Final = 100_000
PROOFS_A_SECOND: Final = {"SQLite": 800, "PostgreSQL": 400}
POSTS_A_SECOND: Final = 200
PACED_S: Final = 15
CONNECTIONS: Final = 64
LONGEST_SEAL_S: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Flatness:
    """`later` against `before`, in `unit`; 1 is flat."""

    name: str
    before: float
    later: float
    unit: str

    @property
    def ratio(self) -> float:
        return self.later / self.before


def main() -> None:
    """Each database in turn, then a large round."""
    configure_logs(level=logging.WARNING)
    found = []
    for one in measure():
        found.append(asdict(one) | {"ratio": one.ratio})
        say(f"{one.name:<64} {one.before:>12,.2f} → {one.later:>12,.2f} {one.unit:<6} ratio {one.ratio:.2f}")
    print(json.dumps({"machine": machine(), "entries": ENTRIES, "requests": REQUESTS, "flatness": found}, indent=2))


def measure() -> Iterator[Flatness]:
    with tempfile.TemporaryDirectory(prefix="credanchor-bench-", ignore_cleanup_errors=True) as folder:
        yield from large_round(f"sqlite:///{folder}/round.db")
        yield from large_store("SQLite", f"sqlite:///{folder}/large.db", Path(folder))
        with postgres(Path(folder)) as url:
            yield from large_store("PostgreSQL", url, Path(folder))


def large_round(url: str) -> Iterator[Flatness]:
    """The first round is left out: the contract's counters are zero before it."""
    engine = make_engine(url, pool_size=5, busy_timeout_s=30)
    with anvil_network() as network:
        _, (_, few), (transactions, many) = gas_of_rounds(engine, network, [1, 1, LEAVES])
    engine.dispose()
    if transactions != 1:
        raise SystemExit(f"a round of 2^20 digests sent {transactions} transactions")
    yield Flatness(name="gas of a round: 1 digest, 2^20 digests", before=few, later=many, unit="gas")


def large_store(database: str, url: str, folder: Path) -> Iterator[Flatness]:
    with installed(url, folder) as here:
        empty = disk_bytes(here.engine)
        fill(here, 0, FEW_ENTRIES)
        seal_and_confirm(here.store)
        few_ms = proof_p99_ms(database, here.ports, FEW_ENTRIES)
        fill(here, FEW_ENTRIES, ENTRIES)
        seal_and_confirm(here.store)
        refresh(here.engine)
        many_ms = proof_p99_ms(database, here.ports, ENTRIES)
        rate = f"{PROOFS_A_SECOND[database]}/s"
        name = f"{database}: p99 of proofs at {rate}, {FEW_ENTRIES:,} and {ENTRIES:,} entries"
        yield Flatness(name=name, before=few_ms, later=many_ms, unit="ms")
        size = (disk_bytes(here.engine) - empty) / ENTRIES
        yield Flatness(name=f"{database}: disk for an entry of {ENTRIES:,}", before=size, later=size, unit="bytes")
        yield long_load(database, here.ports)
        yield posts_during_seal(database, here, url)


def fill(here: Installed, first: int, end: int) -> None:
    for start in range(first, end, AT_ONCE):
        digests = b"".join(numbered(f"large {i}") for i in range(start, min(end, start + AT_ONCE)))
        with here.store.writing() as uow:
            uow.entries.add_missing([NewEntries(issuer=here.issuer, digests=digests, salts=os.urandom(len(digests) // 2))], NOON)
            uow.commit()


def proof_requests(count: int, entries: int) -> list[bytes]:
    some = random.Random(count)
    return [request_bytes("GET", f"/v1/proofs/{to_hex(numbered(f'large {some.randrange(entries)}'))}") for _ in range(count)]


def proof_p99_ms(database: str, ports: Ports, entries: int) -> float:
    """At a rate below saturation, warm; the better of two, because noise only adds."""
    rate = PROOFS_A_SECOND[database]
    require(run_load(ports.ours, proof_requests(20 * rate, entries), connections=CONNECTIONS), 200)
    times = []
    for _ in range(2):
        load = run_paced(ports.ours, proof_requests(PACED_S * rate, entries), per_second=rate, connections=CONNECTIONS)
        require(load, 200)
        times.append(load.quantile_ms(0.99))
    return min(times)


def long_load(database: str, ports: Ports) -> Flatness:
    """Memory of the worker after a tenth of the requests, and after all."""
    tenth = REQUESTS // 10
    used = []
    for _ in range(10):
        require(run_load(ports.ours, proof_requests(tenth, ENTRIES), connections=CONNECTIONS), 200)
        used.append(anonymous_mb(ports.process))
    return Flatness(name=f"{database}: memory over {REQUESTS:,} proofs", before=used[0], later=used[-1], unit="MB")


def posts_during_seal(database: str, here: Installed, url: str) -> Flatness:
    """p99 of single posts at a steady rate: with nothing else, and while another process seals 2^20 entries."""
    port, key = here.ports.ours, here.key
    before = run_paced(port, posts(key, "quiet", PACED_S), per_second=POSTS_A_SECOND, connections=CONNECTIONS)
    require(before, 202)
    fill(here, ENTRIES, ENTRIES + LEAVES)
    sealing = subprocess.Popen([sys.executable, "-m", "tests.bench.large", url])
    during: list[float] = []
    started = time.perf_counter()
    while sealing.poll() is None and time.perf_counter() < started + LONGEST_SEAL_S:
        some = posts(key, f"seal {len(during)}", 1)
        load = run_paced(port, some, per_second=POSTS_A_SECOND, connections=CONNECTIONS)
        require(load, 202)
        during += load.latencies_ms
    if sealing.wait(LONGEST_SEAL_S):
        raise SystemExit("the seal failed")
    during.sort()
    name = f"{database}: p99 of posts at {POSTS_A_SECOND}/s, alone and during a seal of 2^20"
    return Flatness(name=name, before=before.quantile_ms(0.99), later=during[int(0.99 * len(during))], unit="ms")


def posts(key: str, what: str, seconds: int) -> Sequence[bytes]:
    headers = [f"Authorization: Bearer {key}", "Content-Type: application/json"]
    bodies = [json.dumps({"digests": [to_hex(numbered(f"{what} {i}"))]}).encode() for i in range(seconds * POSTS_A_SECOND)]
    return [request_bytes("POST", "/v1/digests", body=body, headers=headers) for body in bodies]


def disk_bytes(engine: Engine) -> int:
    """Of the whole database, what it would not keep after a checkpoint left out."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        return int(pages) * int(connection.execute(text("PRAGMA page_size")).scalar_one())


def refresh(engine: Engine) -> None:
    """What autovacuum does within minutes."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


def seal(url: str) -> None:
    """In a process of its own: what a round does."""
    configure_logs(level=logging.WARNING)
    os.nice(10)  # as a crontab or the units run it
    engine = make_engine(url, pool_size=5, busy_timeout_s=30)
    seal_and_confirm(SqlStore(engine))
    engine.dispose()


if __name__ == "__main__":
    seal(sys.argv[1]) if len(sys.argv) > 1 else main()
