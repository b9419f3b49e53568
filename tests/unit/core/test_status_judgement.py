"""What one bit says: every row of the table in docs/status.md, each code of the standard, and which finding wins."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from anchoring.core.outcome import Outcome, worst_of
from anchoring.core.status import MIN_ENTRIES, StatusBits, StatusPurpose, batch_list_id, head_digest, numbered_list_id
from anchoring.core.status_codec import StatusErrorCode
from anchoring.core.status_documents import ListForm, ReadList
from anchoring.core.status_judgement import (
    NOT_ASKED_FOR,
    Basis,
    Head,
    HeadNotShown,
    HeadShown,
    ListFinding,
    Served,
    StatusFindings,
    StatusPlace,
    Unserved,
    Verdict,
    findings_to_json,
    judge,
    needs_list,
)
from anchoring.types import as_root, to_hex
from tests.factories import NOON, UNIVERSITY

PASSED, FAILED, CANNOT_TELL = Outcome.PASSED, Outcome.FAILED, Outcome.CANNOT_TELL
REVOCATION, SUSPENSION = StatusPurpose.REVOCATION, StatusPurpose.SUSPENSION
CODE = StatusErrorCode

LIST_ID = numbered_list_id(UNIVERSITY, REVOCATION, 0)
URL = f"https://uni.example/v1/status-lists/{LIST_ID.hex()}"
FOREIGN_URL = "https://uni.example/status/1"
SOURCE = "the ledger as of block 20"
NOW = NOON + timedelta(hours=1)
WORD = f"by signature of {UNIVERSITY}"
SET, OTHER = 41, 42

PLACE = StatusPlace(named_at="$.credentialStatus", list_id=LIST_ID, url=URL, purpose=REVOCATION, index=SET)
FOREIGN = replace(PLACE, list_id=None, url=FOREIGN_URL)
BATCH_ID = batch_list_id(as_root(bytes(32)), UNIVERSITY, REVOCATION)
BATCH = replace(PLACE, named_at=None, url=None, list_id=BATCH_ID)


def bits(*indexes: int) -> StatusBits:
    made = StatusBits.clear(MIN_ENTRIES)
    for index in indexes:
        made.change(index, is_set=True)
    return made


def head(made: StatusBits, place: StatusPlace = PLACE, version: int = 3) -> HeadShown:
    assert place.list_id
    digest = head_digest(place.list_id, version, made)
    return HeadShown(head=Head(version=version, published_at=NOON, digest=digest), source=SOURCE, as_of=NOON)


NO_HEAD = HeadShown(head=None, source=SOURCE, as_of=NOON)
NOT_SHOWN = HeadNotShown("no node was asked")


def served(made: StatusBits, not_shown: str | None = None, **members: Any) -> Served:
    known: dict[str, Any] = {
        "form": ListForm.BITSTRING_JSON,
        "url": URL,
        "signer": UNIVERSITY,
        "purposes": frozenset({"revocation"}),
        "bits": made,
        "signed_at": NOON + timedelta(minutes=5),
        "valid_from": NOON + timedelta(minutes=5),
        "valid_until": NOON + timedelta(days=1),
        "ttl_s": 300.0,
    }
    return Served(read=ReadList(**{**known, **members}), source="the list at uni.example", word=WORD, not_shown=not_shown)


def told(found: ListFinding) -> tuple[Outcome, Verdict, Basis | None, StatusErrorCode | None]:
    return found.outcome, found.verdict, found.basis, found.code


# Equal to the head on the ledger


def test_clear_bit_of_the_list_on_the_ledger_passes() -> None:
    found = judge(PLACE, head(bits(OTHER)), served(bits(OTHER)), NOW)

    assert told(found) == (PASSED, Verdict.CLEAR, Basis.LEDGER, None)
    assert found.reason == (
        f"not revoked: version 3 of the revocation list {URL}, on the ledger since 2026-11-23T12:00:00Z, says {SOURCE}"
    )
    assert found.head is not None
    assert found.head.version == 3


def test_set_bit_of_the_list_on_the_ledger_fails_as_revoked() -> None:
    found = judge(PLACE, head(bits(SET)), served(bits(SET)), NOW)

    assert told(found) == (FAILED, Verdict.REVOKED, Basis.LEDGER, None)
    assert found.reason.startswith("revoked: version 3 of the revocation list")


def test_set_bit_of_a_suspension_list_fails_as_suspended() -> None:
    place = replace(PLACE, purpose=SUSPENSION)
    shown = served(bits(SET), purposes=frozenset({"suspension"}))

    assert told(judge(place, head(bits(SET)), shown, NOW)) == (FAILED, Verdict.SUSPENDED, Basis.LEDGER, None)
    assert judge(place, head(bits()), replace(shown, read=replace(shown.read, bits=bits())), NOW).reason.startswith(
        "not suspended"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"not_shown": "did:web:cdn.example may not sign it"},
        {"valid_until": NOON},
        {"signed_at": NOON - timedelta(days=300)},
        {"signed_at": None},
        {"signed_at": NOW + timedelta(days=1)},
        {"url": None},
        {"url": URL.replace("uni.example", "cdn.example")},
    ],
)
@pytest.mark.parametrize(("index", "outcome"), [(SET, FAILED), (OTHER, PASSED)])
def test_list_equal_to_the_head_counts_wherever_it_comes_from(change: dict[str, Any], index: int, outcome: Outcome) -> None:
    found = judge(replace(PLACE, index=index), head(bits(SET)), served(bits(SET), **change), NOW)

    assert (found.outcome, found.basis) == (outcome, Basis.LEDGER)


# Different from the head


@pytest.mark.parametrize(("index", "outcome", "verdict"), [(SET, FAILED, Verdict.REVOKED), (OTHER, PASSED, Verdict.CLEAR)])
def test_list_signed_after_the_head_counts_by_its_signature(index: int, outcome: Outcome, verdict: Verdict) -> None:
    found = judge(replace(PLACE, index=index), head(bits()), served(bits(SET)), NOW)

    assert told(found) == (outcome, verdict, Basis.SIGNATURE, None)
    assert "newer than version 3; not yet on the ledger" in found.reason


@pytest.mark.parametrize("signed_at", [NOON, NOON - timedelta(seconds=1), NOON - timedelta(days=9)])
@pytest.mark.parametrize("index", [SET, OTHER])
def test_list_signed_before_the_head_that_differs_is_stale(signed_at: Any, index: int) -> None:
    found = judge(replace(PLACE, index=index), head(bits(SET, 7)), served(bits(SET), signed_at=signed_at), NOW)

    assert told(found) == (FAILED, Verdict.STALE, None, None)
    assert found.reason.startswith("stale: the list at uni.example was signed at ")


def test_same_bits_as_another_version_are_not_the_head() -> None:
    other_version = HeadShown(
        head=Head(version=4, published_at=NOON, digest=head_digest(LIST_ID, 3, bits())), source=SOURCE, as_of=NOON
    )

    found = judge(PLACE, other_version, served(bits(), signed_at=NOON - timedelta(days=1)), NOW)

    assert found.verdict is Verdict.STALE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"not_shown": "nobody knows the key"}, "its signature shows nothing: nobody knows the key"),
        ({"signed_at": None, "valid_from": None}, "does not say when it was signed"),
        ({"valid_until": NOW}, "it was valid until 2026-11-23T13:00:00Z"),
        ({"valid_from": NOW + timedelta(seconds=61)}, "it is valid from 2026-11-23T13:01:01Z only"),
        ({"signed_at": NOW + timedelta(seconds=61)}, "it is valid from 2026-11-23T13:01:01Z only"),
    ],
)
@pytest.mark.parametrize("index", [SET, OTHER])
def test_list_that_differs_from_the_head_counts_only_with_a_good_signature(
    change: dict[str, Any], words: str, index: int
) -> None:
    found = judge(replace(PLACE, index=index), head(bits()), served(bits(SET), **change), NOW)

    assert told(found) == (CANNOT_TELL, Verdict.UNKNOWN, None, CODE.VERIFICATION)
    assert words in found.reason


def test_nobody_makes_a_list_stale_who_may_not_sign_it() -> None:
    found = judge(PLACE, head(bits()), served(bits(SET), "nobody knows the key", signed_at=NOON - timedelta(days=1)), NOW)

    assert told(found) == (CANNOT_TELL, Verdict.UNKNOWN, None, CODE.VERIFICATION)


def test_clocks_may_differ_a_little() -> None:
    found = judge(PLACE, head(bits()), served(bits(OTHER), signed_at=NOW + timedelta(seconds=60)), NOW)

    assert told(found) == (PASSED, Verdict.CLEAR, Basis.SIGNATURE, None)


# No head


def test_nothing_of_a_batch_was_changed_when_its_head_is_all_zero() -> None:
    found = judge(BATCH, NO_HEAD, NOT_ASKED_FOR, NOW)

    assert told(found) == (PASSED, Verdict.CLEAR, Basis.LEDGER, None)
    assert found.reason == f"nothing in the revocation list that follows from the batch was ever changed, says {SOURCE}"


@pytest.mark.parametrize("code", list(StatusErrorCode))
def test_list_of_a_batch_that_is_out_of_reach_is_not_wanted_when_its_head_is_all_zero(code: StatusErrorCode) -> None:
    assert judge(BATCH, NO_HEAD, Unserved(code=code, why="it does not answer"), NOW).outcome is PASSED


def test_revocation_in_a_batch_that_is_not_yet_on_the_ledger_counts_by_its_signature() -> None:
    found = judge(BATCH, NO_HEAD, served(bits(SET), url=f"https://cdn.example/v1/status-lists/{BATCH_ID.hex()}"), NOW)

    assert told(found) == (FAILED, Verdict.REVOKED, Basis.SIGNATURE, None)


@pytest.mark.parametrize("place", [PLACE, BATCH])
@pytest.mark.parametrize("made", [bits(), bits(SET)])
def test_nothing_is_told_of_a_list_of_ours_without_a_ledger(place: StatusPlace, made: StatusBits) -> None:
    found = judge(place, NOT_SHOWN, served(made), NOW)

    assert told(found) == (CANNOT_TELL, Verdict.UNKNOWN, None, None)
    assert found.reason == "no node was asked"


@pytest.mark.parametrize(("index", "outcome", "verdict"), [(SET, FAILED, Verdict.REVOKED), (OTHER, PASSED, Verdict.CLEAR)])
def test_named_list_that_was_never_published_counts_by_its_signature(index: int, outcome: Outcome, verdict: Verdict) -> None:
    found = judge(replace(PLACE, index=index), NO_HEAD, served(bits(SET)), NOW)

    assert told(found) == (outcome, verdict, Basis.SIGNATURE, None)
    assert found.reason.endswith(f"{WORD}; no version of it is on the ledger")


@pytest.mark.parametrize("shown", [NO_HEAD, NOT_SHOWN])
@pytest.mark.parametrize(("index", "outcome", "verdict"), [(SET, FAILED, Verdict.REVOKED), (OTHER, PASSED, Verdict.CLEAR)])
def test_foreign_list_counts_by_its_signature(shown: Any, index: int, outcome: Outcome, verdict: Verdict) -> None:
    found = judge(replace(FOREIGN, index=index), shown, served(bits(SET), url=FOREIGN_URL), NOW)

    assert told(found) == (outcome, verdict, Basis.SIGNATURE, None)
    assert found.reason.endswith("it is not a list that this ledger shows")


@pytest.mark.parametrize("place", [PLACE, FOREIGN])
@pytest.mark.parametrize("index", [SET, OTHER])
@pytest.mark.parametrize("change", [{"not_shown": "no key"}, {"valid_until": NOW}, {"valid_from": NOW + timedelta(hours=1)}])
def test_list_without_head_and_signature_tells_nothing(place: StatusPlace, index: int, change: dict[str, Any]) -> None:
    found = judge(replace(place, index=index), NO_HEAD, served(bits(SET), url=place.url, **change), NOW)

    assert told(found) == (CANNOT_TELL, Verdict.UNKNOWN, None, CODE.VERIFICATION)


# The standard's order and codes


@pytest.mark.parametrize("code", [None, *StatusErrorCode])
@pytest.mark.parametrize("place", [PLACE, FOREIGN, BATCH])
def test_list_that_was_not_got_tells_nothing(place: StatusPlace, code: StatusErrorCode | None) -> None:
    shown = head(bits(), place) if place.list_id else NO_HEAD

    found = judge(place, shown, Unserved(code=code, why="it does not answer"), NOW)

    assert told(found) == (CANNOT_TELL, Verdict.UNKNOWN, None, code)
    assert found.reason.endswith("it does not answer")


def test_list_that_was_not_asked_for_tells_nothing() -> None:
    assert told(judge(PLACE, head(bits()), NOT_ASKED_FOR, NOW)) == (CANNOT_TELL, Verdict.UNKNOWN, None, CODE.RETRIEVAL)


@pytest.mark.parametrize(
    "change",
    [
        {"purposes": frozenset({"suspension"})},
        {"purposes": frozenset({"refresh", "message"})},
        {"url": URL.replace(LIST_ID.hex(), "00" * 32)},
        {"url": "https://uni.example/status/1"},
    ],
)
@pytest.mark.parametrize("made", [bits(), bits(SET)])
def test_another_list_or_purpose_is_a_verification_error(change: dict[str, Any], made: StatusBits) -> None:
    found = judge(PLACE, head(made), served(made, **change), NOW)

    assert told(found) == (CANNOT_TELL, Verdict.UNKNOWN, None, CODE.VERIFICATION)


def test_another_foreign_list_is_a_verification_error() -> None:
    found = judge(FOREIGN, NO_HEAD, served(bits(), url=FOREIGN_URL + "2"), NOW)

    assert told(found) == (CANNOT_TELL, Verdict.UNKNOWN, None, CODE.VERIFICATION)


def test_list_may_have_several_purposes() -> None:
    assert judge(PLACE, head(bits()), served(bits(), purposes=frozenset({"revocation", "suspension"})), NOW).outcome is PASSED


def test_index_outside_the_list_is_a_range_error() -> None:
    place = replace(PLACE, index=MIN_ENTRIES)

    assert told(judge(place, head(bits()), served(bits()), NOW)) == (CANNOT_TELL, Verdict.UNKNOWN, None, CODE.RANGE)
    assert judge(replace(place, index=MIN_ENTRIES - 1), head(bits()), served(bits()), NOW).outcome is PASSED


@pytest.mark.parametrize(
    ("purposes", "verdict"), [(frozenset({"revocation"}), Verdict.REVOKED), (frozenset({"suspension"}), Verdict.SUSPENDED)]
)
def test_token_learns_from_the_list_what_a_set_bit_means(purposes: frozenset[str], verdict: Verdict) -> None:
    place = replace(PLACE, purpose=None)

    assert judge(place, head(bits(SET)), served(bits(SET), purposes=purposes), NOW).verdict is verdict
    assert judge(place, head(bits()), served(bits(), purposes=purposes), NOW).verdict is Verdict.CLEAR


# What is wanted, the whole, and JSON


@pytest.mark.parametrize(
    ("place", "shown", "wanted"),
    [
        (PLACE, head(bits()), True),
        (PLACE, NO_HEAD, True),
        (PLACE, NOT_SHOWN, False),
        (BATCH, head(bits(), BATCH), True),
        (BATCH, NO_HEAD, False),
        (BATCH, NOT_SHOWN, False),
        (FOREIGN, NOT_SHOWN, True),
        (FOREIGN, NO_HEAD, True),
    ],
)
def test_list_is_wanted_only_where_it_can_decide(place: StatusPlace, shown: Any, *, wanted: bool) -> None:
    assert needs_list(place, shown) is wanted


@pytest.mark.parametrize(
    ("found", "worst"),
    [
        ([PASSED, PASSED], PASSED),
        ([PASSED, CANNOT_TELL], CANNOT_TELL),
        ([PASSED, CANNOT_TELL, FAILED], FAILED),
        ([CANNOT_TELL, FAILED], FAILED),
    ],
)
def test_worst_finding_decides(found: list[Outcome], worst: Outcome) -> None:
    clear = judge(BATCH, NO_HEAD, NOT_ASKED_FOR, NOW)
    lists = tuple(replace(clear, outcome=outcome, reason=f"{outcome} {i}") for i, outcome in enumerate(found))

    assert worst_of(found) is worst
    assert StatusFindings(lists).outcome is worst
    expected = "; ".join(f"{outcome} {i}" for i, outcome in enumerate(found) if outcome is worst)
    assert StatusFindings(lists).reason == expected


def test_findings_are_written_with_what_is_known() -> None:
    revoked = judge(PLACE, head(bits(SET)), served(bits(SET)), NOW)
    foreign = judge(FOREIGN, NO_HEAD, Unserved(code=CODE.RETRIEVAL, why="no answer"), NOW)

    written = findings_to_json(StatusFindings((revoked, foreign)))

    assert json.loads(json.dumps(written)) == [
        {
            "namedAt": "$.credentialStatus",
            "list": to_hex(LIST_ID),
            "url": URL,
            "purpose": "revocation",
            "index": SET,
            "outcome": "failed",
            "verdict": "revoked",
            "basis": "ledger",
            "version": 3,
            "publishedAt": "2026-11-23T12:00:00Z",
            "code": None,
            "reason": revoked.reason,
        },
        {
            "namedAt": "$.credentialStatus",
            "list": None,
            "url": FOREIGN_URL,
            "purpose": "revocation",
            "index": SET,
            "outcome": "cannot tell",
            "verdict": "unknown",
            "basis": None,
            "version": None,
            "publishedAt": None,
            "code": "STATUS_RETRIEVAL_ERROR",
            "reason": f"the revocation list {FOREIGN_URL}: no answer",
        },
    ]


# A node that stands still


LATER = NOON + timedelta(days=1)


def test_what_an_old_block_does_not_show_may_have_been_changed_since() -> None:
    served_not = Unserved(code=None, why="it was not asked for")
    assert told(judge(BATCH, NO_HEAD, served_not, LATER)) == (PASSED, Verdict.CLEAR, Basis.LEDGER, None)

    found = judge(BATCH, NO_HEAD, served_not, LATER + timedelta(seconds=1))

    assert told(found) == (CANNOT_TELL, Verdict.UNKNOWN, None, None)
    assert found.reason.endswith(f"nothing newer is shown than {SOURCE}, and what was changed since is not told")


def test_list_of_an_old_head_counts_by_its_signature_while_that_is_valid() -> None:
    later = LATER + timedelta(hours=1)
    fresh, late = served(bits(), valid_until=later + timedelta(hours=1)), served(bits(), valid_until=later)

    assert told(judge(PLACE, head(bits()), fresh, later)) == (PASSED, Verdict.CLEAR, Basis.SIGNATURE, None)
    assert told(judge(PLACE, head(bits()), late, later)) == (CANNOT_TELL, Verdict.UNKNOWN, None, StatusErrorCode.VERIFICATION)


def test_set_bit_of_an_old_head_fails_all_the_same() -> None:
    found = judge(PLACE, head(bits(SET)), served(bits(SET)), LATER + timedelta(days=300))

    assert told(found) == (FAILED, Verdict.REVOKED, Basis.LEDGER, None)
