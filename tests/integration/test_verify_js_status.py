"""The verifiers in JavaScript and Python judge status alike: lists in every form, changed at random, under heads of every kind."""

import base64
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchoring.bootstrap.status import read_copies
from anchoring.bounded_http import Fetched, NoAnswer
from anchoring.core import status_documents as documents
from anchoring.core.batch import Anchor, BlockPlace
from anchoring.core.canonical import canonicalize
from anchoring.core.proof import InclusionProof
from anchoring.core.proof_json import proof_to_json
from anchoring.core.status import MIN_ENTRIES, StatusBits, StatusPurpose, batch_list_id, head_digest
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.core.status_judgement import findings_to_json
from anchoring.core.verification import Evidence, NoEvidence
from anchoring.errors import LedgerUnavailable
from anchoring.ports.ledger import Head, StatusHead
from anchoring.ports.signing import KeyKind
from anchoring.ports.status_sources import GotList
from anchoring.signing.data_integrity import add_proof
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.key_sources import ResolvedKeys
from anchoring.signing.lists import TYPES, SignedLists
from anchoring.signing.tokens import sign_token
from anchoring.types import Did, ListId, as_block_hash, to_hex
from anchoring.usecases.check_status import StatusQuestion, check_status
from anchoring.usecases.find_status_lists import HeadReader, VerifierLists
from tests.factories import NOON, UNIVERSITY
from tests.other_verifiers import ask
from tests.trees import REGISTRY, Posted, make_anchor, make_posted, make_proof, sha256

CASES = 400
HOST = "https://lists.example"
HOSTS_DID = Did("did:web:lists.example")
INDEX = 4_711
NOW = NOON + timedelta(days=2)
PUBLISHED = NOON + timedelta(days=1)
BLOCK = BlockPlace(number=20, hash=as_block_hash(sha256(b"newest")))
LIST = ListId(sha256(b"a list"))
ODD: Sequence[Any] = (
    None,
    True,
    0,
    -1,
    1.0,
    1.5,
    2,
    "",
    "x",
    "0",
    [],
    {},
    ["x"],
    {"id": 1},
    "2026-02-30T12:00:00Z",
    "did:web:other.example",
)
"""Values that a member may have and should not."""


@dataclass
class Case:
    """What both verifiers are given."""

    credential: bytes | None
    proof: InclusionProof
    anchor: Anchor | None
    heads: dict[str, StatusHead] = field(default_factory=dict)
    is_node_up: bool = True
    web: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    past_caches: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    copies: list[bytes] = field(default_factory=list)
    service: str | None = HOST
    signers: list[str] = field(default_factory=list)
    newest_block: datetime = NOW


class Web:
    """Implements ports.ListFetcher, and stands for an HttpGetter."""

    def __init__(self, case: Case) -> None:
        self._web, self._past_caches = case.web, case.past_caches

    def get(self, url: str, *, accept: str, fresh: bool = False) -> Fetched:
        if url not in self._web:
            raise NoAnswer("nothing is there")
        media_type, content = self._web[url]
        return Fetched(content=content, media_type=media_type)

    def fetch(self, url: str, *, fresh: bool) -> GotList:
        web = self._web | self._past_caches if fresh else self._web
        if not url.lower().startswith("https://") or url not in web:
            raise StatusListError(StatusErrorCode.RETRIEVAL, "it was not got")
        media_type, content = web[url]
        return GotList(content=content, media_type=media_type, source=f"the list at {url}")


