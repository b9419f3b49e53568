"""The artifact that the package carries: what it says, where it runs, and what its calls cost."""

import hashlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from eth_typing import HexStr
from eth_utils.crypto import keccak
from web3 import HTTPProvider, Web3
from web3.types import TxParams, TxReceipt, Wei

from scripts import build_contracts

REPOSITORY = Path(__file__).resolve().parents[2]
CONTRACTS = REPOSITORY / "contracts"
SCRIPT = Path("scripts/build_contracts.py")
ARTIFACT = Path("anchoring/ledger/artifacts/AnchorRegistry.json")

OUR_FUNCTIONS = {
    "ANCHORER_ROLE()": "0x7cfd9a51",
    "anchor(bytes32,uint64)": "0xdb2c4aca",
    "anchorCount()": "0x34f96c8c",
    "anchorOf(bytes32)": "0xcf4ff901",
    "leafHashOf(bytes32,bytes16,bytes32)": "0x2133bdf3",
    "multicall(bytes[])": "0xac9650d8",
    "predecessor()": "0xb719d032",
    "publishStatusList(bytes32,uint64,bytes32)": "0xdafeafff",
    "statusListOf(bytes32)": "0xe3432160",
    "verifyInclusion(bytes32,bytes32,bytes16,bytes32,uint256,bytes32[])": "0x8388ec7b",
}
OPENZEPPELIN_FUNCTIONS = {
    "DEFAULT_ADMIN_ROLE()",
    "acceptDefaultAdminTransfer()",
    "beginDefaultAdminTransfer(address)",
    "cancelDefaultAdminTransfer()",
    "changeDefaultAdminDelay(uint48)",
    "defaultAdmin()",
    "defaultAdminDelay()",
    "defaultAdminDelayIncreaseWait()",
    "getRoleAdmin(bytes32)",
    "grantRole(bytes32,address)",
    "hasRole(bytes32,address)",
    "owner()",
    "pendingDefaultAdmin()",
    "pendingDefaultAdminDelay()",
    "renounceRole(bytes32,address)",
    "revokeRole(bytes32,address)",
    "rollbackDefaultAdminDelay()",
    "supportsInterface(bytes4)",
}
OUR_EVENTS = {
    "RootAnchored(bytes32 indexed,uint64 indexed,uint64,address indexed)",
    "StatusListPublished(bytes32 indexed,uint64 indexed,bytes32)",
}
OPENZEPPELIN_EVENTS = {
    "DefaultAdminDelayChangeCanceled()",
    "DefaultAdminDelayChangeScheduled(uint48,uint48)",
    "DefaultAdminTransferCanceled()",
    "DefaultAdminTransferScheduled(address indexed,uint48)",
    "RoleAdminChanged(bytes32 indexed,bytes32 indexed,bytes32 indexed)",
    "RoleGranted(bytes32 indexed,address indexed,address indexed)",
    "RoleRevoked(bytes32 indexed,address indexed,address indexed)",
}
OUR_ERRORS = {
    "EmptyTree(bytes32)",
    "InvalidMulticallItem(uint256,uint256)",
    "NotARawRoot(uint256)",
    "RawRootNotFromSender(address,address)",
    "RootAlreadyAnchored(bytes32,uint64)",
    "StaleStatusVersion(bytes32,uint64,uint64)",
    "ZeroRoot()",
}

NOBODY = "0x" + "00" * 20
LEAF_COUNT = 1_000_000
LIST_ID = hashlib.sha256(b"list").digest()


class Registry:
    """A newly deployed registry whose administrator and anchorer is the node's first account."""

    def __init__(self, url: str, artifact: dict[str, Any]) -> None:
        self.web3 = Web3(HTTPProvider(url, exception_retry_configuration=None))
        self.account = self.web3.eth.accounts[0]
        constructor = self.web3.eth.contract(abi=artifact["abi"], bytecode=artifact["bytecode"]).constructor
        deployment = self.transact({"data": constructor(3600, self.account, self.account, NOBODY).data_in_transaction})
        assert deployment["contractAddress"] is not None
        self.address = deployment["contractAddress"]
        self.contract = self.web3.eth.contract(self.address, abi=artifact["abi"])

    def transact(self, transaction: TxParams) -> TxReceipt:
        """Send a transaction, in the form that every hardfork takes, and wait for it to succeed."""
        fixed: TxParams = {"from": self.account, "gas": 5_000_000, "gasPrice": Wei(10**10)}
        transaction_hash = self.web3.eth.send_transaction({**fixed, **transaction})
        receipt = self.web3.eth.wait_for_transaction_receipt(transaction_hash, poll_latency=0.01)
        assert receipt["status"] == 1
        return receipt

    def send(self, data: str) -> TxReceipt:
        return self.transact({"to": self.address, "data": HexStr(data)})

    def call(self, function: str, *arguments: object) -> Any:
        return self.contract.get_function_by_name(function)(*arguments).call()

    def encode(self, function: str, *arguments: object) -> str:
        data: str = self.contract.encode_abi(function, arguments)
        return data

    def gas_of(self, *calls: str) -> int:
        """The gas a sender pays for these calls: as they are if one, else through `multicall`."""
        data = calls[0] if len(calls) == 1 else self.encode("multicall", list(calls))
        return self.send(data)["gasUsed"]

    def anchor(self, number: int) -> str:
        return self.encode("anchor", make_root(number), LEAF_COUNT)

    def publish(self, version: int) -> str:
        return self.encode("publishStatusList", LIST_ID, version, make_root(version))


