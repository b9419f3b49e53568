"""The table of docs/faults.md is that of tests/fault_table.py, and names tests that exist."""

import re

from scripts.devnet import ROOT
from tests.fault_table import ABUSE, PAGE, ROWS, render, render_abuse

IDS = [f"L{i:02}" for i in range(1, 34)] + [f"D{i:02}" for i in range(1, 27)] + [f"C{i:02}" for i in range(9, 17)]


def test_every_fault_has_a_row_with_tests_or_a_reason():
    assert [row.id for row in ROWS] == IDS
    for row in ROWS:
        assert bool(row.tests) != bool(row.why_not), row.id


def test_every_test_that_is_named_exists():
    for test in {test for row in (*ROWS, *ABUSE) for test in row.tests}:
        file, _, function = test.partition("[")[0].partition("::")
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {function}\(", source, re.MULTILINE), test


def test_every_abuse_has_a_row_with_tests_and_is_in_the_document():
    assert [row.id for row in ABUSE] == [f"H{i:02}" for i in range(1, 25)]
    assert all(row.tests for row in ABUSE)
    assert render_abuse() in PAGE.read_text(encoding="utf-8")


def test_table_is_written_and_shows_no_loss():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| [LDC]\d\d \|", line)]
    for row, line in zip(ROWS, lines, strict=True):
        fault, must, *figures, shown = cells(line)
        assert [fault, must, shown] == [row.id, row.must, cells(render(row, None))[-1]]
        injected, _, lost, twice = figures
        assert (int(injected.replace(",", "")) > 0) == bool(row.tests), row.id
        assert {lost, twice} <= {"0", ""}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]
