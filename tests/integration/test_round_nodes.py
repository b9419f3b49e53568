"""Rounds that look at the ledger through two nodes, one of which may be silent, behind, on a fork, or lying."""

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from anchoring.core.batch import Anchor, BatchState, SubmissionState
from anchoring.core.status_version import VersionState
from anchoring.errors import LedgerRejected
from anchoring.ports.ledger import Receipt
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Address, TxHash, to_hex
from tests.factories import make_digest
from tests.fake_chain import ANOTHER, FakeChain
from tests.fakes import FakeLedger
from tests.installation import Installation
from tests.world import rows

FINAL, CONFIRMED, SUBMITTED, SEALED = BatchState.FINAL, BatchState.CONFIRMED, BatchState.SUBMITTED, BatchState.SEALED


class TwoNodes(Installation):
    """`second`: the further node, at first on the same chain and in step."""

    def __init__(self, store: SqlStore) -> None:
        super().__init__(store)
        self.second = FakeLedger(self.chain)
        self.second.node = "second:8545"
        self.ledger.further = [self.second]

    def fork_second(self, depth: int) -> None:
        """The second node goes on where it is; the newest blocks of the first one are replaced by others."""
        apart = FakeChain()
        apart.blocks = list(self.chain.blocks)
        self.second.chain = apart
        self.chain.reorg(depth)

    def looks(self, times: int = 1) -> list[str]:
        """So many short rounds, a block between them; the sentences they recorded."""
        for _ in range(times):
            self.clock.advance(20)
            self.make_round(rules=replace(self.rules, follow_s=0)).run()
            self.chain.mine()
        return [row.detail for row in rows(self.store, tables.round_record) if row.detail]


def another_chain() -> FakeChain:
    """Other blocks than any chain here has, from the first on."""
    chain = FakeChain()
    chain.mine()
    chain.reorg(1)
    chain.mine(50)
    return chain


@pytest.fixture
def here(store: SqlStore) -> TwoNodes:
    return TwoNodes(store)


# Final.


def test_second_node_that_agrees_makes_it_final(here):
    here.post(5)
    here.round()
    assert here.states() == [FINAL, FINAL]
    assert [row.detail for row in rows(here.store, tables.round_record)] == [None]
    here.check()


@pytest.mark.parametrize("why", ["silent", "behind"])
def test_second_node_that_says_nothing_leaves_it_confirmed(here, why):
    here.post()
    here.second.is_silent = why == "silent"
    for _ in range(6):  # four would make it final
        here.second.lag = len(here.chain.blocks) - 1 if why == "behind" else 0
        assert here.looks() == []
    assert here.states() == [CONFIRMED]
    here.second.is_silent, here.second.lag = False, 0
    here.rest()
    assert here.states() == [FINAL]
    here.check()


def test_one_of_three_may_be_silent(here):
    third = FakeLedger(here.chain)
    here.ledger.further.append(third)
    here.second.is_silent = True
    here.post()
    here.round()
    assert here.states() == [FINAL]
    here.check()


def test_one_that_contradicts_outweighs_one_that_agrees(here):
    here.ledger.further.append(FakeLedger(here.chain))
    here.post()
    here.looks(2)
    here.second.chain = another_chain()
    here.looks(3)
    assert here.states() == [CONFIRMED]


class Forger(FakeLedger):
    """Shows everything as it is, and the anchors of our transactions otherwise."""

    def __init__(self, chain: FakeChain, **changes: Any) -> None:
        super().__init__(chain)
        self.node = "second:8545"
        self._changes = changes

    def receipt(self, tx_hash: TxHash) -> Receipt | None:
        receipt = super().receipt(tx_hash)
        return receipt and replace(receipt, anchors=tuple(replace(anchor, **self._changes) for anchor in receipt.anchors))


@pytest.mark.parametrize("changes", [{"sequence": 9}, {"leaf_count": 7}, {"anchored_by": ANOTHER}])
def test_second_node_with_another_event_contradicts(here, changes):
    here.ledger.further = [Forger(here.chain, **changes)]
    here.post()
    details = here.looks(4)
    assert here.states() == [CONFIRMED]
    assert "node second:8545 does not show transaction 0x" in details[-1]
    assert details[-1].endswith("in block 1, against node first:8545")


def test_second_node_with_another_block_contradicts(here):
    here.post()
    here.second.chain = another_chain()
    with capture_logs() as logs:
        details = here.looks(5)
    assert here.states() == [CONFIRMED]
    assert details[-1].startswith("node second:8545 shows block 0x")
    assert details[-1].endswith(", against node first:8545")
    assert {log["detail"] for log in logs if log["event"] == "node.contradicted" and log["log_level"] == "error"} == {details[-1]}
    here.second.chain = here.chain
    here.rest()
    assert here.states() == [FINAL]
    here.check()


