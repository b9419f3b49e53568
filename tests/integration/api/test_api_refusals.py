"""What is refused: each refusal says what and where, repeats nothing that was sent, and leaves nothing behind."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.api import BINARY, JSON, NDJSON, Api, check_problem, hex_digest, post_and_anchor, stored
from tests.factories import UNIVERSITY, make_digest

MARKER = "c0ffeec0ffee"
GOOD = make_digest(1).hex()
MARKED = MARKER * 5 + "abcd"
FULL_WIDTH = GOOD[:-1] + "\uff11"


def digests(*items: Any) -> bytes:
    return json.dumps({"digests": items}).encode()


def lines(*items: str) -> bytes:
    return "".join(f"{item}\n" for item in items).encode()


@pytest.fixture(autouse=True)
def nothing_changes(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test on the shared service leaves a row, or changes one."""
    api: Api | None = request.getfixturevalue("shared_api") if "shared_api" in request.fixturenames else None
    before = stored(api.store) if api else None
    yield
    assert api is None or stored(api.store) == before


def refused(response: httpx2.Response, status: int, slug: str, at: str | None, words: str) -> None:
    problem = check_problem(response, status, slug)
    assert problem.get("at") == at
    assert words in problem["detail"]
    assert MARKER not in response.text
    assert MARKER not in str(response.headers)
    assert "SELECT" not in response.text
    assert "Traceback" not in response.text


MALFORMED, INVALID, TOO_LARGE, MEDIA = (
    (400, "malformed-body"),
    (422, "invalid-input"),
    (413, "too-large"),
    (415, "unsupported-media-type"),
)


