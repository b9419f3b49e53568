"""What requests for a change of status are about: entries, and the places of lists where their status is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from anchoring.core.batch import Batch
from anchoring.core.detached import not_posted
from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusPurpose
from anchoring.core.status_change import StatusAction
from anchoring.core.status_reason import StatusReason
from anchoring.errors import Conflict, InvalidInput, NotFound
from anchoring.ports.entries import Entry
from anchoring.ports.status_lists import Binding, LeafPlace, Place, SignedBy, StatusList
from anchoring.ports.store import UnitOfWork
from anchoring.types import Digest, ListId, to_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """What an issuer asks for. Either `digest` says of which credential, or `list_id` and `index` do.

    `effective_at`: None for now. `expected`: how many changes the sender knows of. `is_unbound`: the credential names no index,
    though the issuer has some that were never bound. `at`: where in the request, for errors.
    """

    action: StatusAction
    digest: Digest | None = None
    list_id: ListId | None = None
    index: int | None = None
    reason: StatusReason | None = None
    explanation: str | None = None
    effective_at: datetime | None = None
    expected: int | None = None
    is_unbound: bool = False
    at: str = "$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request is about. `place` and `of_list` are None for an entry that waits; `entry_id` where no entry is bound.

    `batch`: from which the list follows; None for a numbered one. `received_at`: of an entry that was named by its digest.
    """

    entry_id: int | None
    digest: Digest | None
    received_at: datetime | None
    purpose: StatusPurpose
    place: Place | None
    of_list: StatusList | None
    batch: Batch | None

    @property
    def key(self) -> Place | tuple[int | None, StatusPurpose]:
        return self.place or (self.entry_id, self.purpose)


class Targets:
    """Finds out what requests are about, with a few statements for all of them."""

    def __init__(self, uow: UnitOfWork, issuer: Issuer, now: datetime) -> None:
        self._uow = uow
        self._issuer = issuer
        self._now = now
        self._lists: Mapping[int, StatusList] = {}
        self._of_batches: dict[tuple[int, StatusPurpose], StatusList] = {}
        self._changed: frozenset[tuple[int, StatusPurpose]] = frozenset()
        self._never_bound: dict[StatusPurpose, int] = {}

    def of(self, requests: Sequence[StatusRequest]) -> list[Target]:
        digests = [request.digest for request in requests if request.digest is not None]
        entries = self._uow.entries.of_issuer(self._issuer, digests)
        entry_ids = [entry.id for entry in entries.values()]
        bindings = self._uow.status_lists.bindings_of(entry_ids)
        unbound = [entry_id for entry_id in entry_ids if not all((entry_id, purpose) in bindings for purpose in StatusPurpose)]
        leaves = self._uow.status_lists.leaf_places(unbound)
        waiting = self._uow.status_changes.newest_waiting(unbound)
        self._changed = self._uow.status_changes.changed_entries(unbound)
        self._lists = self._uow.status_lists.with_keys({binding.place.list_key for binding in bindings.values()})
        named = _NamedLists(self._uow, self._issuer, requests)
        found = []
        for request in requests:
            if request.digest is None:
                found.append(named.target(request))
                continue
            entry = entries.get(request.digest)
            if entry is None:
                why = not_posted(request.digest, self._issuer.did, self._uow.issuers.detached(self._issuer.did))
                raise NotFound(f"{request.at}: {why}")
            key = (entry.id, request.action.purpose)
            leaf = None if key in waiting else leaves.get(entry.id)  # later changes stay behind those that still wait
            found.append(self._of_entry(request, entry, bindings.get(key), leaf))
        return found

    def _of_entry(self, request: StatusRequest, entry: Entry, binding: Binding | None, leaf: LeafPlace | None) -> Target:
        purpose = request.action.purpose
        of_list: StatusList | None = None
        place: Place | None = None
        if binding is not None:
            of_list, place = self._lists[binding.place.list_key], binding.place
            _require_ours_to_change(of_list, request.at)
        elif (entry.id, purpose) not in self._changed:
            self._require_meant(request)
        batch = leaf.batch if binding is None and leaf is not None else None
        if batch is not None and leaf is not None:
            of_list = self._list_of_batch(purpose, leaf)
            place = Place(of_list.id, leaf.leaf_index)
        return Target(
            entry_id=entry.id,
            digest=entry.digest,
            received_at=entry.received_at,
            purpose=purpose,
            place=place,
            of_list=of_list,
            batch=batch,
        )

    def _list_of_batch(self, purpose: StatusPurpose, leaf: LeafPlace) -> StatusList:
        key = (leaf.batch.id, purpose)
        if key not in self._of_batches:
            self._of_batches[key] = self._uow.status_lists.of_batch(self._issuer, purpose, leaf.batch, self._now)
        return self._of_batches[key]

    def _require_meant(self, request: StatusRequest) -> None:
        """An issuer who reserves indexes may have forgotten to say which one this credential names."""
        purpose = request.action.purpose
        if request.is_unbound:
            return
        if purpose not in self._never_bound:
            self._never_bound[purpose] = self._uow.status_lists.count_never_bound(self._issuer, purpose)
        if count := self._never_bound[purpose]:
            raise Conflict(
                f"{request.at}: this digest is bound to no index, and {count} indexes for {purpose} were reserved and never "
                "bound; post the digest again with its status, or say that it has none with `unbound`"
            )


