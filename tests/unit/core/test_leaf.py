"""The leaf of an entry, against the independent vectors and byte by byte."""

import hashlib

import pytest

from anchoring.core.leaf import STEP_BYTES, issuer_id_of, leaf_hash, leaf_step
from anchoring.types import Did, as_digest, as_issuer_id, as_salt
from tests.trees import read_vectors

PROOFS = [proof for case in read_vectors("merkle.json")["cases"] for proof in case["proofs"]]

ISSUER_ID = as_issuer_id(bytes([1]) * 32)
SALT = as_salt(bytes([2]) * 16)
DIGEST = as_digest(bytes([3]) * 32)


def test_issuer_id_is_sha256_of_the_did() -> None:
    assert issuer_id_of(Did("did:web:uni.example")) == hashlib.sha256(b"did:web:uni.example").digest()


def test_leaf_step_is_prefix_issuer_and_salt() -> None:
    assert leaf_step(ISSUER_ID, SALT) == b"\x00" + b"\x01" * 32 + b"\x02" * 16
    assert len(leaf_step(ISSUER_ID, SALT)) == STEP_BYTES == 49


def test_leaf_hash_is_sha256_of_81_bytes() -> None:
    hashed = b"\x00" + b"\x01" * 32 + b"\x02" * 16 + b"\x03" * 32

    assert len(hashed) == 81
    assert leaf_hash(ISSUER_ID, SALT, DIGEST) == hashlib.sha256(hashed).digest()


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: f"{proof['leafIndex']} of {proof['treeSize']}")
def test_leaf_hash_agrees_with_vector(proof: dict[str, str]) -> None:
    issuer_id = issuer_id_of(Did(proof["did"]))
    salt, digest = as_salt(bytes.fromhex(proof["salt"])), as_digest(bytes.fromhex(proof["digest"]))

    assert leaf_hash(issuer_id, salt, digest).hex() == proof["leafHash"]
