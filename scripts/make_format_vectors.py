"""Writes tests/vectors/formats.json: one and the same proof in every format, and left/right proofs that must be refused.

The file is the same at every run. `--check` writes nothing and exits 1 if the file is not what would be written.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgpack

from anchoring.core.merkle import node_hash
from anchoring.core.proof_formats import ProofFormat, read_any, write_proof
from anchoring.core.proof_json import proof_from_json
from anchoring.errors import MalformedProof, VerificationError
from scripts.generated import render_vectors, write_or_check
from scripts.proof_cases import FAILED, MALFORMED, Json, base_proof, changed, read_trees

VECTORS: Final = Path(__file__).parent.parent / "tests" / "vectors" / "formats.json"
LEDGER: Final = "eip155:11155111"
PLACES: Final = ((1, 0), (2, 0), (3, 1), (7, 3), (7, 6), (257, 256), (1000, 500))

_ABOUT: Final = (
    "Inclusion proofs in the formats of docs/proof-format.md, section 5. formats: each proof in ours and in the others. "
    "messagePack: the Chainpoint proof as MessagePack, in hexadecimal; its binary form is that, deflated with a zlib header. "
    "refused: left/right proofs. result: `malformed`, because of the member at the JSON path `at`, or `failed`: it leads "
    "elsewhere. genericVerifiers: whether verifiers that know left and right only accept it all the same. No anchor stands on "
    "a ledger."
)


def main() -> int:
    """Writes, or with `--check` compares. The answer is the exit status."""
    return write_or_check(VECTORS, render(), about=__doc__, again="python -m scripts.make_format_vectors")


def render() -> str:
    """The whole file, one vector a line. Raises: ValueError when our own judgement is not the expected one."""
    return render_vectors(_ABOUT, {"formats": list(_formats()), "refused": list(_refused())})


def _formats() -> Iterator[Json]:
    trees = read_trees()
    for size, leaf_index in PLACES:
        ours = changed(base_proof(trees[size], leaf_index), lambda p: p["anchor"].update(ledger=LEDGER))
        proof = proof_from_json(ours)
        written = {wanted: write_proof(proof, wanted) for wanted in ProofFormat if wanted is not ProofFormat.CHAINPOINT_BINARY}
        packed = msgpack.packb(written[ProofFormat.CHAINPOINT])
        yield {"name": f"size {size}, leaf {leaf_index}"} | written | {"messagePack": packed.hex()}


def _refused() -> Iterator[Json]:
    good = next(vector for vector in _formats() if vector["name"] == "size 7, leaf 3")
    merkletools, chainpoint = good[ProofFormat.MERKLETOOLS], good[ProofFormat.CHAINPOINT]
    proof = proof_from_json(good[ProofFormat.CREDANCHOR])
    leaf, inner = proof.leaf_hash.hex(), node_hash(proof.path[0], proof.leaf_hash).hex()

    def case(name: str, base: Json, change: Callable[[Json], object], at: str | None, *, generic: bool) -> Json:
        return _case(name, changed(base, change), at, generic=generic)

    yield case(
        "leaf step stripped", merkletools, lambda p: p.update(targetHash=leaf, proof=p["proof"][1:]), "$.proof", generic=True
    )
    yield case(
        "inner node as digest", merkletools, lambda p: p.update(targetHash=inner, proof=p["proof"][2:]), "$.proof", generic=True
    )
    yield case("root as digest", merkletools, lambda p: p.update(targetHash=p["merkleRoot"], proof=[]), "$.proof", generic=True)
    yield case("a side swapped", merkletools, lambda p: _swap(p["proof"], 1), None, generic=False)
    yield case("leaf step on the right", merkletools, lambda p: _swap(p["proof"], 0), "$.proof", generic=False)
    yield case("another root", merkletools, lambda p: p.update(merkleRoot="00" * 32), None, generic=False)
    yield case("a step missing", merkletools, lambda p: p["proof"].pop(), None, generic=False)
    yield case(
        "a digest with 0x", merkletools, lambda p: p.update(targetHash="0x" + p["targetHash"]), "$.targetHash", generic=False
    )
    ops = "$.branches[0].ops"
    yield case("leaf step stripped", chainpoint, lambda p: (p.update(hash=leaf), _drop(_ops(p), 2)), ops, generic=True)
    yield case("inner node as digest", chainpoint, lambda p: (p.update(hash=inner), _drop(_ops(p), 4)), ops, generic=True)
    yield case("another hash function", chainpoint, lambda p: _ops(p)[3].update(op="sha3-256"), f"{ops}[3].op", generic=False)


def _case(name: str, proof: Json, at: str | None, *, generic: bool) -> Json:
    try:
        read_any(json.dumps(proof).encode())
    except MalformedProof as malformed:
        judged: tuple[str | None, str | None] = MALFORMED, malformed.at
    except VerificationError:
        judged = FAILED, None
    else:
        judged = None, None
    if judged != (MALFORMED if at else FAILED, at):
        raise ValueError(f"{name}: it is {judged}, and was to be refused at {at}")
    vector: dict[str, Any] = {"name": name, "result": judged[0]}
    return vector | ({"at": at} if at else {}) | {"genericVerifiers": generic, "proof": proof}


def _swap(steps: list[dict[str, str]], place: int) -> None:
    [(side, value)] = steps[place].items()
    steps[place] = {"right" if side == "left" else "left": value}


def _drop(steps: list[Json], count: int) -> list[Json]:
    """Without the first of them, in place."""
    steps[:count] = []
    return steps


def _ops(chainpoint: Json) -> list[Json]:
    ops: list[Json] = chainpoint["branches"][0]["ops"]
    return ops


if __name__ == "__main__":
    sys.exit(main())
