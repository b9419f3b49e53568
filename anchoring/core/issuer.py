"""Issuers and the keys they write with.

A key reads `ca_<prefix>_<secret>`: 8 characters that may be logged and looked up, and 43 that carry 256 random bits. Only the
SHA-256 of the whole text is stored; with that much randomness a slow password hash adds nothing.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote

from anchoring.core.base64url import encode_base64url
from anchoring.core.scopes import Scope, scopes_text
from anchoring.errors import InvalidInput, NotAllowed, ScopeMissing
from anchoring.types import Did

CANARY: Final = Did("did:web:canary.credanchor.invalid")
"""The service's own: rounds post digests of it to see how long anchoring takes, and the operator's keys stand under it.

No key posts for it, and `.invalid` is nobody's.
"""

MOST_ITEMS_PER_DAY: Final = 10**12
"""The largest quota."""

CANARY_NAME: Final = "Canary of this installation"

PREFIX_BYTES: Final = 4
SECRET_BYTES: Final = 32

KEY_START: Final = "ca_"

LONGEST_OVERLAP_S: Final = 90 * 86_400
"""How long a key that was rotated may still open."""

_KEY: Final = re.compile(r"ca_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_PREFIX: Final = re.compile(r"[0-9a-f]{8}")
_KEY_IN_WORDS: Final = re.compile(r"(ca_[0-9a-f]{8})_[A-Za-z0-9_-]+")
_TOKEN_IN_PATH: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(e[yw][A-Za-z0-9_-])[A-Za-z0-9_-]{14,}\.[^/]*"
)  # base64url of a JSON object
_ENCODINGS: Final = 4
"""How often a client may have encoded a key in a path, and it is found still."""

_KEY_IN_PATH: Final = re.compile(r"(ca_[^_/]*|\b[0-9a-f]{8})_[^/]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who may post. `id`: key in the store, never shown. `items_per_day`: its quota, 0: any number; None: as the settings say."""

    id: int
    did: Did
    name: str
    added_at: datetime
    items_per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """What is kept of an API key. `key_hash`: 32 bytes. `last_used_at`: to the minute, and may be lost."""

    issuer: Issuer
    prefix: str
    key_hash: bytes
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def lives(self, now: datetime) -> bool:
        """Whether it opens at all: neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as the key or token says. `key`: its prefix; empty for a token, which has a `client`. `ends_at`: its end."""

    key: str
    issuer: Issuer
    scopes: frozenset[Scope]
    ends_at: datetime | None = None
    client: str | None = None

    @property
    def name(self) -> str:
        """For records of who asked for something."""
        return f"ca_{self.key}" if self.client is None else f"oauth:{self.client}"

    @property
    def is_operator(self) -> bool:
        """Whether it is the operator, who acts for no issuer."""
        return Scope.OPERATOR in self.scopes

    def require(self, *any_of: Scope) -> None:
        """Raises: ScopeMissing, unless the key has one of these."""
        if self.scopes.isdisjoint(any_of):
            raise ScopeMissing(f"the API key lacks the scope {' or '.join(any_of)}", scope=scopes_text(any_of))


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key in full; its text is shown once, when it is made."""

    prefix: str
    text: str

    def __repr__(self) -> str:
        return f"ApiKey({self.prefix}…)"

    @property
    def hash(self) -> bytes:
        """SHA-256 of the key's text, 32 bytes."""
        return hashlib.sha256(self.text.encode()).digest()

    def opens(self, stored: StoredKey | None, now: datetime) -> bool:
        """Whether this is the stored key and it lives. Compared in constant time, also when there is none."""
        known = stored.key_hash if stored else bytes(32)
        matches = hmac.compare_digest(self.hash, known)
        return matches and stored is not None and stored.lives(now)


def day_of(now: datetime) -> int:
    """The day that quotas are counted on, since 1970, in UTC."""
    return int(now.timestamp()) // 86_400


def make_api_key(random: bytes) -> ApiKey:
    """`random`: 36 bytes from the operating system; 4 become the prefix, 32 the secret."""
    if len(random) != PREFIX_BYTES + SECRET_BYTES:
        raise ValueError(f"an API key is made of {PREFIX_BYTES + SECRET_BYTES} random bytes, not {len(random)}")
    prefix = random[:PREFIX_BYTES].hex()
    secret = encode_base64url(random[PREFIX_BYTES:])
    return ApiKey(prefix, f"ca_{prefix}_{secret}")


def parse_key_prefix(text: str, *, at: str) -> str:
    """Raises: InvalidInput, which does not repeat what may be a whole key."""
    if not _PREFIX.fullmatch(text):
        raise InvalidInput("give the 8 characters between ca_ and the next _ of the key, and nothing more", at=at)
    return text


def without_keys(words: str) -> str:
    """A sentence or a place that names what a client chose, such as a member, which may be a key or the beginning of one."""
    return _KEY_IN_WORDS.sub(r"\1_…", words) if KEY_START in words else words


def without_secrets(path: str) -> str:
    """A path in which somebody wrote a whole key, or an access token (a JWT), for the log; one encoded several times too."""
    plain = path
    for _ in range(_ENCODINGS if "%" in path else 0):
        plain = unquote(plain)
    shown = _without_secrets(plain)
    return path if shown == plain else shown


def _without_secrets(path: str) -> str:
    if "." in path:
        path = _TOKEN_IN_PATH.sub(r"\1…", path)
    return _KEY_IN_PATH.sub(r"\1_…", path) if "_" in path else path


def parse_api_key(text: str) -> ApiKey:
    """Raises: NotAllowed, in the words used for every key that does not open."""
    match = _KEY.fullmatch(text)
    if match is None:
        raise NotAllowed("the API key is not valid")
    return ApiKey(match[1], text)
