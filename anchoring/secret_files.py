"""Files with secrets in them: of this user, readable by no other."""

import os
import stat
from pathlib import Path

from anchoring.errors import Misconfigured


def read_secret(path: Path, setting: str) -> str:
    """Raises: Misconfigured naming setting and file, when it cannot be read or others could read it."""
    try:
        mode = path.stat()
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        raise Misconfigured(f"{setting}: {path} cannot be read: {type(failed).__name__}") from None
    if stat.S_IMODE(mode.st_mode) & 0o077 or mode.st_uid != os.getuid():
        raise Misconfigured(f"{setting}: {path} must belong to this user and be readable by no other: chmod 600 {path}")
    return content


def write_secret(path: Path, content: str, what: str) -> None:
    """A new file, mode 0600. Raises: Misconfigured naming it; one that is there is never written over."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as failed:
        raise Misconfigured(f"{what} {path} cannot be written: {failed.strerror}") from None
