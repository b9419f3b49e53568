"""Writes docs/openapi.json: the HTTP API as the service describes itself at /openapi.json.

The file is the same at every run. `--check` writes nothing and exits 1 if the file is not what would be written.
"""

import json
import sys
from pathlib import Path
from typing import Final

from anchoring.settings import Settings
from anchoring.store.engine import make_engine
from anchoring.store.unit_of_work import SqlStore
from scripts.generated import write_or_check
from service.app import create_app

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "openapi.json"


def main() -> int:
    """Writes, or with `--check` compares. The answer is the exit status."""
    return write_or_check(DOCUMENT, render(), about=__doc__, again="make openapi")


def render() -> str:
    """The whole file."""
    nothing_opened = SqlStore(make_engine("sqlite:///never-opened.db", pool_size=1, busy_timeout_s=1))
    app = create_app(Settings(), nothing_opened)
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
