"""The proof and its left/right path: the vectors, each way a proof can be wrong, and what other verifiers make of it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from blockcerts_merkletools import MerkleTools

from anchoring.core.proof import InclusionProof, Registry, parse_chain, parse_registry
from anchoring.core.proof_json import proof_from_json
from anchoring.errors import InvalidInput, VerificationError
from anchoring.types import Address, as_digest, as_root, as_salt, to_hex
from scripts.devnet import ROOT
from scripts.make_proof_vectors import VECTORS, render
from tests.documents import blocks
from tests.factories import ACADEMY, make_digest
from tests.trees import REGISTRY, make_posted, make_proof, read_vectors, sha256

OURS = read_vectors("proof.json")
READABLE = [vector for vector in OURS["proofs"] if vector["result"] != "malformed"]
GOOD = [vector for vector in READABLE if vector["result"] == "passed"]
LEFT_RIGHT = OURS["leftRight"]

SIZES = [1, 2, 3, 7, 8, 100, 257, 600]


def walk(path: list[dict[str, str]], target: bytes) -> bytes:
    """A left/right path walked by hand."""
    for step in path:
        left, right = bytes.fromhex(step.get("left", "")), bytes.fromhex(step.get("right", ""))
        target = sha256(left + target + right)
    return target


def begins_with_leaf_step(path: list[dict[str, str]]) -> bool:
    """What docs/proof-format.md asks of a careful reader: 49 bytes that begin with 00 on the left, then 32 bytes a step."""
    first, *others = path or [{}]
    is_leaf_step = list(first) == ["left"] and len(first["left"]) == 98 and first["left"].startswith("00")
    return is_leaf_step and all(len(value) == 64 for step in others for value in step.values())


def refusal(proof: InclusionProof) -> str:
    with pytest.raises(VerificationError) as refused:
        proof.verify_path()
    return refused.value.message


# Vectors


@pytest.mark.parametrize("vector", READABLE, ids=lambda vector: vector["name"])
def test_proof_is_judged_as_the_vector_says(vector: dict[str, Any]) -> None:
    proof = proof_from_json(vector["proof"])

    assert to_hex(proof.leaf_hash) == vector["leafHash"]
    assert to_hex(sha256(proof.issuer.encode())) == vector["issuerId"]
    if vector["result"] == "passed":
        proof.verify_path()
        assert proof.left_right_path() == vector["leftRight"]
    else:
        refusal(proof)


@pytest.mark.parametrize("vector", GOOD, ids=lambda vector: vector["name"])
def test_left_right_path_of_a_vector_leads_merkletools_from_the_digest_to_the_root(vector: dict[str, Any]) -> None:
    digest, root = (vector["proof"][name].removeprefix("0x") for name in ("digest", "root"))

    assert MerkleTools().validate_proof(vector["leftRight"], digest, root) is True
    assert begins_with_leaf_step(vector["leftRight"])


@pytest.mark.parametrize("vector", LEFT_RIGHT, ids=lambda vector: vector["name"])
def test_left_right_vector_shows_what_it_says(vector: dict[str, Any]) -> None:
    path, target, root = vector["path"], vector["target"], vector["root"]

    assert MerkleTools().validate_proof(path, target, root) is vector["walks"]
    assert (walk(path, bytes.fromhex(target)).hex() == root) is vector["walks"]
    assert (vector["walks"] and begins_with_leaf_step(path) and len(target) == 64) is vector["isProof"]


def test_vectors_hold_good_and_bad_ones_with_names_of_their_own() -> None:
    assert len(GOOD) > 40
    assert len(READABLE) - len(GOOD) >= 30
    assert {(vector["walks"], vector["isProof"]) for vector in LEFT_RIGHT} == {(True, True), (True, False), (False, False)}
    for vectors in (OURS["proofs"], LEFT_RIGHT):
        names = [vector["name"] for vector in vectors]
        assert len(set(names)) == len(names)


def test_example_of_the_documentation_is_a_vector() -> None:
    text = (ROOT / "docs" / "proof-format.md").read_text(encoding="utf-8")

    written = [json.loads(block.content) for block in blocks(text) if block.language == "json"]
    [example] = [one for one in written if one.get("type") == "CredentialAnchorProof"]
    [vector] = [vector for vector in GOOD if vector["proof"] == example]
    assert f"`{vector['issuerId']}`" in text
    assert f"`{vector['leafHash']}`" in text


def test_vectors_are_what_the_script_writes() -> None:
    assert VECTORS.read_text(encoding="utf-8") == render()


# Path


@pytest.mark.parametrize("tree_size", SIZES)
def test_proof_of_our_own_tree_holds(tree_size: int) -> None:
    make_proof(tree_size=tree_size).verify_path()


def test_other_posts_of_the_same_credential_have_other_leaves() -> None:
    mine = make_posted(0)

    leaves = {mine.leaf, make_posted(0, ACADEMY).leaf, replace(mine, salt=as_salt(bytes(16))).leaf}
    assert len(leaves) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"digest": make_digest(99)},
        {"salt": as_salt(bytes(16))},
        {"issuer": ACADEMY},
    ],
)
def test_proof_of_something_else_leads_to_another_root(change: dict[str, Any]) -> None:
    proof = make_proof()

    assert refusal(replace(proof, **change)).endswith(f"the proof says {to_hex(proof.root)}")


def test_refusal_names_both_roots() -> None:
    proof = make_proof()
    claimed = as_root(bytes(32))

    assert (
        refusal(replace(proof, root=claimed)) == f"the path leads to root {to_hex(proof.root)}, the proof says {to_hex(claimed)}"
    )


def test_anchor_and_canonicalization_are_not_part_of_the_path() -> None:
    proof = make_proof()

    other_ledger = Registry(chain_id=1, contract=Address("0x" + "00" * 20))
    replace(proof, canonicalization=None, anchor=replace(proof.anchor, registry=other_ledger)).verify_path()


def test_inner_node_does_not_pass_for_a_digest() -> None:
    proof = make_proof(tree_size=8)
    index, path, node = proof.leaf_index, list(proof.path), bytes(proof.leaf_hash)
    while path:
        as_leaf = replace(proof, digest=as_digest(node), path=tuple(path), leaf_index=index, tree_size=1 << len(path))
        assert "leads to root" in refusal(as_leaf)
        sibling = path.pop(0)
        node = sha256(sibling + node if index % 2 else node + sibling)
        index >>= 1
    assert node == proof.root
    refusal(replace(proof, digest=as_digest(node), path=(), leaf_index=0, tree_size=1))


# Left and right


@pytest.mark.parametrize("tree_size", SIZES)
def test_left_right_path_leads_merkletools_from_the_digest_to_the_root(tree_size: int) -> None:
    proof = make_proof(tree_size=tree_size)

    path = proof.left_right_path()
    assert len(path) == 1 + len(proof.path)
    assert MerkleTools().validate_proof(path, proof.digest.hex(), proof.root.hex()) is True
    assert MerkleTools().validate_proof(path, make_digest(99).hex(), proof.root.hex()) is False


def test_left_right_path_begins_with_the_leaf_step() -> None:
    proof = make_proof(tree_size=1)

    step = b"\x00" + sha256(proof.issuer.encode()) + proof.salt
    assert proof.left_right_path() == [{"left": step.hex()}]
    assert len(step) == 49


def test_left_right_path_without_its_leaf_step_misleads_generic_verifiers() -> None:
    # Why it is never handed out so: they take the leaf, or any node above it, for a credential's digest.
    proof = make_proof()
    tools = MerkleTools()

    stripped = proof.left_right_path()[1:]
    assert tools.validate_proof(stripped, proof.leaf_hash.hex(), proof.root.hex()) is True
    assert not begins_with_leaf_step(stripped)
    refusal(replace(proof, digest=as_digest(proof.leaf_hash)))


def test_left_right_path_is_not_made_of_a_path_of_the_wrong_length() -> None:
    proof = make_proof()

    with pytest.raises(ValueError, match="shorter"):
        replace(proof, path=proof.path[:-1]).left_right_path()


# The contract's name


def test_registry_is_read_and_written_back() -> None:
    text = "eip155:31337:0x" + "5f" * 20

    assert parse_registry(text) == REGISTRY
    assert str(REGISTRY) == text
    assert REGISTRY.ledger == "eip155:31337"
    assert parse_registry(text.replace("5f", "5F")) == REGISTRY
    assert parse_registry("eip155:0:0x" + "5f" * 20).chain_id == 0


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "0x" + "5f" * 20, "eip155:31337", "eip155::0x" + "5f" * 20, "eip155:1:2:0x" + "5f" * 20),
        *("EIP155:1:0x" + "5f" * 20, "eip155:01:0x" + "5f" * 20, "eip155:-1:0x" + "5f" * 20, "solana:1:0x" + "5f" * 20),
        *("eip155:\u0661:0x" + "5f" * 20, " eip155:1:0x" + "5f" * 20, "eip155:" + "1" * 20 + ":0x" + "5f" * 20),
    ],
)
def test_text_that_names_no_contract_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected eip155:<chain id>:<contract address>") as refused:
        parse_registry(text, at="--registry")
    assert refused.value.at == "--registry"


@pytest.mark.parametrize("text", ["eip155:1:", "eip155:1:0x", "eip155:1:0x" + "5f" * 19, "eip155:1:0x" + "5f" * 20 + "\n"])
def test_contract_with_a_wrong_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="40 hexadecimal digits") as refused:
        parse_registry(text, at="--registry")
    assert refused.value.at == "--registry"


def test_chain_is_read_by_itself() -> None:
    assert parse_chain("eip155:6179") == 6179
    with pytest.raises(InvalidInput, match=r"^\$\.ledger: expected eip155:<chain id>$"):
        parse_chain("eip155", at="$.ledger")
