"""Deploying a registry and granting its roles: what an operator does by hand, once, and waits for.

The record of a deployment is `contracts/deployments/<chain id>.json`, or a file in the data folder during development.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import encode
from web3 import Web3

from anchoring.core.fees import Fee, FeeRules, choose_fee
from anchoring.core.proof import Registry
from anchoring.errors import InvalidInput, LedgerRejected, LedgerUnavailable, Misconfigured
from anchoring.ledger.answers import excerpt, read_block, read_number, unhex
from anchoring.ledger.artifact import anchor_registry
from anchoring.ledger.registry_reader import ANCHORER_ROLE, EvmRegistryReader
from anchoring.ledger.rpc import JsonRpc, RpcRefusal
from anchoring.ledger.signed_transaction import sign_as_asked
from anchoring.ledger.signer import Signer, price_fields
from anchoring.ports.runtime import Clock
from anchoring.types import Address, parse_address, to_hex

DEPLOY_GAS: Final = 4_000_000
ROLE_GAS: Final = 150_000
ZERO_ADDRESS: Final = Address("0x" + "0" * 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where a registry was deployed, and what its constructor was told. `admin_delay_s`: seconds between the two steps by which
    the administration changes hands.
    """

    registry: Registry
    transaction: str
    block_number: int
    admin: Address
    anchorer: Address | None
    admin_delay_s: int
    predecessor: Address | None

    def save(self, path: Path) -> None:
        """Write the record; never over an existing one. Raises: Misconfigured."""
        content = {
            "contract": self.registry.contract,
            "chainId": self.registry.chain_id,
            "transaction": self.transaction,
            "blockNumber": self.block_number,
            "admin": self.admin,
            "anchorer": self.anchorer,
            "adminDelaySeconds": self.admin_delay_s,
            "predecessor": self.predecessor,
            "codeHash": to_hex(anchor_registry().code_hash),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(json.dumps(content, indent=2) + "\n")
        except OSError as failed:
            raise Misconfigured(f"the deployment {self.registry} stands, but {path} cannot be written: {failed}") from failed


class RegistryAdmin:
    """Sends the administrator's transactions and waits for each.

    `confirm_s`: longest wait for a receipt. `clock`: paces the waiting.
    """

    def __init__(self, rpc: JsonRpc, signer: Signer, fees: FeeRules, clock: Clock, *, confirm_s: float) -> None:
        self._rpc = rpc
        self._signer = signer
        self._fees = fees
        self._clock = clock
        self._confirm_s = confirm_s

    def chain_id(self) -> int:
        return read_number(self._read("eth_chainId"))

    def deploy(self, *, admin: Address, anchorer: Address | None, admin_delay_s: int, predecessor: Address | None) -> Deployment:
        """Deploy the checked-in artifact. Raises: LedgerRejected, LedgerUnavailable."""
        arguments = encode(
            ["uint48", "address", "address", "address"],
            [admin_delay_s, admin, anchorer or ZERO_ADDRESS, predecessor or ZERO_ADDRESS],
        )
        receipt = self._send(None, anchor_registry().bytecode + arguments, DEPLOY_GAS)
        return Deployment(
            registry=Registry(chain_id=self.chain_id(), contract=parse_address(receipt["contractAddress"])),
            transaction=receipt["transactionHash"],
            block_number=read_number(receipt["blockNumber"]),
            admin=admin,
            anchorer=anchorer,
            admin_delay_s=admin_delay_s,
            predecessor=predecessor,
        )

    def grant_anchorer(self, registry: Registry, account: Address) -> None:
        """Raises: LedgerRejected, LedgerUnavailable; Misconfigured when the registry is not there."""
        self._change_role("grantRole", registry, account)

    def revoke_anchorer(self, registry: Registry, account: Address) -> None:
        """Raises: LedgerRejected, LedgerUnavailable; Misconfigured when the registry is not there."""
        self._change_role("revokeRole", registry, account)

    def _change_role(self, function: str, registry: Registry, account: Address) -> None:
        EvmRegistryReader(self._rpc, registry).identity()  # a call to an address without code succeeds and does nothing
        contract = Web3().eth.contract(abi=anchor_registry().abi)
        calldata = unhex(contract.encode_abi(function, [ANCHORER_ROLE, Web3.to_checksum_address(account)]))
        self._send(registry.contract, calldata, ROLE_GAS)

    def _send(self, to: Address | None, calldata: bytes, gas_limit: int) -> dict[str, Any]:
        fee = self._fee()
        transaction = price_fields(fee) | {
            "value": 0,
            "data": to_hex(calldata),
            "gas": gas_limit,
            "nonce": read_number(self._read("eth_getTransactionCount", self._signer.address, "latest")),
            "chainId": self.chain_id(),
        }
        if to is not None:
            transaction["to"] = Web3.to_checksum_address(to)
        raw, tx_hash = sign_as_asked(self._signer, transaction)
        try:
            self._rpc.send("eth_sendRawTransaction", to_hex(raw))
        except RpcRefusal as refused:
            raise LedgerRejected(f"the node refused the transaction: {excerpt(refused.message)}") from refused
        return self._receipt(to_hex(tx_hash))

    def _read(self, method: str, *params: Any) -> Any:
        try:
            return self._rpc.read(method, *params)
        except RpcRefusal as refused:
            raise LedgerUnavailable(f"node {self._rpc.host} refused {method}: {excerpt(refused.message)}") from refused

    def _fee(self) -> Fee:
        head = read_block(self._read("eth_getBlockByNumber", "latest", False))
        gas_price = read_number(self._read("eth_gasPrice")) if self._fees.policy == "legacy" else None
        return choose_fee(self._fees, base_fee_wei=head.base_fee_wei, gas_price_wei=gas_price)

    def _receipt(self, tx_hash: str) -> dict[str, Any]:
        waited_s, pause_s = 0.0, 0.2
        while waited_s < self._confirm_s:
            receipt = self._read("eth_getTransactionReceipt", tx_hash)
            if receipt is not None:
                if read_number(receipt.get("status")) != 1:
                    raise LedgerRejected(f"transaction {tx_hash} was mined and reverted: does the key have the role it needs?")
                return dict(receipt)
            self._clock.sleep(pause_s)
            waited_s += pause_s
        raise LedgerUnavailable(f"transaction {tx_hash} was sent and is not mined after {self._confirm_s:g} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What a deployment file is read for. `block_number`: of the deployment; 0 in a file that does not say."""

    registry: Registry
    block_number: int


def read_deployment(path: Path) -> Deployed:
    """The contract that a deployment file names, and since when it stands. Raises: Misconfigured."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        registry = Registry(chain_id=int(content["chainId"]), contract=parse_address(content["contract"]))
        return Deployed(registry=registry, block_number=int(content.get("blockNumber", 0)))
    except OSError as failed:
        raise Misconfigured(f"deployment file {path} cannot be read: {failed.strerror}") from failed
    except (ValueError, KeyError, TypeError, InvalidInput) as failed:
        raise Misconfigured(f"{path} is no deployment file: it names no chainId and contract") from failed
