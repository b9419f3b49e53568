"""Use cases about status: reserve, bind, change, settle, erase."""

import os
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from anchoring.core.issuer import Issuer
from anchoring.core.status import MIN_ENTRIES, StatusPurpose, batch_list_id
from anchoring.core.status_change import StatusAction
from anchoring.core.status_reason import StatusReason
from anchoring.errors import AnchoringError, Conflict, InvalidInput, NotFound, StoreUnavailable
from anchoring.ports.entries import Entry
from anchoring.ports.status_lists import Place, SignedBy, StatusList
from anchoring.ports.store import UnitOfWork
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import ListId
from anchoring.usecases.change_status import MadeChange, change_status
from anchoring.usecases.change_status.targets import StatusRequest
from anchoring.usecases.create_status_list import create_status_list
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.reserve_indexes import reserve_indexes
from anchoring.usecases.seal_batches import seal_batches
from anchoring.usecases.settle_changes import settle_changes
from anchoring.usecases.submit_digests import StatusIndex
from tests.factories import ACADEMY, NOON, UNIVERSITY, FrozenClock, add_issuer, make_digest, post, submit
from tests.faults import Fault, Faults, FaultyStore, Killed
from tests.world import rows

REVOKE, SUSPEND, REINSTATE = StatusAction.REVOKE, StatusAction.SUSPEND, StatusAction.REINSTATE
REVOCATION, SUSPENSION = StatusPurpose.REVOCATION, StatusPurpose.SUSPENSION
MINUTE = timedelta(minutes=1)


@pytest.fixture
def issuer(store: SqlStore) -> Issuer:
    return add_issuer(store)


def written(store: SqlStore, write: Callable[[UnitOfWork], Any]) -> Any:
    with store.writing() as uow:
        result = write(uow)
        uow.commit()
    return result


def create(store: SqlStore, issuer: Issuer, purpose: StatusPurpose = REVOCATION, by: SignedBy = SignedBy.SERVICE) -> StatusList:
    made: StatusList = written(
        store, lambda uow: create_status_list(uow, issuer, purpose, entries=MIN_ENTRIES, signed_by=by, now=NOON)
    )
    return made


def reserve(store: SqlStore, issuer: Issuer, of_list: StatusList, count: int = 1) -> list[tuple[StatusList, int]]:
    reserved: list[tuple[StatusList, int]] = written(
        store,
        lambda uow: reserve_indexes(
            uow, issuer, of_list.list_id, count, new_list_entries=MIN_ENTRIES, now=NOON, random_bytes=os.urandom
        ),
    )
    return reserved


def bind(store: SqlStore, issuer: Issuer, number: int, *indexes: tuple[StatusList, int]) -> Entry:
    named = tuple(StatusIndex(list_id=of.list_id, index=i, at=f"$[{n}]") for n, (of, i) in enumerate(indexes))
    status = [(0, index) for index in named]
    [entry] = written(store, lambda uow: submit(uow, issuer, [make_digest(number)], status=status))
    assert isinstance(entry, Entry)
    return entry


def ask(action: StatusAction, number: int | None = None, **members: Any) -> StatusRequest:
    digest = None if number is None else make_digest(number)
    return StatusRequest(action=action, digest=digest, at="$.changes[0]", **members)


def change(store: SqlStore, issuer: Issuer, *requests: StatusRequest, after: timedelta = timedelta(0)) -> list[MadeChange]:
    made: list[MadeChange] = written(
        store, lambda uow: change_status(uow, issuer, requests, now=NOON + after, requested_by="ca_12345678")
    )
    return made


def refused(store: SqlStore, issuer: Issuer, *requests: StatusRequest) -> AnchoringError:
    before = [rows(store, table) for table in (tables.status_change, tables.status_list)]
    with pytest.raises((InvalidInput, Conflict, NotFound)) as raised:
        change(store, issuer, *requests)
    assert [rows(store, table) for table in (tables.status_change, tables.status_list)] == before
    assert raised.value.message.startswith("$.changes[0]")
    return raised.value


