"""The modules of the page at /verify without a browser: what is said of a credential, and what it takes for a verdict."""

import base64
import itertools
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from anchoring.core.canonical import canonical_candidates
from anchoring.core.proof_json import format_time, proof_to_json
from anchoring.types import as_digest, parse_did, to_hex
from tests.factories import UNIVERSITY
from tests.other_verifiers import ask
from tests.trees import Posted, make_posted, make_proof, read_vectors

NOW = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)
ISSUER, OTHER = "did:web:uni.example", "did:web:other.example"
NAME = "University of Somewhere"
CONTRACT = "eip155:31337:0x" + "c3" * 20
DIGEST, ELSEWHERE = "0x" + "12" * 32, "0x" + "34" * 32
PASSED, FAILED, CANNOT_TELL = "passed", "failed", "cannot tell"
ALL_PASSED = dict.fromkeys(
    ("digest", "path", "registry", "root", "finality", "issuer-match", "credential-signature", "accreditation", "status"), PASSED
)
CREDENTIAL = json.dumps({"type": ["VerifiableCredential"], "issuer": ISSUER}).encode()
CLEAR: dict[str, Any] = {"holds": True, "status": "clear", "since": None, "lists": [], "isKnown": True, "isSilent": False}
SILENT: dict[str, Any] = {"holds": False, "status": None, "since": None, "lists": [], "isKnown": False, "isSilent": True}
NO_LINK = {"isOther": False, "issuer": None}


def in_base64(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def shown(
    outcomes: dict[str, str],
    credential: bytes | None = CREDENTIAL,
    *,
    is_added_to: bool = False,
    is_in_part: bool = False,
    lists: Sequence[dict[str, Any]] = (),
    **how: Any,
) -> dict[str, Any]:
    """A case for `result`, whose node was asked."""
    anchor = {"anchoredAt": "2026-11-23T12:00:05Z", "blockNumber": 7, "ledger": "eip155:31337", "state": "final"}
    checks = [
        {"check": name, "outcome": outcome, "reason": f"reason of {name}"} for name, outcome in (ALL_PASSED | outcomes).items()
    ]
    report = {
        "checks": checks,
        "statusLists": list(lists),
        "proof": {"issuer": ISSUER, "digest": DIGEST, "anchor": anchor},
        "isLedgerRead": True,
        "isOtherLedger": False,
        "isAddedTo": is_added_to,
        "isInPart": is_in_part,
        "checkedAt": format_time(NOW),
    }
    return {
        "judge": "result",
        "credential": in_base64(credential),
        "report": report,
        "word": CLEAR,
        "name": NAME,
        "isKnown": True,
        "asked": {"node": "https://node.example", "registry": "https://registry.example"},
        "trusted": {"registry": CONTRACT, "finality": "finalized", "isOwn": False},
        "link": NO_LINK,
    } | how


def draw(*cases: dict[str, Any]) -> list[dict[str, Any]]:
    found = ask("page", cases)
    assert [one for one in found if "error" in one] == []
    return found


def judge(name: str, **given: Any) -> Any:
    found: Any = ask("page", [{"judge": name, **given}])[0]
    assert not isinstance(found, dict) or "error" not in found, found
    return found


def test_nothing_is_claimed_of_a_file_that_its_proof_does_not_hold_for() -> None:
    """Whatever the checks say: who anchored it, and a link to show around, stand there without reserve where all of that was shown."""
    values = {
        "digest": (PASSED, FAILED, CANNOT_TELL),
        "path": (PASSED, FAILED),
        "registry": (PASSED, FAILED, CANNOT_TELL),
        "root": (PASSED, FAILED, CANNOT_TELL),
        "issuer-match": (PASSED, FAILED, CANNOT_TELL),
        "status": (PASSED, CANNOT_TELL),
    }
    combined = [dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())]
    cases = [(outcomes, word, added) for outcomes in combined for word in (CLEAR, SILENT) for added in (False, True)]
    cases = [one for one in cases if not one[2] or one[0]["digest"] == CANNOT_TELL]

    found = draw(*(shown(outcomes, word=word, isKnown=word["isKnown"], is_added_to=added) for outcomes, word, added in cases))

    seen = set()
    for (outcomes, word, added), drawn in zip(cases, found, strict=True):
        is_of_file = outcomes["digest"] == outcomes["path"] == outcomes["registry"] == PASSED and outcomes["root"] != FAILED
        is_shown = is_of_file and (outcomes["root"] == PASSED or word["holds"])
        told = (outcomes, word, added, drawn["verdict"])
        assert (drawn["reserve"] is None) == (is_of_file and outcomes["root"] == PASSED), told
        assert "Anchored by" not in drawn["plain"] or drawn["reserve"] is None, told
        assert NAME not in drawn["plain"] or is_shown or drawn["verdict"] == "stranger", told
        assert "accredited" not in drawn["plain"] or is_shown, told
        assert drawn["link"] == (is_shown and drawn["verdict"] != "stranger" and word["isKnown"]), told
        assert drawn["tone"] not in {"good", "part"} or (is_shown and FAILED not in outcomes.values()), told
        seen.add((drawn["verdict"], drawn["reserve"]))
    assert {("genuine", None), ("anchored", None), ("stranger", None), ("service", "service")} <= seen
    assert {("changed", "changed"), ("broken", "broken"), ("added", "added"), ("untold", "untold"), ("untold", "unshown")} <= seen


