"""The inclusion proof of an anchored entry: slices of a few tiles, whatever the size of the batch."""

from collections.abc import Sequence

from anchoring.core.batch import Batch
from anchoring.core.proof import AnchorClaim, InclusionProof, Registry
from anchoring.core.tiles import TILE_WIDTH, path_in_tile
from anchoring.errors import StateCorrupt
from anchoring.ports.entries import Entry, Evidence
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did, Digest


def prove_inclusion(uow: UnitOfWork, entry: Entry, batch: Batch) -> InclusionProof | None:
    """The proof of an entry in its batch; None until the ledger was seen to hold the batch's root.

    Raises: StateCorrupt when a tile, the leaf or the ledger's identity is missing.
    """
    if batch.tree is None or batch.anchor is None:
        return None
    [proof] = prove_digests(uow, [(entry.digest, entry.issuer)])
    return proof


def prove_digests(uow: UnitOfWork, asked: Sequence[tuple[Digest, Did | None]]) -> list[InclusionProof | None]:
    """The proof of each digest, of this issuer or of the only one, in the order of the input.

    None for a digest that was not posted, that several issuers posted and none is named, or whose root the ledger was not seen to
    hold. Raises: StateCorrupt, for the first of which a tile, the leaf or the ledger's identity is missing.
    """
    posted = uow.entries.evidence([digest for digest, _ in asked])
    found = [[one for one in of if did in (None, one.issuer)] for (_, did), of in zip(asked, posted, strict=True)]
    claims: dict[int, AnchorClaim] = {}
    return [_prove(uow, of[0], claims) if len(of) == 1 and of[0].block_hash is not None else None for of in found]


def _prove(uow: UnitOfWork, of: Evidence, claims: dict[int, AnchorClaim]) -> InclusionProof | None:
    batch = uow.batches.anchored(of.batch_id or 0, of.state or "", of.block_hash or b"")
    if batch is None or batch.tree is None or batch.anchor is None:
        return None  # a reorg took the anchor back at this moment
    leaf_index = of.leaf_index
    if batch.id not in claims:
        claims[batch.id] = AnchorClaim.of(batch.anchor, batch.state, _registry(uow, batch))
    return InclusionProof(
        issuer=of.issuer,
        digest=of.digest,
        salt=of.salt,
        canonicalization=of.canonicalization,
        leaf_index=leaf_index,
        tree_size=batch.tree.tree_size,
        path=(*path_in_tile(leaf_index, batch.tree, of.tile), *uow.batches.path_above_tile(batch, leaf_index // TILE_WIDTH)),
        root=batch.tree.root,
        anchor=claims[batch.id],
    )


def _registry(uow: UnitOfWork, batch: Batch) -> Registry:
    identity = uow.rounds.identity()
    if identity is None:
        raise StateCorrupt(f"batch {batch.id} is anchored and no ledger is recorded")
    return identity.registry
