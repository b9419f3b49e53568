"""What can go wrong, named by what the caller does next.

AnchoringError
├── InvalidInput            fix the request; `at` says where in it
│   ├── MalformedBody
│   ├── UnsupportedMediaType
│   └── TooLarge
├── HeadTooLarge            send less in front of the body
├── NotFound                ask for something else
├── Gone                    ask the operator
├── Conflict                look at the present state first
├── NotAllowed              present the right key
├── ScopeMissing            present a key with this scope
├── TooManyRequests         try again later, and less often
├── StoreUnavailable        try again later; repeating is safe
│   └── StoreReadOnly       ask where the database takes writes
├── ManifestsUnavailable    try again later; nothing was signed
├── FilesUnavailable        try again later; repeating is safe
├── Busy                    try again later; another round is at work
├── NoRoom                  try again later; nothing was done
├── ServiceUnavailable      try again later; the HTTP service did not answer its client
├── LedgerUnavailable       try again later; nothing moved
├── LedgerRejected          stop, wake a person: the ledger says no
├── StateCorrupt            stop, wake a person: what we stored cannot be
├── Misconfigured           stop, correct a setting or a migration
└── VerificationError       the proof is wrong
    ├── MalformedProof      it is not a proof at all
    └── StatusListError     a status list cannot be relied on (core/status_codec.py)

Every class has a `slug`, the stable last part of the problem type in HTTP answers (docs/api.md).
Messages are lower-case sentences and carry no secrets.
"""

from typing import ClassVar, Final


class AnchoringError(Exception):
    """Root of everything this project raises on purpose."""

    slug: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(AnchoringError):
    """The request is malformed.

    `at`: where, in the reader's terms: a JSON path (`$.digests[3]`), `line 7`, `byte 96`, a field name. `reason`: the message
    without it.
    """

    slug = "invalid-input"

    def __init__(self, message: str, *, at: str | None = None) -> None:
        super().__init__(f"{at}: {message}" if at else message)
        self.at = at
        self.reason = message


class MalformedBody(InvalidInput):
    """The body was cut short, or did not arrive in time."""

    slug = "malformed-body"


class UnsupportedMediaType(InvalidInput):
    """No rule says what to hash for this media type."""

    slug = "unsupported-media-type"


class TooLarge(InvalidInput):
    """More bytes, entries or depth than the settings allow.

    `limit`: the bound that was exceeded, in the unit the message names.
    """

    slug = "too-large"

    def __init__(self, message: str, *, limit: int, at: str | None = None) -> None:
        super().__init__(message, at=at)
        self.limit = limit


class HeadTooLarge(AnchoringError):
    """The request line and header fields are longer than is taken."""

    slug = "request-header-fields-too-large"


class NotFound(AnchoringError):
    """No such digest, batch, tile or issuer here."""

    slug = "not-found"


class Gone(AnchoringError):
    """It was here, and was detached. The operator can bring it back."""

    slug = "gone"


class Conflict(AnchoringError):
    """The request contradicts what is already recorded."""

    slug = "conflict"


class NotAllowed(AnchoringError):
    """The key is missing, unknown, revoked, expired or another issuer's; the message does not say which."""

    slug = "not-allowed"


class ScopeMissing(AnchoringError):
    """The key is good and may not do this. `scope`: one of these is needed, separated by blanks."""

    slug = "scope-missing"

    def __init__(self, message: str, *, scope: str) -> None:
        super().__init__(message)
        self.scope = scope


class TooManyRequests(AnchoringError):
    """A key, an address or an issuer has used up what it may. Nothing was done. `retry_after_s`: until it may ask again."""

    slug = "too-many-requests"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreUnavailable(AnchoringError):
    """The database did not answer. Whether a commit took hold is not known, and repeating it is safe.

    `may_repeat`: it is known that nothing took hold, and the same unit of work may succeed at once.
    """

    slug = "store-unavailable"

    def __init__(self, message: str, *, may_repeat: bool = False) -> None:
        super().__init__(message)
        self.may_repeat = may_repeat


class StoreReadOnly(StoreUnavailable):
    """The database server takes no writes: it is a replica, or became one. Nothing took hold."""

    slug = "store-read-only"

    def __init__(self, message: str) -> None:
        super().__init__(message, may_repeat=True)


class ManifestsUnavailable(AnchoringError):
    """The second place for manifests did not take or show one. No batch is submitted whose manifest is not there."""

    slug = "manifests-unavailable"


class FilesUnavailable(AnchoringError):
    """The place of published files did not take or give one. Repeating is safe."""

    slug = "files-unavailable"


class Busy(AnchoringError):
    """Another round holds the lease."""

    slug = "busy"


class NoRoom(AnchoringError):
    """Other large bodies take all the memory there is for them. Nothing was done; repeat later."""

    slug = "no-room"


class ServiceUnavailable(AnchoringError):
    """The service did not answer a client of ours. Repeating is safe."""

    slug = "service-unavailable"


class AuthorizationUnavailable(AnchoringError):
    """The authorization server does not give its keys, so nobody can tell whose token it is. Repeating is safe."""

    slug = "authorization-unavailable"


class BacklogFull(AnchoringError):
    """So much waits to be anchored that more could not be promised in time. Nothing was recorded; repeat later."""

    slug = "backlog-full"


class LedgerUnavailable(AnchoringError):
    """The node did not answer, or answered rubbish. Nothing is concluded from it."""

    slug = "ledger-unavailable"


class LedgerRejected(AnchoringError):
    """The ledger, or what stands at the contract's address, will not take the transaction."""

    slug = "ledger-rejected"


class StateCorrupt(AnchoringError):
    """Stored state that no run of this program can have written."""

    slug = "state-corrupt"


class Misconfigured(AnchoringError):
    """A setting, key file, deployment or migration is not what this installation needs."""

    slug = "misconfigured"


class VerificationError(AnchoringError):
    """The proof does not show what it claims; the message carries the evidence."""

    slug = "proof-invalid"


class InvalidCredential(VerificationError):
    """A credential is not valid, or that it is valid cannot be told. `code`: of Bitstring Status List 1.0, where it has one."""

    slug = "credential-invalid"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class MalformedProof(VerificationError):
    """The bytes are not a proof of a version this program knows.

    `at`: JSON path of the offending member.
    """

    slug = "proof-malformed"

    def __init__(self, message: str, *, at: str | None = None) -> None:
        super().__init__(f"{at}: {message}" if at else message)
        self.at = at


NEXT_ROUND_GOES_ON: Final = (Busy, LedgerUnavailable, ManifestsUnavailable, StoreUnavailable)
"""What a round may end with that the next one gets over by itself; everything else a person must see."""
