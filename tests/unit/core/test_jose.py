"""Tokens as they are hashed: JWT and SD-JWT."""

import base64

import pytest

from anchoring.core.canonical import (
    CanonicalForm,
    Canonicalization,
    canonicalize,
)
from anchoring.core.jose import read_compact, read_json_jws, read_sd_jwt
from anchoring.core.strict_json import JsonLimits
from anchoring.errors import InvalidInput, TooLarge


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


HEADER = b64url(b'{"alg":"ES256"}')
CLAIMS = b64url(b'{"iss":"did:example:uni"}')
JWT = f"{HEADER}.{CLAIMS}.c2ln"
UNENCODED = b64url(b'{"alg":"RS256","b64":false,"crit":["b64"]}')


def canonical(text: str, media_type: str) -> CanonicalForm:
    return canonicalize(text.encode(), media_type)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        (f"{HEADER}.{CLAIMS}", None, "has 3 parts joined by dots; this has 2$"),
        (f"{HEADER}.a.b.c.d", None, "this has 5 and may be encrypted"),
        (f"{HEADER}.{CLAIMS}.c2ln=", "signature", "base64url"),
        (f"{HEADER}.{CLAIMS}.c2 n", "signature", "base64url"),
        (f"{HEADER}.{CLAIMS}.c2l", "signature", "base64url"),
        (f"{HEADER}.{CLAIMS}.c2lnA", "signature", "base64url"),
        (f"{HEADER}.{CLAIMS}.", "signature", "base64url"),
        (f"{HEADER}..c2ln", "payload", "base64url"),
        (f".{CLAIMS}.c2ln", "header", "base64url"),
        (f"{b64url(b'{}')}.{CLAIMS}.c2ln", "header", "string alg"),
        (f"{b64url(b'[1]')}.{CLAIMS}.c2ln", "header", "string alg"),
        (f"{b64url(b'{]')}.{CLAIMS}.c2ln", "header", r"in the decoded header, \$ \(line 1, column 2\)"),
        (f"{UNENCODED}.{CLAIMS}.c2ln", "header", "b64"),
        (f"{JWT}\x85", f"byte {len(JWT)}", "ASCII"),
        (f"{JWT}\x0c", "signature", "base64url"),
    ],
)
def test_jwt_that_is_not_one_is_refused(text: str, at: str | None, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        canonical(text, "application/jwt")

    assert refused.value.at == at


def test_jwt_is_hashed_without_the_white_space_around_it() -> None:
    form = canonical(f"\r\n\t {JWT}\n", "application/vc+jwt")

    assert (form.canonicalization, form.data) == (Canonicalization.JWS_COMPACT, JWT.encode())


def test_sd_jwt_is_hashed_without_what_the_holder_adds() -> None:
    bare = canonical(f"{JWT}~", "application/dc+sd-jwt")
    presented = canonical(f"{JWT}~YQ~Yg~{JWT}\n", "application/vc+sd-jwt")

    assert (bare.canonicalization, bare.data, bare.notes) == (Canonicalization.SD_JWT_ISSUER, JWT.encode(), ())
    assert presented.digest == bare.digest
    assert presented.notes == ("disclosures are not covered: 2", "the key binding is not covered")


def test_tokens_have_the_size_limit_of_json() -> None:
    limits = JsonLimits(max_bytes=len(JWT) - 1)
    for read in (read_compact, read_sd_jwt):
        with pytest.raises(TooLarge) as refused:
            read(JWT.encode(), limits)
        assert refused.value.limit == len(JWT) - 1


def test_signed_tokens_give_their_payload() -> None:
    claims = b'{"iss":"did:example:uni"}'

    assert read_compact(JWT.encode()).payload == claims
    assert read_sd_jwt(f"{JWT}~".encode()).payload == claims
    flat = {"payload": CLAIMS, "protected": HEADER, "signature": "c2ln"}
    assert read_json_jws(flat).payload == claims
    assert read_json_jws({"payload": "é", "signatures": [{"protected": UNENCODED, "signature": "c2ln"}]}).payload == b"\xc3\xa9"
