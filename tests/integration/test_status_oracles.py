"""Other people's verifiers judge our signed lists: set bits, clear ones, and lists that were changed (tests/oracles)."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from anchoring.core.outcome import Outcome
from anchoring.core.status import MIN_ENTRIES, StatusBits, StatusPurpose
from anchoring.core.status_codec import encode_bitstring, encode_statuslist2021
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.ports.signing import KeyKind
from anchoring.signing.credentials import RingCredentials
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.lists import RingSigner
from anchoring.signing.multikey import to_jwk
from anchoring.signing.own_signatures import OwnSignatures
from anchoring.signing.tokens import sign_token
from anchoring.types import Did, ListId
from scripts.devnet import free_port
from tests.factories import ACADEMY, UNIVERSITY
from tests.other_verifiers import ask

SERVICE = Did("did:web:anchors.example")
NOW = datetime.now(UTC).replace(microsecond=0)  # the libraries look at the clock
SET = (0, 1, 7, 8, 94_567, MIN_ENTRIES - 1)
CLEAR = (2, 9, 94_566, 94_568, MIN_ENTRIES - 2)
SCHEMA = "trusted-schemas-registry/v3/schemas/zDpWGUBenmqXzurskry9Nsk6vq2R8thh9VSeoRqguoyMD"


def check_refused(verdicts: list[dict[str, Any]], reasons: list[str]) -> None:
    assert [verdict["accepted"] for verdict in verdicts] == [False] * len(reasons)
    for verdict, reason in zip(verdicts, reasons, strict=True):
        assert reason in verdict["error"]


def bits_with(*indexes: int) -> StatusBits:
    bits = StatusBits.clear(MIN_ENTRIES)
    for index in indexes:
        bits.change(index, is_set=True)
    return bits


def content(
    purpose: StatusPurpose = StatusPurpose.REVOCATION, url: str = "https://anchors.example/v1/status-lists/1"
) -> ListToSign:
    return ListToSign(
        list_id=ListId(bytes(32)),
        url=url,
        issuer=UNIVERSITY,
        purpose=purpose,
        bits=bits_with(*SET),
        signed_at=NOW,
        valid_until=NOW + timedelta(days=1),
        ttl_s=300,
    )


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    ring = KeyRing(tmp_path / "keys", SERVICE)
    for kind in KeyKind:
        ring.create(kind, issuer=None, kid=None, now=NOW)
    return ring


def signed(ring: KeyRing, what: ListToSign, form: ListForm, schema: str = f"https://schemas.example/{SCHEMA}") -> bytes:
    return RingSigner(ring, cryptosuite="eddsa-jcs-2022", ebsi_schema=schema).sign(what, form)


def credential(index: int, purpose: StatusPurpose = StatusPurpose.REVOCATION, issuer: str = UNIVERSITY) -> dict[str, Any]:
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": issuer,
        "credentialSubject": {"id": "did:example:student"},
        "credentialStatus": {
            "type": "BitstringStatusListEntry",
            "statusPurpose": purpose.value,
            "statusListIndex": str(index),
            "statusListCredential": content().url,
        },
    }


def spoilt_lists(ring: KeyRing) -> list[dict[str, Any]]:
    """With another bit set, another validity, and signed by a key that is not the issuer's."""
    good = json.loads(signed(ring, content(), ListForm.BITSTRING_JSON))
    subject = good["credentialSubject"] | {"encodedList": encode_bitstring(bits_with(*SET, 2))}
    other = KeyRing(ring._folder.parent / "other", SERVICE)
    other.create(KeyKind.ED25519, issuer=None, kid=None, now=NOW)
    foreign = json.loads(signed(other, content(), ListForm.BITSTRING_JSON))
    named = foreign | {"proof": foreign["proof"] | {"verificationMethod": good["proof"]["verificationMethod"]}}
    return [good | {"credentialSubject": subject}, good | {"validUntil": "2099-01-01T00:00:00Z"}, foreign, named]


