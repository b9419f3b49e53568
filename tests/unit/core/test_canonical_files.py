"""Files without a media type: what they are, what to post them as, and what a verifier tries."""

import base64
import hashlib
import json

import pytest

from anchoring.core.canonical import (
    Canonicalization,
    Content,
    canonical_candidates,
    content_of,
    media_type_of,
)
from anchoring.core.strict_json import JsonLimits

JCS, RAW = Canonicalization.JCS, Canonicalization.RAW


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


HEADER = b64url(b'{"alg":"ES256"}')
CLAIMS = b64url(b'{"iss":"did:example:uni"}')
JWT = f"{HEADER}.{CLAIMS}.c2ln"


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"{}", Content.JSON_OBJECT),
        (b' \r\n\t{ "a": 1 } \n', Content.JSON_OBJECT),
        (b'{"a":NaN,"a":1 oops}', Content.JSON_OBJECT),
        (b'\xef\xbb\xbf{"a":1}', Content.JSON_OBJECT),
        ('{"a":1}\n'.encode("utf-16"), Content.JSON_OBJECT),
        ('{ "a":1}\n'.encode("utf-16-be"), Content.JSON_OBJECT),
        ('{"a":1}'.encode("utf-32"), Content.JSON_OBJECT),
        (b'{"a":1', Content.OTHER),
        (b"{\\rtf1 x}", Content.OTHER),
        (b"{1}", Content.OTHER),
        (b'[{"a":1}]', Content.OTHER),
        (JWT.encode(), Content.JWT),
        (f"\n{JWT}\n".encode(), Content.JWT),
        (f"{b64url(b' {}')}..".encode(), Content.JWT),
        (base64.b64encode(b'{"\xfb\xff":1}') + b".+/.", Content.JWT),
        (b"www.example.org", Content.OTHER),
        (b"abcde.a.b", Content.OTHER),
        (f"{HEADER}.{CLAIMS}".encode(), Content.OTHER),
        (f"{HEADER}.a.b.c.d".encode(), Content.OTHER),
        (f"{JWT} {JWT}".encode(), Content.OTHER),
        (f"{JWT}~".encode(), Content.SD_JWT),
        (f"{JWT}~YQ~{JWT}\n".encode(), Content.SD_JWT),
        (f"{JWT}~<script>".encode(), Content.OTHER),
        (b"%PDF-1.7\n", Content.PDF),
        (b"junk\n%PDF-1.4\n", Content.PDF),
        (b" " * 1024 + b"%PDF-1.4\n", Content.OTHER),
        (b"", Content.OTHER),
        (b"x", Content.OTHER),
    ],
)
def test_content_is_told_from_the_bytes(body: bytes, content: Content) -> None:
    assert content_of(body) is content


@pytest.mark.parametrize(
    ("name", "body", "media_type"),
    [
        ("diploma.json", b"{}", "application/json"),
        ("diploma.JSONLD", b"{}", "application/ld+json"),
        ("diploma", b"{}", "application/json"),
        ("diploma.pdf", b"{}", "application/json"),
        ("diploma.pdf", b"%PDF-1.7", "application/pdf"),
        ("diploma.txt", b"%PDF-1.7", "application/pdf"),
        ("diploma.pdf", b"not one", "application/pdf"),
        ("broken.json", b'{"a":', "application/json"),
        ("broken.jsonld", b"[", "application/ld+json"),
        ("open-badge.jwt", HEADER.encode(), "application/jwt"),
        ("diploma.txt", JWT.encode(), "application/jwt"),
        ("diploma.jwt", f"{JWT}~".encode(), "application/dc+sd-jwt"),
        ("broken.sd-jwt", b"?", "application/dc+sd-jwt"),
        ("broken.sdjwt", b"?", "application/dc+sd-jwt"),
        ("archive.tar.gz", b"\x1f\x8b", "application/octet-stream"),
        (".json", b"x", "application/octet-stream"),
        ("", b"x", "application/octet-stream"),
    ],
)
def test_media_type_of_a_file_follows_its_content_then_its_name(name: str, body: bytes, media_type: str) -> None:
    assert media_type_of(name, body) == media_type


# What a verifier tries


@pytest.mark.parametrize(
    ("body", "derived"),
    [
        (b'{"b":1, "a":2}', [JCS, RAW]),
        (
            json.dumps({"payload": CLAIMS, "protected": HEADER, "signature": "c2ln"}).encode(),
            [Canonicalization.JWS_JSON, RAW],
        ),
        (f"{JWT}\n".encode(), [Canonicalization.JWS_COMPACT, RAW]),
        (f"{JWT}~YQ~".encode(), [Canonicalization.SD_JWT_ISSUER, RAW]),
        (b"%PDF-1.7", [RAW]),
        (b"[1]", [RAW]),
        (b'{"a":1,"a":2}', [RAW]),
        (b'\xef\xbb\xbf{"a":1}', [RAW]),
        (b'{"payload":"x","signatures":[],"issuer":"did:example:uni"}', [RAW]),
        (f"{JWT}==".encode(), [RAW]),
        (f"{HEADER}.{CLAIMS}.".encode(), [RAW]),
        (b"", []),
    ],
)
def test_candidates_are_the_derived_form_then_raw(body: bytes, derived: list[Canonicalization]) -> None:
    forms = canonical_candidates(body, None)

    assert [form.canonicalization for form in forms] == derived
    assert all(form.digest == hashlib.sha256(form.data).digest() for form in forms)
    if forms:
        assert forms[-1].data == body


def test_candidates_begin_with_the_hinted_form_if_there_is_one() -> None:
    body = b'{"b":1, "a":2}'

    def order(hint: Canonicalization) -> list[Canonicalization]:
        return [form.canonicalization for form in canonical_candidates(body, hint)]

    assert order(RAW) == [RAW, JCS]
    assert order(JCS) == [JCS, RAW]
    assert order(Canonicalization.JWS_COMPACT) == [JCS, RAW]


def test_candidates_keep_to_the_limits() -> None:
    assert [form.canonicalization for form in canonical_candidates(b"{}", None, limits=JsonLimits(max_bytes=1))] == [RAW]
