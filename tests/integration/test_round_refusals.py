"""A round whose key others use, whose contract says no, whose ledger asks too much: what it refuses, and how it goes on."""

from dataclasses import replace

import pytest

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.fees import FeePolicy, FeeRules
from anchoring.errors import LedgerRejected, LedgerUnavailable, Misconfigured, StateCorrupt, StoreUnavailable
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from tests.fake_chain import ANOTHER, OURS
from tests.faults import Fault
from tests.installation import RULES, Installation, with_fees, with_finality
from tests.world import rows

FINAL, CONFIRMED, SUBMITTED, SEALED = BatchState.FINAL, BatchState.CONFIRMED, BatchState.SUBMITTED, BatchState.SEALED
IMPATIENT = replace(RULES, follow_s=0)
GWEI = 10**9


@pytest.fixture
def here(store: SqlStore) -> Installation:
    return Installation(store)


# The nonce.


def test_nonce_ahead_of_this_database_stops_the_round(here):
    here.post()
    here.round()
    here.chain.send_as(OURS)
    here.chain.mine()
    here.post()
    with pytest.raises(StateCorrupt, match="has 2 transactions of our key and this database knows 1"):
        here.round()
    assert here.states() == [FINAL, SEALED]
    assert here.chain.transaction_count(OURS) == 2


def test_key_that_was_used_before_begins_at_its_count(here):
    here.chain.send_as(OURS)
    here.chain.mine()
    here.post()
    here.round()
    assert here.states() == [FINAL]
    assert here.submissions(SubmissionState.FINAL) == [1]


def test_node_that_is_behind_is_waited_for(here):
    here.rules = with_finality(IMPATIENT, 0)
    here.post()
    here.round()
    here.chain.mine()
    here.round()
    assert here.states() == [FINAL]
    here.post()
    here.ledger.lag = 1
    with pytest.raises(LedgerUnavailable, match="is behind"):
        here.round()
    assert here.states() == [FINAL, SEALED]
    here.ledger.lag = 0
    here.rules = RULES
    here.rest()
    here.check()


def test_lagging_node_moves_no_state_backwards(here):
    here.post()
    here.round()
    assert here.states() == [FINAL]
    here.ledger.lag = len(here.chain.blocks) - 1
    here.round()
    assert here.states() == [FINAL]
    here.ledger.lag = 0
    here.round()
    assert here.chain.broadcasts == 1
    here.check()


def test_stranger_on_our_nonce_displaces_the_submission_and_the_batch_goes_again(here):
    here.rules = IMPATIENT
    here.post(2)
    here.round()
    here.chain.forget_pool()
    here.chain.send_as(OURS, nonce=0)
    here.chain.mine()
    here.round()
    assert here.submissions(SubmissionState.SUBMITTED) == [0]  # not final yet: a reorg could still bring ours in
    here.chain.mine(2)
    here.rules = RULES
    here.rest()
    assert here.submissions(SubmissionState.DISPLACED) == [0]
    assert here.submissions(SubmissionState.FINAL) == [1]
    here.check()


# What the contract says.


def test_root_that_is_anchored_already_is_adopted(here):
    here.post(4)
    (first, _) = here.seal_only()
    here.chain.send_as(ANOTHER, [first])
    here.chain.mine()
    here.rest()
    here.check()
    with here.store.reading() as uow:
        adopted, sent = uow.batches.in_state(FINAL, limit=2)
    assert adopted.anchor
    assert sent.anchor
    assert (adopted.anchor.anchored_by, sent.anchor.anchored_by) == (ANOTHER, OURS)
    assert here.chain.transaction_count(OURS) == 1


def test_root_adopted_by_a_round_alone_makes_no_transaction(here):
    here.post(2)
    here.chain.send_as(ANOTHER, here.seal_only())
    here.chain.mine()
    report = here.round()
    assert (report.submitted, here.states()) == (False, [FINAL])
    assert here.chain.transaction_count(OURS) == 0
    here.check()


