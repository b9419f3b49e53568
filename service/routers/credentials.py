"""Posting a credential: it is hashed by the rule of its media type, and forgotten."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from anchoring.core.canonical import Canonicalization, canonicalize
from anchoring.core.strict_json import JsonLimits
from anchoring.errors import InvalidInput
from anchoring.types import to_hex
from anchoring.usecases.submit_digests import PostedDigests
from service.acts import origin_of
from service.answers import exact_time, json_answer, links
from service.bodies import read_body, refuse_unknown_query, understand
from service.credential_status import read_status
from service.dependencies import DigestsWriter, ServiceDep
from service.openapi import header
from service.schemas import CredentialAccepted

router = APIRouter(tags=["posting"])

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string", "format": "binary"}}
            for media_type in (
                "application/vc",
                "application/json",
                "application/jwt",
                "application/dc+sd-jwt",
                "application/pdf",
            )
        },
    }
}


_LOCATION = {"headers": {"Location": header("where the proof will be")}}


@router.post(
    "/v1/credentials", status_code=202, response_model=CredentialAccepted, responses={202: _LOCATION}, openapi_extra=_BODY
)
async def post_credential(
    request: Request,
    service: ServiceDep,
    caller: DigestsWriter,
    canonicalization: Annotated[str | None, Query(description="`raw` hashes the bytes as they are")] = None,
) -> Response:
    """The body is the credential itself, in its media type. Posting it again gives the first answer again.

    The indexes of this service's status lists that it names are bound to it.
    """
    refuse_unknown_query(request, "canonicalization")
    requested = _requested(canonicalization)
    limits = JsonLimits(max_bytes=service.api.max_credential_bytes, max_depth=service.api.max_json_depth)
    body = await read_body(request, limit=limits.max_bytes, timeout_s=service.api.body_timeout_s)
    media_type = request.headers.get("content-type")
    form, named = await understand(
        request,
        body,
        lambda: (
            canonicalize(body, media_type, requested=requested, limits=limits),
            read_status(body, service.lists, limits=limits),
        ),
    )
    status = [(0, index) for index in named.indexes]
    posted = PostedDigests(digests=form.digest, canonicalizations=[form.canonicalization], status=status)
    await service.quotas.take(caller.issuer, 1)
    await service.backlog.take(1)
    accepted = await service.writes.write_together(service.submit, (caller.issuer, posted, origin_of(request.scope, caller)))
    found = links(service, to_hex(form.digest), caller.issuer.did)
    answer = {
        "issuer": caller.issuer.did,
        "digest": to_hex(form.digest),
        "salt": to_hex(accepted.salts),
        "canonicalization": accepted.canonicalizations[0],
        "receivedAt": exact_time(accepted.received_at[0]),
        "maxMergeDelayS": service.promises.max_merge_delay_s,
        "notes": [*form.notes, *named.notes],
        "links": found,
    }
    return json_answer(answer, status=202, headers={"Location": found["proof"], "Cache-Control": "no-store"})


def _requested(name: str | None) -> Canonicalization | None:
    if name is None:
        return None
    if name not in tuple(Canonicalization):
        raise InvalidInput(f"must be one of {', '.join(Canonicalization)}", at="query.canonicalization")
    return Canonicalization(name)