@pytest.mark.parametrize(
    ("body", "kind", "at", "words"),
    [
        # not JSON in UTF-8
        (b"", MALFORMED, "$ (line 1, column 1)", "expected a value"),
        (b"{", MALFORMED, "$ (line 1, column 2)", "expected a member's name"),
        (digests(GOOD)[:-2], MALFORMED, "$.digests (line 1, column 80)", "expected , or ]"),
        (digests(GOOD) + b"x", MALFORMED, "$ (line 1, column 82)", "has ended"),
        (b'{"digests": [NaN]}', MALFORMED, "$.digests[0] (line 1, column 14)", "NaN"),
        (b'{"digests": [-Infinity]}', MALFORMED, "$.digests[0] (line 1, column 14)", "infinities"),
        (b"\xef\xbb\xbf" + digests(GOOD), MALFORMED, "byte 0", "byte order mark"),
        (digests(GOOD).decode().encode("utf-16"), MALFORMED, "byte 0", "UTF-16"),
        (digests(GOOD).decode().encode("utf-32-be"), MALFORMED, "byte 0", "UTF-16 or UTF-32"),
        (b'{"digests": ["\xff"]}', MALFORMED, "byte 14", "not UTF-8"),
        (b"digest=" + GOOD.encode(), MALFORMED, "$ (line 1, column 1)", "expected a value"),
        # JSON that is not taken
        (b'{"digests": [], "digests": []}', INVALID, "$.digests (line 1, column 17)", "twice"),
        (b'{"digests": ["\\ud800"]}', INVALID, "$.digests[0] (line 1, column 15)", "surrogate"),
        (b'{"digests": [1e400]}', INVALID, "$.digests[0] (line 1, column 14)", "too large for a double"),
        (b'{"digests": [' + b"9" * 2000 + b"]}", INVALID, "$.digests[0] (line 1, column 14)", "2^53"),
        (b'{"digests": ' + b"[" * 100_000, TOO_LARGE, None, "bytes"),
        (b'{"digests": [[[[[]]]]]}', TOO_LARGE, "$.digests[0][0][0][0] (line 1, column 17)", "nested more than 5 deep"),
        # other shapes
        (b"[]", INVALID, "$.digests", "expected"),
        (b'"' + GOOD.encode() + b'"', INVALID, "$.digests", "expected"),
        (b"null", INVALID, "$.digests", "expected"),
        (b"{}", INVALID, "$.digests", "expected"),
        (b'{"digests": null}', INVALID, "$.digests", "expected"),
        (b'{"digests": {"0": "00"}}', INVALID, "$.digests", "expected"),
        (digests(), INVALID, None, "no digests"),
        (json.dumps({"digests": [GOOD], "canonicalisation": MARKER}).encode(), INVALID, "$", "unknown member 'canonicalisation'"),
        (json.dumps({"digests": [GOOD], "ca_01234567_secret": 1}).encode(), INVALID, "$", "unknown member 'ca_01234567_…'"),
        (digests(GOOD, {"digest": GOOD, "salt": MARKER}), INVALID, "$.digests[1]", "unknown member 'salt'"),
        (json.dumps({"digests": [GOOD], "\u202e": 1}).encode(), INVALID, "$", r"unknown member '\u202e'"),
        (digests({"canonicalization": "jcs"}), INVALID, "$.digests[0].digest", "must be a string"),
        (digests({"digest": 5}), INVALID, "$.digests[0].digest", "must be a string"),
        (digests({"digest": GOOD, "canonicalization": MARKER}), INVALID, "$.digests[0].canonicalization", "must be one of jcs"),
        (digests({"digest": GOOD, "canonicalization": ["jcs"]}), INVALID, "$.digests[0].canonicalization", "must be one of"),
        (digests({"digest": GOOD, "canonicalization": True}), INVALID, "$.digests[0].canonicalization", "must be one of"),
        # digests that are none
        *[
            (digests(GOOD, wrong), INVALID, "$.digests[1]", "64 hexadecimal digits")
            for wrong in (
                "",
                "0x",
                MARKED[:63],
                MARKED + "0",
                MARKED + "\n",
                " " + MARKED,
                MARKED + " ",
                "0X" + MARKED,
                "0x0x" + MARKED,
                MARKED[:63] + "g",
                FULL_WIDTH,
                MARKED[:63] + "\u0661",
                MARKED[:62] + "\\n",
                "+" + MARKED[:63],
                MARKED[:31] + "_" + MARKED[:32],
                "MARKED",
            )
        ],
        *[(digests(GOOD, wrong), INVALID, "$.digests[1]", 'expected "0x…"') for wrong in (5, 1.5, True, None, ["00"])],
        # too many
        (digests(*[GOOD] * 21), TOO_LARGE, None, "21 digests were sent, at most 20"),
    ],
)
def test_post_digests_refuses_json(shared_api: Api, body: bytes, kind: tuple[int, str], at: str | None, words: str) -> None:
    refused(shared_api.post("/v1/digests", body), *kind, at, words)


Q = f'"{GOOD}"'