def test_root_anchored_by_another_in_the_meantime_reverts_ours_and_the_rest_goes_again(here):
    here.rules = IMPATIENT
    here.post(4)
    (first, _) = here.seal_only()
    here.faults.freeze("broadcast", lambda: (here.chain.send_as(ANOTHER, [first]), here.chain.mine()))
    here.round()
    here.chain.mine()
    here.round()
    assert here.submissions(SubmissionState.SUBMITTED) == [0]  # reverted, and not final: a reorg could undo it
    here.rules = RULES
    here.rest()
    assert here.submissions(SubmissionState.REVERTED) == [0]
    assert here.submissions(SubmissionState.FINAL) == [1]
    assert len(here.chain.events()) == 2
    here.check()


def test_call_that_would_revert_is_not_signed(here):
    here.post()
    here.chain.reverts = "AccessControlUnauthorizedAccount"
    for _ in range(2):
        with pytest.raises(LedgerRejected, match="AccessControlUnauthorizedAccount"):
            here.round()
    assert here.states() == [SEALED]
    assert rows(here.store, tables.attempt) == []
    here.chain.reverts = None
    here.rest()
    here.check()


def test_transaction_that_reverts_is_given_up_at_final_depth_and_no_loop_begins(here):
    here.post()
    here.faults.freeze("broadcast", lambda: setattr(here.chain, "reverts", "role revoked"))
    here.round()
    assert here.states() == [SEALED]
    assert here.submissions(SubmissionState.REVERTED) == [0]
    for _ in range(2):
        with pytest.raises(LedgerRejected, match="role revoked"):
            here.round()
    assert here.chain.transaction_count(OURS) == 1
    here.chain.reverts = None
    here.rest()
    assert here.submissions(SubmissionState.FINAL) == [1]
    here.check()


def test_success_without_our_event_is_no_anchor(here):
    here.post()
    here.chain.is_silent = True
    with pytest.raises(LedgerRejected, match="our contract shows no anchor of root"):
        here.round()
    assert here.states() == [SUBMITTED]
    assert here.submissions(SubmissionState.CONFIRMED) == []


def test_final_needs_the_contract_to_agree(here):
    here.rules = with_finality(IMPATIENT, 0)
    here.post()
    here.round()
    here.chain.mine()
    newest = here.chain.blocks[-1]
    here.chain.blocks[-1] = replace(newest, anchors={})
    here.round()
    assert here.states() == [CONFIRMED]
    assert here.submissions(SubmissionState.FINAL) == []
    said = rows(here.store, tables.round_record)[-1].detail
    assert said == "batch 1 is recorded in block 1, and the contract does not show its root there"
    here.chain.blocks[-1] = newest
    here.round()
    assert here.states() == [FINAL]


# Fees.


def test_fee_above_the_cap_waits(here):
    market = FeeRules(policy=FeePolicy.MARKET, tip_wei=GWEI, cap_wei=10 * GWEI)
    here.rules = with_fees(RULES, market)
    here.chain.base_fee_wei = 300 * GWEI
    here.post()
    with pytest.raises(LedgerUnavailable, match="above the cap"):
        here.round()
    assert here.states() == [SEALED]
    assert rows(here.store, tables.attempt) == []
    here.chain.base_fee_wei = 7 * GWEI
    here.rest()
    (attempt,) = rows(here.store, tables.attempt)
    assert (int(attempt.max_fee_wei), int(attempt.tip_wei)) == (10 * GWEI, GWEI)
    here.check()


def test_zero_policy_asks_no_price_and_refuses_a_ledger_with_fees(here):
    here.post()
    here.chain.base_fee_wei = 7
    with pytest.raises(Misconfigured, match="the fee policy is zero"):
        here.round()
    here.chain.base_fee_wei = None
    here.faults.restart()
    here.rest()
    assert "gas_price" not in here.faults.trace
    here.check()


def test_rule_the_node_does_not_know_is_said_clearly(here):
    here.chain.knows_tags = False
    with pytest.raises(Misconfigured, match="does not know the block tag finalized"):
        here.round()


def test_store_that_does_not_answer_is_said_to_be_unavailable(here):
    here.post()
    here.faults.arm("commit", Fault.FAILS_AFTER)
    with pytest.raises(StoreUnavailable):
        here.round()
    here.rest()
    here.check()
