"""Clients that dawdle, lie and leave; a database that fails; a service that stops. What was answered stays true."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import httpx2
import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from anchoring.ports.store import UnitOfWork, Writer
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import to_hex
from service.bodies import compute
from service.group_commit import MOST_ROWS, GroupCommit
from service.metrics import Metrics
from tests.api import (
    BINARY,
    NDJSON,
    Api,
    check_documented,
    check_problem,
    hex_digest,
    make_app,
    make_key,
    run_async,
    running,
    stored,
)
from tests.factories import NOON, FrozenClock, add_issuer, make_digest, submit
from tests.faults import Fault, Faults, FaultyStore

T = TypeVar("T")


class GatedStore:
    """A store whose writes wait at a gate. `commits`: how many took hold."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.gate = threading.Event()
        self.is_waiting = threading.Event()
        self.commits = 0

    reading = property(lambda self: self._store.reading)
    reader = property(lambda self: self._store.reader)

    @contextmanager
    def writing(self, *, is_durable: bool = True) -> Iterator[UnitOfWork]:
        self.is_waiting.set()
        assert self.gate.wait(20)
        with self._store.writing(is_durable=is_durable) as uow:
            yield uow
        self.commits += 1

    def writer(self) -> Writer:
        return self

    def close(self) -> None:
        """Nothing is kept."""


async def ask(app: Any, method: str, path: str, fields: dict[str, str], messages: list[Any]) -> list[Any]:
    """What the application sends, message by message, when it receives these."""
    received, sent = iter(messages), []

    async def receive() -> Any:
        return next(received)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in fields.items()]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    return sent


async def begin_all(gated: GatedStore, writes: GroupCommit, begun: Iterable[Coroutine[Any, Any, T]]) -> list[asyncio.Task[T]]:
    """Begin the first, which waits at the gate by itself, and then the others, which wait behind it."""
    tasks = []
    for begin in begun:
        tasks.append(asyncio.create_task(begin))
        if len(tasks) == 1:
            await asyncio.to_thread(gated.is_waiting.wait, 20)
    await until_queued(writes, len(tasks) - 1)
    return tasks


async def until_queued(writes: GroupCommit, count: int) -> None:
    """Until so many writes wait behind the one under way."""
    while writes._queue.qsize() < count:  # noqa: ASYNC110 - a queue of threads tells nobody
        await asyncio.sleep(0.001)


def one(i: int) -> dict[str, Any]:
    return {"content": make_digest(i), "headers": {"Content-Type": BINARY, "Accept": BINARY}}


def posts(client: httpx2.AsyncClient, key: str, numbers: Iterable[int]) -> Iterator[Coroutine[Any, Any, httpx2.Response]]:
    client.headers["Authorization"] = f"Bearer {key}"
    return (client.post("/v1/digests", **one(i)) for i in numbers)


# --- bodies


async def endless(chunk: bytes, pulled: list[int]) -> AsyncIterator[bytes]:
    while True:
        pulled.append(len(chunk))
        yield chunk


@pytest.mark.parametrize("path", ["/v1/digests", "/v1/credentials", "/v1/verify"])
def test_endless_body_is_refused_as_soon_as_it_is_too_large(store: SqlStore, path: str) -> None:
    key = make_key(store, add_issuer(store))
    app = make_app(store, max_credential_bytes=100_000, max_digests=100)
    pulled: list[int] = []

    async def scenario(client: httpx2.AsyncClient) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return await client.post(path, content=endless(b"[" * 1000, pulled), headers=headers)

    response = run_async(app, scenario)

    problem = check_problem(response, 413, "too-large")
    check_documented(app, response)
    assert problem["limit"] < sum(pulled) <= problem["limit"] + 1000


@pytest.mark.parametrize("length", ["100001", "9" * 30, "9" * 5000])
def test_body_that_is_declared_too_large_is_refused_unread(store: SqlStore, length: str) -> None:
    key = make_key(store, add_issuer(store))
    pulled: list[int] = []

    async def scenario(client: httpx2.AsyncClient) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/pdf", "Content-Length": length}
        return await client.post("/v1/credentials", content=endless(b"x", pulled), headers=headers)

    check_problem(run_async(make_app(store, max_credential_bytes=100_000), scenario), 413, "too-large")
    assert pulled == []


@pytest.mark.parametrize("length", ["-1", "x", "1_0", "\u0661".encode(), "5"])
def test_length_that_says_nothing_or_too_little_is_counted(shared_api: Api, length: Any) -> None:
    response = shared_api.post("/v1/credentials", b"%PDF" + bytes(5000), "application/pdf", Content_Length=length)

    check_problem(response, 413, "too-large")


