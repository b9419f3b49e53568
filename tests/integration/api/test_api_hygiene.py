"""What every answer tells browsers, on every route that OpenAPI describes."""

import hashlib
import re
from base64 import b64encode

import pytest

from tests.api import Api
from tests.operations import Operation, operations

STRICT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
OF_OPERATORS = {"/healthz", "/readyz", "/metrics"}


def is_open(operation: Operation) -> bool:
    return operation.method == "GET" and not operation.scopes and operation.template not in OF_OPERATORS


def test_every_answer_says_what_browsers_must_not_do_with_it(shared_api: Api) -> None:
    tried = operations(shared_api.app)
    asked = [(one.method, one.path) for one in tried] + [("GET", "/nowhere"), ("PATCH", "/v1/digests"), ("GET", "/openapi.json")]
    for method, path in asked:
        answer = shared_api.client.request(method, path)
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"], path
        assert answer.headers.get_list("content-security-policy") == [STRICT], path
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "server" not in answer.headers
        assert "x-powered-by" not in answer.headers
        assert "set-cookie" not in answer.headers, "without cookies nobody acts for whoever has a page open"
    assert len(tried) == 35


def test_pages_of_other_origins_may_read_what_is_open_and_nothing_else(shared_api: Api) -> None:
    opened = set()
    for one in operations(shared_api.app):
        answer = shared_api.client.request(one.method, one.path, headers={"Origin": "https://wallet.example"})
        allowed = answer.headers.get_list("access-control-allow-origin")
        assert allowed == (["*"] if is_open(one) else []), one
        assert "access-control-allow-credentials" not in answer.headers
        if is_open(one):
            opened.add(one.template)
            head = shared_api.client.head(one.path)
            assert head.headers["access-control-allow-origin"] == "*"
    assert len(opened) == 12
    assert opened >= {"/v1/proofs/{digest}", "/v1/ledger", "/v1/batches", "/.well-known/did.json", "/v1/status-lists/{list_id}"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_browsers_that_ask_first_are_told_to_read_and_to_send_no_key(shared_api: Api, method: str) -> None:
    asks = {
        "Origin": "https://wallet.example",
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    described = operations(shared_api.app)
    for one in described:
        readable = any(is_open(other) for other in described if other.template == one.template)
        answer = shared_api.client.options(one.path, headers=asks)
        assert answer.status_code == (204 if readable else 405), one
        assert answer.headers.get("access-control-allow-origin") == ("*" if readable else None)
        if readable:
            assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
            assert "authorization" not in answer.headers["access-control-allow-headers"].lower()


def test_page_runs_only_the_scripts_that_stand_in_it(shared_api: Api) -> None:
    page = shared_api.get("/docs")

    [policy] = page.headers.get_list("content-security-policy")
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert len(scripts) == 1
    digest = b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert rules["script-src"] == f"'self' 'sha256-{digest}'"
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy
    assert not re.search(r"\son[a-z]+=|javascript:|<style", page.text), "which the policy would not run or show"


def test_key_that_somebody_writes_into_a_path_is_not_logged(shared_api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    key = shared_api.key
    assert shared_api.get(f"/v1/{key}").status_code == 404
    for refused in (shared_api.delete(f"/v1/issuers/{shared_api.issuer.did}/keys/{key}"), shared_api.get(f"/v1/proofs/{key}")):
        assert refused.is_error
        assert key[12:] not in refused.text
    log = "".join(capsys.readouterr())
    assert key[12:] not in log
    assert log.count(f"{key[:12]}…") == 3


def test_path_with_a_line_feed_behind_it_is_none(shared_api: Api) -> None:
    for one in operations(shared_api.app):
        assert shared_api.client.request(one.method, f"{one.path}%0a").status_code == 404, one
    for path in ("/", "/docs", "/openapi.json", "/verify", "/v1/status-lists"):
        assert shared_api.get(f"{path}%0a").status_code == 404, path
