"""The contract of ports.Ledger: one suite for the ledger in memory and for a registry on Anvil."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from anchoring.core.batch import HeadToPublish, RootToAnchor
from anchoring.core.fees import FeePolicy
from anchoring.core.finality import BlockTag, FinalityRule
from anchoring.errors import LedgerRejected, LedgerUnavailable
from anchoring.types import Digest, ListId, Root, as_tx_hash, to_hex
from tests.factories import NOON, make_digest
from tests.networks import AnvilNetwork, FakeNetwork, Network, anvil_network, sign_anchors, sign_round


def root_of(i: int) -> Root:
    return Root(make_digest(i))


@pytest.fixture(scope="module")
def anvil_all_tests() -> Iterator[AnvilNetwork]:
    with anvil_network() as network:
        yield network


@pytest.fixture(params=["fake", "anvil"])
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    if request.param == "fake":
        yield FakeNetwork()
        return
    anvil: AnvilNetwork = request.getfixturevalue("anvil_all_tests")
    with anvil.rewound():
        yield anvil


def anchor(network: Network, *numbers: int, nonce: int = 0):
    """Roots of these numbers, with their number as leaf count, mined in one transaction of ours."""
    attempt = sign_anchors(network.ledger, [(root_of(i), i) for i in numbers], nonce)
    assert network.ledger.broadcast(attempt).words == "accepted"
    network.mine()
    return attempt


def list_of(i: int) -> ListId:
    return ListId(make_digest(100 + i))


def digest_of(i: int, version: int) -> Digest:
    return make_digest(1000 * i + version)


def publish(network: Network, *heads: tuple[int, int], nonce: int = 0, roots: tuple[int, ...] = ()):
    """Heads of these lists at these versions, and roots, mined in one transaction of ours."""
    published = [(list_of(i), version, digest_of(i, version)) for i, version in heads]
    attempt = sign_round(network.ledger, [(root_of(i), i) for i in roots], published, nonce)
    assert network.ledger.broadcast(attempt).words == "accepted"
    network.mine()
    return attempt


# Reading.


def test_identity_is_the_same_each_time(network):
    first = network.ledger.identity()
    network.mine()
    assert network.ledger.identity() == first
    assert first.registry == network.ledger.registry
    assert first.genesis_hash == network.ledger.block_hash(0)


def test_head_is_the_newest_block(network):
    before = network.ledger.head()
    network.mine(2)
    head = network.ledger.head()
    assert head.block.number == before.block.number + 2
    assert head.block.hash == network.ledger.block_hash(head.block.number)
    assert head.time.utcoffset() == timedelta(0)
    assert head.base_fee_wei == 0


def test_no_block_hash_above_the_head(network):
    assert network.ledger.block_hash(network.ledger.head().block.number + 1) is None


def test_final_height_by_depth_counts_from_the_head(network):
    network.mine(3)
    head = network.ledger.head()
    assert network.ledger.final_height(head, FinalityRule(0)) == head.block.number
    assert network.ledger.final_height(head, FinalityRule(2)) == head.block.number - 2
    assert network.ledger.final_height(head, FinalityRule(1000)) < 0


def test_final_height_by_tag_is_the_nodes(network):
    network.mine(5)
    head = network.ledger.head()
    assert network.ledger.final_height(head, FinalityRule(BlockTag.FINALIZED)) == head.block.number - 2


def test_root_that_nobody_anchored_is_not_recorded(network):
    head = network.ledger.head()
    assert network.ledger.recorded_anchor(root_of(1), head) is None
    assert network.ledger.find_anchor(root_of(1), head) is None
    assert network.ledger.anchor_count(head) == 0


def test_recorded_anchor_says_sequence_place_time_and_leaf_count(network):
    anchor(network, 5)
    anchor(network, 7, nonce=1)
    head = network.ledger.head()
    recorded = network.ledger.recorded_anchor(root_of(7), head)
    assert recorded is not None
    assert (recorded.sequence, recorded.leaf_count, recorded.block_number) == (2, 7, head.block.number)
    assert recorded.anchored_at == head.time
    assert network.ledger.anchor_count(head) == 2


def test_everything_is_asked_as_of_a_head(network):
    earlier = network.ledger.head()
    anchor(network, 5)
    assert network.ledger.recorded_anchor(root_of(5), earlier) is None
    assert network.ledger.find_anchor(root_of(5), earlier) is None
    assert network.ledger.anchor_count(earlier) == 0
    assert network.ledger.transaction_count(earlier) == 0


def test_find_anchor_shows_the_event(network):
    attempt = anchor(network, 5, 6)
    head = network.ledger.head()
    found = network.ledger.find_anchor(root_of(6), head)
    assert found is not None
    assert (found.root, found.sequence, found.leaf_count) == (root_of(6), 2, 6)
    assert (found.anchored_by, found.transaction) == (network.ledger.signer, attempt.tx_hash)
    assert (found.block, found.anchored_at) == (head.block, head.time)


def test_anchor_of_another_key_names_that_key(network):
    network.other_anchors(root_of(5), 5)
    found = network.ledger.find_anchor(root_of(5), network.ledger.head())
    assert found is not None
    assert found.anchored_by == network.other != network.ledger.signer


def test_anchors_of_a_range_of_blocks_are_shown_in_ledger_order(network):
    ledger, start = network.ledger, network.ledger.head().block.number
    anchor(network, 9, 5)
    network.mine(3)
    network.other_anchors(root_of(8), 8)
    anchor(network, 7, nonce=1)
    end = ledger.head().block.number
    found = list(ledger.anchors(start, end))
    assert [(one.root, one.sequence, one.leaf_count) for one in found] == [
        (root_of(i), n, i) for n, i in enumerate((9, 5, 8, 7), 1)
    ]
    assert found == [ledger.find_anchor(root_of(i), ledger.head()) for i in (9, 5, 8, 7)]
    assert [one.anchored_by for one in found] == [ledger.signer, ledger.signer, network.other, ledger.signer]


def test_anchors_outside_the_range_are_left_out(network):
    ledger, start = network.ledger, network.ledger.head().block.number
    for nonce, i in enumerate((5, 6, 7)):
        anchor(network, i, nonce=nonce)
    assert [one.sequence for one in ledger.anchors(start + 2, start + 2)] == [2]
    assert [one.sequence for one in ledger.anchors(start + 2, start + 3)] == [2, 3]
    assert list(ledger.anchors(0, start)) == []
    assert list(ledger.anchors(start + 3, start + 2)) == []


def test_list_that_was_never_published_has_no_head(network):
    head = network.ledger.head()
    assert network.ledger.status_head(list_of(1), head) is None
    assert network.ledger.find_head(list_of(1), head) is None


def test_status_head_is_the_newest_version_with_its_time(network):
    publish(network, (1, 1), (2, 1))
    network.mine(3)
    publish(network, (1, 2), nonce=1)
    head = network.ledger.head()
    newest, other = (network.ledger.status_head(list_of(i), head) for i in (1, 2))
    assert newest is not None
    assert (newest.version, newest.digest, newest.published_at) == (2, digest_of(1, 2), head.time)
    assert other is not None
    assert (other.version, other.digest) == (1, digest_of(2, 1))


def test_find_head_shows_the_event_of_the_newest_version(network):
    publish(network, (1, 1), (2, 1))
    network.mine(2)
    attempt = publish(network, (1, 2), nonce=1)
    published = network.ledger.head()
    network.mine(3)
    found = network.ledger.find_head(list_of(1), network.ledger.head())
    assert found is not None
    assert (found.list_id, found.version, found.digest) == (list_of(1), 2, digest_of(1, 2))
    assert (found.transaction, found.block, found.published_at) == (attempt.tx_hash, published.block, published.time)


def test_heads_are_asked_as_of_a_head(network):
    earlier = network.ledger.head()
    publish(network, (1, 1))
    assert network.ledger.status_head(list_of(1), earlier) is None
    assert network.ledger.find_head(list_of(1), earlier) is None


def test_heads_of_a_range_of_blocks_are_shown_in_ledger_order(network):
    ledger, start = network.ledger, network.ledger.head().block.number
    publish(network, (2, 1), (1, 1), roots=(5,))
    network.mine(2)
    network.other_publishes(list_of(1), 2, digest_of(1, 2))
    end = ledger.head().block.number
    found = list(ledger.heads(start, end))
    assert [(one.list_id, one.version) for one in found] == [(list_of(2), 1), (list_of(1), 1), (list_of(1), 2)]
    assert found[1:] == [found[1], ledger.find_head(list_of(1), ledger.head())]
    assert list(ledger.heads(0, start)) == list(ledger.heads(end + 1, end)) == []
    assert [one.version for one in ledger.heads(end, end)] == [2]


# Writing.


def test_calldata_is_a_function_of_the_roots(network):
    one, two = (RootToAnchor(batch_id=i, root=root_of(i), leaf_count=i) for i in (5, 6))
    assert network.ledger.calldata([one]) == network.ledger.calldata([one])
    assert len({network.ledger.calldata(roots) for roots in ([one], [two], [one, two], [two, one])}) == 4
    assert network.ledger.gas_limit([one]) < network.ledger.gas_limit([one, two])


def test_calldata_is_a_function_of_the_heads_too(network):
    ledger = network.ledger
    root = RootToAnchor(batch_id=1, root=root_of(5), leaf_count=5)
    one, two = (HeadToPublish(version_id=i, list_id=list_of(i), version=1, digest=digest_of(i, 1)) for i in (1, 2))
    calls = [ledger.calldata(*items) for items in (([root], []), ([root], [one]), ([], [one]), ([], [two]), ([], [one, two]))]
    assert len(set(calls)) == len(calls)
    assert ledger.calldata([root], []) == ledger.calldata([root])
    assert ledger.gas_limit([root]) < ledger.gas_limit([root], [one]) < ledger.gas_limit([root], [one, two])


def test_signing_is_local_and_says_what_was_signed(network):
    first = sign_anchors(network.ledger, [(root_of(5), 5)], 0)
    again = sign_anchors(network.ledger, [(root_of(5), 5)], 0)
    next_one = sign_anchors(network.ledger, [(root_of(5), 5)], 1)
    assert first == again
    assert next_one.tx_hash != first.tx_hash
    assert (first.max_fee_wei, first.tip_wei, first.signed_at, first.last_sent_at) == (0, None, NOON, None)
    assert network.ledger.receipt(first.tx_hash) is None


def test_receipt_shows_the_anchors_of_one_root(network):
    attempt = sign_anchors(network.ledger, [(root_of(5), 5)], 0)
    assert network.ledger.broadcast(attempt).words == "accepted"
    assert network.ledger.receipt(attempt.tx_hash) is None
    network.mine()
    receipt, head = network.ledger.receipt(attempt.tx_hash), network.ledger.head()
    assert receipt is not None
    assert (receipt.succeeded, receipt.block) == (True, head.block)
    assert receipt.anchors == (network.ledger.find_anchor(root_of(5), head),)


def test_receipt_shows_the_anchors_of_several_roots_in_their_order(network):
    receipt = network.ledger.receipt(anchor(network, 9, 5, 7).tx_hash)
    assert receipt is not None
    assert [(one.root, one.sequence, one.leaf_count) for one in receipt.anchors] == [
        (root_of(9), 1, 9),
        (root_of(5), 2, 5),
        (root_of(7), 3, 7),
    ]


def test_receipt_shows_roots_and_heads_of_one_transaction(network):
    receipt = network.ledger.receipt(publish(network, (1, 1), (2, 1), roots=(5, 6)).tx_hash)
    head = network.ledger.head()
    assert receipt is not None
    assert [one.root for one in receipt.anchors] == [root_of(5), root_of(6)]
    assert receipt.heads == tuple(network.ledger.find_head(list_of(i), head) for i in (1, 2))


def test_receipt_shows_a_head_that_goes_alone(network):
    receipt = network.ledger.receipt(publish(network, (1, 1)).tx_hash)
    assert receipt is not None
    assert (receipt.anchors, [one.list_id for one in receipt.heads]) == ((), [list_of(1)])


@pytest.mark.parametrize("version", [1, 3])
def test_version_that_is_not_the_next_is_refused(network, version):
    publish(network, (1, 1))
    ledger = network.ledger
    root = RootToAnchor(batch_id=1, root=root_of(5), leaf_count=5)
    head = HeadToPublish(version_id=1, list_id=list_of(1), version=version, digest=digest_of(1, version))
    with pytest.raises(LedgerRejected, match=rf"StaleStatusVersion\({to_hex(list_of(1))}, 1, {version}\)"):
        ledger.check_call(ledger.calldata([root], [head]), ledger.gas_limit([root], [head]), ledger.head())


def test_transaction_with_a_stale_version_records_nothing(network):
    network.other_publishes(list_of(1), 1, digest_of(1, 1))
    receipt = network.ledger.receipt(publish(network, (1, 1), (2, 1), roots=(5,)).tx_hash)
    assert receipt is not None
    assert (receipt.succeeded, receipt.anchors, receipt.heads) == (False, (), ())
    assert network.ledger.status_head(list_of(2), network.ledger.head()) is None
    assert network.ledger.recorded_anchor(root_of(5), network.ledger.head()) is None


def test_no_receipt_of_an_unknown_transaction(network):
    assert network.ledger.receipt(as_tx_hash(bytes(32))) is None


def test_gas_price_is_asked_under_the_policy_legacy_alone(network):
    assert network.ledger.gas_price(FeePolicy.ZERO) is None
    assert network.ledger.gas_price(FeePolicy.MARKET) is None
    assert network.ledger.gas_price(FeePolicy.LEGACY) is not None


def test_call_that_would_succeed_passes(network):
    roots = [RootToAnchor(batch_id=i, root=root_of(i), leaf_count=i) for i in (5, 6)]
    ledger = network.ledger
    for some in (roots[:1], roots):
        ledger.check_call(ledger.calldata(some), ledger.gas_limit(some), ledger.head())
    assert ledger.anchor_count(ledger.head()) == 0


@pytest.mark.parametrize("numbers", [(5,), (6, 5)])
def test_call_that_would_revert_names_the_contracts_error(network, numbers):
    anchor(network, 5)
    roots = [RootToAnchor(batch_id=i, root=root_of(i), leaf_count=i) for i in numbers]
    ledger = network.ledger
    with pytest.raises(LedgerRejected, match=rf"RootAlreadyAnchored\({to_hex(root_of(5))}, 1\)"):
        ledger.check_call(ledger.calldata(roots), ledger.gas_limit(roots), ledger.head())


def test_transaction_that_reverts_has_a_receipt_without_anchors(network):
    attempt = sign_anchors(network.ledger, [(root_of(6), 6), (root_of(5), 5)], 0)
    network.other_anchors(root_of(5), 5)
    network.ledger.broadcast(attempt)
    network.mine()
    receipt = network.ledger.receipt(attempt.tx_hash)
    assert receipt is not None
    assert (receipt.succeeded, receipt.anchors) == (False, ())
    assert network.ledger.recorded_anchor(root_of(6), network.ledger.head()) is None  # all or nothing
    assert network.ledger.transaction_count(network.ledger.head()) == 1


def test_broadcast_answers_in_words_and_raises_nothing(network):
    attempt = sign_anchors(network.ledger, [(root_of(5), 5)], 0)
    assert network.ledger.broadcast(attempt).words == "accepted"
    assert "already" in network.ledger.broadcast(attempt).words
    network.mine()
    assert "nonce too low" in network.ledger.broadcast(attempt).words
    assert len({one.sequence for one in network.ledger.receipt(attempt.tx_hash).anchors}) == 1


# Nonces and forks.


def test_transaction_count_counts_what_is_mined(network):
    ledger = network.ledger
    start = ledger.head().block.number
    ledger.broadcast(sign_anchors(ledger, [(root_of(5), 5)], 0))
    assert ledger.transaction_count(ledger.head()) == 0  # waits in the pool
    network.mine()
    assert ledger.transaction_count(ledger.head()) == 1
    assert [ledger.transactions_of(ledger.signer, start + i) for i in (0, 1)] == [0, 1]
    with pytest.raises(LedgerUnavailable):
        ledger.transactions_of(ledger.signer, start + 100)


def test_transaction_of_another_program_takes_our_nonce(network):
    network.take_nonce(0)
    network.mine()
    assert network.ledger.transaction_count(network.ledger.head()) == 1
    late = sign_anchors(network.ledger, [(root_of(5), 5)], 0)
    assert "nonce too low" in network.ledger.broadcast(late).words


def test_reorg_takes_the_receipt_and_the_anchor_away(network):
    attempt = anchor(network, 5)
    block = network.ledger.head().block
    network.mine()
    network.reorg(2)
    ledger, head = network.ledger, network.ledger.head()
    assert ledger.receipt(attempt.tx_hash) is None
    assert ledger.recorded_anchor(root_of(5), head) is None
    assert ledger.block_hash(block.number) not in {block.hash, None}
    assert ledger.transaction_count(head) == 0


def test_same_bytes_are_mined_again_after_a_reorg(network):
    attempt = anchor(network, 5)
    lost = network.ledger.head().block
    network.reorg(1)
    assert network.ledger.broadcast(attempt).words == "accepted"
    network.mine()
    receipt = network.ledger.receipt(attempt.tx_hash)
    assert receipt is not None
    assert receipt.block != lost
    assert receipt.anchors[0].block == receipt.block


def test_head_that_a_reorg_took_away_answers_nothing(network):
    anchor(network, 6)
    gone = network.ledger.head()
    network.reorg(1)
    ledger, root = network.ledger, RootToAnchor(batch_id=1, root=root_of(5), leaf_count=5)
    questions = [
        lambda: ledger.recorded_anchor(root.root, gone),
        lambda: ledger.find_anchor(root.root, gone),
        lambda: ledger.anchor_count(gone),
        lambda: ledger.status_head(list_of(1), gone),
        lambda: ledger.find_head(list_of(1), gone),
        lambda: ledger.transaction_count(gone),
        lambda: ledger.check_call(ledger.calldata([root]), ledger.gas_limit([root]), gone),
    ]
    for ask in questions:
        with pytest.raises(LedgerUnavailable):
            ask()
