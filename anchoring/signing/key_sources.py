"""Public keys of DIDs that carry or publish them."""

import time
from contextlib import suppress
from datetime import datetime
from typing import Final

from anchoring.bounded_http import HttpGetter, NoAnswer
from anchoring.core.status_codec import StatusListError, untold, unverified
from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.errors import InvalidInput, TooLarge
from anchoring.signing.did_documents import document_url, is_local, key_in_document, key_of_did_key

ACCEPT: Final = "application/did+json, application/did+ld+json, application/json"
LIMITS: Final = JsonLimits(max_bytes=256 * 1024, max_depth=16, max_values=20_000)
KEPT_S: Final = 300.0
KEPT: Final = 100


class CarriedKeys:
    """Implements ports.KeySource for did:key alone: nobody is asked."""

    def public_key(self, verification_method: str) -> str:
        if verification_method.startswith("did:key:"):
            return key_of_did_key(verification_method)
        raise untold(f"the key {verification_method} was not looked up: that was not allowed")


class ResolvedKeys:
    """Implements ports.KeySource for did:key, and for did:web through `getter`. Documents are kept for five minutes.

    `at`: when keys must be in force; the time of the question by default.
    """

    def __init__(self, getter: HttpGetter, *, allow_private: bool = False, at: datetime | None = None) -> None:
        self._getter = getter
        self._allow_private = allow_private
        self._at = at
        self._documents: dict[str, tuple[float, JsonValue]] = {}

    def public_key(self, verification_method: str) -> str:
        did, hash_sign, _ = verification_method.partition("#")
        if not hash_sign:
            raise unverified(f"{verification_method} names no key: a DID URL with # is expected")
        if did.startswith("did:key:"):
            return key_of_did_key(verification_method)
        if did.startswith("did:web:"):
            return self._published_key(did, verification_method)
        raise untold(f"the keys of {did} cannot be looked up: did:web and did:key can")

    def _published_key(self, did: str, verification_method: str) -> str:
        made_at, document = self._documents.get(did, (0.0, None))
        if document is not None and time.monotonic() - made_at < KEPT_S:
            with suppress(StatusListError):
                return key_in_document(document, verification_method, self._at)
        document = self._fetch(did, fresh=document is not None)  # the key may be newer than what caches hold
        if len(self._documents) >= KEPT:
            self._documents.clear()
        self._documents[did] = (time.monotonic(), document)
        return key_in_document(document, verification_method, self._at)

    def _fetch(self, did: str, *, fresh: bool) -> JsonValue:
        url = document_url(did, scheme="http" if self._allow_private and is_local(did) else "https")
        try:
            return parse(self._getter.get(url, accept=ACCEPT, fresh=fresh).content, LIMITS)
        except (NoAnswer, ValueError, TooLarge) as failed:
            raise untold(f"the document of {did} is out of reach: {failed}") from None
        except InvalidInput as wrong:
            raise untold(f"the document of {did} is not one: {wrong.message}") from None
