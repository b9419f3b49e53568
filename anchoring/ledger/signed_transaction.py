"""What a signer gave back, read again (EIP-155, EIP-1559): the bytes are recorded and sent only when they are what was asked for.

A signer may be another machine, with faults of its own. Two signatures of one transaction may differ, so the bytes are the truth.
"""

from typing import Any, Final

import rlp
from eth_account import Account
from eth_utils.crypto import keccak

from anchoring.errors import LedgerRejected
from anchoring.ledger.signer import Signer
from anchoring.types import Address, TxHash, as_tx_hash, parse_address, to_hex

_LEGACY: Final = ("nonce", "gasPrice", "gas", "to", "value", "data", "v", "r", "s")
_DYNAMIC_FEE: Final = (
    *("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "data"),
    *("accessList", "yParity", "r", "s"),
)
_FIRST_BYTE_OF_A_LIST: Final = 0xC0
_CHAIN_IN_V: Final = 35


def sign_as_asked(signer: Signer, transaction: dict[str, Any]) -> tuple[bytes, TxHash]:
    """The signed bytes and their hash. Raises: LedgerUnavailable; LedgerRejected when something else was signed."""
    raw = signer.sign(transaction)
    return raw, require_signed(raw, transaction, signer.address)


def require_signed(raw: bytes, asked: dict[str, Any], signer: Address) -> TxHash:
    """The hash of these bytes, which hold every field as it was asked for, and nothing else, under the signature of `signer`.

    `asked`: what the signer was given; without `to` it creates a contract. Raises: LedgerRejected naming the field that differs.
    """
    try:
        signed, sender = _read(raw), parse_address(Account.recover_transaction(raw))
    except Exception:  # noqa: BLE001 - the libraries raise many unrelated classes
        raise LedgerRejected("the signer gave back something that is no signed transaction") from None
    if sender != signer:
        raise LedgerRejected(f"the signer signed with the key of {sender}, not with that of {signer}")
    for name, value in ({"to": "0x"} | asked).items():
        if signed.pop(name, None) != (value.lower() if isinstance(value, str) else value):
            raise LedgerRejected(f"the signer signed another transaction than it was asked to: its {name} differs")
    if any(signed.values()):
        raise LedgerRejected(f"the signer signed more than it was asked to: {', '.join(signed)}")
    return transaction_hash(raw)


def transaction_hash(raw: bytes) -> TxHash:
    """The hash of a signed transaction, of any type."""
    return as_tx_hash(keccak(raw))


def _read(raw: bytes) -> dict[str, Any]:
    """The fields but those of the signature, named and typed as they are given to a signer."""
    if raw[0] >= _FIRST_BYTE_OF_A_LIST:
        fields = dict(zip(_LEGACY, rlp.decode(raw), strict=True))
        kind: dict[str, Any] = {"chainId": (_integer(fields.pop("v")) - _CHAIN_IN_V) // 2}
    else:
        fields = dict(zip(_DYNAMIC_FEE, rlp.decode(raw[1:]), strict=True))
        kind = {"type": raw[0], "accessList": fields.pop("accessList")}
        del fields["yParity"]
    del fields["r"], fields["s"]
    texts = {name: to_hex(fields.pop(name)) for name in ("to", "data")}
    return kind | texts | {name: _integer(value) for name, value in fields.items()}


def _integer(value: bytes) -> int:
    return int.from_bytes(value, "big")
