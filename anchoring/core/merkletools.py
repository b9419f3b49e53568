"""The arguments of MerkleTools' `validateProof` as one JSON object: path, target hash and root, and no anchor."""

from typing import Any

from anchoring.core.left_right import LeftRightProof, malformed, read_hash, read_steps, split_steps, steps_to_json
from anchoring.core.proof_json import Members
from anchoring.types import as_digest, as_root


def to_merkletools(proof: LeftRightProof) -> dict[str, Any]:
    """`{"targetHash", "merkleRoot", "proof": [{"left": hex}, {"right": hex}, …]}`, hexadecimal without `0x`."""
    return {
        "targetHash": proof.digest.hex(),
        "merkleRoot": proof.root.hex(),
        "proof": steps_to_json(proof.steps),
    }


def from_merkletools(value: object) -> LeftRightProof:
    """Raises: MalformedProof naming the member."""
    with malformed():
        members = Members(value, "$")
        issuer_id, salt, siblings = split_steps(read_steps(members, "proof"), at=members.at("proof"))
        return LeftRightProof(
            digest=as_digest(read_hash(members, "targetHash")),
            issuer_id=issuer_id,
            salt=salt,
            siblings=siblings,
            root=as_root(read_hash(members, "merkleRoot")),
            anchor=None,
        )
