"""Pages and what they load, as they stand in `service/web`: five languages, no build step, nothing from third parties."""

import gzip
import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from anchoring.errors import InvalidInput
from anchoring.types import parse_http_url

WEB: Final = Path(__file__).parent / "web"
LANGUAGES: Final = {"en": "English", "es": "Español", "ca": "Català", "gl": "Galego", "eu": "Euskara"}
"""Those that the pages speak, each by its own name; the first where a reader asks for none of them."""

NODE_COOKIE: Final = "credanchor-node"
REGISTRY_COOKIE: Final = "credanchor-issuers"
"""The node and the Trusted Issuers Registry that a reader entered. Only the page itself sets them, and no link from elsewhere
carries them (`SameSite=Strict`)."""

_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml"}
_TEXT: Final = re.compile(r'(<[a-z0-9]+\b[^>]*\bdata-t="([a-z0-9.-]+)"[^>]*>)')
_VALUE: Final = re.compile(r"\{\{([a-z0-9.-]+)\}\}")
_QUALITY: Final = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,32})?\s*(?:;\s*q=([01](?:\.[0-9]{1,3})?))?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file as it is served: `packed` is its gzip. `etag`: of the content, whichever form is sent."""

    content: bytes
    packed: bytes
    media_type: str
    etag: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every file that pages load, by its path below `/web/`."""
    return {
        path.relative_to(WEB).as_posix(): _asset(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(WEB.rglob("*"))
        if path.suffix in _TYPES and path.name != "package.json"
    }


@cache
def messages(language: str) -> Mapping[str, str]:
    """The catalogue of one language."""
    found: dict[str, str] = json.loads((WEB / "messages" / f"{language}.json").read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=64)
def page(name: str, language: str, kept: str) -> Asset:
    """A page with its fixed texts in it. `kept`: the query, without its language, that a switch of language keeps."""
    words = messages(language)
    text = (WEB / f"{name}.html").read_text(encoding="utf-8")
    text = _TEXT.sub(lambda match: match[1] + html.escape(words[match[2]]), text)
    values = {**words, "lang": language}
    text = text.replace("{{languages}}", _switch(language, kept))
    return _asset(_VALUE.sub(lambda match: html.escape(values[match[1]]), text).encode(), "text/html")


def choose_language(asked: str | None, accepted: str) -> str:
    """`asked`: of the query. `accepted`: the field `Accept-Language` (RFC 9110 section 12.5.4)."""
    if asked in LANGUAGES:
        return asked
    wanted = [(float(match[2] or 1), match[1].lower()) for one in accepted.split(",")[:20] if (match := _QUALITY.fullmatch(one))]
    ranked = sorted((one for one in wanted if one[0] > 0), key=lambda one: -one[0])
    return next((name for _, name in ranked if name in LANGUAGES), next(iter(LANGUAGES)))


def policy(*urls: str | None) -> str:
    """What the page may load and ask: this service, and the hosts of these nodes and registries."""
    origins = "".join(f" {origin}" for origin in dict.fromkeys(_origin(url) for url in urls if url))
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{origins}; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def url_in_cookie(value: str | None) -> str | None:
    """What a reader entered; None where there is none that a page may be let connect to, as a policy names no address of IPv6."""
    try:
        url = parse_http_url(unquote(value)) if value else None
    except InvalidInput:
        return None
    return None if url is None or "[" in url else url


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _switch(language: str, kept: str) -> str:
    more = f"&amp;{html.escape(kept)}" if kept else ""
    links = []
    for name, own in LANGUAGES.items():
        current = ' aria-current="true"' if name == language else ""
        links.append(f'<a href="?lang={name}{more}" hreflang="{name}" lang="{name}"{current}>{own}</a>')
    return "".join(links)


def _asset(content: bytes, media_type: str) -> Asset:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Asset(content=content, packed=gzip.compress(content, 9, mtime=0), media_type=media_type, etag=etag)
