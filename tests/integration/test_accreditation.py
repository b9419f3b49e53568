"""The check *accreditation*: what a Trusted Issuers Registry shows, in Python and in JavaScript, and beside EBSI's own library."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from anchoring.bootstrap.verifying import find_accreditation
from anchoring.core.accreditation import attributes_to_ask, check_accreditation, read_accreditation_claim
from anchoring.core.outcome import Outcome
from anchoring.core.proof_json import format_time
from anchoring.ports.signing import KeyKind
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.multikey import to_jwk
from anchoring.signing.tokens import sign_token
from anchoring.types import parse_did
from scripts.devnet import free_port
from tests.factories import ACADEMY, NOON, UNIVERSITY
from tests.issuers_registry import COLLECTION, TYPES, attribute, in_token, run_registry
from tests.other_verifiers import ask
from tests.trees import sha256

REGISTRY = f"https://registry.example{COLLECTION}"
ATTRIBUTE = sha256(b"attribute").hex()
URL = f"{REGISTRY}/{UNIVERSITY}/attributes/{ATTRIBUTE}"
KID = f"{UNIVERSITY}#k1"
DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)  # EBSI's library looks at the clock
PERIOD = {"validFrom": format_time(NOW - DAY), "expirationDate": format_time(NOW + DAY)}
PASSED, FAILED, CANNOT_TELL = Outcome


def credential(*references: str, types: Sequence[str] = TYPES, **members: Any) -> bytes:
    terms = [{"id": one, "type": "IssuanceCertificate"} for one in references]
    return json.dumps({"type": types, "issuer": UNIVERSITY, "termsOfUse": terms} | members).encode()


def accreditation(types: Sequence[str] = TYPES, to: str = UNIVERSITY, **members: Any) -> dict[str, Any]:
    made = {
        "type": ["VerifiableCredential", "VerifiableAttestation", "VerifiableAccreditation", "VerifiableAccreditationToAttest"],
        "issuer": ACADEMY,
        "validFrom": format_time(NOON - DAY),
        "expirationDate": format_time(NOON + DAY),
        "credentialSubject": {"id": to, "accreditedFor": [{"schemaId": "urn:x", "types": list(types)}]},
    } | members
    return made | {"issuanceDate": made["validFrom"]}


def answer(kind: str = "TI", did: str = UNIVERSITY, body: str | None = None, **members: Any) -> bytes:
    token = in_token({"vc": accreditation(**members)}) if body is None else body
    return json.dumps(attribute(did, kind, token)).encode()


GOOD = credential(URL)
CASES: dict[str, tuple[bytes, str | None, dict[str, bytes | str | None], Outcome, str]] = {
    "accredited": (GOOD, REGISTRY, {URL: answer()}, PASSED, f"CourseCredential: by {ACADEMY} until 2026-11-24T12:00:00Z"),
    "slash behind the registry": (GOOD, f"{REGISTRY}/", {URL: answer()}, PASSED, "is accredited for"),
    "in a token": (in_token({"iss": UNIVERSITY, "vc": json.loads(GOOD)}).encode(), REGISTRY, {URL: answer()}, PASSED, "CourseC"),
    "data model 2.0": (
        GOOD,
        REGISTRY,
        {URL: answer(body=in_token(accreditation(expirationDate=None, validUntil="2026-11-25T12:00:00+01:00")))},
        PASSED,
        "until 2026-11-25T11:00:00Z",
    ),
    "one object of terms": (
        credential(termsOfUse={"id": URL, "type": "IssuanceCertificate"}),
        REGISTRY,
        {URL: answer()},
        PASSED,
        "is accredited",
    ),
    "giver without a name": (GOOD, REGISTRY, {URL: answer(issuer={"name": "x"})}, PASSED, "by somebody without a name"),
    "no registry": (GOOD, None, {}, CANNOT_TELL, f"was not checked: the credential names {URL}"),
    "no accreditation": (credential(), REGISTRY, {}, CANNOT_TELL, "the issuer's accreditation was not checked"),
    "terms of another kind": (
        credential(termsOfUse=[{"id": URL, "type": "Policy"}, 5]),
        REGISTRY,
        {},
        CANNOT_TELL,
        "accreditation was not checked",
    ),
    "a PDF": (b"%PDF-1.7", REGISTRY, {}, CANNOT_TELL, "the issuer's accreditation was not checked"),
    "two issuers": (credential(URL, iss=ACADEMY), REGISTRY, {URL: answer()}, CANNOT_TELL, "was not checked"),
    "another registry": (credential(f"https://other.example/{UNIVERSITY}/attributes/1"), REGISTRY, {}, CANNOT_TELL, "is not in"),
    "another's attribute": (credential(URL.replace(UNIVERSITY, ACADEMY)), REGISTRY, {}, FAILED, f"no attribute of {UNIVERSITY}"),
    "a path out of it": (credential(f"{REGISTRY}/{UNIVERSITY}/attributes/../x"), REGISTRY, {}, FAILED, "no attribute of"),
    "another type": (GOOD, REGISTRY, {URL: answer(types=["Other"])}, FAILED, "is not accredited for CourseCredential"),
    "not there": (GOOD, REGISTRY, {URL: None}, FAILED, f"{URL} is not there, says its registry"),
    "two, one not there": (
        credential(URL, f"{URL}b"),
        REGISTRY,
        {URL: answer(), f"{URL}b": None},
        FAILED,
        f"{URL}b is not there",
    ),
    "a registry that cannot": (GOOD, REGISTRY, {URL: "HTTP status 503"}, CANNOT_TELL, "is out of reach: HTTP status 503"),
    "revoked": (GOOD, REGISTRY, {URL: answer(kind="Revoked")}, FAILED, "was revoked"),
    "reserved": (GOOD, REGISTRY, {URL: answer(body="")}, FAILED, "is reserved"),
    "of another": (GOOD, REGISTRY, {URL: answer(to=ACADEMY)}, FAILED, "accredits another than"),
    "over before": (GOOD, REGISTRY, {URL: answer(expirationDate=format_time(NOON - DAY))}, FAILED, "ended at 2026-11-22"),
    "begun later": (GOOD, REGISTRY, {URL: answer(validFrom=format_time(NOON + DAY))}, CANNOT_TELL, "began at 2026-11-24"),
    "no time": (GOOD, REGISTRY, {URL: answer(validFrom="soon")}, CANNOT_TELL, "cannot be read as an accreditation"),
    "neither token nor JSON": (GOOD, REGISTRY, {URL: answer(body="hello")}, CANNOT_TELL, "cannot be read as an accreditation"),
    "broken token": (GOOD, REGISTRY, {URL: answer(body="{")}, CANNOT_TELL, "cannot be read as an accreditation"),
    "no JSON": (GOOD, REGISTRY, {URL: b"<html>"}, CANNOT_TELL, "cannot be read as an accreditation"),
    "an array": (GOOD, REGISTRY, {URL: b"[]"}, CANNOT_TELL, "is not described as an attribute"),
    "another's answer": (GOOD, REGISTRY, {URL: answer(did=ACADEMY)}, CANNOT_TELL, "is not described as an attribute"),
    "undefined": (GOOD, REGISTRY, {URL: answer(kind="undefined")}, CANNOT_TELL, "is not described as an attribute"),
    "an accreditation": (
        credential(URL, types=[*TYPES, "VerifiableAccreditationToAttest"]),
        REGISTRY,
        {URL: answer()},
        CANNOT_TELL,
        "is an accreditation itself",
    ),
    "two, one revoked": (
        credential(URL, f"{URL}b"),
        REGISTRY,
        {URL: answer(), f"{URL}b": answer(kind="Revoked")},
        FAILED,
        f"{URL}b was revoked",
    ),
    "two for one type each": (
        credential(URL, f"{URL}b", types=[*TYPES, "Other"]),
        REGISTRY,
        {URL: answer(), f"{URL}b": answer(types=["Other"])},
        PASSED,
        f"by {ACADEMY} until 2026-11-24T12:00:00Z; by {ACADEMY} until",
    ),
}


def http_answer(body: bytes | str | None) -> tuple[str, str, int]:
    """Media type, content and status."""
    content, status = (body, 200) if isinstance(body, bytes) else (b"", 404 if body is None else int(body.split()[-1]))
    return "application/json", base64.b64encode(content).decode(), status


@pytest.fixture(scope="module")
def in_javascript() -> dict[str, dict[str, str]]:
    cases = [
        {
            "judge": "accreditation",
            "credential": base64.b64encode(content).decode(),
            "registry": registry,
            "anchoredAt": format_time(NOON),
            "web": {url: http_answer(body) for url, body in answers.items()},
        }
        for content, registry, answers, _, _ in CASES.values()
    ]
    return dict(zip(CASES, ask("verify_js", cases), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_accreditation_is_judged_alike_in_python_and_in_javascript(name: str, in_javascript: dict[str, dict[str, str]]) -> None:
    content, registry, answers, outcome, words = CASES[name]
    claim = read_accreditation_claim(content)

    found = check_accreditation(claim, registry, {url: answers[url] for url in attributes_to_ask(claim, registry)}, at=NOON)

    assert found.outcome is outcome, found.reason
    assert words in found.reason
    assert in_javascript[name] == {"check": "accreditation", "outcome": found.outcome, "reason": found.reason}


def test_registry_is_asked_over_http_about_the_attribute_that_the_credential_names() -> None:
    path = f"/{UNIVERSITY}/attributes/{ATTRIBUTE}"
    with run_registry({path: json.loads(answer())}) as registry:
        held = find_accreditation(credential(registry + path), registry, at=NOON)
        unknown = find_accreditation(credential(f"{registry}{path}b"), registry, at=NOON)

    assert (held.outcome, unknown.outcome) == (PASSED, FAILED)
    assert unknown.reason.endswith("b is not there, says its registry")


def test_registry_out_of_reach_is_no_verdict() -> None:
    registry = f"http://127.0.0.1:{free_port()}"

    found = find_accreditation(credential(f"{registry}/{UNIVERSITY}/attributes/1"), registry, at=NOON)

    assert found.outcome is CANNOT_TELL
    assert found.reason.endswith("is out of reach: ConnectError")


def test_ebsi_library_accepts_and_refuses_the_same_accreditations(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys", parse_did("did:web:anchors.example"))
    own, now = ring.create(KeyKind.P256, issuer=UNIVERSITY, kid=KID, now=NOW), int(NOW.timestamp())
    assert isinstance(own.private, EllipticCurvePrivateKey)
    base = f"http://localhost:{(port := free_port())}"
    registry = base + COLLECTION
    given = {
        "holds": answer(**PERIOD),
        "revoked": answer(kind="Revoked", **PERIOD),
        "other": answer(types=["Other"], **PERIOD),
        "over": answer(validFrom=format_time(NOW - 2 * DAY), expirationDate=format_time(NOW - DAY)),
    }
    cases, ours = [], []
    for name, body in given.items():
        url = f"{registry}/{UNIVERSITY}/attributes/{name}"
        token = sign_token(attestation(base, url), own.private, typ="JWT", kid=KID)
        answers = {f"{COLLECTION}/{UNIVERSITY}/attributes/{name}": json.loads(body)}
        base_case = {"port": port, "issuer": UNIVERSITY, "kid": KID, "jwk": to_jwk(own.public), "validAt": now}
        cases.append(base_case | {"credential": token.decode(), "attributes": answers})
        ours.append(check_accreditation(read_accreditation_claim(token), registry, {url: body}, at=NOW).outcome)

    verdicts = ask("ebsi/ebsi", cases)

    assert ours == [PASSED, FAILED, FAILED, FAILED]
    assert [one["accepted"] for one in verdicts] == [outcome is PASSED for outcome in ours], verdicts
    reasons = [one.get("error", "") for one in verdicts[1:]]
    assert ["Revoked" in reasons[0], "is not accredited" in reasons[1], "attributes/over" in reasons[2]] == [True] * 3, reasons


def attestation(base: str, accreditation_url: str) -> dict[str, Any]:
    """Claims of a token that EBSI's library accepts, with an accreditation to be looked up."""
    when, stamp = format_time(NOW), int(NOW.timestamp())
    schema = f"{base}/trusted-schemas-registry/v3/schemas/zDpWGUBenmqXzurskry9Nsk6vq2R8thh9VSeoRqguoyMD"
    document = {
        "@context": ["https://www.w3.org/2018/credentials/v1"],
        "id": f"urn:uuid:{uuid4()}",
        "type": [*TYPES],
        "issuer": UNIVERSITY,
        "issuanceDate": when,
        "issued": when,
        "validFrom": when,
        "credentialSubject": {"id": ACADEMY},
        "credentialSchema": {"id": schema, "type": "FullJsonSchemaValidator2021"},
        "termsOfUse": {"id": accreditation_url, "type": "IssuanceCertificate"},
    }
    return {"iss": UNIVERSITY, "sub": ACADEMY, "jti": document["id"], "iat": stamp, "nbf": stamp, "vc": document}
