"""Who a credential says issued it, read from the file itself (docs/digests.md, section 5).

NOTHING IS VERIFIED HERE. No signature is checked, and anybody can write anybody's name into a file. What is read is
good for one comparison: a proof whose issuer is not the one the credential names was anchored by somebody else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from anchoring.core.claims import read_claims
from anchoring.core.named_issuers import named_issuers
from anchoring.core.strict_json import DEFAULT_LIMITS, JsonLimits, JsonValue
from anchoring.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedIssuer:
    """What the credential names as its issuer; unverified.

    `identifier`: as written, usually a DID or URL. `is_local`: it means something in this file only (`urn:epass:…`, blank
    nodes, fragments, bare names), so comparing it shows nothing. `named_in`: the members that say so.
    """

    identifier: str
    is_local: bool
    named_in: tuple[str, ...]


def claimed_issuer(body: bytes, *, limits: JsonLimits = DEFAULT_LIMITS) -> ClaimedIssuer | None:
    """The issuer that a credential names: `iss`, `issuer` or `vc.issuer`, each a string or an object with an `id`.

    Read from JSON, from the payload of a JWT, of an SD-JWT or of a JWS in JSON serialization (a sealed European Digital
    Credential), and from there only. None for files that name nobody: PDFs, other files, JSON with faults.

    Raises: InvalidInput naming the members, when two of them name different issuers or one cannot be an identifier.
    """
    try:
        claims = read_claims(body, limits=limits)
    except InvalidInput:
        return None
    named = dict(_named(claims)) if claims else {}
    if not named:
        return None
    if len(set(named.values())) > 1:
        raise InvalidInput("the credential names different issuers", at=", ".join(named))
    identifier = next(iter(named.values()))
    return ClaimedIssuer(identifier=identifier, is_local=_is_local(identifier), named_in=tuple(named))


def named_issuer(body: bytes) -> str | None:
    """The name alone. None also for a file that names different issuers, or none that can be read."""
    try:
        claimed = claimed_issuer(body)
    except InvalidInput:
        return None
    return None if claimed is None else claimed.identifier


def _named(claims: dict[str, JsonValue]) -> Iterator[tuple[str, str]]:
    for place, value in named_issuers(claims):
        if not isinstance(value, str):
            raise InvalidInput("an issuer is a string, or an object with a string id", at=place)
        yield place, value


_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LOCAL_SCHEMES: Final = ("urn:epass:",)


def _is_local(identifier: str) -> bool:
    return not _SCHEME.match(identifier) or identifier.lower().startswith(_LOCAL_SCHEMES)
