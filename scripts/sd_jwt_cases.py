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
    yield from _misplaced_cases()
    stray = inner[:-1] + chr(ord(inner[-1]) + 1)
    yield "SD-JWT, a disclosure with stray bits in its last character", _sd_jwt(stray), FAILED
    yield "SD-JWT, signed by another", jwt({"issuer": did_of(ED)}, OTHER, kid=method_of(ED)) + "~", FAILED


def _misplaced_cases() -> Iterator[tuple[str, str, str]]:
    """What RFC 9901 section 7.1 says must be rejected, although it was signed for, and times that are disclosed."""
    name, now = part(["salt", "name", "Ada"]), int(NOW.timestamp())
    item, four = part(["salt4", "B2"]), part(["salt", "name", "Ada", "more"])
    for title, disclosure, result in (
        ("that is over", part(["salt", "exp", now]), FAILED),
        ("that is not over", part(["salt", "exp", now + 1]), PASSED),
        ("still to begin", part(["salt", "nbf", now + 61]), FAILED),
        ("of the future", part(["salt", "iat", now + 3600]), FAILED),
        ("that is no time", part(["salt", "exp", "never"]), FAILED),
        ("of another object that is over", part(["salt", "address", {"exp": 1}]), PASSED),
    ):
        yield f"SD-JWT, a time disclosed {title}", _sd_jwt(disclosure), result
    for title, disclosure in (
        ("_sd", part(["salt", "_sd", []])),
        ("...", part(["salt", "...", "x"])),
        ("no text", part(["salt", 1, "x"])),
        ("that of a claim in clear", part(["salt", "issuer", did_of(OTHER)])),
    ):
        yield f"SD-JWT, a disclosure whose name is {title}", _sd_jwt(disclosure), FAILED
    other, same = (part(["salt", "iss", did]) for did in (did_of(OTHER), did_of(ED)))
    yield "SD-JWT, another issuer disclosed beside the one in clear", _sd_jwt(other), FAILED
    yield "SD-JWT, the same issuer disclosed beside the one in clear", _sd_jwt(same), PASSED
    for title, made, result in issuers_disclosed():
        yield f"SD-JWT, {title}", made, result
    for title, disclosure in (
        ("four elements", four),
        ("two elements", item),
        ("an object", part({"name": "Ada"})),
        ("a text", part("name")),
        ("null", part(None)),
    ):
        yield f"SD-JWT, a disclosure of a member that is {title}", _sd_jwt(disclosure), FAILED
    for title, disclosure in (("three elements", name), ("null", part(None))):
        levels = [{"...": _digest(disclosure)}]
        yield f"SD-JWT, a disclosure of an item that is {title}", _sd_jwt(disclosure, signed=(), levels=levels), FAILED
    for title, claims in (
        ("twice in a list", {"_sd": [_digest(name)] * 2}),
        ("in two lists", {"_sd": [_digest(name)], "address": {"_sd": [_digest(name)]}}),
        ("in a list and as an item", {"_sd": [_digest(name)], "levels": [{"...": _digest(name)}]}),
    ):
        yield f"SD-JWT, the same digest {title}", _sd_jwt(name, **claims), FAILED
        yield f"SD-JWT, the same digest {title}, nothing disclosed", _sd_jwt(**claims), FAILED
    eve = part(["salt2", "name", "Eve"])
    yield "SD-JWT, two disclosures of one name", _sd_jwt(name, eve), FAILED
    yield "SD-JWT, ... with siblings", _sd_jwt(item, signed=(), levels=[{"...": _digest(item), "x": 1}]), FAILED
    yield "SD-JWT, ... with no array around it", _sd_jwt(item, signed=(), levels={"...": _digest(item)}), FAILED
    yield "SD-JWT, ... that is no digest", _sd_jwt(signed=(), levels=[{"...": 1}]), FAILED
    yield "SD-JWT, _sd that is no list", _sd_jwt(_sd=_digest(name)), FAILED
    yield "SD-JWT, _sd of no digests", _sd_jwt(_sd=[1]), FAILED
    yield "SD-JWT, a disclosure without its ~", _sd_jwt(tail=name, signed=(name,)), FAILED
    yield "SD-JWT, no key binding behind the last ~", _sd_jwt(name, tail="a.b"), FAILED
    deep = [part(["salt", "in", 1])]
    for _ in range(70):
        deep.append(part(["salt", "in", {"_sd": [_digest(deep[-1])]}]))
    yield "SD-JWT, disclosures in disclosures beyond what is read", _sd_jwt(*deep, signed=(deep[-1],)), CANNOT_TELL


def issuers_disclosed() -> Iterator[tuple[str, str, str]]:
    """What is disclosed may name the issuer of the signed part, in any of the members that name one, and no other."""
    ours, other = did_of(ED), did_of(OTHER)
    for title, did, result in (("the same", ours, PASSED), ("another", other, FAILED), ("no text for an", 5, FAILED)):
        envelope, member, named = part(["s", "vc", {"issuer": did}]), part(["s", "issuer", did]), part(["s", "id", did])
        yield f"{title} issuer in an envelope that is disclosed", _sd_jwt(envelope), result
        yield f"{title} issuer disclosed in an envelope", _sd_jwt(member, signed=(), vc={"_sd": [_digest(member)]}), result
        inside = {"issuer": {"_sd": [_digest(named)]}}
        yield f"{title} issuer disclosed by its id in an envelope", _sd_jwt(named, signed=(), vc=inside), result
    yield "an issuer disclosed without an id", _sd_jwt(part(["s", "vc", {"issuer": {"name": "x"}}])), PASSED


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


def _bound_by_disclosed(key: PrivateKey = OTHER) -> str:
    """A presentation in which the holder's key is disclosed itself."""
    presented = _sd_jwt(part(["salt", "cnf", {"jwk": to_jwk(OTHER.public_key())}]))
    claims = {"iat": int(NOW.timestamp()), "aud": "https://verifier.example", "nonce": "x", "sd_hash": _digest(presented)}
    return presented + jwt(claims, key, typ="kb+jwt")


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
        ("by a key that is disclosed", _bound_by_disclosed(), PASSED),
        ("by another than the key that is disclosed", _bound_by_disclosed(ED), FAILED),
        ("that is no token", _bound().rpartition(".")[0], FAILED),
        ("whose header is no object", f"{_bound().rpartition('~')[0]}~{part([])}.{part({})}.AA", FAILED),
        ("whose claims are no object", f"{_bound().rpartition('~')[0]}~{jwt([], OTHER, typ='kb+jwt')}", FAILED),
        ("whose claims are no JSON", f"{_bound().rpartition('~')[0]}~{jwt(b'{', OTHER, typ='kb+jwt')}", CANNOT_TELL),
        ("by no algorithm", _bound(header={"alg": "none"}), FAILED),
        ("with what is critical and not read", _bound(header={"crit": ["exp"], "exp": 1}), CANNOT_TELL),
        ("by an algorithm that is not read", _bound(header={"alg": "ES256K"}), PASSED),
        ("and a holder's key that is not read", _bound(cnf={"jwk": {"kty": "RSA"}}), PASSED),
        ("and a holder's key that is private", _bound(cnf={"jwk": to_jwk(OTHER.public_key()) | {"d": "AAAA"}}), PASSED),
        ("and a holder's key by its name alone", _bound(cnf={"kid": "k"}), PASSED),
    ):
        yield f"SD-JWT with a key binding {title}", made, result
