"""Whatever is changed in whatever order, the bits of a list are those that a simple model has, now and as of any time before."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchoring.core.status import MIN_ENTRIES, StatusPurpose, head_digest
from anchoring.core.status_change import StatusAction
from anchoring.ports.status_lists import NewChange, Place, SignedBy
from anchoring.store.engine import make_engine
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.check_status_lists import check_status_lists
from tests.factories import NOON, add_issuer
from tests.installation import no_progress

INDEXES = st.sampled_from([0, 1, 7, 8, 9, 65_535, MIN_ENTRIES - 1])
STEPS = st.lists(
    st.tuples(st.lists(st.tuples(INDEXES, st.booleans()), min_size=1, max_size=8), st.booleans()), min_size=1, max_size=8
)
"""Each step: the changes of one request, and whether a version of the list is made after it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    engine = make_engine(f"sqlite:///{tmp_path_factory.mktemp('lists') / 'store.db'}", pool_size=5, busy_timeout_s=10)
    migrate(engine)
    opened = SqlStore(engine)
    add_issuer(opened)
    yield opened
    engine.dispose()


def change(place: Place, number: int, *, is_set: bool) -> NewChange:
    return NewChange(
        entry_id=None,
        place=place,
        purpose=StatusPurpose.SUSPENSION,
        action=StatusAction.SUSPEND if is_set else StatusAction.REINSTATE,
        number=number,
        reason=None,
        explanation=None,
        effective_at=NOON,
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_bits_are_the_fold_of_the_changes(store: SqlStore, steps: list[tuple[list[tuple[int, bool]], bool]]) -> None:
    with store.writing() as uow:
        [issuer] = uow.issuers.all()
        made = uow.status_lists.create(issuer, StatusPurpose.SUSPENSION, MIN_ENTRIES, SignedBy.SERVICE, NOON)
        uow.commit()
    numbers: dict[int, int] = {}
    model: list[frozenset[int]] = [frozenset()]  # the indexes that are set, after so many changes
    counts = []
    for step, (requested, has_version) in enumerate(steps):
        changes = []
        for index, is_set in requested:
            numbers[index] = numbers.get(index, 0) + 1
            changes.append(change(Place(made.id, index), numbers[index], is_set=is_set))
            model.append(model[-1] | {index} if is_set else model[-1] - {index})
        with store.writing() as uow:
            uow.status_lists.lock_issuer(issuer.id)
            uow.status_changes.record(issuer, changes, NOON + timedelta(minutes=step + 1), "tests")
            uow.commit()
        counts.append(len(model) - 1)
        if has_version:
            with store.writing() as uow:
                of = uow.status_versions.current(made.list_id)
                assert of is not None
                uow.status_versions.prepare(of, step + 1, head_digest(made.list_id, step + 1, of.bits), NOON)
                uow.commit()
    with store.reading() as uow:
        assert frozenset(uow.status_lists.bits(made.id).indexes()) == model[-1]
        for count, expected in enumerate(model):
            assert frozenset(uow.status_changes.bits_after(made.id, count).indexes()) == expected
        for step, count in enumerate(counts):
            assert uow.status_changes.count_at(made.id, NOON + timedelta(minutes=step + 1, seconds=1)) == count
        for version, bits in uow.status_versions.of_list(made.id):
            assert frozenset(bits.indexes()) == model[version.change_count]
    assert [one for one in check_status_lists(store, progress=no_progress) if not one.is_right] == []
