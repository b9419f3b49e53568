"""The hash of the newest record of the audit log goes along with the digests of issuers, so that the ledger notes it.

It never goes alone: where nothing of an issuer waits nothing is posted, and it is left to the next round that takes place.
"""

from datetime import datetime

import structlog

from anchoring.core.own_entries import head_salt
from anchoring.ports.runtime import Clock
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import as_digest, to_hex

log = structlog.get_logger()


def post_audit_head(store: Store, clock: Clock) -> None:
    """Post it when it was not posted before and something of an issuer waits. Raises: StoreUnavailable, and nothing is posted."""
    with store.reading() as uow:
        waits = uow.entries.oldest_after(uow.batches.last_entry_id()) is not None
        is_new = uow.audit_log.head().number > uow.audit_log.newest_posted()
    if waits and is_new:
        with store.writing() as uow:
            _post(uow, clock.now())
            uow.commit()


def _post(uow: UnitOfWork, now: datetime) -> None:
    head = uow.audit_log.head()
    digest = as_digest(head.hash)
    uow.audit_log.post_head(head.number, uow.entries.add_one(uow.issuers.of_service(now), digest, head_salt(digest), now))
    log.info("audit_head.posted", number=head.number, digest=to_hex(digest))
