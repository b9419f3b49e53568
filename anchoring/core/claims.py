"""What a credential says, read from the file as it is signed. NOTHING IS VERIFIED HERE: no signature is checked."""

from anchoring.core.canonical import Content, content_of
from anchoring.core.disclosures import disclosed_claims
from anchoring.core.jose import is_json_jws, read_compact, read_json_jws, read_sd_jwt
from anchoring.core.status_codec import StatusListError
from anchoring.core.strict_json import DEFAULT_LIMITS, JsonLimits, JsonValue, parse
from anchoring.errors import InvalidInput


def read_claims(body: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> dict[str, JsonValue] | None:
    """The members of JSON, or of the payload of a JWT, of an SD-JWT or of a JWS in JSON serialization, and of that only.

    None for files that say nothing a program can read: PDFs and other files.

    Raises: InvalidInput when the file is meant as one of these and is malformed.
    """
    content = content_of(body)
    if content is Content.JWT:
        value = parse(read_compact(body, limits).payload, limits)
    elif content is Content.SD_JWT:
        value = parse(read_sd_jwt(body, limits).payload, limits)
    elif content is Content.JSON_OBJECT:
        value = parse(body, limits)
        if isinstance(value, dict) and is_json_jws(value):
            value = parse(read_json_jws(value, limits).payload, limits)
    else:
        return None
    if not isinstance(value, dict):
        raise InvalidInput("expected an object", at="$")
    return value


def shown_claims(body: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> dict[str, JsonValue] | None:
    """As `read_claims`, and of an SD-JWT with what is disclosed in its places. Raises: InvalidInput, also when it has none."""
    claims = read_claims(body, limits=limits)
    if content_of(body) is not Content.SD_JWT:
        return claims
    try:
        shown = disclosed_claims(read_sd_jwt(body, limits), body)
    except StatusListError as misplaced:
        raise InvalidInput(misplaced.message) from None
    assert isinstance(shown, dict)  # `read_claims` has seen to it
    return shown
