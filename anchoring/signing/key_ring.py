"""The keys that sign status lists: one file a key in a folder, mode 0600, read again when the folder changes.

The newest key of a kind that is in use signs. A retired one loses its private half and stays published, so that what it signed
still verifies. A key without an issuer is the service's; one with an issuer signs that issuer's lists.
"""

import json
import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from anchoring.core.proof_json import format_time
from anchoring.core.strict_json import JsonValue, parse
from anchoring.errors import Conflict, InvalidInput, Misconfigured, NotFound
from anchoring.ports.signing import KeyKind
from anchoring.secret_files import read_secret, write_secret
from anchoring.signing.did_documents import CONTEXTS
from anchoring.signing.multikey import (
    PrivateKey,
    PublicKey,
    from_jwk,
    private_from_jwk,
    private_to_jwk,
    thumbprint,
    to_jwk,
    to_multikey,
)
from anchoring.types import Did, parse_did

SETTING: Final = "CREDANCHOR_STATUS__KEYS"
_NAME: Final = re.compile(r"[0-9a-zA-Z]{48,60}\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class RingKey:
    """One key. `issuer`, `kid`: None for the service's own. `private`: None once it is retired."""

    public: PublicKey
    private: PrivateKey | None
    issuer: Did | None
    kid: str | None
    created_at: datetime
    retired_at: datetime | None

    def __repr__(self) -> str:
        return f"RingKey({self.multikey})"

    @property
    def kind(self) -> KeyKind:
        return KeyKind.ED25519 if isinstance(self.public, Ed25519PublicKey) else KeyKind.P256

    @property
    def multikey(self) -> str:
        """Also its name."""
        return to_multikey(self.public)


class KeyRing:
    """The folder. `did`: whom the service signs as; None for each key's own did:key. Constructing it reads nothing."""

    def __init__(self, folder: Path, did: Did | None) -> None:
        self._folder = folder
        self._did = did
        self._seen: tuple[int, list[RingKey]] | None = None

    def all(self) -> Sequence[RingKey]:
        """All, oldest first. Raises: Misconfigured naming folder or file."""
        try:
            changed_ns = self._folder.stat().st_mtime_ns
            if self._seen is None or self._seen[0] != changed_ns:
                paths = sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))
                found = sorted(map(_read, paths), key=lambda key: (key.created_at, key.multikey))
                self._seen = (changed_ns, found)
        except OSError as failed:
            raise Misconfigured(f"{SETTING}: {self._folder} cannot be read: {failed.strerror}") from None
        return self._seen[1]

    def signing_key(self, kind: KeyKind, issuer: Did) -> RingKey | None:
        """The newest in use of the issuer, else of the service; None when there is neither."""
        usable = [key for key in self.all() if key.kind is kind and key.private is not None]
        own = [key for key in usable if key.issuer == issuer]
        return next(iter(reversed(own or [key for key in usable if key.issuer is None])), None)

    def signer_of(self, key: RingKey) -> Did:
        """Who signs with it."""
        return key.issuer or self._did or Did(f"did:key:{key.multikey}")

    def proof_method(self, key: RingKey) -> str:
        """Absolute DID URL of the key in a Data Integrity proof: a Multikey."""
        return key.kid or f"{self.signer_of(key)}#{key.multikey}"

    def token_method(self, key: RingKey) -> str:
        """Absolute DID URL of the key in a JWT: a JsonWebKey, where it is not a did:key."""
        if key.kid or self._did is None:
            return self.proof_method(key)
        return f"{self._did}#{thumbprint(key.public)}"

    def did_document(self, did: Did) -> dict[str, Any]:
        """The service's keys, the retired ones included, as the document of `did`."""
        methods: list[dict[str, Any]] = []
        for key in self.all():
            if key.issuer is None:
                base = {"controller": did}
                multikey = {"id": f"{did}#{key.multikey}", "type": "Multikey", "publicKeyMultibase": key.multikey}
                jwk = {"id": f"{did}#{thumbprint(key.public)}", "type": "JsonWebKey", "publicKeyJwk": to_jwk(key.public)}
                methods += [base | multikey, base | jwk]
        return {
            "@context": list(CONTEXTS),
            "id": did,
            "verificationMethod": methods,
            "assertionMethod": [method["id"] for method in methods],
        }

    def create(self, kind: KeyKind, *, issuer: Did | None, kid: str | None, now: datetime) -> RingKey:
        """A new key in a new file; the folder is made if need be. Raises: InvalidInput, Misconfigured."""
        private: PrivateKey = Ed25519PrivateKey.generate() if kind is KeyKind.ED25519 else ec.generate_private_key(ec.SECP256R1())
        return self.add(private, issuer=issuer, kid=kid, now=now)

    def take_over(self, jwk: bytes, *, issuer: Did | None, kid: str | None, now: datetime) -> RingKey:
        """A private JWK of Ed25519 or P-256. Raises: InvalidInput, without its words; Misconfigured."""
        try:
            private = private_from_jwk(parse(jwk))
        except (InvalidInput, ValueError):
            raise InvalidInput("is not a private JWK of Ed25519 or P-256", at="jwk") from None
        return self.add(private, issuer=issuer, kid=kid, now=now)

    def add(self, private: PrivateKey, *, issuer: Did | None, kid: str | None, now: datetime) -> RingKey:
        """Raises: InvalidInput when kid is not the issuer's; Misconfigured when the file is there or cannot be written."""
        if (issuer is None) != (kid is None) or (kid is not None and not kid.startswith(f"{issuer}#")):
            raise InvalidInput(
                "an issuer's key needs its absolute DID URL: the issuer's DID, #, and the name of the key", at="kid"
            )
        public = private.public_key()
        key = RingKey(public=public, private=private, issuer=issuer, kid=kid, created_at=now, retired_at=None)
        with suppress(FileExistsError):
            self._folder.mkdir(mode=0o700, parents=True)
        write_secret(self._folder / f"{key.multikey}.json", _content(key), "status key")
        self._seen = None
        return key

    def retire(self, multikey: str, *, now: datetime) -> None:
        """The private half goes. Raises: NotFound; Conflict when it is retired already; Misconfigured."""
        key = next((key for key in self.all() if key.multikey == multikey), None)
        if key is None:
            raise NotFound(f"there is no key {multikey} in {self._folder}")
        if key.retired_at is not None:
            raise Conflict(f"{multikey} was retired at {format_time(key.retired_at)}")
        retired = RingKey(
            public=key.public, private=None, issuer=key.issuer, kid=key.kid, created_at=key.created_at, retired_at=now
        )
        partial = self._folder / f"{multikey}.{secrets.token_hex(8)}.partial"
        write_secret(partial, _content(retired), "status key")
        partial.replace(self._folder / f"{multikey}.json")
        self._seen = None


