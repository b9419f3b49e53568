"""A JSON reader for bytes that will be hashed (RFC 8259, narrowed to I-JSON, RFC 7493; docs/digests.md, section 3).

Ordinary readers lose information without saying so: of two equal keys the last wins, digits a double cannot hold go,
`1e400` becomes infinity. Different documents would then have one digest. This reader refuses them, and says where.

`json` decides, by hooks, at C speed. Only after a refusal does a second, slower pass go through the text to name the
place; it looks for every fault itself, and a property test holds the two to one verdict.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Never, TypeAlias

from anchoring.core.json_numbers import NOT_A_NUMBER, integer, no_number, real
from anchoring.errors import InvalidInput, MalformedBody, TooLarge

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None

MAX_BYTES: Final = 20 * 1024 * 1024
MAX_DEPTH: Final = 64
MAX_VALUES: Final = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLimits:
    """How large a document may be.

    `max_bytes`: of the body. `max_depth`: arrays and objects open at once; a few hundred at most, for recursion's sake.
    `max_values`: commas and opening brackets outside strings; 20 MiB of `[[],[],…` would be seven million lists.
    """

    max_bytes: int = MAX_BYTES
    max_depth: int = MAX_DEPTH
    max_values: int = MAX_VALUES


DEFAULT_LIMITS: Final = JsonLimits()


def parse(data: bytes, limits: JsonLimits = DEFAULT_LIMITS) -> JsonValue:
    """The value of one JSON document in UTF-8, equal in every strict reader.

    Raises: TooLarge over a limit; MalformedBody for what is not JSON in UTF-8; InvalidInput for JSON that readers read
    differently. `at` gives the JSON path and the place, such as `$.credentialSubject.grade (line 3, column 14)`, lines and
    columns from 1 and in characters; or `byte 17`, from 0, where there is no text yet.
    """
    text = _decode(data, limits)
    try:
        _check_size(data, limits)
        value: JsonValue = _DECODER.decode(text)
        if _SURROGATE_ESCAPE.search(text):
            _ENCODER.encode(value).encode()
    except ValueError:
        # Only the place is still wanted. Should the passes ever differ, the document stays refused.
        raise first_fault(text, limits) or InvalidInput("not strict JSON", at="$") from None
    return value


def first_fault(text: str, limits: JsonLimits = DEFAULT_LIMITS) -> InvalidInput | None:
    """The first thing in `text` that `parse` refuses, with its place; None if there is none."""
    try:
        _Scan(text, limits).document()
    except InvalidInput as fault:
        return fault
    return None


def json_path(steps: Iterable[str | int | None]) -> str:
    """A JSON path as in RFC 9535; None is no step. Names that are not plain are quoted in ASCII, long ones cut."""
    path = "$"
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step is not None:
            name = step if len(step) <= _NAME_SHOWN else step[:_NAME_SHOWN] + "..."
            path += f".{name}" if _PLAIN_NAME.fullmatch(name) else f"[{json.dumps(name)}]"
    return path


def _decode(data: bytes, limits: JsonLimits) -> str:
    if len(data) > limits.max_bytes:
        message = f"the document has {len(data)} bytes; at most {limits.max_bytes} are read"
        raise TooLarge(message, limit=limits.max_bytes, at=f"byte {limits.max_bytes}")
    if data.startswith(codecs.BOM_UTF8):
        raise MalformedBody("a byte order mark stands before the JSON text; leave it out", at="byte 0")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\x00" in data[:2]:
        raise MalformedBody("this is UTF-16 or UTF-32; JSON is exchanged in UTF-8", at="byte 0")
    try:
        return data.decode()
    except UnicodeDecodeError as wrong:
        raise MalformedBody("not UTF-8", at=f"byte {wrong.start}") from None


_PIECE_BYTES: Final = 64 * 1024
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'"[]{},'))
_LEVELS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")


def _check_size(data: bytes, limits: JsonLimits) -> None:
    # Before the C reader, which recurses, sees a byte. With escapes gone every quote left opens or closes a string, so
    # every other part of a split is outside: exact up to the first syntax error, and no reader goes past that.
    skeleton = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NOT_STRUCTURE)
    outside = b"".join(_outside_strings(skeleton))
    brackets = outside.translate(None, b",")
    values = len(outside) - brackets.count(b"]") - brackets.count(b"}")
    depth = max(accumulate(map(_LEVELS.__getitem__, brackets)), default=0)
    if values > limits.max_values or depth > limits.max_depth:
        raise ValueError


def _outside_strings(skeleton: bytes) -> Iterator[bytes]:
    """A piece at a time: millions of strings at once would take twenty times the size of the document."""
    inside = 0
    for start in range(0, len(skeleton), _PIECE_BYTES):
        parts = skeleton[start : start + _PIECE_BYTES].split(b'"')
        yield b"".join(parts[inside::2])
        inside ^= (len(parts) - 1) % 2


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=integer, parse_float=real, parse_constant=no_number)
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


# The pass that names the place

_NOT_SPACE: Final = re.compile(r"[^ \t\n\r]")
_CHARACTERS: Final = re.compile(  # a bounded run, so that a long string costs no more memory than a short one
    r'(?:[^"\\\x00-\x1f]+|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}){1,1000}"
)
_WORD: Final = re.compile(r"true|false|null|(-?Infinity|NaN)")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<real>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_SHOWN: Final = 40


@dataclass(slots=True)
class _Open:
    """An array (`names` is None) or object being read; `step` leads to the value in hand, None where there is none."""

    names: set[str] | None
    step: str | int | None = None
    count: int = 0


class _Scan:
    """One pass over a text, without recursion, to the first fault."""

    def __init__(self, text: str, limits: JsonLimits) -> None:
        self.text = text
        self.limits = limits
        self.at = 0
        self.values = 0
        self.open: list[_Open] = []

    def document(self) -> None:
        self._skip_space()
        self._value()
        while self.open:
            self._skip_space()
            self._member_or_end(self.open[-1])
        self._skip_space()
        if self.at < len(self.text):
            self._fail("the document has ended before this")

    def _member_or_end(self, inside: _Open) -> None:
        end = "]" if inside.names is None else "}"
        if self._take(end):
            self.open.pop()
            return
        inside.step = None
        if inside.count:
            if not self._take(","):
                self._fail(f"expected , or {end}")
            self._count_value(self.at - 1)
            self._skip_space()
        inside.step = inside.count if inside.names is None else self._name(inside, inside.names)
        inside.count += 1
        self._value()

    def _name(self, inside: _Open, names: set[str]) -> str:
        start = self.at
        if not self._take('"'):
            self._fail("expected a member's name in quotes")
        name: str = json.loads(self._string(start))
        if name in names:
            inside.step = name
            self._refuse("this name stands twice in one object", start)
        names.add(name)
        self._skip_space()
        if not self._take(":"):
            self._fail("expected :")
        self._skip_space()
        return name

    def _value(self) -> None:
        start = self.at
        if self._take("{"):
            self._enter(_Open(set()), start)
        elif self._take("["):
            self._enter(_Open(None), start)
        elif self._take('"'):
            self._string(start)
        elif word := _WORD.match(self.text, start):
            if word[1]:
                self._fail(NOT_A_NUMBER)
            self.at = word.end()
        elif number := _NUMBER.match(self.text, start):
            try:
                real(number[0]) if number["real"] else integer(number[0])
            except ValueError as wrong:
                self._refuse(str(wrong), start)
            self.at = number.end()
        else:
            self._fail("expected a value")

    def _enter(self, container: _Open, start: int) -> None:
        if len(self.open) == (limit := self.limits.max_depth):
            raise TooLarge(f"nested more than {limit} deep", limit=limit, at=self._place(start))
        self._count_value(start)
        self.open.append(container)

    def _count_value(self, start: int) -> None:
        self.values += 1
        if self.values > (limit := self.limits.max_values):
            raise TooLarge(f"more than {limit} commas and opening brackets", limit=limit, at=self._place(start))

    def _string(self, start: int) -> str:
        """The literal, quotes included; `at` stands after its opening quote."""
        while run := _CHARACTERS.match(self.text, self.at):
            self.at = run.end()
        if not self._take('"'):
            if self.at == len(self.text):
                self._fail("this string has no end", start)
            if _SURROGATE_ESCAPE.match(self.text, self.at):
                self._refuse("half of a surrogate pair, which is no character", self.at)
            self._fail("no such escape" if self.text[self.at] == "\\" else "control characters must be escaped")
        return self.text[start : self.at]

    def _take(self, character: str) -> bool:
        if self.text[self.at : self.at + 1] != character:
            return False
        self.at += 1
        return True

    def _skip_space(self) -> None:
        found = _NOT_SPACE.search(self.text, self.at)
        self.at = found.start() if found else len(self.text)

    def _fail(self, message: str, at: int | None = None) -> Never:
        raise MalformedBody(message, at=self._place(self.at if at is None else at))

    def _refuse(self, message: str, at: int) -> Never:
        raise InvalidInput(message, at=self._place(at))

    def _place(self, at: int) -> str:
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        return f"{json_path(inside.step for inside in self.open)} (line {line}, column {column})"
