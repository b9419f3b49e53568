"""Mistakes that are most often made in such a service, planted into a process: `python -m tests.mistakes <mistake> <pytest …>`.

Each must turn a named test red (tests/test_mistakes.py), or the suite tests less than it says.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import pytest
from sqlalchemy import literal, select, update

from anchoring.core import finality
from anchoring.core.batch import Anchor, Attempt
from anchoring.store import entries, tables
from anchoring.store.batches import SqlBatches, recorded_in
from anchoring.store.partitions import IS_PARTITIONED
from anchoring.store.postgresql import DriverStatement
from anchoring.store.submissions import SqlSubmissions
from anchoring.usecases import open_submission
from anchoring.usecases.follow_ledger import look, submissions

PLANT: Final = pytest.MonkeyPatch()


def broadcast_before_it_is_persisted() -> None:
    sign = open_submission._sign

    def sign_and_send(ledger: Any, *arguments: Any) -> Any:
        signed = sign(ledger, *arguments)
        ledger.broadcast(signed[1])
        return signed

    PLANT.setattr(open_submission, "_sign", sign_and_send)


def success_judged_by_status_alone() -> None:
    confirm = submissions._confirm

    def believe(seen: Any, submission: Any, mined: Any, receipt: Any) -> None:
        shown = {anchor.root for anchor in receipt.anchors}
        believed = [
            Anchor(
                root=item.root,
                sequence=item.batch_id,
                leaf_count=item.leaf_count,
                anchored_by=submission.signer,
                transaction=mined.tx_hash,
                block=mined.block,
                anchored_at=seen.clock.now(),
            )
            for item in submission.roots
            if item.root not in shown
        ]
        confirm(seen, submission, mined, replace(receipt, anchors=(*receipt.anchors, *believed)))

    PLANT.setattr(submissions, "_confirm", believe)


def block_hash_not_compared() -> None:
    judge = finality.judge

    def judge_by_height(recorded: Any, *, hash_there: Any, final_height: int) -> Any:
        return judge(recorded, hash_there=hash_there and recorded.hash, final_height=final_height)

    PLANT.setattr(look, "judge", judge_by_height)


def state_not_compared_in_updates() -> None:
    def change(self: Any, batch_ids: Any, was: Any, values: Any, block: Any = None) -> bool:
        changed = update(tables.batch).where(tables.batch.c.id.in_(batch_ids)).values(**values)
        if block is not None:
            changed = changed.where(recorded_in(block))
        return bool(self._connection.execute(changed).rowcount == len(batch_ids))

    def change_state(self: Any, submission_id: int, was: Any, becomes: Any, *, mined: Any = None) -> bool:
        return change_as_it_is(self, submission_id, self_state(self, submission_id), becomes, mined=mined)

    def self_state(self: Any, submission_id: int) -> Any:
        statement = tables.submission.select().where(tables.submission.c.id == submission_id)
        return self._connection.execute(statement).one().state

    change_as_it_is = SqlSubmissions.change_state
    PLANT.setattr(SqlBatches, "_change", change)
    PLANT.setattr(SqlSubmissions, "change_state", change_state)


def writers_take_no_lock() -> None:
    PLANT.setattr(entries, "_SHARE_SEAL_LOCK", DriverStatement(select(literal(""), IS_PARTITIONED)))


def only_the_newest_attempt_looked_up() -> None:
    attempts = SqlSubmissions.attempts

    def newest(self: Any, submission_id: int) -> Sequence[Attempt]:
        return attempts(self, submission_id)[:1]

    PLANT.setattr(SqlSubmissions, "attempts", newest)


MISTAKES: Final[Sequence[Callable[[], None]]] = (
    broadcast_before_it_is_persisted,
    success_judged_by_status_alone,
    block_hash_not_compared,
    state_not_compared_in_updates,
    writers_take_no_lock,
    only_the_newest_attempt_looked_up,
)

if __name__ == "__main__":
    name, *selection = sys.argv[1:]
    next(mistake for mistake in MISTAKES if mistake.__name__ == name)()
    sys.exit(pytest.main([*selection, "-q", "--tb=line", "-p", "no:cacheprovider"]))