class Reader:
    """Stands for a RegistryReader."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def identity(self) -> None:
        if not self._case.is_node_up:
            raise LedgerUnavailable("the node is down")

    def head(self) -> Head:
        return Head(block=BLOCK, time=self._case.newest_block, base_fee_wei=0)

    def status_head(self, list_id: ListId, at: Head) -> StatusHead | None:
        return self._case.heads.get(to_hex(list_id))


def in_python(case: Case, folder: Path) -> list[dict[str, Any]]:
    web = Web(case)
    copies = [folder / f"copy-{i}" for i in range(len(case.copies))]
    for path, body in zip(copies, case.copies, strict=True):
        path.write_bytes(body)
    source = VerifierLists(
        heads=HeadReader(Reader(case)),  # type: ignore[arg-type]
        fetcher=web,
        checker=SignedLists(),
        keys=ResolvedKeys(web),  # type: ignore[arg-type]
        service=case.service,
        copies=read_copies(copies),
        signers=frozenset(map(Did, case.signers)),
    )
    evidence: Evidence | NoEvidence = NoEvidence("the node is down")
    if case.is_node_up:
        evidence = Evidence(
            source="the ledger", head_number=20, anchor=case.anchor, block_hash=None, final_height=20, finality="finalized"
        )
    question = StatusQuestion(credential=case.credential, proof=case.proof, evidence=evidence)
    return findings_to_json(check_status(source, question, now=NOW))


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def for_javascript(case: Case) -> dict[str, Any]:
    anchor, claim = case.anchor, case.proof.anchor
    return {
        "judge": "status",
        "credential": None if case.credential is None else b64(case.credential),
        "proof": b64(json.dumps(proof_to_json(case.proof)).encode()),
        "options": {"registry": str(REGISTRY), "service": case.service, "statusSigners": case.signers, "now": NOW.isoformat()},
        "copies": [b64(copy) for copy in case.copies],
        "node": {
            "isUp": case.is_node_up,
            "block": [BLOCK.number, to_hex(BLOCK.hash), int(case.newest_block.timestamp())],
            "anchor": anchor
            and [
                anchor.sequence,
                int(anchor.anchored_at.timestamp()),
                anchor.block.number,
                anchor.leaf_count,
                to_hex(claim.transaction),
            ],
            "heads": {
                name: [head.version, int(head.published_at.timestamp()), to_hex(head.digest)] for name, head in case.heads.items()
            },
        },
        "web": {url: [media_type, b64(content)] for url, (media_type, content) in case.web.items()},
        "pastCaches": {url: [media_type, b64(content)] for url, (media_type, content) in case.past_caches.items()},
    }


class Maker:
    """Makes cases from a seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.host, self.stranger = KeyRing(folder / "host", HOSTS_DID), KeyRing(folder / "stranger", None)
        for ring in (self.host, self.stranger):
            for kind in KeyKind:
                ring.create(kind, issuer=None, kid=None, now=NOON)

    def maybe(self, likelihood: float) -> bool:
        return self.chance.random() < likelihood

    def case(self) -> Case:
        purpose = self.chance.choice(list(StatusPurpose))
        credential = self.credential(purpose)
        form = next(iter(_forms(credential)))
        made = make_proof(Posted(UNIVERSITY, make_posted(0).salt, form))
        anchor = make_anchor(made.root, self.chance.choice([7, 7, 7, 7, 7, 7, 0, 6]))
        case = Case(credential, made, None if self.maybe(0.05) else anchor, is_node_up=self.maybe(0.93))
        if self.maybe(0.03):
            case.proof = replace(made, path=made.path[1:])
        for each in StatusPurpose:
            if self.maybe(0.3):
                self.publish(case, batch_list_id(made.root, UNIVERSITY, each), each, made.leaf_index)
        self.publish(case, LIST, purpose, INDEX)
        if self.maybe(0.04):
            case.credential = None
        case.service = HOST if self.maybe(0.9) else None
        self.publish_keys(case)
        case.newest_block -= self.chance.choice([*[0] * 5, 1, 2]) * (timedelta(hours=12, seconds=1))
        return case

    def credential(self, purpose: StatusPurpose) -> bytes:
        if self.maybe(0.1):
            return b"%PDF-1.7 a diploma"
        issuer = UNIVERSITY if self.maybe(0.95) else Did("did:web:other.example")
        entries = [self.entry(purpose) for _ in range(self.chance.choice([0, 1, 1, 1, 2]))]
        claims: dict[str, Any] = {"issuer": issuer, "name": self.chance.random()}
        if self.maybe(0.2):
            claims["status"] = {"status_list": self.spoilt({"idx": INDEX, "uri": f"{HOST}/v1/status-lists/{LIST.hex()}"}, 0.2)}
            if self.maybe(0.1):
                claims["status"] = self.chance.choice([{}, "x", {"other": 1, "b": 2}])
        if entries:
            claims["credentialStatus"] = entries if self.maybe(0.5) else entries[0]
        if self.maybe(0.1):
            claims = {"iss": issuer, "vc": claims}
        if self.maybe(0.3):
            parts = [b'{"alg":"ES256"}', json.dumps(claims).encode(), b"sig"]
            return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
        return json.dumps(claims).encode()

    def entry(self, purpose: StatusPurpose) -> Any:
        entry = {
            "type": self.chance.choice(["BitstringStatusListEntry", "StatusList2021Entry"]),
            "statusPurpose": "refresh" if self.maybe(0.05) else purpose.value,
            "statusListIndex": str(self.chance.choice([INDEX, INDEX, INDEX, MIN_ENTRIES])),
            "statusListCredential": f"{HOST}/{'other/' if self.maybe(0.1) else 'v1/status-lists/'}{LIST.hex()}",
        }
        return self.spoilt(entry, 0.15)

    def spoilt(self, members: dict[str, Any], likelihood: float) -> Any:
        """With a member left out, or something odd in its place."""
        if not self.maybe(likelihood):
            return members
        name = self.chance.choice([*members, "statusSize", "id", "expires", "nbf", "vc"])
        if self.maybe(0.3):
            return {other: value for other, value in members.items() if other != name}
        return members | {name: self.chance.choice([*ODD, members.get("statusListCredential")])}

    def publish(self, case: Case, list_id: ListId, purpose: StatusPurpose, index: int) -> None:
        """Perhaps a head, and a list that has its bits, or others."""
        bits = StatusBits.clear(MIN_ENTRIES)
        bits.change(index if self.maybe(0.5) else index ^ 1, is_set=True)
        shown = bits if self.maybe(0.5) else StatusBits.clear(MIN_ENTRIES)
        if self.maybe(0.7):
            version = self.chance.choice([1, 2, 2**40])
            head = StatusHead(version=version, published_at=PUBLISHED, digest=head_digest(list_id, version, shown))
            case.heads[to_hex(list_id)] = head
        form = self.chance.choice(list(ListForm))
        body = self.signed(form, self.to_sign(list_id, purpose if self.maybe(0.95) else StatusPurpose.SUSPENSION, bits))
        if self.maybe(0.1):
            place = self.chance.randrange(len(body))
            body = body[:place] + self.chance.randbytes(1) + body[place + 1 :]
        if self.maybe(0.9):
            media_type = form.media_type if self.maybe(0.8) else self.chance.choice(["application/json; x=y", "", "text/plain"])
            for folder in ("v1/status-lists", "other"):
                case.web[f"{HOST}/{folder}/{list_id.hex()}"] = (media_type, body)
            if self.maybe(0.3):
                newest = self.signed(form, self.to_sign(list_id, purpose, shown))
                case.past_caches[f"{HOST}/v1/status-lists/{list_id.hex()}"] = (form.media_type, newest)
        if self.maybe(0.15) and _is_copy(body):
            case.copies.append(body)

    def to_sign(self, list_id: ListId, purpose: StatusPurpose, bits: StatusBits) -> ListToSign:
        signed_at = PUBLISHED + timedelta(seconds=self.chance.choice([-60, 0, 1, 60, 172_800]))
        return ListToSign(
            list_id=list_id,
            url=f"{HOST}/v1/status-lists/{list_id.hex() if self.maybe(0.95) else sha256(list_id).hex()}",
            issuer=UNIVERSITY,
            purpose=purpose,
            bits=bits,
            signed_at=signed_at,
            valid_until=signed_at + timedelta(days=self.chance.choice([0, 7, 7, 7])),
            ttl_s=300,
        )

    def signed(self, form: ListForm, content: ListToSign) -> bytes:
        """A list of which a member may be odd, signed all the same."""
        ring = self.host if self.maybe(0.85) else self.stranger
        is_proof, suite = form is ListForm.BITSTRING_JSON, self.chance.choice(["eddsa-jcs-2022", "ecdsa-jcs-2019"])
        key = ring.signing_key(KeyKind.ED25519 if is_proof and suite.startswith("eddsa") else KeyKind.P256, UNIVERSITY)
        assert key
        signer = ring.signer_of(key)
        if form is ListForm.TOKEN_JWT:
            said = documents.token_claims(content, signer)
            said["status_list"] = self.spoilt(said["status_list"], 0.05)
        elif form is ListForm.STATUSLIST2021_JWT:
            said = documents.statuslist2021_claims(content, signer, schema="x")
            said["vc"] = self.spoilt(said["vc"], 0.05)
        else:
            said = documents.bitstring_credential(content, signer)
            said["credentialSubject"] = self.spoilt(said["credentialSubject"], 0.1)
        said = self.spoilt(said, 0.1)
        if is_proof:
            assert isinstance(key.private, Ed25519PrivateKey | ec.EllipticCurvePrivateKey)
            signed_at = content.signed_at + timedelta(hours=self.chance.choice([0, 0, 1]))
            said = add_proof(said, key.private, ring.proof_method(key), suite, signed_at)
            if self.maybe(0.1):
                said["proof"] = self.spoilt(said["proof"], 1)
            return json.dumps(said).encode()
        assert isinstance(key.private, ec.EllipticCurvePrivateKey)
        return sign_token(said, key.private, typ=TYPES[form] if self.maybe(0.95) else "other", kid=ring.token_method(key))

    def publish_keys(self, case: Case) -> None:
        document = self.host.did_document(HOSTS_DID)
        if self.maybe(0.1):
            document["verificationMethod"] = [self.spoilt(one, 0.7) for one in document["verificationMethod"]]
        if self.maybe(0.9):
            content = json.dumps(self.spoilt(document, 0.05)).encode()
            case.web[f"{HOST}/.well-known/did.json"] = ("application/did+json", content)
        if self.maybe(0.1):
            key = self.stranger.signing_key(KeyKind.P256, UNIVERSITY)
            assert key
            case.signers = [self.stranger.signer_of(key)]


