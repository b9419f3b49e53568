"""Sealed batches and prepared versions go to the ledger: one transaction for all of them, written down before it is sent."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from anchoring.core.audit_log import Act, Detail, round_act
from anchoring.core.batch import Anchor, Attempt, Batch, BatchState, HeadToPublish, RootToAnchor, SubmissionState
from anchoring.core.canonical import Canonicalization
from anchoring.core.fees import FeeRules, choose_fee
from anchoring.core.status_version import StatusVersion
from anchoring.errors import LedgerRejected, LedgerUnavailable, StateCorrupt
from anchoring.failpoints import failpoint
from anchoring.ports.ledger import Head, Ledger
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store, UnitOfWork
from anchoring.ports.submissions import NewSubmission
from anchoring.types import Root, to_hex

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRules:
    """The operator's settings.

    `max_roots`, `max_heads`: batches and status lists in one transaction at most. `raw_roots`: the root of a batch with digests
    of Blockcerts goes alone in a transaction of its 32 bytes; one after the other, since one at a time is on its way.
    `host`: on which rounds run, for the audit log.
    """

    fees: FeeRules
    max_roots: int
    max_heads: int
    raw_roots: bool = False
    host: str = ""


def open_submission(
    store: Store, ledger: Ledger, clock: Clock, rules: SubmissionRules, *, with_manifest: frozenset[Root] | None = None
) -> bool:
    """Sign and record one transaction for sealed batches and prepared versions, unless one is on its way. It is sent afterwards.

    `with_manifest`: only these roots, since nothing is submitted that could not be rebuilt; None where no manifests are kept.
    A root that stands on the ledger already is adopted, not sent again; a version that is not the ledger's next one is left out,
    for the next round to number again. Returns whether a submission was recorded.

    Raises: LedgerUnavailable; LedgerRejected, Misconfigured, StateCorrupt, and nothing is signed. LedgerRejected also when a root
    stands there with another leaf count: the other batches were submitted all the same.
    """
    with store.reading() as uow:
        if uow.submissions.in_state(SubmissionState.SUBMITTED):
            return False
        sealed = uow.batches.in_state(BatchState.SEALED, limit=rules.max_roots)
        prepared = uow.status_versions.prepared(rules.max_heads)
        raw_ids = {batch.id for batch in sealed if rules.raw_roots and _has_blockcerts(uow, batch)}
        highest_nonce = uow.submissions.highest_nonce(ledger.registry.chain_id, ledger.signer)
    roots = [
        RootToAnchor(batch_id=batch.id, root=batch.tree.root, leaf_count=batch.leaf_count)
        for batch in sealed
        if batch.tree and (with_manifest is None or batch.tree.root in with_manifest)
    ]
    if not roots and not prepared:
        return False
    head = ledger.head()
    heads = [version.to_publish for version in prepared if _is_next(ledger, version, head)]
    found = {root: anchor for root in roots if (anchor := ledger.find_anchor(root.root, head))}
    foreign = {root: anchor for root, anchor in found.items() if not anchor.is_of(root.leaf_count)}
    for root, anchor in found.items():
        if root not in foreign:
            _adopt(store, clock, root, anchor)
    recorded = False
    roots = [root for root in roots if root not in found]
    if roots or heads:
        nonce = _next_nonce(ledger.transaction_count(head), highest_nonce)
        load = _next_load(ledger, roots, heads, raw_ids, sealed, prepared)
        submission, attempt = _sign(ledger, clock, load, nonce, head, rules)
        failpoint("attempt.signed")
        recorded = _record(store, submission, attempt, rules.host)
    for root, anchor in foreign.items():
        raise LedgerRejected(
            f"batch {root.batch_id} has {root.leaf_count} leaves, and {anchor.anchored_by} anchored its root {to_hex(root.root)} "
            f"with {anchor.leaf_count}"
        )
    return recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Load:
    """What one transaction carries."""

    roots: Sequence[RootToAnchor]
    heads: Sequence[HeadToPublish]
    calldata: bytes


def _has_blockcerts(uow: UnitOfWork, batch: Batch) -> bool:
    return uow.entries.has_rule(batch.first_id, batch.last_id, Canonicalization.BLOCKCERTS_RDFC)


def _next_load(
    ledger: Ledger,
    roots: Sequence[RootToAnchor],
    heads: Sequence[HeadToPublish],
    raw_ids: set[int],
    sealed: Sequence[Batch],
    prepared: Sequence[StatusVersion],
) -> _Load:
    """What goes next: one raw root, or all that is called. Whatever waited longest, so that both get on."""
    raw = {
        root: calldata for root in roots if root.batch_id in raw_ids and (calldata := ledger.raw_calldata(root.root)) is not None
    }
    called = [root for root in roots if root not in raw]
    since = {batch.id: batch.sealed_at for batch in sealed if batch.sealed_at}
    waiting = [since[root.batch_id] for root in called] + [version.made_at for version in prepared if heads]
    for root, calldata in raw.items():
        if not waiting or since[root.batch_id] < min(waiting):
            return _Load(roots=[root], heads=[], calldata=calldata)
    return _Load(roots=called, heads=heads, calldata=ledger.calldata(called, heads))


def _is_next(ledger: Ledger, version: StatusVersion, head: Head) -> bool:
    """One that is not would revert all that goes with it."""
    shown = ledger.status_head(version.list_id, head)
    return version.version == (shown.version + 1 if shown else 1)


def _adopt(store: Store, clock: Clock, root: RootToAnchor, anchor: Anchor) -> None:
    """Take over an anchor that no submission of ours made: anchoring its root again would only revert."""
    with store.writing() as uow:
        if uow.batches.confirm(root.batch_id, anchor, clock.now()):
            uow.commit()
            log.warning("anchor.adopted", batch=root.batch_id, root=to_hex(root.root), anchored_by=anchor.anchored_by)


def _next_nonce(mined: int, highest: int | None) -> int:
    """A nonce is used once it is signed. The node must have mined all of ours and nobody else's."""
    expected = mined if highest is None else highest + 1
    if mined < expected:
        raise LedgerUnavailable(f"the node has mined {mined} transactions of our key and {expected} were made: it is behind")
    if mined > expected:
        raise StateCorrupt(
            f"the ledger has {mined} transactions of our key and this database knows {expected}: "
            "another program uses the key, or the database is older than the ledger"
        )
    return expected


