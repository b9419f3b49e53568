"""Blockcerts' rule: the RDF graph of a credential without its proof, in canonical form (docs/blockcerts.md, section 4).

A graph does not hold what its contexts say nothing of, nor what things are called, so whatever would be left out or could be
written in another way is refused (anchoring/blockcerts/spelling.py). Its blank nodes are named by
RDFC-1.0, which PyLD calls URDNA2015; the time that takes grows with the factorial of those that look alike, so these are few.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pyld import jsonld
from pyld.canon import URDNA2015
from pyld.nquads import serialize_nquad

from anchoring.blockcerts.contexts import known_context
from anchoring.blockcerts.spelling import RDF, require_plain_contexts, require_plain_members, require_whole
from anchoring.core.blockcerts import unfinished
from anchoring.core.canonical import CanonicalForm, Canonicalization
from anchoring.errors import InvalidInput
from anchoring.types import as_digest

FALLBACK: Final = "http://fallback.org/"
"""Where words without a meaning end up, in stock verifiers as well."""
RELATIVE: Final = "http://relative.invalid/"
"""What PyLD takes relative identifiers to be relative to. Other libraries leave them out of the graph."""

MOST_ALIKE: Final = 6
MOST_BLANK: Final = 1_000

_NQUADS: Final = "application/n-quads"
_ABSOLUTE: Final = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f\x7f\ufffe\uffff<>"{}|\\^`]*')
_BROKEN: Final = (jsonld.JsonLdError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def blockcerts_form(body: bytes) -> CanonicalForm:
    """The form of a Blockcerts v3 credential, finished or not.

    Raises: InvalidInput naming what is wrong: a term that no context maps, a context not known here, a relative identifier.
    """
    document = unfinished(body)
    contexts = document["@context"]
    assert isinstance(contexts, list)  # `unfinished` has seen to it
    if not any(isinstance(one, dict) and "@vocab" in one for one in contexts):
        document = document | {"@context": [*contexts, {"@vocab": FALLBACK}]}
    missing: list[str] = []
    dropped: list[str | None] = []

    def load(url: str, _options: object) -> dict[str, Any]:
        if (found := known_context(url)) is None:
            missing.append(url)
            raise ValueError(url)
        return {"contextUrl": None, "documentUrl": url, "document": found, "contentType": "application/ld+json"}

    options = {"documentLoader": load, "processingMode": "json-ld-1.1", "base": RELATIVE}
    processor = jsonld.JsonLdProcessor()
    try:
        active = processor.process_context(processor.process_context({}, None, options), document["@context"], options)
        expanded = jsonld.expand(document, options, on_property_dropped=dropped.append)
        dataset = jsonld.to_rdf(document, options)
    except _BROKEN as broken:
        if missing:
            why = "is not among those that come with this program; write its terms into the credential"
            raise InvalidInput(f"{missing[0]} {why}", at="$['@context']") from broken
        raise InvalidInput(f"is no JSON-LD: {_words(broken)}") from broken
    if dropped:
        raise InvalidInput("has members that look like keywords of JSON-LD and are none, so its digest would not cover them")
    _require_covered(expanded)
    require_plain_contexts(contexts, active)
    require_plain_members({name: member for name, member in document.items() if name != "@context"}, active)
    near = _lines_by_node(dataset)
    _require_few_alike(near)
    quads = str(URDNA2015().main(dataset, {"format": _NQUADS}))
    statements = [line for line in quads.split("\n") if line]
    require_whole(expanded, set(statements))
    for lines in (statements, *near.values()):
        _require_one_order(lines)
    data = quads.encode()
    return CanonicalForm(
        canonicalization=Canonicalization.BLOCKCERTS_RDFC, data=data, digest=as_digest(hashlib.sha256(data).digest())
    )


def _require_covered(expanded: Any) -> None:
    """Raises: InvalidInput when something in the document does not reach the graph."""
    unmapped = sorted({iri.removeprefix(FALLBACK) for iri in _iris(expanded) if iri.startswith(FALLBACK)})
    if unmapped:
        named = ", ".join(unmapped)
        raise InvalidInput(
            f"no context says what these terms mean, so the digest would not cover them: {named}", at="$['@context']"
        )
    for iri in _iris(expanded):
        if iri.startswith("_:"):
            raise InvalidInput(f"{iri} is a label of a blank node; leave the id out, or give a URL")
        if iri.startswith(RELATIVE) or _ABSOLUTE.fullmatch(iri) is None:
            found = ascii(iri.removeprefix(RELATIVE)[:100])
            raise InvalidInput(f"{found} stands where an identifier is meant and is no URL, so the digest would not cover it")
        if iri.startswith(RDF):
            raise InvalidInput(f"{iri[:100]} is of RDF itself, and could be written in another way")


def _iris(value: Any) -> Iterator[str]:
    """Every name of a member, type and identifier in a document that was expanded."""
    if isinstance(value, list):
        for one in value:
            yield from _iris(one)
    elif isinstance(value, Mapping) and "@value" not in value:
        for name, inner in value.items():
            if name == "@id":
                yield str(inner)
            elif name == "@type":
                yield from map(str, inner)
            else:
                yield from () if name.startswith("@") else (name,)
                yield from _iris(inner)
    elif isinstance(value, Mapping) and not str(value.get("@type", "@json")).startswith("@"):
        yield str(value["@type"])


def _lines_by_node(dataset: Mapping[str, Any]) -> dict[str, list[str]]:
    """What RDFC-1.0 (section 4.6) hashes of each blank node: its statements, in which it is `_:a` and others are `_:z`."""
    near: dict[str, list[str]] = {}
    for graph, triples in dataset.items():
        for triple in triples:
            ends = {name: triple[name] for name in ("subject", "object")}
            for node in {end["value"] for end in ends.values() if end["type"] == "blank node"}:
                shown = {name: _relabelled(end, node) for name, end in ends.items()}
                near.setdefault(node, []).append(serialize_nquad(triple | shown, None if graph == "@default" else graph))
    return near


def _relabelled(end: dict[str, Any], node: str) -> dict[str, Any]:
    return end | {"value": "_:a" if end["value"] == node else "_:z"} if end["type"] == "blank node" else end


def _require_few_alike(near: Mapping[str, Sequence[str]]) -> None:
    """`near`: lines by node. Raises: InvalidInput where blank nodes would take too long to name."""
    alike = Counter(tuple(sorted(lines)) for lines in near.values())
    if len(near) > MOST_BLANK:
        raise InvalidInput(f"has {len(near)} objects without an id, more than {MOST_BLANK}")
    if max(alike.values(), default=0) > MOST_ALIKE:
        raise InvalidInput(f"has more than {MOST_ALIKE} objects that look alike and have no id: give them ids")


def _require_one_order(lines: Sequence[str]) -> None:
    """Raises: InvalidInput where JavaScript, which sorts by units of UTF-16, has another order than RDFC-1.0: by characters."""
    for one, other in zip(sorted(lines), sorted(lines, key=lambda line: line.encode("utf-16-be")), strict=True):
        if one != other:
            names = " and ".join(sorted({line.split(" ")[1] for line in (one, other)}))
            raise InvalidInput(
                f"{names} has two values that verifiers sort in different ways, because of a character beyond U+FFFF, "
                "so they would not agree on the digest"
            )


def _words(broken: Exception) -> str:
    return str(getattr(broken, "code", None) or broken)[:200].splitlines()[0] if str(broken) else type(broken).__name__
