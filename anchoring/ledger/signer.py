"""The anchoring key.

An encrypted keystore file (Web3 Secret Storage) or, for development, a key in the environment; or a key elsewhere, with
`remote_signer.py`. A key never appears in a log, an error or a `repr`.
"""

import json
from pathlib import Path
from typing import Any, Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount

import anchoring.ledger.recursion  # noqa: F401 - for its effect
from anchoring.core.fees import Fee
from anchoring.errors import Misconfigured
from anchoring.secret_files import read_secret, write_secret
from anchoring.types import Address, parse_address


class Signer(Protocol):
    """Signs with one key, wherever it is."""

    @property
    def address(self) -> Address: ...

    def sign(self, transaction: dict[str, Any]) -> bytes:
        """The signed bytes of a transaction of type 0 or 2; without `to`, one that creates a contract.

        Raises: LedgerUnavailable when the signer does not answer.
        """


class LocalSigner:
    """Signs with a key held in this process."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self.address: Address = parse_address(account.address)

    def __repr__(self) -> str:
        return f"LocalSigner({self.address})"

    def sign(self, transaction: dict[str, Any]) -> bytes:
        return bytes(self._account.sign_transaction(transaction).raw_transaction)


def price_fields(fee: Fee) -> dict[str, Any]:
    """What a transaction offers for its gas: type 2 with a tip, type 0 without one."""
    if fee.tip_wei is None:
        return {"gasPrice": fee.max_fee_wei}
    return {"type": 2, "maxFeePerGas": fee.max_fee_wei, "maxPriorityFeePerGas": fee.tip_wei}


def signer_from_key(private_key: str) -> LocalSigner:
    """`private_key`: 32 bytes in hexadecimal. Raises: Misconfigured, without the key."""
    try:
        return LocalSigner(Account.from_key(private_key))
    except Exception:  # noqa: BLE001 - the library raises several unrelated classes, whose messages hold the key
        raise Misconfigured("CREDANCHOR_LEDGER__PRIVATE_KEY is not a private key of 32 bytes in hexadecimal") from None


def signer_from_keystore(keystore: Path, password_file: Path) -> LocalSigner:
    """Decrypt a keystore that only its owner can read. Raises: Misconfigured naming the file."""
    content = read_secret(keystore, "CREDANCHOR_LEDGER__KEYSTORE")
    password = read_secret(password_file, "CREDANCHOR_LEDGER__KEYSTORE_PASSWORD_FILE").rstrip("\r\n")
    try:
        return LocalSigner(Account.from_key(Account.decrypt(json.loads(content), password)))
    except (json.JSONDecodeError, TypeError, KeyError, AttributeError, NotImplementedError):
        raise Misconfigured(f"{keystore} is no keystore of a kind that is known (Web3 Secret Storage, version 3)") from None
    except ValueError:
        raise Misconfigured(f"keystore {keystore} does not open with the password in {password_file}") from None


def create_keystore(keystore: Path, password_file: Path) -> Address:
    """Make a new key and write it, encrypted, to a file that must not exist yet. Returns the key's account.

    Raises: Misconfigured naming the file.
    """
    password = read_secret(password_file, "--password-file").rstrip("\r\n")
    if not password:
        raise Misconfigured(f"--password-file: {password_file} is empty")
    account = Account.create()
    content = json.dumps(Account.encrypt(account.key, password))
    write_secret(keystore, content, "keystore")
    return parse_address(account.address)
