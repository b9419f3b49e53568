"""Status lists in rounds, on both databases: each change is on the ledger with the round's one transaction, whatever happens to it."""

from dataclasses import replace

import pytest

from anchoring.core.audit_log import digests_detail
from anchoring.core.batch import BatchState, SubmissionState
from anchoring.core.status import StatusBits, head_digest
from anchoring.core.status_version import VersionState
from anchoring.errors import LedgerRejected, LedgerUnavailable
from anchoring.ports.audit_log import Wanted
from anchoring.ports.ledger import Receipt
from anchoring.ports.status_versions import ChangeOfList
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import ListId, TxHash, to_hex
from anchoring.usecases.report_figures import Figures, Tally, report_figures
from tests.factories import make_digest
from tests.fake_chain import ANOTHER, OURS
from tests.fakes import FakeLedger
from tests.faults import Fault
from tests.injections import injected
from tests.installation import LEASE_S, RULES, Installation, with_finality
from tests.world import rows

PREPARED, SUBMITTED, CONFIRMED, FINAL, SUPERSEDED = VersionState
IMPATIENT = replace(RULES, follow_s=0)


@pytest.fixture
def here(store: SqlStore) -> Installation:
    return Installation(store)


def states(here: Installation) -> list[tuple[int, VersionState]]:
    return [(version.version, version.state) for version in here.versions()]


def bits_of(here: Installation, list_id: ListId) -> StatusBits:
    with here.store.reading() as uow:
        listed = uow.status_versions.current(list_id)
    assert listed is not None
    return listed.bits


def published(here: Installation) -> list[tuple[ListId, int]]:
    return [(head.list_id, head.version) for head in here.chain.head_events()]


# What a round does.


def test_change_is_on_the_ledger_after_one_round_in_one_transaction_with_the_roots(here):
    here.post()
    list_id = here.revoke()
    report = here.round()
    (event,) = here.chain.head_events()
    assert (event.list_id, event.version) == (list_id, 1)
    assert event.digest == head_digest(list_id, 1, bits_of(here, list_id))
    assert report.followed.is_settled
    assert here.chain.transaction_count(OURS) == 1
    assert {anchor.transaction for anchor in here.chain.events()} == {event.transaction}
    assert states(here) == [(1, FINAL)]
    here.check()


def test_digest_of_a_version_is_a_leaf_of_the_lists_issuer(here):
    here.revoke()
    here.round()
    (version,) = here.versions()
    with here.store.reading() as uow:
        (entry,) = uow.entries.of_digest(version.digest)
        batch = uow.batches.of_entry(entry.id)
    assert entry.issuer == here._issuer.did
    assert entry.canonicalization is None
    assert batch is not None
    assert batch.state is BatchState.FINAL


def test_digest_of_a_version_is_recorded_as_posted_by_the_round_in_the_name_of_the_lists_issuer(here):
    here.revoke()
    for _ in range(2):
        here.round()
    (version,) = here.versions()
    with here.store.reading() as uow:
        found = uow.audit_log.find(Wanted(actor="round", action="digests.posted"), 0, 9)
        (entry,) = uow.entries.of_digest(version.digest)
    [(record, source)] = [(one.record, one.source) for one in found]
    assert (record.issuer, source) == (entry.issuer, RULES.submission.host)
    assert record.detail == digests_detail(entry.salt, version.digest)


def test_any_number_of_changes_is_one_version(here):
    here.revoke(indexes=500)
    here.revoke()
    here.round()
    assert states(here) == [(1, FINAL)]
    assert here.versions()[0].change_count == 501
    here.check()


def test_nothing_changed_makes_no_version_and_no_transaction(here):
    here.revoke()
    here.round()
    here.faults.restart()
    for _ in range(3):
        assert here.round().submitted is False
    assert states(here) == [(1, FINAL)]
    assert here.chain.transaction_count(OURS) == 1
    assert "status_head" not in here.faults.trace
    here.check()


def test_versions_of_a_list_follow_each_other(here):
    for _ in range(3):
        here.revoke()
        here.round()
    assert states(here) == [(1, FINAL), (2, FINAL), (3, FINAL)]
    here.check()


def test_newest_version_of_several_lists_and_the_first_that_shows_each_change(here):
    one, other, never = here.revoke(0, indexes=2), here.revoke(1), ListId(bytes(32))
    here.round()
    assert here.revoke(0) == one
    here.round()
    waiting = here.revoke(2)
    asked = [ChangeOfList(*of) for of in ((one, 1), (one, 2), (one, 3), (other, 1), (one, 4), (waiting, 1), (never, 1))]

    with here.store.reading() as uow:
        newest = uow.status_versions.newest_published_of([other, one, waiting, never, one])
        first = uow.status_versions.first_showing([*reversed(asked), asked[0]])
        nothing = uow.status_versions.newest_published_of([]), uow.status_versions.first_showing([])

    assert {of: version.version for of, version in newest.items()} == {one: 2, other: 1}
    assert {of: version.version for of, version in first.items()} == dict(zip(asked[:4], [1, 1, 2, 1], strict=True))
    assert nothing == ({}, {})


