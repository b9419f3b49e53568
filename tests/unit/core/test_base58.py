"""Base58."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.core.base58 import decode_base58, encode_base58


@given(st.binary(max_size=80))
def test_base58_gives_back_its_bytes(content):
    assert decode_base58(encode_base58(content), most=128) == content


def test_base58_is_that_of_bitcoin():
    assert encode_base58(b"\0\0Hello World!") == "112NEpo7TZRRrLZSi2U"
    for text in ("0", "O", "I", "l", "a b", "é", "2" * 129):
        with pytest.raises(ValueError, match=r"not base58|too long"):
            decode_base58(text, most=128)
