"""A stream of bytes, encrypted and authenticated (docs/manifests.md, section 3): the STREAM construction, as age uses it.

Each file has a key of its own, derived from the key of all and a random salt, so chunks are numbered from 0 in every file. A
chunk that was changed, moved, left out or cut off is noticed before anything of it is given out.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from anchoring.errors import InvalidInput, Misconfigured
from anchoring.secret_files import read_secret, write_secret

MAGIC: Final = b"CAManif\x01"
KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
FILE_SALT_BYTES: Final = 32
HEADER_BYTES: Final = len(MAGIC) + KEY_ID_BYTES + FILE_SALT_BYTES
CHUNK_BYTES: Final = 1 << 16
TAG_BYTES: Final = 16


class ManifestKey:
    """The key of all manifests of an installation: 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = hashlib.sha256(b"credanchor-manifest-key" + key).digest()[:KEY_ID_BYTES]

    def __repr__(self) -> str:
        return f"ManifestKey({self.id.hex()})"

    def cipher(self, header: bytes) -> ChaCha20Poly1305:
        """Of the one file that begins with this header."""
        salt = header[-FILE_SALT_BYTES:]
        return ChaCha20Poly1305(HKDF(algorithm=SHA256(), length=32, salt=salt, info=header).derive(self._key))


def create_manifest_key(path: Path) -> None:
    """A new key in a new file, mode 0600. Raises: Misconfigured naming the file."""
    write_secret(path, secrets.token_hex(KEY_BYTES) + "\n", "manifest key")


def read_manifest_key(path: Path, setting: str) -> ManifestKey:
    """Raises: Misconfigured naming setting and file, and never what is in it."""
    try:
        key = bytes.fromhex(read_secret(path, setting))
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise Misconfigured(f"{setting}: {path} holds no key; make one with: credanchor store create-manifest-key FILE")
    return ManifestKey(key)


def encrypt(key: ManifestKey, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Header and chunks of a file with this content."""
    header = MAGIC + key.id + secrets.token_bytes(FILE_SALT_BYTES)
    cipher = key.cipher(header)
    yield header
    waiting, number = bytearray(), 0
    for piece in pieces:
        waiting += piece
        while len(waiting) > CHUNK_BYTES:  # a full chunk may be the last, so it goes when more is there
            yield cipher.encrypt(_nonce(number, is_last=False), bytes(waiting[:CHUNK_BYTES]), None)
            del waiting[:CHUNK_BYTES]
            number += 1
    yield cipher.encrypt(_nonce(number, is_last=True), bytes(waiting), None)


def decrypt(key: ManifestKey, file: BinaryIO) -> Iterator[bytes]:
    """The content of a file. Raises: InvalidInput when it is none of this key's files, or not all of it as it was written."""
    header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        raise InvalidInput("not a manifest of a version this program knows")
    if header[len(MAGIC) : len(MAGIC) + KEY_ID_BYTES] != key.id:
        raise InvalidInput("encrypted with another key")
    cipher = key.cipher(header)
    chunk, number = file.read(CHUNK_BYTES + TAG_BYTES), 0
    while chunk:
        following = file.read(CHUNK_BYTES + TAG_BYTES)
        try:
            yield cipher.decrypt(_nonce(number, is_last=not following), chunk, None)
        except InvalidTag:
            raise InvalidInput("damaged, or not all of it is there") from None
        chunk, number = following, number + 1
    if not number:
        raise InvalidInput("damaged, or not all of it is there")


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
