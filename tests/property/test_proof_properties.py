"""Laws of the proof: it survives its JSON form, and no bit of it can be changed unseen."""

import json
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from anchoring.core.batch import BatchState
from anchoring.core.canonical import Canonicalization
from anchoring.core.left_right import LeftRightProof
from anchoring.core.merkle import MAX_LEAVES, height
from anchoring.core.merkleproof2019 import NETWORKS
from anchoring.core.outcome import Outcome
from anchoring.core.proof import AnchorClaim, InclusionProof, Registry, parse_registry
from anchoring.core.proof_formats import ProofFormat, read_any, write_proof
from anchoring.core.proof_json import proof_from_json, proof_to_json
from anchoring.core.report import CheckName
from anchoring.core.status_judgement import StatusFindings
from anchoring.core.strict_json import parse
from anchoring.core.verification import Evidence, verify
from anchoring.errors import MalformedProof, VerificationError
from anchoring.types import (
    Address,
    as_block_hash,
    as_digest,
    as_root,
    as_salt,
    as_tx_hash,
    parse_address,
    parse_did,
    parse_digest,
    parse_root,
    parse_salt,
    to_hex,
)
from tests.factories import NOON
from tests.trees import REGISTRY, make_anchor, make_posted, make_proof, sha256

hashes = st.binary(min_size=32, max_size=32)
salts = st.binary(min_size=16, max_size=16).map(as_salt)
numbers = st.integers(min_value=0, max_value=2**53 - 1)
times = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
dids = st.from_regex(r"did:[a-z0-9]{1,8}:([A-Za-z0-9._:-]|%[0-9A-Fa-f]{2}){0,40}[A-Za-z0-9._-]", fullmatch=True).map(parse_did)
registries = st.builds(
    Registry,
    chain_id=st.integers(min_value=0, max_value=10**19 - 1),
    contract=st.binary(min_size=20, max_size=20).map(lambda value: Address(to_hex(value))),
)
claims = st.builds(
    AnchorClaim,
    registry=registries,
    sequence=numbers,
    transaction=hashes.map(as_tx_hash),
    block_number=numbers,
    block_hash=hashes.map(as_block_hash),
    anchored_at=times,
    state=st.sampled_from([BatchState.CONFIRMED, BatchState.FINAL]),
)


@st.composite
def claimed_proofs(draw: st.DrawFn) -> InclusionProof:
    """A proof of any values that the format can say; it need not hold."""
    tree_size = draw(st.integers(min_value=1, max_value=40) | st.integers(min_value=1, max_value=MAX_LEAVES))
    return InclusionProof(
        issuer=draw(dids),
        digest=draw(hashes.map(as_digest)),
        salt=draw(salts),
        canonicalization=draw(st.none() | st.sampled_from(Canonicalization)),
        leaf_index=draw(st.integers(min_value=0, max_value=tree_size - 1)),
        tree_size=tree_size,
        path=tuple(draw(st.lists(hashes, max_size=height(tree_size)))),
        root=draw(hashes.map(as_root)),
        anchor=draw(claims),
    )


@st.composite
def good_proofs(draw: st.DrawFn) -> InclusionProof:
    """A proof that holds, of a leaf anywhere in a small tree."""
    return make_proof(make_posted(draw(st.integers(min_value=1000, max_value=10_000))), tree_size=draw(st.integers(1, 40)))


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value) ^ 1 << bit % (8 * len(value))).to_bytes(len(value))


def path_holds(proof: InclusionProof) -> bool:
    try:
        proof.verify_path()
    except VerificationError:
        return False
    return True


def root_outcome(proof: InclusionProof, ledger_says: InclusionProof) -> Outcome:
    """What the checks `path` and `root` find against a ledger that anchored the root of another proof."""
    anchor = make_anchor(ledger_says.root, ledger_says.tree_size)
    evidence = Evidence(
        source="the ledger",
        head_number=100,
        anchor=anchor,
        block_hash=anchor.block.hash,
        final_height=100,
        finality="the rule finalized",
    )
    report = verify(
        proof, credential=None, pinned=REGISTRY, evidence=evidence, status=StatusFindings(()), signature=None, now=NOON
    )
    return report.outcome([CheckName.PATH, CheckName.ROOT])


# JSON


@settings(max_examples=100, deadline=None)
@given(claimed_proofs())
def test_proof_survives_writing_and_reading(proof: InclusionProof) -> None:
    written = json.dumps(proof_to_json(proof)).encode()

    assert proof_from_json(parse(written)) == proof
    assert json.dumps(proof_to_json(proof_from_json(parse(written)))).encode() == written


def read_or_place(value: Any) -> InclusionProof | str:
    try:
        return proof_from_json(value)
    except MalformedProof as refused:
        return refused.at or "nowhere"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(json_values, st.data())
def test_reader_refuses_but_never_breaks(value: Any, data: st.DataObject) -> None:
    members: dict[str, Any] = proof_to_json(make_proof(tree_size=3))
    holder = data.draw(st.sampled_from([members, members["anchor"]]))
    name = data.draw(st.sampled_from(sorted(holder)))
    holder[name] = value

    for candidate in (members, value):
        read = read_or_place(candidate)
        if isinstance(read, InclusionProof):
            assert proof_from_json(proof_to_json(read)) == read
        else:
            assert read.startswith("$")


# Encodings


