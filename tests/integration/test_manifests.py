"""Manifests in the second place: there before anything is submitted, and without what was erased (D23, D25)."""

import stat
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from anchoring.core.batch import BatchState
from anchoring.errors import ManifestsUnavailable, Misconfigured, NotFound, StateCorrupt
from anchoring.manifests.folder import ManifestFolder
from anchoring.manifests.sealed_box import create_manifest_key, read_manifest_key
from anchoring.ports.entries import Entry
from anchoring.store import tables
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases import keep_manifests as keeping
from anchoring.usecases.erase_entry import erase_entry
from anchoring.usecases.keep_manifests import keep_manifests
from anchoring.usecases.prove_inclusion import prove_inclusion
from anchoring.usecases.trace_digest import trace_digest
from tests.faults import Fault
from tests.installation import KEY, RULES, Installation, no_progress, with_finality
from tests.manifests import FaultyFolder, digests_in, read
from tests.world import rows

QUICK = with_finality(RULES, 1)
EFFECTS = ["claim", "write", "sync", "replace", "folder_sync"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "manifests"
    made.mkdir()
    return made


@pytest.fixture
def here(store: SqlStore, folder: Path) -> Installation:
    return Installation(store, QUICK, manifests=folder)


def erase(here: Installation, entry: Entry) -> bool:
    """As its issuer asks for it; nothing more is acknowledged."""
    with here.store.writing() as uow:
        issuer = uow.issuers.with_did(entry.issuer)
        assert issuer
        at_once = erase_entry(uow, issuer, entry.digest, now=here.clock.now())
        uow.commit()
    here.acknowledged = [one for one in here.acknowledged if one.id != entry.id]
    return at_once


def roots(here: Installation) -> list[bytes]:
    with here.store.reading() as uow:
        return [root for _, root in uow.batches.roots()]


def partials(folder: Path) -> list[Path]:
    return list(folder.glob("*.partial"))


# --- before anything is submitted


def test_manifest_is_there_for_every_batch_and_for_its_owner_only(here, folder):
    here.post(7)
    here.rest()

    here.check()
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == sorted(root.hex() + ".manifest" for root in roots(here))
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    content = b"".join(file.read_bytes() for file in files)
    assert not [one for one in here.acknowledged if one.digest in content or one.salt in content]


@pytest.mark.parametrize("state", ["gone", "no folder", "full"])
def test_round_that_cannot_write_seals_and_follows_and_signs_nothing(here, folder, state, monkeypatch):
    here.post()
    here.rules = replace(QUICK, follow_s=0)
    here.round()  # one batch is on its way
    assert here.states() == [BatchState.SUBMITTED]
    here.post()
    here.chain.mine(3)
    signed = here.chain.broadcasts
    if state == "gone":
        folder.rename(folder.with_name("unmounted"))
    elif state == "no folder":
        folder.rename(folder.with_name("unmounted"))
        folder.write_bytes(b"a file")
    else:
        monkeypatch.setattr(ManifestFolder, "_sync_file", full)

    for _ in range(2):
        with pytest.raises(ManifestsUnavailable, match=rf"^manifests cannot be (read|written) in {folder}: "):
            here.round()

    assert here.states() == [BatchState.FINAL, BatchState.SEALED]
    assert here.chain.broadcasts == signed
    with here.store.reading() as uow:
        newest = uow.rounds.newest(1)[0]
    assert newest.result == "interrupted"
    assert str(folder) in newest.detail
    monkeypatch.undo()
    if state != "full":
        folder.unlink() if folder.exists() else None
        folder.with_name("unmounted").rename(folder)
    assert partials(folder) == []
    here.rest()
    here.check()


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fault", [Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
@pytest.mark.parametrize("effect", EFFECTS)
def test_writer_that_is_killed_leaves_nothing_behind_that_stays(here, folder, effect, fault):
    here.post(2)
    here.faults.arm(f"manifest_{effect}", fault)

    here.fails()

    assert here.has_failed
    assert here.chain.broadcasts == 0
    here.rest()
    here.check()
    assert partials(folder) == []
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("fault", [Fault.FAILS_BEFORE, Fault.FAILS_AFTER, Fault.KILLED_BEFORE, Fault.KILLED_AFTER])
def test_removing_what_a_killed_writer_left_may_fail_as_well(here, folder, fault):
    here.post(2)
    here.faults.arm("manifest_replace", Fault.KILLED_BEFORE)
    here.fails()
    assert len(partials(folder)) == 1
    here.clock.advance(61)
    here.faults.arm("manifest_remove", fault)

    here.fails()

    assert here.has_failed
    assert here.chain.broadcasts == 0
    here.rest()
    here.check()
    assert partials(folder) == []


def test_place_that_was_lost_is_filled_again(here, folder):
    for _ in range(3):
        here.post(2)
        here.rest()
    for file in folder.iterdir():
        file.unlink()

    here.round()

    here.check()
    assert here.manifests.roots() == set(roots(here))


def test_batches_from_before_there_was_a_place_get_their_manifests_in_later_rounds(store, folder, monkeypatch):
    monkeypatch.setattr(keeping, "OLD_LEAVES_A_ROUND", 2)
    before = Installation(store, QUICK)
    for _ in range(5):
        before.post(3)
        before.rest()
    place = ManifestFolder(folder, KEY)
    seen = []
    counts = []

    for _ in range(6):
        keep_manifests(store, place, before.clock, lambda *progress: seen.append(progress))
        counts.append(len(place.roots()))

    assert counts == [1, 2, 3, 4, 5, 5]
    assert ("keeping manifests of old batches", 0, 5) in seen
    before.manifests = FaultyFolder(folder, KEY, before.faults)
    before.check()


def test_old_batches_do_not_hold_up_new_ones(store, folder, monkeypatch):
    monkeypatch.setattr(keeping, "OLD_LEAVES_A_ROUND", 0)
    here = Installation(store, QUICK)
    for _ in range(3):
        here.post(3)
        here.rest()
    here.manifests = FaultyFolder(folder, KEY, here.faults)
    here.post(2)

    here.round()

    assert here.states()[-1] is not BatchState.SEALED
    assert here.manifests.roots() == {roots(here)[0], roots(here)[-1]}


def test_without_a_place_rounds_go_on_as_ever(store):
    here = Installation(store, QUICK)
    here.post(4)
    here.rest()
    here.check()


def test_entries_that_do_not_give_the_tree_are_not_written_down(here, folder):
    here.post(2)
    here.seal_only()
    for file in folder.iterdir():
        file.unlink()
    with here.store._engine.connect() as connection:
        connection.execute(tables.entry.update().where(tables.entry.c.id == 1).values(salt=b"\x01" * 16))
        connection.commit()

    with pytest.raises(StateCorrupt, match="the entries of batch 1 are not those of its tree"):
        here.round()

    assert list(folder.iterdir()) == []
    assert here.chain.broadcasts == 0


# --- erasure


def at_state(here: Installation, state: BatchState) -> list[Entry]:
    """Three entries of one batch that has come so far."""
    entries = here.post(3)
    here.rules = replace(QUICK, follow_s=0)
    if state is not BatchState.WAITING:
        here.seal_only()
    if state in {BatchState.SUBMITTED, BatchState.CONFIRMED, BatchState.FINAL}:
        here.round()
    if state in {BatchState.CONFIRMED, BatchState.FINAL}:
        here.chain.mine(1 if state is BatchState.CONFIRMED else 4)
        here.round()
    here.rules = QUICK
    assert here.states() == ([] if state is BatchState.WAITING else [state])
    return entries


@pytest.mark.parametrize("state", BatchState)
def test_what_is_erased_leaves_the_manifests_in_the_next_round(here, state):
    entries = at_state(here, state)
    root_before = roots(here)
    proof = held_proof(here, entries[1]) if state.is_anchored else None

    assert erase(here, entries[1]) is (state is not BatchState.WAITING)
    here.rest()

    here.check()
    assert digests_in(here.manifests) == {entries[0].digest, entries[2].digest}
    assert roots(here) == root_before or state is BatchState.WAITING
    with here.store.reading() as uow, pytest.raises(NotFound):
        trace_digest(uow, entries[1].digest, None)
    if proof:
        proof.verify_path()
        assert proof.root in roots(here)


def held_proof(here, entry):
    with here.store.reading() as uow:
        batch = uow.batches.of_entry(entry.id)
        return prove_inclusion(uow, entry, batch)


@pytest.mark.parametrize("fault", Fault)
def test_rewriting_fails_at_each_effect_and_the_next_round_does_it(here, fault):
    entries = iter(at_state(here, BatchState.FINAL) + here.post(30))
    here.rest()
    erase(here, next(entries))
    here.faults.restart()
    here.round()
    effects = [(number, name) for number, name in enumerate(here.faults.trace) if name not in {"read", "begin"}]
    assert {"commit", *(f"manifest_{effect}" for effect in EFFECTS)} <= {name for _, name in effects}
    for number, name in effects:
        entry = next(entries)
        erase(here, entry)
        here.faults.arm(number, fault)

        here.fails()

        assert here.has_failed, f"effect {number}, {name}, was not reached"
        here.rest()
        assert entry.digest not in digests_in(here.manifests), name
    here.check()


def test_everything_that_is_erased_leaves_an_empty_tree_of_leaves(here):
    entries = at_state(here, BatchState.FINAL)
    for entry in entries:
        erase(here, entry)
    here.rest()

    here.check()
    [root] = here.manifests.roots()
    manifest = read(here.manifests, root)
    assert manifest.digests == set()
    assert len(manifest.erased_leaves) == 3


@pytest.mark.parametrize("effect", EFFECTS)
def test_stale_content_is_never_put_into_the_place(here, effect):
    """The sleeper has read the entry; it is erased, the manifest is rewritten, and the sleeper wakes up."""
    entries = at_state(here, BatchState.FINAL)
    for file in here.manifests.folder.iterdir():
        file.unlink()

    def meanwhile() -> None:
        erase(here, entries[0])
        here.rest()
        assert entries[0].digest not in digests_in(here.manifests)

    here.freeze(f"manifest_{effect}", meanwhile)
    with suppress(ManifestsUnavailable):
        here.fails()

    assert here.has_failed
    assert entries[0].digest not in digests_in(here.manifests)
    here.rest()
    here.check()


def test_erasures_from_before_there_was_a_place_never_reach_it(store, folder):
    before = Installation(store, QUICK)
    entries = at_state(before, BatchState.FINAL)
    erase(before, entries[0])
    before.rest()
    place = ManifestFolder(folder, KEY)

    keep_manifests(store, place, before.clock, no_progress)

    assert digests_in(place) == {entries[1].digest, entries[2].digest}
    assert [row.manifest_rewritten_at is None for row in rows(store, tables.erasure)] == [False]


# --- the key


def test_key_is_made_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / "manifest.key"
    create_manifest_key(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = read_manifest_key(path, "CREDANCHOR_MANIFESTS__KEY_FILE")
    assert path.read_text().strip() not in repr(key)
    with pytest.raises(Misconfigured, match=r"manifest\.key cannot be written: File exists"):
        create_manifest_key(path)


@pytest.mark.parametrize(
    ("content", "mode", "error"),
    [
        (b"", 0o600, "holds no key"),
        (b"00" * 31, 0o600, "holds no key"),
        (b"zz" * 32, 0o600, "holds no key"),
        (b"00" * 32, 0o640, "must belong to this user and be readable by no other"),
        (b"\xff", 0o600, "cannot be read"),
    ],
)
def test_key_that_is_none_or_open_to_others_is_refused(tmp_path, content, mode, error):
    path = tmp_path / "manifest.key"
    path.write_bytes(content)
    path.chmod(mode)

    with pytest.raises(Misconfigured, match=error) as refused:
        read_manifest_key(path, "CREDANCHOR_MANIFESTS__KEY_FILE")

    assert refused.value.message.startswith(f"CREDANCHOR_MANIFESTS__KEY_FILE: {path}")
