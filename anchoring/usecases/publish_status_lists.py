"""Changed status lists get their next version: numbered after the ledger's, its digest a leaf of the list's issuer.

The round sends it with the roots. Whatever the ledger holds of a list must be known here: a database that lost changes would
otherwise take revocations back.
"""

from collections.abc import Sequence
from datetime import datetime

import structlog

from anchoring.core.audit_log import digests_detail, round_act
from anchoring.core.batch import PublishedHead
from anchoring.core.status import head_digest
from anchoring.failpoints import failpoint
from anchoring.ports.entries import NewEntries
from anchoring.ports.ledger import Head, RegistryReader, StatusHead
from anchoring.ports.runtime import Clock, Progress, RandomBytes
from anchoring.ports.store import Store, UnitOfWork
from anchoring.types import SALT_BYTES, ListId, to_hex

LISTS_A_REPORT = 50
"""So many lists are looked at between two words to whoever waits."""

log = structlog.get_logger()


def publish_status_lists(
    store: Store,
    ledger: RegistryReader,
    clock: Clock,
    random_bytes: RandomBytes,
    *,
    max_heads: int,
    host: str,
    progress: Progress,
) -> Sequence[str]:
    """Prepare the next version of each list that changed, at most so many; the next round goes on. `host`: where this runs.

    A version that stands on the ledger already is adopted. A list of which the ledger holds a version that is not known here is
    left out until a person has looked; returns a sentence for each.

    Raises: LedgerUnavailable, and the versions made until then stay.
    """
    with store.reading() as uow:
        due = uow.status_versions.due(max_heads)
    if not due:
        return ()
    head = ledger.head()
    overtaken = []
    for done, list_id in enumerate(due):
        if done % LISTS_A_REPORT == 0:
            progress("preparing status lists", done, len(due))
        if sentence := _look_at(store, ledger, clock, random_bytes, list_id, head, host):
            overtaken.append(sentence)
    return overtaken


def _look_at(
    store: Store, ledger: RegistryReader, clock: Clock, random_bytes: RandomBytes, list_id: ListId, head: Head, host: str
) -> str | None:
    """Why a person must look; None where nobody must."""
    shown = ledger.status_head(list_id, head)
    with store.reading() as uow:
        known = uow.status_versions.with_digest(shown.digest) if shown else None
        listed = uow.status_versions.current(list_id)
    if listed is None:
        return None
    if shown and known is None and shown.version > listed.accepted_version:
        return _overtaken(store, list_id, shown, issuer=listed.issuer.did)
    event = ledger.find_head(list_id, head) if known and not known.state.is_published else None
    with store.writing() as uow:
        adopted = _adopt(uow, shown, event)
        prepared = _prepare(uow, clock.now(), random_bytes, list_id, shown, host)
        failpoint("head.written")
        uow.commit()
        failpoint("head.prepared")
    if adopted and event:
        log.warning("head.adopted", list=to_hex(list_id), version=event.version, transaction=to_hex(event.transaction))
    if prepared:
        log.info("head.prepared", list=to_hex(list_id), version=prepared)
    return None


def _overtaken(store: Store, list_id: ListId, shown: StatusHead, *, issuer: str) -> str:
    with store.writing() as uow:
        uow.status_versions.mark_overtaken(list_id, shown.version)
        uow.commit()
    log.error("head.overtaken", list=to_hex(list_id), issuer=issuer, version=shown.version)
    return f"the ledger holds version {shown.version} of list {to_hex(list_id)}, which this database does not know"


def _adopt(uow: UnitOfWork, shown: StatusHead | None, event: PublishedHead | None) -> bool:
    """Take over a version of ours that the ledger holds and that is not recorded as published. `event`: of that version."""
    if event is None or _is_passed_by(uow, event.list_id, shown):
        return False
    known = uow.status_versions.with_digest(event.digest)
    return known is not None and uow.status_versions.confirm(known.id, event)


def _prepare(
    uow: UnitOfWork, now: datetime, random_bytes: RandomBytes, list_id: ListId, shown: StatusHead | None, host: str
) -> int | None:
    """The version made, if one was needed."""
    versions, number = uow.status_versions, shown.version + 1 if shown else 1
    listed = versions.current(list_id)
    if listed is None or _is_passed_by(uow, list_id, shown):
        return None
    versions.mark_overtaken(list_id, None)
    newest = versions.newest_published(list_id)
    if newest and newest.change_count == listed.change_count and newest.version > listed.accepted_version:
        versions.settle(listed)
        return None
    digest = head_digest(list_id, number, listed.bits)
    # Before a row of the list is touched: whoever posts takes its locks in this order too.
    leaf = NewEntries(issuer=listed.issuer, digests=digest, salts=random_bytes(SALT_BYTES))
    if uow.entries.add_missing([leaf], now):
        detail = digests_detail(leaf.salts, digest)
        uow.audit_log.note(round_act("digests.posted", detail, at=now, host=host, issuer=listed.issuer.did))
    return number if versions.prepare(listed, number, digest, now) else None


def _is_passed_by(uow: UnitOfWork, list_id: ListId, shown: StatusHead | None) -> bool:
    """Whether more is recorded than the ledger shows: another round was faster, the node is behind, or a reorg went unseen."""
    newest = uow.status_versions.newest_published(list_id)
    ahead = newest is not None and newest.version > (shown.version if shown else 0)
    return ahead or uow.status_versions.has_submitted(list_id)
