"""Access tokens of OAuth 2.0 as JWTs (RFC 9068, RFC 8725): read with the keys of one configured authorization server only.

What a token says of keys (`jwk`, `jku`, `x5u`, `x5c`) is not looked at. The algorithm must be one of those configured, and the
key of the kind that it needs, so that neither `none` nor a public key taken for an HMAC's secret gets anywhere.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from joserfc import jwk, jws
from joserfc.errors import JoseError, SecurityWarning

from anchoring.core.base64url import decode_base64url
from anchoring.core.scopes import OF_ISSUERS, Scope
from anchoring.core.strict_json import JsonLimits, JsonValue, parse
from anchoring.errors import AuthorizationUnavailable, InvalidInput, NotAllowed
from anchoring.ports.access_tokens import AccessToken, SignerUnknown
from anchoring.signing.multikey import may_verify
from anchoring.types import Did, parse_did

KEY_OF: Final = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "PS384": ("RSA", None),
    "PS512": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""The algorithms that may be configured, and kind and curve of the key that each needs. All are asymmetric."""

TYPES: Final = frozenset({"at+jwt", "application/at+jwt", "jwt", ""})
"""RFC 9068 asks for the first; many servers write the third or none. Others, such as ID tokens' kin, are not for us."""

SCOPE_CLAIMS: Final = ("scope", "scp", "roles")
"""RFC 9068; what others call it; and where some put what a client may do that acts for nobody."""

MOST_KEYS: Final = 100
MIN_RSA_BITS: Final = 2048
CLIENT_CHARACTERS: Final = 200
_LATEST: Final = 253_402_300_799
"""The last second of the year 9999."""
_PARTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """`issuer`, `audience`: as tokens must say exactly. `clients`: DID by client; None where `issuer_claim` names it.

    `scope_prefix`: what stands before our scopes there. `skew`: how far clocks may differ. `max_bytes`: of a token.
    """

    issuer: str
    audience: str
    algorithms: frozenset[str]
    issuer_claim: str
    clients: Mapping[str, Did] | None
    scope_prefix: str
    skew: timedelta
    max_bytes: int


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str | None
    alg: str | None
    kind: str
    curve: str | None
    key: Any

    def fits(self, algorithm: str) -> bool:
        return (self.kind, self.curve) == KEY_OF[algorithm] and self.alg in (None, algorithm)


