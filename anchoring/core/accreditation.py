"""Whether a Trusted Issuers Registry shows a credential's issuer as accredited for its types (EBSI Issuer Trust Model v3).

A credential names its accreditations under `termsOfUse`, each an attribute of its issuer in the registry. As EBSI's own library
does, one step is made and the registry's word is taken: neither is the accreditation's own signature checked, nor are the
accreditations of whoever gave it. An accreditation must be in force at the time that the proof names for the anchor.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from anchoring.core.claimed_issuer import claimed_issuer
from anchoring.core.claims import read_claims
from anchoring.core.moments import parse_moment
from anchoring.core.outcome import Outcome
from anchoring.core.proof_json import format_time
from anchoring.core.report import Check, CheckName
from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.errors import InvalidInput

MOST_REFERENCES: Final = 8
LIMITS: Final = JsonLimits(max_bytes=256 * 1024, max_depth=16, max_values=20_000)
KINDS: Final = ("TI", "TAO", "RootTAO")
"""What the registry calls attributes that stand: of a trusted issuer, an accreditation body, a root of such."""

_GENERAL: Final = frozenset({"VerifiableCredential", "VerifiableAttestation"})
_OF_TRUST: Final = ("VerifiableAccreditation", "VerifiableAuthorisation")
_ATTRIBUTE: Final = re.compile(r"[0-9A-Za-z]{1,100}")
_UNSEEN: Final = "the accreditation's own signature and that of its giver were not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccreditationClaim:
    """What a credential says of its issuer's accreditation; unverified. `references`: URLs of attributes in a registry."""

    issuer: str
    types: tuple[str, ...]
    references: tuple[str, ...]


class _NotShown(Exception):
    """Why an accreditation does not count."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome
        self.why = why


def read_accreditation_claim(credential: bytes) -> AccreditationClaim | None:
    """None for files that name no issuer, or no accreditation of it. NOTHING IS VERIFIED HERE."""
    try:
        claims, issuer = read_claims(credential), claimed_issuer(credential)
    except InvalidInput:
        return None
    if claims is None or issuer is None:
        return None
    document = _document(claims)
    terms = [
        one for one in _many(document.get("termsOfUse")) if isinstance(one, dict) and one.get("type") == "IssuanceCertificate"
    ]
    references = [one for one in (term.get("id") for term in terms) if isinstance(one, str)][:MOST_REFERENCES]
    if not references:
        return None
    return AccreditationClaim(issuer=issuer.identifier, types=_texts(document.get("type")), references=tuple(references))


def attributes_to_ask(claim: AccreditationClaim | None, registry: str | None) -> list[str]:
    """Those references that are attributes of the credential's issuer in this registry, the URL of its issuers."""
    return [one for one in claim.references if _is_own(one, claim.issuer, registry)] if claim and registry else []


def check_accreditation(
    claim: AccreditationClaim | None, registry: str | None, answers: Mapping[str, bytes | str | None], *, at: datetime
) -> Check:
    """`answers`: of each of `attributes_to_ask`, its JSON; None where the registry has nothing there; or why there is no answer.

    `at`: when the credential was anchored.
    """
    if claim is None or registry is None:
        named = f": the credential names {', '.join(claim.references)}" if claim else ""
        why = f"the issuer's accreditation was not checked{named}"
        return Check(name=CheckName.ACCREDITATION, outcome=Outcome.CANNOT_TELL, reason=why)
    try:
        return Check(name=CheckName.ACCREDITATION, outcome=Outcome.PASSED, reason=_accredited(claim, registry, answers, at))
    except _NotShown as shown:
        return Check(name=CheckName.ACCREDITATION, outcome=shown.outcome, reason=shown.why)


