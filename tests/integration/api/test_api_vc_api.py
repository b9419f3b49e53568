"""The VC-API: what the W3C's interoperability suites ask of an issuer and a verifier, and what nobody may have signed."""

import base64
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from anchoring.core.base58 import encode_base58
from anchoring.core.status_change import StatusAction
from anchoring.errors import Misconfigured
from anchoring.ports.signing import KeyKind
from anchoring.settings import ApiSettings, Settings, StatusSettings
from anchoring.signing.credentials import RingCredentials
from anchoring.signing.data_integrity import _hashed
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.multikey import sign
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Did
from service.app import create_app
from tests.api import PUBLIC_URL, Api, check_problem, make_app, make_key, make_ring, record_round, running, seal, stored
from tests.factories import NOON, add_issuer

ISSUE, VERIFY = "/v1/vc-api/credentials/issue", "/v1/vc-api/credentials/verify"
SERVICE = Did("did:web:anchors.example")
VCDM = "https://www.w3.org/ns/credentials/v2"
VALID = {
    "@context": [VCDM],
    "id": "urn:uuid:0e7a1b4c-98a5-4c1e-9b55-5a4c5d3b8d11",
    "type": ["VerifiableCredential"],
    "issuer": SERVICE,
    "credentialSubject": {"id": "did:key:z6MkhTNL7i2etLerDK8Acz5t528giE5KA4p75T6ka1E1D74r"},
}


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return make_ring(tmp_path / "keys")


@pytest.fixture
def vc_api(store: SqlStore, ring: KeyRing, tmp_path: Path) -> Iterator[Api]:
    """The service with the VC-API switched on for itself as an issuer; a round has seen the ledger."""
    add_issuer(store, SERVICE, "The service")
    with running(store, status=StatusSettings(keys=tmp_path / "keys"), vc_api_issuer=SERVICE) as api:
        with store.writing() as uow:
            record_round(uow, api.clock)
            uow.commit()
        yield api


def ask(api: Api, path: str, body: Any) -> Any:
    return api.client.post(path, json=body)


def issue(api: Api, **members: Any) -> dict[str, Any]:
    answer = ask(api, ISSUE, {"credential": VALID | members, "options": {}})
    assert answer.status_code == 201, answer.text
    issued: dict[str, Any] = answer.json()["verifiableCredential"]
    return issued


def verify(api: Api, credential: Any) -> Any:
    return ask(api, VERIFY, {"verifiableCredential": credential, "options": {"checks": ["proof", "credentialStatus"]}})


def served_list(api: Api, entry: dict[str, Any]) -> dict[str, Any]:
    answer = api.get(entry["statusListCredential"].removeprefix(PUBLIC_URL), accept="application/ld+json, application/json")
    assert "json" in answer.headers["content-type"]
    found: dict[str, Any] = answer.json()
    return found


def change(api: Api, action: StatusAction, credential: dict[str, Any]) -> None:
    """By the credential's issuer, at the index that the credential names."""
    with api.store.reading() as uow:
        issuer = uow.issuers.with_did(SERVICE)
    assert issuer is not None
    entry = credential["credentialStatus"]
    place = {"list": entry["statusListCredential"].rpartition("/")[2], "index": int(entry["statusListIndex"])}
    answer = api.post("/v1/status-changes", {"changes": [{"action": action} | place]}, key=make_key(api.store, issuer))
    assert answer.status_code == 200, answer.text


