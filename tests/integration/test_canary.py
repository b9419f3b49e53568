"""The canary: a digest of our own that goes along with those of issuers and is checked as a verifier would (P2)."""

from dataclasses import replace

import pytest
import structlog

from anchoring.core.batch import BatchState
from anchoring.core.issuer import CANARY
from anchoring.errors import LedgerUnavailable
from anchoring.ports.entries import Canary
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.post_canary import post_canary
from anchoring.usecases.report_progress import report_progress
from tests.fake_chain import ANOTHER, OURS
from tests.faults import Fault
from tests.installation import RULES, Installation
from tests.world import rows

HOURLY = replace(RULES, canary_every_s=3600)
FINAL = BatchState.FINAL


@pytest.fixture
def here(store: SqlStore) -> Installation:
    return Installation(store, HOURLY)


def canaries(here: Installation) -> int:
    return len(rows(here.store, tables.canary))


def newest(here: Installation) -> Canary:
    with here.store.reading() as uow:
        found = uow.canaries.newest()
    assert found is not None
    return found


def random_bytes(size: int) -> bytes:
    return bytes(range(size))


def leave_canary_alone(here: Installation) -> None:
    """As though another round had sealed the issuers' entries just before the canary was committed."""
    here.post()
    with here.store.reading() as uow:
        assert uow.entries.oldest_after(0) is not None
    post_canary(here.store, here.clock, random_bytes, every_s=1)
    with here.store._engine.begin() as connection:
        first = tables.entry.c.id == here.acknowledged[0].id
        connection.execute(tables.entry.delete().where(first))
    here.acknowledged.clear()


def test_canary_goes_along_and_its_proof_is_checked(here):
    here.post(2)
    with structlog.testing.capture_logs() as logs:
        here.round()
    assert here.states() == [FINAL]
    found = newest(here)
    assert (found.entry.issuer, found.passed, found.detail) == (CANARY, True, None)
    assert found.checked_at
    assert found.checked_at > found.posted_at == here.acknowledged[0].received_at
    told = [(line["event"], line.get("delay_s")) for line in logs if line["event"].startswith("canary")]
    assert told == [("canary.posted", None), ("canary.verified", (found.checked_at - found.posted_at).total_seconds())]
    here.check()


def test_canary_is_posted_once_a_period(here):
    for _ in range(4):
        here.post()
        here.round()
        here.clock.advance(1200)
    assert canaries(here) == 2
    here.check()


def test_no_canary_while_nothing_waits(here):
    for _ in range(3):
        here.round()
        here.clock.advance(3600)
    assert (canaries(here), here.states(), here.chain.transaction_count(OURS)) == (0, [], 0)


def test_no_canary_when_it_is_off(store):
    here = Installation(store)
    here.post()
    here.round()
    assert canaries(here) == 0


def test_canary_that_waits_alone_causes_no_batch_and_is_not_counted(here):
    leave_canary_alone(here)
    for _ in range(3):
        here.round()
        here.clock.advance(10)
    with here.store.reading() as uow:
        progress = report_progress(uow)
    assert (progress.waiting, progress.oldest_waiting) == (0, None)
    assert (canaries(here), here.states(), here.chain.transaction_count(OURS)) == (1, [], 0)

    here.post()
    here.round()

    assert here.states() == [FINAL]
    assert newest(here).passed is True
    assert here.chain.transaction_count(OURS) == 1
    here.check()


def test_batch_of_canaries_before_others_holds_nothing_up(store):
    here = Installation(store, replace(HOURLY, max_leaves=1))
    leave_canary_alone(here)
    here.post(2)
    here.round()
    assert here.states() == [FINAL] * 3
    assert newest(here).passed is True
    here.check()


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_round_killed_at_any_effect_leaves_no_canary_unchecked(here, fault):
    """A round of each effect of its own, until a round has none left to be killed at."""
    for effect in range(200):
        here.clock.advance(3600)
        here.post(2)
        here.faults.arm(effect, fault)
        here.fails()
        was_killed = here.has_failed
        here.rest()
        assert newest(here).passed is True
        if not was_killed:
            break
    assert effect > 40
    assert canaries(here) == effect + 1
    with here.store.reading() as uow:
        assert uow.canaries.unchecked(1) == []
    here.check(newest=20)


def test_ledger_that_fails_the_check_leaves_it_to_the_next_round(here):
    here.post()
    here.make_round(rules=replace(HOURLY, follow_s=0)).run()
    assert newest(here).passed is None
    here.chain.mine(3)
    here.faults.arm("recorded_anchor", Fault.FAILS_BEFORE)
    with pytest.raises(LedgerUnavailable):
        here.round()
    here.rest()
    assert newest(here).passed is True


@pytest.mark.parametrize(
    ("spoil", "detail"),
    [
        (lambda c: c.execute(tables.canary.select()), None),
        (lambda c: c.execute(tables.batch.update().values(sequence=77)), "its proof names another anchor than the ledger"),
        (lambda c: c.execute(tables.tile.delete()), "entry 2 has no leaf in batch 1"),
    ],
)
def test_canary_whose_proof_does_not_hold_is_told(here, spoil, detail):
    here.post()
    here.make_round(rules=replace(HOURLY, canary_every_s=3600, follow_s=0)).run()
    here.make_round(rules=replace(HOURLY, canary_every_s=0)).run()
    assert here.states() == [FINAL]
    with here.store._engine.begin() as connection:
        spoil(connection)
    with structlog.testing.capture_logs() as logs:
        here.round()
    assert (newest(here).passed, newest(here).detail) == (detail is None, detail)
    failed = [line["detail"] for line in logs if line["event"] == "canary.failed"]
    assert failed == ([detail] if detail else [])
    here.round()
    assert newest(here).detail == detail


def test_canary_in_a_batch_whose_leaf_count_the_ledger_does_not_state_holds(here):
    """Its root was anchored as bare calldata, and adopted: a verifier takes the count from the proof."""
    here.post()
    sealed = here.seal_only()
    here.chain.send_as(ANOTHER, [(root, 0) for root, _ in sealed])
    here.chain.mine()
    here.rest()
    assert here.states() == [FINAL]
    assert (newest(here).passed, newest(here).detail) == (True, None)


def test_only_the_first_verdict_on_a_canary_counts(here):
    here.post()
    here.round()
    found = newest(here)
    with here.store.writing() as uow:
        assert uow.canaries.settle(found.entry.id, here.clock.now(), "too late") is False
        uow.commit()
    assert newest(here) == found


def test_every_line_of_a_round_names_it(here):
    capture = structlog.testing.LogCapture()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    try:
        here.post()
        here.round()
        here.post()
        here.round()
    finally:
        structlog.configure(processors=before)
    assert [line["round"] for line in capture.entries if line["event"] == "round.finished"] == [1, 2]
    assert {line.get("round") for line in capture.entries} == {1, 2}
    assert structlog.contextvars.get_contextvars() == {}