def _accredited(claim: AccreditationClaim, registry: str, answers: Mapping[str, bytes | str | None], at: datetime) -> str:
    if any(name.startswith(_OF_TRUST) for name in claim.types):
        raise _NotShown(
            Outcome.CANNOT_TELL, "the credential is an accreditation itself, and who may give such is not judged here"
        )
    covered: set[str] = set(_GENERAL)
    given = []
    for reference in claim.references:
        if not _is_own(reference, claim.issuer, registry):
            is_here = reference.startswith(f"{registry.rstrip('/')}/")
            why = (
                f"{reference} is no attribute of {claim.issuer}" if is_here else f"{reference} is not in the registry {registry}"
            )
            raise _NotShown(Outcome.FAILED if is_here else Outcome.CANNOT_TELL, why)
        types, words = _attribute(reference, answers[reference], claim.issuer, at)
        covered |= types
        given.append(words)
    if missing := [name for name in claim.types if name not in covered]:
        raise _NotShown(Outcome.FAILED, f"{claim.issuer} is not accredited for {', '.join(missing)}, says {registry}")
    return f"{claim.issuer} is accredited for {', '.join(claim.types)}: {'; '.join(given)}, says {registry}; {_UNSEEN}"


def _attribute(reference: str, answer: bytes | str | None, issuer: str, at: datetime) -> tuple[frozenset[str], str]:
    """The types that it accredits for, and what it is in words. Raises: _NotShown."""
    if answer is None:
        raise _NotShown(Outcome.FAILED, f"{reference} is not there, says its registry")
    if isinstance(answer, str):
        raise _NotShown(Outcome.CANNOT_TELL, f"{reference} is out of reach: {answer}")
    try:
        read = parse(answer, LIMITS)
        attribute = read.get("attribute") if isinstance(read, dict) and read.get("did") == issuer else None
        kind, body = (attribute.get("issuerType"), attribute.get("body")) if isinstance(attribute, dict) else (None, None)
        if kind == "Revoked":
            raise _NotShown(Outcome.FAILED, f"{reference} was revoked")
        if kind not in KINDS or not isinstance(body, str):
            raise _NotShown(Outcome.CANNOT_TELL, f"{reference} is not described as an attribute of {issuer}")
        if not body:
            raise _NotShown(Outcome.FAILED, f"{reference} is reserved, and no accreditation stands there")
        claims = read_claims(body.encode(), limits=LIMITS)
        if claims is not None:
            return _accreditation(reference, _document(claims), issuer, at)
    except InvalidInput:
        pass  # as a body that is neither JSON nor a token
    raise _NotShown(Outcome.CANNOT_TELL, f"{reference} cannot be read as an accreditation")


def _accreditation(reference: str, document: Mapping[str, JsonValue], issuer: str, at: datetime) -> tuple[frozenset[str], str]:
    subject = document.get("credentialSubject")
    if not isinstance(subject, dict) or subject.get("id") != issuer:
        raise _NotShown(Outcome.FAILED, f"{reference} accredits another than {issuer}")
    begins, ends = _moment(document, "validFrom"), _moment(document, "expirationDate") or _moment(document, "validUntil")
    if begins and at < begins:  # it may have been renewed since
        raise _NotShown(
            Outcome.CANNOT_TELL,
            f"{reference} began at {format_time(begins)}, after the anchor of {format_time(at)}: an earlier revision may tell",
        )
    if ends and at > ends:
        raise _NotShown(Outcome.FAILED, f"{reference} ended at {format_time(ends)}, before the anchor of {format_time(at)}")
    types = {name for one in _many(subject.get("accreditedFor")) if isinstance(one, dict) for name in _texts(one.get("types"))}
    giver = document.get("issuer")
    name = giver.get("id") if isinstance(giver, dict) else giver
    until = f" until {format_time(ends)}" if ends else ""
    return frozenset(types), f"by {name if isinstance(name, str) else 'somebody without a name'}{until}"


def _is_own(reference: str, issuer: str, registry: str) -> bool:
    own = f"{registry.rstrip('/')}/{issuer}/attributes/"
    return reference.startswith(own) and _ATTRIBUTE.fullmatch(reference.removeprefix(own)) is not None


def _moment(document: Mapping[str, JsonValue], name: str) -> datetime | None:
    value = document.get(name)
    return None if value is None else parse_moment(str(value), at=name)


def _document(claims: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The credential itself: in a JWT of the data model 1.1 it is a member of the claims."""
    envelope = claims.get("vc")
    return envelope if isinstance(envelope, dict) else claims


def _many(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _texts(value: JsonValue) -> tuple[str, ...]:
    return tuple(one for one in _many(value) if isinstance(one, str))