def test_suites_assertions_on_an_issued_credential_and_its_list(vc_api: Api) -> None:
    """What vc-bitstring-status-list-test-suite asserts of issuer, list and verifier, but for the properties that ours leaves out."""
    issued = issue(vc_api)

    assert issued["@context"][0] == VCDM
    assert "VerifiableCredential" in issued["type"]
    assert issued["id"] == VALID["id"]
    assert isinstance(issued["issuer"], str)
    assert issued["credentialSubject"] == VALID["credentialSubject"]
    assert issued["proof"]["cryptosuite"] == "eddsa-jcs-2022"
    entry = issued["credentialStatus"]
    assert set(entry) == {"id", "type", "statusPurpose", "statusListIndex", "statusListCredential"}
    assert entry["type"] == "BitstringStatusListEntry"
    assert isinstance(entry["id"], str)
    assert entry["id"] != entry["statusListCredential"]
    assert entry["statusPurpose"] == "revocation"
    assert str(int(entry["statusListIndex"])) == entry["statusListIndex"]
    assert int(entry["statusListIndex"]) >= 0
    assert entry["statusListCredential"].startswith("https://")

    document = served_list(vc_api, entry)
    assert document["@context"][0] == VCDM
    assert {"VerifiableCredential", "BitstringStatusListCredential"} <= set(document["type"])
    assert document["id"] == entry["statusListCredential"]
    assert isinstance(document["issuer"], str)
    assert isinstance(document["proof"], dict)
    subject = document["credentialSubject"]
    assert subject["type"] == "BitstringStatusList"
    assert subject["statusPurpose"] == "revocation"
    assert subject["encodedList"].startswith("u")
    bits = gzip.decompress(base64.urlsafe_b64decode(subject["encodedList"][1:] + "=" * (-len(subject["encodedList"][1:]) % 4)))
    assert len(bits) >= 16 * 1024

    answer = verify(vc_api, issued)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"verified": True, "issuer": SERVICE}

    wrong = VALID | {"statusEntry": {"type": "BitstringStatusListEntry", "statusListIndex": True}}
    refused = ask(vc_api, ISSUE, {"credential": wrong})
    assert check_problem(refused, 422, "invalid-input")["detail"].startswith("$.credential: unknown member 'statusEntry'")


def test_issued_credential_is_anchored_and_bound(vc_api: Api) -> None:
    """It waits like any other that was posted, with the index it names; each has its own."""
    first, second = issue(vc_api), issue(vc_api)
    assert first["credentialStatus"]["statusListIndex"] != second["credentialStatus"]["statusListIndex"]
    assert first["credentialStatus"]["statusListCredential"] == second["credentialStatus"]["statusListCredential"]
    seal(vc_api)
    with vc_api.store.reading() as uow:
        issuer = uow.issuers.with_did(SERVICE)
        assert issuer is not None
        [of] = uow.status_lists.numbered(issuer, "revocation")  # type: ignore[arg-type]
        assert uow.status_lists.count_never_bound(issuer, of.purpose) == 0
        assert sum(int.from_bytes(bytes([byte])).bit_count() for byte in bytes(uow.status_lists.reserved(of.id))) == 2


def test_revoked_is_refused_and_its_neighbour_is_not(vc_api: Api) -> None:
    issued, other = issue(vc_api), issue(vc_api)
    change(vc_api, StatusAction.REVOKE, issued)

    assert "revoked" in check_problem(verify(vc_api, issued), 400, "credential-invalid")["detail"]
    assert verify(vc_api, other).status_code == 200


def test_change_by_digest_counts_as_well(vc_api: Api) -> None:
    """A suspension stands in no list that the credential names; the record of the service knows it."""
    issued = issue(vc_api)
    with vc_api.store.reading() as uow:
        issuer = uow.issuers.with_did(SERVICE)
    assert issuer is not None
    key = make_key(vc_api.store, issuer)
    digest = vc_api.post("/v1/credentials", issued, "application/vc", key=key).json()["digest"]
    for action, status in ((StatusAction.SUSPEND, 400), (StatusAction.REINSTATE, 200)):
        change_ = {"action": action, "digest": digest} | ({"expected": 1} if action is StatusAction.REINSTATE else {})
        answer = vc_api.post("/v1/status-changes", {"changes": [change_]}, key=key)
        assert answer.status_code == 200, answer.text
        assert verify(vc_api, issued).status_code == status


def test_object_as_issuer_and_text_in_a_language_are_signed(vc_api: Api) -> None:
    issued = issue(vc_api, issuer={"id": SERVICE, "name": {"@value": "Universität", "@language": "de"}})

    assert verify(vc_api, issued).status_code == 200


def with_subject(**members: Any) -> dict[str, Any]:
    return VALID | {"credentialSubject": {"id": "urn:x"} | members}


def without(name: str) -> dict[str, Any]:
    return {member: value for member, value in VALID.items() if member != name}


