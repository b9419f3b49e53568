"""Files with secrets in them: of this user, readable by no other, under folders that no other can write."""

import os
import stat
from pathlib import Path

from anchoring.errors import Misconfigured


def read_secret(path: Path, setting: str) -> str:
    """Raises: Misconfigured naming setting and file, when it cannot be read or others could read or replace it."""
    try:
        replaceable = _replaceable(path)
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), encoding="utf-8") as file:  # who writes to a pipe is not waited for
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise Misconfigured(f"{setting}: {path} is no regular file")
            content = file.read()
    except (OSError, UnicodeDecodeError) as failed:
        raise Misconfigured(f"{setting}: {path} cannot be read: {type(failed).__name__}") from None
    if stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.getuid():
        raise Misconfigured(f"{setting}: {path} must belong to this user and be readable by no other: chmod 600 {path}")
    if replaceable is not None:
        raise Misconfigured(f"{setting}: others could replace {path}: chmod go-w {replaceable}")
    return content


def _replaceable(path: Path) -> Path | None:
    """A folder in which others could put something else in the place of the file, or of a folder or link that leads to it."""
    for folder in (*path.absolute().parents, *path.resolve().parents):
        mode = folder.stat().st_mode
        if mode & 0o022 and not mode & stat.S_ISVTX:
            return folder
    return None


def write_secret(path: Path, content: str, what: str) -> None:
    """A new file, mode 0600. Raises: Misconfigured naming it; one that is there is never written over."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as failed:
        raise Misconfigured(f"{what} {path} cannot be written: {failed.strerror}") from None