def make_root(number: int) -> bytes:
    """A root without zero bytes, which are cheaper calldata."""
    return hashlib.sha256(f"root {number}".encode()).digest().replace(b"\x00", b"\x01")


def native(tool: str) -> str:
    """The path of a Foundry tool. Not npm's wrapper: that one loses exit codes and leaves processes behind."""
    (path,) = (CONTRACTS / "node_modules" / "@foundry-rs").glob(f"{tool}-*/bin/{tool}*")
    return str(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def anvil(*flags: str) -> Iterator[str]:
    """A development ledger of its own: yields its URL, ends it afterwards."""
    port = free_port()
    process = subprocess.Popen([native("anvil"), "--silent", "--port", str(port), *flags])
    try:
        url = f"http://127.0.0.1:{port}"
        web3 = Web3(HTTPProvider(url, exception_retry_configuration=None))
        deadline = time.monotonic() + 30
        while not web3.is_connected():
            assert process.poll() is None, "anvil ended"
            assert time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.02)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def anvil_url() -> Iterator[str]:
    with anvil() as url:
        yield url


@pytest.fixture(scope="module")
def artifact() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((REPOSITORY / ARTIFACT).read_bytes())
    return content


@pytest.fixture
def registry(anvil_url: str, artifact: dict[str, Any]) -> Registry:
    return Registry(anvil_url, artifact)


def run_script(*arguments: str, repository: Path = REPOSITORY) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, str(repository / SCRIPT), *arguments], capture_output=True, text=True, check=False)


def entries(artifact: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry for entry in artifact["abi"] if entry["type"] == kind]


def signature(entry: dict[str, Any]) -> str:
    types = (item["type"] + (" indexed" if item.get("indexed") else "") for item in entry["inputs"])
    return f"{entry['name']}({','.join(types)})"


# What it says


def test_check_passes_on_the_tree() -> None:
    result = run_script("--check")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("nothing", "there is no such file"),
        (b"[]", "it is not an artifact"),
        ("bytecode", "bytecode differ"),
        ("indentation", "its layout differs"),
    ],
)
def test_check_names_what_differs(
    tmp_path: Path,
    artifact: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes | str,
    reason: str,
) -> None:
    path = tmp_path / "artifact.json"
    if content == "bytecode":
        content = json.dumps(artifact | {"bytecode": artifact["bytecode"] + "00"}, indent=2).encode()
    elif content == "indentation":
        content = json.dumps(artifact).encode()
    if isinstance(content, bytes):
        path.write_bytes(content)
    monkeypatch.setattr(build_contracts, "build_artifact", lambda: artifact)  # that it is what the sources give was seen above
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), "--check", "--artifact", str(path)])
    assert build_contracts.main() == 1
    assert reason in capsys.readouterr().err
    assert not path.exists() or path.read_bytes() == content


