"""Reading from pages of any origin: wallets and verifiers run in browsers."""

from typing import Final

from fastapi import APIRouter, Response

OPEN: Final = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag"}
"""What each answer carries that pages of other origins may read."""

_PREFLIGHT: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Accept, If-None-Match, X-Request-Id",
    "Access-Control-Max-Age": "86400",
}


def allow_reading(router: APIRouter, path: str) -> None:
    """Tell browsers that ask before they read `path` that they may, and that they may do no more."""

    async def preflight() -> Response:
        return Response(status_code=204, headers=_PREFLIGHT)

    router.add_api_route(path, preflight, methods=["OPTIONS"], include_in_schema=False)