@pytest.mark.parametrize(
    ("body", "kind", "at", "words"),
    [
        (lines(Q, "nonsense", Q), MALFORMED, "$ (line 2, column 1)", "expected a value"),
        (lines(Q, Q, '{"digest":'), MALFORMED, "$.digest (line 3, column 11)", "expected a value"),
        (lines(Q, GOOD), MALFORMED, "$ (line 2, column 4)", "has ended"),
        (lines(Q, "", Q), MALFORMED, "$ (line 2, column 1)", "expected a value"),
        (lines(Q, "\r"), MALFORMED, "$ (line 2, column 2)", "expected a value"),
        (b"\n", MALFORMED, "$ (line 1, column 1)", "expected a value"),
        (lines(Q) + b" ", MALFORMED, "$ (line 2, column 2)", "expected a value"),
        (lines(Q, Q) + Q[:-1].encode(), MALFORMED, "$ (line 3, column 1)", "no end"),
        (Q.encode() + b"\r" + Q.encode(), MALFORMED, "$ (line 1, column 68)", "has ended"),
        (lines(Q) + b"\xef\xbb\xbf" + lines(Q), MALFORMED, "byte 0 (line 2)", "byte order mark"),
        (lines(Q) + b'"\xff"\n', MALFORMED, "byte 1 (line 2)", "not UTF-8"),
        (lines(Q, '{"digest":1,"digest":2}'), INVALID, "$.digest (line 2, column 13)", "twice"),
        (lines(Q, f'"{MARKED[:63]}"'), INVALID, "$ (line 2)", "64 hexadecimal digits"),
        (lines(Q, f'{{"digest":"{MARKED}0"}}'), INVALID, "$.digest (line 2)", "64 hexadecimal digits"),
        (lines(Q, Q, f'{{"digest":{Q},"rule":"{MARKER}"}}'), INVALID, "$ (line 3)", "unknown member 'rule'"),
        (lines(Q, "5"), INVALID, "$ (line 2)", "expected"),
        (lines(Q, f"[{Q}]"), INVALID, "$ (line 2)", "expected"),
        (lines(Q, "[[[[[[1]]]]]]"), TOO_LARGE, "$[0][0][0][0][0] (line 2, column 6)", "nested more than 5 deep"),
        (digests(GOOD), INVALID, "$ (line 1)", "unknown member 'digests'"),
        (b"", INVALID, None, "no digests"),
        (lines(*[Q] * 21), TOO_LARGE, None, "21 digests were sent, at most 20"),
    ],
)
def test_post_digests_refuses_ndjson_and_names_the_line(
    shared_api: Api, body: bytes, kind: tuple[int, str], at: str | None, words: str
) -> None:
    refused(shared_api.post("/v1/digests", body, NDJSON), *kind, at, words)


@pytest.mark.parametrize(
    ("body", "kind", "at", "words"),
    [
        (b"", INVALID, None, "no digests"),
        (bytes(31), INVALID, "byte 0", "31 bytes are left over"),
        (bytes(33), INVALID, "byte 32", "1 bytes are left over"),
        (bytes(32 * 5 + 31), INVALID, "byte 160", "31 bytes are left over"),
        (bytes(32 * 21), TOO_LARGE, None, "21 digests were sent, at most 20"),
        (GOOD.encode() + b"\n", INVALID, "byte 64", "1 bytes are left over"),
    ],
)
def test_post_digests_refuses_bytes_and_names_the_first_that_is_left_over(
    shared_api: Api, body: bytes, kind: tuple[int, str], at: str | None, words: str
) -> None:
    refused(shared_api.post("/v1/digests", body, BINARY), *kind, at, words)


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "json",
        "*/*",
    ],
)
@pytest.mark.parametrize("path", ["/v1/digests", "/v1/verify"])
def test_media_types_without_a_meaning_are_refused(shared_api: Api, path: str, media_type: str | None) -> None:
    refused(shared_api.post(path, digests(GOOD), media_type), *MEDIA, "Content-Type", "send application/json")


@pytest.mark.parametrize("path", ["/v1/digests", "/v1/credentials", "/v1/verify"])
def test_compressed_bodies_are_refused(shared_api: Api, path: str) -> None:
    refused(shared_api.post(path, b"\x1f\x8b", JSON, Content_Encoding="gzip"), *MEDIA, "Content-Encoding", "not compressed")


