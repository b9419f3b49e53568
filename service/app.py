"""The HTTP service: routes, error shape, and the life of one process."""

import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from anchoring.bootstrap.access_tokens import open_access_tokens
from anchoring.bootstrap.ledger import check_ledger, nodes_to_agree
from anchoring.bootstrap.signing import open_checker, open_credential_proofs, open_publisher, open_signatures, open_signer
from anchoring.bootstrap.store import open_store
from anchoring.bootstrap.system import SystemClock
from anchoring.core.finality import parse_finality
from anchoring.errors import AnchoringError
from anchoring.logs import configure_logs
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store
from anchoring.settings import Settings, read_settings
from service import openapi, problems, worker
from service.allocator import give_back_freed
from service.allowances import open_allowances
from service.backlog import Backlog
from service.body_memory import BodyMemory
from service.cross_origin import allow_reading
from service.failed_attempts import FailedAttempts
from service.figures import FigureReader
from service.group_commit import GroupCommit
from service.hot_lane import HotLane
from service.http_protocol import IN_LIFESPAN
from service.key_uses import KeyUses
from service.known_keys import KnownKeys
from service.known_tokens import KnownTokens
from service.limits import LimitLane, Limits
from service.metrics import Metrics
from service.promises import read_promises
from service.quotas import Quotas
from service.read_lane import ReadLane
from service.refusals import Refusals
from service.request_context import NoLineFeeds, RequestContext, Surroundings
from service.routers import (
    batches,
    credentials,
    digests,
    health,
    issuers,
    keys,
    ledger,
    pages,
    proofs,
    status,
    status_changes,
    status_lists,
    vc_api,
    verification,
)
from service.schemas import Problem
from service.served_lists import ServedLists
from service.state import Service
from service.stats import StatsReader
from service.turn_lines import TurnLines

ROUTERS = tuple(
    one.router
    for one in (
        credentials,
        digests,
        proofs,
        batches,
        status_lists,
        status_changes,
        status,
        verification,
        vc_api,
        issuers,
        ledger,
        keys,
        health,
    )
)
GARBAGE: Final = 20_000
"""New objects after which the collector looks for cycles: requests leave few, and most of what it sees is still in use."""

PROBLEM = {"model": Problem, "content": {problems.MEDIA_TYPE: {}}}

DESCRIPTION = """Anchors digests of microcredentials on a ledger and hands out proofs that anyone can check.

Writing needs an issuer's key (`Authorization: Bearer ca_…`) with the scope that a call names, reading is open. Errors are
RFC 9457 problem documents."""


def create_app(settings: Settings, store: Store, *, clock: Clock | None = None) -> FastAPI:
    """The application over an open store; it starts its writer thread when it starts itself."""
    clock = clock or SystemClock()
    metrics, promises, checker = Metrics(), read_promises(settings), open_checker()
    is_embedded = settings.store.url.startswith("sqlite")
    reads = ReadLane(store, is_embedded=is_embedded)
    allowances, access_tokens = open_allowances(), open_access_tokens(settings.oauth)
    writes = GroupCommit(store, clock, metrics, is_embedded=is_embedded)
    service = Service(
        store=store,
        writes=writes,
        reads=reads,
        keys=KnownKeys(reads, clock, fresh_s=settings.api.key_cache_s),
        tokens=None if access_tokens is None else KnownTokens(access_tokens, reads, clock, settings.oauth),
        key_uses=KeyUses(writes),
        refusals=Refusals(writes, clock),
        failed_attempts=FailedAttempts(settings.api, allowances, metrics),
        limits=Limits(settings.limits, allowances),
        quotas=Quotas(writes, clock, default=settings.limits.items_per_day),
        bodies=BodyMemory(settings.api),
        backlog=Backlog(reads.read, clock, limit=promises.max_waiting),
        metrics=metrics,
        figures=FigureReader(store, clock, promises),
        stats=StatsReader(store, clock, fresh_s=settings.api.stats_cache_s),
        promises=promises,
        clock=clock,
        random_bytes=os.urandom,
        api=settings.api,
        did_document=open_publisher(settings),
        status=settings.status,
        lists=ServedLists(open_signer(settings), checker, settings.status, public_url=settings.api.public_url),
        list_checker=checker,
        credential_proofs=open_credential_proofs(settings),
        signatures=open_signatures(settings),
        finality=parse_finality(settings.ledger.finality),
        round_period_s=settings.rounds.every_s,
        nodes=nodes_to_agree(settings.ledger),
    )

    surroundings = Surroundings(metrics, service.refusals)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, HotLane]]:
        service.writes.start()
        gc.collect()
        gc.freeze()  # what is loaded by now stays, and need not be looked through again and again while requests come
        gc.set_threshold(GARBAGE)
        yield {IN_LIFESPAN: HotLane(service, surroundings)}
        await service.key_uses.stop()
        await service.refusals.stop()
        service.writes.stop()
        service.reads.stop()

    app = FastAPIOffline(
        title="CredAnchor",
        version="1",
        description=DESCRIPTION,
        docs_url=None,  # ours is in `routers.pages`
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours are in `request_context`
        redirect_slashes=False,  # a redirect would be built from whatever the client says in `Host`
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
        responses={"4XX": PROBLEM, "5XX": PROBLEM},
    )
    app.state.service = service
    app.add_middleware(NoLineFeeds)
    app.add_middleware(LimitLane, limits=service.limits)
    app.add_middleware(RequestContext, surroundings=surroundings)
    problems.install(app)
    openapi.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(pages.router)
    allow_reading(app, ROUTERS)
    return app


def from_environment() -> FastAPI:
    """What uvicorn calls in each worker. Raises: Misconfigured, StoreUnavailable where there is but one; else SystemExit."""
    configure_logs(TurnLines(sys.stderr))
    worker.end_with_supervisor()
    give_back_freed()
    try:
        settings = read_settings()
        check_ledger(settings.ledger)
        return create_app(settings, open_store(settings.store))
    except AnchoringError as failed:
        worker.give_up(failed)
