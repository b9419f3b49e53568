"""A stored tree held against its leaves: one that is right passes, and every single change is found."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from anchoring.core.tiles import SealedTree, Tile, TileCoordinate
from anchoring.core.tree_check import check_tree
from anchoring.types import Root
from tests.trees import BuiltTree, build, make_leaves

SIZES = [1, 2, 3, 255, 256, 257, 700]


def tiles_of(tree: BuiltTree) -> list[Tile]:
    return [tree.tiles[at] for at in sorted(tree.tiles)]


@pytest.mark.parametrize("size", SIZES)
def test_tree_that_was_built_is_right(size: int) -> None:
    tree = build(make_leaves(size))
    checked = check_tree(tree.sealed, tiles_of(tree))
    assert checked.faults == ()
    assert checked.leaves == b"".join(make_leaves(size))
    assert checked.lacks(make_leaves(size)) == 0
    assert checked.lacks([b"x" * 32, make_leaves(size)[0]]) == 1


def other_root(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return replace(tree, root=Root(b"x" * 32)), tiles


def other_edge(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return replace(tree, right_edge=tree.right_edge + b"x" * 32), tiles


def other_size(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return replace(tree, tree_size=tree.tree_size + 1), tiles


def other_leaf(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return tree, [tiles[0]._replace(subtree=bytes(32) + tiles[0].subtree[32:]), *tiles[1:]]


def other_node(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return tree, [tiles[0]._replace(subtree=tiles[0].subtree[:-32] + bytes(32)), *tiles[1:]]


def without_leaves(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return tree, [tile for tile in tiles if tile.at.level]


def without_upper(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return tree, tiles[:-1]


def with_another(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return tree, [*tiles, tiles[-1]._replace(at=TileCoordinate(2, 0))]


def leaves_turned(tree: SealedTree, tiles: list[Tile]) -> tuple[SealedTree, list[Tile]]:
    return tree, [tiles[1], tiles[0], *tiles[2:]]


FAULTS: dict[Callable[..., tuple[SealedTree, list[Tile]]], str] = {
    other_root: "is recorded",
    other_edge: "the right edge is not what the leaves give",
    other_size: "the tiles hold 700 leaves, and 701 were sealed",
    other_leaf: "the leaves give the root",
    other_node: "tile 0 of level 0 is not what its leaves give",
    without_leaves: "a tree has 1 to 1048576 leaves, not 0",
    without_upper: "tile 0 of level 1 is missing",
    with_another: "tile 0 of level 2 belongs to no tree of this size",
    leaves_turned: "leaf hashes must be ascending",
}


@pytest.mark.parametrize(("change", "fault"), FAULTS.items(), ids=[change.__name__ for change in FAULTS])
def test_change_is_found(change: Callable[..., tuple[SealedTree, list[Tile]]], fault: str) -> None:
    tree = build(make_leaves(700))
    checked = check_tree(*change(tree.sealed, tiles_of(tree)))
    assert any(fault in one for one in checked.faults), checked.faults
