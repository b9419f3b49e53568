"""What comes with the program for those who run it: alert rules, dashboard, units, image. `make ops-check` runs promtool too.

Each comparison goes both ways: every figure that is served is documented, and every one that is used is served.
"""

import ast
import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from anchoring.core.issuer import CANARY
from anchoring.ports.entries import Canary, Entry
from anchoring.ports.figures import HeadSeen, OpenSubmission
from anchoring.ports.rounds import RoundRecord, RoundResult
from anchoring.settings import Settings
from anchoring.types import Salt
from anchoring.usecases.report_figures import Figures, Tally
from scripts.devnet import ROOT
from service import figures as families
from service.metrics import Metrics
from service.promises import read_promises
from tests.commands import command_line_error
from tests.documents import code, rows
from tests.factories import NOON, make_digest

OPS = ROOT / "scripts" / "ops"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PROMISES = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
ALERTS: list[dict[str, Any]] = yaml.safe_load((OPS / "alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
NAMES = [alert["alert"] for alert in ALERTS]
DASHBOARD: dict[str, Any] = json.loads((OPS / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
UNITS = sorted((OPS / "systemd").iterdir())


def served() -> dict[str, Any]:
    """Every family that a service can show, with values in all of them."""
    entry = Entry(id=1, issuer=CANARY, digest=make_digest(1), salt=Salt(bytes(16)), canonicalization=None, received_at=NOON)
    canary = Canary(entry=entry, posted_at=NOON, checked_at=NOON, passed=True, detail=None)
    last = RoundRecord(started_at=NOON, finished_at=NOON, holder="", result=RoundResult.DONE)
    everything = Figures(
        size_bytes=1,
        waiting=1,
        oldest_not_final=NOON,
        merge_delays_s=[1.0],
        batches={},
        submissions={},
        status_versions={},
        oldest_open_change=NOON,
        status_lists=1,
        overtaken_lists=1,
        open_submission=OpenSubmission(opened_at=NOON, attempts=1),
        tally=Tally(last_fees_wei=(1,)),
        last_round=last,
        head=HeadSeen(number=1, time=NOON, first_seen_at=NOON, ahead_s=1.0, balance_wei=1),
        withdrawn_anchors={},
        orphan_anchors={"open": 1, "accepted": 1},
        canaries={"passed": 1, "failed": 1},
        newest_canary=canary,
        oldest_unchecked_canary=canary,
    )
    promises = read_promises(Settings())
    metrics = Metrics()
    metrics.answered("/healthz", "GET", 200, 0.1)
    store = [families._gauge("store_up", "", 1), *families._promised(promises)]
    store += families._of_store(everything, NOON + timedelta(seconds=1), promises)
    text = metrics.exposition(store).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


SERVED = served()
LABELS: dict[str, set[str]] = {
    sample.name: set(sample.labels) for family in SERVED.values() for sample in family.samples if sample.name[-8:] != "_created"
}


def documented(text: str, first_column: str) -> dict[str, list[str]]:
    found, inside = {}, False
    for line in text.splitlines():
        cells = rows(line) if line.startswith("|") else []
        if not line.startswith("|"):
            inside = False
        elif cells and cells[0][0] == first_column:
            inside = True
        elif cells and inside:
            found[code(cells[0][0])] = cells[0][1:]
    return found


# --- metrics


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    expected = {
        name + ("_total" if family.type == "counter" else ""): [
            "histogram" if family.type == "histogram" else family.type,
            " ".join(sorted({label for sample in family.samples for label in sample.labels} - {"le"})),
        ]
        for name, family in SERVED.items()
    }
    shown = {
        name: [cells[0], " ".join(sorted(re.findall(r"`([a-z]+)`", cells[1])))]
        for name, cells in documented(OPERATIONS, "metric").items()
    }
    assert shown == expected
    assert all(len(cells) == 3 and cells[2] for cells in documented(OPERATIONS, "metric").values())


def selectors(expression: Any) -> Iterator[Any]:
    """Every series that a PromQL expression asks for."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    for name in ("expr", "lhs", "rhs", "vector_selector", "vs", "param"):
        inner = getattr(expression, name, None)
        if inner is not None:
            yield from selectors(inner)
    for argument in getattr(expression, "args", None) or []:
        yield from selectors(argument)


def check_expression(expression: str) -> None:
    """It parses, and asks for series that are served, by labels that they have."""
    found = list(selectors(promql_parser.parse(expression)))
    assert len(found) == len(re.findall(r"\b(?:credanchor_\w+|up)\b", expression)), "a series of the expression was not seen"
    for selector in found:
        labels = {matcher.name for matcher in selector.matchers.matchers}
        if selector.name == "up":
            continue
        assert selector.name in LABELS, selector.name
        assert labels - {"instance", "job"} <= LABELS[selector.name], f"{selector.name}: {labels}"


@pytest.mark.parametrize("alert", ALERTS, ids=NAMES)
def test_alert_asks_for_figures_that_are_served(alert: dict[str, Any]) -> None:
    check_expression(alert["expr"])
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_panel_asks_for_figures_that_are_served(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        check_expression(target["expr"])
        used = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        by = re.search(r"by \(([a-z, ]+)\)", target["expr"])
        assert used <= set(by[1].split(", ") if by else []), f"{target['legendFormat']} names labels that are added up"


@pytest.mark.parametrize("wrong", ["max(credanchor_nothing)", 'credanchor_batches{stat="final"}', "max(credanchor_batches"])
def test_expressions_that_are_wrong_are_noticed(wrong: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        check_expression(wrong)


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    used = " ".join([alert["expr"] for alert in ALERTS] + [target["expr"] for panel in PANELS for target in panel["targets"]])
    for name in SERVED:
        assert re.search(rf"\b{name}(_total|_count|_sum|_bucket)?\b", used), name


# --- alerts


def test_every_alert_is_explained_and_guards_a_promise() -> None:
    explained = re.findall(r"^\*\*`(CredAnchor\w+)`\*\*", OPERATIONS, re.MULTILINE)
    assert explained == NAMES
    for text in (OPERATIONS, PROMISES):
        assert set(re.findall(r"`(CredAnchor\w+)`", text)) <= set(NAMES)


def test_every_alert_is_seen_to_go_off_and_to_stay_quiet() -> None:
    tests = yaml.safe_load((OPS / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    seen = {(one["alertname"], bool(one["exp_alerts"])) for test in tests for one in test["alert_rule_test"]}
    assert seen == {(name, goes_off) for name in NAMES for goes_off in (True, False)}
    assert all(test["input_series"] for test in tests)


# --- promises


def test_every_promise_is_there_with_what_shows_it() -> None:
    promised = documented(PROMISES, "id")
    assert list(promised) == [f"P{number}" for number in range(1, 13)]
    for number, cells in promised.items():
        assert len(cells) == 4, number
        assert all(cells[:2]), number


def test_every_test_and_metric_named_by_a_promise_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PROMISES)
    assert len(named) >= 20
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert test in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, f"{file}::{test}"
    for metric in re.findall(r"`(credanchor_\w+)", PROMISES):
        assert metric in LABELS or metric in SERVED, metric
    numbers = set(read_promises(Settings()).as_json())
    assert set(re.findall(r"`([a-z]+[A-Z]\w*)`", PROMISES)) - {"anchoredAt"} == numbers


# --- dashboard, Prometheus, Grafana


def test_dashboard_has_one_of_everything_and_nothing_overlaps() -> None:
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(identifiers) == len(set(identifiers))
    squares: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        covered = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not covered & squares, panel["title"]
        squares |= covered
    [source] = yaml.safe_load((OPS / "grafana" / "datasources.yml").read_text(encoding="utf-8"))["datasources"]
    for panel in PANELS:
        assert {target["datasource"]["uid"] for target in panel["targets"]} | {panel["datasource"]["uid"]} == {source["uid"]}
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_prometheus_asks_the_service_that_compose_starts() -> None:
    config = yaml.safe_load((OPS / "prometheus.yml").read_text(encoding="utf-8"))
    [job] = config["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    command = COMPOSE["services"][name]["command"]
    assert command[command.index("--port") + 1] == port
    assert 'job="credanchor"' in ALERTS[0]["expr"]
    assert job["job_name"] == "credanchor"
    mounted = {volume.split(":")[1] for volume in COMPOSE["services"]["prometheus"]["volumes"]}
    assert {f"/etc/prometheus/{file}" for file in config["rule_files"]} <= mounted
    [source] = yaml.safe_load((OPS / "grafana" / "datasources.yml").read_text(encoding="utf-8"))["datasources"]
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((OPS / "grafana" / "dashboards.yml").read_text(encoding="utf-8"))["providers"]
    assert f"{provider['options']['path']}/dashboard.json" in str(COMPOSE["services"]["grafana"]["volumes"])


# --- units


class Unit(configparser.RawConfigParser):
    """A systemd unit: names have cases, and may stand twice."""

    def optionxform(self, optionstr: str) -> str:
        return optionstr


@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_unit_runs_a_command_that_exists_without_rights_it_does_not_need(path: Path) -> None:
    unit = Unit(strict=False, interpolation=None)
    unit.read_string(path.read_text(encoding="utf-8"))
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert program == "/srv/credanchor/.venv/bin/credanchor"
    assert command_line_error(words) is None
    settings = unit["Service"]
    assert (settings["NoNewPrivileges"], settings["ProtectSystem"], settings["CapabilityBoundingSet"]) == ("yes", "strict", "")
    assert settings["User"] == "credanchor"
    assert "PRIVATE_KEY" not in path.read_text(encoding="utf-8")


def test_timers_start_units_that_exist() -> None:
    names = {path.name for path in UNITS}
    timers = [path for path in UNITS if path.suffix == ".timer"]
    assert timers
    for timer in timers:
        assert timer.with_suffix(".service").name in names
        assert "OnCalendar=" in timer.read_text(encoding="utf-8")
    oneshot = [path.stem for path in UNITS if "Type=oneshot" in path.read_text(encoding="utf-8")]
    assert sorted(oneshot) == [timer.stem for timer in timers]


def test_every_unit_is_named_in_the_operations() -> None:
    for path in UNITS:
        assert path.name in OPERATIONS


# --- image


def test_what_the_image_copies_is_enough_to_build_the_program(tmp_path: Path) -> None:
    lines = re.findall(r"^COPY (.*)$", (OPS / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    for line in lines:
        *sources, target = line.split()
        for source in sources:
            assert source in kept, "the builder is not sent what .dockerignore leaves out"
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, tmp_path / target)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "built", "."]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    [wheel] = (tmp_path / "built").glob("credanchor-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    wanted = ["service/app.py", "anchoring/cli/main.py", "anchoring/ledger/artifacts/AnchorRegistry.json"]
    wanted += [f"anchoring/migrations/versions/{path.name}" for path in (ROOT / "migrations" / "versions").glob("0*.py")]
    assert set(wanted) <= set(names)