def test_contradiction_is_logged_once_a_round(here):
    here.ledger.further = [Forger(here.chain, sequence=9)]
    here.post()
    with capture_logs() as logs:
        here.round()
    assert len([log for log in logs if log["event"] == "node.contradicted"]) == 1
    (record,) = rows(here.store, tables.round_record)
    assert (record.result, "second:8545" in record.detail) == ("done", True)


def test_receipts_that_are_not_known_yet_are_silence(here):
    class KnowsNoReceipts(FakeLedger):
        def receipt(self, tx_hash: TxHash) -> Receipt | None:
            return None

    here.ledger.further = [KnowsNoReceipts(here.chain)]
    here.post()
    assert here.looks(6) == []
    assert here.states() == [CONFIRMED]


# Gone.


@pytest.mark.parametrize("state", [CONFIRMED, FINAL])
def test_block_that_the_second_node_still_shows_is_not_taken_for_gone(here, state):
    here.post()
    here.looks(2 if state is CONFIRMED else 4)
    assert here.states() == [state]
    here.fork_second(len(here.chain.blocks) - 1)
    details = here.looks(2)
    assert here.states() == [state]
    assert details[-1].startswith("node second:8545 still shows block 0x")
    here.second.chain = here.chain
    here.looks()
    assert here.states() == [SUBMITTED]
    here.rest()
    assert here.states() == [FINAL]
    here.check()


@pytest.mark.parametrize("state", [CONFIRMED, FINAL])
@pytest.mark.parametrize("second", ["agrees", "silent", "behind"])
def test_block_that_no_node_shows_is_gone(here, state, second):
    here.post()
    here.looks(2 if state is CONFIRMED else 4)
    assert here.states() == [state]
    here.second.is_silent = second == "silent"
    here.second.lag = len(here.chain.blocks) - 1 if second == "behind" else 0
    here.chain.reorg(len(here.chain.blocks) - 1)
    here.looks()
    assert here.states() == [SUBMITTED]
    here.second.is_silent, here.second.lag = False, 0
    here.rest()
    assert here.states() == [FINAL]
    here.check()


# What a node says to a broadcast.


def test_bytes_that_no_node_will_take_stop_the_round_and_stay(here):
    here.chain.refuses = "invalid chain id for signer"
    here.post()
    with pytest.raises(LedgerRejected, match=r"transaction 0x[0-9a-f]{64} will not be taken: invalid chain id for signer"):
        here.round()
    assert here.states() == [SUBMITTED]
    assert [row.last_answer for row in rows(here.store, tables.attempt)] == ["invalid chain id for signer"]
    here.chain.refuses = None
    here.rest()
    assert here.states() == [FINAL]
    assert len(rows(here.store, tables.attempt)) == 1
    here.check()


def test_key_without_funds_is_an_event_of_its_own_and_the_same_bytes_go_later(here):
    here.chain.refuses = "Insufficient funds for gas * price + value"
    here.post()
    with capture_logs() as logs:
        here.looks()
    (event,) = [log for log in logs if log["event"] == "anchor.unfunded"]
    assert (event["log_level"], event["signer"], event["answer"]) == ("error", here.ledger.signer, here.chain.refuses)
    assert here.states() == [SUBMITTED]
    here.chain.refuses = None
    here.rest()
    assert here.states() == [FINAL]
    assert here.submissions(SubmissionState.FINAL) == [0]
    assert len(rows(here.store, tables.attempt)) == 1
    here.check()


# Adoption.


def anchored_by_another(here: Installation, leaf_count: int | None) -> Anchor:
    """Somebody else anchors the first of our sealed roots, with the right number of leaves or this one."""
    (root, right), *_ = here.seal_only()
    here.chain.send_as(ANOTHER, [(root, right if leaf_count is None else leaf_count)])
    here.chain.mine()
    return here.chain.events()[0]


def test_root_with_another_leaf_count_is_not_adopted_and_holds_up_nothing_else(here):
    here.post(5)
    anchor = anchored_by_another(here, 77)
    with pytest.raises(
        LedgerRejected, match=rf"^batch 1 has 3 leaves, and {ANOTHER} anchored its root 0x{anchor.root.hex()} with 77$"
    ):
        here.round()
    assert here.states() == [SEALED, SUBMITTED]
    here.looks()  # the other batch is sent
    for _ in range(4):
        with pytest.raises(LedgerRejected, match="with 77"):
            here.looks()  # a person is needed, says each round
        here.chain.mine()
    assert here.states() == [SEALED, FINAL]
    assert here.chain.transaction_count(here.ledger.signer) == 1


