"""`anchoring.verify`, where neither service nor command line is installed; against a ledger in test_cli_ledger.py."""

import json
import sys
from io import BytesIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from reportlab.pdfgen import canvas

import anchoring
from anchoring import CheckName, Outcome
from anchoring.blockcerts.rdfc import blockcerts_form
from anchoring.core.canonical import Canonicalization, canonicalize
from anchoring.core.proof import parse_registry
from anchoring.core.proof_json import proof_to_json
from anchoring.errors import InvalidInput, MalformedProof
from anchoring.pdf import embedding
from anchoring.signing.data_integrity import add_proof
from anchoring.signing.multikey import to_jwk, to_multikey
from anchoring.types import as_digest, to_hex
from tests.factories import NOON, UNIVERSITY
from tests.trees import REGISTRY, Posted, make_posted, make_proof, sha256
from tests.verifier_installation import absent_modules, run_as_verifier

CREDENTIAL = json.dumps({"type": ["VerifiableCredential"], "issuer": UNIVERSITY}).encode()
POSTED = Posted(UNIVERSITY, make_posted(0).salt, canonicalize(CREDENTIAL, "application/json").digest)
PROOF = proof_to_json(make_proof(POSTED))
BLOCKCERTS = {
    "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/blockcerts/v3.1"],
    "id": "urn:uuid:1",
    "type": ["VerifiableCredential", "BlockcertsCredential"],
    "issuer": UNIVERSITY,
    "credentialSubject": {"id": "urn:uuid:2"},
}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

VERIFY = """
import anchoring
report = anchoring.verify(sys.argv[2].encode(), sys.argv[3].encode(), registry=sys.argv[4], rpc_url=sys.argv[5])
print(json.dumps({"outcome": report.outcome(), "checks": {check.name: check.outcome for check in report.checks}}))
"""


def outcomes(report: anchoring.Report) -> dict[CheckName, Outcome]:
    return {check.name: check.outcome for check in report.checks}


def test_library_works_without_what_only_the_service_needs():
    assert {"fastapi", "sqlalchemy", "web3", "eth_account", "typer", "structlog", "psycopg"} <= absent_modules()

    answer = run_as_verifier(VERIFY, CREDENTIAL.decode(), json.dumps(PROOF), str(REGISTRY), "http://127.0.0.1:1")

    assert answer["outcome"] == "cannot tell"
    assert {name for name, outcome in answer["checks"].items() if outcome == "passed"} == {
        "digest",
        "path",
        "registry",
        "issuer-match",
    }


def test_command_line_without_its_libraries_names_the_extra():
    ask = """
from anchoring.cli.script import main
try:
    main()
except SystemExit as why:
    print(json.dumps(why.code))
"""

    assert run_as_verifier(ask) == "error: the command line takes libraries that are not here: pip install 'credanchor[service]'"


def test_verifier_without_a_node_tells_what_needs_none():
    report = anchoring.verify(CREDENTIAL, PROOF, now=NOON)

    assert report.outcome() is Outcome.CANNOT_TELL
    assert report.checked_at == NOON
    found = outcomes(report)
    assert [found[name] for name in (CheckName.DIGEST, CheckName.PATH, CheckName.REGISTRY)] == [
        Outcome.PASSED,
        Outcome.PASSED,
        Outcome.CANNOT_TELL,
    ]
    assert (
        next(check.reason for check in report.checks if check.name is CheckName.ROOT)
        == "no contract is pinned to read the root from"
    )


def test_verifier_takes_bytes_objects_and_a_registry_of_either_kind():
    by_text = anchoring.verify(CREDENTIAL, json.dumps(PROOF).encode(), registry=str(REGISTRY), now=NOON)
    by_value = anchoring.verify(CREDENTIAL, PROOF, registry=parse_registry(str(REGISTRY)), now=NOON)

    assert by_text == by_value
    assert outcomes(by_text)[CheckName.REGISTRY] is Outcome.PASSED
    assert "give rpc_url=" in next(check.reason for check in by_text.checks if check.name is CheckName.ROOT)


