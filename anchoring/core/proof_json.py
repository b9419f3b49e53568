"""The JSON form of an inclusion proof, version 1 (docs/proof-format.md, section 3)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from anchoring.core.batch import BatchState
from anchoring.core.canonical import Canonicalization
from anchoring.core.merkle import MAX_LEAVES, height
from anchoring.core.proof import AnchorClaim, InclusionProof, Registry, parse_chain
from anchoring.core.strict_json import parse
from anchoring.errors import InvalidInput, MalformedProof
from anchoring.types import (
    HASH_BYTES,
    as_block_hash,
    as_tx_hash,
    parse_address,
    parse_did,
    parse_digest,
    parse_hash,
    parse_root,
    parse_salt,
    split_hex,
    to_hex,
)

PROOF_TYPE: Final = "CredentialAnchorProof"
PROOF_VERSION: Final = 1
ANCHOR_TYPE: Final = "AnchorRegistry"

_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_INTEGER_MAX: Final = (1 << 53) - 1


def proof_to_json(proof: InclusionProof) -> dict[str, Any]:
    """The members of the proof in their documented order; `proof_from_json` reads them back."""
    return {
        "type": PROOF_TYPE,
        "version": PROOF_VERSION,
        "issuer": proof.issuer,
        "digest": to_hex(proof.digest),
        "salt": to_hex(proof.salt),
        "canonicalization": proof.canonicalization,
        "leafIndex": proof.leaf_index,
        "treeSize": proof.tree_size,
        "path": split_hex(b"".join(proof.path), HASH_BYTES),
        "root": to_hex(proof.root),
        "anchor": anchor_to_json(proof.anchor),
    }


def anchor_to_json(anchor: AnchorClaim) -> dict[str, Any]:
    """The member `anchor` of proofs and batches."""
    return {
        "type": ANCHOR_TYPE,
        "ledger": anchor.registry.ledger,
        "contract": anchor.registry.contract,
        "sequence": anchor.sequence,
        "transaction": to_hex(anchor.transaction),
        "blockNumber": anchor.block_number,
        "blockHash": to_hex(anchor.block_hash),
        "anchoredAt": format_time(anchor.anchored_at),
        "state": anchor.state,
    }


def proof_from_json(value: object) -> InclusionProof:
    """Read a proof from parsed JSON (`strict_json.parse`). Members it does not know are ignored.

    Raises: MalformedProof naming the member.
    """
    try:
        return _read_proof(Members(value, "$"))
    except InvalidInput as malformed:
        reason = malformed.message.removeprefix(f"{malformed.at}: ")
        raise MalformedProof(reason, at=malformed.at) from malformed


def parse_proof(content: bytes) -> InclusionProof:
    """Read a proof from the bytes of a file, as strict JSON. Raises: MalformedProof naming the member."""
    try:
        value = parse(content)
    except InvalidInput as malformed:
        raise MalformedProof(malformed.message) from malformed
    return proof_from_json(value)


@lru_cache(maxsize=64)  # proofs of one batch all say the same
def format_time(moment: datetime) -> str:
    """`2026-11-23T12:00:00Z`: UTC, whole seconds."""
    # Not strftime: its %Y has fewer than four digits for early years on some systems.
    return moment.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


class Members:
    """Typed access to the members of one JSON object; each error names the member's JSON path."""

    def __init__(self, value: object, at: str) -> None:
        if not isinstance(value, Mapping):
            raise InvalidInput("must be an object", at=at)
        self._value: Mapping[str, object] = value
        self._at = at

    @property
    def place(self) -> str:
        return self._at

    def at(self, name: str) -> str:
        return f"{self._at}.{name}"

    def has(self, name: str) -> bool:
        return name in self._value

    def object(self, name: str) -> "Members":
        return Members(self._present(name), self.at(name))

    def text(self, name: str) -> str:
        value = self._present(name)
        if not isinstance(value, str):
            raise InvalidInput("must be a string", at=self.at(name))
        return value

    def one_of(self, name: str, *allowed: str) -> str:
        value = self._value.get(name)
        if not isinstance(value, str) or value not in allowed:
            raise InvalidInput(f"must be {' or '.join(allowed)}", at=self.at(name))
        return value

    def integer(self, name: str, *, least: int = 0, most: int = _INTEGER_MAX) -> int:
        value = self._present(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            words = f"must be {least}" if least == most else f"must be an integer from {least} to {most}"
            raise InvalidInput(words, at=self.at(name))
        return value

    def objects(self, name: str, *, most: int) -> "list[Members]":
        value = self._present(name)
        if not isinstance(value, list) or len(value) > most:
            raise InvalidInput(f"must be an array of at most {most} objects", at=self.at(name))
        return [Members(item, f"{self.at(name)}[{i}]") for i, item in enumerate(value)]

    def is_null(self, name: str) -> bool:
        return self._value.get(name) is None

    def texts(self, name: str, *, most: int) -> list[str]:
        value = self._present(name)
        if not isinstance(value, list) or not 1 <= len(value) <= most or not all(isinstance(item, str) for item in value):
            raise InvalidInput(f"must be an array of 1 to {most} strings", at=self.at(name))
        return value

    def hashes(self, name: str, *, most: int) -> tuple[bytes, ...]:
        value = self._present(name)
        if not isinstance(value, list) or len(value) > most:
            raise InvalidInput(f"must be an array of at most {most} hashes", at=self.at(name))
        for i, item in enumerate(value):
            if not isinstance(item, str):
                raise InvalidInput("must be a string", at=f"{self.at(name)}[{i}]")
        return tuple(parse_hash(item, what="a hash", at=f"{self.at(name)}[{i}]") for i, item in enumerate(value))

    def canonicalization(self, name: str) -> Canonicalization | None:
        if self._value.get(name) is None:
            return None
        return Canonicalization(self.one_of(name, *Canonicalization))

    def time(self, name: str) -> datetime:
        value = self.text(name)
        try:
            if _TIME.fullmatch(value):
                return datetime.fromisoformat(value)
        except ValueError:
            pass  # a date that is none, such as February 30; refused below like any other
        raise InvalidInput("must be a UTC time such as 2026-11-23T12:00:00Z", at=self.at(name))

    def _present(self, name: str) -> Any:
        if name not in self._value:
            raise InvalidInput("is missing", at=self.at(name))
        return self._value[name]


def _read_proof(proof: Members) -> InclusionProof:
    proof.one_of("type", PROOF_TYPE)
    proof.integer("version", least=PROOF_VERSION, most=PROOF_VERSION)
    tree_size = proof.integer("treeSize", least=1, most=MAX_LEAVES)
    return InclusionProof(
        issuer=parse_did(proof.text("issuer"), at=proof.at("issuer")),
        digest=parse_digest(proof.text("digest"), at=proof.at("digest")),
        salt=parse_salt(proof.text("salt"), at=proof.at("salt")),
        canonicalization=proof.canonicalization("canonicalization"),
        leaf_index=proof.integer("leafIndex", most=tree_size - 1),
        tree_size=tree_size,
        path=proof.hashes("path", most=height(tree_size)),
        root=parse_root(proof.text("root"), at=proof.at("root")),
        anchor=read_anchor(proof.object("anchor")),
    )


def read_anchor(anchor: Members) -> AnchorClaim:
    """The member `anchor`, read back. Raises: InvalidInput."""
    anchor.one_of("type", ANCHOR_TYPE)
    # Each for itself: joined, `eip155` and `1:0x…` would pass for `eip155:1` and `0x…`.
    chain_id = parse_chain(anchor.text("ledger"), at=anchor.at("ledger"))
    contract = parse_address(anchor.text("contract"), at=anchor.at("contract"))
    transaction = parse_hash(anchor.text("transaction"), what="a transaction hash", at=anchor.at("transaction"))
    block_hash = parse_hash(anchor.text("blockHash"), what="a block hash", at=anchor.at("blockHash"))
    return AnchorClaim(
        registry=Registry(chain_id=chain_id, contract=contract),
        sequence=anchor.integer("sequence"),
        transaction=as_tx_hash(transaction),
        block_number=anchor.integer("blockNumber"),
        block_hash=as_block_hash(block_hash),
        anchored_at=anchor.time("anchoredAt"),
        state=BatchState(anchor.one_of("state", BatchState.CONFIRMED, BatchState.FINAL)),
    )