@pytest.mark.parametrize("purpose", StatusPurpose)
def test_digital_bazaar_accepts_the_json_form_and_reads_its_bits(purpose, ring):
    good = json.loads(signed(ring, content(purpose), ListForm.BITSTRING_JSON))
    base = {"url": content().url, "didDocument": ring.did_document(SERVICE), "matchingIssuers": False, "list": good}
    cases = [base | {"credential": credential(index, purpose)} for index in (*SET, *CLEAR)]
    assert ask("digitalbazaar", cases) == [{"accepted": True, "statuses": [index in SET]} for index in (*SET, *CLEAR)]


def test_digital_bazaar_accepts_no_list_that_was_changed(ring):
    good = json.loads(signed(ring, content(), ListForm.BITSTRING_JSON))
    base = {"url": content().url, "didDocument": ring.did_document(SERVICE), "matchingIssuers": False, "list": good}
    cases = [base | {"list": spoilt, "credential": credential(2)} for spoilt in spoilt_lists(ring)]
    cases += [base | {"credential": credential(2, StatusPurpose.SUSPENSION)}]
    cases += [base | {"credential": credential(2), "matchingIssuers": True}]
    verdicts = ask("digitalbazaar", cases)
    reasons = ["Invalid signature"] * 2 + ["not to be loaded: did:web:anchors.example#", "Invalid signature"]
    reasons += ["status purpose", "Issuers of the status list credential and verifiable credential do not match"]
    check_refused(verdicts, reasons)
    [own] = ask("digitalbazaar", [base | {"credential": credential(0, issuer=SERVICE), "matchingIssuers": True}])
    assert own == {"accepted": True, "statuses": [True]}


def test_digital_bazaar_verifies_a_credential_that_was_issued_here(ring):
    good = RingCredentials(ring).add(credential(2, issuer=SERVICE), SERVICE, NOW)
    spoilt = good | {"credentialSubject": {"id": "did:example:another"}}
    cases = [{"credential": one, "didDocument": ring.did_document(SERVICE)} for one in (good, spoilt)]
    verdicts = ask("digitalbazaar_credential", cases)
    assert verdicts[0] == {"accepted": True, "error": None}
    check_refused(verdicts[1:], ["Invalid signature"])


def test_digital_bazaar_takes_a_proof_over_the_beginning_of_the_contexts_as_ours_does(ring):
    good = RingCredentials(ring).add(credential(2, issuer=SERVICE), SERVICE, NOW)
    contexts, more = good["@context"], "https://w3id.org/security/data-integrity/v2"
    cases = [good | {"@context": one} for one in ([*contexts, more], [*contexts, more, {"x": "https://x.example/"}], [more], [])]
    verdicts = ask("digitalbazaar_credential", [{"credential": one, "didDocument": ring.did_document(SERVICE)} for one in cases])
    ours = [OwnSignatures(RingCredentials(ring)).check(json.dumps(one).encode(), NOW).outcome for one in cases]
    assert [verdict["accepted"] for verdict in verdicts] == [True, True, False, False]
    assert ours == [Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.FAILED]


@pytest.mark.parametrize("purpose", StatusPurpose)
def test_4sure_reads_the_bits_of_the_json_form(purpose, ring):
    good = json.loads(signed(ring, content(purpose), ListForm.BITSTRING_JSON))
    verdicts = ask("foursure", [{"list": good, "credential": credential(index, purpose)} for index in (*SET, *CLEAR)])
    assert [(verdict["verified"], verdict["status"]) for verdict in verdicts] == [
        (index not in SET, int(index in SET)) for index in (*SET, *CLEAR)
    ]


def test_4sure_accepts_no_list_out_of_its_time_or_for_another_purpose(ring):
    late = replace(content(), signed_at=NOW - timedelta(days=2), valid_until=NOW - timedelta(days=1))
    early = replace(content(), signed_at=NOW + timedelta(days=1), valid_until=NOW + timedelta(days=2))
    cases = [
        {"list": json.loads(signed(ring, one, ListForm.BITSTRING_JSON)), "credential": credential(2)} for one in (late, early)
    ]
    good = json.loads(signed(ring, content(), ListForm.BITSTRING_JSON))
    cases += [{"list": good, "credential": credential(2, StatusPurpose.SUSPENSION)}]
    cases += [{"list": good, "credential": credential(MIN_ENTRIES)}]
    check_refused(ask("foursure", cases), ["has expired", "not yet valid", "does not match any purpose", "exceeds buffer bounds"])


