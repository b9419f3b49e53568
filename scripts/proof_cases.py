"""Proofs that every verifier must judge alike: good ones, ones that do not hold, and ones that are none.

The good ones are made of tests/vectors/merkle.json, whose trees and paths come from an independent program. Every other case
is one of them with one change. What a case expects is written down here, not computed.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MERKLE: Final = Path(__file__).parent.parent / "tests" / "vectors" / "merkle.json"

Json = dict[str, Any]

PASSED: Final = "passed"
FAILED: Final = "failed"
MALFORMED: Final = "malformed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofCase:
    """A proof as JSON. `at`: JSON path of the member that makes it malformed."""

    name: str
    proof: Any
    result: str
    at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PathCase:
    """A left/right path.

    `walks`: a generic verifier gets from `target` to `root`. `is_proof`: the path also begins with a leaf step.
    """

    name: str
    target: str
    root: str
    path: list[dict[str, str]]
    walks: bool
    is_proof: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One tree of the independent vectors."""

    root: str
    proofs: dict[int, Json]


def read_trees() -> dict[int, Tree]:
    """Every tree, by its size; proofs by leaf index, without those whose issuer is no DID."""
    cases = json.loads(MERKLE.read_text(encoding="utf-8"))["cases"]
    return {
        case["treeSize"]: Tree(
            root=case["root"], proofs={proof["leafIndex"]: proof for proof in case["proofs"] if proof["did"].isascii()}
        )
        for case in cases
    }


def base_proof(tree: Tree, leaf_index: int) -> Json:
    """A proof of the independent vectors in our form, with an anchor that is made up."""
    vector = tree.proofs[leaf_index]
    return {
        "type": "CredentialAnchorProof",
        "version": 1,
        "issuer": vector["did"],
        "digest": "0x" + vector["digest"],
        "salt": "0x" + vector["salt"],
        "canonicalization": "jcs",
        "leafIndex": leaf_index,
        "treeSize": vector["treeSize"],
        "path": ["0x" + step for step in vector["path"]],
        "root": "0x" + tree.root,
        "anchor": {
            "type": "AnchorRegistry",
            "ledger": "eip155:31337",
            "contract": "0x5fbdb2315678afecb367f032d93f642f64180aa3",
            "sequence": 7,
            "transaction": "0x" + hashlib.sha256(b"transaction").hexdigest(),
            "blockNumber": 12,
            "blockHash": "0x" + hashlib.sha256(b"block").hexdigest(),
            "anchoredAt": "2026-11-23T12:00:05Z",
            "state": "final",
        },
    }


def proof_cases() -> Iterator[ProofCase]:
    """Every proof, in the order of the file."""
    trees = read_trees()
    for size, tree in trees.items():
        for leaf_index in tree.proofs:
            yield ProofCase(name=f"size {size}, leaf {leaf_index}", proof=base_proof(tree, leaf_index), result=PASSED)
    base = base_proof(trees[7], 3)
    yield from _other_spellings(base)
    yield from _other_places(base_proof(trees[7], 0), base_proof(trees[7], 6))
    yield from _wrong(base)
    yield from _wrong_places(base_proof(trees[7], 0), base_proof(trees[7], 6))
    yield from _wrong_in_large_trees(trees)
    yield from _malformed(base)


def path_cases() -> Iterator[PathCase]:
    """Left/right paths, with what they show to a verifier that knows nothing but left and right."""
    trees = read_trees()
    for size, leaf_index in ((1, 0), (3, 1), (7, 3), (7, 6), (257, 256), (1000, 500)):
        yield _path_case(f"size {size}, leaf {leaf_index}", _steps(trees[size], leaf_index))
    steps = _steps(trees[7], 3)
    leaf, inner = steps.after(1), steps.after(2)
    yield _path_case("leaf step stripped: the leaf passes for a digest", steps.cut(1, leaf), is_proof=False)
    yield _path_case("two steps stripped: an inner node passes for a digest", steps.cut(2, inner), is_proof=False)
    yield _path_case("all steps stripped: the root passes for a digest", steps.cut(4, steps.root), is_proof=False)
    pair = steps.path[1]["left"] + leaf
    yield _path_case("both children of an inner node for a digest", steps.cut(2, pair, [{"left": ""}]), is_proof=False)
    shifted = steps.cut(2, pair[20:], [{"left": pair[:20]}])
    yield _path_case("both children of an inner node, cut elsewhere", shifted, is_proof=False)
    wrong = {"walks": False, "is_proof": False}
    swapped = [steps.path[0], {"right": steps.path[1]["left"]}, *steps.path[2:]]
    yield _path_case("a side swapped", steps.with_path(swapped), **wrong)
    yield _path_case("leaf step on the right", steps.with_path([{"right": steps.path[0]["left"]}, *steps.path[1:]]), **wrong)
    yield _path_case("last step missing", steps.with_path(steps.path[:-1]), **wrong)
    yield _path_case("a step too many", steps.with_path([*steps.path, {"right": "00" * 32}]), **wrong)
    other = "00" + hashlib.sha256(b"did:web:other.example").hexdigest() + steps.path[0]["left"][66:]
    yield _path_case("another issuer in the leaf step", steps.with_path([{"left": other}, *steps.path[1:]]), **wrong)
    yield _path_case("another digest", steps.cut(0, "00" * 32), **wrong)


