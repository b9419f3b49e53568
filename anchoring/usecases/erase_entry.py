"""Erasure of an issuer's entry: its digest and salt go, the anonymous leaf stays."""

from datetime import datetime

from anchoring.core.issuer import Issuer
from anchoring.errors import NotFound
from anchoring.ports.store import UnitOfWork
from anchoring.types import Digest, to_hex


def erase_entry(uow: UnitOfWork, issuer: Issuer, digest: Digest, *, now: datetime) -> bool:
    """Erase at once when the entry's batch is sealed; else note the request, which the next round carries out.

    Returns whether it is erased already. The holder, who has digest and salt, keeps a valid proof. The caller commits.

    Raises: NotFound when this issuer has not posted the digest.
    """
    entry = uow.entries.of_issuer(issuer, [digest]).get(digest)
    if entry is None:
        raise NotFound(f"digest {to_hex(digest)} was not posted here by {issuer.did}")
    uow.entries.request_erasure(entry.id, now)
    sealed_up_to = uow.batches.last_sealed_entry_id()
    uow.entries.erase_requested(sealed_up_to, now)
    return entry.id <= sealed_up_to
