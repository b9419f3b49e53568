"""Posting a credential itself: hashed by the rule of its media type, and forgotten."""

import base64
import hashlib
import json

import pytest

from tests.api import PUBLIC_URL, Api, check_problem, stored
from tests.factories import UNIVERSITY

CREDENTIAL = {"type": ["VerifiableCredential"], "issuer": UNIVERSITY, "name": "Æther: one €", "grade": 1.5}
JCS = f'{{"grade":1.5,"issuer":"{UNIVERSITY}","name":"Æther: one €","type":["VerifiableCredential"]}}'.encode()


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


HEADER = base64url(b'{"alg":"ES256"}')
JWT = f"{HEADER}.{base64url(json.dumps({'iss': UNIVERSITY}).encode())}.{base64url(b'signature')}"


def sha256(content: bytes) -> str:
    return "0x" + hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("media_type", "body", "rule", "hashed"),
    [
        ("application/vc", json.dumps(CREDENTIAL, indent=3).encode(), "jcs", JCS),
        ("application/ld+json; charset=utf-8", json.dumps(CREDENTIAL).encode(), "jcs", JCS),
        ("application/json", json.dumps(CREDENTIAL | {"proof": [{"type": "CredentialAnchorProof"}]}).encode(), "jcs", JCS),
        ("application/vc+jwt", JWT.encode() + b"\n", "jws-compact", JWT.encode()),
        ("application/dc+sd-jwt", JWT.encode() + b"~WyJh~", "sd-jwt-issuer", JWT.encode()),
        ("application/pdf", b"%PDF-1.7 \x00\xff", "raw", b"%PDF-1.7 \x00\xff"),
        ("image/png", b"\x89PNG", "raw", b"\x89PNG"),
    ],
)
def test_post_credential_hashes_by_the_rule_of_its_media_type(
    api: Api, media_type: str, body: bytes, rule: str, hashed: bytes
) -> None:
    response = api.post("/v1/credentials", body, media_type)

    assert response.status_code == 202, response.text
    answer = response.json()
    digest, salt = sha256(hashed), answer["salt"]
    links = {kind: f"{PUBLIC_URL}/v1/{kind}s/{digest}?issuer={UNIVERSITY}" for kind in ("digest", "proof")}
    assert answer == {
        "issuer": UNIVERSITY,
        "digest": digest,
        "salt": salt,
        "canonicalization": rule,
        "receivedAt": "2026-11-23T12:00:00Z",
        "maxMergeDelayS": 86_400,
        "notes": answer["notes"],
        "links": links,
    }
    assert response.headers["location"] == links["proof"]
    assert response.headers["cache-control"] == "no-store"
    standing = api.follow(links["digest"]).json()
    assert (standing["canonicalization"], standing["state"]) == (rule, "waiting")


def test_post_credential_says_what_the_digest_does_not_cover(api: Api) -> None:
    jws = {"payload": base64url(b"{}"), "signatures": [{"protected": HEADER, "signature": "c2ln", "header": {"x": 1}}]}

    answer = api.post("/v1/credentials", jws).json()

    assert answer["canonicalization"] == "jws-json"
    assert answer["notes"]


def test_post_credential_again_gives_the_first_answer_again(api: Api) -> None:
    first = api.post("/v1/credentials", CREDENTIAL, "application/vc").json()
    api.clock.advance(60)

    again = api.post("/v1/credentials", CREDENTIAL, "application/ld+json").json()

    assert again == first
    assert api.get("/v1/ledger").json()["waiting"] == 1


def test_post_credential_and_post_its_digest_are_one_entry(api: Api) -> None:
    by_digest = api.post("/v1/digests", {"digests": [sha256(JCS)]}).json()

    by_credential = api.post("/v1/credentials", CREDENTIAL, "application/vc").json()

    assert by_digest["salts"] == [by_credential["salt"]]
    assert by_credential["canonicalization"] is None  # as was said first, which was nothing


def test_post_credential_as_raw_bytes_when_that_is_meant(api: Api) -> None:
    body = json.dumps(CREDENTIAL).encode()

    answer = api.post("/v1/credentials?canonicalization=raw", body, "application/octet-stream").json()

    assert (answer["canonicalization"], answer["digest"]) == ("raw", sha256(body))


def test_post_credential_keeps_nothing_of_it(api: Api) -> None:
    api.post("/v1/credentials", CREDENTIAL | {"name": "MARKER"}, "application/vc")

    assert "MARKER" not in str(stored(api.store))
    assert b"MARKER".hex() not in str(stored(api.store))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_post_credential_of_20_mib_is_taken_and_one_byte_more_is_not(api: Api) -> None:
    body = b"%PDF" + bytes(20 * 1024 * 1024 - 4)

    assert api.post("/v1/credentials", body, "application/pdf").json()["digest"] == sha256(body)
    assert check_problem(api.post("/v1/credentials", body + b"\x00", "application/pdf"), 413, "too-large")["limit"] == len(body)
