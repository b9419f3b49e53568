"""The chain of the audit log: the hash that anybody can compute again, and what is said of records that do not follow."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import rfc8785

from anchoring.core.audit_log import START, Act, ActResult, AuditHead, AuditRecord, ChainCheck, SourceCheck, source_hash, trace_of
from anchoring.types import to_hex
from tests.audit import chain
from tests.factories import NOON, UNIVERSITY, make_digest

SOURCE = source_hash(bytes(16), "192.0.2.1")


def make_act(i: int = 0, **changed: object) -> Act:
    act = Act(
        at=NOON + timedelta(microseconds=i),
        actor="ca_1a2b3c4d",
        source="192.0.2.1",
        action="digests.posted",
        issuer=UNIVERSITY,
        detail={"count": i, "trace": trace_of(bytes(16), make_digest(i))},
    )
    return replace(act, **changed)  # type: ignore[arg-type]


def make_chain(count: int) -> list[AuditRecord]:
    records, previous = [], START
    for i in range(count):
        records.append(chain(make_act(i), i + 1, previous, SOURCE))
        previous = records[-1].hash
    return records


def faults(records: list[AuditRecord]) -> list[str]:
    check = ChainCheck()
    for record in records:
        check.add(record)
    check.close()
    return check.faults


@pytest.mark.parametrize(
    "act",
    [
        make_act(),
        make_act(issuer=None, result=ActResult.BEGUN, detail={}),
        make_act(
            actor='"\\\x00\x1f\x7f\u2028é€𝄞',
            detail={"b": "\ud7ff\t\n", "a": ["é", ""], "c": None, "d": 2**53 - 1, "e": True, "f": "True"},
        ),
        make_act(at=datetime(1999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    ],
)
def test_hash_is_that_of_the_rfc_8785_form_of_what_is_exported(act):
    record = chain(act, 7, make_digest(0), SOURCE)
    told = record.to_json(make_digest(0))
    assert told.pop("hash") == to_hex(hashlib.sha256(rfc8785.dumps(told)).digest())
    assert record.follows(make_digest(0))
    assert (told["number"], told["previous"], told["source"]) == (7, to_hex(make_digest(0)), to_hex(SOURCE))
    assert told["detail"] == dict(act.detail)


def test_records_that_follow_each_other_are_right():
    check = ChainCheck()
    assert check.head == AuditHead(number=0, hash=START)
    records = make_chain(5)
    for record in records:
        check.add(record)
    check.close()
    assert check.faults == []
    assert check.head == AuditHead(number=5, hash=records[-1].hash)


@pytest.mark.parametrize(
    "changed",
    [
        {"at": NOON},
        {"actor": "ca_ffffffff"},
        {"issuer": None},
        {"action": "key.created"},
        {"result": "refused"},
        {"result": "nothing that is known"},
        {"detail": '{"count":3}'},
        {"detail": "no JSON"},
        {"source": bytes(32)},
        {"hash": bytes(32)},
    ],
)
def test_a_changed_record_is_named(changed):
    records = make_chain(5)
    records[2] = replace(records[2], **changed)
    [fault] = faults(records)
    first = 4 if "hash" not in changed else 3
    if "hash" in changed:  # then neither it nor the next is right
        assert fault == "records 3 to 4 do not follow each other: they were moved, inserted or replaced"
    else:
        assert fault == f"record {first - 1} does not follow record {first - 2}: one of them was changed after it was written"


def test_the_last_record_changed():
    records = make_chain(3)
    records[2] = replace(records[2], actor="round")
    assert faults(records) == ["record 3 does not follow record 2: one of them was changed after it was written"]


def test_removed_records_are_named():
    records = make_chain(6)
    assert faults(records[1:]) == ["record 1 is missing"]
    assert faults(records[:2] + records[4:]) == ["records 3 to 4 are missing"]


def test_removed_and_numbered_anew():
    records = make_chain(6)
    renumbered = [replace(record, number=i + 1) for i, record in enumerate(records[:2] + records[3:])]
    assert faults(renumbered) == ["records 3 to 5 do not follow each other: they were moved, inserted or replaced"]


def test_moved_records_are_named():
    records = make_chain(6)
    records[2], records[3] = replace(records[3], number=3), replace(records[2], number=4)
    assert faults(records) == ["records 3 to 5 do not follow each other: they were moved, inserted or replaced"]


def test_an_inserted_record_is_found():
    records = make_chain(4)
    forged = chain(make_act(9), 3, records[1].hash, SOURCE)
    shifted = [*records[:2], forged, *[replace(record, number=record.number + 1) for record in records[2:]]]
    assert faults(shifted) == ["records 4 to 5 do not follow each other: they were moved, inserted or replaced"]


def test_records_before_the_first_are_named_and_the_rest_is_held_to_its_beginning():
    records = make_chain(3)
    before = [replace(records[1], number=-5), replace(records[1], number=0)]
    assert faults(before + records) == [f"record {number} stands before the first: it was inserted" for number in (-5, 0)]


def test_a_source_that_was_changed_is_named_and_one_that_is_forgotten_is_counted():
    records = [replace(record, source=bytes([i // 2]) * 32) for i, record in enumerate(make_chain(6))]
    check = SourceCheck()
    for record, source, fits in zip(
        records, ["a", "a", None, None, "c", "c"], [True, True, False, False, False, False], strict=True
    ):
        check.add(record, source, fits=fits)
    assert check.good == "2 records say from where as it was recorded, of 2 it is forgotten"
    assert check.faults() == ["from where record 5 came was changed after it was written; 2 records say the same"]


def test_text_that_is_no_text_is_a_fault_and_no_error():
    [record] = make_chain(1)
    assert not replace(record, actor="\ud800").follows(START)


def test_a_trace_says_nothing_without_the_salt():
    digest = make_digest(1)
    assert trace_of(b"a" * 16, digest) != trace_of(b"b" * 16, digest)
    assert trace_of(b"a" * 16, digest) == to_hex(hashlib.sha256(b"a" * 16 + digest).digest())
