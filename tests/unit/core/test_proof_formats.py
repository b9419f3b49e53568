"""Proofs in other people's formats: the vectors, and each way one can be malformed."""

import json
import zlib
from dataclasses import replace
from typing import Any

import cbor2
import msgpack
import pytest

from anchoring.core.base58 import encode_base58
from anchoring.core.chainpoint import BINARY_MAX_BYTES, NOBODY, from_binary
from anchoring.core.left_right import LeftRightProof
from anchoring.core.merkleproof2019 import NETWORKS, from_merkleproof2019
from anchoring.core.proof import InclusionProof, Registry
from anchoring.core.proof_formats import ProofFormat, read_any, write_proof
from anchoring.core.proof_json import proof_from_json
from anchoring.errors import InvalidInput, MalformedProof, VerificationError
from scripts.make_format_vectors import VECTORS, render
from tests.trees import make_proof, read_vectors

FORMATS = read_vectors("formats.json")["formats"]
SEVEN = next(vector for vector in FORMATS if vector["name"] == "size 7, leaf 3")
PATHS = [ProofFormat.MERKLETOOLS, ProofFormat.CHAINPOINT, ProofFormat.CHAINPOINT_BINARY, ProofFormat.MERKLEPROOF2019]


def encoded(written: dict[str, Any] | bytes) -> bytes:
    return written if isinstance(written, bytes) else json.dumps(written).encode()


def on(chain_id: int, proof: InclusionProof) -> InclusionProof:
    registry = Registry(chain_id=chain_id, contract=proof.anchor.registry.contract)
    return replace(proof, anchor=replace(proof.anchor, registry=registry))


def malformed_at(written: dict[str, Any] | bytes) -> str | None:
    with pytest.raises(MalformedProof) as refused:
        read_any(encoded(written))
    return refused.value.at


def proof_value(content: Any) -> Any:
    return SEVEN["merkleproof2019"] | {"proofValue": "z" + encode_base58(cbor2.dumps(content))}


@pytest.mark.parametrize("vector", FORMATS, ids=lambda vector: vector["name"])
def test_proof_is_written_in_every_format_as_the_vector_says(vector):
    proof = proof_from_json(vector["credanchor"])

    for wanted in (ProofFormat.CREDANCHOR, *PATHS):
        made = write_proof(proof, wanted)
        if isinstance(made, bytes):
            assert zlib.decompress(made).hex() == vector["messagePack"]
            assert msgpack.unpackb(zlib.decompress(made)) == vector["chainpoint-v3"]
        else:
            assert made == vector[wanted]


@pytest.mark.parametrize("vector", FORMATS, ids=lambda vector: vector["name"])
def test_proof_is_read_back_from_every_format(vector):
    proof = proof_from_json(vector["credanchor"])
    path = LeftRightProof.of(proof)

    assert read_any(json.dumps(vector["credanchor"]).encode()) == proof
    assert read_any(json.dumps(vector["merkletools"]).encode()) == replace(path, anchor=None)
    assert read_any(json.dumps(vector["chainpoint-v3"]).encode()) == path
    assert read_any(zlib.compress(bytes.fromhex(vector["messagePack"]))) == path
    assert read_any(json.dumps(vector["merkleproof2019"]).encode()) == path


def test_vectors_are_what_their_script_writes():
    assert VECTORS.read_text(encoding="utf-8") == render()


@pytest.mark.parametrize("wanted", PATHS)
def test_path_cannot_become_the_proof_again(wanted):
    path = read_any(encoded(write_proof(on(1, make_proof()), wanted)))

    with pytest.raises(InvalidInput, match="neither issuer nor index nor size"):
        write_proof(path, ProofFormat.CREDANCHOR)


def test_path_goes_on_into_the_other_formats():
    proof = on(1, make_proof())
    chainpoint = read_any(encoded(write_proof(proof, ProofFormat.CHAINPOINT_BINARY)))

    for wanted in PATHS:
        assert write_proof(chainpoint, wanted) == write_proof(proof, wanted)


@pytest.mark.parametrize("wanted", [ProofFormat.CHAINPOINT, ProofFormat.CHAINPOINT_BINARY, ProofFormat.MERKLEPROOF2019])
def test_path_without_an_anchor_cannot_name_one(wanted):
    merkletools = read_any(encoded(write_proof(make_proof(), ProofFormat.MERKLETOOLS)))

    with pytest.raises(InvalidInput, match="names the transaction"):
        write_proof(merkletools, wanted)


