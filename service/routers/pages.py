"""Pages for people: the description of the API, to try it."""

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse

from service.security_fields import page_policy

router = APIRouter(include_in_schema=False)

STATIC = "/static-offline-docs"


@router.get("/docs")
async def get_docs(request: Request) -> HTMLResponse:
    """Loads nothing from third parties, and no validator there learns of a look at it."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=request.app.title,
        swagger_js_url=f"{STATIC}/swagger-ui-bundle.js",
        swagger_css_url=f"{STATIC}/swagger-ui.css",
        swagger_favicon_url=f"{STATIC}/favicon.png",
        swagger_ui_parameters={"validatorUrl": None},
    )
    page.headers["Content-Security-Policy"] = page_policy(bytes(page.body))
    return page
