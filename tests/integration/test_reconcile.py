"""An old backup, a clone, a stranger: the ledger knows more than the database, and nothing is signed before a person has looked."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.errors import LedgerUnavailable, StateCorrupt
from anchoring.ports.entries import Entry
from anchoring.store import tables
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import as_root
from tests.fake_chain import ANOTHER, OURS
from tests.faults import Fault
from tests.installation import Installation
from tests.records import make_root
from tests.world import check_store, rows

FINAL, SEALED = BatchState.FINAL, BatchState.SEALED


class Backups:
    """Copies of a database in time."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "store.db"
        self._copy = folder / "backup.db"
        store = self._opened()
        migrate(store._engine)
        self.here = Installation(store)

    def _opened(self) -> SqlStore:
        return SqlStore(make_engine(f"sqlite:///{self._path}", pool_size=5, busy_timeout_s=5))

    def take(self) -> None:
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(self._copy)) as copy:
            source.backup(copy)
        self._acknowledged = len(self.here.acknowledged)

    def restore(self) -> list[Entry]:
        """Back in time; returns the entries that are lost."""
        self.here.store.close()
        for left in self._path.parent.glob("store.db*"):
            left.unlink()
        self._copy.rename(self._path)
        self.here.store = self._opened()
        lost = self.here.acknowledged[self._acknowledged :]
        del self.here.acknowledged[self._acknowledged :]
        self.here.clock.advance(1000)
        return lost


@pytest.fixture
def backups(tmp_path: Path):
    backups = Backups(tmp_path)
    yield backups
    backups.here.store.close()


def state_of_things(here: Installation) -> tuple[list[BatchState], int, int]:
    return here.states(), here.chain.broadcasts, here.chain.transaction_count(OURS)


def test_old_backup_signs_and_seals_nothing_until_a_person_has_looked(backups):
    here = backups.here
    here.post(2)
    here.rest()
    here.post(2)
    backups.take()
    here.post(1)
    here.rest()  # batches 2 and its like: sealed with an entry that the backup lacks
    lost = backups.restore()
    before = state_of_things(here)
    for _ in range(3):
        with pytest.raises(StateCorrupt, match="holds 1 anchors of our key whose batches this database lacks"):
            here.round()
    assert state_of_things(here) == before
    found = here.make_round().reconcile(accept_loss=False)
    assert (found.anchors, found.adopted, len(found.orphans), found.may_sign) == (2, 0, 1, False)
    with pytest.raises(StateCorrupt):
        here.round()
    assert state_of_things(here) == before
    found = here.make_round().reconcile(accept_loss=True)
    assert (found.may_sign, found.spent_nonces) == (True, range(1, 2))
    here.rest()
    # The entries that survived are sealed again, the lost one is unknown, and posting it again works.
    assert here.states() == [FINAL, FINAL]
    with here.store.reading() as uow:
        assert not uow.entries.of_digest(lost[0].digest)
    here.post(1)
    here.rest()
    assert len({event.root for event in here.chain.events()}) == len(here.chain.events()) == 4
    here.check()


def test_old_backup_whose_batch_was_sealed_already_adopts_its_anchor(backups):
    here = backups.here
    here.post(2)
    here.rest()
    here.post(2)
    here.seal_only()
    backups.take()
    here.rest()
    backups.restore()
    assert here.states() == [FINAL, SEALED]
    here.post(1)
    with pytest.raises(StateCorrupt, match="has 2 transactions of our key and this database knows 1"):
        here.round()
    assert here.states() == [FINAL, FINAL, SEALED]
    found = here.make_round().reconcile(accept_loss=False)
    assert (len(found.orphans), found.may_sign) == (0, True)
    here.rest()
    assert len(here.chain.events()) == 3
    here.check()


def test_restored_mark_keeps_rounds_off_until_everything_was_compared(backups):
    here = backups.here
    here.post(2)
    here.rest()
    with here.store.writing() as uow:
        uow.rounds.mark_restored(here.clock.now())
        uow.commit()
    here.post(1)
    before = state_of_things(here)
    with pytest.raises(StateCorrupt, match="was restored from a backup"):
        here.round()
    assert state_of_things(here) == before
    assert here.make_round().reconcile(accept_loss=False).may_sign
    here.rest()
    here.check()


def test_backup_that_knows_nothing_of_the_present_key_is_noticed_by_the_count_of_anchors(backups):
    here = backups.here
    here.post(1)
    here.rest()
    backups.take()
    here.ledger.signer = ANOTHER
    here.post(1)
    here.rest()
    backups.restore()
    here.post(1)
    with pytest.raises(StateCorrupt, match="anchors of our key whose batches this database lacks"):
        here.round()
    assert here.states() == [FINAL]


def test_anchors_of_another_key_are_its_own_affair(backups):
    here = backups.here
    here.post(1)
    here.rest()
    here.chain.send_as(ANOTHER, [(make_root(1), 5)])
    here.chain.mine()
    here.post(1)
    here.rest()
    assert [bool(row.accepted_at) for row in rows(here.store, tables.orphan_anchor)] == [True]
    here.check()
    here.faults.restart()
    here.round()
    assert "anchors" not in here.faults.trace  # known by now: no second look