VALIDITIES: dict[str | None, dict[str, str]] = {
    None: {},
    "expired": {"validUntil": "2020-01-01T00:00:00Z"},
    "early": {"validFrom": "2099-01-01T00:00:00Z"},
    "unclear": {"validUntil": "soon"},
}
NAMED_LIST = {"namedAt": "$.credentialStatus", "list": ELSEWHERE, "index": 5, "outcome": CANNOT_TELL, "verdict": "unknown"}


def test_verdict_without_a_node_is_never_better_than_with_one() -> None:
    """Where it is not the service's word it is what limits the file, or that nothing can be told."""
    values: dict[str, Sequence[Any]] = {
        "issuer-match": (PASSED, CANNOT_TELL),
        "credential-signature": (PASSED, FAILED, CANNOT_TELL),
        "accreditation": (PASSED, FAILED, CANNOT_TELL),
        "status": (PASSED, CANNOT_TELL),
        "finality": (PASSED, CANNOT_TELL),
    }
    combined = [dict(zip(values, one, strict=True)) for one in itertools.product(*values.values())]
    cases = [(outcomes, said) for outcomes in combined for said in VALIDITIES]
    dead = {"root": CANNOT_TELL, "finality": CANNOT_TELL, "status": CANNOT_TELL}

    def judged(outcomes: dict[str, str], said: str | None, **unread: str) -> dict[str, Any]:
        credential = json.dumps({"issuer": ISSUER} | VALIDITIES[said]).encode()
        named = [NAMED_LIST] if outcomes["status"] == CANNOT_TELL else []
        return shown(outcomes | unread, credential, lists=named)

    read = draw(*(judged(outcomes, said) for outcomes, said in cases))
    unread = draw(*(judged(outcomes, said, **dead) for outcomes, said in cases))

    limits = {"signature", "expired", "early", "unclear", "unaccredited"}
    for case, by_ledger, by_word in zip(cases, read, unread, strict=True):
        told = (case, by_ledger["verdict"], by_word["verdict"])
        assert by_word["verdict"] in limits | {"service", "untold"}, told
        assert by_word["verdict"] != "service" or by_ledger["verdict"] in {"genuine", "anchored", "notfinal"}, told
        assert by_word["verdict"] == by_ledger["verdict"] or by_word["verdict"] in {"service", "untold"}, told
        assert by_word["verdict"] not in limits or "By the word of this service" in by_word["plain"], told
    assert {one["verdict"] for one in unread} == limits | {"service", "untold"}


@pytest.mark.parametrize("zone", ["Europe/Madrid", "America/Mexico_City", "Pacific/Kiritimati"])
def test_days_of_validity_are_those_of_utc_wherever_the_reader_is(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    monkeypatch.setenv("TZ", zone)
    over, early = (
        json.dumps({"issuer": ISSUER} | said).encode() for said in ({"validUntil": "2026-01-31"}, {"validFrom": "2999-12-31"})
    )

    *results, waits = draw(shown({}, over), shown({}, early), waiting_case(over))

    assert "valid until 31 January 2026" in results[0]["plain"]
    assert "Valid until 31 January 2026 By the file’s own words, in UTC" in " ".join(results[0]["plain"].split())
    assert "valid from 31 December 2999" in results[1]["plain"]
    assert "valid until 31 January 2026" in waits["plain"]


def test_token_that_is_over_is_that_and_not_badly_signed() -> None:
    """Its signature is not looked at once its time is over; that of a document is."""
    said = {"iss": ISSUER, "exp": 1577836800}
    token = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "ES256"}, said)
    )
    document = json.dumps({"issuer": ISSUER} | VALIDITIES["expired"]).encode()

    over, badly_signed = draw(*(shown({"credential-signature": FAILED}, body) for body in (f"{token}.AAAA".encode(), document)))

    assert (over["verdict"], badly_signed["verdict"]) == ("expired", "signature")
    assert "valid until 1 January 2020" in over["plain"]


def test_proof_of_another_contract_is_no_word_on_the_file() -> None:
    elsewhere, wrong, strangers, revoked = draw(
        shown({"registry": FAILED, "root": FAILED, "status": CANNOT_TELL}),
        shown({"registry": FAILED, "path": FAILED}),
        shown({"registry": FAILED, "issuer-match": FAILED}),
        shown({"registry": FAILED}, word=CLEAR | {"status": "revoked"}),
    )

    assert (elsewhere["verdict"], elsewhere["tone"], elsewhere["reserve"]) == ("elsewhere", "warn", "elsewhere")
    assert "Check it on the page of its own operator" in elsewhere["plain"]
    assert "do not rely" not in elsewhere["plain"].lower()
    assert [one["verdict"] for one in (wrong, strangers, revoked)] == ["broken", "stranger", "revoked"]


def test_block_that_may_be_replaced_does_not_hide_what_limits_the_file() -> None:
    [drawn] = draw(shown({"finality": CANNOT_TELL}, json.dumps({"issuer": ISSUER} | VALIDITIES["expired"]).encode()))

    assert drawn["verdict"] == "expired"
    assert "its block may still be replaced" in drawn["plain"]
    assert "exactly this file" not in drawn["plain"]


@pytest.mark.parametrize(
    ("lists", "verdict"),
    [
        ([], "untold"),
        ([{"list": ELSEWHERE, "index": 6}], "untold"),
        ([{"list": None, "index": None}], "untold"),
        ([{"list": ELSEWHERE, "index": 5}], "service"),
    ],
)
def test_service_speaks_of_its_own_lists_only(lists: list[dict[str, Any]], verdict: str) -> None:
    dead = {"root": CANNOT_TELL, "finality": CANNOT_TELL, "status": CANNOT_TELL}

    [drawn] = draw(shown(dead, lists=[NAMED_LIST], word=CLEAR | {"lists": lists}))

    assert drawn["verdict"] == verdict
    assert ("Not revoked and not suspended, says this service" in drawn["text"]) == (verdict == "service")