# Proofs that hold, written in another way


def _other_spellings(base: Json) -> Iterator[ProofCase]:
    def case(name: str, change: Callable[[Json], object]) -> ProofCase:
        return ProofCase(name=name, proof=changed(base, change), result=PASSED)

    yield case("canonicalization null", lambda p: p.update(canonicalization=None))
    yield case("canonicalization absent", lambda p: p.pop("canonicalization"))
    for rule in ("raw", "jws-json", "jws-compact", "sd-jwt-issuer"):
        yield case(f"canonicalization {rule}", _set(canonicalization=rule))
    yield case("state confirmed", lambda p: p["anchor"].update(state="confirmed"))
    yield case("further members", lambda p: (p.update(created="2026"), p["anchor"].update(note={"a": 1})))
    yield case("hexadecimal in upper case", lambda p: p.update(root="0x" + p["root"][2:].upper()))
    yield case("hexadecimal without 0x", lambda p: p.update(digest=p["digest"][2:], path=[step[2:] for step in p["path"]]))
    yield case("contract in mixed case", lambda p: p["anchor"].update(contract="0x5FbDB2315678afecb367f032d93F642f64180aa3"))
    yield case("numbers of 0", lambda p: p["anchor"].update(sequence=0, blockNumber=0))
    yield case("numbers of 2^53 - 1", lambda p: p["anchor"].update(sequence=2**53 - 1, blockNumber=2**53 - 1))


def _other_places(first: Json, last: Json) -> Iterator[ProofCase]:
    """Index and size that give the same sides: the path cannot tell them apart, the size on the ledger can."""
    for leaf_index, tree_size, base in ((0, 5, first), (0, 8, first), (3, 4, last), (12, 13, last)):
        name = f"same sides at leaf {leaf_index} of {tree_size} as at leaf {base['leafIndex']} of 7: the ledger must tell"
        yield ProofCase(name=name, proof=changed(base, _set(leafIndex=leaf_index, treeSize=tree_size)), result=PASSED)


# Proofs that do not hold


def _wrong(base: Json) -> Iterator[ProofCase]:
    def case(name: str, change: Callable[[Json], object]) -> ProofCase:
        return ProofCase(name=name, proof=changed(base, change), result=FAILED)

    for index in (0, 1, 2, 4, 5, 6):
        yield case(f"wrong index {index}", _set(leafIndex=index))
    yield case("wrong size, longer paths", lambda p: p.update(treeSize=9))
    yield case("wrong size, the leaf promoted", lambda p: p.update(treeSize=5, leafIndex=4))
    yield case("greatest size", lambda p: p.update(treeSize=2**20))
    yield case("siblings swapped", lambda p: p["path"].reverse())
    yield case("path without its first hash", lambda p: p["path"].pop(0))
    yield case("path without its last hash", lambda p: p["path"].pop())
    yield case("path empty", lambda p: p["path"].clear())
    yield case("one bit of the path", lambda p: p["path"].__setitem__(1, _flip(p["path"][1])))
    yield case("one bit of the root", lambda p: p.update(root=_flip(p["root"])))
    yield case("one bit of the salt", lambda p: p.update(salt=_flip(p["salt"])))
    yield case("one bit of the digest", lambda p: p.update(digest=_flip(p["digest"])))
    yield case("another issuer", lambda p: p.update(issuer="did:web:other.example"))
    yield case("the issuer in other letters", lambda p: p.update(issuer=p["issuer"].replace("uni", "Uni")))
    yield case("another salt", lambda p: p.update(salt="0x" + "00" * 16))
    leaf, path = _leaf(base), base["path"]
    node = _node(path[0], leaf)
    yield case("leaf as digest", lambda p: p.update(digest=leaf))
    yield case("inner node as digest", lambda p: p.update(digest=node, path=path[1:], leafIndex=1, treeSize=4))
    yield case("root as digest", lambda p: p.update(digest=p["root"], path=[], leafIndex=0, treeSize=1))


