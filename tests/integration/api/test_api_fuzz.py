"""Whatever is sent, the answer is documented, and none is the service's own fault."""

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import BINARY, JSON, NDJSON, Api
from tests.factories import UNIVERSITY, make_digest

HEX = make_digest(1).hex()
JWT = b"eyJhbGciOiJFUzI1NiJ9.e30.c2ln"

media_types = st.sampled_from(
    [None, JSON, NDJSON, BINARY, "application/vc", "application/jwt", "application/dc+sd-jwt", "application/pdf", "text/plain"]
) | st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=20)
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from([HEX, UNIVERSITY, "root"])
)
names = st.sampled_from(["digests", "digest", "canonicalization", "credential", "credentialBase64", "proof", "issuer", "require"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
fragments = st.sampled_from(
    [HEX.encode(), JWT, b'{"digests":[', b"]}", b'"', b"~", b".", b"\n", b"\\ud800", b"\xff", b"\xef\xbb\xbf", b"NaN"]
)
bodies = (
    st.binary(max_size=100)
    | st.lists(fragments, max_size=8).map(b"".join)
    | values.map(lambda value: json.dumps(value).encode())
    | st.lists(values, max_size=4).map(lambda lines: b"\n".join(json.dumps(line).encode() for line in lines))
)
segments = st.text(max_size=12) | st.sampled_from([HEX, "0x" + HEX, "0", "tiles", "%2e%2e", "%00", "%0a", "%ff", UNIVERSITY])
queries = st.dictionaries(st.sampled_from(["issuer", "limit", "before", "canonicalization", "x"]), segments, max_size=2)

quick = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(path=st.sampled_from(["/v1/digests", "/v1/credentials", "/v1/verify"]), media_type=media_types, body=bodies)
def test_any_body_is_answered(shared_api: Api, path: str, media_type: str | None, body: bytes) -> None:
    encoded: Any = media_type.encode("latin-1") if media_type else None

    response = shared_api.post(path, body, encoded)

    assert response.status_code in {200, 202, 400, 404, 413, 415, 422}


@quick
@given(
    kind=st.sampled_from(["digests", "proofs", "batches", "x"]), path=st.lists(segments, min_size=1, max_size=5), query=queries
)
def test_any_address_is_answered(shared_api: Api, kind: str, path: list[str], query: dict[str, str]) -> None:
    response = shared_api.client.get("/v1/" + "/".join([kind, *(quote(segment, safe="%") for segment in path)]), params=query)

    assert response.status_code in {200, 202, 404, 422}
