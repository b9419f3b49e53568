"""Figures for operators: read at every scrape, so each is a look into an index or grows with rounds, never with entries."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Executable, func, select, text

from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.status_version import VersionState
from anchoring.ports.figures import AnchoredBatch, Cost, HeadSeen, OpenSubmission, Outcome
from anchoring.ports.rounds import RoundResult
from anchoring.store.orphans import WITHOUT_BATCH
from anchoring.store.tables import (
    anchor_history,
    attempt,
    batch,
    canary,
    entry,
    orphan_anchor,
    round_record,
    status_change,
    status_list,
    status_version,
    submission,
)

OPEN: Final = (BatchState.WAITING, BatchState.SEALED, BatchState.SUBMITTED, BatchState.CONFIRMED)
UNSETTLED: Final = (VersionState.PREPARED, VersionState.SUBMITTED, VersionState.CONFIRMED)
SETTLED: Final = frozenset({SubmissionState.FINAL, SubmissionState.REVERTED, SubmissionState.DISPLACED})

HEADS_COMPARED: Final = 30
"""A block is some seconds old when it is seen; the youngest of so many tells whether the clock is wrong."""


class SqlFigures:
    """Implements ports.Figures."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_postgresql = connection.dialect.name == "postgresql"

    def batches(self) -> Mapping[str, int]:
        return self._counts(select(batch.c.state, func.count()).group_by(batch.c.state))

    def submissions(self) -> Mapping[str, int]:
        return self._counts(select(submission.c.state, func.count()).group_by(submission.c.state))

    def status_versions(self) -> Mapping[str, int]:
        return self._counts(select(status_version.c.state, func.count()).group_by(status_version.c.state))

    def oldest_open_change(self) -> datetime | None:
        changed = select(status_list.c.id).where(status_list.c.versioned_count < status_list.c.change_count)
        on_its_way = select(status_version.c.status_list_id).where(status_version.c.state.in_(UNSETTLED))
        open_lists = changed.union(on_its_way).subquery()
        of_list = status_version.c.status_list_id == open_lists.c.id
        shown = select(func.max(status_version.c.change_count)).where(of_list, status_version.c.state == VersionState.FINAL)
        next_one = func.coalesce(shown.scalar_subquery(), 0) + 1
        is_next = (status_change.c.status_list_id == open_lists.c.id) & (status_change.c.position == next_one)
        oldest = select(status_change.c.applied_at).join(open_lists, is_next).order_by(status_change.c.applied_at).limit(1)
        return self._connection.execute(oldest).scalar()

    def overtaken_lists(self) -> int:
        overtaken = select(func.count(status_list.c.id)).where(status_list.c.overtaken_by.is_not(None))
        return self._connection.execute(overtaken).scalar_one()

    def first_open_entry_id(self) -> int | None:
        # State by state: asked for all at once, a planner may walk past every final batch there is.
        found = [
            self._connection.execute(
                select(batch.c.first_id).where(batch.c.state == state).order_by(batch.c.id).limit(1)
            ).scalar()
            for state in OPEN
        ]
        return min((first_id for first_id in found if first_id is not None), default=None)

    def costs_after(self, submission_id: int) -> Sequence[Cost]:
        statement = (
            select(submission.c.id, submission.c.state, submission.c.gas_used, submission.c.fee_wei)
            .where(submission.c.id > submission_id)
            .order_by(submission.c.id)
        )
        return [
            Cost(
                submission_id=row.id,
                is_settled=row.state in SETTLED,
                gas_used=row.gas_used or 0,
                fee_wei=int(row.fee_wei or 0),
            )
            for row in self._connection.execute(statement)
        ]

    def outcomes_after(self, round_id: int) -> Sequence[Outcome]:
        statement = (
            select(round_record.c.id, round_record.c.started_at, round_record.c.finished_at, round_record.c.result)
            .where(round_record.c.id > round_id)
            .order_by(round_record.c.id)
        )
        return [
            Outcome(
                round_id=row.id,
                started_at=row.started_at,
                finished_at=row.finished_at,
                result=RoundResult(row.result) if row.result else None,
            )
            for row in self._connection.execute(statement)
        ]

    def open_submission(self) -> OpenSubmission | None:
        is_open = submission.c.state == SubmissionState.SUBMITTED
        row = self._connection.execute(select(submission.c.id, submission.c.opened_at).where(is_open).limit(1)).first()
        if row is None:
            return None
        made = select(func.count()).select_from(attempt).where(attempt.c.submission_id == row.id)
        return OpenSubmission(opened_at=row.opened_at, attempts=self._connection.execute(made).scalar_one())

    def merge_delays_s(self, limit: int) -> Sequence[float]:
        newest = (
            select(batch.c.id, batch.c.first_id, batch.c.final_at)
            .where(batch.c.state == BatchState.FINAL, batch.c.final_at.is_not(None))
            .order_by(batch.c.id.desc())
            .limit(limit)
            .subquery()
        )
        # Entries may be detached: to look on until enough are found would be to walk past every batch there is.
        received = select(newest.c.final_at, entry.c.received_at).join(entry, entry.c.id == newest.c.first_id)
        statement = received.order_by(newest.c.id.desc())
        return [(row.final_at - row.received_at).total_seconds() for row in self._connection.execute(statement)]

    def newest_anchored(self, limit: int) -> Sequence[AnchoredBatch]:
        statement = (
            select(batch.c.sequence, batch.c.leaf_count, batch.c.sealed_at, batch.c.anchored_at, batch.c.final_at)
            .where(batch.c.state.in_((BatchState.CONFIRMED, BatchState.FINAL)), batch.c.sealed_at.is_not(None))
            .order_by(batch.c.id.desc())
            .limit(limit)
        )
        return [AnchoredBatch(**row) for row in self._connection.execute(statement).mappings()]

    def head_seen(self) -> HeadSeen | None:
        newest = self._connection.execute(_WITH_HEAD.order_by(round_record.c.id.desc()).limit(HEADS_COMPARED)).all()
        if not newest:
            return None
        head = newest[0]
        other = _WITH_HEAD.where(round_record.c.head_number != head.head_number).order_by(round_record.c.id.desc()).limit(1)
        before = self._connection.execute(other).first()
        run = _WITH_HEAD.where(round_record.c.id > (before.id if before else 0)).order_by(round_record.c.id).limit(1)
        first = self._connection.execute(run).one()
        return HeadSeen(
            number=head.head_number,
            time=head.head_time,
            first_seen_at=first.finished_at,
            ahead_s=min((row.finished_at - row.head_time).total_seconds() for row in newest),
            balance_wei=None if head.balance_wei is None else int(head.balance_wei),
        )

    def withdrawn_anchors(self) -> Mapping[str, int]:
        was = func.coalesce(anchor_history.c.was, BatchState.CONFIRMED.value)
        withdrawn = anchor_history.c.withdrawn_at.is_not(None)
        return self._counts(select(was, func.count()).where(withdrawn).group_by(was))

    def orphan_anchors(self) -> Mapping[str, int]:
        lost = select(func.count(), func.count(orphan_anchor.c.accepted_at)).where(WITHOUT_BATCH)
        found, accepted = self._connection.execute(lost).one()
        return {"open": found - accepted, "accepted": accepted}

    def canaries(self) -> Mapping[str, int]:
        counts = self._counts(select(canary.c.passed, func.count()).group_by(canary.c.passed))
        return {"passed": counts.get(1, 0), "failed": counts.get(0, 0)}

    def size_bytes(self) -> int:
        size = "SELECT pg_database_size(current_database())"
        if not self._is_postgresql:
            size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
        return int(self._connection.execute(text(size)).scalar_one())

    def _counts(self, statement: Executable) -> dict[Any, int]:
        return {row[0]: row[1] for row in self._connection.execute(statement)}


_WITH_HEAD: Final = select(
    round_record.c.id,
    round_record.c.finished_at,
    round_record.c.head_number,
    round_record.c.head_time,
    round_record.c.balance_wei,
).where(round_record.c.head_number.is_not(None), round_record.c.head_time.is_not(None))
