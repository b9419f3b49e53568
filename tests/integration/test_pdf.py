"""Proofs inside PDFs, signed and not, and what a verifier makes of the longer file and of its signatures."""

import hashlib
import json
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import keys
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen import canvas

from anchoring.core.canonical import CanonicalForm
from anchoring.core.embedding import NotInside
from anchoring.core.leaf import issuer_id_of, leaf_hash
from anchoring.core.outcome import Outcome
from anchoring.core.verification import NoForm, SignatureFinding
from anchoring.errors import InvalidInput
from anchoring.pdf.embedding import FIELD, embed, embedded_proof, later_form, prepare
from anchoring.pdf.judge import bounded_later_form, bounded_signatures
from anchoring.pdf.signatures import judge_signatures
from anchoring.types import Digest, as_salt, parse_did, to_hex
from tests.credanchor import Credanchor
from tests.pdf_forgeries import FORGERIES, FORGERIES_WITH_FORM, append
from tests.trees import read_vectors

PASSED, FAILED, CANNOT_TELL = Outcome.PASSED, Outcome.FAILED, Outcome.CANNOT_TELL
PROOF: dict[str, Any] = read_vectors("proof.json")["proofs"][0]["proof"]
NOW = datetime.now(UTC)


@dataclass(frozen=True)
class Authority:
    """A certificate authority and a signer that it vouches for."""

    signer: signers.SimpleSigner
    root: asn1.Certificate
    pem: bytes


def make_authority(name: str) -> Authority:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate(name, root_key, name, root_key, is_authority=True)
    leaf = certificate("University", key, name, root_key, is_authority=False)
    pkcs8 = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    store = SimpleCertificateStore()
    store.register(load(root))
    signer = signers.SimpleSigner(signing_cert=load(leaf), signing_key=keys.PrivateKeyInfo.load(pkcs8), cert_registry=store)
    return Authority(signer, load(root), root.public_bytes(serialization.Encoding.PEM))


def certificate(subject: str, key: Any, issuer: str, issuer_key: Any, *, is_authority: bool) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    usage = {"content_commitment": not is_authority, "key_cert_sign": is_authority, "crl_sign": is_authority}
    others = ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only")
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=True, **usage, **dict.fromkeys(others, False)), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


def load(made: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(made.public_bytes(serialization.Encoding.DER))


AUTHORITY, STRANGER = make_authority("Ministry"), make_authority("Stranger")


def draw(words: str = "Diploma of Ada Núñez") -> bytes:
    out = BytesIO()
    page = canvas.Canvas(out)
    page.drawString(100, 700, words)
    page.save()
    return out.getvalue()


def sign(body: bytes, authority: Authority = AUTHORITY, name: str = "Seal", **more: Any) -> bytes:
    meta = signers.PdfSignatureMetadata(field_name=name, subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256", **more)
    made: Any = signers.sign_pdf(IncrementalPdfFileWriter(BytesIO(body)), meta, signer=authority.signer)
    content: bytes = made.getvalue()
    return content


def paint_over(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    page[pdf_name("/Contents")] = writer.add_object(generic.StreamObject(stream_data=b"BT /F1 20 Tf 50 50 Td (Grade A) Tj ET"))
    writer.update_container(page)


def grow_field(writer: IncrementalPdfFileWriter) -> None:
    for ref in writer.root["/AcroForm"]["/Fields"]:
        field = ref.get_object()
        if field["/T"] == FIELD:
            field[pdf_name("/Rect")] = generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 600, 800)])
            field[pdf_name("/F")] = generic.NumberObject(4)
            writer.mark_update(ref)


def attach(writer: IncrementalPdfFileWriter) -> None:
    writer.root[pdf_name("/AF")] = generic.ArrayObject(
        [writer.add_object(generic.DictionaryObject({pdf_name("/Type"): pdf_name("/Filespec")}))]
    )
    writer.update_root()