def _content(key: RingKey) -> str:
    jwk = private_to_jwk(key.private) if key.private else to_jwk(key.public)
    members = {
        "issuer": key.issuer,
        "kid": key.kid,
        "createdAt": key.created_at.isoformat(),
        "retiredAt": key.retired_at.isoformat() if key.retired_at else None,
        "jwk": jwk,
    }
    return json.dumps(members, indent=2) + "\n"


def _read(path: Path) -> RingKey:
    try:
        return _key(parse(read_secret(path, SETTING).encode()))
    except (InvalidInput, ValueError):  # its words may hold what is in the file
        raise Misconfigured(f"{SETTING}: {path} is not a key; make one with: credanchor status key create") from None


def _key(members: JsonValue) -> RingKey:
    match members:
        case {
            "issuer": str() | None as issuer,
            "kid": str() | None as kid,
            "createdAt": str(created),
            "retiredAt": retired,
            "jwk": dict() as jwk,
        }:
            return RingKey(
                public=from_jwk({name: one for name, one in jwk.items() if name != "d"}),
                private=private_from_jwk(jwk) if retired is None else None,
                issuer=None if issuer is None else parse_did(issuer),
                kid=kid,
                created_at=datetime.fromisoformat(created),
                retired_at=None if retired is None else datetime.fromisoformat(str(retired)),
            )
    raise ValueError("not the members of a key")
