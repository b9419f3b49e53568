"""API keys: made, read, compared."""

import hashlib
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from anchoring.core.issuer import (
    ApiKey,
    Caller,
    Issuer,
    StoredKey,
    make_api_key,
    parse_api_key,
    parse_key_prefix,
    without_secrets,
)
from anchoring.core.scopes import OF_ISSUERS, WRITING, Scope, parse_scopes, scopes_text
from anchoring.errors import InvalidInput, NotAllowed, ScopeMissing
from tests.factories import NOON, UNIVERSITY

RANDOM = bytes(range(0xDC, 0x100))
KEY = make_api_key(RANDOM)
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJyZWdpc3RyYXIifQ.c2lnbmF0dXJl_ca_x"


def stored(key: ApiKey = KEY) -> StoredKey:
    issuer = Issuer(id=1, did=UNIVERSITY, name="University", added_at=NOON)
    return StoredKey(
        issuer=issuer,
        prefix=key.prefix,
        key_hash=key.hash,
        scopes=WRITING,
        created_at=NOON,
        expires_at=None,
        last_used_at=None,
        revoked_at=None,
    )


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
    assert KEY.opens(stored(), NOON)


def test_api_key_does_not_open_another_key_of_the_same_prefix() -> None:
    other = make_api_key(RANDOM[:-1] + b"\x00")

    assert other.prefix == KEY.prefix
    assert not other.opens(stored(), NOON)
    assert not KEY.opens(replace(stored(), key_hash=bytes(32)), NOON)


def test_api_key_does_not_open_when_revoked() -> None:
    assert not KEY.opens(replace(stored(), revoked_at=NOON), NOON)
    assert not KEY.opens(replace(stored(), revoked_at=NOON + timedelta(days=1)), NOON)


def test_api_key_opens_nothing_where_none_is_stored() -> None:
    assert not KEY.opens(None, NOON)


def test_api_key_opens_until_the_moment_it_expires() -> None:
    ends = replace(stored(), expires_at=NOON + timedelta(minutes=1))

    assert KEY.opens(ends, NOON + timedelta(seconds=59, microseconds=999_999))
    assert not KEY.opens(ends, NOON + timedelta(minutes=1))
    assert not KEY.opens(replace(ends, revoked_at=NOON), NOON)


def caller(*scopes: Scope) -> Caller:
    return Caller(key="dcdddedf", issuer=stored().issuer, scopes=frozenset(scopes))


def test_caller_may_do_what_one_of_its_scopes_says() -> None:
    caller(Scope.STATUS_WRITE).require(Scope.STATUS_WRITE)
    caller(Scope.ISSUER_ADMIN).require(Scope.ISSUER_ADMIN, Scope.OPERATOR)
    assert caller(Scope.OPERATOR).is_operator
    assert not caller(*OF_ISSUERS).is_operator


@pytest.mark.parametrize("scope", Scope)
def test_no_scope_contains_another(scope: Scope) -> None:
    others = frozenset(Scope) - {scope}
    with pytest.raises(ScopeMissing) as refused:
        caller(*others).require(scope)
    assert (refused.value.message, refused.value.scope) == (f"the API key lacks the scope {scope}", scope)
    with pytest.raises(ScopeMissing):
        caller().require(scope)


def test_caller_without_any_of_several_scopes_is_told_all_of_them() -> None:
    with pytest.raises(ScopeMissing) as refused:
        caller(*WRITING).require(Scope.OPERATOR, Scope.ISSUER_ADMIN)
    assert (refused.value.message, refused.value.scope) == (
        "the API key lacks the scope operator or issuer:admin",
        "issuer:admin operator",
    )


def test_scopes_are_written_in_one_order() -> None:
    assert scopes_text(reversed(Scope)) == "digests:write status:write issuer:admin operator"
    assert scopes_text([]) == ""
    assert parse_scopes(["issuer:admin", "digests:write", "digests:write"], at="x") == {Scope.ISSUER_ADMIN, Scope.DIGESTS_WRITE}


@pytest.mark.parametrize("names", [[], ["operator"], ["digests:write", "operator"], ["digests"], [""], ["DIGESTS:WRITE"]])
def test_scopes_that_a_key_of_an_issuer_cannot_have_are_refused(names: list[str]) -> None:
    with pytest.raises(InvalidInput, match="--scope: must be one or more of digests:write, status:write, issuer:admin"):
        parse_scopes(names, at="--scope")


@pytest.mark.parametrize("text", [KEY.text, KEY.text[3:], "dcdddedg", "DCDDDEDF", "dcddded", ""])
def test_prefix_is_eight_characters_and_what_else_is_given_is_not_repeated(text: str) -> None:
    assert parse_key_prefix("dcdddedf", at="PREFIX") == "dcdddedf"
    with pytest.raises(InvalidInput) as refused:
        parse_key_prefix(text, at="PREFIX")
    assert str(refused.value) == "PREFIX: give the 8 characters between ca_ and the next _ of the key, and nothing more"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/v1/issuers/did:web:a.example/keys/{KEY.text}/rotation", "/v1/issuers/did:web:a.example/keys/ca_dcdddedf_…/rotation"),
        (f"/v1/{KEY.text}", "/v1/ca_dcdddedf_…"),
        (f"/v1/{KEY.text[3:]}", "/v1/dcdddedf_…"),
        ("/v1/issuers/did:web:a.example/keys/dcdddedf", "/v1/issuers/did:web:a.example/keys/dcdddedf"),
        ("/v1/proofs/0xdcdddedf", "/v1/proofs/0xdcdddedf"),
        (f"/v1/{TOKEN}/rotation", "/v1/eyJ…/rotation"),
        (f"/v1/x={TOKEN}", "/v1/x=eyJ…"),
        (f"/v1/{TOKEN.rpartition('.')[0]}", "/v1/eyJ…"),
        ("/v1/issuers/did:web:eyewitnesses.example", "/v1/issuers/did:web:eyewitnesses.example"),
        (f"/v1/{KEY.text.replace('_', '%5f')}", "/v1/ca_dcdddedf_…"),
        (f"/v1/{KEY.text.replace('_', '%252525')}", f"/v1/{KEY.text.replace('_', '%252525')}"),
        (f"/v1/{KEY.text.replace('_', '%25255F')}", "/v1/ca_dcdddedf_…"),
        (f"/v1/{TOKEN.replace('.', '%2e')}/a", "/v1/eyJ…/a"),
        ("/v1/issuers/did:web:a.example%3A8080", "/v1/issuers/did:web:a.example%3A8080"),
    ],
)
def test_key_or_token_in_a_path_is_shown_without_its_secret(path: str, shown: str) -> None:
    assert without_secrets(path) == shown


def test_path_of_many_beginnings_of_tokens_is_looked_at_in_little_time() -> None:
    began = time.perf_counter()
    assert without_secrets("." + "eyJ" * 20_000) == "." + "eyJ" * 20_000
    assert time.perf_counter() - began < 0.5