@pytest.mark.parametrize(
    ("media_type", "body", "kind", "at", "words"),
    [
        (None, b"%PDF", MEDIA, "Content-Type", "say what is sent"),
        ("nonsense", b"%PDF", MEDIA, "Content-Type", "say what is sent"),
        ("application/x-www-form-urlencoded", b"{}", MEDIA, "Content-Type", "--data-binary"),
        ("multipart/form-data; boundary=x", b"--x", MEDIA, "Content-Type", "wraps what is sent"),
        ("application/json; charset=iso-8859-1", b"{}", MEDIA, "Content-Type", "UTF-8"),
        ("application/vc", b'{"name": "' + MARKER.encode(), MALFORMED, "$.name (line 1, column 10)", "no end"),
        ("application/vc", b"", MALFORMED, "$ (line 1, column 1)", "expected a value"),
        ("application/vc", b"\xef\xbb\xbf{}", MALFORMED, "byte 0", "byte order mark"),
        ("application/vc", '{"a": 1}'.encode("utf-16"), MALFORMED, "byte 0", "UTF-16"),
        ("application/vc", b'{"grade": NaN}', MALFORMED, "$.grade (line 1, column 11)", "NaN"),
        ("application/vc", b'{"a": 1, "a": 2}', INVALID, "$.a (line 1, column 10)", "twice"),
        ("application/vc", b'{"grade": 9007199254740993}', INVALID, "$.grade (line 1, column 11)", "2^53"),
        ("application/vc", b'{"grade": 1e400}', INVALID, "$.grade (line 1, column 11)", "too large"),
        ("application/vc", b'{"a": "\\ud800"}', INVALID, "$.a (line 1, column 8)", "surrogate"),
        ("application/vc", b"[]", INVALID, "$", "a JSON object"),
        ("application/vc", b'{"a":' * 9 + b"1" + b"}" * 9, TOO_LARGE, "$.a.a.a.a.a.a.a.a (line 1, column 41)", "8 deep"),
        ("application/jwt", b"a.b", INVALID, None, "parts joined by dots"),
        ("application/jwt", b"eyJhbGciOiJub25lIn0.e30.c2ln", INVALID, "header", "alg is none"),
        ("application/pdf", b"", INVALID, None, "empty"),
        ("application/pdf", b'{"a": 1}', INVALID, "Content-Type", "looks like"),
        ("application/octet-stream", b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln", INVALID, "Content-Type", "looks like"),
        ("application/pdf", b"%PDF" + bytes(4093), TOO_LARGE, None, "more than 4096 bytes"),
    ],
)
def test_post_credential_refuses(
    shared_api: Api, media_type: str | None, body: bytes, kind: tuple[int, str], at: str | None, words: str
) -> None:
    refused(shared_api.post("/v1/credentials", body, media_type), *kind, at, words)


@pytest.mark.parametrize(
    ("query", "at", "words"),
    [
        ("?canonicalization=" + MARKER, "query.canonicalization", "must be one of jcs"),
        ("?canonicalization=", "query.canonicalization", "must be one of"),
        ("?canonicalization=jws-compact", "canonicalization", "hashed as jcs"),
        ("?canonicalisation=raw", "query.canonicalisation", "known here: canonicalization"),
        ("?canonicalization=jcs&canonicalization=raw", "query.canonicalization", "once"),
    ],
)
def test_post_credential_refuses_a_query(shared_api: Api, query: str, at: str, words: str) -> None:
    refused(shared_api.post("/v1/credentials" + query, b'{"a": 1}', "application/vc"), *INVALID, at, words)


PROOF = {"type": "CredentialAnchorProof", "version": 1, "issuer": UNIVERSITY, "digest": MARKED}


@pytest.mark.parametrize(
    ("question", "kind", "at", "words"),
    [
        (b"", MALFORMED, "$ (line 1, column 1)", "expected a value"),
        (b"[]", INVALID, "$", "must be an object"),
        (b"{}", INVALID, "$", "send a credential, a proof, or both"),
        (b'{"credential": null, "proof": null}', INVALID, "$", "send a credential"),
        (b'{"credential": {}, "credential": {}}', INVALID, "$.credential (line 1, column 20)", "twice"),
        ({"credential": {}, "credentails": MARKER}, INVALID, "$", "unknown member 'credentails'"),
        ({"credential": 5}, INVALID, "$.credential", "object or a string"),
        ({"credential": [MARKER]}, INVALID, "$.credential", "object or a string"),
        ({"credentialBase64": 5}, INVALID, "$.credentialBase64", "string of base64"),
        ({"credentialBase64": {}}, INVALID, "$.credentialBase64", "string of base64"),
        ({"credentialBase64": "%%%" + MARKER}, INVALID, "$.credentialBase64", "no base64"),
        ({"credentialBase64": "YQ"}, INVALID, "$.credentialBase64", "no base64"),
        ({"credentialBase64": "\u00e9"}, INVALID, "$.credentialBase64", "no base64"),
        ({"credential": {}, "credentialBase64": "YQ=="}, INVALID, "$.credentialBase64", "either"),
        ({"credential": {}, "issuer": 5}, INVALID, "$.issuer", "must be a DID"),
        ({"credential": {}, "issuer": MARKER}, INVALID, "$.issuer", "not a DID"),
        ({"credential": {}, "issuer": UNIVERSITY + "\n"}, INVALID, "$.issuer", "not a DID"),
        ({"proof": PROOF, "issuer": UNIVERSITY}, INVALID, "$.issuer", "names its issuer itself"),
        ({"credential": {}, "require": "root"}, INVALID, "$.require", "must be an array"),
        ({"credential": {}, "require": []}, INVALID, "$.require", "one or more"),
        ({"credential": {}, "require": [MARKER]}, INVALID, "$.require", "must be an array"),
        ({"credential": {}, "require": [["root"]]}, INVALID, "$.require", "must be an array"),
        ({"proof": 5}, (422, "proof-malformed"), "$.proof", "must be an object"),
        ({"proof": "MARKER"}, (422, "proof-malformed"), "$.proof", "must be an object"),
        ({"proof": {}}, (422, "proof-malformed"), "$.proof.type", "must be CredentialAnchorProof"),
        ({"proof": PROOF}, (422, "proof-malformed"), "$.proof.treeSize", "is missing"),
        ({"proof": PROOF | {"treeSize": 2**20 + 1}}, (422, "proof-malformed"), "$.proof.treeSize", "integer from 1"),
        ({"proof": PROOF | {"treeSize": True}}, (422, "proof-malformed"), "$.proof.treeSize", "integer from 1"),
        ({"proof": PROOF | {"treeSize": 1, "version": 2}}, (422, "proof-malformed"), "$.proof.version", "must be 1"),
        ({"proof": PROOF | {"treeSize": 1}}, (422, "proof-malformed"), "$.proof.salt", "is missing"),
        (
            b'{"proof": ' + b"[" * 20 + b"]" * 20 + b"}",
            TOO_LARGE,
            "$.proof[0][0][0][0][0][0][0][0] (line 1, column 19)",
            "9 deep",
        ),
        (b'{"credential": "' + b"x" * 8192 + b'"}', TOO_LARGE, None, "more than 8192 bytes"),
    ],
)
def test_verify_refuses(shared_api: Api, question: Any, kind: tuple[int, str], at: str | None, words: str) -> None:
    refused(shared_api.post("/v1/verify", question), *kind, at, words)


@pytest.mark.parametrize("path", ["/v1/digests/{}", "/v1/proofs/{}", "/v1/batches/{}", "/v1/batches/{}/tiles/0/0"])
@pytest.mark.parametrize(
    "written",
    [
        MARKED[:63],
        MARKED + "0",
        "%0A" + MARKED,
        "%20" + MARKED,
        "0X" + MARKED,
        "0x" + MARKED[:62] + "zz",
        "%EF%BC%91" * 64,
        "%FF",
    ],
)
def test_hexadecimal_in_paths_is_refused_unless_it_is_64_digits(shared_api: Api, path: str, written: str) -> None:
    at = "path.root" if "batches" in path else "path.digest"

    refused(shared_api.get(path.format(written)), *INVALID, at, "64 hexadecimal digits")


@pytest.mark.parametrize(
    ("path", "at", "words"),
    [
        ("/v1/batches?limit=0", "query.limit", "must be 1 or more"),
        ("/v1/batches?limit=101", "query.limit", "must be 100 or less"),
        *[
            (f"/v1/batches?limit={wrong}", "query.limit", "whole number in plain digits")
            for wrong in ("", "-1", "%2B5", "1_0", "1e1", "5.0", "%205", "5%0A", "05", "%EF%BC%95", "%D9%A3", "9" * 5000, MARKER)
        ],
        ("/v1/batches?limit=5&limit=6", "query.limit", "once"),
        ("/v1/batches?before=", "query.before", "64 hexadecimal digits"),
        (f"/v1/batches?before={MARKER}", "query.before", "64 hexadecimal digits"),
        ("/v1/batches?befor=1", "query.befor", "known here: before, limit"),
        (f"/v1/batches/{GOOD}?x=1", "query.x", "known here: none"),
        (f"/v1/batches/{GOOD}/tiles/3/0", "path.level", "less than 3"),
        (f"/v1/batches/{GOOD}/tiles/-1/0", "path.level", "plain digits"),
        (f"/v1/batches/{GOOD}/tiles/0/1048576", "path.n", "less than 1048576"),
        (f"/v1/batches/{GOOD}/tiles/0/1_0", "path.n", "plain digits"),
        (f"/v1/batches/{GOOD}/tiles/0/0?x=1", "query.x", "known here: none"),
        (f"/v1/digests/{GOOD}?issuer=", "query.issuer", "not a DID"),
        (f"/v1/digests/{GOOD}?issuer={MARKER}", "query.issuer", "not a DID"),
        (f"/v1/digests/{GOOD}?issuer=did:ebsi:{'z' * 600}", "query.issuer", "at most 512"),
        (f"/v1/digests/{GOOD}?issuer={UNIVERSITY}%0A", "query.issuer", "not a DID"),
        (f"/v1/digests/{GOOD}?issuer=did:ebsi:%D1%96", "query.issuer", "not a DID"),
        (f"/v1/digests/{GOOD}?isuer={UNIVERSITY}", "query.isuer", "known here: issuer"),
        (f"/v1/proofs/{GOOD}?issuer={UNIVERSITY}&issuer={UNIVERSITY}", "query.issuer", "once"),
        (f"/v1/proofs/{GOOD}?format=pdf", "query.format", "must be 'credanchor', 'merkletools'"),
        ("/v1/ledger?verbose=1", "query.verbose", "known here: none"),
    ],
)
def test_paths_and_queries_are_refused(shared_api: Api, path: str, at: str, words: str) -> None:
    refused(shared_api.get(path), *INVALID, at, words)


@pytest.mark.parametrize("path", ["/v1/digests", "/v1/verify"])
def test_posts_refuse_a_query(shared_api: Api, path: str) -> None:
    refused(shared_api.post(path + "?dry_run=1", digests(GOOD)), *INVALID, "query.dry_run", "known here: none")
    refused(shared_api.delete(f"/v1/digests/{GOOD}?sure=1"), *INVALID, "query.sure", "known here: none")


@pytest.mark.parametrize(
    ("method", "path", "status", "slug", "words"),
    [
        ("GET", "/", 404, "not-found", "nothing is served"),
        ("GET", "/v1/nothing", 404, "not-found", "nothing is served"),
        ("GET", "/v1/batches/", 404, "not-found", "nothing is served"),
        ("GET", "/v1/digests/..%2f..%2fetc%2fpasswd", 404, "not-found", "nothing is served"),
        ("GET", "/static-offline-docs/..%2f..%2f__init__.py", 404, "not-found", "nothing is served"),
        ("GET", "/redoc", 404, "not-found", "nothing is served"),
        ("PUT", "/v1/ledger", 405, "method-not-allowed", "takes GET, HEAD, OPTIONS"),
        ("DELETE", "/v1/batches", 405, "method-not-allowed", "takes GET, HEAD, OPTIONS"),
        ("PATCH", "/v1/issuers", 405, "method-not-allowed", "takes GET, HEAD, POST"),
        ("GET", "/v1/verify", 405, "method-not-allowed", "takes POST"),
        ("TRACE", "/v1/ledger", 405, "method-not-allowed", "takes GET, HEAD, OPTIONS"),
    ],
)
def test_other_paths_and_methods_are_problems_too(
    shared_api: Api, method: str, path: str, status: int, slug: str, words: str
) -> None:
    refused(shared_api.client.request(method, path), status, slug, None, words)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic dXNlcjpwYXNz",
        b"Bearer " + MARKER.encode(),
        b"Bearer ca_00000000_" + b"A" * 43,
        b"Bearer ca_PREFIX00_" + b"A" * 43,
        b"Bearer ca_PREFIX00_" + b"A" * 42,
        b"Bearer ca_PREFIX00_" + b"A" * 30_000,
        b"Bearer ca_PREFIX00_" + "é".encode() * 43,
        b"Bearer \xff\xfe",
        b"Bearer ca_PREFIX00_" + b"A" * 42 + "\uff11".encode(),
        b"ca_PREFIX00_" + b"A" * 43,
    ],
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/v1/digests"), ("POST", "/v1/credentials"), ("DELETE", f"/v1/digests/{GOOD}")]
)
def test_keys_that_open_nothing_are_answered_alike(shared_api: Api, method: str, path: str, authorization: bytes | None) -> None:
    known = shared_api.key[3:11].encode()  # where the prefix is right, the rest is wrong
    headers = {} if authorization is None else {"Authorization": authorization.replace(b"PREFIX00", known)}

    response = shared_api.client.request(method, path, content=b"nonsense", headers=headers)  # type: ignore[arg-type]

    assert response.status_code == 401
    assert response.json() == {
        "type": "urn:credanchor:problem:not-allowed",
        "title": "A valid API key or access token is needed",
        "status": 401,
        "detail": "send a valid API key of an issuer, or access token where these are taken: Authorization: Bearer ca_…",
    }


