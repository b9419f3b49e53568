"""The named checks: every outcome of each, what is said of the whole, and which outcome wins."""

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from anchoring.core.batch import BatchState
from anchoring.core.canonical import Canonicalization, canonicalize
from anchoring.core.outcome import Outcome
from anchoring.core.proof import InclusionProof, Registry
from anchoring.core.proof_json import proof_from_json, proof_to_json
from anchoring.core.report import REQUIRED, Check, CheckName, Report, report_to_json
from anchoring.core.status_judgement import ListFinding, StatusFindings, Verdict
from anchoring.core.validity import Validity, ValidityState
from anchoring.core.verification import Evidence, NoEvidence, NoForm, SignatureFinding, verify
from anchoring.errors import InvalidInput
from anchoring.types import Address, Did, as_block_hash, as_root, as_salt, as_tx_hash, to_hex
from scripts.devnet import ROOT
from tests.documents import code, rows
from tests.factories import ACADEMY, NOON, UNIVERSITY
from tests.trees import REGISTRY, Posted, make_anchor, make_proof, read_vectors

PASSED, FAILED, CANNOT_TELL = Outcome.PASSED, Outcome.FAILED, Outcome.CANNOT_TELL
NAME = CheckName

SOURCE = "the ledger as of block 20"
LATER = NOON + timedelta(days=1)
NOT_CHECKED = SignatureFinding(CANNOT_TELL, "its key was not looked up")
OTHER_REGISTRY = Registry(chain_id=31337, contract=Address("0x" + "66" * 20))


def credential_of(issuer: str | None = UNIVERSITY, **members: Any) -> bytes:
    named = {} if issuer is None else {"issuer": issuer}
    return json.dumps({"name": "Open data", **named, **members}).encode()


def proof_of(credential: bytes, issuer: Did = UNIVERSITY, media_type: str = "application/vc") -> InclusionProof:
    form = canonicalize(credential, media_type)
    made = make_proof(Posted(issuer, as_salt(bytes(range(16))), form.digest))
    return replace(made, canonicalization=form.canonicalization)


def evidence_of(proof: InclusionProof) -> Evidence:
    """A ledger that bears the proof out."""
    anchor = make_anchor(proof.root, proof.tree_size)
    return Evidence(
        source=SOURCE,
        head_number=20,
        anchor=anchor,
        block_hash=anchor.block.hash,
        final_height=12,
        finality="the rule finalized",
    )


def status_of(*outcomes: Outcome) -> StatusFindings:
    """Findings in so many lists."""
    return StatusFindings(
        tuple(
            ListFinding(named_at=None, place=None, outcome=one, verdict=Verdict.UNKNOWN, reason=f"list {i}: {one}")
            for i, one in enumerate(outcomes)
        )
    )


CREDENTIAL = credential_of()
PROOF = proof_of(CREDENTIAL)
EVIDENCE = evidence_of(PROOF)
ANCHOR = make_anchor(PROOF.root, PROOF.tree_size)


def report(
    proof: InclusionProof = PROOF,
    *,
    credential: bytes | None = CREDENTIAL,
    pinned: Registry | None = REGISTRY,
    evidence: Evidence | NoEvidence | None = None,
    status: StatusFindings | None = None,
    signature: SignatureFinding | None = NOT_CHECKED,
    form: NoForm | None = None,
) -> Report:
    status = status or status_of(PASSED, PASSED)
    return verify(
        proof,
        credential=credential,
        pinned=pinned,
        evidence=evidence or evidence_of(proof),
        status=status,
        signature=signature,
        now=LATER,
        form=form,
    )


def check(name: CheckName, proof: InclusionProof = PROOF, **given: Any) -> tuple[Outcome, str]:
    [found] = [one for one in report(proof, **given).checks if one.name is name]
    return found.outcome, found.reason


def outcomes(made: Report) -> dict[CheckName, Outcome]:
    return {one.name: one.outcome for one in made.checks}


# The whole


def test_report_has_every_check_once_and_in_order() -> None:
    assert [one.name for one in report().checks] == list(CheckName)
    assert [one.name for one in report(credential=None, pinned=None, evidence=NoEvidence("none")).checks] == list(CheckName)


