"""The documents say what the code does: settings, problems, commands, log events, routes, links, decisions.

Each comparison goes both ways: what exists is documented, and what is documented exists.
"""

import ast
import enum
import hashlib
import http
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import annotated_types
import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from anchoring.errors import AnchoringError
from anchoring.ledger.headers import BFT_MIX_HASH
from anchoring.ledger.offline import ROOT_ANCHORED
from anchoring.settings import DELIMITER, PREFIX, Settings
from anchoring.types import to_hex
from scripts.devnet import ROOT
from scripts.export_openapi import render
from service.problems import STATUS, TYPE_PREFIX
from tests.commands import COMMANDS, command_line_error, command_of
from tests.documents import (
    LANGUAGES,
    blocks,
    code,
    code_spans,
    commands,
    documents,
    fragments,
    headings,
    links,
    name_of,
    prose,
    rows,
)

DOCUMENTS: Final = {name_of(path): path.read_text(encoding="utf-8") for path in documents()}
SETTINGS: Final = DOCUMENTS["docs/settings.md"]
API: Final = DOCUMENTS["docs/api.md"]
OPERATIONS: Final = DOCUMENTS["docs/operations.md"]
DECISIONS: Final = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
LEVELS: Final = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
METHODS: Final = frozenset({"get", "put", "post", "delete", "patch", "head", "options"})


def table(text: str, first_column: str) -> dict[str, list[str]]:
    """The tables that begin with this head cell, by their first column."""
    found: dict[str, list[str]] = {}
    inside = False
    for line in prose(text).splitlines():
        cells = rows(line)
        if not line.startswith("|"):
            inside = False
        elif cells and cells[0][0] == first_column:
            inside = True
        elif cells and inside:
            name = code(cells[0][0])
            assert name not in found, f"{name} stands twice"
            found[name] = cells[0][1:]
    return found


# --- settings ---------------------------------------------------------------------------------------------------------


def settings_fields() -> dict[str, FieldInfo]:
    """Every setting by the name of its environment variable."""
    found = {}
    for group, field in Settings.model_fields.items():
        kind = field.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        for name, inner in kind.model_fields.items():
            found[f"{PREFIX}{group}{DELIMITER}{name}".upper()] = inner
    return found


