"""Laws of the tree and its tiles, on trees of any shape."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anchoring.core.merkle import MAX_LEAVES, height, root_from_path, sibling_sides
from anchoring.core.tiles import TILE_WIDTH, Tile, TileCoordinate, served_width
from anchoring.errors import VerificationError
from anchoring.types import LeafHash, as_leaf_hash
from tests.trees import BuiltTree, build, make_leaves, rfc_path, rfc_root

hashes = st.binary(min_size=32, max_size=32)
leaf_sets = st.sets(hashes, min_size=1, max_size=40).map(sorted)
sizes = st.integers(min_value=1, max_value=1200) | st.sampled_from([255, 256, 257, 511, 512, 513, 767, 769])
any_sizes = st.integers(min_value=1, max_value=MAX_LEAVES)


@st.composite
def places(draw: st.DrawFn, of: st.SearchStrategy[int]) -> tuple[int, int]:
    """A leaf index and the size of its tree."""
    size = draw(of)
    return draw(st.integers(min_value=0, max_value=size - 1)), size


def rebuilt_from_served(tree: BuiltTree) -> dict[TileCoordinate, Tile]:
    """The tiles that a reader hashes from what is served."""
    parts = {at: tile.served for at, tile in tree.tiles.items()}
    return {at: Tile.over(at, served) for at, served in parts.items()}


@settings(max_examples=40, deadline=None)
@given(leaf_sets)
def test_every_leaf_leads_to_the_root_that_rfc_9162_gives(leaves: Sequence[bytes]) -> None:
    tree = build(leaves)

    assert tree.sealed.root == rfc_root(leaves)
    for index, leaf in enumerate(leaves):
        path = tree.path(index)
        assert path == rfc_path(index, leaves)
        assert root_from_path(as_leaf_hash(leaf), index, len(leaves), path) == tree.sealed.root


@settings(max_examples=40, deadline=None)
@given(places(sizes))
@example((256, 257))
@example((512, 513))
def test_path_from_tiles_is_that_of_rfc_9162(place: tuple[int, int]) -> None:
    index, size = place
    leaves = make_leaves(size)
    tree = build(leaves)

    path = tree.path(index)
    assert path == rfc_path(index, leaves)
    assert root_from_path(leaves[index], index, size, path) == tree.sealed.root == rfc_root(leaves)


@settings(max_examples=40, deadline=None)
@given(leaf_sets, st.data())
def test_leaf_leads_to_the_root_at_no_other_place(leaves: Sequence[bytes], data: st.DataObject) -> None:
    size, tree = len(leaves), build(leaves)
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    other = data.draw(st.integers(min_value=-2, max_value=2 * size).filter(lambda place: place != index))

    assert not leads_to(tree.sealed.root, as_leaf_hash(leaves[index]), other, size, tree.path(index))


@settings(max_examples=60, deadline=None)
@given(leaf_sets, st.data())
def test_leaf_leads_to_the_root_in_a_tree_of_another_size_only_where_the_sides_are_the_same(
    leaves: Sequence[bytes], data: st.DataObject
) -> None:
    # The root does not commit to the size: verifiers compare it with the leaf count on the ledger.
    size, tree = len(leaves), build(leaves)
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    other = data.draw(st.integers(min_value=index + 1, max_value=2 * size))
    same_sides = list(sibling_sides(index, other)) == list(sibling_sides(index, size))

    assert leads_to(tree.sealed.root, as_leaf_hash(leaves[index]), index, other, tree.path(index)) is same_sides


@settings(max_examples=60, deadline=None)
@given(leaf_sets.filter(lambda leaves: len(leaves) > 1), st.data())
def test_any_bit_of_leaf_or_path_matters(leaves: Sequence[bytes], data: st.DataObject) -> None:
    size, tree = len(leaves), build(leaves)
    index = data.draw(st.integers(min_value=0, max_value=size - 1))
    path = tree.path(index)
    step, bit = data.draw(st.integers(min_value=-1, max_value=len(path) - 1)), data.draw(st.integers(min_value=0, max_value=255))

    leaf = leaves[index]
    if step < 0:
        leaf = flipped(leaf, bit)
    else:
        path[step] = flipped(path[step], bit)
    assert not leads_to(tree.sealed.root, as_leaf_hash(leaf), index, size, path)


@settings(max_examples=100, deadline=None)
@given(places(any_sizes))
@example((MAX_LEAVES - 1, MAX_LEAVES))
@example((MAX_LEAVES - 2, MAX_LEAVES - 1))
def test_sides_tell_the_places_of_one_size_apart(place: tuple[int, int]) -> None:
    index, size = place
    sides = list(sibling_sides(index, size))

    assert len(sides) <= height(size)
    assert sides.count("left") == index.bit_count()
    # Walking the split of RFC 9162 down by the sides, root side first, ends at the leaf.
    low, high = 0, size
    for side in reversed(sides):
        middle = low + (1 << (high - low - 1).bit_length() - 1)
        low, high = (middle, high) if side == "left" else (low, middle)
    assert (low, high) == (index, index + 1)


# Tiles


@settings(max_examples=30, deadline=None)
@given(sizes)
@example(65_536)
@example(1)
def test_widths_add_up_to_the_complete_nodes_of_each_tile_level(size: int) -> None:
    tree = build(make_leaves(size))

    level, total = 0, 0
    while size >> 8 * level:
        tiles = -(-(size >> 8 * level) // TILE_WIDTH)
        widths = [served_width(TileCoordinate(level, n), size) for n in range(tiles)]
        assert widths == [tree.tiles[TileCoordinate(level, n)].width for n in range(tiles)]
        assert sum(widths) == size >> 8 * level
        assert served_width(TileCoordinate(level, tiles), size) == 0
        total += tiles
        level += 1
    assert served_width(TileCoordinate(level, 0), size) == 0
    assert total == len(tree.tiles)


@settings(max_examples=30, deadline=None)
@given(sizes)
def test_tiles_edge_and_root_hold_every_node_of_the_tree_once(size: int) -> None:
    tree = build(make_leaves(size))

    # A tree of n leaves has 2n - 1 nodes. Those of complete subtrees stand in tiles, the others are joins on the right edge; a
    # node that is promoted stands on the edge once more a level, and the root of a tree that is no power of two is a join.
    complete = sum(len(tile.subtree) // 32 for tile in tree.tiles.values())
    in_tiles = {tile.subtree[start : start + 32] for tile in tree.tiles.values() for start in range(0, len(tile.subtree), 32)}
    edge = {tree.sealed.right_edge[start : start + 32] for start in range(0, len(tree.sealed.right_edge), 32)}
    assert complete == len(in_tiles) == 2 * size - size.bit_count()
    assert len(in_tiles | edge | {tree.sealed.root}) == 2 * size - 1


@settings(max_examples=30, deadline=None)
@given(sizes)
@example(257)
@example(65_537)
def test_tiles_come_back_from_what_is_served_of_them(size: int) -> None:
    tree = build(make_leaves(size))

    assert rebuilt_from_served(tree) == tree.tiles
    leaves = b"".join(tile.served for at, tile in tree.tiles.items() if at.level == 0)
    again = build([leaves[start : start + 32] for start in range(0, len(leaves), 32)])
    assert again == tree


@settings(max_examples=30, deadline=None)
@given(leaf_sets, hashes)
def test_leaf_is_found_in_its_tile_and_a_stranger_is_not(leaves: Sequence[bytes], other: bytes) -> None:
    tile = build(leaves).tiles[TileCoordinate(0, 0)]

    assert [tile.index_of(as_leaf_hash(leaf)) for leaf in leaves] == list(range(len(leaves)))
    assert tile.index_of(as_leaf_hash(other)) == (leaves.index(other) if other in leaves else None)


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(6)))
def test_only_ascending_leaves_make_a_tree(order: Sequence[int]) -> None:
    leaves = make_leaves(6)

    if list(order) == sorted(order):
        build([leaves[i] for i in order])
    else:
        with pytest.raises(ValueError, match="ascending"):
            build([leaves[i] for i in order])


def leads_to(root: bytes, leaf: LeafHash, leaf_index: int, tree_size: int, path: Sequence[bytes]) -> bool:
    try:
        return root_from_path(leaf, leaf_index, tree_size, path) == root
    except VerificationError:
        return False


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value) ^ 1 << bit).to_bytes(len(value))
