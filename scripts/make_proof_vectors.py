"""Writes tests/vectors/proof.json: proofs as JSON and left/right paths, with the judgement every verifier must come to.

The file is the same at every run. `--check` writes nothing and exits 1 if the file is not what would be written.
"""

import hashlib
import sys
from pathlib import Path
from typing import Any, Final

from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import proof_from_json
from anchoring.errors import MalformedProof, VerificationError
from scripts.generated import render_vectors, write_or_check
from scripts.proof_cases import FAILED, MALFORMED, PASSED, PathCase, ProofCase, path_cases, proof_cases

VECTORS: Final = Path(__file__).parent.parent / "tests" / "vectors" / "proof.json"

_ABOUT: Final = (
    "Inclusion proofs, version 1 (docs/proof-format.md), and what the check `path` must find. result: `passed`; `failed`: it is "
    "a proof and does not hold; `malformed`: it is none, because of the member at the JSON path `at`. With what is a proof stand "
    "issuerId and leafHash, and if it passed its left/right path. No anchor here stands on a ledger. leftRight: paths as "
    "MerkleTools, Chainpoint and MerkleProof2019 verifiers walk them, from target to root. walks: whether they arrive. isProof: "
    "whether the path also begins with a leaf step; without one the target may be any node, and no digest was shown."
)


def main() -> int:
    """Writes, or with `--check` compares. The answer is the exit status."""
    return write_or_check(VECTORS, render(), about=__doc__, again="python -m scripts.make_proof_vectors")


def render() -> str:
    """The whole file, one vector a line. Raises: ValueError when our own judgement is not the expected one."""
    lists = {
        "proofs": [vector_of(case) for case in proof_cases()],
        "leftRight": [_path_vector(case) for case in path_cases()],
    }
    return render_vectors(_ABOUT, lists)


def vector_of(case: ProofCase) -> dict[str, Any]:
    """A case and what a reader can compute of it."""
    vector: dict[str, Any] = {"name": case.name, "result": case.result}
    judgement, at, proof = _judge(case.proof)
    if (judgement, at) != (case.result, case.at):
        raise ValueError(f"{case.name}: expected {case.result} at {case.at}, and it is {judgement} at {at}")
    if case.at is not None:
        vector["at"] = case.at
    if proof is not None:
        vector["issuerId"] = "0x" + hashlib.sha256(proof.issuer.encode()).hexdigest()
        vector["leafHash"] = "0x" + proof.leaf_hash.hex()
    if proof is not None and case.result == PASSED:
        vector["leftRight"] = proof.left_right_path()
    return vector | {"proof": case.proof}


def _judge(value: Any) -> tuple[str, str | None, InclusionProof | None]:
    try:
        proof = proof_from_json(value)
    except MalformedProof as malformed:
        return MALFORMED, malformed.at, None
    try:
        proof.verify_path()
    except VerificationError:
        return FAILED, None, proof
    return PASSED, None, proof


def _path_vector(case: PathCase) -> dict[str, Any]:
    return {
        "name": case.name,
        "walks": case.walks,
        "isProof": case.is_proof,
        "target": case.target,
        "root": case.root,
        "path": case.path,
    }


if __name__ == "__main__":
    sys.exit(main())
