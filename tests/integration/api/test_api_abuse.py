"""What somebody tries who should not: every operation of OpenAPI by everybody, other issuers' things, and bodies that are none.

The operations are read from the document, so a new one is tried at once; one that takes a body nobody thought of fails a test.
"""

import asyncio
import gzip
import json
import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from anchoring.core.issuer import make_api_key
from anchoring.core.scopes import OF_ISSUERS, Scope
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.manage_issuers import revoke_key
from tests.api import Api, check_problem, hex_digest, make_app, make_key, make_operator_key, run_async, stored
from tests.factories import ACADEMY, NOON, UNIVERSITY, add_issuer
from tests.operations import FILLED, HEX, Operation, operations

# Everybody on every operation.


def strangers(api: Api) -> dict[str, str | None]:
    """What people send who have no key that opens."""
    dead = [make_key(api.store, api.issuer, *OF_ISSUERS) for _ in range(2)]
    expired = make_key(api.store, api.issuer, *OF_ISSUERS, expires_at=NOON + timedelta(seconds=1))
    with api.store.writing() as uow:
        revoke_key(uow, dead[0][3:11], now=NOON)
        uow.commit()
    return {
        "nobody": None,
        "no key": "Bearer",
        "nonsense": "Bearer nonsense",
        "basic": "Basic dXNlcjpwYXNz",
        "unknown": f"Bearer {make_api_key(os.urandom(36)).text}",
        "guess at a known prefix": f"Bearer {dead[1][:-6]}AAAAAA",
        "prefix alone": f"Bearer ca_{dead[1][3:11]}_",
        "revoked": f"Bearer {dead[0]}",
        "expired": f"Bearer {expired}",
        "unsigned token": "Bearer eyJhbGciOiJub25lIn0.eyJzY29wZSI6Im9wZXJhdG9yIn0.",
        "two keys": f"Bearer {dead[0]}, Bearer {dead[1]}",
    }


def attempt(api: Api, one: Operation, authorization: str | None, body: bytes = b"[]") -> httpx2.Response:
    headers = {"Content-Type": one.media_types[0]} if one.media_types else {}
    if authorization is not None:
        headers["Authorization"] = authorization
    return api.client.request(one.method, one.path, content=body if one.media_types else None, headers=headers)


def test_stranger_gets_the_same_401_on_every_operation_that_needs_a_key(api: Api) -> None:
    sent = strangers(api)
    api.clock.advance(2)
    before, tried = stored(api.store), 0
    for one in operations(api.app):
        answers = {who: attempt(api, one, authorization) for who, authorization in sent.items()}
        tried += len(answers)
        if one.scopes:
            assert {answer.status_code for answer in answers.values()} == {401}, one
            assert len({answer.content for answer in answers.values()}) == 1, f"{one}: an answer tells what is wrong with a key"
        elif one.template != "/metrics":  # which counts the requests themselves
            assert {answer.status_code < 500 for answer in answers.values()} == {True}, one
            assert len({answer.status_code for answer in answers.values()}) == 1, one
    assert tried == 11 * 35
    assert stored(api.store) == before


def test_key_of_any_scope_is_let_into_what_names_its_scope_and_nothing_else(api: Api) -> None:
    keys = {scope: make_key(api.store, api.issuer, scope) for scope in OF_ISSUERS} | {
        Scope.OPERATOR: make_operator_key(api.store)
    }
    before, let_in, kept_out = stored(api.store), 0, 0
    for one in operations(api.app):
        for scope, key in keys.items():
            answer = attempt(api, one, f"Bearer {key}")
            assert answer.status_code < 500, (one, scope)
            if one.scopes and scope not in one.scopes:
                check_problem(answer, 403, "scope-missing")
                kept_out += 1
            else:
                assert answer.status_code not in {401, 403}, (one, scope)
                let_in += 1
    assert (let_in, kept_out) == (4 * 35 - 44, 44)
    assert stored(api.store) == before, "what was let in was refused for what it sent"


# Another issuer's things.


def of_issuer(api: Api, issuer_id: int) -> Mapping[str, Any]:
    """Every row of the issuer, and what hangs on its lists and entries."""
    there = stored(api.store)
    lists = [row[0] for row in there["status_list"] if row[2] == issuer_id]
    found = {}
    for table in tables.metadata.sorted_tables:
        names = [column.name for column in table.c if column.name != "last_used_at"]
        rows = there.get(table.name, [])
        if "issuer_id" in names:
            found[table.name] = [row for row in rows if row[names.index("issuer_id")] == issuer_id]
        elif "status_list_id" in names:
            found[table.name] = [row for row in rows if row[names.index("status_list_id")] in lists]
    return found