class JwtAccessTokens:
    """Implements ports.AccessTokens. `read_keys`: the JWKS as the server gives it; raises AuthorizationUnavailable."""

    def __init__(self, rules: TokenRules, read_keys: Callable[[], bytes]) -> None:
        self._rules = rules
        self._read_keys = read_keys
        self._keys: Sequence[_Key] = ()
        self._limits = JsonLimits(max_bytes=rules.max_bytes, max_depth=8)
        self._registry = jws.JWSRegistry(algorithms=rules.algorithms, strict_check_header=False)

    def fetch(self) -> None:
        self._keys = _read_jwks(self._read_keys())

    def check(self, text: str, now: datetime) -> AccessToken:
        if len(text) > self._rules.max_bytes:
            raise _not_valid()
        try:
            header, claims = self._read(text)
            algorithm, kid = self._algorithm(header), header.get("kid")
            token = self._token(claims, now)
        except (InvalidInput, ValueError, OverflowError):
            raise _not_valid() from None
        found = [one for one in self._keys if one.fits(algorithm) and kid in (None, one.kid)]
        if not found or (kid is None and len(found) > 1):
            raise SignerUnknown(_not_valid().message)
        if not any(self._is_signed(text, one.key) for one in found):
            raise _not_valid()
        return token

    def _read(self, text: str) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
        parts = text.split(".")
        if len(parts) != _PARTS or not text.isascii():
            raise ValueError("not three parts")
        header, claims = (parse(decode_base64url(part), self._limits) for part in parts[:2])
        if isinstance(header, dict) and isinstance(claims, dict):
            return header, claims
        raise ValueError("not objects")

    def _algorithm(self, header: Mapping[str, JsonValue]) -> str:
        algorithm, typ = header.get("alg"), header.get("typ", "")
        if not isinstance(algorithm, str) or algorithm not in self._rules.algorithms:
            raise ValueError("another algorithm")
        if not isinstance(typ, str) or typ.lower() not in TYPES or "crit" in header or "b64" in header:
            raise ValueError("another kind of token")
        return algorithm

    def _token(self, claims: Mapping[str, JsonValue], now: datetime) -> AccessToken:
        """What it says, if it is for us and now. Raises: ValueError, InvalidInput."""
        rules = self._rules
        audience = claims.get("aud")
        if claims.get("iss") != rules.issuer or rules.audience not in (audience if isinstance(audience, list) else [audience]):
            raise ValueError("of another server, or for another service")
        ends_at = _moment(claims.get("exp"))
        begins = [_moment(claims[name]) for name in ("nbf", "iat") if claims.get(name) is not None]
        if now >= ends_at + rules.skew or any(now < begin - rules.skew for begin in begins):
            raise ValueError("not now")
        client = claims.get("client_id") or claims.get("azp") or claims.get("sub")
        if not isinstance(client, str) or not client.isprintable() or len(client) > CLIENT_CHARACTERS:
            raise ValueError("of nobody")
        return AccessToken(client=client, issuer=self._issuer(claims, client), scopes=self._scopes(claims), ends_at=ends_at)

    def _issuer(self, claims: Mapping[str, JsonValue], client: str) -> Did:
        if self._rules.clients is not None:
            if client not in self._rules.clients:
                raise ValueError("a client that is nobody here")
            return self._rules.clients[client]
        named = claims.get(self._rules.issuer_claim)
        return parse_did(named if isinstance(named, str) else "")

    def _scopes(self, claims: Mapping[str, JsonValue]) -> frozenset[Scope]:
        """Those that it has of ours; an operator's are not had by token."""
        names: list[JsonValue] = []
        for claim in SCOPE_CLAIMS:
            said = claims.get(claim)
            names += said if isinstance(said, list) else said.split(" ") if isinstance(said, str) else []
        prefix = self._rules.scope_prefix
        ours = {name.removeprefix(prefix) for name in names if isinstance(name, str) and name.startswith(prefix)}
        return frozenset(scope for scope in OF_ISSUERS if scope in ours)

    def _is_signed(self, text: str, key: Any) -> bool:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)  # the operator chose the algorithm
                jws.deserialize_compact(text, key, registry=self._registry)
        except (JoseError, ValueError, TypeError):
            return False
        return True


def _read_jwks(content: bytes) -> Sequence[_Key]:
    """The public keys for signatures that can be used; others are left out. Raises: AuthorizationUnavailable for no JWKS."""
    try:
        told = parse(content, JsonLimits(max_bytes=len(content), max_depth=8))
        members = told["keys"] if isinstance(told, dict) else None
    except (InvalidInput, KeyError):
        members = None
    if not isinstance(members, list):
        raise AuthorizationUnavailable("what the authorization server gives is no JSON Web Key Set")
    return [key for member in members[:MOST_KEYS] if isinstance(member, dict) and (key := _read_key(member))]


def _read_key(member: dict[str, JsonValue]) -> _Key | None:
    kind, curve, kid, alg = (member.get(name) for name in ("kty", "crv", "kid", "alg"))
    if kind not in ("RSA", "EC", "OKP") or not may_verify(member):
        return None
    public = {name: member[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in member}
    try:
        if kind == "RSA" and int.from_bytes(decode_base64url(str(member.get("n")))).bit_length() < MIN_RSA_BITS:
            return None
        key = jwk.import_key(public)  # type: ignore[arg-type] # it looks at them itself
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return _Key(
        kid=kid if isinstance(kid, str) else None,
        alg=alg if isinstance(alg, str) else None,
        kind=str(kind),
        curve=curve if isinstance(curve, str) else None,
        key=key,
    )


def _moment(said: JsonValue) -> datetime:
    if not isinstance(said, int | float) or isinstance(said, bool) or not 0 <= said <= _LATEST:
        raise ValueError("no time")
    return datetime.fromtimestamp(said, UTC)


def _not_valid() -> NotAllowed:
    return NotAllowed("the access token is not valid")
