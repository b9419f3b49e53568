"""Inclusion proofs."""

from typing import Final, NamedTuple

from fastapi import APIRouter, Request, Response
from starlette.types import Scope

from anchoring.core.batch import BatchState
from anchoring.core.bundle import MEMBER, Bundle, bundle_to_json
from anchoring.core.pace import Pace
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_formats import ProofFormat, write_proof
from anchoring.errors import NotFound
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did, Digest
from anchoring.usecases.prove_inclusion import prove_digests
from anchoring.usecases.report_progress import report_pace
from anchoring.usecases.trace_digest import Standing, trace_digest
from service.answers import FINAL, REVALIDATE, cached_answer, choices, json_answer, json_bytes, standing_json
from service.bodies import refuse_unknown_query
from service.dependencies import BundleDep, DigestDep, FormatDep, IssuerQueryDep, ServiceDep
from service.openapi import header
from service.schemas import Choices, MerkleToolsProof, Proof
from service.schemas import Standing as StandingOut
from service.state import Service

router = APIRouter(tags=["reading"])

MEDIA_TYPES: Final = {
    ProofFormat.CREDANCHOR: "application/json",
    ProofFormat.MERKLETOOLS: "application/json",
    ProofFormat.CHAINPOINT: "application/vnd.chainpoint.ld+json",
    ProofFormat.CHAINPOINT_BINARY: "application/octet-stream",
    ProofFormat.MERKLEPROOF2019: "application/ld+json",
}


class _Asked(NamedTuple):
    """`issuer`: None where any is meant. `bundle`: whether that is wanted too. `round_period_s`: as configured."""

    digest: Digest
    issuer: Did | None
    wanted: ProofFormat
    bundle: bool
    round_period_s: float


class _Proven(NamedTuple):
    """`bundle`: None also where none was asked for."""

    proof: InclusionProof
    bundle: Bundle | None


class _Unproven(NamedTuple):
    """A digest that waits, or that several issuers posted; and how the last rounds went."""

    standings: list[Standing]
    pace: Pace


@router.get(
    "/v1/proofs/{digest}",
    response_model=Proof | MerkleToolsProof,
    responses={
        200: {
            "headers": {"ETag": header("strong"), "Cache-Control": header("five minutes once the anchor is final")},
            "content": {
                MEDIA_TYPES[ProofFormat.CHAINPOINT]: {"schema": {"type": "object"}},
                MEDIA_TYPES[ProofFormat.CHAINPOINT_BINARY]: {"schema": {"type": "string", "format": "binary"}},
                MEDIA_TYPES[ProofFormat.MERKLEPROOF2019]: {"schema": {"type": "object"}},
            },
        },
        202: {"model": StandingOut, "headers": {"Retry-After": header("seconds until the proof can be expected")}},
        300: {"model": Choices},
        304: {"description": "Not modified"},
    },
)
async def get_proof(
    request: Request,
    service: ServiceDep,
    digest: DigestDep,
    issuer: IssuerQueryDep,
    wanted: FormatDep = ProofFormat.CREDANCHOR,
    bundle: BundleDep = False,
) -> Response:
    """The inclusion proof of a digest. While it waits for the ledger: 202 with its state and `Retry-After`, and no proof."""
    refuse_unknown_query(request, "issuer", "format", "bundle")
    asked = ask_proof(service, digest, issuer, wanted, bundle=bundle)
    return answer_proof(request.scope, service, asked, await service.reads.read_together(find_proofs, asked))


def ask_proof(
    service: Service,
    digest: Digest,
    issuer: Did | None,
    wanted: ProofFormat = ProofFormat.CREDANCHOR,
    *,
    bundle: bool = False,
) -> _Asked:
    """What `find_proofs` is asked for."""
    return _Asked(digest, issuer, wanted, bundle, service.round_period_s)


def answer_proof(scope: Scope, service: Service, asked: _Asked, found: _Proven | _Unproven) -> Response:
    """The answer to a request, from what was found. Raises: InvalidInput where the proof has no such form."""
    if isinstance(found, _Unproven):
        if len(found.standings) > 1:
            issuers = [standing.entry.issuer for standing in found.standings]
            return choices(service, asked.digest, issuers, "proof", more=_more_query(asked))
        return _waiting(service, found)
    written = write_proof(found.proof, asked.wanted, at="query.format")
    if asked.bundle and isinstance(written, dict):
        written[MEMBER] = found.bundle and bundle_to_json(found.bundle)
    settled = found.proof.anchor.state is BatchState.FINAL and (found.bundle is not None or not asked.bundle)
    body = written if isinstance(written, bytes) else json_bytes(written)
    return cached_answer(scope, body, MEDIA_TYPES[asked.wanted], FINAL if settled else REVALIDATE)


def _more_query(asked: _Asked) -> str:
    form = "" if asked.wanted is ProofFormat.CREDANCHOR else f"&format={asked.wanted}"
    return form + ("&bundle=true" if asked.bundle else "")


def find_proofs(uow: UnitOfWork, asked: list[_Asked]) -> list[_Proven | _Unproven | NotFound]:
    """For many who ask at once, in their order."""
    proofs = prove_digests(uow, [(one.digest, one.issuer) for one in asked])
    return [_proven(uow, one, proof) if proof else _unproven(uow, one) for one, proof in zip(asked, proofs, strict=True)]


def _proven(uow: UnitOfWork, one: _Asked, proof: InclusionProof) -> _Proven:
    return _Proven(proof, uow.bundles.of(proof.root, proof.anchor.block_hash) if one.bundle else None)


def _unproven(uow: UnitOfWork, one: _Asked) -> _Unproven | NotFound:
    try:
        standings = trace_digest(uow, one.digest, one.issuer)
    except NotFound as unknown:
        return unknown
    return _Unproven(standings, report_pace(uow, configured_period_s=one.round_period_s))


def _waiting(service: Service, found: _Unproven) -> Response:
    [standing] = found.standings
    wait_s = found.pace.wait_s(standing.state, service.clock.now())
    headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
    return json_answer(standing_json(service, standing, wait_s), status=202, headers=headers)
