"""API keys: made, read, compared."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from anchoring.core.issuer import ApiKey, Issuer, StoredKey, make_api_key, parse_api_key
from anchoring.errors import NotAllowed
from tests.factories import NOON, UNIVERSITY

RANDOM = bytes(range(0xDC, 0x100))
KEY = make_api_key(RANDOM)


def stored(key: ApiKey = KEY) -> StoredKey:
    issuer = Issuer(id=1, did=UNIVERSITY, name="University", added_at=NOON)
    return StoredKey(issuer=issuer, prefix=key.prefix, key_hash=key.hash, revoked_at=None)


def test_api_key_carries_a_prefix_and_256_random_bits() -> None:
    assert (KEY.prefix, KEY.text) == ("dcdddedf", "ca_dcdddedf_4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8")
    assert KEY.hash == hashlib.sha256(b"ca_dcdddedf_4OHi4-Tl5ufo6err7O3u7_Dx8vP09fb3-Pn6-_z9_v8").digest()


@pytest.mark.parametrize("size", [0, 32, 35, 37])
def test_api_key_is_made_of_36_random_bytes_only(size: int) -> None:
    with pytest.raises(ValueError, match=f"made of 36 random bytes, not {size}"):
        make_api_key(bytes(size))


def test_api_key_reads_its_own_text() -> None:
    assert parse_api_key(KEY.text) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY.text[:-1],
        KEY.text + "A",
        KEY.text + "\n",
        " " + KEY.text,
        KEY.text.upper(),
        KEY.text.replace("ca_", "cb_"),
        KEY.text.replace("dcdddedf", "DCDDDEDF"),
        KEY.text.replace("dcdddedf", "dcddded"),
        KEY.text[:-1] + "=",
        KEY.text[:-1] + "\u00e9",
    ],
)
def test_text_that_is_no_api_key_is_refused_without_saying_why(text: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        parse_api_key(text)
    assert refused.value.message == "the API key is not valid"


def test_api_key_does_not_show_its_secret() -> None:
    assert repr(KEY) == str(KEY) == "ApiKey(dcdddedf…)"


def test_api_key_opens_what_was_stored_of_it() -> None:
    assert KEY.opens(stored())


def test_api_key_does_not_open_another_key_of_the_same_prefix() -> None:
    other = make_api_key(RANDOM[:-1] + b"\x00")

    assert other.prefix == KEY.prefix
    assert not other.opens(stored())
    assert not KEY.opens(replace(stored(), key_hash=bytes(32)))


def test_api_key_does_not_open_when_revoked() -> None:
    assert not KEY.opens(replace(stored(), revoked_at=NOON))
    assert not KEY.opens(replace(stored(), revoked_at=NOON + timedelta(days=1)))


def test_api_key_opens_nothing_where_none_is_stored() -> None:
    assert not KEY.opens(None)