def bodies(list_id: str, url: str, index: int) -> dict[str, Any]:
    """For each operation that takes one, a body that names things of another issuer as though they were one's own."""
    entry = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListCredential": url}
    return {
        "POST /v1/credentials": {"credentialStatus": entry | {"statusListIndex": str(index)}},
        "POST /v1/digests": {"digests": [{"digest": HEX, "status": [{"list": list_id, "index": index}]}]},
        "POST /v1/status-changes": {"changes": [{"action": "revoke", "list": list_id, "index": index}]},
        "POST /v1/status-lists": {"purpose": "revocation"},
        "POST /v1/status-lists/{list_id}/entries": {"count": 1},
        "PUT /v1/status-lists/{list_id}": {"type": ["VerifiableCredential", "BitstringStatusListCredential"]},
        "POST /v1/issuers": {"did": ACADEMY, "name": "Not the academy"},
        "POST /v1/issuers/{did}/keys": {"scopes": ["issuer:admin"]},
        "POST /v1/issuers/{did}/keys/{prefix}/rotation": {"overlapS": 0},
        "PUT /v1/issuers/{did}/quota": {"itemsPerDay": 0},
    }


def test_key_reaches_nothing_of_another_issuer_on_any_operation(api: Api) -> None:
    """The university, with every scope that an issuer can have, names what is the academy's in every place."""
    assert api.post_numbers(7, key=api.other).status_code == 202
    theirs = make_key(api.store, api.other_issuer, *OF_ISSUERS)
    made = api.ask("POST", "/v1/status-lists", {"purpose": "revocation"}, key=theirs).json()
    reserved = api.ask("POST", f"/v1/status-lists/{made['list']}/entries", {"count": 1}, key=theirs)
    assert reserved.status_code == 201
    index = reserved.json()["entries"][0]["index"]
    revoked = {"changes": [{"action": "revoke", "list": made["list"], "index": index}]}
    assert api.ask("POST", "/v1/status-changes", revoked, key=theirs).status_code == 200
    ours = make_key(api.store, api.issuer, *OF_ISSUERS)
    place = FILLED | {"digest": hex_digest(7), "list_id": made["list"], "did": ACADEMY, "prefix": api.other[3:11]}
    before, tried, let_in = of_issuer(api, api.other_issuer.id), 0, set()
    sent = bodies(made["list"], made["url"], index)
    for one in operations(api.app):
        if not one.scopes:
            continue
        body = sent[str(one)] if one.media_types else None
        answer = api.ask(one.method, one.template.format(**place), body, key=ours)
        assert answer.status_code < 500, one
        assert ACADEMY not in answer.text or answer.status_code in {403, 404}, f"{one} tells of the academy"
        tried += 1
        if answer.is_success:
            let_in.add(str(one))
    change_by_digest = {"changes": [{"action": "revoke", "digest": hex_digest(7)}]}
    assert api.ask("POST", "/v1/status-changes", change_by_digest, key=ours).status_code == 404
    assert tried == 17
    assert let_in == {"GET /v1/status-changes", "POST /v1/status-lists"}, "which are of the university itself"
    assert api.ask("GET", "/v1/status-changes", key=ours).text == "", "and has none of the academy's changes"
    assert of_issuer(api, api.other_issuer.id) == before
    assert len(before["status_change"]) == len(before["entry"]) == len(before["status_list"]) == 1


# Bodies that are none.

DEEP = b"[" * 100_000
NOT_JSON = {
    "nothing": b"",
    "cut short": b'{"digests": [',
    "deep": DEEP,
    "deep objects": b'{"a":' * 10_000,
    "twice the same member": b'{"changes": [], "changes": []}',
    "not a number": b'{"count": NaN}',
    "infinite": b'{"count": 1e400}',
    "minus zero": b'{"count": -0}',
    "5,000 digits": b'{"count": ' + b"9" * 5000 + b"}",
    "lone surrogate": b'{"name": "\\ud800"}',
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"count": 1}'.encode("utf-16"),
    "NUL": b"\x00" * 100,
    "a list": b"[]",
    "a string": b'"x"',
    "null": b"null",
    "a number": b"1",
    "strange members": b'{"__proto__": {"x": 1}, "constructor": 1}',
    "wrong kinds": b'{"digests": {"0": 1}, "changes": "x", "count": true, "scopes": {}, "did": [], "proof": 1, "overlapS": "1"}',
    "huge": b'{"digests": ["' + b"a" * 300_000 + b'"]}',
    "form": b"digests=00&count=1",
    "markup": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>",
    "statement": b"'; DROP TABLE entry; --",
}
OBJECTS = {"strange members", "wrong kinds"}
ANY_BYTES = {"application/pdf", "application/octet-stream"}
CODINGS = {
    "gzip": gzip.compress(b"0" * 1_000_000),
    "deflate": b"x",
    "br": b"x",
    "gzip, gzip": gzip.compress(gzip.compress(b"0" * 1_000_000)),
    "identity, gzip": b"{}",
}


