"""Status lists over HTTP: made, reserved, bound, changed, served and asked about."""

import json
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from anchoring.bootstrap.signing import open_key_ring
from anchoring.core.status import StatusPurpose, batch_list_id, head_digest
from anchoring.core.status_codec import decode_bitstring
from anchoring.core.status_documents import ReadList
from anchoring.settings import ApiSettings, Settings, StatusSettings
from anchoring.signing.did_documents import key_in_document
from anchoring.signing.lists import SignedLists
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Did, ListId, parse_list_id, to_hex
from anchoring.usecases.settle_changes import settle_changes
from service.list_forms import negotiate
from tests.api import BINARY, NDJSON, PUBLIC_URL, Api, hex_digest, issuer_query, make_ring, running, seal
from tests.factories import ACADEMY, NOON, UNIVERSITY, make_digest
from tests.world import rows

W3C = "https://www.w3.org/ns/credentials/status-list#"
FORMS = ["application/json", "application/vc", "application/vc+ld+json", "application/ld+json", "application/vc+json"]
TOKENS = ["application/vc+jwt", "application/jwt", "application/statuslist+jwt"]


class Keys:
    """Implements ports.KeySource over the keys that the service signs with."""

    def __init__(self, settings: Settings) -> None:
        self._ring = open_key_ring(settings)

    def public_key(self, verification_method: str) -> str:
        return key_in_document(self._ring.did_document(Did("did:web:anchors.example")), verification_method)


@pytest.fixture
def status(tmp_path: Path) -> StatusSettings:
    make_ring(tmp_path / "keys")
    return StatusSettings(keys=tmp_path / "keys")


@pytest.fixture
def lists(store: SqlStore, status: StatusSettings) -> Iterator[Api]:
    """A fresh service that signs lists, over each kind of database."""
    with running(store, status=status) as started:
        yield started


def create(api: Api, purpose: str = "revocation", **members: Any) -> dict[str, Any]:
    response = api.post("/v1/status-lists", {"purpose": purpose} | members)
    assert response.status_code == 201
    found: dict[str, Any] = response.json()
    assert response.headers["location"] == found["url"]
    return found


