"""Proofs inside PDFs for the verifier in JavaScript: what our command writes passes as in Python, and nothing else ever passes."""

import base64
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

import anchoring
from anchoring.core.report import CheckName
from anchoring.pdf.embedding import embed, prepare
from tests.integration.test_pdf import (
    CERTIFIED,
    PREPARED,
    SIGNED,
    attach,
    digest_of,
    draw,
    encrypted,
    fill_grade,
    grow_field,
    other_field,
    paint_over,
    proof_of,
    sign,
)
from tests.other_verifiers import ask
from tests.pdf_forgeries import FORGERIES, FORGERIES_WITH_FORM, append

pytestmark = pytest.mark.usefixtures("judged_here")


def with_streams(body: bytes) -> bytes:
    """With a cross-reference stream, as most programs write them, in place of a table."""
    writer, out = copy_into_new_writer(PdfFileReader(BytesIO(body)), {"stream_xrefs": True}), BytesIO()
    writer.write(out)
    return out.getvalue()


STREAMED = prepare(with_streams(draw()))
FILLED = embed(SIGNED, proof_of(SIGNED), digest_of(SIGNED))
ADDED = FILLED[len(SIGNED) :]
STREAM_FILLED = embed(STREAMED, proof_of(STREAMED), digest_of(STREAMED))
BEGINNING = f"its first {len(SIGNED)} bytes have the proof's digest, and what follows"


def judged(*cases: tuple[bytes, dict[str, Any]]) -> list[dict[str, Any]]:
    asked = [{"judge": "pdf", "body": base64.b64encode(body).decode(), "proof": proof} for body, proof in cases]
    verdicts = ask("verify_js", asked)
    assert [one["error"] for one in verdicts if "error" in one] == []
    return verdicts


def digest_check(body: bytes, issued: bytes) -> tuple[str, str]:
    [found] = judged((body, proof_of(issued)))
    return found["digest"]["outcome"], found["digest"]["reason"]


@pytest.mark.parametrize(
    "issued",
    [PREPARED, SIGNED, CERTIFIED, STREAMED, sign(STREAMED), SIGNED.rstrip(b"\n"), SIGNED[:-1] + b"\r\n"],
    ids=["unsigned", "signed", "certified", "streams", "streams, signed", "no line at the end", "another line at the end"],
)
def test_proof_that_was_put_in_is_found_and_passes_as_in_python(issued: bytes) -> None:
    proof = proof_of(issued)
    made = embed(issued, proof, digest_of(issued))

    [found] = judged((made, proof))

    assert found["inside"] == proof
    report = anchoring.verify(made, proof)
    [expected] = [one.reason for one in report.checks if one.name is CheckName.DIGEST]
    assert (found["digest"]["outcome"], found["digest"]["reason"]) == ("passed", expected)
    assert found["status"] == report.status.reason.removesuffix("=")
    assert "another credential" not in report.status.reason


@pytest.mark.parametrize("missing", [2, 5, 60, 600])
def test_file_whose_end_was_cut_off_has_no_proof_inside_as_in_python(missing: int) -> None:
    cut = embed(SIGNED, proof_of(SIGNED), digest_of(SIGNED))[:-missing]

    [found] = judged((cut, proof_of(SIGNED)))

    assert (found["inside"], anchoring.embedded_proof(cut)) == (None, None)


def test_issued_file_itself_passes_and_has_no_proof_inside() -> None:
    [found] = judged((SIGNED, proof_of(SIGNED)))

    assert (found["inside"], found["digest"]["outcome"]) == (None, "passed")


def test_later_seal_cannot_be_told_here_and_its_proof_is_still_found() -> None:
    proof = proof_of(PREPARED)
    sealed = sign(embed(PREPARED, proof, digest_of(PREPARED)))

    [found] = judged((sealed, proof))

    assert found["inside"] == proof
    assert found["digest"]["outcome"] == "cannot tell"
    assert found["digest"]["reason"].endswith("this verifier cannot tell whether it shows, credanchor proof verify can")


def test_changed_byte_and_another_file_fail() -> None:
    for at in (60, len(PREPARED) - 30, len(SIGNED) - 40):
        changed = bytearray(FILLED)
        changed[at] ^= 1
        assert digest_check(bytes(changed), SIGNED)[0] == "failed"
    bob = prepare(draw("Diploma of Bob"))
    assert digest_check(embed(bob, proof_of(SIGNED) | {"digest": proof_of(bob)["digest"]}, digest_of(bob)), SIGNED)[0] == "failed"


