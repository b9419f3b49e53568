"""What proves anchors without a node, kept by rounds: on both databases, against a ledger in memory."""

import pytest
from sqlalchemy import select, text

from anchoring.core.batch import Anchor, Batch, BatchState
from anchoring.core.bundle import Bundle
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.keep_bundles import FAILURES_A_ROUND
from tests.fakes import fake_bundle
from tests.faults import Fault
from tests.installation import RULES, Installation, with_finality
from tests.world import rows


@pytest.fixture
def here(store: SqlStore) -> Installation:
    return Installation(store)


def kept(here: Installation) -> list[tuple[Batch, Anchor, Bundle | None]]:
    """Every anchored batch, oldest first, with its bundle."""
    with here.store.reading() as uow:
        batches = uow.batches.in_state("confirmed", "final", limit=1000)
        return [(one, one.anchor, uow.bundles.of(one.anchor.root, one.anchor.block.hash)) for one in batches if one.anchor]


def asked(here: Installation) -> int:
    return here.faults.trace.count("bundle")


def test_round_keeps_the_bundle_of_every_batch_it_anchors(here):
    here.post(8)
    here.round()
    found = kept(here)
    assert len(found) == 3
    for _, anchor, bundle in found:
        assert bundle == fake_bundle(anchor)
    before = asked(here)
    here.round()
    assert asked(here) == before == 3


def test_bundle_is_taken_when_the_anchor_is_confirmed_and_not_later(here):
    here.rules = with_finality(RULES, 1000)
    here.post()
    here.round()
    assert here.states() == [BatchState.CONFIRMED]
    [(_, _, bundle)] = kept(here)
    assert bundle is not None


def test_node_that_fails_at_that_moment_does_not_stop_the_round(here):
    here.post()
    here.faults.arm("bundle", Fault.FAILS_BEFORE)
    report = here.round()
    assert here.has_failed
    assert report.followed.is_settled
    assert (here.states(), kept(here)[0][2]) == ([BatchState.FINAL], None)
    assert asked(here) == 1, "the round that failed asks no more"
    here.faults.restart()
    here.round()
    assert kept(here)[0][2] is not None


def test_node_that_gives_no_bundles_is_asked_a_few_times_a_round(here):
    here.ledger.lacks_bundles = True
    here.post(3 * (FAILURES_A_ROUND + 2))
    here.round()
    assert asked(here) == FAILURES_A_ROUND
    here.ledger.lacks_bundles = False
    here.round()
    assert all(bundle for _, _, bundle in kept(here))


def test_node_without_proofs_of_storage_gives_the_receipt_alone(here):
    here.ledger.proves_storage = False
    here.post()
    here.round()
    [(_, _, bundle)] = kept(here)
    assert bundle is not None
    assert bundle.state is None


def test_bundle_of_a_block_that_a_reorg_took_is_replaced(here):
    here.rules = with_finality(RULES, 1000)
    here.post()
    here.round()
    [(_, before, _)] = kept(here)
    here.chain.reorg(len(here.chain.blocks) - before.block.number)
    here.round()
    [(_, after, bundle)] = kept(here)
    assert after.block.hash != before.block.hash
    assert bundle is not None
    assert bundle.header == after.block.hash
    assert len(rows(here.store, tables.anchor_bundle)) == 1
    with here.store.reading() as uow:
        assert uow.bundles.of(after.root, before.block.hash) is None


def test_bundle_fetched_of_a_block_that_goes_meanwhile_is_not_kept(here):
    here.rules = with_finality(RULES, 1000)
    here.post()
    here.faults.arm("bundle", Fault.FAILS_BEFORE)
    here.round()
    here.faults.restart()
    [(batch, anchor, _)] = kept(here)
    bundle = here.ledger.bundle(anchor)
    with here.store.writing() as uow:
        assert uow.batches.withdraw(batch.id, anchor.block, "reorg", here.clock.now())
        assert not uow.bundles.keep(batch.id, anchor.block, bundle)
        uow.commit()
    assert rows(here.store, tables.anchor_bundle) == []


def test_what_lacks_a_bundle_is_found_by_an_index_and_not_by_looking_at_every_batch(store):
    looked = select(tables.batch.c.id).where(tables.LACKING_BUNDLE).order_by(tables.batch.c.id.desc()).limit(100)
    with store._engine.connect() as connection:
        is_postgresql = connection.dialect.name == "postgresql"
        if is_postgresql:
            connection.execute(text("SET LOCAL enable_seqscan = off"))  # of a small table all is read at once
        words = "EXPLAIN" if is_postgresql else "EXPLAIN QUERY PLAN"
        plan = connection.execute(text(f"{words} {looked.compile(connection, compile_kwargs={'literal_binds': True})}")).all()
    assert "ix_batch_lacking_bundle" in str(plan)


def test_round_killed_before_or_after_keeping_a_bundle_goes_on(here):
    here.post()
    here.faults.arm("bundle", Fault.KILLED_AFTER)
    here.fails()
    here.rest()
    assert kept(here)[0][2] is not None
    here.check()
