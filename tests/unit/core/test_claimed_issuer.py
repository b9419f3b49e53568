"""Whom a credential names as its issuer. Nothing is verified, so the tests sign nothing."""

import base64
import json
from typing import Any

import pytest

from anchoring.core.claimed_issuer import ClaimedIssuer, claimed_issuer
from anchoring.core.strict_json import JsonLimits
from anchoring.errors import InvalidInput

DID = "did:ebsi:zfEmvX5twhXjQJiCWsukvQA"


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def plain(claims: Any) -> bytes:
    return json.dumps(claims).encode()


def jwt(claims: Any) -> bytes:
    return f"{b64url(plain({'alg': 'ES256'}))}.{b64url(plain(claims))}.c2ln".encode()


def sd_jwt(claims: Any) -> bytes:
    return jwt(claims) + b"~YQ~\n"


def encoded_jws(claims: Any) -> bytes:
    header, payload, signature = jwt(claims).decode().split(".")
    return plain({"payload": payload, "protected": header, "signature": signature})


def sealed_edc(claims: Any) -> bytes:
    protected = b64url(plain({"alg": "RS256", "b64": False, "crit": ["b64"]}))
    return plain({"payload": json.dumps(claims), "signatures": [{"protected": protected, "header": {}, "signature": "c2ln"}]})


FORMATS = [plain, jwt, sd_jwt, encoded_jws, sealed_edc]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("claims", "named_in"),
    [
        ({"issuer": DID}, ("issuer",)),
        ({"issuer": {"id": DID, "name": "Uni"}}, ("issuer",)),
        ({"iss": DID}, ("iss",)),
        ({"vc": {"issuer": DID}}, ("vc.issuer",)),
        ({"vc": {"issuer": {"id": DID}}, "iss": DID}, ("iss", "vc.issuer")),
        ({"iss": DID, "issuer": {"id": DID}, "vc": {"issuer": DID}}, ("iss", "issuer", "vc.issuer")),
        ({"iss": DID, "issuer": {"name": "Uni"}, "vc": "x"}, ("iss",)),
    ],
)
def test_issuer_is_read_from_every_format(form: Any, claims: dict[str, Any], named_in: tuple[str, ...]) -> None:
    assert claimed_issuer(form(claims)) == ClaimedIssuer(identifier=DID, is_local=False, named_in=named_in)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("claims", [{}, {"issuer": {}}, {"issuer": {"name": "Uni"}}, {"vc": {}}, {"vc": [1]}])
def test_credential_that_names_nobody_gives_none(form: Any, claims: dict[str, Any]) -> None:
    assert claimed_issuer(form(claims)) is None


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("claims", "at"),
    [
        ({"iss": DID, "issuer": "did:example:other"}, "iss, issuer"),
        ({"iss": DID, "vc": {"issuer": {"id": "did:example:other"}}}, "iss, vc.issuer"),
        ({"issuer": {"id": DID}, "vc": {"issuer": f"{DID}#1"}}, "issuer, vc.issuer"),
        ({"iss": DID, "issuer": DID.upper()}, "iss, issuer"),
    ],
)
def test_credential_that_names_two_issuers_is_refused(form: Any, claims: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidInput, match="different issuers") as refused:
        claimed_issuer(form(claims))

    assert refused.value.at == at


@pytest.mark.parametrize(
    ("claims", "at"),
    [
        ({"issuer": 5}, "issuer"),
        ({"issuer": None}, "issuer"),
        ({"issuer": [DID]}, "issuer"),
        ({"issuer": {"id": [DID]}}, "issuer"),
        ({"iss": DID, "vc": {"issuer": True}}, "vc.issuer"),
    ],
)
def test_issuer_that_cannot_be_an_identifier_is_refused(claims: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidInput, match="an issuer is a string") as refused:
        claimed_issuer(jwt(claims))

    assert refused.value.at == at


@pytest.mark.parametrize(
    ("identifier", "is_local"),
    [
        (DID, False),
        ("https://uni.example/issuer", False),
        ("urn:uuid:7c1d7a0e-0000-4000-8000-000000000000", False),
        ("urn:epass:org:1", True),
        ("URN:ePass:org:1", True),
        ("_:b0", True),
        ("#issuer", True),
        ("Universidad de Ávila", True),
        ("/issuers/1", True),
        ("", True),
    ],
)
def test_identifier_with_a_meaning_in_its_file_only_is_flagged(identifier: str, *, is_local: bool) -> None:
    claimed = claimed_issuer(sealed_edc({"issuer": {"id": identifier}}))

    assert claimed == ClaimedIssuer(identifier=identifier, is_local=is_local, named_in=("issuer",))


def test_sealed_credential_is_read_from_its_payload_only() -> None:
    sealed = json.loads(sealed_edc({"issuer": {"id": DID}}))

    assert claimed_issuer(plain(sealed | {"issuer": "did:example:thief"})) is None
    assert claimed_issuer(plain(sealed | {"payload": "[]"})) is None


@pytest.mark.parametrize(
    "body",
    [
        b"%PDF-1.7\n",
        b"",
        b'["issuer"]',
        b"\x00\xff",
        b'{"issuer":"did:example:a","issuer":"did:example:b"}',
        b'\xef\xbb\xbf{"issuer":"did:example:a"}',
        jwt(5),
        jwt([DID]),
        jwt({"iss": DID}) + b"==",
        sd_jwt({"iss": DID}).replace(b"YQ", b"Y?"),
        b"e30." + b64url(b'{"iss":"x"}').encode() + b".c2ln",
    ],
)
def test_other_files_name_nobody(body: bytes) -> None:
    assert claimed_issuer(body) is None


def test_issuer_is_not_read_over_the_limits() -> None:
    body = plain({"issuer": DID})

    assert claimed_issuer(body, limits=JsonLimits(max_bytes=len(body))) is not None
    assert claimed_issuer(body, limits=JsonLimits(max_bytes=len(body) - 1)) is None
