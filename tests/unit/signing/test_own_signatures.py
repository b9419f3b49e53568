"""The credential's own signature: each format by its rules, and each way to be deceived."""

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from anchoring.core.outcome import Outcome
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.errors import InvalidInput
from anchoring.signing.data_integrity import add_proof
from anchoring.signing.did_documents import key_in_document
from anchoring.signing.key_sources import CarriedKeys
from anchoring.signing.multikey import PrivateKey, sign, to_jwk, to_multikey
from anchoring.signing.own_signatures import OwnSignatures
from anchoring.signing.seals import read_trust_anchors
from scripts.devnet import ROOT

PASSED, FAILED, CANNOT_TELL = Outcome.PASSED, Outcome.FAILED, Outcome.CANNOT_TELL
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
P256 = ec.derive_private_key(7, ec.SECP256R1())
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32)
WEB = "did:web:uni.example"


def did_of(key: PrivateKey) -> str:
    return f"did:key:{to_multikey(key.public_key())}"


def method_of(key: PrivateKey) -> str:
    return f"{did_of(key)}#{to_multikey(key.public_key())}"


def part(value: Any) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jwt(claims: dict[str, Any], key: PrivateKey, **header: Any) -> str:
    alg = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "EdDSA"
    signed = f"{part({'alg': alg} | header)}.{part(claims)}"
    return f"{signed}.{part(sign(key, signed.encode()))}"


def check(body: str | bytes | dict[str, Any], checker: OwnSignatures | None = None) -> tuple[Outcome, str]:
    content = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
    found = (checker or OwnSignatures(CarriedKeys())).check(content, NOW)
    return found.outcome, found.reason


class Documents:
    """Implements ports.KeySource over DID documents at hand."""

    def __init__(self, *documents: dict[str, Any]) -> None:
        self._documents = {one["id"]: one for one in documents}

    def public_key(self, verification_method: str) -> str:
        did = verification_method.partition("#")[0]
        if did not in self._documents:
            raise StatusListError(StatusErrorCode.RETRIEVAL, "out of reach")
        return key_in_document(self._documents[did], verification_method)


def document(key: PrivateKey, relation: str = "assertionMethod", did: str = WEB) -> dict[str, Any]:
    method = {"id": f"{did}#k", "type": "JsonWebKey", "controller": did, "publicKeyJwk": to_jwk(key.public_key())}
    return {"id": did, "verificationMethod": [method], relation: [f"{did}#k"]}


# JWT


@pytest.mark.parametrize("key", [ED, P256], ids=["ed25519", "p-256"])
def test_jwt_of_a_did_key_is_its_issuers(key):
    for header in ({"kid": method_of(key)}, {"kid": f"#{to_multikey(key.public_key())}"}, {}):
        assert check(jwt({"issuer": did_of(key)}, key, **header)) == (PASSED, f"signed with {method_of(key)}")
    assert check(jwt({"iss": did_of(key), "vc": {"issuer": did_of(key)}}, key))[0] is PASSED


def test_jwt_of_a_did_web_counts_where_its_document_lets_the_key_assert():
    token = jwt({"issuer": WEB}, P256, kid=f"{WEB}#k")
    assert check(token) == (CANNOT_TELL, f"the key {WEB}#k was not looked up: that was not allowed")
    assert check(token, OwnSignatures(Documents(document(P256))))[0] is PASSED
    assert check(token, OwnSignatures(Documents(document(P256, "authentication"))))[0] is FAILED
    assert check(token, OwnSignatures(Documents(document(ED))))[0] is FAILED
    assert check(token, OwnSignatures(Documents()))[0] is CANNOT_TELL


def test_jwt_signed_by_another_than_the_issuer_fails():
    outcome, reason = check(jwt({"issuer": did_of(ED)}, OTHER, kid=method_of(OTHER)))
    assert (outcome, "names" in reason) == (FAILED, True)
    assert check(jwt({"issuer": did_of(ED)}, OTHER, kid=method_of(ED)))[0] is FAILED
    assert check(jwt({"issuer": did_of(ED), "iss": did_of(OTHER)}, OTHER, kid=method_of(OTHER)))[0] is FAILED


