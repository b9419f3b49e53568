"""The inclusion proof of one credential, version 1 (docs/proof-format.md is normative).

A proof says: this digest of this issuer is leaf `leaf_index` of a tree of `tree_size` leaves with this root, and the root is
anchored there. Only the first half is checked here. What `anchor` says is a claim, to be compared with a ledger
(`verification.py`). The JSON form is in `proof_json.py`.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from anchoring.core.batch import Anchor, BatchState
from anchoring.core.canonical import Canonicalization
from anchoring.core.leaf import issuer_id_of, leaf_hash, leaf_step
from anchoring.core.merkle import root_from_path, sibling_sides
from anchoring.errors import InvalidInput, VerificationError
from anchoring.types import Address, BlockHash, Did, Digest, LeafHash, Root, Salt, TxHash, parse_address, to_hex

_CHAIN: Final = re.compile(r"eip155:(0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """One contract on one ledger; its text is a CAIP-10 account, `eip155:<chain id>:<address>`."""

    chain_id: int
    contract: Address

    def __str__(self) -> str:
        return f"{self.ledger}:{self.contract}"

    @property
    def ledger(self) -> str:
        """CAIP-2 name of the chain."""
        return f"eip155:{self.chain_id}"


def parse_registry(text: str, *, at: str | None = None) -> Registry:
    """`eip155:<chain id>:<address>`. Raises: InvalidInput naming `at`."""
    ledger, _, address = text.rpartition(":")
    if _CHAIN.fullmatch(ledger) is None:
        raise InvalidInput("expected eip155:<chain id>:<contract address>", at=at)
    return Registry(chain_id=parse_chain(ledger), contract=parse_address(address, at=at))


def parse_chain(text: str, *, at: str | None = None) -> int:
    """The chain id in `eip155:<chain id>`. Raises: InvalidInput naming `at`."""
    match = _CHAIN.fullmatch(text)
    if match is None:
        raise InvalidInput("expected eip155:<chain id>", at=at)
    return int(match[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorClaim:
    """Where the root is said to stand on the ledger. `anchored_at`: time of the block, whole seconds, UTC."""

    registry: Registry
    sequence: int
    transaction: TxHash
    block_number: int
    block_hash: BlockHash
    anchored_at: datetime
    state: BatchState

    @classmethod
    def of(cls, anchor: Anchor, state: BatchState, registry: Registry) -> Self:
        """What we say of an anchor that the ledger was seen to hold."""
        return cls(
            registry=registry,
            sequence=anchor.sequence,
            transaction=anchor.transaction,
            block_number=anchor.block.number,
            block_hash=anchor.block.hash,
            anchored_at=anchor.anchored_at,
            state=state,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InclusionProof:
    """`path`: n × 32 bytes, leaf side first; `canonicalization` is a hint for whoever has the credential."""

    issuer: Did
    digest: Digest
    salt: Salt
    canonicalization: Canonicalization | None
    leaf_index: int
    tree_size: int
    path: tuple[bytes, ...]
    root: Root
    anchor: AnchorClaim

    @property
    def leaf_hash(self) -> LeafHash:
        """Always computed, never read from a proof: a leaf taken on trust could be an inner node."""
        return leaf_hash(issuer_id_of(self.issuer), self.salt, self.digest)

    def verify_path(self) -> None:
        """Check that digest, issuer and salt lead to the root. Raises: VerificationError with both roots."""
        computed = root_from_path(self.leaf_hash, self.leaf_index, self.tree_size, self.path)
        if computed != self.root:
            raise VerificationError(f"the path leads to root {to_hex(computed)}, the proof says {to_hex(self.root)}")

    def left_right_path(self) -> list[dict[str, str]]:
        """The path as `merkletools` and its kin walk it from the digest: `[{"left": hex}, {"right": hex}, …]`.

        It begins with the leaf step of 49 bytes. Such verifiers check neither index nor size: without that step they would take
        an inner node for a credential's digest, so the path is never handed out without it.
        """
        steps = [{"left": leaf_step(issuer_id_of(self.issuer), self.salt).hex()}]
        sides = sibling_sides(self.leaf_index, self.tree_size)
        return steps + [{side: sibling.hex()} for side, sibling in zip(sides, self.path, strict=True)]
