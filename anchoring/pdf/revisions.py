"""What was appended to a PDF, read to the last byte: whole revisions, written as pyHanko writes them, and nothing else.

Readers of PDFs forgive much, each in its own way: bytes behind the end, tables that are missing or point elsewhere, two objects
of one number, comments, two values of one name. What one of them judges need not be what another one shows. So nothing of that is
allowed here, and what remains is read by all in the same way (ISO 32000-2, 7.5).
"""

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from anchoring.errors import InvalidInput
from anchoring.types import Digest

MOST_REVISIONS: Final = 64

_MARK: Final = re.compile(rb"%%EOF(\r\n|\r|\n)?")
_END: Final = re.compile(rb"[\r\n]startxref[\r\n]+([0-9]{1,10})[\r\n]+%%EOF(?:\r\n|\r|\n)?\Z")
_END_MOST_BYTES: Final = 64
_POINTER: Final = re.compile(rb"\nstartxref\n([0-9]{1,10})\n%%EOF\n?")

_DICTIONARY: Final = rb"<<\n((?:/[A-Za-z]+ [^\n]+\n)*)>>"
_ENTRY: Final = rb"[0-9]{10} 00000 n \n"
_FREE: Final = b"0000000000 65535 f \n"
_TABLE: Final = re.compile(
    rb"xref\n(0 [0-9]{1,7}\n%s(?:%s)*(?:[0-9]{1,7} [0-9]{1,7}\n(?:%s)+)*)trailer\n%s" % (_FREE, _ENTRY, _ENTRY, _DICTIONARY)
)
_SUBSECTION: Final = re.compile(rb"([0-9]{1,7}) ([0-9]{1,7})\n((?:%s|%s)+)" % (_FREE, _ENTRY))
_XREF_STREAM: Final = re.compile(rb"([0-9]{1,7}) 0 obj\n" + _DICTIONARY + rb"\nstream\n(.*)\nendstream\nendobj\n", re.DOTALL)
_ENTRY_WIDTHS: Final = (1, 8, 2)
_MEMBERS: Final = {
    b"Root": rb"[0-9]{1,7} 0 R",
    b"Info": rb"[0-9]{1,7} 0 R",
    b"Size": rb"[0-9]{1,7}",
    b"Prev": rb"[0-9]{1,10}",
    b"ID": rb"\[ <[0-9a-f]*> <[0-9a-f]*> \]",
    b"DocChecksum": rb"/[0-9A-Fa-f]*",
}
_OPTIONAL: Final = {b"Info", b"DocChecksum"}
_STREAM_MEMBERS: Final = _MEMBERS | {
    b"Type": rb"/XRef",
    b"W": rb"\[ 1 8 2 \]",
    b"Index": rb"\[(?: [0-9]{1,7} [0-9]{1,7})+ \]",
    b"Filter": rb"/FlateDecode",
    b"Length": rb"[0-9]{1,7}",
}

_TOKEN: Final = (
    rb"[\n ]*(?:<<|>>|[\[\]]|/(?:[A-Za-z0-9_.+*,:;@!$&'\"=?^`|~-]|#[0-9A-Fa-f]{2})*|<[0-9A-Fa-f]*>|\((?:[^()\\]|\\.)*+\)"
    rb"|(?:[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)|true|false|null|R)(?=[\n /\[\]<>(]))"
)
_OBJECT: Final = re.compile(
    rb"([0-9]{1,7}) 0 obj\n(?P<value>(?:%s)++)(?:\nstream\n(?P<data>.*)\nendstream)?\nendobj\n" % _TOKEN, re.DOTALL
)
_MARKS: Final = re.compile(rb"\bobj\b|endobj|endstream|trailer|startxref|%%EOF")


def length_of(body: bytes, digest: Digest) -> int | None:
    """How long the beginning is that has this digest and ends like a PDF; None where none has, or the whole file alone."""
    hashed, done = hashlib.sha256(), 0
    for end in ends_of(body):
        hashed.update(memoryview(body)[done:end])
        done = end
        if hashed.digest() == digest:
            return end
    return None


def ends_of(body: bytes) -> Iterator[int]:
    """Where a revision may end, without the end of the file."""
    for n, found in enumerate(_MARK.finditer(body)):
        if n == MOST_REVISIONS:
            return
        yield from sorted({found.start() + len(b"%%EOF"), found.end()} - {len(body)})


@dataclass(frozen=True, slots=True)
class _Section:
    """The cross-reference section of a revision. `places`: where objects stand, by their numbers. The rest: of its trailer."""

    places: dict[int, int]
    prev: int
    root: bytes
    size: int


def end_of(body: bytes, length: int) -> int:
    """Where the newest section of a file of this length stands. Raises: InvalidInput where the file does not end as one does."""
    found = _END.search(body[max(0, length - _END_MOST_BYTES) : length])
    if found is None or not body.startswith(b"%PDF-"):
        raise InvalidInput("the PDF does not begin and end as one: it was cut off, or something stands before or behind it")
    return int(found[1])


def why_no_revisions(body: bytes, length: int, *, root: str, size: int) -> str | None:
    """What follows the first `length` bytes, where it is not one revision or more; None where it is.

    `root`, `size`: of the trailer that it goes on from, as they are written there.
    """
    try:
        _require_revisions(body, length, root.encode(), size)
    except InvalidInput as wrong:
        return wrong.message
    return None


