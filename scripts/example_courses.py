"""What the example credentials are about: short courses, and learners who do not exist.

Codes are those of the EU controlled vocabularies (data.europa.eu/snb) and of ESCO; fields of study are ISCED-F 2013.
Learners bear the word for "example" of some European language as their family name.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Term:
    """An entry of a controlled vocabulary: its code there and its English label."""

    code: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One learning outcome and the ESCO skills it stands for."""

    title: str
    skills: tuple[Term, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A course that ends in a microcredential. `ects`: credit points, 25 hours of work each. `eqf`: level 1 to 8."""

    title: str
    objective: str
    outcomes: tuple[Outcome, ...]
    ects: int
    eqf: int
    field: Term
    assessment: Term
    mode: Term
    activity: Term

    @property
    def hours(self) -> int:
        """Notional workload in hours."""
        return 25 * self.ects


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """`number`: what the university calls this learner."""

    given_name: str
    family_name: str
    number: str
    date_of_birth: datetime
    grade: str


ONLINE: Final = Term("920fbb3cbe", "Online")
BLENDED: Final = Term("e92d221e4d", "Blended")
PRESENTIAL: Final = Term("9191af2ed9", "Presential")

E_LEARNING: Final = Term("bf2e3a7bae", "e-learning coursework")
CLASSROOM: Final = Term("ff436ea7c9", "classroom coursework")
WORKSHOP: Final = Term("efff75e10a", "workshop, seminar or conference")

COURSES: Final = (
    Course(
        title="Data Analysis with Python",
        objective="Turns raw tables into findings that others can check and repeat.",
        outcomes=(
            Outcome(
                title="Clean and combine data sets with short, readable programs",
                skills=(Term("ccd0a1d9-afda-43d9-b901-96344886e14d", "Python (computer programming)"),),
            ),
            Outcome(
                title="Test an assumption against data and state how sure the result is",
                skills=(Term("2b92a5b2-6758-4ee3-9fb4-b6387a55cc8f", "perform data analysis"),),
            ),
            Outcome(
                title="Present findings in charts that a lay reader understands",
                skills=(Term("c3e36d05-8ae8-447f-bb2b-6f9409f85389", "deliver visual presentation of data"),),
            ),
        ),
        ects=4,
        eqf=6,
        field=Term("0542", "Statistics"),
        assessment=Term("795dac4096", "project work"),
        mode=BLENDED,
        activity=E_LEARNING,
    ),
    Course(
        title="Cybersecurity for Small Organisations",
        objective="Prepares the person who looks after computers in a school, a practice or a workshop.",
        outcomes=(
            Outcome(
                title="Recognise the usual attacks and choose measures against them",
                skills=(Term("8088750d-8388-4170-a76f-48354c469c44", "cyber security"),),
            ),
            Outcome(
                title="Write and keep up rules for passwords, copies and access",
                skills=(Term("86d2e2ea-1ba2-4aa6-b465-8a1f9abc81b8", "apply information security policies"),),
            ),
            Outcome(
                title="Weigh risks and put them in order with the management",
                skills=(Term("69cfc5ed-6569-4aca-a4cc-fd782ba51d9c", "implement ICT risk management"),),
            ),
        ),
        ects=3,
        eqf=5,
        field=Term("0612", "Database and network design and administration"),
        assessment=Term("6e6cb2cc78", "written examination"),
        mode=ONLINE,
        activity=E_LEARNING,
    ),
    Course(
        title="Agile Project Management in Practice",
        objective="Leads a small team through three iterations of a real project.",
        outcomes=(
            Outcome(
                title="Plan and review iterations with a team and its client",
                skills=(
                    Term("0a9acb6b-1139-4be9-b431-3a80a959f2f4", "Agile project management"),
                    Term("60c78287-22eb-4103-9c8c-28deaa460da0", "work in teams"),
                ),
            ),
            Outcome(
                title="Keep a schedule visible and act on delays in time",
                skills=(Term("0e1fe34b-f4e7-4642-8c8b-5a05ac3438e5", "manage schedule of tasks"),),
            ),
        ),
        ects=2,
        eqf=6,
        field=Term("0413", "Management and administration"),
        assessment=Term("d30284d7df", "oral examination"),
        mode=PRESENTIAL,
        activity=WORKSHOP,
    ),
    Course(
        title="Creating Digital Learning Content",
        objective="Accompanies teachers from an idea to material that others reuse.",
        outcomes=(
            Outcome(
                title="Design, produce and license a digital learning unit",
                skills=(Term("5fd5c985-eaaa-47aa-8314-62359c54505a", "develop digital content"),),
            ),
            Outcome(
                title="Develop the unit together with colleagues and learners",
                skills=(
                    Term("326809fc-238d-40c2-881e-40042f7f2f0d", "establish collaborative relations"),
                    Term("80f308e6-0e09-404a-80cd-ec5f50f6f304", "communicate with target community"),
                ),
            ),
        ),
        ects=5,
        eqf=6,
        field=Term("0111", "Education science"),
        assessment=Term("4f03b91c0e", "portfolio"),
        mode=BLENDED,
        activity=CLASSROOM,
    ),
)

_GIVEN_NAMES: Final = ("Aino", "Bruno", "Carla", "Darko", "Elena", "Finn", "Greta", "Hugo", "Irena", "Jonas", "Katja")
_FAMILY_NAMES: Final = ("Ejemplo", "Esimerkki", "Primer", "Beispiel", "Exemple", "Esempio", "Voorbeeld", "Exemplo")
_GRADES: Final = ("Pass", "Good", "Very good", "Excellent")
_FIRST_BIRTHDAY: Final = datetime(1970, 1, 1, tzinfo=UTC)


def learner(number: int) -> Learner:
    """The learner of that number; no two numbers share `Learner.number`. Raises: ValueError below zero."""
    if number < 0:
        raise ValueError(f"learners are numbered from 0, not {number}")
    return Learner(
        given_name=_GIVEN_NAMES[number % len(_GIVEN_NAMES)],
        family_name=_FAMILY_NAMES[number // len(_GIVEN_NAMES) % len(_FAMILY_NAMES)],
        number=f"EXAMPLE-{number:07d}",
        date_of_birth=_FIRST_BIRTHDAY + timedelta(days=number * 7919 % 12_000),
        grade=_GRADES[number % len(_GRADES)],
    )
