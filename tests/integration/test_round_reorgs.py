"""What rounds do when the ledger takes blocks back: confirmed ones, final ones, and those of strangers."""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest

from anchoring.core.batch import BatchState, BlockPlace, SubmissionState
from anchoring.errors import LedgerUnavailable, StateCorrupt
from anchoring.ports.ledger import Head, Receipt, RecordedAnchor
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import BlockHash, Root, TxHash
from tests.fake_chain import ANOTHER, OURS
from tests.fakes import FakeLedger
from tests.installation import LEASE_S, RULES, Installation, with_finality
from tests.world import rows

FINAL, CONFIRMED, SUBMITTED, SEALED = BatchState.FINAL, BatchState.CONFIRMED, BatchState.SUBMITTED, BatchState.SEALED
ONE_LOOK = replace(RULES, follow_s=0)


@pytest.fixture
def here(store: SqlStore) -> Installation:
    return Installation(store)


def look(here: Installation) -> None:
    """One round that does not wait."""
    here.rules = ONE_LOOK
    here.round()
    here.rules = RULES


def confirm(here: Installation, digests: int = 2) -> None:
    """A transaction in the newest block, seen there."""
    here.post(digests)
    look(here)
    here.chain.mine()
    look(here)
    assert set(here.states()) == {CONFIRMED}


def depth_of(here: Installation, batch_id: int) -> int:
    """How many blocks a reorg takes back to reach the block of this batch."""
    with here.store.reading() as uow:
        batch = uow.batches.with_id(batch_id)
    assert batch is not None
    assert batch.anchor is not None
    return here.chain.blocks[-1].place.number - batch.anchor.block.number + 1


def history(here: Installation, batch_id: int = 1) -> list[str | None]:
    """Why each recorded place of the batch was given up; None for the one that holds."""
    return [row.why for row in rows(here.store, tables.anchor_history) if row.batch_id == batch_id]


def test_confirmed_batch_goes_back_to_submitted_and_comes_again_with_the_same_bytes(here):
    confirm(here)
    here.chain.reorg(1, to_pool=True)
    look(here)
    assert here.states() == [SUBMITTED]
    assert here.submissions(SubmissionState.SUBMITTED) == [0]
    here.rest()
    assert history(here) == ["reorg", None]
    assert len(rows(here.store, tables.attempt)) == 1
    here.check()


def test_transaction_that_vanished_is_sent_again(here):
    confirm(here)
    here.chain.reorg(1)
    here.rest()
    assert here.chain.broadcasts == 2
    assert len(here.chain.events()) == 1
    here.check()


def test_same_bytes_in_another_block_give_another_place(here):
    confirm(here)
    before = here.chain.events()[0].block
    here.chain.reorg(1, to_pool=True)
    here.chain.mine()
    here.rest()
    assert here.chain.events()[0].block != before
    here.check()


def test_block_of_the_same_height_and_another_hash_is_a_reorg(here):
    confirm(here)
    here.chain.blocks.pop()  # the same transaction, mined beside another one: same height, other block
    here.chain._branch += 1
    with here.store.reading() as uow:
        (submission,) = uow.submissions.in_state(SubmissionState.CONFIRMED)
        (attempt,) = uow.submissions.attempts(submission.id)
    here.chain.accept(attempt.raw)
    here.chain.mine()
    here.rest()
    assert history(here) == ["reorg", None]
    here.check()


def test_final_batch_is_withdrawn_at_once(here):
    here.post(2)
    here.round()
    here.chain.reorg(depth_of(here, 1))
    look(here)
    assert here.states() == [SUBMITTED]
    with here.store.reading() as uow:
        (batch,) = uow.batches.in_state(SUBMITTED, limit=2)
    assert batch.anchor is None
    here.rest()
    assert history(here) == ["reorg", None]
    here.check()


