"""The one way to write what a graph says, so that whoever has the digest of the graph has that of what is written, too.

JSON-LD can write one graph in many ways: what one file calls `grade` another calls `formerGrade`, or puts where a graph does not
reach. Only one of them is taken here (docs/blockcerts.md, section 4): each name follows from the graph, and nothing is left out.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from anchoring.blockcerts.contexts import DELIMITERS, known_names, known_prefixes
from anchoring.core.strict_json import JsonValue, json_path
from anchoring.errors import InvalidInput

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
"""In which lists and values of JSON could be written in a second way."""

_NAME: Final = re.compile(r"[^@/#:][^/#:]*")
_COMPACT: Final = re.compile(r"([^:\s]*):(?!//)\S*")
_CONTAINERS: Final = ("@set", "@list", ["@set"], ["@list"])
_NODE: Final = frozenset({"@id", "@type"})
_VALUE: Final = frozenset({"@value", "@type", "@language"})
_IN_ITS_LANGUAGE: Final = frozenset({"@value", "@language"})
_LANGUAGE: Final = re.compile("[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_ESCAPED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
"""What canonical N-Quads (RDFC-1.0) escape, and PyLD and elder libraries do not, or do in another way."""
_LEAST_WITHOUT_EXPONENT: Final = 1e-6
"""Below it JavaScript writes a number with an exponent, and without a point where it has one digit."""

_DOUBLE: Final = "http://www.w3.org/2001/XMLSchema#double"
"""Of which PyLD and stock libraries take texts for numbers, each in its own way."""

Steps = tuple[str | int, ...]


def name_of(iri: str) -> str:
    """What a member or type with this meaning is called: as in the contexts that are known here, else by its last part."""
    return known_names().get(iri) or re.split("[/#:]", iri)[-1]


def require_plain_contexts(contexts: Sequence[JsonValue], active: Mapping[str, Any]) -> None:
    """`active`: what PyLD made of `contexts`. Raises: InvalidInput where one could give a member another name, or hide it."""
    for number, context in enumerate(contexts):
        for term, definition in context.items() if isinstance(context, dict) else []:
            at = json_path(("@context", number, term))
            if term == "@version" or (term == "@vocab" and str(active.get("@vocab")).endswith(DELIMITERS)):
                continue
            if term.startswith("@"):
                raise InvalidInput("must be absent, or for @vocab a URL that ends with /, # or :", at=at)
            if not _is_plain(definition):
                raise InvalidInput("must be a URL, or an object of @id, @type and @container (@set or @list) alone", at=at)
            iri = (active["mappings"].get(term) or {}).get("@id") or ""
            is_prefix = isinstance(definition, str) and iri.endswith(DELIMITERS)
            if not is_prefix and name_of(iri) != term:
                raise InvalidInput(f"must be called {name_of(iri)!a}: the graph holds {iri!a} and no other name for it", at=at)


def require_plain_members(members: Mapping[str, JsonValue], active: Mapping[str, Any]) -> None:
    """`members`: of a credential without contexts and proof. Raises: InvalidInput naming what could be written in another way."""
    prefixes = known_prefixes() | {term for term, mapping in active["mappings"].items() if mapping and mapping["_prefix"]}
    vocabulary = active.get("@vocab") or ""
    for steps, value in _everything(dict(members), ()):
        if wrong := _why_not_plain(value, prefixes):
            raise InvalidInput(f"{wrong}, so its digest would not cover it", at=json_path(steps))
        if odd := _why_not_the_same(value):
            raise InvalidInput(f"{odd}, so verifiers would not agree on its digest", at=json_path(steps))
        for name in _names(steps, value):
            if _NAME.fullmatch(name) is None or name_of(vocabulary + name) != name:
                raise InvalidInput(f"{name[:64]!a} is no plain name: write the term that stands for it", at=json_path(steps))


def require_whole(expanded: Any, statements: set[str]) -> None:
    """Raises: InvalidInput when a document that was expanded says what is not among the statements of its graph, or twice."""
    nodes = [node for node in _objects(expanded) if "@value" not in node and "@list" not in node]
    for one in _objects(expanded):
        known = _VALUE if "@value" in one else {"@list"} if "@list" in one else _NODE
        if unknown := [name for name in one if name.startswith("@") and name not in known]:
            raise InvalidInput(f"has a place for {', '.join(unknown)}, which the digest would not cover")
        if texts := [name for name, inner in one.items() if not name.startswith("@") and any(map(_is_double_text, inner))]:
            raise InvalidInput(f"{texts[0]!a} holds a text where its context has {_DOUBLE}: write the number")
        if bare := [iri for iri in _meanings(one) if iri.endswith(DELIMITERS)]:
            raise InvalidInput(
                f"{bare[0][:100]!a} is a prefix, and stands as a member or type, whose name the digest would not cover"
            )
    places = Counter(node["@id"] for node in nodes if "@id" in node)
    for node in nodes:
        if places[node.get("@id")] > 1 and len(node) > 1:
            raise InvalidInput(f"{node['@id']!a} has members in one place and stands in another, where they could stand as well")
    if _count(expanded) != len(statements):
        raise InvalidInput("says the same twice, and the digest would not cover how often")


def _is_double_text(value: Mapping[str, Any]) -> bool:
    items = value.get("@list", [value])
    return any(one.get("@type") == _DOUBLE and isinstance(one.get("@value"), str) for one in items)


def _is_plain(definition: JsonValue) -> bool:
    if not isinstance(definition, dict):
        return isinstance(definition, str)
    kind = definition.get("@type", "@id")
    return (
        set(definition) <= {"@id", "@type", "@container"}
        and definition.get("@container", "@set") in _CONTAINERS
        and isinstance(kind, str)
        and (kind in ("@id", "@json") or not kind.startswith("@"))
    )


def _everything(value: JsonValue, steps: Steps) -> Iterator[tuple[Steps, JsonValue]]:
    yield steps, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _everything(inner, (*steps, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _everything(inner, (*steps, number))


def _why_not_plain(value: JsonValue, prefixes: frozenset[str]) -> str | None:
    if value is None or value == []:
        return "is empty"
    if isinstance(value, list) and any(isinstance(one, list) for one in value):
        return "is an array in an array"
    if isinstance(value, float) and float(f"{value:.15E}") != value:
        return "has more than 16 digits"
    if isinstance(value, str) and (compact := _COMPACT.fullmatch(value)) and compact[1] in prefixes:
        return f"is written with the prefix {compact[1]!a}"
    if isinstance(value, dict) and "@value" in value and not _is_in_its_language(value):
        return "has more or other than a text, @value, and its @language"
    return None


def _why_not_the_same(value: JsonValue) -> str | None:
    """Of what verifiers in JavaScript put into the graph in another way than PyLD."""
    if isinstance(value, str) and (escaped := _ESCAPED.search(value)):
        return f"holds the control character U+{ord(escaped[0]):04X}"
    if isinstance(value, float) and abs(value) < _LEAST_WITHOUT_EXPONENT and value and "." not in repr(value):
        return "is a number that some take for 0 (write it as a text)"
    return None


def _is_in_its_language(value: Mapping[str, JsonValue]) -> bool:
    """Whether it is a text with its language, as in section 11.1 of VC Data Model 2.0. The graph would not hold a direction."""
    text, language = value.get("@value"), value.get("@language")
    is_tagged = isinstance(language, str) and _LANGUAGE.fullmatch(language) is not None
    return value.keys() == _IN_ITS_LANGUAGE and isinstance(text, str) and is_tagged


def _names(steps: Steps, value: JsonValue) -> Iterator[str]:
    """Names of members and of types that stand here."""
    yield from value if isinstance(value, dict) and "@value" not in value else ()
    holder = next((step for step in reversed(steps) if isinstance(step, str)), None)
    if holder == "type" and isinstance(value, str):
        yield value


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a document that was expanded, but not what is inside values."""
    if isinstance(value, list):
        for one in value:
            yield from _objects(one)
    elif isinstance(value, Mapping):
        yield value
        for name, inner in value.items():
            if name == "@list" or not name.startswith("@"):
                yield from _objects(inner)


def _meanings(one: Mapping[str, Any]) -> Iterator[str]:
    """Of the members of an object, and its types."""
    for name, inner in one.items():
        if name == "@type" and "@value" not in one:
            yield from inner
        elif not name.startswith("@"):
            yield name


def _count(expanded: Any) -> int:
    """How many statements a graph needs to say all of it."""
    count = 0
    for one in _objects(expanded):
        for name, values in one.items():
            if name == "@list":
                count += 2 * len(values)  # the item, and what follows it
            elif not name.startswith("@") or (name == "@type" and "@value" not in one):
                count += len(values)
    return count
