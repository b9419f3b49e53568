"""A lost database is rebuilt from manifests, proofs and the ledger (D25)."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, text, update
from starlette.testclient import TestClient

from anchoring.core.batch import BatchState
from anchoring.core.proof_json import proof_from_json
from anchoring.core.rebuilding import ManifestSource, ProofSource, RebuildReport, Sources
from anchoring.core.status_change import StatusAction
from anchoring.errors import LedgerUnavailable, Misconfigured, StateCorrupt
from anchoring.manifests.folder import ManifestFolder, read_manifest
from anchoring.manifests.sealed_box import ManifestKey
from anchoring.manifests.sources import find_sources
from anchoring.ports.entries import Entry
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import as_root, to_hex
from anchoring.usecases.change_status import change_status
from anchoring.usecases.change_status.targets import StatusRequest
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.rebuild_store import RebuildRules, rebuild_store
from tests.api import make_app
from tests.factories import ACADEMY, UNIVERSITY, add_issuer
from tests.fake_chain import OURS
from tests.faults import Fault, FaultyStore
from tests.installation import KEY, LEASE_S, RULES, Installation, no_progress, with_finality
from tests.manifests import digests_in
from tests.world import rows

QUICK = with_finality(RULES, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    return made


@pytest.fixture
def here(store: SqlStore, folder: Path) -> Installation:
    return Installation(store, QUICK, manifests=folder)


def anchored(here: Installation, *sizes: int) -> list[Entry]:
    """A round for each number of digests."""
    entries = [here.post(size) for size in sizes]
    for some in entries:
        assert some
    here.rest()
    return list(itertools.chain(*entries))


def answers(here: Installation, entries: Sequence[Entry] | None = None) -> dict[str, bytes]:
    """What the service answers about every acknowledged digest."""
    with TestClient(make_app(here.store)) as client:
        return {
            path: (answer := client.get(path)).content + str(answer.status_code).encode()
            for entry in entries or here.acknowledged
            for kind in ("proofs", "digests")
            for path in [f"/v1/{kind}/{to_hex(entry.digest)}?issuer={entry.issuer}"]
        }


def lose(here: Installation) -> None:
    """The database is gone, and a new one was migrated."""
    here.first_nonce = here.chain.transaction_count(OURS)
    with here.store._engine.connect() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            connection.execute(delete(table))
        if connection.dialect.name == "sqlite":
            connection.execute(text("DELETE FROM sqlite_sequence"))
        else:
            connection.execute(
                text(f"TRUNCATE {', '.join(table.name for table in tables.metadata.sorted_tables)} RESTART IDENTITY")
            )
        connection.commit()


def rebuild(here: Installation, *paths: Path, unanchored: bool = False, sources: Sources | None = None) -> RebuildReport:
    found = sources or sources_in(here, *paths)
    rules = RebuildRules(finality=here.rules.follow.finality, first_block=0, take_unanchored=unanchored)
    store = FaultyStore(here.store, here.faults)
    return rebuild_store(store, here.ledger, here.clock, rules, sources=found, progress=no_progress)


def sources_in(here: Installation, *paths: Path) -> Sources:
    assert here.manifests
    return find_sources(paths or [here.manifests.folder], lambda: KEY)


def counts(report: RebuildReport) -> tuple[int, int, int, int]:
    return report.restored, report.known, len(report.refused), len(report.missing)


# --- everything from manifests


def test_all_proofs_are_the_same_bytes_after_everything_was_lost(here):
    for size in (1, 2, 3, 7, 3):
        anchored(here, size)
    before, batches = answers(here), rows(here.store, tables.batch)
    lose(here)

    report = rebuild(here)

    assert (report.refused, report.missing) == ([], [])
    assert (report.restored, report.entries, report.anchors) == (len(batches), 16, len(batches))
    assert report.issuers == [UNIVERSITY]
    assert answers(here) == before
    here.check()
    of_later_rounds = {"final_at": None, "bundle_block_hash": None}  # bundles are asked for again
    for was, now in zip(batches, rows(here.store, tables.batch), strict=True):
        assert dict(was._mapping) | of_later_rounds == dict(now._mapping) | of_later_rounds


def test_rounds_go_on_after_a_rebuild_and_number_above_everything(here):
    anchored(here, 3, 2)
    lose(here)
    rebuild(here)

    new = anchored(here, 2)

    assert [entry.id for entry in new] == [6, 7]
    assert here.states() == [BatchState.FINAL] * 3
    here.check()


def test_rebuilding_again_changes_nothing(here):
    anchored(here, 3, 2)
    lose(here)
    rebuild(here)
    before = {table.name: rows(here.store, table) for table in tables.metadata.sorted_tables}

    report = rebuild(here)

    assert counts(report) == (0, 2, 0, 0)
    assert {table.name: rows(here.store, table) for table in tables.metadata.sorted_tables} == before


def test_order_number_and_rubbish_among_the_files_do_not_matter(here, tmp_path):
    for size in (3, 1, 2):
        anchored(here, size)
    before = answers(here)
    lose(here)
    files = sorted(here.manifests.folder.iterdir())
    damaged, foreign, rubbish, empty = (tmp_path / name for name in ("damaged", "foreign", "rubbish", "empty"))
    damaged.write_bytes(files[0].read_bytes()[:-1])
    other = ManifestFolder(here.manifests.folder, ManifestKey(b"\x09" * 32))
    other.keep(as_root(b"\x05" * 32), lambda: [b"x"])
    (here.manifests.folder / ("05" * 32 + ".manifest")).rename(foreign)
    rubbish.write_bytes(b"rubbish")
    empty.write_bytes(b"")
    given = [*files, *files, damaged, foreign, rubbish, empty]
    random.Random(7).shuffle(given)

    report = rebuild(here, *given)

    assert counts(report) == (3, 3, 4, 0)
    reasons = {Path(one.name).name: one.reason for one in report.refused}
    assert reasons["damaged"] == "damaged, or not all of it is there"
    assert reasons["foreign"] == "encrypted with another key"
    assert reasons["rubbish"].startswith("neither a manifest nor a proof")
    assert reasons["empty"].startswith("neither a manifest nor a proof")
    assert answers(here) == before
    here.check()


def test_what_is_missing_is_listed_and_found_later(here):
    for size in (3, 1, 2):
        anchored(here, size)
    before = answers(here)
    roots = [row.root for row in rows(here.store, tables.batch)]
    lose(here)
    files = [here.manifests.folder / f"{root.hex()}.manifest" for root in roots]

    first = rebuild(here, files[2], files[0])
    with pytest.raises(StateCorrupt, match="the ledger holds 1 anchors of our key whose batches this database lacks"):
        here.round()
    here.clock.advance(LEASE_S)
    second = rebuild(here, files[1])

    assert counts(first) == (2, 0, 0, 1)
    assert (first.missing[0].anchor.root, first.missing[0].anchor.leaf_count, first.missing[0].proven) == (roots[1], 1, 0)
    assert counts(second) == (1, 0, 0, 0)
    assert answers(here) == before
    here.post(2)
    here.rest()
    here.check()


def test_several_issuers_are_added_by_their_did(here):
    academy = add_issuer(here.store, ACADEMY)
    entries = here.post(2)
    here._issuer = academy
    entries += here.post(2)
    here.rest()
    before = answers(here)
    lose(here)

    report = rebuild(here)

    assert sorted(report.issuers) == sorted([ACADEMY, UNIVERSITY])
    assert {row.did: row.name for row in rows(here.store, tables.issuer)} == {did: did for did in (ACADEMY, UNIVERSITY)}
    assert rows(here.store, tables.api_key) == []
    assert answers(here) == before


def test_large_batch_is_rebuilt_tile_by_tile(here):
    here.rules = replace(QUICK, max_leaves=1 << 20)
    anchored(here, 70_000 if here.store._engine.dialect.name == "sqlite" else 700)
    sample = here.acknowledged[::97]
    before = answers(here, sample)
    lose(here)

    rebuild(here)

    assert answers(here, sample) == before
    here.check(newest=3)


def test_numbers_of_what_could_not_be_rebuilt_are_not_given_out_again(here):
    """A manifest that turns out to be of use later finds its place free."""
    anchored(here, 3)
    here.post(2)
    here.seal_only()
    before = rows(here.store, tables.batch)
    lose(here)
    here.clock.advance(LEASE_S)

    assert counts(rebuild(here)) == (1, 0, 1, 0)
    here.acknowledged = here.acknowledged[:3]
    new = here.post(1)
    here.seal_only()

    assert [entry.id for entry in new] == [6]
    assert [row.id for row in rows(here.store, tables.batch)] == [before[0].id, before[1].id + 1]


# --- erased entries


def erase(here: Installation, entry: Entry) -> None:
    with here.store.writing() as uow:
        issuer = uow.issuers.with_did(entry.issuer)
        assert issuer
        erase_entry(uow, issuer, entry.digest, now=here.clock.now())
        uow.commit()
    here.acknowledged = [one for one in here.acknowledged if one.id != entry.id]


def erased_ids(here: Installation) -> list[int]:
    return [row.id for row in rows(here.store, tables.entry) if row.digest is None]


def test_erased_entries_stay_erased(here):
    entries = anchored(here, 3)
    erase(here, entries[1])
    here.rest()
    here.round()
    before = answers(here, entries)
    lose(here)

    report = rebuild(here)

    assert counts(report) == (1, 0, 0, 0)
    assert answers(here, entries) == before
    assert erased_ids(here) == [entries[1].id]
    here.check()


@pytest.mark.parametrize("stale_first", [True, False])
def test_manifest_from_before_an_erasure_does_not_bring_it_back(here, tmp_path, stale_first):
    entries = anchored(here, 3)
    [current] = here.manifests.folder.iterdir()
    stale = tmp_path / "stale"
    stale.write_bytes(current.read_bytes())
    erase(here, entries[1])
    here.rest()
    here.round()
    lose(here)

    for path in (stale, current) if stale_first else (current, stale):
        rebuild(here, path)
    stale.rename(current)  # and somebody puts the old one into its place
    rebuild(here)
    here.round()

    assert erased_ids(here) == [entries[1].id]
    assert entries[1].digest not in digests_in(here.manifests)
    here.check()


def test_erasure_that_an_old_backup_does_not_know_is_carried_out_again(here):
    entries = anchored(here, 3)
    backup = copy_of(here.store)
    erase(here, entries[1])
    here.rest()
    here.round()
    put_back(here, backup)

    report = rebuild(here)

    assert (counts(report), report.erased_again) == ((0, 1, 0, 0), 1)
    assert erased_ids(here) == [entries[1].id]
    here.rest()
    here.check()


def test_entry_that_waits_in_an_old_backup_and_was_erased_since_is_erased_again(here):
    entries = here.post(3)
    backup = copy_of(here.store)
    here.rest()
    erase(here, entries[1])
    here.rest()
    here.round()
    put_back(here, backup)

    report = rebuild(here)

    assert (counts(report), report.erased_again) == ((1, 0, 0, 0), 1)
    assert erased_ids(here) == [entries[1].id]
    assert answers(here, entries[1:2]).popitem()[1].endswith(b"404")


# --- into what is there


def copy_of(store: SqlStore) -> dict[str, list[dict[str, Any]]]:
    return {table.name: [dict(row._mapping) for row in rows(store, table)] for table in tables.metadata.sorted_tables}


def put_back(here: Installation, backup: dict[str, list[dict[str, Any]]]) -> None:
    lose(here)
    here.first_nonce = 0
    with here.store._engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            if backup[table.name]:
                connection.execute(table.insert(), backup[table.name])
            if connection.dialect.name == "postgresql" and "id" in table.c and backup[table.name] and table.c.id.identity:
                top = max(row["id"] for row in backup[table.name])
                connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {top})"))
        connection.commit()


def test_old_backup_is_filled_up(here):
    anchored(here, 3)
    waiting = here.post(2)
    backup = copy_of(here.store)
    here.rest()
    anchored(here, 2, 1)
    before = answers(here)
    put_back(here, backup)

    report = rebuild(here)

    assert counts(report)[1:] == (1, 0, 0)
    assert report.restored >= 2
    assert answers(here) == before
    assert [row.id for row in rows(here.store, tables.entry)] == sorted(entry.id for entry in here.acknowledged)
    assert waiting[0].id in {row.id for row in rows(here.store, tables.entry)}
    # The nonces that the backup does not know are looked at by a person, as after any restore.
    here.make_round().reconcile(accept_loss=False)
    here.post(2)
    here.rest()


def test_batch_whose_ids_are_taken_is_refused_and_the_others_are_not(here):
    anchored(here, 3)
    backup = copy_of(here.store)
    anchored(here, 2)
    lost = here.acknowledged[3:]
    anchored(here, 3)
    put_back(here, backup)
    here.acknowledged = here.acknowledged[:3] + here.acknowledged[5:]
    fresh = here.post(2)
    assert [entry.id for entry in fresh] == [entry.id for entry in lost[:2]]

    report = rebuild(here)

    assert counts(report) == (0, 1, 2, 2)
    reasons = [one.reason for one in report.refused]
    assert f"entry {fresh[0].id} is another one in the database" in reasons
    assert f"entry {fresh[0].id} waits below it; run a round, which seals it, and rebuild again" in reasons
    assert rows(here.store, tables.entry)[3].digest == fresh[0].digest
    # As the sentence says: the loss of the first is accepted, a round seals, and then the second finds its place.
    here.make_round().reconcile(accept_loss=True)
    here.rest()
    again = rebuild(here)
    assert counts(again) == (1, 2, 1, 1)
    here.check()


def test_digest_that_was_posted_again_meanwhile_keeps_its_newer_entry(here):
    entries = anchored(here, 3)
    lose(here)
    with here.store.writing() as uow:  # somebody let the issuer post before the manifests were found
        uow.entries.continue_above(100)
        uow.commit()
    here._issuer = add_issuer(here.store)
    here._digests = iter([1])
    [newer] = here.post()
    here.acknowledged = [entries[0], entries[2], newer]

    report = rebuild(here)

    assert (counts(report), report.reposted) == ((1, 0, 0, 0), 1)
    here.rest()
    here.check()
    assert newer.digest == entries[1].digest
    assert newer.salt in [row.salt for row in rows(here.store, tables.entry)]


def test_batch_number_that_is_taken_is_refused(here):
    anchored(here, 2)
    root = rows(here.store, tables.batch)[0].root
    lose(here)
    here._issuer = add_issuer(here.store)
    with here.store.writing() as uow:
        uow.entries.continue_above(50)
        uow.commit()
    here.acknowledged = []
    here.post(2)
    here.seal_only()
    assert [row.id for row in rows(here.store, tables.batch)] == [1]

    report = rebuild(here)

    assert counts(report)[:1] == (0,)
    assert report.refused[0].reason == "its number, 1, is that of another batch with entries 51 to 52"
    assert [one.anchor.root for one in report.missing] == [root]


# --- what the ledger says


def test_batch_that_the_ledger_does_not_hold_is_taken_only_when_told(here):
    anchored(here, 3)
    here.post(2)
    here.faults.arm("broadcast", Fault.KILLED_BEFORE)
    here.fails()
    here.faults.restart()
    lose(here)
    here.clock.advance(LEASE_S)

    first = rebuild(here)
    states = here.states()
    second = rebuild(here, unanchored=True)

    assert counts(first) == (1, 0, 1, 0)
    assert first.refused[0].reason.startswith("the ledger holds no root 0x")
    assert states == [BatchState.FINAL]
    assert counts(second) == (1, 1, 0, 0)
    assert here.states() == [BatchState.FINAL, BatchState.SEALED]
    here.rest()
    here.check()


def test_batch_in_a_block_that_is_not_final_is_confirmed(here):
    anchored(here, 2)
    here.rules = replace(QUICK, follow_s=0)
    here.post(2)
    here.round()
    here.chain.mine()
    here.round()
    assert here.states()[-1] is BatchState.CONFIRMED
    before = answers(here)
    lose(here)

    rebuild(here)

    assert here.states() == [BatchState.FINAL, BatchState.CONFIRMED]
    assert answers(here) == before
    here.rest()
    here.check()


def test_leaf_count_that_differs_from_the_ledger_is_refused(here):
    anchored(here, 2)
    lose(here)
    here.chain.blocks = [
        replace(
            block,
            receipts={
                tx: replace(receipt, anchors=tuple(replace(one, leaf_count=3) for one in receipt.anchors))
                for tx, receipt in block.receipts.items()
            },
        )
        for block in here.chain.blocks
    ]

    report = rebuild(here)

    assert counts(report) == (0, 0, 1, 1)
    assert report.refused[0].reason == "it is of a tree of 2 leaves, the ledger says 3"


def test_manifest_whose_entries_lead_elsewhere_is_refused(here, tmp_path):
    """Somebody with the key wrote it: the root on the ledger decides all the same."""
    anchored(here, 2)
    [path] = here.manifests.folder.iterdir()
    plain = bytearray(b"".join(read_manifest(path, KEY)))
    plain[-1] ^= 1
    lose(here)
    before = {table.name: rows(here.store, table) for table in tables.metadata.sorted_tables if table.name not in STAMPED}

    report = rebuild(here, sources=Sources(manifests=[ManifestSource(name="forged", pieces=lambda: iter([bytes(plain)]))]))

    assert counts(report) == (0, 0, 1, 1)
    assert "its entries lead to root 0x" in report.refused[0].reason
    assert {table.name: rows(here.store, table) for table in tables.metadata.sorted_tables if table.name not in STAMPED} == before


STAMPED = {"ledger_identity", "orphan_anchor"}


def test_database_of_another_ledger_is_refused(here):
    anchored(here, 1)
    with here.store._engine.connect() as connection:
        connection.execute(update(tables.ledger_identity).values(genesis_hash=b"\x09" * 32))
        connection.commit()

    with pytest.raises(Misconfigured, match="this database belongs to"):
        rebuild(here)


def test_where_several_nodes_must_agree_finality_is_left_to_rounds(here):
    anchored(here, 2)
    lose(here)
    rules = RebuildRules(finality=None, first_block=0)

    rebuild_store(here.store, here.ledger, here.clock, rules, sources=sources_in(here), progress=no_progress)

    assert here.states() == [BatchState.CONFIRMED]
    here.rest()
    assert here.states() == [BatchState.FINAL]


@pytest.mark.parametrize("fault", Fault)
def test_rebuilding_fails_at_each_effect_and_goes_on_when_run_again(here, fault):
    anchored(here, 3, 2)
    before = answers(here)
    lose(here)
    here.faults.restart()
    rebuild(here)
    effects = [(number, name) for number, name in enumerate(here.faults.trace) if name not in {"read", "begin"}]
    assert {"commit", "identity", "head", "anchors"} <= {name for _, name in effects}
    for number, name in effects:
        lose(here)
        here.faults.arm(number, fault)

        here.fails_to(lambda: rebuild(here))

        assert here.has_failed, f"effect {number}, {name}, was not reached"
        here.faults.restart()
        here.clock.advance(LEASE_S + 1)

        report = rebuild(here)

        assert (report.refused, report.missing) == ([], [])
        assert answers(here) == before, name
    here.check()


def test_node_that_does_not_answer_changes_nothing(here):
    anchored(here, 1)
    lose(here)
    here.faults.arm("anchors", Fault.FAILS_BEFORE)

    with pytest.raises(LedgerUnavailable):
        rebuild(here)

    assert rows(here.store, tables.batch) == []


# --- proofs alone


def proofs_of(here: Installation, folder: Path, entries: Sequence[Entry]) -> Iterator[Path]:
    with TestClient(make_app(here.store)) as client:
        for i, entry in enumerate(entries):
            path = folder / f"proof-{i}.json"
            path.write_text(json.dumps(client.get(f"/v1/proofs/{to_hex(entry.digest)}").json(), indent=2))
            yield path


def test_proofs_alone_show_their_entries_and_the_rest_is_listed(here, tmp_path):
    anchored(here, 3)
    anchored(here, 2)
    files = list(proofs_of(here, tmp_path, here.acknowledged[:2]))
    lose(here)

    report = rebuild(here, *files, *files)

    assert report.proofs == 2
    assert [(one.anchor.leaf_count, one.proven) for one in report.missing] == [(3, 2), (2, 0)]
    assert (report.restored, report.refused) == (0, [])


def test_proofs_that_are_forged_or_foreign_are_refused(here, tmp_path):
    anchored(here, 3)
    [file] = proofs_of(here, tmp_path, here.acknowledged[:1])
    proof = json.loads(file.read_text())
    lose(here)
    flipped = proof | {"digest": "0x" + "11" * 32}
    elsewhere = proof | {"root": "0x" + "22" * 32}
    larger = proof | {"treeSize": 4}
    contract = proof | {"anchor": proof["anchor"] | {"contract": "0x" + "33" * 20}}
    sources = Sources(
        proofs=[
            ProofSource(name=name, proof=proof_from_json(content))
            for name, content in {"flipped": flipped, "elsewhere": elsewhere, "larger": larger, "contract": contract}.items()
        ]
    )

    report = rebuild(here, sources=sources)

    assert report.proofs == 0
    reasons = {one.name: one.reason for one in report.refused}
    assert reasons["flipped"].startswith("the path leads to root ")
    assert reasons["elsewhere"].startswith("the ledger holds no root ")
    assert reasons["larger"] == "it is of a tree of 4 leaves, the ledger says 3"
    assert reasons["contract"].startswith("it names another contract, ")
    assert [one.proven for one in report.missing] == [0]


def test_proof_beside_its_manifest_adds_nothing(here, tmp_path):
    anchored(here, 3)
    files = list(proofs_of(here, tmp_path, here.acknowledged))
    lose(here)

    report = rebuild(here, *files, here.manifests.folder)

    assert (counts(report), report.proofs) == ((1, 0, 0, 0), 3)


def test_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Misconfigured, match=r"missing cannot be read: No such file or directory"):
        find_sources([tmp_path / "missing"], lambda: KEY)


# --- status


def asked(here: Installation, entry: Entry) -> tuple[str, list[bool | None], str]:
    """What the service says of an entry: its status, the bits, and the outcome of the check of its proof."""
    path = f"{to_hex(entry.digest)}?issuer={entry.issuer}"
    with TestClient(make_app(here.store)) as client:
        status = client.get(f"/v1/status/{path}").json()
        report = client.post("/v1/verify", json={"proof": client.get(f"/v1/proofs/{path}").json()}).json()
    [outcome] = [check["outcome"] for check in report["checks"] if check["check"] == "status"]
    return status["status"], [one["set"] for one in status["lists"]], outcome


def test_of_what_was_rebuilt_no_status_is_said_to_be_clear(here):
    [revoked, clear] = anchored(here, 2)
    change(here, revoked, StatusAction.REVOKE)
    here.rest()
    assert [asked(here, one)[0] for one in (revoked, clear)] == ["revoked", "clear"]
    lose(here)

    assert counts(rebuild(here)) == (2, 0, 0, 0)  # the version of the list had a leaf of its own

    assert [asked(here, one) for one in (revoked, clear)] == [("cannot tell", [None, None], "cannot tell")] * 2


def test_a_rebuilt_digest_can_be_revoked_and_what_comes_later_is_told_as_ever(here):
    [before] = anchored(here, 1)
    lose(here)
    rebuild(here)
    [after] = anchored(here, 1)
    with here.store._engine.begin() as connection:
        connection.execute(update(tables.entry).where(tables.entry.c.id == after.id).values(received_at=here.clock.now()))

    change(here, before, StatusAction.REVOKE)

    assert asked(here, before)[:2] == ("revoked", [True, None])
    assert asked(here, after)[:2] == ("clear", [False, False])


def test_a_rebuild_that_finds_everything_there_leaves_no_mark(here):
    [entry] = anchored(here, 1)

    assert counts(rebuild(here)) == (0, 1, 0, 0)

    assert asked(here, entry)[:2] == ("clear", [False, False])


def change(here: Installation, entry: Entry, action: StatusAction) -> None:
    with here.store.writing() as uow:
        issuer = uow.issuers.with_did(entry.issuer)
        assert issuer
        change_status(
            uow, issuer, [StatusRequest(action=action, digest=entry.digest)], now=here.clock.now(), requested_by="command line"
        )
        uow.commit()
