"""SD-JWTs whose disclosures and key bindings every verifier must judge alike (RFC 9901)."""

import hashlib
from collections.abc import Iterator
from typing import Any

from anchoring.signing.multikey import PrivateKey, to_jwk
from scripts.signed_credentials import CANNOT_TELL, ED, FAILED, NOW, OTHER, P256, P384, PASSED, Json, did_of, jwt, method_of, part


def _digest(disclosure: str) -> str:
    return part(hashlib.sha256(disclosure.encode()).digest())


def _sd_jwt(*presented: str, signed: tuple[str, ...] | None = None, tail: str = "", **claims: Any) -> str:
    allowed = presented if signed is None else signed
    token = jwt({"issuer": did_of(ED), "_sd": [_digest(one) for one in allowed]} | claims, ED, typ="dc+sd-jwt")
    return "~".join([token, *presented, tail])


def disclosure_cases() -> Iterator[tuple[str, str, str]]:
    """Name, credential and what `credential-signature` must find."""
    name, foreign, inner = part(["salt", "name", "Ada"]), part(["salt", "name", "Eve"]), part(["salt2", "city", "Vigo"])
    outer, item = part(["salt3", "address", {"_sd": [_digest(inner)]}]), part(["salt4", "B2"])
    yield "SD-JWT", _sd_jwt(name), PASSED
    yield "SD-JWT, nothing disclosed", _sd_jwt(signed=(name,)), PASSED
    yield "SD-JWT, one disclosed inside another", _sd_jwt(inner, outer, signed=(outer,)), PASSED
    yield "SD-JWT, the inner one alone", _sd_jwt(inner, signed=(outer,)), FAILED
    yield "SD-JWT, an item of an array", _sd_jwt(item, signed=(), levels=["A1", {"...": _digest(item)}]), PASSED
    yield "SD-JWT with a key binding, and no key of the holder", _sd_jwt(name, tail=jwt({"nonce": "x"}, OTHER)), PASSED
    yield "SD-JWT, a foreign disclosure", _sd_jwt(name, foreign, signed=(name,)), FAILED
    yield "SD-JWT, a disclosure twice", _sd_jwt(name, name), FAILED
    yield "SD-JWT, another hash function", _sd_jwt(name, _sd_alg="sha-512"), CANNOT_TELL
    yield "SD-JWT, a disclosure that is no JSON", _sd_jwt(part(b"{")), FAILED
    yield "SD-JWT, a disclosure that is no base64url", _sd_jwt("abcde"), FAILED
    stray = inner[:-1] + chr(ord(inner[-1]) + 1)
    yield "SD-JWT, a disclosure with stray bits in its last character", _sd_jwt(stray), FAILED
    yield "SD-JWT, signed by another", jwt({"issuer": did_of(ED)}, OTHER, kid=method_of(ED)) + "~", FAILED


def _bound(key: PrivateKey = OTHER, *, header: Json | None = None, cnf: Any = None, **changes: Any) -> str:
    """A presentation with its key binding; a claim of that which is None is left out."""
    name = part(["salt", "name", "Ada"])
    presented = _sd_jwt(name, cnf={"jwk": to_jwk(OTHER.public_key())} if cnf is None else cnf)
    claims = {
        "iat": int(NOW.timestamp()),
        "aud": "https://verifier.example",
        "nonce": "x",
        "sd_hash": _digest(presented),
    } | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return presented + jwt(kept, key, **({"typ": "kb+jwt"} | (header or {})))


def key_binding_cases() -> Iterator[tuple[str, str, str]]:
    """Name, credential and what `credential-signature` must find."""
    now, swapped = int(NOW.timestamp()), _bound().replace(f"~{part(['salt', 'name', 'Ada'])}~", "~")
    for title, made, result in (
        ("that holds", _bound(), PASSED),
        ("by P-256", _bound(P256, cnf={"jwk": to_jwk(P256.public_key())}), PASSED),
        ("by P-384", _bound(P384, cnf={"jwk": to_jwk(P384.public_key())}), PASSED),
        ("of another presentation", swapped, FAILED),
        ("by another than the holder", _bound(ED), FAILED),
        ("by another kind of key than the holder's", _bound(P256), FAILED),
        ("of another type", _bound(header={"typ": "JWT"}), FAILED),
        ("of no type", _bound(header={"typ": None}), FAILED),
        ("without nonce", _bound(nonce=None), FAILED),
        ("without audience", _bound(aud=None), FAILED),
        ("with an audience that is no text", _bound(aud=["https://verifier.example"]), FAILED),
        ("without its time", _bound(iat=None), FAILED),
        ("made at no time", _bound(iat="now"), FAILED),
        ("from the future", _bound(iat=now + 61), FAILED),
        ("that is over", _bound(exp=now), FAILED),
        ("without sd_hash", _bound(sd_hash=None), FAILED),
        ("with another sd_hash", _bound(sd_hash="AAAA"), FAILED),
        ("that is no token", _bound().rpartition(".")[0], FAILED),
        ("whose header is no object", f"{_bound().rpartition('~')[0]}~{part([])}.{part({})}.AA", FAILED),
        ("whose claims are no object", f"{_bound().rpartition('~')[0]}~{jwt([], OTHER, typ='kb+jwt')}", FAILED),
        ("whose claims are no JSON", f"{_bound().rpartition('~')[0]}~{jwt(b'{', OTHER, typ='kb+jwt')}", CANNOT_TELL),
        ("by no algorithm", _bound(header={"alg": "none"}), FAILED),
        ("with what is critical and not read", _bound(header={"crit": ["exp"]}), CANNOT_TELL),
        ("by an algorithm that is not read", _bound(header={"alg": "ES256K"}), PASSED),
        ("and a holder's key that is not read", _bound(cnf={"jwk": {"kty": "RSA"}}), PASSED),
        ("and a holder's key by its name alone", _bound(cnf={"kid": "k"}), PASSED),
    ):
        yield f"SD-JWT with a key binding {title}", made, result
