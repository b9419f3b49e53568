"""The two calls of the VC-API that the W3C's interoperability suites make. Switched off unless an issuer is named for them."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from anchoring.core.canonical import canonicalize
from anchoring.core.credential_form import check_data_model, check_form, validity_of
from anchoring.core.outcome import Outcome
from anchoring.core.proof_json import format_time
from anchoring.core.status import StatusPurpose
from anchoring.core.status_codec import StatusListError
from anchoring.core.status_entry import EntryForm, entry_json
from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.errors import InvalidCredential, InvalidInput, Misconfigured, NotFound, UnsupportedMediaType
from anchoring.ports.signing import CredentialProofs
from anchoring.ports.status_lists import SignedBy
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did
from anchoring.usecases.check_status import check_named_status
from anchoring.usecases.create_status_list import create_status_list
from anchoring.usecases.report_status import StatusWord, report_status
from anchoring.usecases.reserve_indexes import reserve_indexes
from anchoring.usecases.status_from_store import StoreStatus
from anchoring.usecases.submit_digests import PostedDigests, StatusIndex
from service.acts import ANYBODY, Origin
from service.addresses import address_of
from service.answers import json_answer, json_bytes
from service.bodies import media_type_of, read_body, refuse_unknown_members, refuse_unknown_query, understand
from service.dependencies import ServiceDep
from service.schemas import IssuedOut, IssueIn, VerifiedOut, VerifyCredentialIn
from service.state import Service

router = APIRouter(tags=["interoperability"])

LARGEST: Final = 1024 * 1024
"""In bytes. A credential is signed while other writes wait."""
MEDIA_TYPE: Final = "application/json"


def _body(model: type[IssueIn | VerifyCredentialIn]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": model.model_json_schema()}}}}


@router.post("/v1/vc-api/credentials/issue", status_code=201, response_model=IssuedOut, openapi_extra=_body(IssueIn))
async def post_issue(request: Request, service: ServiceDep) -> Response:
    """Give a credential an index in a revocation list, sign it, and post it as `POST /v1/credentials` does.

    It is of the one issuer whom the operator named for this, whose lists and keys are this service's. Status lists are refused.
    """
    proofs, issuer = _switched_on(service)
    credential = await _read(request, service, "credential")
    check_form(credential, issuer, at=("credential",))
    await service.backlog.take(1)
    source = address_of(request.scope)
    issued = await service.writes.write(lambda uow: _issue(uow, service, proofs, issuer, credential, source))
    return json_answer({"verifiableCredential": issued}, status=201, headers={"Cache-Control": "no-store"})


@router.post("/v1/vc-api/credentials/verify", response_model=VerifiedOut, openapi_extra=_body(VerifyCredentialIn))
async def post_verify_credential(request: Request, service: ServiceDep) -> Response:
    """Check proof, validity and status of a credential with what this service knows. What cannot be told is an error too."""
    proofs, _ = _switched_on(service)
    credential = await _read(request, service, "verifiableCredential")
    issuer = await run_in_threadpool(_verify, service, proofs, credential)
    return json_answer({"verified": True, "issuer": issuer}, headers={"Cache-Control": "no-store"})


def _switched_on(service: Service) -> tuple[CredentialProofs, Did]:
    if service.credential_proofs is None or service.api.vc_api_issuer is None:
        raise NotFound("the VC-API is switched off here")
    return service.credential_proofs, Did(service.api.vc_api_issuer)


async def _read(request: Request, service: Service, name: str) -> dict[str, JsonValue]:
    """The credential in the body's member of this name."""
    refuse_unknown_query(request)
    if media_type_of(request) != MEDIA_TYPE:
        raise UnsupportedMediaType(f"send {MEDIA_TYPE}", at="Content-Type")
    limit = min(LARGEST, service.api.max_credential_bytes)
    body = await read_body(request, limit=limit, timeout_s=service.api.body_timeout_s)
    limits = JsonLimits(max_bytes=limit, max_depth=service.api.max_json_depth + 1)
    value = await understand(request, body, lambda: parse(body, limits))
    if not isinstance(value, dict):
        raise InvalidInput("must be an object", at="$")
    refuse_unknown_members(value, {name, "options"}, "$")
    credential = value.get(name)
    if not isinstance(credential, dict):
        raise InvalidInput("must be a credential in JSON", at=f"$.{name}")
    if not isinstance(value.get("options", {}), dict):
        raise InvalidInput("must be an object", at="$.options")
    return credential


def _issue(
    uow: UnitOfWork, service: Service, proofs: CredentialProofs, did: Did, credential: dict[str, JsonValue], source: str
) -> dict[str, Any]:
    now = service.clock.now()
    issuer = uow.issuers.with_did(did)
    if issuer is None:
        raise Misconfigured(f"{did}, whose credentials the VC-API issues, is no issuer here: credanchor issuer add")
    uow.status_lists.lock_issuer(issuer.id)
    service.quotas.count(uow, issuer, 2)  # an index and a digest
    entries, signed_by = service.status.list_entries, SignedBy.SERVICE
    lists = [one for one in uow.status_lists.numbered(issuer, StatusPurpose.REVOCATION) if one.signed_by is signed_by]
    if not lists:
        lists = [create_status_list(uow, issuer, StatusPurpose.REVOCATION, entries=entries, signed_by=signed_by, now=now)]
    [(of, index)] = reserve_indexes(
        uow, issuer, lists[-1].list_id, 1, new_list_entries=entries, now=now, random_bytes=service.random_bytes
    )
    status = entry_json(EntryForm.BITSTRING, of.purpose, service.lists.url(of.list_id), index)
    issued = proofs.add(credential | {"credentialStatus": status}, did, now)
    form = canonicalize(json_bytes(issued), "application/vc")
    bound = [(0, StatusIndex(list_id=of.list_id, index=index, purpose=of.purpose))]
    posted = PostedDigests(digests=form.digest, canonicalizations=[form.canonicalization], status=bound)
    service.submit(uow, [(issuer, posted, Origin(ANYBODY, did, source))])
    return issued


def _verify(service: Service, proofs: CredentialProofs, credential: dict[str, JsonValue]) -> Did:
    """Who issued it. Raises: InvalidCredential; InvalidInput for what is not of the data model, and times that are none."""
    now = service.clock.now()
    check_data_model(credential, at=("verifiableCredential",))
    try:
        issuer = proofs.check(credential, now)
    except StatusListError as wrong:
        raise InvalidCredential(wrong.message) from None
    begins, ends = validity_of(credential, at=("verifiableCredential",))
    if begins is not None and now < begins:
        raise InvalidCredential(f"it is valid from {format_time(begins)} only")
    if ends is not None and ends <= now:
        raise InvalidCredential(f"it was valid until {format_time(ends)}")
    body = json_bytes(credential)
    digest = canonicalize(body, "application/vc").digest
    with service.store.reading() as uow:
        known = StoreStatus(uow, now, is_lost=uow.rounds.rebuilt_at() is not None)
        for found in check_named_status(known, body, now=now):
            if found.outcome is not Outcome.PASSED:
                raise InvalidCredential(found.reason, code=found.code)
        if uow.entries.of_digest(digest, issuer):
            [report] = report_status(uow, digest, issuer)
            if report.word is not StatusWord.CLEAR:
                raise InvalidCredential(f"{report.word}: by the record of this service")
    return issuer