def seal(store: SqlStore) -> None:
    seal_batches(store, FrozenClock(), max_leaves=1000, progress=lambda *_: None)


def set_bits(store: SqlStore, list_id: ListId | None) -> Sequence[int]:
    assert list_id is not None
    with store.reading() as uow:
        found = uow.status_lists.find(list_id)
        assert found is not None
        return list(uow.status_lists.bits(found.id).indexes())


def test_reserved_indexes_are_distinct_and_go_on_in_a_new_list(store: SqlStore, issuer: Issuer) -> None:
    made = create(store, issuer)

    first = reserve(store, issuer, made, 100_000)
    second = reserve(store, issuer, made, 100_000)
    third = reserve(store, issuer, made)

    given = [(of.number, i) for of, i in [*first, *second, *third]]
    assert len(set(given)) == 200_001
    assert {of for of, _ in given} == {0, 1}
    assert sum(of == 0 for of, _ in given) == MIN_ENTRIES
    assert [i for _, i in first] != sorted(i for _, i in first)


def test_nobody_reserves_in_anothers_list_or_in_one_of_a_batch(store: SqlStore, issuer: Issuer) -> None:
    other = add_issuer(store, ACADEMY, "Academy")
    made = create(store, issuer)
    post(store, issuer, 1)
    seal(store)
    [of_batch] = change(store, issuer, ask(REVOKE, 1))
    assert of_batch.list_id is not None

    with pytest.raises(NotFound):
        reserve(store, other, made)
    with store.writing() as uow, pytest.raises(InvalidInput, match="follows from a batch"):
        reserve_indexes(uow, issuer, of_batch.list_id, 1, new_list_entries=MIN_ENTRIES, now=NOON, random_bytes=os.urandom)


def test_an_index_belongs_to_one_entry_and_an_entry_has_one_for_each_purpose(store: SqlStore, issuer: Issuer) -> None:
    revocations, suspensions = create(store, issuer), create(store, issuer, SUSPENSION)
    one, two = reserve(store, issuer, revocations, 2)
    [other] = reserve(store, issuer, suspensions)

    entry = bind(store, issuer, 1, one, other)
    assert bind(store, issuer, 1, other, one) == entry

    with pytest.raises(Conflict, match=r"\$\[0\].*belongs to another"):
        bind(store, issuer, 2, one)
    with pytest.raises(Conflict, match="another index for revocation"):
        bind(store, issuer, 1, two)
    with pytest.raises(Conflict, match="another index for revocation"):
        bind(store, issuer, 3, two, (one[0], next(i for _, i in reserve(store, issuer, revocations))))
    with store.reading() as uow:
        assert not uow.entries.of_digest(make_digest(2))
        assert len(uow.status_lists.bindings_of([entry.id])) == 2


def test_an_index_that_was_not_reserved_is_not_bound(store: SqlStore, issuer: Issuer) -> None:
    other = add_issuer(store, ACADEMY, "Academy")
    made, foreign = create(store, issuer), create(store, other)
    [(_, taken)] = reserve(store, issuer, made)
    [theirs] = reserve(store, other, foreign)

    with pytest.raises(InvalidInput, match=r"^\$\[0\]: index .* not reserved"):
        bind(store, issuer, 1, (made, (taken + 1) % MIN_ENTRIES))
    with pytest.raises(InvalidInput, match="not reserved"):
        bind(store, issuer, 1, (made, MIN_ENTRIES))
    with pytest.raises(InvalidInput, match=r"^\$\[0\]: no numbered list"):
        bind(store, issuer, 1, theirs)


