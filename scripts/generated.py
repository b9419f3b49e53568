"""Files that scripts write and the repository keeps: written, or with `--check` compared."""

import argparse
import sys
from pathlib import Path


def write_or_check(path: Path, rendered: str, *, about: str | None, again: str) -> int:
    """Parse the command line and do either. `about`: the script's description. `again`: how to bring the file up to date.

    Returns the exit status: 1 when the file is not what would be written.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    if not parser.parse_args().check:
        path.write_text(rendered, encoding="utf-8", newline="\n")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == rendered:
        return 0
    print(f"{path} is out of date; run {again}", file=sys.stderr)
    return 1
