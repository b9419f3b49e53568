"""Inclusion: the independent vectors, what a path must look like, and what is refused."""

from typing import Any

import pytest

from anchoring.core.merkle import MAX_LEAVES, height, node_hash, root_from_path, sibling_sides
from anchoring.errors import VerificationError
from anchoring.types import as_leaf_hash
from tests.trees import make_leaves, read_vectors, rfc_path, rfc_root, sha256

PROOFS = [(case["root"], proof) for case in read_vectors("merkle.json")["cases"] for proof in case["proofs"]]

A, B, C, D, E, F, G = make_leaves(7)
AB, CD, EF = sha256(A + B), sha256(C + D), sha256(E + F)
ROOT = sha256(sha256(AB + CD) + sha256(EF + G))
PATHS = [
    [B, CD, sha256(EF + G)],
    [A, CD, sha256(EF + G)],
    [D, AB, sha256(EF + G)],
    [C, AB, sha256(EF + G)],
    [F, G, sha256(AB + CD)],
    [E, G, sha256(AB + CD)],
    [EF, sha256(AB + CD)],
]


def test_node_hash_has_no_prefix() -> None:
    assert node_hash(A, B) == AB


@pytest.mark.parametrize(("tree_size", "levels"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (1000, 10), (MAX_LEAVES, 20)])
def test_height_is_that_of_the_longest_path(tree_size: int, levels: int) -> None:
    assert height(tree_size) == levels
    assert len(list(sibling_sides(0, tree_size))) == levels


@pytest.mark.parametrize(
    ("leaf_index", "sides"),
    [
        (0, "right right right"),
        (1, "left right right"),
        (2, "right left right"),
        (3, "left left right"),
        (4, "right right left"),
        (5, "left right left"),
        (6, "left left"),
    ],
)
def test_sibling_sides_leave_out_promoted_levels(leaf_index: int, sides: str) -> None:
    assert list(sibling_sides(leaf_index, 7)) == sides.split()


@pytest.mark.parametrize("leaf_index", range(7))
def test_path_leads_to_the_root_drawn_by_hand(leaf_index: int) -> None:
    leaves = make_leaves(7)

    assert root_from_path(leaves[leaf_index], leaf_index, 7, PATHS[leaf_index]) == ROOT
    assert (rfc_path(leaf_index, leaves), rfc_root(leaves)) == (PATHS[leaf_index], ROOT)


def test_single_leaf_is_the_root() -> None:
    assert bytes(root_from_path(A, 0, 1, [])) == A


@pytest.mark.parametrize(("root", "proof"), PROOFS, ids=lambda value: value if isinstance(value, str) else "")
def test_path_agrees_with_vector(root: str, proof: dict[str, Any]) -> None:
    leaf, path = as_leaf_hash(bytes.fromhex(proof["leafHash"])), [bytes.fromhex(step) for step in proof["path"]]

    assert root_from_path(leaf, proof["leafIndex"], proof["treeSize"], path).hex() == root


def test_path_in_the_largest_tree_is_followed() -> None:
    path = [bytes([level]) * 32 for level in range(20)]
    node: bytes = A
    for sibling in path:
        node = sha256(sibling + node)

    assert root_from_path(A, MAX_LEAVES - 1, MAX_LEAVES, path) == node


@pytest.mark.parametrize("tree_size", [-1, 0, MAX_LEAVES + 1, 1 << 60])
def test_tree_size_out_of_bounds_is_refused(tree_size: int) -> None:
    with pytest.raises(VerificationError, match=f"1 to 1048576 leaves, not {tree_size}"):
        root_from_path(A, 0, tree_size, [])


@pytest.mark.parametrize(("leaf_index", "tree_size"), [(-1, 7), (7, 7), (8, 7), (1, 1), (MAX_LEAVES, MAX_LEAVES), (1 << 60, 7)])
def test_leaf_index_outside_the_tree_is_refused(leaf_index: int, tree_size: int) -> None:
    with pytest.raises(VerificationError, match=f"leaf index {leaf_index} is outside a tree of {tree_size} leaves"):
        root_from_path(A, leaf_index, tree_size, PATHS[0])


@pytest.mark.parametrize("leaf_index", range(7))
def test_path_of_another_length_is_refused(leaf_index: int) -> None:
    leaf, path = make_leaves(7)[leaf_index], PATHS[leaf_index]

    for other in ([], path[:-1], path[1:], [*path, ROOT], [*path, path[-1]]):
        with pytest.raises(VerificationError, match=f"has a path of {len(path)} hashes, the proof has {len(other)}"):
            root_from_path(leaf, leaf_index, 7, other)


@pytest.mark.parametrize("step", [b"", B[:-1], B + b"\x00", B + B])
def test_path_with_a_hash_of_another_length_is_refused(step: bytes) -> None:
    with pytest.raises(VerificationError, match=f"is {len(step)} bytes long, not 32"):
        root_from_path(A, 0, 7, [step, *PATHS[0][1:]])


def test_doubled_last_leaf_is_another_tree() -> None:
    # Bitcoin hashes a lone node with itself. Three leaves, and the four that such a tree makes of them, must differ.
    assert rfc_root([A, B, C]) != rfc_root([A, B, C, C])
    with pytest.raises(VerificationError):
        root_from_path(C, 2, 3, [C, AB])
