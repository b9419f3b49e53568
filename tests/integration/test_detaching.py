"""Old entries leave the database for their manifests, nobody notices but who asks for them, and they come back."""

import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from anchoring.bootstrap.acts import command_act
from anchoring.bootstrap.manifests import detach_store_partition
from anchoring.core.outcome import Outcome
from anchoring.core.proof_json import proof_from_json
from anchoring.core.rebuilding import RebuildReport
from anchoring.core.status_change import StatusAction
from anchoring.core.strict_json import parse
from anchoring.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from anchoring.manifests.sealed_box import ManifestKey
from anchoring.manifests.sources import find_sources
from anchoring.objects import open_files
from anchoring.ports.entries import Entry
from anchoring.ports.partitions import DetachedPartition
from anchoring.secret_files import write_secret
from anchoring.settings import ManifestSettings, Settings, StoreSettings
from anchoring.store import backup, detaching, tables
from anchoring.store.backup import restore_backup, save_backup
from anchoring.store.backup_file import BackupHeader
from anchoring.store.detaching import detach_partition, detached_tables, find_detachable, finish_detaching
from anchoring.store.engine import make_engine
from anchoring.store.entries import SqlEntries
from anchoring.store.partitions import WIDTH
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import Digest, ListId, Root, to_hex
from anchoring.usecases.change_status import MadeChange, change_status
from anchoring.usecases.change_status.targets import StatusRequest
from anchoring.usecases.check_audit_log import check_audit_log, examine_audit_log
from anchoring.usecases.check_manifests import check_manifests
from anchoring.usecases.check_status_lists import check_status_lists
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.export_tiles import export_tiles
from anchoring.usecases.prove_inclusion import prove_inclusion
from anchoring.usecases.rebuild_proof import OwnEntry, rebuild_proof
from anchoring.usecases.rebuild_store import RebuildRules, rebuild_store
from anchoring.usecases.recall_entries import RecallReport, recall_entries
from service.together import repeated
from tests.api import hex_digest, running
from tests.credanchor import Done, run_process
from tests.factories import NOON, make_digest, post, submit
from tests.installation import KEY, RULES, Installation, no_progress, with_finality
from tests.manifests import FaultyFolder, digests_in, read
from tests.partitions import Killed, add, faults, kill_at, partitions
from tests.sessions import Session
from tests.world import rows, served_proofs

QUICK = with_finality(RULES, 1)


@pytest.fixture
def here(plain: Engine, tmp_path: Path) -> Installation:
    """Ten final entries in the oldest partition, of which the fourth batch has two more in the newest."""
    folder = tmp_path / "manifests"
    folder.mkdir()
    made = Installation(SqlStore(plain), QUICK, manifests=folder)
    made.post(9)
    made.rest()
    made.post(1)
    add(plain)
    made.post(2)
    made.rest()
    made.acknowledged.sort(key=lambda entry: entry.id)
    return made


def detach(here: Installation, name: str | None = None) -> DetachedPartition:
    """Detach as the command does."""
    engine = here.store._engine
    assert here.manifests is not None
    found = find_detachable(engine, name)
    check_manifests(here.store, here.manifests, found.first_id, found.last_id, no_progress)
    return detach_partition(engine, found, now=NOON, patience_s=10)


def recall(here: Installation, root: bytes, *digests: Digest) -> RecallReport:
    assert here.manifests is not None
    return recall_entries(here.store, here.manifests, Root(root), digests, here.clock, no_progress)


def roots(here: Installation) -> list[Root]:
    with here.store.reading() as uow:
        return [root for _, root in uow.batches.roots()]


def erase(here: Installation, entry: Entry) -> None:
    with here.store.writing() as uow:
        assert erase_entry(uow, here._issuer, entry.digest, now=NOON)
        uow.commit()


def change(here: Installation, entry: Entry, action: StatusAction = StatusAction.REVOKE) -> MadeChange:
    with here.store.writing() as uow:
        request = StatusRequest(action=action, digest=entry.digest)
        [made] = change_status(uow, here._issuer, [request], now=here.clock.now(), requested_by="a test")
        uow.commit()
    return made


def proofs(here: Installation, entries: Sequence[Entry]) -> list[bytes]:
    answers = served_proofs(here.store, entries)
    assert {answer.status_code for answer in answers} <= {200}
    return [answer.content for answer in answers]


def ids(here: Installation, table: str = "entry") -> list[int]:
    with here.store._engine.connect() as connection:
        return list(connection.exec_driver_sql(f"SELECT id FROM {table} ORDER BY id").scalars())


def marked(here: Installation) -> list[int]:
    return [row.id for row in rows(here.store, tables.batch) if row.detached_at is not None]


def everything(here: Installation) -> list[str]:
    """What `store check` finds."""
    found = [*check_status_lists(here.store, progress=no_progress), examine_audit_log(here.store, no_progress)]
    return [*faults(here.store._engine), *(fault for one in found for fault in one.faults)]


# What leaves, and what stays.


def test_what_nothing_refers_to_leaves_and_the_rest_is_served_as_before(here):
    entries = here.acknowledged
    change(here, entries[1])
    erase(here, entries[4])
    here.rest()
    before = proofs(here, [entries[1], entries[10]])
    done = detach(here)
    assert done == DetachedPartition(name="entry_1", table="entry_1_detached", entries=8, kept=2, size=done.size)
    assert ids(here)[:4] == [entries[1].id, entries[4].id, entries[10].id, entries[11].id]
    assert ids(here, "entry_1_detached") == [one.id for one in entries[:10] if one not in {entries[1], entries[4]}]
    assert partitions(here.store._engine)["entry_1"] == (2, 5)
    assert marked(here) == [1, 2, 3, 4]
    assert proofs(here, [entries[1], entries[10]]) == before
    assert everything(here) == []
    here.acknowledged = [entries[1], *entries[10:]]
    here.post(4)
    here.rest()
    here.check()
    assert everything(here) == []


def test_small_partition_is_as_the_large_one_was(here):
    before = description(here.store._engine)
    detach(here)
    assert description(here.store._engine) == before


