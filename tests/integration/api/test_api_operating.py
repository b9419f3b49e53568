"""What operators and tools ask: ledger, health, readiness, the description of the API."""

import json
import re
from datetime import timedelta
from enum import StrEnum
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
import sqlalchemy
from sqlalchemy import text
from starlette.testclient import TestClient

from anchoring.bootstrap.signing import open_key_ring
from anchoring.core.batch import BatchState
from anchoring.core.canonical import Canonicalization
from anchoring.core.outcome import Outcome
from anchoring.core.report import CheckName
from anchoring.ports.rounds import RoundResult
from anchoring.ports.signing import KeyKind
from anchoring.settings import Settings, StatusSettings
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from scripts import export_openapi
from service import schemas
from tests.api import (
    ROUTES,
    Api,
    check_problem,
    hex_digest,
    make_app,
    post_and_anchor,
    record_head,
    record_round,
    running,
    seal,
    spend,
)
from tests.factories import NOON, UNIVERSITY, post
from tests.faults import Fault, Faults, FaultyStore

PROMISES = {
    "maxMergeDelayS": 86_400,
    "mergeShare": 0.99,
    "roundEveryS": 60,
    "canaryEveryS": 3600,
    "maxWaiting": 10_000_000,
    "signedReceipts": False,
    "proofAvailability": 0.999,
    "postAvailability": 0.99,
    "clockDriftS": 5,
    "recoveryH": 4,
    "incidentAnswerH": 24,
    "incidentListH": 72,
    "endNoticeDays": 90,
}


def test_ledger_before_the_first_round_names_none(api: Api) -> None:
    response = api.get("/v1/ledger")

    assert response.headers["cache-control"] == "no-cache"
    assert response.json() == {
        "ledger": None,
        "chainId": None,
        "contract": None,
        "genesisHash": None,
        "codeHash": None,
        "finality": "finalized",
        "publicNode": None,
        "publicIssuersRegistry": None,
        "nodes": 1,
        "waiting": 0,
        "oldestWaiting": None,
        "sealedBatches": 0,
        "transactionsInFlight": 0,
        "lastAnchored": None,
        "lastRound": None,
        "promises": PROMISES,
        "expectedWaitS": 60,
    }


def test_ledger_says_how_things_stand(api: Api) -> None:
    post_and_anchor(api, 1)
    api.clock.advance(30)
    api.post_numbers(2)
    seal(api)
    api.clock.advance(5)
    api.post_numbers(3, 4)

    answer = api.get("/v1/ledger").json()

    assert answer == {
        "ledger": "eip155:31337",
        "chainId": 31337,
        "contract": "0x" + "c3" * 20,
        "genesisHash": "0x" + "01" * 32,
        "codeHash": "0x" + "02" * 32,
        "finality": "finalized",
        "publicNode": None,
        "publicIssuersRegistry": None,
        "nodes": 1,
        "waiting": 2,
        "oldestWaiting": "2026-11-23T12:00:35Z",
        "sealedBatches": 1,
        "transactionsInFlight": 0,
        "lastAnchored": api.get(f"/v1/proofs/{hex_digest(1)}").json()["anchor"],
        "lastRound": {
            "startedAt": "2026-11-23T12:00:00Z",
            "finishedAt": "2026-11-23T12:00:00Z",
            "result": "done",
            "headNumber": 200,
        },
        "promises": PROMISES,
        "expectedWaitS": 25,
    }


def test_health_is_the_process_alone(api: Api) -> None:
    response = api.get("/healthz")

    assert (response.status_code, response.text) == (200, "ok\n")


def test_readiness_warns_of_rounds_and_goes_on(api: Api) -> None:
    """Late rounds are no reason to send no more posts here: they wait until rounds go on (P5). A failed one needs a person."""
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "reasons": [], "warnings": []})
    with api.store.writing() as uow:
        record_round(uow, api.clock)
        uow.commit()
    api.clock.advance(300)
    assert api.get("/readyz").json()["warnings"] == []

    api.clock.advance(1)
    late = api.get("/readyz")
    with api.store.writing() as uow:
        record_round(uow, api.clock, RoundResult.FAILED, "no gas")
        uow.commit()
    failed = api.get("/readyz")

    assert (late.status_code, failed.status_code) == (200, 503)
    assert late.json()["warnings"] == ["the last round began 301 s ago; one is due every 60 s"]
    assert failed.json() == {
        "ready": False,
        "reasons": ["the last round failed and a person must look; its log event round.failed says why"],
        "warnings": [],
    }
    assert late.headers["cache-control"] == "no-store"


