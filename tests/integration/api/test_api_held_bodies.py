"""Bodies that are held back until the key or token that their request came with opens nothing any more: nothing is written."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from anchoring.core.scopes import OF_ISSUERS
from anchoring.ports.store import UnitOfWork
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.manage_issuers import authenticate, revoke_key
from service.body_memory import LARGE_BYTES, BodyMemory
from tests.api import JSON, check_problem, hex_digest, make_app, make_key, make_operator_key, run_async, running, stored
from tests.factories import NOON, UNIVERSITY, FrozenClock, add_issuer
from tests.integration.api.test_api_access_tokens import NOW, RSA, jwks, settings, token
from tests.operations import Operation, operations


@pytest.fixture(autouse=True)
def every_body_took_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.authentication.PROMPT_S", -1.0)


def revoke(store: SqlStore, key: str) -> None:
    with store.writing() as uow:
        revoke_key(uow, key[3:11], now=NOON)
        uow.commit()


async def posted(client: httpx2.AsyncClient, one: Operation, key: str, meanwhile: Callable[[], None]) -> httpx2.Response:
    """`meanwhile`: what is done after the head and half of the body came."""

    async def body() -> AsyncIterator[bytes]:
        yield b'{"digests":["'
        meanwhile()
        yield hex_digest(1).encode() + b'"]}'

    fields = {"Authorization": f"Bearer {key}", "Content-Type": one.media_types[0]}
    return await client.request(one.method, one.path, content=body(), headers=fields)


def test_revoked_key_writes_nothing_on_any_operation_however_long_its_body_was_held_back(store: SqlStore) -> None:
    issuer = add_issuer(store)
    clock = FrozenClock()
    app = make_app(store, clock=clock, key_cache_s=2)
    tried = [one for one in operations(app) if one.media_types and one.scopes]
    kept: Any = None

    async def scenario(client: httpx2.AsyncClient) -> list[tuple[Operation, httpx2.Response]]:
        nonlocal kept
        answers = []
        for one in tried:
            key = make_operator_key(store) if one.scopes == {"operator"} else make_key(store, issuer, *OF_ISSUERS)

            def meanwhile(key: str = key) -> None:
                nonlocal kept
                revoke(store, key)
                clock.advance(2)
                kept = stored(store)

            answers.append((one, await posted(client, one, key, meanwhile)))
            assert stored(store) == kept, one
        return answers

    answers = run_async(app, scenario)
    assert len(answers) == 10
    for one, answer in answers:
        assert answer.status_code == 401, one
        check_problem(answer, 401, "not-allowed")


def test_revoked_key_goes_on_for_as_long_as_it_is_known_and_no_longer(store: SqlStore) -> None:
    key, clock = make_key(store, add_issuer(store)), FrozenClock()
    app = make_app(store, clock=clock, key_cache_s=2)
    [one] = [one for one in operations(app) if str(one) == "POST /v1/digests"]

    async def scenario(client: httpx2.AsyncClient) -> list[int]:
        return [
            (await posted(client, one, key, lambda: None)).status_code,
            (await posted(client, one, key, lambda: revoke(store, key))).status_code,
            (await posted(client, one, key, lambda: clock.advance(2))).status_code,
        ]

    assert run_async(app, scenario) == [202, 202, 401]


def test_token_that_ended_meanwhile_writes_nothing(store: SqlStore, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks(RSA))
    add_issuer(store)
    clock = FrozenClock()
    app = make_app(store, clock=clock, oauth=settings(file, skew_s=0))
    [one] = [one for one in operations(app) if str(one) == "POST /v1/digests"]

    async def scenario(client: httpx2.AsyncClient) -> list[int]:
        sent = token(credanchor_issuer=UNIVERSITY, exp=NOW + 60)
        return [
            (await posted(client, one, sent, lambda: clock.advance(59))).status_code,
            (await posted(client, one, sent, lambda: clock.advance(1))).status_code,
        ]

    assert run_async(app, scenario) == [202, 401]


def test_key_that_is_revoked_while_its_body_waits_to_be_understood_writes_nothing(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(store, key_cache_s=0) as api:

        @asynccontextmanager
        async def waits(_memory: BodyMemory, size: int) -> AsyncIterator[None]:
            revoke(store, api.key)
            yield

        monkeypatch.setattr(BodyMemory, "understanding", waits)
        answer = api.post("/v1/digests", b" " * LARGE_BYTES + b'{"digests":["%s"]}' % hex_digest(1).encode(), JSON)
        check_problem(answer, 401, "not-allowed")


def test_body_that_came_at_once_asks_for_the_key_once(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.authentication.PROMPT_S", timedelta(hours=1).total_seconds())
    with running(store, key_cache_s=0) as api:
        asked: list[str] = []

        def note_and_ask(uow: UnitOfWork, keys: Sequence[str], *, now: datetime) -> Any:
            asked.extend(keys)
            return authenticate(uow, keys, now=now)

        monkeypatch.setattr("service.known_keys.authenticate", note_and_ask)
        assert api.post_numbers(1).status_code == 202
        assert asked == [api.key]