def _forms(credential: bytes) -> list[Any]:
    media_type = (
        "application/pdf" if credential[:1] == b"%" else "application/json" if credential[:1] == b"{" else "application/jwt"
    )
    return [canonicalize(credential, media_type).digest]


def _is_copy(body: bytes) -> bool:
    try:
        return SignedLists().read(body, "").url is not None
    except StatusListError:
        return False


def told(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All but the words."""
    return [{name: value for name, value in one.items() if name != "reason"} for one in found]


def test_status_is_judged_alike(tmp_path):
    maker = Maker(tmp_path, seed=1)
    cases = [maker.case() for _ in range(CASES)]

    verdicts = ask("verify_js", [for_javascript(case) for case in cases])

    seen = set()
    for number, (case, verdict) in enumerate(zip(cases, verdicts, strict=True)):
        found = in_python(case, tmp_path)
        assert told(verdict["statusLists"]) == told(found), (number, case.credential, found, verdict)
        seen |= {(one["verdict"], one["basis"], one["code"], one["namedAt"] is None) for one in found}
    assert {(verdict, basis) for verdict, basis, _, _ in seen} >= {
        ("clear", "ledger"),
        ("clear", "signature"),
        ("revoked", "ledger"),
        ("revoked", "signature"),
        ("suspended", "ledger"),
        ("suspended", "signature"),
        ("stale", None),
        ("unknown", None),
    }
    assert {code for _, _, code, _ in seen} >= set(StatusErrorCode) - {StatusErrorCode.LENGTH}


def test_code_of_another_contract_is_evidence_of_nothing(tmp_path):
    case = Maker(tmp_path, seed=1).case()
    given = for_javascript(case)
    given["node"] |= {"isUp": True, "code": "0x6001"}

    [verdict] = ask("verify_js", [given])

    root = next(check for check in verdict["checks"] if check["check"] == "root")
    assert (root["outcome"], root["reason"]) == (
        "cannot tell",
        f"the code at {REGISTRY} is not the anchor registry of this version",
    )
