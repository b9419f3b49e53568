"""Where a credential says its status stands, in every format, and what is refused."""

import base64
import hashlib
import json
from typing import Any

import pytest

from anchoring.core.status_codec import StatusErrorCode
from anchoring.core.status_entry import EntryForm, StatusEntry, UnreadEntry, list_id_in, status_entries

LIST = "https://uni.example/v1/status-lists/" + "ab" * 32
BITSTRING = {
    "type": "BitstringStatusListEntry",
    "statusPurpose": "revocation",
    "statusListIndex": "41",
    "statusListCredential": LIST,
}
EBSI = BITSTRING | {"type": "StatusList2021Entry", "id": f"{LIST}#41"}
MALFORMED = StatusErrorCode.MALFORMED


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def plain(claims: Any) -> bytes:
    return json.dumps(claims).encode()


def jwt(claims: Any) -> bytes:
    return f"{b64url(plain({'alg': 'ES256'}))}.{b64url(plain(claims))}.c2ln".encode()


def sd_jwt(claims: Any) -> bytes:
    return jwt(claims) + b"~"


def disclosed(claims: Any) -> bytes:
    """An SD-JWT in which every claim is disclosed."""
    parts = [b64url(plain(["salt", name, value])) for name, value in claims.items()]
    digests = [b64url(hashlib.sha256(one.encode()).digest()) for one in parts]
    return "~".join([jwt({"_sd": digests}).decode(), *parts, ""]).encode()


def sealed(claims: Any) -> bytes:
    protected = b64url(plain({"alg": "RS256", "b64": False, "crit": ["b64"]}))
    return plain({"payload": json.dumps(claims), "signatures": [{"protected": protected, "signature": "c2ln"}]})


def entry(**members: Any) -> StatusEntry:
    known = {"at": "$.credentialStatus", "form": EntryForm.BITSTRING, "purpose": "revocation", "index": 41, "url": LIST}
    return StatusEntry(**{**known, **members})


@pytest.mark.parametrize("form", [plain, jwt, sd_jwt, disclosed, sealed])
def test_one_entry_is_read_from_every_format(form: Any) -> None:
    assert status_entries(form({"credentialStatus": BITSTRING})) == (entry(),)


@pytest.mark.parametrize("form", [plain, jwt])
def test_several_entries_are_read_in_their_order(form: Any) -> None:
    suspension = BITSTRING | {"statusPurpose": "suspension", "statusListIndex": "0"}

    found = status_entries(form({"credentialStatus": [BITSTRING, suspension]}))

    assert found == (entry(at="$.credentialStatus[0]"), entry(at="$.credentialStatus[1]", purpose="suspension", index=0))


def test_entries_of_a_jwt_of_the_first_data_model_stand_in_vc() -> None:
    found = status_entries(jwt({"iss": "did:ebsi:z", "vc": {"credentialStatus": EBSI}}))

    assert found == (entry(at="$.vc.credentialStatus", form=EntryForm.STATUS_LIST_2021),)


def test_entries_beside_vc_count_too() -> None:
    found = status_entries(jwt({"credentialStatus": BITSTRING, "vc": {"credentialStatus": EBSI}}))

    assert [one.at for one in found] == ["$.credentialStatus", "$.vc.credentialStatus"]


@pytest.mark.parametrize("form", [jwt, sd_jwt, plain])
def test_token_names_index_and_uri(form: Any) -> None:
    found = status_entries(form({"status": {"status_list": {"idx": 41, "uri": LIST}}}))

    assert found == (entry(at="$.status.status_list", form=EntryForm.TOKEN, purpose=None),)


@pytest.mark.parametrize(
    "body", [b"%PDF-1.7", b"\x00\x01", plain({"name": "x"}), jwt({"iss": "did:x:y"}), plain({"status": "active"})]
)
def test_credential_may_name_none(body: bytes) -> None:
    assert status_entries(body) == ()


def test_empty_array_names_none() -> None:
    assert status_entries(plain({"credentialStatus": []})) == ()


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"statusListIndex": 41}, "statusListIndex"),
        ({"statusListIndex": "041"}, "statusListIndex"),
        ({"statusListIndex": "-1"}, "statusListIndex"),
        ({"statusListIndex": "+41"}, "statusListIndex"),
        ({"statusListIndex": "4 1"}, "statusListIndex"),
        ({"statusListIndex": "0x29"}, "statusListIndex"),
        ({"statusListIndex": "٤١"}, "statusListIndex"),
        ({"statusListIndex": "9" * 16}, "statusListIndex"),
        ({"statusListIndex": ""}, "statusListIndex"),
        ({"statusListIndex": None}, "statusListIndex"),
        ({"statusPurpose": ["revocation"]}, "statusPurpose"),
        ({"statusPurpose": ""}, "statusPurpose"),
        ({"statusListCredential": 7}, "statusListCredential"),
        ({"statusListCredential": "lists/7"}, "statusListCredential"),
        ({"statusListCredential": "https://[::1/"}, "statusListCredential"),
        ({"statusListCredential": "https://uni.example/ a"}, "statusListCredential"),
        ({"id": LIST}, "id"),
        ({"id": 5}, "id"),
        ({"statusSize": "1"}, "statusSize"),
        ({"statusSize": 0}, "statusSize"),
        ({"statusSize": True}, "statusSize"),
        ({"type": [1]}, "type"),
    ],
)
def test_malformed_entry_is_kept_with_its_place_and_code(change: dict[str, Any], at: str) -> None:
    [found] = status_entries(plain({"credentialStatus": BITSTRING | change}))

    assert isinstance(found, UnreadEntry)
    assert (found.at, found.code) == (f"$.credentialStatus.{at}", MALFORMED)


