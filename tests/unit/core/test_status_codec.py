"""The three texts of a list: round trips, independent decoders of the standard library, and what is refused."""

import base64
import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchoring.core import status_codec
from anchoring.core.status import MAX_ENTRIES, MIN_ENTRIES, StatusBits, StatusPurpose
from anchoring.core.status_codec import StatusErrorCode, StatusListError, TokenList

INDEXES = st.sets(st.integers(0, MIN_ENTRIES - 1), max_size=40)
W3C_EXAMPLE = (  # Bitstring Status List 1.0, example 11
    "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"
)


def list_with(*indexes: int, entries: int = MIN_ENTRIES) -> StatusBits:
    bits = StatusBits.clear(entries)
    for index in indexes:
        bits.change(index, is_set=True)
    return bits


def padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def code_of(decode, text) -> StatusErrorCode:
    with pytest.raises(StatusListError) as refused:
        decode(text)
    return refused.value.code


@settings(deadline=None, max_examples=30)
@given(INDEXES)
def test_every_text_gives_back_its_bits(indexes):
    bits = list_with(*indexes)
    assert status_codec.decode_bitstring(status_codec.encode_bitstring(bits)) == bits
    assert status_codec.decode_statuslist2021(status_codec.encode_statuslist2021(bits)) == bits
    for purpose in StatusPurpose:
        assert status_codec.decode_token_list(status_codec.encode_token_list(bits, purpose)) == (bits, purpose)


