"""The pages in a real browser, on the real service and ledger: what a reader sees of a credential, and of an installation."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Route

from anchoring.client import AnchoringClient
from anchoring.core.canonical import canonicalize
from anchoring.pdf.embedding import embed, prepare
from anchoring.types import Digest, as_digest, parse_did, to_hex
from scripts.devnet import Devnet, free_port
from scripts.signed_credentials import NOW, proven
from tests.browser.chromium import run_browser, script
from tests.browser.reader import Reader
from tests.integration.test_pdf import draw, paint_over
from tests.issuers_registry import TYPES, attribute, in_token, run_registry
from tests.pdf_forgeries import append
from tests.trees import read_vectors, sha256

ISSUER = "did:web:universidad-vega-clara.example"
NAME = "Universidad de Vega Clara"
LONG_NAME = "אקדמיה " + ", ".join(["Academy of Exceedingly Long Names"] * 5)
PERSON = "Ane Etxeberria"
MAX_BYTES = 100_000
START_S = 300.0


def credential(**members: Any) -> bytes:
    subject = {"name": PERSON, "achievement": "Data protection in public administration"}
    return json.dumps(
        {
            "@context": ["https://www.w3.org/ns/credentials/v2"],
            "type": ["VerifiableCredential"],
            "issuer": ISSUER,
            "credentialSubject": subject,
            **members,
        },
        indent=1,
    ).encode()


GENUINE, REVOKED = credential(id="urn:uuid:1"), credential(id="urn:uuid:2")
WAITING, NEVER_POSTED = credential(id="urn:uuid:3"), credential(id="urn:uuid:4")
STRANGERS = credential(id="urn:uuid:5", issuer="did:web:other.example")
PDF = b"%PDF-1.7\n" + b"a diploma " * 20_000
TOKEN = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"ES256"}', b'{"a": 1}', b"signature"))
GALICIAN = [
    "xaneiro",
    "febreiro",
    "marzo",
    "abril",
    "maio",
    "xuño",
    "xullo",
    "agosto",
    "setembro",
    "outubro",
    "novembro",
    "decembro",
]
BASQUE = [
    "urtarrila",
    "otsaila",
    "martxoa",
    "apirila",
    "maiatza",
    "ekaina",
    "uztaila",
    "abuztua",
    "iraila",
    "urria",
    "azaroa",
    "abendua",
]
LARGE_PDF = b"%PDF-1.7\n" + b"a large one " * 1_700_000
OF_SEVERAL = credential(id="urn:uuid:7")
PDF_OF_SEVERAL = b"%PDF-1.7\n a diploma of two"
OVER = credential(id="urn:uuid:8", validUntil="2026-01-31T12:00:00Z")
EARLY = credential(id="urn:uuid:81", validFrom="2999-01-31")
UNCLEAR = credential(id="urn:uuid:82", validUntil="01/01/2020")
EDC = credential(
    id="urn:uuid:9",
    credentialSubject={
        "hasClaim": {"type": "Accreditation", "title": {"en": "Quality"}, "accreditingAgent": {"legalName": "Agency"}}
    },
)
WAITING_AND_REVOKED, WAITING_AND_OVER = (
    credential(id="urn:uuid:12"),
    credential(id="urn:uuid:13", validUntil="2026-01-31T12:00:00Z"),
)
WAITING_OF_OTHERS = credential(id="urn:uuid:14", issuer="did:web:other.example")
SUSPENDED = credential(id="urn:uuid:11")
BADLY_SIGNED = credential(id="urn:uuid:10", proof=proven()["proof"] | {"proofPurpose": "authentication"})
DIPLOMA = prepare(draw())
CHANGED = GENUINE.replace(b"Data protection", b"Data projection")


def digest_of(content: bytes) -> Digest:
    return as_digest(canonicalize(content, "application/pdf" if content.startswith(b"%PDF") else "application/vc").digest)


@dataclass
class Installation:
    """`proofs`: final, of what was anchored. `registry`: of trusted issuers, the URL of its issuers.

    `keys`: by issuer. Besides `ISSUER` there is `self_signer`, whose DID is the key that signs status lists here.
    """

    net: Devnet
    registry: str
    self_signer: str
    keys: dict[str, str]
    proofs: dict[bytes, dict[str, Any]]

    @property
    def url(self) -> str:
        return self.net.url

    def link(self, content: bytes) -> str:
        return f"/verify?digest={to_hex(digest_of(content))}&issuer={ISSUER}"

    @property
    def accredited(self) -> bytes:
        """A credential of 200 kB whose issuer the registry shows as accredited for it."""
        return self.naming("good", note="a long note " * 16_000)

    @property
    def unaccredited(self) -> bytes:
        """One that names an accreditation which was revoked."""
        return self.naming("revoked")

    @property
    def named(self) -> tuple[bytes, bytes]:
        return self.accredited, self.unaccredited

    def naming(self, attribute_id: str, **members: Any) -> bytes:
        terms = {"id": f"{self.registry}/{ISSUER}/attributes/{attribute_id}", "type": "IssuanceCertificate"}
        return credential(id=f"urn:uuid:{attribute_id}", type=list(TYPES), termsOfUse=terms, **members)

    def self_signed(self, number: int) -> bytes:
        return credential(id=f"urn:uuid:self-{number}", issuer=self.self_signer)

    def post(self, *contents: bytes, issuer: str = ISSUER) -> None:
        with AnchoringClient(self.url, api_key=self.keys[issuer]) as client:
            client.post_digests([digest_of(content) for content in contents])

    def wait_until_final(self, *contents: bytes, issuer: str = ISSUER) -> None:
        with AnchoringClient(self.url) as client:
            for content in contents:
                self.proofs[content] = client.wait_for_proof(
                    digest_of(content), parse_did(issuer), at_most_s=START_S, final=True, waiting=lambda _state: None
                )

    def change(self, action: str, content: bytes, issuer: str = ISSUER) -> None:
        """Its status, which the service shows at once."""
        with AnchoringClient(self.url, api_key=self.keys[issuer]) as client:
            client.change_status([{"action": action, "digest": to_hex(digest_of(content))}])

    def revoke(self, content: bytes, issuer: str = ISSUER) -> None:
        """Until the ledger shows it."""
        self.change("revoke", content, issuer)
        with AnchoringClient(self.url) as client:
            deadline = time.monotonic() + START_S
            while {one["ledger"]["outcome"] for one in client.get_status(digest_of(content), parse_did(issuer))["lists"]} != {
                "passed"
            }:
                assert time.monotonic() < deadline
                time.sleep(0.5)


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    to = {"credentialSubject": {"id": ISSUER, "accreditedFor": [{"types": ["CourseCredential"]}]}, "issuer": "did:ebsi:tao"}
    answers = {"good": attribute(ISSUER, "TI", in_token({"vc": to})), "revoked": attribute(ISSUER, "Revoked", "")}
    with run_registry({f"/{ISSUER}/attributes/{name}": answer for name, answer in answers.items()}) as url:
        yield url


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Installation]:
    net = Devnet(data=tmp_path_factory.mktemp("pages"), issuer=ISSUER, issuer_name=NAME, round_every_s=1)
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("CREDANCHOR_API__PUBLIC_ISSUERS_REGISTRY", registry)
        try:
            net.start()
            signer = f"did:key:{next(net.status_keys.glob('z6Mk*.json')).stem}"
            net.run("issuer", "add", signer, "--name", LONG_NAME)
            keys = {ISSUER: net.description()["apiKey"], signer: net.run("issuer", "key", "create", signer).strip()}
            made = Installation(net, registry, signer, keys, {})
            anchored = (
                GENUINE,
                PDF,
                REVOKED,
                STRANGERS,
                OF_SEVERAL,
                PDF_OF_SEVERAL,
                OVER,
                EARLY,
                UNCLEAR,
                EDC,
                SUSPENDED,
                BADLY_SIGNED,
                LARGE_PDF,
                DIPLOMA,
                *made.named,
            )
            theirs = (OF_SEVERAL, PDF_OF_SEVERAL, *map(made.self_signed, range(3)))
            made.post(*anchored)
            made.post(*theirs, issuer=signer)
            made.wait_until_final(*theirs, issuer=signer)
            made.wait_until_final(*anchored)
            made.revoke(made.self_signed(1), signer)
            made.revoke(REVOKED)
            made.revoke(made.self_signed(2), signer)
            net.stop_one("rounds")
            made.post(WAITING, WAITING_AND_REVOKED, WAITING_AND_OVER, WAITING_OF_OTHERS)
            made.change("suspend", SUSPENDED)
            made.change("revoke", WAITING_AND_REVOKED)
            yield made
        finally:
            net.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with run_browser() as running:
        yield running


@pytest.fixture
def reader(browser: Browser, installation: Installation) -> Iterator[Reader]:
    with browser.new_context(locale="en-GB", viewport={"width": 1080, "height": 900}) as context:
        made = Reader(context, installation.url)
        yield made
        assert made.errors == []


def reading(browser: Browser, installation: Installation, **how: Any) -> Reader:
    return Reader(browser.new_context(**how), installation.url)


# What is said of a credential


def test_genuine_credential_passes_on_the_ledger_and_stays_in_the_browser(reader: Reader, installation: Installation) -> None:
    reader.open()
    assert reader.violations() == []
    reader.picture("start")

    verdict = reader.give(("diploma.json", GENUINE))

    assert verdict == "genuine", reader.text()
    outcomes = reader.outcomes()
    assert {name for name, outcome in outcomes.items() if outcome != "passed"} == {"credential-signature", "accreditation"}
    assert NAME in reader.text()
    assert to_hex(digest_of(GENUINE)) in reader.text()
    reader.picture("genuine")
    reader.unfold()
    assert reader.violations() == []
    assert reader.hosts() == {f"127.0.0.1:{installation.net.port}", f"127.0.0.1:{installation.net.rpc_port}"}
    sent = [request.url + (request.post_data or "") for request in reader.asked]
    assert not any(
        word in text for text in sent for word in (PERSON, PERSON.replace(" ", "%20"), "Data%20protection", "urn:uuid")
    )
    assert all(request.method == "GET" for request in reader.asked if f":{installation.net.port}/" in request.url)


def test_pdf_is_unchanged_and_its_authorship_is_not_shown(reader: Reader) -> None:
    reader.open()

    assert reader.give(("diploma.pdf", PDF)) == "anchored"
    assert "authorship not shown" in reader.text()
    assert reader.page.locator("#result .verdict.part").count() == 1, "it does not look like what a matching issuer gives"
    assert f"Anchored by {NAME}" in reader.text()
    assert reader.outcomes()["issuer-match"] == "cannot tell"
    reader.unfold()
    assert reader.violations() == []


def test_changed_credential_fails_against_its_proof_and_against_its_link(reader: Reader, installation: Installation) -> None:
    proof = json.dumps(installation.proofs[GENUINE]).encode()
    reader.open()
    beside = reader.give(("diploma.json", CHANGED), ("diploma.json.proof.json", proof))
    outcomes = reader.outcomes()
    reader.open(installation.link(GENUINE))
    alone = reader.verdict()
    reader.picture("link")
    assert reader.violations() == []

    by_link = reader.give(("diploma.json", CHANGED))

    assert (beside, alone, by_link) == ("changed", "digest", "changed")
    assert (outcomes["digest"], outcomes["path"]) == ("failed", "passed")
    assert "What the proof says, of another file than this one" in reader.text()
    assert reader.page.locator("#result > .card > dl").inner_text().count("Anchored by") == 0, (
        "nothing of it is claimed of this file"
    )
    assert reader.page.locator(".share").count() == 0
    reader.picture("changed")
    reader.unfold()
    assert reader.violations() == []
    assert reader.give(("diploma.json", GENUINE)) == "genuine"
    assert reader.give(("diploma.pdf", PDF)) == "other", "it is anchored as well, and not what the link promised"
    assert reader.violations() == []
    reader.page.click("text=Judge it without the link")
    reader.page.wait_for_selector("[data-verdict=anchored]")
    assert "digest=" not in reader.page.url


def test_proof_inside_the_credential_is_found(reader: Reader, installation: Installation) -> None:
    inside = json.dumps(json.loads(CHANGED) | {"proof": [installation.proofs[GENUINE]]}).encode()
    whole = json.dumps(json.loads(GENUINE) | {"proof": [installation.proofs[GENUINE]]}).encode()
    reader.open()

    assert reader.give(("diploma.json", whole)) == "genuine"
    assert reader.give(("diploma.json", inside)) == "changed"


STRANGER = "did:web:attacker.example"


@pytest.mark.parametrize("answer", ["of another file", "waits at a stranger's", "anchored by a stranger", "no proof", "refused"])
def test_whatever_the_service_answers_the_holders_good_proof_counts(
    reader: Reader, installation: Installation, answer: str
) -> None:
    proof, digest = installation.proofs[GENUINE], to_hex(digest_of(GENUINE))
    status, body = {
        "of another file": (200, installation.proofs[REVOKED]),
        "waits at a stranger's": (202, {"digest": digest, "issuer": STRANGER, "receivedAt": "2026-11-29T14:00:00Z"}),
        "anchored by a stranger": (300, {"issuers": [STRANGER]}),
        "no proof": (200, {"type": "CredentialAnchorProof"}),
        "refused": (400, {}),
    }[answer]
    reader.page.route(f"**/v1/proofs/{digest}*", lambda route: route.fulfill(status=status, json=body))
    reader.open()

    inside = reader.give(("diploma.json", json.dumps(json.loads(GENUINE) | {"proof": [proof]}).encode()))
    beside, words = reader.give(("diploma.json", GENUINE), ("proof.json", json.dumps(proof).encode())), reader.text()
    alone = reader.give(("diploma.json", GENUINE))

    assert (inside, beside) == ("genuine", "genuine")
    is_unfit = answer in {"of another file", "no proof"}
    assert ("Its answer was of another file or contract" in words) == is_unfit
    assert alone == ("e.unfit" if is_unfit else "e.service" if answer == "refused" else {202: "foreign", 300: "e.unfit"}[status])
    assert "Changed" not in reader.text()
    assert reader.violations() == []


def test_proof_that_is_not_on_the_ledger_gives_way_to_one_that_is(reader: Reader, installation: Installation) -> None:
    proof = installation.proofs[GENUINE]
    moved = proof | {"anchor": proof["anchor"] | {"sequence": 999_999}}
    reader.page.route("**/v1/proofs/**", lambda route: route.fulfill(json=moved))
    reader.open()

    assert reader.give(("diploma.json", GENUINE)) == "broken"
    assert reader.give(("diploma.json", GENUINE), ("proof.json", json.dumps(proof).encode())) == "genuine"


@pytest.mark.parametrize(
    "body", [None, [], {"ledger": 5, "contract": 5}, {"ledger": "eip155:1", "contract": "0x", "finality": None}]
)
def test_service_that_names_no_contract_leaves_nothing_to_read_from(reader: Reader, body: Any) -> None:
    reader.page.route("**/v1/ledger", lambda route: route.fulfill(json=body))
    reader.open()

    assert reader.give(("diploma.json", GENUINE)) == "untold"
    assert reader.outcomes()["registry"] == "cannot tell"


def test_revoked_credential_is_revoked_on_the_ledger(reader: Reader) -> None:
    reader.open()

    assert reader.give(("diploma.json", REVOKED)) == "revoked"
    assert reader.outcomes()["status"] == "failed"
    reader.picture("revoked")
    reader.unfold()
    assert reader.violations() == []


def test_suspended_credential_is_suspended_before_the_ledger_shows_it(reader: Reader) -> None:
    reader.open()

    assert reader.give(("diploma.json", SUSPENDED)) == "suspended"
    assert "Says this service; the ledger does not show it yet" in reader.text()
    reader.unfold()
    assert reader.violations() == []


def test_waiting_credential_is_neither_valid_nor_unknown(reader: Reader) -> None:
    reader.open()

    assert reader.give(("diploma.json", WAITING)) == "waiting"
    assert NAME in reader.text()
    assert "try again in" in reader.text()
    assert "Whom the file names as its issuer is who handed it in" in reader.text()
    assert reader.violations() == []
    reader.picture("waiting")
    assert reader.give(("diploma.json", WAITING_AND_REVOKED)) == "revoked"
    assert "Not on the ledger yet" in reader.text()
    assert reader.give(("diploma.json", WAITING_AND_OVER)) == "over"
    assert reader.give(("diploma.json", WAITING_OF_OTHERS)) == "foreign"
    assert "diploma.json" in reader.text()
    assert reader.violations() == []
    with reader.page.expect_request("**/v1/proofs/**"):
        reader.page.get_by_role("button", name="Look again").click()


def test_unknown_credential_is_neither_false_nor_true(reader: Reader) -> None:
    reader.open()

    assert reader.give(("diploma.json", NEVER_POSTED)) == "unknown"
    assert "nothing for it and nothing against it" in reader.text()
    assert reader.violations() == []


def test_credential_of_another_issuer_is_not_the_anchorers(reader: Reader) -> None:
    reader.open()

    assert reader.give(("diploma.json", STRANGERS)) == "stranger"
    assert reader.outcomes()["issuer-match"] == "failed"


def test_status_list_older_than_the_ledger_is_said_to_be_out_of_date(reader: Reader, installation: Installation) -> None:
    reader.page.route("**/v1/status-lists/*", lambda route: route.continue_(url=f"{route.request.url}?version=1"))
    reader.open()

    assert reader.give(("diploma.json", installation.self_signed(0))) == "stale"
    assert reader.outcomes()["status"] == "failed"
    assert "knows a newer list" in reader.text()
    assert reader.violations() == []
    reader.picture("stale")


def test_anchor_that_is_not_final_is_said_to_be_so(reader: Reader) -> None:
    def by_a_deep_rule(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"finality": "depth:999999"})

    reader.page.route("**/v1/ledger", by_a_deep_rule)
    reader.open()

    assert reader.give(("diploma.json", GENUINE)) == "notfinal"
    assert (reader.outcomes()["root"], reader.outcomes()["finality"]) == ("passed", "cannot tell")
    assert "Try again in a few minutes" in reader.text()
    assert reader.violations() == []
    reader.picture("not-final")


def test_of_several_issuers_the_named_one_counts_and_else_the_reader_chooses(reader: Reader, installation: Installation) -> None:
    reader.open()

    assert reader.give(("diploma.json", OF_SEVERAL)) == "genuine"
    assert f"Also anchored by\n{installation.self_signer}" in reader.text()
    assert reader.give(("diploma.pdf", PDF_OF_SEVERAL)) == "choice"
    assert reader.page.locator(".choices button").count() == 2
    assert NAME in reader.text()
    assert reader.violations() == []
    reader.picture("choice")
    reader.page.click(f".choices button:has-text('{NAME}')")
    reader.page.wait_for_selector("[data-verdict=anchored]")
    for content, verdict in ((OF_SEVERAL, "genuine"), (PDF_OF_SEVERAL, "anchored")):
        reader.open(f"/verify?digest={to_hex(digest_of(content))}&issuer={installation.self_signer}")
        assert reader.give(("diploma", content)) == verdict
        assert (NAME in reader.page.inner_text("#verdict + p")) == (verdict == "genuine"), "the file counts, else the link"
        assert ("who is not the one that counts here" in reader.text()) == (verdict == "genuine")


def test_accreditation_is_looked_up_in_the_operators_registry(reader: Reader, installation: Installation) -> None:
    reader.open()

    accredited, outcomes, words = reader.give(("diploma.json", installation.accredited)), reader.outcomes(), reader.text()
    unaccredited = reader.give(("diploma.json", installation.unaccredited))

    assert (accredited, unaccredited) == ("genuine", "unaccredited")
    assert outcomes["accreditation"] == "passed"
    assert "accredited for such credentials" in words
    assert urlsplit(installation.registry).netloc in words
    assert reader.outcomes()["accreditation"] == "failed"
    assert reader.violations() == []
    reader.picture("unaccredited")


def test_accreditation_that_nobody_looked_up_is_shown_as_the_file_names_it(reader: Reader, installation: Installation) -> None:
    reader.open()
    reader.page.click("details:has(#registry) summary")
    for none in (
        "not an address",
        "http://127.0.0.256:8545",
        "http://127.0.0.1:99999",
        "http://[::1]:1",
        "http://[1:2:3]/",
        "http://a..b",
    ):
        reader.page.fill("#registry-entry", none)
        reader.page.click("#registry button[type=submit]")
        assert "not a plain address" in reader.page.inner_text("#registry-now"), none
        assert reader.page.get_attribute("#registry-entry", "aria-invalid") == "true"
    reader.page.fill("#registry-entry", f"http://127.0.0.1:{free_port()}/issuers")
    with reader.page.expect_navigation():
        reader.page.click("#registry button[type=submit]")
    reader.page.wait_for_selector("html[data-ready]")

    of_another = reader.give(("diploma.json", installation.unaccredited))
    outcome, words = reader.outcomes()["accreditation"], reader.text()
    reader.give(("diploma.json", EDC))

    assert (of_another, outcome) == ("genuine", "cannot tell")
    assert f"Named in the file, not checked\n{installation.registry}/{ISSUER}/attributes/revoked" in words
    assert "Named in the file, not checked\nQuality, Agency" in reader.text()


def test_credential_that_is_not_valid_now_by_its_own_words_is_not_green(reader: Reader) -> None:
    reader.open()

    assert reader.give(("diploma.json", OVER)) == "expired"
    assert "until 31 January 2026" in reader.text()
    assert reader.violations() == []
    assert reader.give(("diploma.json", EARLY)) == "early"
    assert "from 31 January 2999 on" in reader.text()
    assert reader.give(("diploma.json", UNCLEAR)) == "unclear"


def test_contract_that_the_reader_entered_is_the_one_that_counts(reader: Reader, installation: Installation) -> None:
    operators = installation.proofs[GENUINE]["anchor"]["contract"]
    reader.open()
    reader.give(("diploma.json", GENUINE))
    assert f"Contract\neip155:31337:{operators}" in reader.text()
    reader.page.click("details:has(#contract) summary")
    reader.page.fill("#contract-entry", "0x12")
    reader.page.click("#contract button[type=submit]")
    assert "not a contract" in reader.page.inner_text("#contract-now")

    reader.page.fill("#contract-entry", f"eip155:31337:0x{'12' * 20}")
    reader.page.click("#contract button[type=submit]")
    reader.page.wait_for_selector("[data-verdict=elsewhere]")

    assert "Entered by you" in reader.text()
    assert "Do not rely on it" not in reader.page.inner_text("#verdict + p")
    assert reader.violations() == []
    reader.page.fill("#contract-entry", f"eip155:31337:{operators} depth:1")
    reader.page.click("#contract button[type=submit]")
    reader.page.wait_for_selector("[data-verdict=genuine]")
    assert "depth:1" in reader.text()
    reader.page.click("#contract-forget")
    assert "named by the operator" in reader.page.inner_text("#contract-now")


# What is not there


def test_dead_node_is_no_verdict_of_the_ledger(reader: Reader) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    reader.open()
    reader.give(("diploma.json", GENUINE))
    reader.page.click("#settings summary")
    reader.page.fill("#node-entry", dead)
    with reader.page.expect_navigation():
        reader.page.click("#node button[type=submit]")
    reader.page.wait_for_selector("html[data-ready]")
    assert dead in reader.page.inner_text("#node-now"), "the settings are open where they were"
    assert reader.verdict() == "e.again"
    assert reader.page.evaluate("document.activeElement.id") == "file"
    assert reader.violations() == []

    genuine = reader.give(("diploma.json", GENUINE))
    outcomes = reader.outcomes()
    reader.picture("dead-node")
    reader.unfold()
    assert reader.violations() == []
    revoked = reader.give(("diploma.json", REVOKED))

    assert (genuine, revoked) == ("service", "revoked")
    assert {outcomes[name] for name in ("root", "finality", "status")} == {"cannot tell"}
    assert dead.removeprefix("http://") in reader.hosts()
    reader.errors = [error for error in reader.errors if "ERR_CONNECTION_REFUSED" not in error]


def test_node_of_another_ledger_is_said_to_be_one(reader: Reader, installation: Installation) -> None:
    def of_mainnet(route: Route) -> None:
        if "eth_chainId" in (route.request.post_data or ""):
            route.fulfill(json={"jsonrpc": "2.0", "id": 1, "result": "0x1"}, headers={"Access-Control-Allow-Origin": "*"})
        else:
            route.continue_()

    reader.page.route(f"http://127.0.0.1:{installation.net.rpc_port}/", of_mainnet)
    reader.open()

    assert reader.give(("diploma.json", GENUINE)) == "service"
    assert "is of another ledger\n" in reader.text()
    assert "Enter one of its ledger below" in reader.text()


def test_dead_service_is_cannot_tell_and_the_holders_proof_still_leads_to_the_ledger(
    reader: Reader, installation: Installation
) -> None:
    proof = json.dumps(installation.proofs[GENUINE]).encode()
    reader.open()
    reader.page.route("**/v1/**", lambda route: route.abort())

    alone = reader.give(("diploma.json", GENUINE))
    assert reader.violations() == []
    reader.picture("dead-service")
    with_proof, outcomes = reader.give(("diploma.json", GENUINE), ("proof.json", proof)), reader.outcomes()
    pdf = reader.give(("diploma.pdf", embed(DIPLOMA, installation.proofs[DIPLOMA], digest_of(DIPLOMA))))
    of_pdf = reader.outcomes()
    reader.context.set_offline(True)
    nothing_at_all = reader.give(("diploma.json", GENUINE), ("proof.json", proof))

    assert (alone, with_proof, nothing_at_all) == ("e.service", "untold", "untold")
    assert (pdf, of_pdf["root"], of_pdf["digest"]) == ("untold", "passed", "passed")
    assert {name for name, outcome in outcomes.items() if outcome == "cannot tell"} == {
        "credential-signature",
        "accreditation",
        "status",  # another of its batch was revoked, and the list that says which is out of reach
    }


def test_service_that_hangs_is_given_up_by_the_page_or_by_the_reader(reader: Reader) -> None:
    reader.page.add_init_script(
        "{ const within = AbortSignal.timeout.bind(AbortSignal); AbortSignal.timeout = () => within(1500); }"
    )
    reader.open()
    reader.page.route("**/v1/**", lambda route: None)

    assert reader.give(("diploma.json", GENUINE)) == "e.service"
    reader.choose(("diploma.json", GENUINE))
    reader.page.click("#stop")
    reader.page.wait_for_timeout(2000)
    assert not reader.page.is_visible("#result")
    assert not reader.page.is_visible("#progress")


def test_second_file_makes_the_first_late(reader: Reader) -> None:
    reader.open()
    reader.page.evaluate("""() => {
        globalThis.shown = [];
        new MutationObserver(() => shown.push(document.querySelector('#result [data-verdict]')?.dataset.verdict))
            .observe(document.querySelector('#result'), {childList: true});
    }""")
    reader.choose(("large.pdf", LARGE_PDF))
    reader.choose(("diploma.json", NEVER_POSTED))

    assert reader.verdict() == "unknown"
    reader.page.wait_for_timeout(2000)
    assert reader.page.evaluate("shown") == ["unknown"]


def test_of_several_files_each_is_checked_and_a_proof_that_is_not_used_is_said(
    reader: Reader, installation: Installation
) -> None:
    proofs = [(f"{i}.proof.json", json.dumps(installation.proofs[one]).encode()) for i, one in enumerate((REVOKED, GENUINE))]
    reader.open()

    assert reader.give(("a.json", CHANGED), ("b.json", GENUINE), *proofs) == "files"
    assert reader.violations() == []
    reader.page.click("text=b.json")
    reader.page.wait_for_selector("[data-verdict=genuine]")
    assert "Proof file\nNot used" in reader.text()
    assert reader.give(("a.json", CHANGED), proofs[1]) == "changed"
    assert "Proof file" not in reader.text()


def test_service_that_goes_away_in_the_middle_leaves_what_the_ledger_shows(reader: Reader) -> None:
    for path in ("issuers", "status"):
        reader.page.route(f"**/v1/{path}/**", lambda route: route.abort())
    reader.open()

    assert reader.give(("diploma.json", GENUINE)) == "genuine"
    assert ISSUER in reader.text()
    assert "no name for it" not in reader.text(), "nobody was asked"
    assert "did not answer how it stands" in reader.text()


def test_name_that_comes_late_is_added_to_the_result(reader: Reader) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    reader.page.route("**/v1/issuers/**", hold)
    reader.open()

    assert reader.give(("diploma.json", GENUINE)) == "genuine"
    assert NAME not in reader.text()
    reader.unfold()
    held[0].continue_()
    reader.page.wait_for_selector(f"#verdict + p:has-text('{NAME}')")

    assert reader.page.is_visible("[data-check=digest]"), "what the reader opened stays open"
    assert reader.page.evaluate("document.activeElement.id") == "result"


def test_page_that_did_not_load_in_full_says_so(reader: Reader) -> None:
    reader.page.route("**/web/messages/en.json", lambda route: route.fulfill(status=429, body="{}"))

    reader.page.goto(reader.url + "/verify")
    reader.page.wait_for_selector("#dead", timeout=10_000)

    assert "did not load in full" in reader.page.inner_text("main")
    assert reader.errors == ["no messages in en"]
    reader.errors.clear()


@pytest.mark.parametrize("module", ["verify_page.js", "judgement.js"])
def test_page_whose_modules_do_not_come_is_not_blank(reader: Reader, module: str) -> None:
    reader.page.route(f"**/web/{module}", lambda route: route.fulfill(status=429, body="{}"))

    reader.page.goto(reader.url + "/verify")
    reader.page.wait_for_selector("#dead", timeout=10_000)

    assert "did not load in full" in reader.page.inner_text("main")
    assert not reader.page.is_visible("#given")
    reader.errors.clear()


def test_fault_of_the_page_is_not_blamed_on_the_credential(reader: Reader) -> None:
    reader.open()
    reader.page.evaluate("() => { SubtleCrypto.prototype.digest = () => { throw new Error('out of digests'); }; }")

    assert reader.give(("diploma.json", GENUINE)) == "e.page"
    assert "out of digests" in reader.text()
    assert reader.errors == ["out of digests"]
    reader.errors.clear()


def test_page_without_https_says_why_it_computes_nothing(reader: Reader) -> None:
    reader.page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', {get: () => undefined})")
    reader.open()

    assert reader.verdict() == "e.insecure"
    assert reader.violations() == []


@pytest.mark.parametrize(
    ("link", "verdict", "words"),
    [
        ("?digest=0x12&issuer=did:web:a.example", "e.link", "leads to no credential"),
        ("?issuer=did:web:a.example", "e.link", "cut short"),
        (f"?digest=0x{'ab' * 32}&issuer=did:web:a.example", "unknown", "cut short"),
    ],
)
def test_link_that_leads_nowhere_says_so(reader: Reader, link: str, verdict: str, words: str) -> None:
    reader.open(f"/verify{link}")

    assert reader.verdict() == verdict
    assert words in reader.text()
    assert reader.violations() == []


@pytest.mark.parametrize(
    ("files", "verdict", "words"),
    [
        ([("x.json", b'{"a": 1,\n "a": 2}')], "e.form", "$.a (line 2, column 2)"),
        ([("x.json", b'{"a": 1')], "e.json", "line 1"),
        ([("empty.pdf", b"")], "e.empty", "no digest"),
        ([("proof.json", b'{"type": "CredentialAnchorProof"}')], "e.proof", "Choose the credential"),
        ([("diploma.json", GENUINE), ("proof.json", b'{"type": "CredentialAnchorProof", "version": 2}')], "genuine", NAME),
        ([("x.json", NEVER_POSTED), ("proof.json", b'{"type": "CredentialAnchorProof", "version": 2}')], "broken", "$.version"),
        ([("x.json", b'{"a": "' + b"x" * (20 * 2**20) + b'"}')], "e.large", "at most 20971520 are read"),
        ([("gpj.\u202eanolpid.json", NEVER_POSTED)], "unknown", "gpj.\ufffdanolpid.json"),
        ([("photo.jpg", b"\xff\xd8\xff\xe0 a photo")], "unknown", "This is a picture"),
    ],
    ids=[
        "twice",
        "cut short",
        "empty",
        "proof alone",
        "bad proof beside a good one",
        "bad proof",
        "too large",
        "a name that turns",
        "a photo",
    ],
)
def test_file_that_cannot_be_judged_is_said_to_be_so(reader: Reader, files: Any, verdict: str, words: str) -> None:
    reader.open()

    assert reader.give(*files) == verdict
    assert words in reader.text()


def test_huge_file_is_refused_before_it_is_read(reader: Reader, tmp_path: Path) -> None:
    huge = tmp_path / "huge.pdf"
    with huge.open("wb") as file:
        file.truncate(101 * 1024 * 1024)
    reader.open()

    reader.page.set_input_files("#file", huge)

    assert reader.verdict() == "e.huge"
    assert "100 MB" in reader.text()


def test_module_verifies_a_bundle_in_the_browser_and_asks_nobody(reader: Reader) -> None:
    """The page has no use for it, whoever imports the module has."""
    vectors = {one["name"]: one for one in read_vectors("bundles.json")["bundles"]}
    cases = [vectors[name] for name in ("receipt and storage", "QBFT: three of four seals", "IBFT 2.0: two of four seals")]
    reader.open()
    before = len(reader.asked)

    found = reader.page.evaluate(
        """cases => import('/web/verify.js').then(({verifyOffline}) => Promise.all(
            cases.map(async ({proof, registry, blockHash, validators}) =>
                (await verifyOffline(null, proof, {registry, blockHash, validators})).checks.find(({check}) => check === 'root'))))""",
        cases,
    )

    assert [[one["outcome"], one["reason"]] for one in found] == [one["root"] for one in cases]
    loaded = [urlsplit(request.url).path for request in reader.asked[before:]]
    assert loaded == ["/web/bundle.js", "/web/noble/keccak.js", "/web/noble/secp256k1.js"]


def test_module_checks_signatures_in_the_browser(reader: Reader, installation: Installation) -> None:
    vectors = [one for one in read_vectors("signatures.json")["signatures"] if one["documents"] is None]
    reader.open()

    found = reader.page.evaluate(
        """([cases, proof, now]) => import('/web/verify.js').then(({verify}) => Promise.all(cases.map(async ({credential, key}) =>
            (await verify(new TextEncoder().encode(credential), proof, {key, now})).checks.find(({check}) => check === 'credential-signature'))))""",
        [vectors, installation.proofs[GENUINE], NOW.isoformat()],
    )

    assert [[one["outcome"], one["reason"]] for one in found] == [[one["result"], one["reason"]] for one in vectors]


def test_credential_whose_own_signature_does_not_hold_is_not_genuine(reader: Reader) -> None:
    reader.open()

    assert reader.give(("diploma.json", BADLY_SIGNED)) == "signature"
    assert {name for name, outcome in reader.outcomes().items() if outcome == "failed"} == {"credential-signature"}
    reader.unfold()
    assert reader.violations() == []


def test_pdf_that_carries_its_proof_passes_and_what_was_added_behind_it_is_told(
    reader: Reader, installation: Installation
) -> None:
    proof = installation.proofs[DIPLOMA]
    whole = embed(DIPLOMA, proof, digest_of(DIPLOMA))
    more = append(whole, paint_over)
    reader.open()

    assert reader.give(("diploma.pdf", whole)) == "anchored"
    assert reader.outcomes()["digest"] == "passed"
    assert "not covered" not in reader.text()
    assert f"{installation.url}{installation.link(DIPLOMA)}" in reader.page.inner_text(".share")
    assert reader.give(("diploma.pdf", more)) == "added"
    assert reader.outcomes()["digest"] == "cannot tell"
    assert "before something was added" in reader.page.inner_text(".said")
    assert reader.page.locator(".share").count() == 0
    reader.picture("added")
    assert "credanchor proof verify" in reader.text()
    reader.unfold()
    assert reader.violations() == []
    reader.open(installation.link(DIPLOMA))
    assert reader.give(("diploma.pdf", more)) == "added"


# How it is used


@pytest.mark.parametrize(
    ("pasted", "verdict", "words"),
    [
        ("surely a diploma", "unknown", to_hex(sha256(b"surely a diploma"))),
        (" \n ", "e.empty", "no digest"),
        (f'"Bearer {TOKEN}"', "unknown", to_hex(sha256(TOKEN.encode()))),
        (f"  {TOKEN[:20]}\r\n  {TOKEN[20:]}\n", "unknown", to_hex(sha256(TOKEN.encode()))),
    ],
    ids=["anything", "nothing", "a token of a header", "a token that a mail program broke"],
)
def test_pasted_text_is_taken_as_it_was_meant(reader: Reader, pasted: str, verdict: str, words: str) -> None:
    reader.open()
    reader.page.click("#more summary")
    reader.page.fill("#text", pasted)

    reader.page.click("#paste button")

    assert reader.verdict() == verdict
    assert words in reader.text()
    if pasted.strip():
        assert reader.give(("token.jwt", pasted.encode())) == verdict
        assert words in reader.text(), "a file is read as what is pasted"


def test_link_is_opened_from_wherever_it_is_pasted(reader: Reader, installation: Installation) -> None:
    reader.open()
    reader.page.click("#more summary")
    reader.page.fill("#text", installation.url + installation.link(GENUINE))

    reader.page.click("#paste button")

    assert reader.verdict() == "digest"
    reader.forget()
    reader.page.fill("#text", to_hex(digest_of(PDF)))
    reader.page.click("#paste button")
    assert reader.verdict() == "digest", "a digest alone is looked up"


def test_text_is_pasted_and_checked_with_the_keyboard_alone(reader: Reader) -> None:
    reader.page.on("filechooser", lambda _chooser: None)  # before any key is pressed: the driver learns of choosers from then on
    reader.open()
    focused = "document.activeElement.id || document.activeElement.textContent"

    def tab_to(name: str) -> None:
        for _ in range(30):
            reader.page.keyboard.press("Tab")
            if reader.page.evaluate(focused) == name:
                return
        raise AssertionError(f"{name} is not reached")

    tab_to("file")
    with reader.page.expect_file_chooser():
        reader.page.keyboard.press("Enter")
    tab_to("Paste text, or open a link")
    reader.page.keyboard.press("Enter")
    assert "camera of your phone" in reader.page.inner_text("#qr"), "this browser reads no codes"
    tab_to("text")
    reader.page.keyboard.insert_text(GENUINE.decode())
    tab_to("Check")
    reader.page.keyboard.press("Enter")

    assert reader.verdict() == "genuine"
    assert reader.page.evaluate("document.activeElement.id") == "result", "a screen reader goes on where the answer is"
    tab_to("All checks")
    reader.page.keyboard.press("Enter")
    assert reader.page.is_visible("[data-check=digest]")


def test_link_is_opened_and_one_of_elsewhere_is_not(reader: Reader, installation: Installation) -> None:
    reader.open()
    reader.page.click("#more summary")
    reader.page.fill("#link", "https://elsewhere.example/verify?digest=" + "ab" * 32)
    reader.page.click("#open button")
    assert reader.verdict() == "e.elsewhere"
    assert "elsewhere.example" in reader.text()
    reader.forget()

    reader.page.fill("#link", installation.url + installation.link(PDF))
    reader.page.click("#open button")

    assert reader.verdict() == "digest"
    assert NAME in reader.text()


def test_dropped_file_is_checked(reader: Reader) -> None:
    reader.open()
    carried = reader.page.evaluate_handle(
        """content => { const data = new DataTransfer(); data.items.add(new File([content], 'dropped.json')); return data; }""",
        GENUINE.decode(),
    )

    reader.page.dispatch_event("#drop", "drop", {"dataTransfer": carried})

    assert reader.verdict() == "genuine"
    reader.forget()
    text = reader.page.evaluate_handle(
        "text => { const data = new DataTransfer(); data.setData('text/plain', text); return data; }", NEVER_POSTED.decode()
    )
    reader.page.dispatch_event("#drop", "drop", {"dataTransfer": text})
    assert reader.verdict() == "unknown", "text as well"


@pytest.mark.parametrize(
    ("locale", "verdict", "switched"),
    [
        ("es-ES", "Auténtica, anclada y no revocada", "Autèntica, ancorada i no revocada"),
        ("ca-ES", "Autèntica, ancorada i no revocada", "Auténtica, ancorada e non revogada"),
        ("eu-ES", "Benetakoa, ainguratua eta baliogabetu gabea", "Auténtica, anclada y no revocada"),
    ],
)
def test_page_speaks_the_readers_language_and_changes_it_without_losing_the_result(
    browser: Browser, installation: Installation, locale: str, verdict: str, switched: str
) -> None:
    reader = reading(browser, installation, locale=locale)
    reader.open()
    reader.give(("diploma.json", GENUINE))
    first = reader.page.inner_text("#verdict")
    reader.unfold()
    assert reader.violations() == []
    to = {"es": "ca", "ca": "gl", "eu": "es"}[locale[:2]]

    reader.page.click(f"nav a[hreflang={to}]")
    reader.page.wait_for_function("wanted => document.querySelector('#verdict').textContent === wanted", arg=switched)

    assert first == verdict
    assert reader.page.get_attribute("html", "lang") == to
    assert "lang=" + to in reader.page.url
    for link in ("a.brand", "footer a"):
        assert str(reader.page.get_attribute(link, "href")).endswith("lang=" + to)
    assert reader.errors == []
    reader.context.close()


@pytest.mark.parametrize("language", ["en", "es", "ca", "gl", "eu"])
def test_every_state_can_be_read_by_everybody_in_every_language_by_day_and_by_night(
    browser: Browser, installation: Installation, language: str
) -> None:
    """In one load, at the least width that WCAG 2.2 asks for (1.4.10), which is 400 % zoom on a screen of 1280."""
    reader = reading(browser, installation, locale=language, viewport={"width": 320, "height": 640})
    reader.open()
    reader.page.evaluate("document.querySelectorAll('#settings details').forEach(one => { one.open = true; })")
    assert reader.fits(), "the contract is long"
    found = {"start": reader.violations()}
    for name, content in (
        ("genuine", installation.accredited),
        ("unaccredited", installation.unaccredited),
        ("anchored", PDF),
        ("expired", OVER),
        ("signature", BADLY_SIGNED),
        ("revoked", REVOKED),
        ("stranger", STRANGERS),
        ("choice", PDF_OF_SEVERAL),
        ("waiting", WAITING),
        ("over", WAITING_AND_OVER),
        ("foreign", WAITING_OF_OTHERS),
        ("unknown", NEVER_POSTED),
        ("e.json", b"{"),
        ("e.empty", b""),
        ("e.proof", b'{"type": "CredentialAnchorProof"}'),
    ):
        assert reader.give((f"{PERSON} {name * 12}.pdf", content)) == name
        reader.unfold()
        found[name] = reader.violations()
        reader.page.emulate_media(color_scheme="dark")
        found[f"{name}, dark"] = reader.violations(["color-contrast"])
        reader.page.emulate_media(color_scheme="light")
        assert reader.fits(), name
        reader.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert reader.fits(), f"{name}, in letters twice as large"
        reader.page.evaluate("document.documentElement.style.fontSize = ''")
        reader.picture(f"narrow-{language}-{name}")
    reader.give(("diploma.json", GENUINE))

    assert {state: wrong for state, wrong in found.items() if wrong} == {}
    anchored = datetime.fromisoformat(installation.proofs[GENUINE]["anchor"]["anchoredAt"])
    assert f"{anchored.day} de {GALICIAN[anchored.month - 1]} de {anchored.year}" in reader.text() or language != "gl"
    assert f"{anchored.year}(e)ko {BASQUE[anchored.month - 1]}ren {anchored.day}" in reader.text() or language != "eu"
    assert reader.errors == []
    reader.context.close()


def test_page_fits_a_phone_in_the_dark(browser: Browser, installation: Installation) -> None:
    phone = reading(
        browser,
        installation,
        locale="es-ES",
        viewport={"width": 360, "height": 740},
        color_scheme="dark",
        has_touch=True,
        is_mobile=True,
    )
    phone.open()
    phone.picture("phone-start")
    for name, content, verdict in (("genuine", GENUINE, "genuine"), ("revoked", REVOKED, "revoked")):
        assert phone.give(("diploma.json", content)) == verdict
        phone.picture(f"phone-{name}")
        phone.unfold()
        assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert phone.violations() == []
    phone.open("/status-page")
    assert phone.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert phone.violations() == []
    assert phone.errors == []
    phone.context.close()


def test_page_without_javascript_says_why_it_does_nothing(browser: Browser, installation: Installation) -> None:
    reader = reading(browser, installation, locale="gl-ES", java_script_enabled=False)

    reader.page.goto(installation.url + "/verify")

    assert "precisa JavaScript" in reader.page.inner_text("main")
    reader.page.wait_for_timeout(5_500)
    assert not reader.page.is_visible("#dead"), "one reason is enough"
    assert not reader.page.is_visible("#given")
    reader.page.goto(installation.url + "/status-page")
    assert "/v1/stats" in reader.page.inner_text("main")
    reader.context.close()


def test_print_view_has_the_result_and_no_form(reader: Reader) -> None:
    reader.open()
    reader.give(("diploma.json", GENUINE))

    reader.page.emulate_media(media="print")

    assert reader.page.is_visible("#verdict")
    assert reader.page.is_visible("[data-check=digest]"), "without the events of printing"
    assert not reader.page.is_visible("#given")
    assert not reader.page.is_visible("nav")
    for was_open in (False, True):
        reader.page.evaluate("isOpen => { document.querySelector('details.all').open = isOpen; }", was_open)
        reader.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert reader.page.is_visible("[data-check=digest]"), "what is printed is whole"
        reader.page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert reader.page.evaluate("document.querySelector('details.all').open") == was_open


def test_qr_code_leads_to_the_page(reader: Reader, installation: Installation) -> None:
    reader.open()
    reader.give(("diploma.json", GENUINE))
    src = reader.page.get_attribute(".share img", "src")
    assert src
    reader.page.evaluate(script("jsqr", "dist/jsQR.js"))
    read = """async address => {
        const image = await createImageBitmap(await (await fetch(address)).blob());
        const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
        canvas.drawImage(image, 0, 0);
        return jsQR(canvas.getImageData(0, 0, image.width, image.height).data, image.width, image.height).data;
    }"""

    found = reader.page.evaluate(read, f"{src}&format=png")

    assert found == installation.url + installation.link(GENUINE)
    reader.open(found.removeprefix(installation.url))
    assert reader.verdict() == "digest"


def test_command_draws_the_same_code(installation: Installation, reader: Reader, tmp_path: Path) -> None:
    proof, drawn = tmp_path / "proof.json", tmp_path / "qr.svg"
    proof.write_text(json.dumps(installation.proofs[GENUINE]))

    installation.net.run("proof", "qr", str(proof), "--output", str(drawn))

    address = f"{installation.url}/v1/digests/{to_hex(digest_of(GENUINE))}/qr?issuer={ISSUER}"
    assert drawn.read_text() == reader.context.request.get(address).text()


# What it costs


def test_page_is_light_and_asks_nobody_else(reader: Reader) -> None:
    session = reader.context.new_cdp_session(reader.page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))

    reader.open()

    assert sum(sizes) <= MAX_BYTES, sizes
    assert len(reader.asked) <= 15
    if reader.pictures:
        (reader.pictures / "weight.txt").write_text(f"{sum(sizes):.0f} bytes, {len(reader.asked)} requests\n")


@pytest.mark.parametrize(("name", "verdict", "most_s"), [("credential", "genuine", 20.0), ("PDF", "anchored", 60.0)])
def test_large_file_is_checked_in_full_and_does_not_freeze_the_page(
    reader: Reader, installation: Installation, tmp_path: Path, name: str, verdict: str, most_s: float
) -> None:
    """With node, registry and status list. The longest while in which the page cannot answer is measured beside; bounds are wide."""
    large = tmp_path / name
    large.write_bytes(installation.accredited if name == "credential" else LARGE_PDF)
    reader.open()
    reader.page.evaluate("""() => {
        globalThis.longest = 0; let last = performance.now();
        setInterval(() => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; }, 5);
    }""")
    began = time.monotonic()

    reader.page.set_input_files("#file", large)
    found = reader.verdict()

    took_s, longest_ms, outcomes = time.monotonic() - began, reader.page.evaluate("longest"), reader.outcomes()
    assert found == verdict
    assert {outcomes[one] for one in ("digest", "path", "registry", "root", "finality", "status")} == {"passed"}
    assert outcomes["accreditation"] == ("passed" if name == "credential" else "cannot tell")
    assert took_s < most_s
    assert longest_ms < 5_000
    if reader.pictures:
        size = large.stat().st_size
        (reader.pictures / f"drop-{name}.txt").write_text(f"{size} bytes: {took_s:.2f} s, longest pause {longest_ms:.0f} ms\n")


# The operator's view


def test_status_page_shows_rounds_and_figures(reader: Reader) -> None:
    reader.open("/status-page")

    text = reader.page.inner_text("main")
    assert "How this service is doing" in text
    assert reader.page.locator("tbody tr").count() >= 2
    assert reader.page.locator(".plot rect").count() >= 2
    assert ISSUER not in text
    assert reader.violations() == []
    reader.picture("status-page")


def test_status_page_of_a_dead_service_says_so(reader: Reader) -> None:
    reader.page.route("**/v1/stats", lambda route: route.abort())

    reader.open("/status-page")

    assert "does not answer" in reader.page.inner_text("#progress")
    assert reader.violations() == []


def test_status_page_of_a_service_that_answers_nonsense_says_so(reader: Reader) -> None:
    reader.page.route("**/v1/stats", lambda route: route.fulfill(json={"rounds": 5}))

    reader.open("/status-page")

    assert "does not answer" in reader.page.inner_text("#progress")
