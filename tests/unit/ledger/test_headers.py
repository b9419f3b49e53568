"""Hashes and seals of headers: of real blocks, and of blocks made here from known keys."""

import json
from dataclasses import replace
from typing import Any

import pytest
import rlp

from anchoring.errors import VerificationError
from anchoring.ledger.headers import hash_of_header, quorum_of, require_seals
from anchoring.types import Address, parse_address, to_hex
from scripts.bft_blocks import KEYS, MIX_HASH, BftBlock, account, encode
from scripts.devnet import ROOT

FOUR = [account(key) for key in KEYS[:4]]
FIELDS: list[Any] = (
    [bytes(32)] * 2 + [bytes(20)] + [bytes(32)] * 3 + [bytes(256), 1, 7, 30_000_000, 0, 1_700_000_000, b"", b"", bytes(8)]
)
REAL = {one["kind"]: one for one in json.loads((ROOT / "tests/vectors/bft/headers.json").read_text())["headers"]}

both = pytest.mark.parametrize("is_ibft", [True, False], ids=["ibft", "qbft"])


def block(is_ibft: bool, **changes: Any) -> BftBlock:
    made: dict[str, Any] = {"is_ibft": is_ibft, "fields": FIELDS, "validators": FOUR}
    return BftBlock(**(made | changes))


def refusal(header: bytes, validators: list[Address] = FOUR) -> str:
    with pytest.raises(VerificationError) as refused:
        require_seals(header, validators)
    return refused.value.message


@pytest.mark.parametrize("kind", ["IBFT 2.0", "QBFT"])
def test_real_header_is_sealed_by_its_validators(kind):
    header, validators = bytes.fromhex(REAL[kind]["header"][2:]), [parse_address(one) for one in REAL[kind]["validators"]]
    assert require_seals(header, validators) == 3
    assert "other validators" in refusal(header, validators[1:])
    for place in (40, 200, len(header) - 50):
        changed = header[:place] + bytes([header[place] ^ 1]) + header[place + 1 :]
        with pytest.raises(VerificationError):
            require_seals(changed, validators)


def test_real_header_has_the_hash_that_its_node_told():
    assert to_hex(hash_of_header(bytes.fromhex(REAL["IBFT 2.0"]["header"][2:]))) == REAL["IBFT 2.0"]["blockHash"]


@both
@pytest.mark.parametrize(
    "changes", [{}, {"round": 0}, {"round": 300}, {"vote": (account(KEYS[6]), True)}, {"vote": (FOUR[0], False)}]
)
def test_header_made_by_the_format_is_read(is_ibft, changes):
    made = block(is_ibft, **changes).sealed_by(*KEYS[:3])
    assert require_seals(made.header, FOUR) == 3
    assert hash_of_header(made.header) == made.hash
    assert hash_of_header(block(is_ibft, **changes | {"round": 5}).sealed_by(*KEYS[1:4]).header) == made.hash


@both
def test_header_with_fields_of_later_upgrades_is_read(is_ibft):
    made = block(is_ibft, fields=[*FIELDS, 7, bytes(32), 0, 0]).sealed_by(*KEYS[:4])
    assert require_seals(made.header, FOUR) == 4
    assert hash_of_header(made.header) == made.hash


@both
def test_too_few_seals_are_refused_however_often_they_stand_there(is_ibft):
    assert refusal(block(is_ibft).header) == "0 of 4 validators sealed the block, and it takes 3"
    assert refusal(block(is_ibft).sealed_by(*KEYS[:2]).header).startswith("2 of 4")
    assert refusal(block(is_ibft).sealed_by(KEYS[0], KEYS[1], KEYS[1], KEYS[0]).header).startswith("2 of 4")


