"""The suite is tested too: each planted mistake turns the test that is named here red."""

import subprocess
import sys

import pytest

from scripts.devnet import ROOT
from tests.mistakes import MISTAKES

RED = {
    "broadcast_before_it_is_persisted": "test_kill_matrix.py::test_killed_round_is_made_good_by_the_next[pool_is_lost-attempt.signed]",
    "success_judged_by_status_alone": "test_round_refusals.py::test_success_without_our_event_is_no_anchor[sqlite]",
    "block_hash_not_compared": "test_round_reorgs.py::test_block_of_the_same_height_and_another_hash_is_a_reorg[sqlite]",
    "state_not_compared_in_updates": "test_round_faults.py::test_frozen_round_that_wakes_up_later_spoils_nothing[something_waits]",
    "writers_take_no_lock": "test_concurrency.py::test_entry_that_commits_late_is_not_left_behind_the_seal[postgresql]",
    "only_the_newest_attempt_looked_up": "test_round_fees.py::test_older_attempt_that_is_mined_confirms_the_submission[sqlite]",
}


@pytest.mark.parametrize("mistake", [mistake.__name__ for mistake in MISTAKES])
def test_mistake_turns_a_test_red(mistake):
    words = [sys.executable, "-m", "tests.mistakes", mistake, f"tests/integration/{RED[mistake]}"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("1 failed"), done.stdout  # and no error beside it
    assert "mistakes.py:" not in done.stdout, "the planted code itself broke"
