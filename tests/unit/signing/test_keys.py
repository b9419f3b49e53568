"""Keys as text, what they sign, and DID documents, against published vectors and an independent library."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey, OKPKey

from anchoring.core.base58 import decode_base58, encode_base58
from anchoring.core.registered_keys import RegisteredKeys
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.errors import InvalidInput
from anchoring.signing import multikey
from anchoring.signing.did_documents import did_web_of, document_url, key_in_document, key_of_did_key
from anchoring.signing.multikey import read_public_key
from scripts.devnet import ROOT

VECTORS = ROOT / "tests" / "vectors" / "data-integrity"
PAIRS = [json.loads((VECTORS / f"{name}.json").read_text())["keyPair"] for name in ("eddsa-jcs-2022", "ecdsa-jcs-2019-p256")]
ED25519, P256 = (pair["publicKeyMultibase"] for pair in PAIRS)
DID = "did:web:uni.example"


def private_keys():
    ed25519, p256 = (decode_base58(pair["secretKeyMultibase"][1:], most=128)[2:] for pair in PAIRS)
    return Ed25519PrivateKey.from_private_bytes(ed25519), ec.derive_private_key(int.from_bytes(p256), ec.SECP256R1())


def code_of(look, *arguments) -> StatusErrorCode:
    with pytest.raises(StatusListError) as refused:
        look(*arguments)
    return refused.value.code


@pytest.mark.parametrize("number", [0, 1])
def test_published_key_pairs_belong_together(number):
    private = private_keys()[number]
    assert multikey.to_multikey(private.public_key()) == PAIRS[number]["publicKeyMultibase"]
    assert (
        multikey.to_multikey(multikey.from_multikey(PAIRS[number]["publicKeyMultibase"])) == PAIRS[number]["publicKeyMultibase"]
    )


@pytest.mark.parametrize("number", [0, 1])
def test_jwk_and_thumbprint_are_those_of_another_library(number):
    private = private_keys()[number]
    jwk = multikey.private_to_jwk(private)
    theirs = (OKPKey, ECKey)[number].import_key(jwk)
    assert theirs.as_dict(private=False) | {"kid": None} == multikey.to_jwk(private.public_key()) | {"kid": None}
    assert theirs.thumbprint() == multikey.thumbprint(private.public_key())
    assert multikey.private_to_jwk(multikey.private_from_jwk(jwk)) == jwk


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        {},
        {"kty": "EC", "crv": "P-384", "x": "a", "y": "b"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        multikey.private_to_jwk(private_keys()[0]),
        {"kty": "OKP", "crv": "Ed25519", "x": "A" * 42 + "B"},  # stray bits: a second text for the same key
    ],
)
def test_jwk_of_another_kind_or_off_the_curve_is_refused(jwk):
    with pytest.raises(ValueError, match=r"\w"):
        multikey.from_jwk(jwk)


def test_private_jwk_whose_halves_differ_is_refused_without_showing_it():
    ed25519, p256 = private_keys()
    other = ec.generate_private_key(ec.SECP256R1())
    mixed = multikey.private_to_jwk(p256) | {"d": multikey.private_to_jwk(other)["d"]}
    for jwk in (mixed, multikey.to_jwk(ed25519.public_key())):
        with pytest.raises(ValueError, match="not a private JWK") as refused:
            multikey.private_from_jwk(jwk)
        assert mixed["d"] not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        ED25519[1:],
        "m" + ED25519[1:],
        ED25519[:-1],
        ED25519 + "1",
        "z" + encode_base58(b"\x80\x24" + b"\x05" * 33),
        "z" + encode_base58(b"\x81\x24\x02" + b"\x07" * 32),
        "z" + encode_base58(b"\x82\x24\x02" + b"\x07" * 66),
    ],
)
def test_multikey_of_another_kind_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        multikey.from_multikey(text)


def test_p384_is_read_as_another_library_writes_it_and_is_no_key_of_the_service():
    key = ec.derive_private_key(7, ec.SECP384R1())
    theirs: Any = ECKey.import_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())).as_dict(private=True)
    public = {name: theirs[name] for name in ("crv", "kty", "x", "y")}

    assert multikey.to_jwk(multikey.from_jwk(public)) == public == multikey.to_jwk(key.public_key())
    assert multikey.from_multikey(multikey.to_multikey(key.public_key())) == key.public_key()
    assert multikey.to_multikey(key.public_key()).startswith("z82")
    with pytest.raises(ValueError, match="not a private JWK of Ed25519 or P-256"):
        multikey.private_from_jwk(theirs)


def test_p384_signs_as_in_rfc_6979():
    """Section A.2.6, SHA-384, message `sample`."""
    secret = 0x6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5
    r = 0x94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46
    s = 0x99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8
    key = ec.derive_private_key(secret, ec.SECP384R1())
    made = multikey.sign(key, b"sample")
    assert made == r.to_bytes(48) + s.to_bytes(48)
    assert multikey.is_signed(key.public_key(), made, b"sample")


def test_p256_signs_as_in_rfc_6979():
    """Section A.2.5, SHA-256, message `sample`."""
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    key = ec.derive_private_key(secret, ec.SECP256R1())
    signature = multikey.sign(key, b"sample")
    assert signature.hex().upper() == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


@pytest.mark.parametrize("number", [0, 1])
def test_signature_is_of_one_key_and_one_content(number):
    private, other = private_keys()[number], private_keys()[1 - number]
    signature = multikey.sign(private, b"content")
    public = private.public_key()
    assert multikey.is_signed(public, signature, b"content")
    assert multikey.sign(private, b"content") == signature
    wrong = [signature[:-1], signature + b"\0", bytes(64), b"\xff" * 64, signature[:32] + bytes(32)]
    assert not any(multikey.is_signed(public, each, b"content") for each in wrong)
    assert not multikey.is_signed(public, signature, b"Content")
    assert not multikey.is_signed(other.public_key(), signature, b"content")


@pytest.mark.parametrize(
    ("did", "url"),
    [
        ("did:web:uni.example", "https://uni.example/.well-known/did.json"),
        ("did:web:uni.example%3A8443", "https://uni.example:8443/.well-known/did.json"),
        ("did:web:uni.example:a:b", "https://uni.example/a/b/did.json"),
    ],
)
def test_document_of_a_did_web_stands_where_the_method_says(did, url):
    assert document_url(did) == url
    assert did_web_of("Uni.example:8443") == "did:web:uni.example%3A8443"


@pytest.mark.parametrize(
    "did",
    [
        "did:web:",
        "did:key:z6Mk",
        "did:web:uni.example::b",
        "did:web:uni.example%2Fx",
        "did:web:a%40uni.example",
        "did:web:uni.example:a%2f..%2fb",
    ],
)
def test_document_of_what_is_no_did_web_is_not_looked_for(did):
    assert code_of(document_url, did) is StatusErrorCode.VERIFICATION


def test_did_key_carries_its_key():
    for key in (ED25519, P256):
        assert key_of_did_key(f"did:key:{key}#{key}") == key
    for method in (f"did:key:{ED25519}#{P256}", f"did:key:{ED25519}#", "did:key:zzz#zzz", "did:key:z2dm#z2dm"):
        assert code_of(key_of_did_key, method) is StatusErrorCode.VERIFICATION


def document(**members):
    jwk = multikey.to_jwk(multikey.from_multikey(P256))
    methods = [
        {"id": f"{DID}#a", "type": "Multikey", "controller": DID, "publicKeyMultibase": ED25519},
        {"id": "#b", "type": "JsonWebKey2020", "controller": DID, "publicKeyJwk": jwk},
        {"id": f"{DID}#c", "type": "JsonWebKey", "controller": DID, "publicKeyJwk": jwk},
        {"id": f"{DID}#odd", "type": ["Other"], "publicKeyPem": "…"},
        {"id": [f"{DID}#odd"]},
    ]
    embedded = {"id": f"{DID}#e", "type": "Multikey", "publicKeyMultibase": P256}
    return {
        "id": DID,
        "verificationMethod": methods,
        "assertionMethod": [f"{DID}#a", "#b", embedded, f"{DID}#odd", f"{DID}#none", 7],
    } | members


def test_document_shows_the_keys_that_may_assert_and_no_other():
    assert [key_in_document(document(), f"{DID}#{name}") for name in "abe"] == [ED25519, P256, P256]
    for name in ("c", "odd", "none", "x", ""):  # c is listed, but may not assert
        assert code_of(key_in_document, document(), f"{DID}#{name}") is StatusErrorCode.VERIFICATION


@pytest.mark.parametrize("wrong", [None, [], {}, document(id="did:web:other.example")])
def test_document_of_another_is_not_used_and_tells_nothing(wrong):
    assert code_of(key_in_document, wrong, f"{DID}#a") is StatusErrorCode.RETRIEVAL


@pytest.mark.parametrize("wrong", [document(assertionMethod="x"), document(verificationMethod=None)])
def test_document_that_lists_no_such_key_is_a_verdict(wrong):
    assert code_of(key_in_document, wrong, f"{DID}#a") is StatusErrorCode.VERIFICATION


def test_registered_keys_are_the_ones_registered():
    keys = RegisteredKeys({f"{DID}#a": ED25519})
    assert keys.public_key(f"{DID}#a") == ED25519
    assert code_of(keys.public_key, f"{DID}#b") is StatusErrorCode.VERIFICATION


def test_file_that_holds_no_key_is_told_so_whatever_its_bytes():
    with pytest.raises(InvalidInput, match=r"^key: cannot be used: not a Multikey"):
        read_public_key(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", at="key")
