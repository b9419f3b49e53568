"""The audit finds whatever does not agree between batches and anchors, in both directions, and nothing where all is well."""

from typing import Any

import pytest
from sqlalchemy import update

from anchoring.errors import LedgerUnavailable, Misconfigured, StateCorrupt
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import CodeHash, as_root, to_hex
from anchoring.usecases.audit_ledger import audit_ledger
from tests.fake_chain import ANOTHER, OURS
from tests.faults import Fault
from tests.installation import Installation, no_progress
from tests.records import make_root


@pytest.fixture
def here(store: SqlStore) -> Installation:
    """Three final batches."""
    here = Installation(store)
    here.post(8)
    here.rest()
    here.chain.mine()
    return here


def audited(here: Installation, first_block: int = 0) -> dict[str, tuple[str, ...]]:
    """What is wrong, by what was compared; every finding says what to do."""
    found = audit_ledger(here.store, here.ledger, first_block=first_block, progress=no_progress)
    assert all(one.advice for one in found)
    return {one.what: one.faults for one in found if not one.is_right}


def place(here: Installation) -> int:
    """Block of the newest anchor."""
    return here.chain.events()[-1].block.number


def test_all_is_well(here):
    assert audited(here) == {}


def test_all_is_well_where_nothing_was_done(store):
    assert audited(Installation(store)) == {}


def test_anchor_of_no_batch_is_found_until_it_is_accepted(here):
    root = as_root(make_root(1))
    here.chain.send_as(OURS, [(root, 5)])
    here.chain.mine()
    expected = {"anchors": (f"anchor 4 in block {place(here)}, root {to_hex(root)}, belongs to no batch here",)}
    assert audited(here) == expected
    with pytest.raises(StateCorrupt):
        here.round()
    assert audited(here) == expected
    here.make_round().reconcile(accept_loss=True)
    assert audited(here) == {}


def test_anchor_of_another_key_is_recorded_by_the_next_round(here):
    here.chain.send_as(ANOTHER, [(as_root(make_root(1)), 5)])
    here.chain.mine()
    assert set(audited(here)) == {"anchors"}
    here.round()
    assert audited(here) == {}


def test_anchor_that_rounds_have_not_seen_yet(here):
    here.post(1)
    sealed = here.seal_only()
    here.chain.send_as(ANOTHER, sealed)
    here.chain.mine()
    assert audited(here) == {"places": (f"anchor 4 in block {place(here)} is that of batch 4, which is sealed here",)}


def test_anchor_with_another_leaf_count(here):
    here.post(2)
    [(root, leaf_count)] = here.seal_only()
    here.chain.send_as(ANOTHER, [(root, leaf_count + 1)])
    here.chain.mine()
    found = audited(here)
    assert set(found) == {"leaf counts", "places"}
    assert found["leaf counts"] == (f"anchor 4 in block {place(here)} states 3 leaves, batch 4 has 2",)


def change(here: Installation, batch_id: int, **values: Any) -> None:
    with here.store._engine.begin() as connection:
        connection.execute(update(tables.batch).where(tables.batch.c.id == batch_id).values(**values))


def test_batch_that_names_another_anchor_than_the_ledger(here):
    change(here, 1, sequence=9)
    change(here, 2, block_number=9)
    change(here, 3, tx_hash=b"t" * 32)
    found = audited(here)
    assert set(found) == {"places"}
    assert ["is recorded as anchor" in fault for fault in found["places"]] == [True] * 3


def test_batch_that_is_final_and_not_on_the_ledger(here):
    here.chain.reorg(len(here.chain.blocks) - 1)
    assert audited(here) == {"batches": tuple(f"batch {i} is final here and not on the ledger" for i in (1, 2, 3))}


def test_events_before_the_first_block_asked_for_are_missed(here):
    found = audited(here, first_block=len(here.chain.blocks) - 1)
    assert set(found) == {"events", "batches"}
    assert found["events"] == ("the contract counts 3 anchors, its events show 0",)


def test_other_ledger_is_refused(here):
    here.chain.code_hash = CodeHash(bytes(32))
    with pytest.raises(Misconfigured, match=r"^this database belongs to eip155:31337:0x[0-9a-f]{40}; .* another contract code$"):
        audited(here)


def test_node_that_does_not_answer_is_no_finding(here):
    for effect in ("identity", "head", "anchors", "anchor_count"):
        here.faults.arm(effect, Fault.FAILS_BEFORE)
        with pytest.raises(LedgerUnavailable):
            audited(here)
    here.faults.restart()
    assert audited(here) == {}