def test_a_bound_entry_is_changed_at_its_index_at_once(store: SqlStore, issuer: Issuer) -> None:
    made = create(store, issuer, SUSPENSION)
    [place] = reserve(store, issuer, made)
    bind(store, issuer, 1, place)

    [suspended] = change(store, issuer, ask(SUSPEND, 1, reason=StatusReason.UNDER_REVIEW))
    assert (suspended.list_id, suspended.index, suspended.number, suspended.is_new) == (made.list_id, place[1], 1, True)
    assert set_bits(store, made.list_id) == [place[1]]

    [lifted] = change(store, issuer, ask(REINSTATE, expected=1, list_id=made.list_id, index=place[1]), after=MINUTE)
    assert (lifted.number, lifted.recorded_at) == (2, NOON + MINUTE)
    assert set_bits(store, made.list_id) == []


def test_an_exact_repetition_gives_the_recorded_change(store: SqlStore, issuer: Issuer) -> None:
    post(store, issuer, 1)
    seal(store)
    requests = [ask(SUSPEND, 1), ask(REINSTATE, 1, expected=1), ask(SUSPEND, 1, expected=2), ask(REVOKE, 1)]

    first = change(store, issuer, *requests)
    again = change(store, issuer, ask(SUSPEND, 1, expected=2), ask(REVOKE, 1), after=MINUTE)

    assert [one.number for one in first] == [1, 2, 3, 1]
    assert [one.is_new for one in again] == [False, False]
    assert [(one.number, one.recorded_at) for one in again] == [(3, NOON), (1, NOON)]
    assert len(rows(store, tables.status_change)) == 4


def test_a_replayed_suspension_does_not_take_effect_again(store: SqlStore, issuer: Issuer) -> None:
    post(store, issuer, 1)
    seal(store)
    change(store, issuer, ask(SUSPEND, 1), ask(REINSTATE, 1, expected=1))

    assert isinstance(refused(store, issuer, ask(SUSPEND, 1)), Conflict)


def test_an_unbound_entry_is_changed_in_the_list_of_its_batch(store: SqlStore, issuer: Issuer) -> None:
    entries = post(store, issuer, 1, 2, 3, 4)
    seal(store)

    [made] = change(store, issuer, ask(REVOKE, 3))

    with store.reading() as uow:
        place = uow.status_lists.leaf_places([entries[2].id])[entries[2].id]
    assert place.batch.tree
    assert made.list_id == batch_list_id(place.batch.tree.root, UNIVERSITY, REVOCATION)
    assert made.index == place.leaf_index
    assert set_bits(store, made.list_id) == [place.leaf_index]


def test_an_unbound_entry_needs_a_word_when_indexes_were_never_bound(store: SqlStore, issuer: Issuer) -> None:
    post(store, issuer, 1)
    seal(store)
    made = create(store, issuer)
    reserve(store, issuer, made, 3)

    assert "3 indexes for revocation" in refused(store, issuer, ask(REVOKE, 1)).message
    [revoked] = change(store, issuer, ask(REVOKE, 1, is_unbound=True))
    [again] = change(store, issuer, ask(REVOKE, 1))
    assert (revoked.is_new, again.is_new) == (True, False)
    assert change(store, issuer, ask(SUSPEND, 1))[0].is_new  # no index for suspension was ever reserved


def test_an_entry_that_was_changed_is_not_bound_elsewhere_afterwards(store: SqlStore, issuer: Issuer) -> None:
    post(store, issuer, 1)
    change(store, issuer, ask(REVOKE, 1))
    [place] = reserve(store, issuer, create(store, issuer))

    with pytest.raises(Conflict, match="stays where it is"):
        bind(store, issuer, 1, place)


