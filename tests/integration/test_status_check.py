"""`credanchor status check` against a real contract, and against hosts of lists that lie, are late, or are gone."""

import base64
import gzip
import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anchoring.bootstrap import status as bootstrap
from anchoring.core.canonical import Canonicalization, canonicalize, media_type_of
from anchoring.core.proof import InclusionProof, Registry
from anchoring.core.proof_json import proof_to_json
from anchoring.core.status import MIN_ENTRIES, StatusBits, StatusPurpose, batch_list_id, head_digest
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.ports.signing import KeyKind
from anchoring.signing.did_documents import did_web_of
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.lists import RingSigner
from anchoring.types import Address, Did, ListId, Salt, to_hex
from tests.conftest import Anvil, run_anvil
from tests.credanchor import Credanchor, Done
from tests.factories import NOON, UNIVERSITY
from tests.list_server import ListServer, content, list_server, status
from tests.networks import FREE, AnvilNetwork
from tests.trees import Posted, make_claim, make_proof

REVOCATION, SUSPENSION = StatusPurpose.REVOCATION, StatusPurpose.SUSPENSION
INDEX = 4_711
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    """Its blocks are of the day before, so that lists may be signed after them and before now."""
    earlier = datetime.now(UTC) - DAY / 2  # lists may be signed between its blocks and now
    with run_anvil(*FREE, "--timestamp", str(int(earlier.timestamp()))) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def network(node: Anvil) -> AnvilNetwork:
    return AnvilNetwork(node)


@pytest.fixture
def host() -> Iterator[ListServer]:
    with list_server() as server:
        yield server


def bits(*indexes: int) -> StatusBits:
    made = StatusBits.clear(MIN_ENTRIES)
    for index in indexes:
        made.change(index, is_set=True)
    return made


