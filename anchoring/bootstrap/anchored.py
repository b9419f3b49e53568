"""What was anchored of a credential's file into which its proof was put since: a PDF, a finished Blockcerts credential."""

from contextlib import suppress

from anchoring.bootstrap.inside import embedded_proof
from anchoring.bootstrap.pdf import later_pdf_form
from anchoring.bootstrap.verifying import open_blockcerts_rule
from anchoring.core.blockcerts import is_finished
from anchoring.core.canonical import CanonicalForm, Canonicalization, Content, canonical_candidates, canonicalize, content_of
from anchoring.core.verification import NoForm
from anchoring.errors import InvalidInput, Misconfigured
from anchoring.types import parse_digest


def anchored_form(body: bytes, media_type: str, *, requested: Canonicalization | None) -> CanonicalForm:
    """The form that an issuer anchored. `media_type`: of the file. `requested`: the rule, where the issuer names it.

    Raises: InvalidInput, UnsupportedMediaType; Misconfigured where the rule takes a library that is not installed.
    """
    if requested is Canonicalization.BLOCKCERTS_RDFC:
        return open_blockcerts_rule()(body)
    earlier = _earlier_form(body) if requested is None else None
    return earlier or canonicalize(body, media_type, requested=requested)


def anchored_forms(body: bytes) -> tuple[CanonicalForm, ...]:
    """Every form that a file may have been anchored in, as far as the libraries for them are installed."""
    forms = canonical_candidates(body, None)
    with suppress(InvalidInput, Misconfigured):
        if earlier := _earlier_form(body):
            return (earlier, *forms)
    return forms


def _earlier_form(body: bytes) -> CanonicalForm | None:
    """Raises: InvalidInput where what was put in may show something else; Misconfigured."""
    if is_finished(body):
        return open_blockcerts_rule()(body)
    if content_of(body) is not Content.PDF:
        return None
    try:
        digest = parse_digest(str((embedded_proof(body) or {}).get("digest")), at="digest")
    except (InvalidInput, Misconfigured):
        return None  # a file like any other
    form = later_pdf_form(body, digest)
    if isinstance(form, NoForm):
        raise InvalidInput(form.why)
    return form