def test_key_that_the_token_carries_proves_nothing():
    for header in ({"jwk": to_jwk(OTHER.public_key())}, {"jku": "https://evil.example/k"}):
        outcome, reason = check(jwt({"issuer": WEB}, OTHER, **header))
        assert (outcome, "carries itself proves nothing" in reason) == (CANNOT_TELL, True)
        assert check(jwt({"issuer": did_of(ED)}, OTHER, **header))[0] is FAILED


def test_algorithms_are_not_confused():
    unsigned = f"{part({'alg': 'none'})}.{part({'issuer': did_of(ED)})}."
    assert check(unsigned)[0] in {FAILED, CANNOT_TELL}
    assert check(unsigned + "AA")[0] is FAILED
    assert check(jwt({"issuer": did_of(ED)}, ED, alg="ES256"))[0] is FAILED
    assert check(jwt({"issuer": did_of(P256)}, P256, alg="EdDSA"))[0] is FAILED
    outcome, reason = check(jwt({"issuer": did_of(ED)}, ED, alg="HS256"))
    assert (outcome, "is not read here" in reason) == (CANNOT_TELL, True)
    assert check(jwt({"issuer": did_of(ED)}, ED, crit=["exp"], exp=1))[0] is CANNOT_TELL


def test_changed_token_fails():
    header, claims, signature = jwt({"issuer": did_of(ED), "n": 1}, ED).split(".")
    assert check(f"{header}.{part({'issuer': did_of(ED), 'n': 2})}.{signature}")[0] is FAILED
    assert check(f"{header}.{claims}.{part(bytes(64))}")[0] is FAILED
    assert check(f"{header}.{claims}.{part(bytes(63))}")[0] is FAILED


@pytest.mark.parametrize(("times", "outcome"), [
    ({"exp": NOW.timestamp() + 1}, PASSED), ({"exp": NOW.timestamp()}, FAILED), ({"nbf": NOW.timestamp() + 3600}, FAILED),
    ({"iat": NOW.timestamp() - 9}, PASSED), ({"iat": "then"}, FAILED), ({"exp": 10**20}, CANNOT_TELL), ({"exp": True}, FAILED),
])  # fmt: skip
def test_token_counts_in_its_time(times, outcome):
    assert check(jwt({"issuer": did_of(ED)} | times, ED))[0] is outcome


def test_key_that_is_given_counts_whatever_the_token_names():
    given = OwnSignatures(CarriedKeys(), given=to_multikey(P256.public_key()))
    assert check(jwt({"issuer": WEB}, P256, kid="x"), given) == (PASSED, "signed with the key that was given")
    assert check(jwt({"issuer": did_of(ED)}, ED), given)[0] is FAILED
    assert check(jwt({"issuer": WEB}, P256, jwk=to_jwk(OTHER.public_key()), alg="EdDSA"), given)[0] is FAILED


def test_key_of_a_kind_that_is_not_read_is_untold():
    assert check(jwt({"issuer": "did:key:z2J9ga"}, ED))[0] is CANNOT_TELL


# SD-JWT


def sd_jwt(key: PrivateKey, *disclosures: str, tail: str = "", **claims: Any) -> str:
    digests = [part(hashlib.sha256(one.encode()).digest()) for one in disclosures]
    return "~".join([jwt({"issuer": did_of(key), "_sd": digests} | claims, key, typ="dc+sd-jwt"), *disclosures, tail])


def test_sd_jwt_counts_with_disclosures_that_were_signed_for():
    name = part(["salt", "name", "Ada"])
    inner = part(["salt2", "city", "Vigo"])
    outer = part(["salt3", "address", {"_sd": [part(hashlib.sha256(inner.encode()).digest())]}])
    assert check(sd_jwt(ED, name))[0] is PASSED
    assert check(sd_jwt(ED))[0] is PASSED
    assert check(sd_jwt(ED, name, outer).removesuffix("~") + f"~{inner}~")[0] is PASSED
    assert check(sd_jwt(ED, name, tail=jwt({"nonce": "x"}, OTHER))) == (
        PASSED, f"signed with {method_of(ED)}; its key binding was not checked: the issuer names no key of the holder by cnf.jwk")  # fmt: skip