def description(engine: Engine) -> list[Any]:
    """Every constraint, index, right and bound, and the columns of entries."""
    constraints = "conrelid::regclass::text AS relname, conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint"
    indexes = "tablename AS relname, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    whole = (
        "relname, relowner, relacl::text, relkind::text, pg_get_expr(relpartbound, oid) FROM pg_class WHERE relkind IN ('r', 'p')"
    )
    columns = (
        "relname, attname, attnotnull, attidentity::text, format_type(atttypid, atttypmod) FROM pg_attribute "
        "JOIN pg_class ON pg_class.oid = attrelid WHERE relname LIKE 'entry%' AND relkind IN ('r', 'p') AND attnum > 0"
    )
    with engine.connect() as connection:
        return [
            tuple(row)
            for one in (constraints, indexes, whole, columns)
            for row in connection.execute(text(f"SELECT * FROM (SELECT {one}) AS one WHERE relname !~ 'detached$' ORDER BY 1, 2"))
        ]


def test_the_table_beside_is_of_nobody_but_the_owner_and_refers_to_nothing(here):
    detach(here)
    with here.store._engine.connect() as connection:
        asked = (
            "SELECT contype::text FROM pg_constraint WHERE conrelid = 'entry_1_detached'::regclass AND contype IN ('f', 'p', 'u')"
        )
        assert sorted(connection.exec_driver_sql(asked).scalars()) == ["p", "u"]
        rights = "SELECT count(*) FROM pg_class, aclexplode(relacl) WHERE relname = 'entry_1_detached' AND grantee <> relowner"
        assert connection.exec_driver_sql(rights).scalar() == 0
        connection.exec_driver_sql("DROP TABLE entry_1_detached")
        connection.commit()
    assert everything(here) == []


def test_partitions_are_detached_one_after_the_other_and_a_batch_over_two_of_them_twice(here):
    engine = here.store._engine
    change(here, here.acknowledged[9])
    here.rest()
    assert detach(here).name == "entry_1"
    add(engine)
    assert [detach(here).table, marked(here)] == ["entry_2_detached", [1, 2, 3, 4, 5]]
    assert ids(here) == [here.acknowledged[9].id]
    with pytest.raises(
        Conflict, match=r"^nothing is to be detached: of every partition but the newest all that is left is referred"
    ):
        detach(here)
    with pytest.raises(Conflict, match="of entry_2 all that is left"):
        detach(here, "entry_2")
    with pytest.raises(Conflict, match="entry_3 is the newest partition, to which entries go"):
        detach(here, "entry_3")
    with pytest.raises(NotFound, match="there is no partition entry; there are entry_1, entry_2, entry_3"):
        detach(here, "entry")
    here.post(2)
    here.rest()
    assert len(proofs(here, [here.acknowledged[9], *here.acknowledged[12:]])) == 3
    assert everything(here) == []


def test_entries_in_one_table_cannot_be_detached(plain):
    with pytest.raises(Conflict, match="begin another one first, with: credanchor partitions add"):
        find_detachable(plain, None)


@pytest.mark.parametrize("comes_back", [True, False])
def test_check_takes_no_batch_for_damaged_that_is_detached_or_recalled_at_that_moment(here, monkeypatch, comes_back):
    original, done = SqlEntries.next_range, list[object]()
    if comes_back:
        detach(here)

    def next_range(*given: Any) -> Any:
        if not comes_back and not done:
            done.append(Session(detach, here).result())
        found = original(*given)
        if comes_back and not done and given[1:3] == (here.acknowledged[0].id - 1, here.acknowledged[2].id):
            done.extend(Session(recall, here, root).result() for root in roots(here)[:4])
        return found

    monkeypatch.setattr(SqlEntries, "next_range", next_range)
    assert everything(here) == []
    assert done
    assert marked(here) == ([] if comes_back else [1, 2, 3, 4])


# Refusals.


def refuses(here: Installation, words: str) -> None:
    before = ids(here)
    with pytest.raises(Conflict, match=words):
        detach(here)
    assert (ids(here), marked(here), detached_tables_of(here)) == (before, [], [])


def detached_tables_of(here: Installation) -> list[str]:
    with here.store._engine.connect() as connection:
        return detached_tables(connection)


def test_batch_that_is_not_final_is_not_detached(here):
    with here.store._engine.begin() as connection:
        connection.execute(text("UPDATE batch SET state = 'confirmed' WHERE id = 2"))
    refuses(here, "entry_1 cannot be detached yet: batch 2 is not final")


@pytest.mark.parametrize("name", ["entries_2025", "Entry_2025", "entry_7"])
def test_partition_that_was_renamed_is_not_detached(here, name):
    with here.store._engine.begin() as connection:
        connection.execute(text(f'ALTER TABLE entry_1 RENAME TO "{name}"'))
    refuses(here, f"partition {name} was renamed; give it its name back, entry_1, and repeat")
    add(here.store._engine)
    with here.store._engine.begin() as connection:
        connection.execute(text(f'ALTER TABLE "{name}" RENAME TO entry_1'))
    assert [detach(here).table, detach(here).table] == ["entry_1_detached", "entry_2_detached"]


def test_entries_that_wait_are_not_detached(plain, tmp_path):
    made = Installation(SqlStore(plain), QUICK, manifests=tmp_path)
    made.post(2)
    add(plain)
    refuses(made, "entry 2 waits to be sealed")
    made.seal_only()
    refuses(made, "batch 1 is not final")


def test_erasure_that_is_not_in_the_manifest_keeps_the_partition(here):
    erase(here, here.acknowledged[4])
    refuses(here, "an erasure in batch 2 is not carried out and in the manifest yet")
    here.acknowledged.pop(4)
    here.rest()
    assert detach(here).kept == 1


def test_change_of_status_that_waits_for_its_place_keeps_the_partition(here):
    change(here, here.acknowledged[0])
    with here.store._engine.begin() as connection:
        nowhere = "status_list_id = NULL, list_index = NULL, position = NULL, applied_at = NULL"
        connection.execute(text(f"UPDATE status_change SET {nowhere}"))
    refuses(here, "a change of status in batch 1 waits for its place")