def test_all_final_batches_of_the_lost_transaction_are_withdrawn(here):
    here.post(8)
    here.round()
    assert here.states() == [FINAL] * 3
    here.chain.reorg(depth_of(here, 1))
    look(here)
    assert here.states() == [SUBMITTED] * 3
    here.rest()
    here.check()


def test_all_final_blocks_that_are_gone_are_withdrawn_in_one_look(here):
    for _ in range(6):
        here.post(2)
        here.round()
    here.chain.reorg(depth_of(here, 2))
    look(here)
    assert here.states() == [FINAL] + [SUBMITTED] * 5
    assert here.submissions(SubmissionState.SUBMITTED) == [1, 2, 3, 4, 5]
    here.rest()
    assert here.states() == [FINAL] * 6
    assert history(here, 1) == [None]
    here.check()


def test_final_block_is_watched_though_a_newer_batch_has_an_older_one(here):
    """An adopted root stands where somebody put it, which may be far below."""
    here.post(4)
    here.chain.send_as(ANOTHER, here.seal_only()[1:])
    here.chain.mine(3)
    here.rest()
    assert here.states() == [FINAL, FINAL]
    here.chain.reorg(depth_of(here, 1))
    look(here)
    assert here.states() == [SUBMITTED, FINAL]
    here.rest()
    here.check()


def test_adopted_anchor_that_is_taken_back_is_replaced_by_our_own(here):
    here.post(2)
    here.chain.send_as(ANOTHER, here.seal_only())
    here.chain.mine()
    look(here)
    assert here.states() == [CONFIRMED]
    here.chain.reorg(1)
    here.rest()
    assert here.submissions(SubmissionState.FINAL) == [0]
    assert history(here) == ["reorg", None]
    here.check()


def test_lower_head_takes_nothing_back(here):
    here.rules = with_finality(RULES, 0)
    here.post(2)
    here.round()
    lost, here.chain.blocks = here.chain.blocks[-2:], here.chain.blocks[:-2]  # the node lost its newest blocks
    here.round()
    assert here.states() == [FINAL]
    here.chain.blocks += lost
    here.round()
    assert here.states() == [FINAL]
    here.check()


def test_reorg_while_one_submission_is_confirmed_and_the_next_submitted(here):
    confirm(here)
    here.post(2)
    look(here)
    assert here.states() == [CONFIRMED, SUBMITTED]
    here.chain.forget_pool()
    here.chain.reorg(1)
    look(here)
    assert here.states() == [SUBMITTED, SUBMITTED]
    here.rest()
    assert here.submissions(SubmissionState.FINAL) == [0, 1]
    here.check()


def test_receipt_of_a_block_that_is_gone_confirms_nothing(here):
    """Many nodes go on showing the receipts of orphaned blocks."""

    class Remembering(FakeLedger):
        known: ClassVar[dict[TxHash, Receipt]] = {}

        def receipt(self, tx_hash: TxHash) -> Receipt | None:
            found = super().receipt(tx_hash)
            if found:
                self.known[tx_hash] = found
            return self.known.get(tx_hash)

    here.ledger = Remembering(here.chain, here.faults)
    confirm(here)
    here.chain.reorg(1)
    look(here)
    assert here.states() == [SUBMITTED]
    here.rest()
    assert history(here) == ["reorg", None]
    here.check()


def test_batch_that_came_into_another_block_meanwhile_is_not_final(here):
    """A frozen round saw it deep enough in the old one."""
    finalizes: list[Callable[[], None]] = []

    class Slow(FakeLedger):
        def recorded_anchor(self, root: Root, at: Head) -> RecordedAnchor | None:
            answer = super().recorded_anchor(root, at)
            while finalizes:
                finalizes.pop()()
            return answer

    def fork() -> None:
        here.clock.advance(LEASE_S + 1)
        here.chain.reorg(3)
        look(here)
        here.chain.mine()
        look(here)
        assert here.states() == [CONFIRMED]
        here.ledger.lag = 1  # what comes next is not in sight yet

    confirm(here)
    here.chain.mine(2)
    here.ledger = Slow(here.chain, here.faults)
    finalizes.append(fork)
    look(here)
    assert here.states() == [CONFIRMED]
    here.ledger.lag = 0
    here.rest()
    here.check()


