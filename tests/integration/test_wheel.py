"""What `pip install credanchor` puts there, of the wheel itself."""

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from scripts.devnet import ROOT

PROGRAM = """
import anchoring

report = anchoring.verify(b"{}", None, registry="eip155:1:0x00")
found: dict[anchoring.CheckName, anchoring.Outcome] = {check.name: check.outcome for check in report.checks}
passed: bool = report.outcome() is anchoring.Outcome.PASSED
reveal_type(anchoring.verify)
anchoring.verify("text")
anchoring.sign
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, and all that the tests have."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True, capture_output=True
    )
    venv.create(folder / "venv", with_pip=False)
    packages = next((folder / "venv").glob("lib/python*/site-packages"))
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(packages)
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "venv" / "bin" / "python"


def test_wheel_is_typed_for_whoever_imports_it(installed: Path, tmp_path: Path):
    (tmp_path / "program.py").write_text(PROGRAM)
    mypy = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--python-executable",
        str(installed),
        "--cache-dir",
        str(tmp_path / "cache"),
    ]

    done = subprocess.run([*mypy, "program.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    notes = [line for line in done.stdout.splitlines() if line.startswith("program.py")]
    assert len(notes) == 3, done.stdout + done.stderr
    assert "-> anchoring.core.report.Report" in notes[0]
    assert 'Argument 1 to "verify" has incompatible type "str"; expected "bytes | None"' in notes[1]
    assert 'Module has no attribute "sign"' in notes[2]


def test_wheel_brings_the_verifier_in_javascript(installed: Path):
    ask = "import service; print(service.__path__[0] + '/web')"

    folder = subprocess.run([installed, "-c", ask], cwd="/", capture_output=True, text=True, check=True).stdout.strip()

    assert Path(folder).is_relative_to(installed.parents[1])
    assert {"verify.js", "bundle.js", "noble"} <= {one.name for one in Path(folder).iterdir()}
