"""What is known of a root on the pinned contract: from a node, or from what the rounds of this service saw."""

from anchoring.core.batch import BatchState
from anchoring.core.finality import FinalityRule
from anchoring.core.proof_json import format_time
from anchoring.core.verification import Evidence, NoEvidence
from anchoring.errors import LedgerUnavailable, Misconfigured
from anchoring.ports.ledger import RegistryReader
from anchoring.ports.store import UnitOfWork
from anchoring.types import Root


def evidence_from_node(reader: RegistryReader, root: Root, rule: FinalityRule) -> Evidence | NoEvidence:
    """Read the contract. A node that is out of reach, or shows another chain or contract, is no evidence of anything."""
    try:
        reader.identity()
        head = reader.head()
        anchor = reader.find_anchor(root, head)
        block_hash = reader.block_hash(anchor.block.number) if anchor else None
    except (LedgerUnavailable, Misconfigured) as failed:
        return NoEvidence(failed.message)
    if anchor and block_hash and anchor.block.hash != block_hash:
        return NoEvidence(f"the node shows the root's event in another block {anchor.block.number} than its chain has")
    final_height, finality = None, f"the rule {rule}"
    try:
        final_height = reader.final_height(head, rule)
    except (LedgerUnavailable, Misconfigured) as failed:
        finality = failed.message
    return Evidence(
        source=f"the ledger as of block {head.block.number} at {format_time(head.time)}",
        head_number=head.block.number,
        anchor=anchor,
        block_hash=block_hash,
        final_height=final_height,
        finality=finality,
    )


def evidence_from_store(uow: UnitOfWork, root: Root, rule: FinalityRule) -> Evidence | NoEvidence:
    """What the rounds recorded. The ledger is not asked: requests never wait for a node."""
    rounds = uow.rounds.newest(1)
    batch = uow.batches.of_root(root)
    if batch is None or batch.anchor is None or not rounds:
        return NoEvidence("this service has not seen the root on the ledger; ask a node")
    seen = rounds[0].finished_at or rounds[0].started_at
    block = batch.anchor.block
    return Evidence(
        source=f"this service as of its round at {format_time(seen)}",
        head_number=block.number,
        anchor=batch.anchor,
        block_hash=block.hash,
        final_height=block.number if batch.state is BatchState.FINAL else block.number - 1,
        finality=f"the rule {rule} of this service",
    )
