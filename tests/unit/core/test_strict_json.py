"""The strict JSON reader: what it accepts, what it refuses, and where it says the fault is."""

import json
import time
import tracemalloc

import pytest

from anchoring.core.strict_json import JsonLimits, JsonValue, first_fault, json_path, parse
from anchoring.errors import InvalidInput, MalformedBody, TooLarge


def refusal(data: bytes | str, limits: JsonLimits | None = None) -> InvalidInput:
    """What `parse` raises."""
    body = data.encode() if isinstance(data, str) else data
    with pytest.raises(InvalidInput) as caught:
        parse(body, limits or JsonLimits())
    return caught.value


def is_json(text: str) -> bool:
    """Whether the grammar of RFC 8259 allows it."""
    try:
        json.loads(text, parse_constant=int, parse_int=str)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None),
        ("true", True),
        (" false\r\n\t", False),
        ('""', ""),
        ("[]", []),
        ("{}", {}),
        ("[ ]", []),
        ('{"a" : [1 , {"b":null} ] }', {"a": [1, {"b": None}]}),
        ('{"":{"":{}}}', {"": {"": {}}}),
        ('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u20AC"', '"\\/\b\f\n\r\t\x00€'),
        ('"\\ud83d\\ude02\\uD83D\\uDE02"', "😂😂"),
        ('"\\\\ud800"', "\\ud800"),
        ('"\x7f\u2028\ufeff😂"', "\x7f\u2028\ufeff😂"),
        ('{"a":1,"A":2,"\\u00e4":3,"a\u0308":4}', {"a": 1, "A": 2, "ä": 3, "a\u0308": 4}),
    ],
)
def test_parse_reads_json(text: str, value: JsonValue) -> None:
    assert parse(text.encode()) == value
    assert first_fault(text) is None


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("0", 0),
        ("-1", -1),
        ("9007199254740991", 2**53 - 1),
        ("-9007199254740991", 1 - 2**53),
        ("9007199254740991.0", 2.0**53 - 1),
        ("1.0", 1.0),
        ("1e2", 100.0),
        ("1E+02", 100.0),
        ("4.50", 4.5),
        ("0.1", 0.1),
        ("0.30000000000000004", 0.30000000000000004),
        ("1e21", 1e21),
        ("12.5e20", 1.25e21),
        ("1E30", 1e30),
        ("1.7976931348623157e308", 1.7976931348623157e308),
        ("5e-324", 5e-324),
        ("0.0", 0.0),
        ("0e99999999999999999999", 0.0),
        ("0.000e-99999999999999999999", 0.0),
        ("1." + "0" * 6000, 1.0),
        ("0." + "0" * 6000 + "1e6001", 1.0),
        ("1e-" + "0" * 6000 + "5", 1e-5),
    ],
)
def test_parse_reads_numbers_whose_value_es6_keeps(literal: str, value: float) -> None:
    read = parse(literal.encode())

    assert read == value
    assert type(read) is type(value)
    assert first_fault(literal) is None


