"""The commands that talk to a node, against a real one: deployment, roles, rounds, proofs compared with the ledger."""

import base64
import hashlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from anchoring.bootstrap.system import SystemClock
from anchoring.core.proof import parse_registry
from anchoring.core.status_change import StatusAction
from anchoring.ledger.registry_reader import EvmRegistryReader
from anchoring.ledger.signer import signer_from_key
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from anchoring.types import ListId, parse_digest, to_hex
from anchoring.usecases.change_status import change_status
from anchoring.usecases.change_status.targets import StatusRequest
from scripts.devnet import COMMAND
from tests.api import running
from tests.conftest import Anvil, run_anvil
from tests.credanchor import Credanchor
from tests.factories import NOON, UNIVERSITY, make_digest
from tests.integration.test_library import VERIFY
from tests.other_verifiers import ask
from tests.signing_server import signing_server, signs_with
from tests.status import revoke_next
from tests.verifier_installation import run_as_verifier

ADMIN_KEY, ANCHOR_KEY, OTHER_KEY = ("0x" + f"{number:02x}" * 32 for number in (0x11, 0x22, 0x33))
ADMIN, ANCHORER, OTHER = (Account.from_key(key).address.lower() for key in (ADMIN_KEY, ANCHOR_KEY, OTHER_KEY))
NOBODY = "0x" + "de" * 20
SECRET = "c0ffee-secret"
CREDENTIAL = {"type": ["VerifiableCredential"], "issuer": UNIVERSITY, "name": "one"}
DEAD_NODE = f"http://127.0.0.1:1/{SECRET}"


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """One ledger without fees for all tests here; each deploys a contract of its own."""
    with run_anvil("--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee", "--balance", "0") as ledger:
        yield ledger


@pytest.fixture
def deployed(credanchor: Credanchor, node: Anvil) -> str:
    """A contract with ANCHORER, as `eip155:…`; the anchoring key is the configured one."""
    credanchor.set(LEDGER__RPC_URLS=node.url, LEDGER__PRIVATE_KEY=ADMIN_KEY, LEDGER__CONFIRM_S="10")
    done = credanchor("ledger", "deploy", "--anchorer", ANCHORER, "--output", "deployment.json")
    assert done.code == 0, done.err
    settle(node)
    credanchor.set(LEDGER__DEPLOYMENT="deployment.json", LEDGER__PRIVATE_KEY=ANCHOR_KEY)
    credanchor.set(ROUNDS__FOLLOW_S="0", ROUNDS__POLL_S="0.05")
    return done.out.strip()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """The commands' database."""
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=5, busy_timeout_s=5)
    yield SqlStore(engine)
    engine.dispose()


