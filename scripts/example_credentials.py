"""Realistic microcredentials of people, courses and universities that do not exist.

Form: European Digital Credential for Learning (European Learning Model v3, JSON-LD, W3C VC Data Model 1.1).
Content: the eleven mandatory elements of Council Recommendation 2022/C 243/02, Annex I; docs/example-credential.md
says where each stands. The same arguments always make the same credential.

`python -m scripts.example_credentials OUT_DIR` writes one credential in each of the four forms of `example_formats`.
"""

import argparse
import hashlib
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from anchoring.types import Did
from scripts.example_courses import COURSES, Course, Learner, Outcome, Term, learner
from scripts.example_formats import as_pdf, as_sealed_edc, as_vc_jwt
from scripts.example_issuers import DemoIssuer, demo_issuers, demo_seal

# One import serves the demo: the other modules of this family are named here again.
__all__ = ["DemoIssuer", "as_pdf", "as_pretty_json", "as_sealed_edc", "as_vc_jwt", "demo_issuers", "demo_seal"]
__all__ += ["Credential", "european_microcredential", "main"]

Credential = dict[str, Any]

ISSUED: Final = datetime(2026, 9, 15, 9, 0, tzinfo=UTC)
CONTEXTS: Final = ("https://www.w3.org/2018/credentials/v1", "http://data.europa.eu/snb/model/context/edc-ap")
SCHEMA: Final = "http://data.europa.eu/snb/model/ap/edc-generic-full"

_GENERIC: Final = Term("e34929035b", "Generic")
_ECTS: Final = Term("6fcec5c5af", "European Credit Transfer System")
_SHORT_PROGRAMME: Final = Term("74a4a268e8", "Short learning programme")
_PROGRAMME_QUALITY: Final = Term("820101cba6", "Programme Quality Assurance")
_BASE64: Final = Term("6146cde7dd", "base64")

# The profile wants a picture of the credential: one blue pixel.
_PICTURE: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGOQtS8CAAFLAM9uMWUDAAAAAElFTkSuQmCC"


def european_microcredential(
    issuer: Did,
    learner_number: int,
    *,
    course_number: int | None = None,
    issued: datetime = ISSUED,
    credential_status: Mapping[str, str] | None = None,
) -> Credential:
    """The microcredential of one learner, unsigned.

    `issuer`: a DID; one that is not of `demo_issuers` borrows the name and address of one of them.
    `course_number`: any integer, taken modulo the number of courses; by default the learner's number.
    `credential_status`: the `credentialStatus` member, when an entry was reserved beforehand.
    Raises: ValueError if `issued` has no time zone or the learner's number is negative.
    """
    if issued.tzinfo is None:
        raise ValueError("the time of issuing needs a time zone")
    who = _issuer_profile(issuer)
    person = learner(learner_number)
    course_index = (learner_number if course_number is None else course_number) % len(COURSES)
    course = COURSES[course_index]
    moment = _timestamp(issued)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{issuer}/{person.number}/{course_index}/{moment}")
    credential: Credential = {
        "@context": list(CONTEXTS),
        "id": f"urn:credential:{identity}",
        "type": ["VerifiableCredential", "EuropeanDigitalCredential"],
        "credentialProfiles": _snb("credential", _GENERIC),
        "displayParameter": _display(course),
        "issuer": _organisation(who),
        "issuanceDate": moment,
        "issued": moment,
        "validFrom": moment,
        "credentialSchema": {"id": SCHEMA, "type": "ShaclValidator2017"},
        "credentialSubject": _subject(person, course, who, moment),
    }
    if credential_status is not None:
        credential["credentialStatus"] = dict(credential_status)
    return credential


def as_pretty_json(credential: Credential) -> bytes:
    """UTF-8 JSON for people to read, ending in a line feed."""
    return json.dumps(credential, ensure_ascii=False, indent=2).encode() + b"\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one example of each form and print the paths."""
    parser = argparse.ArgumentParser(description="Write one fictional microcredential in each form.")
    parser.add_argument("out_dir", type=Path, help="folder to write to; made if absent")
    out_dir: Path = parser.parse_args(arguments).out_dir
    issuer = demo_issuers()[0]
    credential = european_microcredential(issuer.did, 4)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("credential.jsonld", as_pretty_json(credential)),
        ("credential.vc.jwt", as_vc_jwt(credential, issuer.key).encode()),
        ("credential.edc.json", as_sealed_edc(credential, *demo_seal(issuer))),
        ("credential.pdf", as_pdf(credential)),
    ):
        (out_dir / name).write_bytes(content)
        sys.stdout.write(f"{out_dir / name}\n")
    return 0


def _issuer_profile(did: Did) -> DemoIssuer:
    issuers = demo_issuers()
    known = {issuer.did: issuer for issuer in issuers}
    return known.get(did) or replace(issuers[hashlib.sha256(did.encode()).digest()[0] % len(issuers)], did=did)


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _node(kind: str, number: int = 1, **members: object) -> dict[str, object]:
    # `urn:epass:` names are local to one credential, as the Europass tools write them.
    return {"id": f"urn:epass:{kind[0].lower()}{kind[1:]}:{number}", "type": kind, **members}


def _snb(vocabulary: str, term: Term) -> dict[str, object]:
    base = f"http://data.europa.eu/snb/{vocabulary}/"
    return _concept(base + term.code, base + "25831c2", prefLabel={"en": term.label})


def _authority(table: str, term: Term) -> dict[str, object]:
    scheme = f"http://publications.europa.eu/resource/authority/{table}"
    return _concept(f"{scheme}/{term.code}", scheme, notation=table, prefLabel={"en": term.label})


