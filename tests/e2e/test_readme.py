"""README.md and docs/api.md keep their word: every command in them is run, in order, and prints what they say it prints.

Not run are `make demo`, `make test` and `make run`, which tests run under or have tests of their own (test_run.py); here a Devnet
stands for `make run`, with the same `dev.json`. `tests/documents.py` says how documents mark what is run.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from scripts.devnet import ROOT, Devnet, free_port
from scripts.example_issuers import demo_issuers
from tests.documents import Block, Step, blocks, steps

LONGEST_S: Final = 300
STATUS_OF_LAST: Final = "echo $?"
SHOWN_FOLDER: Final = "/srv/credanchor"
SHOWN_PORT: Final = "8010"
MARK: Final = "\x1e"
CRON_TIME: Final = re.compile(r"(?:[0-9*,/-]+ +){5}")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that looks like the checkout while `make run` runs in it, but for what the sessions write."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("scripts", "docs", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    issuer = demo_issuers()[0]
    devnet = Devnet(data=folder / ".credanchor", issuer=issuer.did, issuer_name=issuer.name, round_every_s=1)
    devnet.start()
    try:
        (folder / ".credanchor" / "dev.json").write_text(json.dumps(devnet.description()))
        yield folder
    finally:
        devnet.stop()


@dataclass(frozen=True)
class Outcome:
    """What a command printed and how it ended. `status`: None when the shell did not come so far."""

    output: str
    status: int | None


def run(session: list[Step], folder: Path) -> list[Outcome]:
    """Run commands one after the other in one shell, and end whatever they left running."""
    script = folder / "session.sh"
    # The status is handed on, so that `echo $?` works as it does for a person.
    mark = f"_status=$?; printf '\\n{MARK}%d\\n' $_status; (exit $_status)"
    script.write_text("\n".join(f"{step.command}\n{mark}" for step in session), encoding="utf-8")
    record = folder / "session.out"
    with record.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", str(script)],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            shell.wait(LONGEST_S)
        finally:
            end_group(shell.pid)
            shell.wait()
    parts = re.split(rf"\n{MARK}(\d+)\n", record.read_text(encoding="utf-8"))
    done = [Outcome(text, int(status)) for text, status in zip(parts[0::2], parts[1::2], strict=False)]
    return done + [Outcome(parts[-1], None)] * (len(session) - len(done))


def environment(folder: Path) -> dict[str, str]:
    """Of a person who has just opened a terminal. Where curl is not installed, a few lines of Python stand in for it."""
    path = os.environ["PATH"]
    if shutil.which("curl") is None:
        stand_in = folder / "bin" / "curl"
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {ROOT / "tests/e2e/curl.py"} "$@"\n')
        stand_in.chmod(0o755)
        path = f"{stand_in.parent}:{path}"
    return {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"}


def end_group(group: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        subprocess.run(["sleep", "0.3"], check=True)


def session_of(document: Path) -> list[Step]:
    """The commands of all console and crontab blocks, with this machine's folder and port."""
    return [step for block in blocks(document.read_text()) for step in steps_of(block)]


def steps_of(block: Block) -> list[Step]:
    match block.language:
        case "console":
            return steps(block.content)
        case "crontab":
            return [Step(as_cron_runs(line)) for line in block.content.splitlines()]
        case _:
            return []


def as_cron_runs(line: str) -> str:
    """The command of a crontab line, in the bare environment that cron gives it."""
    time = CRON_TIME.match(line)
    assert time, f"no time: {line}"
    assert "%" not in line, "cron takes % for the end of the line"
    return f'env -i HOME="$HOME" PATH=/usr/bin:/bin /bin/sh -c {shlex.quote(line[time.end() :])}'


def agrees(printed: str, expected: list[str]) -> bool:
    """Whether the output is the expected one; `…` in it stands for anything."""
    shown = "\n".join(line.rstrip() for line in printed.strip().splitlines())
    wanted = "\n".join(expected).strip()
    return re.fullmatch(re.escape(wanted).replace("…", ".*"), shown, re.DOTALL) is not None


def follow(name: str, folder: Path) -> None:
    """Do what a document says, and fail where something else comes of it."""
    port = str(free_port())
    session = session_of(ROOT / name)
    assert session
    for step in session:
        step.command = step.command.replace(SHOWN_FOLDER, str(folder)).replace(SHOWN_PORT, port)
        step.output = [line.replace(SHOWN_PORT, port) for line in step.output]
    outcomes = run(session, folder)
    for i, (step, outcome) in enumerate(zip(session, outcomes, strict=True)):
        told = f"$ {step.command}\n{outcome.output.strip()}\n[{outcome.status}]"
        assert agrees(outcome.output, step.output), f"{told}\nis not what {name} says:\n" + "\n".join(step.output)
        shows_status = i + 1 < len(session) and session[i + 1].command == STATUS_OF_LAST
        assert outcome.status == 0 or (shows_status and outcome.status is not None), told


def test_readme_does_what_it_says(checkout: Path) -> None:
    follow("README.md", checkout)
    # `ledger status` showed one anchor; it was the round of the crontab line that sent it.
    assert "sealed 1 batches, one transaction sent" in (checkout / "operator" / "rounds.log").read_text()


def test_description_of_the_api_does_what_it_says(checkout: Path) -> None:
    follow("docs/api.md", checkout)