def test_lists_that_the_service_speaks_of_are_read() -> None:
    lists = [{"list": ELSEWHERE, "index": 5, "set": False}]
    path = "/v1/status/0x00?issuer=did%3Aweb%3Aa.example"

    assert judge("statusOf", answers={path: [200, {"status": "clear", "lists": lists}]})["lists"] == lists
    assert judge("statusOf", answers={path: [200, {"status": "clear", "lists": "none"}]})["lists"] == []


def test_file_of_which_the_proof_covers_a_part_is_not_said_to_be_unchanged() -> None:
    dead = {"root": CANNOT_TELL, "finality": CANNOT_TELL, "status": CANNOT_TELL}
    over = json.dumps({"issuer": ISSUER} | VALIDITIES["expired"]).encode()

    found = draw(*(shown(outcomes, body, is_in_part=True) for outcomes in ({}, dead) for body in (CREDENTIAL, over)))

    assert [one["verdict"] for one in found] == ["genuine", "expired", "service", "expired"]
    for one in found:
        assert "exactly this file" not in one["text"]
        assert f"{NAME} anchored what is signed in this file on" in one["plain"]
        assert "The rest is not covered: an unprotected header" in one["plain"]
        assert "It is the file that the proof is of, unchanged" not in one["text"]


TOKEN = next(one for one in read_vectors("signatures.json")["signatures"] if "header that is not covered" in one["name"])
HEADED = json.loads(TOKEN["credential"])
BARE = HEADED | {"signatures": [{name: one for name, one in HEADED["signatures"][0].items() if name != "header"}]}
EMBEDDED = json.loads(CREDENTIAL) | {"proof": [{"type": "CredentialAnchorProof"}]}


@pytest.mark.parametrize(
    ("document", "is_in_part"), [(HEADED, True), (BARE, False), (EMBEDDED, False)], ids=["header", "no header", "proof inside"]
)
def test_report_says_where_the_proof_covers_a_part_of_a_token(document: dict[str, Any], is_in_part: bool) -> None:
    credential = json.dumps(document).encode()
    [form, *_] = canonical_candidates(credential, None)
    proof = proof_to_json(make_proof(Posted(UNIVERSITY, make_posted(0).salt, form.digest)))

    found = judge("judged", credential=in_base64(credential), proof=proof, ms=400, answers={})

    assert found["isInPart"] is is_in_part


BATCH_LIST: dict[str, Any] = {"namedAt": None, "list": ELSEWHERE, "index": 0, "outcome": FAILED}


@pytest.mark.parametrize("bad", ["revoked", "suspended"])
def test_only_who_is_shown_as_the_issuer_takes_a_credential_back(bad: str) -> None:
    """Anybody may anchor another's file and revoke that: it is said as what it is."""
    by_batch, by_file = BATCH_LIST | {"verdict": bad}, NAMED_LIST | {"verdict": bad, "outcome": FAILED}
    unnamed = {"status": FAILED, "issuer-match": CANNOT_TELL}
    of_issuer, of_file, of_anchorer, of_link, said = draw(
        shown({"status": FAILED}, lists=[by_batch]),
        shown(unnamed, b"{}", lists=[by_file]),
        shown(unnamed, b"{}", lists=[by_batch]),
        shown(unnamed | {"digest": CANNOT_TELL}, None, lists=[by_batch]),
        shown({"issuer-match": CANNOT_TELL}, b"{}", word=CLEAR | {"status": bad}),
    )

    assert [of_issuer["verdict"], of_file["verdict"]] == [bad, bad]
    assert "Its issuer has" in of_issuer["plain"]
    for one in (of_anchorer, of_link, said):
        assert (one["verdict"], one["tone"]) == (f"{bad}.handed", "bad")
        assert "Its issuer has" not in one["plain"]
        assert f"{NAME}, who handed it in, has" in one["plain"]
        assert "Who issued it is not shown here" in one["plain"]


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        ({}, "Says this service; the ledger does not show it yet"),
        ({"root": CANNOT_TELL, "finality": CANNOT_TELL, "status": CANNOT_TELL}, "Says this service"),
        ({"status": CANNOT_TELL}, "Says this service"),
    ],
    ids=["shown otherwise", "not asked", "not told"],
)
def test_ledger_is_not_said_to_lack_what_it_was_not_asked_for(outcomes: dict[str, str], words: str) -> None:
    [drawn] = draw(shown(outcomes, word=CLEAR | {"status": "revoked"}))

    assert drawn["verdict"] == "revoked"
    assert "It is neither revoked nor suspended." not in drawn["text"]
    assert ("On the ledger it is neither revoked nor suspended yet" in drawn["text"]) == ("ledger" in words)
    assert f"Status now Revoked {words} " in " ".join(drawn["text"].split()) + " "
    assert ("the ledger does not show it yet" in drawn["text"]) == ("ledger" in words)


def test_status_that_is_shown_is_the_one_of_the_check() -> None:
    strangers = {"issuer-match": FAILED, "status": CANNOT_TELL}
    revoked, clear, foreign, elsewhere = draw(
        shown(strangers, word=CLEAR | {"status": "revoked"}),
        shown(strangers),
        waiting_case(status="revoked", issuer=OTHER),
        shown({"status": CANNOT_TELL}, lists=[NAMED_LIST]),
    )

    assert [one["verdict"] for one in (revoked, clear, foreign, elsewhere)] == ["stranger", "stranger", "foreign", "untold"]
    for one in (revoked, clear, foreign, elsewhere):
        assert "Status now Cannot tell" in " ".join(one["plain"].split())


