"""Static files in a folder or in an object store (S3 and its kin, Google's, Azure's), and read over HTTP: obstore."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Final

from obstore.exceptions import BaseError
from obstore.store import HTTPStore, LocalStore, ObjectStore, from_url

from anchoring.errors import AnchoringError, FilesUnavailable, InvalidInput

FOREVER: Final = "public, max-age=31536000, immutable"
FOR_MINUTES: Final = "public, max-age=300"
TRIES: Final = 3

PLAIN_HTTP: Final = ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP")
"""Variables with which an operator allows an object store without TLS, in a network of their own."""


class ObjectFiles:
    """Implements ports.StaticFiles. `parallel`: how many files are written at once."""

    def __init__(self, store: ObjectStore, place: str, *, parallel: int) -> None:
        self._store = store
        self._place = place
        self._parallel = parallel

    def read(self, path: str, *, most: int) -> bytes | None:
        try:
            found = self._store.get(path)
            if found.meta["size"] > most:
                raise InvalidInput(f"has {found.meta['size']} bytes, more than {most}", at=path)
            return bytes(found.bytes())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as failed:
            raise self._unavailable(failed) from failed

    def write(self, files: Iterable[tuple[str, bytes]], *, unchanging: bool = False) -> None:
        with ThreadPoolExecutor(self._parallel) as executor:
            for _ in executor.map(lambda file: self._put(*file, unchanging=unchanging), files):
                pass

    def delete(self, path: str) -> None:
        try:
            self._store.delete(path)
        except FileNotFoundError:
            pass
        except (BaseError, OSError) as failed:
            raise self._unavailable(failed) from failed

    def _put(self, path: str, content: bytes, *, unchanging: bool) -> None:
        kind = "application/json" if path.endswith(".json") else "application/octet-stream"
        told = {"Content-Type": kind, "Cache-Control": FOREVER if unchanging else FOR_MINUTES}
        try:
            self._store.put(path, content, attributes=None if isinstance(self._store, LocalStore) else told)
        except (BaseError, OSError) as failed:
            raise self._unavailable(failed) from failed

    def _unavailable(self, failed: Exception) -> AnchoringError:
        return FilesUnavailable(f"{self._place}: {_first_line(failed)}")


def open_files(place: str, *, parallel: int, timeout_s: float, writes: bool) -> ObjectFiles:
    """The folder of this path, or what stands at a URL; credentials come from the environment, as the store's own tools read it.

    Raises: InvalidInput naming the place when it is none that can be written, or read.
    """
    if not place:
        raise InvalidInput("names no folder and no store such as s3://bucket/path", at="''")
    if "://" not in place:
        return ObjectFiles(_folder(Path(place), writes=writes), place, parallel=1)  # a disk is no faster for several
    try:
        store = from_url(
            place,
            client_options={
                "timeout": timedelta(seconds=timeout_s),
                "connect_timeout": timedelta(seconds=timeout_s),
                "allow_http": place.startswith("http://") or any(os.environ.get(name) == "true" for name in PLAIN_HTTP),
            },
            retry_config={"max_retries": TRIES - 1, "retry_timeout": timedelta(seconds=TRIES * timeout_s)},
        )
    except BaseError as wrong:
        raise InvalidInput(_first_line(wrong), at=place) from wrong
    if writes and isinstance(store, HTTPStore):
        raise InvalidInput("files are written to a folder, or to a store such as s3://bucket/path", at=place)
    return ObjectFiles(store, place, parallel=parallel)


def _folder(path: Path, *, writes: bool) -> LocalStore:
    if not writes and not path.is_dir():
        raise InvalidInput("is no folder", at=str(path))
    try:
        return LocalStore(path.absolute(), mkdir=writes)
    except (BaseError, OSError) as wrong:
        raise InvalidInput(_first_line(wrong), at=str(path)) from wrong


def _first_line(failed: Exception) -> str:
    """What goes on for pages is for those who write object stores."""
    return str(failed).strip().partition("\n")[0] or type(failed).__name__
