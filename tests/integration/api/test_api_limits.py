"""How often one may ask, how much one may write, and what an answer tells of it."""

import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import event

from anchoring.core.issuer import Caller, Issuer
from anchoring.core.scopes import WRITING, Scope
from anchoring.settings import LimitSettings
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.manage_issuers import set_quota
from service.allowances import Allowances
from service.limits import Limits
from tests.api import Api, check_problem, hex_digest, make_app, make_key, make_operator_key, run_async, running, stored
from tests.factories import ACADEMY, NOON, UNIVERSITY, add_issuer
from tests.own_list import OwnList
from tests.world import rows

FEW = LimitSettings(per_address=6, per_key=3, window_s=60, items_per_day=0)


def left(response: httpx2.Response) -> dict[str, int]:
    """What remains of each policy that the answer names, each of which it describes."""
    policies = dict(re.findall(r'"([a-z]+)";q=([0-9]+);w=60', response.headers["ratelimit-policy"]))
    found = {
        name: (int(rest), int(seconds))
        for name, rest, seconds in re.findall(r'"([a-z]+)";r=([0-9]+);t=([0-9]+)', response.headers["ratelimit"])
    }
    assert found.keys() == policies.keys()
    assert all(0 < seconds <= 60 for _, seconds in found.values())
    return {name: rest for name, (rest, _) in found.items()}


def test_key_whose_limit_others_use_up_may_still_revoke_itself_and_do_nothing_else(store: SqlStore) -> None:
    with running(store, limits=LimitSettings(per_address=0, per_key=1, window_s=60, items_per_day=0)) as api:
        key = make_key(store, api.issuer, Scope.ISSUER_ADMIN)
        keys = f"/v1/issuers/{UNIVERSITY}/keys"
        assert api.ask("GET", keys, key=key).status_code == 200
        check_problem(api.ask("GET", keys, key=key), 429, "too-many-requests")
        check_problem(api.delete(f"{keys}/{api.key[3:11]}", key=key), 429, "too-many-requests")
        assert api.delete(f"{keys}/{key[3:11]}", key=key).status_code == 204
        check_problem(api.ask("GET", keys, key=key), 401, "not-allowed")


def test_key_that_asks_too_often_waits_and_another_does_not(store: SqlStore) -> None:
    with running(store, limits=FEW) as api:
        answers = [api.post_numbers(i) for i in range(4)]
        assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
        assert [left(answer) for answer in answers] == [{"address": 5 - i, "key": max(0, 2 - i)} for i in range(4)]
        problem = check_problem(answers[-1], 429, "too-many-requests")
        assert problem["detail"] == "this key asks more often than it may"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
        assert api.post_numbers(1, key=api.other).status_code == 202
    assert len(rows(store, tables.entry)) == 4, "what was refused was not written"


def test_address_that_asks_too_often_waits_whatever_it_asks_for(store: SqlStore) -> None:
    with running(store, limits=FEW) as api:
        paths = [
            "/v1/batches",
            "/v1/proofs/x",
            "/nowhere",
            "/v1/ledger",
            "/v1/status/x",
            "/v1/batches",
            "/v1/batches",
            "/nowhere",
        ]
        answers = [api.get(path) for path in paths]
        assert [answer.status_code == 429 for answer in answers] == [False] * 6 + [True, True]
        assert left(answers[0]) == {"address": 5}
        check_problem(answers[-1], 429, "too-many-requests")
        assert api.client.head("/v1/batches").status_code == 429
        assert [api.get(path).status_code for path in ("/healthz", "/metrics")] == [200, 200]
        check_problem(api.post_numbers(1), 429, "too-many-requests")


def test_each_address_has_its_own_allowance(store: SqlStore) -> None:
    app = make_app(store, limits=LimitSettings(per_address=1, window_s=60))

    async def scenario(_client: httpx2.AsyncClient) -> list[int]:
        addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"]
        found = []
        for address in addresses:
            transport = httpx2.ASGITransport(app=app, client=(address, 4321))
            async with httpx2.AsyncClient(transport=transport, base_url="http://testserver") as client:
                found.append((await client.get("/v1/batches")).status_code)
        return found

    assert run_async(app, scenario) == [200, 200, 429, 200, 429, 200]


