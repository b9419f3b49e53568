"""The routes that must be quick, answered where requests arrive: to hand one to the framework costs more than all their work.

What comes in one turn of the event loop is looked up together and answered in turn, without a task for each request. FastAPI has
the same routes. It documents them, and answers, alike, what is left to it: whatever says more, or has to wait more than once.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, Protocol, TypeAlias
from urllib.parse import unquote_plus

from starlette.responses import Response
from starlette.types import Scope
from structlog.contextvars import bound_contextvars

from anchoring.core.issuer import Caller
from anchoring.core.scopes import Scope as KeyScope
from anchoring.errors import AnchoringError
from anchoring.types import Did, parse_did, parse_digest, parse_list_id
from anchoring.usecases.report_status import report_statuses
from anchoring.usecases.submit_digests import PostedDigests
from service import problems
from service.acts import origin_of
from service.authentication import admit, known_holder
from service.digest_bodies import JSON, plain_digests
from service.request_context import LINE_FEED, Surroundings, request_id_of
from service.request_fields import field_of
from service.routers.digests import answer_digests
from service.routers.proofs import answer_proof, ask_proof, find_proofs
from service.routers.status import answer_status
from service.routers.status_lists import answer_list, find_lists
from service.state import Service
from service.together import Tell

MOST_BODY: Final = 4 * 1024
"""Bytes of a body that is understood here, some dozens of digests: a larger one would keep others waiting."""

_ISSUER: Final = b"issuer="


class Exchange(Protocol):
    """A request that is there as a whole, on the connection that awaits its answer."""

    scope: Scope
    body: bytearray

    def send_whole(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answer it."""

    def give_up(self) -> None:
        """End the connection without an answer."""


Asking: TypeAlias = tuple[Any, Callable[[Tell], None]]
"""What is asked, and how to have the answer told."""


class HotRoute(NamedTuple):
    """`path`: its template, for the metrics. `ask`: is told the last segment of the path. `answer`: from what was asked and told.

    Each gives None where the request is for FastAPI. `takes_issuer`: as its query.
    """

    path: str
    ask: Callable[[Service, Exchange, str], Asking | None]
    answer: Callable[[Scope, Service, Any, Any], Response | None]
    takes_issuer: bool = False


class HotLane:
    """Of one process."""

    def __init__(self, service: Service, surroundings: Surroundings) -> None:
        self.service = service
        self.surroundings = surroundings
        self._come: list[_Answering] = []

    def take(self, exchange: Exchange, route: HotRoute, leave: Callable[[], None]) -> None:
        """Have a request answered, but not within what reads it. `leave`: what to call where it is for FastAPI after all."""
        if not self._come:
            asyncio.get_running_loop().call_soon(self._begin)
        self._come.append(_Answering(self, route, exchange, leave))

    def _begin(self) -> None:
        come, self._come = self._come, []
        for one in come:
            one.begin()


class _Answering:
    """One request on its way through the lane."""

    __slots__ = ("_asked", "_exchange", "_leave", "_request_id", "_route", "_service", "_started", "_surroundings")

    def __init__(self, lane: HotLane, route: HotRoute, exchange: Exchange, leave: Callable[[], None]) -> None:
        self._service, self._surroundings = lane.service, lane.surroundings
        self._route, self._exchange, self._leave = route, exchange, leave
        self._started = time.perf_counter()
        self._request_id = request_id_of(exchange.scope)
        self._asked: Any = None

    def begin(self) -> None:
        exchange, limits = self._exchange, self._service.limits
        scope = exchange.scope
        try:
            limits.spend_address(scope)
            limits.check_head(scope)
            asking = self._route.ask(self._service, exchange, scope["path"].rpartition("/")[2])
            if asking is None:
                self._leave()
            else:
                self._asked, ask = asking
                ask(self._tell)
        except Exception as error:  # noqa: BLE001 - it is answered
            self._tell(error)

    def _tell(self, outcome: Any) -> None:
        """Whatever happens, whoever is told next is told."""
        try:
            response = self._refusal(outcome) if isinstance(outcome, Exception) else self._answer(outcome)
            if response is None:
                self._leave()
            else:
                self._send(response)
        except Exception as error:  # noqa: BLE001 - it is logged
            self._refusal(error)
            self._exchange.give_up()

    def _answer(self, outcome: Any) -> Response | None:
        try:
            return self._route.answer(self._exchange.scope, self._service, self._asked, outcome)
        except Exception as error:  # noqa: BLE001 - it is answered
            return self._refusal(error)

    def _refusal(self, error: Exception) -> Response:
        with bound_contextvars(request_id=self._request_id):
            return problems.refusal(error) if isinstance(error, AnchoringError) else problems.crashed(error)

    def _send(self, response: Response) -> None:
        scope, status = self._exchange.scope, response.status_code
        own = [*response.raw_headers, *self._service.limits.fields(scope)]
        self._exchange.send_whole(status, self._surroundings.fields(scope, self._request_id, own), bytes(response.body))
        self._surroundings.finished(scope, self._route.path, status, self._started, self._request_id)


