"""MerkleProof2019, the proof of Blockcerts v3 (docs/proof-format.md, section 5.3).

Its value is CBOR in base58. Of its two flavours this is the one of the Python library, with hexadecimal text where the JavaScript
one has bytes: the Python decoder crashes on the other, all decoders read this. A transaction has no `0x` there.
"""

from datetime import datetime
from typing import Any, Final

import cbor2

from anchoring.core.base58 import decode_base58, encode_base58
from anchoring.core.left_right import (
    LeftRightProof,
    PathAnchor,
    Step,
    malformed,
    read_hash,
    read_steps,
    split_steps,
)
from anchoring.core.merkle import Side
from anchoring.core.proof_json import Members, format_time
from anchoring.errors import InvalidInput
from anchoring.types import as_digest, as_root, as_tx_hash, parse_hash

PROOF_TYPE: Final = "MerkleProof2019"
NETWORKS: Final = {1: "mainnet", 3: "ropsten", 4: "rinkeby", 5: "goerli", 11155111: "sepolia"}
"""Chain ids with a name in all decoders; theirs for the chain `eth` are the same numbers."""
VALUE_MAX_CHARACTERS: Final = 8 * 1024

_ROOT, _TARGET, _ANCHORS, _PATH = range(4)
_SIDES: Final[tuple[Side, Side]] = ("left", "right")
_ETH: Final = 1


def to_merkleproof2019(proof: LeftRightProof) -> dict[str, Any]:
    """A proof without `verificationMethod`, which whoever puts it into a credential adds.

    Raises: InvalidInput when the proof names no anchor, or one on a ledger that the format has no name for.
    """
    if proof.anchor is None:
        raise InvalidInput("MerkleProof2019 names the transaction, and this form of the proof does not say it")
    return {
        "type": PROOF_TYPE,
        "created": format_time(proof.anchor.anchored_at),
        "proofPurpose": "assertionMethod",
        "proofValue": _encode(proof, proof.anchor),
    }


def from_merkleproof2019(value: object) -> LeftRightProof:
    """Raises: MalformedProof naming the member."""
    with malformed():
        members = Members(value, "$")
        members.one_of("type", PROOF_TYPE)
        content = Members(_decode(members.text("proofValue"), at=members.at("proofValue")), members.at("proofValue"))
        issuer_id, salt, siblings = split_steps(read_steps(content, "path"), at=content.at("path"))
        return LeftRightProof(
            digest=as_digest(read_hash(content, "targetHash")),
            issuer_id=issuer_id,
            salt=salt,
            siblings=siblings,
            root=as_root(read_hash(content, "merkleRoot")),
            anchor=_read_anchor(content, members.time("created")),
        )


def _encode(proof: LeftRightProof, anchor: PathAnchor) -> str:
    if anchor.chain_id not in NETWORKS:
        known = ", ".join(f"{name} (eip155:{chain_id})" for chain_id, name in NETWORKS.items())
        raise InvalidInput(f"MerkleProof2019 has no name for the ledger eip155:{anchor.chain_id}; it knows {known}")
    blink = [[0, _ETH], [1, anchor.chain_id], [2, cbor2.dumps(anchor.transaction.hex())]]
    content = [
        [_ROOT, cbor2.dumps(proof.root.hex())],
        [_TARGET, cbor2.dumps(proof.digest.hex())],
        [_ANCHORS, [blink]],
        [_PATH, [_encode_step(step) for step in proof.steps]],
    ]
    return "z" + encode_base58(cbor2.dumps(content))


def _encode_step(step: Step) -> list[Any]:
    side, value = step
    return [_SIDES.index(side), cbor2.dumps(value.hex())]


def _decode(text: str, *, at: str) -> dict[str, Any]:
    """The value as JSON, with its one anchor taken apart. Raises: InvalidInput."""
    try:
        content = dict(cbor2.loads(decode_base58(text.removeprefix("z"), most=VALUE_MAX_CHARACTERS)))
        [blink] = [dict(anchor) for anchor in content[_ANCHORS]]
        return {
            "merkleRoot": cbor2.loads(content[_ROOT]),
            "targetHash": cbor2.loads(content[_TARGET]),
            "chain": blink[0],
            "network": blink[1],
            "transaction": cbor2.loads(blink[2]),
            "path": [{dict(enumerate(_SIDES))[side]: cbor2.loads(value)} for side, value in content[_PATH]],
        }
    except (ValueError, TypeError, KeyError, RecursionError, cbor2.CBORError) as wrong:
        raise InvalidInput("must be base58 of CBOR, laid out as MerkleProof2019 has it, with one anchor", at=at) from wrong


def _read_anchor(content: Members, anchored_at: datetime) -> PathAnchor:
    content.integer("chain", least=_ETH, most=_ETH)
    network = content.integer("network")
    if network not in NETWORKS:
        raise InvalidInput("must be a network of eth that has a name", at=content.at("network"))
    transaction = parse_hash(content.text("transaction"), what="a transaction hash", at=content.at("transaction"))
    return PathAnchor(chain_id=network, transaction=as_tx_hash(transaction), anchored_at=anchored_at)
