"""`credanchor store rebuild` against a real ledger: the drill after everything was lost (P10), and what the command says."""

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account
from starlette.testclient import TestClient

from anchoring.store.engine import make_engine
from anchoring.store.presence import be_present, by_itself
from anchoring.store.schema import migrate
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import as_digest, to_hex
from tests.api import make_app
from tests.conftest import Anvil, run_anvil
from tests.credanchor import Credanchor
from tests.factories import UNIVERSITY, add_issuer, make_digest, post, submit
from tests.networks import FREE

ADMIN_KEY, ANCHOR_KEY = "0x" + "11" * 32, "0x" + "22" * 32
BATCHES, ENTRIES = 4, 600


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with run_anvil(*FREE) as ledger:
        yield ledger


@pytest.fixture
def installation(credanchor: Credanchor, node: Anvil, tmp_path: Path) -> Credanchor:
    """A database, a contract of its own, a key and a folder for manifests."""
    (tmp_path / "manifests").mkdir()
    assert credanchor("store", "migrate").code == 0
    assert credanchor("store", "create-manifest-key", "manifest.key").code == 0
    credanchor.set(LEDGER__RPC_URLS=node.url, LEDGER__PRIVATE_KEY=ADMIN_KEY, LEDGER__FINALITY="depth:0")
    anchorer = Account.from_key(ANCHOR_KEY).address
    assert credanchor("ledger", "deploy", "--anchorer", anchorer, "--output", "deployment.json").code == 0
    credanchor.set(LEDGER__DEPLOYMENT="deployment.json", LEDGER__PRIVATE_KEY=ANCHOR_KEY, ROUNDS__POLL_S="0.05")
    credanchor.set(MANIFESTS__FOLDER=tmp_path / "manifests", MANIFESTS__KEY_FILE="manifest.key")
    return credanchor


@pytest.fixture
def store(installation: Credanchor, tmp_path: Path) -> Iterator[SqlStore]:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=5, busy_timeout_s=5)
    yield SqlStore(engine)
    engine.dispose()


def anchored(installation: Credanchor, store: SqlStore, batches: int, entries: int) -> None:
    issuer = add_issuer(store)
    for batch in range(batches):
        post(store, issuer, *range(batch * entries, (batch + 1) * entries))
        done = installation("anchor", "run")
        assert done.code == 0, done.err


def proofs(store: SqlStore, count: int) -> list[bytes]:
    """Bodies of `GET /v1/proofs`."""
    with TestClient(make_app(store)) as client:
        answers = [client.get(f"/v1/proofs/{to_hex(make_digest(i))}") for i in range(count)]
    return [answer.content for answer in answers if answer.status_code == 200]


def lose(store: SqlStore) -> None:
    migrate(store._engine, "base")
    migrate(store._engine)


def test_drill_everything_but_ledger_and_manifests_is_lost(installation: Credanchor, store: SqlStore) -> None:
    anchored(installation, store, BATCHES, ENTRIES)
    before = proofs(store, BATCHES * ENTRIES)
    lose(store)

    done = installation("store", "rebuild")

    assert done.code == 0, done.err
    figures = dict(line.rsplit(maxsplit=1) for line in done.out.splitlines())
    rebuilt = [json.loads(line) for line in installation("audit-log", "export", "--action", "store.rebuilt").out.splitlines()]
    assert [one["result"] for one in rebuilt] == ["begun", "done"]
    assert rebuilt[1]["detail"] == {"entries": BATCHES * ENTRIES, "missing": 0, "restored": BATCHES, "unanchored": False}
    assert figures == {
        "anchors": str(BATCHES),
        "batches rebuilt": str(BATCHES),
        "batches known": "0",
        "entries rebuilt": str(BATCHES * ENTRIES),
        "posted again": "0",
        "erased again": "0",
        "issuers added": "1",
        "leaves proven": "0",
        "files refused": "0",
        "batches missing": "0",
    }
    assert "credanchor issuer key create DID" in done.err
    assert "everything that the ledger holds is in the database" in done.err
    assert len(before) == BATCHES * ENTRIES
    assert proofs(store, BATCHES * ENTRIES) == before
    # What every operator does next.
    assert installation("issuer", "key", "create", UNIVERSITY).code == 0
    with store.reading() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
    assert issuer
    post(store, issuer, BATCHES * ENTRIES)
    done = installation("anchor", "run")
    assert done.code == 0, done.err
    assert len(proofs(store, BATCHES * ENTRIES + 1)) == BATCHES * ENTRIES + 1


