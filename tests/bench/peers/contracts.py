"""What an anchor and a revocation cost in gas: our registry and other people's contracts, from the artifacts they publish."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from anchoring.types import Address, to_hex
from tests.networks import AnvilNetwork, anvil_network

MODULES: Final = Path(__file__).parent / "node_modules"
EAS: Final = MODULES / "@ethereum-attestation-service/eas-contracts/artifacts/contracts"
TRADETRUST: Final = MODULES / "@tradetrust-tt/document-store/dist/contracts/factories/DocumentStore__factory.js"
OPEN_ATTESTATION: Final = MODULES / "@govtechsg/document-store/dist/contracts/factories/contracts/DocumentStore__factory.js"
REVOCATIONS: Final = 256
ENOUGH_LOOKS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gas:
    """`first`: of the first such transaction of a contract, whose counters are still zero. `later`: of the next one."""

    who: str
    what: str
    first: int
    later: int


def gas_used() -> Iterator[Gas]:
    """One root anchored, and 256 credentials revoked in one transaction, by each."""
    with anvil_network() as network:
        sender = _Sender(network)
        ours, nothing = network.registry.contract, Address("0x" + "77" * 20)
        yield sender.twice("32 bytes of calldata alone", "one root", nothing, _root)
        yield sender.twice("ours, `anchor`", "one root", ours, lambda n: call("anchor(bytes32,uint64)", _root(n), 1 << 20))
        peers = {
            "TradeTrust document store 4.1.1": sender.document_store(TRADETRUST),
            "OpenAttestation document store 3.0.0": sender.document_store(OPEN_ATTESTATION),
        }
        eas = sender.eas()
        yield sender.twice("EAS 1.9.0, `timestamp`", "one root", eas, lambda n: call("timestamp(bytes32)", _root(n)))
        for name, store in peers.items():
            yield sender.twice(f"{name}, `issue`", "one root", store, lambda n: call("issue(bytes32)", _root(n)))
        head = "publishStatusList(bytes32,uint64,bytes32)"
        yield sender.twice("ours, a head of the list", "256 revocations", ours, lambda n: call(head, _root(0), n + 1, _root(n)))
        revoke = "multiRevokeOffchain(bytes32[])"
        yield sender.twice("EAS 1.9.0, `multiRevokeOffchain`", "256 revocations", eas, lambda n: call(revoke, _many(n)))
        for name, store in peers.items():
            each = f"{name}, `bulkRevoke`"
            yield sender.twice(each, "256 revocations", store, lambda n: call("bulkRevoke(bytes32[])", _many(n)))


def call(signature: str, *values: Any) -> bytes:
    """Calldata of one call."""
    kinds = signature.partition("(")[2].removesuffix(")").split(",")
    return keccak(text=signature)[:4] + encode(kinds, values)


class _Sender:
    """The key that may anchor; it deploys the others, so that it may issue and revoke there as well."""

    def __init__(self, network: AnvilNetwork) -> None:
        self._rpc = network.anvil.rpc
        self._from = network.signer.address
        self._rpc.send("anvil_impersonateAccount", self._from)
        self._rpc.send("evm_setAutomine", True)

    def twice(self, who: str, what: str, to: Address, data: Any) -> Gas:
        first, later = (int(self._send(data(n), to)["gasUsed"], 16) for n in range(2))
        return Gas(who=who, what=what, first=first, later=later)

    def eas(self) -> Address:
        registry = self._deploy(_artifact(EAS / "SchemaRegistry.sol/SchemaRegistry.json"))
        return self._deploy(_artifact(EAS / "EAS.sol/EAS.json") + encode(["address"], [registry]))

    def document_store(self, factory: Path) -> Address:
        found = re.search(r'_bytecode\s*=\s*"0x([0-9a-f]+)"', factory.read_text(encoding="utf-8"))
        assert found, factory
        return self._deploy(bytes.fromhex(found[1]) + encode(["string", "address"], ["University", self._from]))

    def _deploy(self, code: bytes) -> Address:
        return Address(self._send(code)["contractAddress"])

    def _send(self, data: bytes, to: Address | None = None) -> dict[str, Any]:
        transaction = {"from": self._from, "data": to_hex(data), "gas": hex(25_000_000), "gasPrice": "0x0"} | (
            {"to": to} if to else {}
        )
        sent = self._rpc.send("eth_sendTransaction", transaction)
        for _ in range(ENOUGH_LOOKS):
            receipt: dict[str, Any] | None = self._rpc.send("eth_getTransactionReceipt", sent)
            if receipt is not None:
                assert receipt["status"] == "0x1", receipt
                return receipt
            time.sleep(0.01)
        raise AssertionError(f"{sent} was not mined")


def _root(n: int) -> bytes:
    return keccak(b"root %d" % n)


def _many(n: int) -> list[bytes]:
    return [keccak(b"revoked %d %d" % (n, i)) for i in range(REVOCATIONS)]


def _artifact(path: Path) -> bytes:
    return bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["bytecode"].removeprefix("0x"))
