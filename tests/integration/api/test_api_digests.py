"""Posting digests: three forms of body, three forms of answer, the same digest again."""

import pytest

from anchoring.types import to_hex
from tests.api import BINARY, JSON, NDJSON, PUBLIC_URL, Api, check_problem, hex_digest, issuer_query, seal
from tests.factories import ACADEMY, UNIVERSITY, make_digest


def test_post_digests_answers_salts_and_times_in_the_order_of_the_input(api: Api) -> None:
    response = api.post_numbers(3, 1, 2)

    assert response.status_code == 202
    answer = response.json()
    assert answer["issuer"] == UNIVERSITY
    assert answer["receivedAt"] == ["2026-11-23T12:00:00Z"] * 3
    assert answer["links"] == {
        "digest": f"{PUBLIC_URL}/v1/digests/{{digest}}?issuer={UNIVERSITY}",
        "proof": f"{PUBLIC_URL}/v1/proofs/{{digest}}?issuer={UNIVERSITY}",
    }
    assert response.headers["cache-control"] == "no-store"
    with api.store.reading() as uow:
        recorded = uow.entries.of_issuer(api.issuer, [make_digest(i) for i in (1, 2, 3)])
    assert answer["salts"] == [to_hex(recorded[make_digest(i)].salt) for i in (3, 1, 2)]
    assert len(set(answer["salts"])) == 3


@pytest.mark.parametrize("media_type", [NDJSON, BINARY, "Application/JSON; charset=utf-8"])
def test_post_digests_takes_every_form_of_body(api: Api, media_type: str) -> None:
    digests = [make_digest(i) for i in range(3)]
    body = {
        NDJSON: b'"'
        + digests[0].hex().encode()
        + b'"\n{"digest":"0x'
        + digests[1].hex().upper().encode()
        + b'","canonicalization":"jws-json"}\r\n "'
        + digests[2].hex().encode()
        + b'"',
        BINARY: b"".join(digests),
    }.get(media_type) or (
        b'{"digests": ["'
        + digests[0].hex().encode()
        + b'", {"digest": "'
        + digests[1].hex().encode()
        + b'", "canonicalization": "jws-json"}, {"digest": "'
        + digests[2].hex().encode()
        + b'", "canonicalization": null}]}'
    )

    answer = api.post("/v1/digests", body, media_type).json()

    again = api.post_numbers(0, 1, 2).json()
    assert answer["salts"] == again["salts"]
    named = api.get(f"/v1/digests/{hex_digest(1)}").json()["canonicalization"]
    assert named == (None if media_type == BINARY else "jws-json")
    assert api.get(f"/v1/digests/{hex_digest(0)}").json()["canonicalization"] is None


def test_post_digests_again_gives_the_first_answer_again(api: Api) -> None:
    first = api.post_numbers(1).json()
    api.clock.advance(60)

    mixed = api.post_numbers(2, 1, 1).json()

    assert mixed["salts"][1:] == first["salts"] * 2
    assert mixed["receivedAt"] == ["2026-11-23T12:01:00Z", *first["receivedAt"] * 2]
    assert api.get("/v1/ledger").json()["waiting"] == 2


def test_post_digests_keeps_issuers_apart(api: Api) -> None:
    assert api.post_numbers(1).json()["salts"] != api.post_numbers(1, key=api.other).json()["salts"]
    assert api.get("/v1/ledger").json()["waiting"] == 2


def test_post_digests_answers_salts_as_bytes(api: Api) -> None:
    as_text = api.post_numbers(2, 1).json()["salts"]

    response = api.post("/v1/digests", make_digest(2) + make_digest(1), BINARY, Accept=BINARY)

    assert response.status_code == 202
    assert response.headers["content-type"] == BINARY
    assert [to_hex(response.content[:16]), to_hex(response.content[16:])] == as_text


@pytest.mark.parametrize("prefer", ["return=minimal", "respond-async, return = minimal; foo"])
def test_post_digests_answers_nothing_when_that_is_preferred(api: Api, prefer: str) -> None:
    response = api.post("/v1/digests", make_digest(1), BINARY, Prefer=prefer, Accept=BINARY)

    assert response.status_code == 202
    assert response.content == b""
    assert response.headers["preference-applied"] == "return=minimal"
    assert api.get(f"/v1/digests/{hex_digest(1)}").status_code == 200


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_post_digests_takes_100_000_at_once(api: Api) -> None:
    body = b"".join(make_digest(i) for i in range(100_000))

    response = api.post("/v1/digests", body, BINARY, Accept=BINARY)

    assert response.status_code == 202
    assert len(response.content) == 1_600_000
    assert api.get("/v1/ledger").json()["waiting"] == 100_000
    problem = check_problem(api.post("/v1/digests", body + make_digest(100_000), BINARY), 413, "too-large")
    assert problem["limit"] == 100_000
    assert api.get("/v1/ledger").json()["waiting"] == 100_000


