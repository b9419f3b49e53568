"""The disclosures of an SD-JWT put in their places: each must be one that the issuer signed for (RFC 9901 section 7.1).

That takes no key.
"""

import hashlib
from typing import Final

from anchoring.core.base64url import decode_base64url, encode_base64url
from anchoring.core.canonical import Content, content_of
from anchoring.core.jose import SignedToken, read_compact, read_sd_jwt
from anchoring.core.named_issuers import named_issuers
from anchoring.core.status_codec import StatusErrorCode, StatusListError, untold, unverified
from anchoring.core.strict_json import DEFAULT_LIMITS, JsonValue, parse
from anchoring.errors import InvalidInput, TooLarge

MEMBERS: Final = "_sd"
"""The member that lists digests of members of its object."""
ITEM: Final = "..."
"""The one member of an object that stands for an item of an array, by its digest."""
MAX_DISCLOSURES: Final = 10_000
"""Of one credential; what has more is not looked through."""


class OtherIssuer(StatusListError):
    """A disclosure names another issuer than the signed part."""

    def __init__(self, message: str) -> None:
        super().__init__(StatusErrorCode.VERIFICATION, message)


_TWICE: Final = "the same digest of a disclosure stands in two places"


def check_disclosures(token: SignedToken, body: bytes) -> None:
    """What is presented beside the signed part, which alone has a digest. The key binding is read, and not checked.

    `token`: of `body`, an SD-JWT as `jose.read_sd_jwt` reads it.

    Raises: StatusListError when a disclosure is not covered by what the issuer signed, or nobody can tell.
    """
    if _presented(body):
        disclosed_claims(token, body)


def disclosed_claims(token: SignedToken, body: bytes) -> JsonValue:
    """What the issuer signed, with what is disclosed of it. Raises: StatusListError, as `check_disclosures`."""
    disclosures, claims = _presented(body), _claims(token)
    if disclosures and isinstance(claims, dict) and claims.get("_sd_alg", "sha-256") != "sha-256":
        raise untold("the digests of the disclosures are not by SHA-256")
    if len(set(disclosures)) < len(disclosures):
        raise unverified("a disclosure is there twice")
    placing = _Placing({_digest_of(one): one for one in disclosures})
    whole = placing.placed(claims, 1)
    if placing.waiting:
        raise unverified("a disclosure is not covered by the signed part")
    if disclosures and isinstance(claims, dict) and isinstance(whole, dict):
        _compare_issuers(claims, whole)
    return whole


def require_no_other_issuer(body: bytes) -> None:
    """Of an SD-JWT that cannot be read, or whose disclosures have no places, nothing is said. Raises: OtherIssuer."""
    if content_of(body) is not Content.SD_JWT:
        return
    try:
        disclosed_claims(read_sd_jwt(body), body)
    except OtherIssuer:
        raise
    except (StatusListError, InvalidInput):
        pass


class _Placing:
    """Puts disclosures in their places. `waiting`: those that have none yet, by digest."""

    def __init__(self, waiting: dict[str, str]) -> None:
        self.waiting = waiting
        self._seen: set[str] = set()

    def placed(self, value: JsonValue, depth: int) -> JsonValue:
        if depth > DEFAULT_LIMITS.max_depth:
            raise untold(f"what is disclosed is nested more than {DEFAULT_LIMITS.max_depth} deep")
        if isinstance(value, list):
            return [item for one in value for item in self._item(one, depth)]
        return self._members(value, depth) if isinstance(value, dict) else value

    def _item(self, item: JsonValue, depth: int) -> list[JsonValue]:
        """The item of an array; none where it is not disclosed."""
        if not isinstance(item, dict) or ITEM not in item:
            return [self.placed(item, depth + 1)]
        if len(item) > 1 or not isinstance(digest := item[ITEM], str):
            raise unverified(f"{ITEM} stands where it means no item of an array")
        if (disclosed := self._take(digest)) is None:
            return []
        if not isinstance(disclosed, list) or len(disclosed) != 2:  # noqa: PLR2004 - as the next lines say
            raise unverified("the disclosure of an item is not an array of salt and value")
        return [self.placed(disclosed[1], depth + 1)]

    def _members(self, value: dict[str, JsonValue], depth: int) -> dict[str, JsonValue]:
        if ITEM in value:
            raise unverified(f"{ITEM} stands where it means no item of an array")
        found = {name: self.placed(one, depth + 1) for name, one in value.items() if name != MEMBERS}
        digests = value.get(MEMBERS, [])
        for digest in digests if isinstance(digests, list) else [None]:
            if not isinstance(digest, str):
                raise unverified(f"{MEMBERS} is no list of digests")
            if (disclosed := self._take(digest)) is None:
                continue
            if not isinstance(disclosed, list) or len(disclosed) != 3 or not isinstance(name := disclosed[1], str):  # noqa: PLR2004
                raise unverified("the disclosure of a member is not an array of salt, name and value")
            if name in (MEMBERS, ITEM) or name in found:
                raise unverified("a member is disclosed that is there already, or whose name means something else")
            found[name] = self.placed(disclosed[2], depth + 1)
        return found

    def _take(self, digest: str) -> JsonValue:
        """The disclosure with this digest; None where it is not there."""
        if digest in self._seen:
            raise unverified(_TWICE)
        self._seen.add(digest)
        return _read(self.waiting.pop(digest)) if digest in self.waiting else None


def _presented(body: bytes) -> list[str]:
    """The disclosures behind the signed part."""
    *disclosures, last = body.decode("ascii").strip().split("~")[1:]
    if len(disclosures) > MAX_DISCLOSURES:
        raise untold(f"there are {len(disclosures)} disclosures; at most {MAX_DISCLOSURES} are read")
    if last:
        try:
            read_compact(last.encode())
        except (InvalidInput, TooLarge):
            raise unverified("what stands behind the last ~ is no key binding") from None
    return disclosures


def _compare_issuers(signed: dict[str, JsonValue], whole: dict[str, JsonValue]) -> None:
    """The issuer is looked for in the signed part alone, so what is disclosed must not name another, nor one where that has none.

    Raises: OtherIssuer.
    """
    clear = [name for _, name in named_issuers(signed)]
    if places := [place for place, name in named_issuers(whole) if name not in clear]:
        raise OtherIssuer(f"what is disclosed names another issuer than the signed part: {', '.join(places)}")


def _claims(token: SignedToken) -> JsonValue:
    try:
        return parse(token.payload)
    except InvalidInput as refused:
        raise untold(f"what was signed is no JSON that can be read in one way only: {refused.message}") from None


def _read(disclosure: str) -> JsonValue:
    try:
        found = parse(decode_base64url(disclosure))
    except InvalidInput as refused:
        raise unverified(f"a disclosure cannot be read: {refused.message}") from None
    except ValueError:
        raise unverified("a disclosure is not base64url") from None
    return found if found is not None else []


def _digest_of(disclosure: str) -> str:
    return encode_base64url(hashlib.sha256(disclosure.encode()).digest())
