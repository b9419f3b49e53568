"""Leaves in parts: whatever the runs and the parts are, the tiles are those of the tree over all sorted leaves."""

import random
from collections.abc import Sequence

import pytest

import anchoring.core.leaf_parts
from anchoring.core.leaf import SaltedDigests, issuer_id_of, leaf_hash, leaf_hashes
from anchoring.core.leaf_parts import LeafParts, Part, hash_part, hash_run, tiles_of
from anchoring.core.tiles import Tile, build_upon
from anchoring.types import Digest, Salt
from tests.factories import ACADEMY, UNIVERSITY
from tests.trees import build, make_leaves, sha256


def runs_of(leaves: Sequence[bytes], size: int) -> list[bytes]:
    shuffled = random.Random(7).sample(leaves, len(leaves))
    return [b"".join(sorted(shuffled[start : start + size])) for start in range(0, len(shuffled), size)]


def parts_of(runs: Sequence[bytes]) -> LeafParts:
    parts = LeafParts()
    for run in runs:
        parts.add(run)
    return parts


def require_same_tree(leaves: Sequence[bytes], runs: Sequence[bytes]) -> None:
    parts, tiles, expected = parts_of(runs), list[Tile](), build(sorted(leaves))
    assert parts.count == len(leaves)
    sealed = build_upon(len(leaves), tiles_of(map(hash_part, parts.take())), tiles.append)
    assert sealed == expected.sealed
    assert tiles == list(expected.tiles.values())


@pytest.mark.parametrize("least_leaves", [1, 100, 256, 1 << 14])
@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 513, 5_000, 20_000])
def test_tree_of_parts_is_the_tree_of_all_leaves(size, least_leaves, monkeypatch):
    monkeypatch.setattr(anchoring.core.leaf_parts, "LEAST_LEAVES", least_leaves)
    leaves = make_leaves(size)
    require_same_tree(leaves, runs_of(leaves, 1_000))


@pytest.mark.parametrize("first_bytes", [b"\x00", b"\xff", b"\x03\x04", b"\x7f\x80\xff", bytes(range(0, 256, 3))])
def test_leaves_may_begin_in_any_way(first_bytes, monkeypatch):
    monkeypatch.setattr(anchoring.core.leaf_parts, "LEAST_LEAVES", 200)
    leaves = [first_bytes[i % len(first_bytes)].to_bytes() + sha256(b"%d" % i)[1:] for i in range(1_500)]
    require_same_tree(leaves, runs_of(leaves, 100))


def test_parts_follow_each_other():
    leaves = make_leaves(20_000)
    parts = list(parts_of(runs_of(leaves, 3_000)).take())
    assert [part.before for part in parts] == [0, len(parts[0].leaves) // 32]
    assert max(parts[0].leaves[i : i + 32] for i in range(0, len(parts[0].leaves), 32)) < parts[1].leaves[:32]
    assert len(parts[0].leaves) // 32 >= anchoring.core.leaf_parts.LEAST_LEAVES


def test_run_has_the_leaves_of_its_entries_ascending():
    entries = [(Salt(sha256(b"salt %d" % i)[:16]), Digest(sha256(b"digest %d" % i))) for i in range(50)]
    for did in (UNIVERSITY, ACADEMY):
        of = SaltedDigests(issuer_id_of(did), b"".join(salt + digest for salt, digest in entries))
        expected = [leaf_hash(issuer_id_of(did), salt, digest) for salt, digest in entries]
        assert leaf_hashes(of) == expected
        assert hash_run(of) == b"".join(sorted(expected))


def test_leaf_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="distinct"):
        hash_part(Part(0, b"".join([*make_leaves(300), make_leaves(300)[7]])))