@pytest.mark.parametrize(
    "written", ["{}", "0x{}", "{upper}", "0x{upper}"], ids=["bare", "with 0x", "upper case", "upper case with 0x"]
)
def test_get_digest_takes_hexadecimal_as_people_write_it(api: Api, written: str) -> None:
    api.post_numbers(1)
    digits = make_digest(1).hex()

    response = api.get("/v1/digests/" + written.format(digits, upper=digits.upper()))

    assert response.json()["digest"] == hex_digest(1)


def test_get_digest_says_where_it_stands(api: Api) -> None:
    api.post_numbers(1)

    response = api.get(f"/v1/digests/{hex_digest(1)}")

    assert response.headers["cache-control"] == "no-cache"
    links = {kind: f"{PUBLIC_URL}/v1/{kind}s/{hex_digest(1)}?issuer={UNIVERSITY}" for kind in ("digest", "proof")}
    assert response.json() == {
        "issuer": UNIVERSITY,
        "digest": hex_digest(1),
        "canonicalization": None,
        "receivedAt": "2026-11-23T12:00:00Z",
        "state": "waiting",
        "root": None,
        "retryAfterS": 60,
        "links": links,
    }
    assert api.follow(links["digest"]).json() == response.json()


def test_get_digest_of_several_issuers_offers_links_that_work(api: Api) -> None:
    api.post_numbers(1)
    api.post_numbers(1, key=api.other)

    response = api.get(f"/v1/digests/{hex_digest(1)}")

    assert response.status_code == 300
    assert response.json()["issuers"] == [UNIVERSITY, ACADEMY]
    assert [api.follow(link).json()["issuer"] for link in response.json()["links"]] == [UNIVERSITY, ACADEMY]
    check_problem(api.get(f"/v1/digests/{hex_digest(1)}{issuer_query()}x"), 404, "not-found")


def test_get_digest_that_nobody_posted_is_not_found(api: Api) -> None:
    problem = check_problem(api.get(f"/v1/digests/{hex_digest(1)}"), 404, "not-found")

    assert problem["detail"] == f"digest {hex_digest(1)} was not posted here"


def test_delete_digest_waits_until_its_batch_is_sealed(api: Api) -> None:
    api.post_numbers(1, 2)

    response = api.delete(f"/v1/digests/{hex_digest(1)}")

    assert response.status_code == 202
    assert response.headers["retry-after"] == "60"
    assert response.json() == {"digest": hex_digest(1), "erased": False, "retryAfterS": 60}
    assert api.delete(f"/v1/digests/{hex_digest(1)}").status_code == 202
    seal(api)
    check_problem(api.get(f"/v1/digests/{hex_digest(1)}"), 404, "not-found")
    assert api.get(f"/v1/digests/{hex_digest(2)}").json()["state"] == "sealed"


def test_delete_digest_of_a_sealed_batch_erases_at_once(api: Api) -> None:
    api.post_numbers(1, 2)
    seal(api)

    response = api.delete(f"/v1/digests/{hex_digest(1)}")

    assert response.status_code == 204
    assert response.content == b""
    check_problem(api.get(f"/v1/digests/{hex_digest(1)}"), 404, "not-found")
    check_problem(api.get(f"/v1/proofs/{hex_digest(1)}"), 404, "not-found")
    check_problem(api.delete(f"/v1/digests/{hex_digest(1)}"), 404, "not-found")


def test_delete_digest_of_another_issuer_is_not_found_and_changes_nothing(api: Api) -> None:
    api.post_numbers(1)
    seal(api)

    check_problem(api.delete(f"/v1/digests/{hex_digest(1)}", key=api.other), 404, "not-found")

    assert api.get(f"/v1/digests/{hex_digest(1)}").status_code == 200


def test_digest_posted_again_while_its_erasure_waits_stays(api: Api) -> None:
    first = api.post_numbers(1).json()
    assert api.delete(f"/v1/digests/{hex_digest(1)}").status_code == 202

    assert api.post_numbers(1).json() == first

    seal(api)
    assert api.get(f"/v1/digests/{hex_digest(1)}").json()["state"] == "sealed"


def test_erased_digest_can_be_posted_anew(api: Api) -> None:
    first = api.post_numbers(1).json()
    seal(api)
    api.delete(f"/v1/digests/{hex_digest(1)}")

    second = api.post_numbers(1).json()

    assert second["salts"] != first["salts"]
    assert api.get(f"/v1/digests/{hex_digest(1)}").json()["state"] == "waiting"


def test_media_type_of_the_constants_is_what_openapi_names(api: Api) -> None:
    body = api.app.openapi()["paths"]["/v1/digests"]["post"]["requestBody"]["content"]

    assert set(body) == {JSON, NDJSON, BINARY}