def test_lists_beyond_the_limit_go_with_the_next_round_the_longest_waiting_first(here):
    here.rules = replace(RULES, submission=replace(RULES.submission, max_heads=2))
    lists = [here.revoke(number) for number in range(5)]
    here.round()
    here.revoke(0)
    here.round()
    here.round()
    assert published(here) == [(lists[0], 1), (lists[1], 1), (lists[2], 1), (lists[3], 1), (lists[4], 1), (lists[0], 2)]
    here.rest()
    here.check()


def test_head_goes_without_a_batch_where_another_anchored_the_only_one(here):
    here.revoke()
    here.faults.arm("find_anchor", Fault.FAILS_BEFORE)
    here.fails()
    here.faults.restart()
    (batch,) = rows(here.store, tables.batch)
    here.chain.send_as(ANOTHER, [(batch.root, batch.leaf_count)])
    here.chain.mine()
    here.rest()
    (submission,) = rows(here.store, tables.submission)
    assert rows(here.store, tables.submission_item) == []
    assert submission.state == SubmissionState.FINAL
    here.check()


def test_version_that_was_not_sent_gives_way_to_the_newest_content(here):
    here.rules = IMPATIENT
    here.post()
    here.round()  # on its way
    here.revoke()
    here.round()
    assert states(here) == [(1, PREPARED)]
    first = here.versions()[0]
    here.revoke()
    here.round()
    (second,) = here.versions()
    assert (second.version, second.state, second.change_count) == (1, PREPARED, 2)
    assert second.digest != first.digest
    here.rules = RULES
    here.rest()
    assert states(here) == [(1, FINAL)]
    here.check()


def test_version_that_was_not_sent_and_is_still_right_stays(here):
    here.rules = IMPATIENT
    here.post()
    here.round()
    here.revoke()
    here.round()
    (prepared,) = here.versions()
    here.round()
    assert here.versions() == [prepared]


def test_no_further_version_while_one_is_on_its_way(here):
    here.rules = IMPATIENT
    here.revoke()
    here.round()
    here.revoke()
    here.round()
    assert states(here) == [(1, SUBMITTED)]
    here.rules = RULES
    here.rest()
    assert states(here) == [(1, FINAL), (2, FINAL)]
    here.check()


def test_silent_node_makes_no_version_and_sealing_goes_on(here):
    here.post()
    here.revoke()
    here.seal_only()
    assert here.states() == [BatchState.SEALED]
    assert here.versions() == []
    here.rest()
    here.check()


@pytest.mark.parametrize("call", ["status_head", "find_head"])
def test_node_that_falls_silent_in_between_does_not_stop_sealing(here, call):
    here.post()
    list_id = here.revoke()
    if call == "find_head":
        published_by_hand(here, list_id)
    here.faults.arm(call, Fault.FAILS_BEFORE)
    with pytest.raises(LedgerUnavailable):
        here.round()
    assert here.has_failed
    assert here.states()[0] is BatchState.SEALED
    here.rest()
    here.check()


def test_version_waits_for_the_depth_the_rule_asks_for(here):
    here.rules = with_finality(IMPATIENT, 3)
    here.revoke()
    here.round()
    for expected in (CONFIRMED, CONFIRMED, CONFIRMED, FINAL):
        here.chain.mine()
        here.round()
        assert states(here) == [(1, expected)]


def test_success_without_the_event_of_the_head_is_no_publication(here):
    here.revoke()
    here.chain.is_silent = True
    with pytest.raises(LedgerRejected, match="shows no"):
        here.round()
    assert states(here) == [(1, SUBMITTED)]


class HeadsKeptBack(FakeLedger):
    """A node that shows anchors, and no heads of lists."""

    def receipt(self, tx_hash: TxHash) -> Receipt | None:
        receipt = super().receipt(tx_hash)
        return receipt and replace(receipt, heads=())


def test_anchor_without_the_event_of_the_head_is_no_publication(here):
    list_id = here.revoke()
    here.ledger = HeadsKeptBack(here.chain, here.faults)
    with pytest.raises(LedgerRejected, match=f"shows no version 1 of list {to_hex(list_id)}"):
        here.round()
    assert states(here) == [(1, SUBMITTED)]


