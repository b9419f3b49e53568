"""`make bench-peers`: ours beside what others use, in one run. Tables on stderr, JSON on stdout.

Trees: time to build one and take its root, as a ratio to a bare hashlib loop over as many leaves and nodes; then proofs. Each is
asked for what it is made for: ours hashes salted leaves, sorts them, and keeps tiles; `@openzeppelin/merkle-tree` sorts and hashes with
Keccak; the Python libraries keep the order, and `merkletools` takes leaves that are hashed already. Contracts: gas, which does not
depend on the machine.
"""

import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from blockcerts_merkletools import MerkleTools

from anchoring.core.leaf import issuer_id_of
from anchoring.core.merkle import root_from_path
from anchoring.core.tiles import Tile, build_tree, path_from_tiles, tiles_of_path
from anchoring.types import as_leaf_hash
from tests.bench.peers.contracts import Gas, gas_used
from tests.bench.service import machine, say
from tests.factories import UNIVERSITY

HERE: Final = Path(__file__).parent
LEAVES: Final = 1 << 17
PROOFS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """`ratio`: of the time to build to that of the bare loop. `path_hashes`: siblings in a proof."""

    who: str
    build_s: float
    ratio: float
    proof_us: float
    verify_us: float
    path_hashes: int


def main() -> None:
    """Trees, then contracts."""
    trees = [*compare_trees()]
    gas: list[Gas] = []
    for used in gas_used():
        gas.append(used)
        say(f"{used.what:<16} {used.who:<52} {used.first:>10,} gas first {used.later:>10,} later")
    content = {
        "machine": machine(),
        "leaves": LEAVES,
        "trees": [asdict(one) for one in trees],
        "gas": [asdict(one) for one in gas],
    }
    print(json.dumps(content, indent=2))


def compare_trees() -> Iterator[Tree]:
    bare_s, _ = timed(hash_bare)
    say(f"{LEAVES:,} leaves; the bare loop of as many hashes takes {bare_s:.2f} s")
    peers: dict[str, Callable[[], dict[str, Any]]] = {
        "ours": our_tree,
        "blockcerts-merkletools": merkletools_tree,
        "pymerkle": lambda: elsewhere(str(HERE / ".venv" / "bin" / "python"), "pymerkle_tree.py"),
        "@openzeppelin/merkle-tree": lambda: elsewhere("node", "openzeppelin_tree.mjs"),
    }
    for who, measure in peers.items():
        found = measure()
        tree = Tree(
            who=who,
            build_s=found["build_s"],
            ratio=found["build_s"] / bare_s,
            proof_us=found["prove_s"] / PROOFS * 1e6,
            verify_us=found["verify_s"] / PROOFS * 1e6,
            path_hashes=found["path_hashes"],
        )
        say(
            f"{who:<28} build {tree.build_s:>8.2f} s  ratio {tree.ratio:>7.2f}  "
            f"proof {tree.proof_us:>9.1f} µs  verify {tree.verify_us:>8.1f} µs  {tree.path_hashes} hashes"
        )
        yield tree


def hash_bare() -> None:
    """As many hashes as the tree has leaves and nodes, and nothing else."""
    sha256, leaf, pair = hashlib.sha256, bytes(81), bytes(64)
    for _ in range(LEAVES):
        sha256(leaf).digest()
    for _ in range(LEAVES - 1):
        sha256(pair).digest()


def our_tree() -> dict[str, Any]:
    salted = [b"\0" + issuer_id_of(UNIVERSITY) + i.to_bytes(16) + hashlib.sha256(b"leaf %d" % i).digest() for i in range(LEAVES)]
    tiles: dict[Any, Tile] = {}

    def build() -> Any:
        leaves = b"".join(sorted(hashlib.sha256(one).digest() for one in salted))
        return leaves, build_tree(leaves, lambda tile: tiles.__setitem__(tile.at, tile))

    build_s, (leaves, tree) = timed(build)
    picked = [i * LEAVES // PROOFS for i in range(PROOFS)]
    prove_s, paths = timed(lambda: [path_from_tiles(i, tree, {at: tiles[at] for at in tiles_of_path(i, LEAVES)}) for i in picked])
    asked = [(as_leaf_hash(leaves[32 * i : 32 * i + 32]), i, path) for i, path in zip(picked, paths, strict=True)]
    verify_s, holds = timed(lambda: all(root_from_path(leaf, i, LEAVES, path) == tree.root for leaf, i, path in asked))
    assert holds
    return {"build_s": build_s, "prove_s": prove_s, "verify_s": verify_s, "path_hashes": len(paths[0])}


def merkletools_tree() -> dict[str, Any]:
    leaves = [hashlib.sha256(b"leaf %d" % i).hexdigest() for i in range(LEAVES)]
    tools = MerkleTools(hash_type="sha256")

    def build() -> str:
        tools.add_leaf(leaves)
        tools.make_tree()
        root: str = tools.get_merkle_root()
        return root

    build_s, root = timed(build)
    picked = [i * LEAVES // PROOFS for i in range(PROOFS)]
    prove_s, proofs = timed(lambda: [tools.get_proof(i) for i in picked])
    verify_s, holds = timed(
        lambda: all(tools.validate_proof(proof, leaves[i], root) for i, proof in zip(picked, proofs, strict=True))
    )
    assert holds
    return {"build_s": build_s, "prove_s": prove_s, "verify_s": verify_s, "path_hashes": len(proofs[0])}


def elsewhere(program: str, script: str) -> dict[str, Any]:
    """What a program of its own measured."""
    done = subprocess.run([program, HERE / script, str(LEAVES), str(PROOFS)], check=True, stdout=subprocess.PIPE, cwd=HERE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    main()
