"""`make bench`: what the service does, as ratios to limits measured in the same run. Table on stderr, JSON on stdout.

Absolute figures are of this machine at this hour; the ratios are what to compare.
"""

import gzip
import hashlib
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

from sqlalchemy import Engine, delete, text

from anchoring.core.issuer import Issuer
from anchoring.core.leaf import issuer_id_of
from anchoring.core.status import MAX_ENTRIES, MIN_ENTRIES, StatusBits, StatusPurpose
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.core.tiles import SealedTree, build_tree
from anchoring.logs import configure_logs
from anchoring.ports.entries import NewEntries
from anchoring.ports.runtime import THIS_PROCESS
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.lists import RingSigner
from anchoring.store import tables
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import ListId, to_hex
from anchoring.usecases.seal_batches import seal_batches
from anchoring.worker_processes import WorkerProcesses
from tests.bench.authentication import time_authentication
from tests.bench.load import request_bytes, run_load
from tests.bench.rounds import DIGESTS, time_rounds
from tests.bench.service import (
    LEAVES,
    SEALERS,
    Installed,
    Ports,
    anonymous_mb,
    installed,
    machine,
    make_keys,
    numbered,
    postgres,
    require,
    say,
    seal_and_confirm,
)
from tests.factories import NOON, UNIVERSITY, FrozenClock, add_issuer
from tests.networks import anvil_network

BULK_ROWS = 100_000
BULK_REQUEST = 10_000
BITS_SET = 100_000
SINGLE_REQUESTS = 6_000
CONNECTIONS = 64
REPEATS = 3
BULK_CLIENTS = 4
COLUMNS = "issuer_id, digest, salt, canonicalization, received_at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """`measured` against `limit`, both in `unit`; the ratio says how near the limit it comes (1 is the limit itself)."""

    name: str
    measured: float
    limit: float
    limit_is: str
    unit: str
    ratio: float
    p99_ms: float | None = None


def main() -> None:
    """Everything in turn."""
    configure_logs(level=logging.WARNING)
    ratios: list[Ratio] = []
    for measure in (bench_start, bench_tree, bench_seals, bench_list, bench_rounds, bench_databases):
        for ratio in measure():
            ratios.append(ratio)
            say(
                f"{ratio.name:<52} {ratio.measured:>12,.{digits(ratio)}f} {ratio.unit:<8} of {ratio.limit:>12,.{digits(ratio)}f}   ratio {ratio.ratio:.2f}"
            )
    print(json.dumps({"machine": machine(), "ratios": [asdict(ratio) for ratio in ratios]}, indent=2))


def digits(ratio: Ratio) -> int:
    return 4 if ratio.unit == "s" else 2


# --- the command line -------------------------------------------------------------------------------------------------


def bench_start() -> Iterator[Ratio]:
    """How long the shortest command takes; against Python that does nothing."""
    measured = fastest(
        lambda: subprocess.run([sys.executable, "-m", "anchoring.cli.main", "--help"], check=True, stdout=subprocess.DEVNULL)
    )
    limit = fastest(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    yield Ratio(
        name="credanchor --help", measured=measured, limit=limit, limit_is="python -c pass", unit="s", ratio=measured / limit
    )


# --- the tree ---------------------------------------------------------------------------------------------------------


def bench_tree() -> Iterator[Ratio]:
    """A million leaves, hashed, sorted, cut into tiles; against a bare loop of as many hashes of the same lengths."""
    salts = [i.to_bytes(16, "big") for i in range(LEAVES)]
    prefix = b"\0" + issuer_id_of(UNIVERSITY)
    digest = bytes(32)

    def ours() -> SealedTree:
        leaves = sorted(hashlib.sha256(prefix + salt + digest).digest() for salt in salts)
        return build_tree(b"".join(leaves), lambda _tile: None)

    measured, limit = fastest(ours), fastest(hash_bare)
    yield Ratio(
        name="tree of 2^20 leaves",
        measured=measured,
        limit=limit,
        limit_is="bare hashlib loop over as many leaves and nodes",
        unit="s",
        ratio=measured / limit,
    )


def hash_bare() -> None:
    """As many hashes of the same lengths as a tree of 2^20 leaves has, and nothing else."""
    sha256, leaf, pair = hashlib.sha256, bytes(49), bytes(64)
    digest = bytes(32)
    for _ in range(LEAVES):
        sha256(leaf + digest).digest()
    for _ in range(LEAVES - 1):
        sha256(pair).digest()


def bench_seals() -> Iterator[Ratio]:
    """2^20 waiting entries read, hashed, sorted, cut into tiles and written; against the bare hashes."""
    with tempfile.TemporaryDirectory(prefix="credanchor-bench-", ignore_cleanup_errors=True) as folder:
        yield from bench_seal("SQLite", f"sqlite:///{folder}/seal.db")
        with postgres(Path(folder)) as url:
            yield from bench_seal("PostgreSQL", url)


def bench_seal(database: str, url: str) -> Iterator[Ratio]:
    engine = make_engine(url, pool_size=5, busy_timeout_s=30)
    migrate(engine)
    store = SqlStore(engine)
    issuer = add_issuer(store)
    for start in range(0, LEAVES, BULK_ROWS):
        digests = b"".join(numbered(f"seal {i}") for i in range(start, min(LEAVES, start + BULK_ROWS)))
        with store.writing() as uow:
            uow.entries.add_missing([NewEntries(issuer=issuer, digests=digests, salts=os.urandom(len(digests) // 2))], NOON)
            uow.commit()
    for processes, workers in ((0, THIS_PROCESS), (SEALERS, WorkerProcesses(SEALERS))):
        limit = fastest(hash_bare)
        started = time.perf_counter()
        seal_batches(store, FrozenClock(), max_leaves=LEAVES, progress=lambda _what, _done, _total: None, workers=workers)
        measured = time.perf_counter() - started
        yield Ratio(
            name=f"{database}: sealing 2^20 entries, {f'{processes} processes' if processes else 'one process'}",
            measured=measured,
            limit=limit,
            limit_is="bare hashlib loop over as many leaves and nodes",
            unit="s",
            ratio=measured / limit,
        )
        with engine.begin() as connection:  # as if it had not been
            connection.execute(delete(tables.tile))
            connection.execute(delete(tables.batch))
    engine.dispose()


def fastest(run: Callable[[], object]) -> float:
    """Seconds of the fastest of a few runs: noise only adds."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