def _sign(
    ledger: Ledger,
    clock: Clock,
    load: _Load,
    nonce: int,
    head: Head,
    rules: SubmissionRules,
) -> tuple[NewSubmission, Attempt]:
    fee = choose_fee(rules.fees, base_fee_wei=head.base_fee_wei, gas_price_wei=ledger.gas_price(rules.fees.policy))
    gas_limit, now = ledger.gas_limit(load.roots, load.heads), clock.now()
    ledger.check_call(load.calldata, gas_limit, head)
    attempt = ledger.sign(load.calldata, nonce=nonce, gas_limit=gas_limit, fee=fee, at=head, now=now)
    submission = NewSubmission(
        registry=ledger.registry,
        signer=ledger.signer,
        nonce=nonce,
        calldata=load.calldata,
        gas_limit=gas_limit,
        roots=tuple(load.roots),
        heads=tuple(load.heads),
        opened_at=now,
    )
    return submission, attempt


def _record(store: Store, submission: NewSubmission, attempt: Attempt, host: str) -> bool:
    """Everything at once or nothing: bytes that are not committed are never sent."""
    with store.writing() as uow:
        recorded = uow.status_versions.submit([head.version_id for head in submission.heads])
        recorded = recorded and uow.submissions.open(submission, attempt)
        recorded = recorded and uow.batches.submit([root.batch_id for root in submission.roots])
        if recorded:
            uow.audit_log.note(_act(submission, attempt, host))
            uow.commit()
            failpoint("attempt.persisted")
            log.info(
                "submission.opened",
                nonce=submission.nonce,
                transaction=to_hex(attempt.tx_hash),
                roots=len(submission.roots),
                heads=len(submission.heads),
            )
    return recorded


def _act(submission: NewSubmission, attempt: Attempt, host: str) -> Act:
    detail: Detail = {
        "transaction": to_hex(attempt.tx_hash),
        "registry": str(submission.registry),
        "signer": submission.signer,
        "nonce": submission.nonce,
        "roots": [to_hex(root.root) for root in submission.roots],
        "heads": [f"{to_hex(head.list_id)} {head.version}" for head in submission.heads],
    }
    return round_act("transaction.signed", detail, at=submission.opened_at, host=host)
