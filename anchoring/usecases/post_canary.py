"""A digest of our own goes along with those of issuers now and then, so that anchoring is tried all the way.

It never goes alone: where nothing of an issuer waits nothing is posted, and nothing but canaries is never sealed.
"""

from datetime import timedelta

import structlog

from anchoring.core.own_entries import canary_digest
from anchoring.ports.runtime import Clock, RandomBytes
from anchoring.ports.store import Store
from anchoring.types import SALT_BYTES, as_salt, to_hex

log = structlog.get_logger()


def post_canary(store: Store, clock: Clock, random_bytes: RandomBytes, *, every_s: float) -> None:
    """Post a canary when something of an issuer waits and the last canary is that old; `every_s` of 0 posts none.

    Raises: StoreUnavailable, and nothing is posted.
    """
    if every_s == 0:
        return
    now = clock.now()
    with store.reading() as uow:
        newest = uow.canaries.newest()
        waits = uow.entries.oldest_after(uow.batches.last_entry_id()) is not None
    if not waits or (newest and now - newest.posted_at < timedelta(seconds=every_s)):
        return
    salt = as_salt(random_bytes(SALT_BYTES))
    digest = canary_digest(salt)
    with store.writing() as uow:
        uow.canaries.record(uow.entries.add_one(uow.issuers.of_service(now), digest, salt, now), now)
        uow.commit()
    log.info("canary.posted", digest=to_hex(digest))
