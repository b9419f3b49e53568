"""Proofs with bundles that every verifier must judge alike, offline: under a block hash, and under seals of validators.

What a case expects is written down here, not computed.
"""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import rlp
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from anchoring.core.bundle import Bundle, bundle_to_json
from anchoring.ledger.offline import ROOT_ANCHORED
from anchoring.types import to_hex
from scripts.bft_blocks import KEYS, BftBlock, account, encode
from scripts.example_blocks import BASE, NUMBER, OTHERS, PLACE, REGISTRY, SEQUENCE, WORD, Block, nodes_of
from scripts.proof_cases import Json

PASSED: Final = "passed"
FAILED: Final = "failed"
CANNOT_TELL: Final = "cannot tell"
MALFORMED: Final = "malformed"

VALIDATORS: Final = [account(key) for key in KEYS[:4]]
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleCase:
    """`result`: of the check `root`, or `malformed`. `at`: JSON path of the member that makes it malformed."""

    name: str
    proof: Json
    result: str
    block_hash: str | None = None
    validators: Sequence[str] = ()
    registry: str = REGISTRY
    at: str | None = None


def bundle_cases() -> Iterator[BundleCase]:
    """Every case, in the order of the file."""
    yield from _good()
    yield from _other_blocks()
    yield from _broken_tries()
    yield from _other_claims()
    yield from _sealed()
    yield from _malformed()


FIELDS, BUNDLE = Block().made()
BY_RECEIPT: Final = replace(BUNDLE, state=None)


def _proof(bundle: Bundle | Json | None, block_hash: bytes, **anchor: Any) -> Json:
    proof = copy.deepcopy(BASE)
    proof["anchor"] |= {"blockHash": to_hex(block_hash), "blockNumber": NUMBER, "anchoredAt": "2026-11-23T12:00:05Z"} | anchor
    return proof | {"bundle": bundle_to_json(bundle) if isinstance(bundle, Bundle) else bundle}


def _case(name: str, bundle: Bundle | Json | None, result: str, **changes: Any) -> BundleCase:
    """Under the hash of the bundle's own header, where nothing else is said."""
    block_hash = keccak(bundle.header if isinstance(bundle, Bundle) else BUNDLE.header)
    case = BundleCase(name=name, proof=_proof(bundle, block_hash), result=result, block_hash=to_hex(block_hash))
    return replace(case, **changes)


def _good() -> Iterator[BundleCase]:
    yield _case("receipt and storage", BUNDLE, PASSED)
    yield _case("the receipt alone", replace(BUNDLE, state=None), PASSED)
    yield _case("a receipt of the first kind", Block(is_typed=False).made()[1], PASSED)
    yield _case("a root that was anchored without its leaf count", Block(leaf_count=0, word=WORD % 2**192).made()[1], PASSED)
    yield _case("nodes in another order", replace(BUNDLE, receipt=BUNDLE.receipt[::-1]), PASSED)
    yield _case("a node that is not needed", replace(BUNDLE, receipt=(*BUNDLE.receipt, encode([b" ", b"x"]))), PASSED)
    yield _case("block hash without 0x, in upper case", BUNDLE, PASSED, block_hash=keccak(BUNDLE.header).hex().upper())
    yield _case("no bundle", None, CANNOT_TELL)


def _other_blocks() -> Iterator[BundleCase]:
    header = BUNDLE.header
    yield _case("another block hash", BUNDLE, CANNOT_TELL, block_hash="0x" + "11" * 32)
    own = to_hex(keccak(header))
    for name, changed in (
        ("one bit of the header", header[:-1] + bytes([header[-1] ^ 1])),
        ("a header that ends early", header[:-1]),
        ("a byte behind the header", header + b"\0"),
        ("a header with too few fields", encode(FIELDS[:14])),
        ("a header that is no list", encode(b"header" * 20)),
        ("a header of lists, one in another", _nested(4_000)),
    ):
        yield _case(name, replace(BY_RECEIPT, header=changed), CANNOT_TELL, block_hash=own)
    yield _case("another contract is pinned", BUNDLE, CANNOT_TELL, registry="eip155:31337:0x" + "12" * 20)
    for name, block in (
        ("a transaction that failed", Block(status=0)),
        ("an event of another contract", Block(emitter="0x" + "12" * 20)),
        ("an event of another root", Block(topics=(ROOT_ANCHORED, bytes(32), *Block().topics[2:]))),
        ("another event", Block(topics=(bytes(32), *Block().topics[1:]))),
        ("an event without its anchorer", Block(topics=Block().topics[:3])),
        ("other code at the address", Block(code_hash=keccak(b"other code"))),
        ("storage without the root", Block(word=None)),
        ("storage that says another leaf count", Block(word=WORD + (1 << 192))),
        ("storage that says another sequence", Block(word=WORD + 1)),
    ):
        yield _case(name, block.made()[1], CANNOT_TELL)


