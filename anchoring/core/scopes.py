"""What an API key lets its holder do."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from anchoring.errors import InvalidInput


class Scope(StrEnum):
    """One right. None contains another."""

    DIGESTS_WRITE = "digests:write"
    """Post credentials and digests of the issuer, and have them erased."""
    STATUS_WRITE = "status:write"
    """Make status lists of the issuer, reserve indexes, revoke, suspend, reinstate, upload, and read the record of it."""
    ISSUER_ADMIN = "issuer:admin"
    """See, make, rotate and revoke the issuer's keys."""
    OPERATOR = "operator"
    """Add issuers, and look after the keys of each."""


WRITING: Final = frozenset({Scope.DIGESTS_WRITE, Scope.STATUS_WRITE})
"""What a key may do unless it is said: all that keys could do before they had scopes."""

OF_ISSUERS: Final = frozenset(Scope) - {Scope.OPERATOR}
"""What a key of an issuer may have. An operator's key has its own scope and no other."""


def parse_scopes(names: Iterable[str], *, at: str) -> frozenset[Scope]:
    """Scopes of an issuer's key. Raises: InvalidInput for a name that is none, the operator's scope, and no name at all."""
    given = frozenset(names)
    if not given or not given <= OF_ISSUERS:
        raise InvalidInput(f"must be one or more of {', '.join(one for one in Scope if one in OF_ISSUERS)}", at=at)
    return frozenset(map(Scope, given))


def scopes_text(scopes: Iterable[Scope]) -> str:
    """Always in the same order, separated by blanks."""
    given = frozenset(scopes)
    return " ".join(one for one in Scope if one in given)
