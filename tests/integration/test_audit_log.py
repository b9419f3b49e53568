"""The audit log: what commits is recorded in order, what does not is not, and whatever is done to the records is found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, select, update

from anchoring.core.audit_log import START, Act, AuditHead, ChainCheck
from anchoring.core.audit_report import AuditCheckName, AuditReport
from anchoring.core.outcome import Outcome
from anchoring.core.own_entries import canary_digest
from anchoring.ports.audit_log import BEFORE_ALL, ShownRecord, Wanted
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Did, Salt, to_hex
from anchoring.usecases.check_audit_log import check_audit_log, examine_audit_log
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.prove_inclusion import prove_inclusion
from tests.audit import chain
from tests.factories import NOON, UNIVERSITY, make_digest
from tests.faults import Fault
from tests.installation import RULES, Installation, no_progress
from tests.world import rows

ANCHORED = replace(RULES, posts_audit_head=True)
RECORD, HEAD = tables.audit_record, tables.audit_head


def make_act(i: int = 0, **changed: Any) -> Act:
    act = Act(at=NOON, actor=f"ca_{i:08x}", source="192.0.2.1", action="digests.posted", issuer=UNIVERSITY, detail={"count": i})
    return replace(act, **changed)


def record(store: SqlStore, *acts: Act) -> None:
    with store.writing() as uow:
        for act in acts:
            uow.audit_log.note(act)
        uow.commit()


def shown(store: SqlStore, **wanted: Any) -> list[ShownRecord]:
    with store.reading() as uow:
        return list(uow.audit_log.find(Wanted(**wanted), 0, 1_000))


def check_chain(store: SqlStore) -> AuditHead:
    check = ChainCheck()
    with store.reading() as uow:
        for one in uow.audit_log.find(Wanted(), 0, 10_000):
            check.add(one.record)
    check.close()
    assert check.faults == []
    return check.head


def test_what_is_noted_is_recorded_with_the_commit_and_not_without(store):
    record(store, make_act(1), make_act(2))
    with store.writing() as uow:
        uow.audit_log.note(make_act(3))
    record(store, make_act(4))
    assert [one.record.detail for one in shown(store)] == ['{"count":1}', '{"count":2}', '{"count":4}']
    assert check_chain(store).number == 3


def test_a_record_is_read_as_it_was_written(store):
    act = make_act(
        at=NOON + timedelta(microseconds=123_456), actor="ca_é", detail={"a": ["ü", "𝄞"], "b": None, "c": True}, issuer=None
    )
    record(store, act)
    [[found, previous, source, source_fits]] = shown(store)
    assert found == chain(act, 1, START, found.source)
    assert (previous, source, source_fits) == (START, "192.0.2.1", True)


def test_writers_at_the_same_moment_make_one_chain(store):
    def write(writer: int) -> None:
        for i in range(10):
            record(store, make_act(writer * 100 + i, source=f"192.0.2.{writer}"), make_act(i))

    with ThreadPoolExecutor(8) as writers:
        list(writers.map(write, range(8)))
    assert check_chain(store).number == 160


def test_two_processes_write_one_chain(store):
    """Each has stores, and salts for sources, of its own."""
    other = SqlStore(store._engine)
    for i in range(3):
        record(store, make_act(i))
        record(other, make_act(i))
    assert check_chain(store).number == 6
    assert len({one.record.source for one in shown(store)}) == 2
    assert {one.source for one in shown(store)} == {"192.0.2.1"}


def test_a_source_stands_once_a_day_and_is_forgotten_apart(store):
    for day in range(3):
        record(store, make_act(day, at=NOON + timedelta(days=day)))
        record(store, make_act(day, at=NOON + timedelta(days=day, hours=1)))
    assert len(rows(store, tables.audit_source)) == 3
    with store.writing() as uow:
        assert uow.audit_log.forget_sources(NOON + timedelta(days=1)) == 1
        uow.commit()
    assert [one.source for one in shown(store)] == [None, None, *["192.0.2.1"] * 4]
    assert check_chain(store).number == 6


def test_a_source_of_a_write_that_failed_is_written_with_the_next(store):
    with store.writing() as uow:
        uow.audit_log.note(make_act())
        uow.audit_log.append_noted()
    record(store, make_act())
    assert [one.source for one in shown(store)] == ["192.0.2.1"]


def test_records_are_found_by_what_is_asked(store):
    record(store, make_act(1), make_act(2, action="key.created", issuer=None, at=NOON + timedelta(hours=1)))
    record(store, make_act(3, action="keys.counted"))

    def numbers(**wanted: Any) -> list[int]:
        return [one.record.number for one in shown(store, **wanted)]

    assert numbers() == [1, 2, 3]
    assert numbers(actor="ca_00000002") == [2]
    assert numbers(issuer=UNIVERSITY) == [1, 3]
    assert numbers(issuer=Did("did:web:nobody.example")) == []
    assert numbers(action="key") == numbers(action="key.created") == [2]
    assert numbers(since=NOON + timedelta(hours=1)) == [2]
    assert numbers(until=NOON + timedelta(hours=1)) == [1, 3]
    assert numbers(result="refused") == []
    with store.reading() as uow:
        assert [uow.audit_log.number_before_last(Wanted(issuer=UNIVERSITY), n) for n in (1, 2, 3)] == [1, BEFORE_ALL, BEFORE_ALL]
        assert [one.previous for one in uow.audit_log.find(Wanted(), 1, 1)] == [shown(store)[0].record.hash]


@pytest.fixture
def here(store: SqlStore) -> Installation:
    """Six records, three anchored heads: of records 2, 4 and, by then with two of rounds, 6; and two records that are newer."""
    here = Installation(store, ANCHORED)
    for i in range(3):
        record(here.store, make_act(i))
        here.post()
        here.rest()
    here.chain.mine()
    record(here.store, make_act(7))
    return here


def verified(here: Installation, kept: AuditHead | None = None, known_lost: bytes | None = None) -> AuditReport:
    return check_audit_log(here.store, here.ledger, prove_inclusion, kept=kept, known_lost=known_lost, progress=no_progress)


def told(report: AuditReport, outcome: Outcome = Outcome.FAILED) -> dict[str, str]:
    return {one.name: " ".join(one.reasons) for one in report.checks if one.outcome is outcome}


def heads(here: Installation) -> list[int]:
    return [row.number for row in rows(here.store, HEAD)]


def test_heads_go_along_with_rounds_and_the_ledger_holds_them(here):
    assert heads(here) == [1, 3, 5]  # rounds record their transaction: 2, 4, 6
    report = verified(here)
    assert report.outcome is Outcome.PASSED
    assert set(told(report, Outcome.PASSED)) == set(AuditCheckName) - {AuditCheckName.KEPT}
    assert "the head of record 5 was anchored in block" in told(report, Outcome.PASSED)[AuditCheckName.ANCHOR]
    assert "2 newer records" in told(report, Outcome.PASSED)[AuditCheckName.ANCHOR]
    here.check()
    actions = [(one.record.actor, one.record.action) for one in shown(here.store)]
    assert actions[:2] == [("ca_00000000", "digests.posted"), ("round", "transaction.signed")]


def test_no_head_causes_a_round(here):
    batches, transactions = len(rows(here.store, tables.batch)), here.chain.transaction_count(here.ledger.signer)
    for i in range(3):
        record(here.store, make_act(i))
        here.round()
    assert (len(rows(here.store, tables.batch)), heads(here)) == (batches, [1, 3, 5])
    assert here.chain.transaction_count(here.ledger.signer) == transactions


def test_nothing_anchored_yet_cannot_be_told(store):
    here = Installation(store, ANCHORED)
    assert told(verified(here), Outcome.CANNOT_TELL).keys() == {AuditCheckName.ANCHOR}
    record(here.store, make_act())
    assert verified(here).outcome is Outcome.CANNOT_TELL


def test_a_node_that_does_not_answer_cannot_tell(here):
    here.faults.arm("identity", Fault.FAILS_BEFORE)
    assert set(told(verified(here), Outcome.CANNOT_TELL)) == {AuditCheckName.ANCHOR}


def _remake(connection: Connection, first: int) -> None:
    """Whoever has the database and the program makes every hash from there on anew."""
    previous = connection.execute(select(RECORD.c.hash).where(RECORD.c.number == first - 1)).scalar() or START
    for row in connection.execute(select(RECORD).where(RECORD.c.number >= first).order_by(RECORD.c.number)).all():
        issuer = None if row.issuer is None else Did(row.issuer)
        act = Act(at=row.at, actor=row.actor, source="", action=row.action, issuer=issuer, result=row.result, detail={})
        made = chain(act, row.number, previous, row.source)
        connection.execute(update(RECORD).where(RECORD.c.number == row.number).values(detail=made.detail, hash=made.hash))
        previous = made.hash


def _change(connection: Connection) -> None:
    connection.execute(update(RECORD).where(RECORD.c.number == 3).values(actor="ca_ffffffff"))


def _remove(connection: Connection) -> None:
    connection.execute(delete(RECORD).where(RECORD.c.number == 4))


def _insert(connection: Connection) -> None:
    for number in range(7, 3, -1):
        connection.execute(update(RECORD).where(RECORD.c.number == number).values(number=number + 1))
    row = connection.execute(select(RECORD).where(RECORD.c.number == 3)).mappings().one()
    connection.execute(insert(RECORD).values({**row, "number": 4, "action": "key.created"}))


def _insert_before_the_first(connection: Connection) -> None:
    row = connection.execute(select(RECORD).where(RECORD.c.number == 3)).mappings().one()
    connection.execute(insert(RECORD), [{**row, "number": number} for number in (-5, 0)])


def _move(connection: Connection) -> None:
    for number, to in ((3, 99), (4, 3), (99, 4)):
        connection.execute(update(RECORD).where(RECORD.c.number == number).values(number=to))


def _cut_off(connection: Connection) -> None:
    connection.execute(delete(RECORD).where(RECORD.c.number > 4))


def _cut_off_with_heads(connection: Connection) -> None:
    _cut_off(connection)
    connection.execute(delete(HEAD).where(HEAD.c.number > 4))


def _make_anew(connection: Connection) -> None:
    connection.execute(update(RECORD).where(RECORD.c.number == 3).values(actor="ca_ffffffff"))
    _remake(connection, 3)


def _make_anew_with_heads(connection: Connection) -> None:
    """… and the digests that were posted with it. Their leaves stay what they were."""
    _make_anew(connection)
    for number, entry_id in connection.execute(select(HEAD.c.number, HEAD.c.entry_id)).all():
        made = connection.execute(select(RECORD.c.hash).where(RECORD.c.number == number)).scalar_one()
        connection.execute(update(tables.entry).where(tables.entry.c.id == entry_id).values(digest=made))


def _call_canary(connection: Connection, *entry_ids: int) -> None:
    row = {"posted_at": NOON, "checked_at": NOON, "passed": 1}
    connection.execute(insert(tables.canary), [{"entry_id": entry_id, **row} for entry_id in entry_ids])


def _disguise(connection: Connection) -> None:
    """The newest head is called a canary, and what it holds is cut off."""
    _cut_off_with_heads(connection)
    _call_canary(connection, 6)


def _empty(connection: Connection) -> None:
    """All heads are called canaries, and the log was lost in a rebuild, says the database."""
    connection.execute(delete(RECORD))
    connection.execute(delete(HEAD))
    _call_canary(connection, 2, 4, 6)
    connection.execute(insert(tables.rebuilt_mark).values(id=1, rebuilt_at=NOON + timedelta(days=9)))


def _replace_by_canary(connection: Connection) -> None:
    """… whose digest follows from its salt. The leaf stays what it was."""
    _disguise(connection)
    salt = Salt(bytes(16))
    forged = {"digest": canary_digest(salt), "salt": salt}
    connection.execute(update(tables.entry).where(tables.entry.c.id == 6).values(forged))


def _replace_older_by_canary(connection: Connection) -> None:
    """… which a newer head is final than, by the ids that the database gives them."""
    connection.execute(delete(HEAD).where(HEAD.c.number == 1))
    salt = Salt(bytes(16))
    forged = {"digest": canary_digest(salt), "salt": salt}
    connection.execute(update(tables.entry).where(tables.entry.c.id == 2).values(forged))


def _replace_by_what_tells_nothing(connection: Connection) -> None:
    """… as programs before this one posted canaries."""
    _disguise(connection)
    connection.execute(update(tables.entry).where(tables.entry.c.id == 6).values(salt=bytes(16)))


def _erase_head(connection: Connection) -> None:
    _disguise(connection)
    connection.execute(update(tables.entry).where(tables.entry.c.id == 6).values(digest=None, salt=None))


def _point_head_elsewhere(connection: Connection) -> None:
    """… at what an issuer posted, which is final too."""
    connection.execute(update(HEAD).where(HEAD.c.number == 5).values(entry_id=5))


def _change_source(connection: Connection) -> None:
    connection.execute(update(tables.audit_source).where(tables.audit_source.c.source == "192.0.2.1").values(source="192.0.2.9"))


CHAIN, SOURCES, HEADS = AuditCheckName.CHAIN, AuditCheckName.SOURCES, AuditCheckName.HEADS
ANCHOR = AuditCheckName.ANCHOR
NO_HEAD = "of the service's own, entry 6 is neither canary nor head of a record that is here"
TAMPERING: list[tuple[Callable[[Connection], None], dict[str, str]]] = [
    (_change, {CHAIN: "record 3 does not follow record 2"}),
    (_remove, {CHAIN: "record 4 is missing"}),
    (_insert, {CHAIN: "records 4 to 8 do not follow each other", HEADS: "record 5 has hash"}),
    (_insert_before_the_first, {CHAIN: "record -5 stands before the first: it was inserted record 0 stands before the first"}),
    (_move, {CHAIN: "records 3 to 5 do not follow each other", HEADS: "record 3 has hash"}),
    (_cut_off, {HEADS: "the head of record 5 was posted, and the last one here is 4: the log was cut off"}),
    (_cut_off_with_heads, {HEADS: NO_HEAD}),
    (_disguise, {HEADS: NO_HEAD}),
    (_empty, {HEADS: "3 entries, 2 to 6, are neither canary nor head of a record that is here"}),
    (_replace_by_canary, {HEADS: "entry 6 of the service's own cannot be proven, it was changed: "}),
    (_replace_older_by_canary, {HEADS: "entry 2 of the service's own cannot be proven, it was changed: "}),
    (_replace_by_what_tells_nothing, {HEADS: "entry 6 of the service's own cannot be proven, it was changed: "}),
    (_erase_head, {HEADS: "entry 6 of the service's own was erased"}),
    (_point_head_elsewhere, {HEADS: NO_HEAD}),
    (_change_source, {SOURCES: "from where record 1 came was changed after it was written; 4 records say the same"}),
    (_make_anew, {HEADS: "record 3 has hash"}),
    (_make_anew_with_heads, {ANCHOR: "the head of record 5 cannot be proven"}),
]


@pytest.mark.parametrize(("tamper", "expected"), TAMPERING, ids=[tamper.__name__.strip("_") for tamper, _ in TAMPERING])
def test_tampering_is_found_and_named(here, tamper, expected):
    with here.store._engine.begin() as connection:
        tamper(connection)
    found = told(verified(here))
    assert {name: words in found.get(name, "") for name, words in expected.items()} == dict.fromkeys(expected, True), found
    assert set(expected) - {HEADS} == set(found) - {HEADS}
    if tamper not in FOUND_BY_LEAVES_OR_OUTSIDE:
        assert not examine_audit_log(here.store, no_progress).is_right


FOUND_BY_LEAVES_OR_OUTSIDE = (
    _make_anew_with_heads,
    _replace_by_canary,
    _replace_older_by_canary,
    _replace_by_what_tells_nothing,
    _empty,
)
"""The check of a database finds all but the last in the leaves of the batch; the last says that the database was rebuilt."""


def test_a_log_that_was_lost_is_told_from_one_that_was_cut_off_by_what_was_noted_elsewhere(here):
    with here.store._engine.begin() as connection:
        _empty(connection)
    lost = verified(here).lost
    assert "3 are of the log that was lost" in told(verified(here, known_lost=lost), Outcome.PASSED)[HEADS]
    assert "3 heads are of a log that was lost" in examine_audit_log(here.store, no_progress).good
    record(here.store, make_act(8))
    here.post()
    here.rest()
    assert verified(here).lost == lost
    assert verified(here, known_lost=lost).outcome is Outcome.PASSED
    with here.store._engine.begin() as connection:
        connection.execute(delete(HEAD))
        connection.execute(delete(RECORD))
    assert "are not those that were noted as lost" in told(verified(here, known_lost=lost))[HEADS]


def test_canaries_are_no_heads(store):
    here = Installation(store, replace(ANCHORED, canary_every_s=1))
    for _ in range(3):
        here.post()
        here.rest()
    assert len(rows(here.store, tables.canary)) == 3
    assert verified(here).outcome is Outcome.PASSED
    with here.store._engine.begin() as connection:
        connection.execute(delete(tables.canary))
    assert verified(here).outcome is Outcome.PASSED  # they tell by themselves what they are, also where the database was rebuilt


def test_canaries_of_a_program_before_are_settled_by_the_next_head(store):
    """They might be heads as well, as long as no newer head holds the log."""
    here = Installation(store, RULES)
    here.post()
    with here.store.writing() as uow:
        service = uow.issuers.of_service(NOON)
        uow.canaries.record(uow.entries.add_one(service, make_digest(77), Salt(bytes(16)), NOON), NOON)
        uow.commit()
    here.rest()
    assert told(verified(here), Outcome.CANNOT_TELL)[HEADS].startswith("1 canaries of a program before this one might be heads")
    assert examine_audit_log(here.store, no_progress).is_right
    here.rules = ANCHORED
    here.post()
    here.rest()
    assert verified(here).outcome is Outcome.PASSED


def test_what_was_made_anew_after_the_newest_anchor_is_shown_by_what_was_noted_elsewhere(here):
    kept = verified(here).head
    with here.store._engine.begin() as connection:
        connection.execute(update(RECORD).where(RECORD.c.number == 7).values(actor="ca_ffffffff"))
        _remake(connection, 7)
    assert verified(here).outcome is Outcome.PASSED
    assert f"and {to_hex(kept.hash)} was noted" in told(verified(here, kept))[AuditCheckName.KEPT]
    with here.store._engine.begin() as connection:
        connection.execute(delete(RECORD).where(RECORD.c.number == 7))
    assert "there is no record 7" in told(verified(here, kept))[AuditCheckName.KEPT]


ABSURD_TIME = {"sqlite": "9223372036854775807", "postgresql": "'294000-01-01'"}


@pytest.mark.parametrize("column", ["at", "actor", "detail"])
def test_a_record_that_cannot_be_read_is_wrong_and_the_others_are_checked(here, column):
    dialect = here.store._engine.dialect.name
    values = ABSURD_TIME if column == "at" else {"sqlite": "cast(x'ff' as blob)", "postgresql": "'{'"}
    with here.store._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE audit_record SET {column} = {values[dialect]} WHERE number = 3")
    report = verified(here)
    assert "record 3" in told(report)[CHAIN] or "records 3 to 4" in told(report)[CHAIN]
    assert report.head.number == shown(here.store)[-1].record.number
    assert AuditCheckName.ANCHOR in told(report, Outcome.PASSED)
    assert not examine_audit_log(here.store, no_progress).is_right
    if dialect == "sqlite" or column == "at":
        assert shown(here.store)[2].record.actor == "(cannot be read)"


LAST = "number = (SELECT max(number) FROM audit_record)"
OF_LAST_HEAD = "id = (SELECT max(entry_id) FROM audit_head)"
KEPT_BY_SQLITE = {
    "text that is none": ("UPDATE audit_record SET actor = cast(x'ff' AS text) WHERE number = 3", CHAIN, "records 3 to 4 "),
    "a hash as text": ("UPDATE audit_record SET hash = hex(hash) WHERE number = 3", CHAIN, "records 3 to 4 "),
    "the last hash as text that is none": (
        f"UPDATE audit_record SET hash = cast(x'ff' AS text) WHERE {LAST}",
        CHAIN,
        "does not follow",
    ),
    "a source's hash as text": ("UPDATE audit_record SET source = 'abc' WHERE number = 3", CHAIN, "records 3 to 4 "),
    "a source that is no text": ("UPDATE audit_source SET source = cast(x'ff' AS text)", SOURCES, "record 1 "),
    "a source as bytes": ("UPDATE audit_source SET source = x'ff'", SOURCES, "record 1 "),
    "a salt that is no text": ("UPDATE audit_source SET salt = cast(x'ff' AS text)", SOURCES, "record 1 "),
    "a head as text": (f"UPDATE entry SET digest = 'zz' WHERE {OF_LAST_HEAD}", HEADS, "0x7a7a was posted of it"),
    "a head as text that is none": (
        f"UPDATE entry SET digest = cast(x'ff' AS text) WHERE {OF_LAST_HEAD}",
        HEADS,
        "0xff was posted of it",
    ),
}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("change", KEPT_BY_SQLITE)
def test_what_sqlite_keeps_of_other_kinds_is_wrong_and_named(here, change):
    statement, check, words = KEPT_BY_SQLITE[change]
    with here.store._engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql(statement)
    assert words in told(verified(here))[check]
    assert not examine_audit_log(here.store, no_progress).is_right


def test_an_anchor_that_the_ledger_does_not_hold_is_no_anchor(here):
    empty = Installation(here.store, ANCHORED)
    report = check_audit_log(here.store, empty.ledger, prove_inclusion, progress=no_progress)
    assert "which the ledger does not hold" in told(report)[AuditCheckName.ANCHOR]


def test_rounds_say_on_which_host_they_run(store):
    here = Installation(store, replace(RULES, submission=replace(RULES.submission, host="machine-7")))
    [entry] = here.post()
    with here.store.writing() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
        assert issuer
        assert erase_entry(uow, issuer, entry.digest, now=NOON) is False
        uow.commit()
    here.round()
    told = [(one.record.action, one.record.actor, one.source) for one in shown(store)]
    assert told == [(action, "round", "machine-7") for action in ("digests.erased", "transaction.signed")]


def test_no_record_has_a_digest(here):
    posted = {bytes(entry.digest) for entry in here.acknowledged}
    for row in rows(here.store, RECORD):
        assert not any(digest.hex() in row.detail or digest in (row.hash, row.source) for digest in posted)