def reserve(api: Api, made: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
    response = api.post(f"/v1/status-lists/{made['list']}/entries", {"count": count})
    assert response.status_code == 201
    found: list[dict[str, Any]] = response.json()["entries"]
    assert len(found) == count
    return found


def bind(api: Api, number: int, *indexes: dict[str, Any]) -> None:
    item = {"digest": hex_digest(number), "status": list(indexes)}
    assert api.post("/v1/digests", {"digests": [item]}).status_code == 202


def change(api: Api, *changes: dict[str, Any], key: str | None = None) -> Any:
    return api.post("/v1/status-changes", {"changes": list(changes)}, key=key)


def changed(api: Api, *changes: dict[str, Any]) -> list[dict[str, Any]]:
    response = change(api, *changes)
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["changes"]
    return found


def path_of(made: dict[str, Any]) -> str:
    return str(made["url"]).removeprefix(PUBLIC_URL)


def bits_of(response: Any) -> list[int]:
    assert response.status_code == 200, response.text
    return list(decode_bitstring(response.json()["credentialSubject"]["encodedList"]).indexes())


def publish(api: Api, list_id: ListId, *, version: int = 1, after_s: int = 0) -> None:
    """As though a round had seen the present bits as this version of the list, on the ledger."""
    with api.store.reading() as uow:
        found = uow.status_lists.with_bits(list_id)
    assert found is not None
    of, bits = found
    row = {
        "status_list_id": of.id,
        "version": version,
        "digest": head_digest(list_id, version, bits),
        "compressed_bits": zlib.compress(bytes(bits)),
        "change_count": of.change_count,
        "made_at": api.clock.now(),
        "state": "confirmed",
        "tx_hash": bytes([version]) * 32,
        "block_number": 200 + version,
        "block_hash": bytes([100 + version]) * 32,
        "published_at": api.clock.now() + timedelta(seconds=after_s),
    }
    with api.store._engine.begin() as connection:
        connection.execute(insert(tables.status_version), row)


def read(content: bytes, media_type: str, status: StatusSettings) -> ReadList:
    return SignedLists().check(content, media_type, Keys(Settings(status=status, api=ApiSettings(public_url=PUBLIC_URL))))


def test_a_reserved_index_is_bound_revoked_and_served(lists: Api) -> None:
    made = create(lists)
    [index] = reserve(lists, made)
    bind(lists, 1, index)
    bind(lists, 1, index)

    [revoked] = changed(
        lists, {"action": "revoke", "digest": hex_digest(1), "reason": "issued-in-error", "explanation": "wrong name"}
    )

    assert revoked == {
        "action": "revoke",
        "purpose": "revocation",
        "digest": hex_digest(1),
        "list": made["list"],
        "index": index["index"],
        "change": 1,
        "effectiveAt": "2026-11-23T12:00:00Z",
        "recordedAt": "2026-11-23T12:00:00Z",
        "new": True,
        "notes": [],
    }
    served = lists.follow(made["url"])
    assert bits_of(served) == [index["index"]]
    assert served.headers["access-control-allow-origin"] == "*"
    assert served.headers["vary"] == "Accept"
    assert "wrong name" not in served.text


def test_an_index_is_read_from_every_form_of_posted_digests(lists: Api) -> None:
    made = create(lists)
    one, two = reserve(lists, made, 2)
    lines = json.dumps({"digest": hex_digest(1), "status": [one]}) + "\n" + json.dumps({"digest": hex_digest(2), "status": [two]})

    assert lists.post("/v1/digests", lines.encode(), NDJSON).status_code == 202
    assert lists.post("/v1/digests", make_digest(1), BINARY).status_code == 202
    swapped = lists.post("/v1/digests", lines.replace(str(two["index"]), str(one["index"])).encode(), NDJSON)

    assert swapped.status_code == 409
    assert "$.status[0] (line 2)" in swapped.json()["detail"]
    assert len(rows(lists.store, tables.status_binding)) == 2


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({}, "expected [{"),
        ([{"list": "0x12", "index": 1}], "64 hexadecimal digits"),
        ([{"list": "0x" + "00" * 32, "index": -1}], "whole number from 0"),
        ([{"list": "0x" + "00" * 32, "index": "1"}], "whole number from 0"),
        ([{"list": "0x" + "00" * 32}], "whole number from 0"),
        ([{"index": 1}], "64 hexadecimal digits"),
        ([{"list": "0x" + "00" * 32, "index": 1, "x": 1}], "unknown member"),
        ([{}, {}, {}], "expected [{"),
        ([{"list": "0x" + "00" * 32, "index": 1}], "no numbered list"),
    ],
)
def test_a_malformed_index_is_refused(lists: Api, named: Any, words: str) -> None:
    response = lists.post("/v1/digests", {"digests": [{"digest": hex_digest(1), "status": named}]})

    assert response.status_code == 422
    assert words in response.json()["detail"]
    assert response.json()["at"].startswith("$.digests[0].status")
    assert not rows(lists.store, tables.entry)


