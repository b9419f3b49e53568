"""States of a batch."""

from anchoring.core.batch import BatchState


def test_batch_counts_as_anchored_once_the_ledger_was_seen_to_hold_it() -> None:
    anchored = [state.value for state in BatchState if state.is_anchored]

    assert anchored == ["confirmed", "final"]
