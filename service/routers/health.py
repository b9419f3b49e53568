"""Whether the process lives, and whether it can do its work."""

import structlog
from fastapi import APIRouter, Request, Response

from anchoring.errors import StoreUnavailable
from anchoring.ports.store import RoundRecord, RoundResult
from anchoring.usecases.report_progress import report_progress
from service.answers import json_answer
from service.dependencies import ServiceDep
from service.schemas import Readiness
from service.state import Service

router = APIRouter(tags=["operating"])

log = structlog.get_logger()

LATE_PERIODS = 5
"""A service is not ready when no round has finished for this many periods."""


@router.get("/healthz", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def get_health() -> Response:
    """200 while the process answers; it asks nothing else."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
def get_readiness(_request: Request, service: ServiceDep) -> Response:
    """200 when the database answers and rounds take place; else 503 with the reasons."""
    reasons = _reasons(service)
    answer = {"ready": not reasons, "reasons": reasons}
    return json_answer(answer, status=503 if reasons else 200, headers={"Cache-Control": "no-store"})


def _reasons(service: Service) -> list[str]:
    try:
        with service.store.reading() as uow:
            newest = report_progress(uow).last_round
    except StoreUnavailable as failed:
        log.warning("store.unavailable", detail=failed.message)
        return ["the database does not answer"]
    return [] if newest is None else _about_round(service, newest)


def _about_round(service: Service, newest: RoundRecord) -> list[str]:
    reasons = []
    if newest.result is RoundResult.FAILED:
        reasons.append("the last round failed; its log event round.failed says why")
    age_s = (service.clock.now() - newest.started_at).total_seconds()
    if age_s > LATE_PERIODS * service.round_period_s:
        reasons.append(f"the last round began {age_s:.0f} s ago; one is due every {service.round_period_s:g} s")
    return reasons
