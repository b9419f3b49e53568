"""What proves an anchor without a node: the header of its block, and proofs under it (docs/proof-format.md, section 8).

Only the JSON form is here. What it proves is found by `anchoring/ledger/offline.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from anchoring.core.proof_json import Members
from anchoring.errors import InvalidInput, MalformedProof
from anchoring.types import to_hex

BUNDLE_TYPE: Final = "AnchorBundle"
BUNDLE_VERSION: Final = 1
MEMBER: Final = "bundle"
"""Where it stands in a proof."""

HEADER_MAX_BYTES: Final = 16 * 1024
"""Of QBFT with some two hundred validators."""
NODES_MAX: Final = 64
NODE_MAX_BYTES: Final = 128 * 1024
"""Of one node of a trie; the one with the receipt holds all its logs."""
RECEIPTS_MAX: Final = 1 << 20

_HEX: Final = re.compile(r"0x(?:[0-9a-f]{2})+")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateProof:
    """`account`: nodes from the state root to the contract's account. `storage`: from its storage root to the root's word."""

    account: tuple[bytes, ...]
    storage: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """`header`: RLP. `index`: place of the transaction in the block. `receipt`: nodes from the receipts root to its receipt.

    `state`: None where the node gave no `eth_getProof`.
    """

    header: bytes
    index: int
    receipt: tuple[bytes, ...]
    state: StateProof | None


def bundle_to_json(bundle: Bundle) -> dict[str, Any]:
    """The member `bundle` of a proof."""
    state = bundle.state and {"account": _texts(bundle.state.account), "storage": _texts(bundle.state.storage)}
    return {
        "type": BUNDLE_TYPE,
        "version": BUNDLE_VERSION,
        "header": to_hex(bundle.header),
        "transactionIndex": bundle.index,
        "receipt": _texts(bundle.receipt),
        "state": state,
    }


def bundle_of(proof: object) -> Bundle | None:
    """The bundle in a proof that was parsed; None where it has none. Raises: MalformedProof naming the member."""
    value = proof.get(MEMBER) if isinstance(proof, Mapping) else None
    return None if value is None else bundle_from_json(value, at=f"$.{MEMBER}")


def bundle_from_json(value: object, *, at: str = "$") -> Bundle:
    """A bundle that was parsed. Raises: MalformedProof naming the member."""
    try:
        return _read(Members(value, at))
    except InvalidInput as wrong:
        raise MalformedProof(wrong.reason, at=wrong.at) from wrong


def _read(bundle: Members) -> Bundle:
    bundle.one_of("type", BUNDLE_TYPE)
    bundle.integer("version", least=BUNDLE_VERSION, most=BUNDLE_VERSION)
    state = None
    if not bundle.is_null("state"):
        proofs = bundle.object("state")
        state = StateProof(account=_nodes(proofs, "account"), storage=_nodes(proofs, "storage"))
    return Bundle(
        header=_bytes(bundle.text("header"), HEADER_MAX_BYTES, bundle.at("header")),
        index=bundle.integer("transactionIndex", most=RECEIPTS_MAX),
        receipt=_nodes(bundle, "receipt"),
        state=state,
    )


def _nodes(members: Members, name: str) -> tuple[bytes, ...]:
    texts = members.texts(name, most=NODES_MAX)
    return tuple(_bytes(text, NODE_MAX_BYTES, f"{members.at(name)}[{i}]") for i, text in enumerate(texts))


def _texts(nodes: tuple[bytes, ...]) -> list[str]:
    return [to_hex(node) for node in nodes]


def _bytes(text: str, most: int, at: str) -> bytes:
    if len(text) > 2 + 2 * most or _HEX.fullmatch(text) is None:
        raise InvalidInput(f"must be 0x and lower-case hexadecimal digits, at most {most} bytes", at=at)
    return bytes.fromhex(text[2:])
