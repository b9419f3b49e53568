"""Every signed form goes round; what was changed, or is of another, is refused with the code of the standard."""

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import rfc8785
from joserfc import jwt
from joserfc.jwk import ECKey

from anchoring.core.base58 import encode_base58
from anchoring.core.registered_keys import RegisteredKeys
from anchoring.core.status import MIN_ENTRIES, StatusBits, StatusPurpose
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.errors import Conflict, InvalidInput, Misconfigured, NotFound
from anchoring.ports.signing import KeyKind
from anchoring.signing.data_integrity import _hashed, add_proof, check_proof
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.lists import RingSigner, SignedLists
from anchoring.signing.multikey import private_to_jwk, sign, to_jwk
from anchoring.signing.tokens import sign_token
from anchoring.types import Did, ListId
from scripts.devnet import ROOT
from tests.factories import NOON, UNIVERSITY
from tests.unit.signing.test_keys import private_keys

VECTORS = ROOT / "tests" / "vectors" / "data-integrity"
SERVICE = Did("did:web:anchors.example")
SCHEMA = "https://schemas.example/trusted-schemas-registry/v3/schemas/zDpWGUBenmqXzurskry9Nsk6vq2R8thh9VSeoRqguoyMD"
URL = "https://anchors.example/v1/status-lists/" + "ab" * 32


