"""A proof inside a PDF, as the value of a hidden text field made before the PDF was signed (docs/verification.md, section 1).

Anchored are the bytes of the file as issued. To fill the field appends to them, so they are the beginning of the longer file, and
a signature over them stays what it was. Whoever verifies the longer file must know that nothing else was appended that shows.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, ModificationLevel, SuspiciousModification
from pyhanko.sign.general import SigningError

from anchoring.core.canonical import CanonicalForm, Canonicalization
from anchoring.core.outcome import Outcome
from anchoring.core.strict_json import JsonValue, parse
from anchoring.core.verification import NoForm
from anchoring.errors import InvalidInput
from anchoring.types import Digest

FIELD: Final = "CredentialAnchorProof"
MOST_REVISIONS: Final = 64
BROKEN: Final = (
    PdfError,
    SigningError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    RecursionError,
    OverflowError,
)
"""What a PDF with faults makes the library raise."""

_HIDDEN: Final = 2
_SIGNED_BY_APPENDING: Final = 3
_END: Final = re.compile(rb"%%EOF(\r\n|\r|\n)?")


class _FieldWriter(IncrementalPdfFileWriter):
    """Appends the field alone: no date of change, no name of a program. `service/web/pdf.js` reads every byte of it."""

    def _update_meta(self) -> None:
        pass


def prepare(body: bytes) -> bytes:
    """The PDF with an empty field for its proof. Raises: InvalidInput where it has one, is signed, encrypted, or not readable."""
    reader = _read(body)
    if reader.embedded_signatures:
        raise InvalidInput("it is signed already: the field must be made before")
    if _field(reader.root) is not None:
        raise InvalidInput("it has a field for its proof already")
    try:
        writer = IncrementalPdfFileWriter(BytesIO(body))
        page_ref, _ = writer.find_page_for_modification(0)
        field = writer.add_object(_new_field(page_ref))
        _append(writer, _form(writer), "/Fields", field)
        _append(writer, page_ref.get_object(), "/Annots", field)
        return _written(writer)
    except BROKEN as broken:
        raise _unreadable(broken) from broken


def why_not_inside(body: bytes) -> str | None:
    """Why a proof cannot stand inside this PDF, for people; None where it can."""
    try:
        reader = _read(body)
        field = _field(reader.root)
    except InvalidInput as unreadable:
        return unreadable.message
    except BROKEN as broken:
        return _unreadable(broken).message
    if field is None:
        return "the PDF has no field for it: `credanchor proof prepare` makes one, before the PDF is signed and anchored"
    if str(field.get_object().get("/V", "")):
        return "the field of the PDF for it is filled already"
    return None


def embed(body: bytes, proof: dict[str, Any], digest: Digest) -> bytes:
    """The PDF with the proof in its field; `body` is how it begins. `digest`: the proof's.

    Raises: InvalidInput where it cannot stand inside, is of another file, or would break a signature.
    """
    if hashlib.sha256(body).digest() != digest:
        raise InvalidInput("the proof is of another file: its digest is not that of this PDF")
    if why := why_not_inside(body):
        raise InvalidInput(why)
    try:
        writer = _FieldWriter(BytesIO(body))
        field = _field(writer.root)
        assert field is not None  # as `why_not_inside` says
        field.get_object()[pdf_name("/V")] = pdf_string(json.dumps(proof, separators=(",", ":")))
        writer.mark_update(field)
        made = _written(writer)
        for signature in PdfFileReader(BytesIO(made)).embedded_signatures:
            signature.compute_integrity_info()
            if not signature.summarise_integrity_info()["docmdp_ok"]:
                raise InvalidInput("a signature of the PDF allows no field to be filled")
    except BROKEN as broken:
        raise _unreadable(broken) from broken
    if isinstance(later_form(made, digest), CanonicalForm):
        return made
    raise InvalidInput("to fill its field would change what the PDF shows")


def embedded_proof(body: bytes) -> dict[str, JsonValue] | None:
    """The anchor proof in the field of a PDF, unread; None where there is none."""
    try:
        field = _field(_read(body).root)
        value = parse(str(field.get_object().get("/V", "")).encode()) if field is not None else None
    except (InvalidInput, *BROKEN):
        return None
    return value if isinstance(value, dict) else None


def later_form(body: bytes, digest: Digest) -> CanonicalForm | NoForm | None:
    """The beginning of a longer PDF that has this digest, where what follows only fills the field or renews signatures.

    None where no revision of the file has it.
    """
    length = next((end for end in _ends(body) if hashlib.sha256(body[:end]).digest() == digest), None)
    if length is None:
        return None
    if wrong := _why_not_the_same(body, length):
        why, outcome = wrong
        return NoForm(f"its first {length} bytes have the proof's digest, and what follows {why}", outcome)
    note = f"it is that of the first {length} bytes; what follows shows nothing"
    return CanonicalForm(canonicalization=Canonicalization.RAW, data=body[:length], digest=digest, notes=(note,))


def _why_not_the_same(body: bytes, length: int) -> tuple[str, Outcome] | None:
    """Why the whole file may show something else than its beginning; None where it does not."""
    try:
        reader, anchored = _read(body), _read(body[:length])
        revision = anchored.total_revisions - 1
        if reader.total_revisions > MOST_REVISIONS:
            return f"is more than {MOST_REVISIONS} revisions", Outcome.CANNOT_TELL
        if reader.xrefs.get_startxref_for_revision(revision) != anchored.xrefs.get_startxref_for_revision(revision):
            return "does not go on from them", Outcome.FAILED
        changes = DEFAULT_DIFF_POLICY.review_file(reader, revision)
        hidden = _hidden_fields(reader.root)
    except (InvalidInput, *BROKEN):
        return "cannot be read", Outcome.FAILED
    if isinstance(changes, SuspiciousModification) or changes.modification_level > ModificationLevel.FORM_FILLING:
        return "changes more than may be changed after signing", Outcome.FAILED
    if shown := sorted(changes.changed_form_fields - hidden):
        return f"fills fields that show: {', '.join(shown)}", Outcome.CANNOT_TELL
    return None


def _read(body: bytes) -> PdfFileReader:
    """Raises: InvalidInput when it is encrypted or no sound PDF."""
    try:
        reader = PdfFileReader(BytesIO(body))
        if reader.encrypted:
            raise InvalidInput("the PDF is encrypted")
        reader.root["/Pages"]
    except BROKEN as broken:
        raise _unreadable(broken) from broken
    return reader


def _unreadable(broken: Exception) -> InvalidInput:
    return InvalidInput(f"the PDF cannot be read: {str(broken)[:200] or type(broken).__name__}")


def _ends(body: bytes) -> Iterator[int]:
    """Where a revision may end, without the end of the file."""
    for n, found in enumerate(_END.finditer(body)):
        if n == MOST_REVISIONS:
            return
        yield from sorted({found.start() + len(b"%%EOF"), found.end()} - {len(body)})


def _field(root: generic.DictionaryObject) -> generic.IndirectObject | None:
    if "/AcroForm" not in root or "/Fields" not in root["/AcroForm"]:
        return None
    for ref in root["/AcroForm"]["/Fields"]:
        if isinstance(ref, generic.IndirectObject) and ref.get_object().get("/T") == FIELD:
            return ref
    return None


def _hidden_fields(root: generic.DictionaryObject) -> set[str]:
    """Names of fields without extent: whatever they hold, they show nothing."""
    refs = root["/AcroForm"]["/Fields"] if _field(root) is not None else ()
    fields = [ref.get_object() for ref in refs]
    return {str(one["/T"]) for one in fields if "/T" in one and "/Rect" in one and not any(map(float, one["/Rect"]))}


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