def test_all_required_checks_pass_with_credential_pin_and_ledger() -> None:
    made = report()

    assert outcomes(made) == dict.fromkeys(REQUIRED, PASSED) | dict.fromkeys(frozenset(CheckName) - REQUIRED, CANNOT_TELL)
    assert made.outcome() is PASSED
    assert made.checked_at == LATER


def test_checks_that_are_not_made_say_so() -> None:
    assert check(CheckName.ACCREDITATION) == (CANNOT_TELL, "the issuer's accreditation was not checked")
    assert check(CheckName.CREDENTIAL_SIGNATURE, credential=None, signature=None) == (CANNOT_TELL, "no credential was given")


def test_signature_is_reported_as_found_and_decides_nothing_unless_required() -> None:
    bad = report(signature=SignatureFinding(FAILED, "somebody else signed"))

    assert outcomes(bad)[CheckName.CREDENTIAL_SIGNATURE] is FAILED
    assert (bad.outcome(), bad.outcome({CheckName.CREDENTIAL_SIGNATURE})) == (PASSED, FAILED)
    assert bad.statement == "does not hold: credential-signature failed"


def test_signature_shows_authorship_where_the_file_names_nobody() -> None:
    nameless = credential_of(None)
    proof = proof_of(nameless)

    assert report(proof, credential=nameless).statement.endswith("; authorship not shown")
    assert "authorship" not in report(proof, credential=nameless, signature=SignatureFinding(PASSED, "sealed")).statement


def test_documented_checks_are_these_with_what_is_required() -> None:
    documented = {
        code(row[0]): row[2] for row in rows((ROOT / "docs" / "verification.md").read_text(encoding="utf-8")) if len(row) == 3
    }

    expected = {name.value: "yes" if name in REQUIRED else "no" for name in CheckName}
    assert list(expected.items()) == [(name, required) for name, required in documented.items() if required in {"yes", "no"}]


# digest


def test_digest_passes_for_the_credential_that_was_anchored() -> None:
    assert check(NAME.DIGEST) == (PASSED, "the credential has the proof's digest under jcs")


def test_digest_passes_for_other_white_space_and_names_what_is_left_out() -> None:
    credential = credential_of(proof=[{"type": "DataIntegrityProof"}, proof_to_json(PROOF)])
    indented = json.dumps(json.loads(credential), indent=4).encode()

    outcome, reason = check(NAME.DIGEST, proof_of(credential), credential=indented)
    assert outcome is PASSED
    assert reason.endswith("under jcs; CredentialAnchorProof elements taken out of proof: 1")


@pytest.mark.parametrize("media_type", ["application/vc", "application/pdf"])
def test_digest_does_not_depend_on_what_the_proof_says_of_the_rule(media_type: str) -> None:
    file = CREDENTIAL if media_type == "application/vc" else b"%PDF-1.7"
    proof = proof_of(file, media_type=media_type)

    for said in (None, *Canonicalization):
        assert check(NAME.DIGEST, replace(proof, canonicalization=said), credential=file)[0] is PASSED


def test_digest_of_another_file_fails_whatever_the_proof_says_of_the_rule() -> None:
    for said in (None, *Canonicalization):
        assert check(NAME.DIGEST, replace(PROOF, canonicalization=said), credential=b"not it")[0] is FAILED


def test_digest_fails_for_another_credential_and_names_what_was_tried() -> None:
    other = credential_of(grade="A")

    outcome, reason = check(NAME.DIGEST, credential=other)
    assert outcome is FAILED
    assert reason.startswith(f"the proof is of {to_hex(PROOF.digest)}; the credential has ")
    as_json = canonicalize(other, "application/vc")
    as_bytes = canonicalize(other, "application/vc", requested=Canonicalization.RAW)
    assert reason.endswith(f"{to_hex(as_json.digest)} (jcs), {to_hex(as_bytes.digest)} (raw)")


def test_digest_fails_for_an_empty_file() -> None:
    assert check(NAME.DIGEST, credential=b"") == (
        FAILED,
        f"the proof is of {to_hex(PROOF.digest)}; the credential has none, the file has no digest",
    )


@pytest.mark.parametrize("vector", read_vectors("left_out.json")["leftOut"], ids=lambda vector: vector["name"])
def test_digest_passes_only_if_nothing_was_added_to_what_it_leaves_out(vector: dict[str, str]) -> None:
    found = check(NAME.DIGEST, proof_from_json(vector["proof"]), credential=vector["credential"].encode())

    assert found == (vector["result"], vector["reason"])


