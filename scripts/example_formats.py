"""The same example credential as a signed VC-JWT, a sealed European Digital Credential and a PDF diploma.

All three are byte for byte the same for the same arguments: ES256 signatures are made as RFC 6979 says, RS256 ones
have no randomness, and the PDF carries the date of issuing in place of the time of the run.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from scripts.example_diploma import draw_diploma
from scripts.example_issuers import b64url, key_id

VCDM_2_CONTEXT = "https://www.w3.org/ns/credentials/v2"

# VC Data Model 1.1 names that 2.0 dropped; validFrom and awardingDate keep the date of issuing.
_DROPPED_IN_VCDM_2 = frozenset({"issuanceDate", "issued", "expirationDate"})


def as_vc_jwt(credential: Mapping[str, Any], key: ec.EllipticCurvePrivateKey) -> str:
    """The credential in VC Data Model 2.0 as an ES256 JWT of type `vc+jwt`, W3C vc-jose-cose section 3.1.

    The payload is the credential itself; `iss` repeats its issuer, `iat` is its date, `kid` is the key's DID URL.
    `key`: a P-256 key of the issuer.
    """
    issuer = credential["issuer"]["id"]
    header = {"alg": "ES256", "typ": "vc+jwt", "cty": "vc", "kid": key_id(issuer, key)}
    issued_at = int(datetime.fromisoformat(credential["issued"]).timestamp())
    payload = as_vcdm_2(credential) | {"iss": issuer, "iat": issued_at}
    signing_input = f"{b64url(_json(header))}.{b64url(_json(payload))}"
    der = key.sign(signing_input.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    r, s = decode_dss_signature(der)
    return f"{signing_input}.{b64url(r.to_bytes(32) + s.to_bytes(32))}"


def as_vcdm_2(credential: Mapping[str, Any]) -> dict[str, Any]:
    """The same claims under the names of the W3C VC Data Model 2.0.

    The European context stays second, as in EBSI's Europass examples. It redefines terms that the 2.0 context protects,
    `description` for one, so the payload is to be read as JSON: a JSON-LD processor refuses to expand it.
    """
    mapped = {name: value for name, value in credential.items() if name not in _DROPPED_IN_VCDM_2}
    if "expirationDate" in credential:
        mapped.setdefault("validUntil", credential["expirationDate"])
    return mapped | {"@context": [VCDM_2_CONTEXT, *credential["@context"][1:]]}


def as_sealed_edc(credential: Mapping[str, Any], key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    """The credential as Europass seals it: a JAdES signature in JWS JSON serialization with an unencoded payload.

    RS256, `b64: false` (RFC 7797), signing time from the credential. The unprotected header holds certificate values
    (`xVals` of ETSI TS 119 182-1), the part that later renewals rewrite. `certificate`: of `key`.
    """
    der = certificate.public_bytes(Encoding.DER)
    protected = b64url(
        _json(
            {
                "alg": "RS256",
                "x5t#S256": b64url(hashlib.sha256(der).digest()),
                "x5c": [base64.b64encode(der).decode()],
                "typ": "jose+json",
                "b64": False,
                "sigT": credential["issued"],
                "crit": ["b64", "sigT"],
            }
        )
    )
    payload = _json(credential).decode()
    signature = key.sign(f"{protected}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())
    values = {"xVals": [{"x509Cert": {"val": base64.b64encode(der).decode()}}]}
    header = {"etsiU": [b64url(_json(values))]}
    signatures = [{"protected": protected, "header": header, "signature": b64url(signature)}]
    return _json({"payload": payload, "signatures": signatures})


def as_pdf(credential: Mapping[str, Any]) -> bytes:
    """A one-page diploma, A4 across."""
    return draw_diploma(credential)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
