"""The HTTP service in a test: the real application over a real store, asked in this process, and every answer held to OpenAPI."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import select
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from anchoring.bootstrap.signing import open_key_ring
from anchoring.core.batch import Anchor, Batch, BatchState, BlockPlace, RootToAnchor, SubmissionState
from anchoring.core.bundle import Bundle
from anchoring.core.issuer import Issuer
from anchoring.core.proof import Registry
from anchoring.core.scopes import WRITING, Scope
from anchoring.errors import StoreReadOnly
from anchoring.ports.entries import Entry
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.rounds import RoundRecord, RoundResult
from anchoring.ports.signing import KeyKind
from anchoring.ports.store import Store
from anchoring.ports.submissions import Mined
from anchoring.settings import ApiSettings, LimitSettings, OAuthSettings, RoundSettings, Settings, StatusSettings, StoreSettings
from anchoring.signing.key_ring import KeyRing
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address, BlockHash, CodeHash, Did, TxHash, to_hex
from anchoring.usecases.manage_issuers import create_key, create_operator_key
from anchoring.usecases.seal_batches import seal_batches
from service import problems
from service.app import ROUTERS, create_app
from service.hot_lane import HotLane, route_of
from service.http_protocol import IN_LIFESPAN
from service.routers.status_lists import W3C_TYPES
from service.schemas import Problem
from tests.factories import ACADEMY, NOON, UNIVERSITY, FrozenClock, add_issuer, make_digest, post
from tests.fakes import fake_bundle
from tests.records import BLOCK, batch_in, make_attempt, make_root, make_submission

T = TypeVar("T")

PUBLIC_URL = "https://anchors.example"
JSON, NDJSON, BINARY = "application/json", "application/x-ndjson", "application/octet-stream"
ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
IDENTITY = LedgerIdentity(
    registry=Registry(chain_id=31337, contract=Address("0x" + "c3" * 20)),
    genesis_hash=BlockHash(bytes([1]) * 32),
    code_hash=CodeHash(bytes([2]) * 32),
)


class LaneFirst:
    """The application as a server has it answer: what is for the hot lane is answered there, as `service/http_protocol.py` does.

    `answered`: so many were. `is_closed`: none is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.answered = 0
        self.is_closed = False

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        route = route_of(scope) if scope["type"] == "http" and not self.is_closed else None
        if route is None:
            await self._app(scope, receive, send)
            return
        message: Message | None = await receive()
        assert message is not None
        waiting = Waiting(scope, bytearray(message.get("body", b"")))
        lane: HotLane = scope["state"][IN_LIFESPAN]
        if not message.get("more_body"):
            lane.take(waiting, route, waiting.leave)
            answer = await waiting.answer
            if answer is not None:
                self.answered += 1
                for part in answer:
                    await send(part)
                return

        async def again() -> Message:
            nonlocal message
            first, message = message, None
            return first or await receive()

        await self._app(scope, again, send)


