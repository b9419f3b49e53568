"""`anchoring.verify`, where neither service nor command line is installed; against a ledger in test_cli_ledger.py."""

import json
from typing import Any

import pytest

import anchoring
from anchoring import CheckName, Outcome
from anchoring.core.canonical import canonicalize
from anchoring.core.proof import parse_registry
from anchoring.core.proof_json import proof_to_json
from anchoring.errors import InvalidInput, MalformedProof
from anchoring.types import to_hex
from tests.factories import NOON, UNIVERSITY
from tests.trees import REGISTRY, Posted, make_posted, make_proof
from tests.verifier_installation import absent_modules, run_as_verifier

CREDENTIAL = json.dumps({"type": ["VerifiableCredential"], "issuer": UNIVERSITY}).encode()
POSTED = Posted(UNIVERSITY, make_posted(0).salt, canonicalize(CREDENTIAL, "application/json").digest)
PROOF = proof_to_json(make_proof(POSTED))

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
        ({"proof": PROOF, "finality": "soon"}, InvalidInput, "finality: "),
        ({"proof": PROOF, "status_signers": ["uni"]}, InvalidInput, "status_signers: not a DID"),
    ],
)
def test_verifier_names_the_argument_that_cannot_be_used(arguments, error, words):
    with pytest.raises(error, match=words):
        anchoring.verify(CREDENTIAL, **arguments)


def test_package_offers_nothing_else():
    with pytest.raises(AttributeError, match="no attribute 'sign'"):
        anchoring.sign  # noqa: B018 - to ask is what is tried


def test_verifier_refuses_a_credential_that_is_no_bytes():
    text: Any = "str"
    for ask in (
        lambda: anchoring.verify(text, PROOF),
        lambda: anchoring.verify_offline(text, PROOF, registry="eip155:1:0x" + "11" * 20, block_hash="0x" + "00" * 32),
    ):
        with pytest.raises(InvalidInput, match="credential: must be bytes, the file as its holder has it, or None"):
            ask()
