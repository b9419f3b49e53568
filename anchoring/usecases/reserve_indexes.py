"""Indexes for credentials that are not signed yet. None is given out twice, whoever else asks at the same moment."""

from datetime import datetime

import structlog

from anchoring.core.issuer import Issuer
from anchoring.core.status_reservation import draw_indexes
from anchoring.errors import InvalidInput, NotFound
from anchoring.ports.runtime import RandomBytes
from anchoring.ports.status_lists import StatusList
from anchoring.ports.store import UnitOfWork
from anchoring.types import ListId, to_hex

log = structlog.get_logger()


def reserve_indexes(
    uow: UnitOfWork,
    issuer: Issuer,
    list_id: ListId,
    count: int,
    *,
    new_list_entries: int,
    now: datetime,
    random_bytes: RandomBytes,
) -> list[tuple[StatusList, int]]:
    """`count` indexes at random, each with its list. A full list goes on in the issuer's next one of the same purpose.

    The caller commits. Raises: NotFound when it is no list of the issuer; InvalidInput when it follows from a batch.
    """
    uow.status_lists.lock_issuer(issuer.id)
    named = uow.status_lists.find(list_id)
    if named is None or named.issuer != issuer.did:
        raise NotFound(f"no list {to_hex(list_id)} of {issuer.did} is here")
    if named.number is None:
        raise InvalidInput("this list follows from a batch: its indexes are the places of the leaves, and none is reserved")
    lists = [one for one in uow.status_lists.numbered(issuer, named.purpose, named.number) if one.signed_by is named.signed_by]
    reserved: list[tuple[StatusList, int]] = []
    while len(reserved) < count:
        if not lists:
            lists.append(uow.status_lists.create(issuer, named.purpose, new_list_entries, named.signed_by, now))
            log.info(
                "status_list.created",
                list=to_hex(lists[0].list_id),
                issuer=issuer.did,
                purpose=named.purpose,
                number=lists[0].number,
            )
        of_list = lists.pop(0)
        bitmap = uow.status_lists.reserved(of_list.id)
        drawn = draw_indexes(bitmap, count - len(reserved), random_bytes)
        if drawn:
            uow.status_lists.keep_reserved(of_list.id, bitmap)
        reserved += [(of_list, index) for index in drawn]
    return reserved
