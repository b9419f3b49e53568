"""The disclosures of an SD-JWT: each must be one that the issuer signed for (RFC 9901 section 7.1). That takes no key."""

import hashlib
from collections.abc import Iterator

from anchoring.core.base64url import decode_base64url, encode_base64url
from anchoring.core.jose import SignedToken
from anchoring.core.status_codec import untold, unverified
from anchoring.core.strict_json import JsonValue, parse
from anchoring.errors import InvalidInput


def check_disclosures(token: SignedToken, body: bytes) -> None:
    """The key binding is not looked at. `token`: of `body`, an SD-JWT as `jose.read_sd_jwt` reads it.

    Raises: StatusListError when a disclosure is not covered by what the issuer signed, or nobody can tell.
    """
    *disclosures, last = body.decode("ascii").strip().split("~")[1:]
    if last and "." not in last:
        disclosures.append(last)
    if disclosures:
        _require_covered(disclosures, _claims(token))


def _require_covered(disclosures: list[str], claims: JsonValue) -> None:
    if isinstance(claims, dict) and claims.get("_sd_alg", "sha-256") != "sha-256":
        raise untold("the digests of the disclosures are not by SHA-256")
    waiting, signed = {_digest_of(one): one for one in disclosures}, list(_digests(claims))
    while signed:
        if disclosure := waiting.pop(signed.pop(), None):
            signed += _digests(_read(disclosure))
    if waiting:
        raise unverified("a disclosure is not covered by the signed part")
    if len(set(disclosures)) < len(disclosures):
        raise unverified("a disclosure is there twice")


def _claims(token: SignedToken) -> JsonValue:
    try:
        return parse(token.payload)
    except InvalidInput as refused:
        raise untold(f"what was signed is no JSON that can be read in one way only: {refused.message}") from None


def _read(disclosure: str) -> JsonValue:
    try:
        return parse(decode_base64url(disclosure))
    except InvalidInput as refused:
        raise unverified(f"a disclosure cannot be read: {refused.message}") from None
    except ValueError:
        raise unverified("a disclosure is not base64url") from None


def _digests(value: JsonValue) -> Iterator[str]:
    """Of disclosures that a value allows, wherever they stand in it."""
    if isinstance(value, list):
        for item in value:
            yield from _digests(item)
    if isinstance(value, dict):
        allowed = value.get("_sd")
        yield from (one for one in allowed if isinstance(one, str)) if isinstance(allowed, list) else ()
        if isinstance(one := value.get("..."), str):
            yield one
        for item in value.values():
            yield from _digests(item)


def _digest_of(disclosure: str) -> str:
    return encode_base64url(hashlib.sha256(disclosure.encode()).digest())
