"""Other people's verifiers judge our proofs in their own formats, and ours judges what they cannot tell (tests/oracles/formats)."""

import base64
import contextlib
import io
import json
from typing import Any

import pytest
from blockcerts_merkletools import MerkleTools
from lds_merkle_proof_2019.merkle_proof_2019 import MerkleProof2019

from anchoring.core.proof_formats import ProofFormat, read_any, write_proof
from anchoring.core.proof_json import proof_from_json
from anchoring.errors import MalformedProof, VerificationError
from scripts.make_format_vectors import LEDGER
from scripts.proof_cases import base_proof, read_trees
from tests.other_verifiers import ask
from tests.trees import read_vectors

TREES = read_trees()
GOOD = [base_proof(tree, leaf_index) for tree in TREES.values() for leaf_index in tree.proofs]
REFUSED = read_vectors("formats.json")["refused"]


def written(wanted: ProofFormat) -> list[Any]:
    """Every proof of the independent vectors in one format, as though it stood on a ledger that all formats have a name for."""
    proofs = [proof | {"anchor": proof["anchor"] | {"ledger": LEDGER}} for proof in GOOD]
    return [write_proof(proof_from_json(proof), wanted) for proof in proofs]


def root_of(proof: Any) -> Any:
    return proof["root"].removeprefix("0x")


def ends(verdict: dict[str, Any]) -> list[str]:
    """Where chainpoint-parse got to."""
    return [anchor["expected_value"] for branch in verdict["branches"] for anchor in branch["anchors"]]


def test_merkletools_in_both_languages_accept_every_proof():
    proofs = written(ProofFormat.MERKLETOOLS)

    assert ask("formats/merkletools", proofs) == [{"accepted": True}] * len(proofs)
    for proof in proofs:
        assert MerkleTools().validate_proof(proof["proof"], proof["targetHash"], proof["merkleRoot"]) is True


@pytest.mark.parametrize("wanted", [ProofFormat.CHAINPOINT, ProofFormat.CHAINPOINT_BINARY])
def test_chainpoint_parse_gets_from_every_digest_to_its_root(wanted):
    proofs = written(wanted)
    cases = [{"binary": base64.b64encode(one).decode()} if isinstance(one, bytes) else {"json": one} for one in proofs]

    verdicts = ask("formats/chainpoint", cases)

    assert [ends(verdict) for verdict in verdicts] == [[root_of(proof)] for proof in GOOD]
    assert [verdict["hash"] for verdict in verdicts] == [proof["digest"].removeprefix("0x") for proof in GOOD]
    [anchor] = verdicts[0]["branches"][0]["anchors"]
    assert (anchor["type"], anchor["anchor_id"]) == ("eth", GOOD[0]["anchor"]["transaction"])


def test_blockcerts_suite_reads_every_merkleproof2019_and_accepts_its_receipt():
    proofs = written(ProofFormat.MERKLEPROOF2019)

    verdicts = ask("formats/merkleproof2019", proofs)

    transaction = GOOD[0]["anchor"]["transaction"].removeprefix("0x")
    for verdict, ours, path in zip(verdicts, GOOD, written(ProofFormat.MERKLETOOLS), strict=True):
        assert verdict == {
            "accepted": True,
            "chain": "ethsepolia",
            "transaction": transaction,
            "decoded": {
                "merkleRoot": root_of(ours),
                "targetHash": ours["digest"].removeprefix("0x"),
                "anchors": [f"blink:eth:sepolia:{transaction}"],
                "path": path["proof"],
            },
        }


def test_python_library_of_merkleproof2019_reads_and_writes_what_we_write():
    for proof, ours in zip(written(ProofFormat.MERKLEPROOF2019), GOOD, strict=True):
        with contextlib.redirect_stdout(io.StringIO()):  # the library prints its tables
            decoded = MerkleProof2019().decode(proof["proofValue"])
            again = MerkleProof2019().encode(decoded)
        assert decoded["merkleRoot"] == root_of(ours)
        assert again.decode() == proof["proofValue"]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector["name"])
def test_what_generic_verifiers_cannot_tell_is_refused_by_ours(vector):
    proof = vector["proof"]

    with pytest.raises(MalformedProof if vector["result"] == "malformed" else VerificationError) as refused:
        read_any(json.dumps(proof).encode())

    assert getattr(refused.value, "at", None) == vector.get("at")
    assert generic_verdict(proof) is vector["genericVerifiers"]


def generic_verdict(proof: dict[str, Any]) -> bool:
    """Whether the npm libraries get from the digest to the root of the tree."""
    if "targetHash" in proof:
        [verdict] = ask("formats/merkletools", [proof])
        return bool(verdict["accepted"])
    [verdict] = ask("formats/chainpoint", [{"json": proof}])
    return ends(verdict) == [TREES[7].root]


def test_blockcerts_suite_refuses_another_root_and_accepts_any_transaction_until_it_asks_the_ledger():
    ours = proof_from_json(GOOD[-1] | {"anchor": GOOD[-1]["anchor"] | {"ledger": LEDGER, "transaction": "0x" + "11" * 32}})
    lying = proof_from_json(GOOD[-1] | {"root": "0x" + "22" * 32, "anchor": GOOD[-1]["anchor"] | {"ledger": LEDGER}})

    other_transaction, other_root = ask(
        "formats/merkleproof2019", [write_proof(one, ProofFormat.MERKLEPROOF2019) for one in (ours, lying)]
    )

    assert other_transaction["transaction"] == "11" * 32
    assert other_root["accepted"] is False
    assert "receipt" in other_root["error"].lower()


@pytest.mark.parametrize(("leaf_index", "tree_size"), [(2, 7), (4, 7), (3, 4), (3, 9), (3, 2**20)])
def test_other_formats_are_not_made_of_a_proof_with_the_wrong_index_or_size(leaf_index, tree_size):
    proof = base_proof(TREES[7], 3) | {"leafIndex": leaf_index, "treeSize": tree_size}

    with pytest.raises(VerificationError):
        read_any(json.dumps(proof).encode())
