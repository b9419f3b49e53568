"""Checking a credential and a proof with what this service knows. Whoever does not trust it runs `credanchor proof verify`."""

import base64
import binascii
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from anchoring.bootstrap.anchored import anchored_forms
from anchoring.bootstrap.inside import embedded_proof
from anchoring.bootstrap.verifying import find_accreditation, find_form
from anchoring.core.claimed_issuer import named_issuer
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import proof_from_json
from anchoring.core.report import REQUIRED, CheckName, report_to_json
from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.core.verification import verify
from anchoring.errors import InvalidInput, MalformedProof, Misconfigured, NotFound, UnsupportedMediaType
from anchoring.types import Did, parse_did
from anchoring.usecases.check_status import StatusQuestion, check_status
from anchoring.usecases.gather_evidence import evidence_from_store
from anchoring.usecases.prove_inclusion import prove_inclusion
from anchoring.usecases.status_from_store import StoreStatus, bound_places, status_is_lost
from anchoring.usecases.trace_digest import trace_digest
from service.answers import json_answer, json_bytes
from service.bodies import media_type_of, memory_of, read_body, refuse_unknown_members, refuse_unknown_query
from service.dependencies import ServiceDep
from service.schemas import ReportOut, VerifyIn
from service.state import Service

router = APIRouter(tags=["reading"])

_MEMBERS = frozenset({"credential", "credentialBase64", "proof", "issuer", "require"})
_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": VerifyIn.model_json_schema()}}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    credential: bytes | None
    proof: InclusionProof | None
    issuer: Did | None
    required: frozenset[CheckName]


@router.post("/v1/verify", response_model=ReportOut, openapi_extra=_BODY)
async def post_verify(request: Request, service: ServiceDep) -> Response:
    """The report of checks. Nothing is stored, and the ledger is not asked: block and finality are what the last round saw."""
    refuse_unknown_query(request)
    if media_type_of(request) != "application/json":
        raise UnsupportedMediaType("send application/json", at="Content-Type")
    limit = 2 * service.api.max_credential_bytes
    body = await read_body(request, limit=limit, timeout_s=service.api.body_timeout_s)
    limits = JsonLimits(max_bytes=limit, max_depth=service.api.max_json_depth + 1)  # the credential stands one level down
    async with memory_of(request).understanding(len(body)):
        return await run_in_threadpool(_answer, service, body, limits)


def _answer(service: Service, body: bytes, limits: JsonLimits) -> Response:
    question, now = _read(parse(body, limits)), service.clock.now()
    proof = question.proof or _own_proof(service, question)
    form = find_form(question.credential, proof)
    with service.store.reading() as uow:
        identity = uow.rounds.identity()
        evidence = evidence_from_store(uow, proof.root, service.finality)
        is_lost = status_is_lost(uow, proof)
        bound = bound_places(uow, proof, is_lost=is_lost)
        asked = StatusQuestion(credential=question.credential, proof=proof, evidence=evidence, bound=bound, further=form)
        status = check_status(StoreStatus(uow, now, is_lost=is_lost), asked, now=now)
    report = verify(
        proof,
        credential=question.credential,
        pinned=identity.registry if identity else None,
        evidence=evidence,
        status=status,
        signature=service.signatures.check(question.credential, now) if question.credential is not None else None,
        now=now,
        accreditation=find_accreditation(question.credential, None, at=proof.anchor.anchored_at),
        form=form,
    )
    return json_answer(report_to_json(report, question.required), headers={"Cache-Control": "no-store"})