class Published:
    """Implements ports.KeySource: keys of a ring, as its DID document or its did:keys show them."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    def public_key(self, verification_method: str) -> str:
        for key in self.ring.all():
            if verification_method in {self.ring.proof_method(key), self.ring.token_method(key)}:
                return key.multikey
        return RegisteredKeys({}).public_key(verification_method)


def make_ring(folder, did: Did | None = SERVICE) -> KeyRing:
    ring = KeyRing(folder / "keys", did)
    for kind in KeyKind:
        ring.create(kind, issuer=None, kid=None, now=NOON)
    return ring


def signer_with(ring: KeyRing) -> RingSigner:
    return RingSigner(ring, cryptosuite="eddsa-jcs-2022", ebsi_schema=SCHEMA)


def content(purpose: StatusPurpose = StatusPurpose.REVOCATION) -> ListToSign:
    bits = StatusBits.clear(MIN_ENTRIES)
    for index in (0, 7, 94_567, MIN_ENTRIES - 1):
        bits.change(index, is_set=True)
    return ListToSign(
        list_id=ListId(b"\xab" * 32),
        url=URL,
        issuer=UNIVERSITY,
        purpose=purpose,
        bits=bits,
        signed_at=NOON,
        valid_until=NOON + timedelta(days=1),
        ttl_s=300,
    )


@pytest.fixture
def ring(tmp_path):
    return make_ring(tmp_path)


def current(ring, kind):
    return ring.signing_key(kind, UNIVERSITY)


def check(signed: bytes, form: ListForm, ring: KeyRing):
    return SignedLists().check(signed, form.media_type, Published(ring))


def code_of(signed: bytes, form: ListForm, ring: KeyRing) -> StatusErrorCode:
    with pytest.raises(StatusListError) as refused:
        check(signed, form, ring)
    return refused.value.code


@pytest.mark.parametrize("did", [SERVICE, None], ids=["did:web", "did:key"])
@pytest.mark.parametrize("purpose", StatusPurpose)
@pytest.mark.parametrize("form", ListForm)
def test_every_form_says_the_same(form, purpose, did, tmp_path):
    ring, sent = make_ring(tmp_path, did), content(purpose)
    found = check(signer_with(ring).sign(sent, form), form, ring)
    assert (found.form, found.url, found.bits, found.purposes) == (form, URL, sent.bits, {purpose})
    assert (found.signed_at, found.valid_from, found.valid_until) == (NOON, NOON, NOON + timedelta(days=1))
    assert found.ttl_s == (None if form is ListForm.STATUSLIST2021_JWT else 300)
    assert found.signer == (did or found.signer)
    assert found.signer.startswith("did:web" if did else "did:key:z")


@pytest.mark.parametrize("form", ListForm)
def test_list_can_be_read_without_a_key(form, ring):
    signed = signer_with(ring).sign(content(), form)
    found = SignedLists().read(signed, "")
    assert (found.url, found.bits, found.signed_at) == (URL, content().bits, NOON)
    with pytest.raises(StatusListError):
        SignedLists().read(b"%PDF-1.7", "")


@pytest.mark.parametrize("form", ListForm)
def test_form_is_the_same_whoever_makes_it(form, ring, tmp_path):
    other = KeyRing(tmp_path / "keys", SERVICE)
    assert signer_with(ring).sign(content(), form) == signer_with(other).sign(content(), form)


def test_json_form_is_what_the_recommendation_says(ring):
    credential = json.loads(signer_with(ring).sign(content(), ListForm.BITSTRING_JSON))
    assert credential["@context"] == ["https://www.w3.org/ns/credentials/v2"]
    assert (credential["id"], credential["issuer"]) == (URL, SERVICE)
    assert (credential["validFrom"], credential["validUntil"]) == ("2026-11-23T12:00:00Z", "2026-11-24T12:00:00Z")
    subject = credential["credentialSubject"]
    assert (subject["type"], subject["statusPurpose"], subject["ttl"]) == ("BitstringStatusList", "revocation", 300_000)
    assert subject["encodedList"].startswith("u")
    assert credential["proof"]["created"] == "2026-11-23T12:00:00Z"


@pytest.mark.parametrize(
    ("form", "typ"),
    [(ListForm.BITSTRING_JWT, "vc+jwt"), (ListForm.STATUSLIST2021_JWT, "JWT"), (ListForm.TOKEN_JWT, "statuslist+jwt")],
)
def test_another_library_reads_the_tokens(form, typ, ring):
    key = current(ring, KeyKind.P256)
    token = jwt.decode(signer_with(ring).sign(content(), form).decode(), ECKey.import_key(to_jwk(key.public)))
    assert token.header == {"alg": "ES256", "typ": typ, "kid": ring.token_method(key)}
    assert ("vc" in token.claims) is (form is ListForm.STATUSLIST2021_JWT)
    assert ring.token_method(key) == f"{SERVICE}#{ECKey.import_key(to_jwk(key.public)).thumbprint()}"


@pytest.mark.parametrize("cryptosuite", ["eddsa-jcs-2022", "ecdsa-jcs-2019"])
def test_proof_is_of_the_suite_that_was_asked_for(cryptosuite, ring):
    signed = signer_with(ring).sign(content(), ListForm.BITSTRING_JSON, cryptosuite=cryptosuite)
    assert json.loads(signed)["proof"]["cryptosuite"] == cryptosuite
    assert check(signed, ListForm.BITSTRING_JSON, ring).bits == content().bits
    with pytest.raises(InvalidInput, match="there is no cryptosuite bbs-2023 here"):
        signer_with(ring).sign(content(), ListForm.BITSTRING_JSON, cryptosuite="bbs-2023")


# --- published vectors ------------------------------------------------------------------------------------------------


class KeyInFragment:
    def public_key(self, verification_method: str) -> str:
        return verification_method.partition("#")[2]


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text())["signed"]


@pytest.mark.parametrize(
    "signed", vectors("eddsa-jcs-2022") + vectors("ecdsa-jcs-2019-p256"), ids=lambda one: one["proof"]["proofValue"][:6]
)
def test_published_proofs_hold_until_something_is_changed(signed):
    assert check_proof(signed, KeyInFragment()) == signed["proof"]
    proof = signed["proof"]
    for wrong in (
        signed | {"name": "Alumni credential"},
        signed | {"more": 1},
        signed | {"@context": signed["@context"][:1]},
        signed | {"proof": proof | {"created": "2023-02-24T23:36:39Z"}},
        signed | {"proof": proof | {"more": 1}},
        signed | {"proof": proof | {"proofPurpose": "authentication"}},
        signed | {"proof": proof | {"proofValue": proof["proofValue"][1:]}},
        signed | {"proof": proof | {"proofValue": "z" + proof["proofValue"][1:][::-1]}},
        signed
        | {"proof": proof | {"cryptosuite": {"eddsa-jcs-2022": "ecdsa-jcs-2019"}.get(proof["cryptosuite"], "eddsa-jcs-2022")}},
        signed | {"proof": proof | {"cryptosuite": "eddsa-rdfc-2022"}},
        signed | {"proof": proof | {"cryptosuite": ["eddsa-jcs-2022"]}},
        signed | {"proof": []},
        {name: member for name, member in signed.items() if name != "proof"},
    ):
        with pytest.raises(StatusListError) as refused:
            check_proof(wrong, KeyInFragment())
        assert refused.value.code is StatusErrorCode.VERIFICATION


def test_published_proof_is_made_again():
    signed = vectors("eddsa-jcs-2022")[0]
    document = {name: member for name, member in signed.items() if name != "proof"}
    created = datetime.fromisoformat(signed["proof"]["created"])
    assert add_proof(document, private_keys()[0], signed["proof"]["verificationMethod"], "eddsa-jcs-2022", created) == signed


def test_first_known_proof_of_several_counts():
    signed = vectors("eddsa-jcs-2022")[0]
    other = signed["proof"] | {"cryptosuite": "eddsa-rdfc-2022"}
    assert check_proof(signed | {"proof": [other, signed["proof"]]}, KeyInFragment()) == signed["proof"]


@pytest.mark.parametrize("option", [{"proofPurpose": "authentication"}, {"@context": ["https://www.w3.org/ns/credentials/v2"]}])
def test_proof_rightly_made_for_something_else_is_refused(option):
    key = private_keys()[0]
    signed = vectors("eddsa-jcs-2022")[0]
    document = {name: member for name, member in signed.items() if name != "proof"}
    options = {name: member for name, member in (signed["proof"] | option).items() if name != "proofValue"}
    value = "z" + encode_base58(sign(key, _hashed(document, options, key)))
    with pytest.raises(StatusListError) as refused:
        check_proof(document | {"proof": options | {"proofValue": value}}, KeyInFragment())
    assert refused.value.code is StatusErrorCode.VERIFICATION


# --- what is refused --------------------------------------------------------------------------------------------------


def changed(signed: bytes) -> bytes:
    """The same with a bit more set, under the same signature."""
    other = json.loads(signed)
    encoded = other["credentialSubject"]["encodedList"]
    return rfc8785.dumps(other | {"credentialSubject": other["credentialSubject"] | {"encodedList": encoded, "ttl": 1}})


def forged(signed: bytes, **claims) -> bytes:
    head, body, signature = signed.split(b".")
    members = json.loads(base64.urlsafe_b64decode(body + b"=="))
    return b".".join([head, base64.urlsafe_b64encode(rfc8785.dumps(members | claims)).rstrip(b"="), signature])


def resigned(ring, form, typ=None, **claims):
    """Other claims, rightly signed. A value of None takes a member out."""
    key = current(ring, KeyKind.P256)
    body = signer_with(ring).sign(content(), form).split(b".")[1]
    members = json.loads(base64.urlsafe_b64decode(body + b"==")) | claims
    members = {name: member for name, member in members.items() if member is not None}
    kinds = {ListForm.BITSTRING_JWT: "vc+jwt", ListForm.STATUSLIST2021_JWT: "JWT", ListForm.TOKEN_JWT: "statuslist+jwt"}
    return sign_token(members, key.private, typ=kinds[form] if typ is None else typ, kid=ring.token_method(key))


def test_changed_json_is_refused(ring):
    signed = signer_with(ring).sign(content(), ListForm.BITSTRING_JSON)
    assert code_of(changed(signed), ListForm.BITSTRING_JSON, ring) is StatusErrorCode.VERIFICATION


@pytest.mark.parametrize("form", [ListForm.BITSTRING_JWT, ListForm.STATUSLIST2021_JWT, ListForm.TOKEN_JWT])
def test_changed_token_is_refused(form, ring):
    signed = signer_with(ring).sign(content(), form)
    assert code_of(forged(signed, more=1), form, ring) is StatusErrorCode.VERIFICATION
    assert code_of(signed[:-86] + b"A" * 86, form, ring) is StatusErrorCode.VERIFICATION
    assert code_of(signed[:-86] + b"A" * 84, form, ring) is StatusErrorCode.VERIFICATION, "63 bytes"
    for rubbish in (b"", b"a.b", b"[]", b"{}", signed + b".x", b"\xff" * 10):
        assert code_of(rubbish, form, ring) in {StatusErrorCode.MALFORMED, StatusErrorCode.VERIFICATION}


@pytest.mark.parametrize("form", ListForm)
def test_list_of_an_unknown_key_is_refused(form, ring, tmp_path):
    signed = signer_with(make_ring(tmp_path / "other")).sign(content(), form)
    assert code_of(signed, form, ring) is StatusErrorCode.VERIFICATION


@pytest.mark.parametrize(("form", "name"), [(ListForm.BITSTRING_JWT, "issuer"), (ListForm.TOKEN_JWT, "iss")])
def test_list_that_names_another_issuer_than_its_signer_is_refused(form, name, ring):
    assert code_of(resigned(ring, form, **{name: "did:web:other.example"}), form, ring) is StatusErrorCode.VERIFICATION


@pytest.mark.parametrize(
    "header", [{"alg": "Ed25519"}, {"alg": "EdDSA"}, {"alg": "HS256"}, {"crit": ["exp"]}, {"kid": 5}, {"kid": None}]
)
def test_token_whose_header_asks_for_something_else_is_refused(header, ring):
    signed = signer_with(ring).sign(content(), ListForm.TOKEN_JWT)
    _, body, _ = signed.split(b".")
    key = current(ring, KeyKind.P256)
    members = {"alg": "ES256", "typ": "statuslist+jwt", "kid": ring.token_method(key)} | header
    start = base64.urlsafe_b64encode(rfc8785.dumps(members)).rstrip(b"=") + b"." + body
    made = start + b"." + base64.urlsafe_b64encode(sign(key.private, start)).rstrip(b"=")
    assert code_of(made, ListForm.TOKEN_JWT, ring) is StatusErrorCode.VERIFICATION


def test_json_list_that_names_another_issuer_than_its_signer_is_refused(ring):
    key = current(ring, KeyKind.ED25519)
    credential = json.loads(signer_with(ring).sign(content(), ListForm.BITSTRING_JSON)) | {"issuer": UNIVERSITY}
    del credential["proof"]
    signed = rfc8785.dumps(add_proof(credential, key.private, ring.proof_method(key), "eddsa-jcs-2022", NOON))
    assert code_of(signed, ListForm.BITSTRING_JSON, ring) is StatusErrorCode.VERIFICATION


def test_token_of_one_kind_does_not_pass_for_another(ring):
    for typ in ("JWT", "at+jwt", "", "openid4vci-proof+jwt"):
        assert code_of(resigned(ring, ListForm.TOKEN_JWT, typ=typ), ListForm.TOKEN_JWT, ring) is StatusErrorCode.MALFORMED
    assert code_of(resigned(ring, ListForm.BITSTRING_JWT, typ="JWT"), ListForm.BITSTRING_JWT, ring) is StatusErrorCode.MALFORMED
    wrapped = resigned(ring, ListForm.STATUSLIST2021_JWT, typ="vc+jwt")
    assert code_of(wrapped, ListForm.BITSTRING_JWT, ring) is StatusErrorCode.MALFORMED


BITSTRING_FAULTS = {
    "no context": {"@context": None},
    "context of VCDM 1.1 first": {"@context": ["https://www.w3.org/2018/credentials/v1"]},
    "other type": {"type": ["VerifiableCredential"]},
    "issuer no DID": {"issuer": "https://uni.example"},
    "no issuer": {"issuer": None},
    "subject no object": {"credentialSubject": []},
    "time without zone": {"validUntil": "2026-11-24T12:00:00"},
    "no time": {"validUntil": "2026-13-24T12:00:00Z"},
    "time no text": {"validFrom": 1},
    "id no text": {"id": 7},
    "vc inside": {"vc": {}},
}


@pytest.mark.parametrize("members", BITSTRING_FAULTS.values(), ids=BITSTRING_FAULTS.keys())
def test_bitstring_that_breaks_a_rule_is_malformed(members, ring):
    assert code_of(resigned(ring, ListForm.BITSTRING_JWT, **members), ListForm.BITSTRING_JWT, ring) is StatusErrorCode.MALFORMED


SUBJECT_FAULTS = [("type", "StatusList2021"), ("statusPurpose", []), ("statusPurpose", [1]), ("statusPurpose", None), ("encodedList", 3), ("encodedList", "H4sI"), ("ttl", -1), ("ttl", "5"), ("ttl", True), ("statusSize", 2)]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), SUBJECT_FAULTS)
def test_bitstring_whose_subject_breaks_a_rule_is_malformed(name, value, ring):
    body = signer_with(ring).sign(content(), ListForm.BITSTRING_JWT).split(b".")[1]
    subject = json.loads(base64.urlsafe_b64decode(body + b"=="))["credentialSubject"] | {name: value}
    signed = resigned(ring, ListForm.BITSTRING_JWT, credentialSubject=subject)
    assert code_of(signed, ListForm.BITSTRING_JWT, ring) is StatusErrorCode.MALFORMED


def test_list_for_several_purposes_says_all_of_them(ring):
    body = signer_with(ring).sign(content(), ListForm.BITSTRING_JWT).split(b".")[1]
    subject = json.loads(base64.urlsafe_b64decode(body + b"=="))["credentialSubject"] | {
        "statusPurpose": ["revocation", "refresh"]
    }
    signed = resigned(ring, ListForm.BITSTRING_JWT, credentialSubject=subject, issuer={"id": SERVICE, "name": "Anchors"})
    assert check(signed, ListForm.BITSTRING_JWT, ring).purposes == {"revocation", "refresh"}


TOKEN_FAULTS = {
    "no sub": {"sub": None},
    "no iat": {"iat": None},
    "iat no number": {"iat": "2026"},
    "exp beyond all time": {"exp": 10**15},
    "no list": {"status_list": None},
    "no lst": {"status_list": {"bits": 1}},
    "bits a truth": {"status_list": {"bits": True, "lst": "eNo"}},
    "bits of 8": {"status_list": {"bits": 8, "lst": "eNo"}},
    "ttl negative": {"ttl": -5},
}


@pytest.mark.parametrize("claims", TOKEN_FAULTS.values(), ids=TOKEN_FAULTS.keys())
def test_token_list_that_breaks_a_rule_is_malformed(claims, ring):
    assert code_of(resigned(ring, ListForm.TOKEN_JWT, **claims), ListForm.TOKEN_JWT, ring) is StatusErrorCode.MALFORMED


EBSI_FAULTS = [
    {"iss": "did:web:other.example"},
    {"jti": "https://other.example"},
    {"iat": 1},
    {"nbf": 1},
    {"exp": 1},
    {"exp": "x"},
    {"vc": []},
]


@pytest.mark.parametrize("claims", EBSI_FAULTS, ids=lambda claims: next(iter(claims)))
def test_ebsi_list_whose_claims_contradict_it_is_malformed(claims, ring):
    signed = resigned(ring, ListForm.STATUSLIST2021_JWT, **claims)
    assert code_of(signed, ListForm.STATUSLIST2021_JWT, ring) is StatusErrorCode.MALFORMED


def test_proof_may_expire_before_the_list(ring):
    key = current(ring, KeyKind.ED25519)
    credential = json.loads(signer_with(ring).sign(content(), ListForm.BITSTRING_JSON))
    del credential["proof"]
    made = add_proof(
        credential | {"validUntil": "2026-11-26T12:00:00+01:00"},
        key.private,
        ring.proof_method(key),
        "eddsa-jcs-2022",
        NOON + timedelta(hours=1),
    )
    found = check(rfc8785.dumps(made), ListForm.BITSTRING_JSON, ring)
    assert (found.signed_at, found.valid_from) == (NOON + timedelta(hours=1), NOON)
    assert found.valid_until == datetime(2026, 11, 26, 11, tzinfo=UTC)


# --- the ring ---------------------------------------------------------------------------------------------------------


def test_issuers_own_key_signs_its_lists_and_nobody_elses(ring):
    own = ring.create(KeyKind.P256, issuer=UNIVERSITY, kid=f"{UNIVERSITY}#k1", now=NOON)
    signed = signer_with(ring).sign(content(), ListForm.STATUSLIST2021_JWT)
    found = SignedLists().check(signed, "application/jwt", RegisteredKeys({f"{UNIVERSITY}#k1": own.multikey}))
    assert found.signer == UNIVERSITY
    other = replace(content(), issuer=Did("did:web:other.example"))
    assert check(signer_with(ring).sign(other, ListForm.BITSTRING_JWT), ListForm.BITSTRING_JWT, ring).signer == SERVICE
    assert check(signer_with(ring).sign(content(), ListForm.BITSTRING_JSON), ListForm.BITSTRING_JSON, ring).signer == SERVICE
    document = ring.did_document(SERVICE)
    assert own.multikey not in json.dumps(document), "an issuer publishes its own keys"


def test_rotation_keeps_old_lists_verifiable(ring, tmp_path):
    watching = KeyRing(tmp_path / "keys", SERVICE)
    before = current(watching, KeyKind.P256)
    old = signer_with(ring).sign(content(), ListForm.BITSTRING_JWT)
    new = ring.create(KeyKind.P256, issuer=None, kid=None, now=NOON + timedelta(hours=1))
    assert current(watching, KeyKind.P256).multikey == new.multikey != before.multikey
    ring.retire(before.multikey, now=NOON + timedelta(hours=2))
    assert check(old, ListForm.BITSTRING_JWT, watching).bits == content().bits
    document = watching.did_document(SERVICE)
    assert [method["publicKeyMultibase"] for method in document["verificationMethod"] if "publicKeyMultibase" in method].count(
        before.multikey
    ) == 1
    assert {method["id"] for method in document["verificationMethod"]} == set(document["assertionMethod"])
    path = tmp_path / "keys" / f"{before.multikey}.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert private_to_jwk(before.private)["d"] not in path.read_text()
    assert not list((tmp_path / "keys").glob("*.partial"))
    ring.retire(new.multikey, now=NOON + timedelta(hours=3))
    with pytest.raises(Misconfigured, match="no key of type p-256"):
        signer_with(watching).sign(content(), ListForm.TOKEN_JWT)


def test_key_is_retired_once_and_must_be_there(ring):
    key = ring.all()[0].multikey
    ring.retire(key, now=NOON)
    with pytest.raises(Conflict, match="was retired at 2026-11-23T12:00:00Z"):
        ring.retire(key, now=NOON)
    with pytest.raises(NotFound, match="there is no key zNone"):
        ring.retire("zNone", now=NOON)


@pytest.mark.parametrize(
    ("issuer", "kid"),
    [(UNIVERSITY, None), (None, f"{UNIVERSITY}#k"), (UNIVERSITY, "did:web:other.example#k"), (UNIVERSITY, UNIVERSITY)],
)
def test_issuers_key_needs_its_own_name(issuer, kid, ring):
    with pytest.raises(InvalidInput, match="kid: an issuer's key needs its absolute DID URL"):
        ring.create(KeyKind.P256, issuer=issuer, kid=kid, now=NOON)
    assert len(ring.all()) == 2


def test_key_file_that_is_none_or_open_to_others_is_refused_by_name(ring, tmp_path):
    path = tmp_path / "keys" / f"{ring.all()[0].multikey}.json"
    path.chmod(0o640)
    with pytest.raises(Misconfigured, match="readable by no other"):
        KeyRing(tmp_path / "keys", SERVICE).all()
    path.chmod(0o600)
    for rubbish in ("", "{}", "[]", path.read_text().replace("OKP", "EC"), path.read_text().replace("2026", "never")):
        path.write_text(rubbish)
        with pytest.raises(Misconfigured, match=f"{path.name} is not a key"):
            KeyRing(tmp_path / "keys", SERVICE).all()


def test_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Misconfigured, match=r"CREDANCHOR_STATUS__KEYS: .*none cannot be read"):
        KeyRing(tmp_path / "none", None).all()


def test_repr_shows_no_secret(ring):
    key = ring.all()[0]
    assert repr(key) == f"RingKey({key.multikey})"