# --- a list -----------------------------------------------------------------------------------------------------------


def bench_list() -> Iterator[Ratio]:
    """A list with 100,000 random bits set, built and signed in each form; against gzip of the bare bits."""
    with tempfile.TemporaryDirectory(prefix="credanchor-bench-") as folder:
        make_keys(Path(folder))
        signer = RingSigner(KeyRing(Path(folder), None), cryptosuite="eddsa-jcs-2022", ebsi_schema="https://schemas.example/x")
        for entries in (MIN_ENTRIES, MAX_ENTRIES):
            yield from bench_form_of(signer, entries)


def bench_form_of(signer: RingSigner, entries: int) -> Iterator[Ratio]:
    indexes = random.Random(1).sample(range(entries), BITS_SET)

    def build() -> StatusBits:
        bits = StatusBits.clear(entries)
        for index in indexes:
            bits.change(index, is_set=True)
        return bits

    build_s = fastest(build)
    bits = build()
    url, list_id = "https://anchors.example/v1/status-lists/" + "5f" * 32, ListId(bytes(32))
    times = {"signed_at": NOON, "valid_until": NOON + timedelta(days=1)}
    content = ListToSign(
        list_id=list_id, url=url, issuer=UNIVERSITY, purpose=StatusPurpose.REVOCATION, bits=bits, ttl_s=300, **times
    )
    gzip_s, gzip_bytes = fastest(lambda: gzip.compress(bytes(bits), 9)), len(gzip.compress(bytes(bits), 9))
    limit_is = "gzip alone of the same bits"
    name = f"{BITS_SET:,} of {entries:,} bits"
    yield Ratio(name=f"{name}: set", measured=build_s, limit=gzip_s, limit_is=limit_is, unit="s", ratio=build_s / gzip_s)
    for form in ListForm:
        signed = signer.sign(content, form)
        signed_s = fastest(partial(signer.sign, content, form))
        yield Ratio(
            name=f"{name}: {form} signed", measured=signed_s, limit=gzip_s, limit_is=limit_is, unit="s", ratio=signed_s / gzip_s
        )
        yield Ratio(
            name=f"{name}: {form} size",
            measured=len(signed),
            limit=gzip_bytes,
            limit_is=limit_is,
            unit="bytes",
            ratio=len(signed) / gzip_bytes,
        )


