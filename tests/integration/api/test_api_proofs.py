"""Proofs, batches and tiles as readers get them: by value, with links that work and caching that can be taken back."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from anchoring.core.bundle import bundle_to_json
from anchoring.core.left_right import LeftRightProof
from anchoring.core.proof_formats import read_any
from anchoring.core.proof_json import proof_from_json
from anchoring.types import Did, to_hex
from tests.api import (
    BINARY,
    IDENTITY,
    PUBLIC_URL,
    Api,
    anchor,
    check_problem,
    hex_digest,
    issuer_query,
    keep_bundle,
    make_key,
    post_and_anchor,
    record_round,
    seal,
    take_back,
)
from tests.factories import ACADEMY, NOON, UNIVERSITY, add_issuer, post


def test_get_proof_gives_a_proof_that_leads_to_its_root(api: Api) -> None:
    [first, *_], batch = post_and_anchor(api, *range(5))
    made = batch.tree

    response = api.get(f"/v1/proofs/{hex_digest(0)}")

    assert response.status_code == 200
    assert made is not None
    proof = proof_from_json(response.json())
    proof.verify_path()
    path, leaf_index = response.json()["path"], response.json()["leafIndex"]
    assert response.json() == {
        "type": "CredentialAnchorProof",
        "version": 1,
        "issuer": UNIVERSITY,
        "digest": hex_digest(0),
        "salt": to_hex(first.salt),
        "canonicalization": None,
        "leafIndex": leaf_index,
        "treeSize": 5,
        "path": path,
        "root": to_hex(made.root),
        "anchor": {
            "type": "AnchorRegistry",
            "ledger": "eip155:31337",
            "contract": "0x" + "c3" * 20,
            "sequence": 1,
            "transaction": "0x" + "65" * 32,
            "blockNumber": 101,
            "blockHash": "0x" + "01" * 32,
            "anchoredAt": "2026-11-23T12:00:00Z",
            "state": "final",
        },
    }


@pytest.mark.parametrize("size", [1, 2, 257])
def test_get_proof_of_every_entry_verifies(api: Api, size: int) -> None:
    _, batch = post_and_anchor(api, *range(size))

    proofs = [proof_from_json(api.get(f"/v1/proofs/{hex_digest(i)}").json()) for i in range(0, size, 16)]

    for proof in proofs:
        proof.verify_path()
    assert {proof.root for proof in proofs} == {batch.tree.root if batch.tree else None}
    assert len({proof.leaf_index for proof in proofs}) == len(proofs)


@pytest.mark.parametrize("state", ["waiting", "sealed", "submitted"])
def test_get_proof_that_still_waits_says_how_long(api: Api, state: str) -> None:
    api.post_numbers(1)
    if state != "waiting":
        batch = seal(api)
        if state == "submitted":
            with api.store.writing() as uow:
                uow.batches.submit([batch.id])
                uow.commit()
    with api.store.writing() as uow:
        record_round(uow, api.clock)
        uow.commit()
    api.clock.advance(20)

    response = api.get(f"/v1/proofs/{hex_digest(1)}")

    assert response.status_code == 202
    wait_s = 1 if state == "submitted" else 40
    assert response.headers["retry-after"] == str(wait_s)
    assert response.headers["cache-control"] == "no-store"
    assert (response.json()["state"], response.json()["retryAfterS"]) == (state, wait_s)
    assert "path" not in response.json()
    assert api.follow(response.json()["links"]["proof"]).status_code == 202


def test_get_proof_of_a_final_anchor_may_be_kept_five_minutes(api: Api) -> None:
    post_and_anchor(api, 1)

    response = api.get(f"/v1/proofs/{hex_digest(1)}")

    assert response.headers["cache-control"] == "public, max-age=300"
    etag = response.headers["etag"]
    assert etag == f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    for held in (etag, f'W/"other", {etag}', f"W/{etag}", "*"):
        again = api.get(f"/v1/proofs/{hex_digest(1)}", If_None_Match=held)
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["etag"], again.headers["cache-control"]) == (etag, "public, max-age=300")
    assert api.get(f"/v1/proofs/{hex_digest(1)}", If_None_Match='"other"').status_code == 200


def test_get_proof_of_a_confirmed_anchor_must_be_asked_for_again(api: Api) -> None:
    _, batch = post_and_anchor(api, 1, final=False)

    confirmed = api.get(f"/v1/proofs/{hex_digest(1)}")
    with api.store.writing() as uow:
        found = uow.batches.with_id(batch.id)
        assert found
        assert found.anchor
        uow.batches.finalize(batch.id, found.anchor.block, NOON)
        uow.commit()
    final = api.get(f"/v1/proofs/{hex_digest(1)}", If_None_Match=confirmed.headers["etag"])

    assert confirmed.headers["cache-control"] == "no-cache"
    assert confirmed.json()["anchor"]["state"] == "confirmed"
    assert (final.status_code, final.json()["anchor"]["state"]) == (200, "final")


def test_get_proof_is_taken_back_with_its_block(api: Api) -> None:
    _, batch = post_and_anchor(api, 1)
    etag = api.get(f"/v1/proofs/{hex_digest(1)}").headers["etag"]

    take_back(api, batch)

    response = api.get(f"/v1/proofs/{hex_digest(1)}", If_None_Match=etag)
    assert (response.status_code, response.json()["state"]) == (202, "sealed")


def test_get_proof_of_several_issuers_offers_links_that_work(api: Api) -> None:
    post(api.store, api.issuer, 1)
    post(api.store, api.other_issuer, 1)
    anchor(api, seal(api))

    response = api.get(f"/v1/proofs/{hex_digest(1)}")

    assert (response.status_code, response.json()["issuers"]) == (300, [UNIVERSITY, ACADEMY])
    proofs = [proof_from_json(api.follow(link).json()) for link in response.json()["links"]]
    assert [proof.issuer for proof in proofs] == [UNIVERSITY, ACADEMY]
    for proof in proofs:
        proof.verify_path()


def test_get_proof_under_an_issuer_who_did_not_post_is_not_found(api: Api) -> None:
    post_and_anchor(api, 1)

    check_problem(api.get(f"/v1/proofs/{hex_digest(1)}{issuer_query(ACADEMY)}"), 404, "not-found")
    check_problem(api.get(f"/v1/proofs/{hex_digest(2)}"), 404, "not-found")


@pytest.mark.parametrize(
    ("wanted", "media_type"),
    [
        ("credanchor", "application/json"),
        ("merkletools", "application/json"),
        ("chainpoint-v3", "application/vnd.chainpoint.ld+json"),
        ("chainpoint-v3-binary", "application/octet-stream"),
    ],
)
def test_get_proof_in_another_format_is_the_same_proof(api: Api, wanted: str, media_type: str) -> None:
    post_and_anchor(api, *range(5))
    proof = proof_from_json(api.get(f"/v1/proofs/{hex_digest(0)}").json())

    response = api.get(f"/v1/proofs/{hex_digest(0)}{issuer_query(UNIVERSITY)}&format={wanted}")

    assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    read, path = read_any(response.content), LeftRightProof.of(proof)
    assert read in (proof, path, replace(path, anchor=None))
    assert (response.headers["cache-control"], len(response.headers["etag"])) == ("public, max-age=300", 34)
    again = api.get(f"/v1/proofs/{hex_digest(0)}?format={wanted}", If_None_Match=response.headers["etag"])
    assert again.status_code == 304


def test_get_proof_as_merkleproof2019_of_a_ledger_with_a_name(api: Api) -> None:
    named = replace(IDENTITY, registry=replace(IDENTITY.registry, chain_id=11155111))
    with api.store.writing() as uow:
        uow.rounds.record_identity(named)
        uow.commit()
    post_and_anchor(api, *range(5))
    proof = proof_from_json(api.get(f"/v1/proofs/{hex_digest(0)}").json())

    response = api.get(f"/v1/proofs/{hex_digest(0)}?format=merkleproof2019")

    assert (response.status_code, response.headers["content-type"]) == (200, "application/ld+json")
    assert read_any(response.content) == LeftRightProof.of(proof)


def test_get_proof_in_a_format_that_has_no_name_for_the_ledger_is_refused(api: Api) -> None:
    post_and_anchor(api, 1)

    problem = check_problem(api.get(f"/v1/proofs/{hex_digest(1)}?format=merkleproof2019"), 422, "invalid-input")

    assert problem["at"] == "query.format"
    assert "no name for the ledger eip155:31337" in problem["detail"]


def test_get_proof_of_several_issuers_leads_on_to_the_same_format(api: Api) -> None:
    post(api.store, api.issuer, 1)
    post(api.store, api.other_issuer, 1)
    anchor(api, seal(api))

    response = api.get(f"/v1/proofs/{hex_digest(1)}?format=merkletools")

    assert response.status_code == 300
    proofs = [api.follow(link).json() for link in response.json()["links"]]
    assert [proof["targetHash"] for proof in proofs] == [hex_digest(1).removeprefix("0x")] * 2
    assert proofs[0]["proof"] != proofs[1]["proof"]


@pytest.mark.parametrize("query", ["?format=", "?format=opentimestamps", "?format=merkletools&format=credanchor", "?formats=x"])
def test_get_proof_in_an_unknown_format_is_refused(api: Api, query: str) -> None:
    post_and_anchor(api, 1)

    problem = check_problem(api.get(f"/v1/proofs/{hex_digest(1)}{query}"), 422, "invalid-input")

    assert problem["at"] in ("query.format", "query.formats")
    said = problem["detail"].split("; ")
    assert len(said) == len(set(said))


def test_get_proof_that_waits_says_so_in_every_format(api: Api) -> None:
    api.post_numbers(1)

    assert api.get(f"/v1/proofs/{hex_digest(1)}?format=chainpoint-v3").status_code == 202


def test_link_of_a_did_with_an_escape_leads_back_to_it(api: Api) -> None:
    did = Did("did:web:localhost%3A8443:a-b_c")
    key = make_key(api.store, add_issuer(api.store, did, "With a port"))

    link = api.post_numbers(1, key=key).json()["links"]["digest"].replace("{digest}", hex_digest(1))

    assert api.follow(link).json()["issuer"] == did


def batches_of(api: Api, path: str) -> Any:
    return api.get(path).json()


def test_list_batches_pages_through_all_of_them(api: Api) -> None:
    roots = []
    for i in range(5):
        _, batch = post_and_anchor(api, i)
        roots.append(to_hex(batch.tree.root) if batch.tree else "")
    api.post_numbers(99)

    pages = [batches_of(api, "/v1/batches?limit=2")]
    while pages[-1]["next"]:
        pages.append(api.follow(pages[-1]["next"]).json())

    assert [[batch["root"] for batch in page["batches"]] for page in pages] == [roots[4:2:-1], roots[2:0:-1], roots[:1]]
    whole = api.get("/v1/batches")
    assert [batch["root"] for batch in whole.json()["batches"]] == roots[::-1]
    assert whole.json()["next"] is None
    assert whole.headers["cache-control"] == "no-cache"


def test_list_batches_ends_on_a_full_page(api: Api) -> None:
    post_and_anchor(api, 1)
    post_and_anchor(api, 2)

    assert batches_of(api, "/v1/batches?limit=2")["next"] is None


def test_get_batch_says_what_it_is(api: Api) -> None:
    _, batch = post_and_anchor(api, *range(300))
    assert batch.tree
    root = to_hex(batch.tree.root)

    response = api.get(f"/v1/batches/{root[2:].upper()}")

    url = f"{PUBLIC_URL}/v1/batches/{root}"
    assert response.headers["cache-control"] == "no-cache"
    assert response.json() == {
        "root": root,
        "treeSize": 300,
        "statedLeafCount": 300,
        "state": "final",
        "sealedAt": "2026-11-23T12:00:00Z",
        "anchor": api.get(f"/v1/proofs/{hex_digest(0)}").json()["anchor"],
        "tileLevels": [2, 1],
        "links": {"self": url, "tiles": url + "/tiles/{level}/{n}"},
    }
    assert api.follow(response.json()["links"]["self"]).json() == response.json()


def test_get_batch_that_is_not_anchored_names_no_anchor(api: Api) -> None:
    api.post_numbers(1)
    batch = seal(api)
    assert batch.tree

    response = api.get(f"/v1/batches/{to_hex(batch.tree.root)}")

    assert (response.json()["state"], response.json()["anchor"]) == ("sealed", None)
    check_problem(api.get(f"/v1/batches/{hex_digest(1)}"), 404, "not-found")


def test_get_tile_gives_what_rebuilds_the_tree(api: Api) -> None:
    entries, batch = post_and_anchor(api, *range(300))
    assert batch.tree
    tiles = f"/v1/batches/{to_hex(batch.tree.root)}/tiles"

    first, second, upper = (api.get(f"{tiles}/{place}") for place in ("0/0", "0/1", "1/0"))

    assert [len(tile.content) for tile in (first, second, upper)] == [8192, 44 * 32, 32]
    assert first.headers["content-type"] == BINARY
    assert first.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert api.get(f"{tiles}/0/0", If_None_Match=first.headers["etag"]).status_code == 304
    leaves = first.content + second.content
    for entry in entries[::30]:
        proof = proof_from_json(api.get(f"/v1/proofs/{to_hex(entry.digest)}").json())
        assert leaves[32 * proof.leaf_index :][:32] == proof.leaf_hash


@pytest.mark.parametrize("place", ["0/1", "1/0", "2/0", "0/1048575"])
def test_get_tile_that_the_tree_does_not_have_is_not_found(api: Api, place: str) -> None:
    _, batch = post_and_anchor(api, 1, 2)
    assert batch.tree

    check_problem(api.get(f"/v1/batches/{to_hex(batch.tree.root)}/tiles/{place}"), 404, "not-found")
    check_problem(api.get(f"/v1/batches/{hex_digest(1)}/tiles/{place}"), 404, "not-found")


def test_anchors_name_the_contract_that_the_rounds_belong_to(api: Api) -> None:
    post_and_anchor(api, 1)

    proof = proof_from_json(api.get(f"/v1/proofs/{hex_digest(1)}").json())

    assert proof.anchor.registry == IDENTITY.registry


# Bundles


def test_get_proof_with_its_bundle_is_the_proof_with_one_member_more(api: Api) -> None:
    _, batch = post_and_anchor(api, 1)
    bundle = keep_bundle(api, batch)

    response = api.get(f"/v1/proofs/{hex_digest(1)}?bundle=true")

    bare = api.get(f"/v1/proofs/{hex_digest(1)}")
    assert response.json() == bare.json() | {"bundle": bundle_to_json(bundle)}
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.headers["etag"] != bare.headers["etag"]
    assert api.get(f"/v1/proofs/{hex_digest(1)}?bundle=false").content == bare.content


def test_get_proof_whose_bundle_is_not_there_yet_says_so_and_is_not_kept(api: Api) -> None:
    post_and_anchor(api, 1)

    response = api.get(f"/v1/proofs/{hex_digest(1)}?bundle=true")

    assert (response.status_code, response.json()["bundle"]) == (200, None)
    assert response.headers["cache-control"] == "no-cache"


def test_get_proof_after_a_reorg_has_no_bundle_of_the_block_that_is_gone(api: Api) -> None:
    _, batch = post_and_anchor(api, 1)
    keep_bundle(api, batch)
    take_back(api, batch)
    anchor(api, batch, branch=1)

    assert api.get(f"/v1/proofs/{hex_digest(1)}?bundle=true").json()["bundle"] is None


def test_get_proof_with_a_bundle_in_a_format_without_place_for_it_is_refused(api: Api) -> None:
    post_and_anchor(api, 1)

    response = api.get(f"/v1/proofs/{hex_digest(1)}?bundle=true&format=merkletools")

    assert check_problem(response, 422, "invalid-input")["at"] == "query.bundle"


def test_get_proof_of_several_issuers_leads_on_to_bundles(api: Api) -> None:
    post_and_anchor(api, 1)
    post(api.store, add_issuer(api.store, ACADEMY, "Academy"), 1)

    links = api.get(f"/v1/proofs/{hex_digest(1)}?bundle=true").json()["links"]

    assert [link.endswith("&bundle=true") for link in links] == [True, True]