def test_field_that_names_another_address_is_not_believed(store: SqlStore) -> None:
    """The server alone says whose it is, from proxies that are trusted."""
    with running(store, limits=LimitSettings(per_address=1, window_s=60)) as api:
        assert api.get("/v1/batches", x_forwarded_for="192.0.2.1").status_code == 200
        assert api.get("/v1/batches", x_forwarded_for="192.0.2.2").status_code == 429


def test_limits_can_be_switched_off(store: SqlStore) -> None:
    with running(store) as api:
        answer = api.post_numbers(1)
        assert "ratelimit" not in answer.headers
        assert "ratelimit-policy" not in answer.headers


@pytest.mark.parametrize("fields", [{f"x-{i}": "1" for i in range(101)}, {"x-long": "1" * 40_000}])
def test_header_that_is_too_long_is_refused(shared_api: Api, fields: dict[str, str]) -> None:
    problem = check_problem(shared_api.client.get("/v1/batches", headers=fields), 431, "request-header-fields-too-large")
    assert problem["detail"] == "at most 32768 bytes in 100 fields are taken before the body"
    assert shared_api.client.get("/v1/batches", headers={"x-long": "1" * 20_000}).status_code == 200


def test_address_of_any_length_is_answered(shared_api: Api) -> None:
    check_problem(shared_api.get("/v1/proofs/" + "a" * 40_000), 431, "request-header-fields-too-large")
    check_problem(shared_api.get("/v1/batches?before=" + "a" * 40_000), 431, "request-header-fields-too-large")


# Quotas.

DAY = LimitSettings(per_address=0, per_key=0, items_per_day=5)


def write(api: Api, what: str, count: int, key: str | None = None) -> Any:
    match what:
        case "digests":
            return api.post_numbers(*range(count), key=key)
        case "credential":
            return api.post("/v1/credentials", b"%PDF-1.7", "application/pdf", key=key)
        case _:
            made = api.ask("POST", "/v1/status-lists", {"purpose": "revocation"}, key=key)
            return (
                made
                if made.is_error
                else api.ask("POST", f"/v1/status-lists/{made.json()['list']}/entries", {"count": count}, key=key)
            )


def test_issuer_that_wrote_enough_for_today_goes_on_tomorrow(store: SqlStore) -> None:
    with running(store, limits=DAY) as api:
        problem = check_problem(write(api, "digests", 6), 413, "too-large")
        assert problem["detail"] == "6 items were sent, and this issuer may write 5 in a day", "no day has room for them"
        api.clock.advance(11.5 * 3600)
        assert write(api, "digests", 3).status_code == 202
        assert write(api, "credential", 1).status_code == 202
        refused = write(api, "digests", 2)
        problem = check_problem(refused, 429, "too-many-requests")
        assert problem["detail"] == "the issuer has used up what it may write today, 5 items"
        assert refused.headers["retry-after"] == "1800"
        assert write(api, "digests", 2, key=api.other).status_code == 202, "each issuer has its own"
        assert write(api, "digests", 1).status_code == 202, "the fifth"
        check_problem(write(api, "list", 1), 429, "too-many-requests")
        assert api.get(f"/v1/digests/{hex_digest(0)}").status_code != 429, "reading is not counted"
        api.clock.advance(1800)
        assert write(api, "list", 4).status_code == 201
        check_problem(write(api, "digests", 1), 429, "too-many-requests")
    assert len(rows(store, tables.entry)) == 4 + 2


def revoke(api: Api, *numbers: int) -> httpx2.Response:
    changes = [{"action": "revoke", "digest": hex_digest(i)} for i in numbers]
    return api.ask("POST", "/v1/status-changes", {"changes": changes})