def waiting_case(credential: bytes | None = CREDENTIAL, *, status: str = "clear", issuer: str = ISSUER) -> dict[str, Any]:
    found = waiting_answer()
    found["body"]["issuer"] = issuer
    word = CLEAR | {"status": status}
    return {"judge": "waiting", "credential": in_base64(credential), "found": found, "name": NAME, "word": word, "link": NO_LINK}


def test_what_waits_is_told_of_the_file_only_where_there_is_one() -> None:
    of_file, of_link, taken_back = draw(waiting_case(), waiting_case(None), waiting_case(b"{}", status="revoked"))

    assert [one["verdict"] for one in (of_file, of_link, taken_back)] == ["waiting", "waiting", "revoked.handed"]
    assert f"{NAME} handed in exactly this file" in of_file["plain"]
    assert "exactly this file" not in of_link["plain"]
    assert "Whether yours is the same, only the file shows" in of_link["plain"]
    assert "try again in 3" in of_link["plain"]


@pytest.mark.parametrize("failed", ["digest", "path", "registry", "root"])
def test_checks_of_a_proof_that_does_not_hold_say_nothing_of_the_file(failed: str) -> None:
    [drawn] = draw(shown({failed: FAILED}))

    for untrue in ("leads from this file", "who anchored it", "was anchored, unchanged", "anchored exactly this file"):
        assert untrue not in drawn["text"]


def test_what_was_added_behind_the_anchored_part_is_told() -> None:
    outcomes = {"digest": CANNOT_TELL, "issuer-match": CANNOT_TELL}
    added, revoked = draw(
        shown(outcomes, b"%PDF-1.7", is_added_to=True),
        shown(outcomes, b"%PDF-1.7", is_added_to=True, word=CLEAR | {"status": "revoked"}),
    )

    assert (added["verdict"], added["tone"], added["reserve"]) == ("added", "warn", "added")
    assert "may cover or replace what you read" in added["plain"]
    assert "Only its beginning is what the proof is of" in added["text"]
    assert "before something was added" in added["text"]
    assert (revoked["verdict"], revoked["reserve"]) == ("revoked.handed", "added")


def test_sentence_about_the_issuer_tells_what_the_file_does_not_say_from_what_it_says() -> None:
    [drawn] = draw(shown({}))

    assert f"{NAME} anchored exactly this file on 23 November 2026, and the file names the same issuer" in drawn["plain"]
    assert f"names {NAME}" not in drawn["text"]


def test_long_names_are_cut() -> None:
    found = draw(
        shown({}, name="x" * 5000),
        shown({}, link={"isOther": False, "issuer": "did:web:" + "x" * 5000}),
        {"judge": "waiting", "credential": None, "found": waiting_answer(), "name": "x" * 5000, "word": CLEAR, "link": NO_LINK},
    )

    assert ["x" * 200 in one["text"] for one in found] == [True, False, True]
    assert [one["text"] for one in found if "x" * 201 in one["text"]] == []


def waiting_answer(retry_after_s: int = 3) -> dict[str, Any]:
    return {"body": {"issuer": ISSUER, "receivedAt": "2026-11-23T12:00:05Z"}, "retryAfterS": retry_after_s, "digest": DIGEST}


@pytest.mark.parametrize(
    ("seconds", "words"), [(3, "try again in 3\N{NO-BREAK SPACE}s"), (600, "try again in 10\N{NO-BREAK SPACE}min")]
)
def test_what_waits_is_to_be_asked_for_when_the_service_says(seconds: int, words: str) -> None:
    case = {"judge": "waiting", "credential": in_base64(CREDENTIAL), "name": NAME, "word": CLEAR, "link": NO_LINK}

    [drawn] = draw(case | {"found": waiting_answer(seconds)})

    assert words in drawn["plain"]


def test_service_that_does_not_say_how_it_stands_is_named() -> None:
    spoken, silent, dead = draw(
        shown({}), shown({}, word=CLEAR | {"status": None, "isSilent": True}), shown({"status": CANNOT_TELL}, word=SILENT)
    )

    assert "did not answer how it stands" not in spoken["text"]
    assert (silent["verdict"], dead["verdict"]) == ("genuine", "untold")
    assert "did not answer how it stands" in silent["plain"]
    assert "did not answer how it stands" in dead["plain"]


@pytest.mark.parametrize(
    ("answer", "status", "is_known", "is_silent"),
    [
        ([200, {"status": "revoked", "since": "2026-11-23T12:00:05Z"}], "revoked", True, False),
        ([200, {"status": "cannot tell"}], None, True, False),
        ([404, {}], None, False, False),
        ([503, {}], None, False, True),
        ([429, {}], None, False, True),
        ([400, {}], None, False, True),
        (None, None, False, True),
    ],
    ids=["revoked", "cannot tell", "not known", "out of order", "too often", "refused", "hangs"],
)
def test_status_that_the_service_does_not_give_is_told_from_one_that_it_does_not_have(
    answer: Any, status: str | None, is_known: bool, is_silent: bool
) -> None:
    answers = {"/v1/status/0x00?issuer=did%3Aweb%3Aa.example": answer}

    found = judge("statusOf", answers=answers, timeoutMs=50)

    assert (found["status"], found["isKnown"], found["isSilent"]) == (status, is_known, is_silent)