def test_stranger_cannot_make_the_service_read(store: SqlStore) -> None:
    pulled: list[int] = []

    async def scenario(client: httpx2.AsyncClient) -> httpx2.Response:
        return await client.post("/v1/digests", content=endless(b"x", pulled), headers={"Content-Type": BINARY})

    check_problem(run_async(make_app(store), scenario), 401, "not-allowed")
    assert pulled == []


@pytest.mark.parametrize("path", ["/v1/digests", "/v1/credentials", "/v1/verify"])
def test_slow_body_is_given_up(store: SqlStore, path: str) -> None:
    key = make_key(store, add_issuer(store))

    async def half() -> AsyncIterator[bytes]:
        yield b'{"digests": ["'
        await asyncio.Event().wait()

    async def scenario(client: httpx2.AsyncClient) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        return await client.post(path, content=half(), headers=headers)

    before, started = stored(store), time.monotonic()
    problem = check_problem(run_async(make_app(store, body_timeout_s=0.05), scenario), 400, "malformed-body")
    assert time.monotonic() - started < 2
    assert problem["detail"] == "the body did not arrive within 0.05 seconds"
    assert stored(store) == before


@pytest.mark.parametrize("media_type", [NDJSON, BINARY])
def test_client_that_leaves_in_mid_body_leaves_nothing(store: SqlStore, media_type: str) -> None:
    key = make_key(store, add_issuer(store))
    app = make_app(store)
    whole = make_digest(1) if media_type == BINARY else f'"{hex_digest(1)}"\n'.encode()
    fields = {"authorization": f"Bearer {key}", "content-type": media_type}
    cut = [{"type": "http.request", "body": whole, "more_body": True}, {"type": "http.disconnect"}]

    answered = run_async(app, lambda _client: ask(app, "POST", "/v1/digests", fields, cut))

    assert answered[0]["status"] == 400
    assert stored(store)["entry"] == []


def test_much_work_is_done_beside_the_event_loop() -> None:
    async def scenario() -> tuple[int, int]:
        return await compute(threading.get_ident, is_large=True), await compute(threading.get_ident, is_large=False)

    beside, on_loop = asyncio.run(scenario())

    assert beside != on_loop == threading.get_ident()


@pytest.mark.parametrize("path", ["/v1/ledger", "/v1/nothing"])
def test_head_sends_no_body(shared_api: Api, path: str) -> None:
    start, *rest = asyncio.run(ask(shared_api.app, "HEAD", path, {}, [{"type": "http.request"}] * 9))

    assert int(dict(start["headers"])[b"content-length"]) > 0
    assert [message["body"] for message in rest] == [b""]


# --- many at once


