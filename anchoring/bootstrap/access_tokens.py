"""Settings become a reader of access tokens."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anchoring.core.strict_json import JsonLimits, parse
from anchoring.errors import AuthorizationUnavailable, InvalidInput, Misconfigured
from anchoring.settings import OAuthSettings
from anchoring.types import Did, parse_did

if TYPE_CHECKING:
    from anchoring.signing.access_tokens import JwtAccessTokens

JWKS_BYTES = 256 * 1024
CLIENTS_BYTES = 4 * 1024 * 1024


def open_access_tokens(settings: OAuthSettings) -> "JwtAccessTokens | None":
    """None where no authorization server is configured; nothing is fetched yet. Raises: Misconfigured."""
    if settings.issuer is None:
        return None
    from anchoring.signing.access_tokens import KEY_OF, JwtAccessTokens, TokenRules

    algorithms = frozenset(name.strip() for name in settings.algorithms.split(","))
    if not algorithms <= KEY_OF.keys():
        raise Misconfigured(f"CREDANCHOR_OAUTH__ALGORITHMS must be of {', '.join(KEY_OF)}, separated by commas")
    if settings.audience is None:
        raise Misconfigured(
            "CREDANCHOR_OAUTH__AUDIENCE must say for whom tokens are, or those for other services would open this one"
        )
    rules = TokenRules(
        issuer=settings.issuer,
        audience=settings.audience,
        algorithms=algorithms,
        issuer_claim=settings.issuer_claim,
        clients=None if settings.clients_file is None else _read_clients(settings.clients_file),
        scope_prefix=settings.scope_prefix or "",
        skew=timedelta(seconds=settings.skew_s),
        max_bytes=settings.max_token_bytes,
    )
    return JwtAccessTokens(rules, _key_source(settings))


def _key_source(settings: OAuthSettings) -> Callable[[], bytes]:
    url, file = settings.jwks_url, settings.jwks_file
    if (url is None) == (file is None):
        raise Misconfigured(
            "either CREDANCHOR_OAUTH__JWKS_URL or CREDANCHOR_OAUTH__JWKS_FILE must say where the authorization server's keys are"
        )
    if file is not None:
        return lambda: _read(file)
    from anchoring.bounded_http import HttpGetter, NoAnswer, is_private_address

    getter = HttpGetter(timeout_s=settings.jwks_timeout_s, max_bytes=JWKS_BYTES, allow_private=settings.allow_private)
    try:
        host = getter.check(str(url)).hostname
    except ValueError as wrong:
        raise Misconfigured(
            f"CREDANCHOR_OAUTH__JWKS_URL: {wrong}; CREDANCHOR_OAUTH__ALLOW_PRIVATE lets it be plain HTTP"
        ) from None
    if not settings.allow_private and is_private_address(host or ""):
        raise Misconfigured(
            "CREDANCHOR_OAUTH__JWKS_URL: an address inside a network; CREDANCHOR_OAUTH__ALLOW_PRIVATE lets it be one"
        )

    def fetch() -> bytes:
        try:
            return getter.get(str(url), accept="application/jwk-set+json, application/json", fresh=True).content
        except (NoAnswer, ValueError) as failed:
            raise AuthorizationUnavailable(f"the authorization server gives no keys: {failed}") from failed

    return fetch


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as failed:
        raise AuthorizationUnavailable(f"CREDANCHOR_OAUTH__JWKS_FILE: {file} cannot be read: {failed.strerror}") from failed


def _read_clients(file: Path) -> Mapping[str, Did]:
    """`{"client": "did:…"}`. Raises: Misconfigured."""
    try:
        told: Any = parse(file.read_bytes(), JsonLimits(max_bytes=CLIENTS_BYTES, max_depth=2))
        return {client: parse_did(did, at=f"$.{client}") for client, did in told.items()}
    except OSError as failed:
        raise Misconfigured(f"CREDANCHOR_OAUTH__CLIENTS_FILE: {file} cannot be read: {failed.strerror}") from failed
    except (InvalidInput, TypeError, AttributeError) as wrong:
        raise Misconfigured(f"CREDANCHOR_OAUTH__CLIENTS_FILE: {file} must map clients to DIDs: {wrong}") from wrong
