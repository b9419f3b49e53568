"""What is said of a list in each of its signed forms (docs/status.md)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from anchoring.core.status import StatusBits, StatusPurpose
from anchoring.types import Did, ListId


class ListForm(StrEnum):
    """The wrappers of one bit array."""

    BITSTRING_JSON = "bitstring_json"
    BITSTRING_JWT = "bitstring_jwt"
    STATUSLIST2021_JWT = "statuslist2021_jwt"
    TOKEN_JWT = "token_jwt"  # noqa: S105 - a name

    @property
    def media_type(self) -> str:
        """As registered. The JSON form is served as `application/vc+ld+json` or `application/json` as well."""
        return {
            ListForm.BITSTRING_JSON: "application/vc",
            ListForm.BITSTRING_JWT: "application/vc+jwt",
            ListForm.STATUSLIST2021_JWT: "application/jwt",
            ListForm.TOKEN_JWT: "application/statuslist+jwt",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListToSign:
    """What a signed form says. `issuer`: whose credentials the list is about; who signs is found from it.

    `signed_at`, `valid_until`: UTC, whole seconds.
    """

    list_id: ListId
    url: str
    issuer: Did
    purpose: StatusPurpose
    bits: StatusBits
    signed_at: datetime
    valid_until: datetime
    ttl_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadList:
    """What a signed form says, in whichever form it came.

    `url`: of the list, as it names itself; None where it does not. `signer`: the issuer of the form, who may be another than the
    credentials' issuer. `purposes`: as written; `revocation` and `suspension` are ours. `signed_at`: as the signature says, else
    from when the form is valid.
    """

    form: ListForm
    url: str | None
    signer: Did
    purposes: frozenset[str]
    bits: StatusBits
    signed_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    ttl_s: float | None
