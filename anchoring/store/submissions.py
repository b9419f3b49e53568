"""Submissions and attempts: what was signed is written down before it is sent, and never deleted."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from anchoring.core.batch import Attempt, BlockPlace, HeadToPublish, RootToAnchor, Submission, SubmissionState
from anchoring.core.proof import Registry
from anchoring.ports.submissions import Mined, NewSubmission
from anchoring.store.columns import UtcDateTime
from anchoring.store.tables import attempt, batch, status_list, status_version, submission, submission_head, submission_item
from anchoring.types import Address, BlockHash, Digest, ListId, Root, TxHash

_NOT_MINED: Final = {
    "state": SubmissionState.SUBMITTED,
    "tx_hash": None,
    "block_number": None,
    "block_hash": None,
    "gas_used": None,
    "fee_wei": None,
}


class SqlSubmissions:
    """Implements ports.Submissions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dialect = postgresql if connection.dialect.name == "postgresql" else sqlite

    def in_state(self, state: SubmissionState) -> Sequence[Submission]:
        return self._all(submission.c.state == state)

    def dead_ends(self, chain_id: int, signer: Address) -> Sequence[Submission]:
        ours = (submission.c.chain_id == chain_id) & (submission.c.signer == signer)
        return self._all(ours & submission.c.state.in_((SubmissionState.REVERTED, SubmissionState.DISPLACED)))

    def highest_nonce(self, chain_id: int, signer: Address) -> int | None:
        ours = (submission.c.chain_id == chain_id) & (submission.c.signer == signer)
        return self._connection.execute(select(func.max(submission.c.nonce)).where(ours)).scalar()

    def signers(self) -> Collection[Address]:
        return [Address(signer) for signer in self._connection.execute(select(submission.c.signer).distinct()).scalars()]

    def spend_nonces(self, registry: Registry, signer: Address, nonces: range, at: datetime) -> None:
        spent = [
            {
                "chain_id": registry.chain_id,
                "contract": registry.contract,
                "signer": signer,
                "nonce": nonce,
                "calldata": b"",
                "gas_limit": 0,
                "state": SubmissionState.DISPLACED,
                "opened_at": at,
            }
            for nonce in nonces
        ]
        if spent:
            self._connection.execute(insert(submission), spent)

    def open(self, new: NewSubmission, first: Attempt) -> bool:
        values = {
            "chain_id": new.registry.chain_id,
            "contract": new.registry.contract,
            "signer": new.signer,
            "nonce": new.nonce,
            "calldata": new.calldata,
            "gas_limit": new.gas_limit,
            "state": SubmissionState.SUBMITTED,
            "opened_at": new.opened_at,
        }
        if self.in_state(SubmissionState.SUBMITTED):
            return False
        taken = ["chain_id", "signer", "nonce"]
        statement = self._dialect.insert(submission).on_conflict_do_nothing(index_elements=taken).returning(submission.c.id)
        submission_id = self._connection.execute(statement, values).scalar()
        if submission_id is None:
            return False
        carried = {"submission_id": submission_id, "live": 1}
        if roots := [carried | {"batch_id": root.batch_id} for root in new.roots]:
            self._connection.execute(insert(submission_item), roots)
        if heads := [carried | {"status_version_id": head.version_id} for head in new.heads]:
            self._connection.execute(insert(submission_head), heads)
        return self._add_attempt(submission_id, first)

    def attempts(self, submission_id: int) -> Sequence[Attempt]:
        rows = self._connection.execute(select(attempt).where(attempt.c.submission_id == submission_id))
        return sorted(map(_attempt, rows), key=lambda made: made.max_fee_wei, reverse=True)

    def all_attempts(self) -> Iterator[Attempt]:
        with self._connection.execute(select(attempt).execution_options(yield_per=1_000)) as found:
            yield from map(_attempt, found)

    def record_broadcast(self, tx_hash: TxHash, answer: str, at: datetime) -> None:
        sent = {
            "first_sent_at": func.coalesce(attempt.c.first_sent_at, literal(at, UtcDateTime())),
            "last_sent_at": at,
            "last_answer": answer,
        }
        self._connection.execute(update(attempt).where(attempt.c.tx_hash == tx_hash).values(**sent))

    def change_state(
        self, submission_id: int, was: SubmissionState, becomes: SubmissionState, *, mined: Mined | None = None
    ) -> bool:
        values: dict[str, Any] = {"state": becomes}
        if mined is not None:
            values |= {
                "tx_hash": mined.tx_hash,
                "block_number": mined.block.number,
                "block_hash": mined.block.hash,
                "gas_used": mined.gas_used,
                "fee_wei": str(mined.fee_wei),
            }
        changed = update(submission).where(submission.c.id == submission_id, submission.c.state == was).values(**values)
        return self._connection.execute(changed).rowcount == 1

    def finalize(self, block: BlockPlace) -> None:
        confirmed = _mined_in(block) & (submission.c.state == SubmissionState.CONFIRMED)
        self._connection.execute(update(submission).where(confirmed).values(state=SubmissionState.FINAL))

    def reopen(self, block: BlockPlace) -> None:
        self._connection.execute(update(submission).where(_mined_in(block)).values(**_NOT_MINED))

    def release_items(self, submission_id: int) -> None:
        for items in (submission_item, submission_head):
            self._connection.execute(update(items).where(items.c.submission_id == submission_id).values(live=0))

    def add_attempt(self, submission_id: int, made: Attempt) -> bool:
        if not self.change_state(submission_id, SubmissionState.SUBMITTED, SubmissionState.SUBMITTED):
            return False
        return self._add_attempt(submission_id, made)

    def add_filler(self, submission_id: int, made: Attempt) -> None:
        self._add_attempt(submission_id, made)

    def _add_attempt(self, submission_id: int, made: Attempt) -> bool:
        values = {
            "tx_hash": made.tx_hash,
            "submission_id": submission_id,
            "raw": made.raw,
            "max_fee_wei": str(made.max_fee_wei),
            "tip_wei": None if made.tip_wei is None else str(made.tip_wei),
            "signed_at": made.signed_at,
            "head_number": made.head_number,
        }
        statement = self._dialect.insert(attempt).on_conflict_do_nothing(index_elements=["tx_hash"])
        return self._connection.execute(statement.returning(attempt.c.tx_hash), values).first() is not None

    def _all(self, which: ColumnElement[bool]) -> list[Submission]:
        rows = self._connection.execute(select(submission).where(which).order_by(submission.c.nonce)).all()
        return [self._submission(row) for row in rows]

    def _submission(self, row: Row[Any]) -> Submission:
        roots = (
            select(batch.c.id, batch.c.root, batch.c.leaf_count)
            .join(submission_item, submission_item.c.batch_id == batch.c.id)
            .where(submission_item.c.submission_id == row.id)
            .order_by(batch.c.id)
        )
        heads = (
            select(status_version.c.id, status_list.c.list_id, status_version.c.version, status_version.c.digest)
            .join(submission_head, submission_head.c.status_version_id == status_version.c.id)
            .join(status_list, status_list.c.id == status_version.c.status_list_id)
            .where(submission_head.c.submission_id == row.id)
            .order_by(status_version.c.id)
        )
        block = None
        if row.block_hash is not None:
            block = BlockPlace(number=row.block_number, hash=BlockHash(row.block_hash))
        return Submission(
            id=row.id,
            chain_id=row.chain_id,
            contract=Address(row.contract),
            signer=Address(row.signer),
            nonce=row.nonce,
            calldata=row.calldata,
            gas_limit=row.gas_limit,
            state=SubmissionState(row.state),
            block=block,
            roots=tuple(
                RootToAnchor(batch_id=item.id, root=Root(item.root), leaf_count=item.leaf_count)
                for item in self._connection.execute(roots)
            ),
            heads=tuple(
                HeadToPublish(version_id=item.id, list_id=ListId(item.list_id), version=item.version, digest=Digest(item.digest))
                for item in self._connection.execute(heads)
            ),
        )


def _mined_in(block: BlockPlace) -> ColumnElement[bool]:
    return (submission.c.block_number == block.number) & (submission.c.block_hash == block.hash)


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        tx_hash=TxHash(row.tx_hash),
        raw=row.raw,
        max_fee_wei=int(row.max_fee_wei),
        tip_wei=None if row.tip_wei is None else int(row.tip_wei),
        signed_at=row.signed_at,
        head_number=row.head_number or 0,
        last_sent_at=row.last_sent_at,
    )