@pytest.mark.parametrize("change", [paint_over, grow_field, attach])
@pytest.mark.parametrize(
    "first", [SIGNED, FILLED, STREAMED, STREAM_FILLED], ids=["signed", "filled", "streams", "streams, filled"]
)
def test_revision_that_may_show_something_never_passes(first: bytes, change: Callable[[Any], None]) -> None:
    issued = SIGNED if first in (SIGNED, FILLED) else STREAMED

    assert digest_check(append(first, change), issued)[0] == "cannot tell"


def test_other_fields_and_other_files_never_pass() -> None:
    issued, bob = sign(other_field(PREPARED)), prepare(draw("Diploma of Bob"))
    proof = proof_of(issued)

    assert digest_check(append(embed(issued, proof, digest_of(issued)), fill_grade), issued)[0] == "cannot tell"
    assert digest_check(PREPARED + embed(bob, proof_of(bob), digest_of(bob)), PREPARED)[0] == "cannot tell"
    assert digest_check(encrypted(draw()) + ADDED, encrypted(draw()))[0] in {"cannot tell", "failed"}


def renumbered(number: int) -> bytes:
    """Our field in place of another object, as though that were the one that was made for it."""
    own = int(ADDED.split(b" ", 1)[0])
    assert len(str(own)) == len(str(number))
    return ADDED.replace(b"%d 0 obj" % own, b"%d 0 obj" % number).replace(b"\n%d 1\n" % own, b"\n%d 1\n" % number)


def grown(old: bytes, new: bytes) -> bytes:
    """A change before the table, with the places in it set right."""
    made = ADDED.replace(old, new, 1)
    assert made != ADDED
    return re.sub(rb"startxref\n\d+", b"startxref\n%d" % (len(SIGNED) + made.index(b"xref\n0 1")), made)


OFFSET = b"%010d" % len(SIGNED)
TRAILER = {name: re.search(rb"/%s (.*)\n" % name, ADDED)[1] for name in (b"Root", b"Info", b"Prev", b"Size")}  # type: ignore[index]
CRAFTED = {
    "in place of a page": renumbered(3),
    "in place of the catalogue": renumbered(int(TRAILER[b"Root"].split()[0])),
    "another catalogue": ADDED.replace(b"/Root " + TRAILER[b"Root"], b"/Root 6 0 R"),
    "another catalogue beside it": ADDED.replace(b"/Root ", b"/Root 6 0 R\n/Root "),
    "another info": ADDED.replace(b"/Info " + TRAILER[b"Info"], b"/Info 6 0 R"),
    "another revision before": ADDED.replace(b"/Prev " + TRAILER[b"Prev"], b"/Prev 1000"),
    "no revision before": ADDED.replace(b"/Prev " + TRAILER[b"Prev"] + b"\n", b""),
    "a size of its own": ADDED.replace(b"/Size " + TRAILER[b"Size"], b"/Size 99"),
    "encrypted from now on": ADDED.replace(b"/Root ", b"/Encrypt 6 0 R\n/Root "),
    "tables beside": ADDED.replace(b"/Root ", b"/XRefStm 900\n/Root "),
    "an object elsewhere": ADDED.replace(OFFSET, b"%010d" % (len(SIGNED) - 900)),
    "two objects": ADDED.replace(b"trailer", b"6 1\n" + OFFSET + b" 00000 n \ntrailer"),
    "another object taken away": ADDED.replace(b"trailer", b"6 1\n0000000000 00001 f \ntrailer"),
    "a list of what is free": ADDED.replace(b"0000000000 65535 f", b"0000000006 65535 f"),
    "another generation": ADDED.replace(OFFSET + b" 00000", OFFSET + b" 00001"),
    "a larger field": grown(b"/Rect [ 0 0 0 0 ]", b"/Rect [ 0 0 9 9 ]"),
    "a field that is not hidden": grown(b"/F 2", b"/F 4"),
    "a field on another page": grown(b"/P 3 0 R", b"/P 6 0 R"),
    "a field of another name": grown(b"(CredentialAnchorProof)", b"(CredentialAnchorGrade)"),
    "an appearance": grown(b"/F 2", b"/AP << /N 6 0 R >>\n/F 2"),
    "a value with an end in it": grown(b"/V (", b"/V ()\n/AA 6 0 R\n/X ("),
    "a value with a line in it": grown(b"/V (", b"/V (\n6 0 obj\n<< >>\nendobj\n"),
    "a member more in the proof": grown(b"/V (\\173", b"/V (\\173\\042grade\\042\\072\\042A\\042\\054"),
    "words before the proof": grown(b"/V (", b"/V (GradeA"),
    "an object before": b"6 0 obj\n<< >>\nendobj\n" + ADDED,
    "an object behind": grown(b"xref\n0 1", b"6 0 obj\n<< >>\nendobj\nxref\n0 1"),
    "a comment": grown(b"endobj\n", b"endobj\n%6 0 obj\n"),
    "something at the end": ADDED + b"6 0 obj\n<< >>\nendobj\n",
    "another end": ADDED + b"startxref\n1000\n%%EOF\n",
    "another place for the table": re.sub(rb"startxref\n\d+", b"startxref\n1000", ADDED),
    "no end": ADDED.replace(b"%%EOF\n", b""),
    "filled twice": ADDED + ADDED,
    "nothing but a line": b"\n\n",
    "a megabyte": ADDED.replace(b"/V (", b"/V (" + b"A" * 1_100_000),
}


