"""Manifests in a folder, which is best mounted from elsewhere: one file a root, encrypted, mode 0600."""

import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from anchoring.errors import InvalidInput, ManifestsUnavailable
from anchoring.manifests.sealed_box import MAGIC, ManifestKey, decrypt, encrypt
from anchoring.types import Root

SUFFIX: Final = ".manifest"
PARTIAL: Final = ".partial"

_NAME: Final = re.compile(rf"([0-9a-f]{{64}}){re.escape(SUFFIX)}")


class ManifestFolder:
    """Implements ports.ManifestPlace. The folder must be there: one that is not mounted is not made up."""

    def __init__(self, folder: Path, key: ManifestKey) -> None:
        self._folder = folder
        self._key = key

    def roots(self) -> frozenset[Root]:
        with self._reported("read"):
            self._sync_folder()  # a rename whose writer died may be visible and not yet durable
            names = [path.name for path in self._folder.iterdir()]
        return frozenset(Root(bytes.fromhex(match[1])) for match in map(_NAME.fullmatch, names) if match)

    def keep(self, root: Root, content: Callable[[], Iterable[bytes]]) -> None:
        """The claim is the partial file: whoever begins removes the partial files of others, and without it nobody replaces."""
        name = root.hex() + SUFFIX
        partial = self._folder / f"{name}.{secrets.token_hex(8)}{PARTIAL}"
        with self._reported("written"):
            for abandoned in self._folder.glob(f"{name}.*{PARTIAL}"):
                self._remove(abandoned)
            try:
                with self._create(partial) as file:
                    for piece in encrypt(self._key, content()):
                        self._write(file, piece)
                    self._sync_file(file)
                self._replace(partial, self._folder / name)
            except Exception:
                with suppress(OSError, ManifestsUnavailable):
                    self._remove(partial)
                raise
            self._sync_folder()

    def read(self, root: Root) -> Iterator[bytes]:
        return read_manifest(self._folder / (root.hex() + SUFFIX), self._key)

    @contextmanager
    def _reported(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as failed:
            raise ManifestsUnavailable(f"manifests cannot be {what} in {self._folder}: {failed.strerror}") from failed

    # The effects, one a method: tests let each fail before and after it took hold.

    def _create(self, path: Path) -> BinaryIO:
        return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def _write(self, file: BinaryIO, piece: bytes) -> None:
        file.write(piece)

    def _sync_file(self, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())

    def _replace(self, partial: Path, name: Path) -> None:
        partial.replace(name)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_manifest(path: Path) -> bool:
    """Whether a file begins as a manifest does. Raises: InvalidInput when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError as failed:
        raise InvalidInput(f"cannot be read: {failed.strerror}") from failed


def read_manifest(path: Path, key: ManifestKey) -> Iterator[bytes]:
    """The content of a manifest file in pieces. Raises: InvalidInput when it cannot be read, is damaged, or is of another key."""
    try:
        with path.open("rb") as file:
            yield from decrypt(key, file)
    except OSError as failed:
        raise InvalidInput(f"cannot be read: {failed.strerror}") from failed
