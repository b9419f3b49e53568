"""Access tokens of an authorization server: what holds opens as a key does, and everything else is one and the same 401."""

import base64
import hmac
import json
import time
import warnings
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jws
from joserfc.errors import SecurityWarning
from structlog.testing import capture_logs

from anchoring.bootstrap.access_tokens import open_access_tokens
from anchoring.core.issuer import CANARY
from anchoring.core.scopes import Scope
from anchoring.errors import Misconfigured
from anchoring.ports.audit_log import Wanted
from anchoring.settings import LimitSettings, OAuthSettings
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from service.known_tokens import MOST_TOKENS
from tests.api import Api, check_problem, hex_digest, make_key, running, stored
from tests.factories import ACADEMY, NOON, UNIVERSITY
from tests.list_server import content, list_server

SERVER, AUDIENCE = "https://login.example/realms/one", "https://anchors.example"
RSA = jwk.RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
EC = jwk.ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
OTHER = jwk.RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)
NOW = int(NOON.timestamp())
CLAIMS = {
    "iss": SERVER,
    "aud": AUDIENCE,
    "exp": NOW + 300,
    "iat": NOW,
    "client_id": "registrar",
    "scope": "digests:write status:write",
    "credanchor_issuer": UNIVERSITY,
}


def jwks(*keys: Any) -> bytes:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def token(*, key: Any = RSA, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Signed with this key; a claim of None is left out."""
    told = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    alg = "ES256" if key is EC else "RS256"
    head = {"alg": alg, "typ": "at+jwt", "kid": key.kid} | (header or {})
    head = {name: value for name, value in head.items() if value is not None}
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(head, json.dumps(told).encode(), key, registry=registry)


def by_hand(header: dict[str, Any], signature: bytes = b"", **claims: Any) -> str:
    parts = [json.dumps(header).encode(), json.dumps(CLAIMS | claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def settings(file: Path, **changed: Any) -> OAuthSettings:
    return OAuthSettings(**{"issuer": SERVER, "audience": AUDIENCE, "jwks_file": file} | changed)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The file with the server's keys."""
    file = tmp_path / "jwks.json"
    file.write_bytes(jwks(RSA, EC))
    return file


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=20, busy_timeout_s=10)
    migrate(engine)
    yield SqlStore(engine)
    engine.dispose()


@pytest.fixture
def api(store: SqlStore, keys: Path) -> Iterator[Api]:
    with running(store, oauth=settings(keys)) as started:
        yield started


@pytest.mark.parametrize(
    "text",
    [
        token(),
        token(key=EC),
        token(header={"typ": "JWT"}),
        token(header={"typ": None}),
        token(aud=["https://others.example", AUDIENCE]),
        token(scope=None, scp="digests:write"),
        token(scope=None, roles=["digests:write"]),
        token(client_id=None, azp="registrar"),
        token(exp=NOW - 59),
        token(iat=NOW + 59, nbf=NOW + 59),
    ],
)
def test_a_token_that_holds_opens(api, text):
    assert api.post_numbers(1, key=text).status_code == 202
    assert api.post_numbers(2, key=text).json()["issuer"] == UNIVERSITY  # the second time from memory


def _cut(text: str) -> str:
    head, claims, signature = text.split(".")
    return f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def _rewritten(**claims: Any) -> str:
    head, _, signature = token().split(".")
    told = base64.urlsafe_b64encode(json.dumps(CLAIMS | claims).encode()).rstrip(b"=").decode()
    return f"{head}.{told}.{signature}"


