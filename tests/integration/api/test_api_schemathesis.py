"""schemathesis over the whole OpenAPI document: whatever it makes up, valid or not, is answered, and as the document says."""

import json
from collections import Counter
from http import HTTPStatus
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from anchoring.core.scopes import OF_ISSUERS, Scope
from scripts.export_openapi import DOCUMENT
from tests.api import Api, make_key, make_operator_key
from tests.operations import operations

EXAMPLES = 25
VALID, INVALID = GenerationMode.POSITIVE, GenerationMode.NEGATIVE

OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_path(DOCUMENT).get_all_operations()
    if isinstance(found, Ok)
}
TAKES_SOMETHING = {
    f"{method.upper()} {path}"
    for path, item in json.loads(DOCUMENT.read_text(encoding="utf-8"))["paths"].items()
    for method, told in item.items()
    if told.get("parameters") or "requestBody" in told
}
"""Others can be sent nothing that is not valid."""


@pytest.fixture(scope="module")
def keys(shared_api: Api) -> dict[str, str]:
    """For each operation a key that is let in."""
    issuer, operator = make_key(shared_api.store, shared_api.issuer, *OF_ISSUERS), make_operator_key(shared_api.store)
    return {str(one): operator if one.scopes == {Scope.OPERATOR} else issuer for one in operations(shared_api.app)}


def test_no_operation_of_the_document_is_left_out(shared_api: Api) -> None:
    assert set(OPERATIONS) == {str(one) for one in operations(shared_api.app)}


@pytest.mark.parametrize(
    ("label", "mode"),
    [(label, mode) for label in OPERATIONS for mode in (VALID, INVALID) if mode is VALID or label in TAKES_SOMETHING],
)
def test_whatever_is_made_of_the_document_is_answered_as_it_says(
    shared_api: Api, keys: dict[str, str], label: str, mode: GenerationMode
) -> None:
    """That answers are as documented is checked by the client itself (`tests.api.check_documented`)."""
    told: Counter[int] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        sent = case.as_transport_kwargs(base_url="http://testserver")
        headers = {name.encode(): str(value).encode("latin-1", "replace") for name, value in sent["headers"].items()}
        headers[b"Authorization"] = f"Bearer {keys[label]}".encode()
        body = sent.get("data")
        if "json" in sent:
            body = json.dumps(sent["json"]).encode()
        content = body.encode() if isinstance(body, str) else body
        answer = shared_api.client.request(sent["method"], sent["url"], params=sent["params"], content=content, headers=headers)
        told[answer.status_code] += 1

    ask()

    assert told.total() >= 1
    allowed_to_fail = {HTTPStatus.SERVICE_UNAVAILABLE} if label == "GET /readyz" else set()
    assert {status for status in told if status >= HTTPStatus.INTERNAL_SERVER_ERROR} <= allowed_to_fail, told
    assert not {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN} & set(told), told
