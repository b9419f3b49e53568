"""The credential's own signature, checked by the rules of its format: JWT and SD-JWT, Data Integrity, seals with certificates.

A key counts if the DID that the credential names as its issuer says so, or if the verifier gave it. A key that a signature brings
along (`jwk`, `jku`, `x5u`) never does. What is signed in a way not read here, or with a key out of reach, is *cannot tell*.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from anchoring.core.base64url import decode_base64url, encode_base64url
from anchoring.core.canonical import Content, content_of
from anchoring.core.claimed_issuer import claimed_issuer
from anchoring.core.disclosures import disclosed_claims
from anchoring.core.jose import SignedToken, is_json_jws, read_compact, read_json_jws, read_sd_jwt
from anchoring.core.outcome import Outcome
from anchoring.core.proof_json import format_time
from anchoring.core.status_codec import StatusErrorCode, StatusListError, untold, unverified
from anchoring.core.status_judgement import CLOCK_SKEW
from anchoring.core.strict_json import JsonValue, parse
from anchoring.core.verification import SignatureFinding
from anchoring.errors import InvalidInput, TooLarge, VerificationError
from anchoring.ports.signing import KeySource
from anchoring.signing.data_integrity import SUITES, check_proof, goes_on, require_in_time
from anchoring.signing.multikey import PublicKey, from_jwk, from_multikey, is_signed, kind_of
from anchoring.signing.seals import UNDERSTOOD, check_seal
from anchoring.signing.tokens import ALGORITHMS

THE_GIVEN: Final = "the key that was given"
_KINDS_OF_DID_KEY: Final = ("did:key:z6Mk", "did:key:zDn", "did:key:z82")


class OwnSignatures:
    """Checks signatures of credentials. `keys`: of DIDs. `given`: a Multikey that the verifier trusts whatever names it.

    `anchors`: certificates that the verifier trusts, for seals.
    """

    def __init__(self, keys: KeySource, *, given: str | None = None, anchors: Sequence[x509.Certificate] = ()) -> None:
        self._keys = _KnownKinds(keys)
        self._given = given
        self._anchors = anchors

    def check(self, body: bytes, now: datetime) -> SignatureFinding:
        """What is known of the signature in a credential's file."""
        try:
            return SignatureFinding(Outcome.PASSED, self._signed_by(body, now))
        except StatusListError as wrong:
            outcome = Outcome.CANNOT_TELL if wrong.code is StatusErrorCode.RETRIEVAL else Outcome.FAILED
            return SignatureFinding(outcome, wrong.message)
        except TooLarge as large:
            return SignatureFinding(Outcome.CANNOT_TELL, large.message)
        except (InvalidInput, VerificationError) as malformed:
            return SignatureFinding(Outcome.FAILED, f"the signature cannot be read: {malformed.message}")

    def _signed_by(self, body: bytes, now: datetime) -> str:
        match content_of(body):
            case Content.JWT:
                return self._token(read_compact(body), body, now)
            case Content.SD_JWT:
                token = read_sd_jwt(body)
                signer = self._token(token, body, now)
                claims = disclosed_claims(token, body)
                _require_valid(claims if isinstance(claims, dict) else {}, now)
                return "; ".join([signer, *_key_binding(claims, body, now)])
            case Content.JSON_OBJECT:
                document = _read(body, "the file")
                assert isinstance(document, dict)
                if not is_json_jws(document):
                    return self._proofs(document, body, now)
                token = read_json_jws(document)
                return "; ".join([self._token(token, body, now), *token.notes])
            case Content.PDF:
                raise untold("signatures in PDF files are not checked here")
            case _:
                raise untold("the file has no signature that is read here")

    def _token(self, token: SignedToken, body: bytes, now: datetime) -> str:
        signed, _, signature = (part.decode() for part in token.signed.rpartition(b"."))
        header, signature_bytes = _header(signed), _decode(signature)
        _require_understood(header)
        claims = _read(token.payload, "what was signed")
        _require_valid(claims if isinstance(claims, dict) else {}, now)
        if "x5c" in header and self._given is None:
            return check_seal(header, signed.encode(), signature_bytes, self._anchors, now)
        algorithm = str(header["alg"])
        if algorithm not in ALGORITHMS:
            raise untold(f"the algorithm {json.dumps(algorithm)} is not read here; {', '.join(ALGORITHMS)} are")
        method, key = self._key_of(header, body)
        if kind_of(from_multikey(key)) != ALGORITHMS[algorithm]:
            raise unverified(f"the algorithm {algorithm} does not go with {method}")
        if not is_signed(from_multikey(key), signature_bytes, signed.encode()):
            raise unverified(f"the signature does not hold: {method} did not sign this")
        return f"signed with {method}"

    def _proofs(self, document: dict[str, JsonValue], body: bytes, now: datetime) -> str:
        """Each that is read here must hold, and one must be the issuer's."""
        proofs = document.get("proof", [])
        found = [proof for proof in (proofs if isinstance(proofs, list) else [proofs]) if isinstance(proof, dict)]
        theirs = [proof for proof in found if proof.get("type") != "CredentialAnchorProof"]
        read = [
            proof for proof in theirs if proof.get("type") == "DataIntegrityProof" and proof.get("cryptosuite") in list(SUITES)
        ]
        if not theirs:
            raise untold("the credential has no proof of its own")
        if not read or any("previousProof" in proof for proof in theirs):
            raise untold(f"no proof of the credential is of a suite that is read here: {', '.join(SUITES)}")
        signers = self._signers(document, read, now)
        if self._given is None:
            issuer = _issuer(body)
            if issuer not in {method.partition("#")[0] for method in signers}:
                raise unverified(f"the credential names {issuer} as its issuer, and is signed with {', '.join(signers)}")
        rest = f"; {len(theirs) - len(read)} further proofs are not read here" if len(theirs) > len(read) else ""
        if all(goes_on(document, proof) for proof in read):
            rest += "; @context goes on behind what was signed"
        return f"signed with {', '.join(signers)}{rest}"

    def _signers(self, document: dict[str, JsonValue], proofs: Sequence[dict[str, JsonValue]], now: datetime) -> list[str]:
        """How their keys are called. With a given key one is by it; others hold by the keys that they name, as without it."""
        signers: list[str] = []
        rest, wrong = list(proofs), None
        if self._given is not None:
            rest = []
            for proof in proofs:
                try:
                    check_proof(document | {"proof": proof}, _Given(self._given), signer=THE_GIVEN)
                    require_in_time(proof, now)
                    signers.append(THE_GIVEN)
                except StatusListError as failed:
                    rest.append(proof)
                    wrong = wrong or failed
        if wrong and not signers:
            raise wrong
        for proof in rest:
            check_proof(document | {"proof": proof}, self._keys)
            require_in_time(proof, now)
            signers.append(str(proof["verificationMethod"]))
        return signers

    def _key_of(self, header: Mapping[str, JsonValue], body: bytes) -> tuple[str, str]:
        """How the key is called, and the key."""
        if self._given is not None:
            return THE_GIVEN, self._given
        method = _method_of(header, body)
        return method, self._keys.public_key(method)


