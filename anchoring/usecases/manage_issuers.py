"""Operators say who may post, and hand out keys."""

from collections.abc import Sequence
from datetime import datetime

from anchoring.core.issuer import PREFIX_BYTES, SECRET_BYTES, ApiKey, Issuer, StoredKey, make_api_key, parse_api_key
from anchoring.errors import Conflict, InvalidInput, NotAllowed, NotFound
from anchoring.ports.runtime import RandomBytes
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did

NAME_MAX_CHARACTERS = 200


def add_issuer(uow: UnitOfWork, did: Did, name: str, *, now: datetime) -> None:
    """The caller commits. Raises: Conflict when the DID is known; InvalidInput for a name that is none."""
    if not name.strip() or len(name) > NAME_MAX_CHARACTERS or not name.isprintable():
        raise InvalidInput(f"must be 1 to {NAME_MAX_CHARACTERS} printable characters", at="name")
    if not uow.issuers.add(did, name.strip(), now):
        raise Conflict(f"issuer {did} is known already")


def create_key(uow: UnitOfWork, did: Did, *, now: datetime, random_bytes: RandomBytes) -> ApiKey:
    """A new key for an issuer; its text exists only in the answer. The caller commits. Raises: NotFound."""
    issuer = get_issuer(uow, did)
    key = make_api_key(random_bytes(PREFIX_BYTES + SECRET_BYTES))
    uow.issuers.add_key(issuer, key, now)
    return key


def revoke_key(uow: UnitOfWork, prefix: str, *, now: datetime) -> None:
    """From now on the key opens nothing. The caller commits. Raises: NotFound when no living key has this prefix."""
    if not uow.issuers.revoke_key(prefix, now):
        raise NotFound(f"no key with prefix {prefix} is in use")


def get_issuer(uow: UnitOfWork, did: Did) -> Issuer:
    """Raises: NotFound."""
    issuer = uow.issuers.with_did(did)
    if issuer is None:
        raise NotFound(f"issuer {did} is not known here; add it with: credanchor issuer add {did} --name …")
    return issuer


def authenticate(uow: UnitOfWork, key_texts: Sequence[str]) -> list[Issuer | NotAllowed]:
    """Whose key each is, in the order of the input; NotAllowed, in the same words, for an unknown, wrong and revoked key."""
    keys = [_read_key(text) for text in key_texts]
    stored = uow.issuers.keys({key.prefix for key in keys if key})
    return [_holder(key, stored.get(key.prefix)) if key else _not_valid() for key in keys]


def _read_key(text: str) -> ApiKey | None:
    try:
        return parse_api_key(text)
    except NotAllowed:
        return None


def _holder(key: ApiKey, stored: StoredKey | None) -> Issuer | NotAllowed:
    return stored.issuer if key.opens(stored) and stored is not None else _not_valid()


def _not_valid() -> NotAllowed:
    return NotAllowed("the API key is not valid")