def test_issuer_whose_quota_is_used_up_can_still_revoke(store: SqlStore) -> None:
    """By whoever has a key that posts. What is revoked counts, too."""
    with running(store, limits=DAY) as api:
        assert write(api, "digests", 5).status_code == 202
        for what in ("digests", "credential", "list"):
            check_problem(write(api, what, 1), 429, "too-many-requests")
        assert revoke(api, *range(4)).status_code == 200
        assert quota(api) == (5, False, 0)
        check_problem(write(api, "digests", 1), 429, "too-many-requests")
        check_problem(revoke(api, 0, 1), 429, "too-many-requests")
        assert revoke(api, 3).status_code == 200, "the tenth of twice five"
        check_problem(revoke(api, 3), 429, "too-many-requests")
        check_problem(revoke(api, *[0] * 11), 413, "too-large")


def test_stolen_key_that_posts_leaves_what_revocations_need(store: SqlStore) -> None:
    """Whatever else it may do, and keys that look after keys as well."""
    with running(store, limits=DAY) as api:
        assert write(api, "digests", 4).status_code == 202
        admin, keys = make_key(store, api.issuer, Scope.ISSUER_ADMIN), f"/v1/issuers/{UNIVERSITY}/keys"
        for _ in range(12):
            check_problem(api.delete(f"/v1/digests/{hex_digest(99)}"), 404, "not-found")
        for _ in range(12):
            api.post_numbers(1)
            api.delete(f"/v1/digests/{hex_digest(3)}")
            api.ask("POST", keys, {"scopes": ["digests:write"]}, key=admin)
        check_problem(api.delete(f"/v1/digests/{hex_digest(3)}"), 429, "too-many-requests")
        check_problem(api.ask("POST", keys, {"scopes": ["digests:write"]}, key=admin), 429, "too-many-requests")
        assert revoke(api, *range(3), 0, 1).status_code == 200, "as many again"


def test_uploaded_list_counts_with_each_change_that_it_makes(store: SqlStore, tmp_path: Path) -> None:
    with running(store, limits=LimitSettings(per_address=0, per_key=0, items_per_day=6)) as api:
        own = OwnList(api, tmp_path)  # one item, and one as a portion
        assert own.put(own.signed(3, 4)).status_code == 200
        before = stored(store)
        check_problem(own.put(own.signed(*range(3, 12), at=NOON + timedelta(seconds=1))), 429, "too-many-requests")
        check_problem(own.put(own.signed(*range(3, 17), at=NOON + timedelta(seconds=1))), 413, "too-large")
        assert stored(store) == before, "what is not let through changes nothing"
        assert quota(api)[2] == 2
        assert own.put(own.signed(3, 4)).status_code == 200, "the same again is one item"


def test_keys_and_erasures_count_and_revoking_a_key_does_not(store: SqlStore) -> None:
    """A key that was revoked stays in the database."""
    with running(store, limits=LimitSettings(per_address=0, per_key=0, items_per_day=4)) as api:
        admin, keys = make_key(store, api.issuer, Scope.ISSUER_ADMIN), f"/v1/issuers/{UNIVERSITY}/keys"
        assert api.post_numbers(1).status_code == 202
        made = api.ask("POST", keys, {"scopes": ["digests:write"]}, key=admin).json()["prefix"]
        rotated = api.ask("POST", f"{keys}/{made}/rotation", {"overlapS": 0}, key=admin).json()["prefix"]
        assert api.delete(f"/v1/digests/{hex_digest(1)}").status_code == 202
        check_problem(api.ask("POST", keys, {"scopes": ["digests:write"]}, key=admin), 429, "too-many-requests")
        check_problem(api.ask("POST", f"{keys}/{rotated}/rotation", {"overlapS": 0}, key=admin), 429, "too-many-requests")
        check_problem(api.delete(f"/v1/digests/{hex_digest(1)}"), 429, "too-many-requests")
        assert api.ask("DELETE", f"{keys}/{rotated}", key=admin).status_code == 204
        operator = make_operator_key(store)
        assert api.ask("POST", keys, {"scopes": ["digests:write"]}, key=operator).status_code == 201, "the operator may always"


