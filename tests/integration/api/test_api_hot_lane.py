"""What is answered where requests arrive is answered as by the framework, and what is not for the lane reaches it untouched."""

import asyncio
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from anchoring.core.scopes import Scope
from anchoring.settings import LimitSettings, StatusSettings
from anchoring.store.unit_of_work import SqlStore
from service import hot_lane
from service.hot_lane import HotRoute, route_of
from service.request_context import Surroundings
from service.state import Service
from tests.api import (
    BINARY,
    NDJSON,
    Api,
    Waiting,
    check_problem,
    hex_digest,
    issuer_query,
    make_key,
    make_ring,
    post_and_anchor,
    running,
    seal,
)
from tests.factories import ACADEMY, UNIVERSITY, make_digest

FINAL, CONFIRMED, WAITING, SEALED, OF_TWO, REVOKED, UNKNOWN = range(7)
OF_ONE_REQUEST = {"x-request-id", "ratelimit", "date"}


@pytest.fixture
def api(store: SqlStore, tmp_path: Path) -> Iterator[Api]:
    """A service over each kind of database, with digests in every state and a list of each purpose."""
    make_ring(tmp_path / "keys")
    with running(store, status=StatusSettings(keys=tmp_path / "keys")) as api:
        api.post_numbers(OF_TWO, key=api.other)
        post_and_anchor(api, FINAL, OF_TWO, REVOKED)
        post_and_anchor(api, CONFIRMED, final=False)
        api.post("/v1/status-changes", {"changes": [{"digest": hex_digest(REVOKED), "action": "revoke"}]})
        api.post_numbers(SEALED)
        seal(api)
        api.post_numbers(WAITING)
        yield api


def both(api: Api, ask: Callable[[], httpx2.Response]) -> tuple[httpx2.Response, bool]:
    """The answer, which is the same with the lane and without; and whether it came from the lane."""
    before = api.lane.answered
    ours = ask()
    from_lane = api.lane.answered > before
    api.lane.is_closed = True
    theirs = ask()
    api.lane.is_closed = False
    assert ours.status_code == theirs.status_code
    assert ours.content == theirs.content
    assert _fields(ours) == _fields(theirs)
    assert ours.headers.keys() == theirs.headers.keys()
    return ours, from_lane


def _fields(response: httpx2.Response) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers.multi_items() if name not in OF_ONE_REQUEST]


NUMBERED = {
    "final": (FINAL, 200, 200),
    "confirmed": (CONFIRMED, 200, 200),
    "sealed": (SEALED, 202, 200),
    "waiting": (WAITING, 202, 200),
    "of two issuers": (OF_TWO, 300, 300),
    "revoked": (REVOKED, 200, 200),
    "unknown": (UNKNOWN, 404, 404),
}


@pytest.mark.parametrize("query", ["", issuer_query(), f"?issuer={UNIVERSITY.replace(':', '%3A')}", issuer_query(ACADEMY)])
@pytest.mark.parametrize("state", NUMBERED)
def test_proof_and_status_are_answered_in_the_lane_as_by_the_framework(api: Api, state: str, query: str) -> None:
    number, *expected = NUMBERED[state]
    for of, status in zip(("proofs", "status"), expected, strict=True):
        ask = partial(api.get, f"/v1/{of}/{hex_digest(number)}{query}")
        answer, from_lane = both(api, ask)
        assert from_lane
        assert query or answer.status_code == status
        if "etag" in answer.headers:
            again, from_lane = both(api, partial(ask, if_none_match=answer.headers["etag"]))
            assert (again.status_code, from_lane) == (304, True)


ODD_PATHS = {
    "/v1/proofs/0x12": 422,
    "/v1/proofs/": 404,
    "/v1/proofs": 404,
    f"/v1/proofs/{hex_digest(FINAL)}%0A": 404,
    f"/v1/proofs/{hex_digest(FINAL)}/": 404,
    f"/v1/proofs/{hex_digest(FINAL)[2:].upper()}": 200,
    f"/v1/proofs/{hex_digest(FINAL)}?issuer=nobody": 422,
    f"/v1/proofs/{hex_digest(FINAL)}?issuer=": 422,
    f"/v1/proofs/{hex_digest(FINAL)}?issuer={UNIVERSITY}&issuer={UNIVERSITY}": 422,
    f"/v1/proofs/{hex_digest(FINAL)}?issuer={UNIVERSITY};": 422,
    f"/v1/proofs/{hex_digest(FINAL)}?Issuer={UNIVERSITY}": 422,
    f"/v1/proofs/{hex_digest(FINAL)}?format=merkletools": 200,
    f"/v1/proofs/{hex_digest(FINAL)}?issue=1": 422,
    f"/v1/status/{hex_digest(FINAL)}?format=merkletools": 422,
    "/v1/status/%30x12": 422,
    "/v1/status-lists/0x12": 422,
    f"/v1/status-lists/{'ab' * 32}": 404,
}


