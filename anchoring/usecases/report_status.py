"""What a verifier asks of a digest: is it revoked or suspended now, since when, and how far does the ledger bear that out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from anchoring.core.batch import Batch
from anchoring.core.detached import not_posted
from anchoring.core.status import StatusPurpose, batch_list_id
from anchoring.core.status_version import StatusVersion
from anchoring.errors import NotFound
from anchoring.ports.entries import Evidence
from anchoring.ports.status_lists import LeafPlace, Place, SignedBy, StatusChange, StatusList
from anchoring.ports.status_versions import ChangeOfList
from anchoring.ports.store import UnitOfWork
from anchoring.types import Did, Digest, ListId

LOST: Final = (
    "this database was rebuilt from manifests, which say nothing of status: changes from before, and the indexes that the "
    "credential was given, are not known here; check the credential against the ledger: credanchor status check"
)


class StatusWord(StrEnum):
    """How a credential stands. A revocation outweighs a suspension, and either what cannot be told."""

    CLEAR = "clear"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceReport:
    """One bit that speaks of the credential. `list_id` and `index` are None while its place is not known.

    `is_set`: None when it cannot be told, and `reason` says why. `change`: how many changes the index has had; `since`: when
    the last one took effect. `head`: the list's newest version on the ledger; `shown_by`: the first version with the last change.
    `is_on_ledger`: whether the ledger bears the bit out, as of `head`; None when that cannot be told, and `reason` says why.
    """

    purpose: StatusPurpose
    list_id: ListId | None
    index: int | None
    is_set: bool | None
    change: int
    since: datetime | None
    shown_by: int | None
    head: StatusVersion | None
    is_on_ledger: bool | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """Of one issuer's entry. The list a credential names comes before the one that follows from its batch."""

    issuer: Did
    digest: Digest
    places: tuple[PlaceReport, ...]

    @property
    def word(self) -> StatusWord:
        set_for = {place.purpose for place in self.places if place.is_set}
        if StatusPurpose.REVOCATION in set_for:
            return StatusWord.REVOKED
        if any(place.is_set is None for place in self.places):
            return StatusWord.CANNOT_TELL
        return StatusWord.SUSPENDED if set_for else StatusWord.CLEAR

    @property
    def since(self) -> datetime | None:
        """Since when it stands so; None when it never stood otherwise, or that cannot be told."""
        wanted = {StatusWord.REVOKED: (StatusPurpose.REVOCATION, True), StatusWord.SUSPENDED: (StatusPurpose.SUSPENSION, True)}
        if self.word in wanted:
            return min(one.since for one in self.places if (one.purpose, one.is_set) == wanted[self.word] and one.since)
        times = [one.since for one in self.places if one.since]
        return max(times) if times and self.word is StatusWord.CLEAR else None


def report_status(uow: UnitOfWork, digest: Digest, did: Did | None) -> list[StatusReport]:
    """For each issuer that posted the digest, or for one of them; oldest entry first.

    Raises: NotFound.
    """
    [reports] = report_statuses(uow, [(digest, did)])
    if isinstance(reports, NotFound):
        raise reports
    return reports


def report_statuses(uow: UnitOfWork, asked: Sequence[tuple[Digest, Did | None]]) -> list[list[StatusReport] | NotFound]:
    """As `report_status` of each, in the order of the input. A few look-ups, however many are asked for."""
    posted = uow.entries.evidence([digest for digest, _ in asked])
    of_asked = [[one for one in of if did in (None, one.issuer)] for (_, did), of in zip(asked, posted, strict=True)]
    facts = _Facts(uow, [entry for of in of_asked for entry in of])
    return [
        [
            StatusReport(issuer=one.issuer, digest=one.digest, places=_vouched(_places(facts, one), one, facts.rebuilt_at))
            for one in of
        ]
        or NotFound(not_posted(digest, did, uow.issuers.detached(did)))
        for (digest, did), of in zip(asked, of_asked, strict=True)
    ]


class _Facts:
    """What is on record of several entries, read for all at once."""

    def __init__(self, uow: UnitOfWork, entries: Sequence[Evidence]) -> None:
        self._uow = uow
        ids = [entry.entry_id for entry in entries]
        self.rebuilt_at, is_any_bound, has_any_waiting = uow.status_changes.marks(ids)
        self.bindings = uow.status_lists.bindings_of(ids) if is_any_bound else {}
        self.waiting = uow.status_changes.newest_waiting(ids) if has_any_waiting else {}
        self.leaves = _leaf_places(uow, entries)
        self.lists = uow.status_lists.with_keys({binding.place.list_key for binding in self.bindings.values()})
        following = {
            (entry.entry_id, purpose): batch_list_id(leaf.batch.tree.root, entry.issuer, purpose)
            for entry in entries
            for purpose in StatusPurpose
            if (leaf := self.leaves.get(entry.entry_id)) and leaf.batch.tree
        }
        self.following = uow.status_lists.with_ids(following.values())
        places = {binding.place for binding in self.bindings.values()} | {
            Place(self.following[list_id].id, self.leaves[entry_id].leaf_index)
            for (entry_id, _), list_id in following.items()
            if list_id in self.following
        }
        self.changes = uow.status_changes.newest(places)
        list_of = {of.id: of.list_id for of in (*self.lists.values(), *self.following.values())}
        self.heads = uow.status_versions.newest_published_of(list_of.values())
        shown = {ChangeOfList(list_of[at.list_key], last.position) for at, last in self.changes.items() if last.position}
        self.first_showing = uow.status_versions.first_showing(shown)

    def is_awaited(self, of: StatusList) -> bool:
        """Whether its issuer signs it and has not uploaded it yet."""
        return of.signed_by is SignedBy.ISSUER and self._uow.status_lists.signed_form(of.id) is None