def test_sd_jwt_with_foreign_or_repeated_disclosures_fails():
    name, foreign = part(["salt", "name", "Ada"]), part(["salt", "name", "Eve"])
    assert check(sd_jwt(ED, name) + f"{foreign}~") == (FAILED, "a disclosure is not covered by the signed part")
    assert check(sd_jwt(ED, name) + f"{name}~") == (FAILED, "a disclosure is there twice")
    assert check(sd_jwt(ED, name, _sd_alg="sha-512"))[0] is CANNOT_TELL


# Data Integrity

CREDENTIAL = {"@context": ["https://www.w3.org/ns/credentials/v2"], "issuer": did_of(ED), "credentialSubject": {"n": 1}}


def proven(key: PrivateKey = ED, method: str | None = None, **members: Any) -> dict[str, Any]:
    suite = "eddsa-jcs-2022" if isinstance(key, Ed25519PrivateKey) else "ecdsa-jcs-2019"
    return add_proof(CREDENTIAL | members, key, method or method_of(key), suite, NOW - timedelta(days=1))


@pytest.mark.parametrize("key", [ED, P256], ids=["eddsa", "ecdsa"])
def test_credential_with_a_proof_of_its_issuer_passes(key):
    assert check(proven(key, issuer=did_of(key))) == (PASSED, f"signed with {method_of(key)}")
    assert check(proven(key, issuer={"id": did_of(key)}))[0] is PASSED


@pytest.mark.parametrize("name", ["eddsa-jcs-2022", "ecdsa-jcs-2019-p256"])
def test_published_vectors_hold_with_their_key(name):
    vector = json.loads((ROOT / f"tests/vectors/data-integrity/{name}.json").read_text())
    given = OwnSignatures(CarriedKeys(), given=vector["keyPair"]["publicKeyMultibase"])
    for signed in vector["signed"]:
        assert check(signed)[0] is CANNOT_TELL, "its issuer is no DID, so nobody says whose key it is"
        assert check(signed, given)[0] is PASSED
        assert check(signed | {"name": "changed"}, given)[0] is FAILED


def with_proof(**changes: Any) -> dict[str, Any]:
    made = proven()
    return made | {"proof": made["proof"] | changes}


@pytest.mark.parametrize(("made", "outcome"), [
    (proven() | {"name": "changed"}, FAILED),
    (proven(OTHER), FAILED),
    (proven(OTHER, method_of(ED)), FAILED),
    (with_proof(proofPurpose="authentication"), FAILED),
    (with_proof(created="2026-11-25T00:00:00Z"), FAILED),
    (with_proof(verificationMethod=method_of(OTHER)), FAILED),
    (with_proof(cryptosuite="ecdsa-jcs-2019"), FAILED),
    (with_proof(proofValue="z1"), FAILED),
    (with_proof(cryptosuite="bbs-2023"), CANNOT_TELL),
    (with_proof(previousProof="urn:x"), CANNOT_TELL),
    (CREDENTIAL, CANNOT_TELL),
    (CREDENTIAL | {"proof": [{"type": "CredentialAnchorProof"}]}, CANNOT_TELL),
])  # fmt: skip
def test_proof_that_does_not_show_it(made, outcome):
    assert check(made)[0] is outcome


def test_of_several_proofs_all_that_are_read_must_hold_and_one_be_the_issuers():
    own, other, bad = (
        proven()["proof"],
        proven(OTHER)["proof"],
        proven()["proof"] | {"proofValue": proven(OTHER)["proof"]["proofValue"]},
    )
    anchor, unread = {"type": "CredentialAnchorProof"}, {"type": "Ed25519Signature2020"}
    assert check(CREDENTIAL | {"proof": [other, own, anchor]})[0] is PASSED
    assert check(CREDENTIAL | {"proof": [own, unread]}) == (
        PASSED,
        f"signed with {method_of(ED)}; 1 further proofs are not read here",
    )
    assert check(CREDENTIAL | {"proof": [own, bad]})[0] is FAILED
    assert check(CREDENTIAL | {"proof": [other]})[0] is FAILED


def test_expired_proof_fails():
    from anchoring.signing.data_integrity import _hashed

    options = {name: value for name, value in proven()["proof"].items() if name != "proofValue"} | {
        "expires": "2026-11-23T11:00:00Z"
    }
    from anchoring.core.base58 import encode_base58

    value = "z" + encode_base58(sign(ED, _hashed(dict(CREDENTIAL), options, ED)))
    outcome, reason = check(CREDENTIAL | {"proof": options | {"proofValue": value}})
    assert (outcome, "expired" in reason) == (FAILED, True)


