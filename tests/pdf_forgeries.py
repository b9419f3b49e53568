"""PDFs with something put behind what was issued, such as shows in one reader or another. The field of the proof may be filled first.

Most were seen to show the forged words in MuPDF, PDFium, pdf.js or pypdf; the others differ from what pyHanko writes in one thing alone.
"""

import re
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

FORGED: Final = "EXCELLENT GRADE FORGED"

_PAINT: Final = b"BT /F1 20 Tf 60 300 Td (%s) Tj ET" % FORGED.encode()
_STREAM: Final = b"<<\n/Length %d\n>>\nstream\n%s\nendstream" % (len(_PAINT), _PAINT)


def append(body: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """A revision more, as pyHanko writes it."""
    writer, out = IncrementalPdfFileWriter(BytesIO(body)), BytesIO()
    change(writer)
    writer.write(out)
    return out.getvalue()


def contents_of(body: bytes) -> int:
    """The number of the object that paints the first page."""
    page = PdfFileReader(BytesIO(body)).root["/Pages"]["/Kids"][0]
    return int(page.raw_get("/Contents").idnum)


def pointer_of(body: bytes) -> int:
    return int(re.findall(rb"startxref\s+(\d+)", body)[-1])


def root_of(body: bytes) -> bytes:
    found: list[bytes] = re.findall(rb"/Root (\d+ 0 R)", body)
    return found[-1]


def update(
    body: bytes,
    *,
    kind: bytes = b"%d 0 obj",
    before: bytes = b"",
    prev: int | None = None,
    size: int = 99,
    more: bytes = b"",
    end: bytes = b"%%EOF\n",
    shift: int = 0,
) -> bytes:
    """Other words on the first page, by a revision with a table, written by hand."""
    number, start = contents_of(body), len(body) + len(before)
    painted = kind % number + b"\n" + _STREAM + b"\nendobj\n"
    generation = int(kind.split()[1])
    table = b"xref\n0 1\n0000000000 65535 f \n%d 1\n%010d %05d n \ntrailer\n<<\n/ID [ <00> <00> ]\n/Root %s\n/Size %d\n/Prev %d\n%s>>\n" % (
        number, start - shift, generation, root_of(body), size, pointer_of(body) if prev is None else prev, more,
    )  # fmt: skip
    return body + before + painted + table + b"startxref\n%d\n" % (start + len(painted) - shift) + end


def update_by_stream(body: bytes, *, packed: bool) -> bytes:
    """The same by a cross-reference stream, in which the object may be inside another stream."""
    number, start = contents_of(body), len(body)
    held = b"%d 0 obj\n%s\nendobj\n" % (number, _STREAM)
    entries = [(number, (1, start, 0)), (98, (1, start + len(held), 0))]
    if packed:  # a page cannot be painted from there, but its catalogue can stand there
        inside = b"%s 0 %s" % (root_of(body).split()[0], catalogue_of(body))
        held += b"97 0 obj\n<<\n/Type /ObjStm\n/N 1\n/First %d\n/Length %d\n>>\nstream\n%s\nendstream\nendobj\n" % (
            inside.index(b"<<"), len(inside), inside,
        )  # fmt: skip
        entries = [
            (number, (1, start, 0)), (int(root_of(body).split()[0]), (2, 97, 0)),
            (97, (1, start + held.index(b"97 0 obj"), 0)), (98, (1, start + len(held), 0)),
        ]  # fmt: skip
    entries.sort()
    rows = b"".join(kind.to_bytes(1) + place.to_bytes(8) + last.to_bytes(2) for _, (kind, place, last) in entries)
    index, data = b" ".join(b"%d 1" % one for one, _ in entries), zlib.compress(rows)
    dictionary = b"/W [ 1 8 2 ]\n/Type /XRef\n/Filter /FlateDecode\n/Root %s\n/ID [ <00> <00> ]\n/Size 99\n/Prev %d\n" % (
        root_of(body), pointer_of(body),
    )  # fmt: skip
    table = b"98 0 obj\n<<\n%s/Index [ %s ]\n/Length %d\n>>\nstream\n%s\nendstream\nendobj\n" % (
        dictionary,
        index,
        len(data),
        data,
    )
    return body + held + table + b"\nstartxref\n%d\n%%%%EOF\n" % (start + len(held))


def catalogue_of(body: bytes) -> bytes:
    out = BytesIO()
    PdfFileReader(BytesIO(body)).root.write_to_stream(out, None)
    return out.getvalue()


def hidden_by_a_hybrid(body: bytes) -> bytes:
    """A table that tells nothing, and a cross-reference stream beside it."""
    longer = update_by_stream(body, packed=False)
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer\n<<\n/ID [ <00> <00> ]\n/Root %s\n/Size 99\n/Prev %d\n/XRefStm %d\n>>\nstartxref\n%d\n%%%%EOF\n"
    return longer + table % (root_of(body), pointer_of(body), pointer_of(longer), len(longer))


def skipped_by_a_clean_one(body: bytes) -> bytes:
    """A forged revision, and behind it one that goes on from before."""
    forged = update(body)
    return forged + _clean_table(body, len(forged))


def _clean_table(body: bytes, at: int) -> bytes:
    trailer = b"<<\n/ID [ <00> <00> ]\n/Root %s\n/Size 99\n/Prev %d\n>>" % (root_of(body), pointer_of(body))
    return b"xref\n0 1\n0000000000 65535 f \ntrailer\n%s\nstartxref\n%d\n%%%%EOF\n" % (trailer, at)


def seal_with_a_picture(body: bytes) -> bytes:
    """A field for a signature that is not made, with an appearance. Its extent is written so that pyHanko sees none."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        numbers = [writer.add_object(generic.NumberObject(n)) for n in (0, 0, 600, 800)]
        paint = generic.StreamObject(stream_data=_PAINT)
        paint.update(
            {
                pdf_name("/Type"): pdf_name("/XObject"),
                pdf_name("/Subtype"): pdf_name("/Form"),
                pdf_name("/BBox"): generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 600, 800)]),
                pdf_name("/Used"): generic.ArrayObject(numbers),
                pdf_name("/Resources"): writer.root["/Pages"]["/Kids"][0]["/Resources"],
            }
        )
        _add_field(writer, {"/Rect": generic.ArrayObject(numbers), "/AP": _dictionary({"/N": writer.add_object(paint)})})

    return append(body, change)


def field_that_acts(body: bytes) -> bytes:
    """A field without extent and with a script."""
    nothing = generic.ArrayObject([generic.NumberObject(0)] * 4)
    script = _dictionary({"/S": pdf_name("/JavaScript"), "/JS": pdf_string("app.alert('Excellent')")})
    return append(body, lambda writer: _add_field(writer, {"/Rect": nothing, "/AA": _dictionary({"/PO": script})}))


def _add_field(writer: IncrementalPdfFileWriter, members: dict[str, generic.PdfObject]) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    kinds = {"/Type": "/Annot", "/Subtype": "/Widget", "/FT": "/Sig"}
    field = _dictionary({name: pdf_name(value) for name, value in kinds.items()} | {"/T": pdf_string("Later")} | members)
    ref = writer.add_object(field)
    for holder, name in ((writer.root["/AcroForm"], "/Fields"), (page, "/Annots")):
        if name not in holder:
            holder[pdf_name(name)] = generic.ArrayObject()
        holder[name].append(ref)
        writer.update_container(holder)
        writer.update_container(holder[name])


def _dictionary(members: dict[str, generic.PdfObject]) -> generic.DictionaryObject:
    return generic.DictionaryObject({pdf_name(name): value for name, value in members.items()})


def retitled(body: bytes) -> bytes:
    """Another title, which viewers show above the page."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        writer.trailer["/Info"][pdf_name("/Title")] = pdf_string(FORGED)
        writer.mark_update(writer.trailer.raw_get("/Info"))

    return append(body, change)


def with_other_fonts(body: bytes) -> bytes:
    """Appearances of all fields are made anew by viewers, with other resources."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        form = writer.root["/AcroForm"]
        form[pdf_name("/NeedAppearances")] = generic.BooleanObject(True)
        form[pdf_name("/DR")] = _dictionary({"/Font": _dictionary({})})
        writer.update_container(form)

    return append(body, change)


FORGERIES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "end cut off": lambda body: update(body, end=b"%%EO\n"),
    "no end": lambda body: update(body, end=b""),
    "end in two halves": lambda body: update(body, end=b"%%\nEOF\n"),
    "more behind the end": lambda body: update(body, end=b"%%EOF\nmore\n"),
    "blank lines behind the end": lambda body: update(body, end=b"%%EOF\n\n\n"),
    "a whole revision": update,
    "pointer to nowhere": lambda body: update(body)[: -len(b"0\n%%EOF\n")] + b"999999\n%%EOF\n",
    "pointer to the table before": lambda body: update(body, end=b"%%EOF\n" + b"startxref\n%d\n%%%%EOF\n" % pointer_of(body)),
    "pointer to the table before, cut off": lambda body: update(body, end=b"startxref\n%d\n%%%%EO\n" % pointer_of(body)),
    "far from the end": lambda body: update(body, end=b"%%EO\n" + b" " * 900),
    "farther from the end": lambda body: update(body, end=b"%%EO\n" + b" " * 2000),
    "no revision before": lambda body: update(body, prev=0),
    "first revision before": lambda body: update(body, prev=int(re.findall(rb"startxref\s+(\d+)", body)[0])),
    "another generation": lambda body: update(body, kind=b"%d 1 obj"),
    "a small size": lambda body: update(body, size=3),
    "another catalogue beside it": lambda body: update(body, more=b"/Root 1 0 R\n"),
    "bytes before its object": lambda body: update(body, before=b"% more\n"),
    "an object before its object": lambda body: update(body, before=b"%d 0 obj\n%s\nendobj\n" % (contents_of(body), _STREAM)),
    "table of streams": lambda body: update_by_stream(body, packed=False),
    "object in a stream": lambda body: update_by_stream(body, packed=True),
    "hybrid": hidden_by_a_hybrid,
    "skipped by a clean one": skipped_by_a_clean_one,
    "objects without a table": lambda body: body + b"%d 0 obj\n%s\nendobj\n" % (contents_of(body), _STREAM),
    "one blank line": lambda body: body + b"\n",
    "one byte": lambda body: body + b"\0",
    "bytes before the beginning": lambda body: b"more" + update(body),
    "another title": retitled,
}
"""Of any PDF."""

FORGERIES_WITH_FORM: Final[dict[str, Callable[[bytes], bytes]]] = {
    "a seal with a picture": seal_with_a_picture,
    "a field that acts": field_that_acts,
    "other fonts": with_other_fonts,
}
"""Of a PDF with the field of a proof."""
