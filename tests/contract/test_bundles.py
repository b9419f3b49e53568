"""Anchors proved without a node: bundles made at Anvil, checked offline here and by @ethereumjs/trie, and each way one can be wrong."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import rlp
from eth_utils.crypto import keccak

import anchoring
from anchoring.bootstrap.verifying import TrustedBlocks, find_offline
from anchoring.core.batch import Anchor
from anchoring.core.bundle import NODES_MAX, Bundle, bundle_of, bundle_to_json
from anchoring.core.proof import InclusionProof, Registry
from anchoring.core.proof_json import proof_to_json
from anchoring.core.verification import Evidence, NoEvidence
from anchoring.errors import InvalidInput, LedgerUnavailable, MalformedProof, VerificationError
from anchoring.ledger.bundles import fetch_bundle
from anchoring.ledger.offline import anchor_from_bundle, storage_key
from anchoring.ledger.rpc import JsonRpc
from anchoring.types import Address, BlockHash, as_code_hash, as_root, to_hex
from scripts.bft_blocks import KEYS, BftBlock, account
from tests.networks import AnvilNetwork, anvil_network
from tests.other_verifiers import ask
from tests.rpc_proxy import RpcProxy, rpc_proxy
from tests.trees import make_proof, sha256
from tests.verifier_installation import run_as_verifier

OTHERS = 20
"""Transactions of others in the same block: the trie of receipts is more than one node."""


@dataclass(frozen=True)
class Anchored:
    """A proof whose root stands on a real ledger, among others'."""

    network: AnvilNetwork
    proof: InclusionProof
    bundle: Bundle

    @property
    def block_hash(self) -> BlockHash:
        return self.proof.anchor.block_hash


@pytest.fixture(scope="module")
def anchored() -> Iterator[Anchored]:
    with anvil_network() as network:
        for i in range(3):
            network.other_anchors(as_root(sha256(b"another root %d" % i)), i + 1)
        send = network.anvil.rpc.send
        sender = send("eth_accounts")[0]
        for _ in range(OTHERS):
            send("eth_sendTransaction", {"from": sender, "to": sender, "gas": "0x5208", "gasPrice": "0x0"})
        proof = make_proof()
        network.other_anchors(proof.root, proof.tree_size)
        found = network.ledger.find_anchor(proof.root, network.ledger.head())
        assert found is not None
        claim = replace(
            proof.anchor,
            registry=network.registry,
            sequence=found.sequence,
            transaction=found.transaction,
            block_number=found.block.number,
            block_hash=found.block.hash,
            anchored_at=found.anchored_at,
        )
        proof = replace(proof, anchor=claim)
        yield Anchored(network, proof, fetch_bundle(network.anvil.rpc, proof.root, proof.anchor))


@pytest.fixture
def proxy(anchored: Anchored) -> Iterator[RpcProxy]:
    with rpc_proxy(anchored.network.anvil.url) as made:
        yield made


def proven(anchored: Anchored, bundle: Bundle, proof: InclusionProof | None = None, registry: Registry | None = None) -> Anchor:
    proof = proof or anchored.proof
    pinned = registry or anchored.network.registry
    return anchor_from_bundle(bundle, proof.root, proof.anchor.transaction, pinned, anchored.block_hash)


def test_bundle_proves_the_anchor_that_the_contract_shows(anchored: Anchored) -> None:
    shown = anchored.network.ledger.find_anchor(anchored.proof.root, anchored.network.ledger.head())

    assert anchored.bundle.state is not None
    assert len(anchored.bundle.receipt) > 1
    assert proven(anchored, anchored.bundle) == shown


def test_bundle_without_a_proof_of_storage_proves_the_same(anchored: Anchored) -> None:
    by_receipt = replace(anchored.bundle, state=None)

    assert proven(anchored, by_receipt) == proven(anchored, anchored.bundle)


def test_bundle_survives_its_json_form_and_is_small(anchored: Anchored) -> None:
    text = json.dumps({"bundle": bundle_to_json(anchored.bundle)})

    assert bundle_of(json.loads(text)) == anchored.bundle
    assert len(text) < 8_000
    assert bundle_of({}) is None
    assert bundle_of({"bundle": bundle_to_json(replace(anchored.bundle, state=None))}) == replace(anchored.bundle, state=None)