class Waiting:
    """An exchange of the hot lane whose answer is waited for. None: it is left to the framework."""

    def __init__(self, scope: Connection, body: bytearray) -> None:
        self.scope = scope
        self.body = body
        self.answer: asyncio.Future[list[Message] | None] = asyncio.get_running_loop().create_future()

    def send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        start = {"type": "http.response.start", "status": status, "headers": headers}
        self.answer.set_result([start, {"type": "http.response.body", "body": body}])

    def leave(self) -> None:
        self.answer.set_result(None)

    def give_up(self) -> None:
        self.answer.set_exception(ConnectionError("given up"))


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where rounds take place."""

    store: SqlStore
    clock: FrozenClock


@dataclass(frozen=True, kw_only=True)
class Api(Place):
    """The service and the university's key. `other`: the academy's key."""

    app: FastAPI
    lane: LaneFirst
    client: TestClient
    issuer: Issuer
    key: str
    other_issuer: Issuer
    other: str

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.client.get(path, headers=_fields(headers))

    def post(self, path: str, content: Any, media_type: str | None = JSON, *, key: str | None = None, **headers: str) -> Any:
        """With the university's key unless another is given."""
        fields = {"Authorization": f"Bearer {key or self.key}"} | ({"Content-Type": media_type} if media_type else {})
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.client.post(path, content=body, headers=fields | _fields(headers))

    def post_numbers(self, *numbers: int, key: str | None = None) -> Any:
        """Post the digests of these numbers."""
        return self.post("/v1/digests", {"digests": [hex_digest(i) for i in numbers]}, key=key)

    def ask(self, method: str, path: str, content: Any = None, *, key: str | None = None) -> httpx2.Response:
        """With a JSON body where there is content."""
        return self.client.request(method, path, json=content, headers={"Authorization": f"Bearer {key or self.key}"})

    def delete(self, path: str, *, key: str | None = None) -> httpx2.Response:
        return self.client.delete(path, headers={"Authorization": f"Bearer {key or self.key}"})

    def follow(self, link: str) -> httpx2.Response:
        """A link of an answer, which begins with the public address."""
        assert link.startswith(PUBLIC_URL + "/"), link
        return self.get(link.removeprefix(PUBLIC_URL))


@contextmanager
def running(
    store: SqlStore,
    *,
    faulty: Store | None = None,
    status: StatusSettings | None = None,
    limits: LimitSettings | None = None,
    oauth: OAuthSettings | None = None,
    **api: Any,
) -> Iterator[Api]:
    """The service over a store with two issuers in it. `faulty`: what the service sees in place of the store."""
    clock = FrozenClock()
    issuer, other = add_issuer(store), add_issuer(store, ACADEMY, "Academy")
    keys = [make_key(store, of) for of in (issuer, other)]
    app = make_app(store, faulty=faulty, clock=clock, status=status, limits=limits, oauth=oauth, **api)
    lane = LaneFirst(app)
    with TestClient(lane, raise_server_exceptions=False) as client:
        client.event_hooks["response"].append(lambda response: check_documented(app, response))
        yield Api(
            app=app,
            lane=lane,
            client=client,
            store=store,
            clock=clock,
            issuer=issuer,
            key=keys[0],
            other_issuer=other,
            other=keys[1],
        )


def make_app(
    store: SqlStore,
    *,
    faulty: Store | None = None,
    clock: FrozenClock | None = None,
    status: StatusSettings | None = None,
    limits: LimitSettings | None = None,
    oauth: OAuthSettings | None = None,
    **api: Any,
) -> FastAPI:
    """The application over a store, or over what stands before it. Without `limits` one may ask as often as one likes."""
    settings = Settings(
        store=StoreSettings(url=store._engine.url.render_as_string()),
        api=ApiSettings(public_url=PUBLIC_URL, **{"failed_attempts": 1_000_000, "failed_attempt_s": 0} | api),
        rounds=RoundSettings(every_s=60),
        status=status or StatusSettings(),
        limits=limits or LimitSettings(per_address=0, per_key=0, items_per_day=0),
        oauth=oauth or OAuthSettings(),
    )
    return create_app(settings, faulty or store, clock=clock or FrozenClock())


def run_async(app: FastAPI, scenario: Callable[[httpx2.AsyncClient], Awaitable[T]]) -> T:
    """Run `scenario` beside the started application, on one event loop; nothing in it may take half a minute."""

    async def main() -> T:
        transport = httpx2.ASGITransport(app=app)
        client = httpx2.AsyncClient(transport=transport, base_url="http://testserver", timeout=None)
        async with asyncio.timeout(25), app.router.lifespan_context(app), client:
            return await scenario(client)

    return asyncio.run(main())


def make_key(store: SqlStore, issuer: Issuer, *scopes: Scope, expires_at: datetime | None = None) -> str:
    """A key of an issuer that may write, or do what is named."""
    with store.writing() as uow:
        may = frozenset(scopes) or WRITING
        key = create_key(uow, issuer.did, scopes=may, expires_at=expires_at, now=NOON, random_bytes=os.urandom)
        uow.commit()
    return key.text