# --- a round ----------------------------------------------------------------------------------------------------------


def bench_rounds() -> Iterator[Ratio]:
    """What the durable steps of a round cost, on SQLite and on PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="credanchor-bench-", ignore_cleanup_errors=True) as folder:
        yield bench_round("SQLite", f"sqlite:///{folder}/rounds.db")
        with postgres(Path(folder)) as url:
            yield bench_round("PostgreSQL", url)


def bench_round(database: str, url: str) -> Ratio:
    engine = make_engine(url, pool_size=5, busy_timeout_s=30)
    with anvil_network() as network:
        durable_s, bare_s = time_rounds(engine, network)
    engine.dispose()
    return Ratio(
        name=f"{database}: a round of {DIGESTS:,} digests",
        measured=durable_s,
        limit=bare_s,
        limit_is="the same round, over Anvil as well, in one transaction that is never committed",
        unit="s",
        ratio=durable_s / bare_s,
    )


# --- the service on each database -------------------------------------------------------------------------------------


def bench_databases() -> Iterator[Ratio]:
    """Ingest, single posts, proofs and status over HTTP, one worker, on SQLite and on PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="credanchor-bench-", ignore_cleanup_errors=True) as folder:
        yield from bench_service("SQLite", f"sqlite:///{folder}/bench.db", Path(folder))
        with postgres(Path(folder)) as url:
            yield from bench_service("PostgreSQL", url, Path(folder))


def bench_service(database: str, url: str, folder: Path) -> Iterator[Ratio]:
    with installed(url, folder) as here:
        engine, issuer, key, ports = here.engine, here.issuer, here.key, here.ports
        for clients in (1, BULK_CLIENTS):
            names = [f"bulk {clients} {i}" for i in range(BULK_ROWS)]
            yield bench_bulk(database, engine, issuer, ports, bulk_requests(key, names), clients)
        known = [f"bulk 1 {i}" if i % 2 else f"new {i}" for i in range(BULK_ROWS)]
        yield bench_bulk(database, engine, issuer, ports, bulk_requests(key, known), 1, ", half of them known")
        seal_and_confirm(here.store)
        yield from bench_requests(database, ports, key)
        yield from bench_status(database, ports, key, insert_plainly(engine, issuer, 1))
        yield anonymous_memory(database, ports)
        yield from bench_authentication(database, url, folder, here)


def bench_authentication(database: str, url: str, folder: Path, here: Installed) -> Iterator[Ratio]:
    """A single post with authentication; against the same route of a service that is told who asks."""
    taken, without = time_authentication(url, folder, here)
    for way, ms in taken.items():
        yield Ratio(
            name=f"{database}: single POST with {way}",
            measured=ms,
            limit=without,
            limit_is="the same route without authentication",
            unit="ms",
            ratio=ms / without,
        )