@pytest.fixture(scope="module")
def everything(shared_api: Api) -> dict[str, str]:
    """A key for each operation: of the issuer with all scopes, or of the operator."""
    issuer, operator = make_key(shared_api.store, shared_api.issuer, *OF_ISSUERS), make_operator_key(shared_api.store)
    return {str(one): operator if one.scopes == {Scope.OPERATOR} else issuer for one in operations(shared_api.app)}


@pytest.mark.parametrize("what", NOT_JSON)
def test_body_that_is_none_is_refused_on_every_operation(shared_api: Api, everything: dict[str, str], what: str) -> None:
    before, tried = stored(shared_api.store), 0
    for one in operations(shared_api.app):
        for media_type in one.media_types:
            headers = {"Content-Type": media_type, "Authorization": f"Bearer {everything[str(one)]}"}
            path = one.path.replace("/keys/00000000", f"/keys/{shared_api.other[3:11]}")
            if media_type in ANY_BYTES or (str(one) == "POST /v1/credentials" and what in OBJECTS):
                continue  # where this is a credential, or digests; `test_api_fuzz.py` tries those
            answer = shared_api.client.request(one.method, path, content=NOT_JSON[what], headers=headers)
            assert 400 <= answer.status_code < 500, (one, media_type, answer.text)
            assert answer.status_code not in {401, 403}, (one, media_type)
            assert "Traceback" not in answer.text
            assert "DROP TABLE" not in answer.text
            tried += 1
    assert tried >= 20
    assert stored(shared_api.store) == before


@pytest.mark.parametrize("coding", CODINGS)
def test_compressed_body_is_refused_unread_on_every_operation(shared_api: Api, everything: dict[str, str], coding: str) -> None:
    """A bomb of a kilobyte is not blown up."""
    for one in operations(shared_api.app):
        for media_type in one.media_types:
            key = everything[str(one)]
            headers = {"Content-Type": media_type, "Authorization": f"Bearer {key}", "Content-Encoding": coding}
            answer = shared_api.client.request(one.method, one.path, content=CODINGS[coding], headers=headers)
            assert answer.status_code in {404, 415}, (one, media_type, answer.text)


def test_media_type_that_is_not_taken_is_415_on_every_operation(shared_api: Api, everything: dict[str, str]) -> None:
    types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/json\u00e9",
        "*/*",
    ]
    before = stored(shared_api.store)
    for one in operations(shared_api.app):
        for media_type in types if one.media_types else []:
            if str(one) == "POST /v1/credentials" and media_type in {"text/plain", "application/json\u00e9", "*/*"}:
                continue  # a credential may be of any kind of file
            headers = {b"Content-Type": media_type.encode("latin-1"), b"Authorization": f"Bearer {everything[str(one)]}".encode()}
            answer = shared_api.client.request(one.method, one.path, content=b"{}", headers=headers)
            assert answer.status_code in {404, 415}, (one, media_type, answer.text)
    assert stored(shared_api.store) == before


# Paths and queries that are none.

SEGMENTS = [
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e",
    "%00",
    "%0d%0aSet-Cookie:%20a=b",
    "%0a",
    "%1b[31m",
    "%e2%80%ae",
    "%ff",
    "%252e",
    "-1",
    "1e3",
    "0x",
    "%d9%a1",
    "null",
    "'%20OR%201=1--",
    "{{7*7}}",
    "a" * 5000,
]


def test_path_that_is_none_is_refused_on_every_operation(shared_api: Api, everything: dict[str, str]) -> None:
    before, tried = stored(shared_api.store), 0
    for one in operations(shared_api.app):
        for name in FILLED:
            if "{" + name + "}" not in one.template:
                continue
            for segment in SEGMENTS:
                path = one.template.replace("{" + name + "}", segment).format(**FILLED)
                body = json.dumps({"count": 1, "overlapS": 1}).encode() if one.media_types else None
                headers = {"Authorization": f"Bearer {everything[str(one)]}", "Content-Type": "application/json"}
                answer = shared_api.client.request(one.method, path, content=body, headers=headers)
                assert answer.status_code in {404, 405, 415, 422}, (one, segment, answer.status_code)
                assert "set-cookie" not in answer.headers
                assert "root:x:0" not in answer.text
                tried += 1
    assert tried == len(SEGMENTS) * 22
    assert stored(shared_api.store) == before


