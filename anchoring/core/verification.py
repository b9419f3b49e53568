"""The named checks of a credential with its proof, each *passed*, *failed* or *cannot tell* (docs/verification.md).

Every verifier of ours reports the same checks. Nothing a proof says of itself is believed: the digest is computed from the
credential, the root from the path, and block, time and finality come from a ledger. The contract a proof names proves nothing
either, since anyone can deploy ours: only a contract that the verifier pinned counts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from anchoring.core.batch import Anchor
from anchoring.core.canonical import CanonicalForm, canonical_candidates
from anchoring.core.claimed_issuer import claimed_issuer
from anchoring.core.disclosures import OtherIssuer, require_no_other_issuer
from anchoring.core.left_out import require_nothing_added
from anchoring.core.outcome import Outcome
from anchoring.core.proof import AnchorClaim, InclusionProof, Registry
from anchoring.core.proof_json import format_time
from anchoring.core.report import Check, CheckName, Report
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.core.status_judgement import StatusFindings
from anchoring.core.validity import Validity, said_of_validity, validity_of
from anchoring.errors import InvalidInput, VerificationError
from anchoring.types import BlockHash, to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a ledger, or whoever watched it, says of a root on the pinned contract.

    `source`: who says so, as of when. `head_number`: its newest block. `anchor`: None when the root is not anchored there.
    `block_hash`: of the canonical block at the anchor's height. `final_height`: highest final block number; None when it is not
    known, and `finality`, else what makes blocks final in words, says why.
    """

    source: str
    head_number: int
    anchor: Anchor | None
    block_hash: BlockHash | None
    final_height: int | None
    finality: str


@dataclass(frozen=True, slots=True)
class SignatureFinding:
    """What is known of the credential's own signature."""

    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class NoEvidence:
    """Why nothing is known of the ledger."""

    why: str


@dataclass(frozen=True, slots=True)
class NoForm:
    """Why a credential has no further form, and what that means for its digest where no other fits."""

    why: str
    outcome: Outcome = Outcome.CANNOT_TELL


def verify(  # noqa: PLR0913 - one for each thing that was found
    proof: InclusionProof,
    *,
    credential: bytes | None,
    pinned: Registry | None,
    evidence: Evidence | NoEvidence,
    status: StatusFindings,
    signature: SignatureFinding | None,
    now: datetime,
    accreditation: Check | None = None,
    form: CanonicalForm | NoForm | None = None,
) -> Report:
    """Make every check. `credential`: the file as the holder has it; None leaves digest, issuer-match and signature untold.

    `accreditation`: None where it was not checked. `form`: one that takes a library, or why there is none: by the rule of
    Blockcerts, or the beginning of a longer PDF.
    """
    checks = (
        _digest(proof, credential, form),
        _path(proof),
        _registry(proof.anchor.registry, pinned),
        _root(proof, pinned, evidence),
        _finality(pinned, evidence),
        _issuer_match(proof, credential),
        _signature(signature),
        accreditation or _cannot_tell(CheckName.ACCREDITATION, "the issuer's accreditation was not checked"),
        Check(name=CheckName.STATUS, outcome=status.outcome, reason=status.reason),
    )
    validity = validity_of(credential, now)
    statement = _statement(proof, checks, evidence, validity)
    return Report(checked_at=now, checks=checks, statement=statement, status=status, validity=validity)


def _passed(name: CheckName, reason: str) -> Check:
    return Check(name=name, outcome=Outcome.PASSED, reason=reason)


def _failed(name: CheckName, reason: str) -> Check:
    return Check(name=name, outcome=Outcome.FAILED, reason=reason)


def _cannot_tell(name: CheckName, reason: str) -> Check:
    return Check(name=name, outcome=Outcome.CANNOT_TELL, reason=reason)


