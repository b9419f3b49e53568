"""Whether a credential is revoked or suspended."""

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.types import Scope

from anchoring.core.proof_json import format_time
from anchoring.types import Did, Digest, to_hex
from anchoring.usecases.report_status import PlaceReport, StatusReport, report_statuses
from service.answers import REVALIDATE, choices, exact_time, json_answer
from service.bodies import refuse_unknown_query
from service.dependencies import DigestDep, IssuerQueryDep, ServiceDep
from service.schemas import Choices, StatusOut
from service.state import Service

router = APIRouter(tags=["reading"])


@router.get("/v1/status/{digest}", response_model=StatusOut, responses={300: {"model": Choices}})
async def get_status(request: Request, service: ServiceDep, digest: DigestDep, issuer: IssuerQueryDep) -> Response:
    """How a credential stands now, since when, and which version of which list shows it on the ledger, as of the last round.

    Whoever does not want to tell us which credential is looked at fetches the lists instead.
    """
    refuse_unknown_query(request, "issuer")
    asked = digest, issuer
    return answer_status(request.scope, service, asked, await service.reads.read_together(report_statuses, asked))


def answer_status(_scope: Scope, service: Service, asked: tuple[Digest, Did | None], reports: list[StatusReport]) -> Response:
    """The answer to a request, from what `report_statuses` found."""
    digest, _ = asked
    if len(reports) > 1:
        return choices(service, digest, [report.issuer for report in reports], "status")
    return json_answer(_report_json(service, reports[0]), headers={"Cache-Control": REVALIDATE})


def _report_json(service: Service, report: StatusReport) -> dict[str, Any]:
    return {
        "issuer": report.issuer,
        "digest": to_hex(report.digest),
        "status": report.word,
        "since": exact_time(report.since) if report.since else None,
        "lists": [_place_json(service, place) for place in report.places],
    }


def _place_json(service: Service, place: PlaceReport) -> dict[str, Any]:
    version = place.head
    head = version.head if version else None
    return {
        "purpose": place.purpose,
        "list": to_hex(place.list_id) if place.list_id else None,
        "url": service.lists.url(place.list_id) if place.list_id else None,
        "index": place.index,
        "set": place.is_set,
        "since": exact_time(place.since) if place.since else None,
        "change": place.change,
        "version": place.shown_by,
        "ledger": {
            "outcome": "passed" if place.is_on_ledger else "cannot tell",
            "reason": place.reason,
            "version": head.version if head else None,
            "digest": to_hex(head.digest) if head else None,
            "transaction": to_hex(head.transaction) if head else None,
            "blockNumber": head.block.number if head else None,
            "blockHash": to_hex(head.block.hash) if head else None,
            "publishedAt": format_time(head.published_at) if head else None,
            "state": version.state if version else None,
        },
    }