@pytest.mark.parametrize("name", ["statusListIndex", "statusPurpose", "statusListCredential"])
def test_entry_without_a_member_is_malformed(name: str) -> None:
    [found] = status_entries(plain({"credentialStatus": {key: BITSTRING[key] for key in BITSTRING if key != name}}))

    assert isinstance(found, UnreadEntry)
    assert (found.at, found.code) == (f"$.credentialStatus.{name}", MALFORMED)


@pytest.mark.parametrize("value", [None, "x", 7, [["x"]]])
def test_entry_that_is_no_object_is_malformed(value: Any) -> None:
    [found] = status_entries(plain({"credentialStatus": value}))

    assert isinstance(found, UnreadEntry)
    assert found.code is MALFORMED


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (
            {"type": "EbsiAccreditationEntry", "id": "https://x.example"},
            "status of type EbsiAccreditationEntry is not known here",
        ),
        (
            {"type": ["BitstringStatusListEntry", "StatusList2021Entry"]},
            "BitstringStatusListEntry and StatusList2021Entry is not",
        ),
        (BITSTRING | {"statusSize": 2}, "entries of 2 bits are not judged here"),
    ],
)
def test_entry_of_a_kind_that_is_not_known_is_kept_without_a_code(value: Any, words: str) -> None:
    [found] = status_entries(plain({"credentialStatus": value}))

    assert isinstance(found, UnreadEntry)
    assert words in found.why
    assert found.code is None


def test_size_of_one_may_be_said() -> None:
    assert status_entries(plain({"credentialStatus": BITSTRING | {"statusSize": 1}})) == (entry(),)


@pytest.mark.parametrize(
    ("value", "at"),
    [
        ("x", "$.status.status_list"),
        ({"uri": LIST}, "$.status.status_list.idx"),
        ({"idx": "41", "uri": LIST}, "$.status.status_list.idx"),
        ({"idx": True, "uri": LIST}, "$.status.status_list.idx"),
        ({"idx": -1, "uri": LIST}, "$.status.status_list.idx"),
        ({"idx": 1.5, "uri": LIST}, "$.status.status_list.idx"),
        ({"idx": 41}, "$.status.status_list.uri"),
        ({"idx": 41, "uri": "7"}, "$.status.status_list.uri"),
    ],
)
def test_malformed_claim_of_a_token_is_kept(value: Any, at: str) -> None:
    [found] = status_entries(jwt({"status": {"status_list": value}}))

    assert isinstance(found, UnreadEntry)
    assert (found.at, found.code) == (at, MALFORMED)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"identifier_list": {}}, "status by identifier_list"),
        ({}, "status by nothing"),
        ("active", "a claim status of this form"),
    ],
)
def test_token_with_status_by_other_means_is_kept(status: Any, words: str) -> None:
    [found] = status_entries(jwt({"status": status}))

    assert isinstance(found, UnreadEntry)
    assert found.why == f"{words} is not known here"
    assert found.code is None


@pytest.mark.parametrize(
    "body", [b'{"credentialStatus": 1, "credentialStatus": 2}', jwt([]), jwt({})[:-5] + b"=.c2ln", b'{"credentialStatus": [}']
)
def test_credential_that_cannot_be_read_may_name_anything(body: bytes) -> None:
    [found] = status_entries(body)

    assert isinstance(found, UnreadEntry)
    assert (found.at, found.code) == ("$", MALFORMED)
    assert found.why.startswith("the credential cannot be read: ")


def test_more_entries_than_are_read_are_not_looked_at() -> None:
    assert len(status_entries(plain({"credentialStatus": [BITSTRING] * 16}))) == 16
    [found] = status_entries(plain({"credentialStatus": [BITSTRING] * 17}))

    assert isinstance(found, UnreadEntry)
    assert found.why == "it names 17 status entries; at most 16 are read"


@pytest.mark.parametrize(
    ("url", "known"),
    [
        (LIST, True),
        (LIST + "?version=3", True),
        ("http://127.0.0.1:8000/v1/status-lists/" + "ab" * 32, True),
        ("https://x.example/under/v1/status-lists/" + "ab" * 32, True),
        ("https://x.example/v1/status-lists/0x" + "ab" * 32, True),
        ("https://x.example/v1/status-lists/0x" + "AB" * 32, True),
        ("https://x.example/v1/status-lists/0X" + "ab" * 32, False),
        ("https://x.example/v1/status-lists/0xab" + "ab" * 32, False),
        (LIST + "/", False),
        (LIST[:-1], False),
        (LIST.upper(), False),
        ("https://uni.example/status/1", False),
        ("https://uni.example/?/v1/status-lists/" + "ab" * 32, False),
        ("https://[::1/v1/status-lists/" + "ab" * 32, False),
    ],
)
def test_list_of_this_software_is_known_by_its_url(url: str, *, known: bool) -> None:
    assert list_id_in(url) == (bytes.fromhex("ab" * 32) if known else None)


def test_sd_jwt_whose_disclosures_have_no_place_is_not_read():
    [found] = status_entries(jwt({"_sd": []}) + b"~YQ~")
    assert isinstance(found, UnreadEntry)
    assert found.why == "the credential cannot be read: a disclosure is not covered by the signed part"
