"""What became of earlier submissions: sent again until mined, confirmed, final, or taken back by a reorg.

Every decision compares recorded block hashes with the ledger's. Success is an event of our contract with our root or head of a
list, never the status of a receipt. A node that lags says nothing, so absence alone changes nothing. Where several nodes are
asked, a second one must agree before anything is final, and none may still show a block that is taken for gone: while two
contradict each other nobody can tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from anchoring.core.batch import Batch, BatchState, SubmissionState
from anchoring.core.status_version import StatusVersion, VersionState
from anchoring.ports.ledger import Head, Ledger
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store, UnitOfWork
from anchoring.usecases.follow_ledger.blocks import block_of, follow_block, follow_final_blocks
from anchoring.usecases.follow_ledger.look import FollowRules, Look
from anchoring.usecases.follow_ledger.submissions import follow_submission

BATCHES_A_ROUND: Final = 1_000
"""Confirmed batches, and as many versions of status lists, looked at in one round; the next round goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What is still open after a look at the ledger. `confirmed`: batches, `confirmed_heads`: versions of status lists.

    `contradictions`: what a node says against another, or against what was recorded, a sentence each.
    """

    head: Head
    submitted: int
    confirmed: int
    confirmed_heads: int
    contradictions: tuple[str, ...]

    @property
    def is_settled(self) -> bool:
        """Nothing is on its way and nothing waits for finality."""
        return self.submitted == self.confirmed == self.confirmed_heads == 0


def follow_ledger(store: Store, ledger: Ledger, clock: Clock, rules: FollowRules) -> Followed:
    """Look once. Raises: LedgerUnavailable, and what was recorded until then stays; LedgerRejected, Misconfigured."""
    head = ledger.head()
    final_height = ledger.final_height(head, rules.finality)
    look = Look(store=store, ledger=ledger, clock=clock, rules=rules, head=head, final_height=final_height)
    with store.reading() as uow:
        batches, versions = _confirmed(uow)
        submitted = uow.submissions.in_state(SubmissionState.SUBMITTED)
    contradictions: list[str] = []
    for block in dict.fromkeys([*map(block_of, batches), *map(block_of, versions)]):
        contradictions += follow_block(look, block)
    contradictions += follow_final_blocks(look)
    for submission in submitted:
        contradictions += follow_submission(look, submission)
    with store.reading() as uow:
        batches, versions = _confirmed(uow)
        return Followed(
            head=head,
            submitted=len(uow.submissions.in_state(SubmissionState.SUBMITTED)),
            confirmed=len(batches),
            confirmed_heads=len(versions),
            contradictions=tuple(contradictions),
        )


def _confirmed(uow: UnitOfWork) -> tuple[Sequence[Batch], Sequence[StatusVersion]]:
    return (
        uow.batches.in_state(BatchState.CONFIRMED, limit=BATCHES_A_ROUND),
        uow.status_versions.in_state(VersionState.CONFIRMED, limit=BATCHES_A_ROUND),
    )
