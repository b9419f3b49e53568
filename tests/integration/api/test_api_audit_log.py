"""Every write over HTTP leaves a record of who asked, from where, and what was done; refused ones are counted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchoring.core.audit_log import ChainCheck, trace_of
from anchoring.core.issuer import CANARY
from anchoring.core.scopes import Scope
from anchoring.ports.audit_log import ShownRecord, Wanted
from anchoring.settings import LimitSettings, StatusSettings
from anchoring.store.unit_of_work import SqlStore
from service.refusals import MOST_KINDS
from tests.api import BINARY, Api, hex_digest, make_key, make_operator_key, make_ring, running, seal
from tests.factories import ACADEMY, UNIVERSITY, make_digest
from tests.operations import operations

WRITING = ("POST", "PUT", "DELETE")


def records(store: SqlStore) -> list[ShownRecord]:
    with store.reading() as uow:
        found = list(uow.audit_log.find(Wanted(), 0, 10_000))
    check = ChainCheck()
    for one in found:
        check.add(one.record)
    check.close()
    assert check.faults == []
    return found


def told(store: SqlStore) -> list[tuple[str, dict[str, Any]]]:
    return [(one.record.action, json.loads(one.record.detail)) for one in records(store)]


@pytest.fixture
def signing(store: SqlStore, tmp_path: Path) -> Iterator[Api]:
    """A service that makes lists, and credentials for whoever asks."""
    make_ring(tmp_path / "keys")
    with running(store, status=StatusSettings(keys=tmp_path / "keys")) as api:
        yield api


def test_a_post_leaves_a_record_of_who_what_and_where(api):
    salt = bytes.fromhex(api.post_numbers(1).json()["salts"][0][2:])
    [[record, _, source, _]] = records(api.store)
    assert (record.action, record.result, record.issuer, source) == ("digests.posted", "done", UNIVERSITY, "testclient")
    assert record.actor == f"ca_{api.key[3:11]}"
    assert api.key not in record.detail + record.actor
    assert json.loads(record.detail) == {"count": 1, "trace": trace_of(salt, make_digest(1))}
    assert hex_digest(1)[2:] not in record.detail


def test_many_digests_leave_one_record(api):
    digests = b"".join(make_digest(i) for i in range(5))
    salts = api.post("/v1/digests", digests, BINARY, Accept=BINARY).content
    assert told(api.store) == [("digests.posted", {"count": 5, "trace": trace_of(salts, digests)})]


def test_what_fails_leaves_no_record_of_a_write(api):
    assert api.post("/v1/digests", {"digests": ["nonsense"]}).status_code == 422
    assert records(api.store) == []


def test_every_write_leaves_a_record(signing):
    api, writer = signing, make_key(signing.store, signing.issuer)
    operator, keys = make_operator_key(api.store), f"/v1/issuers/{UNIVERSITY}/keys"
    done: dict[str, str] = {}

    def do(operation: str, action: str, method: str, path: str, content: Any = None, *, key: str = writer) -> Any:
        before = len(records(api.store))
        answer = api.ask(method, path, content, key=key)
        assert answer.is_success, answer.text
        new = records(api.store)[before:]
        assert [(one.record.action, one.record.actor) for one in new] == [(action, f"ca_{key[3:11]}")]
        done[operation] = action
        return answer

    do("POST /v1/credentials", "digests.posted", "POST", "/v1/credentials", {"a": 1})
    do("POST /v1/digests", "digests.posted", "POST", "/v1/digests", {"digests": [hex_digest(1), hex_digest(2)]})
    made = do("POST /v1/status-lists", "status_list.created", "POST", "/v1/status-lists", {"purpose": "revocation"}).json()
    of_list = "/v1/status-lists/{list_id}"
    do(f"POST {of_list}/entries", "indexes.reserved", "POST", f"/v1/status-lists/{made['list']}/entries", {"count": 2})
    seal(api)
    change = {"changes": [{"action": "revoke", "digest": hex_digest(2), "unbound": True}]}
    do("POST /v1/status-changes", "status.changed", "POST", "/v1/status-changes", change)
    do("DELETE /v1/digests/{digest}", "digest.erasure_requested", "DELETE", f"/v1/digests/{hex_digest(1)}")
    new = {"did": "did:web:new.example", "name": "New"}
    do("POST /v1/issuers", "issuer.added", "POST", "/v1/issuers", new, key=operator)
    scopes = {"scopes": ["digests:write"]}
    prefix = do("POST /v1/issuers/{did}/keys", "key.created", "POST", keys, scopes, key=operator).json()["prefix"]
    rotation = f"{keys}/{prefix}/rotation"
    do("POST /v1/issuers/{did}/keys/{prefix}/rotation", "key.rotated", "POST", rotation, {"overlapS": 9}, key=operator)
    do("DELETE /v1/issuers/{did}/keys/{prefix}", "key.revoked", "DELETE", f"{keys}/{prefix}", key=operator)
    quota = f"/v1/issuers/{UNIVERSITY}/quota"
    do("PUT /v1/issuers/{did}/quota", "quota.changed", "PUT", quota, {"itemsPerDay": 9}, key=operator)

    writes = {str(one) for one in operations(api.app) if one.method in WRITING and one.scopes}
    assert writes - set(done) == {"PUT /v1/status-lists/{list_id}"}  # in the tests of uploads
    details = dict(told(api.store))
    assert details["status.changed"]["revoke"] == 1
    assert details["status.changed"]["new"] == 1
    assert details["key.rotated"]["rotated"] == details["key.revoked"]["key"] == prefix
    everything = "".join(one.record.detail for one in records(api.store))
    for secret in (writer, operator, api.key, hex_digest(1)[2:], hex_digest(2)[2:]):
        assert secret not in everything


def test_the_operator_acts_in_the_name_of_the_issuer(api):
    operator = make_operator_key(api.store)
    assert api.ask("POST", f"/v1/issuers/{ACADEMY}/keys", {"scopes": ["digests:write"]}, key=operator).status_code == 201
    [[record, _, _, _]] = records(api.store)
    assert (record.issuer, record.actor) == (ACADEMY, f"ca_{operator[3:11]}")
    assert record.issuer != CANARY


def test_refused_writes_are_counted_and_recorded_at_the_end(store):
    with running(store) as api:
        for _ in range(3):
            api.post_numbers(1, key="ca_00000000_" + "A" * 43)
        admin = make_key(store, api.issuer, Scope.ISSUER_ADMIN)
        api.post_numbers(1, key=admin)
        api.delete(f"/v1/digests/{hex_digest(77)}")
        api.get(f"/v1/digests/{hex_digest(77)}")
        api.post("/v1/verify", {})
        assert records(store) == []
    found = {one.record.actor: one for one in records(store)}
    details = {actor: json.loads(one.record.detail) for actor, one in found.items()}
    assert {one.record.action for one in found.values()} == {"write.refused"}
    assert {one.record.result for one in found.values()} == {"refused"}
    assert {actor: (one["request"], one["status"], one["count"]) for actor, one in details.items()} == {
        "anybody": ("POST /v1/digests", 401, 3),
        f"ca_{admin[3:11]}": ("POST /v1/digests", 403, 1),
        f"ca_{api.key[3:11]}": ("DELETE /v1/digests/{digest}", 404, 1),
    }
    assert found[f"ca_{api.key[3:11]}"].record.issuer == UNIVERSITY


def test_refusals_of_limits_are_counted_too(store):
    with running(store, limits=LimitSettings(per_address=0, per_key=1, items_per_day=0, window_s=3600)) as api:
        assert [api.post_numbers(1).status_code for _ in range(3)] == [202, 429, 429]
    assert [detail["count"] for action, detail in told(store) if action == "write.refused"] == [2]


def test_whoever_tries_all_day_writes_few_records(store):
    with running(store) as api:
        for i in range(MOST_KINDS + 20):
            key = make_key(store, api.issuer, Scope.ISSUER_ADMIN) if i < 5 else "ca_00000000_" + "A" * 43
            api.client.request("POST", "/v1/digests", content=b"", headers={"Authorization": f"Bearer {key}"})
        assert len(api.app.state.service.refusals._counts) == 6
        refusals = api.app.state.service.refusals
        for i in range(200):
            refusals.look({"method": "POST", "client": (f"192.0.2.{i}", 1)}, "/v1/digests", 401)
        assert len(refusals._counts) == MOST_KINDS + 1
    assert sum(detail["count"] for _, detail in told(store)) == MOST_KINDS + 20 + 200
