"""Access tokens that opened lately, and when to fetch the authorization server's keys: when they are old, or lack one."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import Final

import structlog
from starlette.concurrency import run_in_threadpool

from anchoring.core.issuer import CANARY, Caller
from anchoring.errors import AuthorizationUnavailable, NotAllowed
from anchoring.ports.access_tokens import AccessToken, AccessTokens, SignerUnknown
from anchoring.ports.runtime import Clock
from anchoring.settings import OAuthSettings
from service.read_lane import ReadLane

MOST_TOKENS: Final = 1_024

log = structlog.get_logger()


class KnownTokens:
    """Of one process. Only tokens that opened are kept, as their hashes, and at most until the keys are fetched again."""

    def __init__(self, tokens: AccessTokens, reads: ReadLane, clock: Clock, settings: OAuthSettings) -> None:
        self._tokens = tokens
        self._reads = reads
        self._clock = clock
        self._fresh = timedelta(seconds=settings.jwks_cache_s)
        self._pause = timedelta(seconds=settings.jwks_pause_s)
        self._kept = timedelta(seconds=settings.jwks_kept_s)
        self._known: dict[bytes, Caller] = {}
        self._fetched_at: datetime | None = None
        self._asked_at: datetime | None = None
        self._asking: asyncio.Task[None] | None = None

    def known(self, text: str) -> Caller | None:
        """Who holds this token, where that was found out with keys that are fresh."""
        now = self._clock.now()
        is_old = self._are_older(now, than=self._fresh)
        return None if is_old else self._kept_one(hashlib.sha256(text.encode()).digest(), now)

    async def holder_of(self, text: str) -> Caller:
        """Who holds this token. Raises: NotAllowed; AuthorizationUnavailable when it cannot be told; StoreUnavailable."""
        hashed, now = hashlib.sha256(text.encode()).digest(), self._clock.now()
        if self._are_older(now, than=self._fresh):
            self._begin_to_ask(now)  # and go by what is here meanwhile
        caller = self._kept_one(hashed, now)
        if caller is not None:
            return caller
        caller = await self._caller(await self._check(text, now))
        if len(self._known) >= MOST_TOKENS:
            self._known.clear()
        self._known[hashed] = caller
        return caller

    def _kept_one(self, hashed: bytes, now: datetime) -> Caller | None:
        caller = None if self._are_older(now, than=self._kept) else self._known.get(hashed)
        return caller if caller is not None and caller.ends_at is not None and now < caller.ends_at else None

    async def _check(self, text: str, now: datetime) -> AccessToken:
        """What is wrong with a token in itself is told without asking for keys."""
        try:
            token = self._tokens.check(text, now)
            if not self._are_older(now, than=self._kept):
                return token
        except SignerUnknown:
            pass  # until the keys are fetched
        self._begin_to_ask(now)
        if self._asking is not None:
            await asyncio.shield(self._asking)
        if self._are_older(now, than=self._kept):
            raise AuthorizationUnavailable("the authorization server does not give its keys")
        try:
            return self._tokens.check(text, now)
        except SignerUnknown:
            if self._asked_at != self._fetched_at:
                raise AuthorizationUnavailable("the authorization server does not say whose key this is") from None
            raise

    def _are_older(self, now: datetime, *, than: timedelta) -> bool:
        return self._fetched_at is None or now - self._fetched_at > than

    def _begin_to_ask(self, now: datetime) -> None:
        """Unless that was done a moment ago: nobody makes us ask more often by naming keys that are not there."""
        if self._asking is None and (self._asked_at is None or now - self._asked_at >= self._pause):
            self._asked_at = now
            self._asking = asyncio.get_running_loop().create_task(self._ask(now))

    async def _ask(self, now: datetime) -> None:
        try:
            await run_in_threadpool(self._tokens.fetch)
        except AuthorizationUnavailable as silent:
            log.warning("authorization.unavailable", detail=silent.message)
        else:
            self._fetched_at = now
            self._known.clear()  # a key may have been withdrawn
        finally:
            self._asking = None

    async def _caller(self, token: AccessToken) -> Caller:
        issuer = await self._reads.read(lambda uow: uow.issuers.with_did(token.issuer))
        if issuer is None or issuer.did == CANARY:
            raise NotAllowed("the access token is of nobody here")
        return Caller(key="", client=token.client, issuer=issuer, scopes=token.scopes, ends_at=token.ends_at)
