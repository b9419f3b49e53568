"""When a recorded block counts for good.

`depth:<n>`: n blocks stand on it; 0 on QBFT and IBFT 2.0 ledgers, whose blocks are final when they exist. `finalized` or `safe`:
the node's own block tag (Ethereum JSON-RPC), on proof-of-stake chains.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from anchoring.core.batch import BlockPlace
from anchoring.errors import InvalidInput
from anchoring.types import BlockHash

_DEPTH: Final = re.compile(r"depth:(0|[1-9][0-9]{0,5})")


class BlockTag(StrEnum):
    """Tags by which a node names its newest block of some certainty."""

    SAFE = "safe"
    FINALIZED = "finalized"


@dataclass(frozen=True, slots=True)
class FinalityRule:
    """Either a tag or a depth in blocks."""

    by: BlockTag | int

    def __str__(self) -> str:
        return self.by.value if isinstance(self.by, BlockTag) else f"depth:{self.by}"


def parse_finality(text: str, *, at: str | None = None) -> FinalityRule:
    """`finalized`, `safe` or `depth:<blocks>`. Raises: InvalidInput naming `at`."""
    if text in tuple(BlockTag):
        return FinalityRule(BlockTag(text))
    match = _DEPTH.fullmatch(text)
    if match is None:
        raise InvalidInput("this is no finality rule; expected finalized, safe or depth:<blocks>", at=at)
    return FinalityRule(int(match[1]))


class Verdict(StrEnum):
    """What a look at the ledger says of a recorded block."""

    UNKNOWN = "unknown"
    CONFIRMED = "confirmed"
    FINAL = "final"
    REORGED = "reorged"


def judge(recorded: BlockPlace, *, hash_there: BlockHash | None, final_height: int) -> Verdict:
    """Judge a recorded block.

    `hash_there`: hash of the canonical block at the recorded height, None when the node has not come so far; that says nothing,
    since a node may lag. `final_height`: highest block number that is final; below 0 when none is.
    """
    if hash_there is None:
        return Verdict.UNKNOWN
    if hash_there != recorded.hash:
        return Verdict.REORGED
    return Verdict.FINAL if recorded.number <= final_height else Verdict.CONFIRMED
