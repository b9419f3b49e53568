"""The service's own entries: what one is shows from digest and salt, and what is held against the log."""

import hashlib

import pytest

from anchoring.core.own_entries import OwnCheck, OwnEntry, OwnKind, canary_digest, head_salt, lost_hash
from anchoring.types import Salt
from tests.factories import make_digest

SALT = Salt(bytes(range(16)))
HASH = make_digest(1)


def own(i: int = 1, **changed: object) -> OwnEntry:
    """A head of record 7, as it is posted."""
    members = {"id": i, "digest": HASH, "salt": head_salt(HASH), "number": 7, "record_hash": HASH, "is_canary": False}
    return OwnEntry(**members | changed)  # type: ignore[arg-type]


def untold(i: int = 1, **changed: object) -> OwnEntry:
    """What a program before this one posted as a canary."""
    return own(i, **{"salt": SALT, "number": None, "record_hash": None, "is_canary": True} | changed)


def checked(*entries: OwnEntry, held_up_to: int = 0) -> OwnCheck:
    check = OwnCheck(held_up_to)
    for one in entries:
        check.add(one)
    return check


def test_digest_and_salt_follow_from_each_other():
    assert canary_digest(SALT) == hashlib.sha256(b"credanchor-canary-v1" + SALT).digest()
    assert head_salt(HASH) == hashlib.sha256(b"credanchor-audit-head-v1" + HASH).digest()[:16]


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (own(), OwnKind.HEAD),
        (own(digest=canary_digest(SALT), salt=SALT), OwnKind.CANARY),
        (own(salt=SALT), OwnKind.UNTOLD),
        (own(digest=make_digest(2)), OwnKind.UNTOLD),
        (own(digest=None, salt=None), OwnKind.UNTOLD),
    ],
)
def test_an_entry_tells_its_kind(entry, kind):
    assert entry.kind is kind


def test_heads_of_records_and_canaries_are_right():
    canary = own(3, digest=canary_digest(SALT), salt=SALT, number=None, record_hash=None)
    check = checked(own(1), own(2, salt=SALT), canary)
    assert (check.faults, check.lost, check.untold, check.posted, check.newest) == ([], [], 0, 2, 7)


@pytest.mark.parametrize("is_canary", [True, False])
def test_a_head_is_no_canary_whatever_else_is_said(is_canary):
    check = checked(own(3, number=None, record_hash=None, is_canary=is_canary), held_up_to=9)
    assert (check.lost, check.untold, check.posted) == ([HASH], 0, 0)
    [fault] = check.lost_faults()
    assert fault.startswith("of the service's own, entry 3 is neither canary nor head of a record that is here: ")


def test_heads_of_records_that_are_missing_are_counted():
    check = checked(own(3, record_hash=None), untold(5, is_canary=False), own(9, number=None))
    [fault] = check.lost_faults()
    assert "3 entries, 3 to 9, are neither" in fault


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"digest": None, "salt": None}, "the head posted of record 7, entry 1, was erased"),
        ({"digest": None, "salt": None, "number": None}, "entry 1 of the service's own was erased"),
        ({"record_hash": make_digest(2)}, "record 7 has hash 0x"),
    ],
)
def test_what_was_changed_is_named(changed, words):
    [fault] = checked(own(**changed)).faults
    assert fault.startswith(words)


def test_what_a_program_before_posted_counts_until_a_newer_head_is_final():
    erased = untold(2, digest=None, salt=None)
    settled = checked(untold(1), erased, held_up_to=2)
    assert (settled.faults, settled.lost, settled.untold) == ([], [], 0)
    open_yet = checked(untold(1), erased, held_up_to=0)
    assert (open_yet.faults, open_yet.lost, open_yet.untold) == (["entry 2 of the service's own was erased"], [], 1)


def test_a_set_of_lost_ones_is_named_in_any_order():
    ours = [make_digest(1), make_digest(2)]
    assert lost_hash(ours) == lost_hash(ours[::-1]) != lost_hash(ours[:1])