def test_query_that_is_not_known_is_refused_on_every_operation(shared_api: Api, everything: dict[str, str]) -> None:
    before = stored(shared_api.store)
    for one in operations(shared_api.app):
        for query in ("x=1", "issuer=%00&issuer=1", "limit=1_000&x=1", "admin=true", f"did={UNIVERSITY}", "%ff=%fe"):
            key = everything[str(one)]
            headers = {"Authorization": f"Bearer {key}", "Content-Type": (one.media_types or ("",))[0]}
            content = b"{}" if one.media_types else None
            answer = shared_api.client.request(one.method, f"{one.path}?{query}", content=content, headers=headers)
            expected = {200, 422, 503} if one.template in {"/healthz", "/readyz", "/metrics"} else {404, 422}
            assert answer.status_code in expected, (one, query, answer.status_code)
    assert stored(shared_api.store) == before


def test_parameter_that_is_wrong_is_named_and_told_in_our_words_on_every_operation(
    shared_api: Api, everything: dict[str, str]
) -> None:
    """What is wrong is wrong in the same words, whether the framework found it or we."""
    tried = 0
    document = shared_api.app.openapi()["paths"]
    for one in operations(shared_api.app):
        body = json.dumps({"count": 1, "overlapS": 1}).encode() if one.media_types else None
        headers = {"Authorization": f"Bearer {everything[str(one)]}", "Content-Type": (one.media_types or ("",))[0]}
        for parameter in document[one.template][one.method.lower()].get("parameters", []):
            for wrong in ("-1", "zzz", "4294967296"):
                where, name = parameter["in"], parameter["name"]
                filled = FILLED | ({name: wrong} if where == "path" else {})
                query = f"?{name}={wrong}" if where == "query" else ""
                url = one.template.format(**filled) + query
                answer = shared_api.client.request(one.method, url, content=body, headers=headers)
                if answer.status_code == 404 or answer.is_success or (name, wrong) in TAKEN:
                    continue  # it could be meant
                problem = check_problem(answer, 422, "invalid-input")
                assert problem["at"] in {f"{where}.{name}", "Accept"}, (one, name, problem)
                assert problem["detail"].startswith(f"{problem['at']}: "), problem
                assert not any(
                    word in problem["detail"] for word in ("Input should", "String should", "Value error", "Field req")
                )
                tried += 1
    assert tried >= 60


TAKEN: frozenset[tuple[str, str]] = frozenset()


def test_several_authorization_fields_open_nothing(shared_api: Api, everything: dict[str, str]) -> None:
    """Whoever stands before the service may have looked at the other one."""
    for one in operations(shared_api.app):
        if not one.scopes:
            continue
        good, headers = everything[str(one)], [("Content-Type", (one.media_types or ("",))[0])]
        for keys in ((good, good), (good, "ca_nonsense"), ("ca_nonsense", good)):
            sent = headers + [("Authorization", f"Bearer {key}") for key in keys]
            answer = shared_api.client.request(one.method, one.path, content=b"[]" if one.media_types else None, headers=sent)
            assert check_problem(answer, 401, "not-allowed")["detail"] == "send one Authorization field, not several"


def test_body_that_does_not_come_is_given_up_on_every_operation(store: SqlStore) -> None:
    """Half of it, and then nothing, for as long as the operation waits."""
    app = make_app(store, body_timeout_s=0.05, small_body_timeout_s=0.02)
    issuer = make_key(store, add_issuer(store), *OF_ISSUERS)
    operator = make_operator_key(store)

    async def half() -> AsyncIterator[bytes]:
        yield b'{"'
        await asyncio.Event().wait()

    async def scenario(client: httpx2.AsyncClient) -> list[tuple[str, httpx2.Response]]:
        found = []
        for one in operations(app):
            for media_type in one.media_types:
                key = operator if one.scopes == {Scope.OPERATOR} else issuer
                headers = {"Authorization": f"Bearer {key}", "Content-Type": media_type}
                found.append((str(one), await client.request(one.method, one.path, content=half(), headers=headers)))
        return found

    answers = run_async(app, scenario)
    waits = {
        what: check_problem(answer, 400, "malformed-body")["detail"] for what, answer in answers if answer.status_code != 404
    }
    assert set(waits.values()) == {f"the body did not arrive within {wait} seconds" for wait in ("0.05", "0.02")}
    assert {what for what, words in waits.items() if "0.02" in words} == {
        "POST /v1/issuers",
        "POST /v1/issuers/{did}/keys",
        "POST /v1/issuers/{did}/keys/{prefix}/rotation",
        "PUT /v1/issuers/{did}/quota",
        "POST /v1/status-lists",
        "POST /v1/status-lists/{list_id}/entries",
    }
