"""Inclusion proofs."""

import json
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from anchoring.core.batch import BatchState
from anchoring.core.pace import Pace
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import proof_to_json
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did, Digest
from anchoring.usecases.prove_inclusion import prove_inclusion
from anchoring.usecases.report_progress import report_pace
from anchoring.usecases.trace_digest import Standing, trace_digest
from service.answers import FINAL, REVALIDATE, cached_answer, choices, json_answer, standing_json
from service.bodies import refuse_unknown_query
from service.dependencies import DigestDep, IssuerQueryDep, ServiceDep
from service.openapi import header
from service.schemas import Choices, Proof
from service.schemas import Standing as StandingOut
from service.state import Service

router = APIRouter(tags=["reading"])


@dataclass(frozen=True, slots=True)
class _Found:
    """What one read gives: standings of all issuers, and the proof or the pace where there is one issuer."""

    standings: list[Standing]
    proof: InclusionProof | None
    pace: Pace | None


@router.get(
    "/v1/proofs/{digest}",
    response_model=Proof,
    responses={
        200: {"headers": {"ETag": header("strong"), "Cache-Control": header("five minutes once the anchor is final")}},
        202: {"model": StandingOut, "headers": {"Retry-After": header("seconds until the proof can be expected")}},
        300: {"model": Choices},
        304: {"description": "Not modified"},
    },
)
async def get_proof(request: Request, service: ServiceDep, digest: DigestDep, issuer: IssuerQueryDep) -> Response:
    """The inclusion proof of a digest. While it waits for the ledger: 202 with its state and `Retry-After`, and no proof."""
    refuse_unknown_query(request, "issuer")
    found = await service.reads.read(lambda uow: _find(uow, digest, issuer, service.round_period_s))
    if len(found.standings) > 1:
        return choices(service, digest, [standing.entry.issuer for standing in found.standings], "proof")
    if found.proof is None:
        return _waiting(service, found)
    body = json.dumps(proof_to_json(found.proof), separators=(",", ":")).encode()
    is_final = found.proof.anchor.state is BatchState.FINAL
    return cached_answer(request, body, "application/json", FINAL if is_final else REVALIDATE)


def _find(uow: UnitOfWork, digest: Digest, did: Did | None, round_period_s: float) -> _Found:
    standings = trace_digest(uow, digest, did)
    if len(standings) > 1:
        return _Found(standings, None, None)
    [standing] = standings
    proof = prove_inclusion(uow, standing.entry, standing.batch) if standing.batch else None
    pace = None if proof else report_pace(uow, configured_period_s=round_period_s)
    return _Found(standings, proof, pace)


def _waiting(service: Service, found: _Found) -> Response:
    [standing] = found.standings
    wait_s = found.pace.wait_s(standing.state, service.clock.now()) if found.pace else 1
    headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
    return json_answer(standing_json(service, standing, wait_s), status=202, headers=headers)
