"""Lists that issuers sign themselves, over HTTP; and reading from pages of other origins."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from anchoring.core.status_documents import ListForm
from tests.api import PUBLIC_URL, Api, check_problem, hex_digest
from tests.factories import NOON
from tests.own_list import TTL_S, OwnList


@pytest.fixture
def own(api: Api, tmp_path: Path) -> OwnList:
    return OwnList(api, tmp_path)


@pytest.mark.parametrize("form", ListForm)
def test_an_uploaded_list_is_served_as_it_is(own: OwnList, form: ListForm) -> None:
    content = own.signed(3, 131_071, form=form)

    taken, again = own.put(content, form.media_type), own.put(content, form.media_type)

    assert (taken.status_code, again.status_code) == (200, 200)
    assert taken.json() == {"list": own.made["list"], "url": own.made["url"], "changed": 2}
    assert again.json()["changed"] == 0
    served = own.api.get(own.path, accept=form.media_type)
    assert (served.content, served.headers["content-type"]) == (content, form.media_type)
    assert served.headers["cache-control"] == f"public, max-age={TTL_S}"
    assert own.api.get(own.path, accept=form.media_type, if_none_match=served.headers["etag"]).status_code == 304
    record = own.api.get("/v1/status-changes", authorization=f"Bearer {own.api.key}").text.splitlines()
    assert len(record) == 2
    assert json.loads(record[0])["requestedBy"] == own.api.key[:11]


def test_json_is_taken_and_served_under_each_of_its_names(own: OwnList) -> None:
    content = own.signed(7)

    assert own.put(content, "application/vc+ld+json").status_code == 200

    for name in ("application/json", "application/vc", "application/vc+json"):
        served = own.api.get(own.path, accept=name)
        assert (served.content, served.headers["content-type"]) == (content, name)
    assert own.api.get(own.path, accept="application/jwt").status_code == 415


def test_a_list_is_kept_no_longer_than_it_says(own: OwnList) -> None:
    own.put(own.signed(7, valid_s=60))
    own.api.clock.advance(20)
    assert own.api.get(own.path).headers["cache-control"] == "public, max-age=40"
    own.api.clock.advance(40)
    assert own.api.get(own.path).headers["cache-control"] == "no-cache"


def test_a_list_without_a_time_to_live_is_kept_for_ours(own: OwnList) -> None:
    """EBSI's form has none."""
    own.put(own.signed(7, form=ListForm.STATUSLIST2021_JWT, ttl_s=7), "application/jwt")

    served = own.api.get(own.path, accept="application/jwt")

    assert served.headers["cache-control"] == "public, max-age=300"


def test_a_change_of_the_list_is_what_is_told_of_the_credential(own: OwnList) -> None:
    [index] = own.api.post(f"{own.path}/entries", {"count": 1}).json()["entries"]
    own.api.post("/v1/digests", {"digests": [{"digest": hex_digest(1), "status": [index]}]})
    assert own.api.get(f"/v1/status/{hex_digest(1)}").json()["status"] == "cannot tell"
    own.put(own.signed())
    assert own.api.get(f"/v1/status/{hex_digest(1)}").json()["status"] == "clear"

    own.put(own.signed(index["index"], at=NOON + timedelta(seconds=1)))

    assert own.api.get(f"/v1/status/{hex_digest(1)}").json()["status"] == "revoked"


def test_what_cannot_be_published_is_refused_and_nothing_changes(own: OwnList) -> None:
    good = own.signed(3, at=NOON + timedelta(seconds=30))
    assert own.put(good).status_code == 200
    ours = own.api.post("/v1/status-lists", {"purpose": "revocation"}).json()

    check_problem(own.put(own.signed(3, 4, at=NOON)), 409, "conflict")
    check_problem(own.put(own.signed(4, at=NOON + timedelta(seconds=40))), 409, "conflict")
    check_problem(own.put(own.signed(3, 4, at=NOON + timedelta(seconds=40)), key=own.api.other), 404, "not-found")
    check_problem(own.put(own.signed(3, 4), "text/plain"), 415, "unsupported-media-type")
    check_problem(own.put(b" " * (1024 * 1024 + 1)), 413, "too-large")
    later = own.signed(3, 4, at=NOON + timedelta(seconds=40))
    forged = later.replace(b'"created":"2026-11-23T12:00:40Z"', b'"created":"2026-11-23T12:00:41Z"')
    refused = {"forged": forged, "no list": b"{}", "nothing": b""}
    answers = {what: own.put(content) for what, content in refused.items()} | {"a token": own.put(later, "application/jwt")}
    codes = {what: (one.status_code, one.json()["code"]) for what, one in answers.items()}
    assert codes == {
        "forged": (422, "STATUS_VERIFICATION_ERROR"),
        "no list": (422, "MALFORMED_VALUE_ERROR"),
        "nothing": (422, "MALFORMED_VALUE_ERROR"),
        "a token": (422, "MALFORMED_VALUE_ERROR"),
    }
    own.path = str(ours["url"]).removeprefix(PUBLIC_URL)
    check_problem(own.put(good), 409, "conflict")
    own.path = str(own.made["url"]).removeprefix(PUBLIC_URL)
    assert own.api.get(own.path).content == good


def test_a_list_signed_between_validity_and_signature_of_the_last_does_not_come_back(own: OwnList) -> None:
    """What counts is when each was signed: its proof says so, not from when on the list is valid."""
    older = own.signed(3, at=NOON + timedelta(seconds=10))
    newer = own.resigned(own.signed(3, 4, at=NOON), at=NOON + timedelta(seconds=20))
    assert own.put(newer).status_code == 200

    check_problem(own.put(older), 409, "conflict")


@pytest.mark.parametrize("path", ["/v1/status-lists/" + "00" * 32, "/v1/status/" + "00" * 32, "/.well-known/did.json"])
def test_browsers_are_told_that_pages_of_other_origins_may_read(shared_api: Api, path: str) -> None:
    asked = {"Origin": "https://wallet.example", "Access-Control-Request-Method": "GET"}

    answer = shared_api.client.options(path, headers=asked | {"Access-Control-Request-Headers": "if-none-match"})

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    assert "If-None-Match" in answer.headers["access-control-allow-headers"]


def test_browsers_are_not_told_so_of_other_routes(shared_api: Api) -> None:
    check_problem(shared_api.client.options("/v1/status-changes"), 405, "method-not-allowed")
