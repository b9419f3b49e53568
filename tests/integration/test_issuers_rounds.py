"""Issuers with their keys, the lease, the record of rounds and the ledger's identity, on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from anchoring.core.issuer import ApiKey, Issuer, make_api_key
from anchoring.errors import Conflict, InvalidInput, NotAllowed, NotFound
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.rounds import RoundRecord, RoundResult
from anchoring.store import tables
from anchoring.types import BlockHash, CodeHash, Did
from anchoring.usecases.manage_issuers import add_issuer, authenticate, create_key, get_issuer
from tests.factories import ACADEMY, NOON, UNIVERSITY
from tests.records import REGISTRY
from tests.world import rows

IDENTITY = LedgerIdentity(registry=REGISTRY, genesis_hash=BlockHash(b"g" * 32), code_hash=CodeHash(b"c" * 32))
LATER = NOON + timedelta(minutes=1)


def random_bytes(size: int) -> bytes:
    return bytes(range(size))


# Issuers.


def test_issuer_is_added_once(store):
    with store.writing() as uow:
        add_issuer(uow, UNIVERSITY, "  University ", now=NOON)
        with pytest.raises(Conflict):
            add_issuer(uow, UNIVERSITY, "Another", now=NOON)
        add_issuer(uow, ACADEMY, "Academy", now=LATER)
        uow.commit()
    with store.reading() as uow:
        assert [(one.did, one.name, one.added_at) for one in uow.issuers.all()] == [
            (UNIVERSITY, "University", NOON),
            (ACADEMY, "Academy", LATER),
        ]
        assert get_issuer(uow, ACADEMY).name == "Academy"
        with pytest.raises(NotFound):
            get_issuer(uow, Did("did:web:nobody"))


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "two\nlines", "\x1b[31m"])
def test_name_that_is_none_is_refused(store, name):
    with store.writing() as uow, pytest.raises(InvalidInput):
        add_issuer(uow, UNIVERSITY, name, now=NOON)


def test_dids_are_compared_byte_for_byte(store):
    with store.writing() as uow:
        for did in ("did:web:a.example", "did:web:A.example", "did:web:a.example:"):
            assert uow.issuers.add(Did(did), "Somebody", NOON) is True
        assert uow.issuers.with_did(Did("did:web:a.EXAMPLE")) is None


def test_key_opens_for_its_issuer_and_is_stored_as_a_hash(store):
    with store.writing() as uow:
        add_issuer(uow, UNIVERSITY, "University", now=NOON)
        key = create_key(uow, UNIVERSITY, now=NOON, random_bytes=random_bytes)
        uow.commit()
    with store.reading() as uow:
        [holder] = authenticate(uow, [key.text])
        assert isinstance(holder, Issuer)
        assert holder.did == UNIVERSITY
    (row,) = rows(store, tables.api_key)
    assert (row.prefix, row.key_hash, row.revoked_at) == (key.prefix, key.hash, None)
    assert key.text not in repr(row)


def test_wrong_unknown_and_revoked_keys_are_refused_alike(store):
    with store.writing() as uow:
        add_issuer(uow, UNIVERSITY, "University", now=NOON)
        key = create_key(uow, UNIVERSITY, now=NOON, random_bytes=random_bytes)
        revoked = create_key(uow, UNIVERSITY, now=NOON, random_bytes=bytes)
        uow.commit()
    with store._engine.begin() as connection:
        connection.execute(tables.api_key.update().where(tables.api_key.c.prefix == revoked.prefix).values(revoked_at=NOON))
    wrong = ApiKey(key.prefix, key.text[:-4] + "AAAA").text
    unknown = make_api_key(b"\xee" * 36).text
    with store.reading() as uow:
        *refused, holder = authenticate(uow, [wrong, unknown, revoked.text, "", "ca_", "ключ", key.text])
    assert isinstance(holder, Issuer)
    assert [type(one) for one in refused] == [NotAllowed] * 6
    assert {one.message for one in refused if isinstance(one, NotAllowed)} == {"the API key is not valid"}


def test_key_of_nobody_is_not_made(store):
    with store.writing() as uow, pytest.raises(NotFound):
        create_key(uow, UNIVERSITY, now=NOON, random_bytes=random_bytes)


# The lease.


def test_lease_is_held_by_one_and_renewed_by_it(store):
    with store.writing() as uow:
        assert uow.rounds.lease_holder() is None
        assert uow.rounds.take_lease("a", NOON, NOON + timedelta(seconds=60)) is True
        assert uow.rounds.take_lease("b", NOON, NOON + timedelta(seconds=60)) is False
        assert uow.rounds.take_lease("a", NOON + timedelta(seconds=50), NOON + timedelta(seconds=110)) is True
        assert uow.rounds.take_lease("b", NOON + timedelta(seconds=109), NOON + timedelta(hours=1)) is False
        assert uow.rounds.lease_holder() == "a"


def test_lease_that_ran_out_passes_on(store):
    with store.writing() as uow:
        uow.rounds.take_lease("a", NOON, LATER)
        assert uow.rounds.take_lease("b", LATER, LATER + timedelta(seconds=60)) is True
        assert uow.rounds.take_lease("a", LATER, LATER + timedelta(seconds=60)) is False


def test_lease_of_a_clock_that_was_set_back_does_not_last_for_hours(store):
    minute = timedelta(minutes=1)
    with store.writing() as uow:
        uow.rounds.take_lease("a", NOON + 3 * minute, NOON + 4 * minute)
        assert uow.rounds.take_lease("b", NOON + 2 * minute, NOON + 3 * minute) is False
        assert uow.rounds.take_lease("b", NOON + minute, NOON + 2 * minute) is True


def test_lease_is_given_back_by_its_holder_only(store):
    with store.writing() as uow:
        uow.rounds.take_lease("a", NOON, LATER)
        uow.rounds.release_lease("b")
        assert uow.rounds.lease_holder() == "a"
        uow.rounds.release_lease("a")
        assert uow.rounds.lease_holder() is None
        assert uow.rounds.take_lease("b", NOON, LATER) is True


# Rounds and the ledger.


def test_rounds_are_recorded_newest_first(store):
    with store.writing() as uow:
        first = uow.rounds.begin("a", NOON)
        uow.rounds.begin("b", LATER)
        done = RoundRecord(
            started_at=NOON,
            finished_at=LATER,
            holder="a",
            result=RoundResult.FAILED,
            head_number=7,
            head_time=NOON,
            balance_wei=2**100,
            detail="why it failed",
        )
        uow.rounds.finish(first, done)
        uow.commit()
    with store.reading() as uow:
        assert list(uow.rounds.newest(9)) == [
            RoundRecord(started_at=LATER, finished_at=None, holder="b", result=None),
            done,
        ]
        assert len(uow.rounds.newest(1)) == 1


def test_ledger_is_recorded_once(store):
    other = replace(IDENTITY, genesis_hash=BlockHash(b"o" * 32))
    with store.writing() as uow:
        assert uow.rounds.identity() is None
        assert uow.rounds.record_identity(IDENTITY) == IDENTITY
        assert uow.rounds.record_identity(other) == IDENTITY
        uow.commit()
    with store.reading() as uow:
        assert uow.rounds.identity() == IDENTITY


# A restored database.


def test_restored_mark_stays_until_it_is_cleared(store):
    with store.reading() as uow:
        assert uow.rounds.restored_at() is None
    for moment in (NOON, LATER):  # restored once more before anybody looked
        with store.writing() as uow:
            uow.rounds.mark_restored(moment)
            uow.commit()
        with store.reading() as uow:
            assert uow.rounds.restored_at() == moment
    with store.writing() as uow:
        uow.rounds.clear_restored()
        uow.rounds.clear_restored()
        uow.commit()
    with store.reading() as uow:
        assert uow.rounds.restored_at() is None
