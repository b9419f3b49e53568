"""What is said where entries were detached."""

from datetime import timedelta

from anchoring.core.detached import DetachedEntries, not_posted
from tests.factories import NOON, UNIVERSITY, make_digest

DETACHED = DetachedEntries(since=NOON, until=NOON + timedelta(days=1))


def test_change_is_noted_of_entries_that_an_older_one_may_stand_beside():
    assert DETACHED.note_of_change(NOON - timedelta(microseconds=1)) is None
    for later in (timedelta(0), timedelta(hours=1), timedelta(days=2)):
        note = DETACHED.note_of_change(NOON + later)
        assert note is not None
        assert "received up to 2026-11-24T12:00:00Z were detached" in note


def test_digest_that_is_not_found_is_told_to_be_detached_only_where_something_was():
    digest = make_digest(1)
    assert not_posted(digest, None, None) == f"digest 0x{digest.hex()} was not posted here"
    told = not_posted(digest, UNIVERSITY, DETACHED)
    assert told.startswith(
        f"digest 0x{digest.hex()} was not posted here by {UNIVERSITY}, or it was detached, as entries received up to"
    )
