"""The store of status lists: indexes given out, bindings, changes and the bits that follow from them."""

import os
import random
import zlib
from datetime import timedelta

import pytest
from sqlalchemy import insert

from anchoring.core.batch import BatchState
from anchoring.core.issuer import Issuer
from anchoring.core.status import MIN_ENTRIES, StatusBits, StatusPurpose, batch_list_id, head_digest, numbered_list_id
from anchoring.core.status_change import StatusAction
from anchoring.core.status_reason import StatusReason
from anchoring.ports.status_lists import NewChange, Place, SignedBy, SignedForm, StatusList
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import to_hex
from tests.factories import ACADEMY, NOON, UNIVERSITY, add_issuer, make_digest, post
from tests.records import batch_in

REVOCATION, SUSPENSION = StatusPurpose.REVOCATION, StatusPurpose.SUSPENSION
SECOND = timedelta(seconds=1)


def make_list(store: SqlStore, issuer: Issuer, purpose: StatusPurpose = REVOCATION) -> StatusList:
    with store.writing() as uow:
        made = uow.status_lists.create(issuer, purpose, MIN_ENTRIES, SignedBy.SERVICE, NOON)
        uow.commit()
    return made


def change(
    place: Place | None, action: StatusAction = StatusAction.REVOKE, number: int = 1, entry_id: int | None = None
) -> NewChange:
    return NewChange(
        entry_id=entry_id,
        place=place,
        purpose=action.purpose,
        action=action,
        number=number,
        reason=StatusReason.DATA_CORRECTION,
        explanation="typing error",
        effective_at=NOON - SECOND,
    )


def record(store: SqlStore, issuer: Issuer, *changes: NewChange, after_s: int = 0) -> None:
    with store.writing() as uow:
        uow.status_changes.record(issuer, changes, NOON + after_s * SECOND, "ca_12345678")
        uow.commit()


def keep_version(store: SqlStore, made: StatusList, version: int, bits: StatusBits, change_count: int) -> None:
    """As a round makes one."""
    row = {
        "status_list_id": made.id,
        "version": version,
        "digest": head_digest(made.list_id, version, bits),
        "compressed_bits": zlib.compress(bytes(bits)),
        "change_count": change_count,
        "made_at": NOON,
        "state": "prepared",
    }
    with store._engine.begin() as connection:
        connection.execute(insert(tables.status_version), row)


def test_lists_are_numbered_by_issuer_and_purpose(store: SqlStore) -> None:
    university, academy = add_issuer(store), add_issuer(store, ACADEMY, "Academy")

    made = [make_list(store, of, purpose) for of in (university, academy) for purpose in (REVOCATION, REVOCATION, SUSPENSION)]

    assert [one.number for one in made] == [0, 1, 0, 0, 1, 0]
    assert made[1].list_id == numbered_list_id(UNIVERSITY, REVOCATION, 1)
    with store.reading() as uow:
        assert uow.status_lists.find(made[1].list_id) == made[1]
        assert uow.status_lists.numbered(university, REVOCATION) == made[:2]
        assert uow.status_lists.numbered(university, REVOCATION, from_number=1) == [made[1]]
        assert uow.status_lists.with_ids([made[0].list_id, made[3].list_id]) == {one.list_id: one for one in (made[0], made[3])}
        assert uow.status_lists.with_keys([made[5].id]) == {made[5].id: made[5]}
        assert uow.status_lists.after(made[3].id, 10) == made[4:]


def test_list_of_a_batch_is_made_once_and_long_enough(store: SqlStore) -> None:
    issuer = add_issuer(store)
    batch_in(store, BatchState.SEALED)
    with store.writing() as uow:
        [batch] = uow.batches.in_state(BatchState.SEALED, limit=1)
        first = uow.status_lists.of_batch(issuer, SUSPENSION, batch, NOON)
        again = uow.status_lists.of_batch(issuer, SUSPENSION, batch, NOON + SECOND)
        uow.commit()

    assert batch.tree
    assert first == again
    assert first.list_id == batch_list_id(batch.tree.root, UNIVERSITY, SUSPENSION)
    assert (first.entries, first.batch_id, first.number) == (MIN_ENTRIES, batch.id, None)


