"""The real service with two more routes that do nothing: the limit of this server and this framework."""

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field

from service.app import from_environment


class OneDigest(BaseModel):
    """The validation that a plain FastAPI route would make of a single digest."""

    digests: list[Annotated[str, Field(pattern="^(0x)?[0-9a-fA-F]{64}$")]]


def with_idle_routes() -> FastAPI:
    """What uvicorn calls."""
    app = from_environment()

    @app.get("/idle")
    async def get_idle() -> dict[str, str]:
        return {}

    @app.post("/idle", status_code=202)
    async def post_idle(posted: OneDigest) -> dict[str, int]:
        return {"count": len(posted.digests)}

    return app
