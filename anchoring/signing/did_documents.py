"""DID documents: reading the keys of one, and where a `did:web` has its own (DID Core, did:web, did:key).

A key counts only if the document of the DID before the `#` lists it under `assertionMethod`, and its owner has neither revoked it
nor let it expire (Controlled Identifiers 1.0 section 2.2): when a signature was made, nothing but its own word says.
"""

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final
from urllib.parse import unquote

from anchoring.core.moments import parse_moment
from anchoring.core.proof_json import format_time
from anchoring.core.status_codec import untold, unverified
from anchoring.core.strict_json import JsonValue
from anchoring.errors import InvalidInput
from anchoring.signing.multikey import from_jwk, from_multikey, to_multikey

CONTEXTS: Final = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1", "https://w3id.org/security/jwk/v1")
_JWK_TYPES: Final = ("JsonWebKey", "JsonWebKey2020")


def did_web_of(host: str) -> str:
    """`host`: as in a URL, with its port if it has one."""
    return "did:web:" + host.lower().replace(":", "%3A")


def document_url(did: str, *, scheme: str = "https") -> str:
    """Where the document of a did:web stands. Raises: StatusListError, STATUS_VERIFICATION_ERROR when it is none."""
    host, *path = did.removeprefix("did:web:").split(":")
    host = unquote(host)
    if not did.startswith("did:web:") or not host or "/" in host or "@" in host or not all(path) or "%2f" in did.lower():
        raise unverified(f"{did} is not a did:web")
    return f"{scheme}://{host}/{'/'.join(path) if path else '.well-known'}/did.json"


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


def key_in_document(document: JsonValue, verification_method: str) -> str:
    """The Multikey of a method that the document lets assert.

    Raises: StatusListError: STATUS_RETRIEVAL_ERROR when this is not the document of the DID, STATUS_VERIFICATION_ERROR when it
    does not let the key assert.
    """
    did, _, fragment = verification_method.partition("#")
    if not isinstance(document, dict) or document.get("id") != did:
        raise untold(f"what was found in place of the document of {did} is another's, or none")
    names = (verification_method, f"#{fragment}")
    asserting = document.get("assertionMethod")
    methods = document.get("verificationMethod")
    for allowed in asserting if isinstance(asserting, list) else []:
        if isinstance(allowed, dict) and allowed.get("id") in names:
            return _public_key(allowed, verification_method)
        if allowed in names:
            for method in methods if isinstance(methods, list) else []:
                if isinstance(method, dict) and method.get("id") in names:
                    return _public_key(method, verification_method)
    raise unverified(f"the document of {did} does not let {verification_method} assert")


def _public_key(method: dict[str, JsonValue], name: str) -> str:
    _require_in_force(method, name)
    try:
        if isinstance(text := method.get("publicKeyMultibase"), str):
            return to_multikey(from_multikey(text))
        if method.get("type") in _JWK_TYPES:
            return to_multikey(from_jwk(method.get("publicKeyJwk")))
    except ValueError as wrong:
        raise unverified(f"the key {name} cannot be used: {wrong}") from None
    raise unverified(f"the key {name} is of a type that is not read here")


def _require_in_force(method: dict[str, JsonValue], name: str) -> None:
    if method.get("controller", did := name.partition("#")[0]) != did:
        raise unverified(f"the key {name} is controlled by another than {did}")
    for member, what in (("revoked", "was revoked"), ("expires", "expired")):
        if member not in method:
            continue
        try:
            ended = parse_moment(str(method[member]), at=member)
        except InvalidInput as wrong:
            raise unverified(f"the key {name} cannot be used: {wrong}") from None
        if ended <= datetime.now(UTC):
            raise unverified(
                f"the key {name} {what} at {format_time(ended)}, and nothing but the signature says that it is older"
            )
