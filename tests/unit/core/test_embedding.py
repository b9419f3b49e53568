"""Anchor proofs inside credentials: the digest stays what it was, or the proof stays outside."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchoring.core.canonical import canonicalize
from anchoring.core.embedding import embed_proof, embedded_proofs, why_not_inside
from anchoring.errors import InvalidInput
from anchoring.types import Digest
from tests.factories import ACADEMY, UNIVERSITY
from tests.trees import read_vectors

OURS = {"type": "CredentialAnchorProof", "issuer": UNIVERSITY, "digest": "0x00"}
SIGNATURE = {"type": "DataIntegrityProof", "proofValue": "z1"}
BASE: dict[str, Any] = {"type": ["VerifiableCredential"], "issuer": UNIVERSITY, "ects": 1.50, "title": "Análisis"}


def digest_of(body: bytes) -> Digest:
    return canonicalize(body, "application/vc").digest


def embed(body: bytes, proof: dict[str, Any] = OURS) -> bytes:
    return embed_proof(body, proof, digest=digest_of(body), issuer=UNIVERSITY)


@pytest.mark.parametrize("proofs", [None, [], [SIGNATURE], [SIGNATURE, SIGNATURE], [OURS | {"issuer": ACADEMY}]])
def test_proof_stands_last_in_the_array_and_the_digest_stays(proofs: list[Any] | None) -> None:
    body = json.dumps(BASE if proofs is None else BASE | {"proof": proofs}).encode()

    made = embed(body)

    assert digest_of(made) == digest_of(body)
    assert json.loads(made) == BASE | {"proof": [*(proofs or []), OURS]}
    assert embedded_proofs(made)[-1] == OURS


def test_later_proof_of_the_same_issuer_takes_the_place_of_the_earlier() -> None:
    body = json.dumps(BASE | {"proof": [SIGNATURE]}).encode()

    made = embed(embed(body), OURS | {"state": "final"})

    assert json.loads(made)["proof"] == [SIGNATURE, OURS | {"state": "final"}]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (json.dumps(BASE | {"proof": SIGNATURE}).encode(), "single object"),
        (json.dumps(BASE | {"proof": None}).encode(), "neither an array nor an object"),
        (b"%PDF-1.7\n", "no JSON"),
        (b"eyJhbGciOiJFUzI1NiJ9.e30.AAAA", "no JSON"),
        (b'{"a":1,"a":2}', "read in one way only"),
        (b"", "no JSON"),
    ],
)
def test_other_credentials_take_no_proof_inside(body: bytes, why: str) -> None:
    assert why in (why_not_inside(body) or "")
    assert embedded_proofs(body) == []
    with pytest.raises(InvalidInput, match=why):
        embed_proof(body, OURS, digest=Digest(bytes(32)), issuer=UNIVERSITY)


def test_sealed_credential_takes_no_proof_inside() -> None:
    vectors = read_vectors("canonical.json")["vectors"]
    sealed = base64.b64decode(next(one["body"] for one in vectors if one["name"] == "sealed EDC"))

    assert "sealed as a JWS" in (why_not_inside(sealed) or "")


def test_proof_of_another_credential_is_refused() -> None:
    body = json.dumps(BASE).encode()

    with pytest.raises(InvalidInput, match="the proof is of 0x0000"):
        embed_proof(body, OURS, digest=Digest(bytes(32)), issuer=UNIVERSITY)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(max_size=8)
    | st.sampled_from([0.5, 1e21, 5e-324, 1e300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.text(max_size=5).filter(lambda name: name not in {"proof", "payload"}), values, max_size=5))
def test_whatever_the_credential_says_its_digest_stays(members: dict[str, Any]) -> None:
    body = json.dumps(members).encode()

    made = embed(body)

    assert digest_of(made) == digest_of(body)
    assert json.loads(made) == members | {"proof": [OURS]}
