"""Bodies of one JSON value a line. An error says in which line."""

from collections.abc import Callable
from typing import TypeVar

from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.errors import InvalidInput, TooLarge

T = TypeVar("T")


def read_lines(body: bytes, limits: JsonLimits, read: Callable[[JsonValue, str, int], T]) -> list[T]:
    """`read`: makes something of a value; it is told where that stands, `$`, and in which line. Raises: InvalidInput."""
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()  # the newline that ends the last line
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(read(parse(line, limits), "$", number))
        except TooLarge as wrong:
            raise TooLarge(wrong.reason, limit=wrong.limit, at=in_line(number, wrong.at)) from wrong
        except InvalidInput as wrong:
            raise type(wrong)(wrong.reason, at=in_line(number, wrong.at)) from wrong
    return found


def in_line(number: int | None, at: str | None) -> str:
    """`$.digest (line 1, column 8)`, as seen from one line, in the terms of the whole body.

    `number`: None where the body is one document.
    """
    place = at or "$"
    if number is None:
        return place
    return place.replace("(line 1,", f"(line {number},") if "(line 1," in place else f"{place} (line {number})"
