"""The project's documents as tests see them: fenced blocks, console sessions, tables, headings, links.

Blocks in documents have a language that says what becomes of them:

- `console`: a session. A line after `$ ` is a command, a line after `> ` continues it, other lines are what it prints. The
  sessions of README.md and docs/api.md are run (tests/e2e/test_readme.py). In them `…` stands for anything.
- `make`: targets of the Makefile, which must exist. They are not run: the tests themselves may run under `make test`.
- `crontab`: lines for cron; README.md's are run.
- `sh`: commands for the operator's own machine. Like every command in a document they must exist with their options.
- `text`, `json`, `python`, `js`, `yaml`, `nginx`, `http`: to be read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from scripts.devnet import ROOT

LANGUAGES: Final = frozenset(
    {"console", "make", "crontab", "sh", "text", "json", "python", "yaml", "nginx", "http", "solidity", "js"}
)

_FENCE = re.compile(r"^(?P<fence>```+|~~~+)(?P<language>[^\n`]*)\n(?P<content>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:(?:^|(?<=\n\n))(?: {4}[^\n]*\n)+)", re.MULTILINE)
_CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK = re.compile(
    r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)|!\[[^\]]*\]\((?P<image>[^)\s]+)\)"
)


@dataclass(frozen=True)
class Block:
    """A fenced block. `line`: of its fence, from 1."""

    language: str
    content: str
    line: int


@dataclass
class Step:
    """One command of a console session and what it prints."""

    command: str
    output: list[str] = field(default_factory=list)


def documents() -> list[Path]:
    """Every Markdown document of the project."""
    places = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")]
    return sorted(path for path in places if not {"node_modules", ".venv"} & set(path.parts))


def name_of(document: Path) -> str:
    """The path within the repository, for messages and test ids."""
    return str(document.relative_to(ROOT))


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a document, in order."""
    return [
        Block(match["language"].strip(), match["content"], text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
    ]


def prose(text: str) -> str:
    """The document without its fenced blocks."""
    return _FENCE.sub("", text)


def code_spans(text: str) -> list[str]:
    """Inline code of the prose."""
    return _CODE_SPAN.findall(prose(text))


def steps(session: str) -> list[Step]:
    """The commands of a console block."""
    found: list[Step] = []
    for line in session.splitlines():
        if line.startswith("$ "):
            found.append(Step(line.removeprefix("$ ")))
        elif line.startswith("> ") and found and not found[-1].output:
            found[-1].command += "\n" + line.removeprefix("> ")
        elif found:
            found[-1].output.append(line)
        else:
            raise ValueError(f"output without a command: {line}")
    return found


def commands(text: str) -> Iterator[str]:
    """Whatever in a document is meant to be typed: console, crontab and shell blocks, indented blocks, inline code."""
    for block in blocks(text):
        if block.language == "console":
            yield from (step.command for step in steps(block.content))
        elif block.language in {"sh", "crontab", "make", ""}:
            yield from block.content.splitlines()
    for match in _INDENTED.finditer(prose(text)):
        yield from match[0].splitlines()
    yield from code_spans(text)


def rows(text: str) -> list[list[str]]:
    """Cells of every table row, head lines included."""
    lines = [line for line in prose(text).splitlines() if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line)]
    return [[cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))] for line in lines]


def code(cell: str) -> str:
    """What stands between back quotes in a cell; the cell itself if nothing does."""
    match = _CODE_SPAN.fullmatch(cell)
    return match[1] if match else cell


def headings(text: str) -> list[str]:
    """Headings as written, without their marks."""
    return _HEADING.findall(prose(text))


def fragments(text: str) -> set[str]:
    """The fragments by which GitHub reaches headings."""
    seen: dict[str, int] = {}
    found = set()
    for heading in headings(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def links(text: str) -> list[str]:
    """Targets of links and pictures."""
    return [match["target"] or match["image"] or "" for match in _LINK.finditer(prose(text))]
