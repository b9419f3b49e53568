"""Submissions on both databases: one at a time, one nonce each, what was signed is never lost."""

from dataclasses import replace
from datetime import timedelta

import pytest

from anchoring.core.batch import BatchState, RootToAnchor, SubmissionState
from anchoring.ports.submissions import Mined
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address
from tests.factories import NOON
from tests.records import BLOCK, OTHER_BLOCK, REGISTRY, SIGNER, batch_in, make_attempt, make_submission
from tests.world import rows

SUBMITTED, CONFIRMED, FINAL, REVERTED, DISPLACED = SubmissionState
LATER = NOON + timedelta(minutes=1)
ANOTHER = Address("0x" + "d4" * 20)


def open_one(store: SqlStore, nonce: int = 0, *roots: RootToAnchor) -> bool:
    some = roots or [root_of(store, batch_in(store, BatchState.SEALED, entries=range(100 * nonce + 50, 100 * nonce + 55)))]
    with store.writing() as uow:
        opened = uow.submissions.open(make_submission(nonce, *some), make_attempt(nonce))
        uow.commit()
    return opened


def settle(store: SqlStore, becomes: SubmissionState, mined: Mined | None = None) -> bool:
    """Move the one submission that is on its way."""
    with store.writing() as uow:
        (submission,) = uow.submissions.in_state(SUBMITTED)
        changed = uow.submissions.change_state(submission.id, SUBMITTED, becomes, mined=mined)
        uow.commit()
    return changed


def root_of(store: SqlStore, batch_id: int) -> RootToAnchor:
    with store.reading() as uow:
        batch = uow.batches.with_id(batch_id)
    assert batch is not None
    assert batch.tree is not None
    return RootToAnchor(batch_id=batch.id, root=batch.tree.root, leaf_count=batch.leaf_count)


def mined(nonce: int = 0, block=BLOCK) -> Mined:
    return Mined(tx_hash=make_attempt(nonce).tx_hash, block=block, gas_used=55_000, fee_wei=2**200)


def test_submission_comes_back_with_its_roots_and_attempt(store):
    roots = [root_of(store, batch_in(store, BatchState.SEALED, entries=range(10 * i, 10 * i + 5))) for i in (1, 2)]
    assert open_one(store, 3, *roots) is True
    with store.reading() as uow:
        (submission,) = uow.submissions.in_state(SUBMITTED)
        attempts = uow.submissions.attempts(submission.id)
    assert (submission.chain_id, submission.contract, submission.signer) == (REGISTRY.chain_id, REGISTRY.contract, SIGNER)
    assert (submission.nonce, submission.calldata, submission.gas_limit) == (3, b"\x01" * 3, 100_000)
    assert (submission.roots, submission.block) == (tuple(roots), None)
    assert list(attempts) == [make_attempt(3)]


def test_second_submission_waits_for_the_first(store):
    root = root_of(store, batch_in(store, BatchState.SEALED))
    assert open_one(store, 0) is True
    assert open_one(store, 1, root) is False
    settle(store, CONFIRMED, mined())
    assert open_one(store, 1, root) is True


def test_nonce_is_used_once(store):
    root = root_of(store, batch_in(store, BatchState.SEALED))
    open_one(store, 0, root)
    settle(store, DISPLACED)
    assert open_one(store, 0, root) is False
    assert len(rows(store, tables.submission)) == len(rows(store, tables.attempt)) == 1


def test_highest_nonce_is_that_of_the_signer_on_the_chain(store):
    with store.reading() as uow:
        assert uow.submissions.highest_nonce(31337, SIGNER) is None
    for nonce in (4, 5):
        open_one(store, nonce)
        settle(store, DISPLACED)
    with store.reading() as uow:
        assert uow.submissions.highest_nonce(31337, SIGNER) == 5
        assert uow.submissions.highest_nonce(1, SIGNER) is None
        assert uow.submissions.highest_nonce(31337, ANOTHER) is None


