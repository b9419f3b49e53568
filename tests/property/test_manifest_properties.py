"""Manifests go round, and whatever is done to one is noticed."""

import io
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.core.canonical import Canonicalization
from anchoring.core.manifest import (
    LeafCollector,
    ManifestEntry,
    ManifestHead,
    ManifestReader,
    encode,
    joined_leaves,
    leaves_of_nobody,
)
from anchoring.errors import InvalidInput
from anchoring.manifests.sealed_box import CHUNK_BYTES, HEADER_BYTES, TAG_BYTES, ManifestKey, decrypt, encrypt
from anchoring.types import Did, Digest, LeafHash, Root, Salt
from tests.factories import ACADEMY, NOON, UNIVERSITY
from tests.trees import sha256

KEY, OTHER_KEY = ManifestKey(b"\x01" * 32), ManifestKey(b"\x02" * 32)
SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 1]


@st.composite
def manifests(draw: st.DrawFn) -> tuple[ManifestHead, list[ManifestEntry], list[LeafHash]]:
    ids = sorted(draw(st.sets(st.integers(1, 2**63 - 1), min_size=1, max_size=20)))
    issuers = draw(
        st.lists(st.sampled_from([UNIVERSITY, ACADEMY, Did("did:web:example.org")]), min_size=1, max_size=3, unique=True)
    )
    moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - given a zone
    entries = []
    for entry_id in ids:
        erased = draw(st.booleans())
        entries.append(
            ManifestEntry(
                id=entry_id,
                issuer=draw(st.sampled_from(issuers)),
                received_at=draw(moments),
                digest=None if erased else Digest(draw(st.binary(min_size=32, max_size=32))),
                salt=None if erased else Salt(draw(st.binary(min_size=16, max_size=16))),
                canonicalization=None if erased else draw(st.sampled_from([None, *Canonicalization])),
            )
        )
    leaves = [LeafHash(sha256(b"%d" % i)) for i in range(sum(entry.digest is None for entry in entries))]
    head = ManifestHead(
        root=Root(draw(st.binary(min_size=32, max_size=32))),
        batch_id=draw(st.integers(1, 2**63 - 1)),
        first_id=ids[0],
        last_id=ids[-1],
        leaf_count=len(ids),
        seal_mark=draw(st.integers(1, 2**63 - 1)),
        sealed_at=draw(moments),
        issuers=tuple(issuers),
    )
    return head, entries, leaves


@given(manifests(), st.integers(1, 200))
def test_manifest_goes_round_however_it_is_cut(manifest, piece_bytes):
    head, entries, leaves = manifest
    plain = b"".join(encode(head, entries, lambda: leaves))

    reader = ManifestReader(plain[start : start + piece_bytes] for start in range(0, len(plain), piece_bytes))

    assert reader.head == head
    assert list(reader.entries()) == entries
    assert reader.erased_leaves() == leaves


@given(manifests(), st.data())
def test_manifest_that_is_cut_short_or_goes_on_is_refused(manifest, data):
    head, entries, leaves = manifest
    plain = b"".join(encode(head, entries, lambda: leaves))
    cut = data.draw(st.integers(0, len(plain) - 1))

    for wrong in (plain[:cut], plain + b"\0"):
        with pytest.raises(InvalidInput):
            read_all(wrong)


@given(manifests(), st.data())
def test_manifest_with_other_bytes_is_read_or_refused_and_nothing_else(manifest, data):
    """Whoever has the key may write anything: it never ends in another error."""
    head, entries, leaves = manifest
    plain = bytearray(b"".join(encode(head, entries, lambda: leaves)))
    for _ in range(data.draw(st.integers(1, 8))):
        plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    with suppress(InvalidInput):
        read_all(bytes(plain))


@given(st.binary(max_size=300))
def test_anything_is_read_or_refused(content):
    with pytest.raises(InvalidInput):
        read_all(content)


def read_all(plain: bytes) -> None:
    reader = ManifestReader([plain])
    for _ in reader.entries():
        pass
    reader.erased_leaves()


def test_entry_takes_less_than_a_hundred_bytes():
    entries = [
        ManifestEntry(
            id=i,
            issuer=UNIVERSITY,
            received_at=NOON + timedelta(seconds=i),
            digest=Digest(sha256(b"%d" % i)),
            salt=Salt(bytes(16)),
            canonicalization=None,
        )
        for i in range(1, 10_001)
    ]
    head = ManifestHead(
        root=Root(bytes(32)),
        batch_id=1,
        first_id=1,
        last_id=10_000,
        leaf_count=10_000,
        seal_mark=1,
        sealed_at=NOON,
        issuers=(UNIVERSITY,),
    )

    size = sum(map(len, encrypt(KEY, encode(head, entries, list))))

    assert size < 70 * 10_000


