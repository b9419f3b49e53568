"""A FastAPI service that does nothing but validate: the limit of this server and this framework, in a process of its own."""

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field


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