class _NamedLists:
    """Requests by list and index."""

    def __init__(self, uow: UnitOfWork, issuer: Issuer, requests: Sequence[StatusRequest]) -> None:
        self._issuer = issuer
        self._lists = uow.status_lists.with_ids({request.list_id for request in requests if request.list_id is not None})
        places = [
            Place(self._lists[request.list_id].id, request.index)
            for request in requests
            if request.list_id is not None and request.index is not None and request.list_id in self._lists
        ]
        self._bindings: Mapping[Place, Binding] = uow.status_lists.bindings_at(places)
        lists = self._lists.values()
        self._reserved = {one.id: uow.status_lists.reserved(one.id) for one in lists if one.number is not None}
        self._batches = {one.id: uow.batches.with_id(one.batch_id) for one in lists if one.batch_id is not None}

    def target(self, request: StatusRequest) -> Target:
        if request.list_id is None or request.index is None:
            raise InvalidInput("name a digest, or a list and an index", at=request.at)
        of_list = self._lists.get(request.list_id)
        if of_list is None or of_list.issuer != self._issuer.did:
            raise NotFound(f"{request.at}: no list {to_hex(request.list_id)} of {self._issuer.did} is here")
        self._require_purpose(request, of_list)
        _require_ours_to_change(of_list, request.at)
        batch = self._batches.get(of_list.id)
        self._require_given_out(request.index, of_list, batch, request.at)
        place = Place(of_list.id, request.index)
        binding = self._bindings.get(place)
        entry_id = binding.entry_id if binding else None
        return Target(
            entry_id=entry_id,
            digest=None,
            received_at=None,
            purpose=of_list.purpose,
            place=place,
            of_list=of_list,
            batch=batch,
        )

    def _require_purpose(self, request: StatusRequest, of_list: StatusList) -> None:
        if of_list.purpose is request.action.purpose:
            return
        if request.action is StatusAction.REINSTATE:
            raise InvalidInput("it is a list of revocations, and a revocation is for good", at=request.at)
        raise InvalidInput(f"to {request.action} needs a list for {request.action.purpose}", at=request.at)

    def _require_given_out(self, index: int, of_list: StatusList, batch: Batch | None, at: str) -> None:
        if of_list.number is not None:
            if index >= of_list.entries or not self._reserved[of_list.id][index]:
                raise InvalidInput(f"index {index} of this list was never given out", at=at)
        elif batch is None or index >= batch.leaf_count:
            raise InvalidInput(f"the batch that this list follows from has no leaf {index}", at=at)


def _require_ours_to_change(of_list: StatusList, at: str) -> None:
    if of_list.signed_by is SignedBy.ISSUER:
        raise Conflict(f"{at}: list {to_hex(of_list.list_id)} is signed by its issuer: upload a new signed list")
