"""`/metrics`: figures of the store at each scrape, counts of the process, and of all processes together."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from anchoring.core.batch import BatchState, RootToAnchor, SubmissionState
from anchoring.ports.rounds import RoundResult
from anchoring.store import tables
from anchoring.usecases.post_canary import post_canary
from service.metrics import FOLDER_VARIABLE, Metrics
from tests.api import Api, anchor, check_problem, hex_digest, post_and_anchor, record_head, record_round, running, seal, spend
from tests.factories import NOON, post
from tests.faults import Fault, Faults, FaultyStore
from tests.records import REGISTRY, batch_in, make_attempt, make_root, make_submission
from tests.world import rows

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Every value by its name and labels."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name.removeprefix("credanchor_"), frozenset(sample.labels.items()))
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    return found


def scrape(api: Api) -> Samples:
    response = api.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    return samples(response.text)


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def by(found: Samples, name: str, label: str) -> dict[str, float]:
    """Of one metric with one label, each value that is not 0."""
    return {dict(labels)[label]: number for (of, labels), number in found.items() if of == name and number}


def test_metrics_of_an_empty_store(api: Api) -> None:
    found = scrape(api)

    assert value(found, "store_up") == 1
    assert (value(found, "store_bytes") or 0) > 10_000
    zero = ["waiting_entries", "oldest_not_final_seconds", "open_submission_attempts", "gas_used_total", "fees_wei_total"]
    assert [value(found, name) for name in zero] == [0] * len(zero)
    promised = ["promised_merge_delay_seconds", "waiting_limit_entries", "round_period_seconds"]
    assert [value(found, name) for name in promised] == [86_400, 10_000_000, 60]
    assert [value(found, name) for name in ("ledger_head_number", "key_balance_wei", "last_round_age_seconds")] == [None] * 3


def test_metrics_follow_entries_to_finality(api: Api) -> None:
    api.post_numbers(1, 2)
    api.clock.advance(30)
    api.post_numbers(3)
    waiting = scrape(api)
    batch = seal(api)
    api.clock.advance(10)
    sealed = scrape(api)
    anchor(api, batch)
    final = scrape(api)

    assert (value(waiting, "waiting_entries"), value(waiting, "oldest_not_final_seconds")) == (3, 30)
    assert (value(sealed, "waiting_entries"), value(sealed, "oldest_not_final_seconds")) == (0, 40)
    assert by(sealed, "batches", "state") == {"sealed": 1}
    assert value(final, "oldest_not_final_seconds") == 0
    assert by(final, "batches", "state") == {"final": 1}


def test_oldest_not_final_is_that_of_a_reorged_batch_before_newer_ones(api: Api) -> None:
    _, batch = post_and_anchor(api, 1)
    api.clock.advance(100)
    post_and_anchor(api, 2)
    api.clock.advance(5)
    with api.store.writing() as uow:
        anchored = uow.batches.with_id(batch.id)
        assert anchored
        assert anchored.anchor
        assert uow.batches.withdraw(batch.id, anchored.anchor.block, "reorg", api.clock.now())
        uow.commit()

    found = scrape(api)

    assert value(found, "oldest_not_final_seconds") == 105
    assert by(found, "withdrawn_anchors_total", "was") == {"final": 1}


def test_canary_is_not_counted_as_waiting_and_has_figures_of_its_own(api: Api) -> None:
    post(api.store, api.issuer, 1)
    post_canary(api.store, api.clock, os.urandom, every_s=60)
    api.clock.advance(20)
    alone = scrape(api)
    seal(api)
    waiting = scrape(api)
    assert (value(alone, "waiting_entries"), value(waiting, "waiting_entries")) == (1, 0)
    assert (value(alone, "canary_open_seconds"), value(alone, "canary_age_seconds")) == (0, 20)
    assert (value(waiting, "canary_open_seconds"), value(waiting, "canary_age_seconds")) == (20, 20)
    assert value(waiting, "canary_delay_seconds") is None
    with api.store.writing() as uow:
        [canary] = uow.canaries.unchecked(2)
        assert uow.canaries.settle(canary.entry.id, api.clock.now(), None)
        uow.commit()
    api.clock.advance(5)
    found = scrape(api)
    assert by(found, "canaries_total", "outcome") == {"passed": 1}
    names = ("canary_open_seconds", "canary_age_seconds", "canary_delay_seconds")
    assert [value(found, name) for name in names] == [0, 25, 20]


def test_merge_delay_is_that_of_the_newest_final_batches(api: Api) -> None:
    for number, delay_s in enumerate((10, 20, 30, 40)):
        post(api.store, api.issuer, number, now=api.clock.now())
        api.clock.advance(delay_s)
        batch = seal(api)
        with api.store._engine.begin() as connection:
            anchored = {"state": "final", "block_hash": bytes(32), "final_at": api.clock.now()}
            connection.execute(tables.batch.update().where(tables.batch.c.id == batch.id).values(**anchored))
    found = scrape(api)
    assert by(found, "merge_delay_seconds", "quantile") == {"0.5": 30, "0.9": 40, "0.99": 40, "1.0": 40}


def test_metrics_of_rounds_and_the_ledger(api: Api) -> None:
    clock = api.clock
    with api.store.writing() as uow:
        record_round(uow, clock)
        record_round(uow, clock, RoundResult.FAILED)
        record_round(uow, clock, RoundResult.INTERRUPTED)
        uow.rounds.begin("killed", clock.now())
        clock.advance(3600)
        record_head(uow, clock, number=7, time=clock.now(), balance_wei=5)
        clock.advance(50)
        record_head(uow, clock, number=7, time=clock.now() - timedelta(seconds=52))
        uow.commit()
    clock.advance(10)

    found = scrape(api)

    assert by(found, "round_seconds_count", "result") == {"done": 3, "failed": 1, "interrupted": 1, "killed": 1}
    assert (value(found, "last_round_age_seconds"), value(found, "last_round_failed")) == (10, 0)
    names = ("ledger_head_number", "ledger_head_age_seconds", "ledger_head_unchanged_seconds", "clock_ahead_seconds")
    assert [value(found, name) for name in names] == [7, 62, 60, 0]
    assert scrape(api).items() >= {key: found[key] for key in found if "round_seconds" in key[0]}.items()


def test_round_under_way_is_counted_once_it_has_ended(api: Api) -> None:
    clock = api.clock
    with api.store.writing() as uow:
        first = uow.rounds.begin("slow", clock.now())
        record_round(uow, clock)
        uow.commit()
    assert by(scrape(api), "round_seconds_count", "result") == {"done": 1}
    clock.advance(90)
    with api.store.writing() as uow:
        record = replace(uow.rounds.newest(1)[0], started_at=NOON, finished_at=clock.now())
        uow.rounds.finish(first, record)
        uow.commit()
    for _ in range(2):
        found = scrape(api)
        assert by(found, "round_seconds_count", "result") == {"done": 2}
        assert by(found, "round_seconds_sum", "result") == {"done": 90}


def test_fees_add_up_whatever_is_settled_when(api: Api) -> None:
    """What is settled is added up once; what is not, at each scrape; wei by wei, and no scrape counts anything twice."""
    huge = 10**30
    for nonce, fee in enumerate((huge, 7, 2, 5)):
        states = (SubmissionState.FINAL, SubmissionState.CONFIRMED, SubmissionState.REVERTED, SubmissionState.FINAL)
        spend(api.store, nonce=nonce, fee_wei=fee, state=states[nonce])
    expected = float(huge + 14)
    for _ in range(3):
        found = scrape(api)
        assert (value(found, "fees_wei_total"), value(found, "gas_used_total")) == (expected, 200_000)
    assert by(scrape(api), "submissions", "state") == {"final": 2, "confirmed": 1, "reverted": 1}
    with api.store._engine.begin() as connection:
        second = tables.submission.c.nonce == 1
        connection.execute(tables.submission.update().where(second).values(state="final", fee_wei="9"))
    assert value(scrape(api), "fees_wei_total") == float(huge + 16)


def test_key_lasts_for_rounds_at_the_price_of_the_last_ones(api: Api) -> None:
    for nonce in range(12):
        spend(api.store, nonce=nonce, fee_wei=1_000 if nonce < 2 else 20)
    with api.store.writing() as uow:
        record_head(uow, api.clock, number=7, time=NOON, balance_wei=300)
        uow.commit()
    found = scrape(api)
    assert (value(found, "key_balance_wei"), value(found, "key_rounds_left")) == (300, 15)


def test_submission_on_its_way_has_age_and_attempts(api: Api) -> None:
    batch_id = batch_in(api.store, BatchState.SEALED)
    with api.store.writing() as uow:
        root = RootToAnchor(batch_id=batch_id, root=make_root(1), leaf_count=1)
        assert uow.submissions.open(make_submission(0, root), make_attempt(0))
        uow.commit()
    api.clock.advance(77)
    found = scrape(api)
    assert (value(found, "open_submission_attempts"), value(found, "open_submission_age_seconds")) == (1, 77)


def test_orphan_anchors_are_counted_apart_from_accepted_ones(api: Api) -> None:
    one = {
        "sequence": 1,
        "leaf_count": 1,
        "anchored_by": REGISTRY.contract,
        "tx_hash": bytes(32),
        "block_number": 1,
        "block_hash": bytes(32),
        "anchored_at": NOON,
        "found_at": NOON,
    }
    with api.store._engine.begin() as connection:
        for number, accepted_at in enumerate((None, NOON, None)):
            row = one | {"root": bytes([number]) * 32, "accepted_at": accepted_at}
            connection.execute(tables.orphan_anchor.insert().values(**row))
    assert by(scrape(api), "orphan_anchors", "state") == {"open": 2, "accepted": 1}


# The process.


def test_requests_are_counted_by_route_and_never_by_path(api: Api) -> None:
    post_and_anchor(api, 1)
    before = scrape(api)
    api.get(f"/v1/proofs/{hex_digest(1)}")
    api.get(f"/v1/proofs/{hex_digest(2)}")
    api.get(f"/v1/proofs/{hex_digest(3)}")
    api.client.head(f"/v1/proofs/{hex_digest(1)}")
    api.client.request("BREW", "/v1/ledger")
    for path in ("/nothing", "/v1/ledger/../../etc", f"/{hex_digest(9)}"):
        api.get(path)
    after = scrape(api)

    grown = {
        (labels["route"], labels["method"], labels["status"]): number - before.get(key, 0)
        for key, number in after.items()
        if key[0] == "request_seconds_count" and number != before.get(key, 0)
        for labels in [dict(key[1])]
    }
    proofs = "/v1/proofs/{digest}"
    assert grown == {
        (proofs, "GET", "200"): 1,
        (proofs, "GET", "404"): 2,
        (proofs, "HEAD", "200"): 1,
        ("/v1/ledger", "other", "405"): 1,
        ("other", "GET", "404"): 3,
        ("/metrics", "GET", "200"): 1,
    }


def test_commits_are_counted_and_failures_with_them(store) -> None:
    faults = Faults()
    with running(store, faulty=FaultyStore(store, faults)) as api:
        api.post_numbers(1)
        faults.arm("commit", Fault.FAILS_BEFORE)
        check_problem(api.post_numbers(2), 503, "store-unavailable")
        faults.restart()
        found = scrape(api)
    assert (value(found, "commit_seconds_count"), value(found, "commit_writes_sum")) == (2, 2)
    assert (value(found, "commit_failures_total"), value(found, "commit_queue")) == (1, 0)


def test_metrics_are_served_while_the_database_is_gone(store) -> None:
    faults = Faults()
    with running(store, faulty=FaultyStore(store, faults)) as api:
        api.get("/healthz")
        faults.arm(0, Fault.FAILS_BEFORE)
        found = scrape(api)
    assert value(found, "store_up") == 0
    assert value(found, "waiting_entries") is None
    assert value(found, "request_seconds_count", route="/healthz", method="GET", status="200") == 1


WORKER = """
import sys
from service.metrics import Metrics
metrics = Metrics()
for _ in range(int(sys.argv[1])):
    metrics.answered("/v1/ledger", "GET", 200, 0.002)
