"""Log lines in JSON."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import structlog

from anchoring.logs import configure_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    configure_logs(stream)
    yield stream
    structlog.reset_defaults()


def test_line_says_when_in_utc_what_and_what_is_bound(stream: io.StringIO):
    before = datetime.now(UTC)
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("round.finished", leaves=3, due=datetime(2026, 11, 29, tzinfo=UTC))
    line = json.loads(stream.getvalue())
    when = line.pop("timestamp")
    assert line == {
        "event": "round.finished",
        "level": "info",
        "request_id": "r1",
        "leaves": 3,
        "due": "2026-11-29T00:00:00Z",
    }
    assert when.endswith("Z")
    assert before <= datetime.fromisoformat(when) <= datetime.now(UTC)


def test_what_json_cannot_say_is_written_as_python_shows_it(stream: io.StringIO):
    structlog.get_logger().info("round.finished", tile=b"\x00")
    assert json.loads(stream.getvalue())["tile"] == "b'\\x00'"


HIDING = "".join(map(chr, (0x1B, 0x85, 0x9B, 0x061C, 0x200E, 0x2028, 0x2029, 0x202E, 0x2066, 0xFEFF, 0xE0001)))


def test_what_hides_turns_or_breaks_a_line_is_escaped_and_letters_are_not(stream: io.StringIO):
    structlog.get_logger().info("request.finished", path=f"/é{HIDING}")
    line = stream.getvalue()
    assert line.removesuffix("\n").isprintable()
    assert "/é" in line
    assert json.loads(line)["path"] == f"/é{HIDING}"


def test_terminal_is_told_nothing_that_it_would_do():
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    configure_logs(terminal)
    structlog.get_logger().info("request.finished", path=f"/é{HIDING}")
    structlog.reset_defaults()
    assert not {*HIDING[1:], HIDING + "["} & {*terminal.getvalue()}
    assert "\\x1b" in terminal.getvalue()
