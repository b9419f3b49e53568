"""Which bits speak of a credential."""

import json
from dataclasses import replace
from typing import Any

import pytest

from anchoring.core.outcome import Outcome
from anchoring.core.status import StatusPurpose, batch_list_id
from anchoring.core.status_codec import StatusErrorCode
from anchoring.core.status_judgement import ListFinding, StatusPlace, Verdict
from anchoring.core.status_places import batch_places, named_places, not_told, why_place_is_not_known
from anchoring.types import ListId, as_root
from tests.trees import make_anchor, make_proof

URL = "https://uni.example/v1/status-lists/" + "ab" * 32
ENTRY = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "41", "statusListCredential": URL}
PROOF = make_proof()


def credential(*entries: Any) -> bytes:
    return json.dumps({"credentialStatus": list(entries)}).encode()


def test_named_places_are_those_of_the_entries() -> None:
    [revocation, suspension] = named_places(credential(ENTRY, ENTRY | {"statusPurpose": "suspension"}))

    assert revocation == StatusPlace(
        named_at="$.credentialStatus[0]",
        list_id=ListId(bytes.fromhex("ab" * 32)),
        url=URL,
        purpose=StatusPurpose.REVOCATION,
        index=41,
    )
    assert isinstance(suspension, StatusPlace)
    assert suspension.purpose is StatusPurpose.SUSPENSION


def test_token_names_a_place_without_a_purpose() -> None:
    [place] = named_places(json.dumps({"status": {"status_list": {"idx": 7, "uri": "https://x.example/1"}}}).encode())

    assert place == StatusPlace(named_at="$.status.status_list", list_id=None, url="https://x.example/1", purpose=None, index=7)


@pytest.mark.parametrize(
    ("change", "outcome", "code"),
    [
        ({"statusListIndex": 41}, Outcome.CANNOT_TELL, StatusErrorCode.MALFORMED),
        ({"type": "Other"}, Outcome.CANNOT_TELL, None),
        ({"statusPurpose": "colour"}, Outcome.CANNOT_TELL, None),
        ({"statusPurpose": "refresh"}, Outcome.PASSED, None),
        ({"statusPurpose": "message"}, Outcome.PASSED, None),
        ({"statusPurpose": "message", "statusSize": 2}, Outcome.CANNOT_TELL, None),
    ],
)
def test_entry_that_leads_to_no_place_is_a_finding(
    change: dict[str, Any], outcome: Outcome, code: StatusErrorCode | None
) -> None:
    [found] = named_places(credential(ENTRY | change))

    assert isinstance(found, ListFinding)
    assert (found.outcome, found.code, found.place) == (outcome, code, None)
    assert found.named_at is not None
    assert found.named_at.startswith("$.credentialStatus[0]")
    assert found.verdict is (Verdict.CLEAR if outcome is Outcome.PASSED else Verdict.UNKNOWN)


def test_two_places_follow_from_the_batch() -> None:
    assert [(place.list_id, place.purpose, place.index) for place in batch_places(PROOF)] == [
        (batch_list_id(PROOF.root, PROOF.issuer, purpose), purpose, PROOF.leaf_index)
        for purpose in (StatusPurpose.REVOCATION, StatusPurpose.SUSPENSION)
    ]


def test_place_in_the_batch_is_known_from_a_path_that_holds_and_the_number_of_leaves() -> None:
    assert why_place_is_not_known(PROOF, make_anchor(PROOF.root, PROOF.tree_size)) is None


@pytest.mark.parametrize(
    ("proof", "anchor", "words"),
    [
        (replace(PROOF, path=()), make_anchor(PROOF.root, 7), "path does not hold"),
        (PROOF, None, "is not on the ledger"),
        (PROOF, make_anchor(as_root(bytes(32)), 7), "is not on the ledger"),
        (PROOF, make_anchor(PROOF.root, 0), "does not state how many leaves"),
        (PROOF, make_anchor(PROOF.root, 8), "the batch has 8 leaves and the proof is of 7"),
    ],
)
def test_place_in_the_batch_is_not_known(proof: Any, anchor: Any, words: str) -> None:
    why = why_place_is_not_known(proof, anchor)

    assert why is not None
    assert words in why


def test_nothing_told_of_a_place_names_it() -> None:
    place = batch_places(PROOF)[0]

    found = not_told("no contract is pinned", place)

    assert (found.place, found.outcome, found.reason) == (place, Outcome.CANNOT_TELL, "no contract is pinned")
