"""The keys that sign status lists."""

import json

from fastapi import APIRouter, Request, Response

from anchoring.errors import NotFound
from service.answers import cached_answer
from service.bodies import refuse_unknown_query
from service.dependencies import ServiceDep
from service.openapi import header

router = APIRouter(tags=["reading"])

MEDIA_TYPE = "application/did+json"
SHORTLY = "public, max-age=60"
"""A new key signs at once, so nobody should miss it for long."""


@router.get(
    "/.well-known/did.json",
    response_class=Response,
    responses={
        200: {
            "content": {MEDIA_TYPE: {"schema": {"type": "object"}}},
            "headers": {"ETag": header("strong"), "Cache-Control": header("one minute")},
        },
        304: {"description": "Not modified"},
    },
)
def get_did_document(request: Request, service: ServiceDep) -> Response:
    """The DID document of the service: the keys that sign status lists, and those that did."""
    refuse_unknown_query(request)
    if service.did_document is None:
        raise NotFound("this service has no keys: it signs no status lists")
    body = json.dumps(service.did_document(), separators=(",", ":")).encode()
    return cached_answer(request.scope, body, MEDIA_TYPE, SHORTLY)
