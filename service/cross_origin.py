"""Reading from pages of any origin: wallets and verifiers run in browsers. Nothing else is open to them."""

import re
from collections.abc import Iterable
from typing import Final

from fastapi import APIRouter, FastAPI, Response
from fastapi.routing import APIRoute

OPEN: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Link, Retry-After, RateLimit, RateLimit-Policy, X-Request-Id"),
)
"""What each answer carries that pages of other origins may read."""

_READING: Final = ("/v1/", "/.well-known/")
_WITH_A_KEY: Final = re.compile("/v1/(issuers($|/[^/]*/)|status-changes|batches/[^/]*/proofs$)")

_PREFLIGHT: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Accept, If-None-Match, X-Request-Id",
    "Access-Control-Max-Age": "86400",
}


def is_open_to_all(method: str, path: str) -> bool:
    """Whether it is a reading that needs no key. What operators ask, such as `/metrics`, is none."""
    return method in {"GET", "HEAD"} and path.startswith(_READING) and not _WITH_A_KEY.match(path)


def allow_reading(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Tell browsers that ask before they read that they may, and that they may do no more; a key they may never send."""

    async def preflight() -> Response:
        return Response(status_code=204, headers=_PREFLIGHT)

    for route in (one for router in routers for one in router.routes if isinstance(one, APIRoute)):
        if "GET" in (route.methods or ()) and is_open_to_all("GET", route.path):
            app.add_api_route(route.path, preflight, methods=["OPTIONS"], include_in_schema=False)
