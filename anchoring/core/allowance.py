"""How much somebody may ask for: so much at once, and it comes back evenly over a window.

The generic cell rate algorithm (ITU-T I.371): all that is kept of somebody is one moment, *full at*, when everything that was
spent will have come back. Nothing needs to be cleaned up: who has not asked for a window is as one who never asked.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple


class Spending(NamedTuple):
    """What came of it. `full_at`: to be kept. `remaining`: what may still be spent at once. `full_in_s`: until all is back.

    `wait_s`: until it could be spent; 0 when it was.
    """

    full_at: float
    remaining: int
    full_in_s: float
    wait_s: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """`quota`: what may be spent in `window_s` seconds, all of it at once if nothing was spent before."""

    quota: int
    window_s: float

    def spend(self, full_at: float, now: float, cost: int = 1) -> Spending:
        """Spend `cost` if it is there, else nothing. `full_at`: as it was kept, 0 of a stranger. Times are in seconds.

        More than the whole quota is never there.
        """
        each_s = self.window_s / self.quota
        before = min(max(full_at, now), now + self.window_s)  # a clock that was set back must not lock anybody out
        after = before + cost * each_s
        wait_s = after - now - self.window_s
        if wait_s > _ROUNDING_S:
            return Spending(before, _whole((self.window_s - (before - now)) / each_s), before - now, wait_s)
        return Spending(after, _whole((self.window_s - (after - now)) / each_s), after - now, 0.0)


_ROUNDING_S = 1e-6


def _whole(number: float) -> int:
    return max(0, math.floor(number + 1e-6))
