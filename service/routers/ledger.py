"""Which ledger, and how things stand."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from anchoring.core.batch import BatchState
from anchoring.types import to_hex
from anchoring.usecases.report_progress import report_pace, report_progress
from anchoring.usecases.report_stats import Stats
from service.answers import REVALIDATE, anchor_json, exact_time, json_answer
from service.bodies import refuse_unknown_query
from service.dependencies import ServiceDep
from service.schemas import LedgerOut, StatsOut
from service.state import Service

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
        "publicNode": service.api.public_rpc_url,
        "publicIssuersRegistry": service.api.public_issuers_registry,
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


@router.get("/v1/stats", response_model=StatsOut)
def get_stats(request: Request, service: ServiceDep) -> Response:
    """The last rounds and batches, what waits, and how far behind the ledger is: sums and times, nothing about a person."""
    refuse_unknown_query(request)
    as_of, stats = service.stats.read()
    return json_answer(_stats_json(service, as_of, stats), headers={"Cache-Control": f"public, max-age={service.stats.fresh_s}"})


def _stats_json(service: Service, now: datetime, stats: Stats) -> dict[str, Any]:
    head = stats.head
    return {
        "asOf": exact_time(now),
        "waiting": stats.waiting,
        "batches": {state.value: stats.batches.get(state, 0) for state in BatchState if state is not BatchState.WAITING},
        "statusLists": stats.status_lists,
        "roundEveryS": service.promises.round_every_s,
        "stalledAfterS": service.promises.stalled_s,
        "head": {
            "number": head.number,
            "time": exact_time(head.time),
            "lagS": round(max(0.0, (now - head.time).total_seconds())),
        }
        if head
        else None,
        "rounds": [
            {
                "startedAt": exact_time(one.started_at),
                "tookS": round((one.finished_at - one.started_at).total_seconds(), 1) if one.finished_at else None,
                "result": one.result,
                "headNumber": one.head_number,
            }
            for one in stats.rounds
        ],
        "newestBatches": [
            {
                "sequence": one.sequence,
                "leafCount": one.leaf_count,
                "anchoredAt": exact_time(one.anchored_at),
                "toFinalS": round((one.final_at - one.sealed_at).total_seconds(), 1) if one.final_at else None,
            }
            for one in stats.newest_batches
        ],
    }