def test_verifier_fails_another_file_and_another_proof():
    other_file = anchoring.verify(CREDENTIAL.replace(b"Verifiable", b"verifiable"), PROOF)
    other_salt = anchoring.verify(None, PROOF | {"salt": to_hex(bytes(16))})

    assert outcomes(other_file)[CheckName.DIGEST] is Outcome.FAILED
    assert outcomes(other_salt)[CheckName.PATH] is Outcome.FAILED


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"proof": b"{}"}, MalformedProof, r"\$\.type"),
        ({"proof": b"{"}, MalformedProof, "line 1"),
        ({"proof": "{}"}, InvalidInput, "proof: must be the JSON form, as bytes or parsed"),
        ({"proof": PROOF, "registry": "0x00"}, InvalidInput, "registry: expected eip155"),
        ({"proof": PROOF, "registry": 5}, InvalidInput, "registry: must be eip155"),
        ({"proof": PROOF, "rpc_url": b"http://127.0.0.1:1"}, InvalidInput, "rpc_url: must be text"),
        ({"proof": PROOF, "service": 5}, InvalidInput, "service: must be text"),
        ({"proof": PROOF, "service": "x"}, InvalidInput, "service: not a plain URL of HTTP"),
        ({"proof": PROOF, "finality": "soon"}, InvalidInput, "finality: "),
        ({"proof": PROOF, "fetch_keys": "yes"}, InvalidInput, "fetch_keys: must be True or False"),
        ({"proof": PROOF, "allow_private": 1}, InvalidInput, "allow_private: must be True or False"),
        ({"proof": PROOF, "finality": None}, InvalidInput, "finality: must be text"),
        ({"proof": PROOF, "status_signers": ["uni"]}, InvalidInput, "status_signers: not a DID"),
        ({"proof": PROOF, "status_signers": UNIVERSITY}, InvalidInput, "status_signers: must be a list of texts"),
        ({"proof": PROOF, "status_lists": [5]}, InvalidInput, "status_lists: must be a list of paths"),
        ({"proof": PROOF, "trust_anchors": "anchors.pem"}, InvalidInput, "trust_anchors: must be a list of paths"),
        ({"proof": PROOF, "trust_anchors": ["absent.pem"]}, InvalidInput, "absent.pem: cannot be read"),
        ({"proof": PROOF, "key": 5}, InvalidInput, "key: must be a JWK"),
        ({"proof": PROOF, "key": "zUnknown"}, InvalidInput, "key: cannot be used"),
        ({"proof": PROOF, "key": {"kty": b"OKP"}}, InvalidInput, "key: cannot be used"),
        ({"proof": PROOF, "now": "2026-11-29"}, InvalidInput, "now: must be a datetime"),
        ({"proof": PROOF, "now": NOON.replace(tzinfo=None)}, InvalidInput, "now: must say its time zone"),
    ],
)
def test_verifier_names_the_argument_that_cannot_be_used(arguments, error, words):
    with pytest.raises(error, match=words):
        anchoring.verify(CREDENTIAL, **arguments)


@pytest.mark.parametrize(("library", "outcome"), [(True, Outcome.FAILED), (False, Outcome.CANNOT_TELL)])
def test_what_the_proof_says_of_the_rule_never_changes_the_digest_of_an_altered_file(library, outcome, monkeypatch):
    if not library:
        monkeypatch.setitem(sys.modules, "anchoring.blockcerts.rdfc", None)
    files = {b"%PDF-1.7": Outcome.FAILED, b"eyJhbGciOiJFUzI1NiJ9.e30.AA": Outcome.FAILED, CREDENTIAL + b" {": Outcome.FAILED}
    files |= {json.dumps(json.loads(CREDENTIAL) | {"n": 1}).encode(): Outcome.FAILED, json.dumps(BLOCKCERTS).encode(): outcome}
    files |= {json.dumps(BLOCKCERTS | {"proof": [{"type": "MerkleProof2019"}]}).encode(): Outcome.FAILED}

    for file, expected in files.items():
        for hint in (None, *Canonicalization):
            found = anchoring.verify(file, PROOF | {"canonicalization": hint}, now=NOON)
            assert outcomes(found)[CheckName.DIGEST] is expected, (file, hint)


def test_credential_of_blockcerts_is_found_whatever_the_proof_says_of_the_rule():
    body = json.dumps(BLOCKCERTS).encode()
    proof = proof_to_json(make_proof(Posted(UNIVERSITY, make_posted(0).salt, blockcerts_form(body).digest)))

    for hint in (None, *Canonicalization):
        found = anchoring.verify(body, proof | {"canonicalization": hint}, now=NOON)
        assert outcomes(found)[CheckName.DIGEST] is Outcome.PASSED


