"""A person gives up a version of a status list that only the ledger knows: what is here is published over it."""

from collections.abc import Callable

import structlog

from anchoring.core.audit_log import Act
from anchoring.errors import Conflict, NotFound
from anchoring.ports.ledger import RegistryReader
from anchoring.ports.store import Store
from anchoring.types import ListId, to_hex

log = structlog.get_logger()


def publish_over(store: Store, reader: RegistryReader, list_id: ListId, act: Callable[[int], Act]) -> int:
    """From the next round on the list's next version is what this database holds. Returns the version that is given up.

    `act`: what is recorded of it, by the version.

    Raises: NotFound when the list is not here; Conflict when the ledger's newest version of it is known; LedgerUnavailable;
    Misconfigured on another ledger.
    """
    identity = reader.identity()
    with store.reading() as uow:
        belongs_to, listed = uow.rounds.identity(), uow.status_versions.current(list_id)
    if belongs_to is not None:
        belongs_to.require(identity)
    if listed is None:
        raise NotFound(f"there is no status list {to_hex(list_id)} in this database")
    shown = reader.status_head(list_id, reader.head())
    with store.writing() as uow:
        if shown is None or shown.version <= listed.accepted_version or uow.status_versions.with_digest(shown.digest):
            raise Conflict(f"the ledger holds no version of list {to_hex(list_id)} that this database does not know")
        uow.status_versions.accept(list_id, shown.version)
        uow.audit_log.note(act(shown.version))
        uow.commit()
    log.warning("head.given_up", list=to_hex(list_id), version=shown.version)
    return shown.version
