"""halmos on the contracts: no call by anybody, from any state, is an exception to what contracts/test/Symbolic.t.sol says.

Run by `make analyze`, with the tools of tests/analysis/requirements.txt on the path.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.devnet import ROOT


def main() -> None:
    """Exit code 1 for an exception, and for whatever was not looked at to its end."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "halmos.json"
        # What `multicall` is given is made by the test itself: halmos would make items of any bytes, up to a kilobyte.
        words = ["halmos", "--contract", "Symbolic", "--array-lengths", "data=0", "--no-status", "--json-output", str(report)]
        done = subprocess.run(words, cwd=ROOT / "contracts", capture_output=True, text=True, check=False)
        if not report.exists():
            sys.exit(f"halmos did not run:\n{done.stdout}{done.stderr}")
        [checks] = json.loads(report.read_text(encoding="utf-8"))["test_results"].values()
    if done.returncode or any(check["exitcode"] or check["num_bounded_loops"] for check in checks):
        sys.exit(done.stdout)
    print(f"halmos: {len(checks)} properties hold, on {sum(check['num_paths'][0] for check in checks)} paths")


if __name__ == "__main__":
    main()