def test_version_whose_event_is_not_shown_any_more_does_not_become_final(here):
    here.rules = with_finality(IMPATIENT, 3)
    here.revoke()
    here.round()
    here.chain.mine()
    here.round()
    here.ledger = HeadsKeptBack(here.chain, here.faults)
    here.chain.mine(5)
    here.round()
    assert states(here) == [(1, CONFIRMED)]
    assert "its transaction does not show it" in rows(here.store, tables.round_record)[-1].detail


# Reorgs.


@pytest.mark.parametrize("to_pool", [True, False])
def test_reorg_opens_what_was_confirmed_and_the_same_bytes_go_again(here, to_pool):
    here.rules = with_finality(IMPATIENT, 5)
    here.revoke()
    here.round()
    here.chain.mine()
    here.round()
    assert states(here) == [(1, CONFIRMED)]
    here.chain.reorg(1, to_pool=to_pool)
    here.round()
    assert states(here)[0][1] in {SUBMITTED, CONFIRMED}
    here.rules = RULES
    here.rest()
    assert len(rows(here.store, tables.attempt)) == 1
    here.check()


def test_final_versions_whose_blocks_are_gone_are_withdrawn_in_order(here):
    for _ in range(2):
        here.revoke()
        here.rest()
    first = here.chain.head_events()[0].block.number
    here.chain.reorg(here.chain.blocks[-1].place.number - first + 1)
    here.rules = IMPATIENT
    here.clock.advance(LEASE_S)
    here.round()
    assert states(here) == [(1, SUBMITTED), (2, SUBMITTED)]
    here.rules = RULES
    here.rest()
    assert states(here) == [(1, FINAL), (2, FINAL)]
    here.check()


def test_change_after_a_reorg_waits_for_the_version_that_comes_again(here):
    here.rules = with_finality(IMPATIENT, 5)
    here.revoke()
    here.round()
    here.chain.mine()
    here.round()
    here.chain.reorg(1)
    here.revoke()
    here.rules = RULES
    here.rest()
    assert states(here) == [(1, FINAL), (2, FINAL)]
    here.check()


# Dead ends.


def stranger_takes_the_nonce(here: Installation) -> None:
    here.chain.forget_pool()
    here.chain.send_as(OURS)
    here.chain.mine()


def call_reverts(here: Installation) -> None:
    here.chain.reverts = "OutOfGas()"
    here.chain.mine()
    here.chain.reverts = None


@pytest.mark.parametrize("dies", [stranger_takes_the_nonce, call_reverts])
@pytest.mark.parametrize("changes", [0, 1])
def test_version_of_a_dead_submission_goes_again_with_the_newest_content(here, dies, changes):
    here.rules = IMPATIENT
    here.revoke()
    here.round()
    dies(here)
    for _ in range(changes):
        here.revoke()
    here.rules = RULES
    here.rest()
    assert states(here)[-1] == (1, FINAL)
    assert here.versions()[-1].change_count == 1 + changes
    assert [state for _, state in states(here)[:-1]] == [SUPERSEDED] * changes
    here.check()


def test_bytes_of_a_dead_submission_that_are_mined_after_all_are_adopted(here):
    """A reorg takes away the stranger's transaction, and with it the reason why the version was given up."""
    here.rules = with_finality(IMPATIENT, 2)
    here.revoke()
    here.round()
    stranger_takes_the_nonce(here)
    here.chain.mine(3)
    here.revoke()
    here.round()
    assert here.submissions(SubmissionState.DISPLACED) == [0]
    here.clock.advance(LEASE_S)
    here.round()
    here.chain.reorg(here.chain.blocks[-1].place.number)
    for _ in range(12):
        here.clock.advance(LEASE_S)
        here.round()
        here.chain.mine()
    here.rules = with_finality(RULES, 2)
    here.rest()
    assert states(here)[-1][1] is FINAL
    assert len({digest for _, digest in published(here)}) == len(here.chain.head_events())
    assert not rows_overtaken(here)


def rows_overtaken(here: Installation) -> list[ListId]:
    with here.store.reading() as uow:
        return [one.list_id for one in uow.status_versions.overtaken()]


# L32: somebody else publishes.


def published_by_hand(here: Installation, list_id: ListId, *, sender=ANOTHER) -> None:
    """The version that the last round prepared and could not send."""
    here.faults.arm("transaction_count", Fault.FAILS_BEFORE)
    here.fails()
    here.faults.restart()
    (version,) = [one for one in here.versions(list_id) if one.state is PREPARED]
    injected()
    here.chain.send_as(sender, [(list_id, version.version, version.digest)])
    here.chain.mine()


def test_version_that_stands_already_is_adopted(here):
    list_id = here.revoke()
    published_by_hand(here, list_id)
    here.rest()
    assert states(here) == [(1, FINAL)]
    assert here.versions()[0].head == here.chain.head_events()[0]
    here.revoke()
    here.rest()
    assert states(here) == [(1, FINAL), (2, FINAL)]
    here.check()