def test_digest_is_not_told_without_a_credential() -> None:
    assert check(NAME.DIGEST, credential=None)[0] is CANNOT_TELL


# path


def test_path_passes_and_says_where_the_leaf_stands() -> None:
    outcome, reason = check(NAME.PATH)

    assert outcome is PASSED
    assert reason == f"issuer, salt and digest are leaf {PROOF.leaf_index} of 7 under root {to_hex(PROOF.root)}"


def test_path_fails_with_the_words_of_the_tree() -> None:
    assert check(NAME.PATH, replace(PROOF, path=PROOF.path[:-1]))[0] is FAILED
    outcome, reason = check(NAME.PATH, replace(PROOF, root=as_root(bytes(32))))
    assert (outcome, reason.startswith("the path leads to root ")) == (FAILED, True)


# registry


def test_registry_passes_for_the_pinned_contract() -> None:
    assert check(NAME.REGISTRY) == (PASSED, f"the proof names the pinned contract {REGISTRY}")


@pytest.mark.parametrize("pinned", [OTHER_REGISTRY, replace(REGISTRY, chain_id=1)])
def test_registry_fails_for_another_contract_or_chain(pinned: Registry) -> None:
    assert check(NAME.REGISTRY, pinned=pinned) == (FAILED, f"the proof names {REGISTRY}, the pinned contract is {pinned}")


def test_nothing_that_is_read_from_a_contract_passes_unless_one_is_pinned() -> None:
    # However good the evidence looks: it may come from a contract that the proof's maker deployed.
    made = report(pinned=None)

    assert {outcomes(made)[name] for name in (NAME.REGISTRY, NAME.ROOT, NAME.FINALITY)} == {CANNOT_TELL}
    assert "pin the one you trust" in check(NAME.REGISTRY, pinned=None)[1]
    assert made.outcome() is CANNOT_TELL


# root


def test_root_passes_with_time_block_and_source() -> None:
    assert check(NAME.ROOT) == (PASSED, f"anchored by {ANCHOR.anchored_by} in block 12 at 2026-11-23T12:00:05Z, says {SOURCE}")


def test_root_passes_where_the_ledger_does_not_state_the_size_and_says_so() -> None:
    outcome, reason = check(NAME.ROOT, evidence=replace(EVIDENCE, anchor=replace(ANCHOR, leaf_count=0)))

    assert outcome is PASSED
    assert reason.endswith("; the ledger does not state the leaf count, it was taken from the proof")


def test_root_fails_for_another_leaf_count() -> None:
    for leaf_count in (1, 6, 8):
        assert check(NAME.ROOT, evidence=replace(EVIDENCE, anchor=replace(ANCHOR, leaf_count=leaf_count))) == (
            FAILED,
            f"the root was anchored for {leaf_count} leaves, the proof is of 7",
        )


def test_size_that_the_path_cannot_refuse_is_refused_by_the_ledger() -> None:
    other_size = replace(PROOF, tree_size=8) if PROOF.leaf_index < 6 else replace(PROOF, tree_size=4, leaf_index=3)

    made = report(other_size, evidence=EVIDENCE)
    assert outcomes(made)[NAME.PATH] is PASSED
    assert outcomes(made)[NAME.ROOT] is FAILED


@pytest.mark.parametrize("anchor", [None, replace(ANCHOR, root=as_root(bytes(32)))])
def test_root_fails_where_it_is_not_anchored(anchor: Any) -> None:
    assert check(NAME.ROOT, evidence=replace(EVIDENCE, anchor=anchor)) == (
        FAILED,
        f"root {to_hex(PROOF.root)} is not anchored at {REGISTRY}, says {SOURCE}",
    )


@pytest.mark.parametrize(("head_number", "outcome"), [(11, CANNOT_TELL), (12, FAILED), (13, FAILED)])
def test_root_is_not_told_by_a_node_that_has_not_come_to_the_claimed_block(head_number: int, outcome: Outcome) -> None:
    evidence = replace(EVIDENCE, anchor=None, head_number=head_number)

    found, reason = check(NAME.ROOT, evidence=evidence)
    assert found is outcome
    if outcome is CANNOT_TELL:
        assert reason == f"{SOURCE} has not come to block 12 yet: ask again, or another node"
    assert report(evidence=evidence).outcome() is outcome