def make_operator_key(store: SqlStore) -> str:
    with store.writing() as uow:
        key = create_operator_key(uow, now=NOON, random_bytes=os.urandom)
        uow.commit()
    return key.text


def make_ring(folder: Path) -> KeyRing:
    """A folder with keys of the service, one of each kind."""
    ring = open_key_ring(Settings(status=StatusSettings(keys=folder), api=ApiSettings(public_url=PUBLIC_URL)))
    for kind in KeyKind:
        ring.create(kind, issuer=None, kid=None, now=NOON)
    return ring


def hex_digest(i: int) -> str:
    return to_hex(make_digest(i))


def stored(store: SqlStore) -> Mapping[str, Sequence[Any]]:
    """Every row of every table, but neither when keys were used last nor the audit log: a request that changes nothing may
    change those.
    """
    with store._engine.connect() as connection:
        return {
            table.name: [
                tuple(row)
                for row in connection.execute(
                    select(*[one for one in table.c if one.name != "last_used_at"]).order_by(*table.primary_key)
                )
            ]
            for table in tables.metadata.sorted_tables
            if table not in (tables.audit_record, tables.audit_source)
        }


def check_problem(response: httpx2.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem document of an answer that must be one."""
    assert response.status_code == status, response.text
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"urn:credanchor:problem:{slug}", response.text
    return problem


def check_documented(app: FastAPI, response: httpx2.Response) -> None:
    """Hold an answer to what OpenAPI says of its route: status, media type, members."""
    response.read()
    if response.request.method == "HEAD":
        return
    media_type = response.headers.get("content-type", "").partition(";")[0]
    assert response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"
    route = _route_of(response.request)
    model = _model_of(route, response.status_code)
    if response.is_error and model is None:
        assert media_type == problems.MEDIA_TYPE
        _check_problem_document(response)
    elif model is not None and media_type == JSON:
        model.validate_json(response.content)
        assert "_" not in "".join(response.json()), "members are camelCase"
    elif route is not None and response.content:
        documented = app.openapi()["paths"][route.path][response.request.method.lower()]["responses"]
        assert media_type in documented[str(response.status_code)]["content"]


def _check_problem_document(response: httpx2.Response) -> None:
    problem = Problem.model_validate_json(response.content)
    assert problem.type.startswith((problems.TYPE_PREFIX, W3C_TYPES))
    assert problem.status == response.status_code
    assert problem.title
    assert problem.detail
    assert response.headers["cache-control"] == "no-store"
    if problem.type == problems.TYPE_PREFIX + StoreReadOnly.slug:
        assert "retry-after" not in response.headers
    elif response.status_code == 503:
        assert int(response.headers["retry-after"]) > 0
    if response.status_code == 429:
        assert int(response.headers["retry-after"]) > 0
    if response.status_code == 401:
        assert response.headers["www-authenticate"] == "Bearer"
    if response.status_code == 403:
        assert response.headers["www-authenticate"].startswith('Bearer error="insufficient_scope", scope="')


def _route_of(request: httpx2.Request) -> APIRoute | None:
    path = urlsplit(str(request.url)).path
    return next((one for one in ROUTES if request.method in (one.methods or ()) and one.path_regex.fullmatch(path)), None)


def _model_of(route: APIRoute | None, status: int) -> TypeAdapter[Any] | None:
    if route is None:
        return None
    model: Any = route.responses.get(status, {}).get("model") or (
        route.response_model if status == (route.status_code or 200) else None
    )
    is_model = isinstance(model, UnionType) or (isinstance(model, type) and issubclass(model, BaseModel))
    return TypeAdapter(model) if is_model else None


def seal(place: Place) -> Batch:
    """Seal what waits, into one batch."""
    [batch_id] = seal_batches(place.store, place.clock, max_leaves=1 << 20, progress=lambda *_: None)
    with place.store.reading() as uow:
        batch = uow.batches.with_id(batch_id)
    assert batch is not None
    return batch


def anchor(place: Place, batch: Batch, *, final: bool = True, branch: int = 0, stated: bool = True) -> Anchor:
    """As though a round had seen the batch anchored, a second after it was sealed.

    `branch`: another one after a reorg. `stated`: whether the ledger states the leaf count, as it does not for a raw root.
    """
    assert batch.tree is not None
    block = BlockPlace(number=100 + batch.id, hash=BlockHash(bytes([batch.id + branch]) * 32))
    made = Anchor(
        root=batch.tree.root,
        sequence=batch.id,
        leaf_count=batch.leaf_count if stated else 0,
        anchored_by=Address("0x" + "a1" * 20),
        transaction=TxHash(bytes([100 + batch.id]) * 32),
        block=block,
        anchored_at=place.clock.now().replace(microsecond=0),
    )
    with place.store.writing() as uow:
        uow.rounds.record_identity(IDENTITY)
        assert uow.batches.submit([batch.id])
        assert uow.batches.confirm(batch.id, made, place.clock.now())
        assert not final or uow.batches.finalize(batch.id, block, place.clock.now())
        record_round(uow, place.clock)
        uow.commit()
    return made


def record_round(uow: Any, clock: FrozenClock, result: RoundResult = RoundResult.DONE, detail: str | None = None) -> None:
    """One round, begun and ended now."""
    now = clock.now()
    record = RoundRecord(started_at=now, finished_at=now, holder="a test", result=result, head_number=200, detail=detail)
    uow.rounds.finish(uow.rounds.begin("a test", now), record)


def record_head(uow: Any, clock: FrozenClock, *, number: int, time: datetime, balance_wei: int | None = None) -> None:
    """One round that saw this block."""
    now = clock.now()
    record = RoundRecord(
        started_at=now,
        finished_at=now,
        holder="a test",
        result=RoundResult.DONE,
        head_number=number,
        head_time=time,
        balance_wei=balance_wei,
    )
    uow.rounds.finish(uow.rounds.begin("a test", now), record)


def spend(store: SqlStore, *, nonce: int, fee_wei: int, state: SubmissionState = SubmissionState.CONFIRMED) -> None:
    """A submission that was mined and paid for; its batch is of entries that are not there."""
    batch_id = batch_in(store, BatchState.SEALED, entries=range(1_000 + nonce, 1_001 + nonce))
    root = RootToAnchor(batch_id=batch_id, root=make_root(nonce), leaf_count=1)
    mined = Mined(tx_hash=make_attempt(nonce).tx_hash, block=BLOCK, gas_used=50_000, fee_wei=fee_wei)
    with store.writing() as uow:
        assert uow.submissions.open(make_submission(nonce, root), make_attempt(nonce))
        [opened] = uow.submissions.in_state(SubmissionState.SUBMITTED)
        assert uow.submissions.change_state(opened.id, SubmissionState.SUBMITTED, state, mined=mined)
        uow.commit()


def keep_bundle(api: Api, batch: Batch) -> Bundle:
    """As though a round had taken what shows the anchor of the batch."""
    with api.store.writing() as uow:
        found = uow.batches.with_id(batch.id)
        assert found
        assert found.anchor
        bundle = fake_bundle(found.anchor)
        assert uow.bundles.keep(batch.id, found.anchor.block, bundle)
        uow.commit()
    return bundle


def take_back(api: Api, batch: Batch) -> None:
    """A reorg takes the block of the batch's anchor away."""
    with api.store.writing() as uow:
        found = uow.batches.with_id(batch.id)
        assert found
        assert found.anchor
        uow.batches.withdraw(batch.id, found.anchor.block, "reorg", api.clock.now())
        uow.commit()


def post_and_anchor(api: Api, *numbers: int, final: bool = True) -> tuple[list[Entry], Batch]:
    """Entries of the university in one anchored batch."""
    entries = post(api.store, api.issuer, *numbers, now=api.clock.now())
    batch = seal(api)
    anchor(api, batch, final=final)
    return entries, batch


def issuer_query(did: Did = UNIVERSITY) -> str:
    return f"?issuer={did}"


def _fields(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
