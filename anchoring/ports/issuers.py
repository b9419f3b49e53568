"""What the use cases need of those who may post."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from anchoring.core.detached import DetachedEntries
from anchoring.core.issuer import ApiKey, Issuer, StoredKey
from anchoring.core.scopes import Scope
from anchoring.types import Did


class Issuers(Protocol):
    """Who may post, and their keys."""

    def add(self, did: Did, name: str, at: datetime) -> bool:
        """False when the DID is known."""

    def with_did(self, did: Did) -> Issuer | None: ...

    def of_service(self, at: datetime) -> Issuer:
        """The service's own, added where it is not there yet."""

    def all(self) -> Sequence[Issuer]: ...

    def add_key(
        self, issuer: Issuer, key: ApiKey, at: datetime, *, scopes: frozenset[Scope], expires_at: datetime | None
    ) -> None: ...

    def expire_key(self, prefix: str, at: datetime) -> None:
        """Let it end then, unless it ends before."""

    def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """When the keys with these prefixes were used last; what is known of a later use stays."""

    def revoke_key(self, prefix: str, at: datetime) -> bool:
        """False when there is no such key, or it is revoked already."""

    def take_quota(self, issuer: Issuer, day: int, count: int, *, limit: int) -> bool:
        """Count so many into what the issuer wrote on a day since 1970. False, and nothing counted, above `limit`."""

    def taken_of_quota(self, issuer: Issuer, day: int) -> int:
        """How many `take_quota` counted on that day."""

    def set_quota(self, issuer: Issuer, items_per_day: int | None, *, day: int) -> None:
        """What it may write in a day; None: as the settings say. Nothing is counted yet of that day."""

    def detached(self, did: Did | None) -> DetachedEntries | None:
        """When entries of this issuer, or of anybody, that were detached were received; None where none were."""

    def forget_detached(self) -> None:
        """Nothing is detached any more."""

    def keys(self, prefixes: Collection[str]) -> Mapping[str, StoredKey]:
        """Those that exist, alive or not, by prefix."""

    def keys_of(self, issuer: Issuer | None) -> Sequence[StoredKey]:
        """All of an issuer, or of everybody, alive or not, oldest first."""