@dataclass(frozen=True, slots=True)
class _Given:
    """Implements ports.KeySource: the one key, whatever it is called."""

    key: str

    def public_key(self, verification_method: str) -> str:  # noqa: ARG002 - the port's
        return self.key


@dataclass(frozen=True, slots=True)
class _KnownKinds:
    """Implements ports.KeySource. A key of a kind that is not read here tells nothing, for or against."""

    keys: KeySource

    def public_key(self, verification_method: str) -> str:
        did = verification_method.partition("#")[0]
        if did.startswith("did:key:z") and not did.startswith(_KINDS_OF_DID_KEY):
            raise untold(f"{did} is of a kind of key that is not read here; Ed25519, P-256 and P-384 are")
        return self.keys.public_key(verification_method)


def _key_binding(issued: JsonValue, body: bytes, now: datetime) -> list[str]:
    """What is known of the holder's signature over this presentation (RFC 9901 section 7.3); nothing where there is none.

    `issued`: what the issuer signed, with what is disclosed of it.
    """
    presented, tilde, binding = body.decode("ascii").strip().rpartition("~")
    if not binding:
        return []
    claims, header = _read(read_compact(binding.encode()).payload, "the key binding"), _header(binding)
    algorithm, (key, why) = str(header["alg"]), _holders_key(issued)
    if algorithm not in ALGORITHMS:
        why = f"the algorithm {json.dumps(algorithm)} is not read here"
    if key is None or why:
        return [f"its key binding was not checked: {why}"]
    _require_understood(header)
    if header.get("typ") != "kb+jwt":
        raise _unbound("its typ is not kb+jwt")
    texts = ("aud", "nonce", "sd_hash")
    if not isinstance(claims, dict) or "iat" not in claims or not all(isinstance(claims.get(name), str) for name in texts):
        raise _unbound(f"it lacks one of iat, {', '.join(texts)}")
    if claims["sd_hash"] != encode_base64url(hashlib.sha256((presented + tilde).encode()).digest()):
        raise _unbound("it is of another presentation")
    signed, _, signature = binding.rpartition(".")
    if kind_of(key) != ALGORITHMS[algorithm] or not is_signed(key, _decode(signature), signed.encode()):
        raise _unbound("the holder's key did not sign it")
    _require_valid(claims, now, "the key binding")
    return [f"the key binding of {format_time(_time(claims['iat'], 'iat'))} holds, its nonce and audience were not compared"]


