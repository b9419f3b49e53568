"""How long a waiting digest still has to wait, judged by the rounds before: the honest part of `Retry-After`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Final

from anchoring.core.batch import BatchState

SHORTEST_S: Final = 1
LONGEST_S: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How rounds have gone lately.

    `rounds_started`: newest first. `to_anchor_s`: seconds from sealing to the ledger's block, of the batches anchored last.
    `configured_period_s`: how often cron is meant to run, used until two rounds were seen.
    """

    rounds_started: Sequence[datetime]
    to_anchor_s: Sequence[float]
    configured_period_s: float

    @property
    def period_s(self) -> float:
        """Seconds from one round to the next."""
        gaps = [(later - earlier).total_seconds() for later, earlier in pairwise(self.rounds_started)]
        return median(gaps) if gaps else self.configured_period_s

    def wait_s(self, state: BatchState, now: datetime) -> int:
        """Whole seconds until a digest in this state can be expected to have its proof; 1 to 3,600."""
        on_ledger_s = max(0.0, median(self.to_anchor_s)) if self.to_anchor_s else 0.0
        until_round_s = self._until_next_round_s(now) if state in {BatchState.WAITING, BatchState.SEALED} else 0.0
        return min(LONGEST_S, max(SHORTEST_S, round(until_round_s + on_ledger_s)))

    def _until_next_round_s(self, now: datetime) -> float:
        if not self.rounds_started:
            return self.period_s
        since_s = (now - self.rounds_started[0]).total_seconds()
        # A round that is overdue may start at any time, and may not: half a period is as good a guess as any.
        return self.period_s - since_s if since_s < self.period_s else self.period_s / 2
