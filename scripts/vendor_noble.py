"""Writes service/web/noble: what the verifier in JavaScript takes from the noble libraries, one module of each.

Licences stand beside. esbuild puts together what is used and leaves out the rest; versions and hashes are those of
scripts/noble/package-lock.json. The files are the same at every run. `--check` writes nothing and exits 1 if one is not what
would be written.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from scripts.generated import write_or_check

LIBRARIES: Final = Path(__file__).parent / "noble"
WEB: Final = Path(__file__).parent.parent / "service" / "web" / "noble"
MODULES: Final = {
    "keccak.js": ("@noble/hashes", "export {keccak_256} from '@noble/hashes/sha3.js'"),
    "secp256k1.js": ("@noble/secp256k1", "export {recoverPublicKey} from '@noble/secp256k1'"),
}


def main() -> int:
    """Writes, or with `--check` compares. The answer is the exit status."""
    rendered = {name: _module(library, entry) for name, (library, entry) in MODULES.items()}
    rendered |= {
        f"{name}.LICENSE": (_folder(library) / "LICENSE").read_text(encoding="utf-8") for name, (library, _) in MODULES.items()
    }
    again = "python -m scripts.vendor_noble"
    return max(write_or_check(WEB / name, text, about=__doc__, again=again) for name, text in rendered.items())


def _module(library: str, entry: str) -> str:
    version = json.loads((_folder(library) / "package.json").read_text(encoding="utf-8"))["version"]
    banner = f"/*! What is used of {library} {version}, MIT License (c) Paul Miller (paulmillr.com), with its licence beside. */"
    made = subprocess.run(
        ["node_modules/.bin/esbuild", "--bundle", "--format=esm", "--target=es2022", f"--banner:js={banner}"],
        cwd=LIBRARIES,
        input=entry,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout


def _folder(library: str) -> Path:
    return LIBRARIES / "node_modules" / library


if __name__ == "__main__":
    sys.exit(main())
