"""The verifier in JavaScript and the one in Python judge alike: the vectors, and files that were changed at random."""

import base64
import gzip
import json
import random
from dataclasses import replace
from typing import Any
from unittest.mock import Mock
from urllib.parse import unquote

import pytest

import anchoring
from anchoring.bounded_http import Fetched
from anchoring.core.canonical import Canonicalization, canonical_candidates, canonicalize, jcs
from anchoring.core.left_out import require_nothing_added
from anchoring.core.proof_json import format_time, parse_proof, proof_to_json
from anchoring.core.report import CheckName, report_to_json
from anchoring.core.status import MAX_ENTRIES, MIN_ENTRIES, StatusBits, StatusPurpose, batch_list_id, head_digest
from anchoring.core.status_codec import StatusErrorCode, StatusListError, encode_bitstring
from anchoring.core.strict_json import DEFAULT_LIMITS, parse
from anchoring.core.validity import validity_of, validity_to_json
from anchoring.errors import InvalidInput, MalformedProof, VerificationError
from anchoring.signing.key_sources import CarriedKeys, ResolvedKeys
from anchoring.signing.multikey import from_multikey, to_jwk
from anchoring.signing.own_signatures import OwnSignatures
from anchoring.types import as_root, to_hex
from scripts.signed_credentials import ED, NOW, P256, P384, part
from tests.factories import UNIVERSITY
from tests.other_verifiers import ask
from tests.trees import Posted, make_posted, make_proof, read_vectors, sha256
from tests.unit.signing.test_own_signatures import AUTHORITY, ROOT_KEY, certificate, seal

VECTORS = read_vectors("canonical.json")
PROOFS = read_vectors("proof.json")["proofs"]
BUNDLES = read_vectors("bundles.json")["bundles"]
LEFT_OUT = read_vectors("left_out.json")["leftOut"]
SIGNATURES = read_vectors("signatures.json")["signatures"]
CREDENTIAL = json.dumps({"type": ["VerifiableCredential"], "issuer": UNIVERSITY, "n": 1.50}).encode()
PROOF = proof_to_json(make_proof(Posted(UNIVERSITY, make_posted(0).salt, canonicalize(CREDENTIAL, "application/json").digest)))
REGISTRY = f"{PROOF['anchor']['ledger']}:{PROOF['anchor']['contract']}"


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def b64url(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def judged(name: str, cases: list[dict[str, Any]]) -> list[Any]:
    verdicts: list[Any] = ask("verify_js", [{"judge": name} | case for case in cases])
    crashed = [one for one in verdicts if isinstance(one, dict) and isinstance(one.get("error"), str)]
    assert crashed == []
    return verdicts


def changed_at_random(count: int) -> list[bytes]:
    """Bodies of the vectors, each with up to three bytes changed, put in or taken out."""
    chance = random.Random(7)
    bodies = [base64.b64decode(vector["body"]) for vector in VECTORS["vectors"] if 0 < len(vector["body"]) < 4_000]
    found = []
    for _ in range(count):
        body = bytearray(chance.choice(bodies))
        for _ in range(chance.randint(1, 3)):
            place = chance.randrange(len(body) + 1)
            body[place : place + chance.randint(0, 2)] = bytes(
                chance.choices(b'"\\{}[],:.~-0123456789eEun \n\xc3\xa9\xff\xed\x00', k=1)
            )
        found.append(bytes(body))
    return found


def test_module_finds_the_digest_of_every_vector_and_refuses_in_the_same_place():
    names = ("body", "mediaType", "requested")
    cases = [
        {"limits": VECTORS["limits"]} | {k: v for k, v in one.items() if k in {*names, "limits"}} for one in VECTORS["vectors"]
    ]

    verdicts = judged("canonical", cases)

    for vector, verdict in zip(VECTORS["vectors"], verdicts, strict=True):
        wanted = ("error",) if "error" in vector else ("canonicalization", "canonical", "digest", "notes")
        assert verdict == {name: vector[name] for name in wanted}, vector["name"]


def test_module_reads_changed_json_as_python_does():
    bodies = changed_at_random(3_000)

    verdicts = judged("json", [{"body": b64(body)} for body in bodies])

    expected: list[dict[str, Any]] = []
    for body in bodies:
        try:
            expected.append({"canonical": jcs(parse(body)).decode()})
        except InvalidInput as refused:
            expected.append({"error": {"slug": refused.slug, "at": refused.at}})
    assert sum("canonical" in one for one in expected) > 100
    for body, verdict, ours in zip(bodies, verdicts, expected, strict=True):
        assert verdict == ours, body


def test_module_takes_changed_files_for_what_python_does():
    bodies = [base64.b64decode(vector["body"]) for vector in VECTORS["vectors"]] + changed_at_random(1_000)
    hints: list[Canonicalization | None] = [None, *Canonicalization]

    verdicts = judged("candidates", [{"body": b64(body), "hint": hints[i % 6]} for i, body in enumerate(bodies)])

    for i, (body, verdict) in enumerate(zip(bodies, verdicts, strict=True)):
        forms = canonical_candidates(body, hints[i % 6])
        assert verdict == [[form.canonicalization, to_hex(form.digest)] for form in forms], body


@pytest.mark.parametrize("given", ["value", "body"])
def test_module_judges_every_proof_as_the_vector_says(given):
    cases = [{"value": one["proof"]} if given == "value" else {"body": b64(json.dumps(one["proof"]).encode())} for one in PROOFS]

    verdicts = judged("proof", cases)

    for vector, verdict in zip(PROOFS, verdicts, strict=True):
        if vector["result"] == "malformed":
            assert verdict["error"]["slug"] == "proof-malformed"
            assert verdict["error"]["at"].partition(" (")[0] == vector["at"], vector["name"]
        else:
            assert verdict == {name: vector[name] for name in ("result", "issuerId", "leafHash")}, vector["name"]


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(PROOF).replace('"treeSize": 7', '"treeSize": 7.0'),
        json.dumps(PROOF).replace('"version": 1', '"version": 1e0'),
        json.dumps(PROOF).replace('"version": 1', '"version": 1, "version": 1'),
        json.dumps(PROOF)[:-1],
    ],
    ids=["7.0", "1e0", "twice", "cut short"],
)
def test_proof_that_ordinary_readers_take_is_malformed_to_both(content):
    [verdict] = judged("proof", [{"body": b64(content.encode())}])

    with pytest.raises(MalformedProof):
        parse_proof(content.encode())
    assert verdict["error"]["slug"] == "proof-malformed"