@pytest.mark.parametrize("chain_id", NETWORKS)
def test_merkleproof2019_knows_the_ledger(chain_id):
    read = from_merkleproof2019(write_proof(on(chain_id, make_proof()), ProofFormat.MERKLEPROOF2019))

    assert read.anchor is not None
    assert read.anchor.chain_id == chain_id


@pytest.mark.parametrize("chain_id", [0, 2, 6179, 31337, 2**40])
def test_merkleproof2019_of_a_ledger_without_a_name_is_refused(chain_id):
    with pytest.raises(InvalidInput, match=f"no name for the ledger eip155:{chain_id}; it knows mainnet"):
        write_proof(on(chain_id, make_proof()), ProofFormat.MERKLEPROOF2019)


def test_chainpoint_names_nobody():
    written = write_proof(make_proof(), ProofFormat.CHAINPOINT)

    assert isinstance(written, dict)
    assert (written["hash_id_node"], written["hash_id_core"]) == (NOBODY, NOBODY)


# What is no proof


def merkletools(**changes: Any) -> Any:
    return SEVEN["merkletools"] | changes


STEPS = SEVEN["merkletools"]["proof"]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        (merkletools(proof=[]), "$.proof"),
        (merkletools(proof=STEPS + [{"left": "00" * 32}] * 18), "$.proof"),
        (merkletools(proof="00"), "$.proof"),
        (merkletools(proof=[{"left": "01" + "00" * 48}, *STEPS[1:]]), "$.proof"),
        (merkletools(proof=[{"left": "00" * 48}, *STEPS[1:]]), "$.proof"),
        (merkletools(proof=[STEPS[0], {"left": "00" * 31}]), "$.proof"),
        (merkletools(proof=[STEPS[0], {"left": "00" * 32, "right": "00" * 32}]), "$.proof[1]"),
        (merkletools(proof=[STEPS[0], {}]), "$.proof[1]"),
        (merkletools(proof=[STEPS[0], {"right": "0x" + "00" * 32}]), "$.proof[1].right"),
        (merkletools(proof=[STEPS[0], {"right": "0"}]), "$.proof[1].right"),
        (merkletools(proof=[STEPS[0], {"right": 7}]), "$.proof[1].right"),
        (merkletools(targetHash="00" * 31), "$.targetHash"),
        (merkletools(merkleRoot=None), "$.merkleRoot"),
    ],
)
def test_merkletools_proof_that_is_none_is_refused(written, at):
    assert malformed_at(written) == at


def chainpoint(**changes: Any) -> Any:
    return SEVEN["chainpoint-v3"] | changes


def branch(ops: Any = None, **changes: Any) -> Any:
    [found] = SEVEN["chainpoint-v3"]["branches"]
    return chainpoint(branches=[found | changes | ({} if ops is None else {"ops": ops})])


OPS = SEVEN["chainpoint-v3"]["branches"][0]["ops"]
ANCHOR = OPS[-1]["anchors"][0]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        (chainpoint(type="chainpoint"), "$.type"),
        (chainpoint(hash="00" * 20), "$.hash"),
        (chainpoint(hash_submitted_core_at="2026-02-30T00:00:00Z"), "$.hash_submitted_core_at"),
        (chainpoint(branches=[]), "$.branches"),
        (chainpoint(branches=SEVEN["chainpoint-v3"]["branches"] * 2), "$.branches"),
        (branch([]), "$.branches[0].ops"),
        (branch(OPS[:-1]), "$.branches[0].ops"),
        (branch([*OPS[:2], OPS[-1]], label="mainnet"), "$.branches[0].label"),
        (branch([*OPS[:2], OPS[-1]], label="eip155-01"), "$.branches[0].label"),
        (branch([OPS[0], {"op": "sha-256-x2"}, OPS[-1]]), "$.branches[0].ops[1].op"),
        (branch([{"l": "00", "r": "00"}, OPS[1], OPS[-1]]), "$.branches[0].ops[0]"),
        (branch([OPS[0], OPS[1], {"l": "node_id:7"}, OPS[1], OPS[-1]]), "$.branches[0].ops[2].l"),
        (branch([*OPS[:-1], {"anchors": []}]), f"$.branches[0].ops[{len(OPS) - 1}].anchors"),
        (branch([*OPS[:-1], {"anchors": [ANCHOR | {"type": "btc"}]}]), f"$.branches[0].ops[{len(OPS) - 1}].anchors[0].type"),
        (
            branch([*OPS[:-1], {"anchors": [ANCHOR | {"anchor_id": "7"}]}]),
            f"$.branches[0].ops[{len(OPS) - 1}].anchors[0].anchor_id",
        ),
        (branch(OPS[:2] * 25), "$.branches[0].ops"),
    ],
)
def test_chainpoint_proof_that_is_none_of_ours_is_refused(written, at):
    assert malformed_at(written) == at


