"""Which bytes are hashed: the published vectors, our own, and the rules one by one."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from anchoring.core.canonical import (
    CanonicalForm,
    Canonicalization,
    canonicalize,
    jcs,
)
from anchoring.core.strict_json import JsonLimits, parse
from anchoring.errors import InvalidInput, MalformedBody, TooLarge, UnsupportedMediaType
from anchoring.types import to_hex

VECTORS = Path(__file__).parents[2] / "vectors"
OURS = json.loads((VECTORS / "canonical.json").read_text(encoding="utf-8"))

JCS, RAW = Canonicalization.JCS, Canonicalization.RAW


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


HEADER = b64url(b'{"alg":"ES256"}')
CLAIMS = b64url(b'{"iss":"did:example:uni"}')
JWT = f"{HEADER}.{CLAIMS}.c2ln"
UNENCODED = b64url(b'{"alg":"RS256","b64":false,"crit":["b64"]}')


def canonical(body: bytes | str | dict[str, Any], media_type: str | None = "application/vc", **options: Any) -> CanonicalForm:
    match body:
        case str():
            return canonicalize(body.encode(), media_type, **options)
        case bytes():
            return canonicalize(body, media_type, **options)
    return canonicalize(json.dumps(body).encode(), media_type, **options)


# Published vectors


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "weird"])
def test_jcs_gives_the_published_form(name: str) -> None:
    source = (VECTORS / "rfc8785" / "input" / f"{name}.json").read_bytes()
    expected = (VECTORS / "rfc8785" / "output" / f"{name}.json").read_bytes()

    assert jcs(parse(source)) == expected
    assert jcs(parse(expected)) == expected


def test_jcs_gives_the_published_form_of_values_that_the_reader_refuses() -> None:
    source = (VECTORS / "rfc8785" / "input" / "values.json").read_bytes()
    expected = (VECTORS / "rfc8785" / "output" / "values.json").read_bytes()

    assert jcs(json.loads(source)) == expected
    assert jcs(parse(source.replace(b"333333333.33333329", b"333333333.3333333"))) == expected
    with pytest.raises(InvalidInput) as refused:
        parse(source)
    assert refused.value.at == "$.numbers[0] (line 2, column 15)"


# Our vectors


@pytest.mark.parametrize("vector", OURS["vectors"], ids=lambda vector: vector["name"])
def test_canonicalize_agrees_with_vector(vector: dict[str, Any]) -> None:
    body = base64.b64decode(vector["body"])
    requested = vector["requested"] and Canonicalization(vector["requested"])
    sizes = vector.get("limits", OURS["limits"])
    limits = JsonLimits(max_bytes=sizes["maxBytes"], max_depth=sizes["maxDepth"], max_values=sizes["maxValues"])

    if "error" in vector:
        with pytest.raises(InvalidInput) as refused:
            canonicalize(body, vector["mediaType"], requested=requested, limits=limits)
        assert {"slug": refused.value.slug, "at": refused.value.at} == vector["error"]
        return
    form = canonicalize(body, vector["mediaType"], requested=requested, limits=limits)
    assert form.canonicalization == vector["canonicalization"]
    assert form.data == base64.b64decode(vector["canonical"])
    assert to_hex(form.digest) == vector["digest"]
    assert form.notes == tuple(vector["notes"])


def test_vectors_hold_every_rule_and_every_kind_of_refusal() -> None:
    of_files = {*Canonicalization} - {Canonicalization.BLOCKCERTS_RDFC}  # which Blockcerts' command alone has
    assert {vector.get("canonicalization") for vector in OURS["vectors"]} == {*of_files, None}
    slugs = {vector["error"]["slug"] for vector in OURS["vectors"] if "error" in vector}
    assert slugs == {InvalidInput.slug, MalformedBody.slug, TooLarge.slug, UnsupportedMediaType.slug}
    names = [vector["name"] for vector in OURS["vectors"]]
    assert len(names) == len(set(names))
    assert all(("error" in vector) == vector["name"].startswith("refused") for vector in OURS["vectors"])


# jcs


def test_jcs_form_is_sorted_and_tight() -> None:
    form = canonical('{ "b":[1.50, 1e2],\n "a":"\\u00e9\\/" }')

    assert form.canonicalization is JCS
    assert form.data == '{"a":"é/","b":[1.5,100]}'.encode()
    assert form.digest == hashlib.sha256(form.data).digest()
    assert form.notes == ()


@pytest.mark.parametrize(
    ("proof", "kept", "notes"),
    [
        ([{"type": "X"}, {"type": "CredentialAnchorProof"}], [{"type": "X"}], 1),
        ([{"type": ["X", "CredentialAnchorProof"]}, {"type": "X"}], [{"type": "X"}], 1),
        ([{"type": "CredentialAnchorProof"}, {"type": "CredentialAnchorProof"}], None, 2),
        ([], None, 0),
        ({"type": "CredentialAnchorProof"}, {"type": "CredentialAnchorProof"}, 0),
        ([{"type": "X"}], [{"type": "X"}], 0),
        ([{"type": {"CredentialAnchorProof": 1}}, {}, 1], [{"type": {"CredentialAnchorProof": 1}}, {}, 1], 0),
        ([["CredentialAnchorProof"], "CredentialAnchorProof"], [["CredentialAnchorProof"], "CredentialAnchorProof"], 0),
        ("CredentialAnchorProof", "CredentialAnchorProof", 0),
        (None, "null", 0),
    ],
)
def test_jcs_form_leaves_out_only_our_own_proofs(proof: Any, kept: Any, notes: int) -> None:
    form = canonical({"id": "urn:1", "proof": proof})

    expected = {"id": "urn:1"} if kept is None else {"id": "urn:1", "proof": None if kept == "null" else kept}
    assert form.data == canonical(expected).data
    assert parse(form.data) == expected
    assert form.notes == ((f"CredentialAnchorProof elements taken out of proof: {notes}",) if notes else ())


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "1"])
def test_jcs_form_is_of_an_object(body: str) -> None:
    with pytest.raises(InvalidInput, match=r"^\$: a credential is a JSON object$"):
        canonical(body)


# jws-json


def test_jws_json_form_is_what_was_signed_first() -> None:
    payload = '{"id": "café.1"}'
    first = {"protected": UNENCODED, "header": {"etsiU": ["t"]}, "signature": "c2ln"}
    form = canonical({"payload": payload, "signatures": [first]})
    more = canonical({"signatures": [first | {"header": {}}, first], "payload": payload})

    assert form.canonicalization is Canonicalization.JWS_JSON
    assert form.data == f"{UNENCODED}.{payload}.c2ln".encode()
    assert form.notes == ("the unprotected header is not covered",)
    assert more.digest == form.digest
    assert more.notes == ("the unprotected header is not covered", "signatures after the first are not covered: 1")


def test_jws_json_form_of_a_flattened_jws_is_that_of_the_jwt() -> None:
    form = canonical({"payload": CLAIMS, "protected": HEADER, "signature": "c2ln"})

    assert form.data == JWT.encode()
    assert form.digest == canonical(JWT, "application/jwt").digest
    assert form.notes == ()


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"credentialSubject": {}}, "$.credentialSubject"),
        ({"signatures": []}, "$.signatures"),
        ({"signatures": {}}, "$.signatures"),
        ({"signatures": "x"}, "$.signatures"),
        ({"signatures": ["x"]}, "$.signatures[0]"),
        ({"signatures": [{}]}, "$.signatures[0].protected"),
        ({"signatures": [{"protected": HEADER}]}, "$.signatures[0].signature"),
        ({"signatures": [{"protected": HEADER, "signature": ""}]}, "$.signatures[0].signature"),
        ({"signatures": [{"protected": HEADER, "signature": "c2l"}]}, "$.signatures[0].signature"),
        ({"signatures": [{"protected": HEADER, "signature": "c2ln", "@x": 1}]}, '$.signatures[0]["@x"]'),
        ({"signatures": [{"protected": HEADER, "signature": "c2ln", "header": 1}]}, "$.signatures[0].header"),
        ({"payload": 1}, "$.payload"),
        ({"payload": ""}, "$.payload"),
        ({"payload": "{}"}, "$.payload"),
        ({"protected": HEADER}, "$.protected"),
    ],
)
def test_jws_json_form_refuses_what_no_signature_covers(changes: dict[str, Any], at: str) -> None:
    signed = {"payload": CLAIMS, "signatures": [{"protected": HEADER, "signature": "c2ln"}]}
    assert canonical(signed).data == JWT.encode()

    with pytest.raises(InvalidInput) as refused:
        canonical(signed | changes)
    assert refused.value.at == at


@pytest.mark.parametrize("mark", ["signatures", "protected", "signature"])
def test_payload_beside_any_mark_of_a_jws_is_never_jcs(mark: str) -> None:
    credential = {"issuer": "did:example:uni", "credentialSubject": {}}

    with pytest.raises(InvalidInput):
        canonical(credential | {"payload": CLAIMS, mark: "x"})
    assert canonical(credential | {"payload": CLAIMS, "header": {}}).canonicalization is JCS
    assert canonical(credential | {mark: "x"}).canonicalization is JCS


# Media types


@pytest.mark.parametrize(
    ("media_type", "rule"),
    [
        ("application/vc", JCS),
        ("APPLICATION/JSON", JCS),
        (" application/ld+json ", JCS),
        ("application/vc+ld+json;charset=utf8", JCS),
        ('application/json ; a=b; Charset = "UTF-8"', JCS),
        ('application/ld+json; profile="x; charset=utf-16 \\" ;charset=latin-1"', JCS),
        ("application/json;", JCS),
    ],
)
def test_json_media_types_are_read_with_their_parameters(media_type: str, rule: Canonicalization) -> None:
    assert canonical("{}", media_type).canonicalization is rule


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        " ",
        "json",
        "application/",
        "a b/c",
        "application/json, text/plain",
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
        "multipart/form-data; boundary=x",
        "multipart/mixed",
        "application/json; charset=utf-16",
        'application/json; charset="latin-1"',
        "application/json; charset=utf-8; charset=utf-16",
        "application/json; charset=",
    ],
)
def test_media_types_without_a_rule_are_refused(media_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        canonical("{}", media_type)

    assert refused.value.at == "Content-Type"


@pytest.mark.parametrize("media_type", ["application/pdf", "text/plain", "image/png", "application/vp+jwt", "image/svg+json"])
def test_everything_else_is_hashed_as_it_is(media_type: str) -> None:
    form = canonical(b"\x00 any bytes \xff\n", media_type)

    assert (form.canonicalization, form.data) == (RAW, b"\x00 any bytes \xff\n")


@pytest.mark.parametrize("media_type", ["application/octet-stream", "application/pdf", "text/json"])
@pytest.mark.parametrize("body", ["{}", ' {"a":NaN}', JWT, f"{JWT}~", f"{HEADER}==.{CLAIMS}."])
def test_bytes_that_look_like_json_or_a_token_are_refused_unless_meant(media_type: str, body: str) -> None:
    with pytest.raises(InvalidInput, match="canonicalization=raw") as refused:
        canonical(body, media_type)
    assert not isinstance(refused.value, UnsupportedMediaType)
    assert refused.value.at == "Content-Type"

    assert canonical(body, media_type, requested=RAW).data == body.encode()


@pytest.mark.parametrize("requested", Canonicalization)
def test_requested_rule_must_be_the_one_that_follows(requested: Canonicalization) -> None:
    flat = {"payload": CLAIMS, "protected": HEADER, "signature": "c2ln"}
    sent = {
        Canonicalization.JCS: ("{}", "application/vc"),
        Canonicalization.JWS_JSON: (json.dumps(flat), "application/vc"),
        Canonicalization.JWS_COMPACT: (JWT, "application/jwt"),
        Canonicalization.SD_JWT_ISSUER: (f"{JWT}~", "application/dc+sd-jwt"),
        Canonicalization.RAW: ("x", "text/plain"),
    }
    for follows, (body, media_type) in sent.items():
        if requested in {follows, RAW}:
            assert canonical(body, media_type, requested=requested).canonicalization is requested
            continue
        with pytest.raises(InvalidInput) as refused:
            canonical(body, media_type, requested=requested)
        assert refused.value.at == "canonicalization"


@pytest.mark.parametrize("requested", [None, RAW])
def test_an_empty_body_is_refused(requested: Canonicalization | None) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        canonical(b"", "application/pdf", requested=requested)