def bench_bulk(
    database: str, engine: Engine, issuer: Issuer, ports: Ports, requests: Sequence[bytes], clients: int, what: str = ""
) -> Ratio:
    """Bulk posts by so many clients; against as many connections of the driver, each as fast as it can insert rows."""
    driver_s = insert_plainly(engine, issuer, clients)
    bulk = run_load(ports.ours, requests, connections=clients)
    require(bulk, 202)
    return Ratio(
        name=f"{database}: bulk POST of {BULK_REQUEST:,}, {clients} client{'s' * (clients > 1)}{what}",
        measured=BULK_ROWS / bulk.seconds,
        limit=BULK_ROWS / driver_s,
        limit_is="COPY" if engine.dialect.name == "postgresql" else "the driver's executemany",
        unit="rows/s",
        ratio=driver_s / bulk.seconds,
    )


def anonymous_memory(database: str, ports: Ports) -> Ratio:
    """What the worker holds after all this; against a FastAPI worker that does nothing."""
    ours, idle = (anonymous_mb(process) for process in (ports.process, ports.idle_process))
    limit_is = "the worker that does nothing"
    return Ratio(name=f"{database}: anonymous memory", measured=ours, limit=idle, limit_is=limit_is, unit="MB", ratio=ours / idle)


def bench_requests(database: str, ports: Ports, key: str) -> Iterator[Ratio]:
    auth = f"Authorization: Bearer {key}"
    json_type = "Content-Type: application/json"
    bodies = [json.dumps({"digests": [to_hex(numbered(f"single {i}"))]}).encode() for i in range(SINGLE_REQUESTS)]
    posts = [request_bytes("POST", "/v1/digests", body=body, headers=[auth, json_type]) for body in bodies]
    idle_posts = [request_bytes("POST", "/idle", body=body, headers=[auth, json_type]) for body in bodies]
    step = BULK_ROWS // SINGLE_REQUESTS
    paths = [f"/v1/proofs/{to_hex(numbered(f'bulk 1 {i * step}'))}" for i in range(SINGLE_REQUESTS)]
    gets = [request_bytes("GET", path) for path in paths]
    idle_gets = [request_bytes("GET", "/healthz") for _ in paths]
    yield compare(f"{database}: single POST /v1/digests", ports, posts, idle_posts, 202)
    yield compare(f"{database}: GET /v1/proofs/{{digest}}", ports, gets, idle_gets, 200)


def bench_status(database: str, ports: Ports, key: str, driver_s: float) -> Iterator[Ratio]:
    """Status over HTTP: changes of single credentials, how each stands, and a list in which 100,000 random bits are set."""
    auth, json_type = f"Authorization: Bearer {key}", "Content-Type: application/json"
    step = BULK_ROWS // SINGLE_REQUESTS
    digests = [to_hex(numbered(f"bulk 1 {i * step}")) for i in range(SINGLE_REQUESTS)]
    idle_gets = [request_bytes("GET", "/healthz") for _ in digests]
    statuses = [request_bytes("GET", f"/v1/status/{digest}") for digest in digests]
    yield compare(f"{database}: GET /v1/status/{{digest}}", ports, statuses, idle_gets, 200)
    bodies = [json.dumps({"changes": [{"action": "revoke", "digest": digest}]}).encode() for digest in digests]
    changes = [request_bytes("POST", "/v1/status-changes", body=body, headers=[auth, json_type]) for body in bodies]
    idle = [json.dumps({"digests": [digest]}).encode() for digest in digests]
    idle_posts = [request_bytes("POST", "/idle", body=body, headers=[auth, json_type]) for body in idle]
    yield compare(f"{database}: POST /v1/status-changes, one each", ports, changes, idle_posts, 200)
    yield compare(f"{database}: GET /v1/status/{{digest}} of revoked", ports, statuses, idle_gets, 200)
    made = ask(ports.ours, "/v1/status-lists", {"purpose": "revocation"}, key)
    reserved = ask(ports.ours, f"/v1/status-lists/{made['list']}/entries", {"count": BITS_SET}, key)["entries"]
    revoked = {"changes": [{"action": "revoke"} | entry for entry in reserved]}
    started = time.perf_counter()
    ask(ports.ours, "/v1/status-changes", revoked, key)
    seconds = time.perf_counter() - started
    yield Ratio(
        name=f"{database}: {BITS_SET:,} changes in one request",
        measured=BITS_SET / seconds,
        limit=BULK_ROWS / driver_s,
        limit_is="the driver's executemany of as many rows into the table of entries",
        unit="rows/s",
        ratio=driver_s / seconds,
    )
    lists = [request_bytes("GET", f"/v1/status-lists/{made['list']}") for _ in digests]
    yield compare(f"{database}: GET /v1/status-lists/{{id}}", ports, lists, idle_gets, 200)