PACKED = bytes.fromhex(SEVEN["messagePack"])


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"x\x9c",
        zlib.compress(PACKED)[:-1],
        zlib.compress(PACKED) + b"\0",
        zlib.compress(PACKED[:-1]),
        zlib.compress(PACKED + b"\0"),
        zlib.compress(b"\x81\xa1a\xc1"),
        zlib.compress(b"\xa1\xff"),
        zlib.compress(b"\x91" * BINARY_MAX_BYTES),
        zlib.compress(bytes(BINARY_MAX_BYTES + 1)),
    ],
    ids=lambda content: content[:8].hex(),
)
def test_binary_chainpoint_that_cannot_be_read_is_refused(content):
    with pytest.raises(MalformedProof, match="binary"):
        from_binary(content)


CONTENT: list[Any] = [
    [0, cbor2.dumps("00" * 32)],
    [1, cbor2.dumps("00" * 32)],
    [2, [[[0, 1], [1, 1], [2, cbor2.dumps("00" * 32)]]]],
    [3, [[0, cbor2.dumps("00" * 49)]]],
]


def with_pair(place: int, value: Any) -> list[Any]:
    return [*CONTENT[:place], [place, value], *CONTENT[place + 1 :]]


@pytest.mark.parametrize(
    ("written", "at"),
    [
        (SEVEN["merkleproof2019"] | {"created": "yesterday"}, "$.created"),
        (SEVEN["merkleproof2019"] | {"proofValue": None}, "$.proofValue"),
        (SEVEN["merkleproof2019"] | {"proofValue": "z0"}, "$.proofValue"),
        (SEVEN["merkleproof2019"] | {"proofValue": "z" + "2" * 9000}, "$.proofValue"),
        (proof_value(7), "$.proofValue"),
        (proof_value(CONTENT[:3]), "$.proofValue"),
        (proof_value(with_pair(2, [])), "$.proofValue"),
        (proof_value(with_pair(2, [[[0, 1], [1, 1]]])), "$.proofValue"),
        (proof_value(with_pair(3, [[2, cbor2.dumps("00" * 49)]])), "$.proofValue"),
        (proof_value(with_pair(3, [[[], cbor2.dumps("00" * 49)]])), "$.proofValue"),
        (proof_value(with_pair(0, b"")), "$.proofValue"),
        (proof_value(with_pair(0, b"\x81" * 4000 + b"\x00")), "$.proofValue"),
        (proof_value(with_pair(0, cbor2.dumps(bytes(32)))), "$.proofValue.merkleRoot"),
        (proof_value(with_pair(1, cbor2.dumps("0x" + "00" * 32))), "$.proofValue.targetHash"),
        (proof_value(with_pair(2, [[[0, 0], [1, 1], [2, cbor2.dumps("00" * 32)]]])), "$.proofValue.chain"),
        (proof_value(with_pair(2, [[[0, 1], [1, 137], [2, cbor2.dumps("00" * 32)]]])), "$.proofValue.network"),
        (proof_value(with_pair(2, [[[0, 1], [1, 1], [2, cbor2.dumps("00" * 31)]]])), "$.proofValue.transaction"),
        (proof_value(with_pair(3, [])), "$.proofValue.path"),
    ],
)
def test_merkleproof2019_that_is_none_of_ours_is_refused(written, at):
    assert malformed_at(written) == at


@pytest.mark.parametrize("content", [b"", b"[]", b'"x"', b"7", b'{"type": "Other"}', b"\xff", b'{"a": 1, "a": 2}'])
def test_what_has_no_format_is_refused_as_a_proof(content):
    with pytest.raises(MalformedProof):
        read_any(content)


def test_path_that_leads_elsewhere_is_refused_with_both_roots():
    other = SEVEN["merkletools"] | {"merkleRoot": "11" * 32}

    with pytest.raises(VerificationError, match=r"leads to root 0x[0-9a-f]{64}, the proof says 0x1111"):
        read_any(json.dumps(other).encode())