def test_build_does_not_depend_on_the_place(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(REPOSITORY / SCRIPT, tmp_path / SCRIPT)
    for name in ("src", "bin"):
        shutil.copytree(CONTRACTS / name, tmp_path / "contracts" / name)
    shutil.copy(CONTRACTS / "foundry.toml", tmp_path / "contracts")
    (tmp_path / "contracts" / "node_modules").symlink_to(CONTRACTS / "node_modules")
    result = run_script(repository=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / ARTIFACT).read_bytes() == (REPOSITORY / ARTIFACT).read_bytes()


def test_forge_gives_the_same_bytecode(artifact: dict[str, Any]) -> None:
    subprocess.run([native("forge"), "build"], cwd=CONTRACTS, check=True, capture_output=True)
    output = json.loads((CONTRACTS / "out" / "AnchorRegistry.sol" / "AnchorRegistry.json").read_bytes())
    assert output["bytecode"]["object"] == artifact["bytecode"]
    assert output["deployedBytecode"]["object"] == artifact["deployedBytecode"]


def test_code_hash_is_that_of_the_runtime_code(artifact: dict[str, Any]) -> None:
    assert artifact["codeHash"] == "0x" + keccak(hexstr=artifact["deployedBytecode"]).hex()


def test_abi_has_our_functions_and_openzeppelins_and_no_others(artifact: dict[str, Any]) -> None:
    assert {signature(entry) for entry in entries(artifact, "function")} == OUR_FUNCTIONS.keys() | OPENZEPPELIN_FUNCTIONS


def test_abi_takes_no_value(artifact: dict[str, Any]) -> None:
    assert not entries(artifact, "receive")
    assert entries(artifact, "fallback") == [{"stateMutability": "nonpayable", "type": "fallback"}]
    assert all(entry.get("stateMutability") != "payable" for entry in artifact["abi"])


def test_abi_has_our_events_and_openzeppelins_and_no_others(artifact: dict[str, Any]) -> None:
    assert {signature(entry) for entry in entries(artifact, "event")} == OUR_EVENTS | OPENZEPPELIN_EVENTS


def test_abi_has_our_errors(artifact: dict[str, Any]) -> None:
    assert {signature(entry) for entry in entries(artifact, "error")} >= OUR_ERRORS


@pytest.mark.parametrize(("function", "selector"), OUR_FUNCTIONS.items())
def test_selector(function: str, selector: str) -> None:
    assert "0x" + keccak(text=function)[:4].hex() == selector


def test_storage_layout_is_the_one_that_storage_proofs_read(artifact: dict[str, Any]) -> None:
    layout = artifact["storageLayout"]
    places = {item["label"]: (int(item["slot"]), item["offset"]) for item in layout["storage"]}
    assert places["_anchors"] == (3, 0)
    assert places["_statusLists"] == (4, 0)
    assert places["anchorCount"] == (5, 0)
    assert places["predecessor"] == (5, 8)
    members = {
        kind["label"]: [(item["label"], int(item["slot"]), item["offset"]) for item in kind["members"]]
        for kind in layout["types"].values()
        if "members" in kind
    }
    assert members["struct IAnchorRegistry.Anchor"] == [
        ("sequence", 0, 0),
        ("timestamp", 0, 8),
        ("blockNumber", 0, 16),
        ("leafCount", 0, 24),
    ]
    assert members["struct IAnchorRegistry.StatusList"] == [("version", 0, 0), ("timestamp", 0, 8), ("digest", 1, 0)]


# Where it runs


@pytest.mark.parametrize("flags", [(), ("--hardfork", "paris"), ("--hardfork", "berlin"), ("--hardfork", "istanbul")])
def test_runs_on_old_and_new_hardforks(artifact: dict[str, Any], flags: tuple[str, ...]) -> None:
    with anvil(*flags) as url:
        registry = Registry(url, artifact)
        code = registry.web3.eth.get_code(registry.address)
        assert "0x" + keccak(code).hex() == artifact["codeHash"]

        receipt = registry.send(registry.encode("multicall", [registry.publish(1), registry.anchor(1)]))
        block = registry.web3.eth.get_block(receipt["blockNumber"])
        moment = (block["timestamp"], block["number"])
        assert registry.call("anchorOf", make_root(1)) == (1, *moment, LEAF_COUNT)
        assert registry.call("statusListOf", LIST_ID) == (1, block["timestamp"], make_root(1))

        salt, digest = bytes(16), make_root(2)
        leaf = hashlib.sha256(b"\x00" + LIST_ID + salt + digest).digest()
        registry.send(registry.encode("anchor", leaf, 1))
        assert registry.call("verifyInclusion", leaf, LIST_ID, salt, digest, 0, []) is True

        registry.send("0x" + make_root(3).hex())
        assert registry.call("anchorOf", make_root(3))[3] == 0
        assert registry.call("anchorCount") == 3


# What it costs


def test_gas_of_first_and_later_anchors(registry: Registry) -> None:
    first, *later = (registry.gas_of(registry.anchor(number)) for number in range(30))
    assert first <= 72_000
    assert max(later) <= 55_000
    assert max(later) - min(later) <= 24, "the cost of an anchor does not grow with their number"


def test_gas_of_a_raw_root(registry: Registry) -> None:
    registry.gas_of(registry.anchor(0))
    assert registry.gas_of("0x" + make_root(1).hex()) <= 55_000


def test_gas_of_a_multicall(registry: Registry) -> None:
    registry.gas_of(registry.anchor(0))
    one = registry.gas_of(registry.encode("multicall", [registry.anchor(1)]))
    two = registry.gas_of(registry.anchor(2), registry.anchor(3))
    three = registry.gas_of(registry.anchor(4), registry.anchor(5), registry.anchor(6))
    assert one <= 58_500
    assert max(two - one, three - two) <= 29_500


def test_gas_of_a_status_head_beside_a_root(registry: Registry) -> None:
    registry.gas_of(registry.anchor(0))
    alone = registry.gas_of(registry.encode("multicall", [registry.anchor(1)]))
    first = registry.gas_of(registry.publish(1), registry.anchor(2))
    later = registry.gas_of(registry.publish(2), registry.anchor(3))
    assert first - alone <= 53_000
    assert later - alone <= 19_000