def test_posts_that_wait_together_share_a_commit_and_are_durable_when_answered(store: SqlStore) -> None:
    key = make_key(store, add_issuer(store))
    gated = GatedStore(store)
    app = make_app(store, faulty=gated)

    async def scenario(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        waiting = await begin_all(gated, app.state.service.writes, posts(client, key, [*range(63), 0]))
        gated.gate.set()
        return await asyncio.gather(*waiting)

    responses = run_async(app, scenario)

    assert {response.status_code for response in responses} == {202}
    assert responses[0].content == responses[63].content  # one digest, posted twice at once
    assert len({response.content for response in responses}) == 63
    with store.reading() as uow:
        for i, response in enumerate(responses):
            [entry] = uow.entries.of_digest(make_digest(i % 63))
            assert entry.salt == response.content
    assert gated.commits == 3  # the first alone, the others together; and at the end when the key was used


def test_many_rows_do_not_share_a_commit_with_yet_more(store: SqlStore) -> None:
    gated = GatedStore(store)
    writes = GroupCommit(gated, FrozenClock(), Metrics())

    async def scenario() -> None:
        writes.start()
        waiting = await begin_all(gated, writes, (writes.write(lambda _uow: None, rows=rows) for rows in (1, MOST_ROWS, 1, 1)))
        gated.gate.set()
        await asyncio.gather(*waiting)

    asyncio.run(scenario())
    writes.stop()
    assert gated.commits == 3  # the first, the large one, and the rest


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_bulk_post_counts_as_many_rows(store: SqlStore) -> None:
    key = make_key(store, add_issuer(store))
    gated = GatedStore(store)
    app = make_app(store, faulty=gated)

    async def scenario(client: httpx2.AsyncClient) -> None:
        bulk = one(0) | {"content": b"".join(make_digest(i) for i in range(MOST_ROWS))}
        first, last = posts(client, key, [1, 2])
        waiting = await begin_all(gated, app.state.service.writes, [first, client.post("/v1/digests", **bulk)])
        waiting.append(asyncio.create_task(last))
        await until_queued(app.state.service.writes, 2)
        gated.gate.set()
        await asyncio.gather(*waiting)

    run_async(app, scenario)

    assert gated.commits == 4  # the last did not join the bulk; and at the end when the key was used


def test_write_that_fails_does_not_spoil_those_beside_it(store: SqlStore) -> None:
    issuer = add_issuer(store)
    gated = GatedStore(store)
    writes = GroupCommit(gated, FrozenClock(), Metrics())

    def post(i: int, uow: UnitOfWork) -> bytes:
        [entry] = submit(uow, issuer, [make_digest(i)])
        if i == 3:
            raise ZeroDivisionError
        if i == 5:
            uow.entries.add_missing([object()], NOON)  # type: ignore[list-item]
        return entry.digest

    async def scenario() -> list[Any]:
        writes.start()
        waiting = await begin_all(gated, writes, (writes.write(partial(post, i)) for i in range(8)))
        gated.gate.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    outcomes = asyncio.run(scenario())
    writes.stop()

    good = [i for i in range(8) if i not in {3, 5}]
    assert [outcomes[i] for i in good] == [make_digest(i) for i in good]
    assert isinstance(outcomes[3], ZeroDivisionError)
    assert isinstance(outcomes[5], AttributeError)
    with store.reading() as uow:
        assert [len(uow.entries.of_digest(make_digest(i))) for i in range(8)] == [1, 1, 1, 0, 1, 0, 1, 1]


def test_more_slow_reads_than_threads_and_connections_all_come_through(store: SqlStore) -> None:
    engine = make_engine(store._engine.url.render_as_string(hide_password=False), pool_size=2, busy_timeout_s=10)
    app = make_app(SqlStore(engine))

    async def scenario(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        paths = ["/v1/batches", "/v1/ledger", "/readyz", f"/v1/digests/{hex_digest(1)}", f"/v1/proofs/{hex_digest(1)}"]
        return await asyncio.gather(*(client.get(path) for path in paths * 30))

    started = time.monotonic()
    responses = run_async(app, scenario)
    engine.dispose()

    assert [response.status_code for response in responses] == [200, 200, 200, 404, 404] * 30
    assert time.monotonic() - started < 15  # a pool that is waited for in vain takes thirty seconds


# --- the database


@pytest.mark.parametrize("fault", [Fault.FAILS_BEFORE, Fault.FAILS_AFTER])
@pytest.mark.parametrize("number", range(4), ids=["read the key", "read the backlog", "begin to write", "commit"])
@pytest.mark.parametrize("path", ["/v1/digests", "/v1/credentials"])
def test_post_that_the_database_failed_may_be_repeated(store: SqlStore, number: int, fault: Fault, path: str) -> None:
    faults = Faults()
    with running(store, faulty=FaultyStore(store, faults)) as api:
        faults.arm(number, fault)
        failed = api.post(path, make_digest(1), BINARY)
        faults.restart()
        held = stored(store)["entry"]

        answers = [api.post(path, make_digest(1), BINARY).json() for _ in range(2)]

    assert faults.fired is False
    problem = check_problem(failed, 503, "store-unavailable")
    assert problem["detail"] == "try again later; repeating is safe"
    assert failed.headers["retry-after"] == "5"
    assert len(held) == (number == 3 and fault.takes_hold)
    assert answers[0] == answers[1]
    salts = [entry.salt for entry in entries_of(store)]
    assert [to_hex(salt) for salt in salts] == (answers[0].get("salts") or [answers[0]["salt"]])


def entries_of(store: SqlStore) -> Any:
    with store._engine.connect() as connection:
        return connection.execute(text("SELECT * FROM entry ORDER BY id")).all()


def test_commit_that_fails_for_many_is_told_to_each(store: SqlStore) -> None:
    key = make_key(store, add_issuer(store))
    faults = Faults()
    gated = GatedStore(store)
    app = make_app(store, faulty=FaultyStore(gated, faults))

    async def scenario(client: httpx2.AsyncClient) -> list[httpx2.Response]:
        waiting = await begin_all(gated, app.state.service.writes, posts(client, key, range(8)))
        faults.arm(2, Fault.FAILS_BEFORE)  # the first commit, the beginning of the second, and then that one's commit
        gated.gate.set()
        return await asyncio.gather(*waiting)

    responses = run_async(app, scenario)

    assert [response.status_code for response in responses] == [202] + [503] * 7
    assert len(stored(store)["entry"]) == 1


def test_database_that_stays_locked_is_unavailable_and_tells_no_details(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path / 'locked.db'}"
    engine = make_engine(url, pool_size=5, busy_timeout_s=0.05)
    migrate(engine)
    other = make_engine(url, pool_size=1, busy_timeout_s=5)
    with running(SqlStore(engine)) as api:
        with capture_logs() as logs, SqlStore(other).writing():
            response = api.post_numbers(1)
        again = api.post_numbers(1)

    assert check_problem(response, 503, "store-unavailable")["detail"] == "try again later; repeating is safe"
    assert any("database is locked" in str(line) for line in logs)  # the operator learns it
    assert again.status_code == 202
    engine.dispose()
    other.dispose()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_connections_that_the_database_closed_are_opened_again(api: Api, engine: Engine) -> None:
    api.post_numbers(1)
    with engine.connect() as connection:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.execute(text(others))

    assert api.post_numbers(2).status_code == 202
    assert api.get("/v1/ledger").json()["waiting"] == 2


# --- bugs, ends, logs


class BrokenStore:
    """A bug, with a secret in its words."""

    def reading(self) -> Any:
        raise RuntimeError("SELECT secret FROM c0ffee")

    writing = reading

    def reader(self) -> Any:
        return self

    writer = reader

    def close(self) -> None:
        """Nothing was kept."""


@pytest.mark.parametrize("path", ["/v1/ledger", f"/v1/proofs/{hex_digest(1)}"])
def test_bug_is_a_problem_too_and_tells_nothing(store: SqlStore, path: str) -> None:
    broken: Any = BrokenStore()
    with running(store, faulty=broken) as api, capture_logs() as logs:
        response = api.get(path, X_Request_Id="mine-1")

    problem = check_problem(response, 500, "error")
    assert problem["detail"] == "the operator has been told"
    assert "c0ffee" not in response.text
    assert response.headers["x-request-id"] == "mine-1"
    assert [line["event"] for line in logs] == ["request.crashed", "request.finished"]
    assert logs[1]["status"] == 500


def test_service_that_stops_answers_what_waits_and_takes_no_more(store: SqlStore) -> None:
    key = make_key(store, add_issuer(store))
    gated = GatedStore(store)
    app = make_app(store, faulty=gated)
    writes: GroupCommit = app.state.service.writes

    async def scenario(client: httpx2.AsyncClient) -> tuple[list[httpx2.Response], httpx2.Response]:
        waiting = await begin_all(gated, writes, posts(client, key, range(5)))
        gated.gate.set()
        writes.stop()
        return await asyncio.gather(*waiting), await client.post("/v1/digests", **one(9))

    answered, late = run_async(app, scenario)

    assert [response.status_code for response in answered] == [202] * 5
    assert len(stored(store)["entry"]) == 5
    check_problem(late, 503, "service-unavailable")
    check_documented(app, late)


def test_client_that_left_does_not_end_the_writer(store: SqlStore) -> None:
    gated = GatedStore(store)
    writes = GroupCommit(gated, FrozenClock(), Metrics())

    unforeseen: list[Any] = []

    async def scenario() -> int:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unforeseen.append(context))
        writes.start()
        gone = asyncio.create_task(writes.write(lambda _uow: 1))
        await asyncio.to_thread(gated.is_waiting.wait, 20)
        gone.cancel()
        gated.gate.set()
        return await writes.write(lambda _uow: 2)

    assert asyncio.run(scenario()) == 2
    writes.stop()
    assert unforeseen == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-1_2.Z", True),
        ("ca_01234567_secret", False),
        ("x" * 64, True),
        ("x" * 65, False),
        ("a b", False),
        ("", False),
        ("a\u00e9".encode("latin-1"), False),
    ],
)
def test_request_id_is_taken_over_if_it_is_harmless(shared_api: Api, sent: Any, kept: bool) -> None:
    answered = shared_api.get("/healthz", X_Request_Id=sent).headers["x-request-id"]

    assert (answered == sent) is kept
    assert kept or len(answered) == 32


def test_each_request_is_one_line_of_the_log_without_secrets(shared_api: Api) -> None:
    with capture_logs() as logs:
        shared_api.post("/v1/credentials", b'{"name": "c0ffee", "name": 1}', "application/vc")
        shared_api.get("/v1/digests/%0Alevel=error%1B[31m?issuer=x")

    assert [line["event"] for line in logs] == ["request.finished"] * 2
    assert (logs[0]["method"], logs[0]["path"], logs[0]["status"]) == ("POST", "/v1/credentials", 422)
    assert shared_api.key not in str(logs)
    assert "c0ffee" not in str(logs)


def test_application_starts_and_stops_again(store: SqlStore) -> None:
    async def scenario(client: httpx2.AsyncClient) -> list[int]:
        return [(await client.get(path)).status_code for path in ("/healthz", f"/v1/proofs/{hex_digest(1)}")]

    before = set(threading.enumerate())
    for _ in range(2):
        assert run_async(make_app(store), scenario) == [200, 404]
    assert set(threading.enumerate()) <= before