@pytest.mark.parametrize(
    ("claim", "difference"),
    [
        ({"sequence": 8}, "sequence is 7, not 8"),
        ({"transaction": as_tx_hash(bytes(32))}, f"transaction is {to_hex(ANCHOR.transaction)}, not 0x{'00' * 32}"),
        ({"block_number": 13}, "block is 12, not 13"),
        ({"block_hash": as_block_hash(bytes(32))}, f"block hash is {to_hex(ANCHOR.block.hash)}, not 0x{'00' * 32}"),
        ({"anchored_at": NOON}, "time is 2026-11-23T12:00:05Z, not 2026-11-23T12:00:00Z"),
        ({"sequence": 8, "block_number": 13}, "sequence is 7, not 8; block is 12, not 13"),
    ],
)
def test_root_fails_where_the_anchor_is_not_the_claimed_one(claim: dict[str, Any], difference: str) -> None:
    proof = replace(PROOF, anchor=replace(PROOF.anchor, **claim))

    assert check(NAME.ROOT, proof) == (FAILED, f"{SOURCE} differs from the proof: {difference}")


def test_root_fails_where_another_block_took_the_height() -> None:
    reorged = replace(EVIDENCE, block_hash=as_block_hash(bytes(32)))

    outcome, reason = check(NAME.ROOT, evidence=reorged)
    assert outcome is FAILED
    assert f"block hash is 0x{'00' * 32}, not {to_hex(ANCHOR.block.hash)}" in reason


def test_root_compares_with_the_anchor_where_the_canonical_block_is_not_known() -> None:
    assert check(NAME.ROOT, evidence=replace(EVIDENCE, block_hash=None))[0] is PASSED
    proof = replace(PROOF, anchor=replace(PROOF.anchor, block_hash=as_block_hash(bytes(32))))
    assert check(NAME.ROOT, proof, evidence=replace(EVIDENCE, block_hash=None))[0] is FAILED


def test_state_in_the_proof_counts_for_nothing() -> None:
    confirmed = replace(PROOF, anchor=replace(PROOF.anchor, state=BatchState.CONFIRMED))

    assert report(confirmed).checks == report().checks


@pytest.mark.parametrize("name", [NAME.ROOT, NAME.FINALITY])
def test_nothing_is_told_of_the_ledger_without_evidence(name: CheckName) -> None:
    assert check(name, evidence=NoEvidence("node x did not answer")) == (CANNOT_TELL, "node x did not answer")


# finality


@pytest.mark.parametrize(("final_height", "outcome"), [(0, CANNOT_TELL), (11, CANNOT_TELL), (12, PASSED), (99, PASSED)])
def test_finality_passes_from_the_height_of_the_block_on(final_height: int, outcome: Outcome) -> None:
    found, reason = check(NAME.FINALITY, evidence=replace(EVIDENCE, final_height=final_height))

    assert found is outcome
    assert (
        reason
        == {
            PASSED: "block 12 is final by the rule finalized",
            CANNOT_TELL: "block 12 is not final yet by the rule finalized: try again later",
        }[outcome]
    )


def test_finality_is_read_from_the_ledger_not_from_the_proof() -> None:
    proof = replace(PROOF, anchor=replace(PROOF.anchor, block_number=1))

    assert check(NAME.FINALITY, proof, evidence=replace(EVIDENCE, final_height=11))[0] is CANNOT_TELL


def test_finality_is_not_told_where_the_node_does_not_know_the_rule() -> None:
    evidence = replace(EVIDENCE, final_height=None, finality="node x does not know the block tag finalized")

    assert check(NAME.FINALITY, evidence=evidence) == (CANNOT_TELL, "node x does not know the block tag finalized")


def test_finality_is_not_told_of_a_root_that_is_not_anchored() -> None:
    assert check(NAME.FINALITY, evidence=replace(EVIDENCE, anchor=None)) == (CANNOT_TELL, "the root is not anchored")


# issuer-match


def test_issuer_match_passes_where_credential_and_proof_name_one_issuer() -> None:
    outcome, reason = check(NAME.ISSUER_MATCH)

    assert outcome is PASSED
    assert reason == f"the credential names {UNIVERSITY} as its issuer, and so does the proof"


def test_issuer_match_fails_where_somebody_else_anchored_the_credential() -> None:
    proof = proof_of(CREDENTIAL, ACADEMY)

    assert check(NAME.ISSUER_MATCH, proof) == (FAILED, f"the credential names {UNIVERSITY}, it was anchored by {ACADEMY}")