def _hmac(secret: bytes) -> str:
    """As a library that takes any key for any algorithm would check it; this one refuses even to sign so."""
    signed = by_hand({"alg": "HS256", "typ": "at+jwt", "kid": "rsa"}).rpartition(".")[0]
    signature = hmac.digest(secret, signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


FORGED = {
    "another key": token(key=OTHER),
    "signature changed": _cut(token()),
    "claims changed": _rewritten(credanchor_issuer=ACADEMY),
    "expired": token(exp=NOW - 61),
    "without end": token(exp=None),
    "end that is no time": token(exp="never"),
    "not yet": token(nbf=NOW + 61),
    "issued later": token(iat=NOW + 61),
    "another audience": token(aud="https://others.example"),
    "no audience": token(aud=None),
    "audience inside a word": token(aud=AUDIENCE + "/more"),
    "another server": token(iss="https://evil.example"),
    "server but for a slash": token(iss=SERVER + "/"),
    "no issuer": token(credanchor_issuer=None),
    "issuer that is no DID": token(credanchor_issuer=["x"]),
    "issuer that is nobody here": token(credanchor_issuer="did:web:nobody.example"),
    "the service itself": token(credanchor_issuer=CANARY),
    "no client": token(client_id=None),
    "client that is no text": token(client_id="a\nb"),
    "none": by_hand({"alg": "none", "typ": "at+jwt"}),
    "None": by_hand({"alg": "None", "typ": "at+jwt", "kid": "rsa"}, b"x"),
    "HS256 with the public key as PEM": _hmac(RSA.as_pem(private=False)),
    "HS256 with the public key as DER": _hmac(RSA.as_der(private=False)),
    "HS256 with the public key as JSON": _hmac(jwks(RSA)),
    "algorithm that is not configured": token(header={"alg": "RS512"}),
    "key of another kind": token(header={"kid": "ec"}),
    "unknown kid": token(header={"kid": "newer"}),
    "embedded key": token(key=OTHER, header={"jwk": OTHER.as_dict(private=False), "kid": None}),
    "address of keys": token(key=OTHER, header={"jku": "http://127.0.0.1:9/jwks", "x5u": "http://127.0.0.1:9/x"}),
    "another kind of token": token(header={"typ": "logout+jwt"}),
    "critical": by_hand({"alg": "RS256", "kid": "rsa", "crit": ["exp"]}, b"x"),
    "payload as it is": by_hand({"alg": "RS256", "kid": "rsa", "b64": False, "crit": ["b64"]}, b"x"),
    "oversize": token(padding="x" * 9000),
    "deep": token(deep=json.loads("[" * 20 + "]" * 20)),
    "two parts": "a.b",
    "no base64": "a+b.c/d.e=f",
    "not ASCII": "é.é.é",
    "nothing of the kind": "open sesame",
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_what_does_not_hold_is_answered_as_a_wrong_key_is(api, text):
    wrong_key = api.post_numbers(1, key="ca_00000000_" + "A" * 43)
    field = {"Authorization": b"Bearer " + text.encode()}
    answer = api.client.post("/v1/digests", json={"digests": [hex_digest(1)]}, headers=field)
    assert check_problem(answer, 401, "not-allowed") == wrong_key.json()
    assert answer.headers["www-authenticate"] == wrong_key.headers["www-authenticate"]
    assert api.app.state.service.tokens._known == {}


def test_a_token_does_what_its_scopes_say_and_no_more(api):
    narrow = token(scope="openid digests:write operator issuer:admins")
    assert api.post_numbers(1, key=narrow).status_code == 202
    check_problem(api.ask("POST", "/v1/status-lists", {"purpose": "revocation"}, key=narrow), 403, "scope-missing")
    check_problem(api.ask("GET", "/v1/issuers", key=token(scope="operator issuer:admin")), 403, "scope-missing")
    check_problem(api.post_numbers(1, key=token(scope=None)), 403, "scope-missing")


def test_a_token_opens_nothing_of_another_issuer(api):
    api.post_numbers(1, key=api.other)
    check_problem(api.delete(f"/v1/digests/{hex_digest(1)}", key=token()), 404, "not-found")
    admin = token(scope="issuer:admin")
    check_problem(api.ask("GET", f"/v1/issuers/{ACADEMY}/keys", key=admin), 404, "not-found")
    assert api.ask("GET", f"/v1/issuers/{UNIVERSITY}/keys", key=admin).status_code == 200


@pytest.mark.parametrize(
    ("scopes", "days", "says"),
    [
        (["digests:write"], 90, None),
        (["digests:write"], 91, "a key that an access token makes ends within 90 days"),
        (["digests:write"], None, "a key that an access token makes ends within 90 days"),
        (["issuer:admin"], 1, "an access token makes no key with the scope issuer:admin, which could make others"),
    ],
)
def test_a_token_makes_and_rotates_no_key_that_would_long_outlive_it(api, scopes, days, says):
    keys, admin = f"/v1/issuers/{UNIVERSITY}/keys", token(scope="issuer:admin")
    expires_at = None if days is None else NOON + timedelta(days=days)
    asked = {"scopes": scopes} | ({} if expires_at is None else {"expiresAt": expires_at.isoformat()})
    old = make_key(api.store, api.issuer, *map(Scope, scopes), expires_at=expires_at)
    before = stored(api.store)
    for path, body in ((keys, asked), (f"{keys}/{old[3:11]}/rotation", {"overlapS": 60})):
        answer = api.ask("POST", path, body, key=admin)
        if says is None:
            assert answer.status_code == 201
        else:
            assert check_problem(answer, 409, "conflict")["detail"] == says
            assert stored(api.store)["api_key"] == before["api_key"]


def test_a_token_ends_even_when_it_is_remembered(api):
    text = token()
    assert api.post_numbers(1, key=text).status_code == 202
    api.clock.advance(300 + 59)
    assert api.post_numbers(1, key=text).status_code == 202
    api.clock.advance(1)
    check_problem(api.post_numbers(1, key=text), 401, "not-allowed")


def test_a_new_key_is_fetched_and_an_old_one_opens_no_more(api, keys):
    new = jwk.RSAKey.generate_key(2048, {"kid": "new"}, private=True)
    assert api.post_numbers(1, key=token(exp=NOW + 10_000)).status_code == 202
    keys.write_bytes(jwks(new))
    check_problem(api.post_numbers(1, key=token(key=new)), 401, "not-allowed")  # it was asked a moment ago
    api.clock.advance(10)
    assert api.post_numbers(1, key=token(key=new)).status_code == 202
    check_problem(api.post_numbers(1, key=token(exp=NOW + 10_000)), 401, "not-allowed")


def test_unknown_keys_are_not_asked_for_more_often_than_now_and_then(store, keys):
    with list_server() as server:
        server.answers["/jwks"] = content(jwks(RSA), "application/json")
        oauth = settings(keys, jwks_file=None, jwks_url=f"{server.url}/jwks", allow_private=True)
        with running(store, oauth=oauth) as api:
            for i in range(20):
                check_problem(api.post_numbers(1, key=token(header={"kid": f"k{i}"})), 401, "not-allowed")
            for text in FORGED.values():
                if text.isascii():
                    assert api.post_numbers(1, key=text).status_code == 401
            assert api.post_numbers(1, key=token()).status_code == 202
            assert server.paths() == ["/jwks"]
            api.clock.advance(10)
            check_problem(api.post_numbers(1, key=token(header={"kid": "k"})), 401, "not-allowed")
            assert server.paths() == ["/jwks"] * 2


def test_a_server_that_is_down_is_no_fault_of_the_token(api, keys):
    keys.rename(keys.with_name("away"))
    answer = api.post_numbers(1, key=token())
    check_problem(answer, 503, "authorization-unavailable")
    assert int(answer.headers["retry-after"]) > 0
    check_problem(api.post_numbers(1, key=token(iss="https://evil.example")), 401, "not-allowed")  # that needs no key
    check_problem(api.post_numbers(1, key=token(exp=NOW - 61)), 401, "not-allowed")
    assert api.post_numbers(1).status_code == 202  # API keys go on
    keys.with_name("away").rename(keys)
    api.clock.advance(10)
    assert api.post_numbers(1, key=token()).status_code == 202
    keys.write_bytes(b"<html>")
    api.clock.advance(601)
    late = token(exp=NOW + 10**6, iat=None)
    assert api.post_numbers(1, key=late).status_code == 202  # by the keys of before
    api.clock.advance(10)
    check_problem(api.post_numbers(1, key=token(exp=NOW + 10**6, header={"kid": "newer"})), 503, "authorization-unavailable")
    api.clock.advance(86_400)
    check_problem(api.post_numbers(1, key=late), 503, "authorization-unavailable")


def test_tokens_that_nobody_can_judge_are_slowed_and_neither_counted_nor_logged_each(store, keys):
    keys.rename(keys.with_name("away"))
    with running(store, oauth=settings(keys), failed_attempts=2, failed_attempt_s=0.1) as api, capture_logs() as logs:
        began = time.monotonic()
        for _ in range(5):
            check_problem(api.post_numbers(1, key=token(key=EC)), 503, "authorization-unavailable")
        assert time.monotonic() - began >= 0.5
        keys.with_name("away").rename(keys)
        api.clock.advance(10)
        assert api.post_numbers(1, key=token()).status_code == 202
    assert [line["event"] for line in logs if line["log_level"] != "info"] == ["authorization.unavailable"]


def test_what_is_remembered_is_bounded(api):
    known = api.app.state.service.tokens._known
    known.update({i.to_bytes(32): None for i in range(MOST_TOKENS)})
    assert api.post_numbers(1, key=token()).status_code == 202
    assert len(known) == 1


def test_a_file_says_for_whom_a_client_acts(store, keys, tmp_path):
    clients = tmp_path / "clients.json"
    clients.write_text(json.dumps({"registrar": ACADEMY}))
    with running(store, oauth=settings(keys, clients_file=clients, scope_prefix="anchors/")) as api:
        text = token(scope="anchors/digests:write status:write")
        assert api.post_numbers(1, key=text).json()["issuer"] == ACADEMY  # the claim does not count
        check_problem(api.ask("POST", "/v1/status-lists", {"purpose": "revocation"}, key=text), 403, "scope-missing")
        check_problem(api.post_numbers(1, key=token(client_id="somebody")), 401, "not-allowed")


def test_rates_count_clients_and_the_audit_log_names_them(store, keys):
    with running(store, oauth=settings(keys), limits=LimitSettings(per_address=0, per_key=1, items_per_day=0)) as api:
        assert api.post_numbers(1, key=token()).status_code == 202
        assert api.post_numbers(1, key=token(jti="another token of the same client")).status_code == 429
        assert api.post_numbers(1, key=token(client_id="another")).status_code == 202
    with store.reading() as uow:
        found = [one.record for one in uow.audit_log.find(Wanted(), 0, 10)]
    assert [(one.actor, one.issuer, one.result) for one in found] == [
        ("oauth:registrar", UNIVERSITY, "done"),
        ("oauth:another", UNIVERSITY, "done"),
        ("oauth:registrar", UNIVERSITY, "refused"),
    ]


def test_without_a_server_no_token_opens(store):
    with running(store) as api:
        check_problem(api.post_numbers(1, key=token()), 401, "not-allowed")


def test_guesses_are_slowed(store, keys):
    with running(store, oauth=settings(keys), failed_attempt_s=0.2, failed_attempts=1) as api:
        began = time.monotonic()
        check_problem(api.post_numbers(1, key=token(key=OTHER)), 401, "not-allowed")
        assert time.monotonic() - began >= 0.2
        check_problem(api.post_numbers(1, key="open sesame"), 429, "too-many-requests")
        assert api.post_numbers(1, key=token()).status_code == 202


@pytest.mark.parametrize("unfit", [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": "verify"}, {"kty": ["RSA"]}])
def test_weak_and_secret_keys_and_those_for_other_things_are_not_used(store, keys, unfit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        weak = jwk.RSAKey.generate_key(1024, {"kid": "weak"}, private=True)
        weakly = token(key=weak)
    secret = jwk.OctKey.import_key(b"s" * 32, {"kid": "secret"})
    told = [weak.as_dict(private=False), secret.as_dict(private=True), {"kty": "RSA", "kid": "broken", "n": "!"}, "no key"]
    told.append(EC.as_dict(private=False) | unfit)
    keys.write_text(json.dumps({"keys": told}))
    with running(store, oauth=settings(keys)) as api:
        for text in (weakly, token(key=secret, header={"alg": "HS256"}), token(key=EC)):
            check_problem(api.post_numbers(1, key=text), 401, "not-allowed")


@pytest.mark.parametrize(
    "wrong",
    [
        {"audience": None},
        {"jwks_file": None},
        {"jwks_url": "https://login.example/jwks"},
        {"algorithms": "HS256"},
        {"algorithms": "RS256,none"},
        {"algorithms": ""},
        {"clients_file": Path("absent")},
    ],
)
def test_a_setting_that_would_open_too_much_is_refused(keys, wrong):
    with pytest.raises(Misconfigured):
        open_access_tokens(settings(keys, **wrong))


@pytest.mark.parametrize(
    ("url", "allow_private", "is_right"),
    [
        ("https://login.example/jwks", False, True),
        ("http://127.0.0.1/jwks", True, True),
        ("https://127.0.0.1/jwks", True, True),
        ("https://10.0.0.7/jwks", False, False),
        ("https://[::1]/jwks", False, False),
        ("http://login.example/jwks", False, False),
        ("ftp://login.example/jwks", True, False),
        ("https://user:marker@login.example/jwks", True, False),
        ("login.example/jwks", True, False),
        ("https://[login/jwks", False, False),
        ("https://login.example:99999/jwks", False, False),
    ],
)
def test_address_of_keys_that_could_not_be_asked_is_refused_at_start(keys, url, allow_private, is_right):
    oauth = settings(keys, jwks_file=None, jwks_url=url, allow_private=allow_private)
    if is_right:
        assert open_access_tokens(oauth)
    else:
        with pytest.raises(Misconfigured, match=r"^CREDANCHOR_OAUTH__JWKS_URL: ") as refused:
            open_access_tokens(oauth)
        assert "marker" not in str(refused.value)


def test_clients_that_are_none_are_refused(keys, tmp_path):
    clients = tmp_path / "clients.json"
    for content_ in ("[]", '{"a": 1}', '{"a": "no DID"}', "{"):
        clients.write_text(content_)
        with pytest.raises(Misconfigured):
            open_access_tokens(settings(keys, clients_file=clients))
