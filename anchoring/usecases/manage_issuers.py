"""Operators say who may post; they and issuers hand out keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from anchoring.core.audit_log import exact
from anchoring.core.issuer import (
    CANARY,
    LONGEST_OVERLAP_S,
    MOST_ITEMS_PER_DAY,
    PREFIX_BYTES,
    SECRET_BYTES,
    ApiKey,
    Caller,
    Issuer,
    StoredKey,
    day_of,
    make_api_key,
    parse_api_key,
)
from anchoring.core.scopes import WRITING, Scope, scopes_text
from anchoring.errors import Conflict, InvalidInput, NotAllowed, NotFound
from anchoring.ports.runtime import RandomBytes
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did

NAME_MAX_CHARACTERS = 200

LONGEST_LIFE = timedelta(days=3650)

LONGEST_LIFE_BY_TOKEN = timedelta(days=90)
"""Of keys that access tokens make: a token is the right to write for minutes."""

MOST_KEYS = 100
"""Living keys of one issuer at most: with them it could fill the database."""


def add_issuer(uow: UnitOfWork, did: Did, name: str, *, now: datetime, at: str = "name") -> None:
    """The caller commits. `at`: where the name stood.

    Raises: Conflict when the DID is known; InvalidInput for a name that is none.
    """
    if not name.strip() or len(name) > NAME_MAX_CHARACTERS or not name.isprintable():
        raise InvalidInput(f"must be 1 to {NAME_MAX_CHARACTERS} printable characters", at=at)
    if not uow.issuers.add(did, name.strip(), now):
        raise Conflict(f"issuer {did} is known already")


def set_quota(uow: UnitOfWork, did: Did, items_per_day: int | None, *, now: datetime, at: str) -> None:
    """From now on the issuer may write so many items in a day: 0 for any number, None for what the settings say.

    The day begins anew: processes have taken portions of the quota before, which may be more than all of the new one.
    The caller commits. `at`: where the number stood. Raises: NotFound; InvalidInput.
    """
    if items_per_day is not None and not 0 <= items_per_day <= MOST_ITEMS_PER_DAY:
        raise InvalidInput(f"must be a whole number from 0 to {MOST_ITEMS_PER_DAY}", at=at)
    uow.issuers.set_quota(get_issuer(uow, did), items_per_day, day=day_of(now))


def create_key(
    uow: UnitOfWork,
    did: Did,
    *,
    scopes: frozenset[Scope] = WRITING,
    expires_at: datetime | None = None,
    now: datetime,
    random_bytes: RandomBytes,
    at: str = "expiresAt",
) -> ApiKey:
    """A new key for an issuer; its text exists only in the answer. The caller commits. `at`: where its end stood.

    Raises: NotFound; Conflict when the issuer has too many keys, or is the service itself; InvalidInput when it would be
    expired at once.
    """
    issuer = get_issuer(uow, did)
    if did == CANARY:
        raise Conflict("this issuer is the service itself; its keys are the operator's: credanchor operator key create")
    _check_end(expires_at, now, at)
    return _add_key(uow, issuer, scopes, expires_at, now, random_bytes)


def create_operator_key(
    uow: UnitOfWork,
    *,
    expires_at: datetime | None = None,
    now: datetime,
    random_bytes: RandomBytes,
    at: str = "expiresAt",
) -> ApiKey:
    """A new key for the operator, which posts for nobody. The caller commits. Raises: as `create_key`."""
    _check_end(expires_at, now, at)
    return _add_key(uow, uow.issuers.of_service(now), frozenset({Scope.OPERATOR}), expires_at, now, random_bytes)


def rotate_key(
    uow: UnitOfWork, prefix: str, *, of: Issuer | None = None, overlap: timedelta, now: datetime, random_bytes: RandomBytes
) -> ApiKey:
    """A new key with the scopes of another, which itself ends after `overlap`. The caller commits.

    The new one is given as long a life as the other was. `of`: whose key it must be.

    Raises: NotFound when no living key has this prefix; Conflict as `create_key`, and when it was rotated already, because
    how long its own life was meant to be is no longer known.
    """
    uow.status_lists.lock_issuer(living_key(uow, prefix, of=of, now=now).issuer.id)
    old = living_key(uow, prefix, of=of, now=now)  # as it is now that nobody else rotates it
    if successor := _successor(old, uow.issuers.keys_of(old.issuer)):
        raise Conflict(f"key {prefix} was rotated already, into {successor}: rotate that one, or make a new key")
    expires_at = None if old.expires_at is None else now + min(old.expires_at - old.created_at, LONGEST_LIFE)
    made = _add_key(uow, old.issuer, old.scopes, expires_at, now, random_bytes)
    uow.issuers.expire_key(prefix, now + overlap)
    return made


def revoke_key(uow: UnitOfWork, prefix: str, *, of: Issuer | None = None, now: datetime) -> None:
    """From now on the key opens nothing. The caller commits. Raises: NotFound when no living key has this prefix."""
    living_key(uow, prefix, of=of, now=now)
    if not uow.issuers.revoke_key(prefix, now):  # another did meanwhile
        raise _not_in_use(prefix)


def living_key(uow: UnitOfWork, prefix: str, *, of: Issuer | None = None, now: datetime) -> StoredKey:
    """Raises: NotFound, also for a key of somebody else than `of`."""
    found = uow.issuers.keys([prefix]).get(prefix)
    if found is None or not found.lives(now) or (of is not None and found.issuer.id != of.id):
        raise _not_in_use(prefix)
    return found


def new_key_detail(key: StoredKey) -> dict[str, str | int | None]:
    """What the audit log says of a key that was made."""
    ends = exact(key.expires_at) if key.expires_at else None
    return {"key": key.prefix, "scopes": scopes_text(key.scopes), "expiresAt": ends}


def check_made_by_token(made: StoredKey, *, now: datetime) -> None:
    """What an access token makes or rotates is no way to stay for whoever stole one. Raises: Conflict."""
    if Scope.ISSUER_ADMIN in made.scopes:
        raise Conflict(f"an access token makes no key with the scope {Scope.ISSUER_ADMIN}, which could make others")
    if made.expires_at is None or made.expires_at - now > LONGEST_LIFE_BY_TOKEN:
        raise Conflict(f"a key that an access token makes ends within {LONGEST_LIFE_BY_TOKEN.days} days")


def get_issuer(uow: UnitOfWork, did: Did) -> Issuer:
    """Raises: NotFound."""
    issuer = uow.issuers.with_did(did)
    if issuer is None:
        raise NotFound(f"issuer {did} is not known here; add it with: credanchor issuer add {did} --name …")
    return issuer


def authenticate(uow: UnitOfWork, key_texts: Sequence[str], *, now: datetime) -> list[Caller | NotAllowed]:
    """Who holds each, in the order of the input; NotAllowed, in the same words, for unknown, wrong, revoked, expired keys."""
    keys = [_read_key(text) for text in key_texts]
    stored = uow.issuers.keys({key.prefix for key in keys if key})
    return [_holder(key, stored.get(key.prefix), now) if key else _not_valid() for key in keys]


def _add_key(
    uow: UnitOfWork,
    issuer: Issuer,
    scopes: frozenset[Scope],
    expires_at: datetime | None,
    now: datetime,
    random_bytes: RandomBytes,
) -> ApiKey:
    uow.status_lists.lock_issuer(issuer.id)  # else several at once would each find room for one more
    if sum(key.lives(now) for key in uow.issuers.keys_of(issuer)) >= MOST_KEYS:
        raise Conflict(f"issuer {issuer.did} has {MOST_KEYS} keys in use: revoke those that it no longer needs")
    key = make_api_key(random_bytes(PREFIX_BYTES + SECRET_BYTES))
    uow.issuers.add_key(issuer, key, now, scopes=scopes, expires_at=expires_at)
    return key


def _successor(old: StoredKey, keys: Sequence[StoredKey]) -> str | None:
    """The prefix of the key that the old one was rotated into, which was made whole seconds, the overlap, before its end."""
    for one in keys:
        if old.expires_at is not None and one.scopes == old.scopes and old.created_at < one.created_at <= old.expires_at:
            overlap = old.expires_at - one.created_at
            if overlap <= timedelta(seconds=LONGEST_OVERLAP_S) and not overlap.microseconds:
                return one.prefix
    return None


def _check_end(expires_at: datetime | None, now: datetime, at: str) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidInput("must be in the future", at=at)
    if expires_at is not None and expires_at - now > LONGEST_LIFE:
        raise InvalidInput("must be at most ten years from now", at=at)


def _read_key(text: str) -> ApiKey | None:
    try:
        return parse_api_key(text)
    except NotAllowed:
        return None


def _holder(key: ApiKey, stored: StoredKey | None, now: datetime) -> Caller | NotAllowed:
    if not key.opens(stored, now) or stored is None:
        return _not_valid()
    return Caller(key=stored.prefix, issuer=stored.issuer, scopes=stored.scopes, ends_at=stored.expires_at)


def _not_in_use(prefix: str) -> NotFound:
    return NotFound(f"no key with prefix {prefix} is in use")


def _not_valid() -> NotAllowed:
    return NotAllowed("the API key is not valid")
