"""Encodings with a name, and their only constructors.

Inside the program these are bytes of an exact length; text exists at the edges only (JSON, URLs, logs, command line),
lower-case and `0x`-prefixed. The cast to a NewType happens here and nowhere else.
"""

import re
from ipaddress import IPv6Address
from typing import Final, NewType

from anchoring.errors import InvalidInput

Digest = NewType("Digest", bytes)
"""32 bytes: SHA-256 of a credential's canonical bytes."""

IssuerId = NewType("IssuerId", bytes)
"""32 bytes: SHA-256 of the issuer's DID."""

Salt = NewType("Salt", bytes)
"""16 random bytes, one per entry."""

LeafHash = NewType("LeafHash", bytes)
"""32 bytes: the leaf of one entry."""

Root = NewType("Root", bytes)
"""32 bytes: the Merkle root of one batch."""

ListId = NewType("ListId", bytes)
"""32 bytes: names one status list."""

TxHash = NewType("TxHash", bytes)
"""32 bytes: Keccak-256 of a signed transaction."""

BlockHash = NewType("BlockHash", bytes)
"""32 bytes: hash of a block header."""

CodeHash = NewType("CodeHash", bytes)
"""32 bytes: Keccak-256 of the code at an address."""

Address = NewType("Address", str)
"""EVM address: `0x` and 40 lower-case hexadecimal digits."""

Did = NewType("Did", str)
"""Decentralized identifier, ASCII, compared byte for byte (DID Core section 3.1)."""

HASH_BYTES: Final = 32
SALT_BYTES: Final = 16
DID_MAX_CHARACTERS: Final = 512

_HEX_32: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{64})")
_HEX_16: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{32})")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
URL_MAX_CHARACTERS: Final = 512
_HTTP_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9.-]{1,253}|\[(?P<v6>[0-9A-Fa-f:.]{2,45})\])(?::(?P<port>[0-9]{1,5}))?(?:/[A-Za-z0-9._~/-]*)?"
)
LAST_PORT: Final = 65_535
DID_PATTERN: Final = r"did:[a-z0-9]+:(?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})*(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})"
_DID: Final = re.compile(DID_PATTERN)


def split_hex(values: bytes, size: int) -> list[str]:
    """`to_hex` of each `size` bytes of many values in a row."""
    digits = values.hex()
    return ["0x" + digits[start : start + 2 * size] for start in range(0, len(digits), 2 * size)]


def to_hex(value: bytes) -> str:
    """Lower-case hexadecimal with `0x`, the only text form of bytes outside formats that demand another."""
    return "0x" + value.hex()


def _exact(value: bytes, size: int, what: str) -> bytes:
    if len(value) != size:
        raise InvalidInput(f"{what} is {len(value)} bytes long, not {size}")
    return value


def _from_hex(text: str, pattern: re.Pattern[str], what: str, at: str | None) -> bytes:
    # fullmatch on ASCII classes: bytes.fromhex takes white space and `\d` takes other scripts' digits.
    match = pattern.fullmatch(text)
    if match is None:
        digits = 64 if pattern is _HEX_32 else 32
        raise InvalidInput(f"{what} must be {digits} hexadecimal digits, with or without 0x", at=at)
    return bytes.fromhex(match[1])


def as_digest(value: bytes) -> Digest:
    """`value`: 32 bytes. Raises: InvalidInput."""
    return Digest(_exact(value, HASH_BYTES, "a digest"))


def as_issuer_id(value: bytes) -> IssuerId:
    """`value`: 32 bytes. Raises: InvalidInput."""
    return IssuerId(_exact(value, HASH_BYTES, "an issuer id"))


def as_salt(value: bytes) -> Salt:
    """`value`: 16 bytes. Raises: InvalidInput."""
    return Salt(_exact(value, SALT_BYTES, "a salt"))


def as_leaf_hash(value: bytes) -> LeafHash:
    """`value`: 32 bytes. Raises: InvalidInput."""
    return LeafHash(_exact(value, HASH_BYTES, "a leaf hash"))


def as_root(value: bytes) -> Root:
    """`value`: 32 bytes. Raises: InvalidInput."""
    return Root(_exact(value, HASH_BYTES, "a root"))


def as_list_id(value: bytes) -> ListId:
    """`value`: 32 bytes. Raises: InvalidInput."""
    return ListId(_exact(value, HASH_BYTES, "a list id"))


def as_tx_hash(value: bytes) -> TxHash:
    """`value`: 32 bytes. Raises: InvalidInput."""
    return TxHash(_exact(value, HASH_BYTES, "a transaction hash"))


def as_block_hash(value: bytes) -> BlockHash:
    """`value`: 32 bytes. Raises: InvalidInput."""
    return BlockHash(_exact(value, HASH_BYTES, "a block hash"))


def as_code_hash(value: bytes) -> CodeHash:
    """`value`: 32 bytes. Raises: InvalidInput."""
    return CodeHash(_exact(value, HASH_BYTES, "a code hash"))


def parse_digest(text: str, *, at: str | None = None) -> Digest:
    """64 hexadecimal digits of either case, with or without `0x`. Raises: InvalidInput naming `at`."""
    return Digest(_from_hex(text, _HEX_32, "a digest", at))


def parse_root(text: str, *, at: str | None = None) -> Root:
    """64 hexadecimal digits of either case, with or without `0x`. Raises: InvalidInput naming `at`."""
    return Root(_from_hex(text, _HEX_32, "a root", at))


def parse_list_id(text: str, *, at: str | None = None) -> ListId:
    """64 hexadecimal digits of either case, with or without `0x`. Raises: InvalidInput naming `at`."""
    return ListId(_from_hex(text, _HEX_32, "a list id", at))


def parse_salt(text: str, *, at: str | None = None) -> Salt:
    """32 hexadecimal digits of either case, with or without `0x`. Raises: InvalidInput naming `at`."""
    return Salt(_from_hex(text, _HEX_16, "a salt", at))


def parse_hash(text: str, *, what: str, at: str | None = None) -> bytes:
    """Any 32-byte value in hexadecimal; `what` names it in the error. Raises: InvalidInput naming `at`."""
    return _from_hex(text, _HEX_32, what, at)


def parse_address(text: str, *, at: str | None = None) -> Address:
    """`0x` and 40 hexadecimal digits of either case. Raises: InvalidInput naming `at`."""
    if _ADDRESS.fullmatch(text) is None:
        raise InvalidInput("an address must be 0x and 40 hexadecimal digits", at=at)
    return Address(text.lower())


def parse_http_url(text: str, *, at: str | None = None) -> str:
    """An address of HTTP that a browser may be let connect to: without account, query, fragment, quotes, and as ASCII.

    Raises: InvalidInput naming `at`.
    """
    found = _HTTP_URL.fullmatch(text) if len(text) <= URL_MAX_CHARACTERS else None
    if found is None or int(found["port"] or 0) > LAST_PORT or not (found["v6"] is None or _is_ipv6(found["v6"])):
        raise InvalidInput("not a plain URL of HTTP, such as https://node.example/rpc", at=at)
    return text


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def parse_did(text: str, *, at: str | None = None) -> Did:
    """A DID in the syntax of DID Core section 3.1, at most 512 characters. Raises: InvalidInput naming `at`."""
    if len(text) > DID_MAX_CHARACTERS:
        raise InvalidInput(f"a DID may have at most {DID_MAX_CHARACTERS} characters", at=at)
    if _DID.fullmatch(text) is None:
        raise InvalidInput("not a DID; expected did:<method>:<identifier>, such as did:ebsi:zfEmvX5twhXjQJiCWsukvQA", at=at)
    return Did(text)
