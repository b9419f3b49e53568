"""What a credential must be for this service to sign it (Verifiable Credentials Data Model 2.0, section 4), read strictly.

Whoever may have anything signed could have a status list signed, and lift a revocation. So no status list is, whatever it is
called: only contexts that give no word another meaning, only members of the data model, and no keywords of JSON-LD further in.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from anchoring.core.moments import parse_moment
from anchoring.core.status_documents import VCDM_2
from anchoring.core.strict_json import JsonValue, json_path
from anchoring.errors import InvalidInput
from anchoring.types import Did

CONTEXTS: Final = (VCDM_2, "https://www.w3.org/ns/credentials/examples/v2")
"""The second may follow the first; it only lets undefined words stand for themselves."""

MEMBERS: Final = frozenset(
    {
        "@context",
        "id",
        "type",
        "name",
        "description",
        "issuer",
        "validFrom",
        "validUntil",
        "credentialSubject",
        "credentialStatus",
        "credentialSchema",
        "relatedResource",
        "refreshService",
        "termsOfUse",
        "evidence",
        "confidenceMethod",
        "renderMethod",
    }
)
_OF_TEXT: Final = frozenset({"@value", "@language", "@direction"})
"""Keywords of text in a language, which give no word a meaning."""

_LISTS: Final = ("statuslist", "revocationlist", "suspensionlist")
"""What types of status lists have in common, of all generations."""

Steps = tuple[str | int, ...]


def check_form(credential: Mapping[str, JsonValue], issuer: Did, *, at: Steps) -> None:
    """A credential of this issuer without status and proof, which are put in here.

    `at`: where it stands in the request. Raises: InvalidInput naming the member.
    """
    for name in credential:
        if name not in MEMBERS:
            raise InvalidInput(f"unknown member {name[:64]!a}: it is none of the data model 2.0", at=json_path(at))
    if "credentialStatus" in credential:
        raise InvalidInput("the status is given here: leave it out", at=json_path((*at, "credentialStatus")))
    _check_contexts(credential.get("@context"), (*at, "@context"))
    check_data_model(credential, at=at)
    _check_types(credential, at)
    if issuer_of(credential) != issuer:
        raise InvalidInput(f"must be {issuer}: credentials of nobody else are signed here", at=json_path((*at, "issuer")))
    if not isinstance(credential.get("id", ""), str):
        raise InvalidInput("must be a URL", at=json_path((*at, "id")))
    for subject, place in _subjects(credential, at):
        if "type" in subject:
            _check_types(subject, place)
        if "encodedList" in subject:
            raise InvalidInput("status lists are not signed here", at=json_path((*place, "encodedList")))
    for place, name in _keywords({name: value for name, value in credential.items() if name != "@context"}, at):
        raise InvalidInput(f"{name[:64]!a} has no place in a member", at=json_path(place))
    validity_of(credential, at=at)


def check_data_model(credential: Mapping[str, JsonValue], *, at: Steps) -> None:
    """A credential of the data model 2.0, whoever signed it: of another, the end of its validity may stand elsewhere.

    Raises: InvalidInput naming the member.
    """
    contexts, types = credential.get("@context"), credential.get("type")
    if not isinstance(contexts, list) or contexts[:1] != [VCDM_2]:
        raise InvalidInput(f"must be an array that begins with {VCDM_2}", at=json_path((*at, "@context")))
    if "VerifiableCredential" not in (types if isinstance(types, list) else [types]):
        raise InvalidInput("must hold VerifiableCredential", at=json_path((*at, "type")))
    _subjects(credential, at)


def issuer_of(credential: Mapping[str, JsonValue]) -> str | None:
    """The identifier of whom the credential names as its issuer, a string or an object with an `id`; None when there is none."""
    value = credential.get("issuer")
    name = value.get("id") if isinstance(value, dict) else value
    return name if isinstance(name, str) else None


def validity_of(credential: Mapping[str, JsonValue], *, at: Steps) -> tuple[datetime | None, datetime | None]:
    """From when and until when it is valid, in UTC; None where it does not say. Raises: InvalidInput naming the member."""
    found = [_moment(credential, name, at) for name in ("validFrom", "validUntil")]
    begins, ends = found
    if begins and ends and begins > ends:
        raise InvalidInput("must not be before validFrom", at=json_path((*at, "validUntil")))
    return begins, ends


def _moment(credential: Mapping[str, JsonValue], name: str, at: Steps) -> datetime | None:
    value = credential.get(name)
    return None if value is None else parse_moment(str(value), at=json_path((*at, name)))


def _check_contexts(value: JsonValue, at: Steps) -> None:
    if not isinstance(value, list) or value not in ([CONTEXTS[0]], [*CONTEXTS]):
        raise InvalidInput(f"must be an array of {CONTEXTS[0]} and, if need be, {CONTEXTS[1]} after it", at=json_path(at))


def _subjects(credential: Mapping[str, JsonValue], at: Steps) -> list[tuple[dict[str, JsonValue], Steps]]:
    """Each subject and where it stands; at least one."""
    value, place = credential.get("credentialSubject"), (*at, "credentialSubject")
    found = [(one, (*place, i)) for i, one in enumerate(value)] if isinstance(value, list) else [(value, place)]
    if not found:
        raise InvalidInput("must name at least one subject", at=json_path(place))
    subjects = []
    for one, where in found:
        if not isinstance(one, dict) or not one:
            raise InvalidInput("a subject is an object that is not empty", at=json_path(where))
        subjects.append((one, where))
    return subjects


def _check_types(holder: Mapping[str, JsonValue], at: Steps) -> None:
    value = holder.get("type")
    names = [name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str)]
    if not names or (isinstance(value, list) and len(names) < len(value)):
        raise InvalidInput("must be a string, or an array of strings", at=json_path((*at, "type")))
    if any(kind in name.lower() for name in names for kind in _LISTS):
        raise InvalidInput("status lists are not signed here", at=json_path((*at, "type")))


def _keywords(value: JsonValue, at: Steps) -> Iterator[tuple[Steps, str]]:
    """Every member, however deep, whose name is a keyword that can give words another meaning."""
    waiting: list[tuple[JsonValue, Steps]] = [(value, at)]
    while waiting:
        value, place = waiting.pop()
        if isinstance(value, dict):
            yield from (((*place, name), name) for name in value if name.startswith("@") and name not in _OF_TEXT)
            waiting += [(inner, (*place, name)) for name, inner in value.items()]
        elif isinstance(value, list):
            waiting += [(inner, (*place, i)) for i, inner in enumerate(value)]