def _esco_skill(term: Term) -> dict[str, object]:
    base = "http://data.europa.eu/esco/"
    skill = base + "skill/" + term.code
    return _concept(skill, base + "concept-scheme/skills", notation="Skill", prefLabel={"en": term.label})


def _concept(uri: str, scheme: str, **members: object) -> dict[str, object]:
    return {"id": uri, "type": "Concept", "inScheme": {"id": scheme, "type": "ConceptScheme"}, **members}


def _english() -> dict[str, object]:
    return _authority("language", Term("ENG", "English"))


def _display(course: Course) -> dict[str, object]:
    picture = _node(
        "MediaObject",
        content=_PICTURE,
        contentEncoding=_snb("encoding", _BASE64),
        contentType=_authority("file-type", Term("PNG", "PNG")),
    )
    return _node(
        "DisplayParameter",
        title={"en": course.title},
        description={"en": course.objective},
        primaryLanguage=_english(),
        language=_english(),
        individualDisplay=_node(
            "IndividualDisplay",
            language=_english(),
            displayDetail=_node("DisplayDetail", image=picture, page=1),
        ),
    )


def _location(number: int, country: Term, address: str) -> dict[str, object]:
    return _node(
        "Location",
        number,
        address=_node(
            "Address",
            number,
            countryCode=_authority("country", country),
            fullAddress=_node("Note", number, noteLiteral={"en": address}),
        ),
    )


def _organisation(who: DemoIssuer) -> dict[str, object]:
    country = Term(who.country, who.country_name)
    return {
        "id": who.did,
        "type": "Organisation",
        "legalName": {who.language: who.name, "en": who.name_english},
        "location": _location(1, country, f"{who.street}, {who.city}"),
        "eIDASIdentifier": _node("LegalIdentifier", notation=who.legal_identifier, spatial=_authority("country", country)),
        "homepage": _node("WebResource", contentURL=who.homepage),
    }


def _subject(person: Learner, course: Course, who: DemoIssuer, moment: str) -> dict[str, object]:
    return {
        "id": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{who.did}/{person.number}')}",
        "type": "Person",
        "givenName": {"en": person.given_name},
        "familyName": {"en": person.family_name},
        "fullName": {"en": f"{person.given_name} {person.family_name}"},
        "dateOfBirth": _timestamp(person.date_of_birth),
        "nationalID": _node(
            "LegalIdentifier",
            2,
            notation=person.number,
            spatial=_authority("country", Term(who.country, who.country_name)),
        ),
        "hasClaim": _achievement(person, course, who, moment),
    }


def _achievement(person: Learner, course: Course, who: DemoIssuer, moment: str) -> dict[str, object]:
    return _node(
        "LearningAchievement",
        title={"en": course.title},
        description={"en": course.objective},
        awardedBy=_award(who, moment),
        provenBy=_node(
            "LearningAssessment",
            title={"en": f"Assessment: {course.title}"},
            awardedBy=_award(who, moment),
            grade=_node("Note", 2, noteLiteral={"en": person.grade}),
            specifiedBy=_node(
                "LearningAssessmentSpecification",
                title={"en": f"Assessment: {course.title}"},
                dcType=_snb("assessment", course.assessment),
            ),
        ),
        influencedBy=_node(
            "LearningActivity",
            title={"en": f"Course: {course.title}"},
            awardedBy=_award(who, moment),
            workload=f"PT{course.hours}H",
            specifiedBy=_node(
                "LearningActivitySpecification",
                title={"en": f"Course: {course.title}"},
                dcType=_snb("learning-activity", course.activity),
                mode=_snb("learning-assessment", course.mode),
            ),
        ),
        specifiedBy=_qualification(course),
    )


def _award(who: DemoIssuer, moment: str) -> dict[str, object]:
    return _node("AwardingProcess", awardingBody=_organisation(who), awardingDate=moment)


def _qualification(course: Course) -> dict[str, object]:
    abilities = "; ".join(outcome.title[0].lower() + outcome.title[1:] for outcome in course.outcomes)
    summary = f"The learner is able to: {abilities}."
    return _node(
        "Qualification",
        title={"en": course.title},
        dcType=_snb("learning-opportunity", _SHORT_PROGRAMME),
        language=_english(),
        thematicArea=_snb("isced-f", course.field),
        learningOutcome=[_outcome(number, outcome) for number, outcome in enumerate(course.outcomes, 1)],
        learningOutcomeSummary=_node("Note", 3, noteLiteral={"en": summary}),
        creditPoint=_node("CreditPoint", framework=_snb("education-credit", _ECTS), point=str(course.ects)),
        volumeOfLearning=f"PT{course.hours}H",
        eqfLevel=_snb("eqf", Term(str(course.eqf), f"Level {course.eqf}")),
        accreditation=_accreditation(),
    )


def _outcome(number: int, outcome: Outcome) -> dict[str, object]:
    skills = [_esco_skill(skill) for skill in outcome.skills]
    return _node("LearningOutcome", number, title={"en": outcome.title}, relatedESCOSkill=skills)


def _accreditation() -> dict[str, object]:
    agency = _node(
        "Organisation",
        legalName={"en": "Example Agency for Quality in Learning"},
        location=_location(4, Term("BEL", "Belgium"), "Voorbeeldstraat 4, Voorbeeldstad"),
    )
    return _node(
        "Accreditation",
        title={"en": "External quality assurance of short learning programmes"},
        dcType=_snb("accreditation", _PROGRAMME_QUALITY),
        accreditingAgent=agency,
    )


if __name__ == "__main__":
    sys.exit(main())
