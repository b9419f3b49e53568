"""Has systemd read the units of `scripts/ops/systemd`, with our own `credanchor` in place of the installed one."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.devnet import COMMAND, ROOT

UNITS = ROOT / "scripts" / "ops" / "systemd"
INSTALLED = "/srv/credanchor/.venv/bin/credanchor"


def main() -> int:
    """Exit code 1 when systemd complains of anything; 0 with a sentence where there is no systemd."""
    if not shutil.which("systemd-analyze"):
        print("there is no systemd here to read the units")
        return 0
    with tempfile.TemporaryDirectory(prefix="credanchor-units-") as folder:
        units = []
        for unit in sorted(UNITS.iterdir()):
            copy = Path(folder) / unit.name
            copy.write_text(unit.read_text(encoding="utf-8").replace(INSTALLED, str(COMMAND)), encoding="utf-8")
            units.append(str(copy))
        done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    print(done.stderr.strip() or f"systemd has read {len(units)} units")
    return int(done.returncode != 0 or bool(done.stderr.strip()))


if __name__ == "__main__":
    sys.exit(main())
