"""Where a verifier gets heads and status lists from. Each docstring is a contract."""

from dataclasses import dataclass
from typing import Protocol

from anchoring.core.status_judgement import HeadNotShown, HeadShown, Served, StatusPlace, Unserved
from anchoring.types import Did, ListId


class StatusSource(Protocol):
    """Shows what is needed to judge a credential's status. Nothing that is out of reach raises: it is an answer."""

    @property
    def at_hand(self) -> bool:
        """Whether a list costs nothing to look at, and is looked at even where the ledger alone would decide."""

    def head(self, list_id: ListId) -> HeadShown | HeadNotShown:
        """What the pinned contract holds of a list; every answer is as of the same block."""

    def served(self, place: StatusPlace, issuer: Did | None, *, fresh: bool) -> Served | Unserved:
        """The list of a place.

        `issuer`: of the credential, who may sign it; None when it names none. `fresh`: past all caches and copies.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class GotList:
    """A signed list as it was got. `media_type`: as sent, empty when none was. `source`: in words."""

    content: bytes
    media_type: str
    source: str


class ListFetcher(Protocol):
    """Gets lists from where they are published, with a bound on time and bytes, and follows no redirect."""

    def fetch(self, url: str, *, fresh: bool) -> GotList:
        """`fresh`: past all caches. Raises: StatusListError, STATUS_RETRIEVAL_ERROR."""
