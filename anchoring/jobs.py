"""A round: one run of the cron job. It prepares status lists that changed, seals what waits, sends one transaction, and follows
earlier ones to finality.

It may be killed at any line and run again, and two may run at once: the lease saves work, the constraints of the store and the
compare-and-set of every state keep things right.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from anchoring.core.fees import FeePolicy
from anchoring.errors import NEXT_ROUND_GOES_ON, AnchoringError, Busy, LedgerUnavailable, ManifestsUnavailable
from anchoring.ports.ledger import Ledger
from anchoring.ports.manifests import ManifestPlace
from anchoring.ports.rounds import RoundRecord, RoundResult
from anchoring.ports.runtime import THIS_PROCESS, Clock, Progress, Workers
from anchoring.ports.store import Store
from anchoring.types import Root
from anchoring.usecases.check_canaries import check_canaries
from anchoring.usecases.follow_ledger import Followed, follow_ledger
from anchoring.usecases.follow_ledger.look import FollowRules
from anchoring.usecases.keep_bundles import keep_bundles
from anchoring.usecases.keep_manifests import keep_manifests
from anchoring.usecases.match_anchors import Reconciliation, match_new_anchors, reconcile, require_reconciled
from anchoring.usecases.open_submission import SubmissionRules, open_submission
from anchoring.usecases.post_audit_head import post_audit_head
from anchoring.usecases.post_canary import post_canary
from anchoring.usecases.prove_inclusion import prove_inclusion
from anchoring.usecases.publish_status_lists import publish_status_lists
from anchoring.usecases.refill_nonces import refill_nonces
from anchoring.usecases.seal_batches import seal_batches
from anchoring.usecases.settle_changes import settle_changes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRules:
    """The operator's settings; times in seconds.

    `first_block`: where the contract's events begin. `canary_every_s`: 0 for no canary. `posts_audit_head`: with each round
    that takes place. `source_kept_s`: how long the audit log says where acts came from; None for ever.
    """

    submission: SubmissionRules
    follow: FollowRules
    max_leaves: int
    lease_s: float
    follow_s: float
    poll_s: float
    first_block: int
    canary_every_s: float = 0.0
    posts_audit_head: bool = False
    source_kept_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundReport:
    """What a round did. `followed`: what is still open at its end."""

    sealed: int
    submitted: bool
    followed: Followed


class Round:
    """One round under way, and the name under which it holds the lease."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        clock: Clock,
        rules: RoundRules,
        *,
        holder: str,
        progress: Progress,
        manifests: ManifestPlace | None = None,
        workers: Workers = THIS_PROCESS,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._rules = rules
        self._holder = holder
        self._progress = progress
        self._contradictions: list[str] = []
        self._without_bundle: set[int] = set()
        self._manifests = manifests
        self._workers = workers

    def run(self) -> RoundReport:
        """Prepare status lists, seal, submit and follow.

        Raises: StateCorrupt while the ledger is ahead of this database, and nothing is sealed or signed; Busy while another round
        holds the lease; LedgerUnavailable, and sealing is done all the same; ManifestsUnavailable, and following is done as well;
        other errors that a person must see. In each case the next round goes on where this one stopped.
        """
        self._contradictions, self._without_bundle = [], set()
        with self._lease(), self._recorded() as record:
            report = self._steps()
            head = report.followed.head
            record.detail = "; ".join(self._contradictions) or None
            record.head_number, record.head_time = head.block.number, head.time
            if self._rules.submission.fees.policy is not FeePolicy.ZERO:
                record.balance_wei = self._ledger.balance(head)
            _tell(report)
        return report

    def reconcile(self, *, accept_loss: bool) -> Reconciliation:
        """Compare the whole of the ledger with this database, in the place of a round.

        Raises: Busy while another round holds the lease; LedgerUnavailable; Misconfigured on another ledger.
        """
        with self._lease():
            self._check_identity()
            first_block = self._rules.first_block
            return reconcile(self._store, self._ledger, self._clock, first_block=first_block, accept_loss=accept_loss)

    def _steps(self) -> RoundReport:
        require_reconciled(self._store)
        silent = self._look_at_ledger()
        post_canary(self._store, self._clock, secrets.token_bytes, every_s=self._rules.canary_every_s)
        self._look_after_audit_log()
        sealed = seal_batches(
            self._store,
            self._clock,
            max_leaves=self._rules.max_leaves,
            progress=self._renewing,
            host=self._rules.submission.host,
            workers=self._workers,
            blockcerts_alone=self._rules.submission.raw_roots,
        )
        settle_changes(self._store, self._clock)
        with_manifest = self._keep_manifests()
        if silent is not None:
            raise silent
        self._keep_lease()
        self._look()
        refill_nonces(self._store, self._ledger, self._clock, self._rules.submission.fees)
        if isinstance(with_manifest, ManifestsUnavailable):
            raise with_manifest
        submitted = self._submit(with_manifest)
        followed = self._follow(with_manifest)
        if self._rules.canary_every_s:
            check_canaries(self._store, self._ledger, self._clock, followed.head, prove_inclusion)
        return RoundReport(sealed=len(sealed), submitted=submitted, followed=followed)

    def _look_at_ledger(self) -> LedgerUnavailable | None:
        """Whether this is our ledger, and knows no more than we do; status lists are prepared then.

        Sealing does not wait for a node that does not answer.
        """
        try:
            self._check_identity()
            match_new_anchors(self._store, self._ledger, self._clock, first_block=self._rules.first_block)
            require_reconciled(self._store)
            self._contradictions += self._publish_status_lists()
        except LedgerUnavailable as silent:
            return silent
        return None

    def _look_after_audit_log(self) -> None:
        if self._rules.posts_audit_head:
            post_audit_head(self._store, self._clock)
        if self._rules.source_kept_s is not None:
            with self._store.writing() as uow:
                uow.audit_log.forget_sources(self._clock.now() - timedelta(seconds=self._rules.source_kept_s))
                uow.commit()

    def _publish_status_lists(self) -> Sequence[str]:
        return publish_status_lists(
            self._store,
            self._ledger,
            self._clock,
            secrets.token_bytes,
            max_heads=self._rules.submission.max_heads,
            host=self._rules.submission.host,
            progress=self._renewing,
        )

    def _keep_manifests(self) -> frozenset[Root] | ManifestsUnavailable | None:
        """The roots with a manifest, or why that is not known: nothing is submitted then, and what was submitted is followed."""
        if self._manifests is None:
            return None
        try:
            kept = keep_manifests(self._store, self._manifests, self._clock, self._renewing)
        except ManifestsUnavailable as failed:
            return failed
        self._keep_lease()
        self._contradictions += kept.lost
        return kept.roots

    def _submit(self, with_manifest: frozenset[Root] | None) -> bool:
        return open_submission(self._store, self._ledger, self._clock, self._rules.submission, with_manifest=with_manifest)

    def _follow(self, with_manifest: frozenset[Root] | None) -> Followed:
        """Send what is submitted, and look until all is final or the time is over. Raw roots go one after the other."""
        deadline = self._clock.now() + timedelta(seconds=self._rules.follow_s)
        while True:
            followed = self._look()
            if self._clock.now() >= deadline:
                return followed
            if self._rules.submission.raw_roots and not followed.submitted and self._submit(with_manifest):
                continue
            if followed.is_settled:
                return followed
            self._keep_lease()
            self._clock.sleep(self._rules.poll_s)

    def _look(self) -> Followed:
        followed = follow_ledger(self._store, self._ledger, self._clock, self._rules.follow)
        for contradiction in followed.contradictions:
            if contradiction not in self._contradictions:
                self._contradictions.append(contradiction)
                log.error("node.contradicted", detail=contradiction)
        keep_bundles(self._store, self._ledger, self._renewing, given_up=self._without_bundle)
        return followed

    def _check_identity(self) -> None:
        """Nothing is signed for a ledger or contract other than the one this store began with."""
        identity = self._ledger.identity()
        with self._store.writing() as uow:
            known = uow.rounds.record_identity(identity)
            uow.commit()
        known.require(identity)

    def _renewing(self, what: str, done: int, total: int) -> None:
        self._keep_lease()
        self._progress(what, done, total)

    @contextmanager
    def _lease(self) -> Iterator[None]:
        self._keep_lease()
        try:
            yield
        finally:
            with self._store.writing() as uow:
                uow.rounds.release_lease(self._holder)
                uow.commit()

    def _keep_lease(self) -> None:
        now = self._clock.now()
        with self._store.writing() as uow:
            if not uow.rounds.take_lease(self._holder, now, now + timedelta(seconds=self._rules.lease_s)):
                raise Busy(f"another round is at work: {uow.rounds.lease_holder()}")
            uow.commit()

    @contextmanager
    def _recorded(self) -> Iterator["_OpenRecord"]:
        started_at = self._clock.now()
        with self._store.writing() as uow:
            round_id = uow.rounds.begin(self._holder, started_at)
            uow.commit()
        record = _OpenRecord()
        bound = structlog.contextvars.bind_contextvars(round=round_id)
        try:
            yield record
            record.result = RoundResult.DONE
        except AnchoringError as failed:
            record.detail = "; ".join([failed.message, *self._contradictions])
            if isinstance(failed, NEXT_ROUND_GOES_ON):
                record.result = RoundResult.INTERRUPTED
                log.warning("round.interrupted", error=failed.slug, detail=failed.message)
            else:
                record.result = RoundResult.FAILED
                log.error("round.failed", error=failed.slug, detail=failed.message)  # noqa: TRY400 - the caller prints it
            raise
        finally:
            structlog.contextvars.reset_contextvars(**bound)
            with self._store.writing() as uow:
                uow.rounds.finish(
                    round_id,
                    RoundRecord(
                        started_at=started_at,
                        finished_at=self._clock.now(),
                        holder=self._holder,
                        result=record.result,
                        head_number=record.head_number,
                        head_time=record.head_time,
                        balance_wei=record.balance_wei,
                        detail=record.detail,
                    ),
                )
                uow.commit()


def _tell(report: RoundReport) -> None:
    followed = report.followed
    log.info(
        "round.finished",
        sealed=report.sealed,
        submitted=report.submitted,
        still_submitted=followed.submitted,
        still_confirmed=followed.confirmed,
    )


@dataclass(slots=True)
class _OpenRecord:
    """What a round in progress will say of itself."""

    result: RoundResult | None = None
    head_number: int | None = None
    head_time: datetime | None = None
    balance_wei: int | None = None
    detail: str | None = None