def test_junk_of_our_own_key_stops_rounds_until_a_person_has_looked(backups):
    """The key was stolen: its junk is visible, and signing waits."""
    here = backups.here
    here.post(1)
    here.rest()
    here.chain.send_as(OURS, [(as_root(make_root(1)), 5)])
    here.chain.mine()
    here.post(1)
    with pytest.raises(StateCorrupt, match="another program uses the key"):
        here.round()
    here.make_round().reconcile(accept_loss=True)
    here.rest()
    here.check()


def test_orphan_that_a_reorg_took_back_is_forgotten(backups):
    here = backups.here
    here.post(1)
    here.rest()
    here.chain.send_as(OURS, [(as_root(make_root(1)), 5)])
    here.chain.mine()
    with pytest.raises(StateCorrupt):
        here.round()
    here.chain.reorg(1)
    found = here.make_round().reconcile(accept_loss=False)
    assert (list(found.orphans), found.may_sign, list(found.spent_nonces)) == ([], True, [])
    here.post(1)
    here.rest()
    here.check()


def test_nonces_of_unknown_transactions_are_accounted_for(backups):
    here = backups.here
    here.post(1)
    here.rest()
    for _ in range(3):
        here.chain.send_as(OURS)
        here.chain.mine()
    here.post(1)
    with pytest.raises(StateCorrupt, match="has 4 transactions of our key and this database knows 1"):
        here.round()
    found = here.make_round().reconcile(accept_loss=False)
    assert list(found.spent_nonces) == [1, 2, 3]
    here.rest()
    assert here.submissions(SubmissionState.FINAL) == [0, 4]
    assert here.submissions(SubmissionState.DISPLACED) == [1, 2, 3]
    here.check()


@pytest.mark.parametrize("fault", list(Fault))
def test_reconciling_fails_at_each_effect_and_signing_stays_off_or_is_right(backups, fault):
    here = backups.here
    here.post(1)
    here.rest()
    here.chain.send_as(OURS, [(as_root(make_root(1)), 5)])
    here.chain.mine()
    here.post(1)
    here.faults.restart()
    here.make_round().reconcile(accept_loss=False)
    effects = list(here.faults.trace)
    for number in range(len(effects)):
        here.faults.arm(number, fault)
        here.fails_to(lambda: here.make_round().reconcile(accept_loss=False))
        assert here.has_failed
        here.faults.restart()
        here.clock.advance(61)
        with pytest.raises(StateCorrupt):
            here.round()
    for number in range(len(effects)):
        here.faults.arm(number, fault)
        here.fails_to(lambda: here.make_round().reconcile(accept_loss=True))
        here.faults.restart()
        here.clock.advance(61)
    here.make_round().reconcile(accept_loss=True)
    here.rest()
    here.check()


def test_node_that_does_not_answer_leaves_signing_off(backups):
    here = backups.here
    here.post(1)
    here.rest()
    with here.store.writing() as uow:
        uow.rounds.mark_restored(here.clock.now())
        uow.commit()
    here.faults.arm("anchors", Fault.FAILS_BEFORE)
    with pytest.raises(LedgerUnavailable):
        here.make_round().reconcile(accept_loss=True)
    here.faults.restart()
    with pytest.raises(StateCorrupt):
        here.round()


def test_clone_with_the_same_key_cannot_anchor_a_digest_twice(backups, tmp_path):
    """D26: a restored copy runs beside the original."""
    here = backups.here
    here.post(2)
    here.rest()
    here.post(2)
    here.seal_only()
    backups.take()
    clone_engine = make_engine(f"sqlite:///{tmp_path / 'backup.db'}", pool_size=5, busy_timeout_s=5)
    clone = here.twin(SqlStore(clone_engine))
    here.rest()
    clone.post(1)
    with pytest.raises(StateCorrupt, match="has 2 transactions of our key and this database knows 1"):
        clone.round()
    before = here.chain.transaction_count(OURS)
    for _ in range(3):
        with pytest.raises(StateCorrupt):
            clone.round()
    assert here.chain.transaction_count(OURS) == before
    here.check()
    check_store(clone.store, clone.acknowledged)
    clone_engine.dispose()


def test_clone_that_got_ahead_displaces_the_original_which_then_says_so(backups, tmp_path):
    here = backups.here
    here.post(2)
    here.rest()
    backups.take()
    clone_engine = make_engine(f"sqlite:///{tmp_path / 'backup.db'}", pool_size=5, busy_timeout_s=5)
    clone = here.twin(SqlStore(clone_engine))
    clone.post(1)
    clone.rest()
    here.post(1)
    with pytest.raises(StateCorrupt, match="anchors of our key whose batches this database lacks"):
        here.round()
    assert here.submissions(SubmissionState.SUBMITTED) == []
    clone_engine.dispose()
