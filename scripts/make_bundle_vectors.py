"""Writes tests/vectors/bundles.json: proofs with bundles, and what every verifier must find offline.

The file is the same at every run. `--check` writes nothing and exits 1 if the file is not what would be written.
"""

import sys
from pathlib import Path
from typing import Any, Final

from anchoring.core.report import CheckName
from anchoring.errors import MalformedProof
from anchoring.verifier import verify_offline
from scripts.bundle_cases import MALFORMED, BundleCase, bundle_cases
from scripts.generated import render_vectors, write_or_check

VECTORS: Final = Path(__file__).parent.parent / "tests" / "vectors" / "bundles.json"

_ABOUT: Final = (
    "Proofs with bundles (docs/proof-format.md, section 8), and what a verifier finds offline who pins `registry` and names "
    "`blockHash`, or `validators`, or both. result: of the check `root`; `malformed`: it is no bundle, because of the member at "
    "the JSON path `at`. root and finality: outcome and reason of the verifiers of this project. The blocks are made up."
)


def main() -> int:
    """Writes, or with `--check` compares. The answer is the exit status."""
    return write_or_check(VECTORS, render(), about=__doc__, again="python -m scripts.make_bundle_vectors")


def render() -> str:
    """The whole file, one vector a line. Raises: ValueError when our own judgement is not the expected one."""
    return render_vectors(_ABOUT, {"bundles": [vector_of(case) for case in bundle_cases()]})


def vector_of(case: BundleCase) -> dict[str, Any]:
    """A case, and what the library in Python finds."""
    found = judge(case)
    result = found["root"][0] if "root" in found else MALFORMED
    if (result, found.get("at")) != (case.result, case.at):
        raise ValueError(f"{case.name}: expected {case.result} at {case.at}, and it is {found}")
    asked = {"registry": case.registry, "blockHash": case.block_hash, "validators": list(case.validators)}
    return {"name": case.name, "result": result} | found | asked | {"proof": case.proof}


def judge(case: BundleCase) -> dict[str, Any]:
    """Outcome and reason of `root` and `finality`, or where it is malformed."""
    try:
        report = verify_offline(None, case.proof, registry=case.registry, block_hash=case.block_hash, validators=case.validators)
    except MalformedProof as malformed:
        return {"at": malformed.at}
    wanted = (CheckName.ROOT, CheckName.FINALITY)
    return {check.name: [check.outcome, check.reason] for check in report.checks if check.name in wanted}


if __name__ == "__main__":
    sys.exit(main())
