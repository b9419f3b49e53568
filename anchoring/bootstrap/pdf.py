"""PDFs, where the library for them is installed."""

from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from anchoring.core.canonical import CanonicalForm, Content, content_of
from anchoring.core.outcome import Outcome
from anchoring.core.strict_json import JsonValue
from anchoring.core.verification import NoForm, SignatureFinding
from anchoring.errors import Misconfigured
from anchoring.types import Digest

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from anchoring.ports.signing import CredentialSignatures


def open_pdf_embedding() -> ModuleType:
    """Puts proofs into PDFs. Raises: Misconfigured where its library is not installed."""
    _require_library()
    from anchoring.pdf import embedding

    return embedding


def proof_in_pdf(pdf: bytes) -> dict[str, JsonValue] | None:
    """The proof in its field, unread; None where there is none. Raises: Misconfigured."""
    _require_library()
    from anchoring.pdf.judge import bounded_embedded_proof

    return bounded_embedded_proof(pdf)


def later_pdf_form(pdf: bytes, digest: Digest) -> CanonicalForm | NoForm | None:
    """The anchored beginning of a longer PDF; None where none has this digest. Raises: Misconfigured."""
    _require_library()
    from anchoring.pdf.judge import bounded_later_form

    return bounded_later_form(pdf, digest)


class SignaturesOfAll:
    """Implements ports.CredentialSignatures, for PDFs as well. `anchors`: certificates that count for these."""

    def __init__(self, others: "CredentialSignatures", anchors: "Sequence[Certificate]" = ()) -> None:
        self._others = others
        self._anchors = anchors

    def check(self, body: bytes, now: datetime) -> SignatureFinding:
        """What is known of the signature in a credential's file, of any format."""
        return _signatures_of_pdf(body, self._anchors, now) if content_of(body) is Content.PDF else self._others.check(body, now)


def _signatures_of_pdf(pdf: bytes, anchors: "Sequence[Certificate]", now: datetime) -> SignatureFinding:
    from cryptography.hazmat.primitives.serialization import Encoding

    from anchoring.pdf.judge import bounded_signatures

    try:
        _require_library()
    except Misconfigured as absent:
        return SignatureFinding(Outcome.CANNOT_TELL, absent.message)
    return bounded_signatures(pdf, [anchor.public_bytes(Encoding.DER) for anchor in anchors], now)


def _require_library() -> None:
    try:
        import_module("pyhanko")
    except ModuleNotFoundError as absent:
        raise Misconfigured("PDFs take a library that is not here: pip install 'credanchor[pdf]'") from absent
