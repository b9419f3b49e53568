"""A proof inside a PDF, as the value of a hidden text field made before the PDF was signed (docs/verification.md, section 1).

Anchored are the bytes of the file as issued. To fill the field appends to them, so they are the beginning of the longer file, and
a signature over them stays what it was. Whoever verifies the longer file must know that nothing else was appended that shows.
"""

import hashlib
import json
from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from anchoring.core.canonical import CanonicalForm, Canonicalization
from anchoring.core.embedding import NotInside
from anchoring.core.left_out import require_proof_alone
from anchoring.core.outcome import Outcome
from anchoring.core.status_codec import StatusListError
from anchoring.core.strict_json import JsonValue, parse
from anchoring.core.verification import NoForm
from anchoring.errors import InvalidInput
from anchoring.pdf.changes import BROKEN, fields_of, read_pdf, unreadable, why_not_the_same
from anchoring.pdf.revisions import ends_of, length_of
from anchoring.types import Digest

FIELD: Final = "CredentialAnchorProof"

_HIDDEN: Final = 2
_SIGNED_BY_APPENDING: Final = 3
_LAST_ENDS: Final = 8
_SPACE: Final = b"\0\t\n\f\r "


class _FieldWriter(IncrementalPdfFileWriter):
    """Appends the field alone: no date of change, no name of a program. `service/web/pdf.js` reads every byte of it."""

    def _update_meta(self) -> None:
        pass


def prepare(body: bytes) -> bytes:
    """The PDF with an empty field for its proof. Raises: InvalidInput where it has one, is signed, encrypted, or not readable."""
    body = body.rstrip(_SPACE) + b"\n"  # what is made is another file anyway
    reader = read_pdf(body)
    try:
        if reader.embedded_signatures:
            raise InvalidInput("it is signed already: the field must be made before")
        if _field(reader.root) is not None:
            raise InvalidInput("it has a field for its proof already")
        writer = IncrementalPdfFileWriter(BytesIO(body))
        page_ref, _ = writer.find_page_for_modification(0)
        field = writer.add_object(_new_field(page_ref))
        _append(writer, _form(writer), "/Fields", field)
        _append(writer, page_ref.get_object(), "/Annots", field)
        return _written(writer)
    except BROKEN as broken:
        raise unreadable(broken) from broken


def embed(body: bytes, proof: dict[str, Any], digest: Digest) -> bytes:
    """The PDF with the proof in its field; `body` is how it begins. `digest`: the proof's.

    Raises: NotInside where it can only stand beside; InvalidInput where it is of another file.
    """
    if hashlib.sha256(body).digest() != digest:
        if embedded_proof(body) is not None:
            raise InvalidInput("the PDF has a proof inside already: another one goes into the file as it was issued")
        raise InvalidInput("the proof is of another file: its digest is not that of this PDF")
    try:
        made = _filled(body, proof)
    except (InvalidInput, *BROKEN) as wrong:
        raise NotInside(str(wrong) if isinstance(wrong, InvalidInput) else unreadable(wrong).message) from wrong
    if isinstance(later_form(made, digest), CanonicalForm):
        return made
    raise NotInside("to fill its field would change what the PDF shows")


def _filled(body: bytes, proof: dict[str, Any]) -> bytes:
    """Raises: InvalidInput where there is no empty field, or a signature would break."""
    read_pdf(body)
    writer = _FieldWriter(BytesIO(body))
    field = _field(writer.root)
    if field is None:
        raise InvalidInput(
            "the PDF has no field for it: `credanchor proof prepare` makes one, before the PDF is signed and anchored"
        )
    if str(field.get_object().get("/V", "")):
        raise InvalidInput("the field of the PDF for it is filled already")
    field.get_object()[pdf_name("/V")] = pdf_string(json.dumps(proof, separators=(",", ":")))
    writer.mark_update(field)
    made = _written(writer)
    for signature in PdfFileReader(BytesIO(made)).embedded_signatures:
        signature.compute_integrity_info()
        if not signature.summarise_integrity_info()["docmdp_ok"]:
            raise InvalidInput("a signature of the PDF allows no field to be filled")
    return made


def embedded_proof(body: bytes) -> dict[str, JsonValue] | None:
    """The anchor proof in the field of a PDF, unread; None where there is none.

    It is found as well where something else was put behind it; then no digest of the file is the proof's.
    """
    for end in [len(body), *list(ends_of(body))[: -_LAST_ENDS - 1 : -1]]:
        try:
            field = _field(read_pdf(body[:end]).root)
            value = parse(str(field.get_object().get("/V", "")).encode()) if field is not None else None
        except (InvalidInput, *BROKEN):
            continue
        if isinstance(value, dict):
            return value
    return None


def later_form(body: bytes, digest: Digest) -> CanonicalForm | NoForm | None:
    """The beginning of a longer PDF that has this digest, where what follows only fills the field or adds invisible signatures.

    None where no revision of the file has it.
    """
    length = length_of(body, digest)
    if length is None:
        return None
    if wrong := why_not_the_same(body, length):
        why, outcome = wrong
        return NoForm(f"its first {length} bytes have the proof's digest, and what follows {why}", outcome)
    try:
        _require_proof_alone(read_pdf(body))
    except (InvalidInput, StatusListError) as added:
        why = f"its first {length} bytes have the proof's digest, and what fills its field is no proof alone: {added.message}"
        return NoForm(why, Outcome.FAILED)
    note = f"it is that of the first {length} bytes; what follows shows nothing"
    return CanonicalForm(canonicalization=Canonicalization.RAW, data=body[:length], digest=digest, notes=(note,))


def _require_proof_alone(reader: PdfFileReader) -> None:
    """Raises: InvalidInput or StatusListError where the field for a proof is filled with anything else."""
    field = _field(reader.root)
    if value := str(field.get_object().get("/V", "")) if field is not None else "":
        require_proof_alone(parse(value.encode()))


def _field(root: generic.DictionaryObject) -> generic.IndirectObject | None:
    return next((ref for ref in fields_of(root) if ref.get_object().get("/T") == FIELD), None)


def _new_field(page_ref: generic.Reference) -> generic.DictionaryObject:
    """A text field without extent, which no viewer shows."""
    return generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Widget"),
            pdf_name("/FT"): pdf_name("/Tx"),
            pdf_name("/T"): pdf_string(FIELD),
            pdf_name("/V"): pdf_string(""),
            pdf_name("/F"): generic.NumberObject(_HIDDEN),
            pdf_name("/Rect"): generic.ArrayObject([generic.NumberObject(0)] * 4),
            pdf_name("/P"): page_ref,
        }
    )


def _form(writer: IncrementalPdfFileWriter) -> generic.DictionaryObject:
    if "/AcroForm" not in writer.root:
        writer.root[pdf_name("/AcroForm")] = writer.add_object(generic.DictionaryObject())
        writer.update_root()
    form = writer.root["/AcroForm"]
    assert isinstance(form, generic.DictionaryObject)
    form[pdf_name("/SigFlags")] = generic.NumberObject(_SIGNED_BY_APPENDING)  # so that a seal, later, need not change it
    writer.update_container(form)
    return form


def _append(writer: IncrementalPdfFileWriter, holder: Any, name: str, ref: generic.IndirectObject) -> None:
    if name not in holder:
        holder[pdf_name(name)] = generic.ArrayObject()
        writer.update_container(holder)
    holder[name].append(ref)
    writer.update_container(holder[name])


def _written(writer: IncrementalPdfFileWriter) -> bytes:
    out = BytesIO()
    writer.write(out)
    return out.getvalue()