KEY_SENT = "ca_01234567_" + MARKER * 4


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/digests", f'{{"{KEY_SENT}":1,"{KEY_SENT}":2}}', 422),
        ("POST", "/v1/digests", f'{{"digests":[{{"{KEY_SENT}":1}}]}}', 422),
        ("POST", "/v1/verify", f'{{"credential":{{"x{KEY_SENT}":-0}}}}', 422),
        ("GET", f"/v1/batches?{KEY_SENT}=1", None, 422),
        ("GET", f"/v1/digests/{hex_digest(1)}?issuer=did:web:{KEY_SENT}", None, 404),
        ("GET", f"/v1/issuers/did:web:{KEY_SENT}/quota", None, 404),
    ],
)
def test_what_may_be_a_key_is_repeated_nowhere(
    shared_api: Api, capfd: pytest.CaptureFixture[str], method: str, path: str, body: str | None, status: int
) -> None:
    response = shared_api.client.request(
        method, path, content=body, headers={"Content-Type": JSON, "Authorization": f"Bearer {shared_api.key}"}
    )
    assert response.status_code == status
    assert "ca_01234567_" in response.json()["detail"], "what is wrong is still named"
    assert MARKER not in response.text + str(response.headers) + "".join(capfd.readouterr())


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_key_is_accepted_under_any_case_of_its_scheme(shared_api: Api, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {shared_api.key}", "Content-Type": BINARY}

    check_problem(shared_api.client.post("/v1/digests", content=b"", headers=headers), 422, "invalid-input")


def test_refusals_hold_on_every_database(api: Api) -> None:
    post_and_anchor(api, 1, 2)
    before = stored(api.store)
    answers = [
        api.post("/v1/digests", digests(hex_digest(3), "00")),
        api.post("/v1/digests", lines(f'"{hex_digest(3)}"', "nonsense"), NDJSON),
        api.post("/v1/digests", make_digest(3) + b"\x00", BINARY),
        api.post("/v1/credentials", b'{"a": NaN}', "application/vc"),
        api.post("/v1/digests", digests(hex_digest(3)), key=api.key[:-1] + "_"),
        api.delete(f"/v1/digests/{hex_digest(3)}"),
        api.delete(f"/v1/digests/{hex_digest(1)}", key=api.other),
        api.get(f"/v1/digests/{hex_digest(3)}"),
        api.get("/v1/batches?limit=0"),
    ]

    assert [answer.status_code for answer in answers] == [422, 400, 422, 400, 401, 404, 404, 404, 422]
    assert stored(api.store) == before
