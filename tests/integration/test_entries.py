"""Entries on both databases: appended once, found again, erased on request, never otherwise changed."""

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain

import pytest
from sqlalchemy.exc import StatementError

import anchoring.store.entries
from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import Issuer
from anchoring.core.leaf import issuer_id_of, leaf_hash, leaf_hashes
from anchoring.errors import NotFound, StoreUnavailable
from anchoring.ports.entries import EntryRange, NewEntries
from anchoring.ports.store import UnitOfWork
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import LeafHash, Salt
from anchoring.usecases.erase_entry import erase_entry
from tests.factories import ACADEMY, NOON, UNIVERSITY, add_issuer, make_digest, make_salts, post, submit
from tests.world import rows

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def university(store: SqlStore) -> Issuer:
    return add_issuer(store)


@pytest.fixture
def academy(store: SqlStore) -> Issuer:
    return add_issuer(store, ACADEMY, "Academy")


def leaves_of(uow: UnitOfWork, first_id: int, last_id: int) -> list[LeafHash]:
    return list(chain.from_iterable(map(leaf_hashes, uow.entries.salted(first_id, last_id))))


def other_salts(size: int) -> bytes:
    return hashlib.shake_256(b"other").digest(size)


# Posting.


def test_posted_digest_is_an_entry(store, university):
    (entry,) = post(store, university, 1)
    assert (entry.issuer, entry.digest, entry.salt) == (UNIVERSITY, make_digest(1), Salt(make_salts(16)))
    assert (entry.canonicalization, entry.received_at) == (None, NOON)
    with store.reading() as uow:
        assert uow.entries.of_issuer(university, [make_digest(1), make_digest(2)]) == {make_digest(1): entry}
        assert list(uow.entries.of_digest(make_digest(1))) == [entry]


def test_digest_that_vanishes_between_its_post_and_its_answer_has_no_receipt(store, university):
    post(store, university, 1, 3)
    asked = b"".join([make_digest(1), make_digest(2), make_digest(3)])
    posted = [NewEntries(issuer=university, digests=asked, salts=make_salts(48))]
    with store.reading() as uow, pytest.raises(StoreUnavailable, match="repeating records it anew"):
        uow.entries.receipts(posted)


def test_answers_come_in_the_order_of_the_input(store, university):
    entries = post(store, university, 5, 1, 9, 3)
    assert [entry.digest for entry in entries] == [make_digest(i) for i in (5, 1, 9, 3)]
    assert len({entry.salt for entry in entries}) == 4


@pytest.mark.parametrize("canonicalization", [*Canonicalization, None])
def test_canonicalization_is_kept(store, university, canonicalization):
    posted = [make_digest(1)]
    with store.writing() as uow:
        submit(uow, university, posted, canonicalization=canonicalization)
        uow.commit()
    with store.reading() as uow:
        assert uow.entries.of_digest(make_digest(1))[0].canonicalization == canonicalization


def test_digest_posted_again_gets_its_first_answer(store, university):
    first = post(store, university, 1, 2)
    with store.writing() as uow:
        posted = [make_digest(i) for i in (2, 1, 3)]
        again = submit(uow, university, posted, canonicalization=Canonicalization.RAW, now=LATER, random_bytes=other_salts)
        uow.commit()
    assert again[:2] == first[::-1]
    assert again[2].received_at == LATER
    assert len(rows(store, tables.entry)) == 3


def test_digest_posted_twice_in_one_request_is_one_entry(store, university):
    entries = post(store, university, 1, 2, 1)
    assert entries[0] == entries[2] != entries[1]
    assert len(rows(store, tables.entry)) == 2


def test_digest_of_two_issuers_is_two_entries(store, university, academy):
    (first,) = post(store, university, 1)
    (second,) = post(store, academy, 1)
    with store.reading() as uow:
        assert list(uow.entries.of_digest(make_digest(1))) == [first, second]
        assert list(uow.entries.of_digest(make_digest(1), ACADEMY)) == [second]
        assert uow.entries.of_issuer(academy, [make_digest(1)]) == {make_digest(1): second}


