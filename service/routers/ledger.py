"""Which ledger, and how things stand."""

from fastapi import APIRouter, Request, Response

from anchoring.core.batch import BatchState
from anchoring.types import to_hex
from anchoring.usecases.report_progress import report_pace, report_progress
from service.answers import REVALIDATE, anchor_json, exact_time, json_answer
from service.bodies import refuse_unknown_query
from service.dependencies import ServiceDep
from service.schemas import LedgerOut

router = APIRouter(tags=["reading"])


@router.get("/v1/ledger", response_model=LedgerOut)
def get_ledger(request: Request, service: ServiceDep) -> Response:
    """Chain, contract, finality rule, what waits and what was anchored last, as of the last round."""
    refuse_unknown_query(request)
    with service.store.reading() as uow:
        progress = report_progress(uow)
        pace = report_pace(uow, configured_period_s=service.round_period_s)
    identity, last, newest = progress.identity, progress.last_anchored, progress.last_round
    answer = {
        "ledger": identity.registry.ledger if identity else None,
        "chainId": identity.registry.chain_id if identity else None,
        "contract": identity.registry.contract if identity else None,
        "genesisHash": to_hex(identity.genesis_hash) if identity else None,
        "codeHash": to_hex(identity.code_hash) if identity else None,
        "finality": str(service.finality),
        "nodes": service.nodes,
        "waiting": progress.waiting,
        "oldestWaiting": exact_time(progress.oldest_waiting) if progress.oldest_waiting else None,
        "sealedBatches": progress.sealed,
        "transactionsInFlight": progress.in_flight,
        "lastAnchored": anchor_json(identity.registry, last) if identity and last else None,
        "lastRound": {
            "startedAt": exact_time(newest.started_at),
            "finishedAt": exact_time(newest.finished_at) if newest.finished_at else None,
            "result": newest.result,
            "headNumber": newest.head_number,
        }
        if newest
        else None,
        "promises": service.promises.as_json(),
        "expectedWaitS": pace.wait_s(BatchState.WAITING, service.clock.now()),
    }
    return json_answer(answer, headers={"Cache-Control": REVALIDATE})
