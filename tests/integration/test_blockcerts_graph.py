"""The graph that Blockcerts' rule hashes is, to the byte, that of the library in stock verifiers, or the credential is refused."""

import json
import random
from typing import Any

import pytest

from anchoring.blockcerts.contexts import known_context
from anchoring.blockcerts.rdfc import blockcerts_form
from anchoring.errors import InvalidInput
from tests.other_verifiers import ask
from tests.unit.test_blockcerts_rule import CREDENTIAL

XSD = "http://www.w3.org/2001/XMLSchema#"
TYPED = {
    name: {"@id": f"ex:{name}", "@type": XSD + name} for name in ("double", "float", "integer", "decimal", "date", "boolean")
}
TERMS = TYPED | {
    "json": {"@id": "ex:json", "@type": "@json"},
    "list": {"@id": "ex:list", "@container": "@list"},
}
NUMBERS = ("0", "1", "1.0", "1e2", "-0.5", "0.1", "1e-6", "1e-7", "-2e-10", "1.5e-7", "5e-324", "1e21", "1.25e22", "123456.789")
CHARACTERS = [chr(code) for code in range(0x20)] + list('a"\\\x7f\x85\xa0é\u2028\ue000\ufb01（\ufffe\uffff𠮷😀')
TEXTS = ("1", "abc", "1_0", " 5", "NaN", "Infinity", "", "true", "_:c14n0", '" .\n')


def bodies() -> list[str]:
    """Each value in each place, then many put together at random."""
    chance = random.Random(7)

    def text() -> str:
        return json.dumps("".join(chance.choices(CHARACTERS[32:], k=chance.randint(1, 3))))

    def value(depth: int) -> str:
        kind = chance.randrange(6)
        if kind > 2 or depth > 2:
            return chance.choice([text(), chance.choice(NUMBERS), json.dumps(chance.choice(TEXTS))])
        inner = [value(depth + 1) for _ in range(chance.randint(1, 4))]
        tagged = f'{{"@value": {text()}, "@language": "{chance.choice(["en", "de-CH"])}"}}'
        return (f"[{','.join(inner)}]", tagged, members(depth + 1))[kind]

    def members(depth: int) -> str:
        names = chance.sample(["part", "title", "name", *TERMS], chance.randint(1, 4))
        return f"{{{','.join(f'{json.dumps(name)}: {value(depth)}' for name in names)}}}"

    single = [*NUMBERS, *map(json.dumps, [*CHARACTERS, *TEXTS])]
    return [f'{{"{name}": {one}}}' for name in ("title", *TERMS) for one in single] + [members(0) for _ in range(1_500)]


def test_every_form_is_that_of_the_stock_library():
    contexts = {name: known_context(name) for name in CREDENTIAL["@context"] if isinstance(name, str)}
    whole = json.dumps(CREDENTIAL | {"@context": [*CREDENTIAL["@context"], TERMS]})
    made: list[tuple[str, str]] = []
    for body in bodies():
        text = whole.replace('"title": "one"', f'"title": "one", "part": {body}')
        try:
            made.append((text, blockcerts_form(text.encode()).data.decode()))
        except InvalidInput:
            continue

    found = ask("formats/rdfc", [{"text": text, "contexts": contexts} for text, _ in made])

    assert len(made) > 500
    assert [text for (text, quads), one in zip(made, found, strict=True) if one != {"quads": quads}] == []


@pytest.mark.parametrize(
    "members",
    [{"title": 1e-7}, {"title": "a\x0cb"}, {"title": "a\x7fb"}, {"title": ["𠮷", "ＩＴ"]}, {"double": "1_0"}, {"double": "abc"}],
    ids=["a small number", "a form feed", "delete", "an order", "a number in Python", "no number"],
)
def test_what_is_refused_would_have_another_graph_there(members: dict[str, Any]):
    """PyLD's own form of each, as it was hashed once: no stock verifier came to it."""
    from pyld import jsonld

    document = CREDENTIAL | {"@context": [*CREDENTIAL["@context"], TERMS], "credentialSubject": {"id": "urn:uuid:2", **members}}
    contexts = {name: known_context(name) for name in CREDENTIAL["@context"] if isinstance(name, str)}
    with pytest.raises(InvalidInput):
        blockcerts_form(json.dumps(document).encode())

    def load(url: str, _options: object) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": contexts[url], "contentType": "application/ld+json"}

    options = {"documentLoader": load, "format": "application/n-quads", "algorithm": "URDNA2015"}
    [theirs] = ask("formats/rdfc", [{"text": json.dumps(document), "contexts": contexts}])
    assert jsonld.normalize(document, options) != theirs["quads"]
