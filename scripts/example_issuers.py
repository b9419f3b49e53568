"""Three fictional universities with did:ebsi identifiers and keys, for the demo and the tests only.

Identifiers: EBSI DID method for legal entities, `did:ebsi:z` + base58btc(0x01 ‖ 16 bytes). Verification methods are
named by the RFC 7638 thumbprint of their key. Everything but the seal of `demo_seal` comes from a fixed seed, so
anybody can recompute these private keys: they protect nothing.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from anchoring.types import Did, parse_did

SEED: Final = b"credanchor demo issuer, never use outside a demo"
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SEAL_VALID_FROM: Final = datetime(2026, 1, 1, tzinfo=UTC)
SEAL_VALID_UNTIL: Final = datetime(2036, 1, 1, tzinfo=UTC)

IDENTIFIER_BYTES: Final = 16
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoIssuer:
    """A university that does not exist, and the ES256 key it signs with.

    `language`: ISO 639-1 code of `name`. `country`: code of the EU country authority table (three letters).
    `legal_identifier`: eIDAS form of ETSI EN 319 412-1, `VAT` + two-letter country + `-` + number.
    """

    did: Did
    name: str
    name_english: str
    language: str
    street: str
    city: str
    country: str
    country_name: str
    legal_identifier: str
    homepage: str
    key: ec.EllipticCurvePrivateKey


@cache
def demo_issuers() -> tuple[DemoIssuer, ...]:
    """Always the same three issuers with the same identifiers and keys."""
    return (
        DemoIssuer(
            did=_did(0),
            name="Universidad de Vega Clara",
            name_english="University of Vega Clara",
            language="es",
            street="Calle del Ejemplo 1",
            city="Vega Clara",
            country="ESP",
            country_name="Spain",
            legal_identifier="VATES-X00000000",
            homepage="https://vega-clara.example/",
            key=_key(0),
        ),
        DemoIssuer(
            did=_did(1),
            name="Kuusilahden yliopisto",
            name_english="University of Kuusilahti",
            language="fi",
            street="Esimerkkikatu 2",
            city="Kuusilahti",
            country="FIN",
            country_name="Finland",
            legal_identifier="VATFI-00000000",
            homepage="https://kuusilahti.example/",
            key=_key(1),
        ),
        DemoIssuer(
            did=_did(2),
            name="Univerza Srebrna Reka",
            name_english="University of Silver River",
            language="sl",
            street="Primerna ulica 3",
            city="Srebrna Reka",
            country="SVN",
            country_name="Slovenia",
            legal_identifier="VATSI-00000000",
            homepage="https://srebrna-reka.example/",
            key=_key(2),
        ),
    )


def ebsi_did(identifier: bytes) -> Did:
    """The did:ebsi of a legal entity. `identifier`: 16 bytes. Raises: ValueError."""
    if len(identifier) != IDENTIFIER_BYTES:
        raise ValueError(f"the identifier of a did:ebsi is {IDENTIFIER_BYTES} bytes long, not {len(identifier)}")
    return parse_did("did:ebsi:z" + base58btc(b"\x01" + identifier))


def base58btc(value: bytes) -> str:
    """Base58 with the Bitcoin alphabet, without a multibase letter."""
    number = int.from_bytes(value, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "1" * (len(value) - len(value.lstrip(b"\0"))) + digits


def public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """The public half of a P-256 key, RFC 7518 section 6.2, as `publicKeyJwk` holds it."""
    numbers = key.public_key().public_numbers()
    return {"crv": "P-256", "kty": "EC", "x": b64url(numbers.x.to_bytes(32)), "y": b64url(numbers.y.to_bytes(32))}


def key_id(did: str, key: ec.EllipticCurvePrivateKey) -> str:
    """DID URL of the key: the DID, `#`, and the RFC 7638 SHA-256 thumbprint of the public key."""
    canonical = json.dumps(public_jwk(key), separators=(",", ":"), sort_keys=True)
    return f"{did}#{b64url(hashlib.sha256(canonical.encode()).digest())}"


def b64url(value: bytes) -> str:
    """Base64url without padding, RFC 7515 section 2."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def demo_seal(issuer: DemoIssuer) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """A fresh RSA key and its self-signed test certificate, standing in for a qualified electronic seal.

    The key is random, as RSA keys cannot be made from a seed here: keep the pair where the same bytes are wanted twice.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, issuer.legal_identifier[3:5]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, issuer.name),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, issuer.legal_identifier),
            x509.NameAttribute(NameOID.COMMON_NAME, "TEST SEAL, NOT QUALIFIED"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(hashlib.sha256(issuer.did.encode()).digest()[:15], "big") | 1)
        .not_valid_before(SEAL_VALID_FROM)
        .not_valid_after(SEAL_VALID_UNTIL)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def _did(number: int) -> Did:
    return ebsi_did(_stream("did", number)[:16])


def _key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(1 + int.from_bytes(_stream("key", number), "big") % (P256_ORDER - 1), ec.SECP256R1())


def _stream(purpose: str, number: int) -> bytes:
    return hashlib.sha256(b"%b|%b|%d" % (SEED, purpose.encode(), number)).digest()
