"""A proof as left/right verifiers walk it: MerkleTools, Chainpoint and MerkleProof2019 (docs/proof-format.md, section 5).

Such a path says neither index nor size nor issuer, so a proof can be written in this form and not be had back from it. What is
read here always begins with the leaf step: without it an inner node would pass for a credential's digest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self, TypeAlias

from anchoring.core.leaf import LEAF_PREFIX, STEP_BYTES, issuer_id_of, leaf_hash, leaf_step
from anchoring.core.merkle import MAX_LEAVES, NODE_BYTES, Side, height, node_hash, sibling_sides
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import Members
from anchoring.errors import InvalidInput, MalformedProof, VerificationError
from anchoring.types import HASH_BYTES, Digest, IssuerId, LeafHash, Root, Salt, TxHash, as_issuer_id, as_root, as_salt, to_hex

Step: TypeAlias = tuple[Side, bytes]

MAX_STEPS: Final = 1 + height(MAX_LEAVES)

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathAnchor:
    """Where the root is said to stand: the chain's id and the transaction. `anchored_at`: whole seconds, UTC."""

    chain_id: int
    transaction: TxHash
    anchored_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftRightProof:
    """`siblings`: sides and 32 bytes each, leaf side first, without the leaf step. `anchor`: None where the format has none."""

    digest: Digest
    issuer_id: IssuerId
    salt: Salt
    siblings: tuple[Step, ...]
    root: Root
    anchor: PathAnchor | None

    @classmethod
    def of(cls, proof: InclusionProof) -> Self:
        """What the formats can say of a proof. Its path is taken as it is: `verify` follows it."""
        sides = sibling_sides(proof.leaf_index, proof.tree_size)
        claim = proof.anchor
        return cls(
            digest=proof.digest,
            issuer_id=issuer_id_of(proof.issuer),
            salt=proof.salt,
            siblings=tuple(zip(sides, proof.path, strict=True)),
            root=proof.root,
            anchor=PathAnchor(chain_id=claim.registry.chain_id, transaction=claim.transaction, anchored_at=claim.anchored_at),
        )

    @property
    def steps(self) -> tuple[Step, ...]:
        """The whole path: the leaf step of 49 bytes, then the siblings."""
        return (("left", leaf_step(self.issuer_id, self.salt)), *self.siblings)

    def verify(self) -> None:
        """Walk from the digest to the root. Raises: VerificationError with both roots."""
        end = end_of_path(leaf_hash(self.issuer_id, self.salt, self.digest), self.siblings)
        if end != self.root:
            raise VerificationError(f"the path leads to root {to_hex(end)}, the proof says {to_hex(self.root)}")


def end_of_path(leaf: LeafHash, siblings: Iterable[Step]) -> Root:
    """Where left/right steps lead from a leaf. Unlike `merkle.root_from_path` this knows neither index nor size."""
    node: bytes = leaf
    for side, sibling in siblings:
        node = node_hash(sibling, node) if side == "left" else node_hash(node, sibling)
    return as_root(node)


# What the formats share


def steps_to_json(steps: Iterable[Step]) -> list[dict[str, str]]:
    """`[{"left": hex}, {"right": hex}, …]`, as MerkleTools and MerkleProof2019 spell it."""
    return [{side: value.hex()} for side, value in steps]


def read_steps(members: Members, name: str) -> tuple[Step, ...]:
    """Steps read back. Raises: InvalidInput."""
    return tuple(read_step(step, left="left", right="right") for step in members.objects(name, most=MAX_STEPS))


def read_step(step: Members, *, left: str, right: str) -> Step:
    """One step, whose member of either name says the side. Raises: InvalidInput."""
    match step.has(left), step.has(right):
        case True, False:
            return "left", read_bytes(step, left)
        case False, True:
            return "right", read_bytes(step, right)
        case _:
            raise InvalidInput(f"must be either {left} or {right}", at=step.place)


def split_steps(steps: Sequence[Step], *, at: str) -> tuple[IssuerId, Salt, tuple[Step, ...]]:
    """Issuer id, salt and siblings of a whole path. `at`: JSON path of the array.

    Raises: InvalidInput when it does not begin with a leaf step, or goes on with anything but 32 bytes a step.
    """
    if not 1 <= len(steps) <= MAX_STEPS:
        raise InvalidInput(f"must have 1 to {MAX_STEPS} steps", at=at)
    (side, first), *siblings = steps
    if side != "left" or len(first) != STEP_BYTES or not first.startswith(LEAF_PREFIX):
        raise InvalidInput("must begin with the leaf step, 49 bytes on the left that begin with 00", at=at)
    for place, (_, sibling) in enumerate(siblings, start=1):
        if len(sibling) != NODE_BYTES:
            raise InvalidInput(f"step {place} has {len(sibling)} bytes, not {NODE_BYTES}", at=at)
    return as_issuer_id(first[1 : 1 + HASH_BYTES]), as_salt(first[1 + HASH_BYTES :]), tuple(siblings)


def read_bytes(members: Members, name: str) -> bytes:
    """Hexadecimal digits without `0x`, which the libraries of these formats take for text. Raises: InvalidInput."""
    text = members.text(name)
    if _HEX.fullmatch(text) is None:
        raise InvalidInput("must be hexadecimal digits without 0x", at=members.at(name))
    return bytes.fromhex(text)


def read_hash(members: Members, name: str) -> bytes:
    """32 bytes in hexadecimal without `0x`. Raises: InvalidInput."""
    value = read_bytes(members, name)
    if len(value) != HASH_BYTES:
        raise InvalidInput(f"must be {HASH_BYTES} bytes, and is {len(value)}", at=members.at(name))
    return value


@contextmanager
def malformed() -> Iterator[None]:
    """Whatever input is invalid in here makes the proof malformed. Raises: MalformedProof."""
    try:
        yield
    except InvalidInput as wrong:
        raise MalformedProof(wrong.reason, at=wrong.at) from wrong
