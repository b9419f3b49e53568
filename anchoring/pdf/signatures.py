"""The signatures of a PDF: PAdES, and the older form of Adobe's (ETSI EN 319 142-1)."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from asn1crypto import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus
from pyhanko_certvalidator import ValidationContext

from anchoring.core.outcome import Outcome, worst_of
from anchoring.core.verification import SignatureFinding
from anchoring.errors import InvalidInput
from anchoring.pdf.changes import BROKEN, open_pdf, why_not_the_same
from anchoring.pdf.revisions import end_of

PADES: Final = "/ETSI.CAdES.detached"
_LINE_ENDS: Final = frozenset({b"", b"\n", b"\r", b"\r\n"})

for _library in ("pyhanko", "pyhanko_certvalidator"):  # what is wrong is in the verdict; it would write tracebacks beside
    logging.getLogger(_library).addHandler(logging.NullHandler())
    logging.getLogger(_library).propagate = False


def judge_signatures(body: bytes, anchors: Sequence[bytes], now: datetime) -> SignatureFinding:
    """Whether the PDF is signed, as it is now, by whom the anchors vouch for; and a sentence for each signature.

    `anchors`: certificates in DER. Nothing is fetched: revocation counts as far as the PDF itself brings lists and answers.
    """
    try:
        reader = open_pdf(body)
        signatures = reader.embedded_regular_signatures
    except (InvalidInput, *BROKEN) as broken:
        return SignatureFinding(Outcome.CANNOT_TELL, f"the PDF cannot be read: {str(broken)[:200]}")
    if not signatures:
        return SignatureFinding(Outcome.CANNOT_TELL, "the PDF is not signed")
    roots = [x509.Certificate.load(anchor) for anchor in anchors]
    context = ValidationContext(trust_roots=roots, allow_fetching=False, revocation_mode="soft-fail", moment=now)
    found = []
    for signature in signatures:
        kind = "PAdES" if signature.sig_object.get("/SubFilter") == PADES else "CMS"
        try:
            status = validate_pdf_signature(signature, signer_validation_context=context)
        except (SignatureValidationError, *BROKEN) as broken:
            found.append((Outcome.FAILED, f"signature {signature.field_name} ({kind}) cannot be read: {str(broken)[:200]}"))
            continue
        outcome, why = _judge(status, has_anchors=bool(anchors))
        signer = status.signing_cert.subject.human_friendly
        found.append((outcome, f"{kind} signature {signature.field_name} of {signer}: {why}"))
    found += _judge_rest(body, reader, signatures)
    return SignatureFinding(worst_of(outcome for outcome, _ in found), "; ".join(words for _, words in found))


def _judge(status: PdfSignatureStatus, *, has_anchors: bool) -> tuple[Outcome, str]:
    if not (status.intact and status.valid):
        return Outcome.FAILED, "what it signed was changed"
    if not status.docmdp_ok:
        return Outcome.FAILED, "something was added after it that may not be added"
    if status.revoked:
        return Outcome.FAILED, "its certificate is revoked"
    if not has_anchors:
        return Outcome.CANNOT_TELL, "intact; give the certificates that you trust"
    if not status.trusted:
        return Outcome.CANNOT_TELL, "intact; its certificate leads to none that you trust, or not now"
    return Outcome.PASSED, "intact, and its certificate leads to one that you trust"


def _judge_rest(body: bytes, reader: PdfFileReader, signatures: Sequence[EmbeddedPdfSignature]) -> list[tuple[Outcome, str]]:
    """What is wrong with that which no signature covers, behind all of them."""
    signed = max(int(signature.byte_range[2]) + int(signature.byte_range[3]) for signature in signatures)
    if body[signed:] in _LINE_ENDS:
        return []
    wrong = why_not_the_same(body, signed)
    if wrong is None:
        return []
    try:
        is_judged = end_of(body, len(body)) == reader.last_startxref  # by what each signature allows
    except InvalidInput:
        is_judged = False
    return [(Outcome.CANNOT_TELL if is_judged else Outcome.FAILED, f"what follows the signed bytes {wrong[0]}")]
