"""POST /v1/verify: the report of checks, made of what the rounds saw."""

import base64
import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from anchoring.core.batch import PublishedHead
from anchoring.core.canonical import canonicalize
from anchoring.core.status import head_digest
from anchoring.core.status_change import StatusAction
from anchoring.types import ListId, TxHash, parse_digest, to_hex
from anchoring.usecases.change_status import change_status
from anchoring.usecases.change_status.targets import StatusRequest
from tests.api import Api, anchor, check_problem, seal
from tests.factories import ACADEMY, UNIVERSITY
from tests.records import BLOCK

CREDENTIAL = {"type": ["VerifiableCredential"], "issuer": UNIVERSITY, "name": "é", "grade": 1.5}
HOLDS = ("digest", "path", "registry", "root", "finality", "issuer-match", "status")


@pytest.fixture
def proof(api: Api) -> dict[str, Any]:
    """The proof of CREDENTIAL, final, with others in its batch."""
    digest = api.post("/v1/credentials", CREDENTIAL, "application/vc").json()["digest"]
    api.post_numbers(*range(5))
    anchor(api, seal(api))
    found: dict[str, Any] = api.get(f"/v1/proofs/{digest}").json()
    return found


def report(api: Api, **question: Any) -> dict[str, Any]:
    response = api.client.post("/v1/verify", json=question)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer: dict[str, Any] = response.json()
    return answer


def outcomes(answer: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["outcome"] for check in answer["checks"]}


def test_verify_reports_every_check(api: Api, proof: dict[str, Any]) -> None:
    answer = report(api, credential=CREDENTIAL, proof=proof)

    assert answer["outcome"] == "passed"
    assert answer["statement"] == f"anchored by {UNIVERSITY}, existed not later than 2026-11-23T12:00:00Z"
    assert answer["required"] == list(HOLDS)
    untold = dict.fromkeys(("credential-signature", "accreditation"), "cannot tell")
    assert outcomes(answer) == dict.fromkeys(HOLDS, "passed") | untold
    assert {check["checkedAt"] for check in answer["checks"]} == {"2026-11-23T12:00:00Z"}


@pytest.mark.parametrize("form", ["object", "text", "base64"])
def test_verify_finds_its_own_proof(api: Api, proof: dict[str, Any], form: str) -> None:
    text = json.dumps(CREDENTIAL, indent=2)
    questions: dict[str, dict[str, Any]] = {
        "object": {"credential": CREDENTIAL},
        "text": {"credential": text},
        "base64": {"credentialBase64": base64.b64encode(text.encode()).decode()},
    }

    assert report(api, **questions[form])["outcome"] == "passed"


def test_verify_of_a_proof_alone_cannot_tell_of_what(api: Api, proof: dict[str, Any]) -> None:
    answer = report(api, proof=proof)

    assert answer["outcome"] == "cannot tell"
    assert answer["statement"].endswith("not compared with the file")
    untold = ("digest", "issuer-match", "credential-signature", "accreditation")
    assert {name for name, outcome in outcomes(answer).items() if outcome == "cannot tell"} == set(untold)


def test_verify_requires_what_it_is_told_to(api: Api, proof: dict[str, Any]) -> None:
    answer = report(api, proof=proof, require=["root", "path"])

    assert (answer["outcome"], answer["required"]) == ("passed", ["path", "root"])
    assert report(api, proof=proof, require=["accreditation"])["outcome"] == "cannot tell"


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"salt": "0x" + "00" * 16}, {"path"}),
        ({"leafIndex": 5, "treeSize": 6}, {"path"}),
        ({"treeSize": 64}, {"path", "root"}),
        ({"issuer": ACADEMY}, {"path", "issuer-match"}),
        ({"digest": "0x" + "00" * 32}, {"digest", "path"}),
        ({"path": []}, {"path"}),
    ],
)
def test_verify_fails_a_proof_that_was_changed(api: Api, proof: dict[str, Any], change: dict[str, Any], failed: set[str]) -> None:
    if proof["leafIndex"] == change.get("leafIndex"):
        change = change | {"leafIndex": 4}

    answer = report(api, credential=CREDENTIAL, proof=proof | change)

    assert answer["outcome"] == "failed"
    assert {name for name, outcome in outcomes(answer).items() if outcome == "failed"} == failed