def test_contract_that_was_read_is_shown_with_whose_word_it_is() -> None:
    operators, own = draw(shown({}), shown({}, trusted={"registry": CONTRACT, "finality": "depth:12", "isOwn": True}))

    assert CONTRACT in operators["plain"]
    assert "Named by the operator of this page; anchors stay by the rule “finalized”" in operators["plain"]
    assert "Entered by you; anchors stay by the rule “depth:12”" in own["plain"]


@pytest.mark.parametrize(
    ("own", "known", "registry", "finality", "is_own"),
    [
        (None, True, CONTRACT, "depth:3", False),
        (None, False, None, "finalized", False),
        ("eip155:1:0x" + "aa" * 20, True, "eip155:1:0x" + "aa" * 20, "depth:3", True),
        ("eip155:1:0x" + "aa" * 20 + " depth:12", True, "eip155:1:0x" + "aa" * 20, "depth:12", True),
        ("eip155:1:0x" + "aa" * 20, False, "eip155:1:0x" + "aa" * 20, "finalized", True),
        ("nonsense", True, CONTRACT, "depth:3", False),
    ],
    ids=["operator's", "nobody's", "own", "own with a rule", "own and the service is silent", "nonsense"],
)
def test_contract_that_the_reader_entered_counts(
    own: str | None, known: bool, registry: str | None, finality: str, is_own: bool
) -> None:
    ledger = {"ledger": "eip155:31337", "contract": "0x" + "c3" * 20, "finality": "depth:3"} if known else None

    assert judge("trustedContract", own=own, ledger=ledger) == {"registry": registry, "finality": finality, "isOwn": is_own}


# What supports a file: whose anchor counts, and which of the proofs

STRANGER = "did:web:attacker.example"
OURS = "eip155:31337:0x" + "5f" * 20
NAMELESS = json.dumps({"type": ["VerifiableCredential"]}).encode()


def forms_of(body: bytes) -> list[str]:
    """Digests of the canonical form and of the bytes as they are."""
    return [to_hex(form.digest) for form in canonical_candidates(body, None)]


def proof_of(digest: str, issuer: str = ISSUER, **members: Any) -> dict[str, Any]:
    posted = Posted(parse_did(issuer), make_posted(0).salt, as_digest(bytes.fromhex(digest.removeprefix("0x"))))
    return proof_to_json(make_proof(posted)) | members


def waiting_of(digest: str, issuer: str = ISSUER, **members: Any) -> list[Any]:
    return [202, {"digest": digest, "issuer": issuer, "state": "waiting", "receivedAt": "2026-11-23T12:00:05Z"} | members]


def path_of(digest: str, issuer: str | None = None) -> str:
    return f"/v1/proofs/{digest}" + (f"?issuer={issuer.replace(':', '%3A')}" if issuer else "")


def supported(body: bytes | None, answers: dict[str, Any], **how: Any) -> dict[str, Any]:
    found: dict[str, Any] = judge("support", credential=in_base64(body), answers=answers, **how)
    return found


def with_inside(*proofs: dict[str, Any]) -> bytes:
    return json.dumps(json.loads(CREDENTIAL) | {"proof": list(proofs)}).encode()


def issuers_of(found: dict[str, Any]) -> list[tuple[str, bool]]:
    """Whose proofs count, the best first, and whether the service gave them."""
    return [(one["issuer"], one["isKnown"]) for one in found["candidates"]]


JCS, RAW = forms_of(CREDENTIAL)


@pytest.mark.parametrize(
    "others",
    [
        [200, proof_of(JCS, STRANGER)],
        waiting_of(JCS, STRANGER),
        [300, {"issuers": [STRANGER, OTHER]}],
        [200, proof_of(RAW)],
        [200, {}],
        None,
    ],
    ids=["anchored", "waiting", "several", "unfit", "no proof", "nothing"],
)
def test_what_others_have_of_one_form_hides_nothing_of_another(others: Any) -> None:
    answers = {path_of(JCS): [503, {}] if others is None else others, path_of(RAW): [200, proof_of(RAW)]}

    found = supported(CREDENTIAL, answers)

    assert issuers_of(found) == [(ISSUER, True)]
    assert found["candidates"][0]["digest"] == RAW
    assert found["choose"] is None


@pytest.mark.parametrize(
    "answer",
    [
        [404, {}],
        [503, {}],
        [200, proof_of(JCS, STRANGER)],
        [200, proof_of(RAW)],
        waiting_of(JCS),
        waiting_of(JCS, STRANGER),
        [202, {}],
        [300, {"issuers": [STRANGER, OTHER]}],
        [300, {}],
    ],
)
def test_whatever_a_service_answers_a_good_proof_inside_or_beside_counts(answer: list[Any]) -> None:
    """Where its issuer is whom the file names. What the service says of the issuer is asked for besides."""
    inside, beside = with_inside(proof_of(JCS, STRANGER), proof_of(JCS)), [proof_of(JCS, STRANGER), proof_of(JCS)]
    answers = {path_of(one): answer for body in (CREDENTIAL, inside) for one in forms_of(body)[:1]}

    for body, proofs in ((inside, []), (CREDENTIAL, beside)):
        found = supported(body, answers, proofs=proofs)

        assert issuers_of(found) == [(ISSUER, False)]
        assert found["waiting"] in {None, ISSUER}


def test_proof_of_the_service_comes_first_and_the_same_one_counts_once() -> None:
    newer = proof_of(JCS) | {"anchor": proof_of(JCS)["anchor"] | {"sequence": 8}}
    answers = {path_of(JCS): [200, proof_of(JCS)]}

    assert issuers_of(supported(CREDENTIAL, answers, proofs=[proof_of(JCS)])) == [(ISSUER, True)]
    assert issuers_of(supported(CREDENTIAL, answers, proofs=[newer])) == [(ISSUER, True), (ISSUER, False)]