@pytest.mark.parametrize("arguments", [{"registry": 5}, {"block_hash": b"0x"}, {"validators": "0x"}, {"validators": [5]}])
def test_offline_verifier_names_the_argument_that_cannot_be_used(arguments):
    with pytest.raises(InvalidInput, match=f"{next(iter(arguments))}: must be"):
        anchoring.verify_offline(CREDENTIAL, PROOF, **{"registry": REGISTRY, "block_hash": "0x" + "00" * 32} | arguments)


def test_verifier_takes_the_proof_from_inside_the_credential():
    other = PROOF | {"digest": to_hex(bytes(32))}
    inside = json.dumps(json.loads(CREDENTIAL) | {"proof": [other, PROOF]}).encode()

    found = anchoring.verify(inside, now=NOON)
    offline = anchoring.verify_offline(inside, registry=REGISTRY, block_hash="0x" + "00" * 32, now=NOON)

    assert found == anchoring.verify(inside, PROOF, now=NOON)
    assert outcomes(found)[CheckName.DIGEST] is outcomes(offline)[CheckName.DIGEST] is Outcome.PASSED
    assert anchoring.embedded_proof(inside) == PROOF


def test_verifier_takes_the_proof_of_whom_the_credential_names():
    strangers = PROOF | {"issuer": "did:web:other.example"}
    inside = json.dumps(json.loads(CREDENTIAL) | {"proof": [strangers, PROOF]}).encode()

    assert anchoring.embedded_proof(inside) == PROOF
    assert outcomes(anchoring.verify(inside, now=NOON))[CheckName.ISSUER_MATCH] is Outcome.PASSED


def test_changed_credential_fails_by_the_proof_inside_it():
    changed = json.dumps(json.loads(CREDENTIAL) | {"proof": [PROOF], "name": "changed"}).encode()

    assert outcomes(anchoring.verify(changed))[CheckName.DIGEST] is Outcome.FAILED


def test_verifier_takes_the_proof_from_the_field_of_a_pdf():
    drawn = BytesIO()
    page = canvas.Canvas(drawn)
    page.drawString(100, 700, "Award")
    page.save()
    issued = embedding.prepare(drawn.getvalue())
    proof = proof_to_json(make_proof(Posted(UNIVERSITY, make_posted(0).salt, as_digest(sha256(issued)))))

    report = anchoring.verify(embedding.embed(issued, proof, as_digest(sha256(issued))))

    assert outcomes(report)[CheckName.DIGEST] is Outcome.PASSED


@pytest.mark.parametrize("credential", [None, CREDENTIAL, b"%PDF-1.7\n", b"x", json.dumps({"proof": []}).encode()])
def test_verifier_says_that_there_is_no_proof_inside(credential):
    with pytest.raises(InvalidInput, match="proof: must be given: there is none inside the credential"):
        anchoring.verify(credential)


def test_verifier_without_the_library_for_pdfs_says_which_it_is():
    ask = """
import anchoring
from anchoring.errors import InvalidInput
try:
    anchoring.verify(b"%PDF-1.7")
except InvalidInput as why:
    print(json.dumps(str(why)))
"""

    assert run_as_verifier(ask).endswith("pip install 'credanchor[pdf]'")


@pytest.mark.parametrize("key", [to_multikey(KEY.public_key()), json.dumps(to_jwk(KEY.public_key())), to_jwk(KEY.public_key())])
def test_verifier_takes_the_key_as_multikey_or_jwk(key):
    signed = add_proof(json.loads(CREDENTIAL), KEY, "did:example:a#b", "eddsa-jcs-2022", NOON)

    report = anchoring.verify(json.dumps(signed).encode(), PROOF, key=key, now=NOON)

    assert outcomes(report)[CheckName.CREDENTIAL_SIGNATURE] is Outcome.PASSED


def test_package_offers_nothing_else():
    assert set(anchoring.__all__) <= set(dir(anchoring))
    assert all(getattr(anchoring, name) for name in anchoring.__all__)
    with pytest.raises(AttributeError, match="no attribute 'sign'"):
        anchoring.sign  # type: ignore[attr-defined] # noqa: B018 - to ask is what is tried


def test_verifier_refuses_a_credential_that_is_no_bytes():
    text: Any = "str"
    for ask in (
        lambda: anchoring.verify(text, PROOF),
        lambda: anchoring.verify_offline(text, PROOF, registry="eip155:1:0x" + "11" * 20, block_hash="0x" + "00" * 32),
    ):
        with pytest.raises(InvalidInput, match="credential: must be bytes, the file as its holder has it, or None"):
            ask()
