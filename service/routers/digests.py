"""Posting digests, seeing how far they have come, and having them erased."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.types import Scope

from anchoring.core.audit_log import trace_of
from anchoring.core.permalink import ImageKind, permalink
from anchoring.qr import draw_qr
from anchoring.types import SALT_BYTES, split_hex, to_hex
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.report_progress import report_pace
from anchoring.usecases.submit_digests import Accepted
from anchoring.usecases.trace_digest import trace_digest
from service.acts import origin_of, recorded
from service.answers import REVALIDATE, cached_answer, choices, exact_time, json_answer, links, standing_json
from service.bodies import compute, refuse_unknown_query
from service.dependencies import DigestDep, DigestsWriter, IssuerQueryDep, ServiceDep
from service.digest_bodies import BINARY, read_digests
from service.openapi import header
from service.request_fields import field_of
from service.schemas import Choices, DigestsAccepted, Erasure, Standing
from service.state import Service

router = APIRouter(tags=["posting"])

MANY_ENTRIES = 1_000
"""An answer about more takes milliseconds to write."""

_DIGEST = {"type": "string", "pattern": "^(0x)?[0-9a-fA-F]{64}$"}
_STATUS = {
    "type": "object",
    "properties": {"list": _DIGEST, "index": {"type": "integer", "minimum": 0}},
    "required": ["list", "index"],
}
_ITEM = {
    "anyOf": [
        _DIGEST,
        {
            "type": "object",
            "properties": {
                "digest": _DIGEST,
                "canonicalization": {"type": "string"},
                "status": {"type": "array", "items": _STATUS},
            },
            "required": ["digest"],
        },
    ]
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"digests": {"type": "array", "items": _ITEM, "minItems": 1}},
                    "required": ["digests"],
                    "additionalProperties": False,
                }
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


_SALTS = {"content": {BINARY: {"schema": {"type": "string", "format": "binary"}}}}
_RETRY_AFTER = {"headers": {"Retry-After": header("seconds until it can be expected to be done")}}


@router.post("/v1/digests", status_code=202, response_model=DigestsAccepted, responses={202: _SALTS}, openapi_extra=_BODY)
async def post_digests(request: Request, service: ServiceDep, caller: DigestsWriter) -> Response:
    """One to 100,000 digests, all or nothing: JSON, NDJSON, or 32 bytes each.

    The answer gives the salts in the order of the input: as JSON, as 16 bytes each for `Accept: application/octet-stream`,
    or none for `Prefer: return=minimal`.
    """
    refuse_unknown_query(request)
    posted = await read_digests(request, service.api)
    await service.quotas.take(caller.issuer, len(posted))
    await service.backlog.take(len(posted))
    asked = caller.issuer, posted, origin_of(request.scope, caller)
    accepted = await service.writes.write_together(service.submit, asked, rows=len(posted))
    return await compute(lambda: answer_digests(request.scope, service, asked, accepted), is_large=len(posted) > MANY_ENTRIES)


def answer_digests(scope: Scope, service: Service, _asked: object, accepted: Accepted) -> Response:
    """The answer to a request, once what it posted is recorded."""
    headers = {"Cache-Control": "no-store"}
    if "return=minimal" in field_of(scope, b"prefer").replace(" ", "").lower():
        return Response(status_code=202, headers=headers | {"Preference-Applied": "return=minimal"})
    if field_of(scope, b"accept").partition(";")[0].strip().lower() == BINARY:
        return Response(accepted.salts, status_code=202, media_type=BINARY, headers=headers)
    return json_answer(_accepted(service, accepted), status=202, headers=headers)


@router.get("/v1/digests/{digest}", response_model=Standing, responses={300: {"model": Choices}}, tags=["reading"])
def get_digest(request: Request, service: ServiceDep, digest: DigestDep, issuer: IssuerQueryDep) -> Response:
    """Where a digest stands: waiting, sealed, submitted, confirmed or final."""
    refuse_unknown_query(request, "issuer")
    with service.store.reading() as uow:
        standings = trace_digest(uow, digest, issuer)
        pace = report_pace(uow, configured_period_s=service.round_period_s)
    if len(standings) > 1:
        return choices(service, digest, [standing.entry.issuer for standing in standings], "digest")
    [standing] = standings
    wait_s = None if standing.state.is_anchored else pace.wait_s(standing.state, service.clock.now())
    return json_answer(standing_json(service, standing, wait_s), headers={"Cache-Control": REVALIDATE})


@router.get(
    "/v1/digests/{digest}/qr",
    response_class=Response,
    responses={
        200: {"content": {kind.media_type: {"schema": {"type": "string", "format": "binary"}} for kind in ImageKind}},
        300: {"model": Choices},
        304: {"description": "Not modified"},
    },
    tags=["reading"],
)
def get_qr(
    request: Request,
    service: ServiceDep,
    digest: DigestDep,
    issuer: IssuerQueryDep,
    kind: Annotated[ImageKind, Query(alias="format", description="of the image")] = ImageKind.SVG,
) -> Response:
    """A QR code to print on a credential: the address of the page that shows how it stands, with digest and issuer only."""
    refuse_unknown_query(request, "issuer", "format")
    with service.store.reading() as uow:
        issuers = [standing.entry.issuer for standing in trace_digest(uow, digest, issuer)]
    if len(issuers) > 1:
        return choices(service, digest, issuers, "digest")
    image = draw_qr(permalink(service.api.public_url, digest, issuers[0]), kind)
    return cached_answer(request.scope, image, kind.media_type, REVALIDATE)


@router.delete("/v1/digests/{digest}", status_code=204, response_model=None, responses={202: {"model": Erasure} | _RETRY_AFTER})
async def delete_digest(request: Request, service: ServiceDep, caller: DigestsWriter, digest: DigestDep) -> Response:
    """Erase the digest and its salt; only its issuer may. While its batch is not sealed the request waits for that (202).

    The anonymous leaf stays, and so does the holder's proof: whoever has the credential and the salt can still verify it.
    """
    refuse_unknown_query(request)
    # 404s must not upset a shared commit
    found = await service.reads.read(lambda uow: trace_digest(uow, digest, caller.issuer.did))
    await service.quotas.take(caller.issuer, 1)
    trace, now = trace_of(found[0].entry.salt, digest), service.clock.now()
    erase = recorded(
        service.clock,
        origin_of(request.scope, caller),
        "digest.erasure_requested",
        lambda uow: erase_entry(uow, caller.issuer, digest, now=now),
        lambda is_erased: {"trace": trace, "state": "erased" if is_erased else "waiting"},
    )
    if await service.writes.write(erase):
        return Response(status_code=204)
    pace = await service.reads.read(lambda uow: report_pace(uow, configured_period_s=service.round_period_s))
    wait_s = max(1, round(pace.period_s))
    answer = {"digest": to_hex(digest), "erased": False, "retryAfterS": wait_s}
    return json_answer(answer, status=202, headers={"Retry-After": str(wait_s)})


def _accepted(service: Service, accepted: Accepted) -> dict[str, object]:
    return {
        "issuer": accepted.issuer,
        "salts": split_hex(accepted.salts, SALT_BYTES),
        "receivedAt": [exact_time(moment) for moment in accepted.received_at],
        "maxMergeDelayS": service.promises.max_merge_delay_s,
        "links": links(service, "{digest}", accepted.issuer),
    }
