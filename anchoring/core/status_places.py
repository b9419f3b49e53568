"""Which bits speak of a credential: those it names, and the two that follow from its batch (docs/status.md, "For verifiers")."""

from typing import Final

from anchoring.core.batch import Anchor
from anchoring.core.outcome import Outcome
from anchoring.core.proof import InclusionProof
from anchoring.core.status import StatusPurpose, batch_list_id
from anchoring.core.status_codec import StatusErrorCode
from anchoring.core.status_entry import StatusEntry, UnreadEntry, status_entries
from anchoring.core.status_judgement import ListFinding, StatusPlace, Verdict
from anchoring.core.strict_json import DEFAULT_LIMITS, JsonLimits
from anchoring.errors import VerificationError
from anchoring.types import to_hex

_HARMLESS: Final = frozenset({"refresh", "message"})
"""Purposes of Bitstring Status List 1.0 whose bits do not make a credential invalid."""


def named_places(credential: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> tuple[StatusPlace | ListFinding, ...]:
    """The bits that a credential names, and a finding for each entry that leads to none."""
    return tuple(_named(entry) for entry in status_entries(credential, limits=limits))


def batch_places(proof: InclusionProof) -> tuple[StatusPlace, ...]:
    """The bits that follow from the batch, one for each purpose. Whether the proof holds is not looked at."""
    return tuple(
        StatusPlace(
            named_at=None,
            list_id=batch_list_id(proof.root, proof.issuer, purpose),
            url=None,
            purpose=purpose,
            index=proof.leaf_index,
        )
        for purpose in StatusPurpose
    )


def why_place_is_not_known(proof: InclusionProof, anchor: Anchor | None) -> str | None:
    """Why `batch_places` may be wrong: the path must hold, and it binds the index only together with the number of leaves."""
    try:
        proof.verify_path()
    except VerificationError:
        return "the proof's path does not hold, so the credential's place in the batch is not known"
    if anchor is None or anchor.root != proof.root:
        return f"root {to_hex(proof.root)} is not on the ledger, so there is no list that follows from its batch"
    if anchor.leaf_count == 0:
        return "the ledger does not state how many leaves the batch has, so the credential's place in it is the prover's word"
    if anchor.leaf_count != proof.tree_size:
        return f"the batch has {anchor.leaf_count} leaves and the proof is of {proof.tree_size}, so the place in it is not known"
    return None


def not_told(why: str, place: StatusPlace | None = None, *, named_at: str | None = None) -> ListFinding:
    """A place, or an entry, of which nothing can be told."""
    return _without_list(named_at, place, Outcome.CANNOT_TELL, Verdict.UNKNOWN, why)


def _named(entry: StatusEntry | UnreadEntry) -> StatusPlace | ListFinding:
    if isinstance(entry, UnreadEntry):
        return _without_list(entry.at, None, Outcome.CANNOT_TELL, Verdict.UNKNOWN, f"{entry.at}: {entry.why}", entry.code)
    if entry.purpose in _HARMLESS:
        why = f"{entry.at}: the purpose {entry.purpose} makes no credential invalid"
        return _without_list(entry.at, None, Outcome.PASSED, Verdict.CLEAR, why)
    if entry.purpose is not None and entry.purpose not in tuple(StatusPurpose):
        return not_told(f"{entry.at}: the purpose {entry.purpose} is not known here", named_at=entry.at)
    return StatusPlace(
        named_at=entry.at,
        list_id=entry.list_id,
        url=entry.url,
        purpose=None if entry.purpose is None else StatusPurpose(entry.purpose),
        index=entry.index,
    )


def _without_list(
    named_at: str | None,
    place: StatusPlace | None,
    outcome: Outcome,
    verdict: Verdict,
    reason: str,
    code: StatusErrorCode | None = None,
) -> ListFinding:
    at = place.named_at if place else named_at
    return ListFinding(named_at=at, place=place, outcome=outcome, verdict=verdict, reason=reason, code=code)
