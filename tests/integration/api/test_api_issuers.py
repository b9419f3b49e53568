"""Issuers and their keys over HTTP: added by the operator, looked after by the operator and by each issuer itself."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from anchoring.core.issuer import CANARY
from anchoring.core.scopes import OF_ISSUERS, Scope
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from tests.api import PUBLIC_URL, Api, check_problem, make_app, make_key, make_operator_key, run_async, stored
from tests.factories import ACADEMY, NOON, UNIVERSITY
from tests.world import rows

KEYS = f"/v1/issuers/{UNIVERSITY}/keys"
NEWCOMER = "did:web:school.example"


@pytest.fixture(scope="module")
def operator(shared_api: Api) -> str:
    return make_operator_key(shared_api.store)


@pytest.fixture
def admin(api: Api) -> str:
    """A key of the university that looks after its keys, and may do nothing else."""
    return make_key(api.store, api.issuer, Scope.ISSUER_ADMIN)


def prefixes(api: Api, key: str, path: str = KEYS) -> Sequence[str]:
    return [one["prefix"] for one in api.ask("GET", path, key=key).json()["keys"]]


def test_operator_adds_an_issuer_and_hands_it_its_first_key(api: Api) -> None:
    operator = make_operator_key(api.store)

    added = api.ask("POST", "/v1/issuers", {"did": NEWCOMER, "name": " School "}, key=operator)
    assert (added.status_code, added.json()) == (
        201,
        {"did": NEWCOMER, "name": "School", "addedAt": "2026-11-23T12:00:00Z", "itemsPerDay": None},
    )
    path = added.headers["location"].removeprefix(PUBLIC_URL)
    assert path == "/v1/issuers/did:web:school.example/keys"
    made = api.ask("POST", path, {"scopes": ["digests:write"]}, key=operator)
    assert made.status_code == 201
    posted = api.post_numbers(1, key=made.json()["key"])
    assert (posted.status_code, posted.json()["issuer"]) == (202, NEWCOMER)

    again = api.ask("POST", "/v1/issuers", {"did": NEWCOMER, "name": "Another"}, key=operator)
    check_problem(again, 409, "conflict")
    listed = api.ask("GET", "/v1/issuers", key=operator)
    assert [one["did"] for one in listed.json()["issuers"]] == [UNIVERSITY, ACADEMY, CANARY, NEWCOMER]
    assert listed.headers["cache-control"] == "no-store"


def test_did_with_an_escape_in_it_is_escaped_once_more_in_a_path(store: SqlStore) -> None:
    """`%3A` is part of the DID of an issuer with a port."""
    did, operator = "did:web:localhost%3A8443", make_operator_key(store)

    async def scenario(client: httpx2.AsyncClient) -> httpx2.Response:
        client.headers["Authorization"] = f"Bearer {operator}"
        added = await client.post("/v1/issuers", json={"did": did, "name": "School"})
        return await client.get(added.headers["location"].removeprefix(PUBLIC_URL))

    assert run_async(make_app(store), scenario).json() == {"issuer": did, "keys": []}


def test_operator_posts_for_nobody_and_is_no_issuer(api: Api) -> None:
    operator = make_operator_key(api.store)

    problem = check_problem(api.post_numbers(1, key=operator), 403, "scope-missing")
    assert problem["detail"] == "the API key lacks the scope digests:write"
    own = f"/v1/issuers/{CANARY}/keys"
    assert [one["scopes"] for one in api.ask("GET", own, key=operator).json()["keys"]] == [["operator"]]
    check_problem(api.ask("POST", own, {"scopes": ["digests:write"]}, key=operator), 409, "conflict")
    check_problem(api.ask("POST", f"{own}/{operator[3:11]}/rotation", {"overlapS": 0}, key=operator), 409, "conflict")
    assert len(rows(api.store, tables.api_key)) == 3, "a key of the operator makes no other of its kind"
    check_problem(api.ask("GET", "/v1/issuers/did:web:nobody/keys", key=operator), 404, "not-found")


def test_issuer_makes_a_key_that_is_shown_once(api: Api, admin: str) -> None:
    ends = "2027-01-01T00:00:00+01:00"

    made = api.ask("POST", KEYS, {"scopes": ["status:write", "digests:write"], "expiresAt": ends}, key=admin)

    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    shown = made.json()
    key = shown.pop("key")
    assert shown == {
        "prefix": key[3:11],
        "issuer": UNIVERSITY,
        "scopes": ["digests:write", "status:write"],
        "createdAt": "2026-11-23T12:00:00Z",
        "expiresAt": "2026-12-31T23:00:00Z",
        "lastUsedAt": None,
        "revokedAt": None,
    }
    assert api.post_numbers(1, key=key).status_code == 202
    listed = api.ask("GET", KEYS, key=admin)
    assert {name: value for name, value in shown.items() if name != "issuer"} in listed.json()["keys"]
    assert key[-43:] not in listed.text
    assert key[-43:] not in repr(rows(api.store, tables.api_key))
    api.clock.advance(timedelta(days=39).total_seconds())
    check_problem(api.post_numbers(2, key=key), 401, "not-allowed")


def test_rotated_key_and_its_successor_both_open_until_the_overlap_ends(api: Api, admin: str) -> None:
    rotated = api.ask("POST", f"{KEYS}/{api.key[3:11]}/rotation", {"overlapS": 3600}, key=admin)

    assert rotated.status_code == 201
    successor = rotated.json()["key"]
    api.clock.advance(3599)
    assert [api.post_numbers(1, key=key).status_code for key in (api.key, successor)] == [202, 202]
    api.clock.advance(1)
    assert [api.post_numbers(1, key=key).status_code for key in (api.key, successor)] == [401, 202]


@pytest.mark.parametrize("ends", ["9999-12-31T23:59:59Z", "2036-11-21T12:00:00Z"])
def test_key_ends_within_ten_years_so_that_it_can_be_rotated(api: Api, admin: str, ends: str) -> None:
    refused = api.ask("POST", KEYS, {"scopes": ["digests:write"], "expiresAt": ends}, key=admin)
    taken = api.ask("POST", KEYS, {"scopes": ["digests:write"], "expiresAt": "2036-11-20T12:00:00Z"}, key=admin)

    assert check_problem(refused, 422, "invalid-input")["detail"] == "$.expiresAt: must be at most ten years from now"
    assert taken.status_code == 201
    api.clock.advance(timedelta(days=1).total_seconds())
    rotated = api.ask("POST", f"{KEYS}/{taken.json()['prefix']}/rotation", {"overlapS": 60}, key=admin)
    assert (rotated.status_code, rotated.json()["expiresAt"]) == (201, "2036-11-21T12:00:00Z")


def test_revoked_key_opens_nothing_and_a_key_may_revoke_itself(api: Api, admin: str) -> None:
    path = f"{KEYS}/{api.key[3:11]}"

    assert api.ask("DELETE", path, key=admin).status_code == 204
    check_problem(api.post_numbers(1), 401, "not-allowed")
    check_problem(api.ask("DELETE", path, key=admin), 404, "not-found")
    assert api.ask("DELETE", f"{KEYS}/{admin[3:11]}", key=admin).status_code == 204
    check_problem(api.ask("GET", KEYS, key=admin), 401, "not-allowed")


def test_issuer_sees_and_changes_its_own_keys_only(api: Api, admin: str) -> None:
    """Another issuer's DID and one that is nobody's are answered alike, and another's key is not there."""
    before = stored(api.store)
    for did in (ACADEMY, CANARY, "did:web:nobody"):
        for method, path, body in (
            ("GET", f"/v1/issuers/{did}/keys", None),
            ("POST", f"/v1/issuers/{did}/keys", {"scopes": ["digests:write"]}),
            ("POST", f"/v1/issuers/{did}/keys/{api.other[3:11]}/rotation", {"overlapS": 0}),
            ("DELETE", f"/v1/issuers/{did}/keys/{api.other[3:11]}", None),
        ):
            problem = check_problem(api.ask(method, path, body, key=admin), 404, "not-found")
            assert problem["detail"] == f"issuer {did} is not known here"
    for method, path, body in (
        ("POST", f"{KEYS}/{api.other[3:11]}/rotation", {"overlapS": 0}),
        ("DELETE", f"{KEYS}/{api.other[3:11]}", None),
        ("DELETE", f"{KEYS}/00000000", None),
    ):
        check_problem(api.ask(method, path, body, key=admin), 404, "not-found")
    assert stored(api.store) == before
    assert prefixes(api, admin) == sorted([api.key[3:11], admin[3:11]])


