"""Final batches as static files: in a folder and in an S3-compatible store, and proofs rebuilt from them alone."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from anchoring.core.batch import BatchState
from anchoring.core.proof_json import proof_to_json
from anchoring.core.published import PAGES_PATH, batch_path, bundle_path, page_path, tile_path
from anchoring.core.tiles import TILE_WIDTH, TileCoordinate, served_width
from anchoring.errors import FilesUnavailable, InvalidInput, NotFound, StateCorrupt, VerificationError
from anchoring.objects import open_files
from anchoring.ports.entries import Entry
from anchoring.ports.static_files import StaticFiles
from anchoring.store import tables
from anchoring.types import Root, Salt, to_hex
from anchoring.usecases import export_tiles as exporting
from anchoring.usecases.export_tiles import ExportReport, export_tiles
from anchoring.usecases.rebuild_proof import OwnEntry, published_bundle, rebuild_proof
from tests.factories import ACADEMY
from tests.installation import RULES, Installation, no_progress, with_finality
from tests.object_store import ObjectStore, run_object_store
from tests.world import served_proofs

PATIENCE: Any = {"parallel": 8, "timeout_s": 5.0}
UNHURRIED = with_finality(RULES, 100)


@pytest.fixture(scope="module")
def object_store() -> Iterator[ObjectStore]:
    with run_object_store() as store:
        store.make_bucket("public")
        yield store


@dataclass
class Place:
    """One place as its writer names it, and as its readers do."""

    written: str
    read: str

    def writer(self) -> StaticFiles:
        return open_files(self.written, **PATIENCE, writes=True)

    def reader(self) -> StaticFiles:
        return open_files(self.read, **PATIENCE, writes=False)


@pytest.fixture(params=["folder", "object store"])
def place(request, tmp_path, monkeypatch) -> Place:
    if request.param == "folder":
        return Place(written=str(tmp_path / "files"), read=str(tmp_path / "files"))
    server: ObjectStore = request.getfixturevalue("object_store")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return Place(written=f"s3://public/{tmp_path.name}", read=f"{server.url}/public/{tmp_path.name}")


@pytest.fixture
def folder(tmp_path) -> Place:
    return Place(written=str(tmp_path / "files"), read=str(tmp_path / "files"))


@pytest.fixture
def installation(store) -> Installation:
    return Installation(store, replace(RULES, max_leaves=1 << 20))


@dataclass
class Watched:
    """`files`, and what was asked of them; after `left` writes every further one fails."""

    files: StaticFiles
    left: int = 1_000_000
    read_paths: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    def read(self, path: str, *, most: int) -> bytes | None:
        self.read_paths.append(path)
        return self.files.read(path, most=most)

    def write(self, files: Iterable[tuple[str, bytes]], *, unchanging: bool = False) -> None:
        for path, content in files:
            if len(self.written) >= self.left:
                raise FilesUnavailable("no more")
            self.written.append(path)
            self.files.write([(path, content)], unchanging=unchanging)

    def delete(self, path: str) -> None:
        self.files.delete(path)


def export(installation: Installation, files: StaticFiles, **options: bool) -> ExportReport:
    return export_tiles(installation.store, files, no_progress, **options)


def own(entry: Entry) -> OwnEntry:
    return OwnEntry(issuer=entry.issuer, digest=entry.digest, salt=entry.salt)


def roots(installation: Installation) -> list[Root]:
    with installation.store.reading() as uow:
        return [root for _, root in uow.batches.roots()]


def seal(installation: Installation, *sizes: int) -> list[Entry]:
    """Batches of these sizes, final; returns first, last and a middle entry of each."""
    some = []
    for size in sizes:
        entries = installation.post(size)
        installation.rest()
        some += list(dict.fromkeys([entries[0], entries[size // 2], entries[-1]]))
    return some


# --- proofs from files ------------------------------------------------------------------------------------------------


def test_proof_from_files_is_the_one_that_is_served(installation, place):
    some = seal(installation, 1, 2, 255, 256, 257, 700)
    assert export(installation, place.writer()) == ExportReport(published=6, tiles=1 + 1 + 1 + 2 + 3 + 4)
    files = place.reader()
    for entry, answer in zip(some, served_proofs(installation.store, some), strict=True):
        rebuilt = proof_to_json(rebuild_proof(files, own(entry), no_progress))
        assert rebuilt | {"canonicalization": entry.canonicalization} == answer.json()


def test_bundle_is_published_with_its_batch_and_withdrawn_with_it(installation, folder):
    [entry, *_] = seal(installation, 3)
    export(installation, folder.writer())
    [root] = roots(installation)
    anchor = rebuild_proof(folder.reader(), own(entry), no_progress).anchor
    with installation.store.reading() as uow:
        kept = uow.bundles.of(root, anchor.block_hash)
    assert kept is not None
    assert published_bundle(folder.reader(), root) == kept
    path = Path(folder.written, bundle_path(root))
    path.write_text("{}")
    with pytest.raises(VerificationError, match=r"bundle.json: .*type"):
        published_bundle(folder.reader(), root)
    installation.chain.reorg(installation.chain.blocks[-1].place.number - anchor.block_number + 1)
    installation.make_round(rules=UNHURRIED).run()
    export(installation, folder.writer())
    assert published_bundle(folder.reader(), root) is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_batch_without_a_bundle_is_published_and_gets_it_when_all_is_written_again(installation, folder):
    installation.ledger.lacks_bundles = True
    seal(installation, 3)
    export(installation, folder.writer())
    [root] = roots(installation)
    assert published_bundle(folder.reader(), root) is None
    installation.ledger.lacks_bundles = False
    installation.round()
    export(installation, folder.writer(), again=True)
    assert published_bundle(folder.reader(), root) is not None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_proof_from_three_levels_of_tiles(installation, folder):
    some = seal(installation, TILE_WIDTH**2 + 300)
    export(installation, folder.writer())
    watched = Watched(folder.reader())
    [root] = roots(installation)
    for entry, answer in zip(some, served_proofs(installation.store, some), strict=True):
        watched.read_paths.clear()
        assert proof_to_json(rebuild_proof(watched, own(entry), no_progress, root=root))["path"] == answer.json()["path"]
        assert len(watched.read_paths) <= 1 + 5 + 3, "more files than a batch's facts, a search of five tiles, and three above"


def test_files_say_what_the_api_says_and_nothing_about_a_person(installation, place):
    [entry, *_] = seal(installation, 300)
    export(installation, place.writer())
    [root] = roots(installation)
    files = place.reader()
    facts, page = files.read(batch_path(root), most=10_000), files.read(page_path(0), most=10_000)
    assert facts is not None
    assert page is not None
    [served] = served_proofs(installation.store, [entry])
    assert json.loads(facts) == {
        "type": "AnchoredBatch",
        "version": 1,
        "root": to_hex(root),
        "treeSize": 300,
        "anchor": served.json()["anchor"],
    }
    assert json.loads(page) == {"type": "AnchoredBatches", "version": 1, "batches": [json.loads(facts)]}
    tiles = [files.read(tile_path(root, TileCoordinate(*at)), most=10_000) for at in [(0, 0), (0, 1), (1, 0)]]
    assert [len(tile or b"") // 32 for tile in tiles] == [256, 44, 1]
    everything = b"".join([facts, page, *(tile or b"" for tile in tiles)])
    for secret in map(bytes, (entry.digest, entry.salt)):
        assert secret not in everything
        assert secret.hex().encode() not in everything
    assert entry.issuer.encode() not in everything


def test_object_store_tells_caches_how_long_to_keep_a_file(installation, object_store, monkeypatch, tmp_path):
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    seal(installation, 3)
    export(installation, open_files(f"s3://public/{tmp_path.name}", **PATIENCE, writes=True))
    [root] = roots(installation)
    told = {}
    for path in (page_path(0), batch_path(root), tile_path(root, TileCoordinate(0, 0))):
        with urlopen(f"{object_store.url}/public/{tmp_path.name}/{path}", timeout=10) as answer:
            told[path.rpartition(".")[2]] = (answer.headers["Content-Type"], answer.headers["Cache-Control"])
    *_, tile = told
    assert told == {
        "json": ("application/json", "public, max-age=300"),
        tile: ("application/octet-stream", "public, max-age=31536000, immutable"),
    }


def test_only_the_batch_or_time_that_is_named_is_looked_through(installation, folder):
    first = installation.post(2)[0]
    installation.rest()
    installation.clock.advance(10_000)
    second = installation.post(2)[0]
    installation.rest()
    export(installation, folder.writer())
    earlier, later = (rebuild_proof(folder.reader(), own(entry), no_progress) for entry in (first, second))
    assert earlier.anchor.anchored_at < later.anchor.anchored_at
    assert rebuild_proof(folder.reader(), own(first), no_progress, root=earlier.root) == earlier
    since = later.anchor.anchored_at - timedelta(seconds=1)
    assert rebuild_proof(folder.reader(), own(second), no_progress, since=since) == later
    for wrong in ({"root": later.root}, {"since": since}):
        with pytest.raises(NotFound, match="no published batch has a leaf"):
            rebuild_proof(folder.reader(), own(first), no_progress, **wrong)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("other", ["issuer", "salt", "digest"])
def test_leaf_of_other_parts_is_in_no_batch(installation, folder, other):
    [entry, *_] = seal(installation, 300)
    export(installation, folder.writer())
    changed = {"issuer": ACADEMY, "salt": Salt(bytes(16)), "digest": bytes(32)}
    parts = {"issuer": entry.issuer, "digest": entry.digest, "salt": entry.salt} | {other: changed[other]}
    with pytest.raises(NotFound, match="no published batch has a leaf"):
        rebuild_proof(folder.reader(), OwnEntry(**parts), no_progress)


# --- exporting again, and after anything ------------------------------------------------------------------------------


def test_what_is_published_is_not_written_again_unless_asked(installation, folder):
    seal(installation, 3, 300)
    watched = Watched(folder.writer())
    assert export(installation, watched) == ExportReport(published=2, tiles=4)
    watched.written.clear()
    assert export(installation, watched) == ExportReport(known=2)
    assert watched.written == []
    seal(installation, 5)
    assert export(installation, watched) == ExportReport(published=1, tiles=1, known=2)
    assert len(watched.written) == 4
    assert export(installation, watched, again=True) == ExportReport(published=3, tiles=5)


def test_nothing_that_is_not_final_is_published(installation, folder):
    assert export(installation, folder.writer()) == ExportReport()
    installation.post(3)
    installation.seal_only()
    assert export(installation, folder.writer()) == ExportReport()
    installation.faults.restart()
    installation.make_round(rules=UNHURRIED).run()
    assert installation.states() == [BatchState.CONFIRMED]
    assert export(installation, folder.writer()) == ExportReport()
    with pytest.raises(NotFound, match="no published batch"):
        rebuild_proof(folder.reader(), own(installation.acknowledged[0]), no_progress)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_export_that_fails_at_any_file_names_no_batch_whose_tiles_are_not_there(installation, tmp_path):
    some = seal(installation, 3, 300, 2)
    files_in_all = 1 + 3 + 1 + 3 + 3 + 1 + 1
    for left in range(files_in_all + 1):
        place = Place(written=str(tmp_path / f"after-{left}"), read=str(tmp_path / f"after-{left}"))
        failing = Watched(place.writer(), left=left)
        if left < files_in_all:
            with pytest.raises(FilesUnavailable, match="no more"):
                export(installation, failing)
        else:
            export(installation, failing)
        for root in roots(installation):
            if place.reader().read(batch_path(root), most=10_000) is not None:
                assert place.reader().read(tile_path(root, TileCoordinate(0, 0)), most=10_000) is not None
        again = Watched(place.writer())
        export(installation, again)
        assert len(set(failing.written) & set(again.written)) <= 4, "all of it was written again"
        for entry in some:
            rebuild_proof(place.reader(), own(entry), no_progress)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_pages_go_on_where_one_is_full(installation, folder, monkeypatch):
    monkeypatch.setattr(exporting, "PAGE_BATCHES", 2)
    some = seal(installation, *[2] * 5)
    export(installation, folder.writer())
    pages = [folder.reader().read(page_path(n), most=10_000) for n in range(4)]
    assert [page and len(json.loads(page)["batches"]) for page in pages] == [1, 2, 2, None]
    for entry in some:
        rebuild_proof(folder.reader(), own(entry), no_progress)


def test_batch_that_a_reorg_took_away_is_withdrawn_until_it_is_final_again(installation, folder):
    some = seal(installation, 3)
    export(installation, folder.writer())
    before = rebuild_proof(folder.reader(), own(some[0]), no_progress)
    installation.chain.reorg(installation.chain.blocks[-1].place.number - before.anchor.block_number + 1)
    installation.make_round(rules=UNHURRIED).run()
    assert installation.states() != [BatchState.FINAL]
    assert export(installation, folder.writer()) == ExportReport(withdrawn=1)
    with pytest.raises(NotFound):
        rebuild_proof(folder.reader(), own(some[0]), no_progress, root=before.root)
    installation.rest()
    assert export(installation, folder.writer()) == ExportReport(published=1, tiles=1)
    after = rebuild_proof(folder.reader(), own(some[0]), no_progress)
    assert (after.root, after.path) == (before.root, before.path)
    assert after.anchor.block_hash != before.anchor.block_hash


def test_tile_that_the_store_has_lost_is_not_exported(installation, folder):
    seal(installation, 300)
    with installation.store._engine.begin() as connection:
        connection.execute(tables.tile.delete().where(tables.tile.c.level == 1))
    with pytest.raises(StateCorrupt, match="tile 0 of level 1 of batch 1 is missing"):
        export(installation, folder.writer())
    [root] = roots(installation)
    assert folder.reader().read(batch_path(root), most=10_000) is None


# --- files that are not what they should be ---------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_damaged_page_is_written_anew(installation, folder):
    seal(installation, 3)
    export(installation, folder.writer())
    page = Path(folder.written, page_path(0))
    whole = page.read_bytes()
    pages = Path(folder.written, PAGES_PATH)
    for damaged in (b"", b"{", b"[]", whole[:-20], whole + b" " * 2_000_000):
        page.write_bytes(damaged)
        assert export(installation, folder.writer()) == ExportReport(published=1)
        assert page.read_bytes() == whole
    count = pages.read_bytes()
    for damaged in (b"", b"[]", count.replace(b"1", b"2"), b" " * 20_000):
        pages.write_bytes(damaged)
        export(installation, folder.writer())
        assert pages.read_bytes() == count


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_files_that_were_tampered_with_make_no_proof(installation, folder):
    """Each is put in the place of a right one; whatever comes of it is no proof, or the right one."""
    [entry, *_] = seal(installation, 300)
    export(installation, folder.writer())
    [root] = roots(installation)
    proof = rebuild_proof(folder.reader(), own(entry), no_progress)
    own_tile = tile_path(root, TileCoordinate(0, proof.leaf_index // TILE_WIDTH))
    other_tile = tile_path(root, TileCoordinate(0, 1 - proof.leaf_index // TILE_WIDTH))
    top, facts = tile_path(root, TileCoordinate(1, 0)), batch_path(root)
    sibling = 32 * ((proof.leaf_index % TILE_WIDTH) ^ 1)
    changes = {
        own_tile: [flip(sibling), shorten, longer, lambda _: b"", None],
        facts: [
            replace_json(root="0x" + "11" * 32),
            replace_json(treeSize=299),
            replace_json(treeSize=1 << 30),
            replace_json(version=2),
            replace_json(type="AnchoredBatches"),
            replace_json(anchor=None),
            shorten,
            lambda content: content + b" " * 10_000,
        ],
        other_tile: [flip(0), shorten, None],
        top: [flip(0), shorten, None],
    }
    refused: Counter[str] = Counter()
    for path, several in changes.items():
        file = Path(folder.written, path)
        whole = file.read_bytes()
        for change in several:
            if change is None:
                file.unlink()
            else:
                file.write_bytes(change(whole))
            try:
                assert rebuild_proof(folder.reader(), own(entry), no_progress, root=root) == proof
            except VerificationError as no:
                refused[path] += bool(str(no))
            file.write_bytes(whole)
    assert refused[own_tile] == 5
    assert refused[facts] == 8
    assert refused[other_tile] >= 2
    assert rebuild_proof(folder.reader(), own(entry), no_progress, root=root) == proof
    Path(folder.written, page_path(0)).unlink()
    with pytest.raises(VerificationError, match=r"batches/pages/0\.json: is missing"):
        rebuild_proof(folder.reader(), own(entry), no_progress)
    Path(folder.written, PAGES_PATH).write_bytes(b"{}")
    with pytest.raises(VerificationError, match=r"batches/pages\.json: \$\.type"):
        rebuild_proof(folder.reader(), own(entry), no_progress)


def flip(at):
    return lambda content: content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def shorten(content):
    return content[:-32]


def longer(content):
    return content + content[:32]


def replace_json(**members):
    return lambda content: json.dumps(json.loads(content) | members).encode()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_tiles_made_to_deceive_the_search_cost_few_reads(installation, folder):
    """Leaves all but equal, where each guess looks at an end: the search goes on by halves."""
    seal(installation, 1)
    export(installation, folder.writer())
    [root] = roots(installation)
    facts, size = Path(folder.written, batch_path(root)), 1 << 20
    facts.write_bytes(replace_json(treeSize=size)(facts.read_bytes()))
    watched = Watched(Skewed(facts.read_bytes()))
    with pytest.raises(VerificationError, match="does not lead to the root"):
        rebuild_proof(watched, own(installation.acknowledged[0]), no_progress, root=root)
    search, above = 4 + 12 + 1, 2
    assert len(watched.read_paths) <= 1 + search + 1 + above


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_damaged_files_of_one_batch_leave_the_others(installation, folder, monkeypatch):
    monkeypatch.setattr(exporting, "PAGE_BATCHES", 2)
    some = seal(installation, 3, 4, 5)
    export(installation, folder.writer())
    found = {entry: rebuild_proof(folder.reader(), own(entry), no_progress) for entry in some}
    first, *_ = roots(installation)
    tile = tile_path(first, TileCoordinate(0, 0))
    for path, damaged in [(tile, None), (tile, b""), (tile, b"\xff" * 96), (page_path(0), None), (page_path(0), b"[]")]:
        file = Path(folder.written, path)
        whole = file.read_bytes()
        if damaged is None:
            file.unlink()
        else:
            file.write_bytes(damaged)
        others = [entry for entry in some if found[entry].root != first]
        assert {entry: rebuild_proof(folder.reader(), own(entry), no_progress) for entry in others} == {
            e: found[e] for e in others
        }
        with pytest.raises(VerificationError, match=rf"{path}: .*; no batch whose files are whole .*--root"):
            rebuild_proof(folder.reader(), own(some[0]), no_progress)
        if path == tile:
            with pytest.raises(VerificationError, match=rf"{path}: [^;]*$"):
                rebuild_proof(folder.reader(), own(some[0]), no_progress, root=first)
        file.write_bytes(whole)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("other", [bytes, lambda size: b"\xff" * size, lambda size: bytes(range(1, 33)) * (size // 32)])
def test_leaf_is_said_to_be_in_no_batch_only_of_tiles_that_lead_to_its_root(installation, folder, other):
    """Whoever is told so doubts what he has, so other bytes in the place of a tile must not bring it about."""
    [entry, *_] = seal(installation, 300)
    export(installation, folder.writer())
    [root] = roots(installation)
    for n in (0, 1):
        file = Path(folder.written, tile_path(root, TileCoordinate(0, n)))
        file.write_bytes(other(file.stat().st_size))
    for batch in (root, None):
        with pytest.raises(VerificationError, match=r"tiles/0/[01]: does not lead to the root"):
            rebuild_proof(folder.reader(), own(entry), no_progress, root=batch)


@dataclass
class Skewed:
    """A tree whose leaves are 0, 1, 2, …, and one at the far end."""

    facts: bytes

    def read(self, path: str, *, most: int) -> bytes | None:
        if path.endswith(".json"):
            return self.facts
        at = TileCoordinate(*map(int, path.split("/")[-2:]))
        leaves = [256 * at.n + i for i in range(served_width(at, 1 << 20))]
        if at == (0, 4095):
            leaves[-1] = (1 << 256) - 1
        return b"".join(leaf.to_bytes(32) for leaf in leaves)

    def write(self, files: Iterable[tuple[str, bytes]], *, unchanging: bool = False) -> None:
        raise AssertionError

    def delete(self, path: str) -> None:
        raise AssertionError


# --- places -----------------------------------------------------------------------------------------------------------


def test_place_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for place, writes, why in [
        ("", True, "names no folder"),
        ("", False, "names no folder"),
        (str(tmp_path / "nowhere"), False, "is no folder"),
        (str(tmp_path / "file"), False, "is no folder"),
        (str(tmp_path / "file" / "inside"), True, "inside"),
        ("nonsense://somewhere", True, "Unable to recognise URL"),
        ("https://example.org/files", True, "files are written to a folder"),
    ]:
        with pytest.raises(InvalidInput, match=why) as refused:
            open_files(place, **PATIENCE, writes=writes)
        assert str(refused.value).startswith(place or "'': ")


def test_place_that_does_not_answer_is_unavailable(installation, monkeypatch, object_store):
    seal(installation, 1)
    with pytest.raises(FilesUnavailable, match=r"http://127\.0\.0\.1:1/files: "):
        rebuild_proof(
            open_files("http://127.0.0.1:1/files", **PATIENCE, writes=False), own(installation.acknowledged[0]), no_progress
        )
    for name, value in object_store.environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FilesUnavailable, match="s3://no-such-bucket/x: ") as refused:
        export(installation, open_files("s3://no-such-bucket/x", **PATIENCE, writes=True))
    assert "anything" not in str(refused.value), "a secret"


def test_folder_in_which_nothing_was_published_says_so(installation, tmp_path):
    [entry] = installation.post(1)
    with pytest.raises(NotFound, match="nothing is published there"):
        rebuild_proof(open_files(str(tmp_path), **PATIENCE, writes=False), own(entry), no_progress)
