"""The command line as a tree, to compare documents and files with."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import typer.main

from anchoring.cli.main import app


def _leaves(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS: Final[dict[tuple[str, ...], Any]] = dict(_leaves(typer.main.get_command(app)))
"""Every command that does something, by its words."""


def command_of(words: Sequence[str]) -> tuple[str, ...] | None:
    """The command that these words begin with."""
    return next((tuple(words[:length]) for length in (3, 2) if tuple(words[:length]) in COMMANDS), None)


def command_line_error(words: Sequence[str]) -> str | None:
    """What is wrong with `credanchor <words>`: an unknown command or option. A noun alone is right."""
    shown = f"credanchor {' '.join(words)}"
    if any(tuple(words) == path[: len(words)] for path in COMMANDS):
        return None
    path = command_of(words)
    if path is None:
        known = {"--help", "--version"}
        return None if set(words) <= known else f"{shown}: no such command"
    options = {option for parameter in COMMANDS[path].params for option in parameter.opts} | {"--help"}
    unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
    return f"{shown}: no such option {', '.join(unknown)}" if unknown else None