def test_root_without_a_stated_leaf_count_is_adopted(here):
    here.post()
    anchored_by_another(here, 0)
    with capture_logs() as logs:
        here.round()
    assert here.states() == [FINAL]
    (event,) = [log for log in logs if log["event"] == "anchor.adopted"]
    assert event["anchored_by"] == ANOTHER
    assert here.chain.transaction_count(here.ledger.signer) == 0


# What the first node says of our nonce.


class SaysSpent(FakeLedger):
    """Shows every nonce as used, and none of our receipts."""

    def transactions_of(self, signer: Address, number: int) -> int:
        return 99

    def receipt(self, tx_hash: TxHash) -> Receipt | None:
        return None


class SaysReverted(FakeLedger):
    """Shows our transactions as failed."""

    def receipt(self, tx_hash: TxHash) -> Receipt | None:
        receipt = super().receipt(tx_hash)
        return receipt and replace(receipt, succeeded=False, anchors=())


def lie(here: TwoNodes, first: type[FakeLedger]) -> None:
    """The first node begins to lie, the second one stays honest."""
    liar = first(here.chain, here.faults)
    liar.node, liar.further = "first:8545", [here.second]
    here.ledger = liar


def test_nonce_that_only_the_first_node_shows_as_used_is_not_given_up(here):
    here.post(2)
    here.chain.is_full = True
    here.looks()
    honest = here.ledger
    lie(here, SaysSpent)
    assert "node second:8545 shows nonce 0 of" in here.looks(4)[-1]
    assert here.submissions(SubmissionState.SUBMITTED) == [0]
    here.ledger, here.chain.is_full = honest, False
    here.rest()
    assert here.chain.transaction_count(here.ledger.signer) == 1
    here.check()


def test_transaction_that_only_the_first_node_shows_as_failed_is_not_given_up(here):
    here.post(2)
    here.looks()
    honest = here.ledger
    lie(here, SaysReverted)
    assert "node second:8545 shows transaction 0x" in here.looks(4)[-1]
    assert here.submissions(SubmissionState.SUBMITTED) == [0]
    here.ledger = honest
    here.rest()
    assert here.chain.transaction_count(here.ledger.signer) == 1
    here.check()


@pytest.mark.parametrize("why", ["silent", "behind"])
def test_nonce_is_given_up_once_the_second_node_can_say_so_too(here, why):
    here.post(2)
    here.looks()
    here.chain.forget_pool()
    here.chain.reorg(1)
    here.chain.send_as(here.ledger.signer, nonce=0)
    here.chain.mine(4)
    here.second.is_silent = why == "silent"
    here.second.lag = len(here.chain.blocks) - 1 if why == "behind" else 0
    here.make_round(rules=replace(here.rules, follow_s=0)).run()
    assert here.submissions(SubmissionState.SUBMITTED) == [0]
    here.second.is_silent, here.second.lag = False, 0
    here.rest()
    assert here.submissions(SubmissionState.DISPLACED) == [0]
    here.check()


# Heads of status lists.


class HeadForger(FakeLedger):
    """Shows everything as it is, and the heads of our transactions with another digest."""

    def receipt(self, tx_hash: TxHash) -> Receipt | None:
        receipt = super().receipt(tx_hash)
        return receipt and replace(receipt, heads=tuple(replace(head, digest=make_digest(99)) for head in receipt.heads))


def test_second_node_that_shows_another_head_leaves_its_version_confirmed(here):
    here.ledger.further = [HeadForger(here.chain)]
    list_id = here.revoke()
    (told,) = set(here.looks(5))
    assert [version.state for version in here.versions()] == [VersionState.CONFIRMED]
    assert here.states() == [CONFIRMED]  # of the same transaction
    assert f"publishing version 1 of list {to_hex(list_id)} in block" in told
    here.ledger.further = [here.second]
    here.rest()
    here.check()


def test_second_node_that_knows_a_block_before_its_receipts_is_waited_for(here, monkeypatch):
    here.revoke()
    monkeypatch.setattr(here.second, "receipt", lambda _tx_hash: None)
    assert here.looks(5) == []
    assert [version.state for version in here.versions()] == [VersionState.CONFIRMED]
    monkeypatch.undo()
    here.rest()
    assert [version.state for version in here.versions()] == [VersionState.FINAL]
    here.check()


def test_block_of_a_head_that_a_second_node_still_shows_is_not_taken_for_gone(here):
    here.rules = replace(here.rules, follow_s=0)
    here.revoke()
    here.looks(2)
    here.fork_second(2)
    here.clock.advance(20)
    here.make_round().run()
    assert [version.state for version in here.versions()] == [VersionState.CONFIRMED]
