"""Times that others write."""

from datetime import UTC, datetime

import pytest

from anchoring.core.moments import parse_moment, parse_moment_or_utc
from anchoring.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T12:00:00Z", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("2026-11-23T14:30:00+02:30", datetime(2026, 11, 23, 12, tzinfo=UTC)),
        ("2026-11-23T12:00:00.123456789Z", datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_with_its_offset(text: str, moment: datetime) -> None:
    assert parse_moment(text, at="x") == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-23",
        "2026-11-23T12:00:00",
        "2026-11-23 12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-11-23T12:00:00z",
        "20261123T120000Z",
        "0001-01-01T00:00:00+05:00",
        "٢٠٢٦-11-23T12:00:00Z",
    ],
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^query\.timestamp: must be a time"):
        parse_moment(text, at="query.timestamp")


@pytest.mark.parametrize("text", ["2026-11-23T12:00:00", "2026-11-23T12:00:00.000", "2026-11-23T14:00:00+02:00"])
def test_moment_without_its_offset_is_in_utc_where_that_is_taken(text: str) -> None:
    assert parse_moment_or_utc(text, at="x") == datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "2026-11-23", "2026-02-30T12:00:00", "2026-11-23T12:00:00z", "2026-11-23T12:00:00+24:00"])
def test_what_is_no_moment_is_refused_there_as_well(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^created: must be a time"):
        parse_moment_or_utc(text, at="created")