# Seals


def certificate(
    name: str,
    key: Any,
    by: Any = None,
    *,
    ca: bool = False,
    days: int = 30,
    usage: bool = True,
    issues: bool = False,
    purposes: Any = (),
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    issuer, signing = (by[0].subject, by[1]) if by else (subject, key)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
    )
    made = made.not_valid_before(NOW - timedelta(days=days)).not_valid_after(NOW + timedelta(days=days))
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    made = made.add_extension(x509.KeyUsage(usage, usage, False, False, False, ca or issues, ca, False, False), critical=True)
    if purposes:
        made = made.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return made.sign(signing, hashes.SHA256())


def for_purposes(*purposes: Any) -> dict[str, Any]:
    """Sealed by a certificate that is for these."""
    return seal(P256, (certificate("School", P256, (AUTHORITY, ROOT_KEY), purposes=purposes),), alg="ES256")


def thumbprint(algorithm: str = "sha256", encoded: Any = None) -> str:
    return part(hashlib.new(algorithm, encoded or UNIVERSITY.public_bytes(Encoding.DER)).digest())


ROOT_KEY, SEAL_KEY = (rsa.generate_private_key(65537, 2048) for _ in range(2))
AUTHORITY = certificate("Trust Service", ROOT_KEY, ca=True)
UNIVERSITY = certificate("University", SEAL_KEY, (AUTHORITY, ROOT_KEY))
CLAIMS = json.dumps({"issuer": {"id": "urn:epass:org:1"}, "name": "x.y"})
TRUSTING = OwnSignatures(CarriedKeys(), anchors=[AUTHORITY])


def seal(
    key: Any = SEAL_KEY,
    chain: Any = (UNIVERSITY,),
    *,
    payload: str = CLAIMS,
    b64: bool = False,
    named: str | None = None,
    other: Any = None,
    **header: Any,
) -> dict[str, Any]:
    x5c = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain]
    protected = {"alg": "RS256", "x5c": x5c, "b64": b64, "crit": ["b64", "sigT"], "sigT": "2026-11-20T10:00:00Z"} | header
    if named is not None:
        protected["x5t#S256"] = named
    if other is not None:
        protected["x5t#o"] = other
    payload = part(payload.encode()) if b64 else payload
    signed = f"{part(protected)}.{payload}".encode()
    if not isinstance(key, rsa.RSAPrivateKey):
        signature = sign(key, signed)
    else:
        pad = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if protected["alg"] == "PS256" else padding.PKCS1v15()
        signature = key.sign(signed, pad, hashes.SHA256())
    return {
        "payload": payload,
        "signatures": [{"protected": part(protected), "signature": part(signature), "header": {"etsiU": []}}],
    }


