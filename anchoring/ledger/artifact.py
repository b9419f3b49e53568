"""The compiled registry contract, checked in and rebuilt byte for byte by `make contracts-check`."""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from eth_utils.crypto import keccak

from anchoring.types import CodeHash, as_code_hash


@dataclass(frozen=True, kw_only=True)  # without slots: it keeps what it computed
class Artifact:
    """`bytecode`: creation code without constructor arguments. `code_hash`: Keccak-256 of the code at the address."""

    abi: list[dict[str, Any]]
    bytecode: bytes
    code_hash: CodeHash

    @cached_property
    def selectors(self) -> frozenset[bytes]:
        """The first four bytes of calldata that call a function."""
        return frozenset(
            keccak(text=f"{one['name']}({','.join(argument['type'] for argument in one['inputs'])})")[:4]
            for one in self.abi
            if one["type"] == "function"
        )


@cache
def anchor_registry() -> Artifact:
    """The artifact of `contracts/src/AnchorRegistry.sol`."""
    text = files("anchoring.ledger").joinpath("artifacts/AnchorRegistry.json").read_text(encoding="utf-8")
    content = json.loads(text)
    return Artifact(
        abi=content["abi"],
        bytecode=bytes.fromhex(content["bytecode"].removeprefix("0x")),
        code_hash=as_code_hash(bytes.fromhex(content["codeHash"].removeprefix("0x"))),
    )