def test_crafted_revision_never_passes() -> None:
    assert [name for name, added in CRAFTED.items() if added == ADDED] == []

    found = judged(*((SIGNED + added, proof_of(SIGNED)) for added in CRAFTED.values()))

    for name, one in zip(CRAFTED, found, strict=True):
        assert one["digest"]["outcome"] == "cannot tell", name
        assert one["digest"]["reason"].startswith(BEGINNING), name


def test_crafted_stream_never_passes() -> None:
    added = STREAM_FILLED[len(STREAMED) :]
    changes = [
        (rb"/Root \d+ 0 R", b"/Root 5 0 R"),
        (rb"/Prev \d+", b"/Prev 900"),
        (rb"/W \[ 1 8 2 \]", b"/W [ 8 1 2 ]"),
        (rb"/Index \[ 0 1 (\d+)", b"/Index [ 0 1 2"),
        (rb"(\d+) 0 obj\n<<\n/W", b"2 0 obj\n<<\n/W"),
        (rb"/Type /XRef", b"/Type /ObjStm"),
        (rb"\nendstream", b"junk\nendstream"),
        (rb"startxref\n\d+", b"startxref\n900"),
        (rb"/Filter", b"/DecodeParms 5 0 R\n/Filter"),
    ]
    made = [re.sub(old, new, added, count=1) for old, new in changes]
    made.append(
        re.sub(rb"(\d+) 0 obj\n<<\n/W", b"2 0 obj\n<<\n/W", re.sub(rb"/Size \d+", b"/Size 3", added))
    )  # a number that is taken
    length = int(re.search(rb"/Length (\d+)", added)[1])  # type: ignore[index]
    junk = b"\n6 0 obj\n<< >>\nendobj\n" * 3
    longer = added.replace(b"/Length %d" % length, b"/Length %d" % (length + len(junk)))
    made.append(longer.replace(b"\nendstream", junk + b"\nendstream"))
    assert added not in made

    found = judged(*((STREAMED + one, proof_of(STREAMED)) for one in made))

    assert [one["digest"]["outcome"] for one in found] == ["cannot tell"] * len(made)


def test_files_changed_at_random_never_pass() -> None:
    cases = []
    for filled, issued in ((FILLED, SIGNED), (STREAM_FILLED, STREAMED)):
        for at in range(len(issued), len(filled), 7):
            cases.append((filled[:at] + bytes([filled[at] ^ 1]) + filled[at + 1 :], proof_of(issued)))
            cases.append((filled[:at] + filled[at + 1 :], proof_of(issued)))

    found = judged(*cases)

    passed = [body for (body, _), one in zip(cases, found, strict=True) if one["digest"]["outcome"] == "passed"]
    for body in passed:  # a digit of the identifier, or a letter of the proof: it shows nothing either way
        issued = SIGNED if body.startswith(SIGNED) else STREAMED
        filled = FILLED if issued is SIGNED else STREAM_FILLED
        assert anchoring.verify(body, proof_of(issued)).checks[0].outcome is anchoring.Outcome.PASSED
        assert len(body) <= len(filled)


def test_whatever_is_put_behind_a_pdf_never_passes() -> None:
    drawn = draw()
    forged = [(forge(FILLED), proof_of(SIGNED)) for forge in (FORGERIES | FORGERIES_WITH_FORM).values()]
    forged += [(forge(drawn), proof_of(drawn)) for forge in FORGERIES.values()]

    assert {found["digest"]["outcome"] for found in judged(*forged)} <= {"failed", "cannot tell"}
