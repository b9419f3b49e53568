"""A one-page PDF diploma of an example credential: A4 across, the standard PDF fonts, nothing that varies between runs.

reportlab's invariant mode fixes the file identifier; the document dates are the date of issuing; the page is not
compressed, as deflate differs between zlib builds.
"""

import hashlib
import io
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = landscape(A4)
LEFT: Final = 64
RIGHT: Final = WIDTH - 64
FACTS_LEFT: Final = 560
BAND_HEIGHT: Final = 84
INK: Final = HexColor(0x222222)
GREY: Final = HexColor(0x666666)

_ISSUER_COLOURS: Final = (0x1D3F72, 0x7A1F3D, 0x1F5C4A)


def draw_diploma(credential: Mapping[str, Any]) -> bytes:
    """The PDF file of a credential made by `european_microcredential`."""
    issuer = credential["issuer"]
    claim = credential["credentialSubject"]["hasClaim"]
    issued = datetime.fromisoformat(credential["issued"])
    number = hashlib.sha256(issuer["id"].encode()).digest()[2]
    colour = HexColor(_ISSUER_COLOURS[number % len(_ISSUER_COLOURS)])
    file = io.BytesIO()
    page = Canvas(file, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=0, lang="en")
    page.setDateFormatter(lambda *_now: f"D:{issued:%Y%m%d%H%M%S}+00'00'")
    page.setTitle(f"{_text(claim['title'])}: microcredential")
    page.setAuthor(_text(issuer["legalName"]))
    page.setSubject(credential["id"])
    page.setCreator("CredAnchor example, not a real diploma")
    _draw_frame(page, colour)
    _draw_heading(page, issuer, colour)
    _draw_award(page, credential, colour)
    _draw_outcomes(page, claim["specifiedBy"]["learningOutcome"], colour)
    _draw_facts(page, _facts(claim, issuer, issued), colour)
    _draw_foot(page, credential)
    page.showPage()
    page.save()
    return file.getvalue()


def _text(by_language: Mapping[str, str]) -> str:
    return by_language["en"]


def _facts(claim: Mapping[str, Any], issuer: Mapping[str, Any], issued: datetime) -> list[tuple[str, str]]:
    course = claim["specifiedBy"]
    hours = course["volumeOfLearning"].removeprefix("PT").removesuffix("H")
    address = issuer["location"]["address"]
    assessment = _text(claim["provenBy"]["specifiedBy"]["dcType"]["prefLabel"])
    return [
        ("Workload", f"{course['creditPoint']['point']} ECTS credits, {hours} hours"),
        ("Level", f"EQF {_text(course['eqfLevel']['prefLabel']).lower()}"),
        ("Assessment", f"{assessment.capitalize()}: {_text(claim['provenBy']['grade']['noteLiteral']).lower()}"),
        ("Participation", _text(claim["influencedBy"]["specifiedBy"]["mode"]["prefLabel"])),
        ("Quality assurance", _text(course["accreditation"]["dcType"]["prefLabel"])),
        ("Issued", f"{issued.day} {issued:%B %Y}, {_text(address['countryCode']['prefLabel'])}"),
    ]


def _draw_frame(page: Any, colour: Color) -> None:
    page.setStrokeColor(colour)
    page.setLineWidth(2.5)
    page.rect(22, 22, WIDTH - 44, HEIGHT - 44)
    page.setLineWidth(0.6)
    page.rect(28, 28, WIDTH - 56, HEIGHT - 56)


def _draw_heading(page: Any, issuer: Mapping[str, Any], colour: Color) -> None:
    bottom = HEIGHT - 28 - BAND_HEIGHT
    page.setFillColor(colour)
    page.rect(28, bottom, WIDTH - 56, BAND_HEIGHT, stroke=0, fill=1)
    native = next(name for language, name in issuer["legalName"].items() if language != "en")
    page.setFillColor(white)
    page.setFont("Times-Bold", 24)
    page.drawString(LEFT, bottom + 44, native)
    page.setFont("Helvetica", 10)
    page.drawString(LEFT, bottom + 24, _text(issuer["legalName"]))
    page.drawRightString(RIGHT, bottom + 24, _text(issuer["location"]["address"]["fullAddress"]["noteLiteral"]))
    page.setFont("Helvetica-Bold", 11)
    page.drawRightString(RIGHT, bottom + 46, "EUROPEAN MICROCREDENTIAL", charSpace=1.2)


def _draw_award(page: Any, credential: Mapping[str, Any], colour: Color) -> None:
    subject = credential["credentialSubject"]
    top = HEIGHT - 28 - BAND_HEIGHT
    page.setFillColor(GREY)
    page.setFont("Times-Italic", 13)
    page.drawString(LEFT, top - 40, "This is to certify that")
    page.drawString(LEFT, top - 106, "has successfully completed the course")
    page.setFillColor(INK)
    page.setFont("Times-Bold", 32)
    page.drawString(LEFT, top - 76, _text(subject["fullName"]))
    page.setFont("Helvetica", 9)
    page.setFillColor(GREY)
    page.drawRightString(RIGHT, top - 40, f"Learner number {subject['nationalID']['notation']}")
    page.setFillColor(colour)
    page.setFont("Times-Bold", 25)
    page.drawString(LEFT, top - 138, _text(subject["hasClaim"]["title"]))
    page.setFillColor(INK)
    page.setFont("Times-Italic", 12)
    page.drawString(LEFT, top - 158, _text(subject["hasClaim"]["description"]))


def _draw_outcomes(page: Any, outcomes: list[dict[str, Any]], colour: Color) -> None:
    y = 286
    page.setFillColor(colour)
    page.setFont("Helvetica-Bold", 9.5)
    page.drawString(LEFT, y, "LEARNING OUTCOMES", charSpace=0.8)
    for outcome in outcomes:
        y -= 24
        page.setFillColor(colour)
        page.rect(LEFT, y + 1, 5, 5, stroke=0, fill=1)
        page.setFillColor(INK)
        page.setFont("Helvetica", 11)
        page.drawString(LEFT + 14, y, _text(outcome["title"]))
        skills = "ESCO: " + ", ".join(_text(skill["prefLabel"]) for skill in outcome["relatedESCOSkill"])
        page.setFillColor(GREY)
        page.setFont("Helvetica", 8.5)
        y -= 13
        page.drawString(LEFT + 14, y, skills)


def _draw_facts(page: Any, facts: list[tuple[str, str]], colour: Color) -> None:
    page.setStrokeColor(colour)
    page.setLineWidth(0.8)
    page.line(FACTS_LEFT - 22, 300, FACTS_LEFT - 22, 96)
    y = 286
    for label, value in facts:
        page.setFillColor(colour)
        page.setFont("Helvetica-Bold", 8.5)
        page.drawString(FACTS_LEFT, y, label.upper(), charSpace=0.8)
        page.setFillColor(INK)
        page.setFont("Helvetica", 11)
        page.drawString(FACTS_LEFT, y - 14, value)
        y -= 35


def _draw_foot(page: Any, credential: Mapping[str, Any]) -> None:
    page.setStrokeColor(GREY)
    page.setLineWidth(0.4)
    page.line(LEFT, 74, RIGHT, 74)
    page.setFillColor(GREY)
    page.setFont("Helvetica", 7.5)
    page.drawString(LEFT, 60, credential["id"])
    page.drawString(LEFT, 48, credential["issuer"]["id"])
    page.drawRightString(RIGHT, 60, "Example only: the university, the course and the learner do not exist.")
    page.drawRightString(RIGHT, 48, "Elements of Council Recommendation 2022/C 243/02, Annex I")
