"""Calldata of a function, from its signature alone: `anchorOf(bytes32)`."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak


def encode_call(signature: str, arguments: Sequence[Any]) -> bytes:
    """Four bytes of selector, then the arguments. No type in `signature` is a tuple."""
    types = signature.partition("(")[2].removesuffix(")")
    return keccak(text=signature)[:4] + encode(types.split(",") if types else [], arguments)
