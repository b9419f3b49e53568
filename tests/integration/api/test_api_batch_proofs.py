"""All proofs of an issuer in one batch, in one request."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from anchoring.core.batch import Batch
from anchoring.core.bundle import bundle_to_json
from anchoring.core.proof_formats import ProofFormat, read_any
from anchoring.errors import Conflict
from anchoring.types import to_hex
from service.routers.batches import PROOFS_AT_ONCE, _proof_lines
from tests.api import NDJSON, Api, anchor, check_problem, hex_digest, keep_bundle, post_and_anchor, seal, take_back
from tests.factories import UNIVERSITY, post


def proofs_of(batch: Batch, query: str = "") -> str:
    assert batch.tree is not None
    return f"/v1/batches/{to_hex(batch.tree.root)}/proofs{query}"


def get(api: Api, path: str, key: str | None = None) -> Any:
    return api.get(path, Authorization=f"Bearer {key or api.key}")


def lines(api: Api, batch: Batch) -> Iterator[bytes]:
    return _proof_lines(api.store, batch, api.issuer, ProofFormat.CREDANCHOR, bundle=True)


@pytest.mark.parametrize("size", [1, PROOFS_AT_ONCE, PROOFS_AT_ONCE + 1])
def test_get_proofs_gives_all_of_an_issuer_and_none_of_others(api: Api, size: int) -> None:
    for i in range(size):
        post(api.store, api.issuer, i)
    post(api.store, api.other_issuer, 0, 999)
    batch = seal(api)
    anchor(api, batch)

    response = get(api, proofs_of(batch))

    assert (response.status_code, response.headers["content-type"]) == (200, NDJSON)
    assert response.headers["cache-control"] == "no-store"
    proofs: list[Any] = [read_any(line) for line in response.content.splitlines()]
    assert [to_hex(proof.digest) for proof in proofs] == [hex_digest(i) for i in range(size)]
    assert {proof.issuer for proof in proofs} == {UNIVERSITY}
    assert response.content.splitlines()[0] == api.get(f"/v1/proofs/{hex_digest(0)}?issuer={UNIVERSITY}").content


def test_get_proofs_in_another_format(api: Api) -> None:
    _, batch = post_and_anchor(api, *range(3))

    response = get(api, proofs_of(batch, "?format=merkletools"))

    singles = [api.get(f"/v1/proofs/{hex_digest(i)}?format=merkletools").content for i in range(3)]
    assert sorted(response.content.splitlines()) == sorted(singles)


def test_get_proofs_with_their_bundle_are_those_of_one_request_each(api: Api) -> None:
    _, batch = post_and_anchor(api, *range(3))
    bare = [api.get(f"/v1/proofs/{hex_digest(i)}").json() for i in range(3)]
    before = get(api, proofs_of(batch, "?bundle=true"))
    bundle = keep_bundle(api, batch)

    response = get(api, proofs_of(batch, "?bundle=true"))

    by_digest = {proof["digest"]: proof for proof in map(json.loads, response.content.splitlines())}
    assert by_digest == {proof["digest"]: proof | {"bundle": bundle_to_json(bundle)} for proof in bare}
    assert [json.loads(line)["bundle"] for line in before.content.splitlines()] == [None] * 3


def test_get_proofs_of_an_issuer_without_entries_is_empty(api: Api) -> None:
    _, batch = post_and_anchor(api, 1)

    response = get(api, proofs_of(batch), api.other)

    assert (response.status_code, response.content) == (200, b"")


def test_get_proofs_leaves_out_what_was_erased(api: Api) -> None:
    _, batch = post_and_anchor(api, 1, 2)
    assert api.delete(f"/v1/digests/{hex_digest(1)}").status_code == 204

    [line] = get(api, proofs_of(batch)).content.splitlines()

    assert hex_digest(2).encode() in line


def test_get_proofs_of_a_batch_that_waits_says_how_long(api: Api) -> None:
    api.post_numbers(1)
    batch = seal(api)

    response = get(api, proofs_of(batch))

    assert (response.status_code, response.json()["state"]) == (202, "sealed")
    assert int(response.headers["retry-after"]) >= 1
    assert response.headers["cache-control"] == "no-store"


def test_get_proofs_is_refused_with_a_status_code(api: Api) -> None:
    _, batch = post_and_anchor(api, 1)

    check_problem(api.get(proofs_of(batch)), 401, "not-allowed")
    check_problem(get(api, f"/v1/batches/{hex_digest(7)}/proofs"), 404, "not-found")
    for query, words in (
        ("?format=merkleproof2019", "no name for the ledger eip155:31337"),
        ("?format=chainpoint-v3-binary", "cannot be had in bulk"),
        ("?format=pdf", "must be"),
        ("?format=merkletools&bundle=true", "has no place for a bundle"),
        ("?limit=7", "unknown query parameter"),
    ):
        assert words in check_problem(get(api, proofs_of(batch, query)), 422, "invalid-input")["detail"]


def test_get_proofs_is_cut_off_when_a_reorg_takes_the_anchor_back(api: Api) -> None:
    _, batch = post_and_anchor(api, *range(PROOFS_AT_ONCE + 1))
    parts = lines(api, batch)
    assert next(parts).count(b"\n") == PROOFS_AT_ONCE

    take_back(api, batch)

    with pytest.raises(Conflict, match="was taken back"):
        next(parts)


def test_get_proofs_needs_no_more_memory_for_more_of_them(api: Api) -> None:
    _, batch = post_and_anchor(api, *range(8 * PROOFS_AT_ONCE))
    keep_bundle(api, batch)

    peaks = []
    for count in (2, 8):
        parts = lines(api, batch)
        tracemalloc.start()
        for _ in range(count):
            next(parts)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < 1.3 * peaks[0]
