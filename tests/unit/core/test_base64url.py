"""base64url."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchoring.core.base64url import decode_base64url, encode_base64url


@given(st.binary(max_size=80))
def test_base64url_gives_back_its_bytes(content):
    assert decode_base64url(encode_base64url(content)) == content


@given(st.text("AZaz09-_+/= \n\r\té\0", max_size=12))
def test_base64url_is_the_one_text_of_its_bytes(text):
    try:
        content = decode_base64url(text)
    except ValueError:
        return
    assert encode_base64url(content) == text


def test_base64url_is_that_of_rfc_4648():
    texts = {b"": "", b"f": "Zg", b"fo": "Zm8", b"foo": "Zm9v", b"foob": "Zm9vYg", b"\xfb\xff\xbf": "-_-_"}
    assert {content: encode_base64url(content) for content in texts} == texts
    for text in ("Zg==", "Zh", "Zm9", "+/+/", "Zm9v\n", " Zm9v", "Z", "Zm9vY", "Zm 9v", "Zg\0", "Zмg"):
        with pytest.raises(ValueError, match="not base64url"):
            decode_base64url(text)