def test_ethereumjs_finds_account_storage_and_receipt_by_the_same_nodes(anchored: Anchored) -> None:
    bundle, proof, registry = anchored.bundle, anchored.proof, anchored.network.registry
    header = rlp.decode(bundle.header)
    assert bundle.state is not None
    account = {"root": header[3], "key": bytes.fromhex(registry.contract[2:]), "nodes": bundle.state.account, "hashed": True}
    receipt = {"root": header[5], "key": rlp.encode(bundle.index), "nodes": bundle.receipt, "hashed": False}

    of_account, of_receipt = ask("formats/trie", [_as_text(account), _as_text(receipt)])
    storage_root = rlp.decode(bytes.fromhex(of_account["value"][2:]))[2]
    storage = {"root": storage_root, "key": storage_key(proof.root), "nodes": bundle.state.storage, "hashed": True}
    [of_storage] = ask("formats/trie", [_as_text(storage)])

    word = int.from_bytes(rlp.decode(bytes.fromhex(of_storage["value"][2:])))
    claim = proof.anchor
    assert word == claim.sequence | int(claim.anchored_at.timestamp()) << 64 | claim.block_number << 128 | proof.tree_size << 192
    assert proof.root.hex() in of_receipt["value"]


def _as_text(case: dict[str, Any]) -> dict[str, Any]:
    texts = {name: to_hex(value) for name, value in case.items() if isinstance(value, bytes)}
    return case | texts | {"nodes": [to_hex(node) for node in case["nodes"]]}


def refusal(anchored: Anchored, bundle: Bundle, proof: InclusionProof | None = None, registry: Registry | None = None) -> str:
    with pytest.raises(VerificationError) as refused:
        proven(anchored, bundle, proof, registry)
    return refused.value.message


def flipped(nodes: tuple[bytes, ...], place: int) -> tuple[bytes, ...]:
    node = nodes[place]
    return (*nodes[:place], node[:-1] + bytes([node[-1] ^ 1]), *nodes[place + 1 :])


def test_bundle_of_another_block_is_refused(anchored: Anchored) -> None:
    bundle = replace(anchored.bundle, header=anchored.bundle.header[:-1] + bytes([anchored.bundle.header[-1] ^ 1]))

    assert "the bundle's header is of block" in refusal(anchored, bundle)


def test_receipt_that_does_not_follow_is_refused(anchored: Anchored) -> None:
    bundle = anchored.bundle

    for place in range(len(bundle.receipt)):
        assert "the receipt does not follow" in refusal(anchored, replace(bundle, receipt=flipped(bundle.receipt, place)))
    assert "the receipt does not follow" in refusal(anchored, replace(bundle, receipt=bundle.receipt[:-1]))
    assert "the receipt" in refusal(anchored, replace(bundle, index=bundle.index + 1))
    assert "the receipt" in refusal(anchored, replace(bundle, index=10**6))
    assert "the receipt does not follow" in refusal(anchored, replace(bundle, receipt=(b"\xff",)))


def test_state_that_does_not_follow_is_refused(anchored: Anchored) -> None:
    bundle, state = anchored.bundle, anchored.bundle.state
    assert state is not None

    for place in range(len(state.account)):
        assert "account" in refusal(anchored, replace(bundle, state=replace(state, account=flipped(state.account, place))))
    for place in range(len(state.storage)):
        assert "storage" in refusal(anchored, replace(bundle, state=replace(state, storage=flipped(state.storage, place))))


@pytest.mark.parametrize("node", ["c0", "80", "00", "c180", "d1" + "80" * 17, "f8", "c2c0c0", "c20080"])
def test_nodes_made_to_deceive_are_refused(anchored: Anchored, node: str) -> None:
    bundle, made = anchored.bundle, (bytes.fromhex(node),)
    assert bundle.state is not None

    refusal(anchored, replace(bundle, receipt=made))
    refusal(anchored, replace(bundle, receipt=made + bundle.receipt[1:]))
    refusal(anchored, replace(bundle, state=replace(bundle.state, account=made + bundle.state.account[1:])))
    refusal(anchored, replace(bundle, state=replace(bundle.state, storage=made + bundle.state.storage[1:])))


def test_other_root_and_other_contract_are_refused(anchored: Anchored) -> None:
    other_root = replace(anchored.proof, root=as_root(sha256(b"never anchored")))
    other_contract = replace(anchored.network.registry, contract=Address("0x" + "12" * 20))

    assert "shows no event" in refusal(anchored, anchored.bundle, other_root)
    assert "shows no event" in refusal(anchored, anchored.bundle, registry=other_contract)


