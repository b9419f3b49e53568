"""How often an address and a key may ask, and how long a header may be.

Addresses are looked at before anything else is, keys once they are known. Both count on this host, whose strength they protect.
Answers tell of it in the fields of draft-ietf-httpapi-ratelimit-headers-10.
"""

import math
from functools import lru_cache
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anchoring.core.allowance import Allowance, Spending
from anchoring.core.issuer import Caller
from anchoring.errors import AnchoringError, HeadTooLarge, TooManyRequests
from anchoring.settings import LimitSettings
from service import problems
from service.addresses import address_of, site_of
from service.allowances import Allowances

SPENT: Final = "credanchor.spent"
"""In the scope of a request: what it took of which allowance."""

MOST_FIELDS: Final = 100

NEVER_REFUSED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""A probe that is refused would have the service restarted just when it is busy."""


class Limits:
    """Of one host."""

    def __init__(self, settings: LimitSettings, allowances: Allowances) -> None:
        self._allowances = allowances
        self._address = Allowance(settings.per_address, settings.window_s) if settings.per_address else None
        self._key = Allowance(settings.per_key, settings.window_s) if settings.per_key else None
        self.header_bytes = settings.header_bytes
        self.header_timeout_s = settings.header_timeout_s
        self._policy = {
            name: f'"{name}";q={allowance.quota};w={settings.window_s}'
            for name, allowance in (("address", self._address), ("key", self._key))
            if allowance
        }
        self._policies = lru_cache(lambda *names: ", ".join([self._policy[name] for name in names]).encode())

    def check_head(self, scope: Scope) -> None:
        """Raises: HeadTooLarge."""
        fields = scope["headers"]
        size = len(scope["raw_path"]) + len(scope["query_string"])
        for name, value in fields:
            size += len(name) + len(value) + 4
        if size > self.header_bytes or len(fields) > MOST_FIELDS:
            raise HeadTooLarge(f"at most {self.header_bytes} bytes in {MOST_FIELDS} fields are taken before the body")

    def spend_address(self, scope: Scope) -> None:
        """Count a request of the client's address, once. Raises: TooManyRequests."""
        if SPENT in scope:
            return
        spent = scope[SPENT] = []
        if self._address:
            site = site_of(address_of(scope))
            self._note(spent, "address", self._allowances.spend(self._address, f"address {site}"))

    def spend_key(self, scope: Scope, caller: Caller) -> None:
        """Count a request with the caller's key. Raises: TooManyRequests."""
        if self._key:
            self._note(scope[SPENT], "key", self._allowances.spend(self._key, f"key {caller.name}"))

    def fields(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """What the answer says of it."""
        spent: list[tuple[str, Spending]] = scope[SPENT]
        if not spent:
            return []
        left = ", ".join([f'"{name}";r={one.remaining};t={math.ceil(one.full_in_s)}' for name, one in spent])
        return [(b"ratelimit-policy", self._policies(*[name for name, _ in spent])), (b"ratelimit", left.encode())]

    def _note(self, spent: list[Any], name: str, spending: Spending) -> None:
        spent.append((name, spending))
        if spending.wait_s:
            raise TooManyRequests(f"this {name} asks more often than it may", retry_after_s=math.ceil(spending.wait_s))


class LimitLane:
    """Middleware."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_fields(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._limits.fields(scope)]
            await send(message)

        try:
            self._limits.spend_address(scope)
            self._limits.check_head(scope)
        except AnchoringError as error:
            if scope["path"] not in NEVER_REFUSED or isinstance(error, HeadTooLarge):
                await problems.refusal(error)(scope, receive, send_with_fields)
                return
        await self._app(scope, receive, send_with_fields)