@pytest.mark.parametrize("present", SubmissionState)
def test_state_changes_from_the_named_state_only(store, present):
    open_one(store)
    if present is not SUBMITTED:
        settle(store, present, mined())
    (submission_id,) = [row.id for row in rows(store, tables.submission)]
    for was in SubmissionState:
        with store.writing() as uow:  # rolled back
            assert uow.submissions.change_state(submission_id, was, DISPLACED) is (was is present)
            assert uow.submissions.change_state(submission_id + 1, was, DISPLACED) is False


def test_mined_submission_names_block_and_transaction(store):
    open_one(store)
    assert settle(store, CONFIRMED, mined()) is True
    with store.reading() as uow:
        (submission,) = uow.submissions.in_state(CONFIRMED)
    assert submission.block == BLOCK
    assert rows(store, tables.submission)[0].tx_hash == make_attempt(0).tx_hash


@pytest.mark.parametrize("state", [CONFIRMED, FINAL, REVERTED])
def test_block_that_is_gone_reopens_what_was_mined_in_it(store, state):
    open_one(store)
    settle(store, state, mined())
    with store.writing() as uow:
        uow.submissions.reopen(OTHER_BLOCK)
        uow.submissions.reopen(replace(BLOCK, hash=OTHER_BLOCK.hash))
        assert len(uow.submissions.in_state(state)) == 1
        uow.submissions.reopen(BLOCK)
        (submission,) = uow.submissions.in_state(SUBMITTED)
        uow.commit()
    assert submission.block is None
    (row,) = rows(store, tables.submission)
    assert (row.tx_hash, row.gas_used, row.fee_wei) == (None, None, None)


def test_block_that_is_final_finishes_what_was_confirmed_in_it(store):
    open_one(store)
    settle(store, CONFIRMED, mined())
    with store.writing() as uow:
        uow.submissions.finalize(OTHER_BLOCK)
        assert len(uow.submissions.in_state(CONFIRMED)) == 1
        uow.submissions.finalize(BLOCK)
        (submission,) = uow.submissions.in_state(FINAL)
        uow.commit()
    assert submission.block == BLOCK
    (row,) = rows(store, tables.submission)
    assert (row.gas_used, int(row.fee_wei)) == (55_000, 2**200)


def test_reverted_submission_does_not_become_final(store):
    open_one(store)
    settle(store, REVERTED, mined())
    with store.writing() as uow:
        uow.submissions.finalize(BLOCK)
        assert len(uow.submissions.in_state(REVERTED)) == 1


def test_roots_of_a_dead_submission_can_go_again(store):
    root = root_of(store, batch_in(store, BatchState.SEALED))
    open_one(store, 0, root)
    with store.writing() as uow:
        (submission,) = uow.submissions.in_state(SUBMITTED)
        uow.submissions.change_state(submission.id, SUBMITTED, DISPLACED)
        uow.submissions.release_items(submission.id)
        uow.commit()
    assert open_one(store, 1, root) is True
    assert [row.live for row in rows(store, tables.submission_item)] == [0, 1]


def test_broadcast_is_noted_with_the_nodes_words(store):
    open_one(store)
    tx_hash = make_attempt(0).tx_hash
    with store.writing() as uow:
        uow.submissions.record_broadcast(tx_hash, "no answer", NOON)
        uow.submissions.record_broadcast(tx_hash, "accepted", LATER)
        uow.commit()
    (row,) = rows(store, tables.attempt)
    assert (row.first_sent_at, row.last_sent_at, row.last_answer) == (NOON, LATER, "accepted")
    with store.reading() as uow:
        (submission,) = uow.submissions.in_state(SUBMITTED)
        (attempt,) = uow.submissions.attempts(submission.id)
    assert attempt.last_sent_at == LATER


def test_fees_of_any_size_come_back(store):
    open_one(store)
    with store.writing() as uow:
        (submission,) = uow.submissions.in_state(SUBMITTED)
        made = replace(make_attempt(9), max_fee_wei=2**256 - 1, tip_wei=2**200, signed_at=LATER)
        assert uow.submissions.add_attempt(submission.id, made) is True
        assert uow.submissions.add_attempt(submission.id, made) is False  # two rounds at once sign the same bytes
        uow.commit()
    with store.reading() as uow:
        assert list(uow.submissions.attempts(submission.id)) == [made, make_attempt(0)]  # highest offer first