def test_issuer_match_fails_where_the_credential_contradicts_itself() -> None:
    credential = credential_of(iss=ACADEMY)

    assert check(NAME.ISSUER_MATCH, proof_of(credential), credential=credential) == (
        FAILED,
        "iss, issuer: the credential names different issuers",
    )


@pytest.mark.parametrize(
    ("credential", "reason"),
    [
        (None, "no credential was given"),
        (b"%PDF-1.7", "the file names no issuer that can be read"),
        (credential_of(None), "the file names no issuer that can be read"),
        (credential_of("urn:epass:org:1"), "the credential names its issuer urn:epass:org:1, a name with no meaning outside it"),
    ],
)
def test_issuer_match_is_not_told_where_no_name_can_be_compared(credential: bytes | None, reason: str) -> None:
    assert check(NAME.ISSUER_MATCH, credential=credential) == (CANNOT_TELL, reason)


# Statement

WHEN = "existed not later than 2026-11-23T12:00:05Z"


def test_statement_names_issuer_and_time() -> None:
    assert report().statement == f"anchored by {UNIVERSITY}, {WHEN}"


@pytest.mark.parametrize("credential", [credential_of(None), credential_of("urn:epass:org:1")])
def test_statement_says_when_authorship_is_not_shown(credential: bytes) -> None:
    assert (
        report(proof_of(credential), credential=credential).statement == f"anchored by {UNIVERSITY}, {WHEN}; authorship not shown"
    )


@pytest.mark.parametrize("given", [{"credential": None}, {"credential": credential_of(grade="A"), "form": NoForm("no library")}])
def test_statement_says_nothing_of_a_file_that_was_not_compared(given: dict[str, Any]) -> None:
    said = f"the proof's digest was anchored by {UNIVERSITY} not later than 2026-11-23T12:00:05Z; not compared with the file"

    assert report(**given).statement == said
    assert report(**given, evidence=replace(EVIDENCE, final_height=11)).statement == f"{said}; finality not shown"


@pytest.mark.parametrize("final_height", [11, None])
def test_statement_says_when_finality_is_not_shown(final_height: int | None) -> None:
    evidence = replace(EVIDENCE, final_height=final_height)

    assert report(evidence=evidence).statement == f"anchored by {UNIVERSITY}, {WHEN}; finality not shown"


@pytest.mark.parametrize(
    "given",
    [
        {"pinned": None},
        {"evidence": NoEvidence("no node was asked")},
        {"pinned": None, "evidence": NoEvidence("no node was asked"), "credential": None},
    ],
)
def test_statement_does_not_repeat_what_was_not_compared(given: dict[str, Any]) -> None:
    assert report(**given).statement == f"said to be anchored by {UNIVERSITY}; not compared with a ledger"


@pytest.mark.parametrize(
    ("proof", "given", "failed"),
    [
        (PROOF, {"credential": credential_of(grade="A")}, "digest"),
        (PROOF, {"pinned": OTHER_REGISTRY}, "registry"),
        (PROOF, {"evidence": replace(EVIDENCE, anchor=None)}, "root"),
        (proof_of(CREDENTIAL, ACADEMY), {"evidence": EVIDENCE}, "root, issuer-match"),
        (proof_of(CREDENTIAL, ACADEMY), {}, "issuer-match"),
        (replace(PROOF, path=()), {}, "path"),
        (replace(PROOF, path=()), {"pinned": None, "evidence": NoEvidence("none")}, "path"),
    ],
)
def test_statement_names_what_failed_before_all_else(proof: InclusionProof, given: dict[str, Any], failed: str) -> None:
    assert report(proof, **given).statement == f"does not hold: {failed} failed"


# Which outcome wins


