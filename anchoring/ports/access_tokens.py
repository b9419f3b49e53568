"""What the service needs of whoever reads access tokens of an authorization server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from anchoring.core.scopes import Scope
from anchoring.errors import NotAllowed
from anchoring.types import Did


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """What a token says that holds. `client`: who asked the authorization server for it. `ends_at`: without regard to drift."""

    client: str
    issuer: Did
    scopes: frozenset[Scope]
    ends_at: datetime


class SignerUnknown(NotAllowed):
    """All is right but that none of the keys at hand is named by the token: newer ones may be."""


class AccessTokens(Protocol):
    """Reads them, with the keys that were fetched last."""

    def check(self, text: str, now: datetime) -> AccessToken:
        """Raises: NotAllowed for every token that does not hold, in one set of words; SignerUnknown."""

    def fetch(self) -> None:
        """Get the server's keys anew. Raises: AuthorizationUnavailable, and those of before stay."""
