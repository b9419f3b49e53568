"""Which form of a list a reader is given: content negotiation by `Accept`, RFC 9110 section 12.5.1."""

from typing import Final

from anchoring.core.status_documents import ListForm

DEFAULT: Final = "application/json"
"""For whoever takes anything: readers look for `json` in the content type."""

FORMS: Final = {
    "application/json": ListForm.BITSTRING_JSON,
    "application/ld+json": ListForm.BITSTRING_JSON,
    "application/vc": ListForm.BITSTRING_JSON,
    "application/vc+json": ListForm.BITSTRING_JSON,
    "application/vc+ld+json": ListForm.BITSTRING_JSON,
    "application/vc+jwt": ListForm.BITSTRING_JWT,
    "application/jwt": ListForm.STATUSLIST2021_JWT,
    "application/statuslist+jwt": ListForm.TOKEN_JWT,
}


def negotiate(accept: str | None) -> str | None:
    """The content type to serve, which is the one asked for; None when none of those accepted is offered."""
    if accept is None or not accept.strip():
        return DEFAULT
    ranked = [(_quality(part), -place, _essence(part)) for place, part in enumerate(accept.split(","))]
    for quality, _, asked in sorted(ranked, reverse=True):
        if quality <= 0:
            break
        if asked in FORMS:
            return asked
        if asked in {"*/*", "application/*"}:
            return DEFAULT
    return None


def _essence(part: str) -> str:
    return part.partition(";")[0].strip().lower()


def _quality(part: str) -> float:
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