def _wrong_places(first: Json, last: Json) -> Iterator[ProofCase]:
    """The last leaf of seven is promoted once, so its path is shorter than the tree is high."""

    def case(name: str, base: Json, change: Callable[[Json], object]) -> ProofCase:
        return ProofCase(name=name, proof=changed(base, change), result=FAILED)

    leaf = _leaf(last)
    yield case("promoted leaf, path with a hash more", last, lambda p: p["path"].append("0x" + "00" * 32))
    yield case("promoted leaf, doubled instead", last, lambda p: p["path"].insert(0, leaf))
    yield case("promoted leaf, doubled in a tree of eight", last, lambda p: (p["path"].insert(0, leaf), p.update(treeSize=8)))
    yield case("first leaf, root of a part of the tree", first, lambda p: (p["path"].pop(), p.update(treeSize=4)))


def _wrong_in_large_trees(trees: dict[int, Tree]) -> Iterator[ProofCase]:
    for size, index, other in ((257, 256, 128), (1000, 500, 499), (1000, 256, 0)):
        proof = changed(base_proof(trees[size], index), _set(leafIndex=other))
        yield ProofCase(name=f"size {size}, leaf {index}: wrong index {other}", proof=proof, result=FAILED)


# What is no proof

_NOT_32_BYTES: Final = ("", "0x", "0x" + "00" * 31, "0x" + "00" * 33, "0X" + "00" * 32, "0x" + "0g" * 32, " " + "00" * 32)
_NO_TIMES: Final = (
    "2026-11-23",
    "2026-11-23T12:00:05",
    "2026-11-23T12:00:05+00:00",
    "2026-11-23t12:00:05z",
    "2026-11-23 12:00:05Z",
    "2026-11-23T12:00:05.0Z",
    "2026-02-30T12:00:05Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T12:00:60Z",
    "0000-01-01T00:00:00Z",
)


def _malformed(base: Json) -> Iterator[ProofCase]:
    no_objects: tuple[Any, ...] = ([], [base], "text", 1, True, None)
    yield from (_no_proof("$", None, value) for value in no_objects)
    wrong: dict[str, tuple[Any, ...]] = {
        "type": ("AnchorProof", "credentialanchorproof", ["CredentialAnchorProof"]),
        "version": (0, 2, "1", True, 1.5),
        "issuer": ("", "did:web:", "https://uni.example", "did:key:z6MkExample\u00d1", "did:web:" + "a" * 505, ["did:web:a"]),
        "digest": (*_NOT_32_BYTES, [0] * 32),
        "salt": ("", "0x" + "00" * 15, "0x" + "00" * 17, "0x" + "00" * 32),
        "canonicalization": ("", "JCS", "rdfc", 1, ["jcs"]),
        "leafIndex": (-1, 7, 2**20, "3", 3.5, True),
        "treeSize": (-1, 0, 2**20 + 1, 2**53, "7", 7.5, True),
        "path": ("0x", {}, [*base["path"], base["root"]]),
        "root": _NOT_32_BYTES[:3],
        "anchor": (None, [], "eip155:31337"),
    }
    yield from (_no_proof(f"$.{name}", base, value) for name, values in wrong.items() for value in values)
    for place, value in enumerate(("0x" + "00" * 31, None, {"left": "00" * 32})):
        proof = base | {"path": [*base["path"][:place], value, *base["path"][place + 1 :]]}
        at = f"$.path[{place}]"
        yield ProofCase(name=f"{at}: {json.dumps(value)}", proof=proof, result=MALFORMED, at=at)
    yield from _malformed_anchor(base)
    yield from (_missing(f"$.{name}", base) for name in base if name != "canonicalization")
    yield from (_missing(f"$.anchor.{name}", base) for name in base["anchor"])


