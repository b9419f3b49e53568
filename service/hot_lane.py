"""The routes that must be quick, answered before the framework: to solve their parameters costs it more than all their work.

FastAPI has the same functions. It documents them, and what this lane leaves to it, it answers alike.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from anchoring.core.scopes import Scope as KeyScope
from anchoring.errors import AnchoringError, NotFound
from anchoring.types import Did, parse_did, parse_digest, parse_list_id
from service import problems
from service.authentication import authenticated
from service.limits import LimitLane
from service.request_context import RequestContext
from service.request_fields import field_of
from service.routers.digests import post_digests
from service.routers.proofs import get_proof
from service.routers.status import get_status
from service.routers.status_lists import get_list
from service.state import Service

Handler: TypeAlias = Callable[[Request, Service, str], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Route:
    """`path`: its template, for the metrics; None where there is none. `answer`: is told the last segment of the path.

    `takes_issuer`: as its query; a query that says more is left to FastAPI.
    """

    path: str | None
    answer: Handler
    takes_issuer: bool = False


class HotLane:
    """Middleware, before all others. `app`: answers what is not hot."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._hot = RequestContext(LimitLane(self._answer, service.limits), service.metrics, service.refusals)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = _route_of(scope)
        if route is None:
            await self._app(scope, receive, send)
        else:
            scope["route"] = route
            await self._hot(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, request = scope["route"], Request(scope, receive, send)
        try:
            response = await route.answer(request, self._service, scope["path"].rpartition("/")[2])
        except AnchoringError as error:
            response = problems.refusal(error)
        await response(scope, receive, send)


def _route_of(scope: Scope) -> _Route | None:
    if scope["type"] != "http" or scope.get("root_path"):
        return None
    path = scope["path"]
    if path.endswith("\n"):
        return _NOWHERE  # the framework's patterns end with `$`, before which there may be a line feed
    if scope["method"] == "POST":
        return _POST.get(path)
    route = _GET.get(path.rpartition("/")[0]) if scope["method"] == "GET" else None
    return route if route is None or _takes(route, scope["query_string"]) else None


def _takes(route: _Route, query: bytes) -> bool:
    return not query or (route.takes_issuer and query.startswith(b"issuer=") and b"&" not in query)


async def _proof(request: Request, service: Service, digest: str) -> Response:
    return await get_proof(request, service, parse_digest(digest, at="path.digest"), _issuer_in_query(request))


async def _status(request: Request, service: Service, digest: str) -> Response:
    return await get_status(request, service, parse_digest(digest, at="path.digest"), _issuer_in_query(request))


async def _list(request: Request, service: Service, list_id: str) -> Response:
    return await get_list(request, service, parse_list_id(list_id, at="path.list_id"))


async def _digests(request: Request, service: Service, _last: str) -> Response:
    scheme, _, key = field_of(request.scope, b"authorization").partition(" ")
    caller = await authenticated(service, key if scheme.lower() == "bearer" else "", request.scope)
    caller.require(KeyScope.DIGESTS_WRITE)
    return await post_digests(request, service, caller)


async def _nowhere(_request: Request, _service: Service, _last: str) -> Response:
    raise NotFound("nothing is served at this path")


def _issuer_in_query(request: Request) -> Did | None:
    if not request.scope["query_string"]:
        return None
    given = request.query_params.get("issuer")
    return None if given is None else parse_did(given, at="query.issuer")


_GET: Final = {
    "/v1/proofs": _Route("/v1/proofs/{digest}", _proof, takes_issuer=True),
    "/v1/status": _Route("/v1/status/{digest}", _status, takes_issuer=True),
    "/v1/status-lists": _Route("/v1/status-lists/{list_id}", _list),
}
_POST: Final = {"/v1/digests": _Route("/v1/digests", _digests)}
_NOWHERE: Final = _Route(None, _nowhere)
