"""Operators register the public keys with which issuers sign status lists themselves."""

from datetime import datetime

from anchoring.core.issuer import Issuer
from anchoring.errors import Conflict, InvalidInput, NotFound
from anchoring.ports.store import UnitOfWork


def add_status_key(uow: UnitOfWork, issuer: Issuer, verification_method: str, public_key: str, *, now: datetime) -> None:
    """`public_key`: Multikey. The caller commits. Raises: InvalidInput for another's name; Conflict when it is registered."""
    did, _, fragment = verification_method.partition("#")
    if did != issuer.did or not fragment or not verification_method.isascii() or not verification_method.isprintable():
        raise InvalidInput(f"a key of this issuer is named {issuer.did}#…", at="KID")
    if not uow.status_keys.add(issuer, verification_method, public_key, now):
        raise Conflict(f"{verification_method} is registered already; a new key has a new name")


def retire_status_key(uow: UnitOfWork, verification_method: str, *, now: datetime) -> None:
    """Its lists stay published; it signs no new one. The caller commits. Raises: NotFound."""
    if not uow.status_keys.retire(verification_method, now):
        raise NotFound(f"no key {verification_method} is in use")
