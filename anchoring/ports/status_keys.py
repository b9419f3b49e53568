"""What the use cases need of the keys with which issuers sign status lists themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from anchoring.core.issuer import Issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusKey:
    """A public key. `verification_method`: absolute DID URL. `public_key`: Multikey."""

    verification_method: str
    public_key: str
    added_at: datetime
    retired_at: datetime | None


class StatusKeys(Protocol):
    """Registered public keys of issuers."""

    def add(self, issuer: Issuer, verification_method: str, public_key: str, at: datetime) -> bool:
        """False when the verification method is registered already."""

    def retire(self, verification_method: str, at: datetime) -> bool:
        """From now on it signs no upload. False when there is no such key, or it is retired already."""

    def of_issuer(self, issuer: Issuer) -> Sequence[StatusKey]:
        """All of them, oldest first, the retired ones included."""
