"""A posted credential is bound to the indexes that it names."""

import base64
import hashlib
import json
from typing import Any

import pytest

from anchoring.store import tables
from tests.api import PUBLIC_URL, Api, check_problem, hex_digest
from tests.factories import UNIVERSITY
from tests.world import rows


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def token(claims: dict[str, Any]) -> bytes:
    parts = (json.dumps({"alg": "ES256"}), json.dumps(claims), "signature")
    return ".".join(base64url(part.encode()) for part in parts).encode()


def reserve(api: Api, purpose: str = "revocation", *, key: str | None = None) -> dict[str, Any]:
    """A list and an index in it: `list`, `url` and `index`."""
    made = api.post("/v1/status-lists", {"purpose": purpose}, key=key).json()
    [entry] = api.post(f"/v1/status-lists/{made['list']}/entries", {"count": 1}, key=key).json()["entries"]
    return {"list": made["list"], "url": made["url"], "index": entry["index"], "purpose": purpose}


def w3c(place: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "type": "BitstringStatusListEntry",
        "statusPurpose": place["purpose"],
        "statusListIndex": str(place["index"]),
        "statusListCredential": place["url"],
    } | members


def ebsi(place: dict[str, Any]) -> dict[str, Any]:
    return w3c(place, type="StatusList2021Entry")


def by_token(place: dict[str, Any]) -> dict[str, Any]:
    return {"status_list": {"idx": place["index"], "uri": place["url"]}}


def credential(status: object, name: str = "Ada") -> bytes:
    return json.dumps({"issuer": UNIVERSITY, "name": name, "credentialStatus": status}).encode()


def bound(api: Api) -> list[tuple[int, int]]:
    return [(row.list_index, row.entry_id) for row in rows(api.store, tables.status_binding)]


def standing(api: Api, digest: str) -> dict[str, Any]:
    return {one["purpose"]: one for one in api.get(f"/v1/status/{digest}").json()["lists"]}


@pytest.mark.parametrize(
    "media_type",
    ["application/vc", "application/vc+ld+json", "application/ld+json", "application/json", "application/octet-stream"],
)
def test_a_credential_is_bound_to_the_indexes_it_names_for_both_purposes(api: Api, media_type: str) -> None:
    places = [reserve(api, "revocation"), reserve(api, "suspension")]
    path = "/v1/credentials" + ("?canonicalization=raw" if media_type.endswith("octet-stream") else "")
    body = credential([w3c(one) for one in places])

    first = api.post(path, body, media_type)
    again = api.post(path, body, media_type)

    assert (first.status_code, again.status_code) == (202, 202), first.text
    assert first.json()["salt"] == again.json()["salt"]
    found = standing(api, first.json()["digest"])
    assert {purpose: (one["list"], one["index"]) for purpose, one in found.items()} == {
        one["purpose"]: (one["list"], one["index"]) for one in places
    }
    assert len(bound(api)) == 2


@pytest.mark.parametrize(
    ("media_type", "claims"),
    [
        ("application/vc+jwt", lambda place: {"credentialStatus": w3c(place)}),
        ("application/jwt", lambda place: {"vc": {"credentialStatus": ebsi(place)}}),
        ("application/jwt", lambda place: {"credentialStatus": ebsi(place), "vc": {"credentialStatus": ebsi(place)}}),
        ("application/jwt", lambda place: {"status": by_token(place)}),
        ("application/jwt", lambda place: {"vc": {"credentialStatus": w3c(place)}, "status": by_token(place)}),
    ],
)
def test_a_token_is_bound_to_the_index_it_names(api: Api, media_type: str, claims: Any) -> None:
    place = reserve(api)

    answer = api.post("/v1/credentials", token(claims(place)), media_type)

    assert answer.status_code == 202, answer.text
    assert standing(api, answer.json()["digest"])["revocation"]["index"] == place["index"]


@pytest.mark.parametrize("media_type", ["application/dc+sd-jwt", "application/vc+sd-jwt"])
def test_an_sd_jwt_is_bound_to_the_index_it_names_and_so_is_what_a_holder_makes_of_it(api: Api, media_type: str) -> None:
    place = reserve(api, "suspension")
    disclosures = [base64url(json.dumps(["salt", name, 1]).encode()) for name in ("a", "b")]
    hidden = [base64url(hashlib.sha256(one.encode()).digest()) for one in disclosures]
    signed = token({"status": by_token(place), "_sd": hidden})

    first = api.post("/v1/credentials", b"~".join([signed, *[one.encode() for one in disclosures], b""]), media_type)
    shown = api.post("/v1/credentials", b"~".join([signed, disclosures[0].encode(), b""]), media_type)

    assert first.json()["digest"] == shown.json()["digest"], first.text
    assert standing(api, first.json()["digest"])["suspension"]["index"] == place["index"]
    assert len(bound(api)) == 1


