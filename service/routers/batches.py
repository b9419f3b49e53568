"""Batches and their tiles: what anyone needs to rebuild a tree, and nothing about a person."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from anchoring.core.batch import Batch
from anchoring.core.bundle import MEMBER, bundle_to_json
from anchoring.core.issuer import Issuer
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_formats import ProofFormat, write_proof
from anchoring.core.tiles import TileCoordinate, served_width, tile_counts
from anchoring.errors import Conflict, Gone, InvalidInput, NotFound, StateCorrupt
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import Root, parse_root, to_hex
from anchoring.usecases.prove_inclusion import prove_digests
from anchoring.usecases.report_progress import report_pace
from service.answers import IMMUTABLE, REVALIDATE, anchor_json, cached_answer, exact_time, json_answer, json_bytes
from service.bodies import refuse_unknown_query
from service.change_bodies import NDJSON
from service.dependencies import BundleDep, DigestsWriter, FormatDep, RootDep, ServiceDep
from service.openapi import header
from service.schemas import PLAIN_DIGITS, BatchOut, BatchPage
from service.state import Service

router = APIRouter(tags=["reading"])

TILE_LEVELS_MAX = 3
PROOFS_AT_ONCE = 256
"""Each reads a tile of 16 kB."""


@router.get("/v1/batches", response_model=BatchPage)
def list_batches(
    request: Request,
    service: ServiceDep,
    before: Annotated[str | None, Query(description="root of the last batch of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=100), PLAIN_DIGITS] = 20,
) -> Response:
    """Sealed batches, newest first."""
    refuse_unknown_query(request, "before", "limit")
    last_seen = None if before is None else parse_root(before, at="query.before")
    with service.store.reading() as uow:
        found = uow.batches.page(None if last_seen is None else _batch(uow, last_seen).id, limit + 1)
        identity = uow.rounds.identity()
    batches = found[:limit]
    following = f"{_base(service)}?before={_root(batches[-1])}&limit={limit}" if len(found) > limit else None
    answer = {"batches": [_batch_json(service, identity, batch) for batch in batches], "next": following}
    return json_answer(answer, headers={"Cache-Control": REVALIDATE})


@router.get("/v1/batches/{root}", response_model=BatchOut)
def get_batch(request: Request, service: ServiceDep, root: RootDep) -> Response:
    """One batch: its size, state, anchor, and how many tiles it has."""
    refuse_unknown_query(request)
    with service.store.reading() as uow:
        answer = _batch_json(service, uow.rounds.identity(), _batch(uow, root))
    return json_answer(answer, headers={"Cache-Control": REVALIDATE})


@router.get(
    "/v1/batches/{root}/tiles/{level}/{n}",
    response_class=Response,
    responses={
        200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "Not modified"},
    },
)
def get_tile(
    request: Request,
    service: ServiceDep,
    root: RootDep,
    level: Annotated[int, Path(ge=0, lt=TILE_LEVELS_MAX), PLAIN_DIGITS],
    n: Annotated[int, Path(ge=0, lt=1 << 20), PLAIN_DIGITS],
) -> Response:
    """Up to 256 hashes of 32 bytes: the nodes of tree level 8·`level` from 256·`n` on, cut as C2SP tlog-tiles cuts them."""
    refuse_unknown_query(request)
    at = TileCoordinate(level, n)
    with service.store.reading() as uow:
        batch = _batch(uow, root)
        tile = uow.batches.tile(batch.id, at)
    if served_width(at, batch.leaf_count) == 0:
        raise NotFound(f"a tree of {batch.leaf_count} leaves has no tile {n} at level {level}")
    if tile is None:
        raise StateCorrupt(f"tile {n} of level {level} of batch {batch.id} is missing")
    return cached_answer(request.scope, tile.served, "application/octet-stream", IMMUTABLE)


@router.get(
    "/v1/batches/{root}/proofs",
    response_class=Response,
    responses={
        200: {"content": {NDJSON: {"schema": {"type": "string"}}}},
        202: {"model": BatchOut, "headers": {"Retry-After": header("seconds until the proofs can be expected")}},
    },
)
def get_proofs(
    request: Request,
    service: ServiceDep,
    root: RootDep,
    caller: DigestsWriter,
    wanted: FormatDep = ProofFormat.CREDANCHOR,
    bundle: BundleDep = False,
) -> Response:
    """The proofs of all entries of the issuer in one batch, one a line. While it waits for the ledger: 202 with `Retry-After`."""
    refuse_unknown_query(request, "format", "bundle")
    if wanted is ProofFormat.CHAINPOINT_BINARY:
        raise InvalidInput("lines hold JSON, so the binary form cannot be had in bulk", at="query.format")
    with service.store.reading() as uow:
        batch = _batch(uow, root)
        _require_whole(uow, batch)
        if batch.anchor is None:
            wait_s = report_pace(uow, configured_period_s=service.round_period_s).wait_s(batch.state, service.clock.now())
            headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
            return json_answer(_batch_json(service, uow.rounds.identity(), batch), status=202, headers=headers)
    lines = _proof_lines(service.store, batch, caller.issuer, wanted, bundle=bundle)
    # What must be refused is refused by the first proof, while there is still a status code to say so.
    return StreamingResponse(chain(tuple(islice(lines, 1)), lines), media_type=NDJSON, headers={"Cache-Control": "no-store"})


def _proof_lines(store: Store, batch: Batch, issuer: Issuer, wanted: ProofFormat, *, bundle: bool) -> Iterator[bytes]:
    """Some proofs at once, so that no unit of work is open while a slow reader takes its time, and few are in memory.

    Raises: Conflict when a reorg takes the anchor back meanwhile, Gone when entries are detached; the answer is then cut off, and
    its reader notices.
    """
    after_id = batch.first_id - 1
    while True:
        with store.reading() as uow:
            page = uow.entries.page_of_issuer(issuer, after_id, batch.last_id, PROOFS_AT_ONCE)
            found = prove_digests(uow, [(entry.digest, issuer.did) for entry in page])
            proofs = [proof for proof in found if proof is not None]
            more = _bundle_member(uow, proofs[0]) if bundle and proofs else {}
            _require_whole(uow, batch)  # last: what was read before is then all there was
        if not page:
            return
        if None in found:
            raise Conflict(f"the anchor of root {_root(batch)} was taken back: ask again")
        yield b"".join(_line(write_proof(proof, wanted, at="query.format"), more) for proof in proofs)
        after_id = page[-1].id


def _line(written: dict[str, Any] | bytes, more: dict[str, Any]) -> bytes:
    return json_bytes(written | more if isinstance(written, dict) else written) + b"\n"


def _bundle_member(uow: UnitOfWork, proof: InclusionProof) -> dict[str, Any]:
    found = uow.bundles.of(proof.root, proof.anchor.block_hash)
    return {MEMBER: found and bundle_to_json(found)}


def _batch(uow: UnitOfWork, root: Root) -> Batch:
    batch = uow.batches.of_root(root)
    if batch is None:
        raise NotFound(f"no batch here has root {to_hex(root)}")
    return batch


def _require_whole(uow: UnitOfWork, batch: Batch) -> None:
    if uow.batches.detached_at(batch.id) is not None:
        raise Gone(
            f"entries of root {_root(batch)} were detached: with digest and salt a proof is made from the operator's static "
            "files (credanchor proof rebuild), and the operator can bring them back"
        )


def _batch_json(service: Service, identity: LedgerIdentity | None, batch: Batch) -> dict[str, Any]:
    url = f"{_base(service)}/{_root(batch)}"
    return {
        "root": _root(batch),
        "treeSize": batch.leaf_count,
        "state": batch.state,
        "sealedAt": exact_time(batch.sealed_at) if batch.sealed_at else None,
        "anchor": anchor_json(identity.registry, batch) if identity else None,
        "statedLeafCount": batch.anchor.leaf_count if batch.anchor else None,
        "tileLevels": tile_counts(batch.leaf_count),
        "links": {"self": url, "tiles": url + "/tiles/{level}/{n}"},
    }


def _base(service: Service) -> str:
    return f"{service.api.public_url.rstrip('/')}/v1/batches"


def _root(batch: Batch) -> str:
    if batch.tree is None:
        raise StateCorrupt(f"batch {batch.id} is listed and not sealed")
    return to_hex(batch.tree.root)
