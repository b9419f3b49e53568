"""The table of docs/faults.md: `make faults` runs the tests named here and writes what they counted.

Each row: the fault's number, what must happen, and the tests that inject it; or why no test does.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.devnet import ROOT

AT_ONCE: Final = 2
PAGE: Final = ROOT / "docs" / "faults.md"
HEAD: Final = "| fault | what must happen | injected | digests checked | lost | twice | shown by |\n| --- | --- | --- | --- | --- | --- | --- |\n"

I, C, E = "tests/integration/test_", "tests/contract/test_", "tests/e2e/test_"  # noqa: E741 - short, for the table


@dataclass(frozen=True)
class Row:
    """`tests`: files and functions, with `[…]` only the cases whose names hold that. `why_not`: why none injects it."""

    id: str
    must: str
    tests: Sequence[str] = ()
    why_not: str = ""


ROWS: Final[Sequence[Row]] = (
    Row(
        "L01",
        "a round killed between any two lines is made good by the next",
        [
            I + "kill_matrix.py::test_killed_round_is_made_good_by_the_next",
            I + "kill_matrix.py::test_frozen_round_wakes_up_when_another_has_finished",
            I + "round_faults.py::test_each_effect_fails_once_and_the_next_rounds_end_right",
            I + "round_machine.py::test_on_sqlite",
            I + "round_machine.py::test_on_postgresql",
            I + "round_machine.py::test_on_anvil",
            E + "kills.py::test_round_that_is_killed_is_made_good_by_the_next",
            E + "kills.py::test_round_that_is_killed_in_the_middle_of_a_replacement_leaves_one_nonce",
        ],
    ),
    Row(
        "L02",
        "a broadcast without an answer may have been sent: the same bytes go again",
        [
            I + "rounds_on_anvil.py::test_answer_to_the_broadcast_is_lost",
            I + "nodes_on_anvil.py::test_answer_to_the_broadcast_decides_nothing",
        ],
    ),
    Row(
        "L03",
        "a broadcast is made once; the library repeats nothing",
        [
            C + "evm_ledger.py::test_broadcast_whose_answer_is_lost_has_arrived",
            C + "evm_ledger.py::test_broadcast_that_is_answered_too_late_is_not_repeated",
            C + "rpc.py::test_broadcast_is_made_once_whatever_the_answer",
        ],
    ),
    Row(
        "L04",
        "sent again until a receipt is seen, though pool or node were lost",
        [
            I + "rounds_on_anvil.py::test_pool_that_was_lost_gets_the_same_bytes_again",
            I + "ledger_faults.py::test_node_that_is_killed_and_comes_back_with_an_old_state",
        ],
    ),
    Row(
        "L05",
        "an older attempt that is mined confirms the submission",
        [
            I + "ledger_faults.py::test_older_attempt_that_is_mined_confirms_it",
            I + "round_fees.py::test_older_attempt_that_is_mined_confirms_the_submission",
        ],
    ),
    Row(
        "L06",
        "what is stuck is replaced: both fees an eighth higher, same nonce, up to the cap",
        [
            I + "ledger_faults.py::test_stuck_transaction_is_replaced_as_strict_nodes_ask_for_it",
            I + "round_fees.py::test_fees_rise_no_higher_than_the_cap_and_the_bytes_go_on_being_sent",
            I + "round_fees.py::test_replacement_fails_at_each_effect_once_before_and_once_after",
        ],
    ),
    Row(
        "L07",
        "a base fee that rises is followed below the cap, and waited out above it",
        [
            I + "ledger_faults.py::test_base_fee_that_rises_is_followed_below_the_cap_and_waited_out_above_it",
        ],
    ),
    Row(
        "L08",
        "a ledger without fees is asked no price, and a penniless key anchors",
        [
            C + "evm_ledger.py::test_penniless_key_anchors_on_a_ledger_without_fees_and_asks_no_price",
            I + "rounds_on_anvil.py::test_round_takes_what_waits_to_final_in_one_transaction",
        ],
    ),
    Row(
        "L09",
        "nothing is replaced where nothing outbids anything",
        [
            I + "ledger_faults.py::test_nothing_is_replaced_where_there_are_no_fees_however_long_it_waits",
        ],
    ),
    Row("L10", "chains before London are anchored to", [I + "ledger_faults.py::test_chain_before_london_is_anchored_to"]),
    Row(
        "L11",
        "a key without money waits; topped up, the same bytes go",
        [
            I + "ledger_faults.py::test_key_that_runs_out_of_money_waits_for_more_and_sends_the_same_bytes",
            I + "round_nodes.py::test_key_without_funds_is_an_event_of_its_own_and_the_same_bytes_go_later",
        ],
    ),
    Row(
        "L12",
        "a call that would revert is not signed",
        [
            I + "rounds_on_anvil.py::test_contract_that_reverts_gets_no_transaction",
            I + "round_refusals.py::test_call_that_would_revert_is_not_signed",
        ],
    ),
    Row(
        "L13",
        "mined with status 0 is given up at final depth only, and the batch goes again",
        [
            I + "rounds_on_anvil.py::test_mined_and_reverted_is_given_up_at_final_depth",
            I + "round_refusals.py::test_transaction_that_reverts_is_given_up_at_final_depth_and_no_loop_begins",
        ],
    ),
    Row(
        "L14",
        "no contract, or another: refused; success without our event is no anchor",
        [
            I + "ledger_faults.py::test_round_refuses_a_contract_that_is_not_ours",
            I + "ledger_faults.py::test_success_without_our_event_is_no_anchor",
        ],
    ),
    Row(
        "L15",
        "another chain, or another history of the same id, gets no signature",
        [
            I + "ledger_faults.py::test_chain_id_that_changes_under_a_running_program_stops_it",
            I + "ledger_faults.py::test_another_chain_of_the_same_id_is_not_ours",
        ],
    ),
    Row(
        "L16",
        "a head below what is recorded takes nothing back until that height is reached again",
        [
            I + "ledger_faults.py::test_head_that_falls_back_takes_nothing_back_until_it_is_reached_again",
            I + "ledger_faults.py::test_node_that_is_killed_and_comes_back_with_an_old_state",
        ],
    ),
    Row(
        "L17",
        "nodes of different heights behind a balancer move nothing backwards",
        [
            I + "nodes_on_anvil.py::test_balancer_between_nodes_of_different_heights_moves_nothing_backwards",
            I + "round_refusals.py::test_lagging_node_moves_no_state_backwards",
        ],
    ),
    Row(
        "L18",
        "a shallow reorg opens what was confirmed, and the same bytes go again",
        [
            I + "rounds_on_anvil.py::test_reorg_of_confirmed_and_of_final_batches_is_healed",
            I + "round_reorgs.py::test_confirmed_batch_goes_back_to_submitted_and_comes_again_with_the_same_bytes",
        ],
    ),
    Row(
        "L19",
        "the same bytes in another block: the proof names the new one",
        [
            I + "rounds_on_anvil.py::test_same_bytes_in_another_block_are_the_same_anchor_in_another_place",
            I + "round_reorgs.py::test_same_bytes_in_another_block_give_another_place",
        ],
    ),
    Row(
        "L20",
        "a reorg below what was final takes its proofs back with the next round",
        [
            I + "ledger_faults.py::test_proof_of_a_final_batch_whose_block_is_gone_is_taken_back_by_the_next_round",
            I + "round_reorgs.py::test_all_final_blocks_that_are_gone_are_withdrawn_in_one_look",
            I + "round_faults.py::test_round_that_meets_a_reorg_is_killed_anywhere",
        ],
    ),
    Row(
        "L21",
        "a stranger on our nonce displaces at final depth, and the batch goes again",
        [
            I + "rounds_on_anvil.py::test_stranger_on_our_nonce_displaces_and_the_batch_goes_again",
            I + "kill_matrix.py::test_killed_round_is_made_good_by_the_next[stranger_takes_the_nonce]",
        ],
    ),
    Row(
        "L22",
        "one node's word makes nothing final where a second is asked",
        [
            I + "nodes_on_anvil.py::test_forged_receipt_is_never_final_where_a_second_node_is_asked",
            I + "nodes_on_anvil.py::test_forged_block_hash_is_never_final_where_a_second_node_is_asked",
            I + "nodes_on_anvil.py::test_false_reorg_takes_nothing_back",
        ],
    ),
    Row(
        "L23",
        "rubbish is no answer: nothing moves, the next round goes on",
        [
            I + "ledger_faults.py::test_rubbish_at_any_call_of_a_round_moves_nothing_and_the_next_goes_on",
            C + "rpc.py::test_rubbish_is_no_answer",
            C + "bounded_http.py::test_answer_that_drips_ends_at_the_deadline",
            C + "bounded_http.py::test_answer_without_end_is_read_to_the_bound_and_no_further",
        ],
    ),
    Row(
        "L24",
        "the answer to another call is none",
        [
            I + "ledger_faults.py::test_rubbish_at_any_call_of_a_round_moves_nothing_and_the_next_goes_on[another call]",
        ],
    ),
    Row(
        "L25",
        "limits of rate and range are kept to, and everything is found",
        [
            C + "evm_ledger.py::test_events_are_all_found_on_a_node_that_limits_ranges",
            C + "rpc.py::test_node_that_is_asked_too_often_is_asked_again",
        ],
    ),
    Row(
        "L26", "long headers of QBFT are no hindrance", [I + "nodes_on_anvil.py::test_long_headers_and_no_tags_are_no_hindrance"]
    ),
    Row(
        "L27",
        "a tag that the node does not know stops the round before anything is signed",
        [
            I + "nodes_on_anvil.py::test_tag_that_the_node_does_not_know_stops_the_round_before_anything_is_signed",
        ],
    ),
    Row(
        "L28",
        "a ledger that stands still is waited for, and nothing is replaced",
        [
            I + "nodes_on_anvil.py::test_first_node_that_stands_still_is_waited_for_and_nothing_false_is_said",
            I + "round_fees.py::test_nothing_is_replaced_before_time_and_blocks_have_gone_by",
        ],
    ),
    Row(
        "L29",
        "clocks hours off, or set back, lead to the same states",
        [
            I + "ledger_faults.py::test_clock_that_is_hours_off_leads_to_the_same_states",
            I + "round_fees.py::test_clock_that_was_set_back_by_hours_stops_neither_sending_nor_replacing",
        ],
    ),
    Row(
        "L30",
        "a token that expires in mid-round: try again later, one anchor",
        [
            I + "ledger_faults.py::test_token_that_expires_at_the_broadcast_makes_one_anchor",
            I + "ledger_faults.py::test_rubbish_at_any_call_of_a_round_moves_nothing_and_the_next_goes_on[expired token]",
        ],
    ),
    Row(
        "L31",
        "a root that stands already is adopted, and the others become final",
        [
            I + "rounds_on_anvil.py::test_root_that_stands_already_is_adopted_and_the_others_are_sent",
            I + "round_refusals.py::test_root_anchored_by_another_in_the_meantime_reverts_ours_and_the_rest_goes_again",
        ],
    ),
    Row(
        "L32",
        "a status list's version that is not the ledger's next is adopted, or waits for a person; no loop",
        [
            I + "round_status_lists.py::test_version_that_stands_already_is_adopted",
            I + "round_status_lists.py::test_version_published_between_signing_and_mining_is_adopted_after_the_revert",
            I + "round_status_lists.py::test_foreign_version_is_not_overwritten_and_holds_up_nothing_else",
            I + "round_status_lists.py::test_version_of_a_dead_submission_goes_again_with_the_newest_content",
        ],
    ),
    Row(
        "L33",
        "what a signer gives back is read again before it is recorded",
        [
            I + "nodes_on_anvil.py::test_signer_that_fails_leaves_no_attempt_and_the_next_round_makes_one",
            C + "signed_transaction.py::test_field_that_differs_is_named",
            C + "signed_transaction.py::test_another_key_is_named",
        ],
    ),
    Row(
        "D01",
        "two rounds at once make one anchor",
        [
            I + "sealing.py::test_two_sealers_at_once_seal_everything_once",
            I + "concurrency.py::test_two_that_fix_the_same_range_at_once_both_go_on",
            I + "kill_matrix.py::test_frozen_round_wakes_up_when_another_has_finished",
        ],
    ),
    Row(
        "D02",
        "a frozen round that wakes up overwrites nothing",
        [
            I + "round_faults.py::test_frozen_round_that_wakes_up_later_spoils_nothing",
            I + "round_faults.py::test_frozen_round_that_wakes_up_later_spoils_nothing_on_postgresql",
            E + "kills.py::test_round_that_is_frozen_wakes_up_when_another_has_finished",
        ],
    ),
    Row(
        "D03",
        "a session that is gone without a word leads to nothing wrong",
        [
            I + "store_faults.py::test_round_that_is_cut_off_in_silence_is_overtaken_and_does_no_harm_when_it_is_back",
        ],
    ),
    Row(
        "D04",
        "an entry that commits late is not left behind the seal",
        [
            I + "concurrency.py::test_entry_that_commits_late_is_not_left_behind_the_seal",
            I + "concurrency.py::test_writers_with_slow_commits_lose_nothing_to_a_busy_sealer",
            I + "concurrency.py::test_writer_that_hangs_is_broken_off_and_sealing_goes_on",
        ],
    ),
    Row(
        "D05",
        "two workers with one digest: one entry, one answer",
        [I + "concurrency.py::test_same_digest_from_two_sessions_is_one_entry"],
    ),
    Row(
        "D06",
        "bulk posts in opposite order: both are answered",
        [
            I + "concurrency.py::test_same_digests_in_opposite_order_do_not_deadlock",
            I + "store_faults.py::test_deadlock_of_two_workers_costs_neither_of_them_its_answer",
        ],
    ),
    Row(
        "D07",
        "a duplicate gets the first answer; another issuer's is another leaf",
        [
            I + "entries.py::test_digest_posted_again_gets_its_first_answer",
            I + "entries.py::test_digest_posted_twice_in_one_request_is_one_entry",
            I + "entries.py::test_digest_of_two_issuers_is_two_entries",
        ],
    ),
    Row(
        "D08", "nothing to do: no batch, no transaction", [I + "rounds.py::test_round_with_nothing_waiting_makes_no_transaction"]
    ),
    Row(
        "D09",
        "a million waiting: bounded batches, short transactions",
        why_not="measured by make bench, with a million leaves; posts under way meanwhile are not timed",
    ),
    Row(
        "D10",
        "a commit without an answer: 503, and repeating gives the first answer",
        [
            I + "store_faults.py::test_post_whose_commit_is_cut_is_answered_503_and_repeating_it_gives_the_first_answer",
            I + "store_faults.py::test_round_whose_commit_is_cut_ends_well_wherever_it_was",
        ],
    ),
    Row(
        "D11",
        "a server that restarts loses nothing that was acknowledged",
        [
            I + "store_faults.py::test_server_that_crashes_under_posts_and_rounds_loses_nothing",
            E + "kills.py::test_server_that_is_killed_under_posts_loses_none_that_was_acknowledged",
            I + "store_faults.py::test_session_that_the_server_ends_in_mid_transaction_costs_a_post_nothing",
        ],
    ),
    Row(
        "D12",
        "after a failover nothing is lost (synchronous), or nothing is signed (asynchronous)",
        [
            I + "store_faults.py::test_asynchronous_standby_that_takes_over_lacks_digests_and_signs_nothing",
            I + "store_faults.py::test_synchronous_standby_that_takes_over_has_everything_that_was_acknowledged",
        ],
    ),
    Row(
        "D13",
        "a full disk refuses posts, loses none, and signs nothing",
        [
            I + "sqlite_faults.py::test_full_disk_refuses_posts_and_loses_none_that_was_acknowledged",
            I + "sqlite_faults.py::test_round_on_a_full_disk_signs_nothing_and_goes_on_when_there_is_room",
        ],
    ),
    Row("D14", "a writer on SQLite waits for another", [I + "concurrency.py::test_writer_on_sqlite_waits_for_another"]),
    Row(
        "D15",
        "no update is lost on SQLite",
        [
            I + "concurrency.py::test_writer_on_sqlite_reads_nothing_that_another_changes_before_it_writes",
            I + "engine.py::test_sqlite_connections_are_durable_and_keep_constraints",
        ],
    ),
    Row(
        "D16",
        "a damaged write-ahead log is found by the check",
        [
            I + "check.py::test_half_a_write_ahead_log_loses_entries_that_nothing_in_the_file_knows_of",
            I + "check.py::test_file_with_batches_of_entries_that_are_gone_is_found",
        ],
    ),
    Row(
        "D17",
        "a database file that is replaced under a running program is noticed",
        [
            I + "sqlite_faults.py::test_file_that_is_replaced_is_noticed_before_anything_is_lost",
            I + "sqlite_faults.py::test_round_on_a_file_that_was_replaced_makes_no_batch",
            I + "backup.py::test_restore_is_refused_while_a_program_is_at_work",
        ],
    ),
    Row(
        "D18",
        "less durability than promised is refused at the start",
        [
            I + "sqlite_faults.py::test_connection_with_other_settings_is_refused",
            I + "sqlite_faults.py::test_postgresql_that_may_lose_a_commit_is_refused",
        ],
    ),
    Row("D19", "two that migrate at once both succeed", [I + "migrations.py::test_two_that_migrate_at_once_both_succeed"]),
    Row(
        "D20",
        "a migration behind a long transaction holds up no post",
        [
            I + "migrations.py::test_migration_behind_a_long_transaction_lets_posts_through_and_says_who_it_is",
        ],
    ),
    Row("D21", "values that no column takes are refused", [I + "constraints.py::test_impossible_row_is_refused"]),
    Row("D22", "ids grow for ever", [I + "entries.py::test_ids_grow_for_ever"]),
    Row(
        "D23",
        "an erasure during a round moves no root and reaches every manifest",
        [
            I + "sealing.py::test_erasure_requested_while_waiting_is_carried_out_by_the_seal",
            I + "sealing.py::test_erasure_of_a_sealed_entry_is_done_at_once_and_moves_no_root",
            I + "manifests.py::test_what_is_erased_leaves_the_manifests_in_the_next_round",
        ],
    ),
    Row(
        "D24",
        "an old backup signs nothing until a person has looked",
        [
            I + "reconcile.py::test_old_backup_signs_and_seals_nothing_until_a_person_has_looked",
            I + "reconcile.py::test_reconciling_fails_at_each_effect_and_signing_stays_off_or_is_right",
        ],
    ),
    Row(
        "D25",
        "everything but ledger and manifests lost: every proof is the same bytes again",
        [
            I + "rebuild.py::test_all_proofs_are_the_same_bytes_after_everything_was_lost",
            I + "rebuild.py::test_rebuilding_fails_at_each_effect_and_goes_on_when_run_again",
            I + "rebuild.py::test_proofs_alone_show_their_entries_and_the_rest_is_listed",
        ],
    ),
    Row(
        "D26",
        "a clone with the same key anchors no digest twice",
        [
            I + "reconcile.py::test_clone_with_the_same_key_cannot_anchor_a_digest_twice",
            I + "reconcile.py::test_clone_that_got_ahead_displaces_the_original_which_then_says_so",
        ],
    ),
    Row(
        "C09",
        "a stolen key: its junk stops rounds, and the role can be taken away",
        [
            I + "reconcile.py::test_junk_of_our_own_key_stops_rounds_until_a_person_has_looked",
            C + "evm_ledger.py::test_role_can_be_taken_away",
        ],
    ),
    Row(
        "C10",
        "another chain takes none of our transactions, and is taken for none",
        [
            I + "ledger_faults.py::test_chain_id_that_changes_under_a_running_program_stops_it",
            C + "signed_transaction.py::test_signature_for_any_chain_is_refused",
        ],
    ),
    Row(
        "C11",
        "a root that another anchored first is adopted, or refused with another leaf count",
        [
            I + "round_nodes.py::test_root_with_another_leaf_count_is_not_adopted_and_holds_up_nothing_else",
            I + "rounds_on_anvil.py::test_root_that_stands_already_is_adopted_and_the_others_are_sent",
        ],
    ),
    Row(
        "C12",
        "events are complete, and one that is kept back shows",
        [
            C + "evm_ledger.py::test_event_that_a_node_keeps_back_shows",
            I + "audit.py::test_batch_that_is_final_and_not_on_the_ledger",
        ],
    ),
    Row("C13", "values at the limits of the contract's types", why_not="tests of the contract itself (`make test-contracts`)"),
    Row(
        "C14",
        "nobody but its issuer changes the status of a credential",
        [I + "status_changes.py::test_only_the_issuer_changes_its_lists_and_only_indexes_given_out"],
    ),
    Row("C15", "gas is bounded by the number of roots", [C + "evm_ledger.py::test_gas_limit_is_enough_for_many_roots"]),
    Row("C16", "the checked-in contract runs on old and new hardforks", [C + "artifact.py::test_runs_on_old_and_new_hardforks"]),
)


API, U = "tests/integration/api/test_api_", "tests/unit/core/test_"

ABUSE_HEAD: Final = "| abuse | what must happen | shown by |\n| --- | --- | --- |\n"

ABUSE: Final[Sequence[Row]] = (
    Row(
        "H01",
        "a body without end is refused as soon as it is too large, and nobody without a key has any read",
        [
            API + "faults.py::test_endless_body_is_refused_as_soon_as_it_is_too_large",
            API + "faults.py::test_body_that_is_declared_too_large_is_refused_unread",
            API + "faults.py::test_length_that_says_nothing_or_too_little_is_counted",
            API + "faults.py::test_stranger_cannot_make_the_service_read",
        ],
    ),
    Row(
        "H02",
        "a body that does not come is given up; half-open clients hinder neither others nor the end; a head or a trailer without end, or that does not come, is given up",
        [
            I + "http_protocol.py::test_head_without_end_is_refused_when_it_is_too_large",
            I + "http_protocol.py::test_head_that_comes_drop_by_drop_is_given_up",
            I + "http_protocol.py::test_trailer_without_end_is_given_up",
            API + "abuse.py::test_body_that_does_not_come_is_given_up_on_every_operation",
            E + "service.py::test_service_refuses_smuggled_requests_and_stops_in_time_with_fifty_half_open_clients",
            E + "service.py::test_service_stops_in_order_while_a_body_is_arriving",
        ],
    ),
    Row(
        "H03",
        "depth and long numbers are refused before anything is built of them",
        [
            API + "abuse.py::test_body_that_is_none_is_refused_on_every_operation",
            U + "strict_json.py::test_parse_refuses_extreme_depth_at_once",
            U + "strict_json.py::test_parse_takes_linear_time_over_hostile_input",
        ],
    ),
    Row(
        "H04",
        "what JSON cannot hold is refused, and never repeated in the answer",
        [
            API + "abuse.py::test_body_that_is_none_is_refused_on_every_operation",
            API + "refusals.py::test_post_digests_refuses_json",
            U + "strict_json.py::test_parse_refuses_numbers_that_lose_their_value",
        ],
    ),
    Row(
        "H05",
        "duplicate keys, other encodings, unknown members and parameters, numbers written otherwise: refused",
        [
            API + "abuse.py::test_body_that_is_none_is_refused_on_every_operation",
            API + "abuse.py::test_query_that_is_not_known_is_refused_on_every_operation",
            API + "abuse.py::test_parameter_that_is_wrong_is_named_and_told_in_our_words_on_every_operation",
            U + "strict_json.py::test_parse_refuses_other_encodings",
        ],
    ),
    Row(
        "H06",
        "hexadecimal of any other form is refused",
        [
            API + "refusals.py::test_hexadecimal_in_paths_is_refused_unless_it_is_64_digits",
            API + "refusals.py::test_post_digests_refuses_json",
        ],
    ),
    Row(
        "H07",
        "numbers are held against their text, text is hashed as it is, and what is shown hides no direction",
        [
            U + "strict_json.py::test_parse_refuses_numbers_that_lose_their_value",
            U + "strict_json.py::test_json_path_is_short_ascii",
            API + "issuers.py::test_what_is_wrong_is_named_and_changes_nothing",
        ],
    ),
    Row(
        "H08",
        "all lines or none; the line is named; a client that leaves leaves nothing",
        [
            API + "refusals.py::test_post_digests_refuses_ndjson_and_names_the_line",
            API + "refusals.py::test_post_digests_refuses_bytes_and_names_the_first_that_is_left_over",
            API + "faults.py::test_client_that_leaves_in_mid_body_leaves_nothing",
        ],
    ),
    Row(
        "H09",
        "a media type that is not taken is 415",
        [API + "abuse.py::test_media_type_that_is_not_taken_is_415_on_every_operation"],
    ),
    Row(
        "H10",
        "keys that open nothing are answered alike, in one time, and end in 429; addresses are believed of trusted proxies alone",
        [
            API + "abuse.py::test_stranger_gets_the_same_401_on_every_operation_that_needs_a_key",
            API + "abuse.py::test_several_authorization_fields_open_nothing",
            API + "failed_attempts.py::test_guesses_from_one_address_end_in_429_and_hinder_nobody_else",
            API + "failed_attempts.py::test_answer_takes_as_long_whatever_is_wrong_with_the_key",
            E + "service.py::test_workers_share_limits_and_believe_proxies_that_are_trusted_alone",
        ],
    ),
    Row(
        "H11",
        "nothing of another issuer is reached or changed, on any operation",
        [
            API + "abuse.py::test_key_reaches_nothing_of_another_issuer_on_any_operation",
            API + "abuse.py::test_key_of_any_scope_is_let_into_what_names_its_scope_and_nothing_else",
        ],
    ),
    Row(
        "H12",
        "a change that is replayed does not take effect again; an exact repetition gives the first answer",
        [
            I + "status_changes.py::test_a_replayed_suspension_does_not_take_effect_again",
            I + "status_changes.py::test_an_exact_repetition_gives_the_recorded_change",
            U + "status_change.py::test_change_as_of_another_state_is_refused",
        ],
    ),
    Row(
        "H13",
        "no document makes us ask inside the own network, however the address is written or the name resolves",
        [
            C + "bounded_http.py::test_nothing_inside_the_own_network_is_fetched_unless_allowed",
            C + "bounded_http.py::test_name_is_looked_up_once_and_what_was_looked_at_is_connected_to",
            C + "bounded_http.py::test_name_with_an_address_inside_among_others_is_not_connected_to",
            C + "bounded_http.py::test_fetching_takes_urls_of_https_only",
            C + "bounded_http.py::test_fetching_reads_to_the_bound_and_no_redirect",
        ],
    ),
    Row(
        "H14",
        "nothing compressed is blown up: not a body, not an answer, not a status list beyond its size",
        [
            API + "abuse.py::test_compressed_body_is_refused_unread_on_every_operation",
            C + "bounded_http.py::test_compressed_answer_is_not_unpacked",
            U + "status_codec.py::test_few_bytes_that_expand_to_many_are_not_expanded",
        ],
    ),
    Row(
        "H15",
        "paths lead to no file, and are what they are to the last character",
        [
            API + "abuse.py::test_path_that_is_none_is_refused_on_every_operation",
            API + "hygiene.py::test_path_with_a_line_feed_behind_it_is_none",
        ],
    ),
    Row(
        "H16",
        "nothing that was sent makes a header field",
        [
            API + "abuse.py::test_path_that_is_none_is_refused_on_every_operation",
            API + "faults.py::test_request_id_is_taken_over_if_it_is_harmless",
        ],
    ),
    Row("H17", "one request, one line of the log", [API + "faults.py::test_each_request_is_one_line_of_the_log_without_secrets"]),
    Row(
        "H18",
        "no secret in a log, an answer, an error, a traceback or the help, whatever fails",
        [
            I + "secrets.py::test_every_command_fails_without_showing_a_secret",
            I + "secrets.py::test_every_operation_fails_without_showing_a_secret",
            I + "secrets.py::test_setting_that_is_wrong_is_named_and_not_shown",
            I + "secrets.py::test_traceback_in_the_log_shows_no_values",
            API + "failed_attempts.py::test_what_was_sent_is_not_in_the_log",
        ],
    ),
    Row(
        "H19",
        "key files that others can read are refused; a remote signer is not believed",
        [
            I + "signer.py::test_file_that_others_can_read_is_refused",
            I + "signer.py::test_file_of_another_user_is_refused",
            I + "signer.py::test_key_is_shown_nowhere",
            C + "remote_signer.py::test_signer_that_signs_something_else_is_named_with_the_field",
            C + "remote_signer.py::test_signer_that_signs_with_another_key_is_refused",
            C + "remote_signer.py::test_token_goes_over_no_network_in_the_clear",
        ],
    ),
    Row(
        "H20",
        "a request that two readers may read differently is refused",
        [
            E + "service.py::test_service_refuses_smuggled_requests_and_stops_in_time_with_fifty_half_open_clients",
            I + "http_protocol.py::test_head_that_others_may_read_otherwise_is_refused",
            I + "http_protocol.py::test_trailer_fields_are_no_fields_of_the_request",
            I + "http_protocol.py::test_request_to_upgrade_is_answered_as_though_it_were_none",
        ],
    ),
    Row(
        "H21",
        "no page is framed, runs what it was not given, or acts with anybody's key",
        [
            API + "hygiene.py::test_every_answer_says_what_browsers_must_not_do_with_it",
            API + "hygiene.py::test_page_runs_only_the_scripts_that_stand_in_it",
            API + "hygiene.py::test_browsers_that_ask_first_are_told_to_read_and_to_send_no_key",
        ],
    ),
    Row(
        "H22",
        "what a proof claims is checked again, or cannot be told",
        [
            U + "proof.py::test_proof_is_judged_as_the_vector_says",
            U + "proof.py::test_inner_node_does_not_pass_for_a_digest",
            U + "verification.py::test_state_in_the_proof_counts_for_nothing",
            U + "verification.py::test_registry_fails_for_another_contract_or_chain",
            API + "verify.py::test_verify_believes_nothing_the_proof_says_of_its_anchor",
        ],
    ),
    Row(
        "H23",
        "what may change is kept for minutes at most, and a proof is taken back with its block",
        [
            API + "proofs.py::test_get_proof_of_a_final_anchor_may_be_kept_five_minutes",
            API + "proofs.py::test_get_proof_of_a_confirmed_anchor_must_be_asked_for_again",
            API + "proofs.py::test_get_proof_is_taken_back_with_its_block",
        ],
    ),
    Row(
        "H24",
        "proofs need no node; what a node did not show cannot be told, and is never a failure",
        [
            API + "proofs.py::test_get_proof_of_every_entry_verifies",
            API + "verify.py::test_verify_cannot_tell_of_a_root_it_has_not_seen",
            I + "cli.py::test_node_that_does_not_answer_is_never_a_failure",
            U + "verification.py::test_nothing_is_told_of_the_ledger_without_evidence",
        ],
    ),
)


def render_abuse() -> str:
    """The table of what is tried by people. Nothing in it is counted: each test fails if one try succeeds."""
    lines = [f"| {row.id} | {row.must} | {', '.join(f'`{name_of(test)}`' for test in row.tests)} |\n" for row in ABUSE]
    return ABUSE_HEAD + "".join(lines)


def render(row: Row, counts: Mapping[str, Counter[str]] | None) -> str:
    """One line. Without counts: their places are left open."""
    if not row.tests:
        return f"| {row.id} | {row.must} | 0 | | | | not covered: {row.why_not} |"
    total: Counter[str] = Counter()
    for test in row.tests:
        function, _, case = test.removesuffix("]").partition("[")
        for name, count in (counts or {}).items():
            if name.partition("[")[0] == function and case in name:
                total += count
    checked = f"{total['checked']:,}" if total["checked"] else ""
    none = "0" if total["checked"] else ""
    figures = f"{total['injected']:,} | {checked} | {none} | {none}" if counts is not None else "… | … | … | …"
    named = ", ".join(f"`{name_of(test)}`" for test in row.tests)
    return f"| {row.id} | {row.must} | {figures} | {named} |"


def name_of(test: str) -> str:
    file, _, function = test.partition("::")
    return f"{Path(file).stem.removeprefix('test_')}: {function.removeprefix('test_')}"


def run(tests: Sequence[str], counted: Path) -> bool:
    """The tests of one file in a process of their own; whether they passed and what they counted was written down."""
    words = [sys.executable, "-m", "pytest", "-q", f"--fault-counts={counted}", *tests]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"{tests[0].partition('::')[0]}: {done.stdout.splitlines()[-1]}", file=sys.stderr, flush=True)  # noqa: T201 - a script
    if done.returncode:
        counted.unlink(missing_ok=True)
        counted.with_suffix(".log").write_text(done.stdout, encoding="utf-8")
    return not done.returncode


def replaced(page: str, column: str, table: str) -> str:
    """The page with this table in the place of the one whose first column has this name."""
    return re.sub(rf"\| {column} \|.*?\n(?=\n|\Z)", lambda _: table, page, count=1, flags=re.DOTALL)


def main() -> None:
    """Run every test of the table, or those of the files named; the table is written once all have passed on this commit."""
    by_file: dict[str, list[str]] = {}
    for test in sorted({test for row in ROWS for test in row.tests}):
        by_file.setdefault(test.partition("::")[0], []).append(test.partition("[")[0])
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    folder = Path(tempfile.gettempdir()) / f"credanchor-faults-{commit}"
    folder.mkdir(exist_ok=True)
    counted = {file: folder / f"{Path(file).parent.name}-{Path(file).stem}.json" for file in by_file}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda file: run(sorted(set(by_file[file])), counted[file]), sys.argv[1:] or by_file))
    if missing := [file for file, path in counted.items() if not path.exists()]:
        sys.exit(f"the table stays as it is: run again, when they pass, {', '.join(missing)}; their logs are in {folder}")
    counts: dict[str, Counter[str]] = {}
    for path in counted.values():
        counts |= {test: Counter(count) for test, count in json.loads(path.read_text(encoding="utf-8")).items()}
    table = HEAD + "".join(render(row, counts) + "\n" for row in ROWS)
    page = PAGE.read_text(encoding="utf-8")
    page = replaced(replaced(page, "fault", table), "abuse", render_abuse())
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