def test_proof_is_rebuilt_from_exported_tiles_when_the_database_is_gone(
    installation: Credanchor, store: SqlStore, node: Anvil, tmp_path: Path
) -> None:
    (tmp_path / "award.pdf").write_bytes(b"award")
    digest = as_digest(hashlib.sha256(b"award").digest())
    issuer = add_issuer(store)
    post(store, issuer, *range(400))
    with store.writing() as uow:
        [entry] = submit(uow, issuer, [digest])
        uow.commit()
    assert installation("anchor", "run").code == 0
    exported = installation("tiles", "export", tmp_path / "files")
    assert (exported.code, exported.out) == (0, "")
    assert exported.err == "published 1 batches in 3 tiles; 0 were there\n"
    assert installation("tiles", "export", tmp_path / "files").err == "published 0 batches in 0 tiles; 1 were there\n"
    [line] = installation("audit-log", "export", "--action", "tiles").out.splitlines()
    assert json.loads(line)["detail"] == {"batches": 1, "place": str(tmp_path / "files"), "withdrawn": 0}
    lose(store)
    words: list[str | Path] = ["proof", "rebuild", to_hex(digest), "--issuer", UNIVERSITY, "--from", tmp_path / "files"]

    rebuilt = installation(*words, "--salt", to_hex(entry.salt), "--canonicalization", "raw", "--output", "proof.json")
    assert (rebuilt.code, rebuilt.err) == (0, "written to proof.json\n")
    verify = ["proof", "verify", "award.pdf", "--proof", "proof.json", "--deployment", "deployment.json", "--rpc-url", node.url]
    verified = installation(*verify, "--finality", "depth:0", "--require", "digest", "--require", "path", "--require", "root")
    assert verified.code == 0, verified.out
    block_hash = json.loads((tmp_path / "proof.json").read_text())["anchor"]["blockHash"]
    offline = installation(*verify[:-2], "--offline", "--block-hash", block_hash, "--require", "root", "--require", "finality")
    assert offline.code == 0, offline.out
    assert "the bundle by receipt and storage" in offline.out
    printed = installation(*words, "--salt", to_hex(entry.salt), "--since", "2026-01-01", "--canonicalization", "raw")
    assert json.loads(printed.out) == json.loads((tmp_path / "proof.json").read_text())
    [bundle] = (tmp_path / "files").rglob("bundle.json")
    bundle.write_text("{}")
    without = installation(*words, "--salt", to_hex(entry.salt), "--canonicalization", "raw")
    assert without.code == 0, without.err
    assert "left out" in without.err
    assert "bundle.json" in without.err
    assert json.loads(printed.out) == json.loads(without.out) | {"bundle": json.loads(printed.out)["bundle"]}

    other = installation(*words, "--salt", "0x" + "00" * 16)
    assert (other.code, other.error.partition(":")[0]) == (1, "no published batch has a leaf of this digest, issuer and salt")
    for wrong, code, why in [
        (["--salt", "00"], 2, "--salt: "),
        (["--salt", to_hex(entry.salt), "--root", "0x12"], 2, "--root: "),
        (["--salt", to_hex(entry.salt), "--root", "0x" + "12" * 32], 1, "no batch with root 0x1212"),
    ]:
        refused = installation(*words, *wrong)
        assert refused.code == code
        assert refused.error.startswith(why), refused.error
    nowhere = installation(*words[:-1], "nowhere", "--salt", to_hex(entry.salt))
    assert (nowhere.code, nowhere.error) == (2, "nowhere: is no folder")
    silent = installation(*words[:-1], "http://127.0.0.1:1/x", "--salt", to_hex(entry.salt))
    assert silent.code == 4
    assert silent.error.startswith("http://127.0.0.1:1/x: ")


def test_what_is_missing_and_refused_is_listed_as_table_and_as_json(
    installation: Credanchor, store: SqlStore, tmp_path: Path
) -> None:
    anchored(installation, store, 2, 3)
    proof = proofs(store, 1)[0]
    (tmp_path / "proof.json").write_bytes(proof)
    (tmp_path / "rubbish").write_bytes(b"rubbish")
    root = json.loads(proof)["root"]
    file = tmp_path / "manifests" / f"{root[2:]}.manifest"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.rename(tmp_path / "elsewhere")
    lose(store)

    table = installation("store", "rebuild", "manifests", "proof.json", "rubbish")
    stopped = installation("anchor", "run")
    shown = installation("store", "rebuild", "manifests", "proof.json", "--json")
    found = installation("store", "rebuild", "elsewhere")

    assert table.code == 1
    assert f"missing  {root}  sequence 1: proofs show 1 of 3 leaves" in table.out.splitlines()
    assert "refused  rubbish: neither a manifest nor a proof" in table.out
    assert "credanchor ledger reconcile --accept-loss" in table.err
    assert (stopped.code, "whose batches this database lacks" in stopped.error) == (1, True)
    assert shown.code == 1
    content = json.loads(shown.out)
    assert (content["known"], content["proofs"], content["refused"]) == (1, 1, [])
    [missing] = content["missing"]
    assert (missing["root"], missing["sequence"], missing["leafCount"], missing["proven"]) == (root, 1, 3, 1)
    assert found.code == 0, found.err
    assert installation("anchor", "run").code == 0


def test_nothing_to_rebuild_from_is_said(installation: Credanchor, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = installation("store", "rebuild", "nowhere")
    monkeypatch.delenv("CREDANCHOR_MANIFESTS__FOLDER")
    nothing = installation("store", "rebuild")

    assert (missing.code, missing.error) == (1, "nowhere cannot be read: No such file or directory")
    assert (nothing.code, nothing.error) == (
        1,
        "name files or folders with manifests and proofs, or set CREDANCHOR_MANIFESTS__FOLDER",
    )


def test_folder_without_a_key_is_a_wrong_setting(installation: Credanchor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDANCHOR_MANIFESTS__KEY_FILE")

    done = installation("anchor", "run")

    assert (done.code, done.error) == (1, "manifests are encrypted: set CREDANCHOR_MANIFESTS__KEY_FILE")


def test_status_says_whether_manifests_are_kept(
    installation: Credanchor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept = json.loads(installation("ledger", "status", "--json").out)["manifests"]
    monkeypatch.delenv("CREDANCHOR_MANIFESTS__FOLDER")
    not_kept = json.loads(installation("ledger", "status", "--json").out)["manifests"]

    assert (kept, not_kept) == (str(tmp_path / "manifests"), None)


def test_database_in_use_is_not_rebuilt(installation: Credanchor, store: SqlStore) -> None:
    with be_present(store._engine):
        done = installation("store", "rebuild")

    assert (done.code, done.error) == (1, "the database is in use: stop the service and rounds of every machine first")


def test_service_does_not_start_during_a_rebuild(installation: Credanchor, store: SqlStore) -> None:
    with by_itself(store._engine):
        done = installation("anchor", "run")

    assert (done.code, done.error) == (4, "the database is being restored")