@pytest.mark.parametrize(
    ("change", "check", "outcome"),
    [
        ({"contract": "0x" + "d4" * 20}, "registry", "failed"),
        ({"ledger": "eip155:1"}, "registry", "failed"),
        ({"sequence": 2}, "root", "failed"),
        ({"transaction": "0x" + "00" * 32}, "root", "failed"),
        ({"blockNumber": 5}, "root", "failed"),
        ({"blockHash": "0x" + "00" * 32}, "root", "failed"),
        ({"anchoredAt": "2020-01-01T00:00:00Z"}, "root", "failed"),
        ({"state": "confirmed"}, "finality", "passed"),
    ],
)
def test_verify_believes_nothing_the_proof_says_of_its_anchor(
    api: Api, proof: dict[str, Any], change: dict[str, Any], check: str, outcome: str
) -> None:
    answer = report(api, credential=CREDENTIAL, proof=proof | {"anchor": proof["anchor"] | change})

    assert outcomes(answer)[check] == outcome
    assert answer["outcome"] == outcome


def test_verify_cannot_tell_of_a_root_it_has_not_seen(api: Api, proof: dict[str, Any]) -> None:
    answer = report(api, credential=CREDENTIAL, proof=proof | {"root": "0x" + "00" * 32})

    assert outcomes(answer)["root"] == "cannot tell"
    assert answer["outcome"] == "failed"  # the path does not lead there


def test_verify_of_a_changed_credential_fails(api: Api, proof: dict[str, Any]) -> None:
    answer = report(api, credential=CREDENTIAL | {"grade": 1.0}, proof=proof)

    assert (answer["outcome"], outcomes(answer)["digest"]) == ("failed", "failed")


def test_verify_of_a_confirmed_anchor_cannot_tell_of_finality(api: Api) -> None:
    api.post("/v1/credentials", CREDENTIAL, "application/vc")
    anchor(api, seal(api), final=False)

    answer = report(api, credential=CREDENTIAL)

    assert (answer["outcome"], outcomes(answer)["finality"]) == ("cannot tell", "cannot tell")


def test_verify_of_a_credential_without_a_proof_yet_is_not_found(api: Api) -> None:
    question = {"credential": CREDENTIAL}
    problem = check_problem(api.client.post("/v1/verify", json=question), 404, "not-found")
    assert problem["detail"] == "this credential was not posted here, and has no proof inside that could be judged"
    api.post("/v1/credentials", CREDENTIAL, "application/vc")

    problem = check_problem(api.client.post("/v1/verify", json=question), 404, "not-found")

    assert problem["detail"] == "the credential was posted and is waiting: it has no proof yet"


def test_verify_asks_whose_proof_is_meant_where_the_credential_names_nobody(api: Api) -> None:
    nameless = {name: value for name, value in CREDENTIAL.items() if name != "issuer"}
    for one in (nameless, CREDENTIAL):
        api.post("/v1/credentials", one, "application/vc")
        api.post("/v1/credentials", one, "application/vc", key=api.other)
    anchor(api, seal(api))

    problem = check_problem(api.client.post("/v1/verify", json={"credential": nameless}), 422, "invalid-input")

    assert UNIVERSITY in problem["detail"]
    assert ACADEMY in problem["detail"]
    assert problem["at"] == "$.issuer"
    assert report(api, credential=CREDENTIAL)["outcome"] == "passed"
    assert report(api, credential=CREDENTIAL, issuer=UNIVERSITY)["outcome"] == "passed"
    assert outcomes(report(api, credential=CREDENTIAL, issuer=ACADEMY))["issuer-match"] == "failed"


def test_verify_takes_the_form_that_the_named_issuer_posted(api: Api) -> None:
    """Whatever somebody else posted."""
    raw = json.dumps(CREDENTIAL).encode()
    api.post("/v1/credentials?canonicalization=raw", raw, "application/vc")
    api.post("/v1/credentials", CREDENTIAL, "application/vc", key=api.other)
    anchor(api, seal(api))

    found = report(api, credentialBase64=base64.b64encode(raw).decode())
    strangers = report(api, credential=CREDENTIAL)

    assert (found["outcome"], outcomes(strangers)["issuer-match"]) == ("passed", "failed")


def test_verify_takes_the_proof_inside_where_only_somebody_else_posted_the_credential(api: Api, proof: dict[str, Any]) -> None:
    inside = CREDENTIAL | {"proof": [proof]}
    assert api.delete(f"/v1/digests/{proof['digest']}").status_code < 300
    api.post("/v1/credentials", CREDENTIAL, "application/vc", key=api.other)
    waiting = outcomes(report(api, credential=inside))
    anchor(api, seal(api))

    anchored, forged = (outcomes(report(api, credential=one)) for one in (inside, inside | {"name": "x"}))

    assert {one["issuer-match"] for one in (waiting, anchored)} == {one["digest"] for one in (waiting, anchored)} == {"passed"}
    assert forged["digest"] == "failed"