def _holders_key(claims: JsonValue) -> tuple[PublicKey | None, str]:
    """The key in `cnf` (RFC 7800), or why there is none."""
    confirmation = claims.get("cnf") if isinstance(claims, dict) else None
    if not isinstance(claims, dict) or not isinstance(confirmation, dict) or "jwk" not in confirmation:
        return None, "the issuer names no key of the holder by cnf.jwk"
    if claims.get("_sd_alg", "sha-256") != "sha-256":
        return None, "its digest is not by SHA-256"
    try:
        return from_jwk(confirmation["jwk"]), ""
    except ValueError as unread:
        return None, f"the holder's key is {unread}"


def _unbound(why: str) -> StatusListError:
    return unverified(f"the key binding does not hold: {why}")


def _read(content: bytes, what: str) -> JsonValue:
    """JSON that other programs may read in other ways tells nothing of its signature, for or against."""
    try:
        return parse(content)
    except InvalidInput as refused:
        raise untold(f"{what} is no JSON that can be read in one way only: {refused.message}") from None


def _require_understood(header: Mapping[str, JsonValue]) -> None:
    """What a header calls critical (RFC 7515 section 4.1.11); `b64` of false has to be (RFC 7797 section 6)."""
    critical = header.get("crit", [])
    if (
        not isinstance(critical, list)
        or not all(isinstance(name, str) for name in critical)
        or ("crit" in header and not critical)
    ):
        raise unverified("crit is no list of names")
    if absent := [name for name in critical if name not in header]:
        raise unverified(f"crit names what the header has not: {', '.join(map(json.dumps, absent))}")
    if header.get("b64") is False and "b64" not in critical:
        raise unverified("b64 is false, and crit does not say so")
    unknown = [name for name in critical if name not in UNDERSTOOD]
    if unknown or "sigD" in header:
        raise untold(f"the signature asks for more than is read here: {', '.join(map(json.dumps, unknown)) or 'sigD'}")


def _method_of(header: Mapping[str, JsonValue], body: bytes) -> str:
    """The DID URL of the key that the issuer must have signed with."""
    issuer, kid = _issuer(body), header.get("kid")
    if not isinstance(kid, str):
        if issuer.startswith("did:key:"):
            return f"{issuer}#{issuer.removeprefix('did:key:')}"
        own = "; the key that it carries itself proves nothing" if {"jwk", "jku", "x5u"} & set(header) else ""
        raise untold(f"the token names no key by kid{own}")
    method = kid if kid.startswith("did:") else f"{issuer}#{kid.removeprefix('#')}"
    if method.partition("#")[0] != issuer:
        raise unverified(f"the credential names {issuer} as its issuer, and is signed with {method}")
    return method


def _issuer(body: bytes) -> str:
    claimed = claimed_issuer(body)
    if claimed is None or not claimed.identifier.startswith("did:"):
        raise untold("the credential names no issuer whose keys could be looked up: give the key")
    return claimed.identifier


def _require_valid(claims: Mapping[str, JsonValue], now: datetime, what: str = "the signature") -> None:
    """The times of a JWT (RFC 7519 section 4.1)."""
    times = {name: _time(claims[name], name) for name in ("exp", "nbf", "iat") if name in claims}
    if "exp" in times and times["exp"] <= now:
        raise unverified(f"{what} counts until {format_time(times['exp'])} only")
    for name in ("nbf", "iat"):
        if name in times and times[name] > now + CLOCK_SKEW:
            raise unverified(f"{what} counts from {format_time(times[name])} only")


def _time(value: JsonValue, name: str) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise unverified(f"{name} is no time")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise unverified(f"{name} is no time") from None


def _header(signed: str) -> dict[str, JsonValue]:
    header = parse(_decode(signed.partition(".")[0]))
    assert isinstance(header, dict), "it was read before"
    return header


def _decode(text: str) -> bytes:
    try:
        return decode_base64url(text)
    except ValueError:
        raise unverified("a part of the credential is not base64url") from None