def _digest(proof: InclusionProof, credential: bytes | None, further: CanonicalForm | NoForm | None) -> Check:
    if credential is None:
        return _cannot_tell(CheckName.DIGEST, "no credential was given, so the proof was not compared with one")
    forms = list(canonical_candidates(credential, proof.canonicalization))
    if isinstance(further, CanonicalForm):
        forms.append(further)
    for form in forms:
        if form.digest == proof.digest:
            return _nothing_added(credential, form, proof)
    if isinstance(further, NoForm):
        return Check(name=CheckName.DIGEST, outcome=further.outcome, reason=further.why)
    tried = ", ".join(f"{to_hex(form.digest)} ({form.canonicalization})" for form in forms) or "none, the file has no digest"
    return _failed(CheckName.DIGEST, f"the proof is of {to_hex(proof.digest)}; the credential has {tried}")


def _nothing_added(credential: bytes, form: CanonicalForm, proof: InclusionProof) -> Check:
    """What the rule leaves out may differ, and yet anybody could have added to it: it must be what its kind allows."""
    try:
        require_nothing_added(credential, form, proof)
    except StatusListError as added:
        untold = added.code is StatusErrorCode.RETRIEVAL
        return _cannot_tell(CheckName.DIGEST, added.message) if untold else _failed(CheckName.DIGEST, added.message)
    notes = "".join(f"; {note}" for note in form.notes)
    return _passed(CheckName.DIGEST, f"the credential has the proof's digest under {form.canonicalization}{notes}")


def _path(proof: InclusionProof) -> Check:
    try:
        proof.verify_path()
    except VerificationError as wrong:
        return _failed(CheckName.PATH, wrong.message)
    place = f"leaf {proof.leaf_index} of {proof.tree_size}"
    return _passed(CheckName.PATH, f"issuer, salt and digest are {place} under root {to_hex(proof.root)}")


def _registry(named: Registry, pinned: Registry | None) -> Check:
    if pinned is None:
        return _cannot_tell(
            CheckName.REGISTRY, f"the proof names {named}, and anyone can deploy such a contract: pin the one you trust"
        )
    if named != pinned:
        return _failed(CheckName.REGISTRY, f"the proof names {named}, the pinned contract is {pinned}")
    return _passed(CheckName.REGISTRY, f"the proof names the pinned contract {pinned}")


def _root(proof: InclusionProof, pinned: Registry | None, evidence: Evidence | NoEvidence) -> Check:
    if pinned is None:
        return _cannot_tell(CheckName.ROOT, "no contract is pinned to read the root from")
    if isinstance(evidence, NoEvidence):
        return _cannot_tell(CheckName.ROOT, evidence.why)
    anchor = evidence.anchor
    if anchor is None or anchor.root != proof.root:
        return _not_anchored(proof, pinned, evidence)
    if not anchor.is_of(proof.tree_size):
        return _failed(CheckName.ROOT, f"the root was anchored for {anchor.leaf_count} leaves, the proof is of {proof.tree_size}")
    if differences := _differences(proof.anchor, anchor, evidence.block_hash):
        return _failed(CheckName.ROOT, f"{evidence.source} differs from the proof: {'; '.join(differences)}")
    stated = "" if anchor.leaf_count else "; the ledger does not state the leaf count, it was taken from the proof"
    return _passed(
        CheckName.ROOT,
        f"anchored by {anchor.anchored_by} in block {anchor.block.number} at {format_time(anchor.anchored_at)}, "
        f"says {evidence.source}{stated}",
    )


def _not_anchored(proof: InclusionProof, pinned: Registry, evidence: Evidence) -> Check:
    claimed = proof.anchor.block_number
    if evidence.head_number < claimed:
        return _cannot_tell(CheckName.ROOT, f"{evidence.source} has not come to block {claimed} yet: ask again, or another node")
    return _failed(CheckName.ROOT, f"root {to_hex(proof.root)} is not anchored at {pinned}, says {evidence.source}")


def _differences(claimed: AnchorClaim, found: Anchor, canonical: BlockHash | None) -> list[str]:
    pairs = (
        ("sequence", str(claimed.sequence), str(found.sequence)),
        ("transaction", to_hex(claimed.transaction), to_hex(found.transaction)),
        ("block", str(claimed.block_number), str(found.block.number)),
        ("block hash", to_hex(claimed.block_hash), to_hex(canonical or found.block.hash)),
        ("time", format_time(claimed.anchored_at), format_time(found.anchored_at)),
    )
    return [f"{what} is {is_found}, not {is_claimed}" for what, is_claimed, is_found in pairs if is_claimed != is_found]