@pytest.mark.parametrize(
    "proof",
    [
        proof_of(RAW[:-2] + "00"),
        proof_of(JCS, leafIndex=proof_of(JCS)["leafIndex"] ^ 1),
        proof_of(JCS, anchor=proof_of(JCS)["anchor"] | {"contract": "0x" + "c2" * 20}),
        {"type": "CredentialAnchorProof", "version": 2},
    ],
    ids=["another file", "wrong path", "another contract", "unreadable"],
)
def test_proof_that_does_not_fit_is_judged_only_where_there_is_nothing_else(proof: dict[str, Any]) -> None:
    contracts = [OURS, OURS]
    alone = supported(CREDENTIAL, {}, proofs=[proof], contracts=contracts)
    beside = supported(CREDENTIAL, {path_of(RAW): [200, proof_of(RAW)]}, proofs=[proof], contracts=contracts)
    answered = supported(CREDENTIAL, {path_of(JCS): [200, proof]}, contracts=contracts)

    assert [one["isFit"] for one in alone["candidates"]] == [False]
    assert issuers_of(beside) == [(ISSUER, True)]
    assert (answered["candidates"], answered["isUnfit"]) == ([], True), "the service's answer says nothing of the file"


def test_contract_that_the_reader_entered_is_looked_for_first() -> None:
    of_others = proof_of(JCS, anchor=proof_of(JCS)["anchor"] | {"contract": "0x" + "c2" * 20})
    answers, entered = {path_of(JCS): [200, of_others]}, [OURS, OURS.replace("5f", "c2")]

    assert issuers_of(supported(CREDENTIAL, answers, contracts=entered)) == [(ISSUER, True)], "and fails as what it is"
    assert issuers_of(supported(CREDENTIAL, answers, contracts=entered, proofs=[proof_of(JCS)])) == [
        (ISSUER, False),
        (ISSUER, True),
    ]


@pytest.mark.parametrize("answer", [[200, proof_of(JCS, STRANGER)], waiting_of(JCS, STRANGER)], ids=["anchored", "waiting"])
def test_anchor_of_a_stranger_is_shown_as_that_where_there_is_no_other(answer: list[Any]) -> None:
    """An attacker's proof beside a forged file makes nothing better of it."""
    found = supported(CREDENTIAL, {path_of(JCS): answer}, proofs=[proof_of(JCS, STRANGER)])

    assert {one["issuer"] for one in found["candidates"]} == {STRANGER}
    assert found["choose"] is None


def test_proof_of_the_named_issuer_in_another_contract_is_not_hidden_by_a_strangers_anchor() -> None:
    elsewhere = proof_of(JCS, anchor=proof_of(JCS)["anchor"] | {"contract": "0x" + "c2" * 20})
    answers = {path_of(JCS): [200, proof_of(JCS, STRANGER)]}

    found = supported(CREDENTIAL, answers, proofs=[elsewhere], contracts=[OURS, OURS])
    of_another_file = supported(CREDENTIAL, answers, proofs=[elsewhere | {"digest": RAW}], contracts=[OURS, OURS])

    assert (issuers_of(found), found["others"]) == ([(ISSUER, False)], [STRANGER])
    assert issuers_of(of_another_file) == [(STRANGER, True)]


def test_of_a_file_without_an_issuer_nobodys_proof_hides_anothers() -> None:
    """Who was revoked might have it anchored by another, whose proof goes along."""
    digest, _ = forms_of(NAMELESS)
    answers = {
        path_of(digest): [200, proof_of(digest)],
        path_of(digest, STRANGER): [404, {}],
        path_of(digest, ISSUER): [200, proof_of(digest)],
    }
    proofs = [proof_of(digest, STRANGER)]

    found = supported(NAMELESS, answers, proofs=proofs)
    of_link = supported(NAMELESS, answers, proofs=proofs, expected={"digest": digest, "issuer": ISSUER})
    chosen = supported(NAMELESS, answers, proofs=proofs, issuer=STRANGER)
    alone = supported(NAMELESS, {}, proofs=proofs)

    assert (found["choose"], found["candidates"]) == ([ISSUER, STRANGER], [])
    assert (issuers_of(of_link), of_link["others"]) == ([(ISSUER, True)], [STRANGER])
    assert issuers_of(chosen) == issuers_of(alone) == [(STRANGER, False)]


def test_of_several_the_named_one_is_asked_for() -> None:
    answers = {
        path_of(JCS): [300, {"issuers": [STRANGER, ISSUER]}],
        path_of(JCS, ISSUER): [200, proof_of(JCS)],
        path_of(RAW): waiting_of(RAW, OTHER),
    }

    found = supported(CREDENTIAL, answers)

    assert (issuers_of(found), found["others"]) == ([(ISSUER, True)], [STRANGER])
    assert found["asked"][-1] == path_of(JCS, ISSUER)


def test_file_that_was_taken_back_in_one_form_is_taken_back() -> None:
    answers = {path_of(JCS): [200, proof_of(JCS)], path_of(RAW): waiting_of(RAW)}
    revoked = {"status": "revoked", "since": "2026-11-23T12:00:05Z"}
    told = judge(
        "statusOfAll",
        digests=["0x00", "0x01"],
        answers={"/v1/status/0x00": [200, {"status": "clear"}], "/v1/status/0x01": [200, revoked]},
    )

    assert supported(CREDENTIAL, answers)["digests"] == [JCS, RAW]
    assert (told["status"], told["since"], told["isKnown"]) == ("revoked", revoked["since"], True)