@pytest.mark.parametrize(
    ("literal", "message"),
    [
        ("9007199254740992", "integers of 2^53 and more"),
        ("-9007199254740992", "integers of 2^53 and more"),
        ("9" * 5000, "integers of 2^53 and more"),
        ("-1" + "0" * 21, "integers of 2^53 and more"),
        ("9007199254740992.0", "integers of 2^53 and more"),
        ("9007199254740993.0", "integers of 2^53 and more"),
        ("1e20", "integers of 2^53 and more"),
        ("999999999999999900000.0", "integers of 2^53 and more"),
        ("9007199254740990.5", "does not hold all these digits"),
        ("0.1000000000000000055", "does not hold all these digits"),
        ("0.1000000000000000055511151231257827", "does not hold all these digits"),
        ("333333333.33333329", "does not hold all these digits"),
        ("1.00000000000000000000001e300", "does not hold all these digits"),
        ("2.4703282292062328e-324", "does not hold all these digits"),
        ("1e400", "too large for a double"),
        ("-1e99999999999999999999", "too large for a double"),
        ("1e-400", "too small for a double"),
        ("0.001e-99999999999999999999", "too small for a double"),
        ("-0", "-0 and 0 are one number"),
        ("-0.0", "-0 and 0 are one number"),
        ("-0e0", "-0 and 0 are one number"),
        ("-0.00E+5", "-0 and 0 are one number"),
        ("NaN", "NaN and infinities"),
        ("Infinity", "NaN and infinities"),
        ("-Infinity", "NaN and infinities"),
    ],
)
def test_parse_refuses_numbers_that_lose_their_value(literal: str, message: str) -> None:
    fault = refusal('{"grades": [1,\n  ' + literal + "]}")

    assert fault.at == "$.grades[1] (line 2, column 3)"
    assert message in fault.message
    assert isinstance(fault, MalformedBody) is not is_json(literal)


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ('{"a":1,"a":1}', "$.a (line 1, column 8)", "stands twice"),
        ('{"a":1,"\\u0061":2}', "$.a (line 1, column 8)", "stands twice"),
        ('{"x":[{"a":{"b":1,\r\n"c":2,\r\n"b":3}}]}', "$.x[0].a.b (line 3, column 1)", "stands twice"),
        ('{"\\ud83d\\ude02":1,"😂":2}', '$["\\ud83d\\ude02"] (line 1, column 19)', "stands twice"),
        ('["é", "\\ud800"]', "$[1] (line 1, column 8)", "surrogate"),
        ('["\\udc00\\ud800"]', "$[0] (line 1, column 3)", "surrogate"),
        ('["\\ud83d\\ude02\\ud83d\\u0041"]', "$[0] (line 1, column 15)", "surrogate"),
        ('{"a":{"b\\uDFFF":1}}', "$.a (line 1, column 9)", "surrogate"),
        ('["\\ud8zz"]', "$[0] (line 1, column 3)", "no such escape"),
        ('["\\u12"]', "$[0] (line 1, column 3)", "no such escape"),
        ('["\\x41"]', "$[0] (line 1, column 3)", "no such escape"),
        ('["\\', "$[0] (line 1, column 3)", "no such escape"),
        ('["a\tb"]', "$[0] (line 1, column 4)", "control characters"),
        ('["a\x00b"]', "$[0] (line 1, column 4)", "control characters"),
        ('{"a":["b', "$.a[0] (line 1, column 7)", "no end"),
        ("", "$ (line 1, column 1)", "expected a value"),
        (" \n ", "$ (line 2, column 2)", "expected a value"),
        ("[", "$[0] (line 1, column 2)", "expected a value"),
        ("[1,]", "$[1] (line 1, column 4)", "expected a value"),
        ("[,1]", "$[0] (line 1, column 2)", "expected a value"),
        ("[1 2]", "$ (line 1, column 4)", "expected , or ]"),
        ("[1}", "$ (line 1, column 3)", "expected , or ]"),
        ('{"a":1', "$ (line 1, column 7)", "expected , or }"),
        ('{"a":1,}', "$ (line 1, column 8)", "expected a member's name"),
        ("{,}", "$ (line 1, column 2)", "expected a member's name"),
        ("{a:1}", "$ (line 1, column 2)", "expected a member's name"),
        ("{1:1}", "$ (line 1, column 2)", "expected a member's name"),
        ('{"a" 1}', "$ (line 1, column 6)", "expected :"),
        ('{"a":}', "$.a (line 1, column 6)", "expected a value"),
        ("{'a':1}", "$ (line 1, column 2)", "expected a member's name"),
        ("tru", "$ (line 1, column 1)", "expected a value"),
        ("True", "$ (line 1, column 1)", "expected a value"),
        ("trueX", "$ (line 1, column 5)", "has ended"),
        ("01", "$ (line 1, column 2)", "has ended"),
        ("1.", "$ (line 1, column 2)", "has ended"),
        ("1e", "$ (line 1, column 2)", "has ended"),
        ("0x10", "$ (line 1, column 2)", "has ended"),
        ("1_000", "$ (line 1, column 2)", "has ended"),
        (".5", "$ (line 1, column 1)", "expected a value"),
        ("+1", "$ (line 1, column 1)", "expected a value"),
        ("-", "$ (line 1, column 1)", "expected a value"),
        ("--1", "$ (line 1, column 1)", "expected a value"),
        ("-NaN", "$ (line 1, column 1)", "expected a value"),
        ("\u0661", "$ (line 1, column 1)", "expected a value"),
        ("1\u0661", "$ (line 1, column 2)", "has ended"),
        ("{} {}", "$ (line 1, column 4)", "has ended"),
        ("[1]\x00", "$ (line 1, column 4)", "has ended"),
        ("[1] // one", "$ (line 1, column 5)", "has ended"),
        ("\u00a01", "$ (line 1, column 1)", "expected a value"),
        ("\x0b1", "$ (line 1, column 1)", "expected a value"),
    ],
)
def test_parse_names_the_place_of_a_fault(text: str, at: str, message: str) -> None:
    fault = refusal(text)

    assert fault.at == at
    assert message in fault.message
    assert isinstance(fault, MalformedBody) is not is_json(text)


def test_parse_names_the_first_of_several_faults() -> None:
    assert refusal('{"a":-0,"a":NaN').at == "$.a (line 1, column 6)"