@given(
    hashes, st.binary(min_size=16, max_size=16), st.binary(min_size=20, max_size=20), st.sampled_from(["0x", ""]), st.booleans()
)
def test_hexadecimal_goes_round(value: bytes, salt: bytes, address: bytes, prefix: str, upper: bool) -> None:
    def written(raw: bytes) -> str:
        return prefix + (raw.hex().upper() if upper else raw.hex())

    assert parse_digest(written(value)) == value
    assert parse_root(written(value)) == value
    assert parse_salt(written(salt)) == salt
    assert to_hex(parse_digest(written(value))) == "0x" + value.hex()
    assert parse_address("0x" + written(address).removeprefix("0x")) == to_hex(address)


@given(registries)
def test_registry_goes_round(registry: Registry) -> None:
    assert parse_registry(str(registry)) == registry


@given(dids)
def test_did_goes_round(did: str) -> None:
    assert parse_did(did) == did


# Every bit counts


@settings(max_examples=50, deadline=None)
@given(good_proofs())
def test_good_proof_holds_and_the_ledger_bears_it_out(proof: InclusionProof) -> None:
    assert path_holds(proof)
    assert root_outcome(proof, proof) is Outcome.PASSED


@settings(max_examples=100, deadline=None)
@given(good_proofs(), st.sampled_from(["root", "salt", "digest", "path"]), st.integers(min_value=0, max_value=255), st.data())
def test_any_changed_bit_is_refused(proof: InclusionProof, member: str, bit: int, data: st.DataObject) -> None:
    if member == "path":
        assume(proof.path)
        step = data.draw(st.integers(min_value=0, max_value=len(proof.path) - 1))
        path = [*proof.path]
        path[step] = flipped(path[step], bit)
        changed = replace(proof, path=tuple(path))
    else:
        other: Any = {member: flipped(getattr(proof, member), bit)}
        changed = replace(proof, **other)

    assert not path_holds(changed)
    assert root_outcome(changed, proof) is Outcome.FAILED


@settings(max_examples=60, deadline=None)
@given(good_proofs(), st.integers(min_value=0, max_value=22))
def test_any_changed_bit_of_index_or_size_is_refused(proof: InclusionProof, bit: int) -> None:
    # The path refuses every other index. Sizes with the same sides it cannot refuse: the leaf count on the ledger does.
    other_index = replace(proof, leaf_index=proof.leaf_index ^ 1 << bit)
    other_size = replace(proof, tree_size=proof.tree_size ^ 1 << bit)

    assert not path_holds(other_index)
    assert root_outcome(other_index, proof) is Outcome.FAILED
    assert root_outcome(other_size, proof) is Outcome.FAILED


@settings(max_examples=60, deadline=None)
@given(good_proofs(), st.data())
def test_any_changed_bit_of_the_issuer_is_refused(proof: InclusionProof, data: st.DataObject) -> None:
    place = data.draw(st.integers(min_value=0, max_value=len(proof.issuer) - 1))
    bit = data.draw(st.integers(min_value=0, max_value=6))
    changed = proof.issuer[:place] + chr(ord(proof.issuer[place]) ^ 1 << bit) + proof.issuer[place + 1 :]

    assert not path_holds(replace(proof, issuer=type(proof.issuer)(changed)))


@settings(max_examples=50, deadline=None)
@given(good_proofs(), st.data())
def test_path_of_another_length_is_refused(proof: InclusionProof, data: st.DataObject) -> None:
    extra = data.draw(hashes)
    place = data.draw(st.integers(min_value=0, max_value=len(proof.path)))

    assert not path_holds(replace(proof, path=(*proof.path[:place], extra, *proof.path[place:])))
    for missing in range(len(proof.path)):
        assert not path_holds(replace(proof, path=proof.path[:missing] + proof.path[missing + 1 :]))


@settings(max_examples=50, deadline=None)
@given(good_proofs())
def test_left_right_path_hashes_to_the_root(proof: InclusionProof) -> None:
    here: bytes = proof.digest
    for step in proof.left_right_path():
        [(side, value)] = step.items()
        here = sha256(bytes.fromhex(value) + here if side == "left" else here + bytes.fromhex(value))

    assert here == proof.root


@settings(max_examples=60, deadline=None)
@given(good_proofs(), claims, st.sampled_from(sorted(NETWORKS)), st.sampled_from(sorted(set(ProofFormat))))
def test_proof_survives_every_format(proof: InclusionProof, claim: AnchorClaim, chain_id: int, wanted: ProofFormat) -> None:
    proof = replace(proof, anchor=replace(claim, registry=replace(claim.registry, chain_id=chain_id)))
    path = LeftRightProof.of(proof)

    written = write_proof(proof, wanted)
    read = read_any(written if isinstance(written, bytes) else json.dumps(written).encode())

    if wanted is ProofFormat.CREDANCHOR:
        assert read == proof
    else:
        assert read == (replace(path, anchor=None) if wanted is ProofFormat.MERKLETOOLS else path)
        assert write_proof(read, wanted) == written


@settings(max_examples=60, deadline=None)
@given(good_proofs(), st.data())
def test_any_changed_bit_of_a_left_right_path_is_refused(proof: InclusionProof, data: st.DataObject) -> None:
    written = write_proof(proof, ProofFormat.MERKLETOOLS)
    assert isinstance(written, dict)
    place = data.draw(st.integers(min_value=0, max_value=len(written["proof"]) - 1))
    [(side, value)] = written["proof"][place].items()
    bit = data.draw(st.integers(min_value=0, max_value=4 * len(value) - 1))
    written["proof"][place] = {side: f"{int(value, 16) ^ 1 << bit:0{len(value)}x}"}

    with pytest.raises(VerificationError):
        read_any(json.dumps(written).encode())
