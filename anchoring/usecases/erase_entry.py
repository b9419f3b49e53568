"""Erasure of an issuer's entry: its digest and salt go, the anonymous leaf stays."""

from datetime import datetime

from anchoring.core.detached import not_posted
from anchoring.core.issuer import CANARY, Issuer
from anchoring.errors import Conflict, NotFound
from anchoring.ports.store import UnitOfWork
from anchoring.types import Digest


def erase_entry(uow: UnitOfWork, issuer: Issuer, digest: Digest, *, now: datetime) -> bool:
    """Erase at once when the entry's batch is sealed; else note the request, which the next round carries out.

    The same while a change of its status waits. Returns whether it is erased already. The holder, who has digest and salt, keeps
    a valid proof. The caller commits.

    Raises: NotFound when this issuer has not posted the digest; Conflict when the issuer is the service itself.
    """
    if issuer.did == CANARY:
        raise Conflict("this issuer is the service itself: its canaries and audit heads say nothing about a person, and stay")
    entry = uow.entries.of_issuer(issuer, [digest]).get(digest)
    if entry is None:
        raise NotFound(not_posted(digest, issuer.did, uow.issuers.detached(issuer.did)))
    uow.entries.request_erasure(entry.id, now)
    uow.entries.erase_requested(uow.batches.last_sealed_entry_id(), now)
    return digest not in uow.entries.of_issuer(issuer, [digest])