def _finality(pinned: Registry | None, evidence: Evidence | NoEvidence) -> Check:
    if pinned is None:
        return _cannot_tell(CheckName.FINALITY, "no contract is pinned to read the block from")
    if isinstance(evidence, NoEvidence):
        return _cannot_tell(CheckName.FINALITY, evidence.why)
    if evidence.anchor is None:
        return _cannot_tell(CheckName.FINALITY, "the root is not anchored")
    if evidence.final_height is None:
        return _cannot_tell(CheckName.FINALITY, evidence.finality)
    block = evidence.anchor.block.number
    if block > evidence.final_height:
        return _cannot_tell(CheckName.FINALITY, f"block {block} is not final yet by {evidence.finality}: try again later")
    return _passed(CheckName.FINALITY, f"block {block} is final by {evidence.finality}")


def _issuer_match(proof: InclusionProof, credential: bytes | None) -> Check:
    if credential is None:
        return _cannot_tell(CheckName.ISSUER_MATCH, "no credential was given")
    try:
        claimed = claimed_issuer(credential)
        require_no_other_issuer(credential)
    except (InvalidInput, OtherIssuer) as contradictory:
        return _failed(CheckName.ISSUER_MATCH, contradictory.message)
    if claimed is None:
        return _cannot_tell(CheckName.ISSUER_MATCH, "the file names no issuer that can be read")
    if claimed.identifier == proof.issuer:
        return _passed(CheckName.ISSUER_MATCH, f"the credential names {proof.issuer} as its issuer, and so does the proof")
    if claimed.is_local:
        return _cannot_tell(
            CheckName.ISSUER_MATCH, f"the credential names its issuer {claimed.identifier}, a name with no meaning outside it"
        )
    return _failed(CheckName.ISSUER_MATCH, f"the credential names {claimed.identifier}, it was anchored by {proof.issuer}")


def _signature(found: SignatureFinding | None) -> Check:
    if found is None:
        return _cannot_tell(CheckName.CREDENTIAL_SIGNATURE, "no credential was given")
    return Check(name=CheckName.CREDENTIAL_SIGNATURE, outcome=found.outcome, reason=found.reason)


def _statement(proof: InclusionProof, checks: Collection[Check], evidence: Evidence | NoEvidence, validity: Validity) -> str:
    outcomes = {check.name: check.outcome for check in checks}
    anchored = (CheckName.PATH, CheckName.REGISTRY, CheckName.ROOT)
    if Outcome.FAILED in outcomes.values():
        wrong = ", ".join(check.name for check in checks if check.outcome is Outcome.FAILED)
        return f"does not hold: {wrong} failed"
    if any(outcomes[name] is not Outcome.PASSED for name in anchored) or isinstance(evidence, NoEvidence):
        return f"said to be anchored by {proof.issuer}; not compared with a ledger{said_of_validity(validity)}"
    when = format_time(evidence.anchor.anchored_at) if evidence.anchor else ""
    finality = "" if outcomes[CheckName.FINALITY] is Outcome.PASSED else "; finality not shown"
    if outcomes[CheckName.DIGEST] is not Outcome.PASSED:
        return f"the proof's digest was anchored by {proof.issuer} not later than {when}; not compared with the file{finality}"
    shown = Outcome.PASSED in {outcomes[CheckName.ISSUER_MATCH], outcomes[CheckName.CREDENTIAL_SIGNATURE]}
    authorship = "" if shown else "; authorship not shown"
    status = "" if outcomes[CheckName.STATUS] is Outcome.PASSED else "; status not shown"
    reserves = f"{finality}{authorship}{status}{said_of_validity(validity)}"
    return f"anchored by {proof.issuer}, existed not later than {when}{reserves}"