def test_version_published_between_signing_and_mining_is_adopted_after_the_revert(here):
    here.post()
    here.rules = IMPATIENT
    list_id = here.revoke()
    here.round()
    (version,) = here.versions()
    here.chain.send_as(ANOTHER, [(list_id, version.version, version.digest)])
    pool = here.chain._pool
    here.chain._pool = {key: sent for key, sent in pool.items() if key[0] == ANOTHER}
    here.chain.mine()
    here.chain._pool = {key: sent for key, sent in pool.items() if key[0] == OURS}
    here.rules = RULES
    here.rest()
    assert states(here) == [(1, FINAL)]
    assert here.chain.transaction_count(OURS) == 2  # the one that reverted, and one for the roots
    here.check()


@pytest.fixture
def overtaken(here: Installation) -> ListId:
    """A list whose next version somebody published with content that is not ours."""
    list_id = here.revoke()
    here.rest()
    here.chain.send_as(ANOTHER, [(list_id, 2, make_digest(99))])
    here.chain.mine()
    here.revoke()
    return list_id


def test_foreign_version_is_not_overwritten_and_holds_up_nothing_else(here, overtaken):
    other = here.revoke(1)
    here.post()
    report = here.round()
    assert report.followed.is_settled
    assert published(here) == [(overtaken, 1), (overtaken, 2), (other, 1)]
    assert rows_overtaken(here) == [overtaken]
    recorded = rows(here.store, tables.round_record)[-1]
    assert "the ledger holds version 2 of list 0x" in recorded.detail
    before = here.chain.transaction_count(OURS)
    for _ in range(3):
        here.round()
    assert here.chain.transaction_count(OURS) == before
    here.check()


def test_foreign_version_is_published_over_once_a_person_has_said_so(here, overtaken):
    here.round()
    with here.store.writing() as uow:
        uow.status_versions.accept(overtaken, 2)
        uow.commit()
    here.rest()
    assert published(here) == [(overtaken, 1), (overtaken, 2), (overtaken, 3)]
    assert rows_overtaken(here) == []
    here.revoke()
    here.rest()
    assert published(here)[-1] == (overtaken, 4)
    here.check()


def test_foreign_version_that_a_reorg_takes_away_is_forgotten(here, overtaken):
    here.round()
    assert rows_overtaken(here) == [overtaken]
    here.chain.reorg(here.chain.blocks[-1].place.number - here.chain.head_events()[1].block.number + 1)
    here.rest()
    assert rows_overtaken(here) == []
    here.check()


def test_what_a_person_accepted_does_not_cover_a_later_foreign_version(here, overtaken):
    here.round()
    with here.store.writing() as uow:
        uow.status_versions.accept(overtaken, 2)
        uow.commit()
    here.chain.send_as(ANOTHER, [(overtaken, 3, make_digest(98))])
    here.chain.mine()
    here.round()
    assert rows_overtaken(here) == [overtaken]
    assert published(here)[-1] == (overtaken, 3)


def test_node_that_is_behind_makes_no_version_of_a_number_that_is_taken(here):
    here.revoke()
    here.rest()
    here.revoke()
    here.ledger.lag = len(here.chain.blocks) - here.chain.head_events()[0].block.number
    here.round()
    assert states(here) == [(1, FINAL)]
    here.ledger.lag = 0
    here.rest()
    assert states(here) == [(1, FINAL), (2, FINAL)]
    here.check()


# What operators see.


def figures(here: Installation) -> Figures:
    with here.store.reading() as uow:
        return report_figures(uow, Tally(), here.clock.now())[0]


def test_oldest_change_is_open_until_a_final_version_shows_it(here):
    assert figures(here).oldest_open_change is None
    here.rules = with_finality(IMPATIENT, 5)
    changed_at = here.clock.now()
    here.revoke()
    here.clock.advance(100)
    here.revoke()
    here.revoke(1)
    assert figures(here).oldest_open_change == changed_at
    here.round()
    assert figures(here).status_versions == {"submitted": 2}
    later = here.clock.now()
    here.revoke()
    here.chain.mine()
    here.round()
    assert figures(here).status_versions == {"confirmed": 2}
    assert figures(here).oldest_open_change == changed_at
    here.chain.mine(5)
    here.round()
    assert figures(here).oldest_open_change == later
    here.rules = RULES
    here.rest()
    assert figures(here).oldest_open_change is None


def test_overtaken_lists_are_counted(here, overtaken):
    here.round()
    assert figures(here).overtaken_lists == 1
    with here.store.writing() as uow:
        uow.status_versions.accept(overtaken, 2)
        uow.commit()
    assert figures(here).overtaken_lists == 0
