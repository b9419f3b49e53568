"""The command line in a test: run in this process as its console script runs, or as a process of its own."""

import io
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from anchoring.cli.main import main
from scripts.devnet import COMMAND


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one sentence that every failure ends with."""
        *_, last = self.err.rstrip("\n").split("\n")
        assert last.startswith("error: "), self.err
        assert "error: " not in self.err[: -len(last) - 1], self.err
        return last.removeprefix("error: ")


class Credanchor:
    """`credanchor …`, with settings of its own. No command ever shows a traceback."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def set(self, **settings: str | Path) -> None:
        """`STORE__URL=…` for CREDANCHOR_STORE__URL."""
        for name, value in settings.items():
            self._monkeypatch.setenv(f"CREDANCHOR_{name}", str(value))

    def __call__(self, *arguments: str | Path, stdin: bytes = b"") -> Done:
        self._monkeypatch.setattr(sys, "argv", ["credanchor", *map(str, arguments)])
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capsys.readouterr()
        code: object = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            structlog.reset_defaults()  # a command configures logs for its process
        out, err = self._capsys.readouterr()
        assert isinstance(code, int)
        assert "Traceback" not in out + err
        return Done(code=code, out=out, err=err)


def run_process(*arguments: str | Path, environment: Mapping[str, str], timeout_s: float = 30) -> Done:
    """The installed command as its users run it, without settings of others."""
    command = [str(COMMAND), *map(str, arguments)]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=timeout_s, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    return Done(code=done.returncode, out=done.stdout, err=done.stderr)