def _require_revisions(body: bytes, length: int, root: bytes, size: int) -> None:
    newest, begin = end_of(body, length), length
    for _ in range(MOST_REVISIONS):
        pointer = _POINTER.search(body, begin)
        if pointer is None:
            raise InvalidInput("is no revision")
        section = _read_revision(body, begin, pointer)
        if section.prev != newest or section.root != root:
            raise InvalidInput("does not go on from them")
        if section.size <= max(section.places) or section.size < size:
            raise InvalidInput("has objects beyond its size")
        newest, size, begin = int(pointer[1]), section.size, pointer.end()
        if begin == len(body):
            return
    raise InvalidInput(f"is more than {MOST_REVISIONS} revisions")


def _read_revision(body: bytes, begin: int, pointer: re.Match[bytes]) -> _Section:
    at = int(pointer[1])
    if not begin <= at < pointer.start():
        raise InvalidInput("points elsewhere than to its own table")
    section = _read_section(body[at : pointer.start()], at)
    begins = sorted(section.places.items(), key=lambda place: place[1])
    if begins[0][1] != begin + len(_line_at(body, begin)):
        raise InvalidInput("is more than its table tells of")
    for (number, start), (_, end) in zip(begins, [*begins[1:], (0, at)], strict=True):
        if start != at:  # that is the table itself, where it is a stream
            _require_object(body[start:end], number)
    return section


def _line_at(body: bytes, begin: int) -> bytes:
    """The end of a line that a revision may begin with, where the file before it has none."""
    return b"\r\n" if body.startswith(b"\r\n", begin) else b"\n" if body.startswith(b"\n", begin) else b""


def _read_section(text: bytes, at: int) -> _Section:
    table = _TABLE.fullmatch(text)
    if table:
        trailer, entries = _read_members(table[2], _MEMBERS), list(_table_entries(table[1]))
    else:
        stream = _XREF_STREAM.fullmatch(text)
        if stream is None:
            raise InvalidInput("has no table that is read here")
        trailer = _read_members(stream[2], _STREAM_MEMBERS)
        entries = list(_stream_entries(trailer, stream[3]))
        if (int(stream[1]), at) not in entries:
            raise InvalidInput("has a table that does not tell of itself")
    places = dict(entries)
    if not places or not len(places) == len(set(places.values())) == len(entries):
        raise InvalidInput("tells of no object, or of one twice")
    return _Section(places, prev=int(trailer[b"Prev"]), root=trailer[b"Root"], size=int(trailer[b"Size"]))


def _read_members(text: bytes, known: dict[bytes, bytes]) -> dict[bytes, bytes]:
    lines = [line[1:].split(b" ", 1) for line in text.split(b"\n")[:-1]]
    members: dict[bytes, bytes] = dict(lines)
    is_known = all(name in known and re.fullmatch(known[name], value) for name, value in members.items())
    if len(members) < len(lines) or not is_known or not known.keys() - _OPTIONAL <= members.keys():
        raise InvalidInput("has a trailer that is not read here")
    return members


def _table_entries(text: bytes) -> Iterator[tuple[int, int]]:
    for first, count, lines in _SUBSECTION.findall(text):
        offsets = lines.split(b"\n")[:-1]
        if len(offsets) != int(count):
            raise InvalidInput("has a table of another length than it says")
        entries = enumerate((int(line[:10]) for line in offsets), start=int(first))
        yield from ((number, place) for number, place in entries if number != 0)


def _stream_entries(trailer: dict[bytes, bytes], data: bytes) -> Iterator[tuple[int, int]]:
    width, index = sum(_ENTRY_WIDTHS), [int(one) for one in re.findall(rb"[0-9]+", trailer[b"Index"])]
    numbers = [
        number for first, count in zip(index[::2], index[1::2], strict=True) for number in range(first, first + min(count, 10**5))
    ]
    decoder = zlib.decompressobj()
    try:
        content = decoder.decompress(data, width * len(numbers) + 1)
    except zlib.error:
        raise InvalidInput("has a table that cannot be read") from None
    whole = decoder.eof and not decoder.unused_data and int(trailer[b"Length"]) == len(data)
    if not whole or len(content) != width * len(numbers):
        raise InvalidInput("has a table of another length than it says")
    for number, at in zip(numbers, range(0, len(content), width), strict=True):
        kind, place, generation = content[at], int.from_bytes(content[at + 1 : at + 9]), int.from_bytes(content[at + 9 : at + 11])
        if number == 0 and kind == 0:
            continue
        if kind != 1 or generation != 0:
            raise InvalidInput("frees an object, or has one that is not read here")
        yield number, place


def _require_object(text: bytes, number: int) -> None:
    found = _OBJECT.fullmatch(text)
    if found is None or int(found[1]) != number:
        raise InvalidInput(f"has an object {number} that is not written as it should be")
    data = found["data"]
    if data is not None and b"/Length %d\n" % len(data) not in found["value"]:
        raise InvalidInput(f"has an object {number} of another length than it says")
    if _MARKS.search(found["value"]) or (data is not None and _MARKS.search(data)):
        raise InvalidInput(f"has an object {number} with more objects inside")
