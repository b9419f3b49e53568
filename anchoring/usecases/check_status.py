"""Whether a credential is revoked or suspended, by every list that speaks of it (docs/status.md, "For verifiers")."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anchoring.core.canonical import CanonicalForm, canonical_candidates
from anchoring.core.claimed_issuer import claimed_issuer
from anchoring.core.proof import InclusionProof
from anchoring.core.status_judgement import (
    NOT_ASKED_FOR,
    HeadNotShown,
    ListFinding,
    StatusFindings,
    StatusPlace,
    Unserved,
    judge,
    needs_list,
)
from anchoring.core.status_places import batch_places, named_places, not_told, why_place_is_not_known
from anchoring.core.verification import Evidence, NoEvidence, NoForm
from anchoring.errors import InvalidInput
from anchoring.ports.status_sources import StatusSource
from anchoring.types import Did, parse_did

_NO_HEAD: Final = HeadNotShown("the ledger has heads of lists of this software only")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusQuestion:
    """Whose status is asked for: a credential, its proof, or both.

    `bound`: places that somebody says the credential names, where it is not at hand to be read. `evidence`: of the proof's root.
    `further`: a form of the credential that takes a library, or why there is none.
    """

    credential: bytes | None
    proof: InclusionProof | None
    evidence: Evidence | NoEvidence
    bound: tuple[StatusPlace, ...] | None = None
    further: CanonicalForm | NoForm | None = None


def check_status(source: StatusSource, question: StatusQuestion, *, now: datetime) -> StatusFindings:
    """Judge every bit: those the credential names, then the two that follow from its batch. Changes nothing."""
    found = [*_named(source, question, now), *_following(source, question, now)]
    return StatusFindings(tuple(found))


def check_named_status(source: StatusSource, credential: bytes, *, now: datetime) -> tuple[ListFinding, ...]:
    """Judge the bits that a credential names and no others, wherever it may be anchored; none when it names none."""
    why = NoEvidence("what follows from its batch was not asked for")
    return tuple(_named(source, StatusQuestion(credential=credential, proof=None, evidence=why), now))


def _named(source: StatusSource, question: StatusQuestion, now: datetime) -> list[ListFinding]:
    if question.credential is not None:
        places = named_places(question.credential)
    elif question.bound is not None:
        places = question.bound
    else:
        return [not_told("no credential was given, so the lists that it names are not known")]
    issuer = _issuer(question)
    return [place if isinstance(place, ListFinding) else _judged(source, place, issuer, now) for place in places]


def _following(source: StatusSource, question: StatusQuestion, now: datetime) -> list[ListFinding]:
    proof, evidence = question.proof, question.evidence
    if proof is None:
        return [not_told("without the proof it is not known which list follows from the credential's batch")]
    if why := _of_another(proof, question.credential, question.further):
        return [not_told(why)]
    why = evidence.why if isinstance(evidence, NoEvidence) else why_place_is_not_known(proof, evidence.anchor)
    if why is not None:
        return [not_told(why, place) for place in batch_places(proof)]
    return [_judged(source, place, proof.issuer, now) for place in batch_places(proof)]


def _of_another(proof: InclusionProof, credential: bytes | None, further: CanonicalForm | NoForm | None) -> str | None:
    """Why the proof says nothing of this credential. Anyone can anchor another's credential in a batch of his own."""
    if credential is None:
        return None
    forms = [
        *canonical_candidates(credential, proof.canonicalization),
        *([further] if isinstance(further, CanonicalForm) else []),
    ]
    if all(form.digest != proof.digest for form in forms):
        why = further.why if isinstance(further, NoForm) else "the proof is of another credential"
        return f"{why}, so the list that follows from the credential's batch is not known"
    try:
        claimed = claimed_issuer(credential)
    except InvalidInput as contradictory:
        return contradictory.message
    if claimed is not None and not claimed.is_local and claimed.identifier != proof.issuer:
        return f"the credential is of {claimed.identifier} and was anchored by {proof.issuer}, who cannot say that it is revoked"
    return None


def _judged(source: StatusSource, place: StatusPlace, issuer: Did | None, now: datetime) -> ListFinding:
    # The head before the list: a list that is got later can only be as new, or newer.
    head = source.head(place.list_id) if place.list_id is not None else _NO_HEAD
    if not (source.at_hand or needs_list(place, head)):
        return judge(place, head, NOT_ASKED_FOR, now)
    found = judge(place, head, source.served(place, issuer, fresh=False), now)
    if found.head is None or found.basis is not None:
        return found
    # It has a head and tells nothing by it: a cache on the way may hold an old list.
    again = source.served(place, issuer, fresh=True)
    return found if isinstance(again, Unserved) else judge(place, head, again, now)


def _issuer(question: StatusQuestion) -> Did | None:
    """Who may sign the lists that a credential names: whom it names as its issuer, or else the proof's."""
    try:
        claimed = claimed_issuer(question.credential or b"")
        if claimed is not None and not claimed.is_local:
            return parse_did(claimed.identifier)
    except InvalidInput:
        pass  # it names several, or something that is no DID
    return question.proof.issuer if question.proof else None
