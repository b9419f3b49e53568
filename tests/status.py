"""Status lists that tests need: made, and changed one index after the other."""

from datetime import datetime

from anchoring.core.issuer import Issuer
from anchoring.core.status import MIN_ENTRIES, StatusPurpose
from anchoring.core.status_change import StatusAction
from anchoring.ports.status_lists import NewChange, Place, SignedBy
from anchoring.ports.store import Store
from anchoring.types import ListId
from tests.factories import NOON


def revoke_next(store: Store, issuer: Issuer, number: int = 0, *, indexes: int = 1, now: datetime = NOON) -> ListId:
    """Revoke the next indexes of the issuer's list of this number, which is made unless it is there."""
    with store.writing() as uow:
        uow.status_lists.lock_issuer(issuer.id)
        lists = list(uow.status_lists.numbered(issuer, StatusPurpose.REVOCATION))
        while len(lists) <= number:
            lists.append(uow.status_lists.create(issuer, StatusPurpose.REVOCATION, MIN_ENTRIES, SignedBy.SERVICE, now))
        made = lists[number]
        first = uow.status_lists.bits(made.id).count()
        changes = [_revocation(Place(made.id, index)) for index in range(first, first + indexes)]
        uow.status_changes.record(issuer, changes, now, "tests")
        uow.commit()
    return made.list_id


def _revocation(place: Place) -> NewChange:
    return NewChange(
        entry_id=None,
        place=place,
        purpose=StatusPurpose.REVOCATION,
        action=StatusAction.REVOKE,
        number=1,
        reason=None,
        explanation=None,
        effective_at=NOON,
    )
