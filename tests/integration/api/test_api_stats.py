"""What everybody may see of an installation, who an issuer is, and QR codes."""

import time

import pytest

from tests.api import Api, check_problem, hex_digest, issuer_query, post_and_anchor, record_head
from tests.factories import ACADEMY, NOON, UNIVERSITY


@pytest.fixture
def uncached(api: Api, monkeypatch: pytest.MonkeyPatch) -> Api:
    api.app.state.service.stats._fresh_s = 0
    return api


def test_stats_of_an_empty_installation_are_zeros(uncached: Api) -> None:
    found = uncached.get("/v1/stats").json()

    assert (found["waiting"], found["statusLists"], found["head"], found["rounds"], found["newestBatches"]) == (
        0,
        0,
        None,
        [],
        [],
    )
    assert found["batches"] == {"sealed": 0, "submitted": 0, "confirmed": 0, "final": 0}


def test_stats_count_what_waits_and_what_was_anchored(uncached: Api) -> None:
    post_and_anchor(uncached, 1, 2, 3)
    uncached.post_numbers(4, 5)
    with uncached.store.writing() as uow:
        record_head(uow, uncached.clock, number=300, time=NOON)
        uow.commit()
    uncached.clock.advance(90)

    found = uncached.get("/v1/stats").json()

    assert (found["waiting"], found["batches"]["final"]) == (2, 1)
    assert found["head"]["number"] == 300
    assert found["head"]["lagS"] >= 90
    assert [(one["result"], one["headNumber"]) for one in found["rounds"]] == [("done", 300), ("done", 200)]
    [batch] = found["newestBatches"]
    assert (batch["sequence"], batch["leafCount"]) == (1, 3)
    assert batch["toFinalS"] is not None


def test_stats_name_no_issuer_digest_or_machine(uncached: Api) -> None:
    post_and_anchor(uncached, 1)

    text = uncached.get("/v1/stats").text

    assert not any(word in text for word in (UNIVERSITY, "did:", "0x", hex_digest(1)[2:], "a test"))


def test_stats_are_read_once_in_a_while_however_often_they_are_asked_for(api: Api) -> None:
    first = api.get("/v1/stats")
    api.post_numbers(1)
    again = api.get("/v1/stats")
    api.app.state.service.stats._kept = (time.monotonic() - 5.1, *api.app.state.service.stats._kept[1:])

    assert first.json() == again.json()
    assert first.headers["cache-control"] == "public, max-age=5"
    assert api.get("/v1/stats").json()["waiting"] == 1


def test_issuer_is_named_to_everybody_and_a_stranger_is_not(api: Api) -> None:
    answer = api.get(f"/v1/issuers/{UNIVERSITY}", Origin="https://wallet.example")

    assert answer.json() == {"did": UNIVERSITY, "name": api.issuer.name, "accreditation": None}
    assert answer.headers["access-control-allow-origin"] == "*"
    check_problem(api.get("/v1/issuers/did:web:nobody.example"), 404, "not-found")


def test_qr_code_is_an_image_of_the_kind_that_is_asked_for(api: Api) -> None:
    api.post_numbers(1)
    path = f"/v1/digests/{hex_digest(1)}/qr{issuer_query()}"

    drawn, png = api.get(path), api.get(f"{path}&format=png")

    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.content.startswith(b'<?xml version="1.0" encoding="utf-8"?>\n<svg')
    assert png.headers["content-type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")
    assert api.get(path, If_None_Match=drawn.headers["etag"]).status_code == 304
    check_problem(api.get(f"{path}&format=gif"), 422, "invalid-input")


def test_qr_code_of_nothing_and_of_two_issuers_is_refused(api: Api) -> None:
    api.post_numbers(1)
    api.post_numbers(1, key=api.other)
    path = f"/v1/digests/{hex_digest(1)}/qr"

    assert set(api.get(path).json()["issuers"]) == {UNIVERSITY, ACADEMY}
    check_problem(api.get(f"/v1/digests/{hex_digest(2)}/qr"), 404, "not-found")
    assert api.get(f"{path}{issuer_query()}").content != api.get(f"{path}{issuer_query(ACADEMY)}").content
