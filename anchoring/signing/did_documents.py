"""DID documents: reading the keys of one, and where a `did:web` has its own (DID Core, did:web, did:key).

A key counts only if the document of the DID before the `#` lists it under `assertionMethod`, and its owner has neither revoked it
nor let it expire (Controlled Identifiers 1.0 section 2.2): when a signature was made, nothing but its own word says.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

from anchoring.core.moments import parse_moment
from anchoring.core.proof_json import format_time
from anchoring.core.status_codec import untold, unverified
from anchoring.core.strict_json import JsonValue
from anchoring.errors import InvalidInput
from anchoring.signing.multikey import PublicKey, from_jwk, from_multikey, to_multikey

CONTEXTS: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1", "https://w3id.org/security/jwk/v1")
_JWK_TYPES: Final = ("JsonWebKey", "JsonWebKey2020")
_NEVER_THERE: Final = re.compile(r"[/?#@\\\x00-\x20\x7f]")


def did_web_of(host: str) -> str:
    """`host`: as in a URL, with its port if it has one."""
    return "did:web:" + host.lower().replace(":", "%3A")


def document_url(did: str, *, scheme: str = "https") -> str:
    """Where the document of a did:web stands. Raises: StatusListError, STATUS_VERIFICATION_ERROR when it is none."""
    host, *path = did.removeprefix("did:web:").split(":")
    host = unquote(host)
    is_named = did.startswith("did:web:") and host != "" and not any(map(_is_no_name, path))
    if not is_named or any(map(_NEVER_THERE.search, (host, *path))) or "%2f" in did.lower():
        raise unverified(f"{did} is not a did:web")
    return f"{scheme}://{host}/{'/'.join(path) if path else '.well-known'}/did.json"


def _is_no_name(segment: str) -> bool:
    """Whether it is a step to another folder, which only some clients take before they ask (RFC 3986 section 5.2.4)."""
    return segment.lower().replace("%2e", ".") in ("", ".", "..")


def is_local(did: str) -> bool:
    """Whether a did:web is of this machine, which nobody else can reach."""
    host = unquote(did.removeprefix("did:web:").split(":")[0]).rpartition(":")[0] or did.removeprefix("did:web:")
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def key_of_did_key(verification_method: str) -> str:
    """The Multikey that a did:key is made of. Raises: StatusListError, STATUS_VERIFICATION_ERROR."""
    did, _, fragment = verification_method.partition("#")
    multikey = did.removeprefix("did:key:")
    try:
        from_multikey(multikey)
    except ValueError as wrong:
        raise unverified(f"{did} cannot be used: {wrong}") from None
    if fragment != multikey:
        raise unverified(f"{verification_method} is not the key of this did:key")
    return multikey


def key_in_document(document: JsonValue, verification_method: str, at: datetime | None = None) -> str:
    """The Multikey of a method that the document lets assert. `at`: when it must be in force; now by default.

    Raises: StatusListError: STATUS_RETRIEVAL_ERROR when this is not the document of the DID, or does not say which key is meant;
    STATUS_VERIFICATION_ERROR when it does not let the key assert.
    """
    did, _, fragment = verification_method.partition("#")
    if not isinstance(document, dict) or document.get("id") != did:
        raise untold(f"what was found in place of the document of {did} is another's, or none")
    names = (verification_method, f"#{fragment}")
    asserting = document.get("assertionMethod")
    allowed = [one for one in asserting if _name_of(one) in names] if isinstance(asserting, list) else []
    methods = [one for one in _methods(document) if one.get("id") in names]
    if not allowed or not methods:
        raise unverified(f"the document of {did} does not let {verification_method} assert")
    if len(methods) > 1:
        raise untold(f"the document of {did} has several keys called {verification_method}")
    return _public_key(methods[0], verification_method, at or datetime.now(UTC))


def _name_of(listed: JsonValue) -> JsonValue:
    return listed.get("id") if isinstance(listed, dict) else listed


def _methods(document: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
    """Those of the document, and those that stand where they are let assert."""
    for name in ("verificationMethod", "assertionMethod"):
        listed = document.get(name)
        yield from (one for one in listed if isinstance(one, dict)) if isinstance(listed, list) else ()


def _public_key(method: dict[str, JsonValue], name: str, at: datetime) -> str:
    _require_in_force(method, name, at)
    try:
        keys = {to_multikey(key) for key in _keys(method)}
    except ValueError as wrong:
        raise unverified(f"the key {name} cannot be used: {wrong}") from None
    if not keys:
        raise unverified(f"the key {name} is of a type that is not read here")
    if len(keys) > 1:
        raise untold(f"the key {name} is one as a Multikey and another as a JWK")
    return keys.pop()


def _keys(method: dict[str, JsonValue]) -> Iterator[PublicKey]:
    """In each form in which the method has its key, though it should be one. Raises: ValueError."""
    text = method.get("publicKeyMultibase")
    if isinstance(text, str):
        yield from_multikey(text)
    if "publicKeyJwk" in method if isinstance(text, str) else method.get("type") in _JWK_TYPES:
        yield from_jwk(method.get("publicKeyJwk"))


def _require_in_force(method: dict[str, JsonValue], name: str, at: datetime) -> None:
    if method.get("controller", did := name.partition("#")[0]) != did:
        raise unverified(f"the key {name} is controlled by another than {did}")
    for member, what in (("revoked", "was revoked"), ("expires", "expired")):
        if member not in method:
            continue
        try:
            ended = parse_moment(str(method[member]), at=member)
        except InvalidInput as wrong:
            raise unverified(f"the key {name} cannot be used: {wrong}") from None
        if ended <= at:
            raise unverified(
                f"the key {name} {what} at {format_time(ended)}, and nothing but the signature says that it is older"
            )
