"""Chainpoint v3 proofs, in JSON and in their binary form (docs/proof-format.md, section 5.2).

The format was made for one service and wants what only that had: two UUIDs and the times in them. Ours are a constant that names
nobody, and the time of the block. Its only anchor type for an EVM ledger is `eth`; which ledger stands in the branch's label.
"""

import re
import zlib
from typing import Any, Final

import msgpack

from anchoring.core.leaf import leaf_hash
from anchoring.core.left_right import (
    MAX_STEPS,
    LeftRightProof,
    PathAnchor,
    Step,
    end_of_path,
    malformed,
    read_hash,
    read_step,
    split_steps,
)
from anchoring.core.proof_json import Members, format_time
from anchoring.errors import InvalidInput, MalformedProof
from anchoring.types import as_digest, as_tx_hash, parse_hash, to_hex

CONTEXT: Final = "https://w3id.org/chainpoint/v3"
NOBODY: Final = "00000000-0000-1000-8000-000000000000"
"""A version 1 UUID, as the format wants it, of time and node 0."""
BINARY_MAX_BYTES: Final = 16 * 1024
"""Of a binary proof once inflated; the longest of ours has fewer than 3 kB."""

_LABEL: Final = re.compile(r"eip155-(0|[1-9][0-9]{0,18})")
_HASHED: Final = "sha-256"
_SIDES: Final[dict[str, str]] = {"left": "l", "right": "r"}


def to_chainpoint(proof: LeftRightProof) -> dict[str, Any]:
    """Raises: InvalidInput when the proof names no anchor."""
    if proof.anchor is None:
        raise InvalidInput("Chainpoint names the transaction, and this form of the proof does not say it")
    moment = format_time(proof.anchor.anchored_at)
    joined = [operation for side, value in proof.steps for operation in ({_SIDES[side]: value.hex()}, {"op": _HASHED})]
    anchor = {"type": "eth", "anchor_id": to_hex(proof.anchor.transaction)}
    return {
        "@context": CONTEXT,
        "type": "Chainpoint",
        "hash": proof.digest.hex(),
        "hash_id_node": NOBODY,
        "hash_submitted_node_at": moment,
        "hash_id_core": NOBODY,
        "hash_submitted_core_at": moment,
        "branches": [{"label": f"eip155-{proof.anchor.chain_id}", "ops": [*joined, {"anchors": [anchor]}]}],
    }


def from_chainpoint(value: object) -> LeftRightProof:
    """A proof of ours read back; others' may be good and are not understood here. The root is where its path ends.

    Raises: MalformedProof naming the member.
    """
    with malformed():
        members = Members(value, "$")
        members.one_of("@context", CONTEXT)
        members.one_of("type", "Chainpoint")
        branch = _only(members, "branches")
        operations = branch.objects("ops", most=2 * MAX_STEPS + 1)
        if not operations:
            raise InvalidInput("must hold steps and an anchor", at=branch.at("ops"))
        *joined, last = operations
        issuer_id, salt, siblings = split_steps(_read_steps(joined, at=branch.at("ops")), at=branch.at("ops"))
        digest = as_digest(read_hash(members, "hash"))
        return LeftRightProof(
            digest=digest,
            issuer_id=issuer_id,
            salt=salt,
            siblings=siblings,
            root=end_of_path(leaf_hash(issuer_id, salt, digest), siblings),
            anchor=_read_anchor(members, branch, last),
        )


def to_binary(chainpoint: dict[str, Any]) -> bytes:
    """The same as MessagePack, deflated with a zlib header."""
    packed: bytes = msgpack.packb(chainpoint)
    return zlib.compress(packed, level=9)


def from_binary(content: bytes) -> Any:
    """What `from_chainpoint` reads. Raises: MalformedProof."""
    inflate = zlib.decompressobj()
    try:
        packed = inflate.decompress(content, BINARY_MAX_BYTES)
        if not inflate.eof or inflate.unused_data:
            raise MalformedProof(
                f"the binary form is cut short, goes on after its end, or inflates to over {BINARY_MAX_BYTES} bytes"
            )
        return msgpack.unpackb(packed)
    except (zlib.error, ValueError, msgpack.exceptions.UnpackException) as wrong:
        raise MalformedProof("not a binary Chainpoint proof: deflated MessagePack") from wrong


def _only(members: Members, name: str) -> Members:
    found = members.objects(name, most=1)
    if not found:
        raise InvalidInput("must have one element", at=members.at(name))
    return found[0]


def _read_steps(operations: list[Members], *, at: str) -> tuple[Step, ...]:
    if len(operations) % 2:
        raise InvalidInput("each step must be followed by sha-256, and the last by the anchor", at=at)
    return tuple(map(_read_step, operations[::2], operations[1::2]))


def _read_step(joined: Members, hashed: Members) -> Step:
    hashed.one_of("op", _HASHED)
    return read_step(joined, left="l", right="r")


def _read_anchor(members: Members, branch: Members, last: Members) -> PathAnchor:
    label = _LABEL.fullmatch(branch.text("label"))
    if label is None:
        raise InvalidInput("must be eip155-<chain id>", at=branch.at("label"))
    anchor = _only(last, "anchors")
    anchor.one_of("type", "eth")
    transaction = parse_hash(anchor.text("anchor_id"), what="a transaction hash", at=anchor.at("anchor_id"))
    return PathAnchor(
        chain_id=int(label[1]), transaction=as_tx_hash(transaction), anchored_at=members.time("hash_submitted_core_at")
    )
