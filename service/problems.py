"""Errors as RFC 9457 problem documents. The only table of HTTP status codes; each `type` is described in docs/api.md."""

import http
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from anchoring.core.issuer import without_keys
from anchoring.core.status_codec import StatusListError
from anchoring.errors import (
    AnchoringError,
    AuthorizationUnavailable,
    BacklogFull,
    Busy,
    Conflict,
    FilesUnavailable,
    Gone,
    HeadTooLarge,
    InvalidCredential,
    InvalidInput,
    LedgerRejected,
    LedgerUnavailable,
    MalformedBody,
    MalformedProof,
    ManifestsUnavailable,
    Misconfigured,
    NoRoom,
    NotAllowed,
    NotFound,
    ScopeMissing,
    ServiceUnavailable,
    StateCorrupt,
    StoreReadOnly,
    StoreUnavailable,
    TooLarge,
    TooManyRequests,
    UnsupportedMediaType,
    VerificationError,
)

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:credanchor:problem:"
RETRY_AFTER_S: Final = 5
BACKLOG_RETRY_AFTER_S: Final = 60
TOLD: Final = "the operator has been told"
LATER: Final = "try again later; repeating is safe"
ELSEWHERE: Final = "what is served here is for reading; nothing was done: send this to the address that takes it"

STATUS: Final[dict[type[AnchoringError], tuple[int, str]]] = {
    InvalidInput: (422, "The request cannot be used"),
    MalformedBody: (400, "The body cannot be read"),
    UnsupportedMediaType: (415, "A body in this form is not taken"),
    TooLarge: (413, "The request is too large"),
    HeadTooLarge: (431, "The header is too large"),
    NotFound: (404, "Not found"),
    Gone: (410, "No longer here"),
    Conflict: (409, "The request contradicts the present state"),
    NotAllowed: (401, "A valid API key or access token is needed"),
    ScopeMissing: (403, "The API key may not do this"),
    TooManyRequests: (429, "Too many requests"),
    StoreUnavailable: (503, "The database does not answer"),
    StoreReadOnly: (503, "The database takes no writes"),
    ManifestsUnavailable: (503, "The place for manifests does not answer"),
    FilesUnavailable: (503, "The place of published files does not answer"),
    Busy: (503, "Another round is at work"),
    LedgerUnavailable: (503, "The ledger does not answer"),
    AuthorizationUnavailable: (503, "The authorization server does not answer"),
    BacklogFull: (503, "Too much waits to be anchored"),
    NoRoom: (503, "Too many large bodies at once"),
    ServiceUnavailable: (503, "The service does not answer"),
    LedgerRejected: (500, "The ledger refused"),
    StateCorrupt: (500, "The stored state is wrong"),
    Misconfigured: (500, "The service is not set up"),
    VerificationError: (422, "The proof does not hold"),
    MalformedProof: (422, "The proof cannot be read"),
    InvalidCredential: (400, "The credential is not valid"),
    StatusListError: (422, "The status list cannot be relied on"),
    AnchoringError: (500, "Something went wrong"),
}

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Whatever raises, the answer has one shape. What nobody foresaw is answered in `request_context`."""
    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        AnchoringError: _anchoring_error,
        RequestValidationError: _validation_error,
        HTTPException: _http_exception,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def problem(status: int, slug: str, title: str, detail: str, **members: Any) -> JSONResponse:
    """One problem document. `members`: extension members; those that are None are left out."""
    body = {"type": TYPE_PREFIX + slug, "title": title, "status": status, "detail": detail}
    body |= {name: value for name, value in members.items() if value is not None}
    body = {name: without_keys(value) if isinstance(value, str) else value for name, value in body.items()}
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def crashed(error: Exception) -> Response:
    """The answer to a bug, and its traceback in the log."""
    log.error("request.crashed", exc_info=error)
    status, title = STATUS[AnchoringError]
    return problem(status, AnchoringError.slug, title, TOLD)


async def _anchoring_error(_request: Request, error: AnchoringError) -> Response:
    return refusal(error)


def refusal(error: AnchoringError) -> Response:
    """The answer to an error of ours."""
    status, title = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    detail = error.message
    if status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:  # the words are for the operator: they may name hosts and tables
        if not isinstance(error, AuthorizationUnavailable):  # `known_tokens` says it, once for all who ask meanwhile
            log.error("request.failed", error=error.slug, detail=error.message)
        detail = TOLD if status == http.HTTPStatus.INTERNAL_SERVER_ERROR else LATER
    if isinstance(error, StoreReadOnly):
        detail = ELSEWHERE
    response = problem(
        status,
        error.slug,
        title,
        detail,
        at=getattr(error, "at", None),
        limit=getattr(error, "limit", None),
        code=getattr(error, "code", None),
    )
    if status == http.HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, ScopeMissing):
        response.headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.scope}"'
    if isinstance(error, TooManyRequests):
        response.headers["Retry-After"] = str(error.retry_after_s)
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE and not isinstance(error, StoreReadOnly):
        response.headers["Retry-After"] = str(BACKLOG_RETRY_AFTER_S if isinstance(error, BacklogFull) else RETRY_AFTER_S)
    return response


async def _validation_error(_request: Request, error: RequestValidationError) -> Response:
    # The values are left out: they may be anything, and an answer must not repeat them.
    wrong = [(".".join(str(part) for part in found["loc"]), _words(found)) for found in error.errors()]
    status, title = STATUS[InvalidInput]
    detail = "; ".join(dict.fromkeys(f"{at}: {message}" for at, message in wrong))
    return problem(status, InvalidInput.slug, title, detail, at=wrong[0][0] if wrong else None)


def _words(found: Mapping[str, Any]) -> str:
    """What is wrong with a parameter, in our words."""
    told, allowed = found["type"], found.get("ctx", {})
    if told in _ALLOWED:
        return _ALLOWED[told].format_map(allowed)
    return str(allowed["error"]) if told == "value_error" else str(found["msg"])


_ALLOWED: Final = {
    "bool_parsing": "must be true or false",
    "enum": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "less_than": "must be less than {lt}",
    "missing": "must be given",
    "string_pattern_mismatch": "must match {pattern}",
}


def _methods(request: Request) -> str:
    """All that the path takes, whichever route takes it; HEAD is GET without the body (`request_context`)."""
    asked = ({**request.scope, "method": method} for method in ("DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT"))
    taken = [scope["method"] for scope in asked if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)]
    return ", ".join([one for method in taken for one in ((method, "HEAD") if method == "GET" else (method,))])


async def _http_exception(request: Request, error: HTTPException) -> Response:
    title = http.HTTPStatus(error.status_code).phrase.capitalize()
    headers = dict(error.headers or {})
    match error.status_code:
        case http.HTTPStatus.NOT_FOUND:
            detail = "nothing is served at this path"
        case http.HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = _methods(request)
            detail = f"this path takes {headers['Allow']}"
        case _:
            detail = str(error.detail)
    response = problem(error.status_code, title.lower().replace(" ", "-"), title, detail)
    response.headers.update(headers)
    return response
