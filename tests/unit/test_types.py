"""Encodings: what is read, what is refused, and where the refusal says it stands."""

from collections.abc import Callable
from typing import Any

import pytest

from anchoring.errors import InvalidInput
from anchoring.types import (
    DID_MAX_CHARACTERS,
    as_block_hash,
    as_code_hash,
    as_digest,
    as_issuer_id,
    as_leaf_hash,
    as_root,
    as_salt,
    as_tx_hash,
    parse_address,
    parse_did,
    parse_digest,
    parse_hash,
    parse_root,
    parse_salt,
    to_hex,
)

BYTES_32 = bytes(range(0xE0, 0x100))
HEX_32 = BYTES_32.hex()
ADDRESS = "0x" + "aB" * 20

as_32_bytes = [as_digest, as_issuer_id, as_leaf_hash, as_root, as_tx_hash, as_block_hash, as_code_hash]


def parse_any_hash(text: str, *, at: str | None = None) -> bytes:
    return parse_hash(text, what="a block hash", at=at)


def test_to_hex_is_lower_case_with_prefix() -> None:
    assert to_hex(b"\x00\xab\xff") == "0x00abff"
    assert to_hex(b"") == "0x"


@pytest.mark.parametrize("constructor", as_32_bytes)
def test_hash_constructor_keeps_32_bytes(constructor: Callable[[bytes], bytes]) -> None:
    assert constructor(BYTES_32) == BYTES_32


@pytest.mark.parametrize("constructor", as_32_bytes)
@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_hash_constructor_refuses_other_lengths(constructor: Callable[[bytes], bytes], size: int) -> None:
    with pytest.raises(InvalidInput, match=f"is {size} bytes long, not 32"):
        constructor(bytes(size))


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_salt_constructor_refuses_other_lengths(size: int) -> None:
    assert as_salt(bytes(16)) == bytes(16)
    with pytest.raises(InvalidInput, match=f"a salt is {size} bytes long, not 16"):
        as_salt(bytes(size))


@pytest.mark.parametrize("parse", [parse_digest, parse_root, parse_any_hash])
@pytest.mark.parametrize("text", [HEX_32, "0x" + HEX_32, HEX_32.upper(), "0x" + HEX_32.upper()])
def test_hash_is_read_in_either_case_with_or_without_prefix(parse: Callable[[str], bytes], text: str) -> None:
    assert parse(text) == BYTES_32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        HEX_32[:-1],
        HEX_32 + "0",
        HEX_32[:-2],
        "0X" + HEX_32,
        "0x0x" + HEX_32[4:],
        HEX_32 + "\n",
        " " + HEX_32,
        HEX_32[:10] + " " + HEX_32[10:],
        "g" + HEX_32[1:],
        "\u0661" + HEX_32[1:],  # a digit elsewhere
        "\uff10" + HEX_32[1:],
    ],
)
@pytest.mark.parametrize("parse", [parse_digest, parse_root, parse_any_hash])
def test_hash_of_another_form_is_refused_with_its_place(parse: Callable[..., Any], text: str) -> None:
    with pytest.raises(InvalidInput, match="must be 64 hexadecimal digits, with or without 0x") as refused:
        parse(text, at="$.here")
    assert refused.value.at == "$.here"


def test_hash_is_named_in_the_refusal() -> None:
    with pytest.raises(InvalidInput, match=r"^a block hash must be"):
        parse_any_hash("")


@pytest.mark.parametrize("text", ["00" * 16, "0x" + "00" * 16])
def test_salt_is_read_with_or_without_prefix(text: str) -> None:
    assert parse_salt(text) == bytes(16)


@pytest.mark.parametrize("text", ["", "00" * 15, "00" * 17, HEX_32, "0x" + HEX_32])
def test_salt_of_another_length_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^\$\.salt: a salt must be 32 hexadecimal digits"):
        parse_salt(text, at="$.salt")


def test_address_is_made_lower_case() -> None:
    assert parse_address(ADDRESS) == "0x" + "ab" * 20


@pytest.mark.parametrize(
    "text", ["", "ab" * 20, ADDRESS[:-1], ADDRESS + "0", "0X" + ADDRESS[2:], ADDRESS + "\n", "0x" + "g" * 40]
)
def test_address_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^here: an address must be 0x and 40 hexadecimal digits"):
        parse_address(text, at="here")


@pytest.mark.parametrize(
    "text",
    [
        "did:ebsi:zfEmvX5twhXjQJiCWsukvQA",
        "did:web:uni.example:staff",
        "did:web:localhost%3A8443",
        "did:key:z6Mk_-.",
        "did:x0:a::b",
        "did:x::b",
        "did:x:%C3%91",
    ],
)
def test_did_is_kept_as_it_is(text: str) -> None:
    assert parse_did(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "did:",
        "did:ebsi",
        "did:ebsi:",
        "did::x",
        "did:web:a:",
        "DID:web:a",
        "did:Web:a",
        "did:web:a#key",
        "did:web:a/b",
        "did:web:a?b",
        "did:web:a b",
        "did:web:a\n",
        "did:key:z6MkExample\u00d1",
        "did:web:%4",
        "did:web:%zz",
        "https://uni.example",
    ],
)
def test_text_that_is_no_did_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^\$\.issuer: not a DID"):
        parse_did(text, at="$.issuer")


def test_did_has_a_greatest_length() -> None:
    longest = "did:x:".ljust(DID_MAX_CHARACTERS, "a")

    assert parse_did(longest) == longest
    with pytest.raises(InvalidInput, match="at most 512 characters") as refused:
        parse_did(longest + "a", at="$.issuer")
    assert refused.value.at == "$.issuer"