def quota(api: Api, key: str | None = None, did: str = UNIVERSITY) -> tuple[int, bool, int | None]:
    """What the issuer may write in a day, whether that is its own, and what is left of it."""
    told = api.ask("GET", f"/v1/issuers/{did}/quota", key=key).json()
    assert (told["issuer"], told["resetsAt"]) == (did, "2026-11-24T00:00:00Z")
    return told["itemsPerDay"], told["isOwn"], told["leftToday"]


def test_issuer_may_write_what_the_operator_gave_it_and_sees_what_is_left(store: SqlStore) -> None:
    with running(store, limits=DAY) as api:
        operator, path = make_operator_key(store), f"/v1/issuers/{UNIVERSITY}/quota"
        assert write(api, "digests", 3).status_code == 202
        assert quota(api) == (5, False, 2)
        for items, written, left_today in (
            (8, 4, 4),  # what was written before goes with the quota that it was of
            (4, 0, 4),  # less than it wrote already
            (2000, 1991, 9),
            (0, 9000, None),
            (2001, 1, 2000),
            (2001, 0, 2001),
        ):
            changed = api.ask("PUT", path, {"itemsPerDay": items}, key=operator)
            assert (changed.status_code, changed.json()["itemsPerDay"]) == (200, items)
            assert not written or write(api, "digests", written).status_code == 202
            assert quota(api) == (items, True, left_today)
            assert left_today is None or write(api, "digests", left_today + 1).status_code == (
                413 if left_today == items else 429
            )
        assert api.ask("PUT", path, {"itemsPerDay": None}, key=operator).status_code == 200
        assert quota(api, api.other, ACADEMY) == (5, False, 5), "each has its own"
        assert quota(api, operator) == quota(api, make_key(store, api.issuer, Scope.ISSUER_ADMIN)) == (5, False, 5)
        check_problem(api.ask("GET", path, key=api.other), 404, "not-found")
        check_problem(api.ask("PUT", path, {"itemsPerDay": 9}, key=api.other), 403, "scope-missing")
        check_problem(api.ask("PUT", "/v1/issuers/did:web:nobody/quota", {"itemsPerDay": 9}, key=operator), 404, "not-found")
    told = [(row.actor, row.issuer, row.detail) for row in rows(store, tables.audit_record) if row.action == "quota.changed"]
    texts = [f'{{"itemsPerDay":{items}}}' for items in ("8", "4", "2000", "0", "2001", "2001", "null")]
    assert told == [(operator[:11], UNIVERSITY, text) for text in texts]


@pytest.mark.parametrize("body", [{}, {"itemsPerDay": "5"}, {"itemsPerDay": True}, {"itemsPerDay": 1.5}, {"itemsPerDay": -1}])
def test_quota_that_is_no_number_is_refused(api: Api, body: dict[str, Any]) -> None:
    refused = api.ask("PUT", f"/v1/issuers/{UNIVERSITY}/quota", body, key=make_operator_key(api.store))
    assert check_problem(refused, 422, "invalid-input")["at"] == "$.itemsPerDay"
    assert rows(api.store, tables.issuer)[0].items_per_day is None


def test_quota_of_its_own_costs_no_statement(store: SqlStore) -> None:
    """All that the first post of a process asks of the database, with the quota of all and with one of its own."""
    asked: list[str] = []
    event.listen(store._engine, "before_cursor_execute", lambda _connection, _cursor, statement, *_: asked.append(statement))

    def first_post(items: int | None) -> list[str]:
        with running(store, limits=LimitSettings(per_address=0, per_key=0, items_per_day=10_000)) as api:
            api.ask("PUT", f"/v1/issuers/{UNIVERSITY}/quota", {"itemsPerDay": items}, key=make_operator_key(store))
            asked.clear()
            assert api.post_numbers(1).status_code == 202
            return asked.copy()

    assert len(first_post(None)) > 3
    assert first_post(20_000) == first_post(None)