def ask(port: int, path: str, body: object, key: str) -> Any:
    """What a POST is answered."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    posted = HttpRequest(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    with urlopen(posted, timeout=120) as answer:
        return json.load(answer)


def compare(name: str, ports: Ports, requests: Sequence[bytes], idle: Sequence[bytes], status: int) -> Ratio:
    """Ours and the idle route in turn, so that drift of the machine hits both."""
    third = len(requests) // REPEATS
    ours, limits = [], []
    for port, few in ((ports.idle, idle), (ports.ours, requests)):
        run_load(port, few[: 2 * CONNECTIONS], connections=CONNECTIONS)  # warm
    for i in range(REPEATS):
        some = slice(i * third, (i + 1) * third)
        limits.append(run_load(ports.idle, idle[some], connections=CONNECTIONS))
        ours.append(run_load(ports.ours, requests[some], connections=CONNECTIONS))
        require(ours[-1], status)
    measured = statistics.median(load.per_second for load in ours)
    limit = statistics.median(load.per_second for load in limits)
    return Ratio(
        name=name,
        measured=measured,
        limit=limit,
        limit_is="a FastAPI worker that validates the same and does nothing",
        unit="req/s",
        ratio=measured / limit,
        p99_ms=round(statistics.median(load.quantile_ms(0.99) for load in ours), 2),
    )


def bulk_requests(key: str, names: Sequence[str]) -> list[bytes]:
    headers = [f"Authorization: Bearer {key}", "Content-Type: application/octet-stream", "Accept: application/octet-stream"]
    parts = [names[i : i + BULK_REQUEST] for i in range(0, len(names), BULK_REQUEST)]
    return [request_bytes("POST", "/v1/digests", body=b"".join(map(numbered, part)), headers=headers) for part in parts]


def insert_plainly(engine: Engine, issuer: Issuer, connections: int) -> float:
    """Seconds for the driver alone, in transactions of the same size, into the same table; the rows are deleted afterwards."""
    is_postgresql = engine.dialect.name == "postgresql"
    when = NOON if is_postgresql else 0
    rows = [(issuer.id, os.urandom(32), os.urandom(16), 2, when) for _ in range(BULK_ROWS)]
    insert = insert_by_copy if is_postgresql else insert_by_executemany
    parts = [rows[i : i + BULK_REQUEST] for i in range(0, BULK_ROWS, BULK_REQUEST)]
    pool = [engine.raw_connection() for _ in range(connections)]
    cursor = pool[0].cursor()
    cursor.execute("SELECT coalesce(max(id), 0) FROM entry")
    [last] = cursor.fetchall()[0]
    pool[0].commit()
    with ThreadPoolExecutor(connections) as threads:
        started = time.perf_counter()
        list(threads.map(lambda i: [insert(pool[i], part) for part in parts[i::connections]], range(connections)))
        seconds = time.perf_counter() - started
    cursor.execute(f"DELETE FROM entry WHERE id > {last}")
    pool[0].commit()
    for raw in pool:
        raw.close()
    if is_postgresql:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE entry"))
    return seconds


def insert_by_executemany(raw: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    cursor = raw.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    cursor.executemany(f"INSERT INTO entry ({COLUMNS}) VALUES (?, ?, ?, ?, ?)", rows)
    raw.commit()


def insert_by_copy(raw: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    with raw.cursor() as cursor, cursor.copy(f"COPY entry ({COLUMNS}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "bytea", "bytea", "int2", "timestamptz"])
        for row in rows:
            copy.write_row(row)
    raw.commit()


if __name__ == "__main__":
    main()