@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_paths_are_answered_in_the_lane_as_by_the_framework(api: Api, path: str) -> None:
    answer, _ = both(api, lambda: api.get(path))
    assert answer.status_code == ODD_PATHS[path]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "POST"])
def test_another_method_than_the_route_takes_is_left_to_the_framework(api: Api, method: str) -> None:
    _, from_lane = both(api, lambda: api.ask(method, f"/v1/proofs/{hex_digest(FINAL)}"))
    assert not from_lane


@pytest.mark.parametrize("accept", ["", "application/vc+jwt", "application/statuslist+jwt", "text/html", "*/*;q=0.1"])
def test_list_is_answered_in_the_lane_once_it_is_signed(api: Api, accept: str) -> None:
    [place] = api.get(f"/v1/status/{hex_digest(REVOKED)}").json()["lists"][:1]
    path = f"/v1/status-lists/{place['list']}"
    api.get(path, accept=accept)
    answer, from_lane = both(api, lambda: api.get(path, accept=accept))
    assert answer.status_code == (415 if accept == "text/html" else 200)
    assert from_lane == (accept != "text/html")


def posted(api: Api, content: Any, media_type: str | None = "application/json", **fields: str) -> tuple[httpx2.Response, bool]:
    before = api.lane.answered
    answer: httpx2.Response = api.post("/v1/digests", content, media_type, **fields)
    return answer, api.lane.answered > before


def test_digests_that_were_posted_are_answered_in_the_lane_as_by_the_framework(api: Api) -> None:
    api.post_numbers(WAITING)  # the key is known from here on
    fields: tuple[dict[str, str], ...] = ({}, {"prefer": "return=minimal"}, {"accept": BINARY})
    for some in fields:
        answer, from_lane = both(api, partial(api.post, "/v1/digests", {"digests": [hex_digest(WAITING)]}, **some))
        assert (answer.status_code, from_lane) == (202, True)


def test_first_post_with_a_key_is_left_to_the_framework_and_the_next_is_not(store: SqlStore) -> None:
    with running(store, key_cache_s=60) as api:
        assert [posted(api, {"digests": [hex_digest(i)]})[1] for i in range(3)] == [False, True, True]
        api.clock.advance(2)  # how much waits is not known any more
        assert [posted(api, {"digests": [hex_digest(i)]})[1] for i in range(3, 5)] == [False, True]
        api.clock.advance(60)
        api.post_numbers(5, key=api.other)  # and now it is, but not the key
        assert [posted(api, {"digests": [hex_digest(i)]})[1] for i in range(6, 8)] == [False, True]
        waiting = [api.get(f"/v1/digests/{hex_digest(i)}").json()["state"] for i in range(8)]
        assert waiting == ["waiting"] * 8


NOT_PLAIN: dict[str, tuple[Any, str, int]] = {
    "rule": ({"digests": [{"digest": hex_digest(9), "canonicalization": "raw"}]}, "application/json", 202),
    "binary": (bytes(32), BINARY, 202),
    "lines": (json.dumps(hex_digest(9)).encode(), NDJSON, 202),
    "charset": ({"digests": [hex_digest(9)]}, "application/json; charset=utf-8", 202),
    "none": ({"digests": []}, "application/json", 422),
    "no digest": ({"digests": ["0x12"]}, "application/json", 422),
    "no JSON": (b"{", "application/json", 400),
    "twice": (b'{"digests": [], "digests": []}', "application/json", 422),
    "empty": (b"", "application/json", 400),
    "long": ({"digests": [hex_digest(i) for i in range(100)]}, "application/json", 202),
}


@pytest.mark.parametrize("body", NOT_PLAIN)
def test_body_that_says_more_than_a_few_digests_is_left_to_the_framework(api: Api, body: str) -> None:
    content, media_type, status = NOT_PLAIN[body]
    api.post_numbers(WAITING)
    answer, from_lane = posted(api, content, media_type)
    assert answer.status_code == status
    assert not from_lane


def test_compressed_body_and_a_second_key_are_left_to_the_framework(api: Api) -> None:
    api.post_numbers(WAITING)
    content = {"digests": [hex_digest(WAITING)]}
    answer, from_lane = posted(api, content, content_encoding="gzip")
    assert (answer.status_code, from_lane) == (415, False)
    several = [
        ("Authorization", f"Bearer {api.key}"),
        ("Authorization", f"Bearer {api.other}"),
        ("Content-Type", "application/json"),
    ]
    check_problem(api.client.post("/v1/digests", content=json.dumps(content), headers=several), 401, "not-allowed")