def test_messages_name_settings_as_this_page_does() -> None:
    dotted = {name.removeprefix(PREFIX).lower().replace(DELIMITER, ".") for name in settings_fields()}
    named = re.compile(rf"(?<![\w./])(?:{'|'.join(map(re.escape, dotted))})\b")
    for path in (path for folder in ("anchoring", "service") for path in (ROOT / folder).rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
        assert not [text for text in texts if isinstance(text, str) and named.search(text)], path


def shown_default(field: FieldInfo) -> str:
    match field.default:
        case None:
            return "none"
        case SecretStr():
            return f"`{field.default.get_secret_value()}`"
        case enum.Enum():
            return f"`{field.default.value}`"
        case bool():
            return f"`{str(field.default).lower()}`"
        case int() | float():
            return f"`{field.default:.15g}`"
        case _:
            return f"`{field.default}`"


def shown_bounds(field: FieldInfo) -> str:
    least: Any = next((rule.ge for rule in field.metadata if isinstance(rule, annotated_types.Ge)), None)
    above: Any = next((rule.gt for rule in field.metadata if isinstance(rule, annotated_types.Gt)), None)
    most: Any = next((rule.le for rule in field.metadata if isinstance(rule, annotated_types.Le)), None)
    if least is None and above is None and most is None:
        return ""
    return f"above {above}, to {most}" if above is not None else f"{least} to {most}"


def test_every_setting_is_documented_with_its_default_and_bounds() -> None:
    expected = {name: [shown_default(field), shown_bounds(field)] for name, field in settings_fields().items()}
    documented = table(SETTINGS, "variable")
    ours = {name: cells[:2] for name, cells in documented.items() if name.startswith(PREFIX)}
    assert ours == expected
    assert all(len(cells) == 3 and cells[2] for name, cells in documented.items() if name.startswith(PREFIX))


def test_every_variable_named_in_a_document_is_a_setting() -> None:
    known = settings_fields()
    for name, text in DOCUMENTS.items():
        for variable in re.findall(rf"{PREFIX}[A-Z0-9_]+", text):
            assert variable in known, f"{name}: {variable}"


def test_every_variable_of_the_makefile_is_documented_with_its_default() -> None:
    makefile = (ROOT / "Makefile").read_text()
    expected = dict(re.findall(r"^([A-Z_]+) \?= (.*)$", makefile, re.MULTILINE))
    documented = {name: cells for name, cells in table(SETTINGS, "variable").items() if not name.startswith(PREFIX)}
    assert {name: code(cells[0]) for name, cells in documented.items()} == expected


# --- problems and routes ----------------------------------------------------------------------------------------------


def error_classes(kind: type[AnchoringError] = AnchoringError) -> Iterator[type[AnchoringError]]:
    is_ours = kind.__module__ == AnchoringError.__module__ or kind.__module__.startswith("anchoring.core.")
    if is_ours and "slug" in vars(kind):  # else it is answered as its base
        yield kind
    for inner in kind.__subclasses__():
        yield from error_classes(inner)


def test_every_problem_is_documented_with_its_status() -> None:
    documented = {slug: int(cells[0]) for slug, cells in table(API, "slug").items()}
    ours = {kind.slug: STATUS[kind][0] for kind in error_classes()}
    assert {slug: status for slug, status in documented.items() if slug in ours} == ours
    for slug in documented.keys() - ours.keys():  # those of the framework, named after their status
        assert slug == http.HTTPStatus(documented[slug]).phrase.lower().replace(" ", "-")
    assert TYPE_PREFIX in API


def test_every_problem_named_in_a_document_exists() -> None:
    known = set(table(API, "slug"))
    for name, text in DOCUMENTS.items():
        for slug in re.findall(rf"{re.escape(TYPE_PREFIX)}([a-z-]+)", text):
            assert slug in known, f"{name}: {slug}"


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(render())
    return content


def routes(openapi: dict[str, Any]) -> set[str]:
    return {f"{method.upper()} {path}" for path, item in openapi["paths"].items() for method in item.keys() & METHODS}


def test_every_route_has_its_section_and_stands_in_the_overview(openapi: dict[str, Any]) -> None:
    sections = {code(heading) for heading in headings(API) if heading.startswith("`")}
    assert sections == routes(openapi)
    assert set(table(API, "call")) == routes(openapi)


def test_every_route_named_in_a_document_exists(openapi: dict[str, Any]) -> None:
    paths = {re.sub(r"\{[^}]*\}", "{}", path) for path in openapi["paths"]}
    for name, text in DOCUMENTS.items():
        for span in code_spans(text):
            if match := re.fullmatch(r"(?:GET|POST|PUT|DELETE) (/[^\s?]*)\S*", span):
                assert re.sub(r"\{[^}]*\}", "{}", match[1]) in paths, f"{name}: {span}"


def test_every_parameter_and_member_is_named_in_the_description_of_the_api(openapi: dict[str, Any]) -> None:
    parameters = {
        one["name"] for item in openapi["paths"].values() for call in item.values() for one in call.get("parameters", [])
    }
    members = {name for schema in openapi["components"]["schemas"].values() for name in schema.get("properties", {})}
    words = set(re.findall(r"[A-Za-z0-9_]+", API))
    assert parameters | members <= words, sorted((parameters | members) - words)


def test_every_documented_answer_fits_the_route(openapi: dict[str, Any]) -> None:
    """A status below 400 in a section's table is one of the route's, and the other way round."""
    for section in re.split(r"^### ", API, flags=re.MULTILINE)[1:]:
        method, path = code(section.splitlines()[0]).split(" ")
        answers = openapi["paths"][path][method.lower()]["responses"]
        expected = {status for status in answers if status.isdigit() and int(status) < 400}
        documented = {status for status in table(section, "status") if int(status) < 400} or {"200"}
        assert documented == expected, f"{method} {path}"


# --- command line -----------------------------------------------------------------------------------------------------


def invocations(text: str) -> Iterator[list[str]]:
    """Arguments of every `credanchor …` that a document has anyone type."""
    for line in commands(text):
        for match in re.finditer(r"(?:^|[\s/(`])credanchor ((?:[^\n\\]|\\\n)*)", line):
            lexer = shlex.shlex(match[1].replace("\\\n", " "), posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            lexer.commenters = "#"
            words = []
            for word in lexer:
                if set(word) <= set("();<>|&") or word in {"…", "2>>"}:
                    break
                words.append(word.strip("[]"))
            yield words


def test_every_command_is_documented() -> None:
    documented = {command_of(words) for text in DOCUMENTS.values() for words in invocations(text)}
    assert COMMANDS.keys() <= documented, sorted(COMMANDS.keys() - documented)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_in_a_document_exists_with_its_options(name: str) -> None:
    wrong = [error for words in invocations(DOCUMENTS[name]) if (error := command_line_error(words))]
    assert wrong == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_make_target_in_a_document_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in commands(DOCUMENTS[name]):
        if match := re.fullmatch(r"make((?: +[A-Z_]+=\S+)*) +([a-z-]+)((?: +[A-Z_]+=\S+)*)(?: +#.*)?", line):
            assert match[2] in targets, line
        else:
            assert not re.match(r"make [a-z]", line), line


def test_readme_shows_the_targets_that_do_everything() -> None:
    shown = [
        line.split()[1]
        for block in blocks(DOCUMENTS["README.md"])
        if block.language == "make"
        for line in block.content.splitlines()
    ]
    assert shown == ["demo", "test", "run"]


# --- log events -------------------------------------------------------------------------------------------------------


def logged_events() -> dict[str, tuple[set[str], set[str]]]:
    """Every event with its levels and keys, read from the source."""
    found: dict[str, tuple[set[str], set[str]]] = {}
    for path in [*(ROOT / "anchoring").rglob("*.py"), *(ROOT / "service").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            match call.func:
                case ast.Attribute(value=ast.Name(id="log"), attr=level) if level in LEVELS:
                    names = event_names(call.args[0], tree)
                    assert names, f"{path}:{call.lineno}: the event cannot be read"
                    for name in names:
                        levels, keys = found.setdefault(name, (set(), set()))
                        levels.add(level)
                        keys |= {keyword.arg or "**" for keyword in call.keywords}
    return found


def event_names(argument: ast.expr, tree: ast.AST) -> set[str]:
    if isinstance(argument, ast.Name):
        values = [
            node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == argument.id for to in node.targets)
        ]
        return {name for value in values for name in event_names(value, tree)}
    constants = {node.value for node in ast.walk(argument) if isinstance(node, ast.Constant)}
    return {name for name in constants if isinstance(name, str) and re.fullmatch(r"[a-z_]+\.[a-z_]+", name)}


def test_every_log_event_is_documented_with_its_level_and_keys() -> None:
    expected = {
        name: (" ".join(sorted(levels)), " ".join(sorted(keys - {"exc_info"})))
        for name, (levels, keys) in logged_events().items()
    }
    documented = {
        name: (cells[0], " ".join(sorted(re.findall(r"`([a-z_]+)`", cells[1]))))
        for name, cells in table(OPERATIONS, "event").items()
    }
    assert documented == expected
    assert all(cells[2] for cells in table(OPERATIONS, "event").values())


def program_texts() -> str:
    """Every piece of text in the program; values that are filled in stand between pieces."""
    pieces = []
    for path in (ROOT / "anchoring").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        pieces += [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(pieces)


def test_every_sentence_quoted_for_operators_is_one_of_the_program() -> None:
    section = " ".join(OPERATIONS.partition("What to do when")[2].split())
    quoted = re.findall(r"(?<!\*)\*(?!\*)([^*]+)\*(?!\*)", section)
    assert len(quoted) >= 10
    texts = program_texts()
    for sentence in quoted:
        for piece in sentence.split("…"):
            assert piece.strip(" ,") in texts, sentence


# --- documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    for target in links(DOCUMENTS[name]):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        led_to = (ROOT / name).parent / path if path else ROOT / name
        assert led_to.exists(), target
        assert led_to.resolve().is_relative_to(ROOT), target
        if fragment:
            assert fragment in fragments(led_to.read_text(encoding="utf-8")), target


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if not name.startswith("tests/")])
def test_every_block_says_what_it_is(name: str) -> None:
    for block in blocks(DOCUMENTS[name]):
        assert block.language in LANGUAGES | {""}, f"line {block.line}: {block.language}"


@pytest.mark.parametrize("name", ["README.md", *(name for name in DOCUMENTS if name.startswith("docs/"))])
def test_every_document_can_be_reached_from_the_readme(name: str) -> None:
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        document = ahead.pop()
        if document in reached:
            continue
        reached.add(document)
        for target in links(document.read_text(encoding="utf-8")):
            path = (document.parent / target.partition("#")[0]).resolve()
            if path.suffix == ".md" and path.exists():
                ahead.append(path)
    assert ROOT / name in reached


def test_every_decision_is_listed_in_order() -> None:
    listed = [Path(target).name for target in links(DOCUMENTS["docs/adr/README.md"]) if re.match(r"\d{4}-", target)]
    assert listed == [path.name for path in DECISIONS]
    assert [path.name[:4] for path in DECISIONS] == [f"{number:04}" for number in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_every_decision_has_the_same_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    title, *sections = headings(text)
    assert title.startswith(f"{int(path.name[:4])}. ")
    assert sections == ["Context", "Decision", "Consequences"]
    assert re.search(r"^Status: (accepted|superseded by \[.*)$", text, re.MULTILINE)
    assert len(text.splitlines()) <= 80, "a decision has one page"


def test_changelog_is_in_the_form_of_keep_a_changelog() -> None:
    first, second, *_ = headings(DOCUMENTS["CHANGELOG.md"])
    assert (first, second) == ("Changelog", "[Unreleased]")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {heading for heading in headings(DOCUMENTS["CHANGELOG.md"]) if not heading.startswith("[")} <= kinds | {"Changelog"}


# --- what others rely on ----------------------------------------------------------------------------------------------


def test_constants_of_the_proof_format_are_those_of_the_contract_that_is_built() -> None:
    artifact = json.loads((ROOT / "anchoring" / "ledger" / "artifacts" / "AnchorRegistry.json").read_text())
    stated = [code(cells[0]) for cells in table(DOCUMENTS["docs/proof-format.md"], "constant").values()]

    assert stated == [
        artifact["codeHash"],
        to_hex(hashlib.sha256(bytes.fromhex(artifact["deployedBytecode"][2:])).digest()),
        to_hex(ROOT_ANCHORED),
        to_hex(BFT_MIX_HASH),
    ]


def test_package_of_the_blockcerts_verifier_is_the_one_that_the_tests_install() -> None:
    installed = json.loads((ROOT / "tests" / "oracles" / "formats" / "package.json").read_text())
    [shown] = [json.loads(block.content) for block in blocks(DOCUMENTS["docs/blockcerts.md"]) if block.language == "json"]

    assert shown["dependencies"].items() <= installed["dependencies"].items()
    assert shown["overrides"] == installed["overrides"]