# --- encryption


@pytest.mark.parametrize("size", SIZES)
def test_content_of_any_size_goes_round(size):
    content = bytes(i % 251 for i in range(size))
    sealed = b"".join(encrypt(KEY, [content[:7], b"", content[7:]]))

    assert b"".join(decrypt(KEY, io.BytesIO(sealed))) == content
    chunks = max(1, -(-size // CHUNK_BYTES))
    assert len(sealed) == HEADER_BYTES + size + chunks * TAG_BYTES


@pytest.mark.parametrize("size", SIZES)
def test_content_that_is_cut_short_is_refused_wherever_it_is_cut(size):
    sealed = b"".join(encrypt(KEY, [bytes(size)]))
    chunk = CHUNK_BYTES + TAG_BYTES
    cuts = {
        0,
        7,
        HEADER_BYTES - 1,
        HEADER_BYTES,
        HEADER_BYTES + 1,
        HEADER_BYTES + chunk,
        HEADER_BYTES + 2 * chunk,
        len(sealed) - 1,
    }

    for cut in cuts - {len(sealed)}:
        if cut < len(sealed):
            refuse(sealed[:cut])
    refuse(sealed + b"\0")


@given(st.integers(0, 3 * CHUNK_BYTES), st.integers(1, 255))
def test_content_with_one_other_byte_is_refused(place, change):
    sealed = bytearray(b"".join(encrypt(KEY, [bytes(2 * CHUNK_BYTES + 5)])))
    sealed[place % len(sealed)] ^= change

    refuse(bytes(sealed))


def test_chunks_that_change_places_or_files_are_refused():
    first, second = (b"".join(encrypt(KEY, [bytes(3 * CHUNK_BYTES)])) for _ in range(2))
    chunk = CHUNK_BYTES + TAG_BYTES
    parts = [first[HEADER_BYTES + i * chunk : HEADER_BYTES + (i + 1) * chunk] for i in range(3)]

    refuse(first[:HEADER_BYTES] + parts[1] + parts[0] + parts[2])
    refuse(first[:HEADER_BYTES] + parts[0] + parts[2])
    refuse(second[:HEADER_BYTES] + b"".join(parts))


def test_content_of_another_key_says_so():
    sealed = b"".join(encrypt(OTHER_KEY, [b"content"]))

    with pytest.raises(InvalidInput, match=r"^encrypted with another key$"):
        list(decrypt(KEY, io.BytesIO(sealed)))


def refuse(sealed: bytes) -> None:
    with pytest.raises(InvalidInput):
        list(decrypt(KEY, io.BytesIO(sealed)))


# --- leaves


@given(st.sets(st.binary(min_size=32, max_size=32), max_size=20), st.sets(st.binary(min_size=32, max_size=32), max_size=20))
def test_leaves_of_nobody_are_those_of_the_tree_that_are_not_known(known, others):
    tree = sorted(known | others)

    assert leaves_of_nobody(sorted(known), tree) == sorted(others - known)
    assert joined_leaves(known, sorted(others - known)) == b"".join(tree)
    if known:
        assert leaves_of_nobody(sorted(known), sorted(others - known)) is None


def test_leaf_that_stands_twice_is_refused():
    leaf = LeafHash(bytes(32))
    for known, erased in (([leaf, leaf], []), ([leaf], [leaf]), ([], [LeafHash(b"\x01" * 32), leaf])):
        with pytest.raises(InvalidInput):
            joined_leaves(known, erased)


def test_collector_counts_the_erased_and_computes_the_others():
    given_entry = ManifestEntry(
        id=1, issuer=UNIVERSITY, received_at=NOON, digest=Digest(bytes(32)), salt=Salt(bytes(16)), canonicalization=None
    )
    erased = ManifestEntry(id=2, issuer=UNIVERSITY, received_at=NOON, digest=None, salt=None, canonicalization=None)
    collector = LeafCollector()

    assert list(collector.passing([given_entry, erased])) == [given_entry, erased]
    assert collector.erased == 1
    assert collector.leaves == [sha256(b"\0" + sha256(UNIVERSITY.encode()) + bytes(48))]
