"""The JSON-LD contexts that Blockcerts credentials name. They come with the project: nothing is fetched."""

import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

_FILES: Final = {
    "https://www.w3.org/2018/credentials/v1": "credentials-v1",
    "https://www.w3.org/ns/credentials/v2": "credentials-v2",
    "https://w3id.org/security/data-integrity/v2": "data-integrity-v2",
    "https://w3id.org/security/suites/merkle-2019/v1": "merkle-2019-v1",
    "https://w3id.org/vc/status-list/2021/v1": "status-list-2021-v1",
} | {
    name: f"blockcerts-v{version}"
    for version, short in (("3.0", "3"), ("3.1", "3.1"), ("3.2", "3.2"))
    for name in (
        f"https://w3id.org/blockcerts/v{short}",
        f"https://w3id.org/blockcerts/schema/{version}/context.json",
        f"https://www.blockcerts.org/schema/{version}/context.json",
    )
}


DELIMITERS: Final = ("/", "#", ":")
"""With one of these ends what can stand for the beginning of other identifiers."""


@cache
def known_context(url: str) -> dict[str, Any] | None:
    """The context of this name; None when it is not among ours."""
    if url not in _FILES:
        return None
    text = files("anchoring.blockcerts").joinpath(f"contexts/{_FILES[url]}.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


@cache
def known_names() -> dict[str, str]:
    """What the contexts that are known here call a meaning, by its IRI: the same in all of them."""
    return {iri: term for term, iri in terms()}


@cache
def known_prefixes() -> frozenset[str]:
    """The terms that can stand before a colon."""
    return frozenset(term for term, iri in terms() if iri.endswith(DELIMITERS))


def terms() -> list[tuple[str, str]]:
    """Every term of the contexts that are known here, however deep, with its IRI."""
    found = [pair for name in _FILES for pair in _terms((known_context(name) or {})["@context"])]
    prefixes = {term: iri for term, iri in found if iri.endswith(DELIMITERS)}
    return [(term, _written_out(iri, prefixes)) for term, iri in found]


def _terms(context: Any) -> Iterator[tuple[str, str]]:
    """Terms and their IRIs, as they are written."""
    for term, definition in context.items() if isinstance(context, dict) else ():
        if isinstance(definition, dict):
            yield term, definition["@id"]
            yield from _terms(definition.get("@context"))
        elif not term.startswith("@"):
            yield term, definition


def _written_out(iri: str, prefixes: dict[str, str]) -> str:
    prefix, _, rest = iri.partition(":")
    return prefixes[prefix] + rest if prefix in prefixes else iri
