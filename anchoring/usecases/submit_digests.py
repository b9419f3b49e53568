"""An issuer posts digests; each waits until the next round seals it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO

from anchoring.core.canonical import Canonicalization
from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusPurpose
from anchoring.errors import Conflict, InvalidInput
from anchoring.ports.entries import NewEntries
from anchoring.ports.runtime import RandomBytes
from anchoring.ports.status_lists import Place
from anchoring.ports.store import UnitOfWork
from anchoring.types import HASH_BYTES, SALT_BYTES, Did, ListId, to_hex


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
class PostedDigests:
    """What one request posts: one digest, or 100,000.

    `digests`: n × 32 bytes. `canonicalizations`: n, or None where none was said. `status`: what the credentials name, each with
    the place of its digest, from 0.
    """

    digests: bytes
    canonicalizations: Sequence[Canonicalization | None] | None = None
    status: Sequence[tuple[int, StatusIndex]] = ()

    def __len__(self) -> int:
        return len(self.digests) // HASH_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """What a request is answered, in the order of its digests. `salts`: n × 16 bytes; the others: n each."""

    issuer: Did
    salts: bytes
    canonicalizations: Sequence[Canonicalization | None]
    received_at: Sequence[datetime]


def submit_digests(
    uow: UnitOfWork, posts: Sequence[tuple[Issuer, PostedDigests]], *, now: datetime, random_bytes: RandomBytes
) -> list[Accepted]:
    """Record what is new in several requests at once, and answer each. The caller commits.

    A digest the issuer posted before, or twice in one request, gets its first answer again; an erasure that still waits is taken
    back, or what is acknowledged here would vanish.

    A credential that names an index is bound to it for good; to say so again changes nothing.

    Raises: StoreUnavailable when a digest is being erased at this moment; InvalidInput for an index that this issuer has not
    reserved, and for one of a list of another purpose; Conflict for one that is another entry's, and for an entry that has
    another. Then nothing of any of them is to be committed.
    """
    salts = BytesIO(
        random_bytes(SALT_BYTES * sum(len(posted) for _, posted in posts))
    )  # each call of it lets other threads go first
    new = [
        NewEntries(
            issuer=issuer,
            digests=posted.digests,
            salts=salts.read(SALT_BYTES * len(posted)),
            canonicalizations=posted.canonicalizations,
        )
        for issuer, posted in posts
    ]
    added = uow.entries.add_missing(new, now)
    if added == sum(map(len, new)) and not any(posted.status for _, posted in posts):
        return [_all_new(one, now) for one in new]
    uow.entries.cancel_erasures(new)
    found = uow.entries.receipts(new)
    answers, first = [], 0
    for issuer, posted in posts:
        of_post = slice(first, first := first + len(posted))
        if posted.status:
            entry_ids = found.entry_ids[of_post]
            _bind(uow, issuer, [(entry_ids[place], index) for place, index in posted.status], now)
        answers.append(
            Accepted(
                issuer=issuer.did,
                salts=b"".join(found.salts[of_post]),
                canonicalizations=found.canonicalizations[of_post],
                received_at=found.received_at[of_post],
            )
        )
    return answers


def _all_new(one: NewEntries, now: datetime) -> Accepted:
    canonicalizations = one.canonicalizations or [None] * len(one)
    times = [now] * len(one)
    return Accepted(issuer=one.issuer.did, salts=one.salts, canonicalizations=canonicalizations, received_at=times)


def _bind(uow: UnitOfWork, issuer: Issuer, named: Sequence[tuple[int, StatusIndex]], now: datetime) -> None:
    """An index belongs to one entry, and an entry has one for each purpose: where its status was changed, there it stays."""
    uow.status_lists.lock_issuer(issuer.id)
    reserved = _ReservedIndexes(uow, issuer, [index for _, index in named])
    entry_ids = {entry_id for entry_id, _ in named}
    places = [reserved.place(index) for _, index in named]
    holders = {place: one.entry_id for place, one in uow.status_lists.bindings_at(places).items() if not one.is_erased}
    place_of = {key: binding.place for key, binding in uow.status_lists.bindings_of(entry_ids).items()}
    changed = uow.status_changes.changed_entries(entry_ids)
    new: dict[Place, int] = {}
    for (entry_id, index), place in zip(named, places, strict=True):
        purpose = reserved.purpose(index)
        if holders.setdefault(place, entry_id) != entry_id:
            raise Conflict(f"{index.at}: index {index.index} of this list belongs to another digest")
        present = place_of.get((entry_id, purpose))
        if present == place:
            continue
        if present is not None:
            raise Conflict(f"{index.at}: the digest has another index for {purpose}")
        if (entry_id, purpose) in changed:
            raise Conflict(f"{index.at}: a {purpose} of this digest was recorded without an index, and stays where it is")
        place_of[entry_id, purpose] = place
        new[place] = entry_id
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