class World:
    """A contract, a host of lists with keys, and a credential with its proof."""

    def __init__(self, credanchor: Credanchor, network: AnvilNetwork, host: ListServer, folder: Path) -> None:
        self.credanchor, self.network, self.host, self.folder = credanchor, network, host, folder
        self.list_ids = {purpose: ListId(secrets.token_bytes(32)) for purpose in StatusPurpose}
        self.did = Did(did_web_of(host.host))
        self.ring = KeyRing(folder / "keys", self.did)
        for kind in KeyKind:
            self.ring.create(kind, issuer=None, kid=None, now=NOON)
        host.publish_did(self.ring.did_document(self.did))
        self.proof: InclusionProof | None = None

    def url(self, list_id: ListId) -> str:
        return f"{self.host.url}/v1/status-lists/{list_id.hex()}"

    def entry(self, purpose: StatusPurpose, kind: str = "BitstringStatusListEntry") -> dict[str, str]:
        return {
            "type": kind,
            "statusPurpose": purpose.value,
            "statusListIndex": str(INDEX),
            "statusListCredential": self.url(self.list_ids[purpose]),
        }

    def issue(self, *purposes: StatusPurpose, members: dict[str, Any] | None = None) -> Path:
        """A credential that names these lists, anchored on the contract."""
        named = {"credentialStatus": [self.entry(purpose) for purpose in purposes]} if purposes else {}
        document = {"issuer": UNIVERSITY, "name": secrets.token_hex(8), **named, **(members or {})}
        return self.issue_file("credential.json", json.dumps(document).encode())

    def issue_jwt(self, claims: dict[str, Any], typ: str = "vc+jwt") -> Path:
        parts = [{"alg": "ES256", "typ": typ}, {"iss": UNIVERSITY, "jti": secrets.token_hex(8), **claims}]
        encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        return self.issue_file("credential.jwt", ".".join([*encoded, "c2ln"]).encode())

    def issue_file(self, name: str, body: bytes, *, leaf_count: int | None = None) -> Path:
        form = canonicalize(body, media_type_of(name, body))
        made = make_proof(Posted(UNIVERSITY, Salt(secrets.token_bytes(16)), form.digest))
        claim = make_claim(Registry(chain_id=31337, contract=self.network.registry.contract))
        self.proof = replace(made, canonicalization=Canonicalization(form.canonicalization), anchor=claim)
        self.network.other_anchors(self.proof.root, leaf_count or self.proof.tree_size)
        (self.folder / "proof.json").write_text(json.dumps(proof_to_json(self.proof)))
        path = self.folder / name
        path.write_bytes(body)
        return path

    def batch_list(self, purpose: StatusPurpose) -> ListId:
        assert self.proof
        return batch_list_id(self.proof.root, self.proof.issuer, purpose)

    def publish(self, list_id: ListId, made: StatusBits, version: int = 1) -> datetime:
        """A version on the ledger; the time of its block."""
        self.network.other_publishes(list_id, version, head_digest(list_id, version, made))
        head = self.network.ledger.status_head(list_id, self.network.ledger.head())
        assert head is not None
        return head.published_at

    def sign(
        self,
        list_id: ListId,
        purpose: StatusPurpose,
        made: StatusBits,
        *,
        form: ListForm = ListForm.BITSTRING_JSON,
        signed_at: datetime | None = None,
        valid_until: datetime | None = None,
        ring: KeyRing | None = None,
        url: str | None = None,
    ) -> bytes:
        signed_at = signed_at or datetime.now(UTC).replace(microsecond=0)
        to_sign = ListToSign(
            list_id=list_id,
            url=url or self.url(list_id),
            issuer=UNIVERSITY,
            purpose=purpose,
            bits=made,
            signed_at=signed_at,
            valid_until=valid_until or signed_at + 7 * DAY,
            ttl_s=300,
        )
        return RingSigner(ring or self.ring, cryptosuite="eddsa-jcs-2022", ebsi_schema="https://x.example/1").sign(to_sign, form)

    def serve(self, list_id: ListId, purpose: StatusPurpose, made: StatusBits, **how: Any) -> bytes:
        """Publish a signed list at its URL."""
        body = self.sign(list_id, purpose, made, **how)
        form = how.get("form", ListForm.BITSTRING_JSON)
        self.host.answers[f"/v1/status-lists/{list_id.hex()}"] = content(body, form.media_type)
        return body

    def check(self, subject: Path | str, *options: str | Path, registry: str | None = None, rpc_url: str | None = None) -> Done:
        return self.credanchor(
            "status",
            "check",
            subject,
            "--proof",
            self.folder / "proof.json",
            "--registry",
            registry or str(self.network.registry),
            "--rpc-url",
            rpc_url or self.network.anvil.url,
            "--service",
            self.host.url,
            "--allow-private",
            "--json",
            *options,
        )

    def found(self, done: Done) -> list[tuple[str | None, str, str | None, str | None]]:
        """Where named, verdict, basis and code, of each list."""
        return [(one["namedAt"], one["verdict"], one["basis"], one["code"]) for one in json.loads(done.out)["statusLists"]]


@pytest.fixture
def world(credanchor: Credanchor, network: AnvilNetwork, host: ListServer, tmp_path: Path) -> World:
    return World(credanchor, network, host, tmp_path)


NAMED = "$.credentialStatus[0]"
BATCH_CLEAR = [(None, "clear", "ledger", None)] * 2


# What the ledger shows


def test_pdf_is_neither_revoked_nor_suspended_by_its_proof_and_the_ledger_alone(world: World) -> None:
    done = world.check(world.issue_file("diploma.pdf", b"%PDF-1.7 " + secrets.token_bytes(8)))

    assert (done.code, world.found(done)) == (0, BATCH_CLEAR)
    assert json.loads(done.out)["anchoredBy"] == UNIVERSITY
    assert world.host.asked == []


