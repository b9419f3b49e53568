"""Issuers with their keys, the lease, the record of rounds and the ledger's identity, on both databases."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from anchoring.core.issuer import CANARY, ApiKey, Caller, make_api_key
from anchoring.core.scopes import WRITING, Scope
from anchoring.errors import Conflict, InvalidInput, NotAllowed, NotFound
from anchoring.ports.ledger import LedgerIdentity
from anchoring.ports.rounds import RoundRecord, RoundResult
from anchoring.ports.store import Store
from anchoring.store import tables
from anchoring.types import BlockHash, CodeHash, Did
from anchoring.usecases.manage_issuers import (
    MOST_KEYS,
    add_issuer,
    authenticate,
    create_key,
    create_operator_key,
    get_issuer,
    living_key,
    revoke_key,
    rotate_key,
    set_quota,
)
from tests.factories import ACADEMY, NOON, UNIVERSITY
from tests.records import REGISTRY
from tests.sessions import Session
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
        [holder] = authenticate(uow, [key.text], now=NOON)
        assert isinstance(holder, Caller)
        assert (holder.name, holder.issuer.did, holder.scopes) == (f"ca_{key.prefix}", UNIVERSITY, WRITING)
    (row,) = rows(store, tables.api_key)
    assert (row.prefix, row.key_hash, row.revoked_at) == (key.prefix, key.hash, None)
    assert key.text not in repr(row)


def test_wrong_unknown_revoked_and_expired_keys_are_refused_alike(store):
    with store.writing() as uow:
        add_issuer(uow, UNIVERSITY, "University", now=NOON)
        key = create_key(uow, UNIVERSITY, now=NOON, random_bytes=random_bytes)
        revoked = create_key(uow, UNIVERSITY, now=NOON, random_bytes=bytes)
        expired = create_key(uow, UNIVERSITY, expires_at=LATER, now=NOON, random_bytes=lambda size: b"\x01" * size)
        revoke_key(uow, revoked.prefix, now=NOON)
        uow.commit()
    wrong = ApiKey(key.prefix, key.text[:-4] + "AAAA").text
    unknown = make_api_key(b"\xee" * 36).text
    with store.reading() as uow:
        asked = [wrong, unknown, revoked.text, expired.text, "", "ca_", "ключ", key.text]
        *refused, holder = authenticate(uow, asked, now=LATER)
    assert isinstance(holder, Caller)
    assert [type(one) for one in refused] == [NotAllowed] * 7
    assert {one.message for one in refused if isinstance(one, NotAllowed)} == {"the API key is not valid"}


def test_key_of_nobody_is_not_made(store):
    with store.writing() as uow, pytest.raises(NotFound):
        create_key(uow, UNIVERSITY, now=NOON, random_bytes=random_bytes)


def key_of(store: Store, did: Did = UNIVERSITY, **more: Any) -> ApiKey:
    with store.writing() as uow:
        uow.issuers.add(did, "Somebody", NOON)
        key = create_key(uow, did, now=NOON, random_bytes=os.urandom, **more)
        uow.commit()
    return key


def lives(store: Store, key: ApiKey, now: datetime) -> bool:
    with store.reading() as uow:
        return isinstance(authenticate(uow, [key.text], now=now)[0], Caller)


def test_key_is_kept_with_its_scopes_and_its_end(store):
    key = key_of(store, scopes=frozenset({Scope.ISSUER_ADMIN, Scope.DIGESTS_WRITE}), expires_at=LATER)
    with store.reading() as uow:
        [kept] = uow.issuers.keys_of(None)
        [holder] = authenticate(uow, [key.text], now=NOON)
    assert isinstance(holder, Caller)
    assert (kept.created_at, kept.expires_at, kept.last_used_at, kept.revoked_at) == (NOON, LATER, None, None)
    assert kept.scopes == holder.scopes == {Scope.ISSUER_ADMIN, Scope.DIGESTS_WRITE}
    (row,) = rows(store, tables.api_key)
    assert row.scopes == "digests:write issuer:admin"


def test_key_that_would_be_expired_at_once_is_not_made(store):
    with pytest.raises(InvalidInput, match="expiresAt: must be in the future"):
        key_of(store, expires_at=NOON)


def test_rotated_key_and_its_successor_both_open_until_the_overlap_ends(store):
    day = timedelta(days=1)
    key = key_of(store, scopes=frozenset({Scope.STATUS_WRITE}), expires_at=NOON + 90 * day)
    with store.writing() as uow:
        successor = rotate_key(uow, key.prefix, overlap=7 * day, now=NOON + 80 * day, random_bytes=os.urandom)
        uow.commit()
    with store.reading() as uow:
        old, new = uow.issuers.keys_of(None)
    assert (old.prefix, old.expires_at, old.revoked_at) == (key.prefix, NOON + 87 * day, None)
    assert (new.prefix, new.scopes, new.created_at) == (successor.prefix, {Scope.STATUS_WRITE}, NOON + 80 * day)
    assert new.expires_at == NOON + 170 * day, "as long a life as the first was given"
    last = NOON + 87 * day - timedelta(microseconds=1)
    assert [lives(store, one, last) for one in (key, successor)] == [True, True]
    assert [lives(store, one, NOON + 87 * day) for one in (key, successor)] == [False, True]


def test_rotation_does_not_let_a_key_live_longer(store):
    key = key_of(store, expires_at=NOON + timedelta(hours=1))
    with store.writing() as uow:
        rotate_key(uow, key.prefix, overlap=timedelta(days=7), now=NOON, random_bytes=os.urandom)
        uow.commit()
    assert not lives(store, key, NOON + timedelta(hours=1))


@pytest.mark.parametrize("is_revoked", [False, True])
def test_key_that_was_rotated_is_not_rotated_again_and_its_successor_is(store, is_revoked):
    key, other = key_of(store), key_of(store, scopes=frozenset({Scope.STATUS_WRITE}))
    again = LATER + timedelta(seconds=1.5)
    with store.writing() as uow:
        successor = rotate_key(uow, key.prefix, overlap=timedelta(days=7), now=LATER, random_bytes=os.urandom)
        uow.commit()
    if is_revoked:
        with store.writing() as uow:
            revoke_key(uow, successor.prefix, now=again)
            uow.commit()
    with store.writing() as uow:
        with pytest.raises(Conflict, match=f"key {key.prefix} was rotated already, into {successor.prefix}: rotate that one, or"):
            rotate_key(uow, key.prefix, overlap=timedelta(days=7), now=again, random_bytes=os.urandom)
        rotate_key(uow, other.prefix, overlap=timedelta(days=7), now=again, random_bytes=os.urandom)
        if not is_revoked:
            newest = rotate_key(uow, successor.prefix, overlap=timedelta(0), now=again, random_bytes=os.urandom)
            assert living_key(uow, newest.prefix, now=again).expires_at is None, "as the first one's was"


def test_key_that_ends_soon_by_itself_is_rotated_though_others_were_made_before(store):
    key = key_of(store, expires_at=NOON + timedelta(days=2))
    with store.writing() as uow:
        create_key(uow, UNIVERSITY, now=NOON + timedelta(seconds=0.25), random_bytes=os.urandom)
        rotate_key(uow, key.prefix, overlap=timedelta(days=7), now=LATER, random_bytes=os.urandom)


def test_rotation_without_overlap_ends_the_old_key_at_once(store):
    key = key_of(store)
    with store.writing() as uow:
        successor = rotate_key(uow, key.prefix, overlap=timedelta(0), now=LATER, random_bytes=os.urandom)
        uow.commit()
    assert [lives(store, one, LATER) for one in (key, successor)] == [False, True]


def test_key_that_is_dead_or_another_issuers_is_neither_rotated_nor_revoked(store):
    revoked, expired, foreign = key_of(store), key_of(store, expires_at=LATER), key_of(store, ACADEMY)
    with store.writing() as uow:
        university = get_issuer(uow, UNIVERSITY)
        revoke_key(uow, revoked.prefix, of=university, now=NOON)
        uow.commit()
    before = rows(store, tables.api_key)
    for prefix in (revoked.prefix, expired.prefix, foreign.prefix, "00000000"):
        with store.writing() as uow:
            with pytest.raises(NotFound, match=f"no key with prefix {prefix} is in use"):
                revoke_key(uow, prefix, of=university, now=LATER)
            with pytest.raises(NotFound):
                rotate_key(uow, prefix, of=university, overlap=timedelta(0), now=LATER, random_bytes=os.urandom)
            uow.commit()
    assert rows(store, tables.api_key) == before
    assert lives(store, foreign, LATER)


def test_issuer_has_so_many_living_keys_at_most(store):
    keys = [key_of(store) for _ in range(MOST_KEYS)]
    key_of(store, ACADEMY)
    with pytest.raises(Conflict, match=f"has {MOST_KEYS} keys in use"):
        key_of(store)
    with store.writing() as uow:
        revoke_key(uow, keys[0].prefix, now=NOON)
        uow.commit()
    key_of(store)


def test_quota_is_taken_until_it_is_used_up(store):
    key_of(store)
    key_of(store, ACADEMY)
    with store.writing() as uow:
        university, academy = (get_issuer(uow, did) for did in (UNIVERSITY, ACADEMY))
        taken = [uow.issuers.take_quota(university, 20_780, count, limit=10) for count in (11, 4, 7, 6, 1)]
        assert taken == [False, True, False, True, False]
        assert uow.issuers.take_quota(university, 20_781, 10, limit=10), "the next day"
        assert uow.issuers.take_quota(academy, 20_780, 10, limit=10), "another issuer"
        uow.commit()
    assert [(row.issuer_id, row.day, row.taken) for row in rows(store, tables.issuer_usage)] == [
        (university.id, 20_780, 10),
        (university.id, 20_781, 10),
        (academy.id, 20_780, 10),
    ]


def test_issuer_is_given_a_quota_of_its_own_and_what_was_taken_of_a_day_is_told(store):
    key_of(store)
    for items in (None, 0, 10**12, None):
        with store.writing() as uow:
            set_quota(uow, UNIVERSITY, items, now=NOON, at="items")
            uow.commit()
        with store.reading() as uow:
            assert [one.items_per_day for one in uow.issuers.all()] == [items]
    with store.writing() as uow:
        university = get_issuer(uow, UNIVERSITY)
        for wrong in (-1, 10**12 + 1):
            with pytest.raises(InvalidInput, match="items: must be a whole number from 0 to 1000000000000"):
                set_quota(uow, UNIVERSITY, wrong, now=NOON, at="items")
        with pytest.raises(NotFound):
            set_quota(uow, ACADEMY, 1, now=NOON, at="items")
        for day, count in ((20_780, 4), (20_780, 3), (20_781, 1)):
            uow.issuers.take_quota(university, day, count, limit=10)
        assert [uow.issuers.taken_of_quota(university, day) for day in (20_779, 20_780, 20_781)] == [0, 7, 1]
        set_quota(uow, UNIVERSITY, 1, now=datetime.fromtimestamp(20_780.5 * 86_400, UTC), at="items")
        assert [uow.issuers.taken_of_quota(university, day) for day in (20_780, 20_781)] == [0, 1], "that day begins anew"


def test_quota_is_not_exceeded_by_two_who_take_of_it_at_once(store):
    key_of(store)

    def take_all(results: list[bool]) -> None:
        for _ in range(20):
            with store.writing() as uow:
                results.append(uow.issuers.take_quota(get_issuer(uow, UNIVERSITY), 20_780, 3, limit=50))
                uow.commit()

    results: list[bool] = []
    sessions = [Session(take_all, results) for _ in range(3)]
    for session in sessions:
        session.result()
    assert (len(results), sum(results)) == (60, 16)


def test_key_of_the_operator_has_its_own_scope_and_posts_for_nobody(store):
    with store.writing() as uow:
        key = create_operator_key(uow, now=NOON, random_bytes=os.urandom)
        [holder] = authenticate(uow, [key.text], now=NOON)
        with pytest.raises(Conflict, match="this issuer is the service itself"):
            create_key(uow, CANARY, now=NOON, random_bytes=os.urandom)
    assert isinstance(holder, Caller)
    assert (holder.issuer.did, holder.scopes, holder.is_operator) == (CANARY, frozenset({Scope.OPERATOR}), True)


def test_uses_are_noted_and_never_go_back(store):
    first, second, unused = key_of(store), key_of(store), key_of(store)
    with store.writing() as uow:
        uow.issuers.note_uses({first.prefix: LATER, second.prefix: NOON, "00000000": LATER})
        uow.issuers.note_uses({first.prefix: NOON, second.prefix: LATER})
        uow.commit()
    with store.reading() as uow:
        kept = uow.issuers.keys({first.prefix, second.prefix, unused.prefix})
    assert {prefix: key.last_used_at for prefix, key in kept.items()} == {
        first.prefix: LATER,
        second.prefix: LATER,
        unused.prefix: None,
    }


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
