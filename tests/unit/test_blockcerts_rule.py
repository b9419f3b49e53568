"""What Blockcerts' rule covers, and what it refuses to hash because it would not."""

import json
from typing import Any

import pytest

from anchoring.blockcerts.rdfc import blockcerts_form
from anchoring.core.blockcerts import require_named
from anchoring.errors import InvalidInput

TERMS = {"ex": "https://terms.example/", "part": "ex:part", "title": "ex:title", "page": {"@id": "ex:page", "@type": "@id"}}
CREDENTIAL: dict[str, Any] = {
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://w3id.org/blockcerts/v3.2", TERMS],
    "id": "urn:uuid:1",
    "type": ["VerifiableCredential", "BlockcertsCredential"],
    "issuer": "https://university.example/issuer.json",
    "credentialSubject": {"id": "urn:uuid:2", "title": "one"},
}


def form(**changes: Any) -> Any:
    return blockcerts_form(json.dumps(CREDENTIAL | changes).encode())


def subject(**members: Any) -> dict[str, Any]:
    return {"credentialSubject": CREDENTIAL["credentialSubject"] | members}


def test_proof_and_order_and_spelling_of_types_change_nothing():
    proof = {"type": "MerkleProof2019", "proofValue": "z1"}
    expanded = {"https://terms.example/title": [{"@value": "one"}], "id": "urn:uuid:2"}
    assert form(proof=proof) == form() == form(credentialSubject=expanded)


def test_every_value_is_covered():
    changed = [
        form(**subject(title="two")),
        form(**subject(part={"title": "one"})),
        form(id="urn:uuid:3"),
        form(issuer="urn:uuid:4"),
    ]
    assert len({one.digest for one in [form(), *changed]}) == 5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grade": 1}, "no context says what these terms mean, so the digest would not cover them: grade"),
        ({"type": ["VerifiableCredential", "Diploma"]}, "cover them: Diploma"),
        (subject(part={"title": "one", "tìtle": "two"}), "cover them: t\u00ectle"),
        (subject(page="page 7"), "'page 7' stands where an identifier is meant"),
        (subject(part={"id": "_:b0"}), "_:b0 is a label of a blank node"),
        (subject(part={"id": "urn:x> <urn:y"}), "stands where an identifier is meant"),
        ({"@grade": "x"}, "look like keywords"),
        ({"@context": "https://www.w3.org/ns/credentials/v2"}, "$['@context']: must be an array"),
        ({"@context": [CREDENTIAL["@context"][0], TERMS]}, "$['@context']: must hold a context of Blockcerts"),
        ({"@context": [*CREDENTIAL["@context"], {"@version": 7}]}, "is no JSON-LD: invalid @version value"),
        (subject(part=[{"title": "same"} for _ in range(7)]), "more than 6 objects that look alike"),
        ({"proof": [{"type": "MerkleProof2019"}]}, "$.proof: holds another proof"),
    ],
)  # fmt: skip
def test_what_the_digest_would_not_cover_is_refused(changes, words):
    with pytest.raises(InvalidInput) as refused:
        form(**changes)
    assert words in refused.value.message


def test_graph_whose_naming_takes_for_ever_is_refused_at_once():
    deep: Any = {"title": "leaf"}
    for _ in range(3):
        deep = {"part": [deep] * 5}
    with pytest.raises(InvalidInput, match="look alike"):
        form(**subject(part=deep))


def test_ledger_without_a_name_is_refused_with_those_that_have_one():
    with pytest.raises(InvalidInput, match=r"eip155:31337.* sepolia \(eip155:11155111\)"):
        require_named(31337)
    require_named(1)