@pytest.mark.parametrize("number", [0, 3])
def test_manifest_that_is_missing_or_damaged_keeps_the_partition(here, number):
    path = here.manifests.folder / f"{roots(here)[number].hex()}.manifest"
    content = path.read_bytes()
    path.unlink()
    refuses(here, f"batch {number + 1} has no manifest in the second place")
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refuses(here, f"the manifest of batch {number + 1} cannot stand in for its entries: damaged, or not all of it is there")
    other = here.manifests.folder / f"{roots(here)[number - 1].hex()}.manifest"
    path.write_bytes(other.read_bytes())
    refuses(here, f"the manifest of batch {number + 1} cannot stand in for its entries: it is not of batch {number + 1}")
    path.write_bytes(content)
    detach(here)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("UPDATE entry SET received_at = received_at + interval '1 s' WHERE id = 5", "it says something else of entry 5"),
        ("UPDATE entry SET digest = NULL, salt = NULL WHERE id = 5", "it says something else of entry 5"),
        ("DELETE FROM entry WHERE id = 5", "it has 1 entries that the database lacks"),
    ],
)
def test_manifest_that_tells_of_other_entries_than_the_database_keeps_the_partition(here, changed, words):
    with here.store._engine.begin() as connection:
        connection.execute(text(changed))
    refuses(here, f"the manifest of batch 2 cannot stand in for its entries: {words}")


def test_manifest_whose_entries_do_not_lead_to_its_root_keeps_the_partition(here):
    from anchoring.core.manifest import encode

    [_, root, *_] = roots(here)
    told = read(here.manifests, root)
    changed = [*told.entries[:2], told.entries[2].__class__(**{**fields(told.entries[2]), "salt": bytes(16)})]
    here.manifests.keep(root, lambda: encode(told.head, changed, list))
    refuses(here, r"the manifest of batch 2 cannot stand in for its entries: (its entries lead to root|it says something else)")


def fields(entry: Any) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}


# While others go on, and when it is killed.


def test_posts_proofs_changes_and_rounds_go_on(here):
    """Changes add references to what is about to leave; whatever was acknowledged is found again, in one place."""
    entries, end = list(here.acknowledged), time.monotonic() + 4
    change(here, entries[0])
    posted: list[Entry] = []
    changed: list[Entry] = []

    def again(work: Callable[[], object]) -> None:
        while time.monotonic() < end:
            work()

    def post_one() -> None:
        posted.extend(repeated(partial(post, here.store, here._issuer, 1_000 + len(posted))))

    def changes() -> None:
        for entry in entries[1:10]:
            time.sleep(0.2)
            with suppress(NotFound):
                repeated(partial(change, here, entry))
                changed.append(entry)

    def run_round() -> None:
        here.chain.mine()
        here.round()

    def detaches() -> None:
        time.sleep(0.9)
        detach(here)

    going_on = [partial(again, one) for one in (post_one, partial(proofs, here, entries[10:]), run_round)]
    for session in [*map(Session, going_on), Session(changes), Session(detaches)]:
        session.result()
    assert 0 < len(changed) < 9
    kept = {one.id for one in [entries[0], *changed]}
    assert kept <= set(ids(here))
    assert set(ids(here, "entry_1_detached")) == {one.id for one in entries[:10]} - kept
    here.acknowledged = [*changed, *entries[10:], *posted]
    here.rest()
    here.check()
    assert everything(here) == []


@pytest.mark.parametrize("acts", [["change"], ["erase"], ["change before", "erase"]])
def test_what_happens_after_the_copy_was_made_is_in_it(here, acts, monkeypatch):
    entry, original = here.acknowledged[5], detaching._copy_what_stays
    if "change before" in acts:
        change(here, entry)
        here.rest()

    def copies(*given: Any) -> None:
        original(*given)
        Session(meanwhile).result()

    def meanwhile() -> None:
        if "change" in acts:
            change(here, entry)
        if "erase" in acts:
            erase(here, entry)
            here.acknowledged.remove(entry)
            here.rest()

    monkeypatch.setattr(detaching, "_copy_what_stays", copies)
    assert detach(here).kept == 1
    [kept] = [row for row in rows(here.store, tables.entry) if row.id == entry.id]
    assert kept.digest == (None if "erase" in acts else entry.digest)
    assert entry.id not in ids(here, "entry_1_detached")
    assert entry.digest not in digests_in(here.manifests) or "erase" not in acts
    assert everything(here) == []


def test_erasure_in_between_is_waited_for_in_words(here, monkeypatch):
    original = detaching._copy_what_stays

    def copies(*given: Any) -> None:
        original(*given)
        Session(erase, here, here.acknowledged[5]).result()

    monkeypatch.setattr(detaching, "_copy_what_stays", copies)
    with pytest.raises(Conflict, match="an erasure in batch 2 is not carried out"):
        detach(here)
    assert (len(ids(here)), marked(here), detached_tables_of(here)) == (12, [], [])


def test_reader_that_takes_long_is_named_and_nothing_is_changed(here, monkeypatch):
    monkeypatch.setattr("anchoring.store.schema.PAUSE_S", 0.05)
    monkeypatch.setattr("anchoring.store.partitions.TABLE_WAIT", "50ms")
    engine = here.store._engine
    found, posted = find_detachable(engine, None), 0
    with engine.connect() as long:
        long.execute(text("SELECT count(*) FROM entry"))
        detaching = Session(detach_partition, engine, found, now=NOON, patience_s=0.5)
        while detaching.is_alive():
            posted += len(here.post())
        with pytest.raises(StoreUnavailable, match=r"stays locked by session \d+ \(credanchor\)"):
            detaching.result()
        assert posted > 1
        assert (len(ids(here)), marked(here)) == (12 + posted, [])
        waits = Session(detach_partition, engine, found, now=NOON, patience_s=10)
        assert waits.is_held_up()
    assert waits.result().entries == 10


def change_by_place(here: Installation, entry: Entry, list_id: ListId | None) -> None:
    assert list_id
    proof = proof_from_json(parse(proofs(here, [entry])[0]))
    with here.store.writing() as uow:
        request = StatusRequest(action=StatusAction.REVOKE, list_id=list_id, index=proof.leaf_index)
        [made] = change_status(uow, here._issuer, [request], now=here.clock.now(), requested_by="a test")
        uow.commit()
    assert made.is_new