@pytest.mark.parametrize(("purpose", "verdict"), [(REVOCATION, "revoked"), (SUSPENSION, "suspended")])
@pytest.mark.parametrize("form", list(ListForm))
def test_pdf_is_revoked_in_the_list_that_follows_from_its_batch(
    world: World, purpose: StatusPurpose, verdict: str, form: ListForm
) -> None:
    file = world.issue_file("diploma.pdf", b"%PDF-1.7 " + secrets.token_bytes(8))
    assert world.proof
    made = bits(world.proof.leaf_index)
    list_id = world.batch_list(purpose)
    world.publish(list_id, made)
    world.serve(list_id, purpose, made, form=form)

    done = world.check(file)

    assert done.code == 3
    assert sorted(world.found(done)) == sorted([(None, verdict, "ledger", None), (None, "clear", "ledger", None)])
    assert json.loads(done.out)["reason"].startswith(f"{verdict}: version 1 of the {purpose} list that follows from the batch")


def test_other_credentials_of_the_batch_are_not_touched_by_a_revocation(world: World) -> None:
    file = world.issue()
    assert world.proof
    made = bits(world.proof.leaf_index ^ 1)
    world.publish(world.batch_list(REVOCATION), made)
    world.serve(world.batch_list(REVOCATION), REVOCATION, made)

    assert world.check(file).code == 0


@pytest.mark.parametrize(
    ("revoked", "suspended", "code", "verdicts"),
    [
        (False, False, 0, ["clear", "clear"]),
        (True, False, 3, ["revoked", "clear"]),
        (False, True, 3, ["clear", "suspended"]),
        (True, True, 3, ["revoked", "suspended"]),
    ],
)
def test_credential_with_both_purposes_is_judged_by_both_lists(
    world: World, *, revoked: bool, suspended: bool, code: int, verdicts: list[str]
) -> None:
    file = world.issue(REVOCATION, SUSPENSION)
    for purpose, is_set in ((REVOCATION, revoked), (SUSPENSION, suspended)):
        made = bits(*([INDEX] if is_set else [INDEX + 1]))
        world.publish(world.list_ids[purpose], made)
        world.serve(world.list_ids[purpose], purpose, made)

    done = world.check(file)

    assert done.code == code
    assert [one[1] for one in world.found(done)] == [*verdicts, "clear", "clear"]


@pytest.mark.parametrize("is_set", [True, False])
@pytest.mark.parametrize("form", ["vc+jwt", "EBSI", "token"])
def test_status_of_tokens_is_found_and_judged(world: World, form: str, *, is_set: bool) -> None:
    entry = world.entry(REVOCATION)
    claims: dict[str, Any] = {"credentialStatus": entry}
    if form == "EBSI":
        claims = {"vc": {"credentialStatus": entry | {"type": "StatusList2021Entry"}}}
    if form == "token":
        claims = {"status": {"status_list": {"idx": INDEX, "uri": entry["statusListCredential"]}}}
    file = world.issue_jwt(claims)
    made = bits(*([INDEX] if is_set else []))
    world.publish(world.list_ids[REVOCATION], made)
    list_form = (
        ListForm.TOKEN_JWT if form == "token" else ListForm.STATUSLIST2021_JWT if form == "EBSI" else ListForm.BITSTRING_JWT
    )
    world.serve(world.list_ids[REVOCATION], REVOCATION, made, form=list_form)

    done = world.check(file)

    assert done.code == (3 if is_set else 0)
    assert world.found(done)[0][1:] == ("revoked" if is_set else "clear", "ledger", None)


@pytest.mark.parametrize("as_folder", [True, False])
def test_copy_is_as_good_as_the_host_when_the_ledger_has_its_head(world: World, tmp_path: Path, *, as_folder: bool) -> None:
    file = world.issue(REVOCATION)
    made = bits(INDEX + 1)
    world.publish(world.list_ids[REVOCATION], made)
    (tmp_path / "copies").mkdir()
    copy = tmp_path / "copies" / "list"
    copy.write_bytes(
        world.sign(
            world.list_ids[REVOCATION],
            REVOCATION,
            made,
            url="https://cdn.example" + f"/v1/status-lists/{world.list_ids[REVOCATION].hex()}",
        )
    )
    world.host.answers.clear()

    done = world.check(file, "--list", copy.parent if as_folder else copy)

    assert done.code == 0, done.out
    assert world.found(done)[0] == (NAMED, "clear", "ledger", None)
    assert "/.well-known/did.json" in world.host.paths()