def test_what_several_processes_take_is_counted_together(store: SqlStore) -> None:
    """Each takes portions, and together they write no more than the quota."""
    key = make_key(store, add_issuer(store))
    limits = LimitSettings(per_address=0, per_key=0, items_per_day=3000)
    apps = [make_app(store, limits=limits) for _ in range(2)]

    async def post_until_refused(client: httpx2.AsyncClient) -> int:
        client.headers["Authorization"], written = f"Bearer {key}", 0
        while (await client.post("/v1/digests", json={"digests": ["ab" * 32] * 500})).status_code == 202:
            written += 500
        return written

    first = run_async(apps[0], lambda client: post_once(client, key))
    second = run_async(apps[1], post_until_refused)
    assert first == 500
    assert second == 2000, "less than what is left: the other process had taken a portion beyond what it wrote"
    assert [row.taken for row in rows(store, tables.issuer_usage)] == [503 + 503 + 3 * 500]


def test_what_a_process_took_of_a_larger_quota_does_not_count_against_a_smaller(store: SqlStore) -> None:
    """Nor does what it takes before it has heard of the smaller one."""
    key = make_key(store, add_issuer(store))
    apps = [make_app(store, limits=LimitSettings(per_address=0, per_key=0, items_per_day=10_000_000)) for _ in range(2)]

    async def lower_and_post(client: httpx2.AsyncClient) -> list[int]:
        client.headers["Authorization"], told = f"Bearer {key}", []
        for index, count in enumerate((1, 10_000, 999)):
            if index == 1:
                with store.writing() as uow:
                    set_quota(uow, UNIVERSITY, 1000, now=NOON, at="items")
                    uow.commit()
            told.append((await client.post("/v1/digests", json={"digests": ["ab" * 32] * count})).status_code)
        return told

    assert run_async(apps[0], lower_and_post) == [202, 202, 202], "10,000 of what it held; then a portion of the smaller quota"
    assert run_async(apps[1], lambda client: left_today(client, key)) == 0
    assert [row.taken for row in rows(store, tables.issuer_usage)] == [1000]


async def left_today(client: httpx2.AsyncClient, key: str) -> int:
    answer = await client.get(f"/v1/issuers/{UNIVERSITY}/quota", headers={"Authorization": f"Bearer {key}"})
    left: int = answer.json()["leftToday"]
    return left


async def post_once(client: httpx2.AsyncClient, key: str) -> int:
    answer = await client.post("/v1/digests", json={"digests": ["ab" * 32] * 500}, headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 202
    return 500


# Cost.


def test_counting_a_request_costs_microseconds() -> None:
    """Bound a hundred times above what it takes, so that only a call to a database or a file would exceed it."""
    limits = Limits(LimitSettings(per_address=100_000_000, per_key=100_000_000), Allowances())
    caller = Caller(key="1a2b3c4d", issuer=Issuer(id=1, did=UNIVERSITY, name="University", added_at=NOON), scopes=WRITING)
    scope: dict[str, Any] = {
        "client": ("192.0.2.1", 4321),
        "headers": [(b"host", b"localhost")],
        "raw_path": b"/",
        "query_string": b"",
    }
    took = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(100):
            limits.spend_address(scope)
            limits.check_head(scope)
            limits.spend_key(scope, caller)
            limits.fields(scope)
        took.append((time.perf_counter() - began) / 100)
    assert min(took) < 0.001


@pytest.mark.parametrize("path", [f"/v1/proofs/{hex_digest(1)}", f"/v1/proofs/{hex_digest(1)}%0A", "/nowhere", "/nowhere%0A"])
def test_whatever_the_path_says_requests_of_an_address_are_counted(store: SqlStore, path: str) -> None:
    with running(store, limits=LimitSettings(per_address=3, per_key=0, window_s=60, items_per_day=0)) as api:
        assert [api.get(path).status_code for _ in range(4)] == [404] * 3 + [429]
