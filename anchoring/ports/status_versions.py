"""What rounds need of status lists: which are due, what they hold, and how far each version has come."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from anchoring.core.batch import BlockPlace, PublishedHead
from anchoring.core.issuer import Issuer
from anchoring.core.status import StatusBits
from anchoring.core.status_version import StatusVersion, VersionState
from anchoring.types import Digest, ListId


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionedList:
    """What versions are made from. `id`: key in the store. `change_count`: the changes that `bits` show.

    `accepted_version`: up to this version a person gave up what the ledger holds and this database does not; else 0.
    """

    id: int
    list_id: ListId
    issuer: Issuer
    bits: StatusBits
    change_count: int
    accepted_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OvertakenList:
    """A list of which the ledger holds a version that this database does not know: a person must look."""

    list_id: ListId
    issuer: Issuer
    version: int


class ChangeOfList(NamedTuple):
    """One change of a list. `position`: among its changes, from 1."""

    list_id: ListId
    position: int


class StatusVersions(Protocol):
    """Versions of status lists. Changes of state are compare-and-set: False means that the state was another."""

    def due(self, limit: int) -> Sequence[ListId]:
        """Lists with a change that no version shows, or a version that was not submitted; none with one on its way.

        The longest waiting first; those that are overtaken last.
        """

    def current(self, list_id: ListId) -> VersionedList | None:
        """The list as it is now."""

    def newest_published(self, list_id: ListId) -> StatusVersion | None:
        """The highest version that is confirmed or final."""

    def newest_published_of(self, list_ids: Collection[ListId]) -> Mapping[ListId, StatusVersion]:
        """Likewise of each list that has one."""

    def numbered(self, list_id: ListId, version: int) -> tuple[StatusVersion, StatusBits] | None:
        """A version that was made for the ledger and not superseded, and its bits."""

    def first_showing(self, changes: Collection[ChangeOfList]) -> Mapping[ChangeOfList, StatusVersion]:
        """The first version of each list, not superseded, that shows the change at this position, where there is one."""

    def of_list(self, key: int) -> Iterator[tuple[StatusVersion, StatusBits]]:
        """Every version of a list with its bits, in order of the changes they show."""

    def has_submitted(self, list_id: ListId) -> bool:
        """Whether a version is on its way."""

    def with_digest(self, digest: Digest) -> StatusVersion | None: ...

    def prepare(self, of: VersionedList, version: int, digest: Digest, at: datetime) -> bool:
        """Make a version of what the list holds, in the place of those that are prepared; False when it is there already."""

    def settle(self, of: VersionedList) -> None:
        """No version is needed, for the ledger shows what the list holds: those that are prepared are superseded."""

    def mark_overtaken(self, list_id: ListId, version: int | None) -> None:
        """Note which version of the ledger this database does not know; None when it knows the newest."""

    def overtaken(self) -> Sequence[OvertakenList]:
        """Lists so marked."""

    def accept(self, list_id: ListId, version: int) -> None:
        """A person gave up the ledger's content up to this version: what is here is to be published over it."""

    def prepared(self, limit: int) -> Sequence[StatusVersion]:
        """The newest prepared version of each list that has none on its way, oldest first."""

    def submit(self, version_ids: Collection[int]) -> bool:
        """Prepared → submitted, all of them or none."""

    def confirm(self, version_id: int, head: PublishedHead) -> bool:
        """Prepared, submitted or superseded → confirmed."""

    def finalize(self, version_id: int, block: BlockPlace, at: datetime) -> bool:
        """Confirmed in this block → final."""

    def withdraw(self, version_id: int, block: BlockPlace) -> bool:
        """Confirmed or final in this block → submitted where a live submission carries it, else prepared."""

    def release(self, version_id: int) -> bool:
        """Submitted → prepared: its submission can no longer publish it."""

    def with_id(self, version_id: int) -> StatusVersion | None: ...

    def in_state(self, state: VersionState, limit: int) -> Sequence[StatusVersion]:
        """The oldest in this state."""

    def published_in(self, block: BlockPlace) -> Sequence[StatusVersion]:
        """The versions recorded as published in this block."""

    def newest_final(self) -> StatusVersion | None:
        """A final version of the highest block."""

    def all(self) -> Iterator[tuple[StatusVersion, StatusBits]]:
        """Every version with its bits, oldest first."""
