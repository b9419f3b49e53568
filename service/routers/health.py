"""Whether the process lives, whether it can do its work, and the figures behind both."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import structlog
from fastapi import APIRouter, Request, Response

from anchoring.errors import Misconfigured, StateCorrupt, StoreUnavailable
from anchoring.ports.figures import HeadSeen
from anchoring.ports.rounds import RoundRecord, RoundResult
from anchoring.usecases.report_figures import Figures
from service.answers import json_answer
from service.bodies import refuse_unknown_query
from service.dependencies import ServiceDep
from service.metrics import MEDIA_TYPE
from service.promises import Promises
from service.schemas import Readiness
from service.state import Service

router = APIRouter(tags=["operating"])

log = structlog.get_logger()

LATE_PERIODS: Final = 5
"""Rounds are late when none has begun for this many periods."""

UNREADY_AFTER_FAILED_WRITE: Final = timedelta(seconds=30)
"""So long a process stays away from posts that the database would not take; then it tries again."""


@router.get("/healthz", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def get_health() -> Response:
    """200 while the process answers; it asks nothing else."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
def get_readiness(request: Request, service: ServiceDep) -> Response:
    """503 with the reasons while the database does not answer or take what is posted, and while a person must look at rounds.

    What rounds wait out by themselves is a warning: the service goes on taking digests and serving proofs meanwhile.
    """
    refuse_unknown_query(request)
    reasons, warnings = [], []
    now = service.clock.now()
    try:
        figures = service.figures.read()
    except (StoreUnavailable, StateCorrupt) as failed:
        log.warning("store.unavailable", detail=failed.message)
        reasons.append("the database does not answer")
    else:
        warnings = list(_warnings(service, figures, now))
        if figures.last_round and figures.last_round.result is RoundResult.FAILED:
            reasons.append("the last round failed and a person must look; its log event round.failed says why")
    failed_at = service.writes.failed_at
    if failed_at and now - failed_at < UNREADY_AFTER_FAILED_WRITE:
        reasons.append(f"the database did not take the last post, {(now - failed_at).total_seconds():.0f} s ago")
    answer = {"ready": not reasons, "reasons": reasons, "warnings": warnings}
    return json_answer(answer, status=503 if reasons else 200, headers={"Cache-Control": "no-store"})


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def get_metrics(request: Request, service: ServiceDep) -> Response:
    """The figures of docs/operations.md for Prometheus, also while the database is down. For the operator's network only."""
    refuse_unknown_query(request)
    exposition = service.metrics.exposition(service.figures.families())
    return Response(exposition, headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})


def _warnings(service: Service, figures: Figures, now: datetime) -> Iterator[str]:
    promises = service.promises
    if figures.waiting >= promises.max_waiting:
        yield f"{figures.waiting} entries wait and {promises.max_waiting} may: posts are refused"
    if figures.last_round:
        yield from _about_round(figures.last_round, promises, now)
    if figures.head:
        yield from _about_head(figures.head, promises, now)
    if figures.rounds_left is not None and figures.rounds_left < promises.low_balance_rounds:
        yield f"the anchoring key can pay for {figures.rounds_left:.0f} more rounds"
    if figures.newest_canary and figures.newest_canary.passed is False:
        yield "the proof of the newest canary did not hold; the log event canary.failed says why"

    if figures.status_lists and not _has_keys(service):
        yield f"{figures.status_lists} status lists are here and no key to sign them: set CREDANCHOR_STATUS__KEYS"


def _has_keys(service: Service) -> bool:
    """Of the service itself; those of issuers sign their own lists only."""
    try:
        return bool(service.did_document and service.did_document()["verificationMethod"])
    except Misconfigured as unreadable:
        log.warning("status_keys.unreadable", detail=unreadable.message)
        return False


def _about_round(newest: RoundRecord, promises: Promises, now: datetime) -> Iterator[str]:
    age_s = (now - newest.started_at).total_seconds()
    if age_s > LATE_PERIODS * promises.round_every_s:
        yield f"the last round began {age_s:.0f} s ago; one is due every {promises.round_every_s:g} s"


def _about_head(head: HeadSeen, promises: Promises, now: datetime) -> Iterator[str]:
    """Both the block's own time and ours: a node may show an old block as new, or none at all."""
    still_s = (now - head.first_seen_at).total_seconds()
    age_s = (now - head.time).total_seconds()
    if max(still_s, age_s) > promises.stalled_s:
        yield f"the ledger's head is block {head.number}, {age_s:.0f} s old, seen for {still_s:.0f} s"
