"""Finality rules and what a look at the ledger says of a block."""

import pytest

from anchoring.core.batch import BlockPlace
from anchoring.core.finality import BlockTag, FinalityRule, Verdict, judge, parse_finality
from anchoring.errors import InvalidInput
from anchoring.types import as_block_hash

OURS, ANOTHER = as_block_hash(b"\x01" * 32), as_block_hash(b"\x02" * 32)
BLOCK = BlockPlace(number=12, hash=OURS)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("finalized", BlockTag.FINALIZED),
        ("safe", BlockTag.SAFE),
        ("depth:0", 0),
        ("depth:1", 1),
        ("depth:999999", 999_999),
    ],
)
def test_finality_rule_is_read_and_written_back(text: str, by: BlockTag | int) -> None:
    assert parse_finality(text) == FinalityRule(by)
    assert str(FinalityRule(by)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "latest", "Finalized", "FINALIZED", " safe", "safe\n", "depth", "depth:", "depth:-1", "depth:+1", "depth:01"),
        *("depth:1.0", "depth:1 ", "depth:1000000", "depth:\u0661", "12"),
    ],
)
def test_other_finality_rules_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no finality rule; expected finalized, safe or depth:<blocks>") as refused:
        parse_finality(text, at="--finality")
    assert refused.value.at == "--finality"


@pytest.mark.parametrize(
    ("final_height", "verdict"),
    [(-1, Verdict.CONFIRMED), (11, Verdict.CONFIRMED), (12, Verdict.FINAL), (13, Verdict.FINAL)],
)
def test_block_is_final_from_its_own_height_on(final_height: int, verdict: Verdict) -> None:
    assert judge(BLOCK, hash_there=OURS, final_height=final_height) is verdict


@pytest.mark.parametrize("final_height", [-1, 12, 100])
def test_other_block_at_the_height_is_a_reorg_however_final(final_height: int) -> None:
    assert judge(BLOCK, hash_there=ANOTHER, final_height=final_height) is Verdict.REORGED


@pytest.mark.parametrize("final_height", [-1, 12, 100])
def test_node_that_has_not_come_so_far_says_nothing(final_height: int) -> None:
    assert judge(BLOCK, hash_there=None, final_height=final_height) is Verdict.UNKNOWN


def test_genesis_block_is_final_at_depth_zero() -> None:
    assert judge(BlockPlace(number=0, hash=OURS), hash_there=OURS, final_height=0) is Verdict.FINAL
