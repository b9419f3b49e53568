"""What a bundle proves of an anchor, given nothing but the hash of its block: no node is asked.

The hash commits to the header, the header to the roots of receipts and state, and these to the event of our contract and to the
word of its storage (Ethereum yellow paper, section 4.3 and appendix D; contracts/test/Storage.t.sol pins where that word is).
"""

from datetime import UTC, datetime
from typing import Any, Final

import rlp
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from anchoring.core.batch import Anchor, BlockPlace
from anchoring.core.bundle import Bundle, StateProof
from anchoring.core.proof import Registry
from anchoring.errors import VerificationError
from anchoring.ledger.artifact import anchor_registry
from anchoring.ledger.headers import decode_rlp, hash_of_header, read_header
from anchoring.types import BlockHash, Root, TxHash, parse_address, to_hex

ROOT_ANCHORED: Final = keccak(text="RootAnchored(bytes32,uint64,uint64,address)")
ANCHORS_SLOT: Final = 3

_STATE_ROOT, _RECEIPTS_ROOT, _NUMBER, _TIME = 3, 5, 8, 11
_FIRST_BYTE_OF_A_LIST: Final = 0xC0
_TOPICS: Final = 4
_CODE_HASH: Final = 3


def anchor_from_bundle(bundle: Bundle, root: Root, transaction: TxHash, registry: Registry, block_hash: BlockHash) -> Anchor:
    """The anchor of this root, as the block of this hash proves it.

    `transaction`: as it is claimed, since a receipt does not say its hash.

    Raises: VerificationError saying what does not follow.
    """
    header = _header(bundle, block_hash)
    number, time = _integer(header[_NUMBER]), _integer(header[_TIME])
    sequence, leaf_count, anchored_by = _event(bundle, header[_RECEIPTS_ROOT], registry, root)
    if bundle.state is not None:
        word = _word(bundle.state, header[_STATE_ROOT], registry, root)
        expected = sequence | time << 64 | number << 128 | leaf_count << 192
        if word != expected:
            raise VerificationError(f"the contract's storage holds {word:#x} for the root, and its event says {expected:#x}")
    return Anchor(
        root=root,
        sequence=sequence,
        leaf_count=leaf_count,
        anchored_by=parse_address(to_hex(anchored_by)),
        transaction=transaction,
        block=BlockPlace(number=number, hash=block_hash),
        anchored_at=datetime.fromtimestamp(time, UTC),
    )


def receipt_key(index: int) -> bytes:
    """Where the trie of receipts holds the one of the transaction at this place."""
    encoded: bytes = rlp.encode(index)
    return encoded


def storage_key(root: Root) -> bytes:
    """The slot of the one word that the contract keeps of a root."""
    return keccak(root + ANCHORS_SLOT.to_bytes(32))


def _header(bundle: Bundle, block_hash: BlockHash) -> list[Any]:
    found = hash_of_header(bundle.header)
    if found != block_hash:
        raise VerificationError(f"the bundle's header is of block {to_hex(found)}, not of {to_hex(block_hash)}")
    return read_header(bundle.header)


def _event(bundle: Bundle, receipts_root: bytes, registry: Registry, root: Root) -> tuple[int, int, bytes]:
    """Sequence, leaf count and anchorer."""
    value = _prove(receipts_root, receipt_key(bundle.index), bundle.receipt, "the receipt")
    typed = value[:1] and value[0] < _FIRST_BYTE_OF_A_LIST
    receipt = decode_rlp(value[1:] if typed else value, "the receipt")
    try:
        status, _, _, logs = receipt
        events = [[*topics, data] for address, topics, data in logs if address == bytes.fromhex(registry.contract[2:])]
    except (TypeError, ValueError) as wrong:
        raise VerificationError("the receipt is none") from wrong
    for topics in events:
        if len(topics) == _TOPICS + 1 and topics[:2] == [ROOT_ANCHORED, root] and status == b"\x01":
            return _integer(topics[2]), _integer(topics[4]), topics[3][-20:]
    raise VerificationError(f"the receipt shows no event of {registry} that anchors root {to_hex(root)}")


def _word(state: StateProof, state_root: bytes, registry: Registry, root: Root) -> int:
    account = decode_rlp(
        _prove(state_root, keccak(bytes.fromhex(registry.contract[2:])), state.account, "the account"), "the account"
    )
    if not isinstance(account, list) or len(account) != _CODE_HASH + 1:
        raise VerificationError("the account is none")
    if account[_CODE_HASH] != anchor_registry().code_hash:
        raise VerificationError(
            f"the code at {registry} is not the anchor registry of this version: {to_hex(account[_CODE_HASH])}"
        )
    value = _prove(account[2], keccak(storage_key(root)), state.storage, "the storage")
    return _integer(decode_rlp(value, "the storage"))


def _prove(root: bytes, key: bytes, nodes: tuple[bytes, ...], what: str) -> bytes:
    """What the trie under this root holds at the key."""
    try:
        found: bytes = HexaryTrie.get_from_proof(root, key, [rlp.decode(node) for node in nodes])
    except Exception as wrong:
        raise VerificationError(f"{what} does not follow from the block") from wrong
    if not found:
        raise VerificationError(f"{what} is proved not to be there")
    return found


def _integer(content: Any) -> int:
    if not isinstance(content, bytes) or len(content) > 32:  # noqa: PLR2004 - a word of the machine
        raise VerificationError("a number in the bundle is none")
    return int.from_bytes(content)
