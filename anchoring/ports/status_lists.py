"""What the use cases need of status lists, of the indexes given out in them, and of their changes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from anchoring.core.batch import Batch
from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusBits, StatusPurpose
from anchoring.core.status_change import IndexState, StatusAction
from anchoring.core.status_reason import StatusReason
from anchoring.types import Did, Digest, ListId


class SignedBy(StrEnum):
    """Whose signature the served list carries: the service's, or that of the issuer, who uploads it."""

    SERVICE = "service"
    ISSUER = "issuer"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """One list of an issuer and a purpose, without its bits. `id`: key in the store, never shown.

    `number`: None when it follows from a batch, which `batch_id` then names. `entries`: how many bits. `change_count`: changes
    it has had, of which its newest version shows `versioned_count`.
    """

    id: int
    list_id: ListId
    issuer: Did
    purpose: StatusPurpose
    number: int | None
    batch_id: int | None
    entries: int
    change_count: int
    versioned_count: int
    created_at: datetime
    changed_at: datetime
    signed_by: SignedBy


@dataclass(frozen=True, slots=True)
class Place:
    """One index of one list. `list_key`: the list's `id`."""

    list_key: int
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafPlace:
    """Where an entry stands in its sealed batch, and so in the list that follows from it."""

    batch: Batch
    leaf_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """An entry's index in a list. `is_erased`: the entry has no digest any more, and another one may take the index."""

    place: Place
    purpose: StatusPurpose
    entry_id: int
    is_erased: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedForm:
    """A list as its issuer signed and uploaded it."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """A change to be recorded. `place`: None while the entry's batch is not sealed; `number`: of its index, from 1."""

    entry_id: int | None
    place: Place | None
    purpose: StatusPurpose
    action: StatusAction
    number: int
    reason: StatusReason | None
    explanation: str | None
    effective_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """A recorded change. `position`: among the changes of its list, from 1; it and `applied_at` are None while it waits."""

    id: int
    entry_id: int | None
    place: Place | None
    purpose: StatusPurpose
    action: StatusAction
    number: int
    effective_at: datetime
    recorded_at: datetime
    position: int | None
    applied_at: datetime | None

    @property
    def state(self) -> IndexState:
        """What it left its index in."""
        return IndexState(is_set=self.action.is_set, changes=self.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRecord:
    """A change as its issuer's own record tells of it.

    `digest`: None once erased, and where no entry is bound. `version`: the first version of the list that shows it, None while
    there is none.
    """

    change: StatusChange
    digest: Digest | None
    list_id: ListId | None
    reason: StatusReason | None
    explanation: str | None
    requested_by: str
    version: int | None


class StatusLists(Protocol):
    """Lists, and who has which index in them."""

    def lock_issuer(self, issuer_key: int) -> None:
        """From here to the end of the unit of work no other reserves, binds or changes anything of this issuer.

        MUST be the first thing done about an issuer's lists in a unit of work that changes them.
        """

    def create(self, issuer: Issuer, purpose: StatusPurpose, entries: int, signed_by: SignedBy, at: datetime) -> StatusList:
        """The issuer's next numbered list of this purpose, all clear."""

    def of_batch(self, issuer: Issuer, purpose: StatusPurpose, batch: Batch, at: datetime) -> StatusList:
        """The list of the issuer that follows from a sealed batch, made now unless it is there."""

    def find(self, list_id: ListId) -> StatusList | None: ...

    def with_bits(self, list_id: ListId) -> tuple[StatusList, StatusBits] | None:
        """A list and its bits, both of the same moment."""

    def with_ids(self, list_ids: Collection[ListId]) -> Mapping[ListId, StatusList]: ...

    def with_keys(self, keys: Collection[int]) -> Mapping[int, StatusList]: ...

    def numbered(self, issuer: Issuer, purpose: StatusPurpose, from_number: int = 0) -> Sequence[StatusList]:
        """The issuer's numbered lists of this purpose, from this number on, ascending."""

    def count(self) -> int:
        """How many there are."""

    def after(self, key: int, limit: int) -> Sequence[StatusList]:
        """Lists with a higher `id`, ascending."""

    def bits(self, key: int) -> StatusBits:
        """As they are now."""

    def reserved(self, key: int) -> StatusBits:
        """Which indexes of a numbered list were given out."""

    def keep_reserved(self, key: int, reserved: StatusBits) -> None: ...

    def count_never_bound(self, issuer: Issuer, purpose: StatusPurpose) -> int:
        """How many indexes were reserved and never bound to an entry."""

    def bindings_at(self, places: Collection[Place]) -> Mapping[Place, Binding]: ...

    def bindings_of(self, entry_ids: Collection[int]) -> Mapping[tuple[int, StatusPurpose], Binding]:
        """By entry and purpose."""

    def bound_indexes(self, key: int) -> Sequence[int]:
        """Every index of a list that is bound to an entry."""

    def bind(self, bound: Mapping[Place, int], at: datetime) -> None:
        """Give these indexes to these entries; one that an erased entry has passes on."""

    def leaf_places(self, entry_ids: Collection[int]) -> Mapping[int, LeafPlace]:
        """Where these entries stand in their batches; those that wait and those that are erased stand nowhere."""

    def signed_form(self, key: int) -> SignedForm | None:
        """What the issuer uploaded last."""

    def keep_signed_form(self, key: int, form: SignedForm) -> None: ...


class StatusMarks(NamedTuple):
    """What there is to be looked up of some entries' status: most have nothing but their place in the tree.

    `rebuilt_at`: as `Rounds.rebuilt_at`.
    """

    rebuilt_at: datetime | None
    is_any_bound: bool
    has_any_waiting: bool


class StatusChanges(Protocol):
    """The record of changes. It only grows."""

    def marks(self, entry_ids: Sequence[int]) -> StatusMarks:
        """Whether any of them is bound to an index or has a change that waits."""

    def newest(self, places: Collection[Place]) -> Mapping[Place, StatusChange]:
        """The last change of each index that had one."""

    def newest_waiting(self, entry_ids: Collection[int]) -> Mapping[tuple[int, StatusPurpose], StatusChange]:
        """By entry and purpose, the last change that waits for the entry's batch to be sealed."""

    def changed_entries(self, entry_ids: Collection[int]) -> frozenset[tuple[int, StatusPurpose]]:
        """Entry and purpose of those that have had a change, applied or waiting."""

    def history(self, place: Place) -> Sequence[StatusChange]:
        """The changes of one index, oldest first."""

    def record(self, issuer: Issuer, changes: Sequence[NewChange], at: datetime, requested_by: str) -> None:
        """Record them in this order. Those with a place take effect in the bits of their list, all in the same moment.

        The caller has locked the issuer.
        """

    def issuers_waiting(self, up_to_entry_id: int) -> frozenset[int]:
        """Keys of the issuers of whom changes wait, of entries with ids up to this one."""

    def waiting(self, issuer: Issuer, up_to_entry_id: int, limit: int) -> Sequence[StatusChange]:
        """The issuer's changes that wait, oldest first, of entries with ids up to this one."""

    def settle(self, placed: Sequence[tuple[StatusChange, Place]], at: datetime) -> None:
        """Waiting changes take effect at these places, in this order. The caller has locked their issuer."""

    def count_at(self, key: int, at: datetime) -> int:
        """How many changes a list had had at this time."""

    def bits_after(self, key: int, change_count: int) -> StatusBits:
        """The bits of a list as they were after so many changes."""

    def applied(self, key: int, up_to: int) -> Iterator[tuple[int, Place, StatusAction]]:
        """The changes of a list that took effect, by their positions up to this one: position, place and action of each."""

    def page(self, issuer: Issuer, after_id: int, limit: int) -> Sequence[ChangeRecord]:
        """The issuer's record, oldest first, of changes with higher ids."""