def report_of(**found: Outcome) -> Report:
    checks = tuple(Check(name=CheckName(name), outcome=outcome, reason="") for name, outcome in found.items())
    return Report(checked_at=NOON, checks=checks, statement="", status=status_of(PASSED))


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ({"digest": PASSED, "path": PASSED}, PASSED),
        ({"digest": PASSED, "path": CANNOT_TELL}, CANNOT_TELL),
        ({"digest": CANNOT_TELL, "path": FAILED}, FAILED),
        ({"digest": FAILED, "path": CANNOT_TELL, "root": PASSED}, FAILED),
        ({"digest": FAILED, "path": FAILED}, FAILED),
        ({"digest": PASSED, "accreditation": CANNOT_TELL}, PASSED),  # not required
        ({"digest": PASSED, "credential-signature": FAILED}, PASSED),
        ({"digest": PASSED, "status": FAILED}, FAILED),
        ({"digest": PASSED, "status": CANNOT_TELL}, CANNOT_TELL),
    ],
)
def test_failed_wins_over_cannot_tell_and_that_over_passed(found: dict[str, Outcome], outcome: Outcome) -> None:
    assert report_of(**found).outcome() is outcome


@pytest.mark.parametrize(
    ("required", "outcome"),
    [
        ({NAME.DIGEST}, PASSED),
        ({NAME.DIGEST, NAME.STATUS}, CANNOT_TELL),
        ({NAME.DIGEST, NAME.STATUS, NAME.ROOT}, FAILED),
        (frozenset(CheckName), FAILED),
    ],
)
def test_outcome_follows_what_the_caller_requires(required: Collection[CheckName], outcome: Outcome) -> None:
    found = {"digest": PASSED, "status": CANNOT_TELL, "root": FAILED}

    assert report_of(**found).outcome(required) is outcome


@pytest.mark.parametrize("required", [set(), [], "digest", b"digest", {"digets"}, {NAME.DIGEST, "digets"}, [[]], None, 1])
def test_outcome_by_no_check_or_by_one_that_there_is_none_of_is_refused(required: Any) -> None:
    with pytest.raises(InvalidInput, match="required: must be a collection of one or more of digest, path") as refused:
        report().outcome(required)

    assert refused.value.at == "required"


# status


@pytest.mark.parametrize(
    ("found", "outcome", "reason"),
    [
        ((PASSED, PASSED), PASSED, "list 0: passed; list 1: passed"),
        ((PASSED, CANNOT_TELL), CANNOT_TELL, "list 1: cannot tell"),
        ((CANNOT_TELL, FAILED, PASSED), FAILED, "list 1: failed"),
    ],
)
def test_status_is_what_the_lists_say_and_names_those_that_decide(
    found: tuple[Outcome, ...], outcome: Outcome, reason: str
) -> None:
    assert check(NAME.STATUS, status=status_of(*found)) == (outcome, reason)


def test_statement_says_last_that_a_credential_expired_and_no_check_is_about_it() -> None:
    over = credential_of(expirationDate="2020-01-01T00:00:00Z")
    made = report(proof_of(over), credential=over)

    assert made.outcome() is PASSED
    assert made.statement == f"{report().statement}; by its own words it expired at 2020-01-01T00:00:00Z"
    assert (made.validity.state, report().validity.state) == (ValidityState.OVER, None)
    assert report(credential=None).validity == Validity()
    assert "expired" not in report(credential=over).statement, "of a file that failed nothing more is said"


def test_statement_says_that_status_is_not_shown_or_failed() -> None:
    shown = report().statement

    assert report(status=status_of(CANNOT_TELL)).statement == f"{shown}; status not shown"
    assert report(status=status_of(FAILED)).statement == "does not hold: status failed"


# As JSON


def test_report_is_written_with_all_checks_and_what_was_required() -> None:
    written = report_to_json(report(credential=None))

    assert written["type"] == "CredentialAnchorReport"
    assert written["outcome"] == "cannot tell"
    assert written["statement"].endswith("not compared with the file")
    assert written["checkedAt"] == "2026-11-24T12:00:00Z"
    assert written["required"] == ["digest", "path", "registry", "root", "finality", "issuer-match", "status"]
    assert [one["check"] for one in written["checks"]] == list(CheckName)
    assert written["checks"][1] == {
        "check": "path",
        "outcome": "passed",
        "reason": f"issuer, salt and digest are leaf {PROOF.leaf_index} of 7 under root {to_hex(PROOF.root)}",
        "checkedAt": "2026-11-24T12:00:00Z",
    }
    assert json.loads(json.dumps(written)) == written


def test_report_is_written_for_other_requirements_in_the_order_of_checks() -> None:
    written = report_to_json(report(credential=None), [NAME.ROOT, NAME.PATH])

    assert written["required"] == ["path", "root"]
    assert written["outcome"] == "passed"
