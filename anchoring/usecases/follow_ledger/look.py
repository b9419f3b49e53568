"""A look at the ledger: what it takes to look, and what was there when it began."""

from dataclasses import dataclass

from anchoring.core.batch import BlockPlace
from anchoring.core.fees import FeeRules
from anchoring.core.finality import FinalityRule, Verdict, judge
from anchoring.ports.ledger import Head, Ledger
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowRules:
    """The operator's settings. `patience_s`: seconds until more is offered for a transaction that is not mined.

    `host`: on which rounds run, for the audit log.
    """

    finality: FinalityRule
    fees: FeeRules
    patience_s: float
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """`head`: the newest block when the look began; `final_height`: the newest that is final by the rules, -1 for none."""

    store: Store
    ledger: Ledger
    clock: Clock
    rules: FollowRules
    head: Head
    final_height: int

    def judge(self, block: BlockPlace) -> Verdict:
        """What became of a recorded block. Raises: LedgerUnavailable."""
        hash_there = self.ledger.block_hash(block.number) if block.number <= self.head.block.number else None
        return judge(block, hash_there=hash_there, final_height=self.final_height)
