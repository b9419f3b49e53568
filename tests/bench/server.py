"""What ours is measured against, in processes of their own: a FastAPI service that does nothing but validate, the limit of this server
and this framework; and our own, where it is told who asks.
"""

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from anchoring.core.issuer import Caller
from service import hot_lane
from service.app import from_environment
from service.authentication import authenticated
from service.refusals import CALLER
from service.request_fields import field_of
from service.state import Service


class OneDigest(BaseModel):
    """The validation that a plain FastAPI route would make of a single digest."""

    digests: list[Annotated[str, Field(pattern="^(0x)?[0-9a-fA-F]{64}$")]]


def idle() -> FastAPI:
    """What uvicorn calls."""
    app = FastAPI()

    @app.get("/healthz")
    async def get_idle() -> dict[str, str]:
        return {}

    @app.post("/idle", status_code=202)
    async def post_idle(posted: OneDigest) -> dict[str, int]:
        return {"count": len(posted.digests)}

    return app


def told_who_asks() -> FastAPI:
    """The service, in one process for all ways to let a request in, which the field `Bench` chooses: `told` that whoever posts is the
    one who posted last, or with a key `forgotten` before.
    """
    first: list[Caller] = []

    async def chosen(service: Service, key: str, scope: Any) -> Caller:
        way = field_of(scope, b"bench")
        if way == "told" and first:
            scope[CALLER] = first[0]
            return first[0]
        if way == "forgotten":
            service.keys.forget()
        caller = await authenticated(service, key, scope)
        first[:] = [caller]
        return caller

    hot_lane.authenticated = chosen  # type: ignore[attr-defined]
    return from_environment()
