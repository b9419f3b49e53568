"""The inclusion proof of an anchored entry: slices of a few tiles, whatever the size of the batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from anchoring.core.batch import Anchor, Batch
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.proof import AnchorClaim, InclusionProof, Registry
from anchoring.core.tiles import Tile, path_from_tiles, tiles_of_path
from anchoring.errors import StateCorrupt
from anchoring.ports.entries import Entry
from anchoring.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True)
class _Place:
    """A leaf in its tree: its own tile, and its index."""

    tile: Tile
    index: int


def prove_inclusion(uow: UnitOfWork, entry: Entry, batch: Batch) -> InclusionProof | None:
    """The proof of an entry in its batch; None until the ledger was seen to hold the batch's root.

    Raises: StateCorrupt when a tile, the leaf or the ledger's identity is missing.
    """
    [proof] = prove_inclusions(uow, [(entry, batch)])
    return proof


def prove_inclusions(uow: UnitOfWork, asked: Sequence[tuple[Entry, Batch]]) -> list[InclusionProof | None]:
    """As `prove_inclusion` of each, in the order of the input. Raises: StateCorrupt, for the first that has none."""
    anchored = [(entry, batch, batch.tree, batch.anchor) for entry, batch in asked if batch.tree and batch.anchor]
    if not anchored:
        return [None] * len(asked)
    places = _places(uow, [(entry, batch) for entry, batch, _, _ in anchored])
    above = [
        [(batch.id, at) for at in tiles_of_path(place.index, tree.tree_size)[1:]]
        for (_, batch, tree, _), place in zip(anchored, places, strict=True)
    ]
    upper = uow.batches.upper_tiles({key for keys in above for key in keys})
    identity = uow.rounds.identity()
    if identity is None:
        raise StateCorrupt(f"batch {anchored[0][1].id} is anchored and no ledger is recorded")
    claims = {batch.id: _claim(batch, anchor, identity.registry) for _, batch, _, anchor in anchored}
    proofs = {}
    for (entry, batch, tree, _), place, keys in zip(anchored, places, above, strict=True):
        tiles = {key[1]: upper[key] for key in keys if key in upper} | {place.tile.at: place.tile}
        proofs[entry.id] = InclusionProof(
            issuer=entry.issuer,
            digest=entry.digest,
            salt=entry.salt,
            canonicalization=entry.canonicalization,
            leaf_index=place.index,
            tree_size=tree.tree_size,
            path=tuple(path_from_tiles(place.index, tree, tiles)),
            root=tree.root,
            anchor=claims[batch.id],
        )
    return [proofs.get(entry.id) for entry, _ in asked]


def _places(uow: UnitOfWork, anchored: Sequence[tuple[Entry, Batch]]) -> list[_Place]:
    leaves = [leaf_hash(issuer_id_of(entry.issuer), entry.salt, entry.digest) for entry, _ in anchored]
    tiles = uow.batches.tiles_of_leaves([(batch.id, leaf) for (_, batch), leaf in zip(anchored, leaves, strict=True)])
    places = []
    for (entry, batch), leaf, tile in zip(anchored, leaves, tiles, strict=True):
        index = tile.index_of(leaf) if tile else None
        if tile is None or index is None:
            raise StateCorrupt(f"entry {entry.id} has no leaf in batch {batch.id}")
        places.append(_Place(tile, index))
    return places


def _claim(batch: Batch, anchor: Anchor, registry: Registry) -> AnchorClaim:
    return AnchorClaim(
        registry=registry,
        sequence=anchor.sequence,
        transaction=anchor.transaction,
        block_number=anchor.block.number,
        block_hash=anchor.block.hash,
        anchored_at=anchor.anchored_at,
        state=batch.state,
    )