def _broken_tries() -> Iterator[BundleCase]:
    state = BUNDLE.state
    assert state is not None

    def parts(change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Iterator[tuple[str, Bundle]]:
        assert state is not None
        yield "receipt", replace(BUNDLE, receipt=change(BUNDLE.receipt))
        yield "account", replace(BUNDLE, state=replace(state, account=change(state.account)))
        yield "storage", replace(BUNDLE, state=replace(state, storage=change(state.storage)))

    for place in (0, 1):
        for of, bundle in parts(lambda nodes, place=place: _flipped(nodes, place)):  # type: ignore[misc]
            yield _case(f"one bit of node {place} of the {of}", bundle, CANNOT_TELL)
    for of, bundle in parts(lambda nodes: nodes[:-1]):
        yield _case(f"the {of} without its last node", bundle, CANNOT_TELL)
    for made in ("c0", "80", "00", "c180", "d1" + "80" * 17, "f8", "c2c0c0", "c20080", "8100", "f800", "b90001ff"):
        is_node = made in {"80", "d1" + "80" * 17, "c20080"}
        nodes = (bytes.fromhex(made), *BUNDLE.receipt[1:])
        yield _case(f"{made} for the first node", replace(BY_RECEIPT, receipt=nodes), CANNOT_TELL)
        yield _case(
            f"{made} beside the nodes",
            replace(BY_RECEIPT, receipt=(*BUNDLE.receipt, nodes[0])),
            PASSED if is_node else CANNOT_TELL,
        )
    yield _case(
        "the nodes of the account for the storage", replace(BUNDLE, state=replace(state, storage=state.account)), CANNOT_TELL
    )
    for index in (0, PLACE + 1, OTHERS, 127, 128, 2**20):
        yield _case(f"the receipt of transaction {index}", replace(BY_RECEIPT, index=index), CANNOT_TELL)
    other = HexaryTrie({})
    other[encode(PLACE)] = b"a receipt of one's own, long enough to be hashed"
    yield _case("a trie of one's own", replace(BUNDLE, receipt=nodes_of(other, encode(PLACE))), CANNOT_TELL)


def _other_claims() -> Iterator[BundleCase]:
    own = keccak(BUNDLE.header)
    for name, anchor in (
        ("another sequence", {"sequence": SEQUENCE + 1}),
        ("another block number", {"blockNumber": NUMBER + 1}),
        ("another time", {"anchoredAt": "2026-11-23T12:00:06Z"}),
    ):
        yield _case(name, BUNDLE, FAILED, proof=_proof(BUNDLE, own, **anchor))
    yield _case("another block hash in the proof", BUNDLE, FAILED, proof=_proof(BUNDLE, bytes(32)))
    yield _case("another leaf count", Block(leaf_count=8, word=WORD + (1 << 192)).made()[1], FAILED)
    yield _case("another root in the proof", BUNDLE, CANNOT_TELL, proof=_proof(BUNDLE, own) | {"root": "0x" + "00" * 32})


def _sealed() -> Iterator[BundleCase]:
    for kind, is_ibft in (("QBFT", False), ("IBFT 2.0", True)):
        block = BftBlock(is_ibft=is_ibft, fields=FIELDS, validators=VALIDATORS)
        good = block.sealed_by(*KEYS[:3])
        mirrored = good.seals[0][:32] + _mirrored(good.seals[0]) + bytes([good.seals[0][64] ^ 1])
        yield _by_seals(f"{kind}: three of four seals", good, PASSED)
        yield _by_seals(f"{kind}: all seals, in another round", replace(block, round=300).sealed_by(*KEYS[:4]), PASSED)
        yield _by_seals(
            f"{kind}: a vote in the header", replace(block, vote=(account(KEYS[6]), True)).sealed_by(*KEYS[:3]), PASSED
        )
        yield _by_seals(f"{kind}: the block hash as well", good, PASSED, block_hash=to_hex(good.hash))
        yield _by_seals(f"{kind}: validators in another order and in upper case", good, PASSED, validators=_shouted(VALIDATORS))
        yield _by_seals(f"{kind}: a seal with high s", replace(good, seals=[*good.seals[1:], mirrored]), PASSED)
        yield _by_seals(f"{kind}: nobody is named", replace(block, validators=[]).sealed_by(*KEYS[:3]), PASSED)
        yield _by_seals(f"{kind}: no seal", block, CANNOT_TELL)
        yield _by_seals(f"{kind}: two of four seals", block.sealed_by(*KEYS[:2]), CANNOT_TELL)
        yield _by_seals(f"{kind}: the same seals twice", block.sealed_by(*KEYS[:2], *KEYS[:2]), CANNOT_TELL)
        yield _by_seals(f"{kind}: a validator's second signature", replace(block, seals=[*good.seals[:2], mirrored]), CANNOT_TELL)
        yield _by_seals(f"{kind}: seals of others", block.sealed_by(*KEYS[:2], *KEYS[4:]), CANNOT_TELL)
        yield _by_seals(f"{kind}: another round than was sealed", replace(good, round=2), CANNOT_TELL)
        yield _by_seals(
            f"{kind}: another header than was sealed", replace(good, fields=[bytes([1]) * 32, *FIELDS[1:]]), CANNOT_TELL
        )
        yield _by_seals(f"{kind}: another block hash", good, CANNOT_TELL, block_hash="0x" + "11" * 32)
        yield _by_seals(f"{kind}: more validators are pinned", good, CANNOT_TELL, validators=[*VALIDATORS, account(KEYS[5])])
        yield _by_seals(f"{kind}: fewer validators are pinned", good, CANNOT_TELL, validators=VALIDATORS[:3])
    block = BftBlock(is_ibft=False, fields=FIELDS, validators=VALIDATORS).sealed_by(*KEYS[:3])
    for name, seal in _no_seals(block.seals[2]).items():
        yield _by_seals(f"QBFT: {name}", replace(block, seals=[*block.seals[:2], seal]), CANNOT_TELL)
    parts = [encode(field) for field in rlp.decode(block.header)]
    for name, header in {
        "a length of its header in more bytes than it takes": _list(parts, digits=3),
        "a number of its header in more bytes than it takes": _list([*parts[:8], b"\x81" + parts[8], *parts[9:]], digits=2),
    }.items():
        proof = _proof(replace(BY_RECEIPT, header=header), block.hash)
        yield _by_seals(f"QBFT: {name}", block, CANNOT_TELL, proof=proof)
    yield _case("Ethereum: validators are pinned", BUNDLE, CANNOT_TELL, block_hash=None, validators=VALIDATORS)


def _by_seals(name: str, block: BftBlock, result: str, **changes: Any) -> BundleCase:
    proof = _proof(replace(BY_RECEIPT, header=block.header), block.hash)
    case = BundleCase(name=name, proof=proof, result=result, validators=VALIDATORS)
    return replace(case, **changes)


def _list(encoded: Sequence[bytes], *, digits: int) -> bytes:
    """A list in RLP whose length takes so many bytes."""
    content = b"".join(encoded)
    return bytes([0xF7 + digits]) + len(content).to_bytes(digits) + content


def _no_seals(seal: bytes) -> dict[str, bytes]:
    return {
        "an empty seal": b"",
        "a seal of zeros": bytes(65),
        "a seal without its v": seal[:64],
        "a seal with a byte more": seal + b"\0",
        "a seal with v of 27": seal[:64] + bytes([27 + seal[64]]),
        "a seal with v of 2": seal[:64] + b"\x02",
        "a seal above the order": b"\xff" * 64 + b"\0",
        "a seal with r of 0": bytes(32) + seal[32:],
        "a seal with s of 0": seal[:32] + bytes(32) + seal[64:],
        "a seal with s of the order": seal[:32] + _ORDER.to_bytes(32) + seal[64:],
        "a seal with another v": seal[:64] + bytes([seal[64] ^ 1]),
    }


def _mirrored(seal: bytes) -> bytes:
    return (_ORDER - int.from_bytes(seal[32:64])).to_bytes(32)


def _shouted(accounts: Sequence[str]) -> list[str]:
    return ["0x" + one[2:].upper() for one in reversed(accounts)]


def _malformed() -> Iterator[BundleCase]:
    whole = bundle_to_json(BY_RECEIPT)
    for change, at in (
        ({"type": "Bundle"}, "type"),
        ({"version": 2}, "version"),
        ({"header": "0x0"}, "header"),
        ({"header": "0xAB"}, "header"),
        ({"header": "0x" + "00" * 17_000}, "header"),
        ({"transactionIndex": -1}, "transactionIndex"),
        ({"transactionIndex": 2**20 + 1}, "transactionIndex"),
        ({"receipt": []}, "receipt"),
        ({"receipt": [7]}, "receipt"),
        ({"receipt": ["0x00"] * 65}, "receipt"),
        ({"receipt": ["0x00", "00"]}, "receipt[1]"),
        ({"state": 7}, "state"),
        ({"state": {"account": ["0x00"]}}, "state.storage"),
    ):
        name = f"malformed: {json.dumps(change)[:60]}"
        yield _case(name, whole | change, MALFORMED, at=f"$.bundle.{at}")
    proof = _proof(None, keccak(BUNDLE.header)) | {"bundle": [whole]}
    yield _case("malformed: an array of bundles", None, MALFORMED, proof=proof, at="$.bundle")


def _flipped(nodes: tuple[bytes, ...], place: int) -> tuple[bytes, ...]:
    node = nodes[place]
    return (*nodes[:place], node[:-1] + bytes([node[-1] ^ 1]), *nodes[place + 1 :])


def _nested(depth: int) -> bytes:
    """Lists in RLP, each the only item of the one around it."""
    made = b"\xc0"
    for _ in range(depth):
        made = bytes([0xC0 + len(made)]) + made if len(made) < 56 else _list([made], digits=1 if len(made) < 256 else 2)  # noqa: PLR2004
    return made