def test_a_change_of_a_waiting_entry_takes_effect_when_it_is_sealed(store: SqlStore, issuer: Issuer) -> None:
    entry = post(store, issuer, 1, 2)[0]
    [suspended, lifted, _] = change(store, issuer, ask(SUSPEND, 1), ask(REINSTATE, 1, expected=1), ask(SUSPEND, 1, expected=2))
    assert (suspended.list_id, suspended.index, lifted.number) == (None, None, 2)
    assert settle_changes(store, FrozenClock()) == 0

    seal(store)
    [fourth] = change(store, issuer, ask(REINSTATE, 1, expected=3))  # sealed, and the earlier ones not settled yet
    assert fourth.list_id is None
    assert settle_changes(store, FrozenClock()) == 4
    assert settle_changes(store, FrozenClock()) == 0

    with store.reading() as uow:
        place = uow.status_lists.leaf_places([entry.id])[entry.id]
        assert place.batch.tree
        found = uow.status_lists.find(batch_list_id(place.batch.tree.root, UNIVERSITY, SUSPENSION))
        assert found is not None
        history = uow.status_changes.history(Place(found.id, place.leaf_index))
    assert [(one.number, one.action) for one in history] == [(1, SUSPEND), (2, REINSTATE), (3, SUSPEND), (4, REINSTATE)]
    [fifth] = change(store, issuer, ask(SUSPEND, 1, expected=4))
    assert (fifth.list_id, fifth.index, fifth.number) == (found.list_id, place.leaf_index, 5)


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([ask(REVOKE, 9)], "was not posted here"),
        ([ask(REVOKE, 1, effective_at=NOON + MINUTE)], "`effectiveAt` lies in the future"),
        ([ask(REVOKE)], "name a digest, or a list and an index"),
        ([ask(REVOKE, list_id=ListId(bytes(32)), index=1)], "no list 0x0000"),
        ([ask(REINSTATE, 1)], "needs `expected`"),
        ([ask(REINSTATE, 1, expected=0)], "not suspended"),
        ([ask(SUSPEND, 1, expected=7)], "has had 0 changes"),
        ([ask(SUSPEND, 2), ask(REVOKE, 9)], "was not posted here"),
    ],
)
def test_a_wrong_change_is_refused_with_all_the_others(
    store: SqlStore, issuer: Issuer, requests: Sequence[StatusRequest], words: str
) -> None:
    post(store, issuer, 1, 2)
    seal(store)

    assert words in refused(store, issuer, *requests).message


def test_a_revocation_is_for_good(store: SqlStore, issuer: Issuer) -> None:
    post(store, issuer, 1, 2)
    seal(store)
    revocations = create(store, issuer)
    [(_, index)] = reserve(store, issuer, revocations)
    change(store, issuer, ask(REVOKE, 1, is_unbound=True), ask(SUSPEND, 2), ask(REVOKE, 2, is_unbound=True))

    for expected in (None, 0, 1):
        assert "for good" in refused(store, issuer, ask(REINSTATE, 1, expected=expected)).message
    by_list = ask(REINSTATE, list_id=revocations.list_id, index=index, expected=1)
    assert "for good" in refused(store, issuer, by_list).message
    assert "for suspension" in refused(store, issuer, ask(SUSPEND, list_id=revocations.list_id, index=index)).message
    assert change(store, issuer, ask(REINSTATE, 2, expected=1))[0].is_new  # the suspension that it had besides


def test_only_the_issuer_changes_its_lists_and_only_indexes_given_out(store: SqlStore, issuer: Issuer) -> None:
    other = add_issuer(store, ACADEMY, "Academy")
    made = create(store, issuer)
    [(_, index)] = reserve(store, issuer, made)
    post(store, issuer, 1)
    seal(store)
    [of_batch] = change(store, issuer, ask(REVOKE, 1, is_unbound=True))

    assert "no list" in refused(store, other, ask(REVOKE, list_id=made.list_id, index=index)).message
    assert "not posted here" in refused(store, other, ask(REVOKE, 1)).message
    free = (index + 1) % MIN_ENTRIES
    for wrong in (free, MIN_ENTRIES):
        assert "never given out" in refused(store, issuer, ask(REVOKE, list_id=made.list_id, index=wrong)).message
    assert "no leaf 1" in refused(store, issuer, ask(REVOKE, list_id=of_batch.list_id, index=1)).message


def test_a_list_that_its_issuer_signs_takes_no_changes(store: SqlStore, issuer: Issuer) -> None:
    made = create(store, issuer, by=SignedBy.ISSUER)
    [place] = reserve(store, issuer, made)
    bind(store, issuer, 1, place)

    for request in (ask(REVOKE, 1), ask(REVOKE, list_id=made.list_id, index=place[1])):
        assert "upload a new signed list" in refused(store, issuer, request).message


