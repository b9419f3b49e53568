"""A numbered status list of an issuer, for one purpose."""

from datetime import datetime

import structlog

from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusPurpose
from anchoring.ports.status_lists import SignedBy, StatusList
from anchoring.ports.store import UnitOfWork
from anchoring.types import to_hex

log = structlog.get_logger()


def create_status_list(
    uow: UnitOfWork, issuer: Issuer, purpose: StatusPurpose, *, entries: int, signed_by: SignedBy, now: datetime
) -> StatusList:
    """The issuer's next list of this purpose, all clear. The caller commits."""
    uow.status_lists.lock_issuer(issuer.id)
    made = uow.status_lists.create(issuer, purpose, entries, signed_by, now)
    log.info("status_list.created", list=to_hex(made.list_id), issuer=issuer.did, purpose=purpose, number=made.number)
    return made
