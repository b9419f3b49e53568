"""The file that a backup is: every row of every table as lines of JSON, compressed, with a SHA-256 at the end.

One form for both databases, so that what was saved from one kind can be restored into the other. First line: what is in it.
Then the rows, table by table in the order of the first line. Last line: the SHA-256 of all lines before. Bytes are base64,
times microseconds since 1970.
"""

import base64
import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from anchoring.errors import Conflict, InvalidInput
from anchoring.ports.runtime import Progress

FORMAT: Final = "credanchor-backup"
VERSION: Final = 1
COMPRESSION: Final = 1  # digests and salts do not compress at any level

LONGEST_LINE: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTable:
    """`columns`: name and kind, which is one of `bytes`, `int`, `text`, `time`."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupHeader:
    """What a backup says of itself. `seal_mark`: where the newest sealed range of entries ends."""

    revision: str
    database: str
    created_at: datetime
    seal_mark: int
    tables: tuple[SavedTable, ...]

    def rows_of(self, table: str) -> int:
        return next((saved.rows for saved in self.tables if saved.name == table), 0)

    def to_json(self) -> dict[str, Any]:
        tables = [{"name": table.name, "columns": table.columns, "rows": table.rows} for table in self.tables]
        return {
            "format": FORMAT,
            "version": VERSION,
            "revision": self.revision,
            "database": self.database,
            "createdAt": self.created_at.isoformat(),
            "sealMark": self.seal_mark,
            "tables": tables,
        }

    @classmethod
    def from_json(cls, content: Any) -> Self:
        """Raises: KeyError, TypeError, ValueError."""
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError("another format")
        tables = tuple(
            SavedTable(
                name=str(table["name"]),
                columns=tuple((str(name), str(kind)) for name, kind in table["columns"]),
                rows=int(table["rows"]),
            )
            for table in content["tables"]
        )
        return cls(
            revision=str(content["revision"]),
            database=str(content["database"]),
            created_at=datetime.fromisoformat(content["createdAt"]),
            seal_mark=int(content["sealMark"]),
            tables=tables,
        )


class BackupWriter:
    """Writes lines and remembers their SHA-256."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    def write(self, *contents: Any) -> None:
        lines = b"".join(json.dumps(content, separators=(",", ":"), default=_encode).encode() + b"\n" for content in contents)
        self._sha256.update(lines)
        self._file.write(lines)

    def close(self) -> None:
        self._file.write(json.dumps({"sha256": self._sha256.hexdigest()}).encode() + b"\n")


@contextmanager
def new_backup(path: Path) -> Iterator[BackupWriter]:
    """A file that appears under its name when it is complete and on the disk, for this user only; or does not.

    Raises: Conflict when it exists; InvalidInput when it cannot be written.
    """
    _require_new(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=COMPRESSION, fileobj=raw, mtime=0) as file:
                writer = BackupWriter(file)
                yield writer
                writer.close()
            raw.flush()
            os.fsync(raw.fileno())
        read_header(partial, lambda *_: None)  # what cannot be read back is no backup
        os.link(partial, path)  # a rename would overwrite what appeared there meanwhile
        _sync_folder(path.parent)
    except FileExistsError as there:
        raise _exists(path) from there
    except OSError as failed:
        raise InvalidInput(f"cannot be written: {failed.strerror}", at=str(path)) from failed
    finally:
        with suppress(OSError):
            partial.unlink()


def read_header(path: Path, progress: Progress) -> BackupHeader:
    """What is in a backup, once every line of it was read and its SHA-256 found right. Raises: InvalidInput."""
    with _opened(path) as file:
        first = _line(file, path)
        header, sha256 = _parse_header(first, path), hashlib.sha256(first)
        rows = sum(table.rows for table in header.tables)
        for number in range(rows):
            sha256.update(_line(file, path))
            if number % 10_000 == 0:
                progress("verifying the backup", number, rows)
        progress("verifying the backup", rows, rows)
        try:
            told = json.loads(_line(file, path))["sha256"]
        except (ValueError, KeyError, TypeError):
            told = None
        if told != sha256.hexdigest() or file.read(1):
            raise InvalidInput("is damaged: its SHA-256 is another than it says", at=str(path))
    return header


def read_rows(path: Path, header: BackupHeader) -> Iterator[tuple[SavedTable, Iterator[list[Any]]]]:
    """The rows of each table, in their order; each table must be read to its end. Raises: InvalidInput."""
    with _opened(path) as file:
        file.readline(LONGEST_LINE)
        for table in header.tables:
            yield table, _rows(file, path, table)


def _rows(file: gzip.GzipFile, path: Path, table: SavedTable) -> Iterator[list[Any]]:
    encoded = [place for place, (_, kind) in enumerate(table.columns) if kind == "bytes"]
    for _ in range(table.rows):
        row = json.loads(_line(file, path))
        for place in encoded:
            if row[place] is not None:
                row[place] = base64.b64decode(row[place])
        yield row


@contextmanager
def _opened(path: Path) -> Iterator[gzip.GzipFile]:
    try:
        with gzip.open(path, "rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
        raise InvalidInput("is damaged or cut short, or is no backup", at=str(path)) from broken
    except OSError as failed:
        raise InvalidInput(f"cannot be read: {failed.strerror}", at=str(path)) from failed


def _parse_header(line: bytes, path: Path) -> BackupHeader:
    try:
        return BackupHeader.from_json(json.loads(line))
    except (ValueError, KeyError, TypeError) as wrong:
        raise InvalidInput("is no backup of a version that this program knows", at=str(path)) from wrong


def _line(file: gzip.GzipFile, path: Path) -> bytes:
    line = file.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise InvalidInput("is cut short", at=str(path))
    return line


def _require_new(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise _exists(path)


def _exists(path: Path) -> Conflict:
    return Conflict(f"{path} exists already: a backup overwrites nothing")


def _sync_folder(folder: Path) -> None:
    """A new name is on the disk only when its folder is."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _encode(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no place in a backup")