@pytest.mark.parametrize("media_type", FORMS + TOKENS)
def test_each_form_is_served_as_it_was_asked_for(lists: Api, status: StatusSettings, media_type: str) -> None:
    made = create(lists)
    [index] = reserve(lists, made)
    changed(lists, {"action": "revoke", **index})

    response = lists.get(path_of(made), Accept=media_type)

    assert response.headers["content-type"].partition(";")[0] == media_type
    found = read(response.content, media_type, status)
    assert list(found.bits.indexes()) == [index["index"]]
    assert found.url == made["url"]
    assert found.signer == "did:web:anchors.example"
    again = lists.get(path_of(made), Accept=media_type, If_None_Match=response.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("accept", "served"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html, application/*;q=0.5", "application/json"),
        ("application/vc+jwt;q=0.4, application/vc;q=0.9", "application/vc"),
        ("application/jwt, application/vc", "application/jwt"),
        ("APPLICATION/VC+JWT", "application/vc+jwt"),
        ("application/vc;q=0", None),
        ("text/html", None),
        ("application/vc;q=x", None),
        ("application/statuslist+cwt", None),
    ],
)
def test_the_form_that_is_wanted_most_is_chosen(accept: str | None, served: str | None) -> None:
    assert negotiate(accept) == served


def test_a_form_that_is_not_offered_is_415_with_the_type_of_the_standard(lists: Api) -> None:
    response = lists.get(path_of(create(lists)), Accept="text/html")

    assert response.status_code == 415
    assert response.json()["type"] == W3C + "STATUS_RETRIEVAL_ERROR"


def test_a_list_is_signed_once_a_period_and_anew_after_a_change(lists: Api) -> None:
    made = create(lists)
    [index] = reserve(lists, made)
    list_id = parse_list_id(made["list"])
    first = lists.get(path_of(made))
    lists.clock.advance(600)
    assert lists.get(path_of(made)).content == first.content
    assert first.headers["cache-control"] == "public, max-age=300"

    changed(lists, {"action": "revoke", **index})
    pending = lists.get(path_of(made))
    assert bits_of(pending) == [index["index"]]
    assert pending.json()["validFrom"] == "2026-11-23T12:10:00Z"
    assert pending.headers["cache-control"] == "public, max-age=15"

    publish(lists, list_id, after_s=7)
    lists.clock.advance(20)
    shown = lists.get(path_of(made))
    assert shown.json()["validFrom"] == "2026-11-23T12:10:07Z"
    assert shown.headers["cache-control"] == "public, max-age=300"
    assert shown.json()["credentialSubject"]["ttl"] == 300_000


def test_another_cryptosuite_is_chosen_by_the_reader(lists: Api) -> None:
    made = create(lists)

    suites = [lists.get(path_of(made) + q).json()["proof"]["cryptosuite"] for q in ("", "?cryptosuite=ecdsa-jcs-2019")]

    assert suites == ["eddsa-jcs-2022", "ecdsa-jcs-2019"]
    assert lists.get(path_of(made) + "?cryptosuite=rsa").status_code == 422
    assert lists.get(path_of(made) + "?cryptosuite=eddsa-jcs-2022", Accept="application/jwt").status_code == 422


def test_the_list_is_served_as_it_was(lists: Api) -> None:
    made = create(lists, "suspension")
    one, two = reserve(lists, made, 2)
    list_id = parse_list_id(made["list"])
    for index in (one, two):
        lists.clock.advance(60)
        changed(lists, {"action": "suspend", **index})
        publish(lists, list_id, version=1 if index is one else 2)
    lists.clock.advance(60)
    changed(lists, {"action": "reinstate", "expected": 1, **one})
    path = path_of(made)

    both = sorted([one["index"], two["index"]])
    assert bits_of(lists.get(path)) == [two["index"]]
    assert bits_of(lists.get(path + "?version=1")) == [one["index"]]
    assert bits_of(lists.get(path + "?version=2")) == both
    assert bits_of(lists.get(path + "?timestamp=2026-11-23T12:00:30Z")) == []
    assert bits_of(lists.get(path + "?timestamp=2026-11-23T13:01:30%2B01:00")) == [one["index"]]
    assert bits_of(lists.get(path + f"?time={int(NOON.timestamp()) + 150}")) == both
    assert lists.get(path + "?timestamp=2026-11-23T12:01:30Z").json()["validFrom"] == "2026-11-23T12:01:30Z"
    for query, code in {"version=3": 404, "timestamp=2026-11-23T11:00:00Z": 404, "time=5": 404}.items():
        response = lists.get(f"{path}?{query}")
        assert (response.status_code, response.json()["type"]) == (code, W3C + "STATUS_RETRIEVAL_ERROR")
    for query in ("timestamp=2026-11-24", "timestamp=2027-11-23T12:00:00Z", "version=1&time=3", "time=-1", "version=0", "x=1"):
        assert lists.get(f"{path}?{query}").status_code == 422


def test_an_unknown_list_is_404_with_the_type_of_the_standard(lists: Api) -> None:
    response = lists.get("/v1/status-lists/" + "ab" * 32)

    assert response.status_code == 404
    assert response.json()["type"] == W3C + "STATUS_RETRIEVAL_ERROR"


def test_without_keys_no_list_is_served(api: Api) -> None:
    assert api.get(path_of(create(api))).status_code == 500


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "revocation, suspension"),
        ({"purpose": "refresh"}, "revocation, suspension"),
        ({"purpose": ["revocation"]}, "revocation, suspension"),
        ({"purpose": "revocation", "signedBy": "me"}, "service, issuer"),
        ({"purpose": "revocation", "entries": 8}, "unknown member"),
        ([], "must be an object"),
    ],
)
def test_a_malformed_list_is_not_made(lists: Api, body: Any, words: str) -> None:
    response = lists.post("/v1/status-lists", body)

    assert response.status_code == 422
    assert words in response.json()["detail"]


def test_counts_are_bounded_and_lists_are_their_issuers(lists: Api) -> None:
    entries = f"/v1/status-lists/{create(lists)['list']}/entries"

    assert [lists.post(entries, {"count": n}).status_code for n in (0, -1, True, "1", 1.5)] == [422] * 5
    assert lists.post(entries, {"count": 100_001}).status_code == 413
    assert lists.post(entries, {"count": 1}, key=lists.other).status_code == 404
    assert lists.post(entries, {"count": 1}, "text/plain").status_code == 415


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"action": "delete"}, "revoke, suspend, reinstate"),
        ({"action": None}, "revoke, suspend, reinstate"),
        ({"digest": None}, "either a digest"),
        ({"list": "0x" + "00" * 32, "index": 1}, "either a digest"),
        ({"digest": None, "index": 1}, "either a digest"),
        ({"reason": "because"}, "must be one of"),
        ({"explanation": 5}, "must be a string"),
        ({"explanation": "x" * 2001}, "at most 2000"),
        ({"explanation": "a\0b"}, "U+0000"),
        ({"effectiveAt": "yesterday"}, "must be a time"),
        ({"effectiveAt": "2026-11-23T12:00:01Z"}, "lies in the future"),
        ({"expected": -1}, "whole number"),
        ({"expected": 5}, "has had 0 changes"),
        ({"unbound": "yes"}, "true or false"),
        ({"unknown": 1}, "unknown member"),
    ],
)
def test_a_malformed_change_is_refused_with_the_others(lists: Api, member: dict[str, Any], words: str) -> None:
    lists.post_numbers(1, 2)
    good = {"action": "suspend", "digest": hex_digest(1)}

    response = change(lists, good, {"action": "suspend", "digest": hex_digest(2)} | member)

    assert response.status_code in {409, 422}
    assert words in response.json()["detail"]
    assert "$.changes[1]" in response.json()["detail"]
    assert not rows(lists.store, tables.status_change)


def test_changes_come_as_lines_too_and_errors_name_the_line(lists: Api) -> None:
    lists.post_numbers(1, 2)
    lines = [json.dumps({"action": "suspend", "digest": hex_digest(i)}).encode() for i in (1, 2, 9)]

    wrong = lists.post("/v1/status-changes", b"\n".join(lines), NDJSON)
    right = lists.post("/v1/status-changes", b"\n".join(lines[:2]) + b"\n", NDJSON)

    assert (wrong.status_code, wrong.json()["detail"][:10]) == (404, "$ (line 3)")
    assert [one["new"] for one in right.json()["changes"]] == [True, True]
    assert lists.post("/v1/status-changes", b"", NDJSON).status_code == 422
    assert lists.post("/v1/status-changes", {"changes": []}).status_code == 422
    assert lists.post("/v1/status-changes", lines[0], "text/plain").status_code == 415


def test_only_its_issuer_changes_a_status_and_reads_the_record(lists: Api) -> None:
    lists.post_numbers(1)
    request = {"action": "suspend", "digest": hex_digest(1), "reason": "under-review", "explanation": "änhängig\u202e\u2028"}
    assert change(lists, request, key=lists.other).status_code == 404
    assert lists.client.post("/v1/status-changes", json={"changes": [request]}).status_code == 401
    changed(lists, request, {"action": "reinstate", "digest": hex_digest(1), "expected": 1})

    records = [lists.client.get("/v1/status-changes", headers={"Authorization": f"Bearer {k}"}) for k in (lists.key, lists.other)]

    assert lists.get("/v1/status-changes").status_code == 401
    assert records[1].text == ""
    first, second = (json.loads(line) for line in records[0].text.splitlines())
    assert first == {
        "action": "suspend",
        "purpose": "suspension",
        "digest": hex_digest(1),
        "list": None,
        "index": None,
        "change": 1,
        "reason": "under-review",
        "explanation": "änhängig\u202e\u2028",
        "effectiveAt": "2026-11-23T12:00:00Z",
        "recordedAt": "2026-11-23T12:00:00Z",
        "appliedAt": None,
        "requestedBy": lists.key[:11],
        "version": None,
    }
    assert (second["action"], second["change"]) == ("reinstate", 2)


def test_status_of_a_waiting_digest_is_told_with_what_cannot_be_told_yet(lists: Api) -> None:
    lists.post_numbers(1)
    path = f"/v1/status/{hex_digest(1)}"
    before = lists.get(path).json()
    assert (before["status"], before["since"], {one["list"] for one in before["lists"]}) == ("clear", None, {None})

    changed(lists, {"action": "revoke", "digest": hex_digest(1)})
    found = lists.get(path).json()

    assert (found["status"], found["since"]) == ("revoked", "2026-11-23T12:00:00Z")
    assert found["lists"][0]["ledger"]["outcome"] == "cannot tell"
    assert "when the digest is sealed" in found["lists"][0]["ledger"]["reason"]


def test_status_follows_a_change_to_the_ledger(lists: Api) -> None:
    lists.post_numbers(1, 2, 3)
    batch = seal(lists)
    assert batch.tree
    list_id = batch_list_id(batch.tree.root, UNIVERSITY, StatusPurpose.REVOCATION)
    path = f"/v1/status/{hex_digest(2)}"
    clear = lists.get(path).json()
    assert (clear["status"], clear["lists"][0]["list"], clear["lists"][0]["ledger"]["outcome"]) == (
        "clear",
        to_hex(list_id),
        "passed",
    )

    changed(lists, {"action": "revoke", "digest": hex_digest(2), "effectiveAt": "2026-11-01T00:00:00+01:00"})
    pending = lists.get(path).json()
    assert (pending["status"], pending["since"]) == ("revoked", "2026-10-31T23:00:00Z")
    assert (pending["lists"][0]["ledger"]["outcome"], pending["lists"][0]["version"]) == ("cannot tell", None)
    assert "not on the ledger yet" in pending["lists"][0]["ledger"]["reason"]

    publish(lists, list_id)
    [shown, _] = lists.get(path).json()["lists"]
    assert shown["version"] == 1
    assert shown["ledger"] | {"reason": ""} == {
        "outcome": "passed",
        "reason": "",
        "version": 1,
        "digest": to_hex(rows(lists.store, tables.status_version)[0].digest),
        "transaction": "0x" + "01" * 32,
        "blockNumber": 201,
        "blockHash": "0x" + "65" * 32,
        "publishedAt": "2026-11-23T12:00:00Z",
        "state": "confirmed",
    }
    assert bits_of(lists.follow(shown["url"])) == [shown["index"]]
    assert lists.get(f"/v1/status/{hex_digest(1)}").json()["status"] == "clear"


def test_a_revocation_outweighs_a_suspension_and_lifting_is_seen(lists: Api) -> None:
    made = create(lists, "suspension")
    [index] = reserve(lists, made)
    bind(lists, 1, index)
    seal(lists)
    path = f"/v1/status/{hex_digest(1)}"
    seen = []
    for request in (
        {"action": "suspend", "digest": hex_digest(1)},
        {"action": "reinstate", "digest": hex_digest(1), "expected": 1},
        {"action": "suspend", "digest": hex_digest(1), "expected": 2},
        {"action": "revoke", "digest": hex_digest(1)},
    ):
        lists.clock.advance(60)
        changed(lists, request)
        found = lists.get(path).json()
        seen.append((found["status"], found["since"][14:16]))

    assert seen == [("suspended", "01"), ("clear", "02"), ("suspended", "03"), ("revoked", "04")]
    assert {one["purpose"] for one in lists.get(path).json()["lists"]} == {"revocation", "suspension"}


def test_status_is_told_for_one_issuer(lists: Api) -> None:
    lists.post_numbers(1)
    lists.post_numbers(1, key=lists.other)
    changed(lists, {"action": "revoke", "digest": hex_digest(1)})

    several = lists.get(f"/v1/status/{hex_digest(1)}")

    assert several.status_code == 300
    assert [lists.follow(link).json()["status"] for link in several.json()["links"]] == ["revoked", "clear"]
    assert lists.get(f"/v1/status/{hex_digest(1)}{issuer_query(ACADEMY)}").json()["status"] == "clear"
    assert lists.get(f"/v1/status/{hex_digest(9)}").status_code == 404


def test_a_list_that_its_issuer_signs_is_not_told_before_it_is_there(lists: Api) -> None:
    made = create(lists, signedBy="issuer")
    [index] = reserve(lists, made)
    bind(lists, 1, index)

    assert lists.get(path_of(made)).status_code == 404
    assert lists.get(f"/v1/status/{hex_digest(1)}").json()["status"] == "cannot tell"
    assert change(lists, {"action": "revoke", "digest": hex_digest(1)}).status_code == 409


def test_hundred_thousand_changes_are_taken_in_one_request(lists: Api) -> None:
    made = create(lists)
    reserved = reserve(lists, made, 100_000)

    answered = changed(lists, *({"action": "revoke", "reason": "superseded", **one} for one in reserved))

    assert len(answered) == 100_000
    assert bits_of(lists.get(path_of(made))) == sorted(one["index"] for one in reserved)
    lines = lists.client.get("/v1/status-changes", headers={"Authorization": f"Bearer {lists.key}"}).text.splitlines()
    assert len(lines) == 100_000


def test_settled_changes_are_served(lists: Api) -> None:
    lists.post_numbers(1, 2)
    changed(lists, {"action": "suspend", "digest": hex_digest(1)})
    seal(lists)
    assert settle_changes(lists.store, lists.clock) == 1

    place = next(one for one in lists.get(f"/v1/status/{hex_digest(1)}").json()["lists"] if one["purpose"] == "suspension")

    assert place["set"]
    assert bits_of(lists.follow(place["url"])) == [place["index"]]
    form = lists.get(place["url"].removeprefix(PUBLIC_URL), Accept="application/jwt")
    assert form.status_code == 200
