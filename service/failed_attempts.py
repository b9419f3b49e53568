"""Keys that open nothing: counted, logged, slowed, and after a few from one address answered 429.

Whoever has a key that opens is never in the way of this, whatever others at the same address try: a lock that anybody could close
would be worth more to an attacker than guesses among 2^256.
"""

import asyncio
import math
import time

import structlog

from anchoring.core.allowance import Allowance
from anchoring.errors import NotAllowed, TooManyRequests
from anchoring.settings import ApiSettings
from service.addresses import site_of
from service.allowances import Allowances
from service.metrics import Metrics

WINDOW_S = 60.0

log = structlog.get_logger()


class FailedAttempts:
    """Of one host."""

    def __init__(self, settings: ApiSettings, allowances: Allowances, metrics: Metrics) -> None:
        self._allowance = Allowance(settings.failed_attempts, WINDOW_S)
        self._answer_s = settings.failed_attempt_s
        self._allowances = allowances
        self._metrics = metrics

    async def refuse(self, address: str, began: float) -> NotAllowed | TooManyRequests:
        """What to raise. It comes so long after `began`, by `time.monotonic`, that how long the check took cannot be seen."""
        self._metrics.attempt_failed()
        log.warning("key.refused", address=address)
        spending = self._allowances.spend(self._allowance, f"failed {site_of(address)}")
        await self.wait(began)
        if spending.wait_s:
            return TooManyRequests(
                "too many keys that open nothing came from your address", retry_after_s=math.ceil(spending.wait_s)
            )
        return NotAllowed(SEND_A_KEY)

    async def wait(self, began: float) -> None:
        """Until the answer to a key that opens nothing may come."""
        await asyncio.sleep(max(0.0, began + self._answer_s - time.monotonic()))


SEND_A_KEY = "send a valid API key of an issuer, or access token where these are taken: Authorization: Bearer ca_…"
