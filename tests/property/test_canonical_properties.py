"""Laws of the digests, the ES6 number test, and a second implementation in JavaScript that must agree."""

import base64
import hashlib
import json
import math
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anchoring.core.canonical import Canonicalization, canonical_candidates, canonicalize, jcs
from anchoring.core.claimed_issuer import claimed_issuer
from anchoring.core.strict_json import JsonLimits, JsonValue, first_fault, parse
from anchoring.errors import InvalidInput

VECTORS = Path(__file__).parents[1] / "vectors"
SMALL = JsonLimits(max_bytes=4096, max_depth=5, max_values=40)

# What the strict reader takes: no surrogates, integers below 2^53, doubles whose ES6 form is not a longer integer, no -0.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
integers = st.integers(min_value=1 - 2**53, max_value=2**53 - 1)
doubles = st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda x: not 2**53 <= abs(x) < 1e21 and math.copysign(1, x) * (x == 0) >= 0
)
values = st.recursive(
    st.none() | st.booleans() | integers | doubles | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=5)


# The two passes of the reader

fragments = st.sampled_from(
    [
        *'[]{}:,"\\',
        *" \t\n\r\x00\x0b\u00a0",
        *('"a"', '"b"', '"\\u0061"', '""', '"a":', '"b":1', "{}", "[]", "[1,", ",1]", "[[[[[", "]]]]]", "[[[[[[", "]]]]]]"),
        *("1", "0", "-0", "-0.0", "01", "1.0", "1e2", "1e400", "1e-400", "0.1000000000000000055", "\u0661"),
        *("9007199254740992", "9007199254740992.0", "1e20", "1e21", "true", "null", "NaN", "-Infinity", "tru"),
        *("\\ud800", "\\ude02", "\\ud83d\\ude02", "\\u00", "\\x", "\\\\", '\\"', "\u00e9", "\U0001f602", "\ufeff"),
    ]
)


def refusal_by_parse(text: str) -> InvalidInput | None:
    try:
        parse(text.encode(), SMALL)
    except InvalidInput as refusal:
        return refusal
    return None


def assert_one_verdict(text: str) -> None:
    """Both passes accept `text`, or both refuse it for one reason and say where."""
    refused = refusal_by_parse(text)
    if refused is not None and refused.at == "byte 0":
        return  # by its first bytes, before there is a text
    found = first_fault(text, SMALL)
    assert (refused is None) == (found is None)
    if refused is not None and found is not None:
        assert (refused.message, refused.at) == (found.message, found.at)
        assert str(refused.at).startswith("$")


@settings(max_examples=1000, deadline=None)
@given(st.lists(fragments, max_size=14).map("".join))
@example('{"a":[1,"b\\"]"],"b":{}}')
def test_both_passes_give_one_verdict_on_fragments(text: str) -> None:
    assert_one_verdict(text)


@settings(max_examples=1000, deadline=None)
@given(
    value=values,
    errors=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3), fragments), max_size=2),
    ascii_only=st.booleans(),
)
def test_both_passes_give_one_verdict_on_documents_with_errors(
    *, value: JsonValue, errors: list[tuple[int, int, str]], ascii_only: bool
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    for at, removed, inserted in errors:
        text = text[:at] + inserted + text[at + removed :]
    assert_one_verdict(text)


# Numbers


def es6(value: float) -> str:
    return jcs(value).decode()


digits = st.text("0123456789", min_size=1, max_size=24)
number_texts = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "-"]),
        digits.map(lambda text: text.lstrip("0") or "0"),
        st.just("") | digits.map(".{}".format),
        st.just("") | st.builds("{}{}{}".format, st.sampled_from("eE"), st.sampled_from(["", "+", "-"]), st.integers(0, 330)),
    ),
)


@settings(max_examples=1000, deadline=None)
@given(number_texts)
@example("9007199254740993.0")
@example("0.1000000000000000055")
@example("2.4703282292062328e-324")
def test_number_is_read_just_when_es6_keeps_its_value(text: str) -> None:
    value = float(text)
    plain_integer = not set(text) & set(".eE")
    lossless = math.isfinite(value) and Fraction(text) == Fraction(es6(value))
    unsafe = abs(value) >= 2**53 and (plain_integer or abs(value) < 1e21)
    minus_zero = value == 0 and text.startswith("-")

    if lossless and not unsafe and not minus_zero:
        assert parse(text.encode()) == value
    else:
        with pytest.raises(InvalidInput):
            parse(text.encode())


