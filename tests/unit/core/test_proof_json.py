"""The JSON form of a proof: written as documented, read strictly, and refused with the member named."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from anchoring.core.batch import BatchState
from anchoring.core.canonical import Canonicalization
from anchoring.core.proof_json import format_time, proof_from_json, proof_to_json
from anchoring.core.strict_json import parse
from anchoring.errors import MalformedProof, VerificationError
from tests.trees import make_proof, read_vectors

VECTORS = read_vectors("proof.json")["proofs"]
MALFORMED = [vector for vector in VECTORS if vector["result"] == "malformed"]


@pytest.mark.parametrize("vector", MALFORMED, ids=lambda vector: vector["name"])
def test_malformed_proof_is_refused_with_its_member_named(vector: dict[str, Any]) -> None:
    with pytest.raises(MalformedProof) as refused:
        proof_from_json(vector["proof"])
    assert refused.value.at == vector["at"]
    assert refused.value.message.startswith(f"{vector['at']}: ")
    assert refused.value.message.count(vector["at"] + ": ") == 1


def test_malformed_proof_is_a_verification_error() -> None:
    assert issubclass(MalformedProof, VerificationError)


def test_vectors_refuse_every_member() -> None:
    members = proof_to_json(make_proof())
    expected = {f"$.{name}" for name in members} | {f"$.anchor.{name}" for name in members["anchor"]} | {"$"}

    assert expected <= {vector["at"] for vector in MALFORMED}


def test_proof_is_written_member_by_member() -> None:
    proof = make_proof(tree_size=3)

    assert proof_to_json(proof) == {
        "type": "CredentialAnchorProof",
        "version": 1,
        "issuer": proof.issuer,
        "digest": "0x" + proof.digest.hex(),
        "salt": "0x" + proof.salt.hex(),
        "canonicalization": "jcs",
        "leafIndex": proof.leaf_index,
        "treeSize": 3,
        "path": ["0x" + step.hex() for step in proof.path],
        "root": "0x" + proof.root.hex(),
        "anchor": {
            "type": "AnchorRegistry",
            "ledger": "eip155:31337",
            "contract": "0x" + "5f" * 20,
            "sequence": 7,
            "transaction": "0x" + proof.anchor.transaction.hex(),
            "blockNumber": 12,
            "blockHash": "0x" + proof.anchor.block_hash.hex(),
            "anchoredAt": "2026-11-23T12:00:05Z",
            "state": "final",
        },
    }


def test_proof_is_written_in_the_documented_order() -> None:
    members = proof_to_json(make_proof())

    expected = "type version issuer digest salt canonicalization leafIndex treeSize path root anchor"
    assert list(members) == expected.split()
    expected = "type ledger contract sequence transaction blockNumber blockHash anchoredAt state"
    assert list(members["anchor"]) == expected.split()


@pytest.mark.parametrize("canonicalization", [None, *Canonicalization])
@pytest.mark.parametrize("state", [BatchState.CONFIRMED, BatchState.FINAL])
def test_proof_survives_writing_and_reading(canonicalization: Canonicalization | None, state: BatchState) -> None:
    made = make_proof(tree_size=9)
    proof = replace(made, canonicalization=canonicalization, anchor=replace(made.anchor, state=state))

    assert proof_from_json(parse(json.dumps(proof_to_json(proof)).encode())) == proof


def test_absent_canonicalization_is_read_as_none() -> None:
    members = proof_to_json(make_proof())
    del members["canonicalization"]

    assert proof_from_json(members).canonicalization is None


def test_unknown_members_are_ignored() -> None:
    proof = make_proof()
    members = proof_to_json(proof)

    assert proof_from_json(members | {"created": "2026", "anchor": members["anchor"] | {"network": {}}}) == proof


def test_first_wrong_hash_of_a_path_is_named() -> None:
    members = proof_to_json(make_proof(tree_size=8))

    with pytest.raises(MalformedProof, match=r"^\$\.path\[1\]: a hash must be 64 hexadecimal digits"):
        proof_from_json(members | {"path": [members["path"][0], "0x", "0x"]})


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 23, 12, 0, 5, 999_999, tzinfo=UTC), "2026-11-23T12:00:05Z"),
        (datetime(2026, 11, 24, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2026-11-23T23:30:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), "9999-12-31T23:59:59Z"),
    ],
)
def test_time_is_written_in_utc_and_whole_seconds(moment: datetime, text: str) -> None:
    assert format_time(moment) == text
