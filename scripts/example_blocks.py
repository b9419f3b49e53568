"""Blocks made from the formats (yellow paper, appendices B and D) that hold an anchor of ours, and bundles of these.

The tries are by the library that `anchoring.ledger` reads them with; the rest is written from the format.
"""

from dataclasses import dataclass
from typing import Any, Final

from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from anchoring.core.bundle import Bundle, StateProof
from anchoring.ledger.artifact import anchor_registry
from anchoring.ledger.offline import ROOT_ANCHORED
from scripts.bft_blocks import encode
from scripts.proof_cases import base_proof, read_trees

BASE: Final = base_proof(read_trees()[7], 3)
ROOT: Final = bytes.fromhex(BASE["root"][2:])
CONTRACT: Final = BASE["anchor"]["contract"]
REGISTRY: Final = f"{BASE['anchor']['ledger']}:{CONTRACT}"
NUMBER: Final = 12
TIME: Final = 1_795_435_205
SEQUENCE: Final = 7
PLACE: Final = 2
"""Of our transaction in its block."""
OTHERS: Final = 5
"""Receipts, accounts and words in all: each trie is more than one node."""


WORD: Final = SEQUENCE | TIME << 64 | NUMBER << 128 | 7 << 192
"""What the contract keeps of the root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What its header commits to. `word`: what the contract keeps of the root; None is nothing."""

    status: int = 1
    emitter: str = CONTRACT
    topics: tuple[bytes, ...] = (ROOT_ANCHORED, ROOT, SEQUENCE.to_bytes(32), bytes(12) + b"\xa7" * 20)
    leaf_count: int = 7
    word: int | None = WORD
    code_hash: bytes = anchor_registry().code_hash
    is_typed: bool = True

    def made(self) -> tuple[list[Any], Bundle]:
        """The fields of its header, and the bundle under it."""
        receipts, state, storage = HexaryTrie({}), HexaryTrie({}), HexaryTrie({})
        for place in range(OTHERS):
            receipts[encode(place)] = self._receipt(place)
        for slot in range(OTHERS):
            storage[keccak(slot.to_bytes(32))] = encode(slot + 1)
        if self.word is not None:
            storage[keccak(keccak(ROOT + (3).to_bytes(32)))] = encode(self.word)
        for other in range(OTHERS):
            state[keccak(bytes([other]) * 20)] = encode([other, 1, bytes(32), keccak(b"")])
        own = keccak(bytes.fromhex(CONTRACT[2:]))
        state[own] = encode([1, 0, storage.root_hash, self.code_hash])
        roots = [bytes(32), bytes(32), bytes(20), state.root_hash, bytes(32), receipts.root_hash]
        fields = [*roots, bytes(256), 0, NUMBER, 30_000_000, 21_000, TIME, b"made for tests", bytes(32), bytes(8), 7]
        bundle = Bundle(
            header=encode(fields),
            index=PLACE,
            receipt=nodes_of(receipts, encode(PLACE)),
            state=StateProof(account=nodes_of(state, own), storage=nodes_of(storage, keccak(keccak(ROOT + (3).to_bytes(32))))),
        )
        return fields, bundle

    def _receipt(self, place: int) -> bytes:
        emitter, topics = (self.emitter, self.topics) if place == PLACE else (CONTRACT, (ROOT_ANCHORED, bytes([place]) * 32))
        log = [bytes.fromhex(emitter[2:]), list(topics), self.leaf_count.to_bytes(32)]
        content = encode([self.status, 21_000 * (place + 1), bytes(256), [log]])
        return b"\x02" + content if self.is_typed else content


def nodes_of(trie: HexaryTrie, key: bytes) -> tuple[bytes, ...]:
    """What proves the value at the key, in RLP."""
    return tuple(encode(node) for node in trie.get_proof(key))
