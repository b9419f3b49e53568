"""Base58 in Bitcoin's alphabet, the text form of multibase `z`."""

from typing import Final

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS: Final = {character: digit for digit, character in enumerate(_ALPHABET)}


def encode_base58(content: bytes) -> str:
    """Leading zero bytes become leading ones."""
    number, digits = int.from_bytes(content), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _ALPHABET[digit] + digits
    return "1" * (len(content) - len(content.lstrip(b"\0"))) + digits


def decode_base58(text: str, *, most: int) -> bytes:
    """Raises: ValueError for another character, and for more than `most` characters: the work grows with their square."""
    if len(text) > most:
        raise ValueError("too long")
    number = 0
    for character in text:
        if character not in _DIGITS:
            raise ValueError("not base58")
        number = 58 * number + _DIGITS[character]
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes(-(-number.bit_length() // 8))
