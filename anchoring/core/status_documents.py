"""What is said of a list in each of its signed forms (docs/status.md).

Bitstring Status List 1.0 (VCDM 2.0), EBSI's StatusList2021 (VCDM 1.1 in a JWT), Token Status List section 5.1. Signatures are
elsewhere, and so is reading: core/status_reading.py.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from anchoring.core.proof_json import format_time
from anchoring.core.status import StatusBits, StatusPurpose
from anchoring.core.status_codec import encode_bitstring, encode_statuslist2021, encode_token_list
from anchoring.types import Did, ListId

VCDM_2: Final = "https://www.w3.org/ns/credentials/v2"
VCDM_1: Final = "https://www.w3.org/2018/credentials/v1"
STATUSLIST2021: Final = "https://w3id.org/vc/status-list/2021/v1"


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


def bitstring_credential(content: ListToSign, signer: Did) -> dict[str, Any]:
    """The list as a VCDM 2.0 credential, to be given a proof or signed as a JWT."""
    return {
        "@context": [VCDM_2],
        "id": content.url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": signer,
        "validFrom": format_time(content.signed_at),
        "validUntil": format_time(content.valid_until),
        "credentialSubject": {
            "id": f"{content.url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": content.purpose.value,
            "encodedList": encode_bitstring(content.bits),
            "ttl": 1000 * content.ttl_s,
        },
    }


def statuslist2021_claims(content: ListToSign, signer: Did, *, schema: str) -> dict[str, Any]:
    """The claims of EBSI's form. `schema`: URL of the schema that the attestation names."""
    signed_at, valid_until = format_time(content.signed_at), format_time(content.valid_until)
    return {
        "iss": signer,
        "sub": signer,
        "jti": content.url,
        "iat": int(content.signed_at.timestamp()),
        "nbf": int(content.signed_at.timestamp()),
        "exp": int(content.valid_until.timestamp()),
        "vc": {
            "@context": [VCDM_1, STATUSLIST2021],
            "id": content.url,
            "type": ["VerifiableCredential", "VerifiableAttestation", "StatusList2021Credential"],
            "issuer": signer,
            "issuanceDate": signed_at,
            "issued": signed_at,
            "validFrom": signed_at,
            "expirationDate": valid_until,
            "credentialSubject": {
                "id": signer,
                "type": "StatusList2021",
                "statusPurpose": content.purpose.value,
                "encodedList": encode_statuslist2021(content.bits),
            },
            "credentialSchema": {"id": schema, "type": "FullJsonSchemaValidator2021"},
        },
    }


def token_claims(content: ListToSign, signer: Did) -> dict[str, Any]:
    """The claims of a Token Status List."""
    token = encode_token_list(content.bits, content.purpose)
    return {
        "iss": signer,
        "sub": content.url,
        "iat": int(content.signed_at.timestamp()),
        "exp": int(content.valid_until.timestamp()),
        "ttl": content.ttl_s,
        "status_list": {"bits": token.bits, "lst": token.lst},
    }
