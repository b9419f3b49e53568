"""Pages for people: a credential checked, how the service is doing, and the description of the API, to try it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse, Response

from anchoring.errors import NotFound
from service.answers import REVALIDATE
from service.dependencies import ServiceDep
from service.security_fields import page_policy
from service.web_pages import NODE_COOKIE, REGISTRY_COOKIE, Asset, assets, choose_language, page, policy, url_in_cookie

router = APIRouter(include_in_schema=False)

STATIC = "/static-offline-docs"
KEPT: Final = ("digest", "issuer")
LONGEST_KEPT: Final = 600


@router.api_route("/verify", methods=["GET", "HEAD"])
async def get_verify_page(request: Request, service: ServiceDep) -> Response:
    """All is computed in the reader's browser, which may ask this service, and nodes and registries of operator and reader."""
    own = [url_in_cookie(request.cookies.get(name)) for name in (NODE_COOKIE, REGISTRY_COOKIE)]
    return _page(request, "verify", policy(service.api.public_rpc_url, service.api.public_issuers_registry, *own))


@router.api_route("/status-page", methods=["GET", "HEAD"])
async def get_status_page(request: Request) -> Response:
    """Drawn from `GET /v1/stats`."""
    return _page(request, "status", policy())


@router.api_route("/web/{name:path}", methods=["GET", "HEAD"])
async def get_asset(request: Request, name: str) -> Response:
    """What the pages load. Raises: NotFound."""
    found = assets().get(name)
    if found is None:
        raise NotFound("there is no such file")
    headers = {"ETag": found.etag, "Cache-Control": REVALIDATE, "Vary": "Accept-Encoding"}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return _sent(request, found, headers)


@router.get("/docs")
async def get_docs(request: Request) -> HTMLResponse:
    """Loads nothing from third parties, and no validator there learns of a look at it."""
    described = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{STATIC}/favicon.png",
        swagger_ui_parameters={"validatorUrl": None},
    )
    described.headers["Content-Security-Policy"] = page_policy(bytes(described.body))
    return described


def _page(request: Request, name: str, rules: str) -> Response:
    query = request.query_params
    language = choose_language(query.get("lang"), request.headers.get("accept-language", ""))
    kept = urlencode({key: query[key] for key in KEPT if key in query and len(query[key]) <= LONGEST_KEPT})
    headers = {
        "Content-Security-Policy": rules,
        "Content-Language": language,
        "Cache-Control": REVALIDATE,
        "Vary": "Accept-Language, Accept-Encoding, Cookie",
    }
    return _sent(request, page(name, language, kept), headers)


def _sent(request: Request, found: Asset, headers: Mapping[str, str]) -> Response:
    if "gzip" in request.headers.get("accept-encoding", "").lower():
        return Response(found.packed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(found.content, media_type=found.media_type, headers=headers)