@pytest.mark.parametrize(
    ("data", "at", "message"),
    [
        (b"\xef\xbb\xbf{}", "byte 0", "byte order mark"),
        ('{"a":1}'.encode("utf-16"), "byte 0", "UTF-16 or UTF-32"),
        ('{"a":1}'.encode("utf-16-le"), "byte 0", "UTF-16 or UTF-32"),
        ('{"a":1}'.encode("utf-16-be"), "byte 0", "UTF-16 or UTF-32"),
        ('{"a":1}'.encode("utf-32"), "byte 0", "UTF-16 or UTF-32"),
        ('{"a":1}'.encode("utf-32-be"), "byte 0", "UTF-16 or UTF-32"),
        (b"\xfe\xff\x00{\x00}", "byte 0", "UTF-16 or UTF-32"),
        (b'{"a":"\xff"}', "byte 6", "not UTF-8"),
        (b'{"a":"caf\xe9"}', "byte 9", "not UTF-8"),
        (b'"\xc0\xaf"', "byte 1", "not UTF-8"),
        (b'"\xed\xa0\x80"', "byte 1", "not UTF-8"),
        (b'"\xf4\x90\x80\x80"', "byte 1", "not UTF-8"),
        (b'"\xe2\x82', "byte 1", "not UTF-8"),
    ],
)
def test_parse_refuses_other_encodings(data: bytes, at: str, message: str) -> None:
    fault = refusal(data)

    assert fault.at == at
    assert message in fault.message
    assert isinstance(fault, MalformedBody)


def test_parse_counts_bytes_before_all_else() -> None:
    limits = JsonLimits(max_bytes=8)

    assert parse(b'["1234"]', limits) == ["1234"]
    fault = refusal(b"\xff" * 9, limits)

    assert isinstance(fault, TooLarge)
    assert (fault.limit, fault.at) == (8, "byte 8")


@pytest.mark.parametrize("text", ["[[1]]", '{"a":[]}', '[{"a":"]]"},{},[]]', '[{"[[[\\\\":"\\"[["}]'])
def test_parse_accepts_depth_up_to_the_limit(text: str) -> None:
    assert parse(text.encode(), JsonLimits(max_depth=2)) == json.loads(text)


def test_parse_refuses_depth_above_the_limit() -> None:
    fault = refusal('{"a":[{"b":1,\n"c":[]}]}', JsonLimits(max_depth=3))

    assert isinstance(fault, TooLarge)
    assert (fault.limit, fault.at) == (3, "$.a[0].c (line 2, column 5)")


def test_parse_counts_commas_and_brackets_outside_strings() -> None:
    limits = JsonLimits(max_values=3)

    assert parse(b'{"a,[{":[1,",,,,"]}', limits) == {"a,[{": [1, ",,,,"]}
    fault = refusal(b'{"a":[1,2,3]}', limits)

    assert isinstance(fault, TooLarge)
    assert (fault.limit, fault.at) == (3, "$.a (line 1, column 10)")
    assert refusal(b"[[[[]]]]", limits).at == "$[0][0][0] (line 1, column 4)"


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'[{"a":' * 100_000,
        b"[[],[" * 100_000,
    ],
    ids=["open", "closed", "objects", "mixed", "ragged"],
)
def test_parse_refuses_extreme_depth_at_once(data: bytes) -> None:
    started = time.perf_counter()
    fault = refusal(data)

    assert isinstance(fault, TooLarge)
    assert fault.limit == 64
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "data",
    [
        b'"' + b'\\"' * 200_000,
        b'"' * 200_000,
        b"\\" * 200_000,
        b'"' + b"\\n" * 200_000 + b'\\x"',
        b"9" * 200_000,
        b"0." + b"3" * 200_000,
        b"1e" + b"9" * 200_000,
        b" " * 200_000,
        b"[" + b"0," * 200_000,
        b"[" + b"{}," * 200_000 + b"1]",
    ],
    ids=[
        "escapes",
        "quotes",
        "backslashes",
        "bad escape",
        "digits",
        "fraction",
        "exponent",
        "space",
        "values",
        "lists",
    ],
)
def test_parse_takes_linear_time_over_hostile_input(data: bytes) -> None:
    started = time.perf_counter()
    refusal(data, JsonLimits(max_values=20_000))
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("item", [b'{"a":{}},', b'{"[":{}},', b'"0x",', b'"",', b"[],"])
def test_parse_refuses_too_many_values_before_it_makes_something_of_them(item: bytes) -> None:
    data = b'{"x":[' + item * (1_000_000 // len(item)) + b"0]}"
    tracemalloc.start()
    try:
        refusal(data, JsonLimits(max_values=20_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(data)


def test_parse_reads_a_long_string_whole() -> None:
    text = '"' + "x\\n\\ud83d\\ude02é" * 5000 + '"'

    assert parse(text.encode()) == "x\n😂é" * 5000
    assert first_fault(text) is None


@pytest.mark.parametrize(
    ("steps", "path"),
    [
        ((), "$"),
        (("a", 0, "b_1", None), "$.a[0].b_1"),
        (("@context", "", "é", "\ud800", "a b"), '$["@context"][""]["\\u00e9"]["\\ud800"]["a b"]'),
        (("x" * 40,), "$." + "x" * 40),
        (("x" * 41,), '$["' + "x" * 40 + '..."]'),
    ],
)
def test_json_path_is_short_ascii(steps: tuple[str | int | None, ...], path: str) -> None:
    assert json_path(steps) == path