@pytest.mark.parametrize(
    ("path", "body", "status", "at"),
    [
        ("/v1/issuers", {}, 422, "$.did"),
        ("/v1/issuers", {"did": 5, "name": "x"}, 422, "$.did"),
        ("/v1/issuers", {"did": "nobody", "name": "x"}, 422, "$.did"),
        ("/v1/issuers", {"did": NEWCOMER}, 422, "$.name"),
        ("/v1/issuers", {"did": NEWCOMER, "name": "bi\u202edi"}, 422, "$.name"),
        ("/v1/issuers", {"did": NEWCOMER, "name": "x", "scopes": []}, 422, "$"),
        (KEYS, {}, 422, "$.scopes"),
        (KEYS, {"scopes": "digests:write"}, 422, "$.scopes"),
        (KEYS, {"scopes": []}, 422, "$.scopes"),
        (KEYS, {"scopes": ["digests:write", None]}, 422, "$.scopes[1]"),
        (KEYS, {"scopes": ["operator"]}, 422, "$.scopes"),
        (KEYS, {"scopes": ["digests:write", "operator"]}, 422, "$.scopes"),
        (KEYS, {"scopes": ["digests:read"]}, 422, "$.scopes"),
        (KEYS, {"scopes": ["digests:write"], "expiresAt": "tomorrow"}, 422, "$.expiresAt"),
        (KEYS, {"scopes": ["digests:write"], "expiresAt": 5}, 422, "$.expiresAt"),
        (KEYS, {"scopes": ["digests:write"], "expiresAt": "2026-11-23T12:00:00Z"}, 422, "$.expiresAt"),
        (KEYS, [], 422, "$"),
        (f"{KEYS}/PREFIX/rotation", {}, 422, "$.overlapS"),
        (f"{KEYS}/PREFIX/rotation", {"overlapS": -1}, 422, "$.overlapS"),
        (f"{KEYS}/PREFIX/rotation", {"overlapS": True}, 422, "$.overlapS"),
        (f"{KEYS}/PREFIX/rotation", {"overlapS": 1.5}, 422, "$.overlapS"),
        (f"{KEYS}/PREFIX/rotation", {"overlapS": 7_776_001}, 422, "$.overlapS"),
        (f"{KEYS}/ABCDEF01/rotation", {"overlapS": 1}, 422, "path.prefix"),
        (f"{KEYS}/0000000/rotation", {"overlapS": 1}, 422, "path.prefix"),
        (f"{KEYS}/00000000%0A/rotation", {"overlapS": 1}, 422, "path.prefix"),
        ("/v1/issuers/nobody/keys", {"scopes": ["digests:write"]}, 422, "path.did"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    shared_api: Api, operator: str, path: str, body: Any, status: int, at: str
) -> None:
    before = stored(shared_api.store)

    response = shared_api.ask("POST", path.replace("PREFIX", shared_api.key[3:11]), body, key=operator)

    assert check_problem(response, status, "invalid-input")["at"] == at
    assert stored(shared_api.store) == before


def test_key_without_the_scope_of_a_route_is_told_which(api: Api) -> None:
    """The routes and their scopes are those of OpenAPI; every key lacks all scopes but one."""
    operations = api.app.openapi()["paths"]
    keys = {scope: make_key(api.store, api.issuer, scope) for scope in OF_ISSUERS} | {
        Scope.OPERATOR: make_operator_key(api.store)
    }
    before, tried = stored(api.store), 0
    for path, methods in operations.items():
        for method, operation in methods.items():
            needed = {scope for one in operation.get("security", []) for [scope] in one.values()}
            for scope, key in keys.items():
                if needed and scope not in needed:
                    filled = path.format(
                        did=UNIVERSITY, prefix=api.key[3:11], digest="ab" * 32, list_id="ab" * 32, root="ab" * 32
                    )
                    problem = check_problem(api.ask(method.upper(), filled, {}, key=key), 403, "scope-missing")
                    words = problem["detail"].removeprefix("the API key lacks the scope ")
                    assert set(words.split(" or ")) == needed
                    tried += 1
    assert tried == 3 * 10 + 2 * 4 + 3 * 2
    assert stored(api.store) == before


def test_every_route_that_changes_something_needs_a_key(api: Api) -> None:
    open_to_all = {("post", "/v1/verify"), ("post", "/v1/vc-api/credentials/issue"), ("post", "/v1/vc-api/credentials/verify")}
    without = {
        (method, path)
        for path, methods in api.app.openapi()["paths"].items()
        for method, operation in methods.items()
        if method != "get" and "security" not in operation
    }
    assert without == open_to_all


def test_scopes_say_what_a_key_may_do(api: Api) -> None:
    posts, changes = (make_key(api.store, api.issuer, scope) for scope in (Scope.DIGESTS_WRITE, Scope.STATUS_WRITE))

    assert api.post_numbers(1, key=posts).status_code == 202
    made = api.ask("POST", "/v1/status-lists", {"purpose": "revocation"}, key=changes)
    assert made.status_code == 201
    assert api.ask("GET", "/v1/status-changes", key=changes).status_code == 200
    assert rows(api.store, tables.entry)[0].received_at == NOON
