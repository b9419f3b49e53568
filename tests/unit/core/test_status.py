"""Ids, bits and heads of status lists, against values computed by hand from the definitions."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.core.status import (
    MAX_ENTRIES,
    MIN_ENTRIES,
    StatusBits,
    StatusPurpose,
    batch_list_id,
    entries_for,
    head_digest,
    numbered_list_id,
)
from anchoring.errors import InvalidInput
from anchoring.types import Did, ListId, Root

ISSUER = Did("did:web:uni.example")
ISSUER_ID = hashlib.sha256(b"did:web:uni.example").digest()


def test_list_ids_are_hashes_of_what_they_name():
    expected = hashlib.sha256(b"credanchor-list-v1" + ISSUER_ID + b"\x01" + b"\x00" * 7 + b"\x07").digest()
    assert numbered_list_id(ISSUER, StatusPurpose.SUSPENSION, 7) == expected
    expected = hashlib.sha256(b"credanchor-batch-list-v1" + b"r" * 32 + ISSUER_ID + b"\x00").digest()
    assert batch_list_id(Root(b"r" * 32), ISSUER, StatusPurpose.REVOCATION) == expected


def test_head_digest_covers_id_version_length_and_bits():
    bits = StatusBits.clear(MIN_ENTRIES)
    bits.change(0, is_set=True)
    content = b"credanchor-bits-v1" + b"l" * 32 + b"\x00" * 7 + b"\x03" + (131_072).to_bytes(8, "big") + b"\x80" + bytes(16_383)
    assert head_digest(ListId(b"l" * 32), 3, bits) == hashlib.sha256(content).digest()


@pytest.mark.parametrize(("index", "byte", "value"), [(0, 0, 0x80), (7, 0, 0x01), (8, 1, 0x80), (131_071, 16_383, 0x01)])
def test_first_entry_is_the_most_significant_bit(index, byte, value):
    bits = StatusBits.clear(MIN_ENTRIES)
    bits.change(index, is_set=True)
    assert bytes(bits)[byte] == value
    assert [bits.count(), list(bits.indexes()), bits[index]] == [1, [index], True]
    bits.change(index, is_set=False)
    assert bits == StatusBits.clear(MIN_ENTRIES)


@pytest.mark.parametrize("index", [-1, MIN_ENTRIES, 1 << 40])
def test_index_outside_is_an_error(index):
    bits = StatusBits.clear(MIN_ENTRIES)
    with pytest.raises(IndexError, match=f"index {index} is not in a list of 131072 entries"):
        bits[index]
    with pytest.raises(IndexError):
        bits.change(index, is_set=True)
    assert bits.count() == 0


@pytest.mark.parametrize("size", [0, 16_383, 131_073])
def test_length_outside_the_bounds_is_refused(size):
    with pytest.raises(InvalidInput, match="131072 to 1048576 entries"):
        StatusBits(bytes(size))


@pytest.mark.parametrize(
    ("leaf_count", "entries"), [(1, MIN_ENTRIES), (131_072, 131_072), (131_073, 131_080), (1 << 20, MAX_ENTRIES)]
)
def test_list_of_a_batch_has_an_entry_for_each_leaf(leaf_count, entries):
    assert entries_for(leaf_count) == entries
    StatusBits.clear(entries)


@given(st.sets(st.integers(0, MIN_ENTRIES - 1), max_size=50))
def test_bits_are_what_was_set(indexes):
    bits = StatusBits.clear(MIN_ENTRIES)
    for index in indexes:
        bits.change(index, is_set=True)
    assert list(StatusBits(bytes(bits)).indexes()) == sorted(indexes)
    assert bits.count() == len(indexes)