def test_seal_of_a_certificate_that_leads_to_a_trust_anchor_passes():
    expected = (
        "sealed by O=University at 2026-11-20T10:00:00Z, as the seal says; revocation of its certificates was not looked at"
    )
    outcome, reason = check(seal(), TRUSTING)
    assert (outcome, reason.startswith(expected)) == (PASSED, True)
    for made in (
        seal(b64=True, crit=["b64"]),
        seal(alg="PS256"),
        seal(chain=(UNIVERSITY, AUTHORITY)),
        seal(iat=int(NOW.timestamp())),
        seal(named=thumbprint(), x5t=thumbprint("sha1"), sigX5ts=[{"digAlg": "S384", "digVal": thumbprint("sha384")}]),
        seal(other={"digAlg": "S512", "digVal": thumbprint("sha512")}),
        for_purposes(ExtendedKeyUsageOID.EMAIL_PROTECTION),
        for_purposes(ExtendedKeyUsageOID.SERVER_AUTH, x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")),
    ):
        assert check(made, TRUSTING)[0] is PASSED
    middle_key = ec.generate_private_key(ec.SECP256R1())
    middle = certificate("Middle", middle_key, (AUTHORITY, ROOT_KEY), ca=True)
    leaf = certificate("School", P256, (middle, middle_key))
    assert check(seal(P256, (leaf, middle), alg="ES256"), TRUSTING)[0] is PASSED
    assert check(seal(P256, (leaf,), alg="ES256"), TRUSTING)[0] is CANNOT_TELL


def test_seal_without_trust_anchors_is_untold_and_a_bad_one_fails_all_the_same():
    assert check(seal())[0] is CANNOT_TELL
    made = seal()
    assert check(made | {"payload": made["payload"].replace("x.y", "x.z")})[0] is FAILED
    assert check(seal(ROOT_KEY))[0] is FAILED


def test_further_signatures_are_said_not_to_be_covered():
    made = seal()
    made["signatures"] += seal(ROOT_KEY)["signatures"]
    assert "signatures after the first are not covered: 1" in check(made, TRUSTING)[1]


def impostor(*, issues: bool = False) -> dict[str, Any]:
    """An organisation that is no authority issues a certificate to somebody else. `issues`: its own says that it may."""
    organisation = certificate("Org", SEAL_KEY, (AUTHORITY, ROOT_KEY), issues=issues)
    forged = certificate("Ministry", P256, (organisation, SEAL_KEY))
    return seal(P256, (forged, organisation), alg="ES256")


@pytest.mark.parametrize(("make", "outcome"), [
    (impostor, CANNOT_TELL),
    (lambda: impostor(issues=True), CANNOT_TELL),
    (lambda: seal(P256, (certificate("Stranger", P256),), alg="ES256"), CANNOT_TELL),
    (lambda: seal(sigT="2026-01-01T00:00:00Z"), FAILED),
    (lambda: seal(sigT="2026-11-24T00:00:00Z"), FAILED),
    (lambda: seal(sigT="never"), FAILED),
    (lambda: seal(alg="ES256"), FAILED),
    (lambda: seal(alg="none"), FAILED),
    (lambda: seal(chain=()), FAILED),
    (lambda: seal(P256, (certificate("No signer", P256, (AUTHORITY, ROOT_KEY), usage=False),), alg="ES256"), FAILED),
    (lambda: for_purposes(ExtendedKeyUsageOID.SERVER_AUTH), FAILED),
    (lambda: seal(named="AAAA"), FAILED),
    (lambda: seal(x5t=thumbprint()), FAILED),
    (lambda: seal(other={"digAlg": "S512", "digVal": thumbprint()}), FAILED),
    (lambda: seal(other={"digAlg": "S3-512", "digVal": "AAAA"}), CANNOT_TELL),
    (lambda: seal(other={"digAlg": ["S256"], "digVal": "AAAA"}), CANNOT_TELL),
    (lambda: seal(other=thumbprint()), FAILED),
    (lambda: seal(sigX5ts=[]), FAILED),
    (lambda: seal(sigX5ts=[{"digAlg": "S256", "digVal": thumbprint(encoded=b"x")}]), FAILED),
    (lambda: seal(crit=["b64"], sigT=None), CANNOT_TELL),
    (lambda: seal(payload='{"name": "x", "name": "y"}'), CANNOT_TELL),
    (lambda: seal(payload='{"exp": 1}'), FAILED),
    (lambda: seal(crit=[]), FAILED),
    (lambda: seal(crit=["sigT"]), FAILED),
    (lambda: seal(crit=["b64", "adoTst"]), FAILED),
    (lambda: seal(x5c=["AAAA"]), FAILED),
    (lambda: seal(crit=["b64", "sigD"], sigD={}), CANNOT_TELL),
    (lambda: seal(crit=["b64", "unheardOf"], unheardOf=1), CANNOT_TELL),
])  # fmt: skip
def test_seal_that_does_not_show_it(make: Callable[[], dict[str, Any]], outcome: Outcome):
    assert check(make(), TRUSTING)[0] is outcome


def test_trust_anchors_are_certificates_in_pem(tmp_path):
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    good.write_bytes(AUTHORITY.public_bytes(Encoding.PEM) + UNIVERSITY.public_bytes(Encoding.PEM))
    bad.write_text("nothing")
    assert read_trust_anchors([good]) == [AUTHORITY, UNIVERSITY]
    for wrong in (bad, tmp_path / "missing.pem"):
        with pytest.raises(InvalidInput):
            read_trust_anchors([wrong])


# What is not read


@pytest.mark.parametrize("body", [b"%PDF-1.7", b"\x89PNG", b"{", b"plain text"])
def test_files_without_a_signature_that_is_read_are_untold(body):
    assert check(body)[0] is CANNOT_TELL
