"""A round on both databases, against a ledger in memory: what it does, on whose ledger and under whose lease."""

from dataclasses import replace
from datetime import timedelta

import pytest

from anchoring.core.batch import BatchState
from anchoring.core.fees import FeePolicy, FeeRules
from anchoring.errors import Busy, LedgerUnavailable, Misconfigured
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.rounds import RoundResult
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import CodeHash
from tests.fake_chain import GAS_USED, OURS
from tests.fakes import FakeLedger
from tests.faults import Fault
from tests.installation import LEASE_S, RULES, Installation, with_fees, with_finality
from tests.world import rows

FINAL, CONFIRMED, SUBMITTED, SEALED = BatchState.FINAL, BatchState.CONFIRMED, BatchState.SUBMITTED, BatchState.SEALED
IMPATIENT = replace(RULES, follow_s=0)
PAID = FeeRules(policy=FeePolicy.MARKET, tip_wei=1, cap_wei=10**12)


@pytest.fixture
def here(store: SqlStore) -> Installation:
    return Installation(store)


# What it does.


def test_round_takes_what_waits_to_final(here):
    here.post(2)
    report = here.round()
    assert (report.sealed, report.submitted, report.followed.is_settled) == (1, True, True)
    assert here.states() == [FINAL]
    assert len(here.chain.events()) == 1
    here.check()


def test_round_records_what_it_saw_and_what_was_paid(here):
    here.rules = with_fees(RULES, PAID)
    here.chain.base_fee_wei = 7
    here.post()
    here.round()
    (recorded,), newest = rows(here.store, tables.round_record), here.chain.blocks[-1]
    assert (recorded.head_number, recorded.head_time) == (newest.place.number, newest.time)
    assert int(recorded.balance_wei) == here.chain.balance_wei
    (submission,) = rows(here.store, tables.submission)
    assert (submission.gas_used, int(submission.fee_wei)) == (GAS_USED, GAS_USED * (2 * 7 + 1))


def test_round_on_a_ledger_without_fees_asks_for_no_balance(here):
    here.post()
    here.round()
    assert "balance" not in here.faults.trace
    assert rows(here.store, tables.round_record)[0].balance_wei is None


def test_round_with_nothing_waiting_makes_no_transaction(here):
    here.round()
    here.post()
    here.round()
    for _ in range(3):
        report = here.round()
        assert (report.sealed, report.submitted) == (0, False)
    assert here.chain.transaction_count(OURS) == 1
    assert len(rows(here.store, tables.submission)) == 1
    here.check()


def test_round_anchors_several_batches_with_one_transaction(here):
    here.post(8)
    here.round()
    assert here.states() == [FINAL] * 3
    assert here.chain.transaction_count(OURS) == 1
    assert [event.leaf_count for event in here.chain.events()] == [3, 3, 2]
    here.check()


def test_round_takes_no_more_roots_than_allowed_and_the_next_goes_on(here):
    here.rules = replace(RULES, submission=replace(RULES.submission, max_roots=2))
    here.post(8)
    here.round()
    assert here.states() == [FINAL, FINAL, SEALED]
    here.round()
    assert here.states() == [FINAL] * 3
    here.check()


def test_round_leaves_an_unfinished_transaction_to_the_next(here):
    here.rules = IMPATIENT
    here.post()
    here.round()
    assert here.states() == [SUBMITTED]
    here.post()
    assert here.round().submitted is False  # one transaction at a time
    assert here.states() == [SUBMITTED, SEALED]
    here.chain.mine()
    here.round()
    assert here.states() == [CONFIRMED, SUBMITTED]
    here.rest()
    here.check()


def test_round_waits_for_the_depth_the_rule_asks_for(here):
    here.rules = with_finality(IMPATIENT, 3)
    here.post()
    here.round()
    for expected in (CONFIRMED, CONFIRMED, CONFIRMED, FINAL):
        here.chain.mine()
        here.round()  # the first look of a round judges, what it records the last look sees
        assert here.states() == [expected]


