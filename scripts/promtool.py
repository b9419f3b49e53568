"""Puts promtool into the virtual environment: the one on the path, or Debian's, unpacked without installing it.

It checks the alert rules and tries them on made-up series. Neither PyPI nor npm has it.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TARGET = Path(sys.prefix) / "bin" / "promtool"


def main() -> int:
    """Exit code 1 with one sentence where it cannot be had."""
    if found := shutil.which("promtool"):
        TARGET.unlink(missing_ok=True)
        TARGET.symlink_to(found)
        return 0
    if not shutil.which("apt-get"):
        print("error: promtool is not on the path, and only Debian's package is known here; install Prometheus", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="promtool-") as folder:
        try:
            fetch(Path(folder))
        except subprocess.CalledProcessError as failed:
            print(f"error: {' '.join(failed.cmd)}: {(failed.stderr or b'').decode().strip()}", file=sys.stderr)
            return 1
    return 0


def fetch(folder: Path) -> None:
    """Download and unpack with lists and cache of our own, so that it needs no right to install."""
    for part in ("lists/partial", "cache/archives/partial", "root"):
        (folder / part).mkdir(parents=True)
    own = [f"Dir::State::Lists={folder / 'lists'}", f"Dir::Cache={folder / 'cache'}", "Debug::NoLocking=1", "APT::Sandbox::User="]
    options = [word for option in own for word in ("-o", option)]
    for command in (["update"], ["download", "prometheus"]):
        subprocess.run(["apt-get", "-qq", *options, *command], cwd=folder, check=True, capture_output=True)
    [package] = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", str(package), str(folder / "root")], check=True, capture_output=True)
    TARGET.unlink(missing_ok=True)
    shutil.move(folder / "root" / "usr" / "bin" / "promtool", TARGET)


if __name__ == "__main__":
    sys.exit(main())
