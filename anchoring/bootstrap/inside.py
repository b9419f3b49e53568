"""The anchor proof inside a credential's file: in the `proof` array of JSON, in the field of a PDF."""

from typing import Any

from anchoring.bootstrap.verifying import open_pdf_embedding
from anchoring.core.canonical import Content, canonical_candidates, content_of
from anchoring.core.embedding import embedded_proofs


def embedded_proof(credential: bytes) -> dict[str, Any] | None:
    """The anchor proof that stands inside a credential, not verified; None where there is none.

    Of several, the first that is of this credential's digest, else the first. Raises: Misconfigured for a PDF where the library
    for PDFs is not installed.
    """
    if content_of(credential) is Content.PDF:
        inside: dict[str, Any] | None = open_pdf_embedding().embedded_proof(credential)
        return inside
    digests = {form.digest.hex() for form in canonical_candidates(credential, None)}
    found = embedded_proofs(credential)
    ours = (one for one in found if str(one.get("digest")).lower().removeprefix("0x") in digests)
    return next(ours, found[0] if found else None)