def test_nothing_posted_is_nothing_recorded(store, university):
    assert post(store, university) == []
    assert rows(store, tables.entry) == []


def test_what_is_not_committed_is_not_there(store, university):
    with store.writing() as uow:
        posted = [make_digest(1)]
        assert submit(uow, university, posted)
    assert rows(store, tables.entry) == []


def test_large_requests_are_written_and_read_in_portions(store, university, monkeypatch):
    monkeypatch.setattr(anchoring.store.entries, "SALTED_A_STATEMENT", 3)
    entries = post(store, university, *range(10))
    assert [entry.digest for entry in entries] == [make_digest(i) for i in range(10)]
    with store.reading() as uow:
        assert len(leaves_of(uow, entries[0].id, max(entry.id for entry in entries))) == 10


def test_ids_grow_for_ever(store, university):
    ids = [post(store, university, i)[0].id for i in range(3)]
    assert ids == sorted(ids)
    with store._engine.begin() as connection:
        connection.execute(tables.entry.delete().where(tables.entry.c.id == ids[-1]))  # what no program of ours does
    assert post(store, university, 9)[0].id > ids[-1]


# Times.


@pytest.mark.parametrize(
    "moment",
    [
        NOON,
        datetime(2026, 11, 23, 14, 0, 0, 123456, timezone(timedelta(hours=2))),
        datetime(2026, 3, 29, 1, 30, tzinfo=timezone(timedelta(hours=-9, minutes=-30))),
        datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        datetime(9999, 1, 1, tzinfo=UTC),
    ],
)
def test_time_comes_back_as_the_same_moment_in_utc(store, university, moment):
    post(store, university, 1, now=moment)
    with store.reading() as uow:
        (entry,) = uow.entries.of_digest(make_digest(1))
    assert entry.received_at == moment
    assert entry.received_at.utcoffset() == timedelta(0)


def test_naive_time_is_refused(store, university):
    with pytest.raises((StatementError, ValueError), match="a naive datetime has no place in the store"):
        post(store, university, 1, now=NOON.replace(tzinfo=None))
    assert rows(store, tables.entry) == []


# Ranges.


def test_range_is_what_waits_up_to_the_limit(store, university):
    ids = [entry.id for entry in post(store, university, *range(5))]
    first, last = min(ids), max(ids)
    with store.reading() as uow:
        assert uow.entries.next_range(0, last, 10) == EntryRange(first_id=first, last_id=last, count=5)
        assert uow.entries.next_range(0, last, 2) == EntryRange(first_id=first, last_id=first + 1, count=2)
        assert uow.entries.next_range(first + 1, last, 2) == EntryRange(first_id=first + 2, last_id=first + 3, count=2)
        assert uow.entries.next_range(0, first, 10) == EntryRange(first_id=first, last_id=first, count=1)
        assert uow.entries.next_range(last, last, 10) is None
        assert uow.entries.next_range(0, 0, 10) is None


def test_range_spans_ids_that_were_never_committed(store, university):
    (before,) = post(store, university, 1)
    with store.writing() as uow:
        submit(uow, university, [make_digest(2)])
    (after,) = post(store, university, 3)
    with store.reading() as uow:
        assert uow.entries.next_range(0, after.id, 10) == EntryRange(first_id=before.id, last_id=after.id, count=2)


def test_seal_mark_is_the_newest_entry(store, university):
    with store.writing() as uow:
        assert uow.entries.seal_mark() == 0
    entries = post(store, university, 1, 2, 3)
    with store.writing() as uow:
        assert uow.entries.seal_mark() == max(entry.id for entry in entries)


def test_waiting_figures(store, university):
    with store.reading() as uow:
        assert (uow.entries.count_after(0), uow.entries.oldest_after(0)) == (0, None)
    (first,) = post(store, university, 1)
    post(store, university, 2, 3, now=LATER)
    with store.reading() as uow:
        assert (uow.entries.count_after(0), uow.entries.oldest_after(0)) == (3, NOON)
        assert (uow.entries.count_after(first.id), uow.entries.oldest_after(first.id)) == (2, LATER)


