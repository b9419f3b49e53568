"""Build the contract artifact that the package carries, or check that it is the one the sources give.

The compiler is the one in `contracts/package-lock.json`, driven by py-solc-x through `contracts/bin/solc`; its
settings are those of `contracts/foundry.toml`, so that forge gives the same bytecode. No path of this machine enters
the compiler's input, so every machine gets the same artifact.
"""

import argparse
import hashlib
import json
import posixpath
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import solcx
from eth_utils.crypto import keccak

REPOSITORY = Path(__file__).resolve().parent.parent
CONTRACTS = REPOSITORY / "contracts"
ARTIFACT = REPOSITORY / "anchoring" / "ledger" / "artifacts" / "AnchorRegistry.json"

CONTRACT = "AnchorRegistry"
SOURCE = f"src/{CONTRACT}.sol"
OUTPUTS = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "metadata", "storageLayout"]
IMPORT = re.compile(r'^import\s[^;]*?"([^"]+)";', re.MULTILINE)


def main() -> int:
    """Parse the command line, then write or compare the artifact. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the artifact is out of date")
    parser.add_argument("--artifact", type=Path, default=ARTIFACT, help="the file to write or to check")
    arguments = parser.parse_args()
    if not (CONTRACTS / "node_modules" / "solc").is_dir():
        print("the compiler is not installed: run `npm ci` in contracts/", file=sys.stderr)
        return 1
    built = render(build_artifact())
    path: Path = arguments.artifact
    if not arguments.check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(built)
        return 0
    if path.is_file() and path.read_bytes() == built:
        return 0
    print(f"{path} is not what the sources in contracts/ give: {difference(path, built)}", file=sys.stderr)
    print("run scripts/build_contracts.py and commit the result together with the sources", file=sys.stderr)
    return 1


def build_artifact() -> dict[str, Any]:
    """The artifact: how it was compiled, what to deploy, and how to call it and read its storage.

    `inputSha256` is the digest of the compiler's standard JSON input, keys sorted and without white space;
    `codeHash` is the Keccak-256 hash of the runtime code, the same for every deployment.

    Raises:
        solcx.exceptions.SolcError: The sources do not compile.
        ValueError: The compiler warns.
    """
    standard_input = standard_json_input()
    output = solcx.compile_standard(standard_input, solc_binary=CONTRACTS / "bin" / "solc")
    if warnings := output.get("errors"):
        raise ValueError("\n".join(warning["formattedMessage"] for warning in warnings))
    compiled = output["contracts"][SOURCE][CONTRACT]
    runtime_code: str = compiled["evm"]["deployedBytecode"]["object"]
    canonical_input = json.dumps(standard_input, sort_keys=True, separators=(",", ":")).encode()
    return {
        "contractName": CONTRACT,
        "sourceName": SOURCE,
        "compiler": json.loads(compiled["metadata"])["compiler"]["version"],
        "settings": standard_input["settings"],
        "inputSha256": "0x" + hashlib.sha256(canonical_input).hexdigest(),
        "codeHash": "0x" + keccak(hexstr=runtime_code).hex(),
        "abi": compiled["abi"],
        "bytecode": "0x" + compiled["evm"]["bytecode"]["object"],
        "deployedBytecode": "0x" + runtime_code,
        "storageLayout": compiled["storageLayout"],
    }


def standard_json_input() -> dict[str, Any]:
    """The compiler's standard JSON input: the sources under names relative to `contracts/`, forge's settings."""
    profile = tomllib.loads((CONTRACTS / "foundry.toml").read_text(encoding="utf-8"))["profile"]["default"]
    return {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sorted(read_sources(SOURCE).items())},
        "settings": {
            "evmVersion": profile["evm_version"],
            "viaIR": profile["via_ir"],
            "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
            "metadata": {"bytecodeHash": profile["bytecode_hash"], "appendCBOR": profile["cbor_metadata"]},
            "outputSelection": {SOURCE: {CONTRACT: OUTPUTS}},
        },
    }


def read_sources(first: str) -> dict[str, str]:
    """Source texts by source name: `first` and all that it imports, directly or not."""
    texts: dict[str, str] = {}
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name not in texts:
            folder = CONTRACTS if name.startswith("src/") else CONTRACTS / "node_modules"
            texts[name] = (folder / name).read_text(encoding="utf-8")
            waiting += [import_name(name, target) for target in IMPORT.findall(texts[name])]
    return texts


def import_name(importer: str, target: str) -> str:
    """The source name that an import of `target` in `importer` means; relative if it starts with a dot."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), target)) if target[0] == "." else target


def render(artifact: dict[str, Any]) -> bytes:
    """The artifact as the bytes of its file."""
    return (json.dumps(artifact, indent=2) + "\n").encode()


def difference(path: Path, built: bytes) -> str:
    """In words, how the file at `path` differs from the one just built."""
    if not path.is_file():
        return "there is no such file"
    try:
        old, new = json.loads(path.read_bytes()), json.loads(built)
        members = [name for name in new | old if old.get(name) != new.get(name)]
    except (ValueError, TypeError, AttributeError):
        return "it is not an artifact"
    return f"{', '.join(members)} differ" if members else "its layout differs"


if __name__ == "__main__":
    sys.exit(main())
