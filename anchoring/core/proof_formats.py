"""One and the same proof in the format that a verifier asks for (docs/proof-format.md, section 5)."""

from enum import StrEnum
from typing import Any, Final, assert_never

from anchoring.core.chainpoint import CONTEXT, from_binary, from_chainpoint, to_binary, to_chainpoint
from anchoring.core.left_right import LeftRightProof
from anchoring.core.merkleproof2019 import PROOF_TYPE as MERKLEPROOF2019
from anchoring.core.merkleproof2019 import from_merkleproof2019, to_merkleproof2019
from anchoring.core.merkletools import from_merkletools, to_merkletools
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import proof_from_json, proof_to_json
from anchoring.core.strict_json import JsonLimits, parse
from anchoring.errors import InvalidInput, MalformedProof


class ProofFormat(StrEnum):
    """How a proof may be written. Only the first says index and size; the others are left/right paths."""

    CREDANCHOR = "credanchor"
    MERKLETOOLS = "merkletools"
    CHAINPOINT = "chainpoint-v3"
    CHAINPOINT_BINARY = "chainpoint-v3-binary"
    MERKLEPROOF2019 = "merkleproof2019"


class LineFormat(StrEnum):
    """Those that a line of text holds: all but the binary one."""

    CREDANCHOR = ProofFormat.CREDANCHOR
    MERKLETOOLS = ProofFormat.MERKLETOOLS
    CHAINPOINT = ProofFormat.CHAINPOINT
    MERKLEPROOF2019 = ProofFormat.MERKLEPROOF2019


LIMITS: Final = JsonLimits(max_bytes=64 * 1024)
"""Of a proof in JSON: twenty steps are 2 kB."""

_ZLIB: Final = b"\x78"  # no JSON begins with x


def write_proof(proof: InclusionProof | LeftRightProof, wanted: ProofFormat, *, at: str | None = None) -> dict[str, Any] | bytes:
    """The proof in a format: the members of a JSON object, or bytes where the format is binary.

    Raises: InvalidInput naming `at`, where the format cannot say it: a ledger it has no name for; index and size that a path does
    not tell.
    """
    try:
        return _written(proof, wanted)
    except InvalidInput as cannot:
        raise InvalidInput(cannot.reason, at=at) from cannot


def read_any(content: bytes) -> InclusionProof | LeftRightProof:
    """A proof in any of the formats, and its path followed.

    Raises: MalformedProof when it is none of ours, such as a left/right path without its leaf step; VerificationError when its
    path does not lead to its root.
    """
    proof = _read(content)
    if isinstance(proof, InclusionProof):
        proof.verify_path()
    else:
        proof.verify()
    return proof


def _written(proof: InclusionProof | LeftRightProof, wanted: ProofFormat) -> dict[str, Any] | bytes:
    if wanted is ProofFormat.CREDANCHOR:
        if isinstance(proof, LeftRightProof):
            raise InvalidInput("a left/right path says neither issuer nor index nor size: get the proof itself from the service")
        return proof_to_json(proof)
    path = LeftRightProof.of(proof) if isinstance(proof, InclusionProof) else proof
    match wanted:
        case ProofFormat.MERKLETOOLS:
            return to_merkletools(path)
        case ProofFormat.CHAINPOINT:
            return to_chainpoint(path)
        case ProofFormat.CHAINPOINT_BINARY:
            return to_binary(to_chainpoint(path))
        case ProofFormat.MERKLEPROOF2019:
            return to_merkleproof2019(path)
        case _:
            assert_never(wanted)


def _read(content: bytes) -> InclusionProof | LeftRightProof:
    if content.startswith(_ZLIB):
        return from_chainpoint(from_binary(content))
    try:
        value = parse(content, LIMITS)
    except InvalidInput as wrong:
        raise MalformedProof(wrong.reason, at=wrong.at) from wrong
    members = value if isinstance(value, dict) else {}
    if members.get("@context") == CONTEXT:
        return from_chainpoint(value)
    if members.get("type") == MERKLEPROOF2019:
        return from_merkleproof2019(value)
    if "targetHash" in members:
        return from_merkletools(value)
    return proof_from_json(value)
