"""Who holds the key or token of a request, asked before its body is read and, where that took a while, again behind it."""

import time
from typing import Final

from starlette.types import Scope

from anchoring.core.issuer import KEY_START, Caller
from anchoring.errors import AuthorizationUnavailable, NotAllowed
from service.addresses import address_of
from service.failed_attempts import SEND_A_KEY
from service.refusals import CALLER
from service.state import Service

PROMPT_S: Final = 0.1
"""A body that took no longer is as good as one that came with its head."""

OPENED: Final = "credanchor.opened"
"""In the scope of a request: its key or token, which opened, and when, by `time.monotonic`."""


async def authenticated(service: Service, key: str, scope: Scope) -> Caller:
    """Who holds this key. Raises: NotAllowed, in the same words whatever is wrong with the key; TooManyRequests."""
    if not key:
        raise NotAllowed(SEND_A_KEY)
    if [name for name, _ in scope["headers"]].count(b"authorization") > 1:  # a proxy may go by another than we
        raise NotAllowed("send one Authorization field, not several")
    began, text = time.monotonic(), key.strip()
    caller = await _holder_of(service, text, scope, began)
    scope[OPENED] = text, began
    admit(service, scope, caller)
    return caller


def admit(service: Service, scope: Scope, caller: Caller) -> None:
    """Let in who was found to hold the key or token, and count it. Raises: TooManyRequests."""
    scope[CALLER] = caller
    if not _revokes_itself(scope, caller):
        service.limits.spend_key(scope, caller)
    if caller.client is None:
        service.key_uses.note(caller.key, service.clock.now())


def known_holder(service: Service, text: str) -> Caller | None:
    """Who holds this key or token, where that was found out lately."""
    if service.tokens is None or text.startswith(KEY_START):
        return service.keys.known(text)
    return service.tokens.known(text)


async def check_again(service: Service, scope: Scope) -> None:
    """Whoever holds a body back writes no longer than the key or token opens. Raises: as `authenticated`."""
    text, since = scope.get(OPENED, ("", 0.0))
    now = time.monotonic()
    if text and now - since > PROMPT_S:
        await _holder_of(service, text, scope, now)


def _revokes_itself(scope: Scope, caller: Caller) -> bool:
    """Whoever uses up the limits of a stolen key must not keep its owner from that."""
    return scope["method"] == "DELETE" and bool(caller.key) and scope["path"].endswith(f"/keys/{caller.key}")


async def _holder_of(service: Service, text: str, scope: Scope, began: float) -> Caller:
    """An API key begins with `ca_`; whatever else is sent is a token where tokens are taken."""
    try:
        if service.tokens is None or text.startswith(KEY_START):
            return await service.keys.holder_of(text)
        return await service.tokens.holder_of(text)
    except NotAllowed:
        raise await service.failed_attempts.refuse(address_of(scope), began) from None
    except AuthorizationUnavailable:  # slowed, and not counted: it may be a good token
        await service.failed_attempts.wait(began)
        raise
