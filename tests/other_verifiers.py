"""Other people's verifiers in JavaScript, which judge what we make (tests/oracles)."""

import json
import subprocess
from collections.abc import Sequence
from typing import Any

from scripts.devnet import ROOT


def ask(oracle: str, cases: Sequence[Any]) -> list[dict[str, Any]]:
    """The verdicts of one library, in order."""
    done = subprocess.run(
        ["node", f"{oracle}.mjs"],
        cwd=ROOT / "tests" / "oracles",
        input=json.dumps({"cases": list(cases)}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    verdicts: list[dict[str, Any]] = json.loads(done.stdout)
    return verdicts
