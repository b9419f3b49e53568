"""slither on the contracts: every finding is one that somebody has looked at, and each of those is still there.

Run by `make analyze`, with the tools of tests/analysis/requirements.txt on the path.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from scripts.devnet import ROOT

LOOKED_AT: Final = {
    ("missing-zero-check", "predecessor_"): "zero says that the registry continues none",
    ("immutable-states", "predecessor"): "every deployment has the same runtime code, so that verifiers can pin one code hash",
    ("naming-convention", "ANCHORER_ROLE"): "the getter of a constant, named as OpenZeppelin names roles",
}
"""Check and first element of a finding: why it stays."""


def findings() -> dict[tuple[str, str], str]:
    """What slither finds in our own sources now, and its words."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "slither.json"
        words = ["slither", ".", "--exclude-dependencies", "--filter-paths", "test|node_modules", "--json", str(report)]
        done = subprocess.run(words, cwd=ROOT / "contracts", capture_output=True, text=True, check=False)
        if not report.exists():
            sys.exit(f"slither did not run:\n{done.stderr}")
        answer: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if not answer["success"]:
        sys.exit(f"slither failed: {answer['error']}")
    found = answer["results"].get("detectors", [])
    return {(one["check"], one["elements"][0]["name"]): one["description"] for one in found}


def main() -> None:
    """Exit code 1 for a finding that is new, and for one that is gone."""
    found = findings()
    for key in found.keys() - LOOKED_AT.keys():
        print(f"new: {key[0]}: {found[key]}")
    for key in LOOKED_AT.keys() - found.keys():
        print(f"gone, take it out of {os.path.relpath(__file__, ROOT)}: {key}")
    if found.keys() != LOOKED_AT.keys():
        sys.exit(1)
    print(f"slither: {len(found)} findings, all looked at")


if __name__ == "__main__":
    main()
