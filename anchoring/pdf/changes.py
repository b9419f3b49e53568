"""Whether a longer PDF shows what its beginning shows. pyHanko's difference analysis, with less allowed than by default.

Its own defaults let a later revision change titles, fonts and appearances of forms, and add objects that nothing seems to use:
fine after a signature, which somebody looks at; too much here, where nothing at all may show.
"""

import struct
import zlib
from io import BytesIO
from typing import Any, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.metadata.model import PDF_PRODUCER, RDF_ABOUT, XMP_MODDATE
from pyhanko.pdf_utils.metadata.xmp_xml import parse_xmp
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import (
    CatalogModificationRule,
    DocInfoRule,
    DSSCompareRule,
    FormUpdatingRule,
    GenericFieldModificationRule,
    MetadataUpdateRule,
    ModificationLevel,
    SigFieldCreationRule,
    SigFieldModificationRule,
    StandardDiffPolicy,
    SuspiciousModification,
    XrefStreamRule,
)
from pyhanko.sign.general import SigningError

from anchoring.core.outcome import Outcome
from anchoring.errors import InvalidInput
from anchoring.pdf.revisions import end_of, why_no_revisions

MOST_BYTES: Final = 100_000_000
_TAIL_BYTES: Final = 1024
_SIDES: Final = 4
BROKEN: Final = (
    PdfError,
    SigningError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    struct.error,
    zlib.error,
)
"""What a PDF with faults makes the library raise."""

_VALUE_ALONE: Final[dict[str, Any]] = {"always_modifiable": frozenset(), "value_update_keys": frozenset({"/V"})}
_POLICY: Final = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(ignored_keys=frozenset({"/AcroForm", "/DSS", "/Extensions", "/Metadata", "/Version"})),
        *(
            rule.as_qualified(ModificationLevel.LTA_UPDATES)
            for rule in (DocInfoRule(), XrefStreamRule(), DSSCompareRule(), MetadataUpdateRule())
        ),
    ],
    form_rule=FormUpdatingRule(
        field_rules=[
            SigFieldCreationRule(),
            SigFieldModificationRule(**_VALUE_ALONE),
            GenericFieldModificationRule(**_VALUE_ALONE),
        ],
        ignored_acroform_keys=frozenset({"/Fields"}),
    ),
    ignore_orphaned_objects=False,
)
_NEW_FIELD: Final = frozenset({"/Type", "/Subtype", "/FT", "/T", "/V", "/F", "/Rect", "/P", "/Lock", "/SV"})


def open_pdf(body: bytes) -> PdfFileReader:
    """A reader of a PDF, forgiving as to its end. Raises: InvalidInput when it is too large or has none; what BROKEN names."""
    if len(body) > MOST_BYTES:
        raise InvalidInput(f"the PDF is too large: it has {len(body)} bytes, and no more than {MOST_BYTES} are looked into")
    if b"%%EOF" not in body[-_TAIL_BYTES:]:  # else the library would look for it to the beginning
        raise InvalidInput("the PDF has no end: it was cut off")
    return PdfFileReader(BytesIO(body))


def read_pdf(body: bytes) -> PdfFileReader:
    """Raises: InvalidInput when it is encrypted, too large, or no sound PDF from its first byte to its last."""
    try:
        end_of(body, len(body))
        reader = open_pdf(body)
        if reader.encrypted:
            raise InvalidInput("the PDF is encrypted")
        reader.root["/Pages"]
    except BROKEN as broken:
        raise unreadable(broken) from broken
    return reader


def unreadable(broken: Exception) -> InvalidInput:
    """The same as an error of ours."""
    return InvalidInput(f"the PDF cannot be read: {str(broken)[:200] or type(broken).__name__}")


def why_not_the_same(body: bytes, length: int) -> tuple[str, Outcome] | None:
    """Why the whole file may show something else than its first `length` bytes; None where it does not."""
    try:
        anchored = read_pdf(body[:length])
        root, size = anchored.trailer.raw_get("/Root"), int(anchored.trailer["/Size"])
        if why := why_no_revisions(body, length, root=f"{root.idnum} {root.generation} R", size=size):
            return why, Outcome.FAILED
        reader = read_pdf(body)
        changes = _POLICY.review_file(reader, anchored.total_revisions - 1)
        if isinstance(changes, SuspiciousModification) or _description(reader) != _description(anchored):
            return "changes more than may be changed after signing", Outcome.FAILED
        shown = _shown(reader, changes.changed_form_fields, {ref.reference for ref in fields_of(anchored.root)})
    except (InvalidInput, *BROKEN) as unread:
        return f"cannot be read: {str(unread)[:200]}", Outcome.FAILED
    if changes.modification_level > ModificationLevel.FORM_FILLING:
        return "changes more than may be changed after signing", Outcome.FAILED
    return (f"fills fields that show: {', '.join(sorted(shown))}", Outcome.CANNOT_TELL) if shown else None


def fields_of(root: generic.DictionaryObject) -> list[generic.IndirectObject]:
    """The fields of the form, as it refers to them."""
    if "/AcroForm" not in root or "/Fields" not in root["/AcroForm"]:
        return []
    return [ref for ref in root["/AcroForm"]["/Fields"] if isinstance(ref, generic.IndirectObject)]


def _shown(reader: PdfFileReader, changed: set[str], issued: set[generic.Reference]) -> set[str]:
    """Names of fields that were changed or are new, and may show. `issued`: those that were there before."""
    shown = set(changed)
    fields = [(ref, ref.get_object()) for ref in fields_of(reader.root)]
    shown -= {str(field.get("/T")) for _, field in fields}
    for ref, field in fields:
        name, is_new = str(field.get("/T")), ref.reference not in issued
        if (name in changed or is_new) and not (_has_no_extent(field) and (not is_new or field.keys() <= _NEW_FIELD)):
            shown.add(name)
    return shown


def _has_no_extent(field: generic.DictionaryObject) -> bool:
    """Whatever such a field holds, it shows nothing. Only plain zeros count, since readers differ on all else."""
    rect = field.raw_get("/Rect") if "/Rect" in field else None
    sides = list(rect) if isinstance(rect, generic.ArrayObject) else []
    is_empty = len(sides) == _SIDES and all(
        isinstance(side, (generic.NumberObject, generic.FloatObject)) and side == 0 for side in sides
    )
    return is_empty and "/AP" not in field and "/Kids" not in field


def _description(reader: PdfFileReader) -> tuple[dict[str, Any], dict[Any, Any]]:
    """What a viewer shows beside the pages: title, author and the like, as both places for it have them."""
    info, metadata = _value(reader.trailer_view, "/Info"), _value(reader.root, "/Metadata")
    structures = parse_xmp(BytesIO(metadata.read_data(DecodePurpose.XMP_METADATA))) if metadata is not None else []
    members = {name: value for structure in structures for name, value in structure}
    return (
        {name: value for name, value in (info or {}).items() if name not in {"/Producer", "/ModDate"}},
        {name: value for name, value in members.items() if name not in {PDF_PRODUCER, RDF_ABOUT, XMP_MODDATE}},
    )


def _value(holder: generic.DictionaryObject, name: str) -> Any:
    """What stands there, looked up where it is a reference, as `get` does not."""
    return holder[name] if name in holder else None  # noqa: SIM401