def test_file_that_is_no_list_is_named(world: World, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nonsense")

    done = world.check(world.issue(), "--list", tmp_path / "x")

    assert (done.code, done.error.partition(": is no status list")[0]) == (2, str(tmp_path / "x"))


# A list that differs from the head


def test_stale_list_is_fetched_once_more_past_caches_and_fails(world: World) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    published_at = world.publish(list_id, bits(INDEX))
    world.serve(list_id, REVOCATION, bits(), signed_at=published_at)

    done = world.check(file)

    assert (done.code, world.found(done)[0]) == (3, (NAMED, "stale", None, None))
    path = f"/v1/status-lists/{list_id.hex()}"
    assert [caching for asked, caching in world.host.asked if asked == path] == [None, "no-cache"]


@pytest.mark.parametrize("by_whom", ["who may sign", "somebody else"])
def test_cache_that_held_an_old_list_does_no_harm(world: World, tmp_path: Path, by_whom: str) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    published_at = world.publish(list_id, bits(INDEX + 1))
    ring = None
    if by_whom == "somebody else":
        ring = KeyRing(tmp_path / "stranger", None)
        ring.create(KeyKind.ED25519, issuer=None, kid=None, now=NOON)
    old = world.sign(list_id, REVOCATION, bits(), signed_at=published_at - DAY, ring=ring)
    new = world.sign(list_id, REVOCATION, bits(INDEX + 1))

    def cached(request: Any) -> None:
        content(new if request.headers.get("Cache-Control") == "no-cache" else old)(request)

    world.host.answers[f"/v1/status-lists/{list_id.hex()}"] = cached

    assert world.check(file).code == 0


def test_stale_copy_is_made_good_by_the_host(world: World, tmp_path: Path) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    published_at = world.publish(list_id, bits(INDEX))
    copy = tmp_path / "old"
    copy.write_bytes(world.sign(list_id, REVOCATION, bits(), signed_at=published_at - DAY))
    offline = world.check(file, "--list", copy)
    world.serve(list_id, REVOCATION, bits(INDEX))

    done = world.check(file, "--list", copy)

    assert (offline.code, world.found(offline)[0][1]) == (3, "stale")
    assert (done.code, world.found(done)[0]) == (3, (NAMED, "revoked", "ledger", None))


@pytest.mark.parametrize("is_set", [True, False])
def test_newer_list_counts_by_its_signature(world: World, *, is_set: bool) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    published_at = world.publish(list_id, bits())
    world.serve(list_id, REVOCATION, bits(INDEX if is_set else 1), signed_at=published_at + timedelta(seconds=1))

    done = world.check(file)

    assert done.code == (3 if is_set else 0)
    assert world.found(done)[0] == (NAMED, "revoked" if is_set else "clear", "signature", None)


def test_expired_list_that_differs_tells_nothing(world: World) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    published_at = world.publish(list_id, bits())
    signed_at = published_at + timedelta(seconds=1)
    world.serve(list_id, REVOCATION, bits(1), signed_at=signed_at, valid_until=signed_at + timedelta(hours=1))

    done = world.check(file)

    assert (done.code, world.found(done)[0]) == (4, (NAMED, "unknown", None, "STATUS_VERIFICATION_ERROR"))


# Who signs


@pytest.mark.parametrize("is_set", [True, False])
def test_stranger_signs_only_what_the_ledger_shows(world: World, tmp_path: Path, *, is_set: bool) -> None:
    stranger = KeyRing(tmp_path / "stranger", None)
    for kind in KeyKind:
        stranger.create(kind, issuer=None, kid=None, now=NOON)
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    made = bits(INDEX) if is_set else bits()
    world.publish(list_id, made)
    world.serve(list_id, REVOCATION, made, ring=stranger)
    equal = world.check(file)
    world.serve(list_id, REVOCATION, bits() if is_set else bits(INDEX), ring=stranger)

    different = world.check(file)
    key = stranger.signing_key(KeyKind.ED25519, UNIVERSITY)
    assert key
    pinned = world.check(file, "--status-signer", stranger.signer_of(key))

    assert world.found(equal)[0] == (NAMED, "revoked" if is_set else "clear", "ledger", None)
    assert (different.code, world.found(different)[0]) == (4, (NAMED, "unknown", None, "STATUS_VERIFICATION_ERROR"))
    assert world.found(pinned)[0] == (NAMED, "clear" if is_set else "revoked", "signature", None)


def test_list_whose_keys_are_out_of_reach_counts_by_the_ledger_alone(world: World) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    world.publish(list_id, bits())
    world.host.answers.clear()
    world.serve(list_id, REVOCATION, bits())
    equal = world.check(file)
    world.serve(list_id, REVOCATION, bits(INDEX))

    different = world.check(file)

    assert equal.code == 0
    assert (different.code, world.found(different)[0][3]) == (4, "STATUS_VERIFICATION_ERROR")


# Hosts that lie, are late, or are gone


def tampered(body: bytes, world: World) -> bytes:
    document = json.loads(body)
    document["validUntil"] = "2099-01-01T00:00:00Z"
    return json.dumps(document).encode()


def with_list(body: bytes, encoded: bytes) -> bytes:
    document = json.loads(body)
    document["credentialSubject"]["encodedList"] = "u" + base64.urlsafe_b64encode(encoded).rstrip(b"=").decode()
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("lie", "code"),
    [
        ("tampered", "STATUS_VERIFICATION_ERROR"),
        ("other list", "STATUS_VERIFICATION_ERROR"),
        ("other purpose", "STATUS_VERIFICATION_ERROR"),
        ("bomb", "STATUS_LIST_LENGTH_ERROR"),
        ("short", "STATUS_LIST_LENGTH_ERROR"),
        ("cut", "MALFORMED_VALUE_ERROR"),
        ("nonsense", "MALFORMED_VALUE_ERROR"),
        ("html", "MALFORMED_VALUE_ERROR"),
        ("redirect", "STATUS_RETRIEVAL_ERROR"),
        ("compressed", "STATUS_RETRIEVAL_ERROR"),
        ("huge", "STATUS_RETRIEVAL_ERROR"),
        ("slow", "STATUS_RETRIEVAL_ERROR"),
        ("broken", "STATUS_RETRIEVAL_ERROR"),
        ("gone", "STATUS_RETRIEVAL_ERROR"),
    ],
)
def test_host_that_lies_or_is_gone_is_neither_revoked_nor_valid(
    world: World, monkeypatch: pytest.MonkeyPatch, lie: str, code: str
) -> None:
    monkeypatch.setattr(bootstrap, "LIST_TIMEOUT_S", 1.0)
    file = world.issue(REVOCATION)
    list_id, path = world.list_ids[REVOCATION], f"/v1/status-lists/{world.list_ids[REVOCATION].hex()}"
    world.publish(list_id, bits())
    honest = world.serve(list_id, REVOCATION, bits())
    assert world.check(file).code == 0
    other = ListId(secrets.token_bytes(32))
    world.host.answers["/elsewhere"] = content(honest)
    world.host.answers[path] = {
        "tampered": content(tampered(honest, world)),
        "other list": content(world.sign(other, REVOCATION, bits())),
        "other purpose": content(world.sign(list_id, SUSPENSION, bits())),
        "bomb": content(with_list(honest, gzip.compress(bytes(50_000_000)))),
        "short": content(with_list(honest, gzip.compress(bytes(100)))),
        "cut": content(with_list(honest, gzip.compress(bytes(MIN_ENTRIES // 8))[:-9])),
        "nonsense": content(b"\x00\xff"),
        "html": content(b"<html>maintenance</html>", "text/html"),
        "redirect": status(302, Location="/elsewhere"),
        "compressed": content(gzip.compress(honest), Content_Encoding="gzip"),
        "huge": content(honest + b" " * 2_000_000),
        "slow": world.host.drip,
        "broken": status(500),
        "gone": status(404),
    }[lie]

    done = world.check(file)

    assert (done.code, world.found(done)) == (4, [(NAMED, "unknown", None, code), *BATCH_CLEAR])
    assert "/elsewhere" not in world.host.paths()


def test_wrong_content_type_does_not_matter(world: World) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    world.publish(list_id, bits(INDEX))
    body = world.serve(list_id, REVOCATION, bits(INDEX))
    for media_type in ("text/plain", "application/octet-stream", "application/json"):
        world.host.answers[f"/v1/status-lists/{list_id.hex()}"] = content(body, media_type)

        assert world.check(file).code == 3


def test_lists_are_not_fetched_from_the_own_network_unless_allowed(world: World) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    world.publish(list_id, bits())
    world.serve(list_id, REVOCATION, bits())

    arguments: list[str | Path] = [file, "--proof", world.folder / "proof.json", "--registry", str(world.network.registry)]
    done = world.credanchor("status", "check", *arguments, "--rpc-url", world.network.anvil.url, "--json")

    assert (done.code, world.found(done)[0][3]) == (4, "STATUS_RETRIEVAL_ERROR")
    assert world.host.asked == []


# Without a ledger, or with another


@pytest.mark.parametrize("case", ["dead node", "another chain", "no code", "nothing pinned", "no node"])
@pytest.mark.parametrize("is_set", [True, False])
def test_without_the_ledger_nothing_is_told(world: World, case: str, *, is_set: bool) -> None:
    file = world.issue(REVOCATION)
    list_id = world.list_ids[REVOCATION]
    made = bits(INDEX) if is_set else bits()
    world.publish(list_id, made)
    world.serve(list_id, REVOCATION, made)
    registry = world.network.registry
    pinned = {
        "another chain": Registry(chain_id=1, contract=registry.contract),
        "no code": Registry(chain_id=31337, contract=Address("0x" + "de" * 20)),
    }.get(case, registry)
    options = {
        "nothing pinned": [],
        "no node": ["--registry", str(pinned)],
        "dead node": ["--registry", str(pinned), "--rpc-url", "http://127.0.0.1:1"],
    }.get(case, ["--registry", str(pinned), "--rpc-url", world.network.anvil.url])
    command: list[str | Path] = ["status", "check", file, "--proof", world.folder / "proof.json", "--allow-private", "--json"]

    done = world.credanchor(*command, *options)

    assert (done.code, world.found(done)) == (4, [(NAMED, "unknown", None, None), *[(None, "unknown", None, None)] * 2])


def test_foreign_list_counts_by_its_signature_alone(world: World) -> None:
    url = f"{world.host.url}/status/1"
    entry = world.entry(REVOCATION) | {"statusListCredential": url}
    file = world.issue(members={"credentialStatus": entry})
    signed = world.sign(ListId(bytes(32)), REVOCATION, bits(), url=url)
    world.host.answers["/status/1"] = content(signed)
    clear = world.check(file)
    world.host.answers["/status/1"] = content(world.sign(ListId(bytes(32)), REVOCATION, bits(INDEX), url=url))

    revoked = world.check(file)

    assert (clear.code, world.found(clear)[0]) == (0, ("$.credentialStatus", "clear", "signature", None))
    assert (revoked.code, world.found(revoked)[0]) == (3, ("$.credentialStatus", "revoked", "signature", None))
    assert "it is not a list that this ledger shows" in json.loads(revoked.out)["reason"]


# The proof


def test_proof_of_another_credential_does_not_clear_this_one(world: World) -> None:
    world.issue()
    other = world.folder / "other.json"
    other.write_text(json.dumps({"issuer": UNIVERSITY, "name": "other"}))

    done = world.check(other)

    assert (done.code, world.found(done)) == (4, [(None, "unknown", None, None)])
    assert "the proof is of another credential" in json.loads(done.out)["reason"]


def test_proof_that_a_stranger_made_does_not_clear_a_credential(world: World) -> None:
    done = world.check(world.issue(members={"issuer": "did:web:another.example"}))

    assert done.code == 4
    assert "who cannot say that it is revoked" in json.loads(done.out)["reason"]


def test_root_whose_leaf_count_is_another_tells_no_place(world: World) -> None:
    done = world.check(world.issue_file("diploma.pdf", b"%PDF-1.7 " + secrets.token_bytes(8), leaf_count=8))

    assert (done.code, world.found(done)) == (4, [(None, "unknown", None, None)] * 2)
    assert "the batch has 8 leaves and the proof is of 7" in json.loads(done.out)["reason"]


def test_digest_alone_leaves_the_lists_that_the_credential_names_open(world: World) -> None:
    world.issue()
    assert world.proof

    done = world.check(to_hex(world.proof.digest))
    another = world.check("ab" * 32)

    assert (done.code, [one[1] for one in world.found(done)]) == (4, ["unknown", "clear", "clear"])
    assert (another.code, another.error) == (2, "--proof: the proof is of another digest")


@pytest.mark.parametrize("is_set", [True, False])
def test_digest_alone_is_judged_at_the_indexes_that_the_service_names(world: World, *, is_set: bool) -> None:
    world.issue(REVOCATION)
    assert world.proof
    digest, list_id = to_hex(world.proof.digest), world.list_ids[REVOCATION]
    made = bits(INDEX) if is_set else bits()
    world.publish(list_id, made)
    world.serve(list_id, REVOCATION, made)
    bound = {"purpose": "revocation", "list": to_hex(list_id), "url": world.url(list_id), "index": INDEX}
    following = {"purpose": "suspension", "list": to_hex(world.batch_list(SUSPENSION)), "url": "x", "index": 1}
    answer = {"digest": digest, "lists": [bound, following, {"purpose": "suspension", "list": None, "url": None, "index": None}]}
    status_path, proof_path = (f"/v1/{noun}/{digest}" for noun in ("status", "proofs"))
    issuer = "?issuer=" + UNIVERSITY.replace(":", "%3A")
    world.host.answers[status_path + issuer] = content(json.dumps(answer).encode(), "application/json")
    world.host.answers[proof_path] = content((world.folder / "proof.json").read_bytes(), "application/json")
    options = ["--registry", str(world.network.registry), "--rpc-url", world.network.anvil.url, "--json", "--allow-private"]

    done = world.credanchor("status", "check", digest, "--service", world.host.url, *options)

    assert done.code == (3 if is_set else 0), (done, world.host.asked)
    assert world.found(done) == [("the service", "revoked" if is_set else "clear", "ledger", None), *BATCH_CLEAR]


def test_people_read_one_line_for_each_list(world: World) -> None:
    file = world.issue(REVOCATION)
    world.publish(world.list_ids[REVOCATION], bits(INDEX))
    world.serve(world.list_ids[REVOCATION], REVOCATION, bits(INDEX))
    options = ["--registry", str(world.network.registry), "--rpc-url", world.network.anvil.url, "--allow-private"]

    done = world.credanchor("status", "check", file, "--proof", world.folder / "proof.json", *options)

    assert done.code == 3
    lines = done.out.splitlines()
    assert lines[0].startswith(
        f"failed       revoked    revoked: version 1 of the revocation list {world.url(world.list_ids[REVOCATION])}"
    )
    assert [line[:22] for line in lines[1:]] == ["passed       clear    "] * 2
    assert done.err == f"of the credential that {UNIVERSITY} anchored\n"
