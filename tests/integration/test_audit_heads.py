"""The audit of status lists finds whatever does not agree between versions and heads, in both directions."""

import zlib
from typing import Any

import pytest
from sqlalchemy import delete, update

from anchoring.core.status import MIN_ENTRIES
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import to_hex
from anchoring.usecases.audit_heads import audit_heads
from tests.factories import make_digest
from tests.fake_chain import ANOTHER
from tests.installation import Installation, no_progress


@pytest.fixture
def here(store: SqlStore) -> Installation:
    """A list with two final versions, and one with one."""
    here = Installation(store)
    for numbers in ((0, 1), (0,)):
        for number in numbers:
            here.revoke(number)
        here.rest()
    return here


def audited(here: Installation) -> dict[str, tuple[str, ...]]:
    """What is wrong, by what was compared; every finding says what to do."""
    found = audit_heads(here.store, here.ledger, first_block=0, progress=no_progress)
    assert all(one.advice for one in found)
    return {one.what: one.faults for one in found if not one.is_right}


def change_version(here: Installation, version: int, **values: Any) -> None:
    with here.store._engine.begin() as connection:
        connection.execute(update(tables.status_version).where(tables.status_version.c.version == version).values(**values))


def test_nothing_is_found_where_all_is_well(here):
    assert audited(here) == {}


def test_version_with_other_bits_than_its_digest_is_found(here):
    list_id = here.versions()[-1].list_id
    change_version(here, 2, compressed_bits=zlib.compress(bytes(MIN_ENTRIES // 8)))
    (fault,) = audited(here)["status versions"]
    assert fault == f"version 2 of list {to_hex(list_id)} does not have the bits that its digest stands for"


def test_head_that_is_not_known_here_is_found_until_it_is_given_up(here):
    list_id = here.versions()[-1].list_id
    here.chain.send_as(ANOTHER, [(list_id, 3, make_digest(99))])
    here.chain.mine()
    (fault,) = audited(here)["status heads"]
    assert fault.startswith(f"version 3 of list {to_hex(list_id)} in block ")
    with here.store.writing() as uow:
        uow.status_versions.accept(list_id, 3)
        uow.commit()
    assert audited(here) == {}


def test_version_that_is_final_and_not_on_the_ledger_is_found(here):
    here.chain.reorg(here.chain.blocks[-1].place.number - here.chain.head_events()[-1].block.number + 1)
    list_id = here.versions()[-1].list_id
    assert audited(here) == {"published versions": (f"version 2 of list {to_hex(list_id)} is final here and not on the ledger",)}


def test_version_that_is_recorded_elsewhere_or_nowhere_is_found(here):
    change_version(here, 2, tx_hash=make_digest(1))
    (fault,) = audited(here)["places of heads"]
    assert "is recorded in block" in fault
    change_version(here, 2, state="superseded", block_hash=None, block_number=None)
    (fault,) = audited(here)["places of heads"]
    assert fault.endswith("and superseded here")


def test_version_that_is_lost_here_is_found(here):
    with here.store._engine.begin() as connection:
        lost = tables.status_version.c.version == 2
        ids = [row.id for row in connection.execute(tables.status_version.select().where(lost))]
        connection.execute(delete(tables.submission_head).where(tables.submission_head.c.status_version_id.in_(ids)))
        connection.execute(delete(tables.status_version).where(lost))
    assert len(audited(here)["status heads"]) == 1