@pytest.mark.parametrize("is_in_the_window", [False, True])
def test_entry_that_was_revoked_by_list_and_index_stays(here, monkeypatch, is_in_the_window):
    """And those that nothing was done to leave."""
    entries = here.acknowledged
    lists = [change(here, entries[number]).list_id for number in (0, 9)]
    here.rest()
    changes = [partial(change_by_place, here, entries[number], lists[0]) for number in (1, 2)]
    changes[0]()
    here.rest()
    if is_in_the_window:
        in_the_window(monkeypatch, lambda: Session(changes[1]).result())
    else:
        changes[1]()
    detach(here)
    stays = [*entries[:3], *entries[9:12]]
    assert [one for one in ids(here) if one in {entry.id for entry in entries}] == [one.id for one in stays]
    with running(here.store) as api:
        for entry in entries[:3]:
            assert api.get(f"/v1/status/{to_hex(entry.digest)}").json()["status"] == "revoked"
    with here.store.writing() as uow:
        assert submit(uow, here._issuer, [entries[1].digest]) == [entries[1]]
    with pytest.raises(Conflict, match="all that is left is referred to"):
        detach(here)
    here.acknowledged = stays
    here.rest()
    here.check()
    assert everything(here) == []


def in_the_window(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Once what stays was copied, and before the tables are exchanged."""
    original = detaching._copy_what_stays

    def copies(*given: Any) -> None:
        original(*given)
        work()

    monkeypatch.setattr(detaching, "_copy_what_stays", copies)


def detached_but_the_third(here: Installation) -> list[Root]:
    """The third batch was recalled, so that there is something to detach again. Returns the roots."""
    detach(here)
    recall(here, roots(here)[2])
    here.acknowledged = here.acknowledged[10:]
    return roots(here)


@pytest.mark.parametrize("is_whole", [True, False])
def test_recall_waits_until_a_detach_is_over(here, monkeypatch, is_whole):
    entries = list(here.acknowledged)
    root, recalls = detached_but_the_third(here)[1], list[Session]()

    def begins() -> None:
        recalls.append(Session(recall, here, root, *([] if is_whole else [entries[4].digest])))
        assert recalls[0].is_held_up()

    in_the_window(monkeypatch, begins)
    detach(here)
    added = 3 if is_whole else 1
    assert recalls[0].result() == RecallReport(added=added, reposted=0, places=(), is_whole=is_whole)
    assert marked(here) == ([1, 3, 4] if is_whole else [1, 2, 3, 4])
    change(here, entries[4])
    here.acknowledged.append(entries[4])
    here.rest()
    here.check()
    assert everything(here) == []


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_came_back_past_the_lock_keeps_the_partition(here, monkeypatch, is_whole):
    entries = list(here.acknowledged)
    root = detached_but_the_third(here)[1]
    for place in ("entries", "batches"):
        monkeypatch.setattr(f"anchoring.store.{place}.hold_what_is_detached", lambda _: None)

    def comes_back() -> None:
        recall(here, root, *([] if is_whole else [entries[4].digest]))
        change(here, entries[4])
        here.rest()

    in_the_window(monkeypatch, lambda: Session(comes_back).result())
    before = ids(here)
    with pytest.raises(Conflict, match="entry_1 was changed meanwhile; repeat"):
        detach(here)
    back = entries[3:6] if is_whole else entries[4:5]
    assert [one for one in ids(here) if one < WIDTH] == sorted([*before[:-2], *(one.id for one in back)])
    assert marked(here) == ([1, 4] if is_whole else [1, 2, 4])
    assert detached_tables_of(here) == ["entry_1_detached"]
    assert everything(here) == []


def test_recall_and_detach_that_wait_too_long_say_for_whom(here, postgres_url, monkeypatch):
    entries = list(here.acknowledged)
    root, engine = detached_but_the_third(here)[1], here.store._engine
    told = read(here.manifests, root).entries
    words = r"entries are detached or recalled by session \d+ \(credanchor\), at work since [\d:]+ UTC: repeat when it is done"
    found = find_detachable(engine, None)
    with here.store.writing() as uow:
        uow.entries.recall(told)
        with pytest.raises(StoreUnavailable, match=words):
            detach_partition(engine, found, now=NOON, patience_s=0.1)
    impatient = make_engine(postgres_url, pool_size=2, busy_timeout_s=0.1)
    other, refused = here.twin(SqlStore(impatient)), list[str]()

    def recalls() -> None:
        with pytest.raises(StoreUnavailable, match=words) as unavailable:
            recall_entries(other.store, here.manifests, root, [entries[4].digest], here.clock, no_progress)
        refused.append(unavailable.value.message)

    in_the_window(monkeypatch, recalls)
    assert detach_partition(engine, found, now=NOON, patience_s=1).entries == 3
    impatient.dispose()
    assert refused
    assert everything(here) == []


def test_detach_that_is_killed_anywhere_is_done_or_was_not_and_is_repeated(here):
    change(here, here.acknowledged[1])
    engine, entries = here.store._engine, list(here.acknowledged)
    found, killed, is_over = find_detachable(engine, None), 0, False
    before = ids(here)
    while not is_over:
        listener = kill_at(engine, killed)
        try:
            is_over = bool(detach_partition(engine, found, now=NOON, patience_s=1))
        except Killed:
            killed += 1
        except Conflict:
            is_over = True
        event.remove(engine, "before_cursor_execute", listener)
        is_done = bool(detached_tables_of(here))
        assert ids(here) == ([entries[1].id, *before[10:]] if is_done else before)
        assert marked(here) == ([1, 2, 3, 4] if is_done else [])
        assert len(proofs(here, [entries[1], *entries[10:]])) == 3
        assert faults(engine) == []
    assert killed > 25
    assert finish_detaching(engine, patience_s=1) in {True, False}
    assert not finish_detaching(engine, patience_s=1)
    with engine.connect() as connection:
        unsure = "SELECT conname FROM pg_constraint WHERE NOT convalidated OR conname = 'ck_entry_bound'"
        assert connection.execute(text(unsure)).all() == []
    assert ids(here, "entry_1_detached") == [one.id for one in entries[:10] if one.id != entries[1].id]


# What people are told.


def test_who_asks_for_what_was_detached_is_told_that_it_may_come_back(here):
    entries = here.acknowledged
    held = [proof_from_json(answer.json()) for answer in served_proofs(here.store, entries[:1])]
    detach(here)
    gone, root = to_hex(entries[0].digest), to_hex(roots(here)[0])
    until = "or it was detached, as entries received up to 2026-11-23T12:00:00Z were; the operator can bring it back"
    with running(here.store) as api:
        for path in ("/v1/digests", "/v1/proofs", "/v1/status"):
            for query in ("", f"?issuer={api.issuer.did}"):
                answer = api.get(f"{path}/{gone}{query}")
                assert (answer.status_code, answer.json()["detail"].endswith(until)) == (404, True), path
            other = api.get(f"{path}/{gone}?issuer={api.other_issuer.did}").json()
            assert other["detail"] == f"digest {gone} was not posted here by {api.other_issuer.did}"
        change = {"changes": [{"action": "revoke", "digest": gone}]}
        answer = api.post("/v1/status-changes", change)
        assert (answer.status_code, until in answer.json()["detail"]) == (404, True)
        assert api.delete(f"/v1/digests/{gone}").status_code == 404
        bulk = api.get(f"/v1/batches/{root}/proofs", Authorization=f"Bearer {api.key}")
        assert (bulk.status_code, bulk.json()["type"]) == (410, "urn:credanchor:problem:gone")
        assert "credanchor proof rebuild" in bulk.json()["detail"]
        assert api.get(f"/v1/batches/{root}").status_code == 200
        assert api.get(f"/v1/batches/{root}/tiles/0/0").status_code == 200
    held[0].verify_path()


def test_proofs_of_a_batch_that_is_detached_on_the_way_are_cut_off(here, monkeypatch):
    monkeypatch.setattr("service.routers.batches.PROOFS_AT_ONCE", 1)
    from anchoring.core.proof_formats import ProofFormat
    from anchoring.errors import Gone
    from service.routers.batches import _proof_lines

    with here.store.reading() as uow:
        batch = uow.batches.with_id(1)
    lines = _proof_lines(here.store, batch, here._issuer, ProofFormat.CREDANCHOR, bundle=False)
    assert next(lines)
    detach(here)
    with pytest.raises(Gone):
        next(lines)


def test_digest_that_is_posted_again_is_a_new_entry_and_a_change_of_it_says_so(here):
    old = here.acknowledged[0]
    fresh = here.post()[0]
    assert change(here, fresh).notes == ()
    here.rest()
    detach(here)
    assert change(here, here.acknowledged[10]).notes != ()
    with here.store.writing() as uow:
        [new] = submit(uow, here._issuer, [old.digest], random_bytes=os.urandom)
        uow.commit()
    assert (new.digest, new.id > old.id, new.salt != old.salt) == (old.digest, True, True)
    here.rest()
    made = change(here, new)
    note = (
        "entries of this issuer that were received up to 2026-11-23T12:00:00Z were detached: if this digest was posted before that "
        "as well, the proof from then has another place, which was not changed"
    )
    assert made.notes == (note,)
    report = recall(here, roots(here)[0], old.digest)
    [place] = report.places
    assert (report.added, report.reposted, report.is_whole) == (0, 1, False)
    leaves = read(here.manifests, roots(here)[0]).leaves
    from anchoring.core.leaf import issuer_id_of, leaf_hash

    assert place.index == leaves.index(leaf_hash(issuer_id_of(old.issuer), old.salt, old.digest))
    by_place = StatusRequest(action=StatusAction.REVOKE, list_id=place.lists[0].list_id, index=place.index)
    with here.store.writing() as uow:
        [made] = change_status(uow, here._issuer, [by_place], now=here.clock.now(), requested_by="a test")
        uow.commit()
    assert made.is_new
    assert made.notes == ()
    here.rest()
    whole = recall(here, roots(here)[0])
    assert (whole.added, whole.reposted, whole.places, whole.is_whole) == (2, 1, (), False)
    assert everything(here) == []


# Erasure and manifests.


def test_manifest_of_what_was_detached_is_rewritten_from_itself(here):
    entries = here.acknowledged
    change(here, entries[1])
    here.rest()
    detach(here)
    before = read(here.manifests, roots(here)[0])
    erase(here, entries[1])
    here.rest()
    after = read(here.manifests, roots(here)[0])
    assert after.digests == before.digests - {entries[1].digest}
    assert after.leaves == before.leaves
    assert (after.head.issuers, after.head.sealed_at, len(after.erased_leaves)) == (before.head.issuers, before.head.sealed_at, 1)
    assert entries[1].digest not in digests_in(here.manifests)
    with here.store._engine.connect() as connection:
        assert entries[1].digest not in set(connection.exec_driver_sql("SELECT digest FROM entry_1_detached").scalars())
    here.acknowledged = entries[10:]
    here.check()


@pytest.mark.parametrize("state", ["missing", "damaged", "a directory"])
def test_manifest_that_cannot_be_made_again_is_told_and_stops_nothing(here, state):
    change(here, here.acknowledged[1])
    here.rest()
    detach(here)
    path = here.manifests.folder / f"{roots(here)[0].hex()}.manifest"
    content = path.read_bytes()
    erase(here, here.acknowledged[1])
    path.unlink()
    if state == "damaged":
        path.write_bytes(content[:-1])
    if state == "a directory":
        path.mkdir()
    other = here.acknowledged[10]
    erase(here, other)
    here.post()
    here.round()
    with here.store.reading() as uow:
        newest = uow.rounds.newest(1)[0]
    told = {
        "missing": "1 manifests of batches whose entries were detached are missing, that of batch 1 first: "
        "keep every folder that may have them, and its key",
        "damaged": "the manifest of batch 1 cannot be rewritten: damaged, or not all of it is there",
        "a directory": "the manifest of batch 1 cannot be rewritten: cannot be read: Is a directory",
    }
    assert (newest.result, newest.detail) == ("done", told[state])
    assert other.digest not in digests_in_others(here, path)
    assert path.exists() == (state != "missing")
    if state == "a directory":
        path.rmdir()
    path.write_bytes(content)
    here.acknowledged = here.acknowledged[11:]
    here.rest()
    here.check()


def test_copy_of_a_manifest_from_before_an_erasure_loses_it_again_after_a_rebuild(here):
    erased, root = here.acknowledged[4], roots(here)[1]
    path = here.manifests.folder / f"{root.hex()}.manifest"
    copy = path.read_bytes()
    detach(here)
    recall(here, root, erased.digest)
    erase(here, erased)
    here.acknowledged = here.acknowledged[10:]
    here.rest()
    path.write_bytes(copy)
    here.round()
    assert erased.digest in digests_in(here.manifests)
    rebuild(here, here.store)
    here.rest()
    assert erased.digest not in digests_in(here.manifests)
    assert marked(here) == [1, 2, 3, 4]
    here.check()


def test_round_with_another_key_says_that_the_folder_before_is_needed(here, tmp_path):
    """Of a batch with an entry that was posted again it cannot write one, also after all others of it came back."""
    old, before = here.acknowledged[0], here.manifests
    detach(here)
    with here.store.writing() as uow:
        submit(uow, here._issuer, [old.digest], random_bytes=os.urandom)
        uow.commit()
    here.rest()
    assert [recall(here, root).is_whole for root in roots(here)[:4]] == [False, True, True, True]
    (tmp_path / "new").mkdir()
    here.manifests = FaultyFolder(tmp_path / "new", ManifestKey(bytes(range(1, 33))), here.faults)
    here.round()
    with here.store.reading() as uow:
        assert uow.rounds.newest(1)[0].detail == (
            "1 manifests of batches whose entries were detached are missing, that of batch 1 first: "
            "keep every folder that may have them, and its key"
        )
    assert here.manifests.roots() == before.roots() - {roots(here)[0]}
    here.manifests = before
    assert recall(here, roots(here)[0], old.digest).reposted == 1


def digests_in_others(here: Installation, path: Path) -> set[bytes]:
    assert here.manifests is not None
    return {one for root in roots(here) if root.hex() not in path.name for one in read(here.manifests, root).digests}


# Coming back.


def test_whole_batch_comes_back_and_its_proofs_are_byte_for_byte_what_they_were(here):
    entries = list(here.acknowledged)
    before = proofs(here, entries[:10])
    change(here, entries[4])
    here.rest()
    detach(here)
    for number, root in enumerate(roots(here)[:4]):
        report = recall(here, root)
        assert (report.added, report.reposted, report.is_whole) == ([3, 2, 3, 1][number], 0, True)
        assert recall(here, root) == RecallReport(added=0, reposted=0, places=(), is_whole=True)
    assert proofs(here, entries[:10]) == before
    assert marked(here) == []
    assert rows(here.store, tables.issuer_detached) == []
    assert ids(here, "entry_1_detached") == []
    here.check()
    assert everything(here) == []
    again = detach(here)
    assert (again.table, again.entries) == ("entry_1_detached_2", 9)


def test_recalled_entry_is_revoked_at_its_place_and_erased_everywhere(here):
    entries, root = list(here.acknowledged), roots(here)[1]
    [before] = proofs(here, [entries[4]])
    detach(here)
    assert recall(here, root, entries[4].digest) == RecallReport(added=1, reposted=0, places=(), is_whole=False)
    assert recall(here, root, entries[4].digest).added == 0
    assert marked(here) == [1, 2, 3, 4]
    assert proofs(here, [entries[4]]) == [before]
    with here.store.writing() as uow:
        assert submit(uow, here._issuer, [entries[4].digest]) == [entries[4]]
    made = change(here, entries[4])
    assert made.index == proof_from_json(parse(before)).leaf_index
    erase(here, entries[4])
    here.rest()
    assert entries[4].digest not in digests_in(here.manifests)
    with pytest.raises(NotFound, match="is not in the manifest of batch 2, or was erased"):
        recall(here, root, entries[4].digest)
    assert recall(here, root).is_whole
    assert [row.digest for row in rows(here.store, tables.entry) if row.id == entries[4].id] == [None]
    here.acknowledged = [*entries[3:4], *entries[5:6], *entries[10:]]
    here.check()
    assert everything(here) == []


def test_what_was_erased_after_an_older_manifest_was_read_does_not_come_back(here):
    """A recall that slept has read the entry; another brings it back, it is erased, and the sleeper wakes up."""
    entries, root = list(here.acknowledged), roots(here)[1]
    detach(here)
    told = read(here.manifests, root).entries
    recall(here, root, entries[4].digest)
    erase(here, entries[4])
    here.rest()
    with here.store.writing() as uow:
        assert uow.entries.recall(told).added == 2
        uow.commit()
    assert [row.digest for row in rows(here.store, tables.entry) if row.id == entries[4].id] == [None]


def test_recall_that_is_killed_is_repeated(here, monkeypatch):
    monkeypatch.setattr("anchoring.usecases.recall_entries.ENTRIES_A_TRANSACTION", 1)
    root, engine = roots(here)[0], here.store._engine
    detach(here)
    killed, report = 0, None
    while report is None:
        listener = kill_at(engine, killed)
        try:
            report = recall(here, root)
        except Killed:
            killed += 1
        event.remove(engine, "before_cursor_execute", listener)
        assert faults(engine) == []
        assert set(ids(here)).isdisjoint(ids(here, "entry_1_detached"))
    assert killed > 10
    assert report.is_whole


def test_recall_needs_a_batch_and_its_manifest(here):
    root = roots(here)[0]
    detach(here)
    with pytest.raises(NotFound, match="no batch here has root"):
        recall(here, bytes(32))
    with pytest.raises(NotFound, match=f"digest {hex_digest(99)} is not in the manifest of batch 1, or was erased"):
        recall(here, root, make_digest(99))
    path = here.manifests.folder / f"{root.hex()}.manifest"
    other = here.manifests.folder / f"{roots(here)[1].hex()}.manifest"
    path.write_bytes(other.read_bytes())
    with pytest.raises(InvalidInput, match="it is not of batch 1"):
        recall(here, root)
    path.unlink()
    with pytest.raises(InvalidInput, match="cannot be read"):
        recall(here, root)
    assert ids(here) == [one.id for one in here.acknowledged[10:]]


def test_writers_of_digests_that_are_recalled_get_one_entry_each(here):
    """Six writers post what comes back; each digest has one entry in the end, the old one or a new one."""
    entries = here.acknowledged[:9]
    detach(here)
    answers: list[Entry] = []

    def writes(number: int) -> None:
        chance = random.Random(number)
        for _ in range(12):
            some = [entries[chance.randrange(9)].digest for _ in range(3)]
            answers.extend(repeated(partial(write, some, chance)))

    def write(some: list[Any], chance: random.Random) -> list[Entry]:
        with here.store.writing() as uow:
            posted = submit(uow, here._issuer, some, random_bytes=os.urandom)
            time.sleep(chance.random() * 0.01)
            uow.commit()
        return posted

    def recalls() -> None:
        for one in entries[::-1]:
            time.sleep(0.01)
            with here.store.reading() as uow:
                batch = uow.batches.of_entry(one.id)
            recall(here, batch.tree.root, one.digest)

    for session in [Session(writes, number) for number in range(6)] + [Session(recalls)]:
        session.result()
    held = [row.digest for row in rows(here.store, tables.entry)]
    assert len(held) == len(set(held))
    assert len({(one.digest, one.id, one.salt) for one in answers}) == len({one.digest for one in answers})


# Backups, rebuilding.


def test_backup_of_what_was_detached_is_restored_into_either_database(here, target, tmp_path):
    change(here, here.acknowledged[1])
    here.rest()
    before = here.acknowledged
    detach(here)
    add(here.store._engine)
    detach(here)
    save_backup(here.store._engine, tmp_path / "backup", now=NOON, progress=no_progress)
    restore_backup(target, tmp_path / "backup", now=NOON, replace=False, progress=no_progress)
    other = here.twin(SqlStore(target))
    assert (marked(other), ids(other)) == ([1, 2, 3, 4, 5], [before[1].id])
    assert faults(target) == []
    [new] = post(other.store, here._issuer, 500)
    assert new.id > before[-1].id
    assert recall(other, roots(here)[0], before[0].digest).added == 1
    assert recall(other, roots(here)[3]).is_whole
    assert faults(target) == []
    assert proofs(other, [before[0], *before[9:]])


@pytest.fixture
def target(engine: Engine) -> Engine:
    """Another database, of each kind."""
    return engine


def restored(here: Installation, target: Engine, path: Path) -> Installation:
    restore_backup(target, path, now=NOON, replace=False, progress=no_progress)
    return here.twin(SqlStore(target))


def test_detach_waits_for_a_backup_that_has_begun(here, target, tmp_path, monkeypatch):
    change(here, here.acknowledged[1])
    here.rest()
    before, sessions, original = ids(here), list[Session](), backup._describe

    def describe(*given: Any) -> BackupHeader:
        sessions.append(Session(detach, here))
        assert sessions[0].is_held_up()
        return original(*given)

    monkeypatch.setattr(backup, "_describe", describe)
    save_backup(here.store._engine, tmp_path / "backup", now=NOON, progress=no_progress)
    assert sessions[0].result().entries == 9
    other = restored(here, target, tmp_path / "backup")
    assert (ids(other), marked(other), faults(target)) == (before, [], [])


def test_backup_that_begins_while_tables_are_exchanged_is_of_after_that(here, target, tmp_path, monkeypatch):
    change(here, here.acknowledged[1])
    here.rest()
    sessions, original = list[Session](), detaching._exchange

    def exchange(*given: Any) -> str:
        table = original(*given)
        sessions.append(Session(save_backup, here.store._engine, tmp_path / "backup", now=NOON, progress=no_progress))
        assert sessions[0].is_held_up()
        return table

    monkeypatch.setattr(detaching, "_exchange", exchange)
    detach(here)
    sessions[0].result()
    other = restored(here, target, tmp_path / "backup")
    assert (ids(other), marked(other), faults(target)) == (ids(here), [1, 2, 3, 4], [])
    assert len(rows(other.store, tables.issuer_detached)) == 1


def test_nothing_is_restored_beside_a_table_that_was_detached(here, tmp_path):
    save_backup(here.store._engine, tmp_path / "backup", now=NOON, progress=no_progress)
    detach(here)
    with pytest.raises(
        Conflict, match="no erasure reaches entry_1_detached, and what is restored may be in it too: drop it first"
    ):
        restore_backup(here.store._engine, tmp_path / "backup", now=NOON, replace=True, progress=no_progress)
    assert marked(here) == [1, 2, 3, 4]


def test_rebuilding_beside_what_was_detached_brings_nothing_back_and_from_nothing_all(here, target):
    entries = list(here.acknowledged)
    before = proofs(here, entries)
    detach(here)
    report = rebuild(here, here.store)
    assert (report.known, report.restored, report.missing) == (4, 0, [])
    assert (ids(here), marked(here)) == ([entries[10].id, entries[11].id], [1, 2, 3, 4])
    other = here.twin(SqlStore(target))
    report = rebuild(here, other.store)
    assert (report.restored, report.entries, report.missing) == (4, 12, [])
    assert proofs(other, entries) == before
    assert (marked(other), faults(target)) == ([], [])


def rebuild(here: Installation, store: SqlStore) -> RebuildReport:
    assert here.manifests is not None
    sources = find_sources([here.manifests.folder], lambda: KEY)
    rules = RebuildRules(finality=here.rules.follow.finality, first_block=0)
    return rebuild_store(store, here.ledger, here.clock, rules, sources=sources, progress=no_progress)


# Who counts or reads.


def test_static_files_give_the_proof_of_what_was_detached(here, tmp_path):
    entry = here.acknowledged[0]
    held = proof_from_json(served_proofs(here.store, [entry])[0].json())
    detach(here)
    (tmp_path / "published").mkdir()
    files = open_files(str(tmp_path / "published"), timeout_s=5, parallel=2, writes=True)
    assert export_tiles(here.store, files, no_progress).published == 4
    own = OwnEntry(issuer=entry.issuer, digest=entry.digest, salt=entry.salt, canonicalization=entry.canonicalization)
    assert rebuild_proof(files, own, no_progress) == held


def test_proof_from_before_verifies(here):
    [content] = proofs(here, here.acknowledged[:1])
    detach(here)
    with running(here.store) as api:
        answer = api.client.post("/v1/verify", json={"proof": parse(content)}).json()
    outcomes = {check["check"]: check["outcome"] for check in answer["checks"]}
    assert (outcomes["path"], outcomes["root"], outcomes["finality"]) == ("passed",) * 3
    assert outcomes["status"] == "cannot tell"  # whether it was bound to an index, without the credential


def test_figures_look_at_no_more_batches_than_before(here):
    with here.store.reading() as uow:
        before = uow.figures.merge_delays_s(2)
    detach(here)
    with here.store.reading() as uow:
        assert len(before) == 2
        assert uow.figures.merge_delays_s(2) == []
        assert uow.entries.waiting_after(uow.batches.last_sealed_entry_id()) == 0
        assert uow.entries.backlog(0) == 2


def test_the_services_own_entries_stay_and_the_audit_log_is_whole(plain, tmp_path):
    rules = replace(QUICK, posts_audit_head=True, canary_every_s=1)
    made = Installation(SqlStore(plain), rules, manifests=tmp_path)
    for _ in range(3):
        with made.store.writing() as uow:
            uow.audit_log.note(command_act("partition.added", {}))
            uow.commit()
        made.post(2)
        made.rest()
    add(plain)
    own = [row.id for row in rows(made.store, tables.entry) if row.issuer_id != made._issuer.id]
    with made.store._engine.begin() as connection:
        connection.execute(text("DELETE FROM canary WHERE entry_id = :id"), {"id": own[0]})
    done = detach(made)
    assert (done.entries, done.kept) == (6, len(own))
    assert set(own) <= set(ids(made))
    report = check_audit_log(made.store, made.ledger, prove_inclusion, progress=no_progress)
    assert report.outcome is Outcome.PASSED


# What operators type.


def test_owner_detaches_and_recalls(here: Installation, postgres_url: str, tmp_path: Path) -> None:
    key = tmp_path / "manifest.key"
    write_secret(key, bytes(range(32)).hex(), "manifest key")
    settings = {"CREDANCHOR_STORE__URL": postgres_url, "CREDANCHOR_MANIFESTS__FOLDER": str(tmp_path / "manifests")}
    settings["CREDANCHOR_MANIFESTS__KEY_FILE"] = str(key)

    def credanchor(*words: str) -> Done:
        return run_process(*words, environment=settings)

    none = credanchor("partitions", "detach", "entry_7")
    assert (none.code, none.error) == (1, "there is no partition entry_7; there are entry_1, entry_2")
    done = credanchor("partitions", "detach")
    assert done.code == 0
    left, following = done.err.splitlines()[-2:]
    assert left.startswith("10 entries left entry_1 for the table entry_1_detached (")
    assert following.endswith("with pg_dump --table=entry_1_detached, and drop it: DROP TABLE entry_1_detached")
    root = to_hex(roots(here)[0])
    one = credanchor("entry", "recall", "--root", root, to_hex(here.acknowledged[0].digest))
    assert (one.code, one.out, one.err.splitlines()[-1]) == (
        0,
        "recalled 1\n",
        "entries of the batch are still detached: its manifest alone has them",
    )
    rest = credanchor("entry", "recall", "--root", root)
    assert (rest.out, rest.err.splitlines()[-1]) == ("recalled 2\n", "all entries of the batch are here")
    [new] = here.post()
    with here.store.writing() as uow:
        submit(uow, here._issuer, [here.acknowledged[3].digest], random_bytes=os.urandom)
        uow.commit()
    told = credanchor("entry", "recall", "--root", to_hex(roots(here)[1]), to_hex(here.acknowledged[3].digest))
    assert told.out.splitlines()[0] == "recalled 0"
    assert [line.split()[:4] for line in told.out.splitlines()[1:]] == [
        ["posted", "again", to_hex(here.acknowledged[3].digest), purpose] for purpose in ("revocation", "suspension")
    ]
    newer = credanchor("entry", "erase", to_hex(here.acknowledged[3].digest), "--issuer", str(here._issuer.did), "--yes")
    assert newer.err.endswith("if the digest was posted before that as well, recall and erase that entry too\n")
    here.rest()
    assert (
        credanchor("entry", "recall", "--root", to_hex(roots(here)[1]), to_hex(here.acknowledged[3].digest)).out == "recalled 1\n"
    )
    acts = [(row.action, row.result) for row in rows(here.store, tables.audit_record) if row.actor == "command line"]
    assert acts == [
        ("partition.detached", "begun"),
        ("partition.detached", "failed"),
        ("partition.detached", "begun"),
        ("partition.detached", "done"),
        *[("entries.recalled", "begun"), ("entries.recalled", "done")] * 3,
        ("digest.erasure_requested", "done"),
        ("entries.recalled", "begun"),
        ("entries.recalled", "done"),
    ]
    without = run_process("partitions", "detach", environment={"CREDANCHOR_STORE__URL": postgres_url})
    assert (without.code, "set CREDANCHOR_MANIFESTS__FOLDER" in without.error) == (1, True)
    assert new.id > WIDTH


def test_command_that_was_killed_at_its_end_is_finished_before_the_next_is_meant(
    here: Installation, postgres_url: str, tmp_path: Path
) -> None:
    detach(here)
    with here.store._engine.begin() as connection:
        name = "fk_canary_entry_id_entry"
        connection.execute(text(f"ALTER TABLE canary DROP CONSTRAINT {name}"))
        refers = f"ALTER TABLE canary ADD CONSTRAINT {name} FOREIGN KEY (entry_id) REFERENCES entry (id) NOT VALID"
        connection.execute(text(refers))
    key = tmp_path / "manifest.key"
    write_secret(key, bytes(range(32)).hex(), "manifest key")
    manifests = ManifestSettings(folder=tmp_path / "manifests", key_file=key)
    settings = Settings(store=StoreSettings(url=postgres_url), manifests=manifests)
    add(here.store._engine)
    with here.store._engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE canary DROP CONSTRAINT {name}"))
        connection.execute(text(refers))
    assert detach_store_partition(settings, None, no_progress) is None
    again = detach_store_partition(settings, None, no_progress)
    assert again is not None
    assert again.name == "entry_2"
