"""An issuer revokes, suspends or reinstates: by digest, or by list and index. One change or 100,000, all of them or none.

The bits change at once where the index is known. For an entry that waits and was bound to no index, the change is recorded, and
takes effect when the entry's batch is sealed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from anchoring.core.batch import Batch
from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusPurpose
from anchoring.core.status_change import UNCHANGED, IndexState, StatusAction, is_new
from anchoring.core.status_reason import StatusReason
from anchoring.errors import AnchoringError, Conflict, InvalidInput, NotFound
from anchoring.ports.entries import Entry
from anchoring.ports.status_lists import Binding, LeafPlace, NewChange, Place, SignedBy, StatusChange, StatusList
from anchoring.ports.store import UnitOfWork
from anchoring.types import Digest, ListId, to_hex

FOR_GOOD = "it is revoked, and a revocation is for good"
UNTOLD = (
    "the ledger does not state how many leaves the batch has, so verifiers cannot tell its status before this change or after"
)


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
class MadeChange:
    """What is recorded now. `is_new`: False when it was before. `number`: among the changes of its index, from 1.

    `list_id`, `index`: None while the entry's batch is not sealed. `notes`: for people, what verifiers will not see.
    """

    action: StatusAction
    purpose: StatusPurpose
    digest: Digest | None
    list_id: ListId | None
    index: int | None
    number: int
    effective_at: datetime
    recorded_at: datetime
    is_new: bool
    notes: tuple[str, ...]


def change_status(
    uow: UnitOfWork, issuer: Issuer, requests: Sequence[StatusRequest], *, now: datetime, requested_by: str
) -> list[MadeChange]:
    """Record the changes that are new, in order, and answer with what is recorded for each request. The caller commits.

    Raises: InvalidInput, Conflict, NotFound, each naming where in the request; then nothing is to be committed.
    """
    for request in requests:
        if request.effective_at is not None and request.effective_at > now:
            raise InvalidInput("`effectiveAt` lies in the future; a change takes effect when it is recorded", at=request.at)
    uow.status_lists.lock_issuer(issuer.id)
    targets = _Targets(uow, issuer, now).of(requests)
    states = _States(uow, targets)
    made, new = [], []
    for request, target in zip(requests, targets, strict=True):
        before = states.of(target)
        try:
            wanted = is_new(request.action, request.expected, before.state if before else UNCHANGED, at=request.at)
        except (InvalidInput, Conflict) as refused:
            raise _plainly(uow, request, target, before, refused) from None
        if wanted:
            before = _Known.from_request(request, before, now)
            states.note(target, before)
            new.append(_new_change(request, target, before))
        if before is None:  # pragma: no cover - what has no change yet cannot be a repetition
            raise AssertionError(request)
        made.append(_made(request, target, before, is_new=wanted))
    uow.status_changes.record(issuer, new, now, requested_by)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """What a request is about. `place` and `of_list` are None for an entry that waits; `entry_id` where no entry is bound.

    `batch`: from which the list follows; None for a numbered one.
    """

    entry_id: int | None
    digest: Digest | None
    purpose: StatusPurpose
    place: Place | None
    of_list: StatusList | None
    batch: Batch | None

    @property
    def key(self) -> Place | tuple[int | None, StatusPurpose]:
        return self.place or (self.entry_id, self.purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """The last change of an index."""

    state: IndexState
    effective_at: datetime
    recorded_at: datetime

    @classmethod
    def from_request(cls, request: StatusRequest, before: "_Known | None", now: datetime) -> "_Known":
        state = IndexState(is_set=request.action.is_set, changes=before.state.changes + 1 if before else 1)
        return cls(state=state, effective_at=request.effective_at or now, recorded_at=now)

    @classmethod
    def from_change(cls, change: StatusChange) -> "_Known":
        return cls(state=change.state, effective_at=change.effective_at, recorded_at=change.recorded_at)


class _States:
    """The last change of each target: as recorded, then as the requests before this one leave it."""

    def __init__(self, uow: UnitOfWork, targets: Sequence[_Target]) -> None:
        placed = uow.status_changes.newest([target.place for target in targets if target.place])
        waiting = uow.status_changes.newest_waiting([t.entry_id for t in targets if t.place is None and t.entry_id is not None])
        self._last: dict[object, _Known] = {key: _Known.from_change(change) for key, change in placed.items()}
        self._last |= {key: _Known.from_change(change) for key, change in waiting.items()}

    def of(self, target: _Target) -> _Known | None:
        return self._last.get(target.key)

    def note(self, target: _Target, known: _Known) -> None:
        self._last[target.key] = known


class _Targets:
    """Finds out what requests are about, with a few statements for all of them."""

    def __init__(self, uow: UnitOfWork, issuer: Issuer, now: datetime) -> None:
        self._uow = uow
        self._issuer = issuer
        self._now = now
        self._lists: Mapping[int, StatusList] = {}
        self._of_batches: dict[tuple[int, StatusPurpose], StatusList] = {}
        self._changed: frozenset[tuple[int, StatusPurpose]] = frozenset()
        self._never_bound: dict[StatusPurpose, int] = {}

    def of(self, requests: Sequence[StatusRequest]) -> list[_Target]:
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
                raise NotFound(f"{request.at}: digest {to_hex(request.digest)} was not posted here by {self._issuer.did}")
            key = (entry.id, request.action.purpose)
            leaf = None if key in waiting else leaves.get(entry.id)  # later changes stay behind those that still wait
            found.append(self._of_entry(request, entry, bindings.get(key), leaf))
        return found

    def _of_entry(self, request: StatusRequest, entry: Entry, binding: Binding | None, leaf: LeafPlace | None) -> _Target:
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
        return _Target(entry_id=entry.id, digest=entry.digest, purpose=purpose, place=place, of_list=of_list, batch=batch)

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

    def target(self, request: StatusRequest) -> _Target:
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
        return _Target(entry_id=entry_id, digest=None, purpose=of_list.purpose, place=place, of_list=of_list, batch=batch)

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


def _plainly(
    uow: UnitOfWork, request: StatusRequest, target: _Target, before: _Known | None, refused: AnchoringError
) -> AnchoringError:
    """Why a change is refused; of who would reinstate what is revoked, that this cannot be."""
    is_suspended = before is not None and before.state.is_set
    if request.action is StatusAction.REINSTATE and not is_suspended and _is_revoked(uow, target):
        return Conflict(f"{request.at}: {FOR_GOOD}")
    return refused


def _is_revoked(uow: UnitOfWork, target: _Target) -> bool:
    entry_id = target.entry_id
    if entry_id is None:
        return False
    binding = uow.status_lists.bindings_of([entry_id]).get((entry_id, StatusPurpose.REVOCATION))
    is_set_there = bool(binding and uow.status_changes.newest([binding.place]))
    return is_set_there or (entry_id, StatusPurpose.REVOCATION) in uow.status_changes.changed_entries([entry_id])


def _new_change(request: StatusRequest, target: _Target, known: _Known) -> NewChange:
    return NewChange(
        entry_id=target.entry_id,
        place=target.place,
        purpose=target.purpose,
        action=request.action,
        number=known.state.changes,
        reason=request.reason,
        explanation=request.explanation,
        effective_at=known.effective_at,
    )


def _made(request: StatusRequest, target: _Target, known: _Known, *, is_new: bool) -> MadeChange:
    anchor = target.batch.anchor if target.batch else None
    return MadeChange(
        action=request.action,
        purpose=target.purpose,
        digest=target.digest,
        list_id=target.of_list.list_id if target.of_list else None,
        index=target.place.index if target.place else None,
        number=known.state.changes,
        effective_at=known.effective_at,
        recorded_at=known.recorded_at,
        is_new=is_new,
        notes=(UNTOLD,) if anchor and anchor.leaf_count == 0 else (),
    )