def test_erasure_forgets_the_reasons_and_keeps_the_bits(store: SqlStore, issuer: Issuer) -> None:
    made = create(store, issuer)
    [place] = reserve(store, issuer, made)
    change(store, issuer, ask(REVOKE, list_id=made.list_id, index=place[1], explanation="before it was bound"))
    bind(store, issuer, 1, place)
    post(store, issuer, 2)
    change(
        store,
        issuer,
        ask(SUSPEND, 1, reason=StatusReason.MISCONDUCT, explanation="cheated"),
        ask(SUSPEND, 2, explanation="stays"),
    )
    assert not written(store, lambda uow: erase_entry(uow, issuer, make_digest(1), now=NOON))

    seal(store)
    with store.reading() as uow:
        assert uow.entries.of_digest(make_digest(1))  # its change waits, and is found by the digest
    assert not written(store, lambda uow: erase_entry(uow, issuer, make_digest(1), now=NOON))
    settle_changes(store, FrozenClock())

    with store.reading() as uow:
        assert not uow.entries.of_digest(make_digest(1))
    kept = rows(store, tables.status_change)
    assert [(row.reason, row.explanation) for row in kept] == [(None, None), (None, None), (None, "stays")]
    assert all(row.applied_at for row in kept)
    assert set_bits(store, made.list_id) == [place[1]]
    assert bind(store, issuer, 1, place).digest == make_digest(1)  # posted anew, it takes its index again


def test_hundred_thousand_changes_are_made_at_once_or_not_at_all(store: SqlStore, issuer: Issuer) -> None:
    made = create(store, issuer)
    reserved = reserve(store, issuer, made, 100_000)
    requests = [
        StatusRequest(action=REVOKE, list_id=made.list_id, index=i, at=f"$.changes[{n}]") for n, (_, i) in enumerate(reserved)
    ]

    with pytest.raises(InvalidInput, match=r"^\$.changes\[100000\]"):
        change(
            store,
            issuer,
            *requests,
            StatusRequest(action=REVOKE, list_id=made.list_id, index=MIN_ENTRIES, at="$.changes[100000]"),
        )
    assert set_bits(store, made.list_id) == []

    changed = change(store, issuer, *requests)
    assert [one.is_new for one in changed] == [True] * 100_000
    assert set_bits(store, made.list_id) == sorted(i for _, i in reserved)
    with store.reading() as uow:
        assert uow.status_changes.bits_after(made.id, 100_000) == uow.status_lists.bits(made.id)


def test_many_entries_of_several_batches_are_changed_at_once(store: SqlStore, issuer: Issuer) -> None:
    post(store, issuer, *range(700))
    seal_batches(store, FrozenClock(), max_leaves=600, progress=lambda *_: None)
    post(store, issuer, *range(700, 800))

    made = change(store, issuer, *(ask(REVOKE, i) for i in range(800)))

    assert len({one.list_id for one in made}) == 3
    assert len({(one.list_id, one.index) for one in made if one.list_id}) == 700
    assert sum(one.list_id is None for one in made) == 100


@pytest.mark.parametrize("fault", Fault)
def test_settling_may_die_at_any_commit_and_is_done_once(store: SqlStore, issuer: Issuer, fault: Fault) -> None:
    post(store, issuer, 1, 2)
    change(store, issuer, ask(SUSPEND, 1), ask(REVOKE, 2))
    seal(store)
    faults = Faults()
    faults.arm("commit", fault)

    with pytest.raises((StoreUnavailable, Killed)):
        settle_changes(FaultyStore(store, faults), FrozenClock())
    settle_changes(store, FrozenClock())

    assert faults.fired
    assert [(row.position, row.number) for row in rows(store, tables.status_change)] == [(1, 1), (1, 1)]
    assert [row.change_count for row in rows(store, tables.status_list)] == [1, 1]
