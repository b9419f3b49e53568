"""Raw roots in rounds, on both databases: batches with digests of Blockcerts go to the ledger as 32 bytes, one after the other."""

from dataclasses import replace

import pytest

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.canonical import Canonicalization
from anchoring.core.fees import FeePolicy, FeeRules
from anchoring.errors import LedgerUnavailable
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from tests.fake_chain import ANOTHER, OURS, encode_calls
from tests.faults import Fault
from tests.injections import injected
from tests.installation import RULES, Installation, with_fees
from tests.world import rows

FINAL, SUBMITTED, SEALED = BatchState.FINAL, BatchState.SUBMITTED, BatchState.SEALED
BLOCKCERTS = Canonicalization.BLOCKCERTS_RDFC
RAW = replace(RULES, submission=replace(RULES.submission, raw_roots=True), follow_s=30)
IMPATIENT = replace(RAW, follow_s=0)


@pytest.fixture
def here(store: SqlStore) -> Installation:
    return Installation(store, RAW)


def leaf_counts(here: Installation) -> list[int]:
    return [event.leaf_count for event in here.chain.events()]


def calldata(here: Installation) -> list[bytes]:
    return [row.calldata for row in rows(here.store, tables.submission)]


def test_each_root_goes_alone_and_one_after_the_other_within_one_round(here):
    here.post(8, canonicalization=BLOCKCERTS)
    here.round()
    assert here.states() == [FINAL] * 3
    assert leaf_counts(here) == [0] * 3
    assert calldata(here) == [encode_calls([(batch.root, 0)]) for batch in rows(here.store, tables.batch)]
    assert here.chain.transaction_count(OURS) == 3
    assert len({event.block.number for event in here.chain.events()}) == 3  # never two on their way
    here.check()


def test_roots_are_called_for_unless_the_setting_and_a_digest_ask_otherwise(here):
    here.rules = RULES
    here.post(canonicalization=BLOCKCERTS)
    here.round()
    here.rules = RAW
    here.post(canonicalization=Canonicalization.JCS)
    here.round()
    assert leaf_counts(here) == [1, 1]
    here.check()


def test_digests_of_blockcerts_cost_no_others_the_leaf_count(here):
    here.rules = replace(RAW, max_leaves=100)
    here.post(2)
    here.post(3, canonicalization=BLOCKCERTS)
    here.post(4)
    here.round()
    assert [batch.leaf_count for batch in rows(here.store, tables.batch)] == [2, 3, 4]
    assert leaf_counts(here) == [2, 4, 0]
    here.check()


def test_digests_of_blockcerts_among_others_share_their_batch(here):
    here.rules = replace(RAW, max_leaves=100)
    for canonicalization in (BLOCKCERTS, None, BLOCKCERTS, None):
        here.post(canonicalization=canonicalization)
    here.round()
    assert ([batch.leaf_count for batch in rows(here.store, tables.batch)], leaf_counts(here)) == ([4], [0])
    here.check()


def test_what_is_called_goes_first_and_together(here):
    here.post(3)
    here.post(1, canonicalization=BLOCKCERTS)
    list_id = here.revoke()
    here.round()
    first, second = rows(here.store, tables.submission)
    assert leaf_counts(here) == [3, 1, 0]  # the digest of the list's head is a batch of its own
    assert [(head.list_id, head.block.number) for head in here.chain.head_events()] == [(list_id, first.block_number)]
    assert second.calldata == encode_calls([(rows(here.store, tables.batch)[1].root, 0)])
    here.check()


def test_neither_roots_nor_lists_keep_each_other_waiting(here):
    """As where each round sees one transaction mined, and lists change all the time."""
    here.rules = IMPATIENT
    for number in range(6):
        here.post(canonicalization=BLOCKCERTS)
        here.revoke(number)
        here.clock.advance(60)
        here.round()
        here.chain.mine()
    assert leaf_counts(here)
    assert here.chain.head_events()
    here.rest()
    here.check()


def test_root_that_would_call_a_function_is_called_for(here):
    here.post(canonicalization=BLOCKCERTS)
    [(root, _)] = here.seal_only()
    here.chain.selectors = frozenset({root[:4]})
    here.round()
    assert (here.states(), leaf_counts(here)) == ([FINAL], [1])
    here.check()


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
@pytest.mark.parametrize("effect", ["sign", "broadcast"])
def test_round_that_stops_anywhere_is_taken_up_by_the_next(here, effect, fault):
    here.post(5, canonicalization=BLOCKCERTS)
    here.seal_only()
    here.faults.arm(effect, fault)
    here.fails()
    here.faults.restart()
    here.rest()
    assert (here.states(), leaf_counts(here)) == ([FINAL] * 2, [0] * 2)
    here.check()


def test_reorg_sends_the_same_bytes_again(here):
    here.rules = IMPATIENT
    here.post(5, canonicalization=BLOCKCERTS)
    for _ in range(2):
        here.round()
        here.chain.mine()
    here.round()
    here.chain.reorg(2)
    here.rest()
    assert (here.states(), leaf_counts(here)) == ([FINAL] * 2, [0] * 2)
    assert len(rows(here.store, tables.attempt)) == 2
    here.check()


def test_raw_root_that_is_stuck_is_replaced_at_its_nonce(here):
    here.rules = with_fees(IMPATIENT, FeeRules(policy=FeePolicy.MARKET, tip_wei=1, cap_wei=10**12))
    here.chain.base_fee_wei = 7
    here.chain.is_full = True
    here.post(canonicalization=BLOCKCERTS)
    here.round()
    here.chain.mine(5)
    here.clock.advance(400)
    here.round()
    here.chain.is_full = False
    here.rest()
    assert len(rows(here.store, tables.attempt)) == 2
    assert leaf_counts(here) == [0]
    here.check()


def test_root_that_another_anchored_with_a_count_is_adopted(here):
    here.post(2, canonicalization=BLOCKCERTS)
    [(root, leaf_count)] = here.seal_only()
    here.chain.send_as(ANOTHER, [(root, leaf_count)])
    here.chain.mine()
    here.rest()
    assert (here.states(), leaf_counts(here), here.chain.transaction_count(OURS)) == ([FINAL], [2], 0)


def test_displaced_raw_root_is_sent_again_with_the_next_nonce(here):
    here.rules = IMPATIENT
    here.post(canonicalization=BLOCKCERTS)
    here.chain.refuses = "busy"
    here.round()
    here.chain.refuses = None
    here.chain.send_as(OURS)
    injected()
    here.chain.mine(5)
    here.rest()
    states = [row.state for row in rows(here.store, tables.submission)]
    assert (states, leaf_counts(here)) == ([SubmissionState.DISPLACED, SubmissionState.FINAL], [0])
    here.check()


def test_nothing_further_is_signed_while_the_node_is_silent(here):
    here.post(5, canonicalization=BLOCKCERTS)
    here.rules = IMPATIENT
    here.round()
    here.ledger.is_silent = True
    with pytest.raises(LedgerUnavailable):
        here.round()
    assert len(calldata(here)) == 1
    here.ledger.is_silent = False
    here.rules = RAW
    here.rest()
    assert here.states() == [FINAL] * 2
    here.check()