def test_verify_of_a_deep_credential_reaches_as_deep_as_posting(api: Api) -> None:
    deep: Any = {}
    for _ in range(63):
        deep = {"a": deep}
    assert api.post("/v1/credentials", deep, "application/vc").status_code == 202
    anchor(api, seal(api))

    assert outcomes(report(api, credential=deep))["digest"] == "passed"


def test_verify_needs_no_key_and_stores_nothing(api: Api, proof: dict[str, Any]) -> None:
    before = api.get("/v1/ledger").json()

    report(api, credential={"never": "posted"}, proof=proof)

    assert api.get("/v1/ledger").json() == before


# status


def lists_of(answer: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(one["purpose"], one["verdict"], one["basis"]) for one in answer["statusLists"]]


def change(api: Api, proof: dict[str, Any], action: StatusAction, **members: Any) -> ListId:
    """Made by the issuer; the list that shows it."""
    with api.store.writing() as uow:
        request = StatusRequest(action=action, digest=parse_digest(proof["digest"]), at="$", **members)
        [made] = change_status(uow, api.issuer, [request], now=api.clock.now(), requested_by="test")
        uow.commit()
    assert made.list_id
    return made.list_id


def publish(api: Api, list_id: ListId, at: datetime) -> None:
    """The next version of the list, confirmed on the ledger at this time."""
    with api.store.writing() as uow:
        of = uow.status_versions.current(list_id)
        assert of is not None
        digest = head_digest(list_id, 1, of.bits)
        assert uow.status_versions.prepare(of, 1, digest, api.clock.now())
        [version] = uow.status_versions.prepared(1)
        head = PublishedHead(
            list_id=list_id, version=1, digest=digest, transaction=TxHash(bytes(32)), block=BLOCK, published_at=at
        )
        assert uow.status_versions.confirm(version.id, head)
        uow.commit()


def test_verify_finds_no_change_in_the_lists_that_follow_from_the_batch(api: Api, proof: dict[str, Any]) -> None:
    answer = report(api, credential=CREDENTIAL, proof=proof)

    assert lists_of(answer) == [("revocation", "clear", "ledger"), ("suspension", "clear", "ledger")]


def test_verify_sees_a_revocation_at_once(api: Api, proof: dict[str, Any]) -> None:
    change(api, proof, StatusAction.REVOKE)

    answer = report(api, credential=CREDENTIAL, proof=proof)

    assert (answer["outcome"], answer["statement"]) == ("failed", "does not hold: status failed")
    assert lists_of(answer) == [("revocation", "revoked", "signature"), ("suspension", "clear", "ledger")]
    assert report(api, proof=proof)["statusLists"] == answer["statusLists"]


@pytest.mark.parametrize("ahead_s", [-60, 0, 30])
def test_verify_says_which_version_on_the_ledger_shows_it(api: Api, proof: dict[str, Any], ahead_s: int) -> None:
    list_id = change(api, proof, StatusAction.SUSPEND)
    publish(api, list_id, api.clock.now() + timedelta(seconds=ahead_s))
    suspended = report(api, credential=CREDENTIAL, proof=proof)
    change(api, proof, StatusAction.REINSTATE, expected=1)

    reinstated = report(api, credential=CREDENTIAL, proof=proof)

    assert suspended["outcome"] == "failed"
    assert lists_of(suspended)[1] == ("suspension", "suspended", "ledger")
    assert suspended["statusLists"][1]["version"] == 1
    assert reinstated["outcome"] == "passed"
    assert lists_of(reinstated)[1] == ("suspension", "clear", "signature")


@pytest.mark.parametrize("url", ["https://other.example/status/1", "https://other.example/v1/status-lists/" + "ab" * 32])
def test_verify_cannot_tell_of_lists_of_others(api: Api, url: str) -> None:
    entry = {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "1",
        "statusListCredential": url,
    }
    foreign = CREDENTIAL | {"credentialStatus": entry}
    digest = to_hex(canonicalize(json.dumps(foreign).encode(), "application/vc").digest)
    api.post("/v1/digests", {"digests": [digest]})
    anchor(api, seal(api))

    answer = report(api, credential=foreign)

    assert (answer["outcome"], outcomes(answer)["status"]) == ("cannot tell", "cannot tell")
    assert answer["statement"].endswith("; status not shown")