def test_binding_of_an_erased_entry_passes_on(store: SqlStore) -> None:
    issuer = add_issuer(store)
    entries = post(store, issuer, 1, 2)
    made = make_list(store, issuer)
    place = Place(made.id, 7)
    with store.writing() as uow:
        uow.status_lists.bind({place: entries[0].id}, NOON)
        uow.commit()
    batch_in(store, BatchState.SEALED, entries=range(1, 3))
    with store.writing() as uow:
        uow.entries.request_erasure(entries[0].id, NOON)
        uow.entries.erase_requested(2, NOON)
        assert uow.status_lists.bindings_at([place])[place].is_erased
        uow.status_lists.bind({place: entries[1].id}, NOON)
        uow.commit()

    with store.reading() as uow:
        binding = uow.status_lists.bindings_at([place, Place(made.id, 8)])[place]
        assert (binding.entry_id, binding.is_erased, binding.purpose) == (entries[1].id, False, REVOCATION)
        assert uow.status_lists.bindings_of([entry.id for entry in entries]) == {(entries[1].id, REVOCATION): binding}


def test_reserved_indexes_that_were_never_bound_are_counted(store: SqlStore) -> None:
    issuer = add_issuer(store)
    entries = post(store, issuer, 1)
    made = make_list(store, issuer)
    with store.writing() as uow:
        reserved = uow.status_lists.reserved(made.id)
        for index in (3, 5, 100_000):
            reserved.change(index, is_set=True)
        uow.status_lists.keep_reserved(made.id, reserved)
        uow.status_lists.bind({Place(made.id, 5): entries[0].id}, NOON)
        uow.commit()

    with store.reading() as uow:
        assert uow.status_lists.count_never_bound(issuer, REVOCATION) == 2
        assert uow.status_lists.count_never_bound(issuer, SUSPENSION) == 0
        assert list(uow.status_lists.reserved(made.id).indexes()) == [3, 5, 100_000]


def test_changes_take_effect_in_their_order_and_in_every_list(store: SqlStore) -> None:
    issuer = add_issuer(store)
    lists = [make_list(store, issuer, SUSPENSION) for _ in range(2)]
    first, second = Place(lists[1].id, 0), Place(lists[0].id, 131_071)
    suspend, reinstate = StatusAction.SUSPEND, StatusAction.REINSTATE

    record(store, issuer, change(first, suspend), change(second, suspend), change(first, reinstate, 2))

    with store.reading() as uow:
        assert list(uow.status_lists.bits(lists[0].id).indexes()) == [131_071]
        assert list(uow.status_lists.bits(lists[1].id).indexes()) == []
        newest = uow.status_changes.newest([first, second, Place(lists[0].id, 9)])
        assert {place: one.state.changes for place, one in newest.items()} == {first: 2, second: 1}
        assert [(one.action, one.position) for one in uow.status_changes.history(first)] == [(suspend, 1), (reinstate, 2)]
        kept = uow.status_lists.with_keys([one.id for one in lists])
        assert [kept[one.id].change_count for one in lists] == [1, 2]
        assert list(uow.status_changes.applied(lists[1].id, 2)) == [(1, first, suspend), (2, first, reinstate)]
        assert list(uow.status_changes.applied(lists[1].id, 1)) == [(1, first, suspend)]


def test_times_of_changes_do_not_go_back(store: SqlStore) -> None:
    issuer = add_issuer(store)
    made = make_list(store, issuer)

    record(store, issuer, change(Place(made.id, 1)), after_s=10)
    record(store, issuer, change(Place(made.id, 2)), after_s=5)  # another machine's clock

    with store.reading() as uow:
        [behind] = uow.status_changes.history(Place(made.id, 2))
        assert (behind.recorded_at, behind.applied_at) == (NOON + 5 * SECOND, NOON + 10 * SECOND)
        assert [uow.status_changes.count_at(made.id, NOON + s * SECOND) for s in (0, 9, 10, 99)] == [0, 0, 2, 2]


def test_bits_are_those_of_any_moment(store: SqlStore) -> None:
    """Folded from the nearest version before, whatever the order of suspending and lifting."""
    issuer = add_issuer(store)
    made = make_list(store, issuer, SUSPENSION)
    draw = random.Random(4)
    counts: dict[int, int] = {}
    expected = [StatusBits.clear(MIN_ENTRIES)]
    for second in range(40):
        index = draw.randrange(6)
        counts[index] = counts.get(index, 0) + 1
        action = StatusAction.SUSPEND if counts[index] % 2 else StatusAction.REINSTATE
        record(store, issuer, change(Place(made.id, index), action, counts[index]), after_s=second)
        bits = StatusBits(bytes(expected[-1]))
        bits.change(index, is_set=action.is_set)
        expected.append(bits)
        if second in {9, 29}:
            keep_version(store, made, second, bits, second + 1)

    with store.reading() as uow:
        assert [uow.status_changes.bits_after(made.id, count) for count in range(41)] == expected
        assert uow.status_lists.bits(made.id) == expected[-1]
        assert [uow.status_changes.count_at(made.id, NOON + s * SECOND) for s in (-1, 0, 20, 39)] == [0, 1, 21, 40]