@pytest.mark.parametrize("key", ["", "ca_wrong", "ca_00000000_wrong"])
def test_key_that_opens_nothing_is_refused(api: Api, key: str) -> None:
    api.post_numbers(WAITING)
    before = api.lane.answered
    check_problem(api.post_numbers(9, key=key or " "), 401, "not-allowed")
    assert api.lane.answered == before


def test_key_without_the_scope_is_refused_in_the_lane(api: Api) -> None:
    key = make_key(api.store, api.issuer, Scope.STATUS_WRITE)
    api.ask("GET", "/v1/issuers/" + UNIVERSITY, key=key)
    for _ in range(2):
        check_problem(api.post_numbers(9, key=key), 403, "scope-missing")


def test_key_that_is_revoked_opens_no_longer_than_it_is_kept(api: Api) -> None:
    key = make_key(api.store, api.issuer, Scope.DIGESTS_WRITE, Scope.ISSUER_ADMIN)
    assert [api.post_numbers(i, key=key).status_code for i in (7, 8)] == [202, 202]
    assert api.delete(f"/v1/issuers/{UNIVERSITY}/keys/{key[3:11]}", key=key).status_code == 204
    check_problem(api.post_numbers(9, key=key), 401, "not-allowed")


def test_quota_is_counted_alike_in_the_lane_and_before_it(store: SqlStore) -> None:
    with running(store, limits=LimitSettings(per_address=0, per_key=0, items_per_day=3_000)) as api:
        many = b"".join(make_digest(i) for i in range(100, 3_090))
        assert api.post("/v1/digests", many, BINARY).status_code == 202
        answers = [api.post_numbers(i) for i in range(12)]
        assert [answer.status_code for answer in answers] == [202] * 10 + [429] * 2
        assert api.lane.answered > 0


def test_backlog_that_is_full_refuses_in_the_lane_too(store: SqlStore) -> None:
    with running(store, max_waiting=4) as api:
        assert [api.post_numbers(i).status_code for i in range(6)] == [202] * 4 + [503] * 2
        assert api.lane.answered > 0


def together(api: Api, *paths: str) -> list[Any]:
    """What each of these is told when all are asked in one turn of the event loop; None: it is left to the framework."""
    service: Service = api.app.state.service

    async def ask() -> list[Any]:
        lane = hot_lane.HotLane(service, Surroundings(service.metrics, service.refusals))
        exchanges = [Waiting(_scope(path), bytearray()) for path in paths]
        for one in exchanges:
            lane.take(one, _route(one), one.leave)
        return list(await asyncio.gather(*(one.answer for one in exchanges), return_exceptions=True))

    portal = api.client.portal
    assert portal is not None
    return [told if not isinstance(told, list) else told[0]["status"] for told in portal.call(ask)]


def _scope(path: str) -> dict[str, Any]:
    client = {"client": ("127.0.0.1", 40_000), "headers": []}
    return {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""} | client


def _route(exchange: Waiting) -> HotRoute:
    route = route_of(exchange.scope)
    assert route is not None
    return route


def test_what_is_asked_at_once_is_answered_each_for_itself(api: Api) -> None:
    numbers = [FINAL, UNKNOWN, WAITING, REVOKED]
    paths = [f"/v1/proofs/{hex_digest(i)}" for i in numbers] + ["/v1/proofs/0x12", f"/v1/status/{hex_digest(FINAL)}"]
    assert together(api, *paths) == [200, 404, 202, 200, 422, 200]


@pytest.mark.parametrize("fails", ["ask", "answer"])
def test_route_that_fails_for_one_fails_for_no_other(api: Api, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    route = hot_lane._GET["/v1/proofs"]

    def failing(first: Any, second: Any, *rest: Any) -> Any:
        asked = rest[0] if fails == "ask" else rest[0].digest
        if asked in {hex_digest(CONFIRMED), make_digest(CONFIRMED)}:
            raise ValueError("unforeseen")
        return getattr(route, fails)(first, second, *rest)

    changed: Any = {fails: failing}
    monkeypatch.setitem(hot_lane._GET, "/v1/proofs", route._replace(**changed))
    assert together(api, *[f"/v1/proofs/{hex_digest(i)}" for i in (FINAL, CONFIRMED, REVOKED)]) == [200, 500, 200]
    check_problem(api.get(f"/v1/proofs/{hex_digest(CONFIRMED)}"), 500, "error")


def test_answer_that_cannot_go_out_ends_the_connection_and_no_other(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    send_whole = Waiting.send_whole

    def failing(self: Waiting, status: int, headers: Any, body: bytes) -> None:
        if status == 404:
            raise RuntimeError("a field of an answer has more lines than one")
        send_whole(self, status, headers, body)

    monkeypatch.setattr(Waiting, "send_whole", failing)
    first, broken, last = together(api, *[f"/v1/proofs/{hex_digest(i)}" for i in (FINAL, UNKNOWN, REVOKED)])
    assert (first, last) == (200, 200)
    assert isinstance(broken, ConnectionError)
