"""Keys that sign status lists: the commands, the files, and the registered public keys of issuers on every database."""

import json
from datetime import timedelta

import pytest

from anchoring.bootstrap.signing import open_signer, service_did
from anchoring.errors import Conflict, InvalidInput, NotFound
from anchoring.settings import ApiSettings, Settings, StatusSettings
from anchoring.usecases.manage_status_keys import add_status_key, retire_status_key
from tests.factories import ACADEMY, NOON, UNIVERSITY, add_issuer

KID = f"{UNIVERSITY}#k1"
MULTIKEY = "zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP"
JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "myPoRDa5QONxWQ2rB3OJ7ftHlRDWQHhbNH7ra2Y1-i0",
    "y": "q00oUQjzvETQkjCM2F22dvChyqXKa0wsiVGLd--yz5Y",
}


def test_registered_keys_are_the_issuers_until_they_are_retired(store):
    issuer, other = add_issuer(store), add_issuer(store, ACADEMY, "Academy")
    with store.writing() as uow:
        add_status_key(uow, issuer, KID, MULTIKEY, now=NOON)
        add_status_key(uow, issuer, f"{UNIVERSITY}#k2", MULTIKEY, now=NOON)
        retire_status_key(uow, KID, now=NOON + timedelta(hours=1))
        uow.commit()
    with store.writing() as uow:
        assert uow.status_keys.of_issuer(other) == []
        first, second = uow.status_keys.of_issuer(issuer)
        assert (first.verification_method, first.added_at, first.retired_at) == (KID, NOON, NOON + timedelta(hours=1))
        assert second.retired_at is None
        with pytest.raises(Conflict, match="is registered already"):
            add_status_key(uow, issuer, KID, MULTIKEY, now=NOON)
        with pytest.raises(NotFound, match="is in use"):
            retire_status_key(uow, KID, now=NOON)
        for name in (UNIVERSITY, f"{UNIVERSITY}#", f"{ACADEMY}#k1", f"{UNIVERSITY}#ü"):
            with pytest.raises(InvalidInput, match="a key of this issuer is named"):
                add_status_key(uow, issuer, name, MULTIKEY, now=NOON)


def test_service_signs_as_its_did_web_where_readers_reach_it_by_https():
    def did(url: str, **status: str) -> str | None:
        return service_did(Settings(api=ApiSettings(public_url=url), status=StatusSettings(**status)))

    assert did("https://anchors.example") == "did:web:anchors.example"
    assert did("https://anchors.example:8443/below") == "did:web:anchors.example%3A8443"
    assert did("http://127.0.0.1:8000") is None
    assert did("http://127.0.0.1:8000", did="did:web:uni.example") == "did:web:uni.example"
    assert open_signer(Settings()) is None


def test_keys_are_made_listed_and_retired(credanchor, tmp_path):
    credanchor.set(STATUS__KEYS=tmp_path / "keys", API__PUBLIC_URL="https://anchors.example")
    made = credanchor("status", "key", "create").out.split()
    assert [name[:4] for name in made] == ["z6Mk", "zDna"] or made[1].startswith("zDn")
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert all((tmp_path / "keys" / f"{name}.json").stat().st_mode & 0o777 == 0o600 for name in made)
    assert credanchor("status", "key", "retire", made[0]).code == 0
    listed = json.loads(credanchor("status", "key", "list", "--json").out)
    assert [(key["name"] in made, key["signer"]) for key in listed] == [(True, "did:web:anchors.example")] * 2
    assert {key["name"]: key["retiredAt"] is None for key in listed} == {made[0]: False, made[1]: True}
    assert "retired" in credanchor("status", "key", "list").out
    assert credanchor("status", "key", "retire", made[0]).code == 1


def test_issuers_key_is_taken_over_from_its_jwk(credanchor, tmp_path):
    credanchor.set(STATUS__KEYS=tmp_path / "keys")
    key = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    }
    options = ("status", "key", "create", "--issuer", UNIVERSITY, "--kid", KID, "--jwk", "-")
    done = credanchor(*options, stdin=json.dumps(key).encode())
    assert done.code == 0
    [listed] = json.loads(credanchor("status", "key", "list", "--json").out)
    assert (listed["name"], listed["signer"], listed["tokenMethod"]) == (done.out.strip(), UNIVERSITY, KID)
    for wrong in (json.dumps({**key, "d": key["x"]}), json.dumps(JWK), "[]", "x"):
        refused = credanchor(*options, stdin=wrong.encode())
        assert (refused.code, refused.error) == (2, "jwk: is not a private JWK of Ed25519 or P-256")
    assert "status key" in credanchor(*options, stdin=json.dumps(key).encode()).error, "it is there already"
    assert (
        credanchor("status", "key", "create", "--issuer", UNIVERSITY, "--kid", KID).error
        == "--type: an issuer's key is of one kind"
    )


def test_keys_need_a_folder(credanchor):
    assert "CREDANCHOR_STATUS__KEYS" in credanchor("status", "key", "list").error


def test_list_must_not_be_kept_longer_than_it_is_valid(credanchor, tmp_path):
    credanchor.set(STATUS__KEYS=tmp_path, STATUS__VALID_S="3600")
    assert "valid_s must exceed refresh_s and ttl_s together" in credanchor("status", "key", "list").error


@pytest.mark.parametrize("content", [MULTIKEY.encode(), json.dumps(JWK).encode(), f" {MULTIKEY}\n".encode()])
def test_public_key_of_an_issuer_is_registered(content, credanchor, migrated):
    assert credanchor("issuer", "status-key", "add", KID, "-", stdin=content).code == 0
    assert credanchor("issuer", "status-key", "add", KID, "-", stdin=content).code == 1
    [listed] = json.loads(credanchor("issuer", "status-key", "list", UNIVERSITY, "--json").out)
    assert (listed["kid"], listed["retiredAt"]) == (KID, None)
    assert listed["publicKey"].startswith("zDn")
    assert credanchor("issuer", "status-key", "retire", KID).code == 0
    assert credanchor("issuer", "status-key", "list", UNIVERSITY).out.rstrip().endswith("retired")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "public key"),
        (b"zzz", "not a Multikey"),
        (b"\xff", "public key"),
        (json.dumps(JWK | {"d": JWK["x"]}).encode(), "is a private key"),
        (b"{}", "not a public JWK"),
    ],
)
def test_what_is_no_public_key_is_refused(content, reason, credanchor, migrated):
    done = credanchor("issuer", "status-key", "add", KID, "-", stdin=content)
    assert done.code == 2
    assert reason in done.error
    assert JWK["x"] not in done.error


def test_key_of_an_unknown_issuer_is_refused(credanchor, migrated):
    assert "is not known here" in credanchor("issuer", "status-key", "add", f"{ACADEMY}#k1", "-", stdin=MULTIKEY.encode()).error
