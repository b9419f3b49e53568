"""What the inside needs of signatures over status lists and credentials: to make them, and to check those of others."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from anchoring.core.status_documents import ListForm, ListToSign, ReadList
from anchoring.core.strict_json import JsonValue
from anchoring.core.verification import SignatureFinding
from anchoring.types import Did

__all__ = [
    "CredentialProofs",
    "CredentialSignatures",
    "KeyKind",
    "KeySource",
    "ListChecker",
    "ListForm",
    "ListSigner",
    "ListToSign",
    "ReadList",
]


class KeyKind(StrEnum):
    """Ed25519 signs Data Integrity proofs; P-256 does too, and every JWT."""

    ED25519 = "ed25519"
    P256 = "p-256"


class ListSigner(Protocol):
    """Signs with the keys of this installation."""

    def sign(self, content: ListToSign, form: ListForm, *, cryptosuite: str | None = None) -> bytes:
        """The signed form: JSON, or a JWT in compact serialization. The same bytes whenever and wherever it is made.

        It is signed with the key of `content.issuer` where the installation holds one, else with the service's. `cryptosuite`: of
        the Data Integrity proof, `eddsa-jcs-2022` or `ecdsa-jcs-2019`; None for the configured one.

        Raises: InvalidInput for another cryptosuite; Misconfigured when there is no key to sign with.
        """


class KeySource(Protocol):
    """Where public keys come from: DID documents, or keys that an issuer registered."""

    def public_key(self, verification_method: str) -> str:
        """The key with this absolute DID URL, as a Multikey, if the DID before the `#` says that it may assert.

        Raises: StatusListError: STATUS_VERIFICATION_ERROR when there is no such key, STATUS_RETRIEVAL_ERROR when it is out of
        reach, so that nothing can be told.
        """


class ListChecker(Protocol):
    """Reads signed lists of anybody."""

    def check(self, content: bytes, media_type: str, keys: KeySource) -> ReadList:
        """What a signed list says, once its signature is known to be of the one whom it names as its issuer.

        Whether it is still valid, about the right list and of the right purpose is the caller's to say. `media_type`: as it was
        sent; parameters do not matter, and for `application/json` and unknown types the content decides.

        Raises: StatusListError with a code of the standard, as `KeySource.public_key` too.
        """

    def read(self, content: bytes, media_type: str) -> ReadList:
        """What a signed list says of itself; nobody's signature is checked. Raises: StatusListError."""


class CredentialSignatures(Protocol):
    """Checks the signatures that credentials bring along."""

    def check(self, body: bytes, now: datetime) -> SignatureFinding:
        """What is known of the signature in a credential's file, of any format."""


class CredentialProofs(Protocol):
    """Data Integrity proofs of whole credentials, by the keys of this installation."""

    def add(self, credential: Mapping[str, Any], issuer: Did, at: datetime) -> dict[str, Any]:
        """The credential with a proof of `eddsa-jcs-2022` by its issuer.

        Raises: Misconfigured when there is no Ed25519 key of the issuer here.
        """

    def check(self, credential: Mapping[str, JsonValue], now: datetime) -> Did:
        """Who signed the credential, who is also its issuer, with a proof that counts now.

        Keys come from here and from did:key; no host is asked.

        Raises: StatusListError: STATUS_VERIFICATION_ERROR when it has no proof that holds, STATUS_RETRIEVAL_ERROR when the key
        is out of reach.
        """
