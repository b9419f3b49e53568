"""A list's bits as text: Bitstring Status List 1.0 section 3.3, StatusList2021, Token Status List section 4.

Only wrapper, alphabet and order of bits differ. Texts are the same on every machine: the gzip header is ours, without time and
system. Decoding stops at the longest list there can be, whatever a few bytes would expand to.
"""

import base64
import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from anchoring.core.base64url import decode_base64url, encode_base64url
from anchoring.core.status import MAX_ENTRIES, MIN_ENTRIES, StatusBits, StatusPurpose
from anchoring.errors import VerificationError


class StatusErrorCode(StrEnum):
    """Why a status list cannot be relied on, in the words of Bitstring Status List 1.0 section 3.2."""

    RETRIEVAL = "STATUS_RETRIEVAL_ERROR"
    VERIFICATION = "STATUS_VERIFICATION_ERROR"
    LENGTH = "STATUS_LIST_LENGTH_ERROR"
    RANGE = "RANGE_ERROR"
    MALFORMED = "MALFORMED_VALUE_ERROR"


class StatusListError(VerificationError):
    """A status list, or an entry that points into one, cannot be relied on. `code`: of the standard."""

    slug = "status-list-invalid"

    def __init__(self, code: StatusErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def unverified(message: str) -> StatusListError:
    """A signature, or what it needs, does not hold."""
    return StatusListError(StatusErrorCode.VERIFICATION, message)


def untold(message: str) -> StatusListError:
    """Nobody can tell: what it takes is out of reach, or is not read here."""
    return StatusListError(StatusErrorCode.RETRIEVAL, message)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenList:
    """The member `status_list` of a Token Status List. `bits`: of one entry, 1 or 2. `lst`: the entries."""

    bits: int
    lst: str


def encode_bitstring(bits: StatusBits) -> str:
    """`encodedList` of a Bitstring Status List: `u`, then base64url of gzip."""
    return "u" + encode_base64url(_gzip(bytes(bits)))


def decode_bitstring(text: str) -> StatusBits:
    """Raises: StatusListError, MALFORMED_VALUE_ERROR or STATUS_LIST_LENGTH_ERROR."""
    if text[:1] != "u":
        raise _malformed("an encodedList begins with u, for base64url")
    return _bits(_inflated(_from_base64url(text[1:]), _GZIP_WBITS, MAX_ENTRIES // 8))


def encode_statuslist2021(bits: StatusBits) -> str:
    """`encodedList` of a StatusList2021: base64 of gzip, without a letter before it."""
    return base64.b64encode(_gzip(bytes(bits))).decode()


def decode_statuslist2021(text: str) -> StatusBits:
    """Padding may be there or not. Raises: StatusListError, MALFORMED_VALUE_ERROR or STATUS_LIST_LENGTH_ERROR."""
    bare = text.rstrip("=")
    if text not in {bare, bare + "=" * (-len(bare) % 4)} or "-" in text or "_" in text:
        raise _malformed("the list is not base64")
    return _bits(_inflated(_from_base64url(bare.replace("+", "-").replace("/", "_")), _GZIP_WBITS, MAX_ENTRIES // 8))


def encode_token_list(bits: StatusBits, purpose: StatusPurpose) -> TokenList:
    """A revoked entry is INVALID (1) in a list of 1 bit, a suspended one SUSPENDED (2) in a list of 2 bits."""
    content = bytes(bits).translate(_REVERSED)
    if purpose is StatusPurpose.SUSPENSION:
        content = _doubled(content)
    return TokenList(bits=1 if purpose is StatusPurpose.REVOCATION else 2, lst=encode_base64url(zlib.compress(content, 9)))


def decode_token_list(token: TokenList) -> tuple[StatusBits, StatusPurpose]:
    """The bits, and what a set one means.

    Raises: StatusListError, MALFORMED_VALUE_ERROR or STATUS_LIST_LENGTH_ERROR; the first also for entries of 4 or 8 bits, and for
    a list of 2 bits in which something else than 0 and 2 stands: no list of ours is like that.
    """
    if token.bits not in {1, 2}:
        raise _malformed(f"a status list with entries of {token.bits} bits is not read here; 1 and 2 are")
    content = _inflated(_from_base64url(token.lst), _ZLIB_WBITS, token.bits * MAX_ENTRIES // 8)
    if token.bits == 1:
        return _bits(content.translate(_REVERSED)), StatusPurpose.REVOCATION
    return _bits(_halved(content).translate(_REVERSED)), StatusPurpose.SUSPENSION


def bit_at(bits: StatusBits, index: int) -> bool:
    """Raises: StatusListError, RANGE_ERROR when the index is not in the list."""
    try:
        return bits[index]
    except IndexError as outside:
        raise StatusListError(StatusErrorCode.RANGE, str(outside)) from None


_GZIP_WBITS: Final = 31
_ZLIB_WBITS: Final = 15
_MAX_CHARACTERS: Final = 1 << 19
"""The longest list without compression, twice over."""

_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
"""Deflate, no flags, no time, best compression, unknown system (RFC 1952)."""

_REVERSED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_LOW_DOUBLED: Final = bytes(sum(2 << 2 * bit for bit in range(4) if byte >> bit & 1) for byte in range(256))
_HIGH_DOUBLED: Final = bytes(_LOW_DOUBLED[byte >> 4] for byte in range(256))
_HALF_OF: Final = {_LOW_DOUBLED[half]: half for half in range(16)}
_LOW_HALVED: Final = bytes(_HALF_OF.get(byte, 0) for byte in range(256))
_HIGH_HALVED: Final = bytes(half << 4 for half in _LOW_HALVED)


def _malformed(message: str) -> StatusListError:
    return StatusListError(StatusErrorCode.MALFORMED, message)


def _bits(content: bytes) -> StatusBits:
    entries = 8 * len(content)
    if not MIN_ENTRIES <= entries <= MAX_ENTRIES:
        raise StatusListError(StatusErrorCode.LENGTH, f"the list has {entries} entries; {MIN_ENTRIES} to {MAX_ENTRIES} are read")
    return StatusBits(content)


def _gzip(content: bytes) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(content) + deflate.flush()
    return _GZIP_HEADER + body + struct.pack("<II", zlib.crc32(content), len(content))


def _from_base64url(text: str) -> bytes:
    if len(text) > _MAX_CHARACTERS:
        raise StatusListError(StatusErrorCode.LENGTH, f"the list has {len(text)} characters; at most {_MAX_CHARACTERS} are read")
    try:
        return decode_base64url(text)
    except ValueError as wrong:
        raise _malformed(f"the list is {wrong}") from None


def _inflated(content: bytes, wbits: int, max_bytes: int) -> bytes:
    inflate = zlib.decompressobj(wbits)
    try:
        inflated = inflate.decompress(content, max_bytes + 1)
    except zlib.error:
        raise _malformed("the list does not decompress") from None
    if len(inflated) > max_bytes:
        raise StatusListError(StatusErrorCode.LENGTH, f"the list has more than {MAX_ENTRIES} entries")
    if not inflate.eof:
        raise _malformed("the compressed list is cut short")
    if inflate.unused_data:
        raise _malformed("something follows the compressed list")
    return inflated


def _doubled(content: bytes) -> bytes:
    """Entries of one bit as entries of two, the least significant first; a set one is 2."""
    doubled = bytearray(2 * len(content))
    doubled[0::2], doubled[1::2] = content.translate(_LOW_DOUBLED), content.translate(_HIGH_DOUBLED)
    return bytes(doubled)


def _halved(content: bytes) -> bytes:
    """The other way round. Raises: StatusListError when an entry is neither 0 nor 2."""
    if len(content) % 2 or content.translate(None, bytes(_HALF_OF)):
        raise _malformed("a status list of 2 bits with other values than 0 and 2 is not read here")
    low, high = content[0::2].translate(_LOW_HALVED), content[1::2].translate(_HIGH_HALVED)
    return (int.from_bytes(low) | int.from_bytes(high)).to_bytes(len(low))