@contextmanager
def socket_disabled() -> Iterator[None]:
    """Whoever asks anybody in here fails."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "socket", lambda *_a, **_k: pytest.fail("asked over the network"))
        yield


def settle(node: Anvil) -> None:
    """Blocks on top, so that what is mined is final."""
    node.rpc.send("anvil_mine", "0x3")


def post_credential(store: SqlStore) -> str:
    """Post CREDENTIAL over HTTP; returns its digest."""
    with running(store) as api:
        digest: str = api.post("/v1/credentials", CREDENTIAL, "application/vc").json()["digest"]
        return digest


# --- deployment and roles


def test_deploy_writes_the_file_that_settings_and_verifiers_read(
    credanchor: Credanchor, deployed: str, node: Anvil, tmp_path: Path
) -> None:
    content = json.loads((tmp_path / "deployment.json").read_text())

    assert deployed == f"eip155:31337:{content['contract']}"
    assert (content["chainId"], content["admin"], content["anchorer"]) == (31337, ADMIN, ANCHORER)
    status = json.loads(credanchor("ledger", "status", "--json").out)
    assert (status["registry"], status["anchors"]) == (deployed, 0)
    assert (status["signer"], status["signerMayAnchor"]) == (ANCHORER, True)
    shown = credanchor("ledger", "status")
    assert (shown.code, shown.err) == (0, "")
    assert f"registry         {deployed}" in shown.out.splitlines()


def test_deploy_never_writes_over_a_file(credanchor: Credanchor, deployed: str, tmp_path: Path) -> None:
    before = (tmp_path / "deployment.json").read_bytes()

    again = credanchor("ledger", "deploy", "--output", "deployment.json")

    assert (again.code, again.out) == (1, "")
    assert again.error == "deployment.json names a deployment already; move it away to deploy another"
    assert (tmp_path / "deployment.json").read_bytes() == before


def test_anchorer_is_granted_and_revoked_by_the_administrator_alone(credanchor: Credanchor, deployed: str, node: Anvil) -> None:
    refused = credanchor("ledger", "grant-anchorer", OTHER)
    credanchor.set(LEDGER__PRIVATE_KEY=ADMIN_KEY)
    granted = credanchor("ledger", "grant-anchorer", OTHER)
    revoked = credanchor("ledger", "revoke-anchorer", ANCHORER)

    assert refused.code == 1
    assert "reverted: does the key have the role it needs?" in refused.error
    assert (granted.code, granted.err.splitlines()[-1]) == (0, f"{OTHER} may anchor")
    assert (revoked.code, revoked.err.splitlines()[-1]) == (0, f"{ANCHORER} may no longer anchor")
    assert granted.err.count("not in the audit log: anchorer.granted") == 2  # there is no database
    for key, may in ((OTHER_KEY, True), (ANCHOR_KEY, False)):
        credanchor.set(LEDGER__PRIVATE_KEY=key)
        assert json.loads(credanchor("ledger", "status", "--json").out)["signerMayAnchor"] is may


def test_remote_signer_deploys_grants_revokes_and_anchors(migrated: Credanchor, node: Anvil, store: SqlStore) -> None:
    credanchor = migrated
    post_credential(store)
    credanchor.set(LEDGER__RPC_URLS=node.url, LEDGER__CONFIRM_S="10", ROUNDS__FOLLOW_S="0", ROUNDS__POLL_S="0.05")
    with signing_server(signer_from_key(ADMIN_KEY)) as admins, signing_server(signer_from_key(ANCHOR_KEY)) as anchorers:
        credanchor.set(LEDGER__SIGNER_URL=admins.url, LEDGER__SIGNER_ACCOUNT=ADMIN)
        honest = admins.rule
        admins.rule = signs_with(signer_from_key(ADMIN_KEY), lambda transaction: transaction | {"value": 1})
        lied = credanchor("ledger", "deploy", "--output", "deployment.json")
        admins.rule = honest
        done = credanchor("ledger", "deploy", "--output", "deployment.json")
        settle(node)
        credanchor.set(LEDGER__DEPLOYMENT="deployment.json")
        changed = [credanchor("ledger", f"{verb}-anchorer", ANCHORER) for verb in ("grant", "revoke", "grant")]
        credanchor.set(LEDGER__SIGNER_URL=anchorers.url, LEDGER__SIGNER_ACCOUNT=ANCHORER)
        settle(node)
        status = json.loads(credanchor("ledger", "status", "--json").out)
        anchored = credanchor("anchor", "run")

    assert (lied.code, lied.error) == (1, "the signer signed another transaction than it was asked to: its value differs")
    assert [one.code for one in (done, *changed, anchored)] == [0] * 5
    assert (status["signer"], status["signerMayAnchor"]) == (ANCHORER, True)
    assert admins.calls == ["eth_signTransaction"] * 5
    assert anchorers.calls == ["eth_signTransaction"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"LEDGER__SIGNER_URL": "http://127.0.0.1:1"},
            "CREDANCHOR_LEDGER__SIGNER_URL needs CREDANCHOR_LEDGER__SIGNER_ACCOUNT, whose key the signer has",
        ),
        (
            {"LEDGER__SIGNER_URL": "http://127.0.0.1:1", "LEDGER__SIGNER_ACCOUNT": ADMIN, "LEDGER__PRIVATE_KEY": ADMIN_KEY},
            "CREDANCHOR_LEDGER__SIGNER_URL and another key are named: which one signs?",
        ),
    ],
)
def test_signer_that_is_named_by_halves_or_twice_is_refused(
    credanchor: Credanchor, node: Anvil, settings: dict[str, str], words: str
) -> None:
    credanchor.set(LEDGER__RPC_URLS=node.url, **settings)
    refused = credanchor("ledger", "deploy", "--output", "deployment.json")
    assert (refused.code, refused.error) == (1, words)


COMMANDS_OF_A_CONTRACT = [
    ("ledger", "status"),
    ("ledger", "grant-anchorer", OTHER),
    ("anchor", "run"),
    ("service", "run", "--port", "0"),
]


@pytest.mark.parametrize("words", COMMANDS_OF_A_CONTRACT, ids=" ".join)
def test_contract_that_is_not_there_is_refused(migrated: Credanchor, deployed: str, words: tuple[str, ...]) -> None:
    migrated.set(LEDGER__REGISTRY=f"eip155:31337:{NOBODY}", LEDGER__PRIVATE_KEY=ADMIN_KEY)

    done = migrated(*words)

    assert (done.code, done.out) == (1, "")
    assert done.error == f"there is no contract at eip155:31337:{NOBODY}; deploy one with: credanchor ledger deploy"


@pytest.mark.parametrize("words", COMMANDS_OF_A_CONTRACT, ids=" ".join)
def test_contract_that_is_another_is_refused(migrated: Credanchor, node: Anvil, deployed: str, words: tuple[str, ...]) -> None:
    foreign = "0x" + "f0" * 20
    node.rpc.send("anvil_setCode", foreign, "0x600160005260206000f3")
    migrated.set(LEDGER__REGISTRY=f"eip155:31337:{foreign}", LEDGER__PRIVATE_KEY=ADMIN_KEY)

    done = migrated(*words)

    assert (done.code, done.out) == (1, "")
    assert done.error.startswith(f"the code at eip155:31337:{foreign} is not the anchor registry of this version")


@pytest.mark.parametrize("words", COMMANDS_OF_A_CONTRACT, ids=" ".join)
def test_chain_that_is_another_is_refused(migrated: Credanchor, deployed: str, words: tuple[str, ...]) -> None:
    migrated.set(LEDGER__REGISTRY=deployed.replace("31337", "6789"), LEDGER__PRIVATE_KEY=ADMIN_KEY)

    done = migrated(*words)

    assert (done.code, done.out) == (1, "")
    assert "is on chain 31337, the registry is set to be on 6789" in done.error


@pytest.mark.parametrize(
    "words",
    [("ledger", "status"), ("ledger", "deploy"), ("ledger", "grant-anchorer", OTHER), ("anchor", "run"), ("anchor", "watch")],
    ids=" ".join,
)
def test_node_that_does_not_answer_is_exit_code_4(migrated: Credanchor, deployed: str, words: tuple[str, ...]) -> None:
    migrated.set(LEDGER__RPC_URLS=DEAD_NODE)

    done = migrated(*words)

    assert (done.code, done.out) == (4, "")
    assert done.error.startswith("node 127.0.0.1:1 did not answer eth_chainId")
    assert SECRET not in done.err


# --- keys


def test_key_is_needed_to_write(migrated: Credanchor, deployed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDANCHOR_LEDGER__PRIVATE_KEY")

    assert json.loads(migrated("ledger", "status", "--json").out)["signer"] is None
    for words in (("anchor", "run"), ("ledger", "deploy", "--output", "x"), ("ledger", "grant-anchorer", OTHER)):
        done = migrated(*words)
        assert done.code == 1
        assert done.error.startswith("no key is named: set CREDANCHOR_LEDGER__KEYSTORE")


def test_contract_must_be_named(migrated: Credanchor, deployed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDANCHOR_LEDGER__DEPLOYMENT")

    for words in (("anchor", "run"), ("ledger", "status"), ("ledger", "revoke-anchorer", OTHER)):
        done = migrated(*words)
        assert (done.code, done.error) == (
            1,
            "no contract is named: set CREDANCHOR_LEDGER__REGISTRY or CREDANCHOR_LEDGER__DEPLOYMENT",
        )


def test_keystore_is_made_and_used(
    credanchor: Credanchor, deployed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "password"
    password.write_text(SECRET + "\n")
    password.chmod(0o644)
    open_to_all = credanchor("ledger", "create-key", "key.json", "--password-file", password)
    password.chmod(0o600)
    made = credanchor("ledger", "create-key", "key.json", "--password-file", password)
    again = credanchor("ledger", "create-key", "key.json", "--password-file", password)
    monkeypatch.delenv("CREDANCHOR_LEDGER__PRIVATE_KEY")
    credanchor.set(LEDGER__KEYSTORE="key.json", LEDGER__KEYSTORE_PASSWORD_FILE=password)
    status = credanchor("ledger", "status", "--json")

    assert open_to_all.code == 1
    assert "readable by no other: chmod 600" in open_to_all.error
    assert made.code == 0
    assert (again.code, again.error) == (1, "keystore key.json cannot be written: File exists")
    assert json.loads(status.out)["signer"] == made.out.strip()
    assert SECRET not in made.out + made.err + again.err + status.out


@pytest.mark.parametrize(
    ("keystore", "password", "mode", "error"),
    [
        (None, SECRET, 0o600, "key.json cannot be read: FileNotFoundError"),
        ("{}", None, 0o600, "password cannot be read: FileNotFoundError"),
        ("{}", SECRET, 0o640, "key.json must belong to this user and be readable by no other"),
        ("{}", SECRET, 0o600, "key.json is no keystore of a kind that is known"),
        ("nonsense " + SECRET, SECRET, 0o600, "key.json is no keystore of a kind that is known"),
        ("[]", SECRET, 0o600, "key.json is no keystore of a kind that is known"),
        ('{"version": 3, "crypto": {"kdf": "x"}}', SECRET, 0o600, "key.json is no keystore of a kind that is known"),
        ("\udcff", SECRET, 0o600, "key.json cannot be read: UnicodeDecodeError"),
    ],
)
def test_keystore_that_cannot_be_used_is_named_and_not_shown(
    credanchor: Credanchor, tmp_path: Path, keystore: str | None, password: str | None, mode: int, error: str
) -> None:
    for name, content in (("key.json", keystore), ("password", password)):
        if content is not None:
            (tmp_path / name).write_bytes(content.encode(errors="surrogateescape"))
            (tmp_path / name).chmod(mode)
    credanchor.set(LEDGER__KEYSTORE=tmp_path / "key.json", LEDGER__KEYSTORE_PASSWORD_FILE=tmp_path / "password")

    done = credanchor("ledger", "deploy")

    assert done.code == 1
    assert error in done.error
    assert SECRET not in done.err


@pytest.mark.parametrize("key", ["nonsense" + SECRET, "0x" + "00" * 32, "0x11"])
def test_private_key_that_is_none_is_not_shown(credanchor: Credanchor, key: str) -> None:
    credanchor.set(LEDGER__PRIVATE_KEY=key)

    done = credanchor("ledger", "deploy")

    assert (done.code, done.error) == (1, "CREDANCHOR_LEDGER__PRIVATE_KEY is not a private key of 32 bytes in hexadecimal")


def test_keystore_needs_a_password_file(credanchor: Credanchor) -> None:
    credanchor.set(LEDGER__KEYSTORE="key.json")

    done = credanchor("ledger", "deploy")

    assert (done.code, done.error) == (1, "CREDANCHOR_LEDGER__KEYSTORE needs CREDANCHOR_LEDGER__KEYSTORE_PASSWORD_FILE")


# --- rounds


def test_round_anchors_what_waits_and_a_later_one_makes_it_final(
    migrated: Credanchor, deployed: str, node: Anvil, store: SqlStore
) -> None:
    nothing = migrated("anchor", "run")
    post_credential(store)
    first = migrated("anchor", "run")
    settle(node)
    second = migrated("anchor", "run")

    assert [done.code for done in (nothing, first, second)] == [0, 0, 0]
    assert nothing.err.splitlines()[-1].startswith("sealed 0 batches, no transaction needed; 0 transactions")
    assert first.err.splitlines()[-1].startswith("sealed 1 batches, one transaction sent; ")
    assert second.err.splitlines()[-1].endswith("0 transactions on their way, 0 batches wait for finality")
    assert json.loads(migrated("ledger", "status", "--json").out)["anchors"] == 1
    assert ANCHOR_KEY not in first.err


def test_round_without_the_role_fails_and_says_so(migrated: Credanchor, deployed: str, store: SqlStore) -> None:
    post_credential(store)
    migrated.set(LEDGER__PRIVATE_KEY=OTHER_KEY)

    done = migrated("anchor", "run")

    assert done.code == 1
    assert done.error.startswith(f"the registry would refuse the transaction of {OTHER}: AccessControlUnauthorizedAccount")


def test_round_seals_although_the_node_is_down(migrated: Credanchor, deployed: str, store: SqlStore) -> None:
    digest = post_credential(store)
    migrated.set(LEDGER__RPC_URLS=DEAD_NODE)

    done = migrated("anchor", "run")

    assert done.code == 4
    assert SECRET not in done.err
    with running(store) as api:
        assert api.get(f"/v1/digests/{digest}").json()["state"] == "sealed"


def test_round_gives_way_to_another(migrated: Credanchor, deployed: str, store: SqlStore) -> None:
    now = SystemClock().now()
    with store.writing() as uow:
        uow.rounds.take_lease("another machine", now, now + timedelta(minutes=1))
        uow.commit()

    done = migrated("anchor", "run")

    assert (done.code, done.error) == (4, "another round is at work: another machine")


def test_round_refuses_a_database_of_another_contract(migrated: Credanchor, deployed: str, node: Anvil) -> None:
    migrated("anchor", "run")
    migrated.set(LEDGER__PRIVATE_KEY=ADMIN_KEY)
    migrated("ledger", "deploy", "--anchorer", ANCHORER, "--output", "second.json")
    migrated.set(LEDGER__DEPLOYMENT="second.json", LEDGER__PRIVATE_KEY=ANCHOR_KEY)

    done = migrated("anchor", "run")

    assert done.code == 1
    assert done.error.startswith(f"this database belongs to {deployed}")


def test_watch_runs_rounds_until_it_is_told_to_end(migrated: Credanchor, deployed: str, node: Anvil, store: SqlStore) -> None:
    post_credential(store)
    environment = {name: value for name, value in os.environ.items() if name.startswith("CREDANCHOR_") or name == "PATH"}
    command = [str(COMMAND), "anchor", "watch", "--every", "0.2s"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            lines = [json.loads(process.stderr.readline())]
            while sum(line["event"] == "round.finished" for line in lines) < 2:
                lines.append(json.loads(process.stderr.readline()))
            process.send_signal(signal.SIGTERM)
            _, rest = process.communicate(timeout=20)
        finally:
            process.kill()

    assert process.returncode == 0
    assert "Traceback" not in rest
    assert [line["event"] for line in lines if line["event"].startswith(("batch.", "anchor."))][:1] == ["batch.sealed"]


def test_watch_goes_on_when_manifests_cannot_be_written(
    migrated: Credanchor, deployed: str, node: Anvil, store: SqlStore, tmp_path: Path
) -> None:
    post_credential(store)
    folder, key = tmp_path / "second-place", tmp_path / "manifests.key"
    assert migrated("store", "create-manifest-key", str(key)).code == 0
    migrated.set(MANIFESTS__FOLDER=str(folder), MANIFESTS__KEY_FILE=str(key))
    environment = {name: value for name, value in os.environ.items() if name.startswith("CREDANCHOR_") or name == "PATH"}
    command = [str(COMMAND), "anchor", "watch", "--every", "0.2s"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            while not (line := process.stderr.readline()).startswith("try again: "):
                assert line  # it goes on
            folder.mkdir()
            while "round.finished" not in process.stderr.readline():
                assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=20)
        finally:
            process.kill()

    assert line.startswith(f"try again: manifests cannot be read in {folder}: ")
    assert process.returncode == 0
    assert len(list(folder.glob("*.manifest"))) == 1


# --- proofs compared with the ledger


@pytest.fixture
def holder(
    migrated: Credanchor,
    deployed: str,
    node: Anvil,
    store: SqlStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> tuple[Path, Path]:
    """A credential and its final proof, as files; the service is gone and so are its settings."""
    digest = post_credential(store)
    with store.writing() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
        uow.commit()
    assert issuer
    assert migrated("anchor", "run").code == 0
    settle(node)
    assert migrated("anchor", "run").code == 0
    credential, proof = tmp_path / "credential.json", tmp_path / "proof.json"
    credential.write_text(json.dumps(CREDENTIAL))
    with running(store) as api:
        proof.write_bytes(api.get(f"/v1/proofs/{digest}").content)
    for name in [name for name in os.environ if name.startswith("CREDANCHOR_")]:
        monkeypatch.delenv(name)
    return credential, proof


def verify(credanchor: Credanchor, holder: tuple[Path, Path], *options: str | Path) -> tuple[int, dict[str, str], str]:
    done = credanchor("proof", "verify", holder[0], "--proof", holder[1], "--json", *options)
    report = json.loads(done.out)
    return done.code, {check["check"]: check["outcome"] for check in report["checks"]}, report["statement"]


def test_proof_verifies_against_the_contract_itself(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil
) -> None:
    code, outcomes, statement = verify(credanchor, holder, "--registry", deployed, "--rpc-url", node.url)
    by_file = verify(credanchor, holder, "--deployment", "deployment.json", "--rpc-url", node.url, "--finality", "depth:1")

    assert code == 0
    assert {name for name, outcome in outcomes.items() if outcome == "passed"} == {
        "digest",
        "path",
        "registry",
        "root",
        "finality",
        "issuer-match",
        "status",
    }
    assert statement.startswith(f"anchored by {UNIVERSITY}, existed not later than ")
    assert by_file[0] == 0


def test_proof_inside_the_credential_is_found_and_verifies(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil, tmp_path: Path
) -> None:
    embedded = credanchor("proof", "embed", holder[0], "--proof", holder[1])
    inside = tmp_path / "credential.anchored.json"

    found = credanchor("proof", "verify", inside, "--registry", deployed, "--rpc-url", node.url)

    assert (embedded.code, embedded.err) == (0, f"written to {inside}\n")
    assert json.loads(inside.read_text())["proof"] == [json.loads(holder[1].read_text())]
    assert found.code == 0
    assert "CredentialAnchorProof elements taken out of proof: 1" in found.out


def test_proof_that_cannot_stand_inside_is_put_beside(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil, tmp_path: Path
) -> None:
    pdf = tmp_path / "award.pdf"
    pdf.write_bytes(b"%PDF-1.7\n")
    single = tmp_path / "single.json"
    single.write_text(json.dumps(CREDENTIAL | {"proof": {"type": "DataIntegrityProof"}}))
    beside = tmp_path / "credential.json.proof.json"
    beside.write_bytes(holder[1].read_bytes())

    of_another = [credanchor("proof", "embed", one, "--proof", holder[1]) for one in (pdf, single)]
    found = credanchor("proof", "verify", holder[0], "--registry", deployed, "--rpc-url", node.url)
    beside.unlink()
    none = credanchor("proof", "verify", holder[0], "--registry", deployed, "--rpc-url", node.url)

    assert [done.code for done in of_another] == [2, 2]
    assert "the proof is of another file: its digest is not that of this PDF" in of_another[0].error
    assert "which is no digest of the credential" in of_another[1].error
    assert found.code == 0
    assert (none.code, none.error) == (
        2,
        "--proof: there is none inside the credential, nor beside it as credential.json.proof.json: name it",
    )


@pytest.mark.parametrize("name", ["award.pdf", "copy.pdf"], ids=["the-file-itself", "another"])
def test_output_of_embedding_is_the_credential_also_where_its_proof_stands_beside(
    credanchor: Credanchor, holder: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    pdf, content = tmp_path / "award.pdf", b"%PDF-1.7\n"
    pdf.write_bytes(content)
    proof = json.loads(holder[1].read_text()) | {"digest": to_hex(hashlib.sha256(content).digest())}
    holder[1].write_text(json.dumps(proof))

    done = credanchor("proof", "embed", pdf, "--proof", holder[1], "--output", tmp_path / name)

    assert done.code == 0
    assert (pdf.read_bytes(), (tmp_path / name).read_bytes()) == (content, content)
    assert json.loads((tmp_path / f"{name}.proof.json").read_text()) == proof


def test_embedding_refuses_the_proof_of_another_credential(credanchor: Credanchor, holder: tuple[Path, Path]) -> None:
    holder[0].write_text(json.dumps(CREDENTIAL | {"name": "two"}))

    done = credanchor("proof", "embed", holder[0], "--proof", holder[1])

    assert (done.code, list(holder[0].parent.glob("*.anchored.json"))) == (2, [])
    assert "the proof is of 0x" in done.error


ALL_BUT_STATUS = [
    word for name in ("digest", "path", "registry", "root", "finality", "issuer-match") for word in ("--require", name)
]


def test_proof_with_a_bundle_verifies_when_nobody_can_be_asked(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil, tmp_path: Path
) -> None:
    bundled = tmp_path / "bundled.json"
    block_hash = json.loads(holder[1].read_text())["anchor"]["blockHash"]

    made = credanchor("proof", "bundle", holder[1], "--rpc-url", node.url, "--output", bundled)
    with socket_disabled():
        offline = "--registry", deployed, "--offline", "--block-hash"
        code, outcomes, statement = verify(credanchor, (holder[0], bundled), *offline, block_hash, *ALL_BUT_STATUS)
        other_block = verify(credanchor, (holder[0], bundled), *offline, to_hex(make_digest(1)), *ALL_BUT_STATUS)
        no_bundle = verify(credanchor, holder, *offline, block_hash, *ALL_BUT_STATUS)
        by_default = verify(credanchor, (holder[0], bundled), *offline, block_hash)

    assert (made.code, made.err) == (0, f"written to {bundled}\n")
    assert json.loads(bundled.read_text()).keys() - json.loads(holder[1].read_text()).keys() == {"bundle"}
    assert (code, outcomes["root"], outcomes["finality"], outcomes["status"]) == (0, "passed", "passed", "cannot tell")
    assert statement.startswith(f"anchored by {UNIVERSITY}, existed not later than ")
    assert (other_block[0], other_block[1]["root"], other_block[1]["finality"]) == (4, "cannot tell", "cannot tell")
    assert (no_bundle[0], no_bundle[1]["root"]) == (4, "cannot tell")
    assert by_default[0] == 4
    # Online readers take the proof as it was.
    assert verify(credanchor, (holder[0], bundled), "--registry", deployed, "--rpc-url", node.url)[0] == 0


@pytest.mark.parametrize(
    ("change", "code", "failed"),
    [
        (lambda proof: proof["anchor"].update(sequence=99), 3, "root"),
        (lambda proof: proof["anchor"].update(anchoredAt="2026-01-01T00:00:00Z"), 3, "root"),
        (lambda proof: proof["anchor"].update(blockHash=to_hex(make_digest(7))), 3, "root"),
        (lambda proof: proof.update(treeSize=2), 3, "root"),
        (lambda proof: proof["bundle"]["receipt"].reverse(), 0, None),
        (lambda proof: proof["bundle"]["state"]["storage"].__setitem__(0, "0xc0"), 4, None),
    ],
    ids=["sequence", "time", "block hash", "size", "order of nodes", "storage"],
)
def test_claims_that_the_bundle_does_not_bear_out_fail(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil, change: Any, code: int, failed: str | None
) -> None:
    block_hash = json.loads(holder[1].read_text())["anchor"]["blockHash"]
    proof = json.loads(credanchor("proof", "bundle", holder[1], "--rpc-url", node.url).out)
    change(proof)
    holder[1].write_text(json.dumps(proof))

    found = verify(credanchor, holder, "--registry", deployed, "--offline", "--block-hash", block_hash, *ALL_BUT_STATUS)

    assert found[0] == code
    assert failed is None or found[1][failed] == "failed"


def test_offline_options_that_contradict_each_other_are_refused(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil
) -> None:
    base = "proof", "verify", holder[0], "--proof", holder[1], "--registry", deployed
    online = credanchor(*base, "--offline", "--block-hash", to_hex(make_digest(1)), "--rpc-url", node.url)
    ruled = credanchor(*base, "--offline", "--block-hash", to_hex(make_digest(1)), "--finality", "depth:0")
    trusted = credanchor(*base, "--offline", "--block-hash", to_hex(make_digest(1)), "--status-signer", UNIVERSITY)
    no_block = credanchor(*base, "--offline")
    no_hash = credanchor(*base, "--offline", "--block-hash", "0x00")
    holder[1].with_name("none.json").write_text("{}")
    holder[1].with_name("wrong.json").write_text('["0x00"]')
    holder[1].with_name("validators.json").write_text(json.dumps(["0x" + "11" * 20]))
    not_offline = credanchor(*base, "--block-hash", to_hex(make_digest(1)))
    no_accounts = credanchor(*base, "--offline", "--validators", holder[1].with_name("none.json"))
    no_account = credanchor(*base, "--offline", "--validators", holder[1].with_name("wrong.json"))
    no_bundle = credanchor(*base, "--offline", "--validators", holder[1].with_name("validators.json"))
    bundled = holder[1].with_name("bundled.json")
    credanchor("proof", "bundle", holder[1], "--rpc-url", node.url, "--output", bundled)
    no_seals = credanchor(*base[:-3], bundled, *base[-2:], "--offline", "--validators", holder[1].with_name("validators.json"))
    dead = credanchor("proof", "bundle", holder[1], "--rpc-url", DEAD_NODE)
    no_url = credanchor("proof", "bundle", holder[1], "--rpc-url", "zzz")

    assert (not_offline.code, not_offline.error) == (2, "--block-hash: is for --offline, which asks nobody: say so")
    assert (no_url.code, no_url.error[:10]) == (2, "--rpc-url:")
    assert (online.code, online.error) == (2, "--rpc-url: is of no use with --offline")
    assert (ruled.code, ruled.error) == (2, "--finality: is of no use with --offline")
    assert (trusted.code, trusted.error) == (2, "--status-signer: is of no use with --offline")
    assert (no_block.code, no_block.error) == (
        2,
        "--offline: say which block you trust, or whose seals on it: give --block-hash or --validators",
    )
    assert (no_hash.code, no_hash.error[:13]) == (2, "--block-hash:")
    assert (no_accounts.code, "$: must be an array of one or more accounts" in no_accounts.error) == (2, True)
    assert (no_account.code, "wrong.json: an address must be" in no_account.error) == (2, True)
    assert (no_bundle.code, "the proof has no bundle" in no_bundle.out) == (4, True)
    assert (no_seals.code, "no validator seals it" in no_seals.out) == (4, True)
    assert dead.code == 4
    assert SECRET not in dead.err


def verify_in_node(holder: tuple[Path, Path], registry: str, url: str, finality: str = "finalized") -> dict[str, str]:
    credential, proof = (base64.b64encode(path.read_bytes()).decode() for path in holder)
    options = {"registry": registry, "rpcUrl": url, "finality": finality}
    [verdict] = ask("verify_js", [{"judge": "verify", "credential": credential, "proof": proof, "options": options}])
    return {check["check"]: check["outcome"] for check in verdict["checks"]}


@pytest.mark.parametrize(
    ("changes", "finality"),
    [
        ({}, "finalized"),
        ({}, "depth:0"),
        ({}, "depth:500"),
        ({"root": to_hex(make_digest(7))}, "finalized"),
        ({"treeSize": 2}, "finalized"),
        ({"sequence": 99}, "finalized"),
        ({"transaction": to_hex(make_digest(7))}, "finalized"),
        ({"blockNumber": 10**6}, "finalized"),
        ({"blockHash": to_hex(make_digest(7))}, "finalized"),
        ({"anchoredAt": "2026-01-01T00:00:00Z"}, "finalized"),
        ({"contract": NOBODY}, "finalized"),
    ],
    ids=lambda value: ", ".join(value) or "nothing" if isinstance(value, dict) else value,
)
def test_module_in_javascript_finds_the_same(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil, changes: dict[str, Any], finality: str
) -> None:
    proof = json.loads(holder[1].read_text())
    where = proof if changes.keys() <= proof.keys() else proof["anchor"]
    where.update(changes)
    holder[1].write_text(json.dumps(proof))

    _, outcomes, _ = verify(credanchor, holder, "--registry", deployed, "--rpc-url", node.url, "--finality", finality)

    assert verify_in_node(holder, deployed, node.url, finality) == outcomes


@pytest.mark.parametrize("case", ["dead node", "another chain", "no code"])
def test_module_in_javascript_leaves_it_open_too(holder: tuple[Path, Path], deployed: str, node: Anvil, case: str) -> None:
    url = DEAD_NODE if case == "dead node" else node.url
    registry = {"another chain": deployed.replace("31337", "1"), "no code": f"eip155:31337:{NOBODY}"}.get(case, deployed)
    if registry != deployed:
        proof = json.loads(holder[1].read_text())
        proof["anchor"] |= {"ledger": registry.rpartition(":")[0], "contract": registry.rpartition(":")[2]}
        holder[1].write_text(json.dumps(proof))

    found = verify_in_node(holder, registry, url)

    assert {name for name, outcome in found.items() if outcome == "failed"} == set()
    assert [found[name] for name in ("registry", "root", "finality", "status")] == ["passed", *["cannot tell"] * 3]


def test_module_in_javascript_cannot_tell_the_status_of_a_credential_that_names_lists(
    holder: tuple[Path, Path], deployed: str, node: Anvil
) -> None:
    assert verify_in_node(holder, deployed, node.url)["status"] == "passed"
    named = json.loads(holder[0].read_text()) | {"credentialStatus": {"type": "BitstringStatusListEntry"}}
    holder[0].write_text(json.dumps(named))

    assert verify_in_node(holder, deployed, node.url)["status"] == "cannot tell"


def test_module_in_javascript_cannot_tell_once_something_of_the_batch_was_revoked(
    migrated: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil, store: SqlStore, tmp_path: Path
) -> None:
    before = verify_in_node(holder, deployed, node.url)["status"]
    with store.writing() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
        assert issuer
        digest = parse_digest(json.loads(holder[1].read_text())["digest"])
        change_status(uow, issuer, [StatusRequest(action=StatusAction.REVOKE, digest=digest)], now=NOON, requested_by="a test")
        uow.commit()
    migrated.set(STORE__URL=f"sqlite:///{tmp_path / 'store.db'}", LEDGER__RPC_URLS=node.url, LEDGER__REGISTRY=deployed)
    migrated.set(LEDGER__PRIVATE_KEY=ANCHOR_KEY, ROUNDS__FOLLOW_S="0")
    assert migrated("anchor", "run").code == 0
    settle(node)

    assert (before, verify_in_node(holder, deployed, node.url)["status"]) == ("passed", "cannot tell")


def test_library_finds_the_same_without_the_service_installed(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil
) -> None:
    _, outcomes, _ = verify(credanchor, holder, "--registry", deployed, "--rpc-url", node.url)

    found = run_as_verifier(VERIFY, holder[0].read_text(), holder[1].read_text(), deployed, node.url)

    assert found == {"outcome": "passed", "checks": outcomes}


def test_proof_of_a_tampered_credential_fails(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil
) -> None:
    holder[0].write_text(json.dumps(CREDENTIAL | {"name": "two"}))

    code, outcomes, _ = verify(credanchor, holder, "--registry", deployed, "--rpc-url", node.url)

    assert (code, outcomes["digest"], outcomes["root"]) == (3, "failed", "passed")


def test_proof_whose_root_is_not_anchored_fails(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil
) -> None:
    proof = json.loads(holder[1].read_text())
    holder[1].write_text(json.dumps(proof | {"root": to_hex(make_digest(7))}))

    code, outcomes, _ = verify(credanchor, holder, "--registry", deployed, "--rpc-url", node.url)

    assert (code, outcomes["path"], outcomes["root"]) == (3, "failed", "failed")


def test_proof_is_not_final_by_a_stricter_rule(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil
) -> None:
    code, outcomes, _ = verify(credanchor, holder, "--registry", deployed, "--rpc-url", node.url, "--finality", "depth:500")

    assert (code, outcomes["root"], outcomes["finality"]) == (4, "passed", "cannot tell")


@pytest.mark.parametrize("case", ["dead node", "another chain", "no code"])
def test_node_that_cannot_be_asked_leaves_it_open(
    credanchor: Credanchor, holder: tuple[Path, Path], deployed: str, node: Anvil, case: str
) -> None:
    proof = json.loads(holder[1].read_text())
    url = DEAD_NODE if case == "dead node" else node.url
    if case == "another chain":
        deployed = deployed.replace("31337", "1")
        proof["anchor"]["ledger"] = "eip155:1"
    if case == "no code":
        deployed = f"eip155:31337:{NOBODY}"
        proof["anchor"]["contract"] = NOBODY
    holder[1].write_text(json.dumps(proof))

    code, outcomes, _ = verify(credanchor, holder, "--registry", deployed, "--rpc-url", url)

    assert (code, outcomes["registry"], outcomes["root"]) == (4, "passed", "cannot tell")
    assert "failed" not in outcomes.values()


# --- an old backup


def test_list_that_a_restored_database_is_behind_with_is_published_over_by_a_person_alone(
    migrated: Credanchor, deployed: str, store: SqlStore, node: Anvil, tmp_path: Path
) -> None:
    backup = tmp_path / "store.backup"
    list_id = _revoke(store)
    assert migrated("store", "backup", str(backup)).code == 0
    _revoke(store)
    assert migrated("anchor", "run").code == 0
    settle(node)
    assert migrated("anchor", "run").code == 0
    assert migrated("ledger", "publish-over", to_hex(list_id)).code == 1  # the ledger's version is known
    store.close()
    assert migrated("store", "restore", str(backup), "--replace").code == 0

    found = json.loads(migrated("ledger", "reconcile", "--accept-loss", "--json").out)
    shown = migrated("ledger", "reconcile")
    rounds = [migrated("anchor", "run").code for _ in range(2)]
    untouched = _head(node, deployed, list_id)
    given_up = migrated("ledger", "publish-over", to_hex(list_id))
    again = migrated("ledger", "publish-over", to_hex(list_id))
    assert migrated("anchor", "run").code == 0

    assert [(one["list"], one["version"]) for one in found["unknownHeads"]] == [(to_hex(list_id), 1)]
    assert f"{to_hex(list_id)} status list, version 1 in block" in shown.out
    assert "1 status lists have a newer version on the ledger than here" in shown.err
    assert (rounds, untouched) == ([0, 0], 1)
    assert (given_up.code, given_up.err) == (0, "the next round publishes version 2 over version 1\n")
    assert again.code == 1
    assert "holds no version of list" in again.err
    assert _head(node, deployed, list_id) == 2
    log = [json.loads(line) for line in migrated("audit-log", "export").out.splitlines()]
    noted = [(one["action"], one["result"], one["detail"]) for one in log if one["actor"] == "command line"]
    reconciled = [
        (result, detail.get("acceptLoss"), detail.get("maySign")) for action, result, detail in noted if "led" in action
    ]
    assert reconciled == [("begun", True, None), ("done", True, True), ("begun", False, None), ("done", False, True)]
    assert noted[-1] == ("status_list.given_up", "done", {"list": to_hex(list_id), "version": 1})
    assert migrated("ledger", "publish-over", "00" * 32).code == 1
    assert migrated("ledger", "publish-over", "nonsense").code != 0


def _revoke(store: SqlStore) -> ListId:
    with store.reading() as uow:
        issuer = uow.issuers.with_did(UNIVERSITY)
    assert issuer is not None
    return revoke_next(store, issuer)


def _head(node: Anvil, registry: str, list_id: ListId) -> int:
    """The newest version of a list on the ledger."""
    reader = EvmRegistryReader(node.rpc, parse_registry(registry))
    head = reader.status_head(list_id, reader.head())
    return head.version if head else 0


def test_restored_database_signs_nothing_before_a_person_has_looked(
    migrated: Credanchor, deployed: str, store: SqlStore, node: Anvil, tmp_path: Path
) -> None:
    backup = tmp_path / "store.backup"
    assert migrated("store", "backup", str(backup)).code == 0
    digest = post_credential(store)
    assert migrated("anchor", "run").code == 0
    settle(node)
    assert migrated("anchor", "run").code == 0
    store.close()
    assert migrated("store", "restore", str(backup), "--replace").code == 0

    refused = migrated("anchor", "run")
    looked = migrated("ledger", "reconcile", "--json")
    shown = migrated("ledger", "reconcile")
    again = migrated("anchor", "run")
    audited = migrated("ledger", "audit", "--json")
    told = migrated("ledger", "audit", "--rpc-url", node.url)
    accepted = migrated("ledger", "reconcile", "--accept-loss", "--json")

    assert (refused.code, again.code) == (1, 1)
    assert "was restored from a backup; compare it with the ledger: credanchor ledger reconcile" in refused.err
    found = json.loads(looked.out)
    (orphan,) = found.pop("orphans")
    assert (looked.code, found) == (1, {"anchors": 1, "adopted": 0, "unknownHeads": [], "spentNonces": [], "maySign": False})
    assert (orphan["leafCount"], orphan["anchoredBy"], orphan["sequence"]) == (1, ANCHORER, 1)
    assert shown.code == 1
    assert shown.out.startswith(orphan["root"])
    assert "credanchor ledger reconcile --accept-loss" in shown.err
    wrong = {found["what"]: found["faults"] for found in json.loads(audited.out) if not found["right"]}
    assert (audited.code, set(wrong)) == (1, {"anchors"})
    assert (told.code, told.err) == (1, "what to do: credanchor ledger reconcile\n")
    assert wrong["anchors"][0] in told.out
    assert (accepted.code, json.loads(accepted.out)["maySign"]) == (0, True)
    assert all(found["right"] for found in json.loads(migrated("ledger", "audit", "--json").out))
    assert migrated("issuer", "list").code == 0
    assert post_credential(store) == digest
    assert migrated("anchor", "run").code == 0
    settle(node)
    assert migrated("anchor", "run").code == 0
    assert json.loads(migrated("ledger", "status", "--json").out)["anchors"] == 2
