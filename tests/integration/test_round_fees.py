"""A transaction that is not mined: more is offered for it by the stated policy, at the same nonce, never above the cap."""

from dataclasses import replace

import pytest

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.fees import FeePolicy, FeeRules
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from tests.fake_chain import OURS
from tests.faults import Fault
from tests.installation import RULES, Installation, with_fees
from tests.world import rows

GWEI = 10**9
MARKET = FeeRules(policy=FeePolicy.MARKET, tip_wei=GWEI, cap_wei=100 * GWEI)
PATIENCE_S = RULES.follow.patience_s
IMPATIENT = replace(RULES, follow_s=0)


@pytest.fixture
def here(store: SqlStore) -> Installation:
    return Installation(store, with_fees(IMPATIENT, MARKET))


def is_stuck(here: Installation, base_fee_gwei: int = 7) -> None:
    """One transaction is on its way and no block takes it, though blocks and time go by."""
    here.chain.base_fee_wei = base_fee_gwei * GWEI
    here.post(2)
    here.round()
    goes_by(here)


def goes_by(here: Installation, seconds: float = PATIENCE_S, blocks: int = 3) -> None:
    here.chain.is_full = True
    here.chain.mine(blocks)
    here.clock.advance(seconds)


def fees(here: Installation) -> list[tuple[float, float]]:
    """Highest fee and tip of every attempt, in gwei, in the order in which they were signed."""
    made = sorted(rows(here.store, tables.attempt), key=lambda row: row.signed_at)
    return [(int(row.max_fee_wei) / GWEI, int(row.tip_wei) / GWEI) for row in made]


def test_stuck_transaction_is_replaced_by_one_that_offers_an_eighth_more_of_both(here):
    is_stuck(here)
    here.round()
    assert fees(here) == [(15, 1), (16.875, 1.125)]
    goes_by(here)
    here.round()
    assert fees(here)[2] == (18.984375, 1.265625)
    assert {row.submission_id for row in rows(here.store, tables.attempt)} == {1}
    here.chain.is_full = False
    here.rest()
    assert here.chain.events()[0].transaction == max(rows(here.store, tables.attempt), key=lambda row: row.signed_at).tx_hash
    assert here.chain.transaction_count(OURS) == 1
    here.check()


def test_replacement_follows_the_market_when_that_rose_by_more(here):
    is_stuck(here)
    here.chain.base_fee_wei = 30 * GWEI
    here.chain.mine()
    here.round()
    assert fees(here) == [(15, 1), (61.125, 1.125)]
    here.chain.is_full = False
    here.rest()
    here.check()


@pytest.mark.parametrize(("seconds", "blocks"), [(PATIENCE_S - 1, 50), (10 * PATIENCE_S, 2)])
def test_nothing_is_replaced_before_time_and_blocks_have_gone_by(here, seconds, blocks):
    here.chain.base_fee_wei = 7 * GWEI
    here.post()
    here.round()
    goes_by(here, seconds, blocks)
    here.round()
    assert len(fees(here)) == 1


def test_fees_rise_no_higher_than_the_cap_and_the_bytes_go_on_being_sent(here):
    is_stuck(here, base_fee_gwei=40)
    for _ in range(5):
        here.round()
        goes_by(here)
    assert fees(here) == [(81, 1), (91.125, 1.125)]  # 102.5 would be the next
    sent = here.chain.broadcasts
    here.round()
    assert here.chain.broadcasts == sent + 1
    here.chain.is_full = False
    here.rest()
    here.check()


def test_last_step_goes_to_the_cap_itself(here):
    here.rules = with_fees(IMPATIENT, replace(MARKET, cap_wei=17 * GWEI))
    is_stuck(here)
    here.chain.base_fee_wei = 12 * GWEI
    here.chain.mine()
    here.round()
    assert fees(here) == [(15, 1), (17, 1.125)]


def test_market_above_the_cap_is_waited_out(here):
    is_stuck(here)
    here.chain.base_fee_wei = 300 * GWEI
    here.chain.mine()
    here.round()
    assert len(fees(here)) == 1
    here.chain.base_fee_wei = 7 * GWEI
    here.chain.is_full = False
    here.rest()
    here.check()


def test_nothing_outbids_anything_on_a_ledger_without_fees(here):
    here.rules = IMPATIENT
    here.post()
    here.round()
    for _ in range(10):
        goes_by(here)
        here.round()
    assert len(rows(here.store, tables.attempt)) == 1
    here.chain.is_full = False
    here.rest()
    here.check()


def test_gas_price_of_a_chain_without_a_base_fee_is_raised_too(here):
    here.rules = with_fees(IMPATIENT, FeeRules(policy=FeePolicy.LEGACY, tip_wei=0, cap_wei=100 * GWEI))
    here.chain.base_fee_wei, here.chain.gas_price_wei = None, 8 * GWEI
    here.post()
    here.round()
    goes_by(here)
    here.round()
    made = sorted(rows(here.store, tables.attempt), key=lambda row: row.signed_at)
    assert [(int(row.max_fee_wei) / GWEI, row.tip_wei) for row in made] == [(8, None), (9, None)]
    here.chain.is_full = False
    here.rest()
    here.check()


def test_older_attempt_that_is_mined_confirms_the_submission(here):
    is_stuck(here)
    older = rows(here.store, tables.attempt)[0]
    here.round()
    here.chain.forget_pool()
    here.chain.accept(older.raw)
    here.chain.is_full = False
    here.chain.mine()
    here.rest()
    assert here.submissions(SubmissionState.FINAL) == [0]
    assert here.chain.events()[0].transaction == older.tx_hash
    here.check()


def test_clock_that_was_set_back_makes_no_second_replacement_of_the_first(here):
    is_stuck(here)
    here.round()
    here.clock.advance(-2 * PATIENCE_S)
    goes_by(here, 2 * PATIENCE_S + PATIENCE_S)
    here.round()
    assert [fee for fee, _ in fees(here)] == [15, 16.875, 18.984375]


def test_clock_that_was_set_back_by_hours_stops_neither_sending_nor_replacing(here):
    is_stuck(here)
    here.round()
    here.clock.advance(-7200)
    goes_by(here, 0)
    here.round()
    assert {fee for fee, _ in fees(here)} == {15, 16.875, 18.984375}
    here.chain.is_full = False
    here.clock.advance(-7200)
    here.chain.forget_pool()
    sent = here.chain.broadcasts
    here.round()
    assert here.chain.broadcasts == sent + 1
    here.rest()
    here.check()


def test_key_that_was_changed_replaces_nothing_and_goes_on_sending(here):
    is_stuck(here)
    here.ledger.signer = "0x" + "d4" * 20
    sent = here.chain.broadcasts
    here.round()
    assert (len(fees(here)), here.chain.broadcasts) == (1, sent + 1)


@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("effect", ["sign", "commit after sign", "broadcast"])
def test_replacement_fails_at_each_effect_once_before_and_once_after(here, effect, fault):
    is_stuck(here)
    if effect == "commit after sign":
        here.faults.arm_after("sign", "commit", fault)
    else:
        here.faults.arm(effect, fault)
    here.fails()
    assert here.has_failed
    here.faults.restart()
    here.clock.advance(61)
    here.round()
    assert [fee for fee, _ in fees(here)] == [15, 16.875]
    here.chain.is_full = False
    here.rest()
    assert here.states() == [BatchState.FINAL]
    assert here.chain.transaction_count(OURS) == 1
    here.check()