def other_field(body: bytes) -> bytes:
    """A text field that shows, before signing."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        field = {"/FT": pdf_name("/Tx"), "/T": pdf_string("Grade"), "/Type": pdf_name("/Annot"), "/Subtype": pdf_name("/Widget")}
        rect = generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 99, 99)])
        made = generic.DictionaryObject({pdf_name(name): value for name, value in field.items()} | {pdf_name("/Rect"): rect})
        writer.root["/AcroForm"]["/Fields"].append(writer.add_object(made))
        writer.update_container(writer.root["/AcroForm"]["/Fields"])

    return append(body, change)


def fill_grade(writer: IncrementalPdfFileWriter) -> None:
    for ref in writer.root["/AcroForm"]["/Fields"]:
        if ref.get_object()["/T"] == "Grade":
            ref.get_object()[pdf_name("/V")] = pdf_string("A")
            writer.mark_update(ref)


def digest_of(body: bytes) -> Digest:
    return Digest(hashlib.sha256(body).digest())


def encrypted(body: bytes) -> bytes:
    writer, out = copy_into_new_writer(PdfFileReader(BytesIO(body))), BytesIO()
    writer.encrypt("owner", "")
    writer.write(out)
    return out.getvalue()


PREPARED = prepare(draw())
SIGNED = sign(PREPARED)
CERTIFIED = sign(PREPARED, certify=True, docmdp_permissions=MDPPerm.FILL_FORMS)


@pytest.mark.parametrize("issued", [PREPARED, SIGNED, CERTIFIED], ids=["unsigned", "signed", "certified"])
def test_proof_goes_in_and_the_issued_bytes_stay(issued):
    made = embed(issued, PROOF, digest_of(issued))

    assert made.startswith(issued)
    assert embedded_proof(made) == PROOF
    form = later_form(made, digest_of(issued))
    assert isinstance(form, CanonicalForm)
    assert (form.data, form.notes) == (issued, (f"it is that of the first {len(issued)} bytes; what follows shows nothing",))
    outcome = judge_signatures(made, [AUTHORITY.root.dump()], NOW).outcome
    assert outcome is (CANNOT_TELL if issued is PREPARED else PASSED)


def test_pdf_of_which_no_beginning_has_the_digest_takes_no_process(monkeypatch):
    monkeypatch.setattr("anchoring.pdf.judge.WAIT_MOST_S", 0)
    assert bounded_later_form(SIGNED, Digest(bytes(32))) is None


def test_pdf_that_is_anchored_first_may_be_sealed_with_its_proof_inside():
    sealed = sign(embed(PREPARED, PROOF, digest_of(PREPARED)))

    assert isinstance(later_form(sealed, digest_of(PREPARED)), CanonicalForm)
    assert judge_signatures(sealed, [AUTHORITY.root.dump()], NOW).outcome is PASSED


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (draw(), "has no field for it"),
        (sign(draw()), "has no field for it"),
        (embed(PREPARED, PROOF, digest_of(PREPARED)), "filled already"),
        (encrypted(PREPARED), "is encrypted"),
        (PREPARED.replace(b"startxref\n", b"startxref\n9"), "cannot be read"),
        (b"%PDF-1.7\n", "it was cut off"),
    ],
    ids=["unprepared", "signed", "filled", "encrypted", "broken", "empty"],
)
def test_pdf_that_takes_no_proof_says_why(body, why):
    with pytest.raises(NotInside, match=why):
        embed(body, PROOF, digest_of(body))


def test_signature_that_allows_no_changes_is_not_broken():
    final = sign(PREPARED, certify=True, docmdp_permissions=MDPPerm.NO_CHANGES)
    with pytest.raises(NotInside, match="allows no field to be filled"):
        embed(final, PROOF, digest_of(final))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (PREPARED, "has a field"),
        (SIGNED, "signed already"),
        (encrypted(draw()), "encrypted"),
        (SIGNED[: len(PREPARED) + 500], "it was cut off"),
        (b"more" + draw(), "stands before or behind it"),
        (b"%PDF-1.7\n" + bytes(200_000), "it was cut off"),
    ],
    ids=["prepared", "signed", "encrypted", "cut off", "begins late", "zeros"],
)
def test_field_is_made_once_and_before_signing(body, why):
    with pytest.raises(InvalidInput, match=why):
        prepare(body)


def test_proof_of_another_pdf_is_refused_and_found_out():
    with pytest.raises(InvalidInput, match="of another file"):
        embed(SIGNED, PROOF, digest_of(PREPARED))
    made = embed(SIGNED, PROOF, digest_of(SIGNED))
    assert later_form(made, digest_of(draw("Diploma of Bob"))) is None


@pytest.mark.parametrize("at", [60, len(PREPARED) - 30, len(SIGNED) - 40], ids=["page", "field", "end"])
def test_changed_byte_of_what_was_issued_is_found_out(at):
    made = bytearray(embed(SIGNED, PROOF, digest_of(SIGNED)))
    made[at] ^= 1
    assert later_form(bytes(made), digest_of(SIGNED)) is None
    assert judge_signatures(bytes(made), [AUTHORITY.root.dump()], NOW).outcome is not PASSED


@pytest.mark.parametrize("issued", [PREPARED, SIGNED], ids=["unsigned", "signed"])
@pytest.mark.parametrize("change", [paint_over, grow_field, attach])
def test_revision_that_may_show_something_else_is_found_out(issued, change):
    """Shadow attacks: what was issued is still the beginning of the file."""
    made = append(embed(issued, PROOF, digest_of(issued)), change)

    found = later_form(made, digest_of(issued))

    assert isinstance(found, NoForm)
    assert found.outcome is FAILED
    if issued is SIGNED:
        assert judge_signatures(made, [AUTHORITY.root.dump()], NOW).outcome is FAILED


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (json.dumps(PROOF | {"grade": "Excellent"}), r"\$\.grade"),
        (json.dumps(PROOF | {"type": ["CredentialAnchorProof"]}), r"\$\.type"),
        (f"Grade: Excellent {json.dumps(PROOF)}", "expected a value"),
        ("[]", r"because of \$"),
    ],
)
def test_field_that_is_filled_with_more_than_a_proof_is_found_out(value, why):
    def fill(writer: IncrementalPdfFileWriter) -> None:
        for ref in writer.root["/AcroForm"]["/Fields"]:
            ref.get_object()[pdf_name("/V")] = pdf_string(value)
            writer.mark_update(ref)

    found = later_form(append(PREPARED, fill), digest_of(PREPARED))

    assert isinstance(found, NoForm)
    assert found.outcome is FAILED
    assert re.search(f"what fills its field is no proof alone: .*{why}", found.why)


FILLED = embed(SIGNED, PROOF, digest_of(SIGNED))
DRAWN = draw()


@pytest.mark.parametrize("forge", (FORGERIES | FORGERIES_WITH_FORM).values(), ids=(FORGERIES | FORGERIES_WITH_FORM).keys())
def test_whatever_is_put_behind_a_filled_pdf_never_passes(forge):
    forged = forge(FILLED)

    assert not isinstance(later_form(forged, digest_of(SIGNED)), CanonicalForm)
    assert judge_signatures(forged, [AUTHORITY.root.dump()], NOW).outcome is not PASSED


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_whatever_is_put_behind_any_other_pdf_never_passes(forge):
    assert not isinstance(later_form(forge(DRAWN), digest_of(DRAWN)), CanonicalForm)
    assert later_form(DRAWN, digest_of(DRAWN)) is None, "the whole file, which is looked at elsewhere"


def table_in_a_stream(body: bytes) -> bytes:
    """As most programs write it today, in place of a table."""
    writer, out = copy_into_new_writer(PdfFileReader(BytesIO(body)), {"stream_xrefs": True}), BytesIO()
    writer.write(out)
    return out.getvalue()


def catalogue_first(body: bytes) -> bytes:
    """Its number stands beside that of the first free object, in one part of the table."""
    writer, out = copy_into_new_writer(PdfFileReader(BytesIO(body))), BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("made", [table_in_a_stream, catalogue_first])
@pytest.mark.parametrize("sealed_first", [True, False])
def test_what_is_written_by_us_and_by_a_seal_is_read(made, sealed_first):
    issued = prepare(made(DRAWN))
    issued = sign(issued) if sealed_first else issued

    finished = sign(embed(issued, PROOF, digest_of(issued)), name="Later")

    assert isinstance(later_form(finished, digest_of(issued)), CanonicalForm)
    assert judge_signatures(finished, [AUTHORITY.root.dump()], NOW).outcome is PASSED


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\r"])
def test_line_may_end_or_not_behind_what_was_issued(end):
    issued = SIGNED.rstrip() + end
    assert isinstance(later_form(embed(issued, PROOF, digest_of(issued)), digest_of(issued)), CanonicalForm)


@pytest.mark.parametrize("end", [b"\n\n", b" ", b"\0"])
def test_pdf_that_goes_on_behind_its_end_takes_no_proof_and_is_prepared_all_the_same(end):
    issued = PREPARED + end
    with pytest.raises(NotInside, match="something stands before or behind it"):
        embed(issued, PROOF, digest_of(issued))
    assert prepare(DRAWN + end) != DRAWN + end


def test_field_of_another_name_filled_afterwards_cannot_be_told():
    issued = sign(other_field(PREPARED))
    made = append(embed(issued, PROOF, digest_of(issued)), fill_grade)
    found = later_form(made, digest_of(issued))
    assert isinstance(found, NoForm)
    assert (found.outcome, found.why.rpartition(": ")[2]) == (CANNOT_TELL, "Grade")


def test_file_put_behind_the_issued_one_is_no_revision_of_it():
    bob = prepare(draw("Diploma of Bob"))
    made = PREPARED + embed(bob, PROOF, digest_of(bob))
    found = later_form(made, digest_of(PREPARED))
    assert isinstance(found, NoForm)
    assert found.outcome is FAILED


@pytest.mark.parametrize(
    ("anchors", "outcome", "words"),
    [
        (
            [AUTHORITY.root.dump()],
            PASSED,
            "PAdES signature Seal of Common Name: University: intact, and its certificate leads to one",
        ),
        ([STRANGER.root.dump()], CANNOT_TELL, "leads to none that you trust"),
        ([], CANNOT_TELL, "give the certificates that you trust"),
    ],
    ids=["trusted", "stranger", "none"],
)
def test_signature_is_told_with_its_signer(anchors, outcome, words):
    found = judge_signatures(SIGNED, anchors, NOW)
    assert found.outcome is outcome
    assert words in found.reason


def test_certificate_that_has_expired_is_not_trusted():
    assert judge_signatures(SIGNED, [AUTHORITY.root.dump()], NOW + timedelta(days=1000)).outcome is CANNOT_TELL


def test_pdf_without_signature_says_so():
    assert judge_signatures(draw(), [AUTHORITY.root.dump()], NOW) == SignatureFinding(CANNOT_TELL, "the PDF is not signed")
    assert judge_signatures(b"%PDF-", [AUTHORITY.root.dump()], NOW).outcome is CANNOT_TELL


# On the command line.


def proof_of(body: bytes) -> dict[str, Any]:
    """The proof of a batch of one, as though it stood on a ledger."""
    digest, issuer, salt = digest_of(body), parse_did("did:web:university.example"), as_salt(bytes(16))
    anchor = {"type": "AnchorRegistry", "ledger": "eip155:31337", "contract": "0x" + "c3" * 20, "sequence": 1, "state": "final"}
    block = {
        "transaction": "0x" + "11" * 32,
        "blockNumber": 5,
        "blockHash": "0x" + "22" * 32,
        "anchoredAt": "2026-11-23T12:00:00Z",
    }
    return {
        "type": "CredentialAnchorProof", "version": 1, "issuer": issuer, "digest": to_hex(digest), "salt": to_hex(salt),
        "canonicalization": "raw", "leafIndex": 0, "treeSize": 1, "path": [],
        "root": to_hex(leaf_hash(issuer_id_of(issuer), salt, digest)), "anchor": anchor | block,
    }  # fmt: skip


def digest_check(credanchor: Credanchor, path: Path) -> tuple[int, str]:
    done = credanchor("proof", "verify", path, "--require", "digest", "--require", "path")
    return done.code, done.out.splitlines()[0] if done.out else done.error


def test_proof_is_embedded_and_found_by_commands(credanchor, tmp_path):
    drawn, prepared, issued, finished, proof = (
        tmp_path / f"{name}.pdf" for name in ("drawn", "prepared", "issued", "finished", "proof")
    )
    drawn.write_bytes(draw())
    assert credanchor("proof", "prepare", drawn, "--output", prepared).code == 0
    issued.write_bytes(sign(prepared.read_bytes()))
    proof.write_text(json.dumps(proof_of(issued.read_bytes())))

    assert credanchor("proof", "embed", issued, "--proof", proof, "--output", finished).code == 0

    code, words = digest_check(credanchor, finished)
    assert (code, words.startswith("passed       digest")) == (0, True)
    assert f"under raw; it is that of the first {len(issued.read_bytes())} bytes; what follows shows nothing" in words
    finished.write_bytes(append(finished.read_bytes(), paint_over))
    code, words = digest_check(credanchor, finished)
    assert (code, words.startswith("failed       digest")) == (3, True)
    assert "changes more than may be changed after signing" in words


def test_proof_of_a_pdf_without_a_field_goes_beside_it_and_says_why(credanchor, tmp_path):
    issued, proof = tmp_path / "issued.pdf", tmp_path / "p.json"
    issued.write_bytes(sign(draw()))
    proof.write_text(json.dumps(proof_of(issued.read_bytes())))

    done = credanchor("proof", "embed", issued, "--proof", proof)

    assert "beside it, because the PDF has no field for it" in done.err
    assert digest_check(credanchor, issued)[0] == 0
    assert (tmp_path / "issued.pdf.proof.json").exists()


def test_without_its_library_a_pdf_is_a_file_like_any_other_and_a_longer_one_cannot_be_told(credanchor, tmp_path, monkeypatch):
    issued, finished, proof = tmp_path / "issued.pdf", tmp_path / "finished.pdf", tmp_path / "p.json"
    issued.write_bytes(SIGNED)
    finished.write_bytes(embed(SIGNED, proof_of(SIGNED), digest_of(SIGNED)))
    proof.write_text(json.dumps(proof_of(SIGNED)))
    monkeypatch.setitem(sys.modules, "pyhanko", None)

    assert "pip install 'credanchor[pdf]'" in credanchor("proof", "embed", issued, "--proof", proof).err
    assert digest_check(credanchor, issued)[0] == 0
    done = credanchor("proof", "verify", finished, "--proof", proof, "--require", "digest")
    assert (done.code, "pip install 'credanchor[pdf]'" in done.out) == (4, True)


@pytest.mark.parametrize(
    ("authority", "code", "told"),
    [
        (
            AUTHORITY,
            0,
            "PAdES signature Seal of Common Name: University: intact, and its certificate leads to one that you trust",
        ),
        (STRANGER, 4, "its certificate leads to none that you trust"),
    ],
    ids=["trusted", "stranger"],
)
@pytest.mark.usefixtures("judged_here")
def test_signature_of_a_pdf_is_its_credential_signature(credanchor, tmp_path, authority, code, told):
    signed, proof, anchors = tmp_path / "signed.pdf", tmp_path / "proof.json", tmp_path / "authority.pem"
    signed.write_bytes(SIGNED)
    proof.write_text(json.dumps(proof_of(SIGNED)))
    anchors.write_bytes(authority.pem)

    required = ("--require", "digest", "--require", "credential-signature", "--trust-anchors", anchors)
    done = credanchor("proof", "verify", signed, "--proof", proof, *required)
    assert done.code == code
    assert told in done.out

    signed.write_bytes(append(SIGNED, paint_over))
    assert credanchor("proof", "verify", signed, "--proof", proof, *required).code == 3


@pytest.mark.parametrize(
    ("issued", "why"),
    [
        (sign(PREPARED, certify=True, docmdp_permissions=MDPPerm.NO_CHANGES), "allows no field to be filled"),
        (PREPARED + b"\n \n", "something stands before or behind it"),
    ],
    ids=["certified for no changes", "goes on behind its end"],
)
def test_proof_that_a_pdf_cannot_take_is_put_beside_it(credanchor, tmp_path, issued, why):
    file, proof = tmp_path / "issued.pdf", tmp_path / "p.json"
    file.write_bytes(issued)
    proof.write_text(json.dumps(proof_of(issued)))

    done = credanchor("proof", "embed", file, "--proof", proof)

    assert (done.code, why in done.err) == (0, True)
    assert json.loads((tmp_path / "issued.pdf.proof.json").read_text()) == proof_of(issued)


def test_proof_is_not_put_beside_a_pdf_that_it_is_not_of(credanchor, tmp_path):
    file, proof = tmp_path / "finished.pdf", tmp_path / "p.json"
    file.write_bytes(FILLED)
    proof.write_text(json.dumps(proof_of(SIGNED)))

    done = credanchor("proof", "embed", file, "--proof", proof)

    assert (done.code, "beside it" in done.err) == (2, False)
    assert done.error == f"{file}: the PDF has a proof inside already: another one goes into the file as it was issued"


@pytest.mark.usefixtures("judged_here")
def test_file_with_its_proof_inside_has_the_digest_that_was_anchored(credanchor, tmp_path):
    finished, forged = tmp_path / "finished.pdf", tmp_path / "forged.pdf"
    finished.write_bytes(embed(SIGNED, proof_of(SIGNED), digest_of(SIGNED)))
    forged.write_bytes(append(finished.read_bytes(), paint_over))

    assert credanchor("credential", "hash", finished).out == f"{to_hex(digest_of(SIGNED))}  raw\n"
    whole = credanchor("credential", "hash", finished, "--canonicalization", "raw")
    assert whole.out == f"{to_hex(digest_of(finished.read_bytes()))}  raw\n"
    assert (credanchor("credential", "hash", forged).code, credanchor("status", "revoke", forged).code) == (2, 2)


def test_pdf_that_takes_its_reader_too_long_cannot_be_told(monkeypatch):
    def tangle(writer: IncrementalPdfFileWriter) -> None:
        knot = writer.add_object(generic.NumberObject(0))
        for _ in range(40):
            knot = writer.add_object(generic.ArrayObject([knot, knot]))
        writer.root[pdf_name("/Tangle")] = knot
        writer.update_root()

    issued = append(PREPARED, tangle)
    longer = append(issued, lambda writer: writer.update_root())
    monkeypatch.setattr("anchoring.pdf.judge.CPU_MOST_S", 2)
    assert bounded_signatures(SIGNED, [AUTHORITY.root.dump()], NOW) == judge_signatures(SIGNED, [AUTHORITY.root.dump()], NOW)

    found = bounded_later_form(longer, digest_of(issued))

    assert isinstance(found, NoForm)
    assert (found.outcome, found.why.partition(" or ")[0]) == (CANNOT_TELL, "the PDF takes more than 2 s")
