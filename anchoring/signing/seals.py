"""Seals with certificates: a JWS whose protected header carries its certificate chain as `x5c` (RFC 7515), such as JAdES baseline
signatures of European Digital Credentials (ETSI TS 119 182-1).

The signature shows that the certificate's holder sealed this; the chain to a given trust anchor shows who that is. Time stamps
and revocation of certificates are not looked at.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from anchoring.core.base64url import encode_base64url
from anchoring.core.moments import parse_moment
from anchoring.core.proof_json import format_time
from anchoring.core.status_codec import untold, unverified
from anchoring.core.status_judgement import CLOCK_SKEW
from anchoring.core.strict_json import JsonValue
from anchoring.errors import InvalidInput

UNDERSTOOD: Final = frozenset({"b64", "sigT", "adoTst"})
"""What a header may call critical. The last is a time stamp, which can only make a seal older."""

CHAIN_MOST: Final = 10
RSA_BITS_LEAST: Final = 2048

_DIGESTS: Final = {"S1": hashlib.sha1, "S256": hashlib.sha256, "S384": hashlib.sha384, "S512": hashlib.sha512}
_OTHER_USES: Final = frozenset(
    {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CODE_SIGNING,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
    }
)
"""What a certificate may be for that is neither a person's nor an organisation's own signature."""
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: Final[dict[str, type[ec.EllipticCurve]]] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


def read_trust_anchors(paths: Sequence[Path]) -> list[x509.Certificate]:
    """Certificates in PEM. Raises: InvalidInput naming the file."""
    found: list[x509.Certificate] = []
    for path in paths:
        try:
            found += x509.load_pem_x509_certificates(path.read_bytes())
        except OSError as failed:
            raise InvalidInput(f"cannot be read: {failed.strerror}", at=str(path)) from failed
        except ValueError as wrong:
            raise InvalidInput("must be certificates in PEM", at=str(path)) from wrong
    return found


def check_seal(
    header: Mapping[str, JsonValue], signed: bytes, signature: bytes, anchors: Sequence[x509.Certificate], now: datetime
) -> str:
    """Who sealed this and when, in words. `header`: protected, with `x5c`. `signed`: what the signature is over.

    Raises: StatusListError: STATUS_VERIFICATION_ERROR when the seal does not hold, STATUS_RETRIEVAL_ERROR when nobody can tell.
    """
    leaf, *others = _chain(header.get("x5c"))
    _require_certificate(header, leaf)
    if not _is_signed(str(header.get("alg")), leaf.public_key(), signature, signed):
        raise unverified(f"the seal does not hold: the certificate of {_name(leaf)} did not sign this")
    sealed_at = _sealed_at(header, now)
    _require_usable(leaf, sealed_at)
    if sealed_at is None:
        raise untold(f"sealed by {_name(leaf)} at an unknown time: a seal says when, by iat or sigT (JAdES baseline)")
    if not anchors:
        raise untold(f"sealed with a certificate that says it is of {_name(leaf)}: name the trust anchors that count")
    _require_trusted(leaf, others, anchors, sealed_at)
    when = f"at {format_time(sealed_at)}, as the seal says"
    return f"sealed by {_name(leaf)} {when}; revocation of its certificates was not looked at"


def _chain(x5c: JsonValue) -> list[x509.Certificate]:
    if not isinstance(x5c, list) or not 0 < len(x5c) <= CHAIN_MOST:
        raise unverified(f"x5c must have 1 to {CHAIN_MOST} certificates")
    try:
        # Base64 with padding (RFC 7515 section 4.1.6), not base64url.
        return [x509.load_der_x509_certificate(base64.b64decode(str(one), validate=True)) for one in x5c]
    except (ValueError, binascii.Error):
        raise unverified("x5c holds something that is no certificate") from None


def _require_certificate(header: Mapping[str, JsonValue], leaf: x509.Certificate) -> None:
    """The header may say which certificate is meant, and then it must be this one (RFC 7515, ETSI TS 119 182-1 section 5.2.2)."""
    content, several = leaf.public_bytes(Encoding.DER), header.get("sigX5ts")
    named = [(name, _DIGESTS[algorithm], header.get(name)) for name, algorithm in (("x5t", "S1"), ("x5t#S256", "S256"))]
    others = [("x5t#o", header.get("x5t#o")), ("sigX5ts", several[0] if isinstance(several, list) and several else several)]
    for name, other in others:
        if other is None:
            continue
        if not isinstance(other, dict) or not isinstance(other.get("digVal"), str):
            raise unverified(f"{name} names no certificate")
        algorithm = other.get("digAlg")
        if not isinstance(algorithm, str) or algorithm not in _DIGESTS:
            raise untold(f"{name} names a certificate by {algorithm!a}, which is not read here")
        named.append((name, _DIGESTS[algorithm], other["digVal"]))
    for name, digest, value in named:
        if value is not None and value != encode_base64url(digest(content).digest()):
            raise unverified(f"{name} names another certificate than x5c begins with")


def _is_signed(algorithm: str, key: object, signature: bytes, content: bytes) -> bool:
    kind, bits = algorithm[:2], algorithm[2:]
    try:
        match key:
            case rsa.RSAPublicKey() if kind in {"RS", "PS"} and bits in _HASHES:
                if key.key_size < RSA_BITS_LEAST:
                    raise unverified(f"the certificate's key of {key.key_size} bits is too short")
                digest = _HASHES[bits]
                pad = padding.PKCS1v15() if kind == "RS" else padding.PSS(padding.MGF1(digest), digest.digest_size)
                key.verify(signature, content, pad, digest)
            case ec.EllipticCurvePublicKey() if algorithm in _CURVES and isinstance(key.curve, _CURVES[algorithm]):
                size = (key.curve.key_size + 7) // 8
                if len(signature) != 2 * size:
                    return False
                r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
                key.verify(encode_dss_signature(r, s), content, ec.ECDSA(_HASHES[bits]))
            case Ed25519PublicKey() if algorithm in {"EdDSA", "Ed25519"}:
                key.verify(signature, content)
            case _:
                raise unverified(f"the algorithm {algorithm!a} does not go with the certificate's key")
    except InvalidSignature:
        return False
    return True


def _sealed_at(header: Mapping[str, JsonValue], now: datetime) -> datetime | None:
    """What the seal says: `iat`, or the older `sigT`."""
    said = header.get("iat", header.get("sigT"))
    if said is None:
        return None
    try:
        number = isinstance(said, (int, float)) and not isinstance(said, bool)
        moment = datetime.fromtimestamp(float(str(said)), UTC) if number else parse_moment(str(said), at="sigT")
    except (InvalidInput, ValueError, OverflowError, OSError):
        raise unverified("the time of the seal cannot be read") from None
    if moment > now + CLOCK_SKEW:
        raise unverified(f"the seal says it was made at {format_time(moment)}, which is still to come")
    return moment


def _require_usable(leaf: x509.Certificate, sealed_at: datetime | None) -> None:
    """What is wrong whoever issued the certificate."""
    if sealed_at is not None and not leaf.not_valid_before_utc <= sealed_at <= leaf.not_valid_after_utc:
        raise unverified(
            f"the certificate of {_name(leaf)} was not valid at {format_time(sealed_at)}, when the seal says it was made"
        )
    with suppress(x509.ExtensionNotFound, ValueError):
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        if not (usage.digital_signature or usage.content_commitment):
            raise unverified(f"the certificate of {_name(leaf)} may sign nothing")
    with suppress(x509.ExtensionNotFound, ValueError):
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if set(purposes) <= _OTHER_USES:
            raise unverified(
                f"the certificate of {_name(leaf)} is for servers, code or time stamps, and for no signature of its own"
            )


def _require_trusted(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], at: datetime
) -> None:
    """A chain to one of the anchors at that time. Seals name no host and no purpose of TLS, so neither is asked for.

    An authority that is not known is not known to be wrong, so nobody can tell.
    """
    if leaf in anchors and leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        return
    issuing = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, verification.Criticality.AGNOSTIC, _require_authority
    )
    issuing = issuing.may_be_present(x509.KeyUsage, verification.Criticality.AGNOSTIC, _require_issuing)
    builder = verification.PolicyBuilder().store(verification.Store(list(anchors))).time(at).max_chain_depth(CHAIN_MOST)
    builder = builder.extension_policies(ca_policy=issuing, ee_policy=verification.ExtensionPolicy.permit_all())
    try:
        builder.build_client_verifier().verify(leaf, list(others))
    except (verification.VerificationError, UnsupportedAlgorithm, ValueError) as wrong:
        raise untold(
            f"the certificate of {_name(leaf)} leads to none of the trust anchors at {format_time(at)}: {wrong}"
        ) from None


def _require_authority(_policy: object, _certificate: object, extension: x509.BasicConstraints) -> None:
    if not extension.ca:
        raise ValueError("a certificate that is of no authority issued another")


def _require_issuing(_policy: object, _certificate: object, extension: x509.KeyUsage | None) -> None:
    if extension is not None and not extension.key_cert_sign:
        raise ValueError("a certificate that may issue none issued another")


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()[:300]
