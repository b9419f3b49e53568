"""Signed forms of status lists, made when they are asked for and kept while they are the same."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final, TypeVar
from urllib.parse import urlsplit

from anchoring.core.status import StatusBits, head_digest
from anchoring.core.status_documents import ListForm, ListToSign
from anchoring.core.status_entry import list_id_in
from anchoring.core.status_freshness import Freshness, FreshnessRules, freshness, freshness_of, freshness_then
from anchoring.core.status_version import StatusVersion
from anchoring.errors import Misconfigured
from anchoring.ports.signing import ListChecker, ListSigner
from anchoring.ports.status_lists import SignedForm, StatusList
from anchoring.settings import StatusSettings
from anchoring.types import ListId

T = TypeVar("T")

KEPT: Final = 512
"""Signed forms kept in memory: about 10 MB of lists in common use, 100 MB at the very most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a reader wants a list. `cryptosuite`: None for the configured one."""

    form: ListForm
    cryptosuite: str | None


@dataclass(frozen=True, slots=True)
class SignedList:
    """A signed form and the time it speaks of."""

    content: bytes
    fresh: Freshness


class ServedLists:
    """Signs with `signer`; what was signed lately is answered from memory. Any thread may use it."""

    def __init__(self, signer: ListSigner | None, checker: ListChecker, settings: StatusSettings, *, public_url: str) -> None:
        self._signer = signer
        self._checker = checker
        self._rules = FreshnessRules(refresh_s=settings.refresh_s, valid_s=settings.valid_s, ttl_s=settings.ttl_s)
        self._base = f"{public_url.rstrip('/')}/v1/status-lists/"
        self._lock = Lock()
        self._signed: OrderedDict[object, bytes] = OrderedDict()
        self._pending: OrderedDict[object, bool] = OrderedDict()
        self._uploaded: OrderedDict[object, Freshness] = OrderedDict()

    def url(self, list_id: ListId) -> str:
        """What credentials name as `statusListCredential` or `uri`."""
        return self._base + list_id.hex()

    def ours(self, url: str) -> ListId | None:
        """The list of this service that a URL names; None for what others serve: their lists have such paths too."""
        return list_id_in(url) if _host(url) == _host(self._base) else None

    def kept(self, of: StatusList, shown: StatusVersion | None, wanted: Wanted, now: datetime) -> SignedList | None:
        """The list as it is now, if it was signed before."""
        with self._lock:
            is_pending = self._pending.get(_moment(of, shown))
            if is_pending is None:
                return None
            fresh = self._fresh(of, shown, now, is_pending=is_pending)
            content = self._signed.get(_key(of, wanted, fresh))
        return SignedList(content, fresh) if content is not None else None

    def sign(self, of: StatusList, bits: StatusBits, shown: StatusVersion | None, wanted: Wanted, now: datetime) -> SignedList:
        """The list as it is now. `shown`: its newest version on the ledger. Raises: InvalidInput, Misconfigured."""
        is_pending = _is_pending(of, bits, shown)
        fresh = self._fresh(of, shown, now, is_pending=is_pending)
        content = self._sign(of, bits, wanted, fresh)
        with self._lock:
            _keep(self._pending, _moment(of, shown), is_pending)
            _keep(self._signed, _key(of, wanted, fresh), content)
        return SignedList(content, fresh)

    def sign_past(self, of: StatusList, bits: StatusBits, wanted: Wanted, at: datetime) -> SignedList:
        """The list as it was at a time. Raises: InvalidInput, Misconfigured."""
        fresh = freshness_then(self._rules, at)
        return SignedList(self._sign(of, bits, wanted, fresh), fresh)

    def sign_shown(self, of: StatusList, bits: StatusBits, shown: StatusVersion, wanted: Wanted, now: datetime) -> SignedList:
        """The newest version on the ledger, whatever was changed since. Raises: InvalidInput, Misconfigured."""
        head_time = shown.published_at
        fresh = freshness(self._rules, now=now, changed_at=shown.made_at, head_time=head_time, is_pending=False)
        return SignedList(self._sign(of, bits, wanted, fresh), fresh)

    def uploaded(self, form: SignedForm) -> SignedList:
        """A list as its issuer signed it, and the times that it states itself."""
        key = hashlib.sha256(form.content).digest()
        with self._lock:
            fresh = self._uploaded.get(key)
        if fresh is None:
            fresh = freshness_of(self._rules, self._checker.read(form.content, form.media_type))
            with self._lock:
                _keep(self._uploaded, key, fresh)
        return SignedList(form.content, fresh)

    def _fresh(self, of: StatusList, shown: StatusVersion | None, now: datetime, *, is_pending: bool) -> Freshness:
        head_time = shown.published_at if shown else None
        return freshness(self._rules, now=now, changed_at=of.changed_at, head_time=head_time, is_pending=is_pending)

    def _sign(self, of: StatusList, bits: StatusBits, wanted: Wanted, fresh: Freshness) -> bytes:
        if self._signer is None:
            raise Misconfigured("no folder for keys of status lists is named: set CREDANCHOR_STATUS__KEYS")
        content = ListToSign(
            list_id=of.list_id,
            url=self.url(of.list_id),
            issuer=of.issuer,
            purpose=of.purpose,
            bits=bits,
            signed_at=fresh.signed_at,
            valid_until=fresh.valid_until,
            ttl_s=fresh.ttl_s,
        )
        return self._signer.sign(content, wanted.form, cryptosuite=wanted.cryptosuite)


def _host(url: str) -> tuple[str, int | None] | None:
    """Its name and port. That of http counts as that of https: an issuer who wrote the one for the other means the same list."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    return (parts.hostname or "").rstrip("."), None if port in {80, 443} else port


def _is_pending(of: StatusList, bits: StatusBits, shown: StatusVersion | None) -> bool:
    """Whether the ledger shows other bits; without a head it shows none that are set."""
    if shown is None:
        return of.change_count > 0
    return head_digest(of.list_id, shown.version, bits) != shown.digest


def _moment(of: StatusList, shown: StatusVersion | None) -> object:
    return of.id, of.change_count, shown.digest if shown else None


def _key(of: StatusList, wanted: Wanted, fresh: Freshness) -> object:
    return of.id, of.change_count, wanted, fresh


def _keep(kept: OrderedDict[object, T], key: object, value: T) -> None:
    kept[key] = value
    while len(kept) > KEPT:
        kept.popitem(last=False)
