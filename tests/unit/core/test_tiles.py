"""The tree in tiles: against the independent vectors, RFC 9162 by recursion, and a library that others verify with."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
from blockcerts_merkletools import MerkleTools

from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.merkle import MAX_LEAVES, root_from_path
from anchoring.core.tiles import (
    Tile,
    TileCoordinate,
    build_tree,
    edge_tiles,
    path_from_tiles,
    served_width,
    tile_counts,
    tiles_of_path,
    tree_with_edge,
)
from anchoring.errors import StateCorrupt
from anchoring.types import Did, as_digest, as_leaf_hash, as_salt
from tests.trees import BuiltTree, build, make_leaves, read_vectors, rfc_path, rfc_root, rfc_split, sha256

CASES = [case for case in read_vectors("merkle.json")["cases"] if "entries" in case]
SMALL_AND_NEAR_TILES = [*range(1, 34), 63, 64, 65, 127, 129, 255, 256, 257, 258, 511, 512, 513, 600]
LARGE = [65_535, 65_536, 65_537]


@cache
def built(size: int) -> BuiltTree:
    return build(make_leaves(size))


def merkletools(leaves: Sequence[bytes]) -> MerkleTools:
    tools = MerkleTools()
    tools.add_leaf([leaf.hex() for leaf in leaves])
    tools.make_tree()
    return tools


def merkletools_path(tools: MerkleTools, index: int) -> list[bytes]:
    return [bytes.fromhex(sibling) for step in tools.get_proof(index) for sibling in step.values()]


def some_indexes(size: int) -> list[int]:
    """First, last, and the places where tiles and subtrees meet."""
    split = rfc_split(size)
    wanted = {
        0,
        1,
        254,
        255,
        256,
        257,
        511,
        512,
        size // 2,
        size // 3,
        split - 1,
        split,
        size - 257,
        size - 256,
        size - 2,
        size - 1,
    }
    return sorted(index for index in wanted if 0 <= index < size)


# Independent trees


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["treeSize"])
def test_tree_agrees_with_vector(case: dict[str, Any]) -> None:
    leaves = sorted(
        leaf_hash(
            issuer_id_of(Did(entry["did"])), as_salt(bytes.fromhex(entry["salt"])), as_digest(bytes.fromhex(entry["digest"]))
        )
        for entry in case["entries"]
    )
    tree = build(leaves)

    assert tree.sealed.tree_size == case["treeSize"] == len(leaves)
    assert tree.sealed.root.hex() == case["root"]
    for proof in case["proofs"]:
        assert leaves[proof["leafIndex"]].hex() == proof["leafHash"]
        assert [step.hex() for step in tree.path(proof["leafIndex"])] == proof["path"]


@pytest.mark.parametrize(
    "sizes", [range(first, first + 100) for first in range(1, 601, 100)], ids=lambda sizes: f"{sizes[0]}-{sizes[-1]}"
)
def test_tree_agrees_with_rfc_9162_and_merkletools(sizes: range) -> None:
    for size in sizes:
        leaves, tree = make_leaves(size), built(size)

        assert tree.sealed.root == rfc_root(leaves), size
        assert tree.sealed.root.hex() == merkletools(leaves).get_merkle_root(), size
        for index in {0, size // 2, size - 1}:
            assert tree.path(index) == rfc_path(index, leaves), (size, index)


@pytest.mark.parametrize("size", SMALL_AND_NEAR_TILES)
def test_every_path_agrees_with_merkletools_and_leads_to_the_root(size: int) -> None:
    leaves, tree = make_leaves(size), built(size)
    tools = merkletools(leaves)

    for index, leaf in enumerate(leaves):
        path = tree.path(index)
        assert path == merkletools_path(tools, index), index
        assert root_from_path(leaf, index, size, path) == tree.sealed.root, index


@pytest.mark.parametrize("size", LARGE)
def test_large_tree_agrees_with_rfc_9162_and_merkletools(size: int) -> None:
    leaves, tree = make_leaves(size), build(make_leaves(size))
    tools = merkletools(leaves)

    assert tree.sealed.root == rfc_root(leaves)
    assert tree.sealed.root.hex() == tools.get_merkle_root()
    for index in some_indexes(size):
        path = tree.path(index)
        assert path == merkletools_path(tools, index), index
        assert root_from_path(leaves[index], index, size, path) == tree.sealed.root, index


# Tiles


@pytest.mark.parametrize("size", [1, 2, 7, 255, 256, 257, 600, *LARGE])
def test_tiles_are_handed_over_from_the_left_level_by_level(size: int) -> None:
    tree = build(make_leaves(size)) if size in LARGE else built(size)

    assert list(tree.tiles) == sorted(tree.tiles)
    for level in range(3):
        widths = [tile.width for at, tile in tree.tiles.items() if at.level == level]
        assert sum(widths) == size >> 8 * level
        assert all(width == 256 for width in widths[:-1])
        assert [at.n for at in tree.tiles if at.level == level] == list(range(len(widths)))


def test_level_zero_serves_the_leaves() -> None:
    tree = built(600)

    served = [tree.tiles[TileCoordinate(0, n)].served for n in range(3)]
    assert [len(tile) for tile in served] == [8192, 8192, 88 * 32]
    assert b"".join(served) == b"".join(make_leaves(600))


def test_tile_of_the_next_level_serves_the_tops_of_full_tiles() -> None:
    leaves, tree = make_leaves(600), built(600)

    upper = tree.tiles[TileCoordinate(1, 0)]
    assert upper.served == rfc_root(leaves[:256]) + rfc_root(leaves[256:512])
    assert [tree.tiles[TileCoordinate(0, n)].is_full for n in range(3)] == [True, True, False]
    assert tree.tiles[TileCoordinate(0, 1)].top == rfc_root(leaves[256:512])


@pytest.mark.parametrize("width", [1, 2, 3, 5, 128, 130, 255, 256])
def test_tile_holds_every_complete_subtree(width: int) -> None:
    leaves = make_leaves(width)
    tile = Tile.over(TileCoordinate(0, 0), b"".join(leaves))

    assert tile.width == width
    assert len(tile.subtree) == 32 * sum(width >> up for up in range(8))
    for up in range(8):
        for offset in range(width >> up):
            assert tile.node(up, offset) == rfc_root(leaves[offset << up : (offset + 1) << up]), (up, offset)


def test_full_tile_has_the_documented_size() -> None:
    assert len(built(256).tiles[TileCoordinate(0, 0)].subtree) == 16_320


def test_leaf_is_found_by_its_place() -> None:
    leaves, tree = make_leaves(600), built(600)

    found = [tree.tiles[TileCoordinate(0, index >> 8)].index_of(leaf) for index, leaf in enumerate(leaves)]
    assert found == list(range(600))


def test_leaf_that_is_not_in_the_tile_is_not_found() -> None:
    leaves, tree = make_leaves(600), built(600)
    middle = tree.tiles[TileCoordinate(0, 1)]

    below_all, above_all, between = bytes(32), b"\xff" * 32, leaves[300][:-1] + bytes([leaves[300][-1] ^ 1])
    for stranger in (below_all, above_all, between, leaves[255], leaves[512]):
        assert middle.index_of(as_leaf_hash(stranger)) is None


def test_inner_node_of_the_tile_is_not_found_as_a_leaf() -> None:
    low = [bytes(31) + b"\x01", bytes(31) + b"\x02"]
    tile = build(low).tiles[TileCoordinate(0, 0)]
    above_all = tile.node(1, 0)

    assert above_all > low[1]  # its place is right behind the leaves, where the tile's next level begins
    assert tile.index_of(as_leaf_hash(above_all)) is None


# Right edge


def test_right_edge_holds_the_incomplete_nodes_below_the_root() -> None:
    leaves = make_leaves(7)

    # Level 1 ends in leaf 6 alone, level 2 in leaves 4 to 6; level 3 is the root.
    assert built(7).sealed.right_edge == leaves[6] + rfc_root(leaves[4:])
    assert built(7).sealed.root == rfc_root(leaves)


def test_promoted_node_stands_on_each_level_it_passes() -> None:
    last = make_leaves(9)[8]

    assert built(9).sealed.right_edge == last * 3


@pytest.mark.parametrize("size", [*range(1, 34), 255, 256, 257, 512, 513, 600])
def test_right_edge_has_one_node_for_each_level_that_is_incomplete(size: int) -> None:
    leaves = make_leaves(size)
    levels = [level for level in range(1, size.bit_length()) if size % (1 << level) and 1 << level < size]

    expected = b"".join(rfc_root(leaves[size >> level << level :]) for level in levels)
    assert built(size).sealed.right_edge == expected


@pytest.mark.parametrize("size", [1, 2, 4, 256, 512])
def test_full_tree_has_no_right_edge(size: int) -> None:
    assert built(size).sealed.right_edge == b""


# Paths


def test_single_leaf_needs_no_tile() -> None:
    assert tiles_of_path(0, 1) == []
    assert built(1).path(0) == []


@pytest.mark.parametrize(
    ("leaf_index", "tree_size", "coordinates"),
    [
        (0, 2, [(0, 0)]),
        (255, 256, [(0, 0)]),
        (255, 257, [(0, 0), (1, 0)]),
        (256, 257, [(0, 1), (1, 0)]),
        (300, 600, [(0, 1), (1, 0)]),
        (599, 600, [(0, 2), (1, 0)]),
        (65_535, 65_536, [(0, 255), (1, 0)]),
        (65_535, 65_537, [(0, 255), (1, 0), (2, 0)]),
        (65_536, 65_537, [(0, 256), (2, 0)]),  # no node of level 8 has a sibling there
        (MAX_LEAVES - 1, MAX_LEAVES, [(0, 4095), (1, 15), (2, 0)]),
    ],
)
def test_path_needs_one_tile_a_level_at_most(leaf_index: int, tree_size: int, coordinates: list[tuple[int, int]]) -> None:
    assert tiles_of_path(leaf_index, tree_size) == [TileCoordinate(level, n) for level, n in coordinates]


@pytest.mark.parametrize("missing", [TileCoordinate(0, 1), TileCoordinate(1, 0)])
def test_path_is_refused_when_a_tile_is_missing(missing: TileCoordinate) -> None:
    tree = built(600)
    tiles = {at: tile for at, tile in tree.tiles.items() if at != missing}

    with pytest.raises(StateCorrupt, match=f"tile {missing.n} of level {missing.level} is missing"):
        path_from_tiles(300, tree.sealed, tiles)


# Widths


@pytest.mark.parametrize(
    ("level", "n", "tree_size", "width"),
    [
        (0, 0, 1, 1),
        (0, 0, 256, 256),
        (0, 1, 256, 0),
        (0, 1, 257, 1),
        (0, 2, 600, 88),
        (1, 0, 255, 0),
        (1, 0, 256, 1),
        (1, 0, 600, 2),
        (1, 1, 600, 0),
        (2, 0, 65_535, 0),
        (2, 0, 65_536, 1),
        (0, 4095, MAX_LEAVES, 256),
        (2, 0, MAX_LEAVES, 16),
        (3, 0, MAX_LEAVES, 0),
        (0, 1 << 40, MAX_LEAVES, 0),
    ],
)
def test_served_width_counts_the_nodes_of_a_tile(level: int, n: int, tree_size: int, width: int) -> None:
    assert served_width(TileCoordinate(level, n), tree_size) == width


# Refusals


@pytest.mark.parametrize("leaves", [b"", bytes(31)])
def test_tree_without_leaves_is_refused(leaves: bytes) -> None:
    with pytest.raises(ValueError, match="1 to 1048576 leaves, not 0"):
        build_tree(leaves, lambda _: None)


def test_tree_of_too_many_leaves_is_refused_before_anything_is_hashed() -> None:
    kept: list[Tile] = []
    with pytest.raises(ValueError, match="not 1048577"):
        build_tree(bytes(32 * (MAX_LEAVES + 1)), kept.append)
    assert kept == []


@pytest.mark.parametrize("order", [(1, 0), (0, 0), (0, 2, 1), (0, 1, 1), (2, 0, 1)])
def test_leaves_out_of_order_are_refused(order: tuple[int, ...]) -> None:
    leaves = make_leaves(3)
    with pytest.raises(ValueError, match="ascending and distinct"):
        build([leaves[i] for i in order])


def test_order_is_that_of_bytes() -> None:
    tree = build([bytes(31) + b"\x01", bytes(30) + b"\x01\x00", b"\x7f" + bytes(31), b"\x80" + bytes(31)])

    assert tree.sealed.tree_size == 4
    assert sha256(tree.tiles[TileCoordinate(0, 0)].node(1, 0) + tree.tiles[TileCoordinate(0, 0)].node(1, 1)) == tree.sealed.root


@pytest.mark.parametrize("size", [*SMALL_AND_NEAR_TILES, *LARGE, 65_536 + 256, 65_536 + 257, 131_072])
def test_tree_is_known_again_from_the_tiles_on_its_right_edge(size):
    tree = built(size)
    edge = [tree.tiles[at] for at in edge_tiles(size)]
    assert all(not tile.is_full for tile in edge)
    assert tree_with_edge(size, edge) == tree.sealed
    for without in range(len(edge)):
        with pytest.raises(StateCorrupt, match="right edge"):
            tree_with_edge(size, edge[:without] + edge[without + 1 :])


@pytest.mark.parametrize("size", [1, 255, 256, 257, 65_535, 65_536, 65_537])
def test_tiles_are_counted(size):
    assert tile_counts(size) == [sum(at.level == level for at in built(size).tiles) for level in range(len(tile_counts(size)))]
    assert sum(tile_counts(size)) == len(built(size).tiles)
