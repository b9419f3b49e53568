"""Credentials whose own signatures every verifier must judge alike: JWT, SD-JWT, Data Integrity, and each way to be deceived.

What a case expects is written down here, not computed.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import rfc8785

from anchoring.core.base58 import encode_base58
from anchoring.signing.multikey import PrivateKey, sign, to_jwk, to_multikey
from scripts.sd_jwt_cases import disclosure_cases, key_binding_cases
from scripts.signed_credentials import (
    CANNOT_TELL,
    CREDENTIAL,
    ED,
    FAILED,
    NOW,
    OTHER,
    P256,
    P384,
    PASSED,
    WEB,
    Json,
    did_of,
    jwt,
    method_of,
    part,
    proven,
)

_ORDER_OF_P256: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P521: Final = "did:key:z" + encode_base58(b"\x82\x24\x02" + bytes(65) + b"\x07")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureCase:
    """`key`: a JWK that is given, or None. `documents`: DID documents that hosts publish, by DID; None where nobody is asked."""

    name: str
    credential: str
    result: str
    key: Json | None = None
    documents: dict[str, Json] | None = None


def signature_cases() -> Iterator[SignatureCase]:
    """Every case, in the order of the file."""
    yield from _tokens()
    yield from _tokens_of_others()
    yield from _times()
    yield from _published_keys()
    yield from _given_keys()
    for name, credential, result in (*disclosure_cases(), *key_binding_cases()):
        yield _case(name, credential, result)
    yield from _proofs()
    yield from _several_proofs()
    yield from _unread()


def _case(name: str, credential: str | Json, result: str, **more: Any) -> SignatureCase:
    text = credential if isinstance(credential, str) else json.dumps(credential)
    return SignatureCase(name=name, credential=text, result=result, **more)


def _tokens() -> Iterator[SignatureCase]:
    for kind, key in (("Ed25519", ED), ("P-256", P256), ("P-384", P384)):
        claims = {"issuer": did_of(key)}
        yield _case(f"JWT by {kind}", jwt(claims, key, kid=method_of(key)), PASSED)
        yield _case(f"JWT by {kind}, kid relative", jwt(claims, key, kid=f"#{to_multikey(key.public_key())}"), PASSED)
        yield _case(f"JWT by {kind}, without kid", jwt(claims, key), PASSED)
        yield _case(
            f"JWT by {kind} as in data model 1.1", jwt({"iss": did_of(key), "vc": {"issuer": {"id": did_of(key)}}}, key), PASSED
        )
        header, _, signature = jwt(claims, key).split(".")
        yield _case(f"JWT by {kind}, changed", f"{header}.{part(claims | {'n': 1})}.{signature}", FAILED)
        signed, size = jwt(claims, key).rpartition(".")[0], 96 if key is P384 else 64
        for name, wrong in (("of zeros", bytes(size)), ("a byte short", bytes(size - 1)), ("a byte more", bytes(size + 1))):
            yield _case(f"JWT by {kind}, signature {name}", f"{signed}.{part(wrong)}", FAILED)
    signed, _, signature = jwt({"issuer": did_of(P256)}, P256).rpartition(".")
    r, s = (int.from_bytes(base64.urlsafe_b64decode(signature + "==")[at : at + 32]) for at in (0, 32))
    for name, numbers, result in (
        ("with the other s", (r, _ORDER_OF_P256 - s), PASSED),
        ("r and s swapped", (s, r), FAILED),
        ("s above the order", (r, _ORDER_OF_P256 + s if s < 2**256 - _ORDER_OF_P256 else 2**256 - 1), FAILED),
        ("s of 0", (r, 0), FAILED),
    ):
        raw = b"".join(number.to_bytes(32) for number in numbers)
        yield _case(f"JWT by P-256, {name}", f"{signed}.{part(raw)}", result)
    yield _case("JWT as JSON", _json_jws(ED), PASSED)
    yield _case("JWT as JSON, with a header that is not covered", _json_jws(ED, header={"x": 1}), PASSED)


def _json_jws(key: PrivateKey, **more: Any) -> Json:
    header, payload, signature = jwt({"issuer": did_of(key)}, key, kid=method_of(key)).split(".")
    return {"payload": payload, "signatures": [{"protected": header, "signature": signature} | more]}


def _tokens_of_others() -> Iterator[SignatureCase]:
    own = {"issuer": did_of(ED)}
    yield _case("signed by another", jwt(own, OTHER, kid=method_of(OTHER)), FAILED)
    yield _case("signed by another, who names the issuer's key", jwt(own, OTHER, kid=method_of(ED)), FAILED)
    yield _case("two issuers", jwt(own | {"iss": did_of(OTHER)}, OTHER, kid=method_of(OTHER)), FAILED)
    yield _case("an issuer's did:key with another's fragment", jwt(own, ED, kid=f"{did_of(ED)}#{did_of(OTHER)}"), FAILED)
    carried = {"jwk": to_jwk(OTHER.public_key())}, {"jku": "https://evil.example/k"}, {"x5u": "https://evil.example/k"}
    for header in carried:
        yield _case(f"a key that the token carries: {next(iter(header))}", jwt({"issuer": WEB}, OTHER, **header), CANNOT_TELL)
        yield _case(f"the same, of another than the issuer: {next(iter(header))}", jwt(own, OTHER, **header), FAILED)
    yield _case("alg none", f"{part({'alg': 'none'})}.{part(own)}.AA", FAILED)
    yield _case("alg NONE", f"{part({'alg': 'NONE'})}.{part(own)}.AA", FAILED)
    yield _case("alg none without a signature", f"{part({'alg': 'none'})}.{part(own)}.", FAILED)
    yield _case("ES256 with a key of Ed25519", jwt(own, ED, alg="ES256"), FAILED)
    yield _case("EdDSA with a key of P-256", jwt({"issuer": did_of(P256)}, P256, alg="EdDSA"), FAILED)
    yield _case("ES256 with a key of P-384", jwt({"issuer": did_of(P384)}, P384, alg="ES256"), FAILED)
    yield _case("ES384 with a key of P-256", jwt({"issuer": did_of(P256)}, P256, alg="ES384"), FAILED)
    for algorithm in ("HS256", "ES512", "ES256K", "RS256", "constructor", 'a "name" \u00e9'):
        yield _case(f"alg {algorithm}", jwt(own, ED, alg=algorithm), CANNOT_TELL)
    yield _case("critical what is not read", jwt(own, ED, crit=["exp"], exp=1), CANNOT_TELL)
    yield _case("critical what is understood", jwt(own, ED, crit=["sigT"], sigT="2026-11-20T10:00:00Z"), PASSED)
    yield _case("critical what is not there", jwt(own, ED, crit=["sigT"]), FAILED)
    yield _case("critical what is neither there nor read", jwt(own, ED, crit=["exp"]), FAILED)
    yield _case("b64 of true that is not critical", jwt(own, ED, b64=True), PASSED)
    yield _case("detached content", jwt(own, ED, sigD={}), CANNOT_TELL)
    no_names: tuple[Any, ...] = ("exp", {}, None, [["exp"]], [1], [])
    for critical in no_names:
        yield _case(f"crit {json.dumps(critical)}", jwt(own, ED, crit=critical), FAILED)
    yield _case("a key of P-521", jwt({"issuer": _P521}, ED), CANNOT_TELL)
    for name, did in (
        ("none", "did:key:zDnQ"),
        ("not base58", "did:key:z6Mk0OIl"),
        ("off the curve", _off_curve(b"\x80\x24", 32)),
        ("off the curve P-384", _off_curve(b"\x81\x24", 48)),
    ):
        yield _case(f"a did:key that is {name}", jwt({"issuer": did}, ED), FAILED)
    yield _case("an issuer by URL", jwt({"issuer": "https://uni.example"}, ED, kid="k"), CANNOT_TELL)
    yield _case("an issuer with a name of its own", jwt({"issuer": "urn:epass:org:1"}, ED), CANNOT_TELL)
    yield _case("no issuer", jwt({}, ED), CANNOT_TELL)
    yield _case("claims that are no object", jwt([], ED), CANNOT_TELL)
    yield _case("claims that are no JSON", jwt(b"{", ED), CANNOT_TELL)
    yield _case("claims with a name twice", jwt(b'{"exp": 1, "exp": 2}', ED), CANNOT_TELL)


def _off_curve(code: bytes, size: int) -> str:
    """A point with an x that no y goes with, on P-256 and on P-384."""
    return "did:key:z" + encode_base58(code + b"\x02" + (7).to_bytes(size))


def _times() -> Iterator[SignatureCase]:
    now = int(NOW.timestamp())
    for claims, result in (
        ({"exp": now + 1}, PASSED),
        ({"exp": now}, FAILED),
        ({"exp": now + 0.5}, PASSED),
        ({"nbf": now + 60}, PASSED),
        ({"nbf": now + 61}, FAILED),
        ({"iat": now - 9}, PASSED),
        ({"iat": now + 3600}, FAILED),
        ({"exp": 10**15}, FAILED),
        ({"exp": 1e300}, FAILED),
        ({"exp": -(10**14)}, FAILED),
        ({"nbf": -62135596800}, PASSED),
        ({"iat": "then"}, FAILED),
        ({"exp": True}, FAILED),
        ({"exp": None}, FAILED),
    ):
        yield _case(f"times {json.dumps(claims)}", jwt({"issuer": did_of(ED)} | claims, ED), result)


def _document(key: PrivateKey, relation: str = "assertionMethod", did: str = WEB, **method: Any) -> dict[str, Json]:
    made = {"id": f"{did}#k", "type": "JsonWebKey", "controller": did, "publicKeyJwk": to_jwk(key.public_key())} | method
    return {WEB: {"id": did, "verificationMethod": [made], relation: [f"{did}#k"]}}


def _published_keys() -> Iterator[SignatureCase]:
    token = jwt({"issuer": WEB}, P256, kid=f"{WEB}#k")
    jwk = to_jwk(P256.public_key())
    yield _case("did:web, nobody is asked", token, CANNOT_TELL)
    yield _case("did:web", token, PASSED, documents=_document(P256))
    yield _case("did:web, kid relative", jwt({"issuer": WEB}, P256, kid="#k"), PASSED, documents=_document(P256))
    yield _case("did:web, a JWK of P-384", jwt({"issuer": WEB}, P384, kid=f"{WEB}#k"), PASSED, documents=_document(P384))
    multikey = {"type": "Multikey", "publicKeyMultibase": to_multikey(P256.public_key())}
    yield _case("did:web, Multikey", token, PASSED, documents=_document(P256, **multikey))
    later = _document(P256, revoked="2999-01-01T00:00:00Z", expires="2999-01-01T00:00:00Z")
    yield _case("did:web, a key that is to end", token, PASSED, documents=later)
    meant = _document(P256, publicKeyJwk=jwk | {"use": "sig", "alg": "ES256", "key_ops": ["verify"]})
    yield _case("did:web, a JWK for signatures", token, PASSED, documents=meant)
    yield _case("did:web, another's document", token, CANNOT_TELL, documents=_document(P256, did="did:web:other.example"))
    yield _case("did:web, what is no document", token, CANNOT_TELL, documents={WEB: {}})
    for name, documents in (
        ("a key that may not assert", _document(P256, "authentication")),
        ("another's key", _document(ED)),
        ("a key that was revoked", _document(P256, revoked="2020-01-01T00:00:00Z")),
        ("a key that expired", _document(P256, expires="2020-01-01T00:00:00+01:00")),
        ("a key that expires at this very second", _document(P256, expires="2026-11-23T12:00:00Z")),
        ("a private key", _document(P256, publicKeyJwk=jwk | {"d": "AAAA"})),
        ("a Multikey, and a JWK that is none", _document(P256, **multikey, publicKeyJwk={})),
        ("a key revoked at no time", _document(P256, revoked=True)),
        ("a key of another controller", _document(P256, controller="did:web:other.example")),
        ("a JWK for another use", _document(P256, publicKeyJwk=jwk | {"use": "enc"})),
        ("a JWK for another algorithm", _document(P256, publicKeyJwk=jwk | {"alg": "ES384"})),
        ("a JWK for other operations", _document(P256, publicKeyJwk=jwk | {"key_ops": ["deriveKey"]})),
        ("a key that is none", _document(P256, publicKeyJwk={"kty": "EC"})),
        ("a key of P-256 called P-384", _document(P256, publicKeyJwk=jwk | {"crv": "P-384"})),
        ("a key off the curve", _document(P256, publicKeyJwk=jwk | {"y": jwk["x"]})),
        ("a Multikey that is none", _document(P256, type="Multikey", publicKeyMultibase="zDn")),
        ("a key of a type that is not read", _document(P256, type="Other")),
    ):
        yield _case(f"did:web, {name}", token, FAILED, documents=documents)
    yield _case("did:web, a key that ends in a second", token, PASSED, documents=_document(P256, expires="2026-11-23T12:00:01Z"))
    twice = _document(P256)[WEB]
    [method] = twice["verificationMethod"]
    for name, members in (
        ("two keys of one name", {"verificationMethod": [method, method | {"revoked": "2020-01-01T00:00:00Z"}]}),
        ("two keys, one by its relative name", {"verificationMethod": [method, method | {"id": "#k"}]}),
        ("a key beside one of its name that stands where it may assert", {"assertionMethod": [method]}),
        (
            "another key as Multikey than as JWK",
            {"verificationMethod": [method | {"publicKeyMultibase": to_multikey(ED.public_key())}]},
        ),
    ):
        yield _case(f"did:web, {name}", token, CANNOT_TELL, documents={WEB: twice | members})
    embedded = {WEB: {"id": WEB, "assertionMethod": [method]}}
    yield _case("did:web, a key that stands where it may assert", token, PASSED, documents=embedded)
    for path in ("..", ".", "%2e%2E", ".%2e", "a?b", "a\\b", "a b"):
        strange = f"did:web:uni.example:x:{path}:y"
        yield _case(f"did:web, a path with {path}", jwt({"issuer": strange}, P256, kid=f"{strange}#k"), FAILED, documents={})
    yield _case("did:ebsi", jwt({"issuer": "did:ebsi:z1"}, P256, kid="did:ebsi:z1#k"), CANNOT_TELL, documents={})


def _given_keys() -> Iterator[SignatureCase]:
    key = to_jwk(P256.public_key())
    yield _case("a given key", jwt({"issuer": WEB}, P256, kid="x"), PASSED, key=key)
    yield _case("a given key, no issuer", jwt({}, P256), PASSED, key=key)
    yield _case("a given key, and a certificate that does not count", jwt({}, P256, x5c=["AAAA"]), PASSED, key=key)
    yield _case("another given key", jwt({"issuer": did_of(ED)}, ED), FAILED, key=key)
    yield _case("another given key of the same kind", jwt({"issuer": did_of(ED)}, ED), FAILED, key=to_jwk(OTHER.public_key()))
    yield _case("a given key for Data Integrity", proven(P256, "urn:any#k"), PASSED, key=key)
    yield _case("a given key of P-384", proven(P384, "urn:any#k"), PASSED, key=to_jwk(P384.public_key()))
    yield _case("another given key for Data Integrity", proven(), FAILED, key=to_jwk(OTHER.public_key()))


def _resigned(**options: Any) -> Json:
    """With other options in the proof, which the signature covers. One that is None is left out."""
    made = {**proven()["proof"], **options}
    kept = {name: value for name, value in made.items() if name != "proofValue" and value is not None}
    hashed = b"".join(hashlib.sha256(rfc8785.dumps(one)).digest() for one in (kept, CREDENTIAL))
    return CREDENTIAL | {"proof": kept | {"proofValue": "z" + encode_base58(sign(ED, hashed))}}


_LOCAL_TIMES: Final = {"created": "2026-11-22T12:00:00", "expires": "2026-11-23T12:00:00.5"}


def _contexts_that_go_on() -> Iterator[SignatureCase]:
    """The document's contexts begin with the proof's, over which the signature is (vc-di-eddsa and vc-di-ecdsa, 3.3.2)."""
    [first], more = CREDENTIAL["@context"], "https://more.example"
    two: Json = {"@context": [first, more]}
    yield _case("a proof with the beginning of @context", proven() | two, PASSED)
    yield _case("a proof by P-256 with the beginning of @context", proven(P256, issuer=did_of(P256)) | two, PASSED)
    yield _case("a proof with the beginning of @context beside one with all of it", _one_more(two), PASSED)
    yield _case("a proof with @context as a text", proven(**{"@context": first}) | two, PASSED)
    yield _case("a proof without @context, which was added to", _resigned(**{"@context": None}) | two, FAILED)
    for title, contexts in (("before", [more, first]), ("in place", [more]), ("away", [])):
        yield _case(f"a proof, and @context changed: {title}", proven() | {"@context": contexts}, FAILED)
    yield _case("a proof with more than @context", proven(**two) | {"@context": [first]}, FAILED)
    yield _case("a proof with @context in another order", proven(**two) | {"@context": [more, first]}, FAILED)
    without = {name: member for name, member in proven().items() if name != "@context"}
    yield _case("a proof with @context over a credential without", without, FAILED)


def _one_more(members: Json) -> Json:
    whole = proven(**members)
    return whole | {"proof": [proven()["proof"], whole["proof"]]}


def _with_proof(**changes: Any) -> Json:
    made = proven()
    return made | {"proof": made["proof"] | changes}


def _proofs() -> Iterator[SignatureCase]:
    for name, key in (("eddsa-jcs-2022", ED), ("ecdsa-jcs-2019", P256), ("ecdsa-jcs-2019 with P-384", P384)):
        yield _case(name, proven(key, issuer=did_of(key)), PASSED)
        yield _case(f"{name}, the issuer an object", proven(key, issuer={"id": did_of(key)}), PASSED)
        yield _case(f"{name}, changed", proven(key, issuer=did_of(key)) | {"name": "changed"}, FAILED)
    yield _case("a proof without @context", _resigned(**{"@context": None}), PASSED)
    yield _case("a proof that is still good", _resigned(expires="2026-11-23T12:00:01Z"), PASSED)
    yield _case("a proof that is still good, its times without an offset", _resigned(**_LOCAL_TIMES), PASSED)
    yield from _contexts_that_go_on()
    for title, made, result in (
        ("signed by another", proven(OTHER), FAILED),
        ("signed by another, who names the issuer's key", proven(OTHER, method_of(ED)), FAILED),
        ("another purpose", _resigned(proofPurpose="authentication"), FAILED),
        ("from the future", _resigned(created="2026-11-25T00:00:00Z"), FAILED),
        ("expired", _resigned(expires="2026-11-23T12:00:00Z"), FAILED),
        ("made at no time", _resigned(created="yesterday"), FAILED),
        ("expired, by a time without an offset", _resigned(expires="2026-11-23T12:00:00"), FAILED),
        ("made on a day that is none", _resigned(created="2026-02-30T00:00:00Z"), FAILED),
        ("another @context", _resigned(**{"@context": ["https://other.example"]}), FAILED),
        ("an option changed", _with_proof(created="2026-11-20T00:00:00Z"), FAILED),
        ("the method of another", _with_proof(verificationMethod=method_of(OTHER)), FAILED),
        ("no method", _with_proof(verificationMethod=None), FAILED),
        ("the suite of another kind of key", _with_proof(cryptosuite="ecdsa-jcs-2019"), FAILED),
        ("a value that is too short", _with_proof(proofValue="z1"), FAILED),
        ("a value that is no base58", _with_proof(proofValue="z0OIl"), FAILED),
        ("a value in another base", _with_proof(proofValue="u" + "A" * 86), FAILED),
        ("a suite that is not read", _with_proof(cryptosuite="bbs-2023"), CANNOT_TELL),
        ("a suite that is no name", _with_proof(cryptosuite=["eddsa-jcs-2022"]), CANNOT_TELL),
        ("a chain of proofs", _with_proof(previousProof="urn:x"), CANNOT_TELL),
        ("a did:web, nobody is asked", proven(ED, f"{WEB}#k", issuer=WEB), CANNOT_TELL),
        ("no proof", CREDENTIAL, CANNOT_TELL),
        ("an issuer that is no DID", proven(ED, issuer="https://uni.example"), CANNOT_TELL),
    ):
        yield _case(f"Data Integrity, {title}", made, result)


def _several_proofs() -> Iterator[SignatureCase]:
    own, other = proven()["proof"], proven(OTHER)["proof"]
    bad, anchor, unread = (
        own | {"proofValue": other["proofValue"]},
        {"type": "CredentialAnchorProof"},
        {"type": "Ed25519Signature2020"},
    )
    for title, proofs, result in (
        ("of the issuer and of another, and an anchor", [other, own, anchor], PASSED),
        ("one that is not read", [own, unread], PASSED),
        ("one that does not hold", [own, bad], FAILED),
        ("of another alone", [other], FAILED),
        ("an anchor alone", [anchor], CANNOT_TELL),
        ("none", [], CANNOT_TELL),
    ):
        yield _case(f"several proofs: {title}", CREDENTIAL | {"proof": proofs}, result)
    web = proven(OTHER, f"{WEB}#k")["proof"]
    for title, proofs, result in (
        ("and of another", [other, own], PASSED),
        ("and one that does not hold", [own, bad], FAILED),
        ("and of a did:web, nobody is asked", [own, web], CANNOT_TELL),
        ("twice", [own, own], PASSED),
    ):
        given = to_jwk(ED.public_key())
        yield _case(f"several proofs, of the given key {title}", CREDENTIAL | {"proof": proofs}, result, key=given)
    strange = to_jwk(P256.public_key())
    yield _case("several proofs, of the given key none", CREDENTIAL | {"proof": [own, other]}, FAILED, key=strange)


def _unread() -> Iterator[SignatureCase]:
    for name, text in (("PDF", "%PDF-1.7\n..."), ("picture", "\u0089PNG"), ("text", "plain text"), ("half an object", "{")):
        yield _case(f"a file without a signature that is read: {name}", text, CANNOT_TELL)
    yield _case("JSON that cannot be read", '{"a": 1, "a": 2}', CANNOT_TELL)
