"""The anchor proof inside a credential's file: in the `proof` array of JSON, in the field of a PDF."""

from typing import Any

from anchoring.bootstrap.pdf import open_pdf_embedding, proof_in_pdf
from anchoring.core.canonical import Content, canonical_candidates, content_of
from anchoring.core.claimed_issuer import named_issuer
from anchoring.core.embedding import NotInside, embed_proof, embedded_proofs
from anchoring.core.left_out import require_proof_alone
from anchoring.core.proof import InclusionProof
from anchoring.core.status_codec import StatusListError
from anchoring.errors import Misconfigured


def embedded_proof(credential: bytes) -> dict[str, Any] | None:
    """The anchor proof that stands inside a credential, not verified; None where there is none.

    Of several, the first that is of this credential's digest and of whom it names as its issuer, else the first of its digest,
    else the first: anybody can put one more inside. Raises: Misconfigured for a PDF where the library for PDFs is not installed.
    """
    if content_of(credential) is Content.PDF:
        return proof_in_pdf(credential)
    digests = {form.digest.hex() for form in canonical_candidates(credential, None)}
    found = embedded_proofs(credential)
    ours = [one for one in found if str(one.get("digest")).lower().removeprefix("0x") in digests]
    named = named_issuer(credential) if len(ours) > 1 else None
    return next((one for one in ours if one.get("issuer") == named), next(iter(ours or found), None))


def put_inside(credential: bytes, members: dict[str, Any], proof: InclusionProof) -> bytes:
    """The credential's file with the proof in it. `members`: the proof as it was given.

    Raises: NotInside where it can stand beside alone; InvalidInput where it is of another file.
    """
    try:
        require_proof_alone(members)
    except StatusListError as more:
        raise NotInside(f"no verifier would take it there: {more.message}") from more
    if content_of(credential) is not Content.PDF:
        return embed_proof(credential, members, digest=proof.digest, issuer=proof.issuer)
    try:
        embedding = open_pdf_embedding()
    except Misconfigured as absent:
        raise NotInside(absent.message) from absent
    made: bytes = embedding.embed(credential, members, proof.digest)
    return made