def test_batch_that_a_frozen_round_adopts_in_a_lost_block_is_confirmed_where_it_stands(here):
    """What that round saw is gone; had the confirmation gone on without the batch, nobody would look at it again."""
    here.post(2)
    lost = BlockPlace(number=1, hash=BlockHash(bytes(32)))
    ((root, leaf_count),) = here.seal_only()
    look(here)
    here.chain.mine()

    def the_frozen_round_adopts() -> None:
        anchor = replace(here.chain.events()[0], block=lost)
        assert (anchor.root, anchor.leaf_count) == (root, leaf_count)
        with here.store.writing() as uow:
            assert uow.batches.confirm(1, anchor, here.clock.now())
            uow.commit()

    here.faults.freeze("receipt", the_frozen_round_adopts)
    here.rules = ONE_LOOK
    here.round()
    here.rules = RULES
    here.rest()
    assert history(here) == ["reorg", None]
    here.check()


@pytest.mark.parametrize("dead_end", [SubmissionState.REVERTED, SubmissionState.DISPLACED])
def test_reorg_that_frees_the_nonce_of_a_dead_end_is_healed_by_its_own_bytes(here, dead_end):
    """Nobody else would use that nonce again, and nothing later is mined before it."""
    here.post(2)
    look(here)
    if dead_end is SubmissionState.REVERTED:
        here.chain.reverts = "role revoked"
        here.chain.mine()
        here.chain.reverts = None
    else:
        here.chain.forget_pool()
        here.chain.send_as(here.ledger.signer, nonce=0)
        here.chain.mine()
    here.chain.mine(2)
    here.rest()
    assert here.submissions(dead_end) == [0]
    here.chain.reorg(len(here.chain.blocks) - 1)
    here.chain.mine(1)
    here.post(1)
    here.rest()
    assert len({event.root for event in here.chain.events()}) == len(here.chain.events()) == 2
    # The old bytes anchor the first batch now, so those that did before are mined and revert.
    assert [row.state for row in rows(here.store, tables.submission)] == [dead_end, SubmissionState.REVERTED, FINAL]
    assert here.chain.transaction_count(here.ledger.signer) == 3
    here.check()


def test_nothing_is_sent_again_while_dead_ends_are_spent(here):
    here.chain.reverts = None
    here.post(1)
    look(here)
    here.chain.forget_pool()
    here.chain.send_as(here.ledger.signer, nonce=0)
    here.chain.mine(3)
    here.rest()
    sent = here.chain.broadcasts
    for _ in range(3):
        here.round()
    assert here.chain.broadcasts == sent


def test_nonce_of_a_stranger_that_a_reorg_frees_is_filled_when_something_waits_behind_it(here):
    """Its transaction was accounted for, ours came after it, and the stranger's does not come back."""
    here.post(2)
    here.rest()
    here.chain.send_as(OURS)
    here.chain.mine()
    here.post(2)
    with pytest.raises(StateCorrupt):
        here.round()
    here.clock.advance(LEASE_S + 1)
    assert here.make_round().reconcile(accept_loss=False).spent_nonces == range(1, 2)
    here.chain.reorg(1)
    assert here.chain.transaction_count(OURS) == 1
    here.clock.advance(LEASE_S + 1)
    with pytest.raises(LedgerUnavailable, match="has mined 1 transactions of our key and 2 were made"):
        here.round()  # and the nonce is filled by the next block
    here.rest()
    assert here.submissions(SubmissionState.FINAL) == [0, 2]
    assert here.chain.transaction_count(OURS) == 3
    assert len(here.chain.events()) == 2
    here.check()
