"""The indexes of our lists that a posted credential names: it is bound to them."""

from dataclasses import dataclass

from anchoring.core.status_entry import StatusEntry, UnreadEntry, status_entries
from anchoring.core.strict_json import JsonLimits
from anchoring.usecases.submit_digests import StatusIndex
from service.served_lists import ServedLists


@dataclass(frozen=True, slots=True)
class NamedStatus:
    """What a credential is bound to. `notes`: what it says of its status that could not be read, for whoever posts it."""

    indexes: tuple[StatusIndex, ...]
    notes: tuple[str, ...]


def read_status(body: bytes, lists: ServedLists, *, limits: JsonLimits) -> NamedStatus:
    """Read `credentialStatus`, `vc.credentialStatus` and `status.status_list`; lists of others are none of our business."""
    found = status_entries(body, limits=limits)
    return NamedStatus(
        indexes=tuple(index for one in found if isinstance(one, StatusEntry) for index in _index(one, lists)),
        notes=tuple(f"{one.at}: {one.why}; this binds it to no index" for one in found if isinstance(one, UnreadEntry)),
    )


def _index(one: StatusEntry, lists: ServedLists) -> tuple[StatusIndex, ...]:
    list_id = lists.ours(one.url)
    if list_id is None:
        return ()
    return (StatusIndex(list_id=list_id, index=one.index, purpose=one.purpose, at=one.at),)