@pytest.mark.parametrize(("purpose", "bits", "value"), [(StatusPurpose.REVOCATION, 1, 1), (StatusPurpose.SUSPENSION, 2, 2)])
def test_sd_jwt_reads_the_token_list(purpose, bits, value, ring):
    key = ring.signing_key(KeyKind.P256, UNIVERSITY)
    assert key
    token = signed(ring, content(purpose), ListForm.TOKEN_JWT).decode()
    case = {"token": token, "jwk": to_jwk(key.public), "indexes": [*SET, *CLEAR]}
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(rfc8785.dumps(claims | {"ttl": 1})).rstrip(b"=").decode()
    verdict, refused = ask("sd_jwt", [case, case | {"token": f"{head}.{changed}.{signature}"}])
    assert verdict == {"accepted": True, "bits": bits, "statuses": [value] * len(SET) + [0] * len(CLEAR)}
    assert refused == {"accepted": False, "error": "the signature does not hold"}


def test_ebsi_library_judges_credentials_by_the_list_of_their_issuer(ring):
    own = ring.create(KeyKind.P256, issuer=UNIVERSITY, kid=f"{UNIVERSITY}#k1", now=NOW)
    port = free_port()
    schema = f"http://localhost:{port}/{SCHEMA}"
    url = f"http://localhost:{port}/trusted-issuers-registry/v5/issuers/{UNIVERSITY}/proxies/1/credentials/status/1"
    good = signed(ring, content(url=url), ListForm.STATUSLIST2021_JWT, schema).decode()

    def attestation(index: int, purpose: StatusPurpose = StatusPurpose.REVOCATION) -> str:
        when, stamp = NOW.isoformat().replace("+00:00", "Z"), int(NOW.timestamp())
        vc = {
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "id": f"urn:uuid:00000000-0000-4000-8000-{index:012}",
            "type": ["VerifiableCredential", "VerifiableAttestation"],
            "issuer": UNIVERSITY,
            "issuanceDate": when,
            "issued": when,
            "validFrom": when,
            "credentialSubject": {"id": ACADEMY},
            "credentialSchema": {"id": schema, "type": "FullJsonSchemaValidator2021"},
            "credentialStatus": {
                "id": f"{url}#{index}",
                "type": "StatusList2021Entry",
                "statusPurpose": purpose.value,
                "statusListIndex": str(index),
                "statusListCredential": url,
            },
        }
        claims = {"iss": UNIVERSITY, "sub": ACADEMY, "jti": vc["id"], "iat": stamp, "nbf": stamp, "vc": vc}
        return sign_token(claims, own.private, typ="JWT", kid=f"{UNIVERSITY}#k1").decode()

    def changed() -> str:
        head, body, signature = good.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=="))
        claims["vc"]["credentialSubject"]["encodedList"] = encode_statuslist2021(bits_with())
        return ".".join([head, base64.urlsafe_b64encode(rfc8785.dumps(claims)).rstrip(b"=").decode(), signature])

    late = replace(content(url=url), signed_at=NOW - timedelta(days=2), valid_until=NOW - timedelta(days=1))
    base = {"port": port, "issuer": UNIVERSITY, "kid": f"{UNIVERSITY}#k1", "jwk": to_jwk(own.public), "list": good}
    cases = [base | {"credential": attestation(index)} for index in (*CLEAR, *SET)]
    cases += [base | {"credential": attestation(2), "list": changed()}]
    cases += [base | {"credential": attestation(2), "list": signed(ring, late, ListForm.STATUSLIST2021_JWT, schema).decode()}]
    cases += [base | {"credential": attestation(2, StatusPurpose.SUSPENSION)}]
    verdicts = ask("ebsi/ebsi", cases)
    assert verdicts[: len(CLEAR)] == [{"accepted": True}] * len(CLEAR)
    check_refused(verdicts[len(CLEAR) : len(CLEAR) + len(SET)], ["The credential is revoked"] * len(SET))
    check_refused(verdicts[-3:], ["Invalid signature", "not valid after", 'MUST match the "statusPurpose" property'])