@both
def test_same_validator_with_another_signature_counts_once(is_ibft):
    made = block(is_ibft).sealed_by(KEYS[0], KEYS[1])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    mirrored = (order - int.from_bytes(made.seals[0][32:64])).to_bytes(32)
    other = made.seals[0][:32] + mirrored + bytes([made.seals[0][64] ^ 1])
    assert refusal(replace(made, seals=[*made.seals, other]).header).startswith("2 of 4")


@both
def test_seals_of_others_do_not_count(is_ibft):
    assert refusal(block(is_ibft).sealed_by(*KEYS[:2], *KEYS[4:]).header).startswith("2 of 4")


@both
@pytest.mark.parametrize("change", [{"round": 2}, {"vote": (FOUR[0], True)}, {"fields": [bytes([1]) * 32, *FIELDS[1:]]}])
def test_header_that_was_altered_after_sealing_is_refused(is_ibft, change):
    made = replace(block(is_ibft).sealed_by(*KEYS[:4]), **change)
    assert refusal(made.header).startswith("0 of 4")


@both
def test_other_validators_than_those_pinned_are_told_apart(is_ibft):
    header = block(is_ibft).sealed_by(*KEYS[:4]).header
    for pinned in ([*FOUR, account(KEYS[5])], FOUR[:3], [account(key) for key in KEYS[3:7]]):
        assert refusal(header, pinned).startswith("the header names other validators than those pinned")
    assert require_seals(header, FOUR[::-1]) == 4


def test_header_that_names_nobody_counts_the_pinned():
    made = block(False, validators=[])
    assert require_seals(made.sealed_by(*KEYS[:3]).header, FOUR) == 3
    assert refusal(made.sealed_by(*KEYS[:2]).header).startswith("2 of 4")


@both
def test_seals_that_are_none_do_not_count(is_ibft):
    made = block(is_ibft).sealed_by(*KEYS[:2])
    for seal in (b"", bytes(65), bytes(64), made.seals[0] + b"\0", made.seals[0][:64] + b"\x1b", b"\xff" * 65):
        assert refusal(replace(made, seals=[*made.seals, seal]).header).startswith("2 of 4")


def test_header_of_another_kind_has_its_plain_hash_and_no_seals():
    from eth_utils.crypto import keccak

    clique = encode([*FIELDS[:12], b"\0" * 97, *FIELDS[13:]])
    assert hash_of_header(clique) == keccak(clique)
    assert refusal(clique) == "the header is none of QBFT or IBFT 2.0: no validator seals it"
    sealed = block(False).sealed_by(*KEYS[:4]).header
    assert "no validator seals it" in refusal(sealed.replace(MIX_HASH, bytes(32)))


@pytest.mark.parametrize(
    "extra",
    [b"", b"\x80", [], [b"", [], [], 0], [b"", [], [], [], []], [b"", b"", [], 0, []], [b"", [], [], 0, b""], [b"", [b"short"], [], 0, []],
     [b"", [[]], [], 0, []], [b"", [], [], 0, [[]]], [b"", [], [], 0, [], []]],
)  # fmt: skip
def test_extra_data_that_is_none_of_theirs_is_refused(extra):
    header = encode([*FIELDS[:12], extra if isinstance(extra, bytes) else encode(extra), MIX_HASH, *FIELDS[14:]])
    assert "no validator seals it" in refusal(header)


def test_rlp_that_is_malformed_is_refused():
    header = block(False).sealed_by(*KEYS[:4]).header
    for wrong in (b"", b"\xc0", header[:-1], header + b"\0", b"\xff" * 40, encode([bytes(32)] * 14), encode([*FIELDS[:14], []])):
        assert refusal(wrong) in {"the header is not RLP", "the header is none of a block"}
        with pytest.raises(VerificationError):
            hash_of_header(wrong)
    assert rlp.decode(header)[13] == MIX_HASH


@pytest.mark.parametrize(("validators", "quorum"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (10, 7)])
def test_quorum_is_two_thirds_rounded_up(validators, quorum):
    assert quorum_of(validators) == quorum
