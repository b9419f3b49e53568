"""Keys that open nothing: counted, slowed, answered alike, and never in the way of those that open."""

import os
import time

import httpx2
import pytest
from structlog.testing import capture_logs

from anchoring.core.issuer import make_api_key
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.manage_issuers import revoke_key
from tests.api import Api, check_problem, make_app, make_key, run_async, running
from tests.factories import NOON, add_issuer

DIGEST = bytes(32)


def test_guesses_from_one_address_end_in_429_and_hinder_nobody_else(store: SqlStore) -> None:
    with running(store, failed_attempts=3) as api, capture_logs() as logs:
        guesses = [make_api_key(os.urandom(36)).text for _ in range(5)]
        answers = [api.post_numbers(1, key=guess) for guess in guesses]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
        problem = check_problem(answers[-1], 429, "too-many-requests")
        assert problem["detail"] == "too many keys that open nothing came from your address"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 20
        assert api.post_numbers(1).status_code == 202, "whoever has a key is let in from the same address"
        assert api.client.post("/v1/digests").status_code == 401, "no key is no guess"
        assert "credanchor_failed_attempts_total 5.0" in api.get("/metrics").text
    refused = [line for line in logs if line["event"] == "key.refused"]
    assert [(line["log_level"], line["address"]) for line in refused] == [("warning", "testclient")] * 5
    assert all(guess[3:] not in repr(logs) for guess in guesses)


def test_guesses_at_the_slow_routes_count_as_well(store: SqlStore) -> None:
    with running(store, failed_attempts=2) as api:
        routes = [("POST", "/v1/digests"), ("DELETE", f"/v1/digests/{DIGEST.hex()}"), ("GET", "/v1/status-changes")]
        assert [api.ask(*route, key="ca_guess").status_code for route in routes] == [401, 401, 429]


def test_answer_takes_as_long_whatever_is_wrong_with_the_key(store: SqlStore) -> None:
    """Longer than any of the checks takes, so that none can be told from another. Known, unknown, malformed, revoked."""
    university = add_issuer(store)
    known, revoked = make_key(store, university), make_key(store, university)
    with store.writing() as uow:
        revoke_key(uow, revoked[3:11], now=NOON)
        uow.commit()
    keys = [known[:-1] + ("A" if known[-1] != "A" else "B"), make_api_key(os.urandom(36)).text, "nonsense", revoked]

    async def scenario(client: httpx2.AsyncClient) -> list[tuple[httpx2.Response, float]]:
        told = []
        for key in keys:
            began = time.monotonic()
            answer = await client.post("/v1/digests", content=DIGEST, headers={"Authorization": f"Bearer {key}"})
            told.append((answer, time.monotonic() - began))
        return told

    told = run_async(make_app(store, failed_attempt_s=0.3), scenario)
    assert {answer.status_code for answer, _ in told} == {401}
    assert len({answer.content for answer, _ in told}) == 1
    assert all(0.3 <= took < 5 for _, took in told)


@pytest.mark.parametrize("key", ["ca_\x1b[31m", "ca_%0a", "é"])
def test_what_was_sent_is_not_in_the_log(shared_api: Api, key: str) -> None:
    with capture_logs() as logs:
        answer = shared_api.client.post("/v1/digests", headers={b"Authorization": f"Bearer {key}".encode()})
    assert answer.status_code == 401
    assert key not in repr(logs)