def route_of(scope: Scope) -> HotRoute | None:
    """Where a request may be answered here, once all of it has come."""
    path, query = scope["path"], scope["query_string"]
    if scope.get("root_path") or path.endswith(LINE_FEED):
        return None
    if scope["method"] == "POST":
        return None if query else _POST.get(path)
    before, _, last = path.rpartition("/")
    route = _GET.get(before) if scope["method"] == "GET" and last else None
    return route if route is None or not query or (route.takes_issuer and _is_issuer(query)) else None


def _is_issuer(query: bytes) -> bool:
    """Whether it names an issuer and says no more."""
    return query.startswith(_ISSUER) and b"&" not in query


def _issuer_in_query(scope: Scope) -> Did | None:
    query = scope["query_string"].decode("latin-1")
    return parse_did(unquote_plus(query[len(_ISSUER) :]), at="query.issuer") if query else None


def _ask_for_proof(service: Service, exchange: Exchange, last: str) -> Asking:
    asked = ask_proof(service, parse_digest(last, at="path.digest"), _issuer_in_query(exchange.scope))
    return asked, partial(service.reads.ask, find_proofs, asked)


def _ask_for_status(service: Service, exchange: Exchange, last: str) -> Asking:
    asked = parse_digest(last, at="path.digest"), _issuer_in_query(exchange.scope)
    return asked, partial(service.reads.ask, report_statuses, asked)


def _ask_for_list(service: Service, _exchange: Exchange, last: str) -> Asking:
    asked = parse_list_id(last, at="path.list_id")
    return asked, partial(service.reads.ask, find_lists, asked)


def _post_digests(service: Service, exchange: Exchange, _last: str) -> Asking | None:
    """Whose key was looked up lately, who may post as many by what is known here, and whose body says nothing but digests."""
    scope = exchange.scope
    caller, posted = _known_caller(service, scope), _plain_body(service, exchange)
    if caller is None or posted is None or not service.backlog.is_known or not service.quotas.covers(caller.issuer, len(posted)):
        return None
    admit(service, scope, caller)
    caller.require(KeyScope.DIGESTS_WRITE)
    service.quotas.spend(caller.issuer, len(posted))
    service.backlog.add(len(posted))
    asked = caller.issuer, posted, origin_of(scope, caller)
    return asked, partial(service.writes.ask, service.submit, asked, rows=len(posted))


def _known_caller(service: Service, scope: Scope) -> Caller | None:
    sent = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(sent) != 1:
        return None
    scheme, _, key = sent[0].decode("latin-1").partition(" ")
    return known_holder(service, key.strip()) if scheme.lower() == "bearer" else None


def _plain_body(service: Service, exchange: Exchange) -> PostedDigests | None:
    scope, body = exchange.scope, exchange.body
    if len(body) > MOST_BODY or field_of(scope, b"content-type") != JSON or field_of(scope, b"content-encoding"):
        return None
    posted = plain_digests(bytes(body))
    return posted if posted is not None and len(posted) <= service.api.max_digests else None


_GET: Final = {
    "/v1/proofs": HotRoute("/v1/proofs/{digest}", _ask_for_proof, answer_proof, takes_issuer=True),
    "/v1/status": HotRoute("/v1/status/{digest}", _ask_for_status, answer_status, takes_issuer=True),
    "/v1/status-lists": HotRoute("/v1/status-lists/{list_id}", _ask_for_list, answer_list),
}
_POST: Final = {"/v1/digests": HotRoute("/v1/digests", _post_digests, answer_digests)}
