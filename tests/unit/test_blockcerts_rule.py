"""What Blockcerts' rule covers, and what it refuses to hash because it would not."""

import json
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from anchoring.blockcerts.contexts import terms
from anchoring.blockcerts.rdfc import blockcerts_form
from anchoring.core.blockcerts import finish, require_named, require_own_proof
from anchoring.core.merkleproof2019 import from_merkleproof2019, to_merkleproof2019
from anchoring.core.proof import InclusionProof, Registry
from anchoring.core.status_codec import StatusErrorCode, StatusListError
from anchoring.errors import InvalidInput
from anchoring.types import as_issuer_id, as_root, as_salt, as_tx_hash
from tests.factories import UNIVERSITY
from tests.trees import Posted, make_posted, make_proof

TERMS = {"ex": "https://terms.example/", "part": "ex:part", "title": "ex:title", "page": {"@id": "ex:page", "@type": "@id"}}
DOUBLE = {"grade": {"@id": "ex:grade", "@type": "http://www.w3.org/2001/XMLSchema#double"}}
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


def with_terms(terms: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The credential's contexts with further terms, and other changes."""
    return {"@context": [*CREDENTIAL["@context"], terms], **more}


def test_proof_and_order_and_one_of_many_change_nothing():
    unread = {"type": "MerkleProof2019", "proofValue": "z1"}
    several, reversed_types = {"credentialSubject": [CREDENTIAL["credentialSubject"]]}, {"type": CREDENTIAL["type"][::-1]}
    assert form(proof=unread) == form() == form(**several) == form(**reversed_types)


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
        (subject(**{"@index": "Doctor"}), "$.credentialSubject: '@index' is no plain name"),
        (subject(title={"@value": "one", "@index": "two"}), "$.credentialSubject.title: has more or other than a text, @value, and"),
        (subject(title={"@value": "one"}), "$.credentialSubject.title: has more or other than a text, @value, and its @language"),
        (subject(title={"@value": "one", "@language": "en", "@direction": "rtl"}), "has more or other than a text"),
        (subject(title={"@value": "one", "@type": "https://schema.org/Text"}), "has more or other than a text"),
        (subject(title={"@value": 1, "@language": "en"}), "is no JSON-LD: invalid language-tagged value"),
        (subject(title={"@value": "one", "@language": "en_US"}), "has more or other than a text"),
        (subject(title={"@value": "one", "@language": None}), "title: has more or other than a text"),
        (subject(title="A\x0cB"), "$.credentialSubject.title: holds the control character U+000C, so verifiers would not agree"),
        (subject(title=["one", "\uffff"]), "$.credentialSubject.title[1]: holds the control character U+FFFF"),
        (subject(part={"title": 1e-7}), "$.credentialSubject.part.title: is a number that some take for 0"),
        (subject(title=-2e-9), "$.credentialSubject.title: is a number that some take for 0"),
        (subject(part={"id": "urn:\x01"}), "'urn:\\x01' stands where an identifier is meant"),
        (subject(title=["𠮷田", "ＩＴ"]), "<https://terms.example/title> has two values that verifiers sort in"),
        (subject(part=[{"title": "𠮷"}, {"title": "Ａ", "part": {"title": "x"}}, {"title": ["𠮷", "Ａ"]}]), "in different ways"),
        (with_terms(DOUBLE, **subject(grade="1.0")), "'https://terms.example/grade' holds a text where its context has http"),
        (subject(**{"@type": []}), "$.credentialSubject: '@type' is no plain name"),
        (subject(**{"ex:title": "one"}), "'ex:title' is no plain name"),
        (subject(**{"https://terms.example/title": "one"}), "'https://terms.example/title' is no plain name"),
        (subject(ex="one"), "'https://terms.example/' is a prefix"),
        ({"type": ["VerifiableCredential", "ex:Diploma"]}, "$.type[1]: is written with the prefix 'ex'"),
        (subject(page="ex:page7"), "$.credentialSubject.page: is written with the prefix 'ex'"),
        (subject(part={"id": "schema:part"}), "is written with the prefix 'schema'"),
        (subject(title=["one", None]), "$.credentialSubject.title[1]: is empty"),
        (subject(title=[]), "$.credentialSubject.title: is empty"),
        (subject(title=["one", ["two"]]), "is an array in an array"),
        (subject(title=["one", "one"]), "says the same twice"),
        (subject(title=0.1234567890123456789), "has more than 16 digits"),
        (subject(part=[{"id": "urn:x", "title": "one"}, {"id": "urn:x"}]), "'urn:x' has members in one place"),
        ({"id": "urn:uuid:2"}, "'urn:uuid:2' has members in one place"),
        (with_terms({"grade": "@index"}, **subject(grade="A")), "].grade: must be called '@index'"),
        (with_terms({"grade": "ex:title"}), "].grade: must be called 'title'"),
        (with_terms({"title": "ex:part", "part": "ex:title"}), "].part: must be called 'title'"),
        (with_terms({"Best": "https://www.w3.org/2018/credentials#VerifiableCredential"}), "must be called 'VerifiableCredential'"),
        (with_terms({"encodingFormat": "https://schema.org/encodingFormat"}), "must be called 'mediaType'"),
        (with_terms({"inner": {"@id": "@nest"}}), "must be called '@nest'"),
        (with_terms({"title": {"@id": "ex:title", "@container": "@index"}}, **subject(title={"A": "one"})), "must be a URL, or an"),
        (with_terms({"title": {"@id": "ex:title", "@context": {}}}), "must be a URL, or an object"),
        (with_terms({"part": {"@reverse": "ex:part"}}), "must be a URL, or an object"),
        (with_terms({"title": {"@id": "ex:title", "@type": "@none"}}), "must be a URL, or an object"),
        (with_terms({"note": None}), "must be a URL, or an object"),
        (with_terms({"@language": "en"}), "must be absent"),
        (with_terms({"@base": "https://a.example/"}), "must be absent"),
        (with_terms({"@vocab": "ex:best-"}, **subject(grade="A")), "for @vocab a URL that ends with"),
        (with_terms({"@vocab": "http://www.w3.org/1999/02/22-rdf-syntax-ns#"}, **subject(first="A")), "is of RDF itself"),
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


def test_terms_that_are_called_by_the_last_part_of_their_url_are_taken():
    own = {
        "grade": {"@id": "urn:x#grade", "@type": "xsd:decimal", "@container": "@list"},
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    }
    taken = [form(**with_terms(own, **subject(grade=[1, 2]))), form(**with_terms({"@vocab": "urn:x#"}, **subject(grade="A")))]
    assert len({one.digest for one in [form(), *taken]}) == 3
    assert form(**with_terms(own, **subject(grade=[2, 1]))).digest != taken[0].digest


def test_text_has_its_language_in_the_one_way_that_graphs_hold():
    english, spanish = ({"@value": "one", "@language": tag} for tag in ("en", "es"))
    taken = [form(**subject(title=one)) for one in (english, spanish, [english, spanish], english | {"@value": "two"})]
    assert len({one.digest for one in [form(), *taken]}) == 5
    assert form(**subject(title=english | {"@language": "EN"})) == taken[0]


def test_characters_beyond_the_basic_plane_are_taken_where_their_order_is_one():
    for title in ("𠮷田", ["𠮷田", "吉田"], [{"@value": "𠮷", "@language": "ja"}, "株"]):
        assert form(**subject(title=title, part={"title": "ＩＴ"})).digest != form().digest


def test_contexts_that_are_known_have_one_name_for_each_meaning():
    names = defaultdict(set)
    for term, iri in terms():
        names[iri].add(term)
    assert [found for found in names.values() if len(found) > 1] == []


def proof(*, salt: int = 0, chain_id: int = 1, **changes: Any) -> InclusionProof:
    """Of the digest that the credential has with these changes."""
    made = make_proof(Posted(UNIVERSITY, make_posted(salt).salt, form(**changes).digest))
    registry = Registry(chain_id=chain_id, contract=made.anchor.registry.contract)
    return replace(made, anchor=replace(made.anchor, registry=registry))


def of_transaction(transaction: bytes) -> InclusionProof:
    return replace(proof(), anchor=replace(proof().anchor, transaction=as_tx_hash(transaction)))


def finished(given: InclusionProof | None = None, **changes: Any) -> bytes:
    """The credential with its proof, whose members are changed; without one that is None."""
    whole = json.loads(finish(json.dumps(CREDENTIAL).encode(), given or proof(), form().digest, verification_method=None))
    members = {name: value for name, value in (whole["proof"] | changes).items() if value is not None}
    return json.dumps(whole | {"proof": members}).encode()


def test_what_finishes_a_credential_is_the_proof_of_its_digest_alone():
    other = json.loads(finished())["proof"]["proofValue"]
    require_own_proof(finished(), proof())
    require_own_proof(finished(created="2020-01-01T00:00:00Z"), proof())
    for changes, words in (
        ({"grade": "A"}, r"MerkleProof2019 has not: \$\.proof\.grade"),
        ({"proofValue": "zzz"}, "is none that is read here"),
        ({"proofValue": other[1:]}, "is not written as"),
        ({"created": "yesterday"}, "is none that is read here"),
        ({"proofPurpose": "authentication"}, "is not written as"),
        ({"verificationMethod": "Excellent"}, "no verificationMethod of the credential's issuer"),
        ({"verificationMethod": None}, "no verificationMethod of the credential's issuer"),
    ):
        with pytest.raises(StatusListError, match=words):
            require_own_proof(finished(**changes), proof())
    with pytest.raises(StatusListError, match="the proof inside is of 0x"):
        require_own_proof(finished(), proof(id="urn:uuid:9"))


@pytest.mark.parametrize(
    "members",
    [
        lambda read: {"root": as_root(bytes(32))},
        lambda read: {"siblings": read.siblings[:-1]},
        lambda read: {"siblings": tuple(({"left": "right", "right": "left"}[side], one) for side, one in read.siblings)},
        lambda read: {"issuer_id": as_issuer_id(bytes(32))},
        lambda read: {"salt": as_salt(bytes(16))},
    ],
    ids=["root", "a step less", "sides", "issuer", "salt"],
)
def test_proof_inside_must_hold(members):
    read = from_merkleproof2019(json.loads(finished())["proof"])
    changed = to_merkleproof2019(replace(read, **members(read)))["proofValue"]
    with pytest.raises(StatusListError, match="the proof inside does not hold: the path leads to root") as refused:
        require_own_proof(finished(proofValue=changed), proof())
    assert refused.value.code is StatusErrorCode.VERIFICATION


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        (
            proof(chain_id=11155111),
            StatusErrorCode.VERIFICATION,
            "names the ledger eip155:1, and the proof that was given eip155:111",
        ),
        (of_transaction(b"2" * 32), StatusErrorCode.VERIFICATION, "names the transaction 0x"),
        (proof(salt=5), StatusErrorCode.RETRIEVAL, "is of another anchor, of root 0x"),
        (replace(proof(), path=()), None, None),
    ],
    ids=["ledger", "transaction", "another anchor", "a proof that does not hold itself"],
)
def test_proof_inside_must_be_of_the_anchor_that_is_looked_at(given, code, words):
    if code is None:
        require_own_proof(finished(), given)
        return
    with pytest.raises(StatusListError, match=words) as refused:
        require_own_proof(finished(), given)
    assert refused.value.code is code


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