def test_foreign_code_at_the_pinned_address_is_refused(anchored: Anchored, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(anchored.network.ledger.identity(), code_hash=as_code_hash(keccak(b"other code")))
    monkeypatch.setattr("anchoring.ledger.offline.anchor_registry", lambda: other)

    assert "is not the anchor registry of this version" in refusal(anchored, anchored.bundle)


def test_evidence_is_of_the_block_that_the_verifier_named(anchored: Anchored) -> None:
    registry, proof, bundle = anchored.network.registry, anchored.proof, anchored.bundle

    good = find_offline(registry, proof, bundle, TrustedBlocks(block_hash=anchored.block_hash))
    elsewhere = find_offline(registry, proof, bundle, TrustedBlocks(block_hash=BlockHash(bytes(32))))

    assert isinstance(good, Evidence)
    assert isinstance(elsewhere, NoEvidence)
    assert (good.block_hash, good.final_height) == (anchored.block_hash, proof.anchor.block_number)
    assert "header is of block" in elsewhere.why
    assert isinstance(find_offline(registry, proof, None, TrustedBlocks(block_hash=anchored.block_hash)), NoEvidence)
    assert isinstance(find_offline(None, proof, bundle, TrustedBlocks(block_hash=anchored.block_hash)), NoEvidence)


@pytest.mark.parametrize("is_ibft", [True, False], ids=["ibft", "qbft"])
def test_block_that_pinned_validators_sealed_needs_no_hash(anchored: Anchored, is_ibft: bool) -> None:
    """The same roots of receipts and state, in a header as a QBFT or IBFT 2.0 ledger would have it."""
    validators = frozenset(account(key) for key in KEYS[:4])
    block = BftBlock(is_ibft=is_ibft, fields=rlp.decode(anchored.bundle.header), validators=sorted(validators))
    proof = replace(anchored.proof, anchor=replace(anchored.proof.anchor, block_hash=BlockHash(block.hash)))

    def find(sealed: BftBlock, **trusted: Any) -> Evidence | NoEvidence:
        bundle = replace(anchored.bundle, header=sealed.header)
        return find_offline(anchored.network.registry, proof, bundle, TrustedBlocks(validators=validators, **trusted))

    good, poor = find(block.sealed_by(*KEYS[:3])), find(block.sealed_by(*KEYS[1:3]))
    elsewhere = find(block.sealed_by(*KEYS[:3]), block_hash=BlockHash(bytes(32)))
    changed = find(replace(block, validators=[account(key) for key in KEYS[1:5]]).sealed_by(*KEYS[1:5]))

    assert isinstance(good, Evidence)
    assert good.anchor is not None
    assert (good.block_hash, good.anchor.root) == (block.hash, proof.root)
    assert good.finality == "the seals of 3 of 4 validators, on any chain of theirs: no header says which"
    for found, why in (
        (poor, "2 of 4 validators sealed"),
        (elsewhere, "header is of block"),
        (changed, "names other validators"),
    ):
        assert isinstance(found, NoEvidence)
        assert why in found.why


def test_node_of_a_qbft_ledger_gives_bundles(anchored: Anchored, proxy: RpcProxy) -> None:
    fields = rlp.decode(anchored.bundle.header)
    block = BftBlock(is_ibft=False, fields=fields, validators=[account(KEYS[0])]).sealed_by(KEYS[0])
    header = rlp.decode(block.header)
    shown = anchored.network.anvil.rpc.send("eth_getBlockByHash", to_hex(anchored.block_hash), False)
    changes = {"hash": to_hex(block.hash), "extraData": to_hex(header[12]), "mixHash": to_hex(header[13])}
    receipts = anchored.network.anvil.rpc.send("eth_getBlockReceipts", hex(anchored.proof.anchor.block_number))
    proxy.answers(eth_getBlockByHash=shown | changes, eth_getBlockReceipts=receipts)
    proof = replace(anchored.proof, anchor=replace(anchored.proof.anchor, block_hash=BlockHash(block.hash)))

    assert fetched(proxy, proof) == replace(anchored.bundle, header=block.header)


OFFLINE = """
import anchoring
report = anchoring.verify_offline(None, sys.argv[2].encode(), registry=sys.argv[3], block_hash=sys.argv[4])
print(json.dumps({check.name: check.outcome for check in report.checks}))
"""


def test_library_verifies_offline_without_what_only_the_service_needs(anchored: Anchored) -> None:
    proof = json.dumps(proof_to_json(anchored.proof) | {"bundle": bundle_to_json(anchored.bundle)})

    found = run_as_verifier(OFFLINE, proof, str(anchored.network.registry), to_hex(anchored.block_hash))

    assert [found[name] for name in ("path", "registry", "root", "finality", "status")] == [*["passed"] * 4, "cannot tell"]


def test_library_refuses_a_bundle_that_is_none_and_a_hash_that_is_none(anchored: Anchored) -> None:
    proof, registry = proof_to_json(anchored.proof), anchored.network.registry

    with pytest.raises(MalformedProof, match=r"\$\.bundle: must be an object"):
        anchoring.verify_offline(None, proof | {"bundle": 7}, registry=registry, block_hash=to_hex(anchored.block_hash))
    with pytest.raises(InvalidInput, match="block_hash: a block hash must be"):
        anchoring.verify_offline(None, proof, registry=registry, block_hash="0x00")


# Nodes that do not give all


def fetched(proxy: RpcProxy, proof: InclusionProof) -> Bundle:
    return fetch_bundle(JsonRpc(proxy.url, timeout_s=5), proof.root, proof.anchor)


def test_node_without_storage_proofs_and_bulk_receipts_still_gives_the_receipt(anchored: Anchored, proxy: RpcProxy) -> None:
    refused = {"eth_getProof", "eth_getBlockReceipts"}
    proxy.rule = lambda call: call.error(-32601, "method not allowed") if call.method in refused else call.forward()

    assert fetched(proxy, anchored.proof) == replace(anchored.bundle, state=None)
    assert proxy.calls.count("eth_getTransactionReceipt") == OTHERS + 1


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [
        ("eth_getBlockByHash", None, "does not have block"),
        ("eth_getBlockByHash", {"parentHash": "0x00"}, "malformed"),
        ("eth_getBlockReceipts", [{}], "malformed"),
        ("eth_getProof", {"storageProof": []}, "malformed"),
    ],
)
def test_node_that_answers_rubbish_makes_no_bundle(
    anchored: Anchored, proxy: RpcProxy, method: str, answer: Any, words: str
) -> None:
    proxy.answers(**{method: answer})

    with pytest.raises(LedgerUnavailable, match=words):
        fetched(proxy, anchored.proof)


