"""Our verifier and other people's come to the same verdict on the same lists, with bits at random (tests/oracles)."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anchoring.core.outcome import Outcome
from anchoring.core.registered_keys import RegisteredKeys
from anchoring.core.status import MIN_ENTRIES, StatusPurpose
from anchoring.core.status_documents import ListForm
from anchoring.core.verification import NoEvidence
from anchoring.ports.signing import KeyKind
from anchoring.ports.status_sources import GotList
from anchoring.signing.key_ring import KeyRing
from anchoring.signing.lists import RingSigner, SignedLists
from anchoring.signing.multikey import to_jwk
from anchoring.usecases.check_status import StatusQuestion, check_status
from anchoring.usecases.find_status_lists import HeadReader, VerifierLists
from tests.integration.test_status_oracles import NOW, SERVICE, bits_with, content, credential
from tests.other_verifiers import ask

SEEDS = (1, 2, 3)


class Fixed:
    """Implements ports.ListFetcher: one list, whatever is asked for."""

    def __init__(self, body: bytes, form: ListForm) -> None:
        self._got = GotList(content=body, media_type=form.media_type, source="the list")

    def fetch(self, url: str, *, fresh: bool) -> GotList:
        return self._got


def ours(body: bytes, form: ListForm, ring: KeyRing, subjects: Sequence[dict[str, Any]]) -> list[bool]:
    """What our verifier finds in the list for each credential, by its signature: whether it fails."""
    keys = {name: key.multikey for key in ring.all() for name in (ring.proof_method(key), ring.token_method(key))}
    source = VerifierLists(
        heads=HeadReader(None, "no node was asked"),
        fetcher=Fixed(body, form),
        checker=SignedLists(),
        keys=RegisteredKeys(keys),
        service=None,
        copies=[],
        signers=frozenset({SERVICE}),
    )
    found = []
    for subject in subjects:
        question = StatusQuestion(credential=json.dumps(subject).encode(), proof=None, evidence=NoEvidence("no proof"))
        named = check_status(source, question, now=NOW).lists[0]
        assert named.outcome is not Outcome.CANNOT_TELL, named
        found.append(named.outcome is Outcome.FAILED)
    return found


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    ring = KeyRing(tmp_path / "keys", SERVICE)
    for kind in KeyKind:
        ring.create(kind, issuer=None, kid=None, now=NOW)
    return ring


def drawn(seed: int) -> tuple[set[int], list[int]]:
    """Which bits are set, and which are asked for: half of them set."""
    draw = random.Random(seed)
    is_set = set(draw.sample(range(MIN_ENTRIES), 10_000))
    return is_set, [*draw.sample(sorted(is_set), 50), *draw.sample(range(MIN_ENTRIES), 50)]


@pytest.mark.parametrize("seed", SEEDS)
def test_same_verdict_as_digital_bazaar_and_4sure_on_bits_at_random(seed: int, ring: KeyRing) -> None:
    is_set, asked = drawn(seed)
    what = replace(content(url="https://anchors.example/lists/1"), bits=bits_with(*is_set))
    body = RingSigner(ring, cryptosuite="eddsa-jcs-2022", ebsi_schema="x").sign(what, ListForm.BITSTRING_JSON)
    signed = json.loads(body)
    subjects = [credential(index) for index in asked]
    for subject in subjects:
        subject["credentialStatus"]["statusListCredential"] = what.url
    base = {"url": what.url, "didDocument": ring.did_document(SERVICE), "matchingIssuers": False, "list": signed}

    bazaar = [one["statuses"][0] for one in ask("digitalbazaar", [base | {"credential": one} for one in subjects])]
    foursure = [one["status"] == 1 for one in ask("foursure", [{"list": signed, "credential": one} for one in subjects])]
    found = ours(body, ListForm.BITSTRING_JSON, ring, subjects)

    assert found == bazaar == foursure == [index in is_set for index in asked]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("purpose", StatusPurpose)
def test_same_verdict_as_sd_jwt_on_bits_at_random(seed: int, purpose: StatusPurpose, ring: KeyRing) -> None:
    is_set, asked = drawn(seed)
    what = replace(content(purpose, url="https://anchors.example/lists/1"), bits=bits_with(*is_set))
    body = RingSigner(ring, cryptosuite="eddsa-jcs-2022", ebsi_schema="x").sign(what, ListForm.TOKEN_JWT)
    subjects = [{"issuer": SERVICE, "status": {"status_list": {"idx": index, "uri": what.url}}} for index in asked]
    key = ring.signing_key(KeyKind.P256, SERVICE)
    assert key

    [theirs] = ask("sd_jwt", [{"token": body.decode(), "jwk": to_jwk(key.public), "indexes": asked}])
    found = ours(body, ListForm.TOKEN_JWT, ring, subjects)

    assert found == [bool(one) for one in theirs["statuses"]] == [index in is_set for index in asked]
