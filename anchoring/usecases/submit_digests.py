"""An issuer posts digests; each waits until the next round seals it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusPurpose
from anchoring.errors import Conflict, InvalidInput, StoreUnavailable
from anchoring.ports.entries import Entry, NewEntry
from anchoring.ports.runtime import RandomBytes
from anchoring.ports.status_lists import Place
from anchoring.ports.store import UnitOfWork
from anchoring.types import SALT_BYTES, Digest, ListId, Salt, to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusIndex:
    """An index of one of our lists. `purpose`: what its credential says it is for, None when it was not said.

    `at`: where in the request, for errors.
    """

    list_id: ListId
    index: int
    purpose: str | None = None
    at: str = "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedDigest:
    """What an issuer posts. `canonicalization`: None when it was not said. `status`: the indexes that the credential names."""

    digest: Digest
    canonicalization: Canonicalization | None = None
    status: tuple[StatusIndex, ...] = ()


def submit_digests(
    uow: UnitOfWork, issuer: Issuer, posted: Sequence[PostedDigest], *, now: datetime, random_bytes: RandomBytes
) -> list[Entry]:
    """Record what is new and answer with the entry of every posted digest, in the order of the input.

    A digest the issuer posted before, or twice in one request, gets its first answer again; an erasure that still waits is taken
    back, or what is acknowledged here would vanish. The caller commits.

    A credential that names an index is bound to it for good; to say so again changes nothing.

    Raises: StoreUnavailable when a digest is being erased at this moment; InvalidInput for an index that this issuer has not
    reserved, and for one of a list of another purpose; Conflict for one that is another entry's, and for an entry that has
    another.
    """
    salts = random_bytes(SALT_BYTES * len(posted))
    first_of = {one.digest: (i, one) for i, one in reversed(list(enumerate(posted)))}
    new = [
        NewEntry(
            digest=digest,
            salt=Salt(salts[i * SALT_BYTES : (i + 1) * SALT_BYTES]),
            canonicalization=one.canonicalization,
        )
        for digest, (i, one) in first_of.items()
    ]
    uow.entries.add_missing(issuer, new, now)
    recorded = dict(uow.entries.of_issuer(issuer, first_of.keys()))
    if known := {one.digest: recorded.pop(one.digest).id for one in new if _was_known(one, recorded)}:
        uow.entries.cancel_erasure(known.values())
        recorded |= uow.entries.of_issuer(issuer, known.keys())
    try:
        entries = [recorded[one.digest] for one in posted]
    except KeyError as gone:
        raise StoreUnavailable("a digest is being erased at this moment; repeating records it anew") from gone
    named = [(entry, index) for one, entry in zip(posted, entries, strict=True) for index in one.status]
    if named:
        _bind(uow, issuer, named, now)
    return entries


def _was_known(one: NewEntry, recorded: Mapping[Digest, Entry]) -> bool:
    """An entry with another salt than the one just made for it is an earlier one."""
    return one.digest in recorded and recorded[one.digest].salt != one.salt


def _bind(uow: UnitOfWork, issuer: Issuer, named: Sequence[tuple[Entry, StatusIndex]], now: datetime) -> None:
    """An index belongs to one entry, and an entry has one for each purpose: where its status was changed, there it stays."""
    uow.status_lists.lock_issuer(issuer.id)
    reserved = _ReservedIndexes(uow, issuer, [index for _, index in named])
    entry_ids = {entry.id for entry, _ in named}
    places = [reserved.place(index) for _, index in named]
    holders = {place: one.entry_id for place, one in uow.status_lists.bindings_at(places).items() if not one.is_erased}
    place_of = {key: binding.place for key, binding in uow.status_lists.bindings_of(entry_ids).items()}
    changed = uow.status_changes.changed_entries(entry_ids)
    new: dict[Place, int] = {}
    for (entry, index), place in zip(named, places, strict=True):
        purpose = reserved.purpose(index)
        if holders.setdefault(place, entry.id) != entry.id:
            raise Conflict(f"{index.at}: index {index.index} of this list belongs to another digest")
        present = place_of.get((entry.id, purpose))
        if present == place:
            continue
        if present is not None:
            raise Conflict(f"{index.at}: the digest has another index for {purpose}")
        if (entry.id, purpose) in changed:
            raise Conflict(f"{index.at}: a {purpose} of this digest was recorded without an index, and stays where it is")
        place_of[entry.id, purpose] = place
        new[place] = entry.id
    uow.status_lists.bind(new, now)


class _ReservedIndexes:
    """Those that this issuer was given. Raises, everywhere: InvalidInput for another."""

    def __init__(self, uow: UnitOfWork, issuer: Issuer, indexes: Sequence[StatusIndex]) -> None:
        self._issuer = issuer
        self._lists = uow.status_lists.with_ids({index.list_id for index in indexes})
        self._reserved = {
            one.id: uow.status_lists.reserved(one.id)
            for one in self._lists.values()
            if one.number is not None and one.issuer == issuer.did
        }

    def place(self, index: StatusIndex) -> Place:
        of_list = self._lists.get(index.list_id)
        if of_list is None or of_list.id not in self._reserved:
            raise InvalidInput(f"no numbered list {to_hex(index.list_id)} of {self._issuer.did} is here", at=index.at)
        if index.index >= of_list.entries or not self._reserved[of_list.id][index.index]:
            raise InvalidInput(f"index {index.index} of this list was not reserved", at=index.at)
        if index.purpose not in {None, of_list.purpose}:
            raise InvalidInput(f"it is said to be for {index.purpose}, and the list is for {of_list.purpose}", at=index.at)
        return Place(of_list.id, index.index)

    def purpose(self, index: StatusIndex) -> StatusPurpose:
        return self._lists[index.list_id].purpose