@settings(max_examples=1000, deadline=None)
@given(doubles)
def test_double_is_read_as_python_and_es6_write_it(value: float) -> None:
    assert parse(repr(value).encode()) == value
    assert parse(es6(value).encode()) == value


def es6_test_doubles() -> Iterator[bytes]:
    """The doubles of the ES6 number test, 8 bytes big-endian each (tests/vectors/rfc8785/README.md)."""
    listed = (VECTORS / "rfc8785" / "es6-first-values.txt").read_text(encoding="ascii").split()
    yield from map(bytes.fromhex, listed)
    for bits in range(0x0010000000000000, 0x0010000000000000 + 2000):
        yield bits.to_bytes(8)
    block = bytes(32)
    while True:
        block = hashlib.sha256(block).digest()
        for start in range(0, 32, 8):
            little_endian = block[start : start + 8]
            value = struct.unpack("<d", little_endian)[0]
            if value != 0 and math.isfinite(value):
                yield little_endian[::-1]


def test_es6_number_test_to_100_000_lines() -> None:
    published = {
        1_000: "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687",
        10_000: "b9f7a8e75ef22a835685a52ccba7f7d6bdc99e34b010992cbc5864cd12be6892",
        100_000: "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7",
    }
    hashed = hashlib.sha256()
    readable: dict[str, float] = {}
    for line, bits in enumerate(islice(es6_test_doubles(), 100_000), start=1):
        value = struct.unpack(">d", bits)[0]
        text = es6(value)
        hashed.update(f"{int.from_bytes(bits):x},{text}\n".encode())
        if line in published:
            assert hashed.hexdigest() == published.pop(line)
        if not 2**53 <= abs(value) < 1e21:
            readable[text] = value
    assert not published

    assert len(readable) > 95_000
    assert parse(f"[{','.join(readable)}]".encode()) == list(readable.values())


# Documents


@settings(deadline=None)
@given(objects)
def test_canonical_form_is_its_own(value: dict[str, JsonValue]) -> None:
    form = jcs(value)

    assert parse(form) == value
    assert jcs(parse(form)) == form


@settings(deadline=None)
@given(
    value=objects,
    random=st.randoms(use_true_random=False),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1, "\t"]),
)
def test_digest_does_not_depend_on_how_json_is_written(
    *, value: dict[str, Any], random: Any, ascii_only: bool, indent: int | str | None
) -> None:
    names = list(value)
    random.shuffle(names)
    written = json.dumps({name: value[name] for name in names}, ensure_ascii=ascii_only, indent=indent).encode()

    # A form that is a JWS, which no generated object is, would not be sorted.
    expected = {name: member for name, member in value.items() if (name, member) != ("proof", [])}
    assert canonicalize(written, "application/json").data == jcs(expected)


@settings(deadline=None)
@given(objects, st.none() | st.lists(objects, max_size=3), st.integers(0, 3), objects)
def test_digest_does_not_change_when_our_proof_is_put_inside(
    credential: dict[str, Any], proofs: list[dict[str, Any]] | None, at: int, ours: dict[str, Any]
) -> None:
    bare = credential | ({} if proofs is None else {"proof": proofs})
    anchored = list(proofs or [])
    anchored.insert(at, ours | {"type": "CredentialAnchorProof"})

    before = canonicalize(json.dumps(bare).encode(), "application/vc")
    after = canonicalize(json.dumps(credential | {"proof": anchored}).encode(), "application/vc")
    assert after.digest == before.digest
    assert len(after.notes) == len(before.notes) + 1


header = base64.urlsafe_b64encode(b'{"alg":"ES256"}').decode()
bodies = (
    st.binary(max_size=60)
    | objects.map(lambda value: json.dumps(value).encode())
    | st.lists(fragments, max_size=10).map("".join).map(str.encode)
    | st.lists(st.sampled_from([header, "YQ", ".", ".", "~", "=", " ", "\n", "e30", "eyJhIjoxfQ"]), max_size=9)
    .map("".join)
    .map(str.encode)
)
media_types = st.sampled_from(["application/vc", "application/jwt", "application/dc+sd-jwt", "application/pdf"])