def test_waiting_changes_take_effect_where_they_are_settled(store: SqlStore) -> None:
    issuer = add_issuer(store)
    entry = post(store, issuer, 1)[0]
    made = make_list(store, issuer, SUSPENSION)
    place = Place(made.id, 3)
    suspend, reinstate = StatusAction.SUSPEND, StatusAction.REINSTATE
    record(store, issuer, change(None, suspend, 1, entry.id), change(None, reinstate, 2, entry.id))
    with store.reading() as uow:
        newest = uow.status_changes.newest_waiting([entry.id])
        assert newest[entry.id, SUSPENSION].state.changes == 2
        assert uow.status_changes.changed_entries([entry.id, 99]) == {(entry.id, SUSPENSION)}
        assert uow.status_changes.waiting(issuer, entry.id - 1, 10) == []

    with store.writing() as uow:
        assert uow.status_changes.issuers_waiting(entry.id) == {issuer.id}
        waiting = uow.status_changes.waiting(issuer, entry.id, 10)
        uow.status_changes.settle([(one, place) for one in waiting], NOON + SECOND)
        uow.commit()

    with store.reading() as uow:
        assert uow.status_changes.waiting(issuer, entry.id, 10) == []
        settled = uow.status_changes.history(place)
        assert [(one.number, one.position, one.applied_at) for one in settled] == [(1, 1, NOON + SECOND), (2, 2, NOON + SECOND)]


def test_record_tells_who_when_why_and_which_version(store: SqlStore) -> None:
    issuer, other = add_issuer(store), add_issuer(store, ACADEMY, "Academy")
    entry = post(store, issuer, 1)[0]
    made, foreign = make_list(store, issuer), make_list(store, other)
    record(store, issuer, change(Place(made.id, 1), entry_id=entry.id), change(Place(made.id, 2)))
    record(store, other, change(Place(foreign.id, 1)))
    keep_version(store, made, 4, StatusBits.clear(MIN_ENTRIES), 1)
    record(store, issuer, change(None, StatusAction.SUSPEND, entry_id=entry.id))

    with store.reading() as uow:
        page = uow.status_changes.page(issuer, 0, 10)
        rest = uow.status_changes.page(issuer, page[0].change.id, 1)

    assert [one.version for one in page] == [4, None, None]
    assert [one.digest for one in page] == [make_digest(1), None, make_digest(1)]
    assert [one.list_id for one in page] == [made.list_id, made.list_id, None]
    assert {(one.reason, one.explanation, one.requested_by) for one in page} == {
        (StatusReason.DATA_CORRECTION, "typing error", "ca_12345678")
    }
    assert rest == page[1:2]


def test_signed_form_of_an_issuer_is_kept(store: SqlStore) -> None:
    made = make_list(store, add_issuer(store))
    form = SignedForm(content=os.urandom(10), media_type="application/vc+jwt")
    with store.writing() as uow:
        assert uow.status_lists.signed_form(made.id) is None
        uow.status_lists.keep_signed_form(made.id, form)
        uow.commit()

    with store.reading() as uow:
        assert uow.status_lists.signed_form(made.id) == form


@pytest.mark.parametrize("number", [1, 3])
def test_two_changes_of_one_index_cannot_have_one_number(store: SqlStore, number: int) -> None:
    """Should the lock ever fail, the constraint holds."""
    issuer = add_issuer(store)
    made = make_list(store, issuer, SUSPENSION)
    place = Place(made.id, 3)
    record(store, issuer, change(place, StatusAction.SUSPEND, number))

    with pytest.raises(Exception, match=r"(?i)unique"):
        record(store, issuer, change(place, StatusAction.REINSTATE, number))

    with store.reading() as uow:
        assert list(uow.status_lists.bits(made.id).indexes()) == [3], to_hex(made.list_id)
