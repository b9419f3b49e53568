"""Versions of status lists on their way to the ledger. The head of a list there is its newest version.

    prepared → submitted → confirmed → final
        ↑         ↑____________|________|     a reorg took the block away
        └─────────┘                           the transaction can no longer publish it

A prepared version that newer content took the place of is superseded. It is kept if it was ever signed: it may still be mined.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from anchoring.core.batch import HeadToPublish, PublishedHead
from anchoring.types import Digest, ListId


class VersionState(StrEnum):
    """How far a version has come."""

    PREPARED = "prepared"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FINAL = "final"
    SUPERSEDED = "superseded"

    @property
    def is_published(self) -> bool:
        """Whether the ledger was seen to hold it."""
        return self in PUBLISHED


PUBLISHED: Final = frozenset({VersionState.CONFIRMED, VersionState.FINAL})


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusVersion:
    """One version of a list. `change_count`: the changes of the list that it shows; `head`: where it stands on the ledger."""

    id: int
    list_id: ListId
    version: int
    digest: Digest
    change_count: int
    state: VersionState
    made_at: datetime
    head: PublishedHead | None

    @property
    def published_at(self) -> datetime | None:
        """Time of the block that holds it; None while it was not seen there."""
        return self.head.published_at if self.head else None

    @property
    def to_publish(self) -> HeadToPublish:
        """What the ledger is asked to record."""
        return HeadToPublish(version_id=self.id, list_id=self.list_id, version=self.version, digest=self.digest)
