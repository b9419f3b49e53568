"""An issuer revokes, suspends or reinstates: by digest, or by list and index. One change or 100,000, all of them or none.

The bits change at once where the index is known. For an entry that waits and was bound to no index, the change is recorded, and
takes effect when the entry's batch is sealed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from anchoring.core.detached import DetachedEntries
from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusPurpose
from anchoring.core.status_change import UNCHANGED, IndexState, StatusAction, is_new
from anchoring.errors import AnchoringError, Conflict, InvalidInput
from anchoring.ports.status_lists import NewChange, StatusChange
from anchoring.ports.store import UnitOfWork
from anchoring.types import Digest, ListId
from anchoring.usecases.change_status.targets import StatusRequest, Target, Targets

FOR_GOOD = "it is revoked, and a revocation is for good"
UNTOLD = (
    "the ledger does not state how many leaves the batch has, so verifiers cannot tell its status before this change or after"
)


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
    targets = Targets(uow, issuer, now).of(requests)
    states = _States(uow, targets)
    detached = uow.issuers.detached(issuer.did)
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
        made.append(_made(request, target, before, detached, is_new=wanted))
    uow.status_changes.record(issuer, new, now, requested_by)
    return made


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

    def __init__(self, uow: UnitOfWork, targets: Sequence[Target]) -> None:
        placed = uow.status_changes.newest([target.place for target in targets if target.place])
        waiting = uow.status_changes.newest_waiting([t.entry_id for t in targets if t.place is None and t.entry_id is not None])
        self._last: dict[object, _Known] = {key: _Known.from_change(change) for key, change in placed.items()}
        self._last |= {key: _Known.from_change(change) for key, change in waiting.items()}

    def of(self, target: Target) -> _Known | None:
        return self._last.get(target.key)

    def note(self, target: Target, known: _Known) -> None:
        self._last[target.key] = known


def _plainly(
    uow: UnitOfWork, request: StatusRequest, target: Target, before: _Known | None, refused: AnchoringError
) -> AnchoringError:
    """Why a change is refused; of who would reinstate what is revoked, that this cannot be."""
    is_suspended = before is not None and before.state.is_set
    if request.action is StatusAction.REINSTATE and not is_suspended and _is_revoked(uow, target):
        return Conflict(f"{request.at}: {FOR_GOOD}")
    return refused


def _is_revoked(uow: UnitOfWork, target: Target) -> bool:
    entry_id = target.entry_id
    if entry_id is None:
        return False
    binding = uow.status_lists.bindings_of([entry_id]).get((entry_id, StatusPurpose.REVOCATION))
    is_set_there = bool(binding and uow.status_changes.newest([binding.place]))
    return is_set_there or (entry_id, StatusPurpose.REVOCATION) in uow.status_changes.changed_entries([entry_id])


def _new_change(request: StatusRequest, target: Target, known: _Known) -> NewChange:
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


def _made(request: StatusRequest, target: Target, known: _Known, detached: DetachedEntries | None, *, is_new: bool) -> MadeChange:
    anchor = target.batch.anchor if target.batch else None
    notes = [UNTOLD] if anchor and anchor.leaf_count == 0 else []
    if detached and target.received_at and (note := detached.note_of_change(target.received_at)):
        notes.append(note)
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
        notes=tuple(notes),
    )