@pytest.mark.parametrize("purpose", StatusPurpose)
def test_module_reads_lists_and_their_heads(purpose):
    bits, root = StatusBits.clear(MIN_ENTRIES), as_root(sha256(b"root"))
    for index in (0, 7, 8, 94_567, MIN_ENTRIES - 1):
        bits.change(index, is_set=True)
    asked = [0, 1, 7, 8, 9, 94_566, 94_567, MIN_ENTRIES - 1]
    case = {"encodedList": encode_bitstring(bits), "indexes": asked, "root": b64(root), "issuer": UNIVERSITY, "purpose": purpose}

    [verdict] = judged("list", [case | {"version": 2**40 + 1}])

    list_id = batch_list_id(root, UNIVERSITY, purpose)
    assert verdict == {
        "set": [index for index in asked if bits[index]],
        "id": to_hex(list_id),
        "head": to_hex(head_digest(list_id, 2**40 + 1, bits)),
    }


@pytest.mark.parametrize(
    "case",
    [
        {"encodedList": encode_bitstring(StatusBits.clear(MIN_ENTRIES))[1:]},
        {"encodedList": "u"},
        {"encodedList": "uAAAA"},
        {"encodedList": encode_bitstring(StatusBits(bytes(MIN_ENTRIES // 8)))[:-4]},
        {"indexes": [MIN_ENTRIES]},
        {"indexes": [-1]},
        {"indexes": [1.5]},
    ],
)
def test_module_refuses_a_list_that_is_none_and_an_index_outside(case):
    good = {"encodedList": encode_bitstring(StatusBits.clear(MIN_ENTRIES)), "indexes": [0], "root": b64(bytes(32))}

    [verdict] = judged("list", [good | {"issuer": UNIVERSITY, "purpose": "revocation", "version": 1} | case])

    assert set(verdict) == {"error"}


def test_module_stops_at_the_longest_list():
    too_long = "u" + base64.urlsafe_b64encode(gzip.compress(bytes(MAX_ENTRIES // 8 + 1))).rstrip(b"=").decode()
    case = {
        "encodedList": too_long,
        "indexes": [],
        "root": b64(bytes(32)),
        "issuer": UNIVERSITY,
        "purpose": "revocation",
        "version": 1,
    }

    [verdict] = judged("list", [case])

    assert verdict["error"]["slug"] == "status-list-invalid"


def outcomes(credential: bytes | None, proof: dict[str, Any], **options: Any) -> tuple[str, dict[str, str]]:
    case = {
        "credential": None if credential is None else b64(credential),
        "proof": b64(json.dumps(proof).encode()),
        "options": options,
    }
    [verdict] = judged("verify", [case])
    return verdict["outcome"], {one["check"]: one["outcome"] for one in verdict["checks"]}


def test_module_without_a_node_tells_what_needs_none():
    whole, found = outcomes(CREDENTIAL, PROOF, registry=REGISTRY)

    assert whole == "cannot tell"
    assert {name for name, outcome in found.items() if outcome == "passed"} == {"digest", "path", "registry", "issuer-match"}
    assert {name for name, outcome in found.items() if outcome == "failed"} == set()
    assert list(found)[:3] == ["digest", "path", "registry"]


@pytest.mark.parametrize(
    ("credential", "changes", "failed"),
    [
        (CREDENTIAL.replace(b"1.5", b"1.6"), {}, {"digest"}),
        (CREDENTIAL, {"salt": "0x" + "00" * 16}, {"path"}),
        (CREDENTIAL, {"leafIndex": PROOF["leafIndex"] ^ 1}, {"path"}),
        (CREDENTIAL, {"treeSize": 200}, {"path"}),
        (CREDENTIAL, {"path": PROOF["path"][1:]}, {"path"}),
        (CREDENTIAL, {"root": "0x" + "00" * 32}, {"path"}),
        (CREDENTIAL, {"anchor": PROOF["anchor"] | {"ledger": "eip155:1"}}, {"registry"}),
        (CREDENTIAL, {"issuer": "did:web:other.example"}, {"path", "issuer-match"}),
    ],
)
def test_module_fails_what_does_not_hold(credential, changes, failed):
    whole, found = outcomes(credential, PROOF | changes, registry=REGISTRY)

    assert whole == "failed"
    assert {name for name, outcome in found.items() if outcome == "failed"} == failed


@pytest.mark.parametrize("hint", [None, *Canonicalization])
def test_module_judges_an_altered_file_alike_whatever_the_proof_says_of_the_rule(hint):
    blockcerts: dict[str, Any] = {
        "@context": ["https://www.w3.org/2018/credentials/v1", "https://w3id.org/blockcerts/v3.1"],
        "type": ["VerifiableCredential"],
        "issuer": {"id": UNIVERSITY},
    }
    shapes = {
        "cannot tell": [blockcerts, blockcerts | {"proof": {"type": "MerkleProof2019"}}],
        "failed": [
            blockcerts | {"@context": blockcerts["@context"][:1]},
            blockcerts | {"@context": blockcerts["@context"][1:]},
            blockcerts | {"type": "VerifiableCredential"},
            blockcerts | {"issuer": {}},
            blockcerts | {"proof": [{"type": "MerkleProof2019"}]},
            blockcerts | {"proof": {"type": "DataIntegrityProof"}},
        ],
    }
    files = {json.dumps(one).encode(): outcome for outcome, many in shapes.items() for one in many}
    files |= {b"%PDF-1.7": "failed", b"eyJhbGciOiJFUzI1NiJ9.e30.AA": "failed", CREDENTIAL.replace(b"1.5", b"1.6"): "failed"}
    proof = b64(json.dumps(PROOF | {"canonicalization": hint}).encode())

    verdicts = judged("verify", [{"credential": b64(file), "proof": proof, "options": {}} for file in files])

    assert [one["checks"][0]["outcome"] for one in verdicts] == list(files.values())
    for one, outcome in zip(verdicts, files.values(), strict=True):
        assert ("the proof is of another credential" in one["checks"][-1]["reason"]) is (outcome == "failed")


@pytest.mark.parametrize(
    "options",
    [
        *({"required": one} for one in (["digets"], ["digest", "digets"], [], "digest", None, 5)),
        {"registri": "eip155:1"},
        {"service": 5},
        {"service": "x"},
        {"service": "file:///etc"},
        {"rpcUrl": 5},
        {"statusLists": "list"},
        {"statusLists": [5]},
        {"statusSigners": UNIVERSITY},
        {"fetch": 5},
        {"fetchKeys": "yes"},
        {"allowPrivate": 1},
        {"finality": None},
        {"key": 5},
        {"now": "soon"},
    ],
)
def test_module_names_the_option_that_cannot_be_used(options):
    case = {"credential": b64(CREDENTIAL), "proof": b64(json.dumps(PROOF).encode())}

    assert judged("verify", [case | {"options": options}]) == [{"error": {"slug": "invalid-input", "at": next(iter(options))}}]


def test_module_takes_options_that_are_none_for_no_object():
    case = {"credential": b64(CREDENTIAL), "proof": b64(json.dumps(PROOF).encode()), "options": None}

    assert judged("verify", [case]) == [{"error": {"slug": "invalid-input", "at": "options"}}]


def test_module_judges_every_bundle_as_the_vector_says():
    names = ("registry", "blockHash", "validators")
    cases = [{"proof": vector["proof"], "options": {name: vector[name] for name in names}} for vector in BUNDLES]

    verdicts = judged("offline", cases)

    for vector, verdict in zip(BUNDLES, verdicts, strict=True):
        if vector["result"] == "malformed":
            assert verdict == {"error": {"slug": "proof-malformed", "at": vector["at"]}}, vector["name"]
        else:
            found = {one["check"]: [one["outcome"], one["reason"]] for one in verdict["checks"]}
            assert {name: found[name] for name in ("root", "finality")} == {
                name: vector[name] for name in ("root", "finality")
            }, vector["name"]
            assert found["status"] == ["cannot tell", "status lists change, so nothing is told of them offline"]


@pytest.mark.parametrize(
    ("options", "at"),
    [
        ({"blockHash": None}, "blockHash"),
        ({"blockHash": "0x00"}, "blockHash"),
        ({"validators": ["0x00"]}, "validators"),
        ({"registry": "0x00"}, "registry"),
    ],
)
def test_module_names_the_argument_that_cannot_be_used_offline(options, at):
    case = {"proof": BUNDLES[0]["proof"], "options": {name: BUNDLES[0][name] for name in ("registry", "blockHash")} | options}

    assert judged("offline", [case]) == [{"error": {"slug": "invalid-input", "at": at}}]


def test_module_judges_every_signature_as_the_vector_says():
    asked = {"proof": PROOF, "now": NOW.isoformat()}

    verdicts = judged(
        "signature", [asked | {name: one[name] for name in ("credential", "key", "documents")} for one in SIGNATURES]
    )

    for vector, verdict in zip(SIGNATURES, verdicts, strict=True):
        assert [verdict["outcome"], verdict["reason"]] == [vector["result"], vector["reason"]], vector["name"]


def key_of_did_web(host: str, document: Any) -> tuple[str, str]:
    """What is told of a token whose key is to be got from this host."""
    token = f"{b64url({'alg': 'ES256', 'kid': f'did:web:{host}#a'})}.{b64url({'iss': f'did:web:{host}'})}.{'A' * 86}"
    asked = {"credential": token, "proof": PROOF, "key": None, "now": NOW.isoformat()}
    [found] = judged("signature", [asked | {"documents": {f"https://{unquote(host)}/.well-known/did.json": document}}])
    return found["outcome"], found["reason"]


@pytest.mark.parametrize(
    "host", ["localhost", "a.localhost", "127.0.0.1", "10.0.0.1%3A8443", "2130706433", "169.254.169.254", "172.20.0.1"]
)
def test_module_asks_no_host_of_its_own_network_for_keys(host):
    outcome, reason = key_of_did_web(host, {})

    assert outcome == "cannot tell"
    assert reason.endswith("an address inside this network, which no document may make us ask")


@pytest.mark.parametrize("host", ["[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "[2002:a00:1::]", "[2001:db8::1]"])
def test_module_asks_no_address_of_version_6_that_is_not_everybodys(host):
    outcome, reason = key_of_did_web(host.replace(":", "%3A"), {})

    assert (outcome, reason.rpartition(": ")[2]) == (
        "cannot tell",
        "an address inside this network, which no document may make us ask",
    )


@pytest.mark.parametrize("host", ["keys.example", "8.8.8.8", "172.32.0.1", "localhost.example", "[2606:4700::1]"])
def test_module_asks_hosts_of_everybody_for_keys(host):
    outcome, reason = key_of_did_web(host.replace(":", "%3A"), {})

    assert (outcome, "is another's, or none" in reason) == ("cannot tell", True)


def test_document_that_is_too_large_to_be_read_cannot_be_told_in_either_language():
    document: Any = {}
    for _ in range(20):
        document = [document]
    getter = Mock(get=lambda *_, **__: Fetched(content=json.dumps(document).encode(), media_type=""))

    with pytest.raises(StatusListError, match=r"out of reach: .*nested more than 16 deep") as refused:
        ResolvedKeys(getter).public_key("did:web:keys.example#a")
    outcome, reason = key_of_did_web("keys.example", document)

    assert refused.value.code is StatusErrorCode.RETRIEVAL
    assert (outcome, reason) == ("cannot tell", refused.value.message)


def test_module_judges_what_the_digest_leaves_out_as_the_vector_says():
    verdicts = judged("digest", [{"credential": one["credential"], "proof": one["proof"]} for one in LEFT_OUT])

    for vector, verdict in zip(LEFT_OUT, verdicts, strict=True):
        assert verdict == {"check": "digest", "outcome": vector["result"], "reason": vector["reason"]}, vector["name"]


def with_proofs(count: int) -> bytes:
    return json.dumps(json.loads(CREDENTIAL) | {"proof": [PROOF] * count}).encode()


def with_disclosures(count: int) -> bytes:
    parts = "".join(f"{b64url(['salt', f'n{i}', i])}~" for i in range(count))
    return f"{b64url({'alg': 'ES256'})}.{b64url({'iss': UNIVERSITY})}.AAAA~{parts}".encode()


@pytest.mark.parametrize(
    ("credential", "outcome", "reason"),
    [
        (with_proofs(100), "passed", "the credential has the proof's digest under jcs"),
        (with_proofs(101), "cannot tell", "101 anchor proofs stand inside; at most 100 are read"),
        (with_disclosures(10_000), "failed", "a disclosure is not covered by the signed part"),
        (with_disclosures(10_001), "cannot tell", "there are 10001 disclosures; at most 10000 are read"),
    ],
    ids=["100 proofs", "101 proofs", "10000 disclosures", "10001 disclosures"],
)
def test_no_more_is_looked_through_than_a_credential_needs(credential: bytes, outcome: str, reason: str):
    [form, *_] = canonical_candidates(credential, None)
    posted = Posted(UNIVERSITY, make_posted(0).salt, form.digest)
    proof = proof_to_json(replace(make_proof(posted), canonicalization=form.canonicalization))
    refused = None
    try:
        require_nothing_added(credential, form, parse_proof(json.dumps(proof).encode()))
    except StatusListError as found:
        refused = found

    [verdict] = judged("digest", [{"credential": credential.decode(), "proof": proof}])

    assert verdict["outcome"] == outcome
    assert verdict["reason"].startswith(reason)
    assert refused is None if outcome == "passed" else refused is not None and refused.message == reason
    assert refused is None or (refused.code is StatusErrorCode.RETRIEVAL) == (outcome == "cannot tell")


def test_issuer_that_is_disclosed_is_another_to_issuer_match_in_either_language():
    verdicts = judged("verify", [case_of(one["credential"].encode(), one["proof"]) for one in LEFT_OUT])

    others = set()
    for vector, verdict in zip(LEFT_OUT, verdicts, strict=True):
        ours = anchoring.verify(vector["credential"].encode(), vector["proof"], registry=REGISTRY)
        [found] = [(one.outcome, one.reason) for one in ours.checks if one.name is CheckName.ISSUER_MATCH]
        [theirs] = [(one["outcome"], one["reason"]) for one in verdict["checks"] if one["check"] == "issuer-match"]
        assert theirs == found, vector["name"]
        others |= {vector["name"]} if "what is disclosed names another issuer" in found[1] else set()
    assert len(others) == 8
    assert all("issuer" in name and "the same" not in name for name in others)


def case_of(credential: bytes, proof: dict[str, Any]) -> dict[str, Any]:
    return {"credential": b64(credential), "proof": b64(json.dumps(proof).encode()), "options": {"registry": REGISTRY}}


def test_status_that_is_disclosed_is_looked_for_in_either_language():
    place = {"type": "BitstringStatusListEntry", "statusPurpose": "revocation", "statusListIndex": "7"}
    part = b64url(["salt", "credentialStatus", place | {"statusListCredential": "https://lists.example/1"}])
    digest = base64.urlsafe_b64encode(sha256(part.encode())).rstrip(b"=").decode()
    shown = f"{b64url({'alg': 'ES256'})}.{b64url({'iss': UNIVERSITY, '_sd': [digest]})}.AAAA~{part}~".encode()
    foreign = shown + b64url(["salt", "n", 1]).encode() + b"~"

    found = judged(
        "verify", [{"credential": b64(one), "proof": b64(json.dumps(PROOF).encode()), "options": {}} for one in (shown, foreign)]
    )

    for one, credential in zip(found, (shown, foreign), strict=True):
        status = anchoring.verify(credential, PROOF, allow_private=False).status
        expected = [(each.named_at, each.outcome) for each in status.lists]
        assert [(each["namedAt"], each["outcome"]) for each in one["statusLists"]] == expected
    assert [one["statusLists"][0]["namedAt"] for one in found] == ["$.credentialStatus", "$"]


def test_module_holds_published_vectors_with_their_key():
    made, expected = [], []
    for name in ("eddsa-jcs-2022", "ecdsa-jcs-2019-p256"):
        vector = read_vectors(f"data-integrity/{name}.json")
        key = to_jwk(from_multikey(vector["keyPair"]["publicKeyMultibase"]))
        for signed in vector["signed"]:
            made += [
                {"credential": json.dumps(one), "key": key, "proof": PROOF, "documents": None, "now": NOW.isoformat()}
                for one in (signed, signed | {"name": "changed"})
            ]
            expected += ["passed", "failed"]

    assert [one["outcome"] for one in judged("signature", made)] == expected


def test_module_tells_a_seal_that_does_not_hold_and_never_whose_it_is():
    made = [seal(), seal(alg="PS256")]
    for key, alg in ((P256, "ES256"), (P384, "ES384"), (ED, "EdDSA")):
        by_stranger = certificate("Stranger", key, (AUTHORITY, ROOT_KEY))
        made.append(seal(key, (by_stranger,), alg=alg))
    wrong = [one | {"payload": one["payload"].replace("x.y", "x.z")} for one in made]
    unread = [seal(alg="ES256"), seal(alg="HS256"), seal(P384, (certificate("S", P384, (AUTHORITY, ROOT_KEY)),), alg="ES256")]
    broken = seal(x5c=["AAAA"]), seal(x5c=["!"])
    given = {"proof": PROOF, "key": None, "documents": None, "now": NOW.isoformat()}
    found = judged("signature", [{"credential": json.dumps(one), **given} for one in (*made, *wrong, *unread, *broken)])

    judgements = [(one["outcome"], one["reason"].partition(" ")[0]) for one in found]
    assert judgements[:5] == [("cannot tell", "sealed")] * 5
    assert {(one["outcome"], one["reason"]) for one in found[5:10]} == {
        ("failed", "the seal does not hold: its certificate did not sign this")
    }
    assert [one["outcome"] for one in found[10:]] == ["cannot tell"] * 4 + ["failed"]


def test_module_takes_text_and_the_proof_inside_it():
    other = PROOF | {"digest": to_hex(bytes(32))}
    inside = json.dumps(json.loads(CREDENTIAL) | {"proof": [other, PROOF]})
    changed = json.dumps(json.loads(CREDENTIAL) | {"proof": [PROOF], "name": "changed"})
    found, of_changed, *none = judged(
        "inside", [{"credential": one} for one in (inside, changed, CREDENTIAL.decode(), "%PDF-1.7", None)]
    )

    assert (found["digest"], of_changed["digest"]) == ("passed", "failed")
    assert none == [{"error": {"slug": "invalid-input", "at": "proof"}}] * 3
    assert judged("inside", [{"credential": 5}]) == [{"error": {"slug": "invalid-input", "at": "credential"}}]


def test_module_takes_the_key_as_multikey():
    vector = read_vectors("data-integrity/eddsa-jcs-2022.json")
    case = {"credential": json.dumps(vector["signed"][0]), "proof": PROOF}
    good, wrong = judged("inside", [case | {"key": key} for key in (vector["keyPair"]["publicKeyMultibase"], "z6Mk")])

    assert good["credential-signature"] == "passed"
    assert wrong == {"error": {"slug": "invalid-input", "at": "key"}}


def test_signature_of_a_file_too_large_to_be_read_cannot_be_told():
    large = json.dumps({"issuer": UNIVERSITY, "pad": "x" * DEFAULT_LIMITS.max_bytes})
    [found] = judged("inside", [{"credential": large, "proof": PROOF}])
    ours = OwnSignatures(CarriedKeys()).check(large.encode(), NOW)

    assert found["credential-signature"] == ours.outcome == "cannot tell"


@pytest.mark.parametrize("options", [{"registry": "0x00"}, {"finality": "soon"}])
def test_module_names_the_argument_that_cannot_be_used(options):
    case = {"credential": None, "proof": b64(json.dumps(PROOF).encode()), "options": options}

    assert judged("verify", [case]) == [{"error": {"slug": "invalid-input", "at": next(iter(options))}}]


def test_python_agrees_about_the_proof_used_here():
    with pytest.raises(VerificationError):
        parse_proof(json.dumps(PROOF | {"salt": "0x" + "00" * 16}).encode()).verify_path()


def test_validity_is_read_in_every_form_and_what_cannot_be_read_is_said():
    over = ("over", None, "2020-01-01T00:00:00Z")
    cases: dict[str, tuple[str, tuple[str | None, str | None, str | None]]] = {
        "nothing": (json.dumps({"issuer": UNIVERSITY}), (None, None, None)),
        "null": (json.dumps({"validUntil": None}), (None, None, None)),
        "still": (json.dumps({"validUntil": "2030-01-01T01:00:00+01:00"}), (None, None, "2030-01-01T00:00:00Z")),
        "begun": (json.dumps({"validFrom": "2020-01-01"}), (None, "2020-01-01T00:00:00Z", None)),
        "begins within a minute": (json.dumps({"issued": "2026-11-23T12:00:30Z"}), (None, "2026-11-23T12:00:30Z", None)),
        "over": (json.dumps({"validUntil": "2020-01-01T00:00:00Z"}), over),
        "over, data model 1.1": (json.dumps({"expirationDate": "2020-01-01T00:00:00.5Z"}), over),
        "over, without a zone": (json.dumps({"validUntil": "2020-01-01T00:00:00"}), over),
        "over, a day": (json.dumps({"expirationDate": "2020-01-01"}), ("over", None, "2020-01-01T23:59:59Z")),
        "today": (json.dumps({"expirationDate": "2026-11-23"}), (None, None, "2026-11-23T23:59:59Z")),
        "over by one of two": (json.dumps({"validUntil": "2030-01-01", "expirationDate": "2020-01-01T00:00:00Z"}), over),
        "over, and unclear": (json.dumps({"validUntil": "soon", "expirationDate": "2020-01-01T00:00:00Z"}), over),
        "over, a token": (f"{part({'alg': 'ES256'})}.{part({'exp': 1577836800.5})}.AAAA", over),
        "over, in a token": (
            f"{part({'alg': 'ES256'})}.{part({'exp': 4102444800, 'vc': {'expirationDate': '2020-01-01T00:00:00Z'}})}.AAAA",
            over,
        ),
        "early": (json.dumps({"validFrom": "2999-01-01T00:00:00Z"}), ("early", "2999-01-01T00:00:00Z", None)),
        "early, issued": (
            json.dumps({"issued": "2999-01-01", "validFrom": "2020-01-01"}),
            ("early", "2999-01-01T00:00:00Z", None),
        ),
        "early, a token": (
            f"{part({'alg': 'ES256'})}.{part({'nbf': 4102444800})}.AAAA",
            ("early", "2100-01-01T00:00:00Z", None),
        ),
    }
    disclosure = b64url(["a salt", "exp", 1577836800])
    hidden = base64.urlsafe_b64encode(sha256(disclosure.encode())).decode().rstrip("=")
    sd_jwt = f"{b64url({'alg': 'ES256'})}.{b64url({'_sd': [hidden]})}.AAAA~"
    cases |= {
        "disclosed": (f"{sd_jwt}{disclosure}~", over),
        "not disclosed": (sd_jwt, (None, None, None)),
        "over, Open Badges 2": (json.dumps({"type": "Assertion", "expires": "2020-01-01T00:00:00Z"}), over),
        "early, Open Badges 2": (
            json.dumps({"type": ["Assertion"], "issuedOn": "2999-01-01"}),
            ("early", "2999-01-01T00:00:00Z", None),
        ),
        "expires, of another kind": (json.dumps({"type": "Parcel", "expires": "2020-01-01T00:00:00Z"}), (None, None, None)),
    }
    unread: list[Any] = ["01/01/2020", 1577836800, ["2020-01-01T00:00:00Z"], {}, "", "2020-02-30", True, "2020"]
    cases |= {f"unclear, {value}": (json.dumps({"validUntil": value}), ("unclear", None, None)) for value in unread}
    cases |= {"unclear, from": (json.dumps({"validFrom": "soon"}), ("unclear", None, None))}
    cases |= {"unclear, exp": (f"{part({'alg': 'ES256'})}.{part({'exp': '2020'})}.AAAA", ("unclear", None, None))}

    name = part(["salt", "validUntil", "2020-01-01T00:00:00Z"])
    digest = base64.urlsafe_b64encode(sha256(name.encode())).rstrip(b"=").decode()
    cases["over, disclosed"] = (f"{part({'alg': 'ES256'})}.{part({'_sd': [digest]})}.AAAA~{name}~", over)
    cases["not disclosed"] = (f"{part({'alg': 'ES256'})}.{part({'_sd': [digest]})}.AAAA~", (None, None, None))
    cases["over at this very second"] = (json.dumps({"validUntil": format_time(NOW)}), ("over", None, format_time(NOW)))
    cases["not read"] = ('{"validUntil": "2020-01-01", "validUntil": "2030-01-01"}', (None, None, None))
    cases["a file"] = ("%PDF-1.7", (None, None, None))

    given = [{"credential": content, "proof": PROOF, "now": format_time(NOW)} for content, _ in cases.values()]
    verdicts = judged("validity", given)

    expected = {name: dict(zip(("state", "validFrom", "validUntil"), one, strict=True)) for name, (_, one) in cases.items()}
    assert dict(zip(cases, verdicts, strict=True)) == expected
    ours = {name: validity_to_json(validity_of(content.encode(), NOW)) for name, (content, _) in cases.items()}
    assert ours == expected


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ({"validUntil": "2020-01-01T00:00:00Z"}, "; by its own words it expired at 2020-01-01T00:00:00Z"),
        ({"validFrom": "2099-01-01T00:00:00Z"}, "; by its own words it is valid from 2099-01-01T00:00:00Z only"),
        ({"expirationDate": "soon"}, "; when it is valid cannot be read"),
        ({"validUntil": "2099-01-01T00:00:00Z"}, ""),
    ],
)
def test_statement_says_that_a_credential_expired_in_either_language(member, said):
    credential = json.dumps(json.loads(CREDENTIAL) | member).encode()
    digest = canonicalize(credential, "application/json").digest
    proof = proof_to_json(make_proof(Posted(UNIVERSITY, make_posted(0).salt, digest)))

    ours = anchoring.verify(credential, proof, registry=REGISTRY)
    [theirs] = judged("verify", [case_of(credential, proof)])

    assert ours.statement == theirs["statement"] == f"said to be anchored by {UNIVERSITY}; not compared with a ledger{said}"
    assert report_to_json(ours)["validity"] == theirs["validity"]
