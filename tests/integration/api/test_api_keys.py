"""The DID document of the service."""

from datetime import timedelta
from pathlib import Path

import pytest

from anchoring.bootstrap.signing import open_key_ring
from anchoring.ports.signing import KeyKind
from anchoring.settings import ApiSettings, Settings, StatusSettings
from anchoring.signing.did_documents import key_in_document
from anchoring.store.unit_of_work import SqlStore
from tests.api import PUBLIC_URL, Api, check_problem, running
from tests.factories import NOON

DID = "did:web:anchors.example"


def test_document_shows_each_key_for_proofs_and_for_tokens(store: SqlStore, tmp_path: Path) -> None:
    status = StatusSettings(keys=tmp_path / "keys")
    ring = open_key_ring(Settings(status=status, api=ApiSettings(public_url=PUBLIC_URL)))
    made = [ring.create(kind, issuer=None, kid=None, now=NOON) for kind in KeyKind]
    with running(store, status=status) as api:
        answer = api.get("/.well-known/did.json")
        assert answer.headers["content-type"] == "application/did+json"
        assert answer.headers["cache-control"] == "public, max-age=60"
        assert answer.headers["access-control-allow-origin"] == "*"
        assert api.get("/.well-known/did.json", if_none_match=answer.headers["etag"]).status_code == 304
        for key in made:
            assert key_in_document(answer.json(), ring.proof_method(key)) == key.multikey
            assert key_in_document(answer.json(), ring.token_method(key)) == key.multikey
        newer = ring.create(KeyKind.P256, issuer=None, kid=None, now=NOON + timedelta(hours=1))
        assert key_in_document(api.get("/.well-known/did.json").json(), f"{DID}#{newer.multikey}") == newer.multikey


def test_service_without_keys_has_no_document(api: Api) -> None:
    check_problem(api.get("/.well-known/did.json"), 404, "not-found")


@pytest.mark.parametrize("path", ["/.well-known/did.json?x=1"])
def test_unknown_parameter_is_refused(path: str, api: Api) -> None:
    check_problem(api.get(path), 422, "invalid-input")
