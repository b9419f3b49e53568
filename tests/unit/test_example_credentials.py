"""The example credentials: content of Annex I, the four forms, and their determinism."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import ECKey

from anchoring.types import parse_did
from scripts.example_courses import COURSES
from scripts.example_credentials import (
    as_pdf,
    as_pretty_json,
    as_sealed_edc,
    as_vc_jwt,
    demo_issuers,
    demo_seal,
    european_microcredential,
    main,
)
from scripts.example_issuers import base58btc, ebsi_did, key_id, public_jwk

DOCUMENT = Path(__file__).parents[2] / "docs" / "example-credential.md"
ISSUER = demo_issuers()[0]
CREDENTIAL = european_microcredential(ISSUER.did, 4)
SNB = "http://data.europa.eu/snb/"
ESCO = "http://data.europa.eu/esco/skill/"
CLAIM = "credentialSubject.hasClaim."
COURSE = CLAIM + "specifiedBy."

ANNEX_I = [
    (1, "credentialSubject.givenName.en", "Elena"),
    (1, "credentialSubject.familyName.en", "Ejemplo"),
    (1, "credentialSubject.fullName.en", "Elena Ejemplo"),
    (1, "credentialSubject.nationalID.notation", "EXAMPLE-0000004"),
    (2, CLAIM + "title.en", "Data Analysis with Python"),
    (2, "displayParameter.title.en", "Data Analysis with Python"),
    (3, "issuer.location.address.countryCode.id", "http://publications.europa.eu/resource/authority/country/ESP"),
    (4, CLAIM + "awardedBy.awardingBody.legalName.es", "Universidad de Vega Clara"),
    (5, "issued", "2026-09-15T09:00:00Z"),
    (5, CLAIM + "awardedBy.awardingDate", "2026-09-15T09:00:00Z"),
    (6, COURSE + "learningOutcome.0.title.en", "Clean and combine data sets with short, readable programs"),
    (6, COURSE + "learningOutcome.0.relatedESCOSkill.0.id", ESCO + "ccd0a1d9-afda-43d9-b901-96344886e14d"),
    (7, COURSE + "creditPoint.framework.id", SNB + "education-credit/6fcec5c5af"),
    (7, COURSE + "creditPoint.point", "4"),
    (7, COURSE + "volumeOfLearning", "PT100H"),
    (8, COURSE + "eqfLevel.id", SNB + "eqf/6"),
    (9, CLAIM + "provenBy.specifiedBy.dcType.id", SNB + "assessment/795dac4096"),
    (10, CLAIM + "influencedBy.specifiedBy.mode.id", SNB + "learning-assessment/e92d221e4d"),
    (11, COURSE + "accreditation.dcType.id", SNB + "accreditation/820101cba6"),
]

# What the European SHACL shapes demand of each class used here.
REQUIRED = {
    "Accreditation": {"title", "dcType", "accreditingAgent"},
    "Address": {"countryCode"},
    "AwardingProcess": {"awardingBody"},
    "CreditPoint": {"framework", "point"},
    "DisplayDetail": {"image", "page"},
    "DisplayParameter": {"title", "primaryLanguage", "language", "individualDisplay"},
    "IndividualDisplay": {"language", "displayDetail"},
    "LearningAchievement": {"title", "awardedBy"},
    "LearningActivity": {"title", "awardedBy"},
    "LearningActivitySpecification": {"title"},
    "LearningAssessment": {"title", "grade", "awardedBy"},
    "LearningAssessmentSpecification": {"title"},
    "LearningOutcome": {"title"},
    "LegalIdentifier": {"notation", "spatial"},
    "MediaObject": {"content", "contentEncoding", "contentType"},
    "Organisation": {"legalName", "location"},
    "Person": {"hasClaim"},
    "Qualification": {"title"},
}


@pytest.fixture(scope="module")
def seal() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    return demo_seal(ISSUER)


def at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step) if step.isdigit() else step]
    return value


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(member)


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize(("element", "path", "value"), ANNEX_I)
def test_annex_i_element_stands_at_its_path(element: int, path: str, value: str) -> None:
    assert at(CREDENTIAL, path) == value


def test_annex_i_list_covers_all_eleven_elements() -> None:
    assert {element for element, _, _ in ANNEX_I} == set(range(1, 12))


def test_documented_paths_exist() -> None:
    text = DOCUMENT.read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    paths = re.findall(r"`((?:credentialSubject|displayParameter|issuer|issued)[\w.]*)`", text)
    assert rows == [str(number) for number in range(1, 12)]
    assert len(paths) >= 11
    for path in paths:
        assert at(CREDENTIAL, path)


def test_credential_has_the_required_envelope() -> None:
    assert CREDENTIAL["@context"] == [
        "https://www.w3.org/2018/credentials/v1",
        "http://data.europa.eu/snb/model/context/edc-ap",
    ]
    assert CREDENTIAL["type"] == ["VerifiableCredential", "EuropeanDigitalCredential"]
    assert CREDENTIAL["credentialSchema"] == {
        "id": "http://data.europa.eu/snb/model/ap/edc-generic-full",
        "type": "ShaclValidator2017",
    }
    assert CREDENTIAL["credentialProfiles"]["id"] == SNB + "credential/e34929035b"
    assert CREDENTIAL["issuer"]["id"] == ISSUER.did
    assert CREDENTIAL["issuer"]["eIDASIdentifier"]["notation"] == "VATES-X00000000"
    assert CREDENTIAL["issued"] == CREDENTIAL["validFrom"] == CREDENTIAL["issuanceDate"]
    assert re.fullmatch(r"urn:credential:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", CREDENTIAL["id"])


@pytest.mark.parametrize("course_number", range(len(COURSES)))
def test_every_node_has_what_its_class_requires(course_number: int) -> None:
    credential = european_microcredential(ISSUER.did, 4, course_number=course_number)
    found = {node["type"] for node in nodes(credential) if isinstance(node.get("type"), str)}
    assert set(REQUIRED) <= found
    for node in nodes(credential):
        if isinstance(node.get("type"), str):
            assert REQUIRED.get(node["type"], set()) <= set(node), node["id"]


def test_ids_name_one_node_each() -> None:
    by_id: dict[str, str] = {}
    for node in nodes(CREDENTIAL):
        if "id" in node:
            text = json.dumps(node, sort_keys=True)
            assert by_id.setdefault(node["id"], text) == text


def test_credential_is_the_same_on_a_second_call() -> None:
    again = european_microcredential(ISSUER.did, 4)
    assert as_pretty_json(again) == as_pretty_json(CREDENTIAL)
    assert rfc8785.dumps(again) == rfc8785.dumps(json.loads(as_pretty_json(CREDENTIAL)))


def test_credentials_of_different_learners_differ() -> None:
    digests = {
        hashlib.sha256(rfc8785.dumps(european_microcredential(issuer.did, number))).digest()
        for issuer in demo_issuers()
        for number in range(200)
    }
    ids = {european_microcredential(issuer.did, number)["id"] for issuer in demo_issuers() for number in range(200)}
    assert len(digests) == len(ids) == 600


def test_credential_of_an_unknown_issuer_names_its_did() -> None:
    did = parse_did("did:example:somebody")
    assert european_microcredential(did, 1)["issuer"]["id"] == did
    assert at(european_microcredential(did, 1), "credentialSubject.hasClaim.awardedBy.awardingBody.id") == did


def test_credential_is_issued_in_utc() -> None:
    moment = datetime(2026, 10, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert european_microcredential(ISSUER.did, 1, issued=moment)["issued"] == "2026-09-30T22:30:00Z"
    with pytest.raises(ValueError, match="time zone"):
        european_microcredential(ISSUER.did, 1, issued=moment.replace(tzinfo=None))


def test_credential_carries_a_reserved_status_entry() -> None:
    entry = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "94567"}
    assert european_microcredential(ISSUER.did, 1, credential_status=entry)["credentialStatus"] == entry
    assert "credentialStatus" not in CREDENTIAL


def test_learner_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="numbered from 0"):
        european_microcredential(ISSUER.did, -1)


def test_ebsi_did_agrees_with_the_published_vectors() -> None:
    assert ebsi_did(bytes(16)) == "did:ebsi:zYcVfxkQb6JRzqk5kF2tNLw"
    assert ebsi_did(bytes(range(16))) == "did:ebsi:zYcXJpGw4oxsrGXc5WdR3UA"
    assert base58btc(b"\0\0\x01") == "112"
    with pytest.raises(ValueError, match="16 bytes"):
        ebsi_did(bytes(15))


def test_demo_issuers_are_three_and_stay_the_same() -> None:
    dids = [issuer.did for issuer in demo_issuers()]
    assert dids == [
        "did:ebsi:zkGAMt6wDypREM1f1cWgJjV",
        "did:ebsi:zkj7PcRreqScwkDoHoNg6wF",
        "did:ebsi:zyqWxaX5U97q2637xEY4bii",
    ]
    assert [parse_did(did) for did in dids] == dids
    assert len({public_jwk(issuer.key)["x"] for issuer in demo_issuers()}) == 3


def test_key_id_is_the_thumbprint_joserfc_computes() -> None:
    for issuer in demo_issuers():
        thumbprint = ECKey.import_key(dict(public_jwk(issuer.key))).thumbprint()
        assert key_id(issuer.did, issuer.key) == f"{issuer.did}#{thumbprint}"


def test_vc_jwt_verifies_with_joserfc() -> None:
    token = as_vc_jwt(CREDENTIAL, ISSUER.key)
    verified = jws.deserialize_compact(token, ECKey.import_key(dict(public_jwk(ISSUER.key))), algorithms=["ES256"])
    payload = json.loads(verified.payload or b"")
    assert verified.headers() == {
        "alg": "ES256",
        "typ": "vc+jwt",
        "cty": "vc",
        "kid": key_id(ISSUER.did, ISSUER.key),
    }
    assert payload["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    assert payload["iss"] == payload["issuer"]["id"] == ISSUER.did
    assert payload["iat"] == int(datetime(2026, 9, 15, 9, tzinfo=UTC).timestamp())
    assert payload["validFrom"] == "2026-09-15T09:00:00Z"
    assert payload["credentialSubject"] == CREDENTIAL["credentialSubject"]
    assert not payload.keys() & {"vc", "vp", "nbf", "issued", "issuanceDate", "expirationDate"}
    assert as_vc_jwt(CREDENTIAL, ISSUER.key) == token


def test_vc_jwt_of_another_key_fails() -> None:
    token = as_vc_jwt(CREDENTIAL, ISSUER.key)
    other = ECKey.import_key(dict(public_jwk(demo_issuers()[1].key)))
    with pytest.raises(BadSignatureError):
        jws.deserialize_compact(token, other, algorithms=["ES256"])


def test_vc_jwt_turns_expiration_date_into_valid_until() -> None:
    token = as_vc_jwt(CREDENTIAL | {"expirationDate": "2031-09-15T09:00:00Z"}, ISSUER.key)
    assert json.loads(unpadded(token.split(".")[1]))["validUntil"] == "2031-09-15T09:00:00Z"


def test_sealed_edc_verifies_over_the_unencoded_payload(seal: tuple[rsa.RSAPrivateKey, x509.Certificate]) -> None:
    sealed = json.loads(as_sealed_edc(CREDENTIAL, *seal))
    assert sealed.keys() == {"payload", "signatures"}
    (signature,) = sealed["signatures"]
    assert signature.keys() == {"protected", "header", "signature"}
    protected = json.loads(unpadded(signature["protected"]))
    assert (protected["alg"], protected["b64"], protected["crit"]) == ("RS256", False, ["b64", "sigT"])
    certificate = x509.load_der_x509_certificate(base64.b64decode(protected["x5c"][0]))
    public_key = certificate.public_key()
    assert isinstance(public_key, rsa.RSAPublicKey)
    signed = f"{signature['protected']}.{sealed['payload']}".encode()
    public_key.verify(unpadded(signature["signature"]), signed, padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        public_key.verify(unpadded(signature["signature"]), signed + b" ", padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(sealed["payload"]) == CREDENTIAL
    assert certificate == seal[1]
    certificate.verify_directly_issued_by(certificate)


def test_sealed_edc_is_the_same_with_the_same_seal(seal: tuple[rsa.RSAPrivateKey, x509.Certificate]) -> None:
    assert as_sealed_edc(CREDENTIAL, *seal) == as_sealed_edc(CREDENTIAL, *seal)


def test_pdf_is_the_same_on_a_second_call() -> None:
    file = as_pdf(CREDENTIAL)
    assert file.startswith(b"%PDF-")
    assert as_pdf(european_microcredential(ISSUER.did, 4)) == file
    assert as_pdf(european_microcredential(ISSUER.did, 8)) != file


def test_pdf_shows_the_learner_and_the_course() -> None:
    file = as_pdf(CREDENTIAL)
    assert file.count(b"/Type /Page\n") == 1
    assert b"(Elena Ejemplo)" in file
    assert b"(Data Analysis with Python)" in file
    assert b"D:20260915090000" in file


def test_main_writes_one_of_each_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "out")]) == 0
    names = ["credential.jsonld", "credential.vc.jwt", "credential.edc.json", "credential.pdf"]
    assert capsys.readouterr().out.split() == [str(tmp_path / "out" / name) for name in names]
    assert json.loads((tmp_path / "out" / "credential.jsonld").read_bytes()) == CREDENTIAL
    assert (tmp_path / "out" / "credential.vc.jwt").read_text() == as_vc_jwt(CREDENTIAL, ISSUER.key)
    assert (tmp_path / "out" / "credential.pdf").read_bytes() == as_pdf(CREDENTIAL)