def test_a_change_by_digest_then_sets_the_bit_that_the_credential_names(api: Api) -> None:
    place = reserve(api)
    digest = api.post("/v1/credentials", credential(w3c(place)), "application/vc").json()["digest"]

    changed = api.post("/v1/status-changes", {"changes": [{"action": "revoke", "digest": digest}]})

    assert changed.status_code == 200, changed.text
    assert [(one["list"], one["index"]) for one in changed.json()["changes"]] == [(place["list"], place["index"])]


@pytest.mark.parametrize(
    ("url", "is_ours"),
    [
        (PUBLIC_URL.upper().replace("HTTPS", "https") + "/v1/status-lists/{}", True),
        (PUBLIC_URL.replace("https", "http") + "/v1/status-lists/{}", True),
        (PUBLIC_URL + ":443/v1/status-lists/{}", True),
        (PUBLIC_URL + "/v1/status-lists/{}?version=3", True),
        (PUBLIC_URL + ":8443/v1/status-lists/{}", False),
        (PUBLIC_URL + ":port/v1/status-lists/{}", False),
        ("https://other.example/v1/status-lists/{}", False),
        ("https://anchors.example.other.example/v1/status-lists/{}", False),
        ("https://anchors.example@other.example/v1/status-lists/{}", False),
        ("https://other.example/?https://anchors.example/v1/status-lists/{}", False),
        ("urn:uuid:{}", False),
        (PUBLIC_URL + "/v2/lists/{}", False),
    ],
)
def test_only_lists_of_this_service_count_whatever_the_path_of_others(api: Api, url: str, is_ours: bool) -> None:
    place = reserve(api)
    entry = w3c(place, statusListCredential=url.format(place["list"].removeprefix("0x")))

    answer = api.post("/v1/credentials", credential(entry), "application/vc")

    assert answer.status_code == 202, answer.text
    assert len(bound(api)) == is_ours
    assert not any("binds" in note for note in answer.json()["notes"])


def refused(api: Api, body: bytes, status: int, slug: str, words: str, *, key: str | None = None) -> None:
    """Naming where, and with nothing half-written."""
    before = len(rows(api.store, tables.entry)), bound(api)
    problem = check_problem(api.post("/v1/credentials", body, "application/vc", key=key), status, slug)
    assert words in problem["detail"]
    assert "$.credentialStatus" in problem["detail"] + problem.get("at", "")
    assert (len(rows(api.store, tables.entry)), bound(api)) == before


def test_an_index_that_was_never_reserved_is_refused(api: Api) -> None:
    place = reserve(api)
    words = f"index {place['index'] ^ 1} of this list was not reserved"

    refused(api, credential([w3c(place, statusListIndex=str(place["index"] ^ 1))]), 422, "invalid-input", words)
    refused(
        api, credential(w3c(place, statusListIndex="131072")), 422, "invalid-input", "index 131072 of this list was not reserved"
    )


def test_a_list_of_another_issuer_and_one_that_is_not_here_are_refused(api: Api) -> None:
    place = reserve(api, key=api.other)
    nowhere = w3c(place, statusListCredential=PUBLIC_URL + "/v1/status-lists/" + "5f" * 32)

    refused(api, credential(w3c(place)), 422, "invalid-input", f"no numbered list {place['list']} of {UNIVERSITY} is here")
    refused(api, credential(nowhere), 422, "invalid-input", "no numbered list 0x5f5f")


def test_an_index_of_another_entry_is_refused(api: Api) -> None:
    place = reserve(api)
    named = {"digest": hex_digest(1), "status": [{"list": place["list"], "index": place["index"]}]}
    assert api.post("/v1/digests", {"digests": [named]}).status_code == 202

    refused(api, credential(w3c(place)), 409, "conflict", "belongs to another digest")


def test_a_second_index_for_one_purpose_and_another_purpose_than_the_list_has_are_refused(api: Api) -> None:
    first, second = reserve(api), reserve(api)

    refused(api, credential([w3c(first), w3c(second)]), 409, "conflict", "the digest has another index for revocation")
    wrong = w3c(first, statusPurpose="suspension")
    refused(api, credential(wrong), 422, "invalid-input", "said to be for suspension, and the list is for revocation")


@pytest.mark.parametrize(
    ("status", "note"),
    [
        ({"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": 5}, "$.credentialStatus"),
        ([{"type": "TheirOwnEntry2030", "id": "https://other.example/1"}], "status of type TheirOwnEntry2030 is not known here"),
        ("https://other.example/1", "an entry is an object; this binds it to no index"),
    ],
)
def test_an_entry_that_cannot_be_read_binds_nothing_and_the_answer_says_so(api: Api, status: object, note: str) -> None:
    answer = api.post("/v1/credentials", credential(status), "application/vc")

    assert answer.status_code == 202, answer.text
    assert [one for one in answer.json()["notes"] if note in one and one.endswith("; this binds it to no index")]
    assert not bound(api)