def test_issuer_of_a_link_does_not_replace_whom_the_service_has_for_the_file() -> None:
    """Asked without an issuer, the service answers for whoever anchored it; the link alone is asked for as it stands."""
    expected = {"digest": JCS, "issuer": OTHER}
    answers = {path_of(JCS): [200, proof_of(JCS)], path_of(JCS, OTHER): [200, proof_of(JCS, OTHER)]}

    of_file = supported(CREDENTIAL, answers, expected=expected)
    chosen = supported(CREDENTIAL, answers, issuer=OTHER, expected=expected)
    of_link = supported(None, answers, expected=expected)
    another = supported(b"another file", answers, expected=expected)

    assert [one["candidates"][0]["issuer"] for one in (of_file, chosen, of_link, another)] == [ISSUER, OTHER, OTHER, OTHER]
    assert another["asked"][0] != path_of(JCS, OTHER), "the file first, then what it is compared with"
    assert not any(one["isOther"] for one in (of_file, chosen, of_link, another))


def test_good_proof_of_another_file_than_the_link_names_is_told_as_that() -> None:
    expected = {"digest": ELSEWHERE, "issuer": ISSUER}

    found = supported(
        CREDENTIAL, {path_of(ELSEWHERE, ISSUER): [200, proof_of(ELSEWHERE)]}, proofs=[proof_of(JCS)], expected=expected
    )

    assert (issuers_of(found), found["isOther"]) == ([(ISSUER, False)], True)


@pytest.mark.parametrize("status", [400, 403, 429, 500])
def test_answer_about_something_else_is_no_word_on_a_file(status: int) -> None:
    found = supported(CREDENTIAL, {path_of(JCS): [status, {}]})

    assert (found["candidates"], found["isSilent"], found["isUnfit"]) == ([], True, False)


@pytest.mark.parametrize(
    "answer",
    [
        [200, None],
        [200, []],
        [200, 5],
        [202, {}],
        waiting_of(JCS, receivedAt="soon"),
        waiting_of(RAW),
        [300, {}],
        [300, {"issuers": [5, "x"]}],
    ],
)
def test_answer_in_no_form_of_one_is_said_to_be_unfit(answer: list[Any]) -> None:
    found = supported(CREDENTIAL, {path_of(JCS): answer})

    assert (found["candidates"], found["waiting"], found["isUnfit"]) == ([], None, True)


def test_link_that_names_another_issuer_is_told_as_such() -> None:
    beside = judge("besideLink", credential=in_base64(CREDENTIAL), expected={"digest": DIGEST, "issuer": OTHER}, anchorer=ISSUER)
    same = judge("besideLink", credential=in_base64(CREDENTIAL), expected={"digest": DIGEST, "issuer": ISSUER}, anchorer=ISSUER)
    genuine, pdf, unshown = draw(
        shown({}, link=beside),
        shown({"issuer-match": CANNOT_TELL}, b"%PDF-1.7", link=beside),
        shown({"issuer-match": CANNOT_TELL, "root": CANNOT_TELL}, b"%PDF-1.7", link=beside, word=SILENT),
    )

    assert (beside, same) == ({"isOther": False, "issuer": OTHER}, NO_LINK)
    assert [one["verdict"] for one in (genuine, pdf, unshown)] == ["genuine", "misnamed", "untold"]
    for one in (genuine, pdf, unshown):
        assert f"Link {OTHER} The link names this issuer, who is not the one that counts here" in " ".join(one["plain"].split())