def test_round_sends_the_same_bytes_again_when_the_pool_forgot_them(here):
    here.rules = IMPATIENT
    here.post()
    here.round()
    here.chain.forget_pool()
    here.clock.advance(5)
    here.round()
    assert here.chain.broadcasts == 1  # the node is given time first
    here.clock.advance(15)
    here.round()
    assert here.chain.broadcasts == 2
    here.rules = RULES
    here.rest()
    assert len(rows(here.store, tables.attempt)) == 1
    here.check()


def test_round_records_how_it_ended(here):
    here.post()
    here.round()
    here.faults.arm("head", Fault.FAILS_BEFORE)
    with pytest.raises(LedgerUnavailable):
        here.round()
    here.chain.code_hash = CodeHash(bytes(32))
    with pytest.raises(Misconfigured):
        here.round()
    with here.store.reading() as uow:
        failed, unavailable, done = uow.rounds.newest(5)
    assert (done.result, done.holder, done.detail) == (RoundResult.DONE, "machine-0", None)
    assert done.head_number == here.chain.blocks[-1].place.number
    assert (unavailable.result, unavailable.detail) == (RoundResult.INTERRUPTED, "no answer to head")
    assert failed.result is RoundResult.FAILED
    assert all(record.finished_at is not None for record in (done, unavailable, failed))


def test_round_seals_while_the_node_is_down(here):
    here.post(2)
    assert len(here.seal_only()) == 1
    assert here.states() == [SEALED]
    here.rest()
    here.check()


# Whose ledger, whose lease.


@pytest.mark.parametrize("changed", ["genesis", "code"])
def test_round_signs_nothing_for_a_ledger_other_than_the_one_it_began_with(here, changed):
    here.post()
    here.round()
    if changed == "genesis":
        genesis = here.chain.blocks[0]
        here.chain.blocks[0] = replace(genesis, place=here.chain.blocks[1].place)
    else:
        here.chain.code_hash = CodeHash(bytes(32))
    here.post()
    here.faults.restart()
    with pytest.raises(Misconfigured, match="belongs to eip155:31337:0x"):
        here.round()
    assert here.states() == [FINAL]
    assert not {"sign", "broadcast"} & set(here.faults.trace)
    assert len(rows(here.store, tables.attempt)) == 1


def test_two_first_rounds_on_different_ledgers_cannot_both_begin(here):
    other = Installation(here.store)
    other.chain.code_hash = CodeHash(bytes(32))
    other.clock.advance(LEASE_S + 1)

    class Slow(FakeLedger):
        def identity(self) -> LedgerIdentity:
            answer = super().identity()
            other.round()
            return answer

    here.post()
    here.ledger = Slow(here.chain, here.faults)
    with pytest.raises(Misconfigured, match="belongs to"):
        here.round()
    assert here.chain.broadcasts == 0


def test_round_is_refused_while_another_holds_the_lease(here):
    here.post()
    with here.store.writing() as uow:
        now = here.clock.now()
        assert uow.rounds.take_lease("another machine", now, now + timedelta(seconds=LEASE_S))
        uow.commit()
    with pytest.raises(Busy, match="another machine"):
        here.round()
    assert here.states() == []
    here.clock.advance(3600)
    here.round()
    assert here.states() == [FINAL]


def test_round_that_lost_its_lease_stops(here):
    here.post()

    def another_takes_over() -> None:
        with here.store.writing() as uow:
            now = here.clock.now()
            assert uow.rounds.take_lease("another machine", now, now + timedelta(seconds=LEASE_S))
            uow.commit()

    here.freeze("identity", another_takes_over)
    with pytest.raises(Busy, match="another machine"):
        here.round()
    with here.store.reading() as uow:
        assert uow.rounds.lease_holder() == "another machine"  # a round gives back its own lease only
