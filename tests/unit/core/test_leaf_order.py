"""The order of leaves: that of Python's own sort, whatever they begin with, a stretch at a time."""

import random
from collections.abc import Sequence

import pytest

from anchoring.core.leaf_order import ascending
from anchoring.core.tiles import STRETCH_BYTES
from tests.trees import make_leaves, sha256

ALIKE = sha256(b"beginning")[:8]


def shuffled(leaves: Sequence[bytes]) -> bytes:
    return b"".join(random.Random(7).sample(leaves, len(leaves)))


@pytest.mark.parametrize("size", [1, 2, 255, 16_383, 16_384, 16_385, 40_000])
def test_leaves_come_in_order_a_stretch_at_a_time(size):
    leaves = make_leaves(size)
    stretches = list(ascending(shuffled(leaves)))
    assert b"".join(stretches) == b"".join(sorted(leaves))
    assert {len(one) for one in stretches[:-1]} <= {STRETCH_BYTES}


def test_leaves_that_begin_alike_are_told_apart_by_the_rest():
    leaves = [*(ALIKE + sha256(b"%d" % i)[8:] for i in range(500)), *make_leaves(500)]
    assert b"".join(ascending(shuffled(leaves))) == b"".join(sorted(leaves))


@pytest.mark.parametrize("beginning", [bytes(8), b"\x00" * 7 + b"\x01", b"\x7f" + bytes(7), b"\x80" + bytes(7), b"\xff" * 8])
def test_beginnings_are_compared_as_bytes(beginning):
    leaves = [*make_leaves(300), beginning + sha256(b"rest")[8:]]
    assert b"".join(ascending(shuffled(leaves))) == b"".join(sorted(leaves))


@pytest.mark.parametrize("at", [0, 299])
def test_leaf_that_is_there_twice_is_refused_before_any_is_returned(at):
    leaves = make_leaves(300)
    with pytest.raises(ValueError, match="distinct"):
        next(ascending(shuffled([*leaves, leaves[at]])))