def _malformed_anchor(base: Json) -> Iterator[ProofCase]:
    wrong: dict[str, tuple[Any, ...]] = {
        "type": ("CredentialAnchorProof", "anchorregistry", 1),
        "ledger": ("", "31337", "eip155", "eip155:", "eip155:031337", "eip155:-1", "EIP155:1", "eip155:1:2", "solana:1", 31337),
        "contract": ("", "0x", "5f" * 20, "0x" + "5f" * 19, "0x" + "5f" * 21, "0X" + "5f" * 20, "31337:0x" + "5f" * 20),
        "sequence": (-1, 2**53, "7", 7.5, True),
        "transaction": _NOT_32_BYTES[:3],
        "blockNumber": (-1, 2**53, "12", None),
        "blockHash": _NOT_32_BYTES[:3],
        "anchoredAt": (*_NO_TIMES, 1_795_000_000),
        "state": ("", "Final", "waiting", "sealed", "submitted", True),
    }
    yield from (_no_proof(f"$.anchor.{name}", base, value) for name, values in wrong.items() for value in values)
    joined = changed(base, lambda p: p["anchor"].update(ledger="eip155", contract="31337:" + p["anchor"]["contract"]))
    yield ProofCase(name="ledger and contract cut elsewhere", proof=joined, result=MALFORMED, at="$.anchor.ledger")


def _no_proof(at: str, base: Json | None, value: Any) -> ProofCase:
    """`base` with `value` at the path `at`; the value alone where there is no base."""
    names = at.split(".")[1:]
    proof = value if base is None else changed(base, lambda p: _parent(p, names).update({names[-1]: value}))
    shown = json.dumps(value)
    return ProofCase(name=f"{at}: {shown[:80]}", proof=proof, result=MALFORMED, at=at)


def _missing(at: str, base: Json) -> ProofCase:
    names = at.split(".")[1:]
    proof = changed(base, lambda p: _parent(p, names).pop(names[-1]))
    return ProofCase(name=f"{at} missing", proof=proof, result=MALFORMED, at=at)


def _parent(proof: Json, names: list[str]) -> Json:
    parent: Json = proof["anchor"] if len(names) > 1 else proof
    return parent


# Left/right paths


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """A left/right path and the ends it joins, in hexadecimal without prefix."""

    target: str
    root: str
    path: list[dict[str, str]]

    def with_path(self, path: list[dict[str, str]]) -> "_Steps":
        return _Steps(target=self.target, root=self.root, path=path)

    def cut(self, count: int, target: str, before: list[dict[str, str]] | None = None) -> "_Steps":
        """Without the first `count` steps, from another target."""
        return _Steps(target=target, root=self.root, path=[*(before or []), *self.path[count:]])

    def after(self, count: int) -> str:
        """Where the walk stands after `count` steps."""
        here = bytes.fromhex(self.target)
        for step in self.path[:count]:
            left, right = bytes.fromhex(step.get("left", "")), bytes.fromhex(step.get("right", ""))
            here = hashlib.sha256(left + here + right).digest()
        return here.hex()


def _steps(tree: Tree, leaf_index: int) -> _Steps:
    """The left/right path by the parity of index and size, written out here once more."""
    vector = tree.proofs[leaf_index]
    path = [{"left": "00" + hashlib.sha256(vector["did"].encode()).hexdigest() + vector["salt"]}]
    siblings = iter(vector["path"])
    place, last = leaf_index, vector["treeSize"] - 1
    while last:
        if place % 2:
            path.append({"left": next(siblings)})
        elif place < last:
            path.append({"right": next(siblings)})
        place, last = place // 2, last // 2
    return _Steps(target=vector["digest"], root=tree.root, path=path)


def _path_case(name: str, steps: _Steps, *, walks: bool = True, is_proof: bool = True) -> PathCase:
    return PathCase(name=name, target=steps.target, root=steps.root, path=steps.path, walks=walks, is_proof=is_proof)


# Small change


def _set(**members: Any) -> Callable[[Json], object]:
    return lambda proof: proof.update(members)


def changed(base: Json, change: Callable[[Json], object]) -> Json:
    """A copy with one change."""
    proof = copy.deepcopy(base)
    change(proof)
    return proof


def _flip(hexadecimal: str) -> str:
    """The lowest bit of the last byte."""
    return hexadecimal[:-1] + f"{int(hexadecimal[-1], 16) ^ 1:x}"


def _leaf(proof: Json) -> str:
    hashed = b"\x00" + hashlib.sha256(proof["issuer"].encode()).digest() + _bytes(proof["salt"]) + _bytes(proof["digest"])
    return "0x" + hashlib.sha256(hashed).hexdigest()


def _node(left: str, right: str) -> str:
    return "0x" + hashlib.sha256(_bytes(left) + _bytes(right)).hexdigest()


def _bytes(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.removeprefix("0x"))