metrics.committed(1, 0.1, queued=5, failed=False)
if sys.argv[2] == "stays":
    print("counted", flush=True)
    sys.stdin.read()
else:
    print(metrics.exposition([]).decode())
"""


def test_counts_of_all_workers_add_up_and_the_queue_of_a_dead_one_is_forgotten(tmp_path: Path) -> None:
    environment = os.environ | {FOLDER_VARIABLE: str(tmp_path)}
    command = [sys.executable, "-c", WORKER]
    first = subprocess.run([*command, "3", "ends"], env=environment, check=True, capture_output=True, text=True)
    assert value(samples(first.stdout), "commit_queue") == 5
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "10", "stays"], env=environment, stdin=pipe, stdout=pipe, text=True) as living:
        assert living.stdout
        assert living.stdin
        assert living.stdout.readline() == "counted\n"
        last = subprocess.run([*command, "4", "ends"], env=environment, check=True, capture_output=True, text=True)
        living.stdin.close()
    found = samples(last.stdout)
    assert value(found, "request_seconds_count", route="/v1/ledger", method="GET", status="200") == 17
    assert value(found, "commit_seconds_count") == 3
    assert value(found, "commit_queue") == 10
    again = Metrics()
    assert samples(again.exposition([]).decode()) != found


def test_refuses_a_query(shared_api: Api) -> None:
    for path in ("/metrics?name=x", "/readyz?verbose=1"):
        check_problem(shared_api.get(path), 422, "invalid-input")


# The backlog (P5).


def test_posts_go_on_without_a_ledger_until_the_backlog_is_full(store) -> None:
    with running(store, max_waiting=5) as api:
        with store.writing() as uow:
            record_round(uow, api.clock, RoundResult.INTERRUPTED, "the node does not answer")
            uow.commit()
        assert [api.post_numbers(2 * i, 2 * i + 1).status_code for i in range(3)] == [202, 202, 202]
        refused = api.post_numbers(100)
        also = api.post("/v1/credentials", b"PDF", "application/pdf")
        for response in (refused, also):
            problem = check_problem(response, 503, "backlog-full")
            assert (response.headers["retry-after"], problem["detail"]) == ("60", "try again later; repeating is safe")
        assert len(rows(store, tables.entry)) == 6
        readiness = api.get("/readyz")
        assert (readiness.status_code, readiness.json()["reasons"]) == (200, [])
        assert "6 entries wait and 5 may: posts are refused" in readiness.json()["warnings"]
        assert api.get(f"/v1/digests/{hex_digest(0)}").json()["state"] == "waiting"

        seal(api)
        check_problem(api.post_numbers(100), 503, "backlog-full")  # the figure may be some seconds old
        api.clock.advance(5)
        assert api.post_numbers(100).status_code == 202
        assert len(rows(store, tables.entry)) == 7


def test_backlog_that_others_filled_is_seen_within_a_second(store) -> None:
    with running(store, max_waiting=5) as api:
        assert api.post_numbers(1).status_code == 202
        post(store, api.issuer, *range(10, 20))
        api.clock.advance(1)
        check_problem(api.post_numbers(2), 503, "backlog-full")


def test_ids_that_were_passed_over_fill_no_backlog(store) -> None:
    """PostgreSQL spends an id on every digest that was known already."""
    with running(store, max_waiting=8) as api:
        for _ in range(6):
            assert api.post_numbers(1, 2, 3).status_code == 202
            api.clock.advance(5)
        with store.reading() as uow:
            assert uow.entries.backlog(0, 8) <= uow.entries.backlog(0)
            assert uow.entries.count_after(0) == 3