REFUSED: dict[str, tuple[Any, str]] = {
    "a status list": (VALID | {"type": ["VerifiableCredential", "BitstringStatusListCredential"]}, "$.credential.type"),
    "a status list by IRI": (
        VALID | {"type": ["VerifiableCredential", "https://www.w3.org/ns/credentials/status#BitstringStatusListCredential"]},
        "$.credential.type",
    ),
    "an older status list": (VALID | {"type": ["VerifiableCredential", "StatusList2021Credential"]}, "$.credential.type"),
    "a list of the oldest kind": (
        VALID | {"type": ["VerifiableCredential", "RevocationList2020Credential"]},
        "$.credential.type",
    ),
    "a list of suspensions": (with_subject(type="SuspensionList2020"), "$.credential.credentialSubject.type"),
    "a list as subject": (with_subject(type="BitstringStatusList"), "$.credential.credentialSubject.type"),
    "a list among types": (with_subject(type=["X", "StatusList2021"]), "$.credential.credentialSubject.type"),
    "a list among subjects": (
        VALID | {"credentialSubject": [{"id": "urn:x"}, {"type": "BitstringStatusList"}]},
        "$.credential.credentialSubject[1].type",
    ),
    "bits without a type": (with_subject(encodedList="uH4"), "$.credential.credentialSubject.encodedList"),
    "a context of one's own": (VALID | {"@context": [VCDM, {"Mine": "urn:list"}]}, '$.credential["@context"]'),
    "a context elsewhere": (VALID | {"@context": [VCDM, "https://evil.example/v1"]}, '$.credential["@context"]'),
    "an older data model": (VALID | {"@context": ["https://www.w3.org/2018/credentials/v1"]}, '$.credential["@context"]'),
    "a context as text": (VALID | {"@context": VCDM}, '$.credential["@context"]'),
    "no context": (without("@context"), '$.credential["@context"]'),
    "a context further in": (
        with_subject(achieved={"@context": {"x": "urn:x"}}),
        '$.credential.credentialSubject.achieved["@context"]',
    ),
    "a graph further in": (with_subject(**{"@graph": []}), '$.credential.credentialSubject["@graph"]'),
    "a type by keyword": (with_subject(**{"@type": "BitstringStatusList"}), '$.credential.credentialSubject["@type"]'),
    "another's credential": (VALID | {"issuer": "did:web:elsewhere.example"}, "$.credential.issuer"),
    "another's as an object": (VALID | {"issuer": {"id": "did:web:elsewhere.example"}}, "$.credential.issuer"),
    "nobody's credential": (without("issuer"), "$.credential.issuer"),
    "a proof already": (VALID | {"proof": {"type": "DataIntegrityProof"}}, "$.credential"),
    "a status already": (VALID | {"credentialStatus": {"type": "BitstringStatusListEntry"}}, "$.credential.credentialStatus"),
    "no such type": (VALID | {"type": ["Diploma"]}, "$.credential.type"),
    "a type that is none": (VALID | {"type": ["VerifiableCredential", 5]}, "$.credential.type"),
    "no subject": (without("credentialSubject"), "$.credential.credentialSubject"),
    "an empty subject": (VALID | {"credentialSubject": {}}, "$.credential.credentialSubject"),
    "no subjects": (VALID | {"credentialSubject": []}, "$.credential.credentialSubject"),
    "an id that is none": (VALID | {"id": 5}, "$.credential.id"),
    "a time that is none": (VALID | {"validFrom": "yesterday"}, "$.credential.validFrom"),
    "a time without zone": (VALID | {"validUntil": "2026-11-23T12:00:00"}, "$.credential.validUntil"),
    "an end before the beginning": (
        VALID | {"validFrom": "2026-11-23T12:00:00Z", "validUntil": "2026-11-22T12:00:00Z"},
        "$.credential.validUntil",
    ),
    "a token": ("eyJhbGciOiJFZERTQSJ9.e30.", "$.credential"),
    "nothing": (None, "$.credential"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nothing_is_signed_that_could_pass_for_something_else(vc_api: Api, case: str) -> None:
    credential, at = REFUSED[case]
    before = stored(vc_api.store)

    problem = check_problem(ask(vc_api, ISSUE, {"credential": credential}), 422, "invalid-input")

    assert problem["at"] == at
    assert stored(vc_api.store) == before


@pytest.mark.parametrize(
    ("path", "body", "at"),
    [
        (ISSUE, [], "$"),
        (ISSUE, {"credential": VALID, "extra": 1}, "$"),
        (ISSUE, {"credential": VALID, "options": "x"}, "$.options"),
        (VERIFY, {"verifiableCredential": VALID, "credential": VALID}, "$"),
        (VERIFY, {"verifiableCredential": "eyJ.e30."}, "$.verifiableCredential"),
    ],
)
def test_body_of_another_shape_is_refused(vc_api: Api, path: str, body: Any, at: str) -> None:
    assert check_problem(ask(vc_api, path, body), 422, "invalid-input")["at"] == at


@pytest.mark.parametrize("path", [ISSUE, VERIFY])
def test_both_are_switched_off_unless_an_issuer_is_named(api: Api, path: str) -> None:
    check_problem(ask(api, path, {"credential": VALID}), 404, "not-found")


def test_vc_api_without_keys_does_not_start(store: SqlStore) -> None:
    with pytest.raises(Misconfigured, match="CREDANCHOR_STATUS__KEYS"):
        create_app(Settings(api=ApiSettings(vc_api_issuer=SERVICE)), store)


def test_issuer_who_is_not_registered_and_one_without_a_key_here(store: SqlStore, ring: KeyRing, tmp_path: Path) -> None:
    """Both are the operator's to mend: nothing is signed in anybody else's name instead."""
    status = StatusSettings(keys=tmp_path / "keys")
    with running(store, status=status, vc_api_issuer=SERVICE) as api:
        check_problem(ask(api, ISSUE, {"credential": VALID}), 500, "misconfigured")
        add_issuer(store, Did("did:web:other.example"), "Other")
        app = make_app(store, status=status, vc_api_issuer="did:web:other.example")
        with TestClient(app) as client:
            answer = client.post(ISSUE, json={"credential": VALID | {"issuer": "did:web:other.example"}})
        check_problem(answer, 500, "misconfigured")


def test_verifier_refuses_what_was_changed_after_signing(vc_api: Api) -> None:
    issued = issue(vc_api, validUntil="2027-01-01T00:00:00Z")
    entry = issued["credentialStatus"]
    wrong = {
        "another subject": issued | {"credentialSubject": {"id": "urn:another"}},
        "no status": {name: value for name, value in issued.items() if name != "credentialStatus"},
        "another index": issued | {"credentialStatus": entry | {"statusListIndex": "1"}},
        "longer": issued | {"validUntil": "2028-01-01T00:00:00Z"},
        "no proof": {name: value for name, value in issued.items() if name != "proof"},
        "another issuer": issued | {"issuer": "did:web:elsewhere.example"},
        "another's key": issued | {"proof": issued["proof"] | {"verificationMethod": "did:web:elsewhere.example#key"}},
    }
    for case, credential in wrong.items():
        assert verify(vc_api, credential).status_code == 400, case
    assert verify(vc_api, issued).status_code == 200


def test_verifier_says_when_a_credential_is_valid(vc_api: Api) -> None:
    later, past = issue(vc_api, validFrom="2026-11-23T13:00:00Z"), issue(vc_api, validUntil="2026-11-23T11:00:00Z")

    assert "valid from 2026-11-23T13:00:00Z" in check_problem(verify(vc_api, later), 400, "credential-invalid")["detail"]
    assert "valid until 2026-11-23T11:00:00Z" in check_problem(verify(vc_api, past), 400, "credential-invalid")["detail"]
    ending = issue(vc_api, validUntil="2026-11-23T14:00:00Z")
    vc_api.clock.advance(7199)
    assert [verify(vc_api, one).status_code for one in (later, ending)] == [200, 200]
    vc_api.clock.advance(1)
    assert [verify(vc_api, one).status_code for one in (later, ending)] == [200, 400]


def test_status_by_a_list_of_others_is_an_error_with_its_code(vc_api: Api, ring: KeyRing) -> None:
    """Nothing can be told of it, which is not the same as nothing being wrong."""
    entry = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "5",
        "statusListCredential": "https://elsewhere.example/list",
    }
    foreign = RingCredentials(ring).add(VALID | {"credentialStatus": entry}, SERVICE, NOON)
    malformed = RingCredentials(ring).add(VALID | {"credentialStatus": entry | {"statusListIndex": -1}}, SERVICE, NOON)

    assert "own lists only" in check_problem(verify(vc_api, foreign), 400, "credential-invalid")["detail"]
    assert check_problem(verify(vc_api, malformed), 400, "credential-invalid")["code"] == "MALFORMED_VALUE_ERROR"


def test_credential_of_a_did_key_without_status_is_verified(vc_api: Api, tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "theirs", None)
    key = ring.create(KeyKind.ED25519, issuer=None, kid=None, now=NOON)
    theirs = RingCredentials(ring).add(VALID | {"issuer": ring.signer_of(key)}, ring.signer_of(key), NOON)

    assert verify(vc_api, theirs).json() == {"verified": True, "issuer": ring.signer_of(key)}


def test_nobody_vouches_for_a_credential_of_another(vc_api: Api, tmp_path: Path) -> None:
    """The proof holds, by a key that everybody can make: the credential says that it is of somebody else."""
    ring = KeyRing(tmp_path / "theirs", None)
    own = ring.signer_of(ring.create(KeyKind.ED25519, issuer=None, kid=None, now=NOON))
    for issuer in (SERVICE, {"id": SERVICE}, "did:web:elsewhere.example", None):
        theirs = RingCredentials(ring).add(VALID | {"issuer": issuer}, own, NOON)
        assert "and signed with did:key:" in check_problem(verify(vc_api, theirs), 400, "credential-invalid")["detail"]


def test_credential_of_an_unknown_host_is_not_fetched_for(vc_api: Api) -> None:
    issued = issue(vc_api)
    theirs = issued | {"proof": issued["proof"] | {"verificationMethod": "did:web:127.0.0.1#key"}}

    assert "asks no other host" in check_problem(verify(vc_api, theirs), 400, "credential-invalid")["detail"]


@pytest.mark.parametrize(
    ("members", "at"),
    [
        ({"@context": ["https://www.w3.org/2018/credentials/v1"], "expirationDate": "2020-01-01T00:00:00Z"}, '["@context"]'),
        ({"@context": VCDM}, '["@context"]'),
        ({"type": ["Diploma"]}, ".type"),
        ({"credentialSubject": []}, ".credentialSubject"),
        ({"credentialSubject": "urn:x"}, ".credentialSubject"),
    ],
)
def test_what_is_no_credential_of_the_data_model_is_not_verified(members: Any, at: str, vc_api: Api, ring: KeyRing) -> None:
    """Its members could mean anything: the end of an older credential stands in another one."""
    signed = RingCredentials(ring).add(VALID | members, SERVICE, NOON)

    assert check_problem(verify(vc_api, signed), 422, "invalid-input")["at"] == f"$.verifiableCredential{at}"


@pytest.mark.parametrize(
    ("member", "words"),
    [
        ({"expires": "2026-11-23T11:59:59Z"}, "expired at 2026-11-23T11:59:59Z"),
        ({"expires": "2026-11-23T12:00:00Z"}, "expired at 2026-11-23T12:00:00Z"),
        ({"created": "2026-11-23T12:01:01Z"}, "made at 2026-11-23T12:01:01Z, which is still to come"),
        ({"expires": "soon"}, "expires: must be a time"),
        ({"created": 5}, "created: must be a time"),
    ],
)
def test_proof_counts_only_in_its_time(member: Any, words: str, vc_api: Api, ring: KeyRing) -> None:
    good, lasting = ({"expires": "2026-11-23T12:00:01Z"}, {"created": "2026-11-23T12:01:00Z"})

    assert words in check_problem(verify(vc_api, with_proof(ring, member)), 400, "credential-invalid")["detail"]
    assert [verify(vc_api, with_proof(ring, one)).status_code for one in (good, lasting)] == [200, 200]


def with_proof(ring: KeyRing, members: dict[str, Any]) -> dict[str, Any]:
    """Rightly signed, with these members in the proof."""
    key = ring.signing_key(KeyKind.ED25519, SERVICE)
    assert key is not None
    assert key.private is not None
    proof = RingCredentials(ring).add(VALID, SERVICE, NOON)["proof"]
    options = {name: value for name, value in (proof | members).items() if name != "proofValue"}
    return VALID | {
        "proof": options | {"proofValue": "z" + encode_base58(sign(key.private, _hashed(VALID, options, key.private)))}
    }
