"""POST /v1/verify of files into which their proof was put since they were anchored: judged as on the command line."""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from anchoring.blockcerts.rdfc import blockcerts_form
from anchoring.core.blockcerts import finish
from anchoring.core.canonical import Canonicalization, canonicalize
from anchoring.core.merkleproof2019 import NETWORKS
from anchoring.core.proof_json import proof_from_json
from anchoring.core.status_change import StatusAction
from anchoring.pdf.embedding import embed
from anchoring.types import Digest, to_hex
from tests.api import Api, anchor, seal
from tests.factories import UNIVERSITY
from tests.integration.api.test_api_verify import change, outcomes, report
from tests.integration.test_blockcerts import first_model
from tests.integration.test_pdf import SIGNED, digest_of, paint_over
from tests.pdf_forgeries import FORGERIES, append

pytestmark = [
    pytest.mark.parametrize("engine", ["sqlite"], indirect=True),  # what is tried here knows no database
    pytest.mark.usefixtures("judged_here", "named_ledger"),
]

UNFINISHED = json.dumps(first_model(1) | {"issuer": UNIVERSITY}).encode()


@pytest.fixture
def named_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger of the tests is one that Blockcerts has a name for."""
    monkeypatch.setitem(NETWORKS, 31337, "here")


def post_and_prove(api: Api, digest: Digest, rule: Canonicalization) -> dict[str, Any]:
    assert api.post("/v1/digests", {"digests": [{"digest": to_hex(digest), "canonicalization": rule}]}).status_code == 202
    anchor(api, seal(api))
    found: dict[str, Any] = api.get(f"/v1/proofs/{to_hex(digest)}").json()
    return found


def in_pdf(api: Api) -> tuple[bytes, dict[str, Any]]:
    proof = post_and_prove(api, digest_of(SIGNED), Canonicalization.RAW)
    return embed(SIGNED, proof, digest_of(SIGNED)), proof


def in_blockcerts(api: Api) -> tuple[bytes, dict[str, Any]]:
    form = blockcerts_form(UNFINISHED)
    proof = post_and_prove(api, form.digest, Canonicalization.BLOCKCERTS_RDFC)
    return finish(UNFINISHED, proof_from_json(proof), form.digest, verification_method=None), proof


def in_json(api: Api) -> tuple[bytes, dict[str, Any]]:
    credential = {"type": ["VerifiableCredential"], "issuer": UNIVERSITY}
    proof = post_and_prove(api, canonicalize(json.dumps(credential).encode(), "application/json").digest, Canonicalization.JCS)
    return json.dumps(credential | {"proof": [proof]}).encode(), proof


def in_base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


@pytest.mark.parametrize("finished", [in_pdf, in_blockcerts])
def test_file_with_its_proof_inside_passes_until_it_is_revoked(
    api: Api, finished: Callable[[Api], tuple[bytes, dict[str, Any]]]
) -> None:
    body, proof = finished(api)

    found = outcomes(report(api, credentialBase64=in_base64(body)))
    change(api, proof, StatusAction.REVOKE)
    revoked = outcomes(report(api, credentialBase64=in_base64(body), proof=proof))

    assert (found["digest"], found["status"]) == ("passed", "passed")
    assert (revoked["digest"], revoked["status"]) == ("passed", "failed")


def test_altered_file_with_its_proof_inside_fails_by_that_proof(api: Api) -> None:
    body, proof = in_json(api)
    altered = json.loads(body) | {"name": "changed"}

    answer = report(api, credential=altered)

    assert (answer["outcome"], outcomes(answer)["digest"], outcomes(answer)["root"]) == ("failed", "failed", "passed")
    assert api.post("/v1/verify", {"credential": altered, "issuer": "did:web:other.example"}).status_code == 404
    broken = api.post("/v1/verify", {"credential": altered | {"proof": [proof | {"salt": "0x"}]}})
    assert (broken.status_code, broken.json()["type"]) == (422, "urn:credanchor:problem:proof-malformed")
    assert "the proof inside: $.salt" in broken.text


def test_pdf_that_shows_something_else_fails_and_its_signature_is_judged(api: Api) -> None:
    body, proof = in_pdf(api)

    for forged in (append(body, paint_over), FORGERIES["end cut off"](body)):
        found = outcomes(report(api, credentialBase64=in_base64(forged), proof=proof))
        assert (found["digest"], found["credential-signature"]) == ("failed", "failed")


def test_without_the_library_a_pdf_with_its_proof_inside_cannot_be_told(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    body, proof = in_pdf(api)
    monkeypatch.setitem(sys.modules, "pyhanko", None)

    answer = report(api, credentialBase64=in_base64(body), proof=proof)

    assert {outcomes(answer)[name] for name in ("digest", "credential-signature", "status")} == {"cannot tell"}
    assert "pip install 'credanchor[pdf]'" in answer["checks"][0]["reason"]