def test_readiness_warns_of_a_ledger_that_stands_still(api: Api) -> None:
    """By the block's own time and by how long rounds have seen the same block (L28)."""
    clock = api.clock
    with api.store.writing() as uow:
        record_head(uow, clock, number=10, time=clock.now())
        clock.advance(600)
        record_head(uow, clock, number=10, time=clock.now() - timedelta(seconds=1))
        uow.commit()
    assert api.get("/readyz").json()["warnings"] == []
    clock.advance(1)
    assert api.get("/readyz").json()["warnings"] == ["the ledger's head is block 10, 2 s old, seen for 601 s"]

    with api.store.writing() as uow:
        record_head(uow, clock, number=11, time=clock.now() - timedelta(seconds=700))
        uow.commit()
    assert api.get("/readyz").json()["warnings"] == ["the ledger's head is block 11, 700 s old, seen for 0 s"]


def test_readiness_warns_of_a_key_low_on_funds_and_of_a_canary_that_failed(api: Api) -> None:
    spend(api.store, nonce=0, fee_wei=10)
    spend(api.store, nonce=1, fee_wei=30)
    with api.store.writing() as uow:
        record_head(uow, api.clock, number=10, time=api.clock.now(), balance_wei=2000)
        uow.commit()
    assert api.get("/readyz").json()["warnings"] == []
    [entry] = post(api.store, api.issuer, 1)
    with api.store.writing() as uow:
        record_head(uow, api.clock, number=11, time=api.clock.now(), balance_wei=1999)
        uow.canaries.record(entry.id, NOON)
        assert uow.canaries.settle(entry.id, NOON, "the path ends elsewhere")
        uow.commit()
    answer = api.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert answer.json()["warnings"] == [
        "the anchoring key can pay for 100 more rounds",
        "the proof of the newest canary did not hold; the log event canary.failed says why",
    ]


def test_process_whose_posts_the_database_does_not_take_is_not_ready_for_a_while(store) -> None:
    faults = Faults()
    with running(store, faulty=FaultyStore(store, faults)) as api:
        faults.arm("commit", Fault.FAILS_BEFORE)
        check_problem(api.post_numbers(1), 503, "store-unavailable")
        faults.restart()
        api.clock.advance(29)
        unready = api.get("/readyz")
        api.clock.advance(1)
        tried_again = api.get("/readyz")
        faults.arm("commit", Fault.FAILS_BEFORE)
        api.post_numbers(1)
        faults.restart()
        assert api.get("/readyz").status_code == 503
        assert api.post_numbers(1).status_code == 202
        recovered = api.get("/readyz")

    assert unready.status_code == 503
    assert unready.json()["reasons"] == ["the database did not take the last post, 29 s ago"]
    assert (tried_again.status_code, recovered.status_code) == (200, 200)


def test_full_disk_makes_a_process_unready_while_it_still_reads(tmp_path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'full.db'}", pool_size=1, busy_timeout_s=5)
    migrate(engine)
    with running(SqlStore(engine)) as api:
        api.post_numbers(1)
        with engine.connect() as connection:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        sqlalchemy.event.listen(engine, "begin", lambda begun: begun.exec_driver_sql(f"PRAGMA max_page_count = {pages}"))
        check_problem(api.post_numbers(*range(2, 3000)), 503, "store-unavailable")
        unready = api.get("/readyz")
        reading = api.get(f"/v1/digests/{hex_digest(1)}")
    engine.dispose()

    assert unready.status_code == 503
    assert unready.json()["reasons"] == ["the database did not take the last post, 0 s ago"]
    assert reading.json()["state"] == "waiting"


def test_readiness_tells_that_the_database_is_gone_and_not_where_it_was(store) -> None:
    faults = Faults()
    with running(store, faulty=FaultyStore(store, faults)) as api:
        faults.arm(0, Fault.FAILS_BEFORE)

        response = api.get("/readyz")

    assert (response.status_code, response.json()["reasons"]) == (503, ["the database does not answer"])


def test_head_is_get_without_the_body(shared_api: Api) -> None:
    get = shared_api.get("/v1/ledger")

    head = shared_api.client.head("/v1/ledger")

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    assert shared_api.client.head("/v1/nothing").status_code == 404


