"""Credentials that are posted, anchored on Anvil and wrapped by commands, before the whole of Blockcerts' own verifier."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cbor2
import pytest

import anchoring
from anchoring.bootstrap import system
from anchoring.client import AnchoringClient
from anchoring.core import blockcerts
from anchoring.core.base58 import decode_base58, encode_base58
from anchoring.core.outcome import Outcome
from anchoring.jobs import Round
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from anchoring.usecases.change_status import UNTOLD
from tests.api import Api, running
from tests.credanchor import Credanchor
from tests.factories import UNIVERSITY, FrozenClock
from tests.installation import RULES, no_progress
from tests.networks import FREE, AnvilNetwork, anvil_network
from tests.other_verifiers import ask

SEPOLIA = "11155111"
PROFILE = "https://university.example/issuer.json"
RAW = replace(RULES, submission=replace(RULES.submission, raw_roots=True), max_leaves=100, follow_s=30)
WHOLE_FLOW = ["computeLocalHash", "fetchRemoteHash", "compareHashes", "checkMerkleRoot", "checkReceipt", "checkAuthenticity"]


def first_model(number: int) -> dict[str, Any]:
    """On version 1 of the data model."""
    return {
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/blockcerts/v3.1"],
        "id": f"urn:uuid:bbba8553-8ec1-445f-82c9-a57251dd73{number:02}",
        "type": ["VerifiableCredential", "BlockcertsCredential"],
        "issuer": PROFILE,
        "issuanceDate": "2025-06-01T10:00:00Z",
        "credentialSubject": {"id": f"urn:uuid:{number}", "name": "Ada Núñez", "email": "ada@example.org"},
    }


def second_model(number: int) -> dict[str, Any]:
    """On version 2, with terms of its own and objects without an id."""
    terms = {
        "ex": "https://terms.example/",
        "grade": "ex:grade",
        "modules": "ex:modules",
        "title": "ex:title",
        "credits": "ex:credits",
    }
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://w3id.org/blockcerts/v3.2", terms],
        "id": f"urn:uuid:bbba8553-8ec1-445f-82c9-a57251dd74{number:02}",
        "type": ["VerifiableCredential", "BlockcertsCredential"],
        "issuer": {"id": PROFILE},
        "name": [{"@value": "Máster", "@language": "es-ES"}, {"@value": "Master", "@language": "en"}, "𠮷田"],
        "description": {"@value": "Zwei Semester", "@language": "de"},
        "validFrom": "2025-06-01T10:00:00Z",
        "credentialSubject": {
            "id": f"urn:uuid:{number}",
            "grade": 8.25,
            "modules": [{"title": f"Módulo {i}", "credits": i} for i in range(4)],
        },
        "display": {"contentMediaType": "text/html", "content": "<p>Ünïcode &amp; <b>bold</b>\n</p>"},
    }


CREDENTIALS = {f"{make.__name__}-{i}.json": make(i) for make in (first_model, second_model) for i in range(4)}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A service whose rounds reach an Anvil that calls itself Sepolia, and what the commands have to do with it."""

    network: AnvilNetwork
    api: Api
    command: Credanchor
    folder: Path

    def round(self, rules: Any = RAW) -> None:
        clock = MiningClock(self.network)
        Round(self.api.store, self.network.ledger, clock, rules, holder="here", progress=no_progress).run()

    def profile(self) -> dict[str, Any]:
        address = self.network.signer.address
        done = self.command(
            "blockcerts",
            "profile",
            "--id",
            PROFILE,
            "--name",
            "University",
            "--address",
            address,
            "--since",
            "2025-01-01T00:00:00Z",
        )
        profile: dict[str, Any] = json.loads(done.out)
        return profile

    def ask(self, *credentials: dict[str, Any], profile: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The verdicts of Blockcerts' verifier."""
        rpc, shown = self.network.anvil.url, profile or self.profile()
        return ask("formats/blockcerts", [{"credential": one, "profile": shown, "rpc": rpc} for one in credentials])

    def files(self) -> list[Path]:
        return sorted((self.folder / "unfinished").iterdir())

    def finished(self) -> dict[str, dict[str, Any]]:
        folder = self.folder / "finished"
        return {name: json.loads((folder / name).read_bytes()) for name in CREDENTIALS if (folder / name).exists()}


class MiningClock(FrozenClock):
    def __init__(self, network: AnvilNetwork) -> None:
        super().__init__()
        self._network = network

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._network.mine()


@pytest.fixture(scope="module")
def network() -> Iterator[AnvilNetwork]:
    with anvil_network(*FREE, "--chain-id", SEPOLIA) as made:
        yield made


@pytest.fixture
def scene(network: AnvilNetwork, migrated: Credanchor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", pool_size=1, busy_timeout_s=5)
    for name in ("unfinished", "finished"):
        (tmp_path / name).mkdir()
    for name, credential in CREDENTIALS.items():
        (tmp_path / "unfinished" / name).write_text(json.dumps(credential, ensure_ascii=False), encoding="utf-8")
    with network.rewound(), running(SqlStore(engine)) as api:
        monkeypatch.setattr(system, "AnchoringClient", partial(AnchoringClient, transport=api.client._transport))
        migrated.set(CLIENT__API_KEY=api.key, CLIENT__URL="http://testserver")
        yield Scene(network=network, api=api, command=migrated, folder=tmp_path)
    engine.dispose()


@pytest.fixture
def wrapped(scene: Scene) -> Scene:
    assert scene.command("blockcerts", "post", *scene.files()).code == 0
    scene.round()
    scene.network.mine(3)
    done = scene.command("blockcerts", "wrap", *scene.files(), "--output", scene.folder / "finished")
    assert (done.code, len(scene.finished())) == (0, len(CREDENTIALS)), done.err
    return scene


def test_stock_verifier_accepts_every_credential_in_its_whole_flow(wrapped):
    for verdict in wrapped.ask(*wrapped.finished().values()):
        assert (verdict["status"], verdict["failed"]) == ("success", []), verdict
        assert [step for step in verdict["passed"] if step in WHOLE_FLOW] == WHOLE_FLOW
        assert verdict["signer"] == wrapped.network.signer.address


def test_our_own_verifier_takes_them_with_the_proof_beside(wrapped):
    registry, path = str(wrapped.network.registry), wrapped.folder
    sidecar = json.loads((wrapped.folder / "finished" / "first_model-0.json.proof.json").read_bytes())
    assert (sidecar["issuer"], sidecar["canonicalization"]) == (UNIVERSITY, "blockcerts-rdfc")
    for name in CREDENTIALS:
        path = wrapped.folder / "finished" / name
        done = wrapped.command(
            "proof", "verify", path, "--registry", registry, "--rpc-url", wrapped.network.anvil.url, "--require", "digest",
            "--require", "path", "--require", "registry", "--require", "root", "--require", "finality",
        )  # fmt: skip
        assert done.code == 0, done.out
        assert "under blockcerts-rdfc" in done.out
        assert "does not state the leaf count" in done.out
    changed = json.loads(path.read_bytes())
    changed["credentialSubject"]["grade"] = 10
    path.write_text(json.dumps(changed))
    done = wrapped.command("proof", "verify", path, "--registry", registry)
    assert done.code == 3
    assert "failed       digest" in done.out


def test_revoking_one_without_an_index_says_that_no_verifier_will_see_it(wrapped):
    path, registry = wrapped.folder / "finished" / "first_model-0.json", str(wrapped.network.registry)
    judge = "proof", "verify", path, "--registry", registry, "--rpc-url", wrapped.network.anvil.url, "--require", "status"
    before = wrapped.command(*judge)

    revoked = wrapped.command("status", "revoke", path)
    wrapped.round()
    wrapped.network.mine(3)
    after = wrapped.command(*judge)

    assert (revoked.code, revoked.err) == (0, f"{UNTOLD} (1 of 1)\n")
    assert (before.code, after.code) == (4, 4)
    assert "cannot tell  status" in after.out


def altered(change: Callable[[dict[int, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Changes the content of the proof's value: 0 root, 1 target, 2 anchors, 3 path."""

    def make(credential: dict[str, Any]) -> None:
        content = dict(cbor2.loads(decode_base58(credential["proof"]["proofValue"][1:], most=8192)))
        change(content)
        credential["proof"]["proofValue"] = "z" + encode_base58(cbor2.dumps([list(pair) for pair in content.items()]))

    return make


def of_another(field: int) -> Callable[[dict[int, Any]], None]:
    def change(content: dict[int, Any]) -> None:
        content[field] = cbor2.dumps("22" * 32)

    return change


def stripped(content: dict[int, Any]) -> None:
    content[3] = content[3][1:]


def swapped(content: dict[int, Any]) -> None:
    side, value = content[3][1]
    content[3][1] = [1 - side, value]


def shortened(content: dict[int, Any]) -> None:
    content[3] = content[3][:-1]


def inner_node(content: dict[int, Any]) -> None:
    """The root itself for a credential's digest, without any step: generic receipt checks take it."""
    content[1], content[3] = content[0], []


def another_transaction(content: dict[int, Any]) -> None:
    blink = dict(content[2][0])
    content[2] = [[[0, blink[0]], [1, blink[1]], [2, cbor2.dumps("33" * 32)]]]


def test_stock_verifier_refuses_what_is_wrong(wrapped):
    name = "second_model-2.json"
    good = wrapped.finished()[name]
    neighbour = next(one for other, one in wrapped.finished().items() if other != name and other[0] == name[0])
    wrong = {
        "first step stripped": (altered(stripped), "checkReceipt"),
        "side swapped": (altered(swapped), "checkReceipt"),
        "a step too few": (altered(shortened), "checkReceipt"),
        "other root": (altered(of_another(0)), "checkMerkleRoot"),
        "other digest": (altered(of_another(1)), "compareHashes"),
        "other transaction": (altered(another_transaction), "fetchRemoteHash"),
        "inner node for a digest": (altered(inner_node), "compareHashes"),
        "proof of a neighbour": (lambda one: one.update(proof=neighbour["proof"]), "compareHashes"),
        "changed value": (lambda one: one["credentialSubject"].update(id="urn:uuid:99"), "compareHashes"),
        "unmapped term": (lambda one: one["credentialSubject"].update(honours="all"), "computeLocalHash"),
    }
    cases = []
    for change, _ in wrong.values():
        cases.append(copy.deepcopy(good))
        change(cases[-1])

    verdicts = wrapped.ask(*cases)

    assert {what: verdict["failed"][:1] for what, verdict in zip(wrong, verdicts, strict=True)} == {
        what: [step] for what, (_, step) in wrong.items()
    }
    assert {verdict["status"] for verdict in verdicts} == {"failure"}
    sidecar = (wrapped.folder / "finished" / f"{name}.proof.json").read_bytes()
    ours = [anchoring.verify(json.dumps(one).encode(), sidecar).checks[0].outcome for one in (good, *cases)]
    assert ours == [Outcome.PASSED] + [Outcome.FAILED] * (len(cases) - 1) + [Outcome.CANNOT_TELL]

    stranger = wrapped.profile() | {
        "publicKey": [{"id": "ecdsa-koblitz-pubkey:0x" + "77" * 20, "created": "2025-01-01T00:00:00Z"}]
    }
    [verdict] = wrapped.ask(good, profile=stranger)
    assert (verdict["status"], verdict["failed"]) == ("failure", ["checkAuthenticity"])


def test_post_and_wrap_can_be_run_again_at_any_point(scene):
    finished = scene.folder / "finished"
    scene.command("blockcerts", "post", *scene.files())
    scene.command("blockcerts", "post", *scene.files())
    waiting = scene.command("blockcerts", "wrap", *scene.files(), "--output", finished)
    assert (waiting.code, list(finished.iterdir())) == (4, [])
    assert "first_model-0.json: the digest is still waiting" in waiting.error
    scene.round()
    scene.command("blockcerts", "wrap", *scene.files()[:3], "--output", finished)
    assert scene.command("blockcerts", "wrap", *scene.files(), "--output", finished).code == 0
    before = {path.name: path.read_bytes() for path in finished.iterdir()}
    assert scene.command("blockcerts", "wrap", *scene.files(), "--output", finished).code == 0
    assert {path.name: path.read_bytes() for path in finished.iterdir()} == before
    assert scene.command("blockcerts", "wrap", *(finished / name for name in CREDENTIALS), "--output", scene.folder).code == 0


def test_root_that_was_called_for_is_not_wrapped(scene):
    scene.command("blockcerts", "post", *scene.files())
    scene.round(RULES)
    done = scene.command("blockcerts", "wrap", *scene.files(), "--output", scene.folder / "finished")
    assert (done.code, scene.finished()) == (2, {})
    assert "CREDANCHOR_ROUNDS__RAW_ROOTS" in done.error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"honours": "all"}, "no context says what these terms mean, so the digest would not cover them: honours"),
        (
            {
                "@context": [
                    "https://www.w3.org/ns/credentials/v2",
                    "https://w3id.org/blockcerts/v3.2",
                    "https://terms.example/v1",
                ]
            },
            "https://terms.example/v1 is not among",
        ),
        ({"proof": {"type": "DataIntegrityProof"}}, "another proof"),
        ({"id": "number 5"}, "'number 5' stands where an identifier is meant"),
        ({"issuer": None}, "$.issuer: must be a URL or DID"),
        ({"name": "a\x0cb"}, "$.name: holds the control character U+000C, so verifiers would not agree on its digest"),
    ],
    ids=["unmapped", "unknown context", "signed", "relative", "nobody", "not alike"],
)
def test_nothing_is_posted_when_one_credential_cannot_be_hashed(scene, change, words):
    bad = scene.files()[-1]
    bad.write_text(json.dumps(second_model(3) | change))
    done = scene.command("blockcerts", "post", *scene.files())
    assert done.code == 2
    assert bad.name in done.error
    assert words in done.error
    assert scene.api.get("/v1/ledger").json()["waiting"] == 0


def test_files_that_would_be_overwritten_are_refused(scene):
    done = scene.command("blockcerts", "wrap", *scene.files(), "--output", scene.folder / "unfinished")
    assert "is the folder that the credentials are in" in done.error
    (scene.folder / "file").touch()
    done = scene.command("blockcerts", "wrap", *scene.files(), "--output", scene.folder / "file")
    assert "--output: is no folder, and none can be made there: File exists" in done.error


def test_folder_of_finished_credentials_is_made(scene):
    done = scene.command("blockcerts", "wrap", *scene.files(), "--output", scene.folder / "new" / "folder")
    assert "digest" in done.error  # nothing was posted
    assert (scene.folder / "new" / "folder").is_dir()


def test_ledger_without_a_name_is_refused_before_anything_else_is_advised(scene, monkeypatch):
    scene.command("blockcerts", "post", *scene.files())
    scene.round(RULES)
    monkeypatch.setattr(blockcerts, "NETWORKS", {1: "mainnet"})
    done = scene.command("blockcerts", "wrap", *scene.files(), "--output", scene.folder / "finished")
    assert (done.code, scene.finished()) == (2, {})
    assert "Blockcerts has no name for the ledger eip155:11155111" in done.error


@pytest.mark.parametrize("url", ["http://university.example/issuer.json", "did:web:university.example", "issuer.json"])
def test_profile_that_cannot_be_fetched_over_https_is_refused(scene, url):
    given = ("--name", "University", "--address", "0x" + "11" * 20, "--since", "2025-01-01T00:00:00Z")
    done = scene.command("blockcerts", "profile", "--id", url, *given)
    assert (done.code, done.error.startswith("--id: ")) == (2, True)