def _leaf_places(uow: UnitOfWork, entries: Sequence[Evidence]) -> Mapping[int, LeafPlace]:
    """By entry id, of those in sealed batches."""
    batches: dict[int, Batch | None] = {}
    found = {}
    for entry in entries:
        if entry.batch_id is None:
            continue
        if entry.batch_id not in batches:
            anchored = uow.batches.anchored(entry.batch_id, entry.state or "", entry.block_hash) if entry.block_hash else None
            batches[entry.batch_id] = anchored or uow.batches.with_id(entry.batch_id)
        batch = batches[entry.batch_id]
        if batch is not None:
            found[entry.entry_id] = LeafPlace(batch=batch, leaf_index=entry.leaf_index)
    return found


def _vouched(places: tuple[PlaceReport, ...], entry: Evidence, rebuilt_at: datetime | None) -> tuple[PlaceReport, ...]:
    """What is set stays so. That nothing was set cannot be told of an entry whose changes and indexes a database has lost."""
    if rebuilt_at is None or entry.received_at >= rebuilt_at:
        return places
    return tuple(one if one.is_set else replace(one, is_set=None, is_on_ledger=None, reason=LOST) for one in places)


def _places(facts: _Facts, entry: Evidence) -> tuple[PlaceReport, ...]:
    leaf = facts.leaves.get(entry.entry_id)
    found = []
    for purpose in StatusPurpose:
        key = (entry.entry_id, purpose)
        binding = facts.bindings.get(key)
        if binding is not None:
            found.append(_of_list(facts, facts.lists[binding.place.list_key], binding.place.index))
        if key in facts.waiting:
            found.append(_waiting(purpose, facts.waiting[key]))
        elif leaf is not None:
            found += _of_batch(facts, entry, purpose, leaf.batch, leaf.leaf_index, is_bound=binding is not None)
        elif binding is None:
            found.append(_nowhere(purpose))
    return tuple(found)


def _of_batch(
    facts: _Facts, entry: Evidence, purpose: StatusPurpose, batch: Batch, index: int, *, is_bound: bool
) -> list[PlaceReport]:
    """The list that follows from the batch; of a bound entry only where its bit was ever changed."""
    if batch.tree is None:
        return []
    list_id = batch_list_id(batch.tree.root, entry.issuer, purpose)
    of = facts.following.get(list_id)
    if batch.anchor is not None and batch.anchor.leaf_count == 0:
        told = False
        reason = "the ledger does not state how many leaves the batch has, so the place in it is not borne out"
    else:
        told, reason = True, ""
    if of is None:
        report = PlaceReport(
            purpose=purpose,
            list_id=list_id,
            index=index,
            is_set=False,
            change=0,
            since=None,
            shown_by=None,
            head=None,
            is_on_ledger=True if told else None,
            reason=reason or "no version of this list was published, so the ledger shows it all clear",
        )
        return [] if is_bound else [report]
    report = _of_list(facts, of, index, not_told=reason)
    return [] if is_bound and not report.change else [report]


def _of_list(facts: _Facts, of: StatusList, index: int, *, not_told: str = "") -> PlaceReport:
    place = Place(of.id, index)
    last, head = facts.changes.get(place), facts.heads.get(of.list_id)
    first = facts.first_showing.get(ChangeOfList(of.list_id, last.position)) if last and last.position else None
    is_set: bool | None = last.state.is_set if last else False
    if facts.is_awaited(of):
        is_set, not_told = None, "the issuer signs this list itself and has not uploaded it yet"
    on_ledger, reason = _on_ledger(last, head)
    return PlaceReport(
        purpose=of.purpose,
        list_id=of.list_id,
        index=index,
        is_set=is_set,
        change=last.number if last else 0,
        since=last.effective_at if last else None,
        shown_by=first.version if first else None,
        head=head,
        is_on_ledger=None if not_told else on_ledger,
        reason=not_told or reason,
    )


def _on_ledger(last: StatusChange | None, version: StatusVersion | None) -> tuple[bool | None, str]:
    as_of = f"as of block {version.head.block.number}" if version and version.head else "no version of this list was published"
    if last is None or last.position is None:
        return True, f"{as_of}, this index is clear on the ledger"
    if version is None or version.change_count < last.position:
        return None, "the last change is not on the ledger yet; the list itself shows it, signed"
    return True, as_of


def _waiting(purpose: StatusPurpose, last: StatusChange) -> PlaceReport:
    return _unplaced(purpose, last, "the change was recorded and takes effect in the list when the digest is sealed")


def _nowhere(purpose: StatusPurpose) -> PlaceReport:
    return _unplaced(purpose, None, "the digest waits to be sealed, and follows no list until then")


def _unplaced(purpose: StatusPurpose, last: StatusChange | None, reason: str) -> PlaceReport:
    return PlaceReport(
        purpose=purpose,
        list_id=None,
        index=None,
        is_set=last.state.is_set if last else False,
        change=last.number if last else 0,
        since=last.effective_at if last else None,
        shown_by=None,
        head=None,
        is_on_ledger=None,
        reason=reason,
    )
