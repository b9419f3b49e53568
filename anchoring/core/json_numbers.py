"""Numbers of JSON that every reader takes for the same, and that keep all their digits (RFC 7493, section 2.2)."""

from decimal import Decimal
from math import isinf
from typing import Final, Never

_MAX_SAFE_INTEGER: Final = 2**53 - 1
_FIRST_WITH_EXPONENT: Final = 1e21
_UNSAFE: Final = "integers of 2^53 and more are not the same number to every reader; write it as a string"
_MINUS_ZERO: Final = "-0 and 0 are one number; write 0"
NOT_A_NUMBER: Final = "NaN and infinities are not JSON"


def integer(literal: str) -> int:
    """Raises: ValueError saying why not."""
    # The length first: int() raises above 4,300 digits, and takes quadratic time below.
    if len(literal) > len("-9007199254740991") or abs(value := int(literal)) > _MAX_SAFE_INTEGER:
        raise ValueError(_UNSAFE)
    if literal == "-0":
        raise ValueError(_MINUS_ZERO)
    return value


def real(literal: str) -> float:
    """Of a number with a fraction or an exponent. Raises: ValueError saying why not."""
    value = float(literal)
    if value == 0:
        if literal.startswith("-"):
            raise ValueError(_MINUS_ZERO)
        if literal.lower().partition("e")[0].strip("0."):
            raise ValueError("too small for a double")
    elif isinf(value):
        raise ValueError("too large for a double")
    elif _MAX_SAFE_INTEGER < abs(value) < _FIRST_WITH_EXPONENT:
        # ES6 writes it as an integer literal, so its canonical form would be refused.
        raise ValueError(_UNSAFE)
    elif literal != (shortest := repr(value)) and Decimal(literal) != Decimal(shortest):
        # repr() writes the same shortest digits as ES6, in another notation.
        raise ValueError("a double does not hold all these digits; leave out the excess ones, or write it as a string")
    return value


def no_number(_literal: str) -> Never:
    """Of `NaN` and the infinities. Raises: ValueError."""
    raise ValueError(NOT_A_NUMBER)
