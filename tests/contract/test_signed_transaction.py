"""A signer that is slow, broken or not ours: what it gives back is read again before anything is recorded (L33)."""

from typing import Any

import pytest
from eth_account import Account

from anchoring.core.fees import Fee
from anchoring.errors import LedgerRejected
from anchoring.ledger.signed_transaction import require_signed
from anchoring.ledger.signer import price_fields
from anchoring.types import to_hex
from tests.networks import fresh_key

KEY = fresh_key()
ASKED = {"to": "0x" + "12" * 20, "value": 0, "data": "0x1234", "nonce": 7, "gas": 100_000, "chainId": 31337}
LEGACY = ASKED | price_fields(Fee(max_fee_wei=3, tip_wei=None))
DYNAMIC = ASKED | price_fields(Fee(max_fee_wei=5, tip_wei=2))


@pytest.mark.parametrize("asked", [LEGACY, DYNAMIC, LEGACY | {"nonce": 0, "gasPrice": 0}], ids=["type 0", "type 2", "zeros"])
def test_what_was_asked_for_passes_under_its_own_hash(asked):
    signed = Account.from_key(KEY._account.key).sign_transaction(asked)
    assert to_hex(require_signed(KEY.sign(asked), asked, KEY.address)) == to_hex(bytes(signed.hash))


@pytest.mark.parametrize(
    ("asked", "changes", "named"),
    [
        *((LEGACY, change, name) for change, name in [({"gasPrice": 4}, "gasPrice"), ({"chainId": 1}, "chainId")]),
        *(
            (asked, {name: value}, name)
            for asked in (LEGACY, DYNAMIC)
            for name, value in [("nonce", 8), ("to", "0x" + "11" * 20), ("data", "0x"), ("value", 1), ("gas", 99_999)]
        ),
        *((DYNAMIC, {name: 1}, name) for name in ("chainId", "maxFeePerGas", "maxPriorityFeePerGas")),
    ],
)
def test_field_that_differs_is_named(asked, changes, named):
    with pytest.raises(LedgerRejected, match=rf"another transaction than it was asked to: its {named} differs$"):
        require_signed(KEY.sign(_fitting(asked | changes)), asked, KEY.address)


def _fitting(transaction: dict[str, Any]) -> dict[str, Any]:
    """A tip above the highest fee is not signed."""
    return transaction | {"maxPriorityFeePerGas": 1} if transaction.get("maxFeePerGas") == 1 else transaction


@pytest.mark.parametrize(("asked", "given"), [(LEGACY, DYNAMIC), (DYNAMIC, LEGACY)])
def test_another_type_is_refused(asked, given):
    with pytest.raises(LedgerRejected, match="another transaction than it was asked to"):
        require_signed(KEY.sign(given), asked, KEY.address)


def test_more_than_was_asked_for_is_refused():
    access = [{"address": "0x" + "11" * 20, "storageKeys": []}]
    with pytest.raises(LedgerRejected, match=r"more than it was asked to: .*accessList"):
        require_signed(KEY.sign(DYNAMIC | {"accessList": access}), DYNAMIC, KEY.address)


def test_another_key_is_named():
    other = fresh_key()
    with pytest.raises(LedgerRejected, match=f"with the key of {other.address}, not with that of {KEY.address}"):
        require_signed(other.sign(LEGACY), LEGACY, KEY.address)


def test_signature_for_any_chain_is_refused():
    unprotected = {name: value for name, value in LEGACY.items() if name != "chainId"}
    with pytest.raises(LedgerRejected, match="its chainId differs"):
        require_signed(KEY.sign(unprotected), LEGACY, KEY.address)


NO_TRANSACTIONS = {
    "empty": b"",
    "zero": b"\x00",
    "type without content": b"\x02",
    "empty list": b"\xc0",
    "text": b"signed",
    "legacy, cut": KEY.sign(LEGACY)[:-1],
    "dynamic, cut": KEY.sign(DYNAMIC)[:-1],
    "of another type": b"\x01" + KEY.sign(DYNAMIC)[1:],
}


@pytest.mark.parametrize("raw", NO_TRANSACTIONS.values(), ids=NO_TRANSACTIONS.keys())  # each process signs with a key of its own
def test_bytes_that_are_no_transaction_are_refused(raw):
    with pytest.raises(LedgerRejected, match="gave back something that is no signed transaction"):
        require_signed(raw, LEGACY, KEY.address)
