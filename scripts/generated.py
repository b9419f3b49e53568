"""Files that scripts write and the repository keeps: written, or with `--check` compared."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
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


def render_vectors(about: str, lists: Mapping[str, Sequence[object]]) -> str:
    """A file of test vectors: what it is about, and lists of vectors by name, one vector a line."""
    parts = [f'"about": {json.dumps(about)}', '"version": 1']
    parts += [f'"{name}": [\n' + ",\n".join(map(json.dumps, vectors)) + "\n]" for name, vectors in lists.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"
