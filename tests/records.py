"""Records in every state, put into a store by the steps that lead there."""

from anchoring.core.batch import Anchor, Attempt, Batch, BatchState, BlockPlace, RootToAnchor
from anchoring.core.proof import Registry
from anchoring.core.tiles import build_tree
from anchoring.ports.entries import EntryRange
from anchoring.ports.submissions import NewSubmission
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address, BlockHash, Root, TxHash
from tests.factories import NOON, make_digest

SIGNER = Address("0x" + "a1" * 20)
REGISTRY = Registry(chain_id=31337, contract=Address("0x" + "c3" * 20))
BLOCK = BlockPlace(number=7, hash=BlockHash(b"\x07" * 32))
OTHER_BLOCK = BlockPlace(number=8, hash=BlockHash(b"\x08" * 32))


def batch_in(store: SqlStore, state: BatchState, *, entries: range = range(1, 6), block: BlockPlace = BLOCK) -> int:
    """A batch of these entry ids that has come so far; no entries are made. Returns its id."""
    with store.writing() as uow:
        uow.batches.fix_range(EntryRange(first_id=entries[0], last_id=entries[-1], count=len(entries)))
        batch = uow.batches.unfinished()
        assert batch is not None
        if state is not BatchState.WAITING:
            leaves = sorted(make_digest(i) for i in entries)
            tree = build_tree(b"".join(leaves), lambda tile: uow.batches.keep_tiles(batch.id, [tile]))
            assert uow.batches.seal(batch.id, tree, NOON)
        if state is BatchState.SUBMITTED:
            assert uow.batches.submit([batch.id])
        sealed = uow.batches.with_id(batch.id)
        if state.is_anchored and sealed:
            assert uow.batches.confirm(batch.id, anchor_of(sealed, block), NOON)
        if state is BatchState.FINAL:
            assert uow.batches.finalize(batch.id, block, NOON)
        uow.commit()
    return batch.id


def anchor_of(batch: Batch, block: BlockPlace = BLOCK) -> Anchor:
    """The anchor of a sealed batch in this block; of any batch that has no root, one that cannot be used."""
    return Anchor(
        root=batch.tree.root if batch.tree else make_root(batch.id),
        sequence=batch.id,
        leaf_count=batch.leaf_count,
        anchored_by=SIGNER,
        transaction=TxHash(make_digest(1000 + batch.id)),
        block=block,
        anchored_at=NOON,
    )


def make_root(i: int) -> Root:
    return Root(make_digest(2000 + i))


def make_submission(nonce: int, *roots: RootToAnchor, signer: Address = SIGNER) -> NewSubmission:
    return NewSubmission(
        registry=REGISTRY,
        signer=signer,
        nonce=nonce,
        calldata=b"\x01" * nonce,
        gas_limit=100_000,
        roots=roots,
        heads=(),
        opened_at=NOON,
    )


def make_attempt(i: int) -> Attempt:
    return Attempt(
        tx_hash=TxHash(make_digest(3000 + i)), raw=bytes([i]), max_fee_wei=2**255, tip_wei=None, signed_at=NOON, head_number=i
    )