class Sources(HTMLParser):
    """Whatever a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"src", "href"} and value]


def test_docs_load_nothing_from_third_parties(shared_api: Api) -> None:
    page = shared_api.get("/docs")

    assert page.status_code == 200
    sources = Sources()
    sources.feed(page.text)
    assert len(sources.found) == 3
    for source in sources.found:
        assert re.match("/[^/]", source), source
        assert shared_api.client.get(source).status_code == 200
    assert "//" not in re.sub("`.*`|//-?.*$", "", page.text, flags=re.MULTILINE)
    assert '"validatorUrl": null' in page.text  # else the page would hand the document to a validator on the web


def test_openapi_is_what_is_checked_in(shared_api: Api) -> None:
    assert shared_api.get("/openapi.json").json() == json.loads(Path("docs/openapi.json").read_text(encoding="utf-8"))
    assert export_openapi.render() == export_openapi.DOCUMENT.read_text(encoding="utf-8")


def test_openapi_describes_every_route(shared_api: Api) -> None:
    document = shared_api.get("/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert {route.path for route in ROUTES} == set(document["paths"])
    identifiers = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(identifiers) == len(set(identifiers)) == 35


def test_openapi_errors_are_problem_documents(shared_api: Api) -> None:
    for path in shared_api.get("/openapi.json").json()["paths"].values():
        for operation in path.values():
            for status in ("4XX", "5XX"):
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"]


def test_every_route_that_openapi_locks_refuses_strangers(shared_api: Api) -> None:
    locked = [
        (method, path)
        for path, operations in shared_api.get("/openapi.json").json()["paths"].items()
        for method, operation in operations.items()
        if "security" in operation
    ]

    assert sorted(locked) == [
        ("delete", "/v1/digests/{digest}"),
        ("delete", "/v1/issuers/{did}/keys/{prefix}"),
        ("get", "/v1/batches/{root}/proofs"),
        ("get", "/v1/issuers"),
        ("get", "/v1/issuers/{did}/keys"),
        ("get", "/v1/issuers/{did}/quota"),
        ("get", "/v1/status-changes"),
        ("post", "/v1/credentials"),
        ("post", "/v1/digests"),
        ("post", "/v1/issuers"),
        ("post", "/v1/issuers/{did}/keys"),
        ("post", "/v1/issuers/{did}/keys/{prefix}/rotation"),
        ("post", "/v1/status-changes"),
        ("post", "/v1/status-lists"),
        ("post", "/v1/status-lists/{list_id}/entries"),
        ("put", "/v1/issuers/{did}/quota"),
        ("put", "/v1/status-lists/{list_id}"),
    ]
    for method, path in locked:
        response = shared_api.client.request(
            method.upper(),
            path.format(digest=hex_digest(1), root=hex_digest(1), list_id="5f" * 32, did=UNIVERSITY, prefix="0" * 8),
        )
        check_problem(response, 401, "not-allowed")


@pytest.mark.parametrize(
    ("described", "meant"),
    [
        (schemas.State, BatchState),
        (schemas.Rule, Canonicalization),
        (schemas.Outcome, Outcome),
        (schemas.CheckName, CheckName),
    ],
)
def test_schemas_name_the_values_of_the_core(described: object, meant: type[StrEnum]) -> None:
    assert set(get_args(described)) == set(meant)


def test_lists_without_a_key_to_sign_them_are_a_warning(store: SqlStore, tmp_path: Path) -> None:
    """They cannot be served. That is the operator's to mend, and no reason to refuse digests."""
    keys = tmp_path / "keys"
    lacking = ["1 status lists are here and no key to sign them: set CREDANCHOR_STATUS__KEYS"]
    with running(store) as api:
        assert api.get("/readyz").json()["warnings"] == []
        location = api.post("/v1/status-lists", {"purpose": "revocation"}).headers["location"]
        ready = api.get("/readyz")
        assert (ready.status_code, ready.json()["warnings"]) == (200, lacking)
        check_problem(api.follow(location), 500, "misconfigured")
    status = StatusSettings(keys=keys)
    ring = open_key_ring(Settings(status=status))
    for prepare, warnings in (
        (lambda: None, lacking),  # there is no such folder
        (lambda: keys.mkdir(mode=0o700), lacking),
        (lambda: ring.create(KeyKind.ED25519, issuer=UNIVERSITY, kid=f"{UNIVERSITY}#k", now=NOON), lacking),
        (lambda: ring.create(KeyKind.ED25519, issuer=None, kid=None, now=NOON), []),
    ):
        prepare()
        with TestClient(make_app(store, status=status)) as client:
            assert client.get("/readyz").json()["warnings"] == warnings
