"""Where files for everybody are published, and read from: a folder, an object store, a web server."""

from collections.abc import Iterable
from typing import Protocol


class StaticFiles(Protocol):
    """Files by their path, of names joined by `/`.

    Raises, everywhere: FilesUnavailable when the place cannot be reached or refuses.
    """

    def read(self, path: str, *, most: int) -> bytes | None:
        """None when there is no such file. Raises: InvalidInput when it is longer than `most` bytes."""

    def write(self, files: Iterable[tuple[str, bytes]], *, unchanging: bool = False) -> None:
        """Put each file, whole or not at all, in the place of the one that may be there. When it returns all are there.

        `unchanging`: readers and caches may keep them for ever.
        """

    def delete(self, path: str) -> None:
        """What is not there need not be deleted."""