def test_leaf_is_of_issuer_salt_and_digest(store, university, academy):
    entries = post(store, university, 1) + post(store, academy, 1)
    expected = {leaf_hash(issuer_id_of(entry.issuer), entry.salt, entry.digest) for entry in entries}
    with store.reading() as uow:
        assert set(leaves_of(uow, 0, entries[-1].id)) == expected
        assert len(leaves_of(uow, entries[1].id, entries[1].id)) == 1


# Erasure.


def test_erasure_waits_for_the_seal(store, university):
    (entry,) = post(store, university, 1)
    with store.writing() as uow:
        assert erase_entry(uow, university, make_digest(1), now=NOON) is False
        uow.commit()
    assert rows(store, tables.entry)[0].digest == make_digest(1)
    with store.writing() as uow:
        assert uow.entries.erase_requested(entry.id - 1, LATER) == 0
        assert uow.entries.erase_requested(entry.id, LATER) == 1
        assert uow.entries.erase_requested(entry.id, LATER) == 0
        uow.commit()
    (row,) = rows(store, tables.entry)
    assert (row.digest, row.salt, row.canonicalization, row.received_at) == (None, None, None, NOON)
    (request,) = rows(store, tables.erasure)
    assert (request.requested_at, request.done_at) == (NOON, LATER)


def test_erased_digest_is_unknown_and_can_be_posted_anew(store, university):
    (entry,) = post(store, university, 1)
    with store.writing() as uow:
        uow.entries.request_erasure(entry.id, NOON)
        uow.entries.erase_requested(entry.id, NOON)
        uow.commit()
    with store.reading() as uow:
        assert list(uow.entries.of_digest(make_digest(1))) == []
        assert uow.entries.of_issuer(university, [make_digest(1)]) == {}
        assert leaves_of(uow, 0, entry.id) == []
        with pytest.raises(NotFound):
            erase_entry(uow, university, make_digest(1), now=NOON)
    assert post(store, university, 1)[0].id > entry.id


def test_post_takes_back_an_erasure_that_waits_and_no_other(store, university):
    wanted, unwanted = post(store, university, 1, 2)
    with store.writing() as uow:
        for entry in (wanted, unwanted):
            uow.entries.request_erasure(entry.id, NOON)
        again = submit(uow, university, [make_digest(1)], now=LATER, random_bytes=other_salts)
        uow.commit()
    assert again == [wanted]
    with store.writing() as uow:
        assert uow.entries.erase_requested(max(wanted.id, unwanted.id), LATER) == 1
        uow.commit()
    assert {row.id: row.digest for row in rows(store, tables.entry)} == {wanted.id: make_digest(1), unwanted.id: None}


def test_second_request_to_erase_changes_nothing(store, university):
    (entry,) = post(store, university, 1)
    with store.writing() as uow:
        uow.entries.request_erasure(entry.id, NOON)
        uow.entries.request_erasure(entry.id, LATER)
        uow.commit()
    assert rows(store, tables.erasure)[0].requested_at == NOON


def test_entry_of_another_issuer_cannot_be_erased(store, university, academy):
    post(store, university, 1)
    with store.writing() as uow, pytest.raises(NotFound):
        erase_entry(uow, academy, make_digest(1), now=NOON)
    assert rows(store, tables.erasure) == []


def test_adding_tells_how_many_were_new(store, university):
    """On every database: whoever posts only new digests is answered without reading any back."""

    def added(*numbers):
        digests = b"".join(make_digest(i) for i in numbers)
        with store.writing() as uow:
            count = uow.entries.add_missing(
                [NewEntries(issuer=university, digests=digests, salts=bytes(16) * len(numbers))], NOON
            )
            uow.commit()
        return count

    assert [added(1), added(2, 3), added(3, 4, 4), added(1)] == [1, 2, 1, 0]