@pytest.mark.parametrize(
    ("body", "forms", "verdict", "words"),
    [
        (b'{"a": -0}', 1, "e.form", "not damaged"),
        (b'{"a": 12345678901234567890}', 1, "e.form", "not damaged"),
        (b'\xef\xbb\xbf{"a": 1}', 1, "e.form", "byte order mark"),
        (b'{"a": 1', 1, "e.json", "damaged"),
        (b"\xff\xd8\xff\xe0 a photo", 1, "unknown", "This is a picture"),
        (b"\x89PNG\r\n\x1a\n", 1, "unknown", "open the link in the QR code"),
        (b"\x00\x00\x00\x18ftypheic", 1, "unknown", "This is a picture"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', 1, "unknown", "This is a picture"),
        (b"<svgs>", 1, "unknown", "A scan, a photo"),
        (b"%PDF-1.7", 1, "unknown", "A scan, a photo"),
        (b"[" * 5000 + b"]" * 5000, 1, "e.large", "nested too deeply"),
    ],
)
def test_file_that_nobody_posted_is_told_what_is_wrong_with_it(body: bytes, forms: int, verdict: str, words: str) -> None:
    [drawn] = draw({"judge": "unknown", "credential": in_base64(body), "forms": forms})

    assert drawn["verdict"] == verdict
    assert words in drawn["plain"]


def test_reason_in_the_words_of_the_module_stands_apart_from_the_sentence() -> None:
    deep = b'{"a' + b"a" * 39 + b'": ' + b'{"a": ' * 40 + b"-0" + b"}" * 41
    by_form, by_proof = draw(
        {"judge": "unknown", "credential": in_base64(deep), "forms": 1}, {"judge": "unreadable", "reason": "$.version: no"}
    )

    assert "In technical words $.version: no" in " ".join(by_proof["plain"].split())
    assert ".a.a.a" in by_form["plain"]
    assert not any("$." in line and "JSON" in line for line in by_form["plain"].splitlines())


@pytest.mark.parametrize("name", ["merkletools", "chainpoint-v3", "merkleproof2019", "credanchor"])
def test_proof_in_any_format_is_told_from_a_credential(name: str) -> None:
    proof = read_vectors("formats.json")["formats"][1][name]

    assert judge("isAnyProof", body=in_base64(json.dumps(proof).encode())) is True
    assert judge("isAnyProof", body=in_base64(CREDENTIAL)) is False


@pytest.mark.parametrize("name", ["merkletools", "chainpoint-v3", "merkleproof2019"])
def test_proof_in_another_format_beside_a_credential_is_no_second_credential(name: str) -> None:
    formats = read_vectors("formats.json")["formats"][1]
    foreign, ours = (in_base64(json.dumps(formats[one]).encode()) for one in (name, "credanchor"))
    credential = in_base64(CREDENTIAL)

    beside, both, alone = (
        judge("together", bodies=bodies) for bodies in ([credential, foreign], [foreign, credential, ours], [foreign])
    )

    assert beside == {"files": ["0"], "proofs": ["1"], "isUsed": False, "isLeft": True}
    assert both == {"files": ["1"], "proofs": ["0", "2"], "isUsed": True, "isLeft": True}
    assert alone["files"] == ["0"]


@pytest.mark.parametrize(
    ("pasted", "text"),
    [
        ('```json\n{"a": 1}\n```\n', '{"a": 1}'),
        ("```\neyJhIjoxfQ.YQ\n.YQ\n```", "eyJhIjoxfQ.YQ.YQ"),
        ('{"a": "```"}', '{"a": "```"}'),
    ],
)
def test_fence_of_markdown_is_no_part_of_what_was_pasted(pasted: str, text: str) -> None:
    assert judge("textOf", text=pasted) == text


LINK = f"https://anchor.example/verify?digest={DIGEST}&issuer=did:web:a.example"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        (LINK, LINK),
        (f" <{LINK}>.\n", LINK),
        (f"{LINK[:60]}\r\n{LINK[60:]}", LINK),
        (f"See {LINK}\u200b)", LINK),
        (LINK.replace("https", "HTTPS"), LINK.replace("https", "HTTPS")),
        (LINK.removeprefix("https://"), LINK),
        (json.dumps({"id": LINK}), None),
        (f'"{LINK}"', None),
        ("A diploma, " * 10 + LINK, None),
        ("A diploma", None),
    ],
)
def test_link_is_found_as_mails_have_it(text: str, link: str | None) -> None:
    assert judge("linkIn", text=text) == link


@pytest.mark.parametrize(
    ("ahead_s", "words"), [(2 * 86_400, "are 2\N{NO-BREAK SPACE}d apart"), (-7200, "are 2\N{NO-BREAK SPACE}h apart"), (600, None)]
)
def test_clock_that_is_far_off_is_said_to_be(ahead_s: int, words: str | None) -> None:
    [drawn] = draw(shown({}, aheadS=ahead_s))

    assert ("The clock of this device" in drawn["plain"]) == (words is not None)
    assert words is None or words in drawn["plain"]


LONG = 1_000_000


@pytest.mark.parametrize(
    "pasted",
    ["a" + "," * LONG + "a", "a" + '"' * LONG + "a", "```" + "\n" * LONG + "a", "a" + " " * LONG + "a"],
    ids=["commas", "quotes", "lines", "space"],
)
def test_text_is_read_in_a_time_that_grows_with_its_length_alone(pasted: str) -> None:
    began = time.monotonic()

    text = judge("textOf", text=pasted)

    assert text == pasted
    assert time.monotonic() - began < 10, "each of them took a minute or more"


def test_number_is_read_in_a_time_that_grows_with_its_length_alone() -> None:
    began = time.monotonic()

    [drawn] = draw({"judge": "unknown", "credential": in_base64(b'{"a": 1.' + b"0" * LONG + b"1}"), "forms": 1})

    assert drawn["verdict"] == "e.form"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (DIGEST, DIGEST),
        (DIGEST[2:].upper(), DIGEST),
        (f"https://anchor.example/verify?digest={DIGEST}", DIGEST),
        (f"https://anchor.example/verify?digest={DIGEST}&issuer=did:web:a b", None),
        (DIGEST[:-1], None),
    ],
)
def test_digest_alone_is_looked_up(text: str, digest: str | None) -> None:
    found = judge("readPermalink", text=text)

    assert found == (digest and {"digest": digest, "issuer": None})


def test_names_hold_nothing_back() -> None:
    answers = {"/v1/issuers/did%3Aweb%3Aa.example": [200, {"name": NAME}], "/v1/issuers/did%3Aweb%3Ab.example": None}

    found = judge("namesOf", answers=answers, timeoutMs=1000)

    assert found["isLate"]
    assert found["tookMs"] < 900
    assert (found["first"], found["last"]) == ({"did:web:a.example": NAME}, {"did:web:a.example": NAME})


def test_questions_that_hang_end_together() -> None:
    """Node, status and name; the node is asked several things, one after the other."""
    proof = read_vectors("formats.json")["formats"][1]["credanchor"]
    hanging = [
        f"/v1/status/{proof['digest']}?issuer={proof['issuer'].replace(':', '%3A')}",
        f"/v1/issuers/{proof['issuer'].replace(':', '%3A')}",
    ]

    found = judge("judged", proof=proof, ms=400, answers=dict.fromkeys(["https://node.example", *hanging]))

    assert 300 < found["tookMs"] < 2000
    assert found["word"]["isSilent"]
    assert (found["outcomes"]["path"], found["outcomes"]["root"], found["outcomes"]["status"]) == (
        PASSED,
        CANNOT_TELL,
        CANNOT_TELL,
    )