def _read(value: JsonValue) -> _Question:
    if not isinstance(value, dict):
        raise InvalidInput("must be an object", at="$")
    refuse_unknown_members(value, _MEMBERS, "$")
    credential = _credential(value)
    proof = value.get("proof")
    if credential is None and proof is None:
        raise InvalidInput("send a credential, a proof, or both", at="$")
    issuer = value.get("issuer")
    if issuer is not None and not isinstance(issuer, str):
        raise InvalidInput("must be a DID", at="$.issuer")
    if issuer is not None and proof is not None:
        raise InvalidInput("says whose proof to look up; the proof that was sent names its issuer itself", at="$.issuer")
    return _Question(
        credential=credential,
        proof=None if proof is None else _proof(proof, at="$.proof"),
        issuer=None if issuer is None else parse_did(issuer, at="$.issuer"),
        required=_required(value.get("require")),
    )


def _proof(value: JsonValue, *, at: str) -> InclusionProof:
    try:
        return proof_from_json(value)
    except MalformedProof as malformed:
        place = at + (malformed.at or "").removeprefix("$")
        raise MalformedProof(malformed.message.removeprefix(f"{malformed.at}: "), at=place) from malformed


def _credential(members: dict[str, JsonValue]) -> bytes | None:
    plain, encoded = members.get("credential"), members.get("credentialBase64")
    if plain is not None and encoded is not None:
        raise InvalidInput("send either credential or credentialBase64", at="$.credentialBase64")
    if encoded is not None:
        if not isinstance(encoded, str):
            raise InvalidInput("must be a string of base64", at="$.credentialBase64")
        try:
            return base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as wrong:
            raise InvalidInput("is no base64", at="$.credentialBase64") from wrong
    if isinstance(plain, str):
        return plain.encode()
    if isinstance(plain, dict):
        # The rule for JSON does not depend on white space and escapes; written short, it keeps within the size it came in.
        return json_bytes(plain)
    if plain is not None:
        raise InvalidInput("must be a JSON object or a string", at="$.credential")
    return None


def _required(names: JsonValue) -> frozenset[CheckName]:
    if names is None:
        return REQUIRED
    if not isinstance(names, list) or not names or any(name not in tuple(CheckName) for name in names):
        raise InvalidInput(f"must be an array of one or more of {', '.join(CheckName)}", at="$.require")
    return frozenset(CheckName(str(name)) for name in names)


def _own_proof(service: Service, question: _Question) -> InclusionProof:
    """Our own proof of the credential, in any form that it may have been anchored in; else the one inside it.

    Anybody may post another's credential: whom it names as its issuer counts, where there is anything of theirs.
    """
    named = question.issuer or named_issuer(question.credential or b"")
    with service.store.reading() as uow:
        forms = anchored_forms(question.credential or b"")
        posted = [entry for form in forms for entry in uow.entries.of_digest(form.digest, question.issuer)]
        of_named = [entry for entry in posted if entry.issuer == named]
        if not posted or (not of_named and named is not None and _names_inside(question, named)):
            return _proof_inside(question)
        counting = of_named or posted
        issuers = dict.fromkeys(entry.issuer for entry in counting)
        if len(issuers) > 1:
            raise InvalidInput(f"several issuers posted this credential, say which: {', '.join(issuers)}", at="$.issuer")
        standings = [one for entry in counting for one in trace_digest(uow, entry.digest, entry.issuer)]
        proofs = (prove_inclusion(uow, one.entry, one.batch) for one in standings if one.batch)
        proof = next((one for one in proofs if one is not None), None)
    if proof is None:
        raise NotFound(f"the credential was posted and is {standings[0].state}: it has no proof yet")
    return proof


def _names_inside(question: _Question, named: str) -> bool:
    """Whether the proof inside is said to be of this issuer."""
    return (embedded_proof(question.credential or b"") or {}).get("issuer") == named


def _proof_inside(question: _Question) -> InclusionProof:
    """As it stands inside the credential, which was altered or is another operator's."""
    try:
        inside = embedded_proof(question.credential or b"")
    except Misconfigured:
        inside = None
    proof = None if inside is None else _proof(inside, at="the proof inside: $")
    if proof is None or question.issuer not in {None, proof.issuer}:
        raise NotFound("this credential was not posted here, and has no proof inside that could be judged")
    return proof