@settings(max_examples=1000, deadline=None)
@given(bodies, media_types, st.sampled_from([None, *Canonicalization]))
@example(f"{header}.YQ.YQ~YQ~".encode(), "application/dc+sd-jwt", None)
@example(f"\n{header}.YQ.YQ\n".encode(), "application/jwt", None)
def test_verifier_finds_whatever_the_service_hashed(body: bytes, media_type: str, requested: Canonicalization | None) -> None:
    candidates = canonical_candidates(body, requested)

    try:
        form = canonicalize(body, media_type, requested=requested)
    except InvalidInput:
        return
    assert form in candidates
    assert [each.canonicalization for each in candidates].count(form.canonicalization) == 1


@settings(max_examples=1000, deadline=None)
@given(bodies)
def test_claimed_issuer_refuses_but_never_breaks(body: bytes) -> None:
    with suppress(InvalidInput):
        claimed = claimed_issuer(body)
        assert claimed is None or claimed.named_in


# A second language

SECOND_READER = r"""
const { createHash } = require("node:crypto");
const { readFileSync } = require("node:fs");

const sorted = (value) =>
  Array.isArray(value) ? `[${value.map(sorted).join(",")}]`
  : value && typeof value === "object"
    ? `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${sorted(value[name])}`).join(",")}}`
    : JSON.stringify(value);
const ours = (proof) => [proof?.type].flat().includes("CredentialAnchorProof") && !Array.isArray(proof);
const rules = {
  jcs: (text) => {
    const { proof, ...rest } = JSON.parse(text);
    const kept = Array.isArray(proof) ? proof.filter((each) => !ours(each)) : proof;
    return sorted(kept === undefined || (Array.isArray(kept) && !kept.length) ? rest : { ...rest, proof: kept });
  },
  "jws-json": (text) => {
    const jws = JSON.parse(text);
    const first = jws.signatures ? jws.signatures[0] : jws;
    return `${first.protected}.${jws.payload}.${first.signature}`;
  },
  "jws-compact": (text) => text.trim(),
  "sd-jwt-issuer": (text) => text.trim().split("~")[0],
};
const { task, items } = JSON.parse(readFileSync(0, "utf8"));
const tasks = {
  numbers: (hex) => String(Buffer.from(hex, "hex").readDoubleBE()),
  jcs: (text) => sorted(JSON.parse(text)),
  vectors: ({ body, canonicalization }) => {
    const bytes = Buffer.from(body, "base64");
    const canonical = canonicalization === "raw" ? bytes : Buffer.from(rules[canonicalization](bytes.toString("utf8")));
    return [canonical.toString("base64"), "0x" + createHash("sha256").update(canonical).digest("hex")];
  },
};
process.stdout.write(JSON.stringify(items.map(tasks[task])));
"""


def in_node(task: str, items: list[Any]) -> list[Any]:
    node = shutil.which("node")
    assert node, "Node 20 is a prerequisite of this project"
    done = subprocess.run(
        [node, "-e", SECOND_READER],
        input=json.dumps({"task": task, "items": items}).encode(),
        capture_output=True,
        check=True,
    )
    answers: list[Any] = json.loads(done.stdout)
    return answers


def test_node_writes_numbers_as_we_do() -> None:
    sample = [bits.hex() for bits in islice(es6_test_doubles(), 20_000)]

    ours = [es6(struct.unpack(">d", bytes.fromhex(bits))[0]) for bits in sample]
    assert in_node("numbers", sample) == ours


@settings(max_examples=20, deadline=None)
@given(st.lists(objects, max_size=8))
def test_node_writes_documents_as_we_do(documents: list[dict[str, JsonValue]]) -> None:
    assert in_node("jcs", [json.dumps(each) for each in documents]) == [jcs(each).decode() for each in documents]


def test_node_agrees_with_our_vectors() -> None:
    vectors = json.loads((VECTORS / "canonical.json").read_text(encoding="utf-8"))["vectors"]
    accepted = [vector for vector in vectors if "canonical" in vector]

    assert len(accepted) > 40
    assert in_node("vectors", accepted) == [[vector["canonical"], vector["digest"]] for vector in accepted]
