"""base64url without padding (RFC 4648 section 5), as JOSE, lists and keys have it: one text for some bytes, and no other."""

import base64
import re
from typing import Final

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*")


def encode_base64url(content: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """Raises: ValueError for padding, white space, another alphabet, a text cut short, and stray bits in the last character."""
    if not _ALPHABET.fullmatch(text) or len(text) % 4 == 1:
        raise ValueError("not base64url without padding, or cut short")
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if encode_base64url(content) != text:  # a decoder ignores such bits
        raise ValueError("not base64url: stray bits in its last character")
    return content