def test_ledger_that_hashes_headers_in_another_way_makes_no_bundle(anchored: Anchored, proxy: RpcProxy) -> None:
    block = anchored.network.anvil.rpc.send("eth_getBlockByHash", to_hex(anchored.block_hash), False)
    proxy.answers(eth_getBlockByHash=block | {"extraData": "0x00"})

    with pytest.raises(LedgerUnavailable, match="hashed in a way that is not known"):
        fetched(proxy, anchored.proof)


def test_receipts_of_another_block_make_no_bundle(anchored: Anchored, proxy: RpcProxy) -> None:
    other = anchored.network.anvil.rpc.send("eth_getBlockReceipts", hex(anchored.proof.anchor.block_number - 1))
    proxy.answers(eth_getBlockReceipts=other + other[:1] * OTHERS)

    with pytest.raises(LedgerUnavailable, match="do not belong to the block"):
        fetched(proxy, anchored.proof)


# The JSON form


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"type": "Bundle"}, "$.bundle.type"),
        ({"version": 2}, "$.bundle.version"),
        ({"header": "0x0"}, "$.bundle.header"),
        ({"header": "0x" + "00" * 17_000}, "$.bundle.header"),
        ({"transactionIndex": -1}, "$.bundle.transactionIndex"),
        ({"receipt": []}, "$.bundle.receipt"),
        ({"receipt": [7]}, "$.bundle.receipt"),
        ({"receipt": ["0x00"] * (NODES_MAX + 1)}, "$.bundle.receipt"),
        ({"receipt": ["0x00", "00"]}, "$.bundle.receipt[1]"),
        ({"state": 7}, "$.bundle.state"),
        ({"state": {"account": ["0x00"]}}, "$.bundle.state.storage"),
    ],
)
def test_bundle_that_is_none_is_refused(anchored: Anchored, changes: dict[str, Any], at: str) -> None:
    with pytest.raises(MalformedProof) as refused:
        bundle_of({"bundle": bundle_to_json(anchored.bundle) | changes})

    assert refused.value.at == at