def test_longest_and_fullest_list_goes_through():
    bits = StatusBits(random.Random(4).randbytes(MAX_ENTRIES // 8))
    assert status_codec.decode_bitstring(status_codec.encode_bitstring(bits)) == bits
    for purpose in StatusPurpose:
        assert status_codec.decode_token_list(status_codec.encode_token_list(bits, purpose)) == (bits, purpose)


def test_bitstring_is_read_by_other_decoders_first_entry_in_the_most_significant_bit():
    text = status_codec.encode_bitstring(list_with(0, 131_071))
    content = gzip.decompress(base64.urlsafe_b64decode(padded(text.removeprefix("u"))))
    assert (content[0], content[-1], len(content)) == (0x80, 0x01, 16_384)
    text = status_codec.encode_statuslist2021(list_with(9))
    assert gzip.decompress(base64.b64decode(text))[:2] == b"\x00\x40"


def test_token_list_is_read_by_other_decoders_first_entry_in_the_least_significant_bits():
    token = status_codec.encode_token_list(list_with(0, 9), StatusPurpose.REVOCATION)
    assert token.bits == 1
    assert zlib.decompress(base64.urlsafe_b64decode(padded(token.lst)))[:2] == b"\x01\x02"
    token = status_codec.encode_token_list(list_with(0, 1, 9), StatusPurpose.SUSPENSION)
    content = zlib.decompress(base64.urlsafe_b64decode(padded(token.lst)))
    values = [content[index // 4] >> 2 * (index % 4) & 3 for index in range(12)]
    assert (token.bits, len(content), values) == (2, 32_768, [2, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0])


def test_texts_are_the_same_on_every_machine():
    content = base64.urlsafe_b64decode(padded(status_codec.encode_bitstring(list_with(5))[1:]))
    assert content[:10] == bytes.fromhex("1f8b080000000000" + "02ff"), "no time, no system"
    assert content[:10] == base64.b64decode(padded(status_codec.encode_statuslist2021(list_with(5))))[:10]


def test_example_of_the_recommendation_is_a_clear_list():
    assert status_codec.decode_bitstring(W3C_EXAMPLE) == list_with()


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda text: text[1:], id="no letter"),
        pytest.param(lambda text: "z" + text[1:], id="another letter"),
        pytest.param(lambda _text: "", id="empty"),
        pytest.param(lambda _text: "u", id="nothing after the letter"),
        pytest.param(lambda text: padded(text[1:]).join(["u", "="]), id="padding"),
        pytest.param(lambda text: text + "\n", id="line end"),
        pytest.param(lambda text: text[:-4], id="cut short"),
        pytest.param(lambda text: text[:-3], id="cut short inside a byte"),
        pytest.param(lambda _text: "u" + encoded(gzip.compress(bytes(8192)) * 2), id="two members"),
        pytest.param(lambda _text: "u" + encoded(gzip.compress(bytes(16_384)) + b"x"), id="something behind"),
        pytest.param(lambda _text: "u" + encoded(zlib.compress(bytes(16_384))), id="zlib"),
        pytest.param(lambda _text: "u" + encoded(bytes(16_384)), id="not compressed"),
        pytest.param(
            lambda _text: "u" + base64.b64encode(gzip.compress(random.Random(4).randbytes(16_384))).decode(), id="base64"
        ),
    ],
)
def test_malformed_bitstring_is_refused(spoilt):
    text = spoilt(status_codec.encode_bitstring(list_with(7)))
    assert code_of(status_codec.decode_bitstring, text) is StatusErrorCode.MALFORMED


def test_wrong_checksum_is_refused():
    content = bytearray(gzip.compress(bytes(16_384)))
    content[-5] ^= 1
    assert code_of(status_codec.decode_bitstring, "u" + encoded(bytes(content))) is StatusErrorCode.MALFORMED


def test_second_text_for_the_same_bytes_is_refused():
    text = status_codec.encode_bitstring(list_with(3))
    while len(text[1:]) % 4 != 2:  # where the last character has bits to spare
        text = "u" + encoded(gzip.compress(bytes(16_384 + 8 * len(text)), mtime=0))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = text[:-1] + alphabet[alphabet.index(text[-1]) | 1]
    status_codec.decode_bitstring(text)
    assert code_of(status_codec.decode_bitstring, other) is StatusErrorCode.MALFORMED


@pytest.mark.parametrize("size", [0, 1, 16_383, MAX_ENTRIES // 8 + 1, 64 * 1024 * 1024])
def test_list_too_short_or_too_long_is_refused(size):
    assert code_of(status_codec.decode_bitstring, "u" + encoded(gzip.compress(bytes(size)))) is StatusErrorCode.LENGTH
    assert (
        code_of(status_codec.decode_token_list, TokenList(bits=1, lst=encoded(zlib.compress(bytes(size)))))
        is StatusErrorCode.LENGTH
    )


def test_few_bytes_that_expand_to_many_are_not_expanded():
    text = "u" + encoded(gzip.compress(bytes(64 * 1024 * 1024)))
    tracemalloc.start()
    try:
        assert code_of(status_codec.decode_bitstring, text) is StatusErrorCode.LENGTH
        assert tracemalloc.get_traced_memory()[1] < 2 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_text_longer_than_any_list_is_not_even_decoded():
    assert code_of(status_codec.decode_bitstring, "u" + "!" * 600_000) is StatusErrorCode.LENGTH


@pytest.mark.parametrize("spoilt", ["=", "==", "===="])
def test_statuslist2021_may_be_padded_rightly_or_not_at_all(spoilt):
    bits = list_with(1)
    bare = status_codec.encode_statuslist2021(bits).rstrip("=")
    assert status_codec.decode_statuslist2021(bare) == status_codec.decode_statuslist2021(padded(bare)) == bits
    assert code_of(status_codec.decode_statuslist2021, padded(bare) + spoilt) is StatusErrorCode.MALFORMED
    assert code_of(status_codec.decode_statuslist2021, "u" + bare) is StatusErrorCode.MALFORMED


@pytest.mark.parametrize("bits", [0, 3, 4, 8, -1])
def test_token_list_with_other_entries_is_refused(bits):
    lst = status_codec.encode_token_list(list_with(), StatusPurpose.REVOCATION).lst
    assert code_of(status_codec.decode_token_list, TokenList(bits=bits, lst=lst)) is StatusErrorCode.MALFORMED


@pytest.mark.parametrize("value", [1, 3])
@pytest.mark.parametrize("index", [0, 3, 5, 131_071])
def test_token_list_of_two_bits_holds_nothing_but_suspensions(value, index):
    content = bytearray(32_768)
    content[index // 4] = value << 2 * (index % 4)
    lst = encoded(zlib.compress(bytes(content)))
    assert code_of(status_codec.decode_token_list, TokenList(bits=2, lst=lst)) is StatusErrorCode.MALFORMED


def test_index_outside_the_list_is_a_range_error():
    bits = list_with(4)
    assert [status_codec.bit_at(bits, 4), status_codec.bit_at(bits, 5)] == [True, False]
    for index in (-1, MIN_ENTRIES):
        with pytest.raises(StatusListError, match=f"index {index} is not in a list") as refused:
            status_codec.bit_at(bits, index)
        assert refused.value.code is StatusErrorCode.RANGE
