"""A process in which nothing can be imported that `pip install credanchor` does not bring."""

import json
import subprocess
import sys
from importlib.metadata import distribution, packages_distributions
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.devnet import ROOT

_BLOCK = """
import json, sys
absent = set(json.loads(sys.argv[1]))

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}, as for a verifier", name=name)

sys.meta_path.insert(0, Absent())
"""


def absent_modules() -> set[str]:
    """Top-level modules that only the extras bring, whatever they need themselves included."""
    brought = _closure("credanchor", "") | {"credanchor"}
    return {
        module for module, names in packages_distributions().items() if not {canonicalize_name(one) for one in names} & brought
    }


def run_as_verifier(program: str, *arguments: str) -> Any:
    """What the program prints, as JSON. It finds its arguments from `sys.argv[2]` on."""
    command = [sys.executable, "-W", "error", "-c", _BLOCK + program, json.dumps(sorted(absent_modules())), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def _closure(name: str, extra: str) -> set[str]:
    """Names of all that a distribution needs with this extra, and what that needs."""
    seen: set[tuple[str, str]] = set()
    waiting = [(name, extra)]
    while waiting:
        name, extra = waiting.pop()
        needed = [Requirement(text) for text in distribution(name).requires or []]
        wanted = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
        new = {(canonicalize_name(one.name), inner) for one in wanted for inner in (one.extras or {""})} - seen
        seen |= new
        waiting += new
    return {found for found, _ in seen}
