"""The inclusion proof of an anchored entry: slices of a few tiles, whatever the size of the batch."""

from anchoring.core.batch import Batch
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.proof import AnchorClaim, InclusionProof
from anchoring.core.tiles import path_from_tiles, tiles_of_path
from anchoring.errors import StateCorrupt
from anchoring.ports.entries import Entry
from anchoring.ports.store import UnitOfWork


def prove_inclusion(uow: UnitOfWork, entry: Entry, batch: Batch) -> InclusionProof | None:
    """The proof of an entry in its batch; None until the ledger was seen to hold the batch's root.

    Raises: StateCorrupt when a tile, the leaf or the ledger's identity is missing.
    """
    if batch.tree is None or batch.anchor is None:
        return None
    leaf = leaf_hash(issuer_id_of(entry.issuer), entry.salt, entry.digest)
    own_tile = uow.batches.tile_of_leaf(batch.id, leaf)
    leaf_index = own_tile.index_of(leaf) if own_tile else None
    if own_tile is None or leaf_index is None:
        raise StateCorrupt(f"entry {entry.id} has no leaf in batch {batch.id}")
    tiles = {own_tile.at: own_tile}
    for at in tiles_of_path(leaf_index, batch.tree.tree_size)[1:]:
        if upper_tile := uow.batches.tile(batch.id, at):
            tiles[at] = upper_tile
    identity = uow.rounds.identity()
    if identity is None:
        raise StateCorrupt(f"batch {batch.id} is anchored and no ledger is recorded")
    return InclusionProof(
        issuer=entry.issuer,
        digest=entry.digest,
        salt=entry.salt,
        canonicalization=entry.canonicalization,
        leaf_index=leaf_index,
        tree_size=batch.tree.tree_size,
        path=tuple(path_from_tiles(leaf_index, batch.tree, tiles)),
        root=batch.tree.root,
        anchor=AnchorClaim(
            registry=identity.registry,
            sequence=batch.anchor.sequence,
            transaction=batch.anchor.transaction,
            block_number=batch.anchor.block.number,
            block_hash=batch.anchor.block.hash,
            anchored_at=batch.anchor.anchored_at,
            state=batch.state,
        ),
    )
