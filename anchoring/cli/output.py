"""How commands print: results to stdout, talk and progress to stderr, progress on a terminal only."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import typer

from anchoring.core.findings import Finding
from anchoring.errors import AnchoringError, InvalidInput
from anchoring.ports.runtime import Progress

FILE_MOST_BYTES: Final = 500 * 10**6


def print_json(content: Any) -> None:
    """Indented JSON on stdout."""
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """What an examination found, and what to do. Ends with exit code 1 when something is wrong."""
    if as_json:
        print_json([_finding(found) for found in findings])
    else:
        for found in findings:
            typer.echo(f"{found.what:<12} {f'{found.count} faults' if found.count else 'right':<10} {found.good}".rstrip())
            for fault in found.faults:
                typer.echo(f"             {plain(fault)}")
    for advice in dict.fromkeys(found.advice for found in findings if not found.is_right):
        say(f"what to do: {advice}")
    if not all(found.is_right for found in findings):
        raise typer.Exit(1)


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "what": found.what,
        "right": found.is_right,
        "faults": list(found.faults),
        "count": found.count,
        "advice": None if found.is_right else found.advice,
    }


def say(words: str) -> None:
    """A line for people, on stderr."""
    typer.echo(plain(words), err=True)


def plain(text: str) -> str:
    """Words that may come from others, on one line: control and bidi characters, which could forge output, are escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def read_file(path: Path) -> bytes:
    """The bytes of a file the user named; `-` is stdin. Raises: InvalidInput naming it, also when it is too large."""
    try:
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as file:
            content = file.read(FILE_MOST_BYTES + 1)
    except OSError as failed:
        raise InvalidInput(f"cannot be read: {failed.strerror}", at=str(path)) from failed
    if len(content) > FILE_MOST_BYTES:
        raise InvalidInput(f"has more than {FILE_MOST_BYTES // 10**6} MB, and no more are read", at=str(path))
    return content


@contextmanager
def about(path: Path) -> Iterator[None]:
    """Whatever is wrong in here is wrong with this file, and its message says so."""
    try:
        yield
    except AnchoringError as error:
        error.message = f"{path}: {error.message}"
        raise


def write_json(path: Path, content: Any) -> None:
    """Indented JSON into a file the user named. Raises: InvalidInput naming it."""
    try:
        path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as failed:
        raise InvalidInput(f"cannot be written: {failed.strerror}", at=str(path)) from failed


def write_bytes(path: Path | None, content: bytes) -> None:
    """Bytes into a file the user named, or to stdout. Raises: InvalidInput naming it."""
    write_parts(path, [content])


def write_parts(path: Path | None, parts: Iterable[bytes], *, mode: int = 0o666) -> None:
    """Bytes as they come, into a file the user named, or to stdout. Raises: InvalidInput naming it.

    A file appears under its name when it is whole. `mode`: of it, less what the umask takes.
    """
    if path is None:
        for part in parts:
            typer.echo(part, nl=False)
        return
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with open(unfinished, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.writelines(parts)
        unfinished.replace(path)
    except OSError as failed:
        raise InvalidInput(f"cannot be written: {failed.strerror}", at=str(path)) from failed
    finally:
        unfinished.unlink(missing_ok=True)
    say(f"written to {path}")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar per piece of work on a terminal; silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done)

        yield show
