"""What ours is measured against, in processes of their own: a FastAPI service that does nothing but validate, the limit of this server
and this framework; and our own, where it is told who asks.
"""

from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from anchoring.core.issuer import Caller
from service import hot_lane
from service.app import from_environment
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
    last: list[Caller] = []
    known, admit = hot_lane._known_caller, hot_lane.admit  # type: ignore[attr-defined]

    def chosen(service: Service, scope: Any) -> Caller | None:
        way = field_of(scope, b"bench")
        if way == "told" and last:
            return last[0]
        if way == "forgotten":
            service.keys.forget()
        caller = known(service, scope)
        last[:] = last if caller is None else [caller]
        return caller

    def let_in(service: Service, scope: Any, caller: Caller) -> None:
        if field_of(scope, b"bench") == "told":
            scope[CALLER] = caller
        else:
            admit(service, scope, caller)

    hot_lane._known_caller, hot_lane.admit = chosen, let_in  # type: ignore[attr-defined]
    return from_environment()
